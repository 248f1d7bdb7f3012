// Package directory makes a tenant's own directory the source or the target of a job: it reads people, groups and assignments
// from the change feed, and writes what an inbound job brings.
//
// A read is either whole (users, then groups, each in the order of ids) or of what the feed tells since a position. Both
// give objects as they are now; the feed says only which. A write merges what is the job's own into what is there, since
// others may own the rest.
package directory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/rule"
	"lockstep/scim"
)

// enterprise is the URN of the enterprise extension (RFC 7643 §4.3), under which the directory keeps a user's manager.
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

const (
	pageSize = 500  // objects in a page
	feedPage = 1000 // feed rows looked at together
)

// Connector opens directories as ends of jobs. Store must be set.
type Connector struct {
	Store directory.Store
	// Schemas returns the tenant's users and groups with its own attributes; nil is those of RFC 7643.
	Schemas func(context.Context, lockstep.TenantID) (*directory.Schemas, error)
}

// Source opens the tenant's directory as an app sees it. With nested, members of groups in an assigned group are assigned too.
// With flatten, a group has the members of the groups in it, for targets that know no nested groups.
func (c *Connector) Source(t lockstep.TenantID, app lockstep.AppID, nested, flatten bool) connection.Source {
	return c.SourceWith(t, app, nested, flatten, nil)
}

// SourceWith is Source as it would be if assignments had been changed.
func (c *Connector) SourceWith(t lockstep.TenantID, app lockstep.AppID, nested, flatten bool, changed []rule.AssignmentChange) connection.Source {
	return &source{dir: c.Store, schemas: c.Schemas, tenant: t, app: app, nested: nested, flatten: flatten, changed: changed}
}

// Target opens the tenant's directory to be written in the name of by.
func (c *Connector) Target(t lockstep.TenantID, by audit.Actor) connection.Target {
	return &target{dir: c.Store, schemas: c.Schemas, tenant: t, by: by}
}

// source reads one tenant's directory for one app.
type source struct {
	dir     directory.Reader
	schemas schemas
	tenant  lockstep.TenantID
	app     lockstep.AppID
	nested  bool // members of groups in an assigned group are assigned too
	flatten bool // the target knows no nested groups: a group has the members of its groups
	changed []rule.AssignmentChange
}

func (h *source) Describe(ctx context.Context) (connection.System, error) {
	types, err := h.schemas.types(ctx, h.tenant)
	return connection.System{
		Name: "the directory", Key: "directory/" + string(h.tenant), Nesting: true, References: []string{connection.Manager, connection.Members},
		Types: types,
	}, err
}

// schemas finds the schemas of a tenant's own. Nil finds none.
type schemas func(context.Context, lockstep.TenantID) (*directory.Schemas, error)

// types are what the directory's users and groups look like, with the attributes that the tenant has added.
func (f schemas) types(ctx context.Context, t lockstep.TenantID) (map[string]*scim.Type, error) {
	types := map[string]*scim.Type{connection.UserType: scim.UserType(), connection.GroupType: scim.GroupType()}
	if f == nil {
		return types, nil
	}
	s, err := f(ctx, t)
	if err != nil || s == nil {
		return types, err
	}
	for i := range s.Extensions {
		k := s.Extensions[i].Kind
		types[string(k)] = s.Type(k)
	}
	return types, nil
}

func (h *source) Test(ctx context.Context, report func(connection.Check)) error {
	_, err := h.dir.Head(ctx, h.tenant)
	report(connection.Check{Name: "read the directory", OK: err == nil, Code: lockstep.CodeOf(err)})
	return err
}

func (h *source) Read(ctx context.Context, from connection.Cursor, page func(connection.Page) error) error {
	c, err := parseCursor(from)
	if err != nil {
		return err
	}
	if c.stage == "p" {
		return h.readFeed(ctx, c, page)
	}
	return h.readAll(ctx, c, page)
}

