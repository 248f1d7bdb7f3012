package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/rule"
	"lockstep/scim"
)

// target writes one tenant's directory, for an inbound job. Soft-deleted objects are listed as well, so that somebody who
// comes back is restored and not created a second time. It commits the operations of a call together and, when that
// fails, one by one, so that one bad object does not hold up the rest.
type target struct {
	dir     directory.Store
	schemas schemas
	tenant  lockstep.TenantID
	by      audit.Actor
}

const batchSize = 256

func (h *target) Describe(ctx context.Context) (connection.System, error) {
	types, err := h.schemas.types(ctx, h.tenant)
	return connection.System{
		Name: "the directory", Key: "directory/" + string(h.tenant),
		Types:     types,
		FindBy:    map[string][]string{connection.UserType: {"userName", "externalId", `emails[type eq "work"].value`}, connection.GroupType: {"displayName", "externalId"}},
		Unique:    map[string][]string{connection.UserType: {"userName"}},
		FindBatch: pageSize, Batch: batchSize, Connections: 4, MaxMembers: 10_000, SoftDelete: true, Nesting: true, Exchange: true, Restores: true, Claims: true,
		References: []string{connection.Manager, connection.Members}, Lag: 1, // a commit is listed at once
	}, err
}

func (h *target) Test(ctx context.Context, report func(connection.Check)) error {
	_, err := h.dir.Head(ctx, h.tenant)
	report(connection.Check{Name: "read the directory", OK: err == nil, Code: lockstep.CodeOf(err)})
	return err
}

func userTargets(users []directory.User) []connection.Object {
	objects := make([]connection.Object, len(users))
	for i, u := range users {
		objects[i] = connection.Object{
			Ref: connection.Ref{Type: connection.UserType, ID: string(u.ID)}, Name: u.Attributes.Text("userName"), Version: strconv.FormatInt(u.Version, 10),
			Values: u.Attributes, Enabled: u.Active, Deleted: !u.Deleted.IsZero(),
		}
	}
	return objects
}

func groupTargets(groups []directory.Group) []connection.Object {
	objects := make([]connection.Object, len(groups))
	for i, g := range groups {
		objects[i] = connection.Object{
			Ref: connection.Ref{Type: connection.GroupType, ID: string(g.ID)}, Name: g.Attributes.Text("displayName"), Version: strconv.FormatInt(g.Version, 10),
			Values: g.Attributes, Enabled: true, Deleted: !g.Deleted.IsZero(),
		}
	}
	return objects
}

func (h *target) Find(ctx context.Context, typ, attribute string, values ...string) ([]connection.Object, error) {
	if typ == connection.GroupType {
		groups, err := h.dir.Groups(ctx, h.tenant, directory.GroupQuery{Attribute: attribute, Values: values, Limit: 2 * pageSize, Deleted: true})
		return groupTargets(groups), err
	}
	if attribute == `emails[type eq "work"].value` {
		attribute = "email"
	}
	users, err := h.dir.Users(ctx, h.tenant, directory.UserQuery{Attribute: attribute, Values: values, Limit: 2 * pageSize, Deleted: true})
	return userTargets(users), err
}

func (h *target) Get(ctx context.Context, ref connection.Ref) (connection.Object, error) {
	find := h.usersOf
	if ref.Type == connection.GroupType {
		find = h.groupsOf
	}
	objects, err := find(ctx, []string{ref.ID})
	if err != nil {
		return connection.Object{}, err
	}
	if len(objects) == 0 {
		return connection.Object{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("no %s %s in the directory", ref.Type, ref.ID)}
	}
	return objects[0], nil
}

func (h *target) usersOf(ctx context.Context, ids []string) ([]connection.Object, error) {
	users, err := h.dir.Users(ctx, h.tenant, directory.UserQuery{IDs: typed[lockstep.UserID](ids), Deleted: true})
	return userTargets(users), err
}

func (h *target) groupsOf(ctx context.Context, ids []string) ([]connection.Object, error) {
	groups, err := h.dir.Groups(ctx, h.tenant, directory.GroupQuery{IDs: typed[lockstep.GroupID](ids), Deleted: true})
	return groupTargets(groups), err
}

func typed[ID ~string](ids []string) []ID {
	all := make([]ID, len(ids))
	for i, id := range ids {
		all[i] = ID(id)
	}
	return all
}

