package state

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"lockstep/scim"
)

// Seed is what a universe is to begin with: the form of seed files, and of what Export writes.
type Seed struct {
	Organisations []SeedOrg `json:"organisations"`
}

// SeedOrg is an organisation with all it has.
type SeedOrg struct {
	OrgConfig
	People   []SeedPerson `json:"people,omitempty"`
	Groups   []SeedGroup  `json:"groups,omitempty"`
	Centre   *Centre      `json:"centre,omitempty"`
	Contacts *Contacts    `json:"contacts,omitempty"`
}

// SeedPerson is a user: the SCIM resource, and what is kept beside it.
type SeedPerson struct {
	ID       string          `json:"id,omitempty"` // "" makes one
	Resource json.RawMessage `json:"resource"`
	// Licences are given in addition to those of the account, by id or name; "" of both lets the templates decide.
	Licences []string `json:"licences,omitempty"`
	Account  *Account `json:"account,omitempty"`
	Local    bool     `json:"local,omitempty"` // made in Control Hub or by REST, not by a directory
}

// SeedGroup is a group. Members are ids, or the user names of people in the same file.
type SeedGroup struct {
	ID       string          `json:"id,omitempty"`
	Resource json.RawMessage `json:"resource"`
	Members  []string        `json:"members,omitempty"`
	Local    bool            `json:"local,omitempty"` // made in Control Hub, whatever the organisation is synchronised from
}

// ReadSeed reads a seed file. A field that it does not know is an error: what has no effect proves nothing.
func ReadSeed(r io.Reader) (Seed, error) {
	var s Seed
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		return s, fmt.Errorf("read the seed: %w", err)
	}
	return s, nil
}

// Plant adds the organisations of the seed. After an error some of them may be there.
func (u *Universe) Plant(ctx context.Context, s Seed) ([]*Org, error) {
	var orgs []*Org
	for _, so := range s.Organisations {
		o, err := u.AddOrg(so.OrgConfig)
		if err != nil {
			return orgs, err
		}
		orgs = append(orgs, o)
		if err := o.plant(ctx, so); err != nil {
			return orgs, fmt.Errorf("seed of organisation %s: %w", o.id, err)
		}
	}
	return orgs, nil
}

func (o *Org) plant(ctx context.Context, s SeedOrg) error {
	ids := map[string]string{}
	for i, p := range s.People {
		name, id, err := o.plantPerson(ctx, p)
		if err != nil {
			return fmt.Errorf("person %d: %w", i+1, err)
		}
		ids[fold(name)] = id
	}
	for i, g := range s.Groups {
		if err := o.plantGroup(ctx, g, ids); err != nil {
			return fmt.Errorf("group %d: %w", i+1, err)
		}
	}
	if s.Contacts != nil {
		if err := o.ChangeContacts(func(c *Contacts) error { *c = *s.Contacts; return nil }); err != nil {
			return err
		}
	}
	if s.Centre == nil {
		return nil
	}
	return o.ChangeCentre(func(c *Centre) error {
		*c = *s.Centre
		for i := range c.Users { // people may be named by their user name
			if id, ok := ids[fold(c.Users[i].Person)]; ok {
				c.Users[i].Person = id
			}
		}
		return nil
	})
}

func (o *Org) plantPerson(ctx context.Context, p SeedPerson) (name, id string, err error) {
	doc, err := scim.DecodeObject(p.Resource)
	if err != nil {
		return "", "", err
	}
	id, err = o.add(ctx, "User", strings.ToLower(p.ID), doc, p.Account != nil || len(p.Licences) > 0, p.Local)
	if err != nil {
		return "", "", err
	}
	if p.Account != nil {
		if err := o.ChangeAccount(id, func(a *Account) error { *a = *p.Account; return nil }); err != nil {
			return "", "", err
		}
	}
	if len(p.Licences) > 0 {
		var ops []LicenceOp
		for _, name := range p.Licences {
			l := o.Settings().named(name)
			if l == nil {
				return "", "", fmt.Errorf("there is no licence %q", name)
			}
			ops = append(ops, LicenceOp{Licence: l.ID})
		}
		if _, err := o.Assign(id, ops, nil, Actor{Name: "Seed", Local: true}); err != nil {
			return "", "", err
		}
	}
	return doc.Text("userName"), id, nil
}

// named returns the licence with the id, or with the new or old name, or nil.
func (c *OrgConfig) named(name string) *Licence {
	i := slices.IndexFunc(c.Licences, func(l Licence) bool {
		return strings.EqualFold(l.ID, name) || strings.EqualFold(l.Name, name) || strings.EqualFold(l.OldName, name)
	})
	if i < 0 {
		return nil
	}
	return &c.Licences[i]
}

func (o *Org) plantGroup(ctx context.Context, g SeedGroup, ids map[string]string) error {
	doc, err := scim.DecodeObject(g.Resource)
	if err != nil {
		return err
	}
	id, err := o.add(ctx, "Group", strings.ToLower(g.ID), doc, false, g.Local)
	if err != nil {
		return err
	}
	for names := range slices.Chunk(g.Members, MaxMembers) {
		op := memberOp{op: addMembers}
		for _, name := range names {
			if id, ok := ids[fold(name)]; ok {
				name = id
			}
			op.ids = append(op.ids, name)
		}
		o.u.mu.RLock()
		r := o.find(groupKind, id)
		o.u.mu.RUnlock()
		if _, err := o.u.commit(change{org: o, kind: groupKind, rec: r, members: []memberOp{op}}); err != nil {
			return err
		}
	}
	return nil
}

// add adds a resource by the rules that hold for clients. id is "" or that which it is to have.
func (o *Org) add(ctx context.Context, typ, id string, body scim.Object, explicit, local bool) (string, error) {
	checked, err := typeOf(kindNamed(typ)).Check(body, scim.Mode{})
	if err != nil {
		return "", err
	}
	res, err := (&Access{Org: o, Explicit: explicit, By: Actor{Name: "Seed", Local: local}, id: id}).Create(ctx, typ, checked)
	return res.ID, err
}

// Add adds a user or a group ("User", "Group") by the rules that hold for clients, and returns its id.
func (o *Org) Add(ctx context.Context, typ string, body scim.Object) (string, error) {
	return o.add(ctx, typ, "", body, false, false)
}

// Export writes everything as a seed.
func (u *Universe) Export(w io.Writer) error {
	s := Seed{Organisations: []SeedOrg{}}
	for _, o := range u.Orgs() {
		s.Organisations = append(s.Organisations, o.export())
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(s)
}

// local reports whether the record was made in Control Hub or by REST: nothing says what it was provisioned from.
func (r *record) local() bool { return !bytes.Contains(r.doc, []byte(`"provisionSource":`)) }

func (o *Org) export() SeedOrg {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	s := SeedOrg{OrgConfig: *o.config, Centre: o.centre, Contacts: o.contacts}
	for _, r := range o.users {
		s.People = append(s.People, SeedPerson{ID: r.id, Resource: r.doc, Account: r.account, Local: r.local()})
	}
	var outer []SeedGroup // groups of groups come last, when their members are there
	for _, r := range o.groups {
		if r.every {
			continue
		}
		g := SeedGroup{ID: r.id, Resource: r.doc, Local: r.local()}
		nested := false
		for _, m := range r.members {
			g.Members = append(g.Members, m.id)
			nested = nested || m.kind == groupKind
		}
		if nested {
			outer = append(outer, g)
		} else {
			s.Groups = append(s.Groups, g)
		}
	}
	s.Groups = append(s.Groups, outer...)
	return s
}
