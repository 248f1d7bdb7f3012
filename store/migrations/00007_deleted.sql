-- Who has been soft-deleted long enough to be removed.

-- +goose Up
CREATE INDEX users_deleted ON users (tenant, deleted) WHERE deleted <> 0;
CREATE INDEX groups_deleted ON groups (tenant, deleted) WHERE deleted <> 0;