// Apply commits each operation by itself, with its action's id in the feed; the store's writer gathers them into few
// transactions. Operations that belong together are one commit. People who are created one after another are one, too, for the sake of
// speed; when that is refused they are committed by themselves, so that one bad object does not hold up the rest.
func (h *target) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	results := make([]connection.Result, len(ops))
	with, err := h.sharing(ctx, ops)
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	var all sync.WaitGroup
	for i := 0; i < len(ops); {
		n := i + 1
		for n < len(ops) && (ops[i].Together != 0 && ops[n].Together == ops[i].Together || newcomer(&ops[i]) && newcomer(&ops[n])) {
			n++
		}
		some, theirs := ops[i:n], results[i:n]
		all.Go(func() {
			if h.commit(ctx, some, theirs, with); newcomer(&some[0]) && len(some) > 1 && refused(theirs[0].Err) {
				h.apart(ctx, some, theirs)
			}
		})
		i = n
	}
	all.Wait()
	return results
}

// Create implements connection.Committer.
func (h *target) Create(ctx context.Context, ops []connection.Operation, beside any) error {
	changes := make([]directory.Change, 1, 1+len(ops))
	changes[0] = directory.Beside{Part: beside} // whose judgement, if the job is still its own, comes first
	for i := range ops {
		op := &ops[i]
		if op.Kind != rule.Create || op.Ref.ID == "" {
			return fmt.Errorf("create %s beside its row: it is no create, or has no id", op.Name)
		}
		more, _, err := h.changes(ctx, op, nil)
		if err != nil {
			return err
		}
		for _, c := range more {
			changes = append(changes, directory.As{Action: op.Action, Change: c})
		}
	}
	_, err := h.dir.Commit(ctx, h.tenant, h.by, ops[0].Action, changes...)
	return err
}

// newcomer reports whether the operation creates a person and nothing else hangs on it.
func newcomer(op *connection.Operation) bool {
	return op.Kind == rule.Create && op.Ref.Type == connection.UserType && op.Together == 0
}

// refused reports whether the directory has judged what was asked for: then nothing of it is done.
func refused(err error) bool {
	e, is := errors.AsType[*lockstep.Error](err)
	return is && e.Code != lockstep.CodeInternal
}

// apart commits each operation by itself.
func (h *target) apart(ctx context.Context, ops []connection.Operation, results []connection.Result) {
	var all sync.WaitGroup
	for i := range ops {
		all.Go(func() { h.commit(ctx, ops[i:i+1], results[i:i+1], nil) })
	}
	all.Wait()
}

// commit writes the operations in one commit. When it fails, none is done, and each has the error.
func (h *target) commit(ctx context.Context, ops []connection.Operation, results []connection.Result, with map[connection.Ref]*shared) {
	var changes []directory.Change
	for i := range ops {
		op, note, err := h.spare(ctx, ops[i])
		var more []directory.Change
		id := op.Ref.ID
		if err == nil {
			more, id, err = h.changes(ctx, &op, with[op.Ref])
		}
		results[i] = connection.Result{ID: id, Err: err, Same: err == nil && !slices.ContainsFunc(more, does), Note: note}
		if err != nil {
			for j := range results {
				results[j].Err = err
			}
			return
		}
		for _, c := range more {
			if len(ops) > 1 {
				c = directory.As{Action: ops[i].Action, Change: c}
			}
			changes = append(changes, c)
		}
	}
	if len(changes) == 0 {
		return
	}
	receipt, err := h.dir.Commit(ctx, h.tenant, h.by, ops[0].Action, changes...)
	for i := range results {
		results[i].Err = err
		for _, k := range receipt.Kept {
			if string(k.Kind) == ops[i].Ref.Type && k.ID == ops[i].Ref.ID {
				results[i].Same, results[i].Note = !k.Changed && (ops[i].Kind != rule.Release || len(k.Claims) == 0), k.String()
			}
		}
	}
}

// does reports whether a change does more than to let go of what is deleted already.
func does(c directory.Change) bool {
	_, drops := c.(directory.DropClaim)
	return !drops
}

