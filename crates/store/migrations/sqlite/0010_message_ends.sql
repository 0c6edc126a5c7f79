-- Ids of messages are some 160 characters long, and most of them the same for everyone: their ends
-- are looked for in a quarter of the room, and compared whole afterwards.
ALTER TABLE events ADD COLUMN mid_end TEXT GENERATED ALWAYS AS (substr(mid, -32)) VIRTUAL;
DROP INDEX events_by_mid;
CREATE INDEX events_by_mid ON events (mid_end) WHERE mid IS NOT NULL;

ALTER TABLE sends ADD COLUMN message_end TEXT
    GENERATED ALWAYS AS (substr(message_id, -32)) VIRTUAL;
DROP INDEX sends_by_message;
CREATE INDEX sends_by_message ON sends (message_end) WHERE message_id IS NOT NULL;
