package state

import (
	"errors"
	"slices"

	"lockstep/scim"
)

// LicenceOp is one change of somebody's licences.
type LicenceOp struct {
	Licence   string // id
	Remove    bool
	Location  string // of Webex Calling: the id of a location
	Number    string
	Extension string
}

// SiteOp is one change of somebody's meeting sites.
type SiteOp struct {
	URL    string
	Remove bool
}

// LicenceError is a refusal with one of Webex's codes.
type LicenceError struct {
	Code   int
	Detail string
}

// Error says what is wrong.
func (e *LicenceError) Error() string { return e.Detail }

// Assigned is what came of a change of licences.
type Assigned struct {
	Person
	Partial bool // not everything that was asked for was done: there were no seats
}

// Assign changes the licences of a person: all that the rules allow and for which there are seats. explicit means that the person
// is to have no others. What a rule forbids is a *LicenceError, and nothing is changed.
func (o *Org) Assign(person string, ops []LicenceOp, sites []SiteOp, by Actor) (Assigned, error) {
	now := o.u.now()
	o.u.mu.Lock()
	r := o.find(userKind, person)
	if r == nil {
		o.u.mu.Unlock()
		return Assigned{}, notFound(userKind, person)
	}
	plan, err := o.plan(r, ops, sites)
	if err == nil && plan.partial && o.config.Assume.NoPartial {
		err = &LicenceError{400, "There are not enough licences for everything that was asked for."}
	}
	if err != nil {
		o.u.mu.Unlock()
		return Assigned{}, err
	}
	seq, err := o.u.writeAccountBy(r, plan.account, now.UnixMilli(), &by)
	if err == nil {
		o.u.note(now, "licences", r, by)
	}
	o.u.mu.Unlock()
	err = errors.Join(err, o.u.journal.flush(seq))
	if err == nil {
		err = o.callingFollows(r, plan)
	}
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return Assigned{r.person(), plan.partial}, err
}

// plan is what a change of licences comes to.
type plan struct {
	account *Account
	partial bool
	calling *LicenceOp // a Calling licence that is new or has new properties
	group   string     // of its location
	quits   bool       // no Calling licence is left
}

// plan decides on a change of licences. What is taken away is taken away first, in whatever order the request names it. The lock must
// be held.
func (o *Org) plan(r *record, ops []LicenceOp, sites []SiteOp) (plan, error) {
	p := plan{account: r.account.clone()}
	a := p.account
	for i := range ops {
		l := o.config.licence(ops[i].Licence)
		if l == nil {
			return p, &LicenceError{400000, "License not recognized " + ops[i].Licence}
		}
		if ops[i].Remove {
			if err := o.take(a, l); err != nil {
				return p, err
			}
		}
	}
	for i := range ops {
		if !ops[i].Remove {
			if err := o.assign(&p, r.account.Licences, &ops[i]); err != nil {
				return p, err
			}
		}
	}
	for _, s := range sites {
		if !slices.ContainsFunc(o.config.Licences, func(l Licence) bool { return l.Site == s.URL }) {
			return p, &LicenceError{400216, "Request contains invalid attendee siteUrls: " + s.URL}
		}
		if s.Remove {
			a.setSite(s.URL, "")
		} else if !slices.Contains(a.Sites, Site{s.URL, "host"}) {
			a.setSite(s.URL, "attendee")
		}
	}
	return p, o.settleCalling(&p)
}

// assign adds one licence to the plan. before are those that the person had.
func (o *Org) assign(p *plan, before []string, op *LicenceOp) error {
	l := o.config.licence(op.Licence)
	if err := o.allowed(p.account, before, l, op); err != nil {
		return err
	}
	if l.Product.calling() {
		p.calling = op
	}
	switch {
	case slices.Contains(p.account.Licences, l.ID):
	case o.give(p.account, l):
		p.account.ByHand = append(p.account.ByHand, l.ID)
	default:
		p.partial = true
		if p.calling == op {
			p.calling = nil
		}
	}
	return nil
}

