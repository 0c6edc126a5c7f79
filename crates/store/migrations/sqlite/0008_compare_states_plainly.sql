-- Whether a send belongs into the index of 0004 is asked at every change of every send, before and after it. SQLite makes a table
-- for each list of three or more, which cost more than all the rest of the change; alternatives are only compared.
DROP INDEX sends_failed;
CREATE INDEX sends_failed ON sends (lane_id, finished_at, state, reason)
    WHERE state = 'refused' OR state = 'expired' OR state = 'unknown';
