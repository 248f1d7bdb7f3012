package directory

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"strconv"
	"sync"

	"lockstep"
	"lockstep/audit"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// SCIM shows directories as SCIM service providers (RFC 7643, RFC 7644). One serves every tenant; For gives each request its own
// Endpoint. The fields must not change once it serves; those not marked may be zero.
//
// A password is hashed by the store and kept apart: it is in no document, event or audit line. Memberships change row by row, whatever the
// size of the group. A soft-deleted user or group does not exist for SCIM, and its name is free (RFC 7644 §3.6).
type SCIM struct {
	Store  Store    // required
	Search Searcher // required
	// Pages remembers where pages ended. Nil forgets, so that a page costs its distance from the start.
	Pages *Pages

	stripes [1024]sync.Mutex // by id: who rewrites the same object within this process waits instead of starting over
}

// Endpoint is a tenant's directory as one client sees it. It implements the Backend of lockstep/scim/scimhttp.
type Endpoint struct {
	*SCIM
	Tenant   lockstep.TenantID
	By       audit.Actor // who writes
	Client   string      // whose pages are remembered; the id of the token
	Base     string      // address of the endpoint, without a slash at the end
	Schemas  *Schemas    // of the tenant; nil is those of RFC 7643
	ReadOnly bool        // writes are refused with 403
	Tolerant bool        // keeps a manager who does not exist and leaves out members who do not, instead of refusing the request
}

// maxMembers is how many members one answer shows. Whoever wants more leaves them out, or asks for smaller pages.
const maxMembers = 500_000

// shownMembers is how many members a group may have for the answer to a PATCH to show them: a change of a large group does not
// read it.
const shownMembers = 100

// attempts is how often a write without a condition starts over when others change the same object meanwhile.
const attempts = 50

var seed = maphash.MakeSeed()

func (s *SCIM) stripe(id string) *sync.Mutex {
	return &s.stripes[maphash.String(seed, id)%uint64(len(s.stripes))]
}

// Types returns users and groups.
func (e Endpoint) Types() []*scim.Type { return e.Schemas.Types() }

var (
	membersPath = filter.Path{Attr: "members"}
	groupsPath  = filter.Path{Attr: "groups"}
)

// Get returns a user or a group. A group comes with its members unless want leaves them out.
func (e Endpoint) Get(ctx context.Context, ref scim.Ref, want *scim.Projection) (scim.Resource, error) {
	r, err := e.record(ctx, Kind(ref.Type), ref.ID, "")
	if err != nil {
		return scim.Resource{}, err
	}
	room := maxMembers
	return e.one(ctx, Kind(ref.Type), r, want, &room)
}

// one is resource for a single record.
func (e Endpoint) one(ctx context.Context, kind Kind, r Record, want *scim.Projection, room *int) (scim.Resource, error) {
	names, err := e.managers(ctx, kind, want, r)
	if err != nil {
		return scim.Resource{}, err
	}
	return e.resource(ctx, kind, r, want, room, names)
}

// record returns what is stored, if it has the version that is demanded.
func (e Endpoint) record(ctx context.Context, kind Kind, id, ifMatch string) (Record, error) {
	if !lockstep.ValidID(id) { // no such id was ever given
		return Record{}, notFound(kind, id)
	}
	r, err := e.Search.Record(ctx, e.Tenant, kind, id)
	if errors.Is(err, lockstep.ErrNotFound) {
		return r, notFound(kind, id)
	}
	if err == nil && ifMatch != "" && ifMatch != strconv.FormatInt(r.Version, 10) {
		err = scim.ErrPrecondition("The resource has another version.")
	}
	return r, err
}

func notFound(kind Kind, id string) error {
	if len(id) > 80 {
		id = id[:80]
	}
	return scim.ErrNotFound("There is no " + string(kind) + " " + strconv.Quote(id) + ".")
}

// resource is the record as it is sent. room is how many members may still be shown, names holds those of managers.
func (e Endpoint) resource(ctx context.Context, kind Kind, r Record, want *scim.Projection, room *int, names map[string]string) (scim.Resource, error) {
	res := scim.Resource{
		Ref: scim.Ref{Type: string(kind), ID: r.ID}, Version: strconv.FormatInt(r.Version, 10), Created: r.Created, Modified: r.Modified,
		Doc: e.withManager(e.document(kind, r), names),
	}
	switch {
	case kind == GroupKind && want.Wants(e.Schemas.Type(kind), membersPath):
		members, err := e.Search.MembersOf(ctx, e.Tenant, lockstep.GroupID(r.ID), *room+1)
		if err != nil {
			return res, err
		}
		if len(members) > *room {
			return res, scim.ErrTooMany("There are too many members to show: leave them out with excludedAttributes=members, or ask for smaller pages.")
		}
		*room -= len(members)
		res.Doc, res.Derived = e.withRelatives(res.Doc, "members", members), len(members) > 0
	case kind == UserKind && want != nil && want.Wants(e.Schemas.Type(kind), groupsPath):
		groups, err := e.Search.GroupsOf(ctx, e.Tenant, r.ID)
		if err != nil {
			return res, err
		}
		res.Doc, res.Derived = e.withRelatives(res.Doc, "groups", groups), true // none is a statement about groups, too
	}
	if names != nil && hasManager(r.Doc) {
		res.Derived = true
	}
	if e.Schemas.hides(kind, res.Doc) {
		var err error
		res.Attributes, err = scim.DecodeObject(res.Doc)
		res.Doc = nil
		return res, err
	}
	return res, nil
}

