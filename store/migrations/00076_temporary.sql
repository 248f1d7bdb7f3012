-- Passwords that an administrator has given somebody, to be changed at the first sign-in.

-- +goose Up

ALTER TABLE user_password ADD COLUMN ends BIGINT NOT NULL DEFAULT 0; -- until when it must have been changed; 0 is one of their own
