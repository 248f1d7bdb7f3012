package operate

import (
	"context"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/session"
	"lockstep/token"
)

// LocalOwner is an owner who signs in to the console by a password of their own, so that no identity provider can lock them out.
type LocalOwner struct {
	ID       string
	Name     string
	Hash     string // Argon2id
	Epoch    int64  // rises with each password
	Disabled bool
	Created  time.Time
	Changed  time.Time // the password
	Used     time.Time // zero is never

	Unowned bool // of a new one: the tenant must have no owner yet
}

// Owners keeps local owners. A change is written with its line of the audit log.
type Owners interface {
	OwnersKept
	// PutOwner adds one; a name that is taken gives lockstep.ErrConflict.
	PutOwner(ctx context.Context, by audit.Actor, t lockstep.TenantID, l LocalOwner) error
	// SetOwnerPassword gives one another password, enables them, and ends their sessions.
	SetOwnerPassword(ctx context.Context, by audit.Actor, t lockstep.TenantID, id, hash string) error
	// DeleteOwner removes one and ends their sessions. The last owner gives lockstep.CodeLastOwner.
	DeleteOwner(ctx context.Context, by audit.Actor, t lockstep.TenantID, id string) error
}

// OwnersKept reads them.
type OwnersKept interface {
	Owners(ctx context.Context, t lockstep.TenantID) ([]LocalOwner, error)
	// Owner returns one that is not disabled, by id; OwnerNamed by name, in any case.
	Owner(ctx context.Context, t lockstep.TenantID, id string) (LocalOwner, error)
	OwnerNamed(ctx context.Context, t lockstep.TenantID, name string) (LocalOwner, error)
	// UsedOwner notes that one has signed in.
	UsedOwner(ctx context.Context, t lockstep.TenantID, id string) error
}

// CheckPassword says what is wrong with a password that somebody chooses; nil is nothing.
func CheckPassword(password string) error {
	if fault := token.PasswordFault(password); fault != "" {
		return &Faulty{Faults: []Fault{{"password", fault}}}
	}
	return nil
}

// LocalOwners lists the tenant's local owners, without what is kept of their passwords.
func (o *Operator) LocalOwners(ctx context.Context, p Principal) ([]LocalOwner, error) {
	s, err := o.admins(p, AdminsRead)
	if err != nil {
		return nil, err
	}
	all, err := s.Owners(ctx, p.Tenant)
	for i := range all {
		all[i].Hash = ""
	}
	return all, err
}

// givesRights returns an error for a visitor of a tenant that has an owner: by any right that they gave there, or by an owner's password, they or
// somebody else could come in after the tenant has let visitors in no longer. A new tenant gets its first owner by whoever looks after it. It says so
// early; the transaction that gives asks again (Unowned).
func givesRights(ctx context.Context, p Principal, s Admins) error {
	if !p.Visits() {
		return nil
	}
	owners, err := s.Owners(ctx, p.Tenant)
	if err != nil {
		return err
	}
	admins, err := s.Administrators(ctx, p.Tenant)
	if err != nil {
		return err
	}
	if len(owners) > 0 || slices.ContainsFunc(admins, func(e AdminEntry) bool { return e.rights().Allow(token.ScopeAll) }) {
		return forbidden("You belong to another tenant, and this one has an owner of its own. Let an owner of this tenant do it.")
	}
	return nil
}

// AddOwner adds a local owner. Only who may do everything can.
func (o *Operator) AddOwner(ctx context.Context, p Principal, name, password string) (LocalOwner, error) {
	s, err := o.admins(p, AdminsWrite)
	if err != nil {
		return LocalOwner{}, err
	}
	if err := p.covers(token.Scopes{token.ScopeAll}); err != nil {
		return LocalOwner{}, err
	}
	if err := givesRights(ctx, p, s); err != nil {
		return LocalOwner{}, err
	}
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return LocalOwner{}, &Faulty{Faults: []Fault{{"name", "Give the owner a name of at most 100 letters."}}}
	}
	if err := CheckPassword(password); err != nil {
		return LocalOwner{}, err
	}
	if err := o.proved(p); err != nil {
		return LocalOwner{}, err
	}
	hash, err := token.HashPassword(password)
	if err != nil {
		return LocalOwner{}, err
	}
	l := LocalOwner{ID: lockstep.NewID[string](), Name: name, Hash: hash, Created: o.now(), Changed: o.now(), Unowned: p.Visits()}
	err = s.PutOwner(ctx, p.Actor, p.Tenant, l)
	l.Hash = ""
	return l, err
}

