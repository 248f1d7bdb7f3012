-- Tenants that are removed, and whom the owners of the server look after.

-- +goose Up

-- A tenant that is removed is closed at once, gives up its slug, and stays here until nothing of it is left (tenantremove.go).
ALTER TABLE tenant ADD COLUMN removed BIGINT NOT NULL DEFAULT 0;
-- Whether owners of the tenant “default” may come in. Nobody may come into one from before who could not.
ALTER TABLE tenant ADD COLUMN managed BOOLEAN NOT NULL DEFAULT FALSE;

-- The tenant that whoever is in the console belongs to; tenant is the one that they are in.
ALTER TABLE console_link ADD COLUMN home TEXT NOT NULL DEFAULT '';
ALTER TABLE console_session ADD COLUMN home TEXT NOT NULL DEFAULT '';
UPDATE console_link SET home = tenant;
UPDATE console_session SET home = tenant;
CREATE INDEX console_session_home ON console_session (home, seen);
