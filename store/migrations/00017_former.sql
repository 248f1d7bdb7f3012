-- +goose Up

-- Which object a leaver had: it comes back with the same source object, and with nobody else who happens to get its name.
ALTER TABLE link ADD COLUMN former TEXT NOT NULL DEFAULT '';

-- The read of its outside system that a job waits for.
ALTER TABLE job ADD COLUMN request BIGINT NOT NULL DEFAULT 0;

-- What a target looked like is in its mirror now.
DROP TABLE listing_key;
DROP TABLE listing;
