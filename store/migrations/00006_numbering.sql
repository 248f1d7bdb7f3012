-- What the pages of a list by number rest on (numbering.go).

-- +goose Up

-- Rises whenever somebody who stood at or before settled comes or goes: then those behind have other numbers.
ALTER TABLE feed_head ADD COLUMN moved BIGINT NOT NULL DEFAULT 0;
-- The beginning of an id. Ids are given by time, and up to here hardly one is still to be written; the one that is raises moved.
ALTER TABLE feed_head ADD COLUMN settled TEXT NOT NULL DEFAULT '';
