package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// schemaSet is a tenant's schemas with what is kept beside the documents for them. It does not change.
type schemaSet struct {
	*directory.Schemas
	tenant  lockstep.TenantID
	version int64 // of feed_head.schemas
	indexes map[directory.Kind][]*extensionIndex
	open    time.Time // when the index that nobody seems to work on was written last; zero when all are ready
}

// extensionIndex is what is kept for one attribute of an extension.
type extensionIndex struct {
	no     int64
	urn    string // folded
	path   filter.Path
	form   form
	unique bool
	ready  bool
}

// Schemas returns a tenant's schemas. They are at most schemaLife old, and those that this process changed not at all.
func (db *DB) Schemas(ctx context.Context, tenant lockstep.TenantID) (*directory.Schemas, error) {
	s, err := db.schemas.get(ctx, db, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the schemas: %w", err)
	}
	return s.Schemas, nil
}

// schemaLife is how long a tenant's schemas are believed without a look at their version: other nodes change them, too.
const schemaLife = time.Second

// schemaCache keeps the schemas of tenants. A request pays a look into a map; once in schemaLife one of them reads a row.
type schemaCache struct {
	m  sync.Map // TenantID → *cachedSchemas
	mu sync.Mutex
}

type cachedSchemas struct {
	set   *schemaSet
	until atomic.Int64 // nanoseconds since 1970
}

// known returns what the cache has, however old.
func (c *schemaCache) known(tenant lockstep.TenantID) *schemaSet {
	if v, ok := c.m.Load(tenant); ok {
		return v.(*cachedSchemas).set
	}
	return nil
}

// keep remembers a set unless a newer one is known.
func (c *schemaCache) keep(s *schemaSet, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have := c.known(s.tenant); have != nil && have.version > s.version {
		return
	}
	kept := &cachedSchemas{set: s}
	kept.until.Store(now.Add(schemaLife).UnixNano())
	c.m.Store(s.tenant, kept)
}

// forget drops what is out of date.
func (c *schemaCache) forget(s *schemaSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have := c.known(s.tenant); have != nil && have.version <= s.version {
		c.m.Delete(s.tenant)
	}
}

func (c *schemaCache) get(ctx context.Context, db *DB, tenant lockstep.TenantID) (*schemaSet, error) {
	now := db.now()
	v, ok := c.m.Load(tenant)
	if !ok {
		return c.read(ctx, db, tenant, now)
	}
	have := v.(*cachedSchemas)
	until := have.until.Load()
	if now.UnixNano() < until || !have.until.CompareAndSwap(until, now.Add(schemaLife).UnixNano()) {
		return have.set, nil // fresh, or somebody else is looking
	}
	version, err := db.schemaVersion(ctx, tenant)
	if err != nil || version == have.set.version && have.set.open.IsZero() {
		return have.set, err
	}
	return c.read(ctx, db, tenant, now)
}

func (c *schemaCache) read(ctx context.Context, db *DB, tenant lockstep.TenantID, now time.Time) (*schemaSet, error) {
	s, err := readSchemas(func(text string, args ...any) (*sql.Rows, error) { return db.query(ctx, text, args...) }, tenant)
	if err != nil {
		return nil, err
	}
	if !s.open.IsZero() && now.Sub(s.open) > buildStalled {
		db.build()
	}
	c.keep(s, now)
	return s, nil
}

func (db *DB) schemaVersion(ctx context.Context, tenant lockstep.TenantID) (int64, error) {
	rows, err := db.query(ctx, "SELECT schemas FROM feed_head WHERE tenant = $1", string(tenant))
	version, err := one(rows, err, scanInt)
	return version, absent(err, "tenant", string(tenant))
}

// outdated reports whether another node has changed the tenant's schemas since these were read, and forgets them then. Nil, which
// stands for nothing known, is not.
func (db *DB) outdated(ctx context.Context, s *schemaSet) bool {
	if s == nil {
		return false
	}
	version, err := db.schemaVersion(ctx, s.tenant)
	if err != nil || version == s.version {
		return false
	}
	db.schemas.forget(s)
	return true
}

// readSchemas reads a tenant's schemas. The version is read first: when somebody changes them meanwhile they are taken for older
// than they are, which does no harm.
func readSchemas(query func(string, ...any) (*sql.Rows, error), tenant lockstep.TenantID) (*schemaSet, error) {
	s := &schemaSet{tenant: tenant}
	rows, err := query("SELECT schemas FROM feed_head WHERE tenant = $1", string(tenant))
	if s.version, err = one(rows, err, scanInt); err != nil || s.version == 0 {
		return s, absent(err, "tenant", string(tenant))
	}
	rows, err = query("SELECT version, created, modified, doc FROM extension WHERE tenant = $1 ORDER BY urn", string(tenant))
	extensions, err := collect(rows, err, scanExtension)
	if err != nil || len(extensions) == 0 {
		return s, err
	}
	rows, err = query("SELECT no, urn, path, form, uniq, ready, at FROM extension_index WHERE tenant = $1 ORDER BY no", string(tenant))
	found, err := collect(rows, err, scanIndex)
	if err != nil {
		return nil, err
	}
	return s, s.assemble(extensions, found)
}

// assemble compiles the schemas and joins them to the indexes that there are.
func (s *schemaSet) assemble(extensions []directory.Extension, found []indexRow) (err error) {
	s.indexes = map[directory.Kind][]*extensionIndex{}
	for i := range extensions {
		e := &extensions[i]
		for _, want := range e.Indexes() {
			for _, have := range found {
				if !have.serves(want) {
					continue
				}
				x := &extensionIndex{no: have.no, urn: have.urn, path: want.Path, form: have.form, unique: have.unique, ready: have.ready}
				s.indexes[e.Kind] = append(s.indexes[e.Kind], x)
				if !have.ready {
					e.Indexing = true
					if s.open.IsZero() || have.at.Before(s.open) {
						s.open = have.at
					}
				}
			}
		}
	}
	s.Schemas, err = directory.NewSchemas(extensions)
	return err
}

