-- The entity ID of an application that speaks SAML, by which what it sends finds it.

-- +goose Up
ALTER TABLE sso_client ADD COLUMN entity TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX sso_client_entity ON sso_client (tenant, entity) WHERE entity <> '';
