-- When the contact's newest wish (to be left alone, or to be served again) was made, by its own time. None with opted_out_at
-- set: the wish was kept by a version that did not know, and was made then.
ALTER TABLE contacts ADD COLUMN wished_at INTEGER;
