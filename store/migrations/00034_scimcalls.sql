-- What a SCIM client is and may send, and what it has asked.

-- +goose Up

ALTER TABLE token ADD COLUMN product TEXT NOT NULL DEFAULT ''; -- whose words its administrators are told what to do in
ALTER TABLE token ADD COLUMN rate DOUBLE PRECISION NOT NULL DEFAULT 0; -- requests a second; 0 is the server's limit

-- Up to three rows a token: the first and the last request that were served, and the last that was refused.
CREATE TABLE scim_call (
	tenant  TEXT NOT NULL,
	token   TEXT NOT NULL,
	what    TEXT NOT NULL, -- 'first', 'last' or 'refused'
	at      BIGINT NOT NULL,
	method  TEXT NOT NULL,
	path    TEXT NOT NULL, -- without its query
	status  BIGINT NOT NULL,
	agent   TEXT NOT NULL,
	type    TEXT NOT NULL, -- scimType of the answer
	detail  TEXT NOT NULL, -- of the answer, without secrets
	PRIMARY KEY (tenant, token, what)
) WITHOUT ROWID;
