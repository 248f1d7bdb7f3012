-- Who applied or discarded the plan of a cycle, and when. Of cycles before nobody knows but the audit log.

-- +goose Up

ALTER TABLE cycle ADD COLUMN decided TEXT NOT NULL DEFAULT ''; -- JSON
