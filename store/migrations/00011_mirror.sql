-- What outside systems looked like when they were last seen (package mirror). See 00001_directory.sql for the rules of every table.
--
-- A mirror has a number of its own; a connection that comes to lead elsewhere gets another one, and the old rows are swept bit by
-- bit. The number of a row is that of its mirror times 2^32, plus one that counts the mirror's rows: so rows of one mirror stand
-- together, and sets of them are short (mirror.Set). The rows and their documents are found by it without an index; INTEGER is what
-- SQLite wants for that (migrate.go).

-- +goose Up

CREATE TABLE mirror_head (
	connection BIGINT NOT NULL PRIMARY KEY, -- number of its job
	mirror     BIGINT NOT NULL,
	generation BIGINT NOT NULL,
	position   BIGINT NOT NULL, -- of the newest change; whoever writes to the mirror locks this row first
	trimmed    BIGINT NOT NULL,
	rows_made  BIGINT NOT NULL, -- number of the newest row
	requests   BIGINT NOT NULL,
	whole      BIGINT NOT NULL, -- the newest request for everything
	answered   BIGINT NOT NULL,
	asked      BIGINT NOT NULL, -- when the oldest request that is not answered was made
	asks       BIGINT NOT NULL, -- when objects are to be read by their ids, 0 is never
	epoch      BIGINT NOT NULL,
	deadline   BIGINT NOT NULL,
	node       TEXT NOT NULL,
	not_before BIGINT NOT NULL, -- after failures
	held       BIGINT NOT NULL, -- the system wants to be left alone until then
	failures   BIGINT NOT NULL,
	code       TEXT NOT NULL,
	detail     TEXT NOT NULL
);

CREATE TABLE mirror_row (
	no       INTEGER NOT NULL PRIMARY KEY,
	mirror   BIGINT NOT NULL,
	type     TEXT NOT NULL,
	id       TEXT NOT NULL,
	hash     BIGINT NOT NULL,
	version  TEXT NOT NULL,
	state    BIGINT NOT NULL,
	missed   BIGINT NOT NULL,
	written  BIGINT NOT NULL,
	ask      BOOLEAN NOT NULL,
	position BIGINT NOT NULL,
	owner    TEXT NOT NULL
);
CREATE UNIQUE INDEX mirror_id ON mirror_row (mirror, type, id);
CREATE INDEX mirror_position ON mirror_row (mirror, type, position) WHERE position > 0;
CREATE INDEX mirror_state ON mirror_row (mirror, type, state) WHERE state > 0;
CREATE INDEX mirror_ask ON mirror_row (mirror) WHERE ask;

CREATE TABLE mirror_doc (
	no       INTEGER NOT NULL PRIMARY KEY,
	document TEXT NOT NULL -- JSON
);

-- By what objects that no link owns are looked up.
CREATE TABLE mirror_key (
	mirror    BIGINT NOT NULL,
	type      TEXT NOT NULL,
	attribute TEXT NOT NULL,
	value     TEXT NOT NULL, -- folded
	no        BIGINT NOT NULL,
	PRIMARY KEY (mirror, type, attribute, value, no)
) WITHOUT ROWID;

-- Who has a name, and who refers to somebody by a name: so that the others hear of it when it comes to mean somebody else.
CREATE TABLE mirror_name (
	mirror BIGINT NOT NULL,
	name   TEXT NOT NULL,
	type   TEXT NOT NULL,
	no     BIGINT NOT NULL,
	PRIMARY KEY (mirror, name, type)
) WITHOUT ROWID;
CREATE TABLE mirror_refers (
	mirror BIGINT NOT NULL,
	name   BIGINT NOT NULL, -- a digest; two with the same cost one look too many
	no     BIGINT NOT NULL,
	PRIMARY KEY (mirror, name, no)
) WITHOUT ROWID;

CREATE TABLE mirror_pass (
	mirror BIGINT NOT NULL,
	type   TEXT NOT NULL,
	pass   TEXT NOT NULL, -- JSON
	PRIMARY KEY (mirror, type)
);

-- The rows that each page of a pass has met.
CREATE TABLE mirror_met (
	pass BIGINT NOT NULL,
	page BIGINT NOT NULL,
	met  TEXT NOT NULL,
	PRIMARY KEY (pass, page)
);

-- The parts that a pass could not read, and those of which somebody said that nobody is in them.
CREATE TABLE mirror_part (
	mirror BIGINT NOT NULL,
	type   TEXT NOT NULL,
	pass   BIGINT NOT NULL,
	n      BIGINT NOT NULL,
	part   TEXT NOT NULL, -- JSON
	PRIMARY KEY (mirror, type, pass, n)
);
CREATE TABLE mirror_answer (
	mirror BIGINT NOT NULL,
	type   TEXT NOT NULL,
	part   TEXT NOT NULL,
	at     BIGINT NOT NULL,
	PRIMARY KEY (mirror, type, part)
);
