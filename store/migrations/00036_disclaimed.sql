
-- +goose Up

-- Jobs that are gone and whose claims are being removed, and how far that is: the claims are walked through in their order, some at a time.
CREATE TABLE disclaimed (
	tenant TEXT NOT NULL,
	owner  TEXT NOT NULL,
	kind   TEXT NOT NULL,
	id     TEXT NOT NULL,
	PRIMARY KEY (tenant, owner)
) WITHOUT ROWID;

-- Those of jobs that were removed before.
INSERT INTO disclaimed (tenant, owner, kind, id) SELECT DISTINCT c.tenant, c.owner, '', '' FROM claim c
	WHERE c.owner <> 'hand' AND c.owner NOT LIKE 'scim:%' AND NOT EXISTS (SELECT 1 FROM job j WHERE j.tenant = c.tenant AND j.id = c.owner);