// The beginnings of documents. What follows is what is stored, without its opening brace.
const (
	userHead       = `{"schemas":["` + scim.UserURN + `"],`
	enterpriseHead = `{"schemas":["` + scim.UserURN + `","` + scim.EnterpriseUserURN + `"],`
	groupHead      = `{"schemas":["` + scim.GroupURN + `"],`
)

var (
	enterpriseName = []byte(`"` + scim.EnterpriseUserURN + `":{`) // within a text the quotes would be escaped
	activeName     = []byte(`"active":`)
)

// document puts schemas before what is stored, and active into a user who has none.
func (e Endpoint) document(kind Kind, r Record) []byte {
	head := groupHead
	if kind == UserKind {
		head = userHead
		if bytes.Contains(r.Doc, enterpriseName) {
			head = enterpriseHead
		}
	}
	if more := e.Schemas.listed(kind, r.Doc); more != "" {
		head = head[:len(head)-len("],")] + more + "],"
	}
	b := make([]byte, 0, len(head)+len(r.Doc)+16)
	b = append(b, head...)
	if kind == UserKind && !e.Schemas.saysActive(r.Doc) {
		b = append(append(b, activeName...), "true,"...)
	}
	return append(b, r.Doc[1:]...)
}

// withRelatives returns the document with the list added.
func (e Endpoint) withRelatives(doc []byte, name string, list []Relative) []byte {
	if len(list) == 0 {
		return doc
	}
	b := make([]byte, 0, len(doc)+len(name)+8+len(list)*(180+len(e.Base)))
	b = append(append(append(append(b, doc[:len(doc)-1]...), `,"`...), name...), `":[`...)
	for i, m := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"value":"`...), m.ID...)
		b = scim.AppendValue(append(b, `","$ref":`...), e.Base+e.Schemas.Type(m.Kind).Endpoint+"/"+m.ID)
		kind := string(m.Kind)
		if name == "groups" {
			kind = "direct"
		}
		b = append(append(append(b, `,"type":"`...), kind...), `","display":`...)
		b = append(scim.AppendValue(b, m.Name), '}')
	}
	return append(b, "]}"...)
}

var errReadOnly = &scim.Error{Status: 403, Detail: "The token does not allow writing."}

// Create adds a user or a group.
func (e Endpoint) Create(ctx context.Context, typ string, o scim.Object) (scim.Resource, error) {
	if e.ReadOnly {
		return scim.Resource{}, errReadOnly
	}
	if Kind(typ) == GroupKind {
		return e.createGroup(ctx, o)
	}
	return e.createUser(ctx, o)
}

// Replace replaces the attributes of a user or a group. A user without active stays as active as they are.
func (e Endpoint) Replace(ctx context.Context, ref scim.Ref, ifMatch string, o scim.Object) (scim.Resource, error) {
	if Kind(ref.Type) == GroupKind {
		res, err := e.rewrite(ctx, ref, ifMatch, func(r Record) ([]Change, error) { return e.replaceGroup(ctx, r, o.Clone()) })
		if err == nil && res.Partial { // the client has sent them all: it gets them all (RFC 7644 §3.5.1)
			return e.Get(ctx, ref, nil)
		}
		return res, err
	}
	return e.rewrite(ctx, ref, ifMatch, func(r Record) ([]Change, error) {
		before, err := scim.DecodeObject(r.Doc)
		if err != nil {
			return nil, err
		}
		after := o.Clone()
		if !after.Has("active") {
			after.Set("active", r.Active)
		}
		if err := e.Schemas.Type(UserKind).Retain(before, &after); err != nil {
			return nil, err
		}
		return e.userChanges(r, before, after), nil
	})
}

