-- An event about a comment is found by its comment, and by its key only in there: ids of comments come roughly in their order, so
-- that index grows at its end, where an index of keys changes a page anywhere for each event. Every other event is
-- found by its key as before. Both are unique, so there is one event of each key: a key has one comment.
--
-- Ids of events and sends are counted by the program (planning/numbers.rs): AUTOINCREMENT looks its number up and writes it back for
-- each row. `last_ids` has the last one that was ever given, because the newest rows may be erased.
--
-- Limits of a comment are not in once_keys any more (planning/used.rs); those that are stay until their event goes.
CREATE TABLE last_ids (
    noun TEXT PRIMARY KEY,
    id   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO last_ids (noun, id)
    SELECT noun, coalesce((SELECT seq FROM sqlite_sequence WHERE name = noun), 0)
    FROM (SELECT 'events' AS noun UNION ALL SELECT 'sends');

CREATE TABLE plain_events (
    id          INTEGER PRIMARY KEY,
    key         BLOB NOT NULL,
    delivery_id INTEGER NOT NULL,
    account_id  ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    kind        TEXT NOT NULL,
    comment_id  ANY CHECK (typeof(comment_id) <> 'text'
        OR comment_id <> CAST(CAST(comment_id AS INTEGER) AS TEXT)),
    mid_digest  INTEGER,
    contact_id  ANY CHECK (typeof(contact_id) <> 'text'
        OR contact_id <> CAST(CAST(contact_id AS INTEGER) AS TEXT)),
    received_at INTEGER NOT NULL,
    sent_at     INTEGER,
    occurred_at INTEGER,
    container   TEXT NOT NULL,
    ignored     TEXT,
    body        ANY NOT NULL,
    pack_id     INTEGER
) STRICT;
INSERT INTO plain_events
    SELECT id, key, delivery_id, account_id, kind, comment_id, mid_digest, contact_id,
           received_at, sent_at, occurred_at, container, ignored, body, pack_id
    FROM events ORDER BY id;
DROP TABLE events;
ALTER TABLE plain_events RENAME TO events;
CREATE UNIQUE INDEX events_by_comment ON events (comment_id, key) WHERE comment_id IS NOT NULL;
CREATE UNIQUE INDEX events_by_key ON events (key) WHERE comment_id IS NULL;
CREATE INDEX events_by_mid ON events (mid_digest) WHERE mid_digest IS NOT NULL;
CREATE INDEX events_by_account ON events (account_id, id);
CREATE INDEX events_by_delivery ON events (delivery_id);
CREATE INDEX events_echoed ON events (account_id, contact_id, received_at)
    WHERE kind = 'message_echoed';
CREATE INDEX events_of_unknown_accounts ON events (received_at) WHERE ignored = 'account_unknown';

CREATE TABLE plain_sends (
    id             INTEGER PRIMARY KEY,
    event_id       INTEGER NOT NULL,
    automation_id  INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    step           INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    lane_id        INTEGER NOT NULL,
    account_id     ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    contact_id     ANY CHECK (typeof(contact_id) <> 'text'
        OR contact_id <> CAST(CAST(contact_id AS INTEGER) AS TEXT)),
    comment_id     ANY CHECK (typeof(comment_id) <> 'text'
        OR comment_id <> CAST(CAST(comment_id AS INTEGER) AS TEXT)),
    state          TEXT NOT NULL,
    reason         TEXT,
    planned_at     INTEGER NOT NULL,
    due_at         INTEGER,
    deadline_at    INTEGER NOT NULL,
    finished_at    INTEGER,
    -- An empty blob when this and what else is only shown is in the pack of the event.
    text           ANY NOT NULL CHECK (typeof(text) = 'text' OR text IS x''),
    is_rendered    INTEGER NOT NULL DEFAULT 0,
    keyword        TEXT,
    context        TEXT,
    attempts       INTEGER NOT NULL DEFAULT 0,
    reads          INTEGER NOT NULL DEFAULT 0,
    had_unknown    INTEGER NOT NULL DEFAULT 0,
    message_id     ANY,
    message_digest INTEGER,
    recipient_id   ANY CHECK (typeof(recipient_id) <> 'text'
        OR recipient_id <> CAST(CAST(recipient_id AS INTEGER) AS TEXT)),
    echoed_at      INTEGER,
    lease_until    INTEGER,
    proven         INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO plain_sends
    SELECT id, event_id, automation_id, version, step, kind, lane_id, account_id, contact_id,
           comment_id, state, reason, planned_at, due_at, deadline_at, finished_at, text,
           is_rendered, keyword, context, attempts, reads, had_unknown, message_id,
           message_digest, recipient_id, echoed_at, lease_until, proven
    FROM sends ORDER BY id;
DROP TABLE sends;
ALTER TABLE plain_sends RENAME TO sends;
CREATE INDEX sends_due ON sends (lane_id, due_at) WHERE state = 'planned' AND due_at IS NOT NULL;
CREATE INDEX sends_by_deadline_in_lane ON sends (lane_id, deadline_at)
    WHERE state = 'planned' AND due_at IS NOT NULL;
CREATE INDEX sends_by_deadline ON sends (deadline_at) WHERE state = 'planned';
CREATE INDEX sends_leased ON sends (account_id, contact_id) WHERE state = 'leased';
CREATE INDEX sends_unknown ON sends (due_at) WHERE state = 'unknown';
CREATE UNIQUE INDEX sends_by_event ON sends (event_id, automation_id, step);
CREATE INDEX sends_by_contact ON sends (account_id, contact_id, id);
CREATE INDEX sends_by_message ON sends (message_digest) WHERE message_digest IS NOT NULL;
CREATE INDEX sends_failed ON sends (lane_id, finished_at, state, reason)
    WHERE state = 'refused' OR state = 'expired' OR state = 'unknown';
