-- By what people are searched: every three letters that follow one another in their names, addresses and external ids
-- (peopleindex.go). The index of a tenant has a number of its own; when it is made anew, the rows of the old number are swept.

-- +goose Up

-- How far each tenant's index is.
CREATE TABLE people_index (
	tenant   TEXT NOT NULL PRIMARY KEY,
	no       BIGINT NOT NULL,
	form     TEXT NOT NULL,    -- which program's rows these are
	position BIGINT NOT NULL,  -- of the feed: what came later is not in it
	walked   TEXT NOT NULL,    -- while it is built: up to which id everybody is in it
	ready    BOOLEAN NOT NULL, -- everybody is
	people   BIGINT NOT NULL,  -- how many were ever in it, which is the number of the newest
	version  BIGINT NOT NULL   -- one more with each page: of two nodes that write the same page, one gives up
);

-- The number that a person has in the index. Numbers are not used again.
CREATE TABLE people_number (
	no     BIGINT NOT NULL,
	id     TEXT NOT NULL,
	person BIGINT NOT NULL,
	hash   BIGINT NOT NULL, -- of the texts that are indexed
	PRIMARY KEY (no, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX people_number_person ON people_number (no, person);

-- Which people of a chunk of 4,096 have a gram, and perhaps had it once: a set of numbers in ASCII.
CREATE TABLE people_gram (
	no     BIGINT NOT NULL,
	chunk  BIGINT NOT NULL,
	gram   BIGINT NOT NULL,
	people TEXT NOT NULL,
	PRIMARY KEY (no, chunk, gram)
) WITHOUT ROWID;