// readAll reads everything, from where the cursor stands. The view is as new as the position from which the next read goes on, or
// newer: what changes from then on is in the feed after it.
func (h *source) readAll(ctx context.Context, c cursor, page func(connection.Page) error) (err error) {
	if c.stage == "" {
		if c.pos, err = h.dir.Head(ctx, h.tenant); err != nil {
			return err
		}
		c.stage = "u"
	}
	view, err := h.view(ctx)
	if err != nil {
		return err
	}
	if c.stage == "u" {
		if err := view.readUsers(ctx, c.pos, lockstep.UserID(c.after), page); err != nil {
			return err
		}
		c.after = ""
	}
	return view.readGroups(ctx, c.pos, lockstep.GroupID(c.after), page)
}

func (h *source) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	view, err := h.view(ctx)
	if err != nil {
		return nil, err
	}
	var users []lockstep.UserID
	var groups []lockstep.GroupID
	for _, r := range refs {
		if r.Type == connection.UserType {
			users = append(users, lockstep.UserID(r.ID))
		} else {
			groups = append(groups, lockstep.GroupID(r.ID))
		}
	}
	objects, err := view.users(ctx, users)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		o, err := view.wholeGroup(ctx, g)
		if err != nil {
			return nil, err
		}
		if o != nil {
			objects = append(objects, *o)
		}
	}
	return objects, nil
}

// view is the directory with what one read needs to know of it at hand: the app's assignments and the nesting of groups,
// both small beside the people.
type view struct {
	*source
	exclude map[string]bool                   // role value → excludes from provisioning
	direct  map[string][]rule.Grant           // assigned users
	through map[lockstep.GroupID][]rule.Grant // assigned groups
	nesting                                   // of groups that are not deleted: those bring nobody
	ever    nesting                           // of deleted ones, too, and of what the feed tells of
	given   map[lockstep.GroupID]bool         // the same of assigned groups
	names   map[lockstep.GroupID]string
}

func (h *source) view(ctx context.Context) (*view, error) {
	v := &view{
		source:  h,
		exclude: map[string]bool{},
		given:   map[lockstep.GroupID]bool{},
		direct:  map[string][]rule.Grant{},
		through: map[lockstep.GroupID][]rule.Grant{},
		names:   map[lockstep.GroupID]string{},
	}
	if err := v.loadAssignments(ctx); err != nil {
		return nil, err
	}
	var nested []directory.Member
	for q := (directory.MemberQuery{Kind: directory.GroupKind}); ; {
		members, err := h.dir.Members(ctx, h.tenant, q)
		if err != nil {
			return nil, err
		}
		nested = append(nested, members...)
		if len(members) < memberPage {
			break
		}
		q.After = members[len(members)-1]
	}
	return v, v.nest(ctx, nested)
}

// nest takes the nesting over, but for groups that are soft-deleted: they bring nobody anywhere, and neither do their
// assignments, until they are restored.
func (v *view) nest(ctx context.Context, nested []directory.Member) error {
	named := map[lockstep.GroupID]bool{}
	for g := range v.through {
		named[g], v.given[g] = true, true
	}
	for _, m := range nested {
		named[m.Group], named[lockstep.GroupID(m.ID)] = true, true
	}
	alive := map[lockstep.GroupID]bool{}
	for ids := range slices.Chunk(slices.Collect(maps.Keys(named)), pageSize) {
		groups, err := v.dir.Groups(ctx, v.tenant, directory.GroupQuery{IDs: ids, Limit: len(ids)})
		if err != nil {
			return err
		}
		for i := range groups {
			alive[groups[i].ID] = true
			v.names[groups[i].ID] = groups[i].Attributes.Text("displayName")
		}
	}
	maps.DeleteFunc(v.through, func(g lockstep.GroupID, _ []rule.Grant) bool { return !alive[g] })
	for _, m := range nested {
		child := lockstep.GroupID(m.ID)
		v.ever.add(m.Group, child)
		if alive[m.Group] && alive[child] {
			v.add(m.Group, child)
		}
	}
	return nil
}

