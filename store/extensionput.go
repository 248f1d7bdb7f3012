package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// survey finds out whether what is kept is valid by a definition that is about to hold: before the change everybody is looked at,
// outside the writer, and within it those whom the feed has told of since.
type survey struct {
	tenant  lockstep.TenantID
	kind    directory.Kind
	given   string               // the URN
	urn     string               // folded
	next    *directory.Extension // nil when the extension is to go
	typ     *scim.Type           // with next alone
	was     int64                // version of the definition that is replaced; 0 is none
	unique  []filter.Path        // attributes that become unique
	since   int64                // feed position before the first look
	holders int                  // how many have values
}

// extensionOf returns what a change wants of an extension.
func extensionOf(one directory.Change) (urn string, next *directory.Extension, ifVersion int64, is bool) {
	switch one := one.(type) {
	case directory.PutExtension:
		return one.Extension.Schema.ID, &one.Extension, one.IfVersion, true
	case directory.DeleteExtension:
		return one.URN, nil, one.IfVersion, true
	}
	return "", nil, 0, false
}

// survey looks at everybody in advance of the changes of extensions, in the order of these.
func (db *DB) survey(ctx context.Context, tenant lockstep.TenantID, changes []directory.Change) ([]*survey, error) {
	var all []*survey
	for _, one := range changes {
		urn, next, _, is := extensionOf(one)
		if !is {
			continue
		}
		s, err := db.surveyOne(ctx, tenant, urn, next)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", describe(one), err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (db *DB) surveyOne(ctx context.Context, tenant lockstep.TenantID, urn string, next *directory.Extension) (*survey, error) {
	done, err := db.scans.take(ctx, tenant)
	if err != nil {
		return nil, err
	}
	defer done()
	s := &survey{tenant: tenant, given: urn, urn: strings.ToLower(urn), next: next}
	if s.since, err = db.Head(ctx, tenant); err != nil {
		return nil, err
	}
	rows, err := db.query(ctx, "SELECT version, created, modified, doc FROM extension WHERE tenant = $1 AND urn = $2", string(tenant), s.urn)
	old, err := collect(rows, err, scanExtension)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(old); err != nil {
		return nil, err
	}
	for after := ""; ; {
		rows, err := db.query(ctx, "SELECT id, doc, deleted FROM "+tableOf(s.kind)+" WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3", string(tenant), after, int64(scanPage))
		page, err := collect(rows, err, scanKept)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if err := s.look(&page[i]); err != nil {
				return nil, err
			}
		}
		if len(page) < scanPage {
			return s, nil
		}
		after = page[len(page)-1].id
	}
}

// prepare compares the definition with the one that it replaces, if there is one.
func (s *survey) prepare(old []directory.Extension) error {
	if s.next == nil {
		if len(old) == 0 {
			return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no schema " + s.given + "."}
		}
		s.kind, s.was = old[0].Kind, old[0].Version
		return nil
	}
	if err := s.next.Validate(); err != nil {
		return err
	}
	compiled, err := directory.NewSchemas([]directory.Extension{*s.next})
	if err != nil {
		return err
	}
	s.kind, s.typ = s.next.Kind, compiled.Type(s.next.Kind)
	var had []directory.Index
	if len(old) > 0 {
		if old[0].Kind != s.kind || old[0].Schema.ID != s.next.Schema.ID {
			return invalid("The schema %s is one of %ss. Neither that nor the spelling of its URN can change; delete it first.", old[0].Schema.ID, old[0].Kind)
		}
		s.was, had = old[0].Version, old[0].Indexes()
	}
	for _, x := range s.next.Indexes() {
		same := func(y directory.Index) bool {
			return y.Unique && pathIn(x.Path) == pathIn(y.Path) && formOf(x.Attribute) == formOf(y.Attribute)
		}
		if x.Unique && !slices.ContainsFunc(had, same) {
			s.unique = append(s.unique, x.Path)
		}
	}
	return nil
}

// kept is a document with what a survey needs beside it.
type kept struct {
	storedDoc
	deleted bool
}

