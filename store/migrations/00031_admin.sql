-- Administrators: their sessions of the console, their roles, and local owners, who need no identity provider.

-- +goose Up

-- A one-time link into the console, and a session there. Of both only the hash of the secret is kept. Whom they belong to is said by
-- user_id and epoch (a person of the directory, by a session of sign-in), by owner and epoch (a local owner), or by neither: then they have
-- the rights of whoever made the link, who is named by maker.
CREATE TABLE console_link (
	hash    TEXT NOT NULL,
	surface TEXT NOT NULL,
	tenant  TEXT NOT NULL,
	holder  TEXT NOT NULL,
	maker   TEXT NOT NULL,
	scopes  TEXT NOT NULL,
	ends    BIGINT NOT NULL, -- 0 is none
	user_id TEXT NOT NULL,
	owner   TEXT NOT NULL,
	epoch   BIGINT NOT NULL,
	signin  TEXT NOT NULL, -- an sso_session
	how     TEXT NOT NULL,
	expires BIGINT NOT NULL,
	used    BIGINT NOT NULL,
	PRIMARY KEY (hash)
) WITHOUT ROWID;
CREATE INDEX console_link_tenant ON console_link (tenant, expires);
CREATE INDEX console_link_expires ON console_link (expires);

CREATE TABLE console_session (
	hash    TEXT NOT NULL,
	id      TEXT NOT NULL,
	surface TEXT NOT NULL,
	tenant  TEXT NOT NULL,
	holder  TEXT NOT NULL,
	maker   TEXT NOT NULL,
	scopes  TEXT NOT NULL,
	ends    BIGINT NOT NULL, -- 0 is none
	user_id TEXT NOT NULL,
	owner   TEXT NOT NULL,
	epoch   BIGINT NOT NULL,
	signin  TEXT NOT NULL,
	how     TEXT NOT NULL,
	began   BIGINT NOT NULL,
	seen    BIGINT NOT NULL,
	proved  BIGINT NOT NULL, -- when its holder last showed who they are
	PRIMARY KEY (hash)
) WITHOUT ROWID;
CREATE UNIQUE INDEX console_session_id ON console_session (tenant, id);
CREATE INDEX console_session_seen ON console_session (tenant, seen);
CREATE INDEX console_session_tidy ON console_session (seen);

-- What somebody was about to do in the console when they were asked to show again who they are.
CREATE TABLE console_form (
	hash    TEXT NOT NULL,
	tenant  TEXT NOT NULL,
	doc     TEXT NOT NULL, -- sealed
	expires BIGINT NOT NULL,
	PRIMARY KEY (hash)
) WITHOUT ROWID;
CREATE INDEX console_form_expires ON console_form (expires);

-- A role that a user, the members of a group, or a local owner has.
CREATE TABLE administrator (
	tenant  TEXT NOT NULL,
	id      TEXT NOT NULL,
	kind    TEXT NOT NULL, -- user, group
	of_id   TEXT NOT NULL,
	role    TEXT NOT NULL, -- owner, operator, auditor; '' is scopes of its own
	scopes  TEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX administrator_of ON administrator (tenant, kind, of_id, role, scopes);

-- An owner whom no identity provider can lock out.
CREATE TABLE local_owner (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	name_key TEXT NOT NULL, -- folded
	hash     TEXT NOT NULL, -- of the password, Argon2id
	epoch    BIGINT NOT NULL,
	disabled BOOLEAN NOT NULL,
	created  BIGINT NOT NULL,
	changed  BIGINT NOT NULL, -- the password
	used     BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX local_owner_name ON local_owner (tenant, name_key);