// memberPage is the page size that directory.MemberQuery's zero Limit stands for.
const memberPage = 10_000

func (v *view) loadAssignments(ctx context.Context) error {
	apps, err := v.dir.Apps(ctx, v.tenant)
	if err != nil {
		return err
	}
	first := ""
	for _, a := range apps {
		if a.ID != v.app {
			continue
		}
		for i, r := range a.Roles {
			v.exclude[r.Value] = r.Exclude
			if i == 0 {
				first = r.Value
			}
		}
	}
	assignments, err := v.dir.Assignments(ctx, v.tenant, v.app)
	if err != nil {
		return err
	}
	for _, a := range changed(assignments, v.changed) {
		role := a.Role
		if role == "" {
			role = first
		}
		g := rule.Grant{Role: role, Exclude: v.exclude[role]}
		if a.Kind == directory.UserKind {
			v.direct[a.To] = append(v.direct[a.To], g)
		} else {
			v.through[lockstep.GroupID(a.To)] = append(v.through[lockstep.GroupID(a.To)], g)
		}
	}
	return nil
}

// changed are assignments with changes carried out.
func changed(all []directory.Assignment, by []rule.AssignmentChange) []directory.Assignment {
	if len(by) == 0 {
		return all
	}
	touched := make(map[string]bool, len(by))
	for _, c := range by {
		touched[c.To] = true
	}
	all = slices.DeleteFunc(slices.Clone(all), func(a directory.Assignment) bool { return touched[a.To] })
	for _, c := range by {
		if !c.Gone {
			all = append(all, directory.Assignment{Kind: directory.Kind(c.Kind), To: c.To, Role: c.Role})
		}
	}
	return all
}

// nesting says which groups are in which. It may have cycles. The zero nesting has none.
type nesting struct {
	parents  map[lockstep.GroupID][]lockstep.GroupID // group → groups that contain it
	children map[lockstep.GroupID][]lockstep.GroupID // group → groups in it
}

func (n *nesting) add(group, child lockstep.GroupID) {
	if n.parents == nil {
		n.parents, n.children = map[lockstep.GroupID][]lockstep.GroupID{}, map[lockstep.GroupID][]lockstep.GroupID{}
	}
	n.parents[child] = append(n.parents[child], group)
	n.children[group] = append(n.children[group], child)
}

// above returns the group and every group that contains it, directly or through others.
func (n *nesting) above(g lockstep.GroupID) []lockstep.GroupID { return closure(n.parents, g) }

// below returns the group and every group inside it.
func (n *nesting) below(g lockstep.GroupID) []lockstep.GroupID { return closure(n.children, g) }

func closure(next map[lockstep.GroupID][]lockstep.GroupID, from lockstep.GroupID) []lockstep.GroupID {
	all := []lockstep.GroupID{from}
	if len(next[from]) == 0 {
		return all
	}
	seen := map[lockstep.GroupID]bool{from: true}
	for i := 0; i < len(all); i++ {
		for _, n := range next[all[i]] {
			if !seen[n] {
				seen[n] = true
				all = append(all, n)
			}
		}
	}
	return all
}

func (v *view) readUsers(ctx context.Context, pos int64, after lockstep.UserID, page func(connection.Page) error) error {
	for {
		users, err := v.dir.Users(ctx, v.tenant, directory.UserQuery{After: after, Limit: pageSize, Deleted: true})
		if err != nil {
			return err
		}
		objects, err := v.userObjects(ctx, users)
		if err != nil {
			return err
		}
		next := connection.Cursor(cursor{stage: "g", pos: pos}.String())
		if len(users) == pageSize {
			after = users[len(users)-1].ID
			next = connection.Cursor(cursor{stage: "u", pos: pos, after: string(after)}.String())
		}
		if err := page(connection.Page{Objects: objects, Next: next, Whole: true}); err != nil {
			return err
		}
		if len(users) < pageSize {
			return nil
		}
	}
}

