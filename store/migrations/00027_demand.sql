-- +goose Up

-- One object that somebody wants provisioned at once: the cycle that it gets, and what it is. What was said to the target in such a
-- cycle is kept with it, without secrets, as long as the cycle is.
ALTER TABLE job ADD COLUMN demand TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN demanded TEXT NOT NULL DEFAULT '';
ALTER TABLE cycle ADD COLUMN said TEXT NOT NULL DEFAULT '';
ALTER TABLE cycle ADD COLUMN of_type TEXT NOT NULL DEFAULT '';
ALTER TABLE cycle ADD COLUMN of_id TEXT NOT NULL DEFAULT '';
