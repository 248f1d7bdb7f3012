package state

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"lockstep/scim"
)

// Person is a user as it is at one moment.
type Person struct {
	Org      *Org
	ID       string
	Doc      []byte // the SCIM resource without id and meta
	Name     string // for people to read
	Active   bool
	Roles    []string
	Created  int64 // milliseconds of the Unix epoch
	Modified int64
	Version  int64
	Account  *Account // to read, not to change
	Pending  bool     // has not proved yet that the address is theirs
}

// Object returns the SCIM resource.
func (p *Person) Object() scim.Object {
	o, err := scim.DecodeObject(p.Doc)
	if err != nil {
		return nil // what is stored has been encoded here
	}
	return o
}

func (r *record) person() Person {
	return Person{
		Org: r.org, ID: r.id, Doc: r.doc, Name: r.name, Active: r.active, Roles: r.roles, Created: r.created, Modified: r.modified, Version: r.version,
		Account: r.account, Pending: r.active && r.org.pending(r),
	}
}

// Person returns the user with the id, in any case.
func (o *Org) Person(id string) (Person, bool) {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	if r := o.find(userKind, strings.ToLower(id)); r != nil {
		return r.person(), true
	}
	return Person{}, false
}

// Person returns the user of any organisation.
func (u *Universe) Person(id string) (Person, bool) {
	for _, o := range u.Orgs() {
		if p, ok := o.Person(id); ok {
			return p, true
		}
	}
	return Person{}, false
}

// Login returns whoever has the user name, in any case, in any organisation.
func (u *Universe) Login(name string) (Person, bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if r := u.names[fold(name)]; r != nil {
		return r.person(), true
	}
	return Person{}, false
}

// Standing returns the epoch of a person's tokens, and whether they may sign in. The epoch rises whenever roles or managed roles
// change and when the person is deactivated.
func (u *Universe) Standing(person string) (epoch int64, ok bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	for _, o := range u.orgs {
		if r := o.find(userKind, person); r != nil {
			return r.account.Epoch, r.active
		}
	}
	return 0, false
}

// PeopleQuery says which people are wanted. What is "" or nil does not narrow.
type PeopleQuery struct {
	Email    string // whole, of any address, in any case
	Name     string // the display name begins so, in any case
	Role     []string
	Location string
	After    string // id of the last one seen
	Limit    int
	Settled  bool // only who has proved that the address is theirs, and is active
}

// People returns a page of people in the order of their ids, and whether there may be more. Who was created a short while ago may
// be missing (Knobs.LateListing), who was deleted still be there (Knobs.LateDeletion).
func (o *Org) People(q PeopleQuery) (page []Person, more bool) {
	late := o.Knobs().LateListing
	visible := o.u.now().Add(-late).UnixMilli()
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	users := o.seen(userKind, o.users)
	from, found := findByID(users, q.After)
	if found {
		from++
	}
	for _, r := range users[from:] {
		if (late > 0 && r.created > visible) || !o.wanted(r, q) {
			continue
		}
		if len(page) == q.Limit {
			return page, true
		}
		page = append(page, r.person())
	}
	return page, false
}

func (o *Org) wanted(r *record, q PeopleQuery) bool {
	switch {
	case q.Email != "" && r.key != fold(q.Email) && !r.hasAddress(q.Email),
		q.Name != "" && !strings.HasPrefix(fold(r.name), fold(q.Name)),
		q.Location != "" && r.account.Location != q.Location,
		q.Settled && (!r.active || o.pending(r)):
		return false
	}
	return len(q.Role) == 0 || slices.ContainsFunc(q.Role, func(role string) bool { return slices.Contains(r.roles, role) })
}

// hasAddress reports whether one of the e-mail addresses is this.
func (r *record) hasAddress(address string) bool {
	if !strings.Contains(fold(string(r.doc)), fold(address)) {
		return false
	}
	doc, err := scim.DecodeObject(r.doc)
	if err != nil {
		return false
	}
	emails, _ := doc.Get("emails").(scim.List)
	return slices.ContainsFunc(emails, func(e any) bool {
		email, ok := e.(scim.Object)
		return ok && fold(email.Text("value")) == fold(address)
	})
}

