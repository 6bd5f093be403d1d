-- Hosts that share this database, and until when each is believed to live, by the database's clock.
CREATE TABLE hosts (
    id TEXT PRIMARY KEY,
    -- Tells its endpoint from those of the others.
    slot BIGINT NOT NULL UNIQUE,
    -- For the administrator.
    name TEXT NOT NULL,
    -- Whether it is in the chat: 1 or 0.
    watching BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);

-- What one host alone does: a room, by its id, or `service`.
CREATE TABLE leases (
    duty TEXT PRIMARY KEY,
    host TEXT NOT NULL
);

-- Who has asked for a mail.
ALTER TABLE mails ADD COLUMN host TEXT;

-- When a room's history was last read again for what waits.
ALTER TABLE rooms ADD COLUMN reviewed_ms BIGINT;
