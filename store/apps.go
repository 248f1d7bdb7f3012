package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/directory"
)

// Apps returns the tenant's apps by slug. It satisfies directory.Reader.
func (db *DB) Apps(ctx context.Context, tenant lockstep.TenantID) ([]directory.App, error) {
	rows, err := db.query(ctx, "SELECT id, slug, name, template, roles, created, version FROM app WHERE tenant = $1 ORDER BY slug", string(tenant))
	apps, err := collect(rows, err, scanApp)
	if err != nil {
		return nil, fmt.Errorf("read apps: %w", err)
	}
	return apps, nil
}

func scanApp(s scanner) (a directory.App, err error) {
	var roles string
	var created int64
	if err := s.Scan(&a.ID, &a.Slug, &a.Name, &a.Template, &roles, &created, &a.Version); err != nil {
		return a, err
	}
	a.Created = instant(created)
	return a, json.Unmarshal([]byte(roles), &a.Roles)
}

const assignmentColumns = "id, app, kind, principal, role, created"

// Assignments returns the assignments of an app, or those of all apps when app is empty, in the order of ids. It satisfies
// directory.Reader.
func (db *DB) Assignments(ctx context.Context, tenant lockstep.TenantID, app lockstep.AppID) ([]directory.Assignment, error) {
	text, args := "SELECT "+assignmentColumns+" FROM assignment WHERE tenant = $1", []any{string(tenant)}
	if app != "" {
		text += " AND app = $2"
		args = append(args, string(app))
	}
	rows, err := db.query(ctx, text+" ORDER BY id", args...)
	all, err := collect(rows, err, scanAssignment)
	if err != nil {
		return nil, fmt.Errorf("read assignments: %w", err)
	}
	return all, nil
}

func scanAssignment(s scanner) (a directory.Assignment, err error) {
	var created int64
	err = s.Scan(&a.ID, &a.App, &a.Kind, &a.To, &a.Role, &created)
	a.Created = instant(created)
	return a, err
}

func (c *change) putApp(a directory.App) error {
	if a.ID == "" || a.Slug == "" || a.Slug != strings.ToLower(a.Slug) {
		return invalid("An app needs an id and a slug in lower case.")
	}
	roles, err := json.Marshal(a.Roles)
	if err != nil {
		return err
	}
	if a.Created.IsZero() {
		a.Created = c.at
	}
	verb := "updated"
	if a.Version == 0 {
		verb = "created"
		_, err = c.exec(`INSERT INTO app (tenant, id, slug, name, template, roles, created, version) VALUES ($1, $2, $3, $4, $5, $6, $7, 1)`,
			string(c.tenant), string(a.ID), a.Slug, a.Name, a.Template, string(roles), millis(a.Created))
	} else {
		var n int64
		n, err = c.exec(`UPDATE app SET slug = $3, name = $4, template = $5, roles = $6, version = version + 1 WHERE tenant = $1 AND id = $2`,
			string(c.tenant), string(a.ID), a.Slug, a.Name, a.Template, string(roles))
		if err == nil && n == 0 {
			return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("There is no app %s.", a.ID)}
		}
	}
	if where, is := c.db.dialect.unique(err); is {
		if strings.HasSuffix(where, "slug") {
			return taken("There is an app %s.", a.Slug)
		}
		return taken("There is an app with the id %s.", a.ID)
	}
	if err != nil {
		return err
	}
	c.tell(directory.Event{Object: "app", Op: directory.OpPut, ID: string(a.ID)}, verb, a.Name, "")
	return nil
}

func (c *change) deleteApp(id lockstep.AppID) error {
	rows, err := c.query("DELETE FROM app WHERE tenant = $1 AND id = $2 RETURNING name", string(c.tenant), string(id))
	name, err := one(rows, err, scanText)
	if err != nil {
		return absent(err, "app", string(id))
	}
	if _, err := c.exec("DELETE FROM assignment WHERE tenant = $1 AND app = $2", string(c.tenant), string(id)); err != nil {
		return err
	}
	c.tell(directory.Event{Object: "app", Op: directory.OpPurge, ID: string(id)}, "deleted", name, "")
	return nil
}