func (v *view) readGroups(ctx context.Context, pos int64, after lockstep.GroupID, page func(connection.Page) error) error {
	const limit = 50 // each comes with all its members
	for {
		groups, err := v.dir.Groups(ctx, v.tenant, directory.GroupQuery{After: after, Limit: limit, Deleted: true})
		if err != nil {
			return err
		}
		objects := make([]connection.Object, 0, len(groups))
		for i := range groups {
			o, err := v.groupObject(ctx, &groups[i])
			if err != nil {
				return err
			}
			objects = append(objects, o)
		}
		p := connection.Page{Objects: objects, Whole: true}
		if p.Last = len(groups) < limit; p.Last {
			p.Next = connection.Cursor(cursor{stage: "p", pos: pos, since: pos, began: pos}.String())
		} else {
			after = groups[len(groups)-1].ID
			p.Next = connection.Cursor(cursor{stage: "g", pos: pos, after: string(after)}.String())
		}
		if err := page(p); err != nil || p.Last {
			return err
		}
	}
}

// users returns the objects of these users, soft-deleted ones too.
func (v *view) users(ctx context.Context, ids []lockstep.UserID) ([]connection.Object, error) {
	var objects []connection.Object
	for chunk := range slices.Chunk(ids, pageSize) {
		users, err := v.dir.Users(ctx, v.tenant, directory.UserQuery{IDs: chunk, Deleted: true, Limit: len(chunk)})
		if err != nil {
			return nil, err
		}
		os, err := v.userObjects(ctx, users)
		if err != nil {
			return nil, err
		}
		objects = append(objects, os...)
	}
	return objects, nil
}

// userObjects turns users into objects. Their memberships are read only when an assigned group could bring somebody in.
func (v *view) userObjects(ctx context.Context, users []directory.User) ([]connection.Object, error) {
	var in map[string][]lockstep.GroupID
	if len(v.through) > 0 && len(users) > 0 {
		ids := make([]string, len(users))
		for i := range users {
			ids[i] = string(users[i].ID)
		}
		var err error
		if in, err = v.memberships(ctx, ids); err != nil {
			return nil, err
		}
	}
	objects := make([]connection.Object, len(users))
	for i := range users {
		u := &users[i]
		o := connection.Object{
			Ref: connection.Ref{Type: connection.UserType, ID: string(u.ID)}, Name: u.Attributes.Text("userName"), Version: strconv.FormatInt(u.Version, 10),
			Values: u.Attributes, Enabled: u.Active, Deleted: !u.Deleted.IsZero(), Time: u.Modified,
		}
		if m := managerOf(u.Attributes); m != "" {
			o.References = []connection.Reference{{Attribute: connection.Manager, To: connection.Ref{Type: connection.UserType, ID: m}}}
		}
		var err error
		if o.Grants, err = v.grants(ctx, string(u.ID), in[string(u.ID)]); err != nil {
			return nil, err
		}
		objects[i] = o
	}
	return objects, nil
}

func managerOf(attributes scim.Object) string {
	ext, _ := attributes.Get(enterprise).(scim.Object)
	m, _ := ext.Get(connection.Manager).(scim.Object)
	return m.Text("value")
}

// memberships returns the groups that each of the users is directly in.
func (v *view) memberships(ctx context.Context, users []string) (map[string][]lockstep.GroupID, error) {
	in := make(map[string][]lockstep.GroupID, len(users))
	for q := (directory.MemberQuery{IDs: users, Kind: directory.UserKind}); ; {
		members, err := v.dir.Members(ctx, v.tenant, q)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			in[m.ID] = append(in[m.ID], m.Group)
		}
		if len(members) < memberPage {
			return in, nil
		}
		q.After = members[len(members)-1]
	}
}

