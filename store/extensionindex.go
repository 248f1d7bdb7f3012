package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// form is how the values of an attribute stand in its index.
type form string

// The forms. Texts are compared as they are written there; of the others equal values have equal forms, and now and then two
// that differ do, so that the matcher looks at what is found.
const (
	formFolded form = "folded"  // texts without regard to case
	formExact  form = "exact"   // texts, composed
	formNumber form = "number"  // as 64-bit floating point
	formMoment form = "moment"  // milliseconds since 1970
	formTruth  form = "boolean" // true, false
)

func formOf(a *scim.Attribute) form {
	switch a.Type {
	case scim.Integer, scim.Decimal:
		return formNumber
	case scim.DateTime:
		return formMoment
	case scim.Boolean:
		return formTruth
	}
	if a.CaseExact {
		return formExact
	}
	return formFolded
}

// text returns a value in the form; ok is false for one that has no place in the index: "" and what is of another type.
func (f form) text(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		switch f {
		case formFolded:
			return fold(v), v != ""
		case formExact:
			return norm.NFC.String(v), v != ""
		case formMoment:
			at, ok := moment(v)
			return strconv.FormatInt(at.UnixMilli(), 10), ok
		}
	case bool:
		return strconv.FormatBool(v), f == formTruth
	case int64:
		return strconv.FormatFloat(float64(v), 'g', -1, 64), f == formNumber
	case float64:
		if v == 0 {
			v = 0 // there is a negative one
		}
		return strconv.FormatFloat(v, 'g', -1, 64), f == formNumber
	}
	return "", false
}

// moment reads a value of the type dateTime. RFC 7643 §2.3.5 lets the zone be missing.
func moment(text string) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", text)
	}
	return at, err == nil
}

// key returns what must be unique of a value: whole numbers exactly, long texts as their hash.
func (f form) key(v any) (s string, ok bool) {
	if n, is := v.(int64); is && f == formNumber {
		return strconv.FormatInt(n, 10), true
	}
	s, ok = f.text(v)
	if len(s) > valueSize {
		sum := sha256.Sum256([]byte(s))
		s = "\x01" + hex.EncodeToString(sum[:])
	}
	return s, ok
}

// entry is a row of extension_value or of extension_key.
type entry struct {
	no   int64
	text string
}

// entriesOf returns the rows of a user or group in those of the indexes that keep keys, or in the others, each once.
func entriesOf(indexes []*extensionIndex, a scim.Object, unique bool) []entry {
	var all []entry
	for _, x := range indexes {
		if x.unique != unique || !a.Has(x.path.URN) {
			continue
		}
		first := len(all)
		for _, v := range scim.Values(a, x.path) {
			text, ok := x.form.text(v)
			if unique {
				text, ok = x.form.key(v)
			}
			if e := (entry{x.no, cut(text)}); ok && !slices.Contains(all[first:], e) {
				all = append(all, e)
			}
		}
	}
	return all
}

// replaceEntries brings the indexes of extensions up to date with a user or group, who was old and is next; nil is nobody. Who
// is not alive has no keys, so that others can have them.
func (c *change) replaceEntries(kind directory.Kind, id string, old, next scim.Object, wasAlive, isAlive bool) error {
	s, err := c.schemaSet(c.tenant)
	if err != nil || len(s.indexes[kind]) == 0 {
		return err
	}
	indexes := s.indexes[kind]
	err = c.replaceRows("extension_value", id, entriesOf(indexes, old, false), entriesOf(indexes, next, false), nil)
	if err != nil {
		return err
	}
	var had, has []entry
	if wasAlive {
		had = entriesOf(indexes, old, true)
	}
	if isAlive {
		has = entriesOf(indexes, next, true)
	}
	return c.replaceRows("extension_key", id, had, has, indexes)
}

// replaceRows writes what has changed. With indexes the rows are keys, and one that somebody else has is an error.
func (c *change) replaceRows(table, id string, old, next []entry, indexes []*extensionIndex) error {
	if c.aside != nil && indexes != nil { // what was freed for others is not there any more
		old = slices.DeleteFunc(slices.Clone(old), func(e entry) bool { return c.aside[held{e, id}] })
	}
	had, has := among(old), among(next)
	for _, e := range old {
		if has(e) {
			continue
		}
		if _, err := c.exec("DELETE FROM "+table+" WHERE no = $1 AND value = $2 AND id = $3", e.no, e.text, id); err != nil {
			return err
		}
	}
	for _, e := range next {
		if had(e) {
			continue
		}
		n, err := c.exec("INSERT INTO "+table+" (no, value, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", e.no, e.text, id)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(indexes, func(x *extensionIndex) bool { return x.no == e.no }); n == 0 && i >= 0 {
			return taken("The value of %s is taken.", indexes[i].path)
		}
	}
	return nil
}

// among returns what tells whether an entry is on the list.
func among(list []entry) func(entry) bool {
	if len(list) <= 16 { // as most are
		return func(e entry) bool { return slices.Contains(list, e) }
	}
	set := make(map[entry]bool, len(list))
	for _, e := range list {
		set[e] = true
	}
	return func(e entry) bool { return set[e] }
}

// extension returns the condition that an index of the tenant's extensions serves. What it finds is exact where texts are
// compared; else it narrows down what the matcher looks at.
func (t *translator) extension(p filter.Path, op filter.Op, want any) (c condition) {
	x := t.index(p)
	if x == nil {
		return c
	}
	text, ok := x.form.text(want)
	if !ok || len(text) > valueSize-4 { // it may have been cut
		return c
	}
	from := t.entries(x)
	if x.form != formExact && x.form != formFolded {
		if op == filter.Eq {
			return condition{from + " AND x.value = " + t.arg(text) + ")", false}
		}
		return c
	}
	if c = t.text("x.value", op, text, false); c.text != "" {
		c.text = from + " AND " + c.text + ")"
	}
	return c
}