// changes turns an operation into changes of the directory. An update merges what the job says anew into what is there, since others
// may own the rest.
func (h *target) changes(ctx context.Context, op *connection.Operation, with *shared) ([]directory.Change, string, error) {
	if op.Ref.Type == connection.GroupType {
		return h.groupChanges(ctx, op, with)
	}
	id := lockstep.UserID(op.Ref.ID)
	if op.Kind == rule.Create {
		u := directory.User{ID: cmp.Or(id, lockstep.NewID[lockstep.UserID]()), Attributes: op.After.Clone()}
		setManager(&u.Attributes, op)
		return []directory.Change{directory.PutUser{User: u}}, string(u.ID), nil
	}
	users, err := h.dir.Users(ctx, h.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}, Deleted: true})
	if err != nil {
		return nil, op.Ref.ID, err
	}
	if len(users) == 0 {
		return nil, op.Ref.ID, &lockstep.Error{Code: lockstep.CodeTargetGone, Detail: fmt.Sprintf("user %s is no longer in the directory", op.Name)}
	}
	u := users[0]
	switch deleted := !u.Deleted.IsZero(); {
	case deleted && (op.Kind == rule.Delete || op.Kind == rule.Release || op.Kind == rule.Disable):
		return []directory.Change{directory.DropClaim{Kind: directory.UserKind, ID: op.Ref.ID}}, op.Ref.ID, nil // by somebody else, or by a call whose answer was lost
	case deleted && op.Kind == rule.Refer:
		return nil, op.Ref.ID, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("user %s is deleted in the directory", op.Name)}
	}
	before := u.Attributes
	if op.Kind == rule.Refer {
		u.Attributes = before.Clone()
	} else {
		if err := h.unmanage(ctx, op, with, before); err != nil {
			return nil, op.Ref.ID, err
		}
		u.Attributes = with.write(op, before)
		if err := with.asForeseen(op, before, u.Attributes); err != nil && u.Deleted.IsZero() {
			return nil, op.Ref.ID, err
		}
	}
	if op.Kind == rule.Delete || op.Kind == rule.Release {
		changes := []directory.Change{directory.DeleteUser{ID: id, Leave: true, Expect: expected(op)}}
		if !scim.Equal(before, u.Attributes) {
			put := directory.PutUser{User: u, IfVersion: u.Version, Before: before, Claim: directory.ClaimUnchanged}
			changes = slices.Insert(changes, 0, directory.Change(put))
		}
		return changes, op.Ref.ID, nil
	}
	if !u.Deleted.IsZero() {
		u.Attributes = restoring(op, u.Attributes)
	}
	setManager(&u.Attributes, op)
	claim, expect := directory.ClaimActive, directory.KeptAs("")
	switch {
	case op.Kind == rule.Refer:
		claim = directory.ClaimUnchanged
	case scim.Equal(op.After.Get("active"), false):
		if claim = directory.ClaimInactive; op.Kind == rule.Update && op.Effect != nil {
			expect = directory.Enabled
		}
	}
	switch {
	case !u.Deleted.IsZero():
		return []directory.Change{directory.RestoreUser{ID: id, IfVersion: u.Version}, directory.PutUser{User: u, Claim: claim, Expect: expect}}, op.Ref.ID, nil
	case op.Kind == rule.Refer && scim.Equal(before, u.Attributes):
		return nil, op.Ref.ID, nil
	case op.Kind == rule.Update && scim.Equal(before, u.Attributes):
		return []directory.Change{directory.TakeClaim{Kind: directory.UserKind, ID: op.Ref.ID, Claim: claim}}, op.Ref.ID, nil
	}
	return []directory.Change{directory.PutUser{User: u, IfVersion: u.Version, Before: before, Claim: claim, Expect: expect}}, op.Ref.ID, nil
}

// expected is what, at most, is to become of what the job lets go of.
func expected(op *connection.Operation) directory.KeptAs {
	switch {
	case op.Kind != rule.Release || op.Effect == nil:
		return ""
	case scim.Equal(op.Effect.After.Get("active"), false):
		return directory.Disabled
	}
	return directory.Untouched
}