// grants says why the user is assigned: directly first, then through each group that is.
func (v *view) grants(ctx context.Context, user string, in []lockstep.GroupID) ([]rule.Grant, error) {
	grants := slices.Clone(v.direct[user])
	for _, direct := range in {
		reach := []lockstep.GroupID{direct}
		if v.nested {
			reach = v.above(direct)
		}
		for _, g := range reach {
			for _, grant := range v.through[g] {
				path, err := v.path(ctx, g, direct)
				if err != nil {
					return nil, err
				}
				grant.Path = path
				grants = append(grants, grant)
			}
		}
	}
	return grants, nil
}

// path returns the names of the groups from the assigned one down to the one that the user is directly in.
func (v *view) path(ctx context.Context, assigned, direct lockstep.GroupID) ([]string, error) {
	way := []lockstep.GroupID{assigned}
	if assigned != direct {
		way = v.route(assigned, direct)
	}
	names := make([]string, len(way))
	for i, g := range way {
		name, ok := v.names[g]
		if !ok {
			groups, err := v.dir.Groups(ctx, v.tenant, directory.GroupQuery{IDs: []lockstep.GroupID{g}, Deleted: true})
			if err != nil {
				return nil, err
			}
			if len(groups) > 0 {
				name = groups[0].Attributes.Text("displayName")
			}
			v.names[g] = name
		}
		names[i] = name
	}
	return names, nil
}

// route finds the shortest way from a group down to one inside it.
func (v *view) route(from, to lockstep.GroupID) []lockstep.GroupID {
	came := map[lockstep.GroupID]lockstep.GroupID{from: ""}
	for queue := []lockstep.GroupID{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			break
		}
		for _, n := range v.children[queue[0]] {
			if _, seen := came[n]; !seen {
				came[n] = queue[0]
				queue = append(queue, n)
			}
		}
	}
	var way []lockstep.GroupID
	for g := to; g != ""; g = came[g] {
		way = append(way, g)
	}
	slices.Reverse(way)
	return way
}

func (v *view) groupValues(g *directory.Group) connection.Object {
	return connection.Object{
		Ref: connection.Ref{Type: connection.GroupType, ID: string(g.ID)}, Name: g.Attributes.Text("displayName"), Version: strconv.FormatInt(g.Version, 10),
		Values: g.Attributes, Enabled: true, Deleted: !g.Deleted.IsZero(), Grants: v.through[g.ID], Time: g.Modified,
	}
}

// groupObject returns the group with all its members: those of the groups in it, too, when the target knows no nesting.
func (v *view) groupObject(ctx context.Context, g *directory.Group) (connection.Object, error) {
	o := v.groupValues(g)
	q := directory.MemberQuery{Groups: []lockstep.GroupID{g.ID}}
	if v.flatten {
		q.Groups, q.Kind = v.below(g.ID), directory.UserKind
	}
	var seen map[string]bool // only several groups can name a member twice
	if len(q.Groups) > 1 {
		seen = map[string]bool{}
	}
	for {
		members, err := v.dir.Members(ctx, v.tenant, q)
		if err != nil {
			return connection.Object{}, err
		}
		for _, m := range members {
			if seen != nil {
				if seen[m.ID] {
					continue
				}
				seen[m.ID] = true
			}
			o.References = append(o.References, connection.Reference{Attribute: connection.Members, To: connection.Ref{Type: string(m.Kind), ID: m.ID}})
		}
		if len(members) < memberPage {
			return o, nil
		}
		q.After = members[len(members)-1]
	}
}

func (v *view) wholeGroup(ctx context.Context, id lockstep.GroupID) (*connection.Object, error) {
	groups, err := v.dir.Groups(ctx, v.tenant, directory.GroupQuery{IDs: []lockstep.GroupID{id}, Deleted: true})
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	o, err := v.groupObject(ctx, &groups[0])
	if err != nil {
		return nil, fmt.Errorf("read group %s: %w", id, err)
	}
	return &o, nil
}
