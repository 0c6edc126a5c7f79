-- A check against a list of words makes SQLite build a table for each row that is written; against
-- one word after the other it does not.

CREATE TABLE plain_runs (
    event_id      INTEGER NOT NULL,
    automation_id INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    verdict       TEXT NOT NULL CHECK (verdict = 'matched' OR verdict = 'not_matched'
        OR verdict = 'skipped' OR verdict = 'lost'),
    -- What its limit was used up for, when it took effect.
    once_key      BLOB,
    because       ANY NOT NULL,
    PRIMARY KEY (event_id, automation_id)
) STRICT, WITHOUT ROWID;
INSERT INTO plain_runs
    SELECT event_id, automation_id, version, verdict, once_key, because
    FROM runs ORDER BY event_id, automation_id;
DROP TABLE runs;
ALTER TABLE plain_runs RENAME TO runs;
