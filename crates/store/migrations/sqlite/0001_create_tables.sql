-- Times are milliseconds since 1970 (UTC). Texts named in lower_snake_case are closed lists of the
-- model crate. Nothing here is edited once released: later changes are later files.

-- What Meta sent, as it sent it. Append-only; the ids grow with the order of recording.
CREATE TABLE deliveries (
    id           INTEGER PRIMARY KEY,
    received_at  INTEGER NOT NULL,
    secret_index INTEGER NOT NULL,
    api_version  TEXT,
    body         BLOB NOT NULL
) STRICT;

-- Only what differs from "interpreted, all is well": keeps the common delivery at one row.
CREATE TABLE delivery_notes (
    delivery_id INTEGER PRIMARY KEY,
    status      TEXT NOT NULL CHECK (status IN ('not_interpretable', 'replayed')),
    problem     TEXT
) STRICT;

-- Deliveries someone asked to interpret again; a row goes when that is done.
CREATE TABLE replays (
    id           INTEGER PRIMARY KEY,
    delivery_id  INTEGER NOT NULL UNIQUE,
    requested_at INTEGER NOT NULL
) STRICT;

-- Up to which delivery a stage has come.
CREATE TABLE progress (
    stage       TEXT PRIMARY KEY,
    delivery_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO progress (stage, delivery_id) VALUES ('interpret', 0);

-- Counts changes that long-running readers cache: accounts and automations.
CREATE TABLE generations (
    noun   TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO generations (noun, number) VALUES ('accounts', 0), ('automations', 0);

CREATE TABLE accounts (
    id            TEXT PRIMARY KEY,
    username      TEXT NOT NULL,
    login         TEXT NOT NULL CHECK (login IN ('instagram', 'facebook')),
    page_id       TEXT,
    app_scoped_id TEXT,
    token_key     BLOB NOT NULL,
    token         BLOB NOT NULL,
    connected_at  INTEGER NOT NULL,
    hold_reason   TEXT,
    hold_since    INTEGER,
    hold_until    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE automations (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    name               TEXT NOT NULL UNIQUE,
    first_published_at INTEGER NOT NULL,
    version            INTEGER NOT NULL,
    removed_at         INTEGER
) STRICT;

CREATE TABLE automation_versions (
    automation_id INTEGER NOT NULL REFERENCES automations (id),
    version       INTEGER NOT NULL,
    published_at  INTEGER NOT NULL,
    document      TEXT NOT NULL,
    PRIMARY KEY (automation_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         BLOB NOT NULL UNIQUE,
    delivery_id INTEGER NOT NULL,
    account_id  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    comment_id  TEXT,
    mid         TEXT,
    contact_id  TEXT,
    received_at INTEGER NOT NULL,
    sent_at     INTEGER,
    occurred_at INTEGER,
    container   TEXT NOT NULL,
    ignored     TEXT,
    body        TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_comment ON events (comment_id) WHERE comment_id IS NOT NULL;
CREATE INDEX events_by_mid ON events (mid) WHERE mid IS NOT NULL;
CREATE INDEX events_by_account ON events (account_id, id);
CREATE INDEX events_by_delivery ON events (delivery_id);
CREATE INDEX events_echoed ON events (account_id, contact_id, received_at)
    WHERE kind = 'message_echoed';
CREATE INDEX events_of_unknown_accounts ON events (received_at) WHERE ignored = 'account_unknown';

-- Further deliveries that told of an event already known.
CREATE TABLE sightings (
    event_id    INTEGER NOT NULL,
    delivery_id INTEGER NOT NULL,
    PRIMARY KEY (event_id, delivery_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sightings_by_delivery ON sightings (delivery_id);

-- Events that cannot be routed before something is read from Meta.
CREATE TABLE waiting_events (
    event_id INTEGER PRIMARY KEY,
    retry_at INTEGER NOT NULL,
    tries    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX waiting_events_by_time ON waiting_events (retry_at);

CREATE TABLE runs (
    event_id      INTEGER NOT NULL,
    automation_id INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    verdict       TEXT NOT NULL CHECK (verdict IN ('matched', 'not_matched', 'skipped', 'lost')),
    because       TEXT NOT NULL,
    PRIMARY KEY (event_id, automation_id)
) STRICT, WITHOUT ROWID;

-- What an automation has taken effect for; a row goes when its run came to nothing.
CREATE TABLE once_keys (
    automation_id INTEGER NOT NULL,
    scope         TEXT NOT NULL,
    event_id      INTEGER NOT NULL,
    PRIMARY KEY (automation_id, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX once_keys_by_event ON once_keys (event_id);

CREATE TABLE contacts (
    account_id      TEXT NOT NULL,
    contact_id      TEXT NOT NULL,
    username        TEXT,
    last_inbound_at INTEGER,
    opted_out_at    INTEGER,
    PRIMARY KEY (account_id, contact_id)
) STRICT, WITHOUT ROWID;

-- When media were published, as far as anyone had to know.
CREATE TABLE media (
    account_id   TEXT NOT NULL,
    media_id     TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, media_id)
) STRICT, WITHOUT ROWID;

-- Which media `media = "next"` turned out to be.
CREATE TABLE next_media (
    automation_id INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    account_id    TEXT NOT NULL,
    media_id      TEXT NOT NULL,
    PRIMARY KEY (automation_id, version, account_id)
) STRICT, WITHOUT ROWID;

-- next_at is the one column a claim looks at: the latest of pacing, pause, lease end and the
-- earliest due send, or a far future while the lane has nothing to do.
CREATE TABLE lanes (
    id           INTEGER PRIMARY KEY,
    account_id   TEXT NOT NULL,
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
    UNIQUE (account_id, class)
) STRICT;
CREATE INDEX lanes_by_next ON lanes (next_at);

CREATE TABLE sends (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    key           TEXT NOT NULL UNIQUE,
    event_id      INTEGER NOT NULL,
    automation_id INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    step          INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    lane_id       INTEGER NOT NULL,
    account_id    TEXT NOT NULL,
    contact_id    TEXT,
    comment_id    TEXT,
    state         TEXT NOT NULL,
    reason        TEXT,
    planned_at    INTEGER NOT NULL,
    due_at        INTEGER,
    deadline_at   INTEGER NOT NULL,
    finished_at   INTEGER,
    text          TEXT NOT NULL,
    is_rendered   INTEGER NOT NULL DEFAULT 0,
    keyword       TEXT,
    context       TEXT,
    attempts      INTEGER NOT NULL DEFAULT 0,
    reads         INTEGER NOT NULL DEFAULT 0,
    had_unknown   INTEGER NOT NULL DEFAULT 0,
    message_id    TEXT,
    recipient_id  TEXT,
    echoed_at     INTEGER,
    lease_until   INTEGER
) STRICT;
CREATE INDEX sends_due ON sends (lane_id, due_at) WHERE state = 'planned' AND due_at IS NOT NULL;
CREATE INDEX sends_by_deadline_in_lane ON sends (lane_id, deadline_at)
    WHERE state = 'planned' AND due_at IS NOT NULL;
CREATE INDEX sends_by_deadline ON sends (deadline_at) WHERE state = 'planned';
CREATE INDEX sends_leased ON sends (account_id, contact_id) WHERE state = 'leased';
CREATE INDEX sends_unknown ON sends (due_at) WHERE state = 'unknown';
CREATE INDEX sends_by_event ON sends (event_id);
CREATE INDEX sends_by_contact ON sends (account_id, contact_id, id);
CREATE INDEX sends_by_message ON sends (message_id) WHERE message_id IS NOT NULL;

-- The ledger of a lane: its seq counts attempts, so "the attempt 750 places back" is one look-up.
CREATE TABLE attempts (
    lane_id     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    send_id     INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    reason      TEXT,
    answer      TEXT,
    PRIMARY KEY (lane_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_send ON attempts (send_id);
