package state

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// Access is an organisation as one request may use it, in terms of SCIM: what Webex keeps are SCIM resources. What the caller may
// do is checked by the face that makes the Access. It implements the methods of scimhttp.Backend.
type Access struct {
	*Org
	By      Actor
	Members bool // lists of groups come with members (includeMembers=true)
	Groups  bool // users come with their groups (returnGroups=true or includeGroupDetails=true)
	// Explicit creates users whose licences somebody names afterwards: templates give them none.
	Explicit bool
	id       string // of what is created; "" makes one
	at       int64  // when it is created, milliseconds of the Unix epoch; 0 is now
	Strict   bool   // replace with a filter that nothing matches is an error, as Webex documents; its legacy base adds
}

// Types returns the resource types of Webex.
func (b *Access) Types() []*scim.Type { return []*scim.Type{userType(), groupType()} }

// Get returns a user or a group; a group with at most 500 members.
func (b *Access) Get(_ context.Context, ref scim.Ref, want *scim.Projection) (scim.Resource, error) {
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	r := b.find(kindNamed(ref.Type), ref.ID)
	if r == nil {
		return scim.Resource{}, notFound(kindNamed(ref.Type), ref.ID)
	}
	return b.resource(r, r.seen(), want, true), nil
}

var (
	membersPath = filter.Path{Attr: "members"}
	groupsPath  = filter.Path{Attr: "groups"}
)

// resource returns the record as it is sent, with its links. The lock must be held. members says whether a group comes with
// members unless the client excludes them.
func (b *Access) resource(r *record, to links, want *scim.Projection, members bool) scim.Resource {
	doc := r.doc
	switch {
	case r.kind == groupKind && members && len(to.members) > 0 && want.Wants(groupType(), membersPath):
		doc = appendReferences(doc, "members", to.members, MaxMembers)
	case r.kind == userKind && len(to.groups) > 0 && (b.Groups || named(want, groupsPath)):
		doc = appendReferences(doc, "groups", to.groups, len(to.groups))
	}
	if r.kind == userKind && len(r.account.Licences) > 0 {
		doc = r.withLicences(doc)
	}
	return scim.Resource{
		Ref: scim.Ref{Type: r.kind.typeName(), ID: r.id}, Version: strconv.FormatInt(r.version, 10),
		Created: time.UnixMilli(r.created), Modified: time.UnixMilli(r.modified), Doc: doc,
	}
}

// named reports whether the client asks for the attribute by its name.
func named(want *scim.Projection, path filter.Path) bool {
	return want != nil && len(want.Include) > 0 && want.Wants(userType(), path)
}

// appendReferences returns the document with an attribute more.
func appendReferences(doc []byte, name string, list []*record, most int) []byte {
	list = list[:min(len(list), most)]
	b := make([]byte, 0, len(doc)+len(name)+8+100*len(list))
	b = append(b, doc[:len(doc)-1]...)
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, r := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"value":"`...), r.id...)
		switch {
		case name == "groups": // of a user, which have no type
			b = append(b, `","display":`...)
		case r.kind == groupKind:
			b = append(b, `","type":"group","display":`...)
		default:
			b = append(b, `","type":"user","display":`...)
		}
		b = append(scim.AppendValue(b, r.name), '}')
	}
	return append(b, "]}"...)
}

// Create adds a user or a group, with up to 500 members.
func (b *Access) Create(_ context.Context, typ string, o scim.Object) (scim.Resource, error) {
	c, err := b.whole(kindNamed(typ), o, nil, false)
	if err != nil {
		return scim.Resource{}, err
	}
	if c.id, c.at = b.id, b.at; b.Explicit {
		c.account = noAccount
	}
	return b.commit(c)
}

// whole makes a change of a whole resource.
func (b *Access) whole(k kind, o, before scim.Object, signedIn bool) (change, error) {
	if k == userKind {
		return b.user(o, before, signedIn, b.By)
	}
	ids, err := MemberIDs(o.Get("members"))
	if err != nil {
		return change{}, err
	}
	c, err := b.group(o, before, b.By)
	if err != nil {
		return change{}, err
	}
	if len(ids) > 0 || before != nil {
		c.members = []memberOp{{replaceMembers, ids}}
	}
	return c, b.checkMembers(c.members)
}

func (b *Access) commit(c change) (scim.Resource, error) {
	v, err := b.u.commit(c)
	if err != nil {
		return scim.Resource{}, err
	}
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	return b.resource(v.record, links{v.record.members, v.record.groups}, nil, true), nil
}

