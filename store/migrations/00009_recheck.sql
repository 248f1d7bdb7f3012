-- +goose Up

-- When a plan that waits for review is accepted, what it settled takes effect: the next due time of everybody whom it looked at.
ALTER TABLE link ADD COLUMN recheck BIGINT NOT NULL DEFAULT 0;
