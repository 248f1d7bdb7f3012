package directory_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// do sends a request and returns the status and the body.
func (p *peer) do(method, path, body string) (int, scim.Object) {
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		p.Error(err)
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := p.send(r)
	if err != nil {
		p.Error(err)
		return 0, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.Error(err)
	}
	var o scim.Object
	if len(text) > 0 {
		if err := json.Unmarshal(text, &o); err != nil {
			p.Errorf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return res.StatusCode, o
}

// create adds a resource and returns its id.
func (p *peer) create(path, body string) string {
	p.Helper()
	status, o := p.do("POST", path, body)
	if status != 201 {
		p.Fatalf("POST %s %s: %d %v", path, body, status, o)
	}
	return o.Text("id")
}

// writers is how many write the same at once.
const writers = 32

// each runs f for every writer at the same time and returns the statuses.
func each(f func(i int) int) []int {
	var wg sync.WaitGroup
	statuses := make([]int, writers)
	for i := range writers {
		wg.Go(func() { statuses[i] = f(i) })
	}
	wg.Wait()
	slices.Sort(statuses)
	return statuses
}

// TestConcurrentWriters: of 32 writers on one user or one group no change is lost, of 32 on one name one wins, and of 32 on one
// version one wins. Two processes share the PostgreSQL database, as two nodes do.
func TestConcurrentWriters(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		a := newPeer(t, db, nil)
		b := newPeer(t, db, func(p *peer) { p.tenant = a.tenant }) // without the locks of the other: the store alone decides
		peers := []*peer{a, b}
		all := func(status int) []int { return slices.Repeat([]int{status}, writers) }

		user := a.create("/Users", `{"userName": "ada"}`)
		got := each(func(i int) int {
			status, _ := peers[i%2].do("PATCH", "/Users/"+user, fmt.Sprintf(`{"Operations": [{"op": "add", "path": "phoneNumbers", "value": [{"value": "+%d"}]}]}`, i))
			return status
		})
		_, o := a.do("GET", "/Users/"+user, "")
		if phones, _ := o.Get("phoneNumbers").(scim.List); !slices.Equal(got, all(200)) || len(phones) != writers {
			t.Errorf("patches of a user answer %v and leave %d of %d values", got, len(phones), writers)
		}

		var ids []string
		for i := range writers {
			ids = append(ids, a.create("/Users", fmt.Sprintf(`{"userName": "u%d"}`, i)))
		}
		group := a.create("/Groups", `{"displayName": "G"}`)
		got = each(func(i int) int {
			status, _ := peers[i%2].do("PATCH", "/Groups/"+group, `{"Operations": [{"op": "add", "path": "members", "value": [{"value": "`+ids[i]+`"}]}]}`)
			return status
		})
		_, o = a.do("GET", "/Groups/"+group, "")
		if members, _ := o.Get("members").(scim.List); !slices.Equal(got, all(200)) || len(members) != writers {
			t.Errorf("patches of a group answer %v and leave %d of %d members", got, len(members), writers)
		}

		got = each(func(i int) int {
			status, _ := peers[i%2].do("POST", "/Users", `{"userName": "`+[]string{"one@x", "ONE@X"}[i/2%2]+`"}`)
			return status
		})
		if want := append([]int{201}, slices.Repeat([]int{409}, writers-1)...); !slices.Equal(got, want) {
			t.Errorf("32 POSTs of one userName answer %v", got)
		}

		got = each(func(i int) int {
			status, _ := peers[i%2].do("POST", "/Groups", `{"displayName": "`+[]string{"One", "ONE"}[i/2%2]+`"}`)
			return status
		})
		if want := append([]int{201}, slices.Repeat([]int{409}, writers-1)...); !slices.Equal(got, want) {
			t.Errorf("32 POSTs of one group's displayName answer %v", got)
		}

		_, o = a.do("GET", "/Users/"+ids[0], "")
		meta, _ := o.Get("meta").(scim.Object)
		got = each(func(i int) int {
			r, err := http.NewRequest("PATCH", "/Users/"+ids[0], strings.NewReader(fmt.Sprintf(`{"Operations": [{"op": "replace", "path": "title", "value": "%d"}]}`, i)))
			if err != nil {
				t.Error(err)
				return 0
			}
			r.Header.Set("If-Match", meta.Text("version"))
			res, err := peers[i%2].send(r)
			if err != nil {
				t.Error(err)
				return 0
			}
			return errorless(t, res)
		})
		if want := append([]int{200}, slices.Repeat([]int{412}, writers-1)...); !slices.Equal(got, want) {
			t.Errorf("32 PATCHes of one version answer %v", got)
		}
	})
}

func errorless(t *testing.T, res *http.Response) int {
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	return res.StatusCode
}

// TestWalk: a client that walks by startIndex while somebody deletes what it has seen neither misses nor repeats anything; ten
// minutes later, or from another client, the index counts as RFC 7644 §3.4.2.4 has it.
func TestWalk(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		now := time.Now()
		p := newPeer(t, db, func(p *peer) { p.scim.Pages = &directory.Pages{Now: func() time.Time { return now }} })
		var ids []string
		for i := range 9 {
			ids = append(ids, p.create("/Users", fmt.Sprintf(`{"userName": "u%d", "title": "x"}`, i)))
		}
		for _, query := range []string{"", "&filter=" + `title%20eq%20"x"`, "&sortBy=userName", "&filter=" + `title%20co%20"x"`} {
			var seen []string
			for start := 1; start <= 9; start += 3 {
				_, o := p.do("GET", "/Users?count=3&startIndex="+strconv.Itoa(start)+query, "")
				seen = append(seen, idsIn(o)...)
			}
			if !slices.Equal(seen, ids) {
				t.Errorf("the walk%s sees %v of %v", query, seen, ids)
			}
		}
		page := func(start int) []string {
			_, o := p.do("GET", "/Users?count=3&startIndex="+strconv.Itoa(start), "")
			return idsIn(o)
		}
		page(1)
		if status, _ := p.do("DELETE", "/Users/"+ids[0], ""); status != 204 {
			t.Fatal(status)
		}
		if got := page(4); !slices.Equal(got, ids[3:6]) {
			t.Errorf("the second page is %v, want %v", got, ids[3:6])
		}
		now = now.Add(11 * time.Minute)
		if got := page(4); !slices.Equal(got, ids[4:7]) {
			t.Errorf("later the page is %v, want %v", got, ids[4:7])
		}
	})
}

func idsIn(o scim.Object) []string {
	list, _ := o.Get("Resources").(scim.List)
	var ids []string
	for _, v := range list {
		r, _ := v.(scim.Object)
		ids = append(ids, r.Text("id"))
	}
	return ids
}
