-- +goose Up
-- What the last look for drift at a job's application has come to: how it differs from what was written there.
CREATE TABLE drift (
	job      BIGINT NOT NULL PRIMARY KEY,
	read_at  BIGINT NOT NULL, -- when the read of the application began that was compared
	compared BIGINT NOT NULL,
	changed  BIGINT NOT NULL,
	missing  BIGINT NOT NULL,
	unsure   BIGINT NOT NULL
);
