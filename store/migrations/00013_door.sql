-- One door for writes: names are free when their holder is deleted, who is deleted leaves, a group knows how many members it has.

-- +goose Up

-- Unique among those who are not deleted. The others are found by name for those who would have them back.
DROP INDEX users_user_name;
-- A name that a deleted user had given away stood here as 1 and the id. Whoever restores writes the name of the document.
CREATE UNIQUE INDEX users_user_name ON users (tenant, user_name) WHERE deleted = 0;
CREATE INDEX users_former_name ON users (tenant, user_name) WHERE deleted <> 0;

-- What somebody who is soft-deleted had of others, given back when they are restored: relation 'member' is a membership in the
-- group other, 'manager' is to be the manager of the user other.
CREATE TABLE former (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	relation TEXT NOT NULL,
	other    TEXT NOT NULL,
	PRIMARY KEY (tenant, id, relation, other)
) WITHOUT ROWID;

-- What is left to do after somebody has been deleted or restored, page by page: what is 'reports', 'return' or 'members'.
CREATE TABLE leaving (
	tenant TEXT NOT NULL,
	id     TEXT NOT NULL,
	what   TEXT NOT NULL,
	PRIMARY KEY (tenant, id, what)
) WITHOUT ROWID;

INSERT INTO former (tenant, id, relation, other)
	SELECT m.tenant, m.id, 'member', m.group_id FROM member m JOIN users u ON u.tenant = m.tenant AND u.id = m.id WHERE u.deleted <> 0 AND m.group_id <> m.id;
INSERT INTO former (tenant, id, relation, other)
	SELECT m.tenant, m.id, 'member', m.group_id FROM member m JOIN groups g ON g.tenant = m.tenant AND g.id = m.id WHERE g.deleted <> 0 AND m.group_id <> m.id;
DELETE FROM member WHERE id = group_id;
DELETE FROM member WHERE EXISTS (SELECT 1 FROM former f WHERE f.tenant = member.tenant AND f.id = member.id AND f.relation = 'member' AND f.other = member.group_id);
INSERT INTO leaving (tenant, id, what)
	SELECT u.tenant, u.id, 'reports' FROM users u
	WHERE u.deleted <> 0 AND EXISTS (SELECT 1 FROM users r WHERE r.tenant = u.tenant AND r.manager = u.id AND r.manager <> '' AND r.deleted = 0);

ALTER TABLE groups ADD COLUMN members BIGINT NOT NULL DEFAULT 0;
UPDATE groups SET members = (SELECT COUNT(*) FROM member m WHERE m.tenant = groups.tenant AND m.group_id = groups.id);
