-- What stands in a host's way, in words for the administrator, a line each; nothing if all is well.
ALTER TABLE hosts ADD COLUMN trouble TEXT;
