package scimhttp_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/store"
)

// stock is a backend with so many users and groups.
func stock(t testing.TB, users, groups int) *memory {
	t.Helper()
	m := newMemory()
	for i := range users {
		if _, err := m.Create(t.Context(), "User", scim.Object{{Name: "userName", Value: "u" + strconv.Itoa(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range groups {
		if _, err := m.Create(t.Context(), "Group", scim.Object{{Name: "displayName", Value: "g" + strconv.Itoa(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// listed is an answer to a query.
type listed struct {
	status   int
	Total    int    `json:"totalResults"`
	Next     string `json:"nextCursor"`
	Previous string `json:"previousCursor"`
	Type     string `json:"scimType"`
	Detail   string `json:"detail"`
	All      []struct {
		ID string `json:"id"`
	} `json:"Resources"`
}

func (l listed) ids() (ids []string) {
	for _, r := range l.All {
		ids = append(ids, r.ID)
	}
	return ids
}

func list(t *testing.T, server *httptest.Server, path, cursor, query string) (l listed) {
	t.Helper()
	r, err := http.NewRequest("GET", server.URL+"/scim/v2"+path+"?cursor="+url.QueryEscape(cursor)+"&"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer good")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	l.status = res.StatusCode
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return l
}

// TestCursorLife: a cursor is good for as long as discovery says, on any node that has the key and after a restart, and on no
// other (RFC 9865 §2.1, §4 and §5.2).
func TestCursorLife(t *testing.T) {
	m, key, now := stock(t, 5, 0), store.NewKey(), time.Unix(1_800_000_000, 999_999_999)
	node := func(k store.Key) *httptest.Server {
		return newServer(t, m, func(h *scimhttp.Handler) {
			h.Cursors = &scimhttp.Cursors{Box: k.Box("test"), Life: time.Minute, Now: func() time.Time { return now }}
		})
	}
	again, err := store.ParseKey(store.NewKey().Text() + key.Text())
	if err != nil {
		t.Fatal(err)
	}
	first, restarted, stranger := node(key), node(again), node(store.NewKey())
	page := list(t, first, "/Users", "", "count=2")
	if !regexp.MustCompile(`^[A-Za-z0-9._~-]{40,200}$`).MatchString(page.Next) {
		t.Errorf("the cursor %q", page.Next)
	}
	if twin := list(t, first, "/Users", "", "count=2"); twin.Next == page.Next {
		t.Error("two cursors are the same, so they show what they hold")
	}
	for name, c := range map[string]struct {
		server *httptest.Server
		after  time.Duration
		want   string
	}{
		"at once":               {first, 0, ""},
		"on a restarted node":   {restarted, 0, ""},
		"at the last moment":    {first, time.Minute, ""},
		"too late":              {first, time.Minute + time.Second, scim.TypeExpiredCursor},
		"with another key":      {stranger, 0, scim.TypeInvalidCursor},
		"too late, another key": {stranger, time.Hour, scim.TypeInvalidCursor},
	} {
		at := now
		now = at.Add(c.after)
		got := list(t, c.server, "/Users", page.Next, "count=2")
		if now = at; got.Type != c.want || c.want == "" && !slices.Equal(got.ids(), []string{"r3", "r4"}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestCursorForged: no change of a cursor, however small, gets through, and every refusal reads the same (RFC 9865 §5.2).
func TestCursorForged(t *testing.T) {
	server := newServer(t, stock(t, 5, 0), func(h *scimhttp.Handler) { h.Cursors = &scimhttp.Cursors{Box: store.NewKey().Box("test")} })
	next := list(t, server, "/Users", "", "count=2").Next
	refused := list(t, server, "/Users", "x", "count=2")
	forged := []string{strings.Repeat("A", 1<<20), next + "=", next + " ", " " + next, next[:len(next)-1], next[1:], "\x00", next + next, "-", "null", "1", "é"}
	for i := range next {
		for _, c := range "AQgw-_" {
			if byte(c) != next[i] {
				forged = append(forged, next[:i]+string(c)+next[i+1:])
			}
		}
	}
	for _, f := range forged {
		if len(f) > 1<<19 {
			continue // longer than an address may be; posted below
		}
		if got := list(t, server, "/Users", f, "count=2"); got.status != 400 || got.Type != scim.TypeInvalidCursor || got.Detail != refused.Detail {
			t.Fatalf("%q: %+v", f, got)
		}
	}
	body := `{"cursor": "` + forged[0] + `", "count": 2}`
	r := httptest.NewRequest("POST", "/Users/.search", strings.NewReader(body))
	h := scimhttp.Handler{
		Tenant: func(*http.Request) (scimhttp.Backend, error) { return newMemory(), nil },
		Limits: scimhttp.Limits{Body: 2 << 20}, Cursors: &scimhttp.Cursors{Box: store.NewKey().Box("test")},
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 400 || !strings.Contains(w.Body.String(), scim.TypeInvalidCursor) {
		t.Errorf("a long one: %d %s", w.Code, w.Body)
	}
}

// TestCursorUnsupported: a server that pages by index refuses cursors, lest the client think that the first page is all
// (RFC 9865 §2.4), and says so beforehand.
func TestCursorUnsupported(t *testing.T) {
	server := newServer(t, stock(t, 5, 0), nil)
	if got := list(t, server, "/Users", "", "count=2"); got.status != 400 || got.Type != scim.TypeInvalidCursor {
		t.Errorf("%+v", got)
	}
	config := (&scimhttp.Handler{Tenant: func(*http.Request) (scimhttp.Backend, error) { return newMemory(), nil }})
	w := httptest.NewRecorder()
	config.ServeHTTP(w, httptest.NewRequest("GET", "/ServiceProviderConfig", nil))
	if got := w.Body.String(); !strings.Contains(got, `"pagination":{"cursor":false,"index":true,`) || strings.Contains(got, "cursorTimeout") {
		t.Error(got)
	}
}

// TestCursorTypes: over several types, for pages of every size, the pages forward and the pages backward are the pieces of the
// whole, and the last page is known to be the last.
func TestCursorTypes(t *testing.T) {
	for _, n := range [][2]int{{0, 0}, {5, 0}, {0, 4}, {4, 3}, {1, 1}} {
		server := newServer(t, stock(t, n[0], n[1]), func(h *scimhttp.Handler) { h.Cursors = &scimhttp.Cursors{Box: store.NewKey().Box("test")} })
		total := n[0] + n[1]
		var all []string
		for i := range total {
			all = append(all, "r"+strconv.Itoa(i+1))
		}
		for size := 1; size <= total+1; size++ {
			query := "count=" + strconv.Itoa(size)
			var forward, backward []string
			page, pages := list(t, server, "/", "", query), 1
			for forward = page.ids(); page.Next != ""; pages++ {
				page = list(t, server, "/", page.Next, query)
				forward = append(forward, page.ids()...)
				if page.Total != total || page.Previous == "" {
					t.Errorf("%v by %d: page %d: %+v", n, size, pages, page)
				}
			}
			for backward = page.ids(); page.Previous != ""; {
				page = list(t, server, "/", page.Previous, query)
				backward = append(page.ids(), backward...)
				if page.Total != total || page.Next == "" {
					t.Errorf("%v by %d: back: %+v", n, size, page)
				}
			}
			if want := max(1, (total+size-1)/size); !slices.Equal(forward, all) || !slices.Equal(backward, all) || pages != want {
				t.Errorf("%v by %d: %v in %d pages, not %d, and back %v", n, size, forward, pages, want, backward)
			}
		}
	}
}

// glass seals nothing, so that a fuzzer gets to what is inside.
type glass struct{}

func (glass) Seal(text, purpose []byte) ([]byte, error) { return text, nil }

func (glass) Open(sealed, purpose []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, errors.New("nothing")
	}
	return sealed, nil
}

// FuzzCursor: whatever a cursor holds, even one that was sealed, the answer is a page or a refusal.
func FuzzCursor(f *testing.F) {
	h := scimhttp.Handler{
		Cursors: &scimhttp.Cursors{Box: glass{}, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }},
	}
	m := stock(f, 5, 2)
	h.Tenant = func(*http.Request) (scimhttp.Backend, error) { return m, nil }
	ask := func(cursor string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/?count=3&cursor="+url.QueryEscape(cursor), nil))
		return w
	}
	for cursor := ""; ; {
		var l listed
		if err := json.Unmarshal(ask(cursor).Body.Bytes(), &l); err != nil {
			f.Fatal(err)
		}
		f.Add(l.Previous)
		if cursor = l.Next; cursor == "" {
			break
		}
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		w := ask(cursor)
		var l listed
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || w.Code != 200 && w.Code != 400 {
			t.Fatalf("%d %v: %s", w.Code, err, w.Body)
		}
		if w.Code == 200 && len(l.All) > 3 {
			t.Fatalf("%d resources", len(l.All))
		}
	})
}