// Patch applies a patch. The members of a group are changed one by one, without reading the others, wherever the patch allows.
func (e Endpoint) Patch(ctx context.Context, ref scim.Ref, ifMatch string, p scim.Patch) (scim.Resource, error) {
	if Kind(ref.Type) == GroupKind {
		return e.rewrite(ctx, ref, ifMatch, func(r Record) ([]Change, error) { return e.patchGroup(ctx, r, ifMatch, p) })
	}
	return e.rewrite(ctx, ref, ifMatch, func(r Record) ([]Change, error) {
		before, err := scim.DecodeObject(r.Doc)
		if err != nil {
			return nil, err
		}
		if !before.Has("active") {
			before.Set("active", r.Active)
		}
		after, _, err := p.Apply(e.Schemas.Type(UserKind), before)
		if err != nil {
			return nil, err
		}
		if !after.Has("active") { // as with a PUT: to leave it out enables nobody
			after.Set("active", r.Active)
		}
		return e.userChanges(r, before, after), nil
	})
}

// rewrite has f decide on changes of the stored object and commits them; again when it has changed meanwhile, unless the client
// demanded a version. No changes are no write: version and lastModified stay (RFC 7644 §3.5.2.1).
func (e Endpoint) rewrite(ctx context.Context, ref scim.Ref, ifMatch string, f func(Record) ([]Change, error)) (scim.Resource, error) {
	if e.ReadOnly {
		return scim.Resource{}, errReadOnly
	}
	lock := e.stripe(ref.ID)
	lock.Lock()
	defer lock.Unlock()
	for range attempts {
		r, err := e.record(ctx, Kind(ref.Type), ref.ID, ifMatch)
		if err != nil {
			return scim.Resource{}, err
		}
		changes, err := f(r)
		if err != nil {
			return scim.Resource{}, err
		}
		if len(changes) == 0 {
			return e.written(ctx, ref, r)
		}
		receipt, err := e.Store.Commit(ctx, e.Tenant, e.By, "", changes...)
		if err == nil {
			if r, err = e.after(ctx, r, receipt, changes); err != nil {
				return scim.Resource{}, err
			}
			return e.written(ctx, ref, r)
		}
		if !errors.Is(err, lockstep.ErrVersion) || ifMatch != "" {
			if _, gone := e.record(ctx, Kind(ref.Type), ref.ID, ""); gone != nil {
				return scim.Resource{}, gone
			}
			return scim.Resource{}, publicError(err)
		}
	}
	return scim.Resource{}, &scim.Error{Status: 409, Detail: "Others keep changing the resource; try again."}
}

// after is what the changes have made of a record. A user is known without reading them again.
func (e Endpoint) after(ctx context.Context, r Record, receipt Receipt, changes []Change) (Record, error) {
	if _, is := changes[0].(PutUser); !is {
		_, password := changes[0].(SetPassword) // changes nothing that is shown
		if password && len(changes) == 1 {
			return r, nil
		}
		return e.record(ctx, GroupKind, r.ID, "")
	}
	now := receipt.Written[0]
	now.Created = r.Created
	return now, nil
}

// publicError words what a commit says of others than the object itself.
func publicError(err error) error {
	switch lockstep.CodeOf(err) {
	case lockstep.CodeVersion:
		return scim.ErrPrecondition("The resource has another version.")
	case lockstep.CodeNotFound: // the object is there: it is a member that has gone
		return scim.ErrInvalidValue("A member does not exist.")
	}
	return err
}

// written is the answer to a write: a group with many members comes without them, and says so.
func (e Endpoint) written(ctx context.Context, ref scim.Ref, r Record) (scim.Resource, error) {
	room := shownMembers
	res, err := e.one(ctx, Kind(ref.Type), r, nil, &room)
	if s, ok := errors.AsType[*scim.Error](err); ok && s.Type == scim.TypeTooMany {
		res.Partial = true
		return res, nil
	}
	return res, err
}

// Delete soft-deletes a user or a group: it is gone for SCIM, and an administrator can restore it.
func (e Endpoint) Delete(ctx context.Context, ref scim.Ref, ifMatch string) error {
	if e.ReadOnly {
		return errReadOnly
	}
	r, err := e.record(ctx, Kind(ref.Type), ref.ID, ifMatch)
	if err != nil {
		return err
	}
	version := int64(0)
	if ifMatch != "" {
		version = r.Version
	}
	var change Change = DeleteUser{ID: lockstep.UserID(ref.ID), IfVersion: version}
	if Kind(ref.Type) == GroupKind {
		change = DeleteGroup{ID: lockstep.GroupID(ref.ID), IfVersion: version}
	}
	_, err = e.Store.Commit(ctx, e.Tenant, e.By, "", change)
	if errors.Is(err, lockstep.ErrNotFound) {
		return notFound(Kind(ref.Type), ref.ID)
	}
	return err
}
