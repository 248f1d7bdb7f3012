-- What SCIM clients search by.

-- +goose Up

-- The name to show for a user in a list of members: displayName, else userName.
ALTER TABLE users ADD COLUMN display TEXT NOT NULL DEFAULT '';

-- How many users and groups there are, apart from soft-deleted ones: the totalResults of every unfiltered list.
ALTER TABLE feed_head ADD COLUMN users BIGINT NOT NULL DEFAULT 0;
ALTER TABLE feed_head ADD COLUMN groups BIGINT NOT NULL DEFAULT 0;
UPDATE feed_head SET users = (SELECT COUNT(*) FROM users WHERE users.tenant = feed_head.tenant AND users.deleted = 0);
UPDATE feed_head SET groups = (SELECT COUNT(*) FROM groups WHERE groups.tenant = feed_head.tenant AND groups.deleted = 0);

-- Pages by number, disabled people, and what changed since.
CREATE INDEX users_alive ON users (tenant, id) WHERE deleted = 0;
CREATE INDEX users_inactive ON users (tenant, id) WHERE active = FALSE;
CREATE INDEX users_modified ON users (tenant, modified, id);

-- Values of attributes that filters ask for, a row each. What attribute is written as stands in searchindex.go.
CREATE TABLE user_value (
	tenant    TEXT NOT NULL,
	attribute TEXT NOT NULL,
	value     TEXT NOT NULL, -- folded, at most 512 bytes of it
	user_id   TEXT NOT NULL,
	PRIMARY KEY (tenant, attribute, value, user_id)
) WITHOUT ROWID;

-- Password hashes, apart from the documents that are shown, fed and exported. Nothing reads them but a sign-in.
CREATE TABLE user_password (
	tenant  TEXT NOT NULL,
	user_id TEXT NOT NULL,
	hash    TEXT NOT NULL, -- argon2id, as in the PHC string format
	at      BIGINT NOT NULL,
	PRIMARY KEY (tenant, user_id)
) WITHOUT ROWID;
