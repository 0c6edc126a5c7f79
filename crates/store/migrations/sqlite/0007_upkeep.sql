-- Recorded by us: 'backfill' is what was read back; none is what Meta delivered.
ALTER TABLE deliveries ADD COLUMN source TEXT;

-- What the token may do, and how long; none when nobody told.
ALTER TABLE accounts ADD COLUMN scopes TEXT;
ALTER TABLE accounts ADD COLUMN token_issued_at INTEGER;
ALTER TABLE accounts ADD COLUMN token_expires_at INTEGER;

-- The ids Meta may name the owner by: the person who logged in, and the id of the code exchange.
ALTER TABLE accounts ADD COLUMN owner_id TEXT;
ALTER TABLE accounts ADD COLUMN exchange_id TEXT;
CREATE INDEX accounts_by_app_scoped_id ON accounts (app_scoped_id) WHERE app_scoped_id IS NOT NULL;
CREATE INDEX accounts_by_owner ON accounts (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX accounts_by_exchange ON accounts (exchange_id) WHERE exchange_id IS NOT NULL;

-- Whether Meta was asked to deliver this account's events, so that it is kept so.
ALTER TABLE accounts ADD COLUMN wants_subscription INTEGER NOT NULL DEFAULT 0;

-- What comes back: due_at is the one column a pass looks at. The app's own tasks have no account.
CREATE TABLE upkeep (
    account_id TEXT NOT NULL,
    task       TEXT NOT NULL,
    due_at     INTEGER NOT NULL,
    failures   INTEGER NOT NULL DEFAULT 0,
    memo       TEXT,
    PRIMARY KEY (account_id, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX upkeep_by_due ON upkeep (due_at);
INSERT INTO upkeep (account_id, task, due_at) VALUES ('', 'app_subscription', 0);
INSERT INTO upkeep (account_id, task, due_at)
    SELECT id, task, 0 FROM accounts,
        (SELECT 'subscription' AS task UNION SELECT 'token' UNION SELECT 'silence'
         UNION SELECT 'backfill');

-- Times of which events may be missing, and what reading back found.
CREATE TABLE gaps (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  TEXT NOT NULL,
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
CREATE INDEX gaps_open ON gaps (account_id, id) WHERE state IN ('waiting', 'reading');
CREATE INDEX gaps_by_account ON gaps (account_id, id);

-- When the engine last said that it lives.
CREATE TABLE pulse (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
