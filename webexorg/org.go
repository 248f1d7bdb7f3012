package webexorg

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"lockstep/token"
)

// Org is an organisation. It is safe for many goroutines.
type Org struct {
	u     *Universe
	id    string
	knobs atomic.Pointer[running]

	knobsMu sync.Mutex // one SetKnobs at a time

	// Guarded by Universe.mu.
	name       string
	domains    []string // verified, lower case
	enforce    bool
	users      []*record // by id
	groups     []*record // by id
	byID       map[string]*record
	groupNames map[string]*record // by folded displayName
}

// OrgConfig says what an organisation is like.
type OrgConfig struct {
	ID      string   `json:"id"`      // a UUID; "" makes one
	Name    string   `json:"name"`    //
	Domains []string `json:"domains"` // verified
	Enforce bool     `json:"enforce"` // refuse users whose name is not in one of the domains
}

// AddOrg adds an organisation.
func (u *Universe) AddOrg(c OrgConfig) (*Org, error) {
	if c.ID == "" {
		c.ID = uuid.NewString()
	}
	if err := uuid.Validate(c.ID); err != nil {
		return nil, fmt.Errorf("add organisation: id %q: %w", c.ID, err)
	}
	e := entry{Op: "org", Org: c.ID, Name: c.Name, Domains: foldAll(c.Domains), Enforce: c.Enforce}
	u.mu.Lock()
	if u.orgs[c.ID] != nil {
		u.mu.Unlock()
		return nil, fmt.Errorf("add organisation %s: it is there already", c.ID)
	}
	seq, err := u.write(e)
	var o *Org
	if err == nil {
		o = u.putOrg(e)
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
func (u *Universe) putOrg(e entry) *Org {
	o := u.orgs[e.Org]
	if o == nil {
		o = &Org{u: u, id: e.Org, byID: map[string]*record{}, groupNames: map[string]*record{}}
		o.knobs.Store(Knobs{}.run())
		u.orgs[o.id] = o
	}
	o.name, o.domains, o.enforce = e.Name, e.Domains, e.Enforce
	return o
}

func (u *Universe) dropOrg(o *Org) {
	for _, r := range o.users {
		forget(u.names, r)
		r.gone = true
	}
	for _, r := range o.groups {
		r.gone = true
	}
	for hash, t := range u.tokens {
		if t.org == o {
			delete(u.tokens, hash)
		}
	}
	delete(u.orgs, o.id)
}

// ID returns the organisation's id, a UUID.
func (o *Org) ID() string { return o.id }

// Config returns the settings.
func (o *Org) Config() OrgConfig {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return OrgConfig{ID: o.id, Name: o.name, Domains: slices.Clone(o.domains), Enforce: o.enforce}
}

// SetDomains says which domains are verified, and whether users of others are refused. Users that exist stay.
func (o *Org) SetDomains(domains []string, enforce bool) error {
	o.u.mu.Lock()
	e := entry{Op: "org", Org: o.id, Name: o.name, Domains: foldAll(domains), Enforce: enforce}
	seq, err := o.u.write(e)
	if err == nil && o.u.orgs[o.id] == o {
		o.u.putOrg(e)
	}
	o.u.mu.Unlock()
	return errors.Join(err, o.u.journal.flush(seq))
}

// domainAllowed reports whether a user of the address may be created.
func (o *Org) domainAllowed(address string) bool {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	_, domain, _ := strings.Cut(address, "@")
	return !o.enforce || slices.Contains(o.domains, fold(domain))
}

// Knobs returns how the organisation misbehaves.
func (o *Org) Knobs() Knobs { return o.knobs.Load().Knobs }

// SetKnobs changes how the organisation misbehaves, from the next request on. Counts of faults and the bucket of the rate
// limit begin anew. Knobs are not in the journal.
func (o *Org) SetKnobs(k Knobs) error {
	if err := k.check(); err != nil {
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

// Scope is what a bearer token allows.
type Scope string

// The scopes, named as Webex does.
const (
	ReadWrite Scope = "identity:people_rw"
	ReadOnly  Scope = "identity:people_read"
)

// tokenRow is what is kept of a token.
type tokenRow struct {
	org     *Org
	scope   Scope
	expires time.Time
}

// DefaultLifetime is that of the tokens which an administrator of Webex copies into Entra ID.
const DefaultLifetime = 365 * 24 * time.Hour

// IssueToken makes a bearer token for the organisation. A lifetime of 0 is DefaultLifetime. Only a hash of the token is kept.
func (o *Org) IssueToken(scope Scope, lifetime time.Duration) (string, error) {
	if scope != ReadWrite && scope != ReadOnly {
		return "", fmt.Errorf("issue token: unknown scope %q", scope)
	}
	if lifetime == 0 {
		lifetime = DefaultLifetime
	}
	made, text, err := token.New(token.KindOrg)
	if err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	row := &tokenRow{org: o, scope: scope, expires: o.u.now().Add(lifetime)}
	o.u.mu.Lock()
	if o.u.orgs[o.id] != o {
		o.u.mu.Unlock()
		return "", fmt.Errorf("issue token: organisation %s is gone", o.id)
	}
	seq, err := o.u.write(entry{
		Op: "token", Org: o.id, Hash: hex.EncodeToString(made.Hash[:]), Scope: scope, Expires: row.expires.UnixMilli(),
	})
	if err == nil {
		o.u.tokens[made.Hash] = row
	}
	o.u.mu.Unlock()
	if err = errors.Join(err, o.u.journal.flush(seq)); err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	return text, nil
}

// ExpireTokens ends all tokens that the organisation has.
func (o *Org) ExpireTokens() error {
	at := o.u.now()
	o.u.mu.Lock()
	seq, err := o.u.write(entry{Op: "expire", Org: o.id, At: at.UnixMilli()})
	if err == nil {
		o.u.expireTokens(o, at)
	}
	o.u.mu.Unlock()
	return errors.Join(err, o.u.journal.flush(seq))
}

func (u *Universe) expireTokens(o *Org, at time.Time) {
	for _, t := range u.tokens {
		if t.org == o && t.expires.After(at) {
			t.expires = at
		}
	}
}

// token returns what the bearer token allows, or nil when it is unknown or has expired.
func (u *Universe) token(text string) *tokenRow {
	hash := token.HashOf(text)
	u.mu.RLock()
	defer u.mu.RUnlock()
	t := u.tokens[hash]
	if t == nil || !u.now().Before(t.expires) {
		return nil
	}
	return &tokenRow{org: t.org, scope: t.scope, expires: t.expires}
}

func foldAll(list []string) []string {
	folded := make([]string, len(list))
	for i, s := range list {
		folded[i] = fold(strings.TrimSpace(s))
	}
	return folded
}