// Replace replaces everything but id and meta.created; attributes that are missing are wiped.
func (b *Access) Replace(_ context.Context, ref scim.Ref, ifMatch string, o scim.Object) (scim.Resource, error) {
	return b.rewrite(ref, ifMatch, func(v view, before scim.Object) (change, error) {
		return b.whole(v.kind, o.Clone(), before, v.signedIn)
	})
}

// Patch applies a patch.
func (b *Access) Patch(_ context.Context, ref scim.Ref, ifMatch string, p scim.Patch) (scim.Resource, error) {
	if kindNamed(ref.Type) == groupKind {
		return b.patchGroup(ref, ifMatch, p)
	}
	return b.rewrite(ref, ifMatch, func(v view, before scim.Object) (change, error) {
		after, err := b.apply(userType(), before, p)
		if err != nil {
			return change{}, err
		}
		return b.user(after, before, v.signedIn, b.By)
	})
}

// rewrite reads the record, has f decide on its change, and makes it; again when the record has changed meanwhile. Who rewrites
// the same record waits, so that "again" is rare.
func (b *Access) rewrite(ref scim.Ref, ifMatch string, f func(v view, before scim.Object) (change, error)) (scim.Resource, error) {
	stripe := b.u.stripe(ref.ID)
	stripe.Lock()
	defer stripe.Unlock()
	for {
		v, err := b.view(ref, ifMatch)
		if err != nil {
			return scim.Resource{}, err
		}
		before, err := scim.DecodeObject(v.doc)
		if err != nil {
			return scim.Resource{}, err
		}
		c, err := f(v, before)
		if err != nil {
			return scim.Resource{}, err
		}
		c.rec, c.version = v.record, v.version
		res, err := b.commit(c)
		if !errors.Is(err, errStale) {
			return res, err
		}
	}
}

// view returns what the record is now, if it has the version that is demanded.
func (b *Access) view(ref scim.Ref, ifMatch string) (view, error) {
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	r := b.find(kindNamed(ref.Type), ref.ID)
	if r == nil {
		return view{}, notFound(kindNamed(ref.Type), ref.ID)
	}
	if ifMatch != "" && ifMatch != strconv.FormatInt(r.version, 10) {
		return view{}, scim.ErrPrecondition("The resource has another version.")
	}
	return r.view(), nil
}

// Delete removes a user or a group, and its memberships with it.
func (b *Access) Delete(_ context.Context, ref scim.Ref, ifMatch string) error {
	for {
		v, err := b.view(ref, ifMatch)
		if err != nil {
			return err
		}
		version := int64(0)
		if ifMatch != "" {
			version = v.version
		}
		if err = b.u.delete(v.record, version, b.By); !errors.Is(err, errStale) {
			return err
		}
	}
}

// apply applies a patch as Webex does.
func (b *Access) apply(t *scim.Type, before scim.Object, p scim.Patch) (scim.Object, error) {
	p.Operations = slices.DeleteFunc(slices.Clone(p.Operations), func(op scim.Operation) bool { return readOnly(t, op.Path) })
	after, _, err := p.Apply(t, before)
	if err == nil && b.Strict {
		err = checkTargets(t, before, p)
	}
	return after, err
}

// readOnly reports whether the path names what Webex itself writes: it ignores that silently.
func readOnly(t *scim.Type, p filter.Path) bool {
	a, ok := t.Attribute(p)
	if !ok {
		return false
	}
	whole, _ := t.Attribute(filter.Path{URN: p.URN, Attr: p.Attr})
	return a.Mutability == scim.ReadOnly || whole.Mutability == scim.ReadOnly
}

// checkTargets refuses a replace whose filter nothing matches at its turn (RFC 7644 §3.5.2.3; Webex documents the same).
func checkTargets(t *scim.Type, o scim.Object, p scim.Patch) error {
	done := 0
	for i, op := range p.Operations {
		if op.Op != scim.OpReplace || op.Path.Filter == nil {
			continue
		}
		path, ok := t.Canonical(op.Path)
		if !ok {
			continue
		}
		var err error
		o, _, err = scim.Patch{Operations: p.Operations[done:i]}.Apply(t, o)
		if done = i; err != nil {
			return err
		}
		path.Sub = ""
		if scim.First(o, path) == nil {
			return scim.ErrNoTarget("operation " + strconv.Itoa(i+1) + ": nothing matches " + op.Path.String())
		}
	}
	return nil
}
