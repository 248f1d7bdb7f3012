-- Sign-in: identity providers, clients, logins, sessions, what people have given to clients, and who is to be told of an end.

-- +goose Up
CREATE TABLE sso_provider (
	tenant  TEXT NOT NULL,
	id      TEXT NOT NULL,
	version BIGINT NOT NULL,
	alias   TEXT NOT NULL,
	doc     TEXT NOT NULL, -- sso.Provider without secrets
	secrets TEXT NOT NULL, -- sealed
	updated BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sso_provider_alias ON sso_provider (tenant, alias);

CREATE TABLE sso_client (
	tenant      TEXT NOT NULL,
	id          TEXT NOT NULL,
	version     BIGINT NOT NULL,
	doc         TEXT NOT NULL, -- sso.Client without secrets
	secret      TEXT NOT NULL, -- hash; '' is none
	former      TEXT NOT NULL,
	former_ends BIGINT NOT NULL,
	logout_uri  TEXT NOT NULL,
	created     BIGINT NOT NULL,
	updated     BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE sso_login (
	tenant  TEXT NOT NULL,
	id      TEXT NOT NULL,
	version BIGINT NOT NULL,
	state   TEXT NOT NULL, -- hash of what the callback has to bring; '' when none is awaited
	browser TEXT NOT NULL, -- hash of the browser's cookie
	leaving BOOLEAN NOT NULL,
	expires BIGINT NOT NULL,
	doc     TEXT NOT NULL, -- sealed
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sso_login_state ON sso_login (tenant, state) WHERE state <> '';
CREATE INDEX sso_login_leaving ON sso_login (tenant, browser, id) WHERE leaving = TRUE;
CREATE INDEX sso_login_expires ON sso_login (expires);

CREATE TABLE sso_pushed (
	tenant  TEXT NOT NULL,
	hash    TEXT NOT NULL,
	client  TEXT NOT NULL,
	expires BIGINT NOT NULL,
	doc     TEXT NOT NULL,
	PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;
CREATE INDEX sso_pushed_expires ON sso_pushed (expires);

CREATE TABLE sso_link (
	tenant   TEXT NOT NULL,
	provider TEXT NOT NULL,
	issuer   TEXT NOT NULL,
	subject  TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	made     BOOLEAN NOT NULL, -- the sign-in added the person
	verified BOOLEAN NOT NULL, -- and their address was verified
	created  BIGINT NOT NULL,
	used     BIGINT NOT NULL,
	PRIMARY KEY (tenant, provider, issuer, subject)
) WITHOUT ROWID;
CREATE INDEX sso_link_user ON sso_link (tenant, user_id);

-- A session stands while it has not ended and auth_epoch is that of the user.
CREATE TABLE sso_session (
	tenant       TEXT NOT NULL,
	id           TEXT NOT NULL,
	hash         TEXT NOT NULL,
	user_id      TEXT NOT NULL,
	auth_epoch   BIGINT NOT NULL,
	provider     TEXT NOT NULL,
	issuer       TEXT NOT NULL,
	subject      TEXT NOT NULL,
	upstream_sid TEXT NOT NULL,
	auth_time    BIGINT NOT NULL,
	acr          TEXT NOT NULL,
	amr          TEXT NOT NULL,
	logout       TEXT NOT NULL, -- sealed
	began        BIGINT NOT NULL,
	seen         BIGINT NOT NULL,
	expires      BIGINT NOT NULL,
	ended        BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sso_session_hash ON sso_session (tenant, hash);
CREATE INDEX sso_session_user ON sso_session (tenant, user_id, id);
CREATE INDEX sso_session_provider ON sso_session (tenant, provider, upstream_sid);
CREATE INDEX sso_session_expires ON sso_session (expires);

CREATE TABLE sso_grant (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	client     TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	auth_epoch BIGINT NOT NULL,
	session    TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	auth_time  BIGINT NOT NULL,
	acr        TEXT NOT NULL,
	amr        TEXT NOT NULL,
	nonce      TEXT NOT NULL,
	redirect   TEXT NOT NULL,
	challenge  TEXT NOT NULL,
	code       TEXT NOT NULL, -- hash
	code_ends  BIGINT NOT NULL,
	code_used  BIGINT NOT NULL,
	created    BIGINT NOT NULL,
	expires    BIGINT NOT NULL,
	ended      BIGINT NOT NULL,
	noticed    BOOLEAN NOT NULL, -- the client is told, or was, that the session has ended
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sso_grant_code ON sso_grant (tenant, code);
CREATE INDEX sso_grant_user ON sso_grant (tenant, user_id);
CREATE INDEX sso_grant_session ON sso_grant (tenant, session);
CREATE INDEX sso_grant_client ON sso_grant (tenant, client);
CREATE INDEX sso_grant_expires ON sso_grant (expires);

CREATE TABLE sso_refresh (
	tenant   TEXT NOT NULL,
	hash     TEXT NOT NULL,
	former   TEXT NOT NULL, -- hash of the one that it was made with
	grant_id TEXT NOT NULL,
	created  BIGINT NOT NULL,
	ends     BIGINT NOT NULL,
	used     BIGINT NOT NULL,
	PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;
CREATE INDEX sso_refresh_grant ON sso_refresh (tenant, grant_id);

-- What may be used once, until it would have expired anyway.
CREATE TABLE sso_once (
	tenant TEXT NOT NULL,
	what   TEXT NOT NULL,
	hash   TEXT NOT NULL,
	ends   BIGINT NOT NULL,
	PRIMARY KEY (tenant, what, hash)
) WITHOUT ROWID;
CREATE INDEX sso_once_ends ON sso_once (ends);

CREATE TABLE sso_key (
	tenant TEXT NOT NULL,
	alg    TEXT NOT NULL,
	serial BIGINT NOT NULL,
	key_id TEXT NOT NULL,
	secret TEXT NOT NULL, -- sealed
	made   BIGINT NOT NULL,
	begins BIGINT NOT NULL,
	ends   BIGINT NOT NULL,
	PRIMARY KEY (tenant, alg, serial)
) WITHOUT ROWID;

CREATE TABLE sso_trace (
	tenant TEXT NOT NULL,
	id     TEXT NOT NULL,
	at     BIGINT NOT NULL,
	doc    TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX sso_trace_at ON sso_trace (at);

-- The end of somebody's sessions. The transaction that disables a person writes a row; what it means for applications is worked out
-- afterwards (spread), and it is settled once each of them was told or given up.
CREATE TABLE sso_ending (
	tenant  TEXT NOT NULL,
	id      TEXT NOT NULL,
	user_id TEXT NOT NULL,
	why     TEXT NOT NULL,
	at      BIGINT NOT NULL,
	spread  BOOLEAN NOT NULL,
	settled BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX sso_ending_spread ON sso_ending (tenant, id) WHERE spread = FALSE;
CREATE INDEX sso_ending_settled ON sso_ending (settled);

CREATE TABLE sso_notice (
	tenant   TEXT NOT NULL,
	ending   TEXT NOT NULL,
	client   TEXT NOT NULL,
	session  TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	at       BIGINT NOT NULL,
	due      BIGINT NOT NULL,
	tries    BIGINT NOT NULL,
	told     BIGINT NOT NULL,
	unsettled BOOLEAN NOT NULL,
	error    TEXT NOT NULL,
	PRIMARY KEY (tenant, ending, client, session)
) WITHOUT ROWID;
CREATE INDEX sso_notice_due ON sso_notice (due) WHERE unsettled = TRUE;
