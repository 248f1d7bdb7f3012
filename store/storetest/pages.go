package storetest

import (
	"slices"
	"testing"

	"lockstep/directory"
	"lockstep/store"
)

// testPages: every page by number is the right one, from either end.
func testPages(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	ids := c.users("u", 11)
	c.commit(directory.DeleteUser{ID: ids[2]}, directory.DeleteUser{ID: ids[9]})
	whole, err := c.db.Search(t.Context(), c.tenant, directory.Search{Kind: directory.UserKind, Limit: 100})
	c.ok(err)
	want := recordIDs(whole.Records)
	if len(want) != 9 || whole.Total != 9 {
		t.Fatalf("%d of %d users", len(want), whole.Total)
	}
	for offset := range 11 {
		f, err := c.db.Search(t.Context(), c.tenant, directory.Search{Kind: directory.UserKind, Offset: offset, Limit: 2})
		c.ok(err)
		from := min(offset, 9)
		if got := recordIDs(f.Records); !slices.Equal(got, want[from:min(from+2, 9)]) || f.Total != 9 {
			t.Errorf("from %d: %v of %d", offset, got, f.Total)
		}
	}
}