// Some returns up to limit people who may sign in: administrators first, then those whom first names, then the others, each by name.
func (o *Org) Some(limit int, first func(*Person) bool) []Person {
	o.u.mu.RLock()
	all := []Person{}
	for _, r := range o.users {
		if r.active {
			all = append(all, r.person())
		}
	}
	o.u.mu.RUnlock()
	rank := func(p *Person) int {
		switch {
		case slices.Contains(p.Roles, FullAdmin):
			return 0
		case len(p.Roles) > 0:
			return 1
		case first(p):
			return 2
		}
		return 3
	}
	slices.SortFunc(all, func(a, b Person) int { return cmp.Or(rank(&a)-rank(&b), cmp.Compare(fold(a.Name), fold(b.Name))) })
	return all[:min(limit, len(all))]
}

// LicenceCount is a licence and how much of it is taken.
type LicenceCount struct {
	Licence
	Consumed int
}

// Licences returns the stock, with counts that may lag (Knobs.CountLag).
func (o *Org) Licences() []LicenceCount {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	list := make([]LicenceCount, 0, len(o.config.Licences))
	for _, l := range o.config.Licences {
		list = append(list, LicenceCount{l, o.consumed(l.ID)})
	}
	return list
}

// Holders returns a page of the people who hold a licence, in the order of their ids.
func (o *Org) Holders(licence, after string, limit int) (page []Person, more bool) {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	from, found := findByID(o.users, after)
	if found {
		from++
	}
	for _, r := range o.users[from:] {
		if !slices.Contains(r.account.Licences, licence) {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, r.person())
	}
	return page, false
}

// Group is a group as it is at one moment.
type Group struct {
	Org      *Org
	ID       string
	Doc      []byte // the SCIM resource without id, meta and members
	Name     string
	Created  int64
	Modified int64
	Members  int
	Synced   bool // comes from a directory, and can be changed there only
	BuiltIn  bool
	Location string // the id of the location that it is; "" is none
}

// Member is a member of a group.
type Member struct {
	ID, Type, Name string
}

func (r *record) group() Group {
	g := Group{
		Org: r.org, ID: r.id, Doc: r.doc, Name: r.name, Created: r.created, Modified: r.modified, Members: len(r.seenMembers()), BuiltIn: r.every,
		Synced: r.source != SyncNone && r.source == r.org.config.Sync,
	}
	for _, l := range r.org.config.Locations {
		if l.Group == r.id {
			g.Location = l.ID
		}
	}
	return g
}

// Group returns the group with the id, in any case.
func (o *Org) Group(id string) (Group, bool) {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	if r := o.find(groupKind, strings.ToLower(id)); r != nil {
		return r.group(), true
	}
	return Group{}, false
}

// Groups returns all groups in the order of their ids.
func (o *Org) Groups() []Group {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	groups := o.seen(groupKind, o.groups)
	list := make([]Group, 0, len(groups))
	for _, r := range groups {
		list = append(list, r.group())
	}
	return list
}

// GroupsOf returns the groups that a person is a direct member of.
func (o *Org) GroupsOf(person string) []Group {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	r := o.find(userKind, person)
	if r == nil {
		return nil
	}
	groups := r.seenGroups()
	list := make([]Group, 0, len(groups))
	for _, g := range groups {
		list = append(list, g.group())
	}
	return list
}

// Members returns a page of a group's members from the place start, which begins at 1, and how many there are in all. typ narrows
// to "user" or "group", in any case; "" is all.
func (o *Org) Members(group string, start, count int, typ string) (page []Member, total int, ok bool) {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	g := o.find(groupKind, group)
	if g == nil {
		return nil, 0, false
	}
	for _, m := range g.seenMembers() {
		if typ != "" && !strings.EqualFold(typ, m.kind.word()) {
			continue
		}
		if total++; total < start || len(page) >= count {
			continue
		}
		page = append(page, Member{m.id, m.kind.word(), m.name})
	}
	return page, total, true
}

// settle makes whoever was pending active, after they proved that the address is theirs.
func (o *Org) settle(person string) error {
	_, err := (&Access{Org: o, By: Actor{Name: "Webex", Local: true}}).rewrite(scim.Ref{Type: "User", ID: person}, "",
		func(v view, before scim.Object) (change, error) {
			after := before.Clone()
			ext, _ := after.Get(scim.CiscoUserURN).(scim.Object)
			if scim.Equal(ext.Get("accountStatus"), scim.List{"pending"}) {
				ext.Delete("accountStatus")
				after.Set(scim.CiscoUserURN, ext)
			}
			return o.user(after, before, true, Actor{Name: "Webex", Local: true})
		})
	if e, ok := errors.AsType[*scim.Error](err); ok && e.Status == 404 {
		return nil // deleted meanwhile
	}
	return err
}
