package store

import (
	"path/filepath"
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// TestSearchPlans: SQLite answers what clients search by through the index that was made for it.
func TestSearchPlans(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	schemas, err := directory.NewSchemas([]directory.Extension{{Kind: directory.UserKind, Schema: scim.Schema{ID: "urn:acme:2.0:Badge", Attributes: []scim.Attribute{
		{Name: "number", Type: scim.String, Filterable: true},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	types := schemas.Type(directory.UserKind)
	indexes := map[directory.Kind][]*extensionIndex{directory.UserKind: {
		{no: 7, path: filter.Path{URN: "urn:acme:2.0:Badge", Attr: "number"}, form: formFolded, ready: true},
	}}
	for text, want := range map[string]string{
		`userName eq "a"`:      "USING INDEX users_user_name (tenant=? AND user_name=?)",
		`userName sw "a"`:      "USING INDEX users_user_name (tenant=? AND user_name>? AND user_name<?)",
		`externalId eq "a"`:    "USING INDEX users_external_id (tenant=? AND external_id=?)",
		`id eq "a"`:            "(tenant=? AND id=?)",
		`active eq false`:      "USING INDEX users_inactive (tenant=?)",
		`manager.value eq "a"`: "USING INDEX users_manager (tenant=? AND manager=?)",
		`meta.lastModified gt "2026-01-01T00:00:00Z"`: "USING INDEX users_modified (tenant=? AND modified>?)",
		`emails.value eq "a"`:                         "USING PRIMARY KEY (tenant=? AND email=?)",
		`emails[type eq "work"].value eq "a"`:         "USING PRIMARY KEY (tenant=? AND email=?)",
		`department eq "a"`:                           "USING PRIMARY KEY (tenant=? AND attribute=? AND value=?)",
		`name.familyName sw "a"`:                      "USING PRIMARY KEY (tenant=? AND attribute=? AND value>? AND value<?)",
		`groups.value eq "a"`:                         "SEARCH m USING PRIMARY KEY (tenant=? AND group_id=?)",
		`urn:acme:2.0:Badge:number eq "a"`:            "SEARCH x USING PRIMARY KEY (no=? AND value=?)",
		`urn:acme:2.0:Badge:number sw "a"`:            "SEARCH x USING PRIMARY KEY (no=? AND value>? AND value<?)",
		`active eq true and employeeNumber eq "7"`:    "USING PRIMARY KEY (tenant=? AND attribute=? AND value=?)",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if e, err = types.Filter(e); err != nil {
			t.Fatal(err)
		}
		tr := translator{kind: directory.UserKind, args: []any{""}, indexes: indexes}
		if e, err = tr.composed(e); err != nil {
			t.Fatal(err)
		}
		query := "SELECT " + tr.columns() + tr.from() + " AND (" + tr.expr(e).text + ") ORDER BY u.id LIMIT 10"
		if since(e) {
			query = strings.Replace(query, "BY u.id", "BY u.id || ''", 1)
		}
		if plan := explain(t, db, query); !strings.Contains(plan, want) || wholeTable.MatchString(plan) {
			t.Errorf("%s\ngoes\n%s\nnot by\n%s", query, plan, want)
		}
	}
}

// TestPagePlans: SQLite begins a page at its mark, forward and backward, without reading what is before it.
func TestPagePlans(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for by, want := range map[string]string{
		"":                  "USING INDEX users_alive (tenant=? AND id%s?)",
		"userName":          "USING INDEX users_user_name (tenant=? AND user_name%s?)",
		"meta.lastModified": "USING INDEX users_modified (tenant=? AND (modified,id)%s(?,?))",
	} {
		for direction, sign := range map[string]string{"": ">", " DESC": "<"} {
			path := filter.Path{}
			if by != "" {
				if path, err = filter.ParsePath(by); err != nil {
					t.Fatal(err)
				}
			}
			tr := translator{kind: directory.UserKind, args: []any{""}}
			column, _ := tr.order(path)
			q := search{db: db, translator: tr, Search: directory.Search{After: directory.Mark{ID: "x", Key: "1"}, Backward: sign == "<"}}
			after, _, err := q.start(t.Context(), "", column)
			if err != nil {
				t.Fatal(err)
			}
			query := "SELECT " + q.columns() + q.from() + after + " ORDER BY " + column + direction
			if column != "u.id" {
				query += ", u.id" + direction
			}
			plan := explain(t, db, query+" LIMIT 11")
			if want := strings.Replace(want, "%s", sign, 1); !strings.Contains(plan, want) || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s\ngoes\n%s\nnot by\n%s", query, plan, want)
			}
		}
	}
}
