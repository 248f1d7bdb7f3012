package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/scim"
)

var (
	upsertListing = bulk{lead: []string{"BIGINT"}, n: 3, text: `INSERT INTO listing (list, type, id, doc) VALUES @rows
		ON CONFLICT (list, type, id) DO UPDATE SET doc = excluded.doc`}
	insertKeys = bulk{lead: []string{"BIGINT"}, n: 4, text: `INSERT INTO listing_key (list, type, attribute, value, id) VALUES @rows
		ON CONFLICT (list, type, attribute, value, id) DO NOTHING`}
)

// list drops the listing and adds to it, in this order.
func (w batch) list(drop bool, all []plan.Listed) error {
	listing := w.listing
	if drop {
		var err error
		if listing, err = w.unlist(); err != nil {
			return err
		}
	}
	all = lastOf(all, func(l *plan.Listed) connection.Ref { return l.Object.Ref })
	docs := make([]string, len(all))
	type key struct {
		typ, id string
		plan.Key
	}
	var keys []key
	for i := range all {
		o := &all[i].Object
		docs[i] = listedText(o)
		for _, k := range all[i].Keys {
			keys = append(keys, key{o.Type, o.ID, k})
		}
	}
	_, err := w.bulk(&upsertListing, []any{listing}, len(all), func(args []any, i int) []any {
		return append(args, all[i].Object.Type, all[i].Object.ID, docs[i])
	})
	if err != nil {
		return err
	}
	_, err = w.bulk(&insertKeys, []any{listing}, len(keys), func(args []any, i int) []any {
		return append(args, keys[i].typ, keys[i].Attribute, keys[i].Value, keys[i].id)
	})
	return err
}

// unlist gives the job a new, empty listing and dooms the old one.
func (w batch) unlist() (int64, error) {
	rows, err := w.query("SELECT list FROM listing WHERE list = $1 LIMIT 1", w.listing)
	some, err := collect(rows, err, scanInt)
	if err != nil || len(some) == 0 {
		return w.listing, err
	}
	next, err := w.number()
	if err != nil {
		return 0, err
	}
	if _, err := w.exec("UPDATE job SET listing = $2 WHERE no = $1", w.no, next); err != nil {
		return 0, err
	}
	return next, w.doom(w.listing)
}

// listedText is how an object of the target is kept: as JSON of all but its type and id. Grants belong to sources, so there are
// none. The values are a scim.Object, and so is the whole: one encoding, without reflection.
func listedText(o *connection.Object) string {
	var edges scim.List
	for _, e := range o.References {
		edges = append(edges, scim.Object{
			{Name: "attribute", Value: e.Attribute}, {Name: "type", Value: e.To.Type}, {Name: "id", Value: e.To.ID}, {Name: "gone", Value: e.Gone},
		})
	}
	doc := make(scim.Object, 0, 8)
	doc.Set("name", o.Name)
	doc.Set("version", o.Version)
	doc.Set("values", o.Values)
	doc.Set("edges", edges)
	doc.Set("partial", o.Partial)
	doc.Set("enabled", o.Enabled)
	doc.Set("deleted", o.Deleted)
	doc.Set("time", millis(o.Time))
	return document(doc)
}

func listedObject(ref connection.Ref, text string) (o connection.Object, err error) {
	doc, err := object(text)
	if err != nil {
		return o, fmt.Errorf("listed %s %s: %w", ref.Type, ref.ID, err)
	}
	flag := func(name string) bool { is, _ := doc.Get(name).(bool); return is }
	o = connection.Object{
		Ref: ref, Name: doc.Text("name"), Version: doc.Text("version"), Partial: flag("partial"), Enabled: flag("enabled"), Deleted: flag("deleted"),
	}
	o.Values, _ = doc.Get("values").(scim.Object)
	edges, _ := doc.Get("edges").(scim.List)
	for _, v := range edges {
		e, _ := v.(scim.Object)
		gone, _ := e.Get("gone").(bool)
		o.References = append(o.References, connection.Reference{Attribute: e.Text("attribute"), To: connection.Ref{Type: e.Text("type"), ID: e.Text("id")}, Gone: gone})
	}
	at, _ := doc.Get("time").(int64)
	o.Time = instant(at)
	return o, nil
}

const selectListed = "SELECT k.id, k.value, o.doc FROM listing_key k JOIN listing o ON o.list = k.list AND o.type = k.type AND o.id = k.id " +
	"WHERE k.list = (SELECT listing FROM job WHERE tenant = $1 AND id = $2) AND k.type = $3 AND k.attribute = $4 AND k.value IN "

// Listed returns the objects of a type that have one of the keys, each once, with those of its keys that were asked for. It
// satisfies provision.Store.
func (db *DB) Listed(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, typ string, keys []plan.Key) ([]plan.Listed, error) {
	values := map[string][]string{}
	for _, k := range keys {
		values[k.Attribute] = append(values[k.Attribute], k.Value)
	}
	found := map[string]*plan.Listed{}
	for attribute, list := range values {
		err := lists(db, selectListed+"(@list)", []any{string(tenant), string(job), typ, attribute}, list, func(text string, args []any) error {
			rows, err := db.query(ctx, text, args...)
			_, err = collect(rows, err, func(s scanner) (struct{}, error) { return struct{}{}, addListed(s, found, typ, attribute) })
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the listing: %w", err)
		}
	}
	all := make([]plan.Listed, 0, len(found))
	for _, l := range found {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b plan.Listed) int { return cmp.Compare(a.Object.ID, b.Object.ID) })
	return all, nil
}

func addListed(s scanner, found map[string]*plan.Listed, typ, attribute string) error {
	var id, value, doc string
	if err := s.Scan(&id, &value, &doc); err != nil {
		return err
	}
	l := found[id]
	if l == nil {
		o, err := listedObject(connection.Ref{Type: typ, ID: id}, doc)
		if err != nil {
			return err
		}
		l = &plan.Listed{Object: o}
		found[id] = l
	}
	if k := (plan.Key{Attribute: attribute, Value: value}); !slices.Contains(l.Keys, k) {
		l.Keys = append(l.Keys, k)
	}
	return nil
}
