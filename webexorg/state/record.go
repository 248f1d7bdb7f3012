package state

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// kind says what a record is.
type kind uint8

const (
	userKind kind = iota
	groupKind
)

// typeName returns the name of the SCIM resource type.
func (k kind) typeName() string {
	if k == groupKind {
		return "Group"
	}
	return "User"
}

// record is a user or a group. All fields but org, kind, id and created are guarded by Universe.mu; doc is replaced, never
// changed, so that a view of it may be used without the lock.
type record struct {
	org  *Org
	kind kind
	id   string

	key      string // userName or displayName, folded
	name     string // what references show as display
	manager  string // the id of a user's manager
	doc      []byte // see scim.Resource.Doc; a group's is without members
	version  int64
	created  int64 // milliseconds of the Unix epoch
	modified int64
	members  []*record // of a group, by id
	groups   []*record // that this one is a member of, by id
	roles    []string  // of a user, such as id_full_admin
	managed  string    // of a user: what they manage elsewhere, as JSON
	active   bool      // of a user: may sign in
	source   SyncSource
	account  *Account // of a user; never nil
	every    bool     // the built-in group of all users
	gone     bool
}

// view is what was true of a record at one moment.
type view struct {
	*record  // for what never changes
	doc      []byte
	version  int64
	modified int64
	manager  string
	signedIn bool
}

func (r *record) view() view {
	return view{r, r.doc, r.version, r.modified, r.manager, r.account.SignedIn > 0}
}

// memberOp is one change of a group's members, by id.
type memberOp struct {
	op  memberOpKind
	ids []string
}

type memberOpKind uint8

const (
	addMembers    memberOpKind = iota
	removeMembers              // those that are not members are no error (RFC 7644 §3.5.2.2)
	replaceMembers
)

// change is one write of one record, checked as far as it can be without the lock.
type change struct {
	org     *Org
	kind    kind
	rec     *record // nil: create
	version int64   // that rec must have; 0 is any
	id      string  // of a record to create; "" makes one
	key     string
	name    string
	manager string
	roles   []string
	managed string
	active  bool
	source  SyncSource
	doc     []byte // nil: only members change
	members []memberOp
	at      int64 // milliseconds of the Unix epoch
	by      Actor
	replay  bool      // checked when it was made
	moved   []*record // members that the change added or removed
	account *Account  // of a user to create whose licences were named: no template applies
}

// errStale says that a record has changed since it was read; the caller reads it again.
var errStale = fmt.Errorf("stale version")

// commit makes the change, or returns a *scim.Error or errStale and has changed nothing.
func (u *Universe) commit(c change) (view, error) {
	now := u.now()
	if c.at != 0 {
		now = stamp(c.at) // a seed says when
	}
	c.at = now.UnixMilli()
	u.mu.Lock()
	before := stateOf(c.rec)
	v, op, err := u.apply(&c)
	var seq uint64
	if err == nil && op != "" {
		seq = u.journal.append(u.entry(v.record, &c))
		u.note(now, op, v.record, c.by)
		seq, err = u.follow(v.record, &c, before, seq)
		v = v.record.view()
	}
	u.mu.Unlock()
	if err != nil {
		return view{}, err
	}
	return v, u.journal.flush(seq)
}

// before is what of a user decides what follows from a change.
type before struct {
	there   bool
	active  bool
	roles   []string
	managed string
}

func stateOf(r *record) before {
	if r == nil {
		return before{}
	}
	return before{true, r.active, r.roles, r.managed}
}

// follow does what Webex does of its own after a change: it ends the tokens of whoever lost rights or got others, assigns the
// licences of templates, and stamps who became inactive. The lock must be held.
func (u *Universe) follow(r *record, c *change, was before, seq uint64) (uint64, error) {
	later := func(n uint64, err error) error {
		seq = max(seq, n)
		return err
	}
	if r.kind == groupKind {
		if !c.org.config.templated(r.id) {
			return seq, nil
		}
		for _, m := range c.moved {
			if m.kind == userKind {
				if err := later(u.grant(m, false, false, c.at)); err != nil {
					return seq, err
				}
			}
		}
		return seq, nil
	}
	if !was.there && c.account != nil {
		return seq, later(u.writeAccount(r, c.account, c.at))
	}
	if !was.there {
		return seq, later(u.grant(r, true, false, c.at))
	}
	ended := !c.org.config.Assume.KeepTokens && (!slices.Equal(was.roles, r.roles) || was.managed != r.managed)
	if was.active == r.active && !ended {
		return seq, nil
	}
	a := r.account.clone()
	a.Inactive = 0
	if !r.active {
		a.Inactive = c.at
		ended = ended || was.active
	}
	if ended {
		a.Epoch++
	}
	return seq, later(u.writeAccount(r, a, c.at))
}

// apply checks what only the lock can keep true and then changes the state. op is "" when there was nothing to change.
func (u *Universe) apply(c *change) (v view, op string, err error) {
	if u.orgs[c.org.id] != c.org {
		return v, "", scim.ErrNotFound("There is no such organisation.")
	}
	r := c.rec
	if r != nil && r.gone {
		return v, "", notFound(c.kind, r.id)
	}
	if r != nil && c.version != 0 && c.version != r.version {
		return v, "", errStale
	}
	if r != nil && r.every {
		return v, "", errBuiltIn
	}
	if !c.replay {
		if err := cmp.Or(u.checkUnique(c), c.checkLimits()); err != nil {
			return v, "", err
		}
	}
	if err := c.resolveManager(); err != nil {
		return v, "", err
	}
	moves, err := c.resolveMembers()
	if err != nil {
		return v, "", err
	}
	if err := c.checkSize(moves); err != nil {
		return v, "", err
	}
	op = "update"
	if r == nil {
		r, op = u.insert(c), "create"
	}
	c.moved = r.moveMembers(moves)
	moved := len(c.moved) > 0
	switch {
	case op == "create":
	case c.doc == nil && !moved, c.doc != nil && !moved && string(c.doc) == string(r.doc):
		return r.view(), "", nil // nothing changes, nor does lastModified (RFC 7644 §3.5.2.1)
	case c.doc == nil:
		op = "members"
	}
	u.update(r, c)
	return r.view(), op, nil
}

