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
	seq, err := o.u.writeAccount(r, plan.account, now.UnixMilli())
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

// plan decides on a change of licences. The lock must be held.
func (o *Org) plan(r *record, ops []LicenceOp, sites []SiteOp) (plan, error) {
	p := plan{account: r.account.clone()}
	a := p.account
	for i := range ops {
		op := &ops[i]
		l := o.config.licence(op.Licence)
		if l == nil {
			return p, &LicenceError{400000, "License not recognized " + op.Licence}
		}
		if op.Remove {
			if err := o.take(a, l); err != nil {
				return p, err
			}
			continue
		}
		if err := o.allowed(a, l, op); err != nil {
			return p, err
		}
		if l.Product.calling() {
			p.calling = op
		}
		if slices.Contains(a.Licences, l.ID) {
			continue
		}
		if !o.give(a, l) {
			p.partial = true
			if p.calling == op {
				p.calling = nil
			}
			continue
		}
		a.ByHand = append(a.ByHand, l.ID)
	}
	for _, s := range sites {
		if !slices.ContainsFunc(o.config.Licences, func(l Licence) bool { return l.Site == s.URL }) {
			return p, &LicenceError{400216, "Invalid siteUrl " + s.URL}
		}
		if s.Remove {
			a.setSite(s.URL, "")
		} else if !slices.Contains(a.Sites, Site{s.URL, "host"}) {
			a.setSite(s.URL, "attendee")
		}
	}
	return p, o.settleCalling(&p)
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

// allowed refuses what Webex's rules about licences forbid, with its codes. The lock must be held.
func (o *Org) allowed(a *Account, l *Licence, op *LicenceOp) error {
	has := func(products ...Product) bool {
		return slices.ContainsFunc(a.Licences, func(id string) bool { return slices.Contains(products, o.config.product(id)) })
	}
	switch l.Product {
	case CallingStandard:
		if has(CallingPro) {
			return &LicenceError{400112, "A Webex Calling Professional license cannot be changed to a Standard one."}
		}
	case Attendant:
		if !has(CallingPro) {
			return &LicenceError{400404, "Attendant Console needs a Webex Calling Professional license."}
		}
	case CustomerAssist:
		if !has(CallingPro) {
			return &LicenceError{400410, "Customer Assist needs a Webex Calling Professional license."}
		}
	case Messaging:
		if !has(FreeMessaging) && o.stocks(FreeMessaging) {
			return &LicenceError{700003, "Basic messaging is needed first."}
		}
	case Meetings:
		if !has(FreeMeetings) && o.stocks(FreeMeetings) {
			return &LicenceError{700004, "Free meetings are needed first."}
		}
	}
	if l.Product.calling() && op.Location != "" && op.Number == "" && op.Extension == "" {
		return &LicenceError{400406, "A phone number or an extension is needed."}
	}
	return nil
}

// stocks reports whether the organisation has a licence of the product.
func (o *Org) stocks(p Product) bool {
	return slices.ContainsFunc(o.config.Licences, func(l Licence) bool { return l.Product == p })
}

// take takes a licence away. The lock must be held.
func (o *Org) take(a *Account, l *Licence) error {
	if l.Product == ScreenShare {
		return &LicenceError{700006, "Screen Share is implicit and cannot be removed."}
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

// AddLocation adds a location of Webex Calling, and the group that it is.
func (o *Org) AddLocation(name string) (Location, error) {
	by := Actor{Name: "Webex Calling", Local: true}
	c, err := o.group(scim.Object{
		{Name: "displayName", Value: name},
		{Name: scim.CiscoGroupURN, Value: scim.Object{{Name: "usage", Value: "location"}}},
	}, nil, by)
	if err != nil {
		return Location{}, err
	}
	v, err := o.u.commit(c)
	if err != nil {
		return Location{}, err
	}
	l := Location{ID: NewID(), Name: name, Group: v.id}
	return l, o.Change(func(c *OrgConfig) error {
		c.Locations = append(c.Locations, l)
		return nil
	})
}
