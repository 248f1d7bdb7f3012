-- People are told by mail of changes to what they sign in with, so many times a day: who was told of what is found by whom it is about.

-- +goose Up

CREATE INDEX notify_message_job ON notify_message (tenant, job, created);