// update gives the record its new contents and version.
func (u *Universe) update(r *record, c *change) {
	r.version++
	r.modified = c.at
	if c.doc == nil {
		return
	}
	index := u.keys(c.org, c.kind)
	if r.key != c.key {
		forget(index, r)
		r.key = c.key
	}
	index[r.key] = r
	r.name, r.manager, r.doc = c.name, c.manager, c.doc
	r.roles, r.managed, r.active, r.source = c.roles, c.managed, c.active, c.source
}

// forget takes the record out of the index, unless another one of its name (Knobs.Duplicates) is there in its place.
func forget(index map[string]*record, r *record) {
	if index[r.key] == r {
		delete(index, r.key)
	}
}

// keys returns the index in which keys of the kind are unique: user names in the whole universe, as in the whole of Webex,
// names of groups in their organisation.
func (u *Universe) keys(o *Org, k kind) map[string]*record {
	if k == userKind {
		return u.names
	}
	return o.groupNames
}

func (u *Universe) checkUnique(c *change) error {
	if c.doc == nil || c.org.Knobs().Duplicates {
		return nil
	}
	other := u.keys(c.org, c.kind)[c.key]
	if c.kind == groupKind {
		if other == nil || other == c.rec || c.org.config.Assume.GroupNamesTwice {
			return nil
		}
		return scim.ErrUniqueness("displayName: another group has this name")
	}
	if other != nil && other != c.rec {
		return scim.ErrUniqueness("userName: another user has this name")
	}
	if c.rec == nil || c.rec.key != c.key {
		return u.checkReserved(c.key)
	}
	return nil
}

// insert makes a record and puts it in its place, without contents yet.
func (u *Universe) insert(c *change) *record {
	if c.id == "" {
		c.id = NewID()
	}
	r := &record{org: c.org, kind: c.kind, id: c.id, key: c.key, created: c.at, account: noAccount, source: c.source}
	list := c.org.list(c.kind)
	*list = insertByID(*list, r)
	c.org.byID[r.id] = r
	if e := c.org.every; e != nil && r.kind == userKind {
		e.moveMember(r, true)
		e.version, e.modified = e.version+1, c.at
	}
	return r
}

// remove deletes the record and its memberships. Groups that lose a member get a new version.
func (u *Universe) remove(r *record, at int64) {
	for _, g := range r.groups {
		g.members = removeByID(g.members, r)
		r.org.noteMove(g, r, false)
		g.version++
		g.modified = at
	}
	for _, m := range r.members {
		m.groups = removeByID(m.groups, r)
	}
	r.org.archive(r, at)
	r.setAccount(noAccount, at)
	r.members, r.groups, r.gone = nil, nil, true
	r.org.noteLeft(r)
	list := r.org.list(r.kind)
	*list = removeByID(*list, r)
	delete(r.org.byID, r.id)
	forget(u.keys(r.org, r.kind), r)
}

// delete removes the record if its version is right; 0 is any.
func (u *Universe) delete(r *record, version int64, by Actor) error {
	now := u.now()
	u.mu.Lock()
	if r.gone || u.orgs[r.org.id] != r.org {
		u.mu.Unlock()
		return notFound(r.kind, r.id)
	}
	if version != 0 && version != r.version {
		u.mu.Unlock()
		return errStale
	}
	if err := r.checkDelete(by); err != nil {
		u.mu.Unlock()
		return err
	}
	u.remove(r, now.UnixMilli())
	seq := u.journal.append(appendDelete(nil, r, now.UnixMilli(), by))
	u.note(now, "delete", r, by)
	u.mu.Unlock()
	return u.journal.flush(seq)
}

// list returns the records of the kind, by id. Ids of new records rise (RFC 9562 §5.7), so pages stay as they were.
func (o *Org) list(k kind) *[]*record {
	if k == groupKind {
		return &o.groups
	}
	return &o.users
}

// find returns the record, or nil when there is none of that kind. The lock must be held.
func (o *Org) find(k kind, id string) *record {
	if r := o.byID[id]; r != nil && r.kind == k {
		return r
	}
	return nil
}

func compareID(a, b *record) int { return cmp.Compare(a.id, b.id) }

func findByID(list []*record, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(r *record, id string) int { return strings.Compare(r.id, id) })
}

func insertByID(list []*record, r *record) []*record {
	if len(list) == 0 || list[len(list)-1].id < r.id { // the usual case
		return append(list, r)
	}
	i, found := findByID(list, r.id)
	if found {
		return list
	}
	return slices.Insert(list, i, r)
}

func removeByID(list []*record, r *record) []*record {
	if i, found := findByID(list, r.id); found {
		return slices.Delete(list, i, i+1)
	}
	return list
}

func notFound(k kind, id string) error {
	return scim.ErrNotFound(k.typeName() + " " + id + " does not exist.")
}

// NewID makes an id, greater than those made before.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

func fold(s string) string { return filter.Fold(s) }
