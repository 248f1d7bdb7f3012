package state

import (
	"encoding/json"
	"slices"
	"time"
)

// Account is what Webex keeps of a person beside the SCIM resource. A stored one is never changed, only replaced.
type Account struct {
	Licences []string `json:"licences,omitempty"` // ids, in the order in which they were assigned
	ByHand   []string `json:"by_hand,omitempty"`  // those of them that no template gave
	Sites    []Site   `json:"sites,omitempty"`

	Location string `json:"location,omitempty"` // the id of the location of Webex Calling

	Epoch    int64 `json:"epoch,omitempty"`     // rises when all tokens of the person end; see Standing
	SignedIn int64 `json:"signed_in,omitempty"` // first sign-in, milliseconds of the Unix epoch; 0 is never
	Active   int64 `json:"active,omitempty"`    // last activity
	Invited  int64 `json:"invited,omitempty"`   // last invitation mail
	Inactive int64 `json:"inactive,omitempty"`  // since when the account is inactive; 0 is not
}

// noAccount is that of somebody of whom there is nothing to say yet.
var noAccount = &Account{}

func (a *Account) clone() *Account {
	c := *a
	c.Licences, c.ByHand, c.Sites = slices.Clone(a.Licences), slices.Clone(a.ByHand), slices.Clone(a.Sites)
	return &c
}

// setAccount replaces the account and keeps the count of seats. The lock must be held.
func (r *record) setAccount(a *Account, at int64) {
	for _, id := range r.account.Licences {
		if !slices.Contains(a.Licences, id) {
			r.org.release(id, at)
		}
	}
	for _, id := range a.Licences {
		if !slices.Contains(r.account.Licences, id) {
			r.org.seats[id]++
		}
	}
	r.account = a
}

// release gives a seat back. Counts that lag (Knobs.CountLag) still have it for a while.
func (o *Org) release(licence string, at int64) {
	o.seats[licence]--
	if o.Knobs().CountLag == 0 {
		o.released = o.released[:0]
		return
	}
	o.released = append(o.released, release{licence, at})
	if len(o.released) > maxReleased {
		o.released = slices.Delete(o.released, 0, len(o.released)/2)
	}
}

// release is a seat that was given back.
type release struct {
	licence string
	at      int64
}

const maxReleased = 100_000

// consumed is how many seats of a licence are taken, as Webex tells: what was given back within the lag still counts. Inactive
// people keep their seats. The lock must be held.
func (o *Org) consumed(licence string) int {
	n := o.seats[licence]
	since := o.u.now().Add(-o.Knobs().CountLag).UnixMilli()
	for _, r := range o.released {
		if r.licence == licence && r.at > since {
			n++
		}
	}
	return n
}

// seatLeft reports whether one more person can have the licence. The lock must be held.
func (o *Org) seatLeft(l *Licence) bool { return l.Product.free() || o.seats[l.ID] < l.Total }

// writeAccount replaces the account in state and journal. The lock must be held.
func (u *Universe) writeAccount(r *record, a *Account, at int64) (seq uint64, err error) {
	return u.writeAccountBy(r, a, at, nil)
}

// writeAccountBy is writeAccount for a change of licences that somebody made. The lock must be held.
func (u *Universe) writeAccountBy(r *record, a *Account, at int64, by *Actor) (seq uint64, err error) {
	text, err := json.Marshal(a)
	if err != nil {
		return 0, err
	}
	if seq, err = u.write(entry{Op: "account", Org: r.org.id, ID: r.id, At: at, Account: text, By: by}); err == nil {
		r.setAccount(a, at)
	}
	return seq, err
}

// ChangeAccount changes what is kept of a person beside the SCIM resource.
func (o *Org) ChangeAccount(person string, change func(*Account) error) error {
	now := o.u.now()
	o.u.mu.Lock()
	r := o.find(userKind, person)
	if r == nil {
		o.u.mu.Unlock()
		return notFound(userKind, person)
	}
	a := r.account.clone()
	err := change(a)
	var seq uint64
	if err == nil {
		seq, err = o.u.writeAccount(r, a, now.UnixMilli())
	}
	o.u.mu.Unlock()
	if err != nil {
		return err
	}
	return o.u.journal.flush(seq)
}

// grant gives the record what the templates say. fresh says that it was just created. The lock must be held.
func (u *Universe) grant(r *record, fresh, explicit bool, at int64) (seq uint64, err error) {
	if fresh && explicit {
		return 0, nil
	}
	recompute := slices.ContainsFunc(r.org.config.Templates, func(t Template) bool { return t.Recompute })
	a := r.org.fromTemplates(r, recompute && !fresh)
	if a == nil {
		return 0, nil
	}
	return u.writeAccount(r, a, at)
}

// fromTemplates returns the account as the templates make it, nil when that is how it is. With recompute what no template grants is lost,
// also what was assigned by hand. The lock must be held.
func (o *Org) fromTemplates(r *record, recompute bool) *Account {
	if len(o.config.Licences) == 0 {
		return nil
	}
	want := o.config.granted(r.groups)
	a := r.account.clone()
	if recompute {
		a.Licences = slices.DeleteFunc(a.Licences, func(id string) bool { return !slices.Contains(want, id) })
		a.ByHand = slices.DeleteFunc(a.ByHand, func(id string) bool { return !slices.Contains(want, id) })
	}
	for _, id := range want {
		if l := o.config.licence(id); l != nil && !o.config.serves(a.Licences, l) {
			o.give(a, l)
		}
	}
	if slices.Equal(a.Licences, r.account.Licences) && slices.Equal(a.Sites, r.account.Sites) {
		return nil
	}
	return a
}

// ApplyTemplates applies the templates to everybody who is there, as an administrator may do once, and returns whose licences changed.
// Without preserve, people lose what no template grants.
func (o *Org) ApplyTemplates(preserve bool, by Actor) (changed int, err error) {
	now := o.u.now()
	o.u.mu.Lock()
	var last uint64
	for _, r := range o.users {
		a := o.fromTemplates(r, !preserve)
		if a == nil {
			continue
		}
		seq, err := o.u.writeAccountBy(r, a, now.UnixMilli(), &by)
		if err != nil {
			o.u.mu.Unlock()
			return changed, err
		}
		o.u.note(now, "licences", r, by)
		last, changed = seq, changed+1
	}
	o.u.mu.Unlock()
	return changed, o.u.journal.flush(last)
}

// give adds a licence when there is a seat left. A meeting site without a seat makes an attendee of whom would be a host. The
// lock must be held.
func (o *Org) give(a *Account, l *Licence) bool {
	if !o.seatLeft(l) {
		if l.Product == Meetings && l.Site != "" {
			a.setSite(l.Site, "attendee")
		}
		return false
	}
	a.Licences = append(a.Licences, l.ID)
	if l.Product == Meetings && l.Site != "" {
		a.setSite(l.Site, "host")
	}
	return true
}

// setSite makes the person a host or an attendee; "" takes the site away.
func (a *Account) setSite(url, kind string) {
	a.Sites = slices.DeleteFunc(a.Sites, func(s Site) bool { return s.URL == url })
	if kind != "" {
		a.Sites = append(a.Sites, Site{url, kind})
	}
}

// SignIn notes that the person has signed in: whoever was pending is active from now on.
func (o *Org) SignIn(person string) error {
	now := o.u.now()
	err := o.ChangeAccount(person, func(a *Account) error {
		a.Active = now.UnixMilli()
		if a.SignedIn == 0 {
			a.SignedIn = a.Active
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.settle(person)
}

func stamp(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
