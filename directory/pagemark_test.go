package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/store"
)

// TestPageAtOddNames: whoever walks by name gets past a name that begins with the last character there is.
func TestPageAtOddNames(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		for _, walk := range []struct{ path, body string }{
			{"/Users?sortBy=userName", `{"userName": "%s"}`}, {"/Groups?sortBy=displayName", `{"displayName": "%s"}`},
		} {
			path, _, _ := strings.Cut(walk.path, "?")
			var want []string
			for _, name := range []string{"z", `\ufffdb`, `\ufffda`} {
				want = append(want, p.create(path, fmt.Sprintf(walk.body, name)))
			}
			want[1], want[2] = want[2], want[1]
			var byCursor, byIndex []string
			for next, n := "", 0; n == 0 || next != ""; n++ {
				o := p.want(200, "GET", walk.path+"&count=1&cursor="+next, "")
				byCursor, next = append(byCursor, idsIn(o)...), o.Text("nextCursor")
			}
			for i := range want {
				byIndex = append(byIndex, idsIn(p.want(200, "GET", fmt.Sprintf("%s&count=1&startIndex=%d", walk.path, i+1), ""))...)
			}
			if !slices.Equal(byCursor, want) || !slices.Equal(byIndex, want) {
				t.Errorf("%s: by cursor %v, by index %v, want %v", walk.path, byCursor, byIndex, want)
			}
		}
	})
}

// TestPageWhenIndexComes: where a page ended is remembered in a way that depends on how it was found. A client that walks by index
// does not notice when an attribute gets an index in between.
func TestPageWhenIndexComes(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		const urn = "urn:acme:params:scim:schemas:desk:2.0:User"
		desk := func(filterable bool) {
			t.Helper()
			err := p.define(fmt.Sprintf(`{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": %q, "name": "Desk", "resourceType": "User",
				"attributes": [{"name": "floor", "type": "string", "filterable": %t}]}`, urn, filterable))
			if err != nil {
				t.Fatal(err)
			}
		}
		desk(false)
		var want []string
		for i := range 3 {
			want = append(want, p.create("/Users", fmt.Sprintf(`{"schemas": [%q], "userName": "u%d", %q: {"floor": "two"}}`, urn, i, urn)))
		}
		page := func(i int) {
			t.Helper()
			o := p.want(200, "GET", fmt.Sprintf(`/Users?sortBy=userName&count=1&startIndex=%d&filter=%s:floor%%20eq%%20"two"`, i, urn), "")
			if got := idsIn(o); !slices.Equal(got, want[i-1:i]) {
				t.Errorf("page %d has %v, want %s", i, got, want[i-1])
			}
		}
		page(1)
		desk(true)
		for n, indexing := 0, true; indexing; n++ {
			schemas, err := db.Schemas(t.Context(), p.tenant)
			if err != nil {
				t.Fatal(err)
			}
			indexing = slices.ContainsFunc(schemas.Extensions, func(e directory.Extension) bool { return e.Indexing })
			p.create("/Groups", fmt.Sprintf(`{"displayName": "turn %d"}`, n)) // takes its turn with those who build the index
		}
		page(2)
		page(3)
	})
}