func (h *target) groupChanges(ctx context.Context, op *connection.Operation, with *shared) ([]directory.Change, string, error) {
	id := lockstep.GroupID(op.Ref.ID)
	switch op.Kind {
	case rule.Create:
		g := directory.Group{ID: cmp.Or(id, lockstep.NewID[lockstep.GroupID]()), Attributes: op.After.Clone()}
		return append([]directory.Change{directory.PutGroup{Group: g}}, memberChanges(g.ID, op)...), string(g.ID), nil
	case rule.Refer:
		return memberChanges(id, op), op.Ref.ID, nil
	}
	groups, err := h.dir.Groups(ctx, h.tenant, directory.GroupQuery{IDs: []lockstep.GroupID{id}, Deleted: true})
	if err != nil {
		return nil, op.Ref.ID, err
	}
	if len(groups) == 0 {
		return nil, op.Ref.ID, &lockstep.Error{Code: lockstep.CodeTargetGone, Detail: fmt.Sprintf("group %s is no longer in the directory", op.Name)}
	}
	g := groups[0]
	if op.Kind == rule.Delete || op.Kind == rule.Release || op.Kind == rule.Disable {
		if !g.Deleted.IsZero() {
			return []directory.Change{directory.DropClaim{Kind: directory.GroupKind, ID: op.Ref.ID}}, op.Ref.ID, nil // by somebody else, or by a call whose answer was lost
		}
		changes, err := h.disband(ctx, id)
		return append(changes, directory.DeleteGroup{ID: id, Leave: true, Expect: expected(op)}), op.Ref.ID, err
	}
	before := g.Attributes
	g.Attributes = with.write(op, before)
	if err := with.asForeseen(op, before, g.Attributes); err != nil && g.Deleted.IsZero() {
		return nil, op.Ref.ID, err
	}
	changes := []directory.Change{directory.PutGroup{Group: g, IfVersion: g.Version}}
	if !g.Deleted.IsZero() {
		changes = []directory.Change{directory.RestoreGroup{ID: id, IfVersion: g.Version}, directory.PutGroup{Group: g}}
	}
	return append(changes, memberChanges(id, op)...), op.Ref.ID, nil
}

// spare leaves references alone that the job takes away and another source wants, and says how many. Whose manager is taken away gets
// the one whom another source names.
func (h *target) spare(ctx context.Context, op connection.Operation) (connection.Operation, string, error) {
	gone := map[string][]string{}
	for _, ref := range op.Remove {
		gone[ref.Attribute] = append(gone[ref.Attribute], ref.To.ID)
	}
	all := len(op.Remove)
	for attribute, ids := range gone {
		q := directory.WantedQuery{But: lockstep.JobID(h.by.ID), Kind: directory.Kind(op.Ref.Type), ID: op.Ref.ID, Attribute: attribute, To: ids}
		of := func(ref connection.Reference) bool { return ref.Attribute == attribute }
		if attribute == connection.Manager {
			if q.To = nil; slices.ContainsFunc(op.Add, of) {
				continue // there is another one
			}
		}
		wanted, err := h.wanted(ctx, q)
		if err != nil {
			return op, "", err
		}
		op.Remove = slices.DeleteFunc(slices.Clone(op.Remove), func(ref connection.Reference) bool {
			_, is := slices.BinarySearch(wanted, ref.To.ID)
			return of(ref) && is
		})
		if attribute == connection.Manager && len(wanted) > 0 && slices.ContainsFunc(op.Remove, of) {
			op.Add = append(slices.Clone(op.Add), connection.Reference{Attribute: attribute, To: connection.Ref{Type: connection.UserType, ID: wanted[0]}})
		}
	}
	if len(op.Remove) == all {
		return op, "", nil
	}
	return op, fmt.Sprintf("%d of %d references stay: another source has them, too", all-len(op.Remove), all), nil
}

// disband takes those out of a group that the job lets go of whom no other source has in it, also of one that is deleted then: what the job has put
// there is forgotten with the link, so whoever the group has not any more when it comes back would be in it again.
func (h *target) disband(ctx context.Context, id lockstep.GroupID) ([]directory.Change, error) {
	me := lockstep.JobID(h.by.ID)
	q := directory.WantedQuery{Of: me, Kind: directory.GroupKind, ID: string(id), Attribute: connection.Members}
	mine, err := h.dir.Wanted(ctx, h.tenant, q)
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	theirs, err := h.dir.Wanted(ctx, h.tenant, directory.WantedQuery{But: me, Kind: q.Kind, ID: q.ID, Attribute: q.Attribute})
	if err != nil {
		return nil, err
	}
	slices.Sort(theirs)
	mine = slices.DeleteFunc(mine, func(id string) bool { _, is := slices.BinarySearch(theirs, id); return is })
	var changes []directory.Change
	for chunk := range slices.Chunk(mine, 1000) {
		var members []directory.Member
		for _, m := range chunk {
			members = append(members, directory.Member{Group: id, ID: m})
		}
		changes = append(changes, directory.RemoveMembers{Group: id, Members: members})
	}
	return changes, nil
}

