-- Old deliveries, with what was taken from them and decided about it, many compressed as one. A row
-- that names a pack has an empty body: its bytes are in the pack, and in no other place.
CREATE TABLE packs (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    raw_bytes INTEGER NOT NULL,
    bytes     BLOB NOT NULL
) STRICT;

-- `body_bytes` is how long the body is that the pack holds. The reasons of an event's runs are in
-- the pack of the event.
ALTER TABLE deliveries ADD COLUMN pack_id INTEGER;
ALTER TABLE deliveries ADD COLUMN body_bytes INTEGER;
ALTER TABLE events ADD COLUMN pack_id INTEGER;

INSERT INTO progress (stage, delivery_id) VALUES ('pack', 0);
