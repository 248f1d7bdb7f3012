package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"lockstep"
	"lockstep/directory"
	"lockstep/notify"
	"lockstep/scim"
)

// searched says under which name the values of an attribute stand in user_value. It has attributes of users that clients look
// for and that have no column, by their canonical path. Whoever changes it raises searchIndex.
var searched = map[string]string{
	"displayName":                  "display",
	"name.familyName":              "family",
	"name.givenName":               "given",
	"title":                        "title",
	"phoneNumbers.value":           "phone",
	enterprise + ":employeeNumber": "number",
	enterprise + ":department":     "department",
}

// searchedIn are the attributes that valuesOf looks at.
var searchedIn = []string{"displayName", "title", "name", enterprise, "phoneNumbers"}

// searchIndex is the version of what user_value and users.display hold. A database with another one is indexed anew when it is
// opened.
const searchIndex = "1"

// valueSize is how many bytes of a value are indexed: PostgreSQL takes less than 2,700 for all columns of an index.
const valueSize = 512

// value is a row of user_value.
type value struct{ attribute, text string }

// valuesOf returns the rows of a user, each once. Empty texts have none.
func valuesOf(a scim.Object) []value {
	all := make([]value, 0, 8)
	add := func(attribute, text string) {
		if v := (value{attribute, cut(fold(text))}); text != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	add("display", a.Text("displayName"))
	add("title", a.Text("title"))
	if name, ok := a.Get("name").(scim.Object); ok {
		add("family", name.Text("familyName"))
		add("given", name.Text("givenName"))
	}
	if e, ok := a.Get(enterprise).(scim.Object); ok {
		add("number", e.Text("employeeNumber"))
		add("department", e.Text("department"))
	}
	phones, _ := a.Get("phoneNumbers").(scim.List)
	for _, v := range phones {
		o, _ := v.(scim.Object)
		add("phone", o.Text("value"))
	}
	return all
}

// cut returns the first valueSize bytes, or a few less where a character ends.
func cut(text string) string {
	if len(text) <= valueSize {
		return text
	}
	n := valueSize
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// displayOf is the name to show for a user.
func displayOf(a scim.Object) string {
	if name := a.Text("displayName"); name != "" {
		return name
	}
	return a.Text("userName")
}

var insertValues = bulk{lead: []string{"TEXT", "TEXT"}, n: 2, text: `INSERT INTO user_value (tenant, user_id, attribute, value) VALUES @rows
	ON CONFLICT (tenant, attribute, value, user_id) DO NOTHING`} // another node may be indexing too

// replaceValues writes what has changed among the values of a user.
func (c *change) replaceValues(id lockstep.UserID, old, next []value) error {
	for _, v := range old {
		if slices.Contains(next, v) {
			continue
		}
		_, err := c.exec("DELETE FROM user_value WHERE tenant = $1 AND attribute = $2 AND value = $3 AND user_id = $4",
			string(c.tenant), v.attribute, v.text, string(id))
		if err != nil {
			return err
		}
	}
	added := slices.DeleteFunc(next, func(v value) bool { return slices.Contains(old, v) })
	_, err := c.bulk(&insertValues, []any{string(c.tenant), string(id)}, len(added), func(args []any, i int) []any {
		return append(args, added[i].attribute, added[i].text)
	})
	return err
}

// setPassword keeps the hash of a user's password. Whoever is signed in with the old one no longer is.
func (c *change) setPassword(p directory.SetPassword) error {
	told := notify.KeyChange{Done: "added", Key: notify.KeyPassword}
	rows, err := c.query("SELECT user_id FROM user_password WHERE tenant = $1 AND user_id = $2", string(c.tenant), string(p.ID))
	if had, err := collect(rows, err, scanText); err != nil {
		return err
	} else if len(had) > 0 {
		told.Done = "changed"
	}
	var made int64
	rows, err = c.query("UPDATE users SET auth_epoch = auth_epoch + 1 WHERE tenant = $1 AND id = $2 AND deleted = 0 AND ($3 = 0 OR auth_epoch = $4) RETURNING user_name, created",
		string(c.tenant), string(p.ID), p.IfEpoch, p.IfEpoch)
	name, err := one(rows, err, func(s scanner) (name string, err error) { err = s.Scan(&name, &made); return name, err })
	if err = absent(err, "user", string(p.ID)); errors.Is(err, lockstep.ErrNotFound) && p.IfEpoch != 0 {
		err = lockstep.ErrVersion
	}
	if err != nil {
		return err
	}
	if err := c.signedOut(string(p.ID), "password changed"); err != nil {
		return err
	}
	_, err = c.exec(`INSERT INTO user_password (tenant, user_id, hash, at, ends) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, user_id) DO UPDATE SET hash = excluded.hash, at = excluded.at, ends = excluded.ends`,
		string(c.tenant), string(p.ID), p.Hash, millis(c.at), millis(p.Until))
	detail := ""
	if !p.Until.IsZero() {
		detail = "to be changed at the first sign-in"
	}
	c.record("set the password of", "user", string(p.ID), name, detail)
	if err != nil || made == millis(c.at) { // whoever is new knows nothing of a password of before
		return err
	}
	return c.tellPerson(c.by, c.tenant, string(p.ID), told)
}

// index brings what users are found by up to date with this program.
func (db *DB) index(ctx context.Context) error {
	have, err := db.Value(ctx, "", "search_index")
	if err != nil || have == searchIndex {
		return err
	}
	rows, err := db.query(ctx, "SELECT id FROM tenant ORDER BY id")
	tenants, err := collect(rows, err, scanText)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if err := db.indexTenant(ctx, lockstep.TenantID(t)); err != nil {
			return fmt.Errorf("index the users of tenant %s: %w", t, err)
		}
	}
	return db.SetValue(ctx, "", "search_index", searchIndex)
}

func (db *DB) indexTenant(ctx context.Context, tenant lockstep.TenantID) error {
	err := db.write(ctx, &work{tenant: tenant, rows: gatherRows + 1, run: func(t *tx) error {
		_, err := t.exec("DELETE FROM user_value WHERE tenant = $1", string(tenant))
		return err
	}})
	after := ""
	for err == nil {
		var last string
		var more bool
		err = db.write(ctx, &work{tenant: tenant, rows: gatherRows + 1, run: func(t *tx) (err error) {
			last, more, err = (&change{tx: t, tenant: tenant}).indexPage(after)
			return err
		}})
		if err == nil && !more {
			return nil
		}
		after = last
	}
	return err
}

// indexPage indexes the users after an id, some hundreds of them.
func (c *change) indexPage(after string) (last string, more bool, err error) {
	const size = 500
	rows, err := c.query("SELECT "+userColumns+" FROM users WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3", string(c.tenant), after, int64(size))
	users, err := collect(rows, err, scanUser)
	if err != nil {
		return after, false, err
	}
	for _, u := range users {
		last = string(u.ID)
		if _, err := c.exec("UPDATE users SET display = $3 WHERE tenant = $1 AND id = $2", string(c.tenant), last, displayOf(u.Attributes)); err != nil {
			return after, false, err
		}
		if err := c.replaceValues(u.ID, nil, valuesOf(u.Attributes)); err != nil {
			return after, false, err
		}
	}
	return last, len(users) == size, nil
}

// successor returns the least text that is greater than every text with the prefix; ok is false when there is none.
func successor(prefix string) (next string, ok bool) {
	for prefix != "" {
		r, n := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-n]
		switch {
		case r == 0xd7ff: // beyond it are surrogates, which no text has
			return prefix + "\ue000", true
		case r < utf8.MaxRune:
			return prefix + string(r+1), true
		}
	}
	return "", false
}

// ascii reports whether a text has only one way to be written.
func ascii(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