func scanKept(s scanner) (k kept, err error) {
	var deleted int64
	err = s.Scan(&k.id, &k.doc, &deleted)
	k.deleted = deleted != 0
	return k, err
}

// look fails when a user or group is not as the definition wants. Whoever is soft-deleted need not have a required extension.
func (s *survey) look(k *kept) error {
	needed := s.next != nil && s.next.Required && !k.deleted
	if !needed && !mayHold([]byte(k.doc), `"`+s.urn+`":`) {
		return nil
	}
	o, err := object(k.doc)
	if err != nil {
		return err
	}
	v := o.Get(s.urn)
	if v == nil {
		if needed {
			return s.inUse(o, "The extension "+s.next.Schema.ID+" is required, and this one lacks it")
		}
		return nil
	}
	s.holders++
	if s.next == nil {
		return s.inUse(o, "This one has values")
	}
	if !slices.ContainsFunc(o, func(a scim.Attr) bool { return a.Name == s.next.Schema.ID }) {
		return s.inUse(o, "The URN is spelled otherwise in what is kept")
	}
	if _, err := checked(s.typ, s.next, v, scim.Mode{Strict: true}); err != nil {
		return s.inUse(o, sentence(err))
	}
	for _, p := range s.unique {
		if scim.First(o, p) != nil {
			return s.inUse(o, "The attribute "+pathIn(p)+" becomes unique, and this one has a value")
		}
	}
	return nil
}

func (s *survey) inUse(o scim.Object, why string) error {
	name := o.Text("userName")
	if s.kind == directory.GroupKind {
		name = o.Text("displayName")
	}
	return &lockstep.Error{Code: lockstep.CodeSchemaInUse, Detail: fmt.Sprintf("%s: %s %s.", why, strings.ToLower(string(s.kind)), name)}
}

// changeExtension carries out the change that the survey was made for.
//
// It takes the head of the feed first. Whoever wrote before has committed and is in the feed; whoever has not yet got that far
// finds other schemas there than those it went by, and begins anew.
func (c *change) changeExtension(s *survey, ifVersion int64) error {
	rows, err := c.query("UPDATE feed_head SET schemas = schemas + 1 WHERE tenant = $1 RETURNING schemas", string(c.tenant))
	if _, err = one(rows, err, scanInt); err != nil {
		return absent(err, "tenant", string(c.tenant))
	}
	rows, err = c.query("SELECT version, created, modified, doc FROM extension WHERE tenant = $1 ORDER BY urn", string(c.tenant))
	all, err := collect(rows, err, scanExtension)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(e directory.Extension) bool { return strings.ToLower(e.Schema.ID) == s.urn })
	old := directory.Extension{}
	if i >= 0 {
		old = all[i]
		all = slices.Delete(all, i, i+1)
	}
	if ifVersion != 0 && ifVersion != old.Version || old.Version != s.was {
		if i < 0 {
			return &lockstep.Error{Code: lockstep.CodeVersion, Detail: "There is no schema " + s.given + ", of whatever version."}
		}
		return moved("schema", s.given, old.Version, max(ifVersion, s.was))
	}
	if err := c.lookAgain(s); err != nil {
		return err
	}
	if err := c.replaceExtension(s, old, all); err != nil {
		return err
	}
	set, err := readSchemas(c.query, c.tenant)
	if err != nil {
		return err
	}
	c.sees(set)
	c.work.schemas, c.work.builds = set, !set.open.IsZero()
	return nil
}

