package directory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// cursorQueries are walked: by an index, by one with ties, by what has to be looked at, and in an order that no index has.
var cursorQueries = []string{
	"", "sortBy=userName", "sortBy=userName&sortOrder=descending", "sortBy=id&sortOrder=descending", "sortBy=title",
	"sortBy=nickName&sortOrder=descending", `filter=title%20eq%20"x"`, `filter=nickName%20pr`, `filter=nickName%20sw%20"n"&sortBy=userName`,
	`filter=title%20eq%20"x"&sortBy=displayName`,
}

// page asks for a page by cursor and returns it with the cursors of the next and the one before.
func (p *peer) page(path, cursor, query string) (ids []string, next, previous string) {
	p.Helper()
	status, o := p.do("GET", path+"?cursor="+cursor+"&"+query, "")
	if status != 200 {
		p.Fatalf("%s %s: %d %v", path, query, status, o)
	}
	return idsIn(o), o.Text("nextCursor"), o.Text("previousCursor")
}

// people creates so many users at once and returns their ids.
func (p *peer) people(prefix string, n int) (ids []string) {
	p.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%s{"method": "POST", "path": "/Users", "bulkId": "b%d", "data": {"userName": "%s%d", "title": "x", "nickName": "n%d", "displayName": "d%d"}}`,
			comma(i), i, prefix, (i*7)%n, i%3, i%2)
	}
	status, o := p.do("POST", "/Bulk", `{"Operations": [`+b.String()+`]}`)
	list, _ := o.Get("Operations").(scim.List)
	for _, v := range list {
		op, _ := v.(scim.Object)
		ids = append(ids, op.Text("location")[strings.LastIndex(op.Text("location"), "/")+1:])
	}
	if status != 200 || len(ids) != n {
		p.Fatal(status, o)
	}
	return ids
}

// check compares what a walk saw with those that were there all the time.
func (p *peer) check(name string, seen, stayed []string) {
	p.Helper()
	times := map[string]int{}
	for _, id := range seen {
		if times[id]++; times[id] == 2 {
			p.Errorf("%s: %s twice", name, id)
		}
	}
	for _, id := range stayed {
		if times[id] != 1 {
			p.Errorf("%s: %s %d times", name, id, times[id])
		}
	}
}

// TestCursorWalk: whoever walks by cursor, forward or backward, while others delete what they have seen and what they have not, and
// create more, meets everybody who stays exactly once.
func TestCursorWalk(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		for i, query := range cursorQueries {
			p := newPeer(t, db, func(p *peer) { p.limits.BulkOps = 100 })
			random := rand.New(rand.NewPCG(uint64(i), 1))
			stayed := p.people("u", 24)
			p.people("late", 2) // another order than that of names
			disturb := func(n int) {
				if n > 20 {
					return // a walk that meets somebody new on each page would not end
				}
				if i := random.IntN(len(stayed)); n%2 == 0 {
					if status, _ := p.do("DELETE", "/Users/"+stayed[i], ""); status != 204 {
						t.Fatal(status)
					}
					stayed = slices.Delete(stayed, i, i+1)
				}
				p.people(fmt.Sprintf("%c%d-", 'a'+rune(random.IntN(26)), len(stayed)*100+n), 1)
			}
			query := fmt.Sprintf("%s&count=%d", query, 1+random.IntN(7))
			seen, next, previous := p.page("/Users", "", query)
			ids := seen
			for n := 1; next != ""; n++ {
				disturb(n)
				ids, next, previous = p.page("/Users", next, query)
				seen = append(seen, ids...)
			}
			p.check("forward "+query, seen, stayed)
			seen = ids
			for n := 1; previous != ""; n++ {
				disturb(n)
				ids, _, previous = p.page("/Users", previous, query)
				seen = append(seen, ids...)
			}
			p.check("backward "+query, seen, stayed)
		}
	})
}

// TestCursorConcurrent: the same while writers do not wait for the walk.
func TestCursorConcurrent(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, func(p *peer) { p.limits.BulkOps = 1000 })
		ids := p.people("u", 150)
		stayed, leavers := ids[:100], ids[100:]
		for i, query := range cursorQueries {
			var wg sync.WaitGroup
			wg.Go(func() {
				for j := range 5 {
					p.do("DELETE", "/Users/"+leavers[5*i+j], "")
					p.do("POST", "/Users", fmt.Sprintf(`{"userName": "m%d-%d", "title": "x", "nickName": "n"}`, j, i))
				}
			})
			var seen []string
			p.walk(query+"&count=10", func(page []string) { seen = append(seen, page...) })
			wg.Wait()
			p.check(query, seen, stayed)
		}
	})
}

// walk hands out the pages from the first to the last.
func (p *peer) walk(query string, f func(ids []string)) {
	for cursor := ""; ; {
		status, o := p.do("GET", "/Users?cursor="+cursor+"&"+query, "")
		if status != 200 {
			p.Errorf("%s: %d %v", query, status, o)
			return
		}
		f(idsIn(o))
		if cursor = o.Text("nextCursor"); cursor == "" {
			return
		}
	}
}

// TestCursorWhose: a cursor works on every node, and for nobody but the client of the tenant that it was given to, while the
// refusal tells nothing (RFC 9865 §5.2).
func TestCursorWhose(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		a := newPeer(t, db, nil)
		node := newPeer(t, db, func(p *peer) { p.tenant, p.key = a.tenant, a.key })
		other := newPeer(t, db, func(p *peer) { p.key = a.key })
		late := newPeer(t, db, func(p *peer) {
			p.tenant, p.key = a.tenant, a.key
			p.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
		})
		ids := a.people("u", 5)
		other.people("u", 5)
		_, next, _ := a.page("/Users", "", "count=2&sortBy=nickName")
		want, _, _ := a.page("/Users", next, "count=2&sortBy=nickName")
		if got, _, _ := node.page("/Users", next, "count=2&sortBy=nickName"); len(got) != 2 || !slices.Equal(got, want) {
			t.Errorf("another node shows %v of %v, not %v", got, ids, want)
		}
		path := "/Users?count=2&sortBy=nickName&cursor=" + next
		status, made := other.do("GET", path, "")
		if status != 400 || made.Text("scimType") != scim.TypeInvalidCursor {
			t.Errorf("another tenant: %d %v", status, made)
		}
		r, err := http.NewRequest("GET", path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer reader")
		res, err := a.send(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := errorless(t, res); got != 400 {
			t.Errorf("another client: %d", got)
		}
		_, forged := a.do("GET", "/Users?count=2&sortBy=nickName&cursor=AAAA", "")
		if forged.Text("detail") != made.Text("detail") {
			t.Errorf("%v and %v tell different things", forged, made)
		}
		if _, o := late.do("GET", path, ""); o.Text("scimType") != scim.TypeExpiredCursor {
			t.Errorf("two hours later: %v", o)
		}
	})
}

// TestCursorGroups: groups come with their members, page by page.
func TestCursorGroups(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		user := p.create("/Users", `{"userName": "ada"}`)
		var want, got []string
		for i := range 5 {
			want = append(want, p.create("/Groups", fmt.Sprintf(`{"displayName": "g%d", "members": [{"value": "%s"}]}`, 9-i, user)))
		}
		slices.Reverse(want)
		for cursor := ""; ; {
			_, o := p.do("GET", "/Groups?sortBy=displayName&count=2&cursor="+cursor, "")
			list, _ := o.Get("Resources").(scim.List)
			for _, v := range list {
				g, _ := v.(scim.Object)
				if members, _ := g.Get("members").(scim.List); len(members) != 1 {
					t.Errorf("%v", g)
				}
			}
			got = append(got, idsIn(o)...)
			if cursor = o.Text("nextCursor"); cursor == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	})
}

// foundOne is a Searcher that finds one user after any mark and remembers which mark that was.
type foundOne struct {
	directory.Searcher
	after directory.Mark
}

func (f *foundOne) Search(_ context.Context, _ lockstep.TenantID, s directory.Search) (directory.Found, error) {
	f.after = s.After
	m := directory.Mark{Key: s.After.Key + "\x00k", ID: "id"}
	return directory.Found{Records: []directory.Record{{ID: "id", Doc: []byte(`{}`)}}, First: m, Last: m}, nil
}

// FuzzPlace: of a place, whatever it holds, only one that was made for the client is taken, and it says what was put into it.
func FuzzPlace(f *testing.F) {
	one := &foundOne{}
	s := &directory.SCIM{Search: one}
	mine, others := directory.Endpoint{SCIM: s, Tenant: "t", Client: "a"}, directory.Endpoint{SCIM: s, Tenant: "t", Client: "b"}
	q := scim.Query{Type: "User", Count: 1}
	for _, e := range []directory.Endpoint{mine, others} {
		page, err := e.List(f.Context(), q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(page.Last)
		f.Add(page.Last[:17])
	}
	f.Add("x")
	f.Fuzz(func(t *testing.T, place string) {
		q := q
		q.After = place
		page, err := mine.List(t.Context(), q)
		if err != nil {
			return
		}
		if place != "" && (one.after.IsZero() || !strings.HasSuffix(place, one.after.ID+one.after.Key)) {
			t.Fatalf("%q is %+v", place, one.after)
		}
		before := one.after
		q.After = page.Last
		if _, err := mine.List(t.Context(), q); err != nil || one.after.ID != "id" || one.after.Key != before.Key+"\x00k" {
			t.Fatalf("%q: %+v, %v", page.Last, one.after, err)
		}
		if _, err := others.List(t.Context(), q); err == nil {
			t.Fatalf("%q is taken from another", page.Last)
		}
	})
}
