-- What administrators have done, and what people have chosen for themselves: what, by whom, when.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    done_ms BIGINT NOT NULL,
    -- page, command-line, room or letter.
    way TEXT NOT NULL,
    -- An address of the network, a user of the machine, or a person's address.
    who TEXT NOT NULL,
    -- What was done, as in `retry`.
    action TEXT NOT NULL,
    -- To what: a mail's key, a guest's name, a room's id.
    what TEXT NOT NULL,
    -- More about it; never a message's text.
    detail TEXT
);
CREATE INDEX audit_age ON audit (done_ms);

-- Rooms whose messages wait until an administrator lets them go on.
CREATE TABLE paused (
    room TEXT PRIMARY KEY,
    since_ms BIGINT NOT NULL
);

-- What the status page asks for again and again.
CREATE INDEX mails_ended ON mails (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX mails_given_up ON mails (planned_ms) WHERE state IN ('failed', 'unconfirmed');
