-- Applications that end everything of a person at one request (Global Token Revocation).

-- +goose Up

ALTER TABLE sso_client ADD COLUMN revocation_uri TEXT NOT NULL DEFAULT '';
