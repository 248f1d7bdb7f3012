package scimapp

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/store"
)

// cursorPages serves the pages one after the other, each a list of ids, with cursors c1, c2, …; a cursor that is given twice is
// answered as the page it is of.
func cursorPages(total int, pages ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Query().Get("cursor"), "c"))
		var list []string
		for id := range strings.FieldsSeq(pages[n]) {
			list = append(list, fmt.Sprintf(`{"id":"%s","userName":"u%s@x"}`, id, id))
		}
		next := ""
		if n+1 < len(pages) {
			next = fmt.Sprintf(`"nextCursor":"c%d",`, n+1)
		}
		reply(200, fmt.Sprintf(`{"totalResults":%d,%s"Resources":[%s]}`, total, next, strings.Join(list, ",")))(w, r)
	}
}

// endless serves one user and then empty pages.
func endless(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	reply(200, fmt.Sprintf(`{"totalResults":9,"nextCursor":"%d","Resources":[]}`, n+1))(w, r)
}

func TestListByCursor(t *testing.T) {
	for _, c := range []struct {
		name     string
		handler  http.HandlerFunc
		want     string
		requests int
		code     lockstep.Code
	}{
		{"one page", cursorPages(2, "1 2"), "1 2", 1, ""},
		{"three pages", cursorPages(5, "1 2", "3 4", "5"), "1 2 3 4 5", 3, ""},
		{"nobody", cursorPages(0, ""), "", 1, ""},
		{"no total", cursorPages(0, "1 2", "3"), "1 2 3", 2, ""},
		{"some have gone since they were counted", cursorPages(5, "1 2", "4"), "1 2 4", 2, ""},
		{"an empty page in between", cursorPages(3, "1 2", "", "3"), "1 2 3", 3, ""},
		{"an empty page at the end", cursorPages(2, "1 2", ""), "1 2", 2, ""},
		{"pages that overlap", cursorPages(3, "1 2", "2 3"), "1 2 3", 2, ""},
		{"the first page alone", cursorPages(9, "1 2"), "", 0, lockstep.CodeTargetMalformed},
		{"a full page without a cursor amid the list", cursorPages(9, "1 2", "3 4"), "", 0, lockstep.CodeTargetMalformed},
		{"the same page for ever", cursorPages(9, "1 2", "1 2", "1 2"), "", 0, lockstep.CodeTargetMalformed},
		{"the same cursor for ever", reply(200, `{"totalResults":9,"nextCursor":"c","Resources":[]}`), "", 0, lockstep.CodeTargetMalformed},
		{"empty pages for ever", endless, "", 0, lockstep.CodeTargetMalformed},
		{"expired", reply(400, `{"scimType":"expiredCursor","detail":"too late"}`), "", 0, lockstep.CodeTargetRefused},
	} {
		for _, announced := range []bool{true, false} { // who pages by cursor alone may answer a request without one so (§2.3)
			t.Run(fmt.Sprintf("%s, announced %v", c.name, announced), func(t *testing.T) {
				s := serve(t, c.handler)
				tg := target(t, s.URL, Profile{})
				tg.cursor = announced
				var seen []connection.Object
				err := list(t.Context(), tg, userType, func(page []connection.Object) error {
					seen = append(seen, page...)
					return nil
				})
				if announced && strings.Contains(s.requests()[0].URL, "startIndex") {
					t.Error(s.requests()[0])
				}
				single := c.requests == 1 || c.name == "the first page alone"
				switch {
				case single && !announced: // nothing tells that it pages by cursor
				case lockstep.CodeOf(err) != c.code:
					t.Fatalf("error %v", err)
				case err == nil && (idsOf(seen) != c.want || len(s.requests()) != c.requests):
					t.Errorf("%s in %d requests, not %s in %d", idsOf(seen), len(s.requests()), c.want, c.requests)
				}
			})
		}
	}
}

// own is Lockstep's own endpoint, over a directory of users, as it would be without index paging.
func own(t *testing.T, names ...string) *server {
	db, err := store.Open(t.Context(), store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: store.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme", Name: "Acme"}
	if err := db.CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	e := directory.Endpoint{SCIM: &directory.SCIM{Store: db, Search: db}, Tenant: tenant.ID, Client: "test"}
	for _, name := range names {
		if _, err := e.Create(t.Context(), userType, scim.Object{{Name: "userName", Value: name}}); err != nil {
			t.Fatal(err)
		}
	}
	inner := http.StripPrefix("/scim/v2", &scimhttp.Handler{
		Tenant:  func(*http.Request) (scimhttp.Backend, error) { return e, nil },
		Limits:  scimhttp.Limits{MaxPageSize: 7},
		Cursors: &scimhttp.Cursors{Box: store.NewKey().Box("test")},
	})
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("startIndex") {
			reply(400, `{"scimType":"invalidValue","detail":"no index here"}`)(w, r)
			return
		}
		recorded := httptest.NewRecorder()
		inner.ServeHTTP(recorded, r)
		maps.Copy(w.Header(), recorded.Header())
		w.Header().Del("Content-Length")
		reply(recorded.Code, strings.Replace(recorded.Body.String(), `"index":true`, `"index":false`, 1))(w, r)
	})
}

// TestCursorOnly: from a server that pages by cursor alone everybody is listed and found, page by page as it allows.
func TestCursorOnly(t *testing.T) {
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("u%02d@x", i))
	}
	s := own(t, names...)
	tg, err := New(Config{BaseURL: s.URL + "/scim/v2", HTTP: loopback(), Token: target(t, s.URL, Profile{}).config.Token})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = list(t.Context(), tg, userType, func(page []connection.Object) error {
		for _, o := range page {
			got = append(got, o.Name)
		}
		return nil
	})
	slices.Sort(got)
	if err != nil || !slices.Equal(got, names) {
		t.Errorf("%v, %v", got, err)
	}
	if asked := s.requests(); len(asked) != 3+5 || !strings.Contains(asked[3].URL, "count=7") {
		t.Errorf("%d requests: %v", len(asked), asked)
	}
	found, err := tg.Find(t.Context(), userType, "userName", "U07@x", "nobody@x")
	if err != nil || len(found) != 1 || found[0].Name != "u07@x" {
		t.Errorf("found %v, %v", found, err)
	}
}
