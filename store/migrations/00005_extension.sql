-- Schemas that a tenant adds to its users or groups (RFC 7643 §3.3).

-- +goose Up

-- Rises with each change of what a tenant's schemas and their indexes are. A transaction that writes users or groups by another
-- version than it finds here, when it locks the row to move the feed on, begins anew.
ALTER TABLE feed_head ADD COLUMN schemas BIGINT NOT NULL DEFAULT 0;

CREATE TABLE extension (
	tenant   TEXT NOT NULL,
	urn      TEXT NOT NULL, -- folded
	version  BIGINT NOT NULL,
	created  BIGINT NOT NULL,
	modified BIGINT NOT NULL,
	doc      TEXT NOT NULL, -- the definition, JSON
	PRIMARY KEY (tenant, urn)
);

-- What is kept beside the documents for an attribute of an extension. no stands for the rest in the tables below; a number is
-- never used again, so that rows under one that is gone can be swept bit by bit.
CREATE TABLE extension_index (
	tenant TEXT NOT NULL,
	no     BIGINT NOT NULL,
	urn    TEXT NOT NULL,
	path   TEXT NOT NULL,    -- folded
	form   TEXT NOT NULL,    -- how values are written
	uniq   BOOLEAN NOT NULL, -- in extension_key, else in extension_value
	ready  BOOLEAN NOT NULL, -- everybody is in it
	last   TEXT NOT NULL,    -- unless ready: everybody up to this id is
	at     BIGINT NOT NULL,  -- when last or ready was written
	PRIMARY KEY (tenant, no)
) WITHOUT ROWID;
CREATE INDEX extension_index_open ON extension_index (tenant, urn, last) WHERE ready = FALSE;

CREATE TABLE extension_value (
	no    BIGINT NOT NULL,
	value TEXT NOT NULL, -- at most 512 bytes of it
	id    TEXT NOT NULL, -- of the user or group
	PRIMARY KEY (no, value, id)
) WITHOUT ROWID;

-- Values that nobody else may have. Those who are soft-deleted have none here.
CREATE TABLE extension_key (
	no    BIGINT NOT NULL,
	value TEXT NOT NULL, -- as it is, or its hash when it is long
	id    TEXT NOT NULL,
	PRIMARY KEY (no, value)
) WITHOUT ROWID;
