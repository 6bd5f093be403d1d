-- Who was seen in a room or wrote there: where no list of its members can be had, that is all that is
-- known of them, also after a restart.
CREATE TABLE seen (
    room TEXT NOT NULL,
    person TEXT NOT NULL,
    -- NULL if no name was told.
    name TEXT,
    -- What the person may do there, as the chat server says it; NULL if it was not told.
    rights BIGINT,
    -- When last, or up to a day before that.
    seen_ms BIGINT NOT NULL,
    PRIMARY KEY (room, person)
);
