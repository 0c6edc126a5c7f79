-- Ids of Meta as numbers, where a number is written exactly like them: half of their room, in every table and
-- index that holds one.
--
-- For SQLite a number and a text are never equal, so an id is kept in one way only, in whatever column (store/ids.rs):
-- `id_column` is the function of the program that says which. All columns that hold an id of an account, a contact, a
-- comment or a media are converted, because they are compared with one another; the ids in `accounts` that Meta calls its owner
-- by are compared with nothing else, and stay texts. A text that should have been a number is refused by the columns.
--
-- Ids of messages, which nothing is compared with, are packed (store/mids.rs, `mid_column`).
--
-- What is only shown of a send that has ended goes into the pack of its event (packs/sends.rs).
--
-- An answer of which only the status is known is that number (lanes/answer.rs).
CREATE TABLE smaller_accounts (
    id                 ANY NOT NULL CHECK (typeof(id) <> 'text'
        OR id <> CAST(CAST(id AS INTEGER) AS TEXT)),
    username           TEXT NOT NULL,
    login              TEXT NOT NULL CHECK (login IN ('instagram', 'facebook')),
    page_id            TEXT,
    app_scoped_id      TEXT,
    token_key          BLOB NOT NULL,
    token              BLOB NOT NULL,
    connected_at       INTEGER NOT NULL,
    hold_reason        TEXT,
    hold_since         INTEGER,
    hold_until         INTEGER,
    token_number       INTEGER NOT NULL DEFAULT 1,
    scopes             TEXT,
    token_issued_at    INTEGER,
    token_expires_at   INTEGER,
    owner_id           TEXT,
    exchange_id        TEXT,
    wants_subscription INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_accounts
    SELECT id_column(id), username, login, page_id, app_scoped_id, token_key, token, connected_at,
           hold_reason, hold_since, hold_until, token_number, scopes, token_issued_at,
           token_expires_at, owner_id, exchange_id, wants_subscription
    FROM accounts ORDER BY id_column(id);
DROP TABLE accounts;
ALTER TABLE smaller_accounts RENAME TO accounts;
CREATE INDEX accounts_by_app_scoped_id ON accounts (app_scoped_id) WHERE app_scoped_id IS NOT NULL;
CREATE INDEX accounts_by_owner ON accounts (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX accounts_by_exchange ON accounts (exchange_id) WHERE exchange_id IS NOT NULL;

CREATE TABLE smaller_events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         BLOB NOT NULL UNIQUE,
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
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'smaller_events', seq FROM sqlite_sequence WHERE name = 'events';
INSERT INTO smaller_events
    SELECT id, key, delivery_id, id_column(account_id), kind, id_column(comment_id), mid_digest,
           id_column(contact_id), received_at, sent_at, occurred_at, container, ignored, body,
           pack_id
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

CREATE TABLE smaller_contacts (
    account_id      ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    contact_id      ANY NOT NULL CHECK (typeof(contact_id) <> 'text'
        OR contact_id <> CAST(CAST(contact_id AS INTEGER) AS TEXT)),
    username        TEXT,
    last_inbound_at INTEGER,
    opted_out_at    INTEGER,
    wished_at       INTEGER,
    PRIMARY KEY (account_id, contact_id)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_contacts
    SELECT id_column(account_id), id_column(contact_id), username, last_inbound_at, opted_out_at,
           wished_at
    FROM contacts
    ORDER BY id_column(account_id), id_column(contact_id);
DROP TABLE contacts;
ALTER TABLE smaller_contacts RENAME TO contacts;

CREATE TABLE smaller_media (
    account_id   ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    media_id     ANY NOT NULL CHECK (typeof(media_id) <> 'text'
        OR media_id <> CAST(CAST(media_id AS INTEGER) AS TEXT)),
    published_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, media_id)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_media
    SELECT id_column(account_id), id_column(media_id), published_at
    FROM media;
DROP TABLE media;
ALTER TABLE smaller_media RENAME TO media;

CREATE TABLE smaller_next_media (
    automation_id INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    account_id    ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    media_id      ANY NOT NULL CHECK (typeof(media_id) <> 'text'
        OR media_id <> CAST(CAST(media_id AS INTEGER) AS TEXT)),
    PRIMARY KEY (automation_id, version, account_id)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_next_media
    SELECT automation_id, version, id_column(account_id), id_column(media_id)
    FROM next_media;
DROP TABLE next_media;
ALTER TABLE smaller_next_media RENAME TO next_media;

CREATE TABLE smaller_lanes (
    id           INTEGER PRIMARY KEY,
    account_id   ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    class        TEXT NOT NULL,
    next_at      INTEGER NOT NULL,
    arrival      INTEGER NOT NULL DEFAULT 0,
    seq          INTEGER NOT NULL DEFAULT 0,
    strikes      INTEGER NOT NULL DEFAULT 0,
    pause_reason TEXT,
    pause_since  INTEGER,
    pause_until  INTEGER,
    lease_until  INTEGER NOT NULL DEFAULT 0,
    fence        INTEGER NOT NULL DEFAULT 0,
    share        INTEGER NOT NULL DEFAULT 1000,
    share_at     INTEGER NOT NULL DEFAULT 0,
    pace_at      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account_id, class)
) STRICT;
INSERT INTO smaller_lanes
    SELECT id, id_column(account_id), class, next_at, arrival, seq, strikes, pause_reason, pause_since,
           pause_until, lease_until, fence, share, share_at, pace_at
    FROM lanes ORDER BY id;
DROP TABLE lanes;
ALTER TABLE smaller_lanes RENAME TO lanes;
CREATE INDEX lanes_by_next ON lanes (next_at);
CREATE INDEX lanes_leased ON lanes (lease_until) WHERE lease_until > 0;

CREATE TABLE smaller_sends (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
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
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'smaller_sends', seq FROM sqlite_sequence WHERE name = 'sends';
INSERT INTO smaller_sends
    SELECT id, event_id, automation_id, version, step, kind, lane_id, id_column(account_id),
           id_column(contact_id), id_column(comment_id), state, reason, planned_at, due_at,
           deadline_at, finished_at, text, is_rendered, keyword, context, attempts, reads,
           had_unknown, mid_column(message_id), message_digest, id_column(recipient_id),
           echoed_at, lease_until, proven
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

CREATE TABLE smaller_attempts (
    lane_id     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    send_id     INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    reason      TEXT,
    -- JSON, or the status alone.
    -- No list of three words: SQLite makes a table of it each time a row is written.
    answer      ANY CHECK (typeof(answer) <> 'real' AND typeof(answer) <> 'blob'),
    PRIMARY KEY (lane_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_attempts
    SELECT lane_id, seq, send_id, number, started_at, finished_at, outcome, reason,
           CASE WHEN answer GLOB '{"http_status":[0-9][0-9][0-9]}'
                THEN CAST(substr(answer, 16, 3) AS INTEGER) ELSE answer END
    FROM attempts ORDER BY lane_id, seq;
DROP TABLE attempts;
ALTER TABLE smaller_attempts RENAME TO attempts;
CREATE INDEX attempts_by_send ON attempts (send_id);

CREATE TABLE smaller_alerts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    code         TEXT NOT NULL,
    -- None when it is about the whole installation.
    account_id   ANY CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    since        INTEGER NOT NULL,
    resolved_at  INTEGER,
    detail       TEXT NOT NULL,
    -- How far it has come, where people are told at each step.
    step         INTEGER,
    -- When its cause was last seen, and on which lane.
    last_seen_at INTEGER NOT NULL,
    lane_id      INTEGER
) STRICT;
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'smaller_alerts', seq FROM sqlite_sequence WHERE name = 'alerts';
INSERT INTO smaller_alerts
    SELECT id, code, id_column(account_id), since, resolved_at, detail, step, last_seen_at, lane_id
    FROM alerts ORDER BY id;
DROP TABLE alerts;
ALTER TABLE smaller_alerts RENAME TO alerts;
-- One open alert of a code and account.
CREATE UNIQUE INDEX alerts_open ON alerts (code, coalesce(account_id, '')) WHERE resolved_at IS NULL;
CREATE INDEX alerts_open_by_account ON alerts (account_id, code) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_account ON alerts (account_id, id);
CREATE INDEX alerts_resolved ON alerts (resolved_at) WHERE resolved_at IS NOT NULL;

CREATE TABLE smaller_upkeep (
    account_id ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    task       TEXT NOT NULL,
    due_at     INTEGER NOT NULL,
    failures   INTEGER NOT NULL DEFAULT 0,
    memo       TEXT,
    PRIMARY KEY (account_id, task)
) STRICT, WITHOUT ROWID;
INSERT INTO smaller_upkeep
    SELECT id_column(account_id), task, due_at, failures, memo
    FROM upkeep;
DROP TABLE upkeep;
ALTER TABLE smaller_upkeep RENAME TO upkeep;
CREATE INDEX upkeep_by_due ON upkeep (due_at);

CREATE TABLE smaller_gaps (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  ANY NOT NULL CHECK (typeof(account_id) <> 'text'
        OR account_id <> CAST(CAST(account_id AS INTEGER) AS TEXT)),
    cause       TEXT NOT NULL,
    begins_at   INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'reading', 'read', 'given_up')),
    progress    TEXT,
    comments    INTEGER NOT NULL DEFAULT 0,
    messages    INTEGER NOT NULL DEFAULT 0,
    too_late    INTEGER NOT NULL DEFAULT 0,
    noticed_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'smaller_gaps', seq FROM sqlite_sequence WHERE name = 'gaps';
INSERT INTO smaller_gaps
    SELECT id, id_column(account_id), cause, begins_at, ends_at, state, progress, comments, messages,
           too_late, noticed_at, finished_at
    FROM gaps ORDER BY id;
DROP TABLE gaps;
ALTER TABLE smaller_gaps RENAME TO gaps;
CREATE INDEX gaps_open ON gaps (account_id, id) WHERE state IN ('waiting', 'reading');
CREATE INDEX gaps_by_account ON gaps (account_id, id);