func scanExtension(s scanner) (directory.Extension, error) {
	var version, created, modified int64
	var doc string
	if err := s.Scan(&version, &created, &modified, &doc); err != nil {
		return directory.Extension{}, err
	}
	o, err := object(doc)
	if err != nil {
		return directory.Extension{}, err
	}
	e, err := directory.ParseExtension(o)
	e.Version, e.Created, e.Modified = version, instant(created), instant(modified)
	return e, err
}

// indexRow is a row of extension_index.
type indexRow struct {
	no            int64
	urn, path     string
	form          form
	unique, ready bool
	at            time.Time
}

func scanIndex(s scanner) (r indexRow, err error) {
	var at int64
	err = s.Scan(&r.no, &r.urn, &r.path, &r.form, &r.unique, &r.ready, &at)
	r.at = instant(at)
	return r, err
}

// serves reports whether the row is the index that is wanted.
func (r *indexRow) serves(want directory.Index) bool {
	return r.unique == want.Unique && r.form == formOf(want.Attribute) && r.urn == strings.ToLower(want.Path.URN) && r.path == pathIn(want.Path)
}

// pathIn is how extension_index names an attribute within its extension.
func pathIn(p filter.Path) string {
	p.URN = ""
	return strings.ToLower(p.String())
}

// schemaSet returns the tenant's schemas as this transaction sees them. What the cache has may be old: then the end of the
// transaction finds out (advance), or whoever is refused (Commit).
func (t *tx) schemaSet(tenant lockstep.TenantID) (*schemaSet, error) {
	if s := t.schemas[tenant]; s != nil {
		return s, nil
	}
	s := t.db.schemas.known(tenant)
	if s == nil {
		var err error
		if s, err = readSchemas(t.query, tenant); err != nil {
			return nil, err
		}
		t.db.schemas.keep(s, t.db.now())
	}
	t.sees(s)
	return s, nil
}

// sees has the rest of the transaction use the set.
func (t *tx) sees(s *schemaSet) {
	if t.schemas == nil {
		t.schemas = map[lockstep.TenantID]*schemaSet{}
	}
	t.schemas[s.tenant] = s
}

// errSchemas undoes a transaction that went by schemas which others have changed since. Its functions run again.
var errSchemas = errors.New("the tenant's schemas have changed meanwhile")

// current fails with errSchemas when the transaction has used schemas other than those of the version.
func (t *tx) current(tenant lockstep.TenantID, version int64) error {
	if s := t.schemas[tenant]; s != nil && s.version != version {
		t.db.schemas.forget(s)
		return errSchemas
	}
	return nil
}

// conform returns the attributes of a user or group with the tenant's extensions as their schemas want them.
func (c *change) conform(kind directory.Kind, a scim.Object) (scim.Object, error) {
	s, err := c.schemaSet(c.tenant)
	if err != nil || s.Schemas == nil {
		return a, err
	}
	own := false // the caller's object stays as it is
	for i := range s.Extensions {
		e := &s.Extensions[i]
		if e.Kind != kind {
			continue
		}
		was := a.Get(e.Schema.ID)
		if was == nil && !e.Required {
			continue
		}
		now, err := checked(s.Type(kind), e, was, scim.Mode{})
		if err != nil {
			return nil, invalid("%s.", sentence(err))
		}
		if !own {
			a, own = slices.Clone(a), true
		}
		a.Delete(e.Schema.ID) // however it is spelled
		a.Set(e.Schema.ID, now)
	}
	return a, nil
}

// returning is conform for somebody who is restored: they need not have had an extension that has become required since. What the
// same commit makes of them afterwards is checked then.
func (c *change) returning(kind directory.Kind, id string, a scim.Object) (scim.Object, error) {
	if c.later(kind, id) {
		return a, nil
	}
	return c.conform(kind, a)
}

// later reports whether a change to come replaces the user or group.
func (c *change) later(kind directory.Kind, id string) bool {
	return slices.ContainsFunc(c.rest, func(one directory.Change) bool {
		switch one := unbound(one).(type) {
		case directory.PutUser:
			return kind == directory.UserKind && string(one.User.ID) == id
		case directory.PutGroup:
			return kind == directory.GroupKind && string(one.Group.ID) == id
		}
		return false
	})
}

// checked returns the values under an extension's URN as the schema wants them. In a strict mode nothing is put right.
func checked(t *scim.Type, e *directory.Extension, v any, m scim.Mode) (scim.Object, error) {
	o, is := v.(scim.Object)
	if !is && v != nil {
		return nil, scim.ErrInvalidValue(e.Schema.ID + " must be an object")
	}
	m.KeepReadOnly, m.RefuseUnknown = true, true
	o, err := t.CheckExtension(e.Schema.ID, o, m)
	if err == nil && len(o) == 0 && e.Required {
		err = scim.ErrInvalidValue("the extension " + e.Schema.ID + " is required")
	}
	return o, err
}

// said is what an error of package scim says.
func said(err error) string {
	if e, ok := errors.AsType[*scim.Error](err); ok && e.Detail != "" {
		return e.Detail
	}
	return err.Error()
}

// sentence is the same as the beginning of a sentence.
func sentence(err error) string {
	text := said(err)
	return strings.ToUpper(text[:1]) + text[1:]
}
