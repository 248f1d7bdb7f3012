package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/provision"
	"lockstep/scim"
)

var (
	upsertListing = bulk{fixed: 1, lead: true, cols: 3, text: `INSERT INTO listing (job, type, id, doc) VALUES @rows
		ON CONFLICT (job, type, id) DO UPDATE SET doc = excluded.doc`}
	insertKeys = bulk{fixed: 1, lead: true, cols: 4, text: `INSERT INTO listing_key (job, type, attribute, value, id) VALUES @rows
		ON CONFLICT (job, type, attribute, value, id) DO NOTHING`}
)

// list drops the listing and adds to it, in this order.
func (w batch) list(drop bool, all []provision.Listed) error {
	if drop {
		for _, table := range []string{"listing", "listing_key"} {
			if _, err := w.exec("DELETE FROM "+table+" WHERE job = $1", w.no); err != nil {
				return err
			}
		}
	}
	all = lastOf(all, func(l *provision.Listed) provision.Ref { return l.Object.Ref })
	docs := make([]string, len(all))
	type key struct {
		typ, id string
		provision.Key
	}
	var keys []key
	for i := range all {
		o := &all[i].Object
		var err error
		if docs[i], err = listedText(o); err != nil {
			return err
		}
		for _, k := range all[i].Keys {
			keys = append(keys, key{o.Type, o.ID, k})
		}
	}
	_, err := w.bulk(&upsertListing, []any{w.no}, len(all), func(args []any, i int) []any {
		return append(args, all[i].Object.Type, all[i].Object.ID, docs[i])
	})
	if err != nil {
		return err
	}
	_, err = w.bulk(&insertKeys, []any{w.no}, len(keys), func(args []any, i int) []any {
		return append(args, keys[i].typ, keys[i].Attribute, keys[i].Value, keys[i].id)
	})
	return err
}

// listedDoc is how an object of the target is kept. Its grants belong to sources, so there are none.
type listedDoc struct {
	Name    string           `json:"name,omitempty"`
	Version string           `json:"version,omitempty"`
	Values  scim.Object      `json:"values"`
	Edges   []provision.Edge `json:"edges,omitempty"`
	Partial bool             `json:"partial,omitempty"`
	Enabled bool             `json:"enabled,omitempty"`
	Deleted bool             `json:"deleted,omitempty"`
	Time    int64            `json:"time,omitempty"`
}

func listedText(o *provision.Object) (string, error) {
	doc := listedDoc{o.Name, o.Version, o.Values, o.Edges, o.Partial, o.Enabled, o.Deleted, millis(o.Time)}
	text, err := json.Marshal(&doc)
	if err != nil {
		return "", fmt.Errorf("keep %s %s: %w", o.Type, o.ID, err)
	}
	return string(text), nil
}

func listedObject(ref provision.Ref, text string) (provision.Object, error) {
	var d listedDoc
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return provision.Object{}, fmt.Errorf("listed %s %s: %w", ref.Type, ref.ID, err)
	}
	if len(d.Values) == 0 {
		d.Values = nil
	}
	return provision.Object{
		Ref: ref, Name: d.Name, Version: d.Version, Values: d.Values, Edges: d.Edges, Partial: d.Partial,
		Enabled: d.Enabled, Deleted: d.Deleted, Time: instant(d.Time),
	}, nil
}

// Listed returns the objects of a type that have one of the keys, each once, with those of its keys that were asked for. It
// satisfies provision.Store.
func (db *DB) Listed(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, typ string, keys []provision.Key) ([]provision.Listed, error) {
	values := map[string][]string{}
	for _, k := range keys {
		values[k.Attribute] = append(values[k.Attribute], k.Value)
	}
	found := map[string]*provision.Listed{}
	for attribute, list := range values {
		text := "SELECT k.id, k.value, o.doc FROM listing_key k JOIN listing o ON o.job = k.job AND o.type = k.type AND o.id = k.id WHERE k." + ofJob +
			" AND k.type = $3 AND k.attribute = $4 AND k.value IN (@list)"
		err := lists(text, []any{string(tenant), string(job), typ, attribute}, list, func(text string, args []any) error {
			rows, err := db.query(ctx, text, args...)
			_, err = collect(rows, err, func(s scanner) (struct{}, error) { return struct{}{}, addListed(s, found, typ, attribute) })
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the listing: %w", err)
		}
	}
	all := make([]provision.Listed, 0, len(found))
	for _, l := range found {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b provision.Listed) int { return cmp.Compare(a.Object.ID, b.Object.ID) })
	return all, nil
}

func addListed(s scanner, found map[string]*provision.Listed, typ, attribute string) error {
	var id, value, doc string
	if err := s.Scan(&id, &value, &doc); err != nil {
		return err
	}
	l := found[id]
	if l == nil {
		o, err := listedObject(provision.Ref{Type: typ, ID: id}, doc)
		if err != nil {
			return err
		}
		l = &provision.Listed{Object: o}
		found[id] = l
	}
	if k := (provision.Key{Attribute: attribute, Value: value}); !slices.Contains(l.Keys, k) {
		l.Keys = append(l.Keys, k)
	}
	return nil
}
