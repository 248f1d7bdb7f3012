-- What the claim rules of identity providers give people. A row counts while its rule stands in the document of the provider.

-- +goose Up

CREATE TABLE sso_gift (
	tenant         TEXT NOT NULL,
	user_id        TEXT NOT NULL,
	provider       TEXT NOT NULL,
	rule           TEXT NOT NULL, -- its id
	once           BOOLEAN NOT NULL,
	auth_epoch     BIGINT NOT NULL, -- of the user when it was given
	provider_epoch BIGINT NOT NULL,
	since          BIGINT NOT NULL,
	until          BIGINT NOT NULL, -- 0 is no end
	PRIMARY KEY (tenant, user_id, provider, rule)
) WITHOUT ROWID;
CREATE INDEX sso_gift_until ON sso_gift (until) WHERE until > 0;
