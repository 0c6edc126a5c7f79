-- What somebody asked to be erased. `asked_for` and `whom` say whom it is about while it is being
-- erased, and are empty afterwards: nothing here may outlive the person. The two cursors say how
-- far the deliveries and the events have been gone through.
CREATE TABLE deletions (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    code             TEXT NOT NULL UNIQUE,
    state            TEXT NOT NULL CHECK (state IN ('erasing', 'cleaning', 'done')),
    asked_for        TEXT,
    whom             TEXT,
    requested_at     INTEGER NOT NULL,
    deliveries_until INTEGER NOT NULL,
    delivery_id      INTEGER NOT NULL DEFAULT 0,
    event_id         INTEGER NOT NULL DEFAULT 0,
    accounts         INTEGER NOT NULL DEFAULT 0,
    contacts         INTEGER NOT NULL DEFAULT 0,
    events           INTEGER NOT NULL DEFAULT 0,
    sends            INTEGER NOT NULL DEFAULT 0,
    deliveries       INTEGER NOT NULL DEFAULT 0,
    done_at          INTEGER
) STRICT;
CREATE INDEX deletions_open ON deletions (state, id) WHERE state <> 'done';

-- Deliveries somebody was cut out of: their bytes are no longer those that were signed. `number`
-- is the generation of redactions, so that a plan made from the bytes before is refused.
CREATE TABLE redactions (
    delivery_id INTEGER PRIMARY KEY,
    number      INTEGER NOT NULL,
    redacted_at INTEGER NOT NULL
) STRICT;
INSERT INTO generations (noun, number) VALUES ('redactions', 0);
