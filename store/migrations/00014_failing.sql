-- +goose Up
-- Finds the objects of a job whose last attempt failed.
CREATE INDEX link_failing ON link (job, code) WHERE code <> '';
