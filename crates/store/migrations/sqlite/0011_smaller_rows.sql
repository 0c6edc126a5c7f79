-- Rows without what stands elsewhere, or is longer than what tells it from others.
--
-- `body` and `because` are texts, or blobs that say what the text adds to its delivery
-- (quoting.rs). `mid_digest` and `message_digest` are 64 bits of SHA-256 of an id of 160 characters;
-- `once_key` is 128 bits of what its scope was (digest.rs; the two functions are those of the
-- program). What a run used up stands with the run, so that once_keys needs no index to be found by
-- its event. What a send is planned once for is told by its event, which is told by its comment
-- (planning/owed.rs). `recipient_id` is none where it is the contact.
CREATE TABLE smaller_events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         BLOB NOT NULL UNIQUE,
    delivery_id INTEGER NOT NULL,
    account_id  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    comment_id  TEXT,
    mid_digest  INTEGER,
    contact_id  TEXT,
    received_at INTEGER NOT NULL,
    sent_at     INTEGER,
    occurred_at INTEGER,
    container   TEXT NOT NULL,
    ignored     TEXT,
    body        ANY NOT NULL,
    pack_id     INTEGER
) STRICT;
-- Ids are never used again, also when the newest rows were erased.
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'smaller_events', seq FROM sqlite_sequence WHERE name = 'events';
INSERT INTO smaller_events
    SELECT id, key, delivery_id, account_id, kind, comment_id, digest_short(mid), contact_id,
           received_at, sent_at, occurred_at, container, ignored, body, pack_id
    FROM events ORDER BY id;
DROP TABLE events;
ALTER TABLE smaller_events RENAME TO events;
CREATE INDEX events_by_comment ON events (comment_id) WHERE comment_id IS NOT NULL;
CREATE INDEX events_by_mid ON events (mid_digest) WHERE mid_digest IS NOT NULL;
CREATE INDEX events_by_account ON events (account_id, id);
CREATE INDEX events_by_delivery ON events (delivery_id);
CREATE INDEX events_echoed ON events (account_id, contact_id, received_at)
    WHERE kind = 'message_echoed';
CREATE INDEX events_of_unknown_accounts ON events (received_at) WHERE ignored = 'account_unknown';

CREATE TABLE smaller_runs (
    event_id      INTEGER NOT NULL,
    automation_id INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    verdict       TEXT NOT NULL CHECK (verdict IN ('matched', 'not_matched', 'skipped', 'lost')),
    -- What its limit was used up for, when it took effect.
    once_key      BLOB,
    because       ANY NOT NULL,
    PRIMARY KEY (event_id, automation_id)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_runs
    SELECT event_id, automation_id, version, verdict,
           (SELECT digest_key(scope) FROM once_keys o
            WHERE o.event_id = r.event_id AND o.automation_id = r.automation_id),
           because
    FROM runs r ORDER BY event_id, automation_id;
DROP TABLE runs;
ALTER TABLE smaller_runs RENAME TO runs;

CREATE TABLE smaller_once_keys (
    automation_id INTEGER NOT NULL,
    once_key      BLOB NOT NULL,
    event_id      INTEGER NOT NULL,
    PRIMARY KEY (automation_id, once_key)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_once_keys SELECT automation_id, digest_key(scope), event_id FROM once_keys;
DROP TABLE once_keys;
ALTER TABLE smaller_once_keys RENAME TO once_keys;

CREATE TABLE smaller_sends (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id       INTEGER NOT NULL,
    automation_id  INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    step           INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    lane_id        INTEGER NOT NULL,
    account_id     TEXT NOT NULL,
    contact_id     TEXT,
    comment_id     TEXT,
    state          TEXT NOT NULL,
    reason         TEXT,
    planned_at     INTEGER NOT NULL,
    due_at         INTEGER,
    deadline_at    INTEGER NOT NULL,
    finished_at    INTEGER,
    text           TEXT NOT NULL,
    is_rendered    INTEGER NOT NULL DEFAULT 0,
    keyword        TEXT,
    context        TEXT,
    attempts       INTEGER NOT NULL DEFAULT 0,
    reads          INTEGER NOT NULL DEFAULT 0,
    had_unknown    INTEGER NOT NULL DEFAULT 0,
    message_id     TEXT,
    message_digest INTEGER,
    recipient_id   TEXT,
    echoed_at      INTEGER,
    lease_until    INTEGER,
    proven         INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'smaller_sends', seq FROM sqlite_sequence WHERE name = 'sends';
INSERT INTO smaller_sends
    SELECT id, event_id, automation_id, version, step, kind, lane_id, account_id,
           contact_id, comment_id, state, reason, planned_at, due_at, deadline_at, finished_at, text,
           is_rendered, keyword, context, attempts, reads, had_unknown, message_id,
           digest_short(message_id), nullif(recipient_id, contact_id), echoed_at, lease_until, proven
    FROM sends ORDER BY id;
DROP TABLE sends;
ALTER TABLE smaller_sends RENAME TO sends;
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

-- What still waits and what was answered are looked for apart, the latter before every batch.
DROP INDEX waiting_events_by_time;
CREATE INDEX waiting_events_open ON waiting_events (retry_at) WHERE answer IS NULL;
CREATE INDEX waiting_events_answered ON waiting_events (retry_at) WHERE answer IS NOT NULL;
