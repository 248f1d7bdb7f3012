package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
)

const userColumns = "id, version, active, deleted, auth_epoch, created, modified, doc"

func scanUser(s scanner) (u directory.User, err error) {
	var deleted, created, modified int64
	var doc string
	if err := s.Scan(&u.ID, &u.Version, &u.Active, &deleted, &u.AuthEpoch, &created, &modified, &doc); err != nil {
		return u, err
	}
	u.Deleted, u.Created, u.Modified = instant(deleted), instant(created), instant(modified)
	u.Attributes, err = object(doc)
	return u, err
}

// Users returns users of a tenant. It satisfies directory.Reader. The limit of 500 is for paging: a query that names ids or
// values and has no limit gets all that match.
func (db *DB) Users(ctx context.Context, tenant lockstep.TenantID, q directory.UserQuery) ([]directory.User, error) {
	where, values, err := userFilter(q)
	if err != nil {
		return nil, err
	}
	s := selection[directory.User]{
		text:   "SELECT " + userColumns + " FROM users WHERE tenant = $1 AND " + where,
		tenant: tenant, values: values, deleted: q.Deleted, after: string(q.After), limit: q.Limit, scan: scanUser,
		apart: strings.HasPrefix(where, "user_name "), state: q.State,
	}
	users, err := s.run(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	return users, nil
}

// userFilter returns the condition that takes the list of values, if there is one.
func userFilter(q directory.UserQuery) (where string, values []string, err error) {
	if q.IDs != nil {
		return "id IN (@list)", texts(q.IDs), nil
	}
	switch strings.ToLower(q.Attribute) {
	case "":
		return "", nil, nil
	case "username":
		return "user_name IN (@list)", folded(q.Values), nil
	case "externalid":
		return "external_id IN (@list) AND external_id <> ''", q.Values, nil
	case "email":
		return "id IN (SELECT user_id FROM user_email WHERE tenant = $1 AND email IN (@list))", folded(q.Values), nil
	}
	return "", nil, invalid("Users cannot be selected by %s.", q.Attribute)
}

// selection reads users or groups: those with one of the values, or a page of all.
type selection[T any] struct {
	text    string // ends in the condition on the list of values, or in AND
	tenant  lockstep.TenantID
	values  []string
	deleted bool
	after   string
	limit   int
	scan    func(scanner) (T, error)
	apart   bool // those who are deleted have an index of their own
	state   directory.UserState
}

// stateConditions select a page of users in one state. Those who are active are nearly all: a condition of SQL would have no index.
var stateConditions = map[directory.UserState]string{
	directory.DisabledUsers: " AND active = FALSE AND deleted = 0",
	directory.DeletedUsers:  " AND deleted <> 0",
}

func (s *selection[T]) run(ctx context.Context, db *DB) ([]T, error) {
	alive := " AND deleted = 0"
	if s.deleted {
		alive = ""
	}
	if strings.HasSuffix(s.text, "AND ") {
		if condition, ok := stateConditions[s.state]; ok {
			alive = condition
		}
		limit := s.limit
		if limit == 0 {
			limit = 500
		}
		rows, err := db.query(ctx, s.text+"id > $2"+alive+" ORDER BY id LIMIT $3", string(s.tenant), s.after, int64(limit))
		return collect(rows, err, s.scan)
	}
	conditions := []string{alive}
	if s.apart && s.deleted {
		conditions = []string{" AND deleted = 0", " AND deleted <> 0"}
	}
	var all []T
	var err error
	for _, alive := range conditions {
		err = errors.Join(err, lists(db, s.text+alive, []any{string(s.tenant)}, s.values, func(text string, args []any) error {
			rows, err := db.query(ctx, text, args...)
			found, err := collect(rows, err, s.scan)
			all = append(all, found...)
			return err
		}))
	}
	if s.limit > 0 && len(all) > s.limit {
		all = all[:s.limit]
	}
	return all, err
}

func texts[S ~string](ids []S) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}

// alive is 1 unless the time of deletion is set.
func alive(deleted time.Time) int64 {
	if deleted.IsZero() {
		return 1
	}
	return 0
}

func (c *change) putEmails(id lockstep.UserID, emails []string) error {
	for _, e := range emails {
		_, err := c.exec("INSERT INTO user_email (tenant, email, user_id) VALUES ($1, $2, $3)", string(c.tenant), e, string(id))
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *change) replaceEmails(id lockstep.UserID, old, next []string) error {
	var added []string
	for _, e := range next {
		if !slices.Contains(old, e) {
			added = append(added, e)
		}
	}
	for _, e := range old {
		if slices.Contains(next, e) {
			continue
		}
		_, err := c.exec("DELETE FROM user_email WHERE tenant = $1 AND email = $2 AND user_id = $3", string(c.tenant), e, string(id))
		if err != nil {
			return err
		}
	}
	return c.putEmails(id, added)
}

// emailsOf returns the values of emails, folded, each once.
func emailsOf(a scim.Object) []string {
	list, _ := a.Get("emails").(scim.List)
	var all []string
	for _, v := range list {
		o, _ := v.(scim.Object)
		if e := fold(o.Text("value")); e != "" && !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return all
}

// enterprise is the URN of the enterprise extension (RFC 7643 §4.3).
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// managerOf returns the id of the manager, or "".
func managerOf(a scim.Object) string {
	e, _ := a.Get(enterprise).(scim.Object)
	m, _ := e.Get("manager").(scim.Object)
	return m.Text("value")
}

// isActive returns the attribute active; absent means true.
func isActive(a scim.Object) bool {
	active, is := a.Get("active").(bool)
	return active || !is
}

// differences names the attributes that differ, for the audit log.
func differences(old, next scim.Object) string {
	var names []string
	for _, a := range next {
		if !scim.Equal(old.Get(a.Name), a.Value) {
			names = append(names, a.Name)
		}
	}
	for _, a := range old {
		if !next.Has(a.Name) {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, ", ")
}
