-- Text keys, no engine's own types: SQLite and PostgreSQL take this alike.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE rooms (
    id TEXT PRIMARY KEY,
    uri TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    privacy TEXT NOT NULL
);

-- The highest post number committed in each room.
CREATE TABLE cursors (
    room TEXT PRIMARY KEY,
    last_id BIGINT NOT NULL
);

CREATE TABLE members (
    room TEXT NOT NULL,
    person TEXT NOT NULL,
    name TEXT NOT NULL,
    mailbox TEXT,
    role TEXT NOT NULL,
    wish TEXT NOT NULL,
    language BIGINT NOT NULL,
    time_zone TEXT,
    PRIMARY KEY (room, person)
);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    post TEXT NOT NULL,
    author TEXT NOT NULL,
    author_name TEXT NOT NULL,
    sent_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    -- JSON.
    kind TEXT NOT NULL,
    parts TEXT NOT NULL,
    late BIGINT NOT NULL,
    planned_ms BIGINT,
    -- Why the host planned in the guest's place.
    fallback TEXT,
    UNIQUE (room, post)
);
CREATE INDEX messages_unplanned ON messages (received_ms, sent_ms) WHERE planned_ms IS NULL;

-- Posts that were missed and that history no longer had.
CREATE TABLE gaps (
    room TEXT NOT NULL,
    from_id BIGINT NOT NULL,
    to_id BIGINT,
    noted_ms BIGINT NOT NULL,
    PRIMARY KEY (room, from_id)
);

-- One message for one person.
CREATE TABLE deliveries (
    message TEXT NOT NULL,
    person TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    named BIGINT NOT NULL,
    -- mailed, kept, skipped or held.
    state TEXT NOT NULL,
    -- What stands in the way of a held one.
    held TEXT,
    due_ms BIGINT,
    mail TEXT,
    PRIMARY KEY (message, person)
);
CREATE INDEX deliveries_kept ON deliveries (due_ms) WHERE state = 'kept';
CREATE INDEX deliveries_held ON deliveries (person) WHERE state = 'held';
CREATE INDEX deliveries_mail ON deliveries (mail) WHERE mail IS NOT NULL;

-- The outbox: one mail to one person.
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    name TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    share TEXT NOT NULL,
    language BIGINT NOT NULL,
    time_zone TEXT,
    named BIGINT NOT NULL,
    digest BIGINT NOT NULL,
    state TEXT NOT NULL,
    draft_id TEXT,
    draft_version TEXT,
    attempts BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    looks BIGINT,
    due_ms BIGINT,
    asked_ms BIGINT,
    planned_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    error TEXT,
    sent_as TEXT
);
CREATE INDEX mails_due ON mails (due_ms, share) WHERE due_ms IS NOT NULL;
CREATE INDEX mails_asked ON mails (asked_ms) WHERE due_ms IS NULL AND ended_ms IS NULL;
