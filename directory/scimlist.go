package directory

import (
	"context"
	"crypto/sha256"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// searchTime is how long a search may take, waiting for the one before it included. Only one that reads a very large directory
// whole gets there.
const searchTime = 30 * time.Second

// List returns one page.
func (e Endpoint) List(ctx context.Context, q scim.Query) (scim.Page, error) {
	kind := Kind(q.Type)
	if err := searchable(q.Filter); err != nil {
		return scim.Page{}, err
	}
	q.Filter = e.Schemas.withoutSchemas(kind, q.Filter)
	s := Search{
		Kind: kind, Filter: q.Filter, Types: e.Schemas.Type(kind).FilterTypes(), SortBy: q.SortBy, Descending: q.Descending && !q.SortBy.IsZero(),
		Limit: q.Count,
	}
	if err := e.begin(&s, q); err != nil {
		return scim.Page{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	f, err := e.Search.Search(ctx, e.Tenant, s)
	if refused(err) && q.StartIndex > 0 && !s.After.IsZero() {
		s.After = Mark{} // it depends on the indexes that there were, and the client knows nothing of it
		f, err = e.Search.Search(ctx, e.Tenant, s)
	}
	switch {
	case refused(err) && q.After != "": // the filter was good on the page before
		return scim.Page{}, scim.ErrInvalidCursor()
	case refused(err):
		l, _ := errors.AsType[*lockstep.Error](err)
		return scim.Page{}, scim.ErrInvalidFilter(l.Detail)
	case err != nil:
		return scim.Page{}, err
	}
	page := scim.Page{Total: f.Total, Resources: make([]scim.Resource, len(f.Records)), More: f.More}
	switch {
	case q.StartIndex == 0:
		page.First, page.Last = e.place(f.First), e.place(f.Last)
	case q.Count > 0 && len(f.Records) == q.Count:
		e.Pages.keep(e.pageKey(q, q.StartIndex+q.Count), f.Last)
	}
	names, err := e.managers(ctx, kind, q.Want, f.Records...)
	if err != nil {
		return scim.Page{}, err
	}
	room := maxMembers
	for i, r := range f.Records {
		if page.Resources[i], err = e.resource(ctx, kind, r, q.Want, &room, names); err != nil {
			return scim.Page{}, err
		}
	}
	return page, nil
}

// refused reports whether a search cannot be done as it was asked for.
func refused(err error) bool {
	l, ok := errors.AsType[*lockstep.Error](err)
	return ok && l.Code == lockstep.CodeInvalid
}

// begin says where the page begins: at a cursor's place, or where the page before ended that the client has seen.
func (e Endpoint) begin(s *Search, q scim.Query) (err error) {
	switch {
	case q.StartIndex == 0:
		s.After, err = e.mark(q.After)
		s.Backward, s.NoTotal = q.Backward, q.NoTotal
	case q.Count > 0:
		s.Offset, s.After = q.StartIndex-1, e.Pages.find(e.pageKey(q, q.StartIndex))
	}
	return err
}

// pageKey names the page of a client's query that begins with the startIndex.
func (e Endpoint) pageKey(q scim.Query, startIndex int) string {
	var b strings.Builder
	for _, part := range []string{string(e.Tenant), e.Client, q.Type, q.SortBy.String(), strconv.FormatBool(q.Descending)} {
		b.WriteString(part)
		b.WriteByte('\n')
	}
	if q.Filter != nil {
		b.WriteString(q.Filter.String())
	}
	sum := sha256.Sum256([]byte(b.String())) // filters may be long, and there are many
	return string(sum[:]) + strconv.Itoa(startIndex)
}

const (
	madeUpRef  = scim.EnterpriseUserURN + ":manager.$ref"
	madeUpName = scim.EnterpriseUserURN + ":manager.displayName"
)

// searchable refuses a filter on what is made up when a resource is shown.
func searchable(e filter.Expr) error { return searchableIn(filter.Path{}, e) }

// searchableIn is searchable for a filter that may stand in the brackets after an attribute, where paths are sub-attributes.
func searchableIn(of filter.Path, e filter.Expr) error {
	var p filter.Path
	switch e := e.(type) {
	case filter.And:
		return allSearchable(of, e)
	case filter.Or:
		return allSearchable(of, e)
	case filter.Not:
		return searchableIn(of, e.Expr)
	case filter.Compare:
		p = e.Path
	case filter.Present:
		p = e.Path
	case filter.ValuePath:
		p = e.Path
	}
	if p.Filter != nil {
		if err := searchableIn(p, p.Filter); err != nil {
			return err
		}
		p.Filter = nil
	}
	if of.Attr != "" {
		p = filter.Path{URN: of.URN, Attr: of.Attr, Sub: p.Attr}
	}
	switch p.String() {
	case "meta.location", "meta.version", madeUpRef, madeUpName:
		return scim.ErrInvalidFilter("The attribute " + p.String() + " cannot be searched.")
	}
	return nil
}

func allSearchable(of filter.Path, list []filter.Expr) error {
	for _, e := range list {
		if err := searchableIn(of, e); err != nil {
			return err
		}
	}
	return nil
}

// Pages remembers for ten minutes where pages ended, so that a client that walks through a list by startIndex pays for each page
// and not for its distance from the start. A walk sees nothing twice and misses nothing, even while others delete. The zero
// value is ready; a nil one remembers nothing.
type Pages struct {
	Now func() time.Time // nil is time.Now

	mu    sync.Mutex
	marks map[string]pageMark
	order []string // of marks, in the order in which they were kept first
}

type pageMark struct {
	Mark
	until time.Time
}

const (
	pageLife = 10 * time.Minute
	maxPages = 20_000 // marks; some hundred bytes each
)

func (p *Pages) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

func (p *Pages) find(key string) Mark {
	if p == nil {
		return Mark{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.marks[key]
	if !ok || p.now().After(m.until) {
		return Mark{}
	}
	return m.Mark
}

func (p *Pages) keep(key string, m Mark) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.marks == nil {
		p.marks = map[string]pageMark{}
	}
	now := p.now()
	if _, ok := p.marks[key]; !ok {
		p.order = append(p.order, key)
	}
	p.marks[key] = pageMark{m, now.Add(pageLife)}
	for len(p.order) > 0 && (len(p.order) > maxPages || now.After(p.marks[p.order[0]].until)) {
		delete(p.marks, p.order[0])
		p.order = p.order[1:]
	}
}
