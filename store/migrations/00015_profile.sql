-- What kind of client a SCIM token was given to.

-- +goose Up
ALTER TABLE token ADD COLUMN profile TEXT NOT NULL DEFAULT 'generic';
UPDATE token SET profile = 'strict' WHERE strict = TRUE;
ALTER TABLE token DROP COLUMN strict;
