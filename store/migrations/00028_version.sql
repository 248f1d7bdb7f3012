-- +goose Up

-- What jobs have been set to, one row each time. A job without a row has never been changed since there are versions: what it has is its
-- version 1, and becomes a row with the first change.
CREATE TABLE job_version (
	job           BIGINT NOT NULL,
	number        BIGINT NOT NULL,
	made          BIGINT NOT NULL,
	made_by       TEXT NOT NULL,
	note          TEXT NOT NULL,
	changed       TEXT NOT NULL, -- JSON: the fields that are other ones than in the version before
	assigned      TEXT NOT NULL, -- JSON: assignments that were changed with it, of many the first
	assignments   BIGINT NOT NULL,
	configuration TEXT NOT NULL, -- JSON, without secrets
	PRIMARY KEY (job, number)
);

-- What a job is to be set to when somebody says so.
CREATE TABLE job_draft (
	job           BIGINT NOT NULL PRIMARY KEY,
	revision      BIGINT NOT NULL,
	base          BIGINT NOT NULL, -- number of the version that it was made from
	opened        BIGINT NOT NULL,
	opened_by     TEXT NOT NULL,
	changed       BIGINT NOT NULL,
	changed_by    TEXT NOT NULL,
	assigned      TEXT NOT NULL, -- JSON
	configuration TEXT NOT NULL  -- JSON
);
