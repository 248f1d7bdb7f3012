-- +goose Up
-- The token that a token was made with: when that one ends, so does what was made with it.
ALTER TABLE token ADD COLUMN maker TEXT NOT NULL DEFAULT '';
