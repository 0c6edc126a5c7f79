-- What did not go out, by lane and time, so that a queue can show the reasons without reading its
-- history. What went out, and what still may, is not in it.
CREATE INDEX sends_failed ON sends (lane_id, finished_at, state, reason)
    WHERE state IN ('refused', 'expired', 'unknown');
