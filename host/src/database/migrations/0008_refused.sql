-- The code that a mail was last refused with, and how many refusals in a row had it.
ALTER TABLE mails ADD COLUMN refused_code TEXT;
ALTER TABLE mails ADD COLUMN refused_times BIGINT;
