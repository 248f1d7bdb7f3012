package scimhttp_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/scim/scimhttp"
)

// memory is the smallest Backend that keeps to the contract: a list of resources under one lock.
type memory struct {
	mu    sync.Mutex
	types []*scim.Type
	list  []*scim.Resource // in the order of creation
	last  int
	busy  func() // called by every Create, outside the lock
}

func newMemory() *memory { return &memory{types: []*scim.Type{scim.UserType(), scim.GroupType()}} }

func (m *memory) Types() []*scim.Type { return m.types }

func (m *memory) typ(name string) *scim.Type {
	return m.types[slices.IndexFunc(m.types, func(t *scim.Type) bool { return t.Name == name })]
}

func (m *memory) find(ref scim.Ref, ifMatch string) (*scim.Resource, error) {
	for _, r := range m.list {
		if r.Ref != ref {
			continue
		}
		if ifMatch != "" && ifMatch != r.Version {
			return nil, scim.ErrPrecondition("another version")
		}
		return r, nil
	}
	return nil, scim.ErrNotFound(ref.ID + " does not exist")
}

// unique checks the name of a user or a group.
func (m *memory) unique(ref scim.Ref, o scim.Object) error {
	name := map[string]string{"User": "userName", "Group": "displayName"}[ref.Type]
	for _, r := range m.list {
		if r.Type == ref.Type && r.ID != ref.ID && strings.EqualFold(r.Attributes.Text(name), o.Text(name)) {
			return scim.ErrUniqueness(name + " is taken")
		}
	}
	return nil
}

func (m *memory) Get(_ context.Context, ref scim.Ref, _ *scim.Projection) (scim.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(ref, "")
	if err != nil {
		return scim.Resource{}, err
	}
	return *r, nil
}

func (m *memory) Create(_ context.Context, typ string, o scim.Object) (scim.Resource, error) {
	if m.busy != nil {
		m.busy()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ref := scim.Ref{Type: typ}
	if err := m.unique(ref, o); err != nil {
		return scim.Resource{}, err
	}
	m.last++
	ref.ID = "r" + strconv.Itoa(m.last)
	now := time.Unix(1_800_000_000, 0)
	r := &scim.Resource{Ref: ref, Version: "1", Created: now, Modified: now, Attributes: o}
	m.list = append(m.list, r)
	return *r, nil
}

func (m *memory) Replace(_ context.Context, ref scim.Ref, ifMatch string, o scim.Object) (scim.Resource, error) {
	return m.write(ref, ifMatch, func(scim.Object) (scim.Object, bool, error) { return o, true, nil })
}

func (m *memory) Patch(_ context.Context, ref scim.Ref, ifMatch string, p scim.Patch) (scim.Resource, error) {
	return m.write(ref, ifMatch, func(o scim.Object) (scim.Object, bool, error) { return p.Apply(m.typ(ref.Type), o) })
}

func (m *memory) write(ref scim.Ref, ifMatch string, f func(scim.Object) (scim.Object, bool, error)) (scim.Resource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(ref, ifMatch)
	if err != nil {
		return scim.Resource{}, err
	}
	o, changed, err := f(r.Attributes)
	if err == nil {
		err = m.unique(ref, o)
	}
	if err != nil {
		return scim.Resource{}, err
	}
	if changed {
		version, _ := strconv.Atoi(r.Version)
		r.Attributes, r.Version = o, strconv.Itoa(version+1)
		r.Modified = r.Modified.Add(time.Second)
	}
	return *r, nil
}

func (m *memory) Delete(_ context.Context, ref scim.Ref, ifMatch string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(ref, ifMatch)
	if err == nil {
		m.list = slices.DeleteFunc(m.list, func(o *scim.Resource) bool { return o == r })
	}
	return err
}

func (m *memory) List(_ context.Context, q scim.Query) (scim.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []scim.Resource
	for _, r := range m.list {
		o := append(slices.Clip(r.Attributes), scim.Attr{Name: "id", Value: r.ID},
			scim.Attr{Name: "meta", Value: scim.Object{{Name: "lastModified", Value: r.Modified.UTC().Format(time.RFC3339)}}})
		if r.Type == q.Type && (q.Filter == nil || filter.Compile(q.Filter, m.typ(q.Type).FilterTypes())(o)) {
			found = append(found, *r)
		}
	}
	order := func(a, b place) int {
		d := cmp.Compare(a.key, b.key)
		if q.Descending {
			d = -d
		}
		return cmp.Or(d, cmp.Compare(a.number, b.number))
	}
	slices.SortFunc(found, func(a, b scim.Resource) int { return order(placeOf(a, q), placeOf(b, q)) })
	from := min(max(q.StartIndex-1, 0), len(found))
	if q.StartIndex > 0 {
		return scim.Page{Total: len(found), Resources: found[from:min(from+q.Count, len(found))]}, nil
	}
	return m.byCursor(found, q, order)
}

// place is where a resource stands in a list.
type place struct {
	key    string
	number int
}

func placeOf(r scim.Resource, q scim.Query) (p place) {
	if q.SortBy.Attr != "" {
		p.key = fmt.Sprint(scim.First(r.Attributes, q.SortBy))
	}
	p.number, _ = strconv.Atoi(r.ID[1:])
	return p
}

// byCursor cuts out the page behind or before q.After, which is the key and the number of a resource.
func (m *memory) byCursor(found []scim.Resource, q scim.Query, order func(a, b place) int) (scim.Page, error) {
	page := scim.Page{Total: len(found)}
	if q.After != "" {
		key, number, _ := strings.Cut(q.After, "\x00")
		n, err := strconv.Atoi(number)
		if err != nil {
			return page, scim.ErrInvalidCursor()
		}
		found = slices.DeleteFunc(found, func(r scim.Resource) bool {
			d := order(placeOf(r, q), place{key: key, number: n})
			return d == 0 || d < 0 != q.Backward
		})
	}
	n := min(q.Count, len(found))
	if page.More = n < len(found); q.Backward {
		page.Resources = found[len(found)-n:]
	} else {
		page.Resources = found[:n]
	}
	text := func(r scim.Resource) string {
		p := placeOf(r, q)
		return p.key + "\x00" + strconv.Itoa(p.number)
	}
	if n > 0 {
		page.First, page.Last = text(page.Resources[0]), text(page.Resources[n-1])
	}
	return page, nil
}

// newServer serves the backend under /scim/v2, for the token "good".
func newServer(t testing.TB, m scimhttp.Backend, change func(*scimhttp.Handler)) *httptest.Server {
	t.Helper()
	h := &scimhttp.Handler{Tenant: func(r *http.Request) (scimhttp.Backend, error) {
		switch r.Header.Get("Authorization") {
		case "Bearer good":
			return m, nil
		case "Bearer eager":
			return nil, scimhttp.Throttled{After: 1500 * time.Millisecond}
		case "Bearer broken":
			return nil, fmt.Errorf("the database at 10.0.0.1 is gone")
		}
		return nil, &scim.Error{Status: http.StatusUnauthorized, Detail: "A bearer token is required."}
	}}
	if change != nil {
		change(h)
	}
	server := httptest.NewServer(http.StripPrefix("/scim/v2", h))
	t.Cleanup(server.Close)
	return server
}
