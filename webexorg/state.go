package webexorg

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
	gone     bool
}

// view is what was true of a record at one moment.
type view struct {
	*record  // for what never changes
	doc      []byte
	version  int64
	modified int64
	manager  string
}

func (r *record) view() view { return view{r, r.doc, r.version, r.modified, r.manager} }

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
	doc     []byte // nil: only members change
	members []memberOp
	at      int64 // milliseconds of the Unix epoch
}

// errStale says that a record has changed since it was read; the caller reads it again.
var errStale = fmt.Errorf("stale version")

// commit makes the change, or returns a *scim.Error or errStale and has changed nothing.
func (u *Universe) commit(c change) (view, error) {
	now := u.now()
	c.at = now.UnixMilli()
	u.mu.Lock()
	v, op, err := u.apply(&c)
	var seq uint64
	if err == nil && op != "" {
		seq = u.journal.append(u.entry(v.record, &c))
		u.commits.add(Commit{At: now, Org: c.org.id, Kind: c.kind.typeName(), ID: v.id, Op: op})
	}
	u.mu.Unlock()
	if err != nil {
		return view{}, err
	}
	return v, u.journal.flush(seq)
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
	if err := u.checkUnique(c); err != nil {
		return v, "", err
	}
	if c.manager != "" && (r == nil || r.manager != c.manager) {
		m := c.org.find(userKind, c.manager)
		if m == nil {
			return v, "", scim.ErrInvalidValue("manager: there is no user " + c.manager + " in this organisation")
		}
		c.manager = m.id // one text for all
	}
	moves, err := c.resolveMembers()
	if err != nil {
		return v, "", err
	}
	op = "update"
	if r == nil {
		r, op = u.insert(c), "create"
	}
	moved := r.moveMembers(moves)
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
	if other == nil || other == c.rec {
		return nil
	}
	if c.kind == groupKind {
		return scim.ErrUniqueness("displayName: another group has this name")
	}
	return scim.ErrUniqueness("userName: another user has this name")
}

// insert makes a record and puts it in its place, without contents yet.
func (u *Universe) insert(c *change) *record {
	if c.id == "" {
		c.id = uuid.Must(uuid.NewV7()).String()
	}
	r := &record{org: c.org, kind: c.kind, id: c.id, key: c.key, created: c.at}
	list := c.org.list(c.kind)
	*list = insertByID(*list, r)
	c.org.byID[r.id] = r
	return r
}

// remove deletes the record and its memberships. Groups that lose a member get a new version.
func (u *Universe) remove(r *record, at int64) {
	for _, g := range r.groups {
		g.members = removeByID(g.members, r)
		g.version++
		g.modified = at
	}
	for _, m := range r.members {
		m.groups = removeByID(m.groups, r)
	}
	r.members, r.groups, r.gone = nil, nil, true
	list := r.org.list(r.kind)
	*list = removeByID(*list, r)
	delete(r.org.byID, r.id)
	forget(u.keys(r.org, r.kind), r)
}

// delete removes the record if its version is right; 0 is any.
func (u *Universe) delete(r *record, version int64) error {
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
	u.remove(r, now.UnixMilli())
	seq := u.journal.append(appendDelete(nil, r, now.UnixMilli()))
	u.commits.add(Commit{At: now, Org: r.org.id, Kind: r.kind.typeName(), ID: r.id, Op: "delete"})
	u.mu.Unlock()
	return u.journal.flush(seq)
}

// membersMove is a memberOp whose ids were found.
type membersMove struct {
	op      memberOpKind
	members []*record
}

// resolveMembers finds the members that a change names. Adding one that the organisation does not have is an error.
func (c *change) resolveMembers() ([]membersMove, error) {
	moves := make([]membersMove, 0, len(c.members))
	for _, op := range c.members {
		move := membersMove{op: op.op, members: make([]*record, 0, len(op.ids))}
		for _, id := range op.ids {
			switch r := c.org.byID[id]; {
			case r != nil && r == c.rec && op.op != removeMembers:
				return nil, scim.ErrInvalidValue("members: a group cannot be a member of itself")
			case r != nil:
				move.members = append(move.members, r)
			case op.op != removeMembers:
				return nil, scim.ErrInvalidValue("members: there is no user or group " + id + " in this organisation")
			}
		}
		moves = append(moves, move)
	}
	return moves, nil
}

// moveMembers makes the moves and reports whether any changed something. It notes in each the members that did change.
func (r *record) moveMembers(moves []membersMove) (changed bool) {
	for i := range moves {
		m := &moves[i]
		if m.op == replaceMembers {
			changed = r.replaceMembers(m.members) || changed
			continue
		}
		for _, member := range m.members {
			changed = r.moveMember(member, m.op == addMembers) || changed
		}
	}
	return changed
}

func (r *record) moveMember(member *record, add bool) bool {
	_, has := findByID(r.members, member.id)
	if has == add {
		return false
	}
	if add {
		r.members = insertByID(r.members, member)
		member.groups = insertByID(member.groups, r)
	} else {
		r.members = removeByID(r.members, member)
		member.groups = removeByID(member.groups, r)
	}
	return true
}

func (r *record) replaceMembers(want []*record) (changed bool) {
	want = slices.Clone(want)
	slices.SortFunc(want, compareID)
	want = slices.Compact(want)
	for _, old := range slices.Clone(r.members) {
		if _, keep := findByID(want, old.id); !keep {
			changed = r.moveMember(old, false) || changed
		}
	}
	for _, member := range want {
		changed = r.moveMember(member, true) || changed
	}
	return changed
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

func fold(s string) string { return filter.Fold(s) }
