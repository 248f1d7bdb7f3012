
-- +goose Up

-- What a change of a source comes to where others have the object, too.
ALTER TABLE action ADD COLUMN effect TEXT NOT NULL DEFAULT '';
