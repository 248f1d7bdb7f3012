-- Tokens that are rotated: the secret of before works until it ends.

-- +goose Up
ALTER TABLE token ADD COLUMN former_hash TEXT NOT NULL DEFAULT ''; -- as hash
ALTER TABLE token ADD COLUMN former_ends BIGINT NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN former_used BIGINT NOT NULL DEFAULT 0; -- last use of that secret
