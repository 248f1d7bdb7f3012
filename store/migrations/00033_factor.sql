-- What people show beside their password, and what comes of it in a session.

-- +goose Up

CREATE TABLE sso_passkey (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL, -- of the credential, base64url
	user_id    TEXT NOT NULL,
	doc        TEXT NOT NULL, -- sealed: sso.Passkey
	name       TEXT NOT NULL,
	sign_count BIGINT NOT NULL,
	backed_up  BOOLEAN NOT NULL,
	created    BIGINT NOT NULL,
	used       BIGINT NOT NULL, -- 0 is never
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX sso_passkey_user ON sso_passkey (tenant, user_id, created);

CREATE TABLE sso_totp (
	tenant  TEXT NOT NULL,
	user_id TEXT NOT NULL,
	secret  TEXT NOT NULL, -- sealed
	step    BIGINT NOT NULL, -- the last one whose code was accepted
	created BIGINT NOT NULL,
	used    BIGINT NOT NULL,
	PRIMARY KEY (tenant, user_id)
) WITHOUT ROWID;

CREATE TABLE sso_recovery (
	tenant  TEXT NOT NULL,
	user_id TEXT NOT NULL,
	hash    TEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (tenant, user_id, hash)
) WITHOUT ROWID;

-- Codes that somebody has tried in a row, none of which was right.
CREATE TABLE sso_tries (
	tenant  TEXT NOT NULL,
	user_id TEXT NOT NULL,
	tries   BIGINT NOT NULL,
	until   BIGINT NOT NULL, -- nobody may try before
	PRIMARY KEY (tenant, user_id)
) WITHOUT ROWID;

-- What second factor was shown in a session, and when.
ALTER TABLE sso_session ADD COLUMN factor TEXT NOT NULL DEFAULT '';
ALTER TABLE sso_session ADD COLUMN factor_at BIGINT NOT NULL DEFAULT 0;