// settleCalling finds the location of a Calling licence, and forgets it when there is no such licence any more.
func (o *Org) settleCalling(p *plan) error {
	has := slices.ContainsFunc(p.account.Licences, func(id string) bool { return o.config.product(id).calling() })
	if !has {
		p.quits = p.account.Location != ""
		p.account.Location = "" // the membership in the location's group stays
		return nil
	}
	if p.calling == nil || p.calling.Location == "" {
		return nil
	}
	for _, l := range o.config.Locations {
		if l.ID == p.calling.Location {
			p.account.Location, p.group = l.ID, l.Group
			return nil
		}
	}
	return &LicenceError{400, "Unable to find location."}
}

// take takes a licence away. The lock must be held.
func (o *Org) take(a *Account, l *Licence) error {
	switch l.Product {
	case ScreenShare:
		return &LicenceError{700006, "Screen Share " + l.ID + " is implicitly assigned and cannot be removed"}
	case Messenger:
		return errMessenger(l)
	}
	is := func(id string) bool { return id == l.ID }
	a.Licences, a.ByHand = slices.DeleteFunc(a.Licences, is), slices.DeleteFunc(a.ByHand, is)
	if l.Product == Meetings && l.Site != "" {
		a.setSite(l.Site, "")
	}
	return nil
}

// callingFollows does what a Calling licence brings about: the person comes into the group of the location, and their work
// number is the one of the licence; without one it is gone, and there is an extension.
func (o *Org) callingFollows(r *record, p plan) error {
	if p.calling == nil || p.calling.Number == "" && p.calling.Extension == "" {
		return nil
	}
	by := Actor{Name: "Webex Calling", Local: true}
	access := &Access{Org: o, By: by}
	if p.group != "" {
		c := change{org: o, kind: groupKind, by: by, members: []memberOp{{addMembers, []string{r.id}}}}
		_, err := access.rewrite(scim.Ref{Type: "Group", ID: p.group}, "", func(view, scim.Object) (change, error) { return c, nil })
		if err != nil {
			return err
		}
	}
	_, err := access.rewrite(scim.Ref{Type: "User", ID: r.id}, "", func(v view, before scim.Object) (change, error) {
		after := before.Clone()
		after.Set("phoneNumbers", callingNumbers(after, p.calling))
		if list, _ := after.Get("phoneNumbers").(scim.List); len(list) == 0 {
			after.Delete("phoneNumbers")
		}
		return o.user(after, before, v.signedIn, by)
	})
	return err
}

// callingNumbers returns the numbers of a user who has the licence.
func callingNumbers(u scim.Object, op *LicenceOp) scim.List {
	old, _ := u.Get("phoneNumbers").(scim.List)
	kept := scim.List{}
	for _, e := range old {
		if n, ok := e.(scim.Object); ok && n.Text("type") != "work" && n.Text("type") != "work_extension" {
			kept = append(kept, n)
		}
	}
	if op.Number != "" {
		kept = append(kept, scim.Object{{Name: "type", Value: "work"}, {Name: "value", Value: op.Number}})
	}
	if op.Extension != "" {
		kept = append(kept, scim.Object{{Name: "type", Value: "work_extension"}, {Name: "value", Value: op.Extension}})
	}
	return kept
}

// AddLocation adds a location of Webex Calling, and the group that it is. ID and Group are made.
func (o *Org) AddLocation(l Location) (Location, error) {
	by := Actor{Name: "Webex Calling", Local: true}
	c, err := o.group(scim.Object{
		{Name: "displayName", Value: l.Name},
		{Name: scim.CiscoGroupURN, Value: scim.Object{{Name: "usage", Value: "location"}}},
	}, nil, by)
	if err != nil {
		return Location{}, err
	}
	v, err := o.u.commit(c)
	if err != nil {
		return Location{}, err
	}
	l.ID, l.Group = NewID(), v.id
	return l, o.Change(func(c *OrgConfig) error {
		c.Locations = append(c.Locations, l)
		return nil
	})
}
