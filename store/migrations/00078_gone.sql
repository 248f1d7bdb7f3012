-- People who are deleted, a page at a time, in the order of ids.

-- +goose Up

CREATE INDEX users_gone ON users (tenant, id) WHERE deleted <> 0;
