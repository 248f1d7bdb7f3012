-- By what pages find what is rare in what is long.

-- +goose Up

-- The groups in groups, beside all the people who are in them.
CREATE INDEX member_nested ON member (tenant, group_id, id) WHERE kind = 'Group';

-- The lines of the log by when what they say happened.
CREATE INDEX action_at ON action (job, (CASE WHEN ended > 0 THEN ended ELSE planned END));
