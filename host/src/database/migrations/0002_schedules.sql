-- Schedules: what waits for one person on one schedule goes out together.

-- What the host adds to the guest's reason: folded, spread, left out and why.
ALTER TABLE deliveries ADD COLUMN note TEXT;
-- The schedule, in its words, that a kept one waits for.
ALTER TABLE deliveries ADD COLUMN queue TEXT;
-- complete or summary.
ALTER TABLE deliveries ADD COLUMN form TEXT;
-- When it came to be as it is.
ALTER TABLE deliveries ADD COLUMN changed_ms BIGINT;

-- What waits: one row for each person and schedule that anything waits for.
CREATE TABLE queues (
    person TEXT NOT NULL,
    queue TEXT NOT NULL,
    -- When the first of them came.
    opened_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (person, queue)
);
CREATE INDEX queues_due ON queues (due_ms);

UPDATE deliveries SET queue = 'instant' WHERE state = 'kept';
INSERT INTO queues (person, queue, opened_ms, due_ms, messages, bytes)
    SELECT person, 'instant', MIN(due_ms), MIN(due_ms), COUNT(*), 0 FROM deliveries WHERE state = 'kept' GROUP BY person;
DROP INDEX deliveries_kept;
CREATE INDEX deliveries_kept ON deliveries (person, queue) WHERE state = 'kept';

-- What people have said for themselves; room '' is for all rooms.
CREATE TABLE choices (
    person TEXT NOT NULL,
    room TEXT NOT NULL,
    wish TEXT,
    schedule TEXT,
    form TEXT,
    time_zone TEXT,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (person, room)
);

-- Mails of a person on a day of his calendar, as in 20270304.
CREATE TABLE tallies (
    person TEXT NOT NULL,
    day BIGINT NOT NULL,
    mails BIGINT NOT NULL,
    PRIMARY KEY (person, day)
);

-- The chain of a person's mails.
CREATE TABLE receipts (
    person TEXT NOT NULL,
    number BIGINT NOT NULL,
    mail TEXT NOT NULL UNIQUE,
    previous TEXT NOT NULL,
    -- As in `16:hash,17:hash`: mails withdrawn before that this one names.
    withdrawn TEXT NOT NULL,
    covers TEXT NOT NULL,
    hash TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    -- live, or withdrawn: then a later receipt names it.
    state TEXT NOT NULL,
    named_by BIGINT,
    PRIMARY KEY (person, number)
);

-- A mail that the host writes by itself, as JSON: an answer to what somebody said.
ALTER TABLE mails ADD COLUMN body TEXT;

-- Mails to the service that have been answered.
CREATE TABLE letters (
    id TEXT PRIMARY KEY,
    read_ms BIGINT NOT NULL
);

-- When an administrator removed a message in the chat.
ALTER TABLE messages ADD COLUMN removed_ms BIGINT;
CREATE INDEX messages_age ON messages (received_ms);
