package webex

import (
	"context"
	"slices"
	"strings"

	"lockstep/connection"
	"lockstep/connector/scimapp"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Reads returns the organisation as a system that is read in passes.
func (t *Target) Reads() *Reads { return &Reads{t.Target.Reads(), t} }

// Reads is a Webex organisation that is read in passes. It implements connection.Reader and connection.Getter.
type Reads struct {
	*scimapp.Reads
	t *Target
}

// Read implements connection.Reader.
func (r *Reads) Read(ctx context.Context, asked connection.Read, page func(connection.ReadPage) error) error {
	if slices.ContainsFunc(asked.Paths, isLicences) {
		r.t.licensed.Store(true)
	}
	if slices.Contains(asked.Paths, rolesAttribute) {
		r.t.mapsRoles.Store(true)
	}
	return r.Reads.Read(ctx, asked, func(p connection.ReadPage) error {
		r.t.tell(ctx, p.Objects)
		return page(p)
	})
}

// Get implements connection.Getter.
func (r *Reads) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	all, err := r.Reads.Get(ctx, refs...)
	r.t.tell(ctx, all)
	return all, err
}

// Get implements connection.Target.
func (t *Target) Get(ctx context.Context, ref connection.Ref) (connection.Object, error) {
	o, err := t.Target.Get(ctx, ref)
	if err == nil {
		one := []connection.Object{o}
		t.tell(ctx, one)
		o = one[0]
	}
	return o, err
}

func isLicences(path string) bool {
	p, err := filter.ParsePath(path)
	return err == nil && strings.EqualFold(p.URN, UserURN)
}

var licenceIDs = filter.Path{URN: scim.CiscoUserURN, Attr: "licenseID"}

// tell adds to users what licences they have, and to their roles what these are called, by each of the names that rules may call them. So
// whatever was written is found again, and what was not is no difference. Webex does not document that it shows the ids of licences (licenseID); where
// it shows none, nothing is said of them. What cannot be asked for is left out.
func (t *Target) tell(ctx context.Context, all []connection.Object) {
	var licences []licence
	var roles []role
	if t.licensed.Load() {
		licences, _ = t.licences(ctx, stockAge)
	}
	for i := range all {
		o := &all[i]
		if o.Type != connection.UserType {
			continue
		}
		if held := scim.Values(o.Values, licenceIDs); len(held) > 0 && len(licences) > 0 {
			o.Values = withLicences(o.Values, spelt(licences, held))
		}
		list := asRoles(o.Values.Get(rolesAttribute))
		if len(list) == 0 {
			continue
		}
		if roles == nil && t.mapsRoles.Load() {
			roles, _ = t.roles(ctx)
		}
		for _, r := range roles {
			if r.name != "" && !slices.ContainsFunc(list, func(v any) bool { return alike(valueOf(v), r.name) }) && slices.ContainsFunc(list, func(v any) bool { return valueOf(v) == r.id }) {
				list = append(list, scim.Object{{Name: "value", Value: r.name}})
			}
		}
		o.Values.Set(rolesAttribute, list)
	}
}

func asRoles(v any) scim.List {
	switch v := v.(type) {
	case nil:
		return nil
	case scim.List:
		return slices.Clone(v)
	default:
		return scim.List{v}
	}
}

func valueOf(v any) string {
	if o, ok := v.(scim.Object); ok {
		return o.Text("value")
	}
	s, _ := v.(string)
	return s
}

// spelt are all spellings of the licences with these ids, which may be those of the REST API, or what they stand for.
func spelt(all []licence, held []any) []string {
	var out []string
	for _, v := range held {
		id, _ := v.(string)
		key := id[strings.LastIndexByte(id, ':')+1:]
		for i := range all {
			if l := &all[i]; id == l.id || l.key != "" && alike(key, l.key) {
				for _, s := range l.spellings() {
					if !names(out, s) {
						out = append(out, s)
					}
				}
			}
		}
	}
	return out
}
