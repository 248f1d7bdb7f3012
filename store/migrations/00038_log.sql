-- By what the newest lines of the log are found, and how many people are left out.

-- +goose Up

-- The lines of one kind, and those in states that most leave or never enter.
CREATE INDEX action_kind ON action (job, kind, id);
CREATE INDEX action_apart ON action (job, state, id) WHERE state IN ('held', 'left_out', 'failed', 'refused', 'rejected', 'skipped');
-- Those that say something of their own, and those that ended long after they were planned.
CREATE INDEX action_said ON action (job, id) WHERE detail <> '' OR code <> '';
CREATE INDEX action_late ON action (job, ended) WHERE ended > planned + 3600000;

-- Which source objects have lines of a name, however many those are (lognames.go), and which had an id at the target. By these
-- lines are searched.
CREATE TABLE action_name (
	job       BIGINT NOT NULL,
	source_id TEXT NOT NULL,
	name      TEXT NOT NULL,   -- of both ends, folded, the first 300 letters; or the sign U+0001 and the id
	no        BIGINT NOT NULL, -- in the sets of people_gram under the job's number. 0 will be in them, -1 is an id, -2 is longer than the name
	PRIMARY KEY (job, source_id, name)
) WITHOUT ROWID;
INSERT INTO action_name (job, source_id, name, no) SELECT job, source_id, substr(search, 1, 300), MIN(CASE WHEN length(search) > 300 THEN -2 ELSE 0 END)
	FROM action WHERE search <> '' GROUP BY job, source_id, substr(search, 1, 300);
INSERT INTO action_name (job, source_id, name, no) SELECT DISTINCT a.job, a.source_id, '' || a.target_id, -1 FROM action a WHERE a.target_id <> ''
	AND NOT EXISTS (SELECT 1 FROM link l WHERE l.job = a.job AND l.type = a.source_type AND l.source_id = a.source_id AND l.target = a.target_id);
CREATE UNIQUE INDEX action_name_no ON action_name (job, no) WHERE no > 0;
CREATE INDEX action_name_rest ON action_name (job, no) WHERE no IN (0, -2);
CREATE INDEX action_name_id ON action_name (job, name) WHERE no = -1;

-- Whoever is not in scope.
CREATE INDEX link_out ON link (job, type, source_id) WHERE substr(verdict, 1, 10) <> '{"in":true';
