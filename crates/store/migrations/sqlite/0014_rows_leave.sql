-- Old deliveries leave their tables as a whole, with the events, runs, sends and attempts that nothing will change: all of these
-- rows are in a pack, and in no other place. What was packed before stays as it is.
--
-- The first and the last id of the rows that left into a pack; another pack may have ids between them, so a row is looked for in
-- each that could have it. `received_until` is when the newest of its events was received. `marks` says what lists ask for
-- (packs/marks.rs): a pack that lacks one of them need not be read.
CREATE TABLE pack_spans (
    pack_id        INTEGER PRIMARY KEY,
    first_delivery INTEGER,
    last_delivery  INTEGER,
    first_event    INTEGER,
    last_event     INTEGER,
    first_send     INTEGER,
    last_send      INTEGER,
    received_until INTEGER,
    marks          BLOB NOT NULL
) STRICT;
CREATE INDEX pack_spans_by_delivery ON pack_spans (last_delivery, first_delivery);
CREATE INDEX pack_spans_by_event ON pack_spans (last_event, first_event);
CREATE INDEX pack_spans_by_send ON pack_spans (last_send, first_send);
CREATE INDEX pack_spans_by_time ON pack_spans (received_until);

-- In which packs to look for what is known by its key, its comment or its message: 48 bits of a digest, and then the row itself.
CREATE TABLE packed_keys (
    digest  INTEGER NOT NULL,
    pack_id INTEGER NOT NULL,
    PRIMARY KEY (digest, pack_id)
) STRICT, WITHOUT ROWID;

-- Which packs hold events of an account.
CREATE TABLE packed_accounts (
    account_id ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    pack_id    INTEGER NOT NULL,
    PRIMARY KEY (account_id, pack_id)
) STRICT, WITHOUT ROWID;
