-- Notifications: how a tenant is told, who is told of which job, what was told, and what is to be sent.

-- +goose Up
CREATE TABLE notify_settings (
	tenant   TEXT NOT NULL PRIMARY KEY,
	version  BIGINT NOT NULL,
	doc      TEXT NOT NULL, -- notify.Settings without secrets
	password TEXT NOT NULL, -- sealed with its destination; '' is none
	hook     TEXT NOT NULL, -- sealed with its destination; '' is none
	look     BIGINT NOT NULL -- when to look for news; 0 is never
) WITHOUT ROWID;
CREATE INDEX notify_settings_look ON notify_settings (look) WHERE look > 0;

CREATE TABLE notify_rule (
	tenant TEXT NOT NULL,
	job    TEXT NOT NULL,
	doc    TEXT NOT NULL, -- notify.Rule
	PRIMARY KEY (tenant, job)
) WITHOUT ROWID;

CREATE TABLE notify_cause (
	tenant TEXT NOT NULL,
	job    TEXT NOT NULL, -- '' is the tenant
	kind   TEXT NOT NULL,
	name   TEXT NOT NULL,
	since  BIGINT NOT NULL,
	told   BIGINT NOT NULL,
	ended  BIGINT NOT NULL,
	PRIMARY KEY (tenant, job, kind, name)
) WITHOUT ROWID;

CREATE TABLE notify_message (
	tenant    TEXT NOT NULL,
	id        TEXT NOT NULL,
	job       TEXT NOT NULL,
	outlet    TEXT NOT NULL,
	recipient TEXT NOT NULL,
	subject   TEXT NOT NULL,
	body      TEXT NOT NULL,
	created   BIGINT NOT NULL,
	due       BIGINT NOT NULL, -- 0 once it has ended
	tries     BIGINT NOT NULL,
	state     TEXT NOT NULL,
	code      TEXT NOT NULL,
	detail    TEXT NOT NULL,
	ended     BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX notify_message_due ON notify_message (due) WHERE due > 0;
CREATE INDEX notify_message_ended ON notify_message (tenant, ended);
