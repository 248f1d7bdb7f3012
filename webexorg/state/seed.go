package state

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
	// Archived are people who were deleted and are kept still.
	Archived []SeedArchived `json:"archived,omitempty"`
}

// SeedPerson is a user: the SCIM resource, and what is kept beside it.
type SeedPerson struct {
	ID       string          `json:"id,omitempty"` // "" makes one
	Resource json.RawMessage `json:"resource"`
	// Licences are given in addition to those of the account, by id or name; "" of both lets the templates decide.
	Licences []string `json:"licences,omitempty"`
	Account  *Account `json:"account,omitempty"`
	Local    bool     `json:"local,omitempty"`   // made in Control Hub or by REST, not by a directory
	Created  int64    `json:"created,omitempty"` // milliseconds of the Unix epoch; 0 is now
}

// SeedGroup is a group. Members are ids, or the user names of people in the same file.
type SeedGroup struct {
	ID       string          `json:"id,omitempty"`
	Resource json.RawMessage `json:"resource"`
	Members  []string        `json:"members,omitempty"`
	Local    bool            `json:"local,omitempty"`   // made in Control Hub, whatever the organisation is synchronised from
	Created  int64           `json:"created,omitempty"` // milliseconds of the Unix epoch; 0 is now
}

// SeedArchived is somebody who was deleted. The address is nobody's until Life.DeletedDays are over.
type SeedArchived struct {
	ID       string          `json:"id"`
	Deleted  int64           `json:"deleted"` // milliseconds of the Unix epoch
	Resource json.RawMessage `json:"resource"`
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
	made := make([]string, len(s.People))
	for i, p := range s.People {
		name, id, err := o.plantPerson(ctx, p)
		if err != nil {
			return fmt.Errorf("person %d: %w", i+1, err)
		}
		ids[fold(name)], made[i] = id, id
	}
	for i, g := range s.Groups {
		if err := o.plantGroup(ctx, g, ids); err != nil {
			return fmt.Errorf("group %d: %w", i+1, err)
		}
	}
	for i, p := range s.People { // after the groups, whose templates give licences to those of whom nothing is said
		if err := o.plantAccount(made[i], p); err != nil {
			return fmt.Errorf("person %d: %w", i+1, err)
		}
	}
	for _, a := range s.Archived {
		if err := o.restoreArchived(a); err != nil {
			return fmt.Errorf("archived %s: %w", a.ID, err)
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
	a := &Access{Org: o, Explicit: p.Account != nil || len(p.Licences) > 0, By: seedActor(p.Local), id: strings.ToLower(p.ID), at: p.Created}
	id, err = a.add(ctx, "User", doc)
	return doc.Text("userName"), id, err
}

// plantAccount gives a person what the seed says beside the resource.
func (o *Org) plantAccount(id string, p SeedPerson) error {
	if p.Account == nil && len(p.Licences) == 0 {
		return nil
	}
	return o.ChangeAccount(id, func(a *Account) error {
		if p.Account != nil {
			*a = *p.Account.clone()
		}
		return o.handOut(a, p.Licences)
	})
}

// handOut adds licences, by id or name. What a client must not ask for together a seed may have: it says how things are. The lock
// must be held.
func (o *Org) handOut(a *Account, names []string) error {
	for _, name := range names {
		l := o.config.named(name)
		if l == nil {
			return fmt.Errorf("there is no licence %q", name)
		}
		if !o.give(a, l) {
			return fmt.Errorf("the licence %q has no seat left", name)
		}
		a.ByHand = append(a.ByHand, l.ID)
	}
	return nil
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
	a := &Access{Org: o, By: seedActor(g.Local), id: strings.ToLower(g.ID), at: g.Created}
	id, err := a.add(ctx, "Group", doc)
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
		if _, err := o.u.commit(change{org: o, kind: groupKind, rec: r, members: []memberOp{op}, by: seedActor(g.Local)}); err != nil {
			return err
		}
	}
	return nil
}

// seedActor is who makes what a seed has.
func seedActor(local bool) Actor { return Actor{Name: "Seed", Local: local} }

// add adds a resource by the rules that hold for clients.
func (b *Access) add(ctx context.Context, typ string, body scim.Object) (string, error) {
	checked, err := typeOf(kindNamed(typ)).Check(body, scim.Mode{})
	if err != nil {
		return "", err
	}
	res, err := b.Create(ctx, typ, checked)
	return res.ID, err
}

// Add adds a user or a group ("User", "Group") by the rules that hold for clients, and returns its id.
func (o *Org) Add(ctx context.Context, typ string, body scim.Object) (string, error) {
	return (&Access{Org: o, By: seedActor(false)}).add(ctx, typ, body)
}

// restoreArchived keeps somebody who was deleted before.
func (o *Org) restoreArchived(a SeedArchived) error {
	doc, err := scim.DecodeObject(a.Resource)
	if err != nil {
		return err
	}
	if doc.Text("userName") == "" || a.ID == "" {
		return fmt.Errorf("id and userName are needed")
	}
	o.u.mu.Lock()
	seq, err := o.u.write(entry{Op: "archive", Org: o.id, ID: a.ID, At: a.Deleted, Doc: scim.AppendJSON(nil, doc)})
	if err == nil {
		o.keep(a.ID, doc, a.Deleted)
	}
	o.u.mu.Unlock()
	if err != nil {
		return err
	}
	return o.u.journal.flush(seq)
}

// Export returns everything as a seed, which shares with the universe what is never changed.
func (u *Universe) Export() Seed {
	s := Seed{Organisations: []SeedOrg{}}
	for _, o := range u.Orgs() {
		s.Organisations = append(s.Organisations, o.export())
	}
	return s
}

// local reports whether the record was made in Control Hub or by REST: nothing says what it was provisioned from.
func (r *record) local() bool { return !bytes.Contains(r.doc, []byte(`"provisionSource":`)) }

func (o *Org) export() SeedOrg {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	s := SeedOrg{OrgConfig: *o.config, Centre: o.centre, Contacts: o.contacts}
	for _, r := range o.users {
		s.People = append(s.People, SeedPerson{ID: r.id, Resource: r.doc, Account: r.account, Local: r.local(), Created: r.created})
	}
	var outer []SeedGroup // groups of groups come last, when their members are there
	for _, r := range o.groups {
		if r.every {
			continue
		}
		g := SeedGroup{ID: r.id, Resource: r.doc, Local: r.local(), Created: r.created}
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
	for _, a := range o.archived {
		if o.keeps(a) {
			s.Archived = append(s.Archived, SeedArchived{ID: a.ID, Deleted: a.Deleted.UnixMilli(), Resource: a.Doc})
		}
	}
	slices.SortFunc(s.Archived, func(a, b SeedArchived) int { return strings.Compare(a.ID, b.ID) })
	return s
}
