package state

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"lockstep/scim"
)

// Org is an organisation. It is safe for many goroutines.
type Org struct {
	u     *Universe
	id    string
	knobs atomic.Pointer[Running]

	knobsMu sync.Mutex // one SetKnobs at a time
	signIns signIns

	// Guarded by Universe.mu.
	config     *OrgConfig // never changed, only replaced; so are the next two
	centre     *Centre
	contacts   *Contacts
	users      []*record // by id
	groups     []*record // by id
	byID       map[string]*record
	groupNames map[string]*record // by folded displayName
	every      *record            // the built-in group of all users, or nil
	seats      map[string]int     // people who hold a licence, by its id
	released   []release          // the last, by time
	archived   map[string]*Archived
	late       late
}

// AddOrg adds an organisation.
func (u *Universe) AddOrg(c OrgConfig) (*Org, error) {
	if c.ID == "" {
		c.ID = uuid.NewString()
	}
	if err := uuid.Validate(c.ID); err != nil {
		return nil, fmt.Errorf("add organisation: id %q: %w", c.ID, err)
	}
	c.Created = cmp.Or(c.Created, u.now().UnixMilli())
	c.Modified = cmp.Or(c.Modified, c.Created)
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("add organisation: %w", err)
	}
	u.mu.Lock()
	if u.orgs[c.ID] != nil {
		u.mu.Unlock()
		return nil, fmt.Errorf("add organisation %s: it is there already", c.ID)
	}
	seq, err := u.write(entry{Op: "org", Org: c.ID, Config: &c})
	var o *Org
	if err == nil {
		o = u.putOrg(c.ID, clone(&c))
	}
	u.mu.Unlock()
	return o, errors.Join(err, u.journal.flush(seq))
}

// DropOrg removes an organisation with all it has. Without such an organisation it does nothing.
func (u *Universe) DropOrg(id string) error {
	u.mu.Lock()
	var seq uint64
	var err error
	if o := u.orgs[id]; o != nil {
		if seq, err = u.write(entry{Op: "drop", Org: id}); err == nil {
			u.dropOrg(o)
		}
	}
	u.mu.Unlock()
	return errors.Join(err, u.journal.flush(seq))
}

// putOrg adds the organisation or changes its settings. The lock must be held.
func (u *Universe) putOrg(id string, c *OrgConfig) *Org {
	o := u.orgs[id]
	if o == nil {
		o = &Org{
			u: u, id: id, byID: map[string]*record{}, groupNames: map[string]*record{}, seats: map[string]int{},
			archived: map[string]*Archived{}, centre: &Centre{}, contacts: &Contacts{},
		}
		o.knobs.Store(Knobs{}.run())
		u.orgs[o.id] = o
	}
	o.config = c
	o.setEvery(c.EveryGroup, c.Modified)
	return o
}

// everyName is what Webex calls the group of all users.
const everyName = "All Org Users"

// setEvery makes the built-in group of all users, or removes it. The lock must be held.
func (o *Org) setEvery(on bool, at int64) {
	if on == (o.every != nil) {
		return
	}
	if !on {
		o.u.remove(o.every, at)
		o.every = nil
		return
	}
	id := uuid.NewSHA1(uuid.MustParse(o.id), []byte(everyName)).String()
	c := change{org: o, kind: groupKind, id: id, key: fold(everyName), name: everyName, at: at}
	c.doc = o.groupDoc(scim.Object{{Name: "displayName", Value: everyName}})
	r := o.u.insert(&c)
	o.u.update(r, &c)
	for _, user := range o.users {
		r.moveMember(user, true)
	}
	r.every, o.every = true, r
}

func (u *Universe) dropOrg(o *Org) {
	for _, r := range o.users {
		forget(u.names, r)
		r.gone = true
	}
	for _, r := range o.groups {
		r.gone = true
	}
	o.purge("")
	for hash, t := range u.tokens {
		if t.org == o {
			delete(u.tokens, hash)
		}
	}
	delete(u.orgs, o.id)
}

// ID returns the organisation's id, a UUID.
func (o *Org) ID() string { return o.id }

// Universe returns where the organisation is.
func (o *Org) Universe() *Universe { return o.u }

// Config returns the settings. They are the caller's to read, not to change; see Change.
func (o *Org) Config() OrgConfig {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return *o.config
}

// Change changes the settings: change gets a copy, which takes effect unless there is an error. ID and Created stay. It runs with the
// lock of the state held: it must not ask the organisation or the universe anything.
func (o *Org) Change(change func(*OrgConfig) error) error {
	now := o.u.now().UnixMilli()
	o.u.mu.Lock()
	seq, err := o.change(change, now)
	o.u.mu.Unlock()
	return errors.Join(err, o.u.journal.flush(seq))
}

// change is Change with the lock held.
func (o *Org) change(change func(*OrgConfig) error, at int64) (seq uint64, err error) {
	c := clone(o.config)
	if err := change(c); err != nil {
		return 0, err
	}
	c.ID, c.Created, c.Modified = o.id, o.config.Created, at
	if err := c.check(); err != nil {
		return 0, err
	}
	if o.u.orgs[o.id] != o {
		return 0, scim.ErrNotFound("There is no such organisation.")
	}
	if seq, err = o.u.write(entry{Op: "org", Org: o.id, Config: c}); err == nil {
		o.u.putOrg(o.id, c)
	}
	return seq, err
}

// SetDomains says which domains are verified, and whether users of others are refused. Users that exist stay.
func (o *Org) SetDomains(domains []string, enforce bool) error {
	return o.Change(func(c *OrgConfig) error {
		c.Domains, c.Enforce = foldAll(domains), enforce
		c.Claimed = slices.DeleteFunc(c.Claimed, func(d string) bool { return !slices.Contains(c.Domains, d) })
		return nil
	})
}

// Knobs returns how the organisation misbehaves.
func (o *Org) Knobs() Knobs { return o.knobs.Load().Knobs }

// Running returns the knobs in use.
func (o *Org) Running() *Running { return o.knobs.Load() }

// SetKnobs changes how the organisation misbehaves, from the next request on. Counts of faults and the bucket of the rate
// limit begin anew. Knobs are not in the journal.
func (o *Org) SetKnobs(k Knobs) error {
	if err := k.Check(); err != nil {
		return err
	}
	o.knobsMu.Lock()
	defer o.knobsMu.Unlock()
	if err := o.populate(k.Present, o.Knobs().Present); err != nil {
		return err
	}
	o.knobs.Store(k.run())
	return nil
}

func foldAll(list []string) []string {
	folded := make([]string, len(list))
	for i, s := range list {
		folded[i] = fold(strings.TrimSpace(s))
	}
	return folded
}
