-- What a grant was given with, and whether its provider demands a second factor of everybody: one from before it was demanded gives nothing any more.

-- +goose Up

ALTER TABLE sso_grant ADD COLUMN factor TEXT NOT NULL DEFAULT '';
UPDATE sso_grant SET factor = COALESCE((SELECT s.factor FROM sso_session s WHERE s.tenant = sso_grant.tenant AND s.id = sso_grant.session), '');

ALTER TABLE sso_provider ADD COLUMN demanded BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE sso_provider SET demanded = TRUE WHERE doc LIKE '%"SecondFactor":"required"%' OR doc LIKE '%"SecondFactor":"own"%';
