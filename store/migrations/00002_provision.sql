-- Jobs and what they know. See 00001_directory.sql for the rules of every table.
--
-- A job's own number stands for (tenant, id) in the tables with many rows: two bytes in place of 72 in each index entry.
-- Every statement gets it by (tenant, id), so that no tenant reaches another's rows. Listings have numbers of their own.
-- Numbers are never used again: what belongs to a job or listing that is gone is swept bit by bit (sweep.go).

-- +goose Up

CREATE TABLE counter (
	name TEXT NOT NULL PRIMARY KEY,
	n    BIGINT NOT NULL
);
INSERT INTO counter (name, n) VALUES ('number', 0);

CREATE TABLE doomed (
	no BIGINT NOT NULL PRIMARY KEY -- of a job or a listing that is gone
);

CREATE TABLE job (
	tenant    TEXT NOT NULL,
	id        TEXT NOT NULL,
	no        BIGINT NOT NULL,
	slug      TEXT NOT NULL,
	name      TEXT NOT NULL,
	direction TEXT NOT NULL,
	app       TEXT NOT NULL,
	manual    BOOLEAN NOT NULL,
	config    BIGINT NOT NULL,
	created   BIGINT NOT NULL,
	state     TEXT NOT NULL,
	code      TEXT NOT NULL,
	detail    TEXT NOT NULL,
	cursor    TEXT NOT NULL,
	position  BIGINT NOT NULL,
	applied   BIGINT NOT NULL,
	next_run   BIGINT NOT NULL,
	asked      BIGINT NOT NULL, -- next_run as the running slice knows it; when they differ an administrator has set it since
	not_before BIGINT NOT NULL,
	epoch      BIGINT NOT NULL,
	deadline   BIGINT NOT NULL,
	cycle      TEXT NOT NULL,    -- the open one
	waits      BOOLEAN NOT NULL, -- the open cycle waits for review
	listing    BIGINT NOT NULL,  -- number of its listing
	-- Documents stand last: a row's other columns are read without them.
	connection TEXT NOT NULL,
	policy     TEXT NOT NULL,
	rules      TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX job_no ON job (no);
CREATE UNIQUE INDEX job_slug ON job (tenant, slug);

CREATE TABLE secret (
	job    BIGINT NOT NULL,
	name   TEXT NOT NULL,
	sealed TEXT NOT NULL,
	PRIMARY KEY (job, name)
);

CREATE TABLE cycle (
	job      BIGINT NOT NULL,
	id       TEXT NOT NULL,
	kind     TEXT NOT NULL,
	cause    TEXT NOT NULL,
	phase    TEXT NOT NULL,
	page     TEXT NOT NULL,
	config   BIGINT NOT NULL, -- of the job when it began
	listed   BOOLEAN NOT NULL,
	total    BIGINT NOT NULL,
	counts   TEXT NOT NULL, -- JSON
	code     TEXT NOT NULL,
	detail   TEXT NOT NULL,
	began    BIGINT NOT NULL,
	ended    BIGINT NOT NULL,
	PRIMARY KEY (job, id)
);

-- Plan line, intention, log line and undo image in one.
CREATE TABLE action (
	job         BIGINT NOT NULL,
	id          TEXT NOT NULL,
	cycle       TEXT NOT NULL,
	state       TEXT NOT NULL,
	kind        TEXT NOT NULL,
	lane        BIGINT NOT NULL,
	rank        BIGINT NOT NULL,
	source_type TEXT NOT NULL,
	source_id   TEXT NOT NULL,
	source_name TEXT NOT NULL,
	target_type TEXT NOT NULL,
	target_id   TEXT NOT NULL,
	target_name TEXT NOT NULL,
	search      TEXT NOT NULL, -- the names, folded
	refers      TEXT NOT NULL,
	code        TEXT NOT NULL,
	detail      TEXT NOT NULL,
	attempt     BIGINT NOT NULL,
	epoch       BIGINT NOT NULL,
	expires     BIGINT NOT NULL,
	undoes      TEXT NOT NULL,
	planned     BIGINT NOT NULL,
	opened      BIGINT NOT NULL,
	ended       BIGINT NOT NULL,
	seen        TEXT NOT NULL, -- JSON
	decided     TEXT NOT NULL, -- JSON, '' before a decision
	reason      TEXT NOT NULL, -- JSON
	before_doc  TEXT NOT NULL, -- JSON
	after_doc   TEXT NOT NULL, -- JSON
	PRIMARY KEY (job, id)
);
-- Pages actions of a state in the order in which they are applied, and counts a cycle's without touching the rows.
CREATE INDEX action_order ON action (job, state, cycle, lane, rank, id, kind, source_type);
CREATE INDEX action_source ON action (job, source_id);

-- What joins a source object to a target object, or says why there is none.
CREATE TABLE link (
	job       BIGINT NOT NULL,
	type      TEXT NOT NULL,
	source_id TEXT NOT NULL,
	name      TEXT NOT NULL,
	target    TEXT NOT NULL, -- '' is not linked
	matched   TEXT NOT NULL,
	match_key TEXT NOT NULL,
	version   TEXT NOT NULL,
	disabled  BOOLEAN NOT NULL,
	code      TEXT NOT NULL,
	detail    TEXT NOT NULL,
	attempts  BIGINT NOT NULL,
	due       BIGINT NOT NULL,
	seen      TEXT NOT NULL,
	verdict   TEXT NOT NULL, -- JSON
	image     TEXT NOT NULL, -- JSON
	PRIMARY KEY (job, type, source_id)
);
CREATE INDEX link_target ON link (job, type, target, disabled) WHERE target <> '';
CREATE INDEX link_key ON link (job, type, match_key) WHERE match_key <> '';
CREATE INDEX link_due ON link (job, due, type, source_id) WHERE due > 0;

-- References between source objects. ready says that wanted differs from written and both ends are linked; whoever changes
-- one of these four facts keeps it true. edge_ready finds those to write, edge_idle those to sweep.
CREATE TABLE edge (
	job       BIGINT NOT NULL,
	from_type TEXT NOT NULL,
	from_id   TEXT NOT NULL,
	attribute TEXT NOT NULL,
	to_type   TEXT NOT NULL,
	to_id     TEXT NOT NULL,
	wanted    BOOLEAN NOT NULL,
	written   BOOLEAN NOT NULL,
	ready     BOOLEAN NOT NULL,
	PRIMARY KEY (job, from_type, from_id, attribute, to_type, to_id)
) WITHOUT ROWID;
CREATE INDEX edge_to ON edge (job, to_type, to_id);
CREATE INDEX edge_ready ON edge (job) WHERE ready;
CREATE INDEX edge_idle ON edge (job) WHERE NOT wanted AND NOT written;

-- The target's objects while a cycle matches, and their matching values.
CREATE TABLE listing (
	list BIGINT NOT NULL,
	type TEXT NOT NULL,
	id   TEXT NOT NULL,
	doc  TEXT NOT NULL, -- JSON
	PRIMARY KEY (list, type, id)
);
CREATE TABLE listing_key (
	list      BIGINT NOT NULL,
	type      TEXT NOT NULL,
	attribute TEXT NOT NULL,
	value     TEXT NOT NULL, -- folded
	id        TEXT NOT NULL,
	PRIMARY KEY (list, type, attribute, value, id)
) WITHOUT ROWID;
