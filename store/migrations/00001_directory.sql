-- The directory of every tenant, its change feed, the audit log and what opens the doors.
--
-- Rules of every table, in both databases:
--   * Columns are TEXT, BIGINT or BOOLEAN, and never NULL: absent is '', 0 or FALSE.
--   * Times are milliseconds since 1970; 0 is never.
--   * Ids are UUIDv7 as text. They grow, so rows go in at the right-hand edge of their index.
--   * Text that people compare without regard to case is folded by the program before it gets here (fold.go).
--   * Tables of small rows are WITHOUT ROWID: one B-tree instead of two. Tables with documents keep their rowid, so that
--     the index stays small. PostgreSQL gets the same text without these two words, and with COLLATE "C" on each TEXT, so
--     that order is byte order in both (migrate.go).

-- +goose Up

CREATE TABLE tenant (
	id      TEXT NOT NULL PRIMARY KEY,
	slug    TEXT NOT NULL,
	name    TEXT NOT NULL,
	created BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenant_slug ON tenant (slug);

-- The head of each tenant's feed. A writing transaction adds what it needs to pos as its last statement before the feed rows:
-- the row's lock then makes the order of commits the order of positions. Rows up to trimmed are gone.
CREATE TABLE feed_head (
	tenant  TEXT NOT NULL PRIMARY KEY,
	pos     BIGINT NOT NULL,
	trimmed BIGINT NOT NULL
);

CREATE TABLE feed (
	tenant TEXT NOT NULL,
	pos    BIGINT NOT NULL,
	at     BIGINT NOT NULL,
	object TEXT NOT NULL,
	op     TEXT NOT NULL,
	id     TEXT NOT NULL,
	member TEXT NOT NULL,
	kind   TEXT NOT NULL,
	app    TEXT NOT NULL,
	action TEXT NOT NULL,
	PRIMARY KEY (tenant, pos)
) WITHOUT ROWID;

-- People. doc is the SCIM User without id, meta, schemas, groups and password; the columns before it repeat what is looked
-- for. A soft-deleted user keeps their row and with it their user_name.
CREATE TABLE users (
	tenant      TEXT NOT NULL,
	id          TEXT NOT NULL,
	version     BIGINT NOT NULL,
	user_name   TEXT NOT NULL, -- folded
	external_id TEXT NOT NULL, -- as it is: RFC 7643 §3.1 has it case-exact
	manager     TEXT NOT NULL, -- enterprise extension, manager.value
	active      BOOLEAN NOT NULL,
	auth_epoch  BIGINT NOT NULL,
	deleted     BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	modified    BIGINT NOT NULL,
	doc         TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX users_user_name ON users (tenant, user_name);
CREATE INDEX users_external_id ON users (tenant, external_id) WHERE external_id <> '';
CREATE INDEX users_manager ON users (tenant, manager) WHERE manager <> '';

CREATE TABLE user_email (
	tenant  TEXT NOT NULL,
	email   TEXT NOT NULL, -- folded
	user_id TEXT NOT NULL,
	PRIMARY KEY (tenant, email, user_id)
) WITHOUT ROWID;

CREATE TABLE groups (
	tenant      TEXT NOT NULL,
	id          TEXT NOT NULL,
	version     BIGINT NOT NULL,
	name        TEXT NOT NULL, -- displayName, folded
	external_id TEXT NOT NULL,
	deleted     BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	modified    BIGINT NOT NULL,
	doc         TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX groups_name ON groups (tenant, name);
CREATE INDEX groups_external_id ON groups (tenant, external_id) WHERE external_id <> '';

-- One row a membership, found from both ends. Nested groups may form a cycle; whoever walks them remembers where he was.
CREATE TABLE member (
	tenant   TEXT NOT NULL,
	group_id TEXT NOT NULL,
	id       TEXT NOT NULL, -- of the user or nested group
	kind     TEXT NOT NULL,
	PRIMARY KEY (tenant, group_id, id)
) WITHOUT ROWID;
CREATE INDEX member_of ON member (tenant, id);

CREATE TABLE app (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	slug     TEXT NOT NULL,
	name     TEXT NOT NULL,
	template TEXT NOT NULL,
	roles    TEXT NOT NULL, -- JSON
	created  BIGINT NOT NULL,
	version  BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX app_slug ON app (tenant, slug);

CREATE TABLE assignment (
	tenant    TEXT NOT NULL,
	id        TEXT NOT NULL,
	app       TEXT NOT NULL,
	kind      TEXT NOT NULL,
	principal TEXT NOT NULL, -- the user or group
	role      TEXT NOT NULL,
	created   BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX assignment_principal ON assignment (tenant, app, principal);
CREATE INDEX assignment_of ON assignment (tenant, principal);

-- Who did what. tenant '' is the installation itself. Ids grow with time, so they order the log.
CREATE TABLE audit (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	at         BIGINT NOT NULL,
	actor_kind TEXT NOT NULL,
	actor_id   TEXT NOT NULL,
	actor_name TEXT NOT NULL,
	verb       TEXT NOT NULL,
	object     TEXT NOT NULL,
	object_id  TEXT NOT NULL,
	name       TEXT NOT NULL,
	detail     TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX audit_object ON audit (tenant, object_id, id);

-- Bearer tokens. Only a hash of the secret half is kept. tenant '' opens the whole installation.
CREATE TABLE token (
	id        TEXT NOT NULL PRIMARY KEY,
	tenant    TEXT NOT NULL,
	kind      TEXT NOT NULL,
	name      TEXT NOT NULL,
	scopes    TEXT NOT NULL, -- divided by blanks
	hash      TEXT NOT NULL, -- SHA-256 of the whole text, in hexadecimal
	created   BIGINT NOT NULL,
	expires   BIGINT NOT NULL,
	last_used BIGINT NOT NULL,
	revoked   BIGINT NOT NULL
);
CREATE INDEX token_tenant ON token (tenant, id);

-- Small facts that have no table of their own. tenant '' is the installation itself.
CREATE TABLE setting (
	tenant TEXT NOT NULL,
	name   TEXT NOT NULL,
	value  TEXT NOT NULL,
	PRIMARY KEY (tenant, name)
);