// entries is the beginning of a condition on the rows of an index.
func (t *translator) entries(x *extensionIndex) string {
	return "u.id IN (SELECT x.id FROM extension_value x WHERE x.no = " + strconv.FormatInt(x.no, 10)
}

// index returns the index of the attribute, if there is one that can be used.
func (t *translator) index(p filter.Path) *extensionIndex {
	if p.URN == "" || t.indexes == nil {
		return nil
	}
	for _, x := range t.indexes[t.kind] {
		// A simple attribute of several values is its own sub-attribute value.
		if x.path.Attr == p.Attr && (x.path.Sub == p.Sub || x.path.Sub == "" && p.Sub == "value") && x.path.URN == p.URN && x.ready && !x.unique {
			t.indexed = true
			return x
		}
	}
	return nil
}

// buildRows is how many users or groups are indexed at a time.
const buildRows = 500

// buildStalled is after what time another node takes over who should have gone on with an index.
const buildStalled = time.Minute

// build has the writer make indexes complete, a page each time its turn comes, until all are. What a crash leaves is found by
// the next Open, or by whoever reads the tenant's schemas a while later.
func (db *DB) build() {
	x := &work{rows: sweepRows, done: make(chan error, 1), run: func(t *tx) error { return t.buildPage() }}
	_ = db.writer.enqueue(x) // when the store is closed, the next Open finds the rest
}

// buildPage puts some hundred users or groups of one tenant into the indexes of one extension that are not complete.
//
// Whoever writes a user from the moment the index is known on maintains it. Those whom the page reads are held until its end, so
// that nobody changes one whose old values are just being written.
func (t *tx) buildPage() error {
	rows, err := t.query("SELECT tenant, urn FROM extension_index WHERE ready = FALSE ORDER BY tenant, urn, last LIMIT 1")
	type place struct{ tenant, urn string }
	places, err := collect(rows, err, func(s scanner) (p place, err error) { return p, s.Scan(&p.tenant, &p.urn) })
	if err != nil || len(places) == 0 {
		return err
	}
	p, tenant := places[0], lockstep.TenantID(places[0].tenant)
	t.work.builds = true // look again afterwards
	hold := t.db.dialect.hold()
	// These, and from the place of the one that is least far: more may be defined while the page is written.
	last := ""
	rows, err = t.query("SELECT no, last FROM extension_index WHERE tenant = $1 AND urn = $2 AND ready = FALSE ORDER BY last DESC"+hold, p.tenant, p.urn)
	open, err := collect(rows, err, func(s scanner) (no int64, err error) { return no, s.Scan(&no, &last) })
	if err != nil || len(open) == 0 { // another node has just finished them
		return err
	}
	s, err := readSchemas(t.query, tenant)
	if err != nil {
		return err
	}
	e := s.Extension(p.urn)
	if e == nil {
		return fmt.Errorf("an index of the schema %s, which is gone", p.urn)
	}
	rows, err = t.query("SELECT id, doc FROM "+tableOf(e.Kind)+" WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3"+hold, p.tenant, last, int64(buildRows))
	docs, err := collect(rows, err, scanDoc)
	if err != nil {
		return err
	}
	indexes := slices.DeleteFunc(slices.Clone(s.indexes[e.Kind]), func(x *extensionIndex) bool { return !slices.Contains(open, x.no) })
	if err := t.enter(indexes, e, docs); err != nil {
		return err
	}
	if len(docs) < buildRows {
		return t.complete(tenant, open)
	}
	for _, no := range open {
		_, err := t.exec("UPDATE extension_index SET last = $3, at = $4 WHERE tenant = $1 AND no = $2 AND last < $3",
			p.tenant, no, docs[len(docs)-1].id, millis(t.at))
		if err != nil {
			return err
		}
	}
	return nil
}

// complete lets searches use the indexes.
func (t *tx) complete(tenant lockstep.TenantID, open []int64) error {
	for _, no := range open {
		if _, err := t.exec("UPDATE extension_index SET ready = TRUE, at = $3 WHERE tenant = $1 AND no = $2", string(tenant), no, millis(t.at)); err != nil {
			return err
		}
	}
	if _, err := t.exec("UPDATE feed_head SET schemas = schemas + 1 WHERE tenant = $1", string(tenant)); err != nil {
		return err
	}
	var err error
	t.work.schemas, err = readSchemas(t.query, tenant)
	return err
}

// storedDoc is a document as it is kept.
type storedDoc struct {
	id, doc string
}

func scanDoc(s scanner) (d storedDoc, err error) { return d, s.Scan(&d.id, &d.doc) }

func tableOf(k directory.Kind) string {
	if k == directory.GroupKind {
		return "groups"
	}
	return "users"
}

// enter writes the rows of those documents that have the extension.
func (t *tx) enter(indexes []*extensionIndex, e *directory.Extension, docs []storedDoc) error {
	for _, d := range docs {
		if !strings.Contains(d.doc, `"`+e.Schema.ID+`":{`) {
			continue
		}
		o, err := object(d.doc)
		if err != nil {
			return err
		}
		for _, x := range entriesOf(indexes, o, false) {
			_, err := t.exec("INSERT INTO extension_value (no, value, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", x.no, x.text, d.id)
			if err != nil {
				return err
			}
		}
	}
	return nil
}
