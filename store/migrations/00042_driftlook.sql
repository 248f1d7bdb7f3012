-- What a look for drift at a job's application has come to, and each object that somebody else has changed or removed there. A look has a number
-- of its own; when the next one has ended, or the application is another one, its rows are swept bit by bit. What was kept of looks before is
-- counted only, and the next look finds it again.

-- +goose Up

DROP TABLE drift;
CREATE TABLE drift (
	job      BIGINT NOT NULL PRIMARY KEY,
	look     BIGINT NOT NULL, -- number of the last look that has ended, 0 is none
	read_at  BIGINT NOT NULL, -- when the read of the application began that it compared
	ended    BIGINT NOT NULL,
	compared BIGINT NOT NULL,
	unsure   BIGINT NOT NULL,
	more     BIGINT NOT NULL,
	silent   TEXT NOT NULL,   -- JSON
	asked    BIGINT NOT NULL, -- request for a read that somebody waits for a look at
	answered BIGINT NOT NULL,
	making   BIGINT NOT NULL, -- number of the look that is under way, 0 is none
	work     TEXT NOT NULL,   -- JSON: how far it has come
	epoch    BIGINT NOT NULL,
	deadline BIGINT NOT NULL
);

CREATE TABLE drift_found (
	look        BIGINT NOT NULL,
	type        TEXT NOT NULL,
	id          TEXT NOT NULL, -- at the source
	kind        TEXT NOT NULL,
	name        TEXT NOT NULL,
	target_type TEXT NOT NULL,
	target      TEXT NOT NULL,
	target_name TEXT NOT NULL,
	differ      TEXT NOT NULL, -- JSON
	differs     BIGINT NOT NULL,
	gone        BIGINT NOT NULL, -- references
	added       BIGINT NOT NULL,
	known       BIGINT NOT NULL, -- of these
	PRIMARY KEY (look, type, id)
);
CREATE INDEX drift_kind ON drift_found (look, kind);

CREATE TABLE drift_reference (
	look      BIGINT NOT NULL,
	type      TEXT NOT NULL,
	id        TEXT NOT NULL,
	gone      BOOLEAN NOT NULL,
	name      TEXT NOT NULL,
	target    TEXT NOT NULL,
	attribute TEXT NOT NULL,
	to_type   TEXT NOT NULL,
	to_id     TEXT NOT NULL, -- at the source, '' when the job does not know it
	PRIMARY KEY (look, type, id, gone, name, target, attribute)
) WITHOUT ROWID;
