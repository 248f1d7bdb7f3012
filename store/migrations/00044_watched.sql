-- What the last look at an identity provider's own documents has found, and when the next one is due. What was found counts as long as the provider is as it
-- was looked at.

-- +goose Up

CREATE TABLE sso_watched (
	tenant   TEXT NOT NULL,
	provider TEXT NOT NULL,
	version  BIGINT NOT NULL, -- of the provider
	due      BIGINT NOT NULL,
	doc      TEXT NOT NULL,   -- JSON
	PRIMARY KEY (tenant, provider)
) WITHOUT ROWID;
