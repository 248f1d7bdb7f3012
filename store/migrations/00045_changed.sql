-- In which turn of a job an administrator has changed what it goes by: what that turn fails for counts no more.

-- +goose Up

ALTER TABLE job ADD COLUMN changed BIGINT NOT NULL DEFAULT 0; -- epoch