const upsertAssignment = `INSERT INTO assignment (tenant, id, app, kind, principal, role, created) VALUES ($1, $2, $3, $4, $5, $6, $7)
	ON CONFLICT (tenant, app, principal) DO UPDATE SET role = excluded.role RETURNING ` + assignmentColumns

// assignable is the table of what can be assigned, "" of what cannot.
func assignable(k directory.Kind) string {
	return map[directory.Kind]string{directory.UserKind: "users", directory.GroupKind: "groups"}[k]
}

func (c *change) putAssignment(a directory.Assignment) error {
	table := assignable(a.Kind)
	if a.ID == "" || table == "" {
		return invalid("An assignment needs an id, and a User or a Group.")
	}
	rows, err := c.query("SELECT name FROM app WHERE tenant = $1 AND id = $2"+c.db.dialect.lock(), string(c.tenant), string(a.App))
	app, err := one(rows, err, scanText)
	if err != nil {
		return absent(err, "app", string(a.App))
	}
	rows, err = c.query("SELECT doc FROM "+table+" WHERE tenant = $1 AND id = $2"+c.db.dialect.lock(), string(c.tenant), a.To)
	doc, err := one(rows, err, scanText) // who is soft-deleted has assignments, for when they are restored
	if err != nil {
		return absent(err, strings.TrimSuffix(table, "s"), a.To)
	}
	if a.Created.IsZero() {
		a.Created = c.at
	}
	rows, err = c.query(upsertAssignment, string(c.tenant), string(a.ID), string(a.App), string(a.Kind), a.To, a.Role, millis(a.Created))
	kept, err := one(rows, err, scanAssignment)
	if _, is := c.db.dialect.unique(err); is {
		return taken("There is an assignment with the id %s.", a.ID)
	}
	if err != nil {
		return err
	}
	c.tell(assignmentEvent(kept, directory.OpPut), "created", assigned(kept, doc, app), kept.Role)
	return nil
}

func (c *change) deleteAssignment(id lockstep.AssignmentID) error {
	rows, err := c.query("DELETE FROM assignment WHERE tenant = $1 AND id = $2 RETURNING "+assignmentColumns, string(c.tenant), string(id))
	a, err := one(rows, err, scanAssignment)
	if err != nil {
		return absent(err, "assignment", string(id))
	}
	rows, err = c.query("SELECT name FROM app WHERE tenant = $1 AND id = $2", string(c.tenant), string(a.App))
	app, err := one(rows, err, scanText)
	if err != nil {
		return absent(err, "app", string(a.App))
	}
	rows, err = c.query("SELECT doc FROM "+assignable(a.Kind)+" WHERE tenant = $1 AND id = $2", string(c.tenant), a.To)
	doc, err := one(rows, err, scanText)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("name whom an assignment is of: %w", err)
	}
	c.tell(assignmentEvent(a, directory.OpDelete), "deleted", assigned(a, doc, app), a.Role)
	return nil
}

// assigned is an assignment as the audit log names it: Engineering at Cisco Webex. doc is the document of whom it is of, "" when they are gone. It
// says so for good, whatever becomes of either.
func assigned(a directory.Assignment, doc, app string) string {
	var named struct{ UserName, DisplayName string }
	_ = json.Unmarshal([]byte(doc), &named) // without a name the id has to do
	name := named.UserName
	if a.Kind == directory.GroupKind {
		name = named.DisplayName
	}
	return cmp.Or(name, a.To) + " at " + cmp.Or(app, string(a.App))
}

// assignmentEvent names the principal as Member: after a delete nothing else tells who it was.
func assignmentEvent(a directory.Assignment, op directory.Op) directory.Event {
	return directory.Event{Object: "assignment", Op: op, ID: string(a.ID), Member: a.To, Kind: a.Kind, App: a.App}
}
