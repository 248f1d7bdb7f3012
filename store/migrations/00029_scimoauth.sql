-- +goose Up

-- SCIM clients that show access tokens (OAuth 2.0) in place of a secret of their own: whose. oauth_of is what such a client is found by.
ALTER TABLE token ADD COLUMN oauth TEXT NOT NULL DEFAULT ''; -- token.OAuth as JSON
ALTER TABLE token ADD COLUMN oauth_of TEXT NOT NULL DEFAULT ''; -- 'client ' and a client ID, or 'issuer ' and an issuer
CREATE INDEX token_oauth ON token (tenant, oauth_of) WHERE oauth_of <> '';
