-- What an application has refused while a cycle was carried out, as far as it says whether it would refuse everything.

-- +goose Up

ALTER TABLE cycle ADD COLUMN refusals TEXT NOT NULL DEFAULT ''; -- JSON
