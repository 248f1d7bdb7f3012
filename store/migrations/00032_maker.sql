-- Which administrator has made a token: a user of the directory, or a local owner.

-- +goose Up

ALTER TABLE token ADD COLUMN maker_user TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN maker_owner TEXT NOT NULL DEFAULT '';