// lookAgain looks at whom the feed has told of since the survey began, or is about to tell of.
func (c *change) lookAgain(s *survey) error {
	rows, err := c.query("SELECT DISTINCT id FROM feed WHERE tenant = $1 AND pos > $2 AND object = $3", string(c.tenant), s.since, strings.ToLower(string(s.kind)))
	ids, err := collect(rows, err, scanText)
	if err != nil {
		return err
	}
	for i := range c.work.events { // of the changes before this one; nobody else shares the transaction
		if e := &c.work.events[i]; e.Object == strings.ToLower(string(s.kind)) {
			ids = append(ids, e.ID)
		}
	}
	for _, id := range ids {
		rows, err := c.query("SELECT id, doc, deleted FROM "+tableOf(s.kind)+" WHERE tenant = $1 AND id = $2", string(c.tenant), id)
		found, err := collect(rows, err, scanKept)
		if err != nil {
			return err
		}
		for i := range found {
			if err := s.look(&found[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

const upsertExtension = `INSERT INTO extension (tenant, urn, version, created, modified, doc) VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (tenant, urn) DO UPDATE SET version = excluded.version, modified = excluded.modified, doc = excluded.doc`

// replaceExtension writes the definition, or removes it, and tells.
func (c *change) replaceExtension(s *survey, old directory.Extension, others []directory.Extension) error {
	event := directory.Event{Object: "schema", Op: directory.OpPut, ID: s.urn}
	if s.next == nil {
		if _, err := c.exec("DELETE FROM extension WHERE tenant = $1 AND urn = $2", string(c.tenant), s.urn); err != nil {
			return err
		}
		event.Op = directory.OpPurge
		c.tell(event, "deleted", old.Schema.ID, "")
		return c.reindex(s, nil)
	}
	if _, err := directory.NewSchemas(append(others, *s.next)); err != nil {
		return err
	}
	created := old.Created
	if created.IsZero() {
		created = c.at
	}
	doc := document(s.next.Object())
	if doc == document(old.Object()) {
		return nil
	}
	_, err := c.exec(upsertExtension, string(c.tenant), s.urn, old.Version+1, millis(created), millis(c.at), doc)
	if err != nil {
		return err
	}
	verb, detail := "created", ""
	if old.Version > 0 {
		verb, detail = "updated", differences(named(old), named(*s.next))
	}
	c.tell(event, verb, s.next.Schema.ID, detail)
	return c.reindex(s, s.next.Indexes())
}

// named is the definition with its attributes by name, to be compared.
func named(e directory.Extension) scim.Object {
	o := e.Object()
	list, _ := o.Get("attributes").(scim.List)
	o.Delete("attributes")
	for _, v := range list {
		a, _ := v.(scim.Object)
		o = append(o, scim.Attr{Name: "attributes." + a.Text("name"), Value: a})
	}
	return o
}

// reindex makes the indexes of the extension those that are wanted. New ones are complete at once when nobody has values.
func (c *change) reindex(s *survey, wanted []directory.Index) error {
	rows, err := c.query("SELECT no, urn, path, form, uniq, ready, at FROM extension_index WHERE tenant = $1 AND urn = $2", string(c.tenant), s.urn)
	have, err := collect(rows, err, scanIndex)
	if err != nil {
		return err
	}
	for i := range have {
		if slices.ContainsFunc(wanted, have[i].serves) {
			continue
		}
		if _, err := c.exec("DELETE FROM extension_index WHERE tenant = $1 AND no = $2", string(c.tenant), have[i].no); err != nil {
			return err
		}
		if err := c.doom(have[i].no); err != nil {
			return err
		}
	}
	for _, want := range wanted {
		if slices.ContainsFunc(have, func(r indexRow) bool { return r.serves(want) }) {
			continue
		}
		no, err := c.number()
		if err != nil {
			return err
		}
		// Nobody has a value of an attribute that becomes unique.
		_, err = c.exec(`INSERT INTO extension_index (tenant, no, urn, path, form, uniq, ready, last, at) VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8)`,
			string(c.tenant), no, s.urn, pathIn(want.Path), string(formOf(want.Attribute)), want.Unique, want.Unique || s.holders == 0, millis(c.at))
		if err != nil {
			return err
		}
	}
	return nil
}

// surveyed takes the survey of the change of an extension that is about to be applied.
func (c *change) surveyed() *survey {
	s := *c.surveys[0] // the function may run again, and holders are counted
	c.surveys = c.surveys[1:]
	return &s
}
