-- Guests put in service while hosts run, and candidates that run beside them.
CREATE TABLE guests (
    name TEXT NOT NULL,
    -- 1: it is asked beside the one in service, and what it would change is noted.
    shadow BIGINT NOT NULL,
    -- SHA-256 of the component, in hex.
    digest TEXT NOT NULL,
    component BYTEA NOT NULL,
    -- JSON: patterns of the rooms that it is for; NULL for those of the configuration.
    rooms TEXT,
    loaded_ms BIGINT NOT NULL,
    PRIMARY KEY (name, shadow)
);

-- What each host made of each guest.
CREATE TABLE guest_reports (
    host TEXT NOT NULL,
    name TEXT NOT NULL,
    shadow BIGINT NOT NULL,
    digest TEXT NOT NULL,
    -- in service, out of service, or refused.
    state TEXT NOT NULL,
    why TEXT,
    calls BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    told_ms BIGINT NOT NULL,
    PRIMARY KEY (host, name, shadow)
);

-- What a candidate would have done with a message otherwise.
CREATE TABLE shadows (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    message TEXT NOT NULL,
    -- JSON.
    difference TEXT NOT NULL,
    told_ms BIGINT NOT NULL,
    PRIMARY KEY (name, digest, message)
);
CREATE INDEX shadows_age ON shadows (told_ms);

-- Which guest writes it; NULL for the one of its room.
ALTER TABLE mails ADD COLUMN guest TEXT;