// unmanage notes what becomes of the manager of a user whom the job lets go of and others keep: one whom the job has given goes, or gives way to the one
// whom another source names. One whom somebody else has given stays. Who is deleted keeps theirs, as a part of what they had.
func (h *target) unmanage(ctx context.Context, op *connection.Operation, with *shared, attributes scim.Object) error {
	now := managerOf(attributes)
	if now == "" || len(with.others) == 0 || op.Ref.Type != connection.UserType || op.Kind != rule.Delete && op.Kind != rule.Release {
		return nil
	}
	me := lockstep.JobID(h.by.ID)
	q := directory.WantedQuery{Of: me, Kind: directory.UserKind, ID: op.Ref.ID, Attribute: connection.Manager}
	mine, err := h.dir.Wanted(ctx, h.tenant, q)
	if err != nil || !slices.Contains(mine, now) {
		return err
	}
	q.Of, q.But = "", me
	theirs, err := h.wanted(ctx, q)
	if err != nil || slices.Contains(theirs, now) {
		return err
	}
	with.manager = connection.Operation{Remove: []connection.Reference{managedBy(now)}}
	if len(theirs) > 0 {
		with.manager.Add = []connection.Reference{managedBy(theirs[0])}
	}
	return nil
}

// wanted is what other sources want an object to refer to, in order. Who is deleted is nobody's manager, whoever wants them.
func (h *target) wanted(ctx context.Context, q directory.WantedQuery) ([]string, error) {
	all, err := h.dir.Wanted(ctx, h.tenant, q)
	if err == nil && len(all) > 0 && q.Attribute == connection.Manager {
		var there []directory.User
		there, err = h.dir.Users(ctx, h.tenant, directory.UserQuery{IDs: typed[lockstep.UserID](all)})
		all = nil
		for _, u := range there {
			all = append(all, string(u.ID))
		}
	}
	slices.Sort(all)
	return all, err
}

func managedBy(id string) connection.Reference {
	return connection.Reference{Attribute: connection.Manager, To: connection.Ref{Type: connection.UserType, ID: id}}
}

// restoring is a deleted user as the operation finds them who brings them back. The manager whom they had is forgotten where the job brings
// managers: whom it had given is not known any more, and it says anew who theirs is.
func restoring(op *connection.Operation, o scim.Object) scim.Object {
	if now := managerOf(o); now != "" && slices.Contains(op.Brings, connection.Manager) {
		o = o.Clone()
		setManager(&o, &connection.Operation{Remove: []connection.Reference{managedBy(now)}})
	}
	return o
}

// drops reports whether an attribute that before has is missing from after.
func drops(before, after scim.Object) bool {
	return slices.ContainsFunc(before, func(a scim.Attr) bool {
		had, was := a.Value.(scim.Object)
		has, is := after.Get(a.Name).(scim.Object)
		return !after.Has(a.Name) || was && is && drops(had, has)
	})
}

func setManager(o *scim.Object, op *connection.Operation) {
	ext, _ := o.Get(enterprise).(scim.Object)
	ext = ext.Clone()
	for _, ref := range op.Remove {
		if now, _ := ext.Get(connection.Manager).(scim.Object); ref.Attribute == connection.Manager && now.Text("value") == ref.To.ID {
			ext.Delete(connection.Manager) // another source may have given them another one
		}
	}
	for _, ref := range op.Add {
		if ref.Attribute == connection.Manager {
			ext.Set(connection.Manager, scim.Object{{Name: "value", Value: ref.To.ID}})
		}
	}
	if len(ext) > 0 || o.Has(enterprise) {
		o.Set(enterprise, ext)
	}
}

func memberChanges(g lockstep.GroupID, op *connection.Operation) []directory.Change {
	members := func(refs []connection.Reference) []directory.Member {
		var ms []directory.Member
		for _, ref := range refs {
			if ref.Attribute == connection.Members {
				ms = append(ms, directory.Member{Group: g, Kind: directory.Kind(ref.To.Type), ID: ref.To.ID})
			}
		}
		return ms
	}
	var changes []directory.Change
	if ms := members(op.Remove); len(ms) > 0 {
		changes = append(changes, directory.RemoveMembers{Group: g, Members: ms})
	}
	for chunk := range slices.Chunk(members(op.Add), 1000) {
		changes = append(changes, directory.AddMembers{Group: g, Members: chunk})
	}
	return changes
}
