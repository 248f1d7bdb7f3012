-- What a provider has let in ends when it is disabled or removed, at once: sessions and grants carry the epoch that their provider had, which
-- rises when it is disabled. Grants also carry when their client was made, so that another one of the same id inherits nothing.

-- +goose Up

ALTER TABLE sso_provider ADD COLUMN enabled BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sso_provider ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
UPDATE sso_provider SET enabled = TRUE WHERE doc LIKE '%"State":"enabled"%';

ALTER TABLE sso_session ADD COLUMN provider_epoch BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sso_session_subject ON sso_session (tenant, provider, subject);

ALTER TABLE sso_grant ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE sso_grant ADD COLUMN provider_epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sso_grant ADD COLUMN client_made BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sso_grant ADD COLUMN claims TEXT NOT NULL DEFAULT ''; -- JSON: what the request asked for by name
UPDATE sso_grant SET provider = COALESCE((SELECT s.provider FROM sso_session s WHERE s.tenant = sso_grant.tenant AND s.id = sso_grant.session), '');
UPDATE sso_grant SET client_made = COALESCE((SELECT c.created FROM sso_client c WHERE c.tenant = sso_grant.tenant AND c.id = sso_grant.client), 0);
CREATE INDEX sso_grant_provider ON sso_grant (tenant, provider);

-- The provider whose sessions have ended; '' when they are those of a user.
ALTER TABLE sso_ending ADD COLUMN provider TEXT NOT NULL DEFAULT '';
