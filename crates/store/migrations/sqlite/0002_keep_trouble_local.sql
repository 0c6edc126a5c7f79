-- Which token of its account a call was made with: trouble with an old one says nothing of its
-- successor.
ALTER TABLE accounts ADD COLUMN token_number INTEGER NOT NULL DEFAULT 1;

-- How much of its budget a lane may use, in thousandths as of a moment; it grows back with time.
ALTER TABLE lanes ADD COLUMN share INTEGER NOT NULL DEFAULT 1000;
ALTER TABLE lanes ADD COLUMN share_at INTEGER NOT NULL DEFAULT 0;

-- What came of reading what an event waits for; none while it is still being read.
ALTER TABLE waiting_events ADD COLUMN answer TEXT CHECK (answer IN ('known', 'unreadable'));

-- When the lane's pace next allows a send: what is planned meanwhile does not wake it earlier.
ALTER TABLE lanes ADD COLUMN pace_at INTEGER NOT NULL DEFAULT 0;

-- Up to which attempt it is proven that none has landed.
ALTER TABLE sends ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;

-- Lanes in somebody's hands, by when they may be taken back.
CREATE INDEX lanes_leased ON lanes (lease_until) WHERE lease_until > 0;
