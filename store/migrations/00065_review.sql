-- Rows that wait are counted and read by what they do and why. What a plan in review counts is kept with its cycle. Nothing ever read when an action expires.

-- +goose Up

ALTER TABLE action ADD COLUMN cause TEXT NOT NULL DEFAULT ''; -- of a row that was planned or held: see plan.Action.Cause
CREATE INDEX action_waiting ON action (job, state, kind, source_type, cause, id) WHERE state IN ('planned', 'held');
ALTER TABLE cycle ADD COLUMN outline TEXT NOT NULL DEFAULT ''; -- JSON
ALTER TABLE action DROP COLUMN expires;
