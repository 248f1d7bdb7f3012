package store

import (
	"path/filepath"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// TestIndexAtOpen: people who were there before the program indexed what clients search by are found all the same.
func TestIndexAtOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lockstep.db")
	tenant := lockstep.NewID[lockstep.TenantID]()
	open := func() *DB {
		db, err := Open(t.Context(), Config{SQLite: file})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	if err := db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	var changes []directory.Change
	for range 501 { // more than a page
		id := lockstep.NewID[lockstep.UserID]()
		changes = append(changes, directory.PutUser{User: directory.User{ID: id, Attributes: scim.Object{
			{Name: "userName", Value: string(id)}, {Name: "displayName", Value: "Ada"}, {Name: "title", Value: "Countess"},
		}}})
	}
	if _, err := db.Commit(t.Context(), tenant, audit.Actor{}, "", changes...); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"DELETE FROM user_value", "UPDATE users SET display = ''", "DELETE FROM setting WHERE name = 'search_index'"} {
		if _, err := db.writerDB.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open()
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	search := directory.Search{Kind: directory.UserKind, Filter: filter.Compare{Path: filter.Path{Attr: "title"}, Op: filter.Eq, Value: "countess"}}
	if f, err := db.Search(t.Context(), tenant, search); err != nil || f.Total != 501 {
		t.Errorf("%d found, %v", f.Total, err)
	}
	rows, err := db.query(t.Context(), "SELECT COUNT(*) FROM users WHERE display = 'Ada'")
	if n, err := one(rows, err, scanInt); err != nil || n != 501 {
		t.Errorf("%d have a name to show, %v", n, err)
	}
}

// TestValues: what is indexed of a user, cut where a character ends.
func TestValues(t *testing.T) {
	long := strings.Repeat("é", valueSize)
	got := valuesOf(scim.Object{
		{Name: "title", Value: long},
		{Name: "displayName", Value: "ADA"},
		{Name: "phoneNumbers", Value: scim.List{scim.Object{{Name: "value", Value: "1"}}, scim.Object{{Name: "value", Value: "1"}}, scim.Object{}}},
	})
	want := []value{{"display", "ada"}, {"title", cut(fold(long))}, {"phone", "1"}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || len(got[1].text) != valueSize {
		t.Errorf("%v", got)
	}
	for prefix, want := range map[string]string{"a": "b", "az": "a{", "\ud7ff": "\ue000", "a\U0010ffff": "b", "": "", "\U0010ffff": ""} {
		if next, ok := successor(prefix); next != want || ok != (want != "") {
			t.Errorf("successor of %q: %q, %v", prefix, next, ok)
		}
	}
}
