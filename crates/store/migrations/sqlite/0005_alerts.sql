-- What a person has to know of. Nothing is kept here that the account's removal must not keep.
CREATE TABLE alerts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    code         TEXT NOT NULL,
    -- None when it is about the whole installation.
    account_id   TEXT,
    since        INTEGER NOT NULL,
    resolved_at  INTEGER,
    detail       TEXT NOT NULL,
    -- How far it has come, where people are told at each step.
    step         INTEGER,
    -- When its cause was last seen, and on which lane.
    last_seen_at INTEGER NOT NULL,
    lane_id      INTEGER
) STRICT;
-- One open alert of a code and account.
CREATE UNIQUE INDEX alerts_open ON alerts (code, coalesce(account_id, '')) WHERE resolved_at IS NULL;
CREATE INDEX alerts_open_by_account ON alerts (account_id, code) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_account ON alerts (account_id, id);
CREATE INDEX alerts_resolved ON alerts (resolved_at) WHERE resolved_at IS NOT NULL;

-- What people are told of an alert, committed together with what happened to it.
CREATE TABLE alert_notices (
    -- Never used again: receivers tell by it whether they have heard a notice before.
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id     INTEGER NOT NULL,
    event        TEXT NOT NULL CHECK (event IN ('raised', 'renewed', 'resolved')),
    created_at   INTEGER NOT NULL,
    -- The alert as it was then, as JSON.
    alert        TEXT NOT NULL,
    -- When it was decided whom to tell; none before.
    addressed_at INTEGER
) STRICT;
CREATE INDEX alert_notices_unaddressed ON alert_notices (id) WHERE addressed_at IS NULL;
CREATE INDEX alert_notices_by_alert ON alert_notices (alert_id);

-- One notice on its way to one destination. A destination is known by a digest of its address,
-- which may hold a secret.
CREATE TABLE alert_letters (
    notice_id   INTEGER NOT NULL,
    destination TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('due', 'delivered', 'given_up')),
    tries       INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL,
    problem     TEXT,
    PRIMARY KEY (notice_id, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_letters_due ON alert_letters (due_at) WHERE state = 'due';
