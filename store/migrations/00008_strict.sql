-- Clients whose requests are examined, and how they depart from the RFCs.

-- +goose Up
ALTER TABLE token ADD COLUMN strict BOOLEAN NOT NULL DEFAULT FALSE;

-- A row for each token and kind of deviation, of which there are some dozens.
CREATE TABLE scim_tally (
	tenant  TEXT NOT NULL,
	token   TEXT NOT NULL,
	code    TEXT NOT NULL,
	times   BIGINT NOT NULL,
	first   BIGINT NOT NULL,
	last    BIGINT NOT NULL,
	path    TEXT NOT NULL, -- of the last one
	seen    TEXT NOT NULL, -- without secrets
	PRIMARY KEY (tenant, token, code)
) WITHOUT ROWID;
