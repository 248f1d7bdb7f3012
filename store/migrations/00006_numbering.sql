-- What the pages of a list by number rest on (numbering.go).

-- +goose Up

-- Rises whenever somebody who stood at or before settled comes or goes: then those behind have other numbers.
ALTER TABLE feed_head ADD COLUMN moved BIGINT NOT NULL DEFAULT 0;
-- The beginning of an id. Ids are given by time, and up to here all that were given have been written.
ALTER TABLE feed_head ADD COLUMN settled TEXT NOT NULL DEFAULT '';