func (o *Operator) ownerNamed(ctx context.Context, p Principal, s Admins, name string) (LocalOwner, error) {
	if err := p.covers(token.Scopes{token.ScopeAll}); err != nil {
		return LocalOwner{}, err
	}
	all, err := s.Owners(ctx, p.Tenant)
	if err != nil {
		return LocalOwner{}, err
	}
	var names []string
	for _, l := range all {
		if l.ID == name || strings.EqualFold(l.Name, name) {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return LocalOwner{}, notFound("local owner", name, names...)
}

// SetOwnerPassword gives a local owner, by name or id, another password. Their sessions end.
func (o *Operator) SetOwnerPassword(ctx context.Context, p Principal, name, password string) error {
	s, err := o.admins(p, AdminsWrite)
	if err != nil {
		return err
	}
	l, err := o.ownerNamed(ctx, p, s, name)
	if err != nil {
		return err
	}
	if err := givesRights(ctx, p, s); err != nil { // there is one: theirs is to be set
		return err
	}
	if err := CheckPassword(password); err != nil {
		return err
	}
	if err := o.proved(p); err != nil {
		return err
	}
	hash, err := token.HashPassword(password)
	if err != nil {
		return err
	}
	return s.SetOwnerPassword(ctx, p.Actor, p.Tenant, l.ID, hash)
}

// RemoveOwner removes a local owner, by name or id. The last owner cannot be removed.
func (o *Operator) RemoveOwner(ctx context.Context, p Principal, name string) error {
	s, err := o.admins(p, AdminsWrite)
	if err != nil {
		return err
	}
	l, err := o.ownerNamed(ctx, p, s, name)
	if err != nil {
		return err
	}
	if err := o.proved(p); err != nil {
		return err
	}
	return s.DeleteOwner(ctx, p.Actor, p.Tenant, l.ID)
}

// errWrongOwner says the same of a name that is not there and of a wrong password.
var errWrongOwner = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The name or the password is wrong."}

// EnterAsOwner finds the local owner who has the name and the password, at a tenant by slug; "" is the default one. from is the address that
// is asked from: wrong passwords count for the name together with where they came from, so that who tries them elsewhere locks nobody out.
func (o *Operator) EnterAsOwner(ctx context.Context, tenant, name, password, from string) (session.Grant, error) {
	if o.Admins == nil {
		return session.Grant{}, errWrongOwner
	}
	if tenant == "" {
		tenant = DefaultTenant
	}
	t, err := o.tenant(ctx, tenant)
	if err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return session.Grant{}, err
	}
	key := string(t.ID) + "\x00" + strings.ToLower(name)
	if !o.tries.May(key, from, o.now()) {
		return session.Grant{}, &lockstep.Error{Code: lockstep.CodeTooMany, Detail: "Too many wrong passwords from where you are. Wait a quarter of an hour."}
	}
	l, err := o.Admins.OwnerNamed(ctx, t.ID, name)
	if err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return session.Grant{}, err
	}
	hash := l.Hash
	if err != nil || l.Disabled || len(password) > token.LongestPassword {
		hash = noHash // whoever is not there takes as long
	}
	right, err := o.verify(hash, password[:min(len(password), token.LongestPassword)])
	if err != nil {
		return session.Grant{}, err
	}
	if !right || hash == noHash {
		return session.Grant{}, errWrongOwner
	}
	o.tries.Succeeded(key, from)
	if err := o.Admins.UsedOwner(ctx, t.ID, l.ID); err != nil {
		return session.Grant{}, err
	}
	return session.Grant{
		Tenant: t.ID, Holder: l.Name, Scopes: string(token.ScopeAll), Person: session.Person{Owner: l.ID, Epoch: l.Epoch}, How: string(ByOwner),
	}, nil
}

// noHash is of no password, at the cost of token.HashPassword.
const noHash = "$argon2id$v=19$m=19456,t=2,p=1$WXevWt/Be5WW18Bor1DiAQ$pBy2qJq5BkfpQR2Gd5g8e/oE5UCq1nIaP6f1MtDCulM"

// verify compares a password with a hash, few at a time.
func (o *Operator) verify(hash, password string) (bool, error) {
	if o.Verify != nil {
		return o.Verify(hash, password)
	}
	return token.CheckPassword(hash, password)
}
