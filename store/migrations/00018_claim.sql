-- Who has a user or group of the directory (claims.go). owner is the id of a job, 'scim:' and the id of a token, or 'hand'. A claim
-- that is not active is that of an owner who has the user as disabled.

-- +goose Up

CREATE TABLE claim (
	tenant TEXT NOT NULL,
	kind   TEXT NOT NULL,
	id     TEXT NOT NULL,
	owner  TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	PRIMARY KEY (tenant, kind, id, owner)
) WITHOUT ROWID;

-- Those whom somebody has deleted by an order, and who ordered it: no job brings them back.
CREATE TABLE ordered (
	tenant TEXT NOT NULL,
	kind   TEXT NOT NULL,
	id     TEXT NOT NULL,
	actor  TEXT NOT NULL,
	PRIMARY KEY (tenant, kind, id)
) WITHOUT ROWID;

-- Each object belongs to the sources that are linked to it, and what no source is linked to belongs to people. A source that has
-- disabled somebody, or has brought them in as disabled, does not keep them enabled.
INSERT INTO claim (tenant, kind, id, owner, active)
	SELECT j.tenant, l.type, l.target, j.id, CASE WHEN MAX(CASE WHEN l.disabled OR l.image LIKE '%"active":false%' THEN 0 ELSE 1 END) = 1 THEN TRUE ELSE FALSE END
	FROM link l JOIN job j ON j.no = l.job WHERE j.direction = 'inbound' AND l.target <> '' GROUP BY j.tenant, l.type, l.target, j.id;
INSERT INTO claim (tenant, kind, id, owner, active)
	SELECT u.tenant, 'User', u.id, 'hand', u.active FROM users u
	WHERE u.deleted = 0 AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.tenant = u.tenant AND c.kind = 'User' AND c.id = u.id);
INSERT INTO claim (tenant, kind, id, owner, active)
	SELECT g.tenant, 'Group', g.id, 'hand', TRUE FROM groups g
	WHERE g.deleted = 0 AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.tenant = g.tenant AND c.kind = 'Group' AND c.id = g.id);
