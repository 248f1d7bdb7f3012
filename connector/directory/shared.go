package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// shared is a user or group as one that others than the job have a claim to, too.
type shared struct {
	kind    directory.Kind
	me      directory.Source     // the job, as the administrator has ordered it
	own     *directory.Claim     // nil when the job has none
	others  []claimant           // in the order in which they are heard
	manager connection.Operation // Add and Remove: what becomes of the manager when the job lets go of a user
	yielded bool                 // merge has left a value to another that the job would have written
}

// claimant is somebody else who has the object.
type claimant struct {
	directory.Claim
	source directory.Source // blank for whoever is no source, or when there is no order
}

// share sorts the claims to an object into the job's own and those of others.
func (h *target) share(kind directory.Kind, claims []directory.Claim, order []directory.Source) *shared {
	source := func(owner string) directory.Source {
		i := slices.IndexFunc(order, func(s directory.Source) bool { return string(s.Job) == owner })
		if i < 0 {
			return directory.Source{}
		}
		return order[i]
	}
	s := &shared{kind: kind, me: source(h.by.ID)}
	for i, c := range claims {
		if c.Owner == h.by.ID {
			s.own = &claims[i]
			continue
		}
		s.others = append(s.others, claimant{c, source(c.Owner)})
	}
	slices.SortStableFunc(s.others, func(a, b claimant) int {
		switch {
		case a.source.Before(b.source):
			return -1
		case b.source.Before(a.source):
			return 1
		}
		return 0
	})
	return s
}

func (s *shared) claims() []directory.Claim {
	all := make([]directory.Claim, len(s.others))
	for i, o := range s.others {
		all[i] = o.Claim
	}
	return all
}

// written is what each of the others last wrote.
func (s *shared) written() []scim.Object {
	all := make([]scim.Object, len(s.others))
	for i, o := range s.others {
		all[i] = o.Written
	}
	return all
}

// parts are the parts of objects under one name.
func parts(all []scim.Object, name string) []scim.Object {
	some := make([]scim.Object, len(all))
	for i, o := range all {
		some[i], _ = o.Get(name).(scim.Object)
	}
	return some
}

// step is the path of an attribute of what stands at a path.
func step(in filter.Path, name string) filter.Path {
	switch {
	case in.Attr != "":
		in.Sub = name
	case in.URN == "" && strings.HasPrefix(name, "urn:"):
		in.URN = name
	default:
		in.Attr = name
	}
	return in
}

// clears reports whether an empty value of the source's counts at the path.
func (s *shared) clears(source directory.Source, at filter.Path) bool {
	return slices.ContainsFunc(source.Clears[s.kind], func(p filter.Path) bool {
		return strings.EqualFold(p.URN, at.URN) && strings.EqualFold(p.Attr, at.Attr) && (p.Sub == "" || at.Sub == "" || strings.EqualFold(p.Sub, at.Sub))
	})
}

// yields reports whether somebody who comes before the job says what the attribute is. parts is what the others wrote around it.
func (s *shared) yields(parts []scim.Object, name string, at filter.Path) bool {
	for i, o := range s.others {
		if o.source.Before(s.me) && (parts[i].Has(name) || s.clears(o.source, at)) {
			return true
		}
	}
	return false
}

// overrules reports whether what stands is the value of somebody whom the job comes before.
func (s *shared) overrules(parts []scim.Object, name string, stands any) bool {
	for i, o := range s.others {
		if s.me.Before(o.source) && parts[i].Has(name) && scim.Equal(parts[i].Get(name), stands) {
			return true
		}
	}
	return false
}

// merge sets what after has and before has not, or not so. What the job says as it did before is left as it is: another source, or a
// person, may have said otherwise since; but where the administrator has put the sources in order, the value of one that comes later
// gives way, and that of one that comes earlier stands. Extensions are merged attribute by attribute.
func (s *shared) merge(o *scim.Object, before, after scim.Object, others []scim.Object, in filter.Path) {
	for _, a := range after {
		at, same := step(in, a.Name), before.Has(a.Name) && scim.Equal(before.Get(a.Name), a.Value)
		if now, is := a.Value.(scim.Object); is {
			old, was := o.Get(a.Name).(scim.Object)
			if same && !was {
				continue
			}
			had, _ := before.Get(a.Name).(scim.Object)
			if !was {
				had = nil
			}
			old = old.Clone()
			if s.merge(&old, had, now, parts(others, a.Name), at); len(old) > 0 {
				o.Set(a.Name, old)
			}
			continue
		}
		switch {
		case at.Attr == "active": // who is enabled follows from all claims
			if same {
				continue
			}
		case s.yields(others, a.Name, at):
			s.yielded = s.yielded || !same
			continue
		case same && !s.overrules(others, a.Name, o.Get(a.Name)):
			continue
		}
		o.Set(a.Name, scim.CloneValue(a.Value))
	}
}

// empty removes the values of those whom the job comes before where it has none itself and its emptiness counts.
func (s *shared) empty(o *scim.Object, after scim.Object) {
	if s.me.Order == 0 {
		return
	}
	for _, p := range s.me.Clears[s.kind] {
		stands := scim.First(*o, p)
		if stands == nil || scim.First(after, p) != nil {
			continue
		}
		for _, c := range s.others {
			if s.me.Before(c.source) && scim.Equal(scim.First(c.Written, p), stands) {
				scim.Remove(o, p)
				break
			}
		}
	}
}

// giveWay removes what before has and after has not, or sets it to what the first of the others has who has it. With keep nothing is
// removed, nor is what decides who somebody is and whether they may sign in replaced.
func (s *shared) giveWay(o *scim.Object, before, after scim.Object, others []scim.Object, in filter.Path, keep bool) {
	for _, a := range before {
		if keep && (strings.EqualFold(a.Name, "userName") || strings.EqualFold(a.Name, "active")) {
			continue
		}
		at := step(in, a.Name)
		had, was := a.Value.(scim.Object)
		has, _ := after.Get(a.Name).(scim.Object)
		old, stands := o.Get(a.Name).(scim.Object)
		if was && stands { // an extension or a complex attribute, one part after the other
			old = old.Clone()
			if s.giveWay(&old, had, has, parts(others, a.Name), at, keep); len(old) == 0 {
				o.Delete(a.Name)
			} else {
				o.Set(a.Name, old)
			}
			continue
		}
		if after.Has(a.Name) || s.yields(others, a.Name, at) {
			continue
		}
		n := -1
		for i := range others {
			if heard := keep || !s.me.Before(s.others[i].source) || !s.clears(s.me, at); heard && others[i].Has(a.Name) {
				n = i
				break
			}
		}
		switch {
		case n >= 0:
			o.Set(a.Name, scim.CloneValue(others[n].Get(a.Name)))
		case !keep:
			o.Delete(a.Name)
		}
	}
}

// write is what the operation makes of the object's attributes: what the job has taken back, then what it says.
func (s *shared) write(op *connection.Operation, attributes scim.Object) scim.Object {
	o, leaves := attributes.Clone(), op.Kind == rule.Delete || op.Kind == rule.Release
	if leaves || drops(op.Before, op.After) {
		s.giveWay(&o, op.Before, op.After, s.written(), filter.Path{}, leaves)
	}
	if leaves && len(s.manager.Remove) > 0 {
		setManager(&o, &s.manager)
	}
	if !leaves {
		s.merge(&o, op.Before, op.After, s.written(), filter.Path{})
		s.empty(&o, op.After)
	}
	return o
}

// foresee says what the operation comes to at an object whose attributes these are, and what it writes: nothing of what is equal.
func (s *shared) foresee(op *connection.Operation, attributes scim.Object, active bool) (connection.Foreseen, scim.Object) {
	f, will := connection.Foreseen{Kind: op.Kind}, s.write(op, attributes)
	if len(s.others) == 0 && (s.own != nil || op.Kind != rule.Delete) {
		return f, will
	}
	kept := directory.Kept{Kind: s.kind, Claims: s.claims()}
	switch disables := scim.Equal(op.After.Get("active"), false); {
	case op.Kind == rule.Delete:
		f.Kind, kept.As = rule.Release, directory.LetGo(s.kind, s.own != nil, kept.Claims)
		stands := will
		if kept.As == directory.Disabled && active {
			stands = will.Clone()
			stands.Set("active", false)
		}
		f.Effect = effectOf(attributes, stands, kept.String())
		return f, will
	case disables && slices.ContainsFunc(kept.Claims, directory.Claim.Keeps):
		if f.Kind = rule.Update; active {
			will.Set("active", true)
			kept.As = directory.Enabled
		} else {
			will.Set("active", false)
		}
		if !attributes.Has("active") {
			will.Delete("active")
		}
	}
	note := ""
	if kept.As != "" {
		note = kept.String()
	}
	f.Effect = effectOf(attributes, will, note)
	claim := s.own == nil || s.kind == directory.UserKind && s.own.Active == scim.Equal(op.After.Get("active"), false)
	switch nothing := len(f.Effect.Before)+len(f.Effect.After) == 0; {
	case nothing && s.own == nil:
		f.Kind = rule.Link
	case nothing && !claim:
		f.Kind = rule.Skip
	}
	return f, will
}

// effectOf is the difference between two states of an object.
func effectOf(before, after scim.Object, note string) *connection.Effect {
	e := &connection.Effect{Note: note}
	for _, d := range scim.Diff(before, after) {
		path, err := filter.ParsePath(d.Path)
		if err != nil {
			continue // Diff writes paths
		}
		if d.Before != nil {
			_ = scim.Assign(&e.Before, path, d.Before) // it fits where it came from
		}
		if d.After != nil {
			_ = scim.Assign(&e.After, path, d.After)
		}
	}
	return e
}

// asForeseen refuses an operation that comes to something else than was foreseen, or of which somebody who comes first has become a
// part meanwhile. Whether a user stays enabled is the store's to see to.
func (s *shared) asForeseen(op *connection.Operation, before, after scim.Object) error {
	if op.Effect == nil {
		if !s.yielded {
			return nil
		}
		return stale(op)
	}
	now, then := effectOf(before, after, ""), op.Effect
	if op.Kind == rule.Release || scim.Equal(op.After.Get("active"), false) {
		now, then = withoutActive(now), withoutActive(then)
	}
	if !now.Equal(then) {
		return stale(op)
	}
	return nil
}

func stale(op *connection.Operation) error {
	return &lockstep.Error{Code: lockstep.CodePlanStale, Detail: "What stands in the directory of " + op.Name + ", or who else has them, has changed since this was planned."}
}

func withoutActive(e *connection.Effect) *connection.Effect {
	f := &connection.Effect{Before: e.Before.Clone(), After: e.After.Clone()}
	f.Before.Delete("active")
	f.After.Delete("active")
	return f
}

// Foresee implements connection.Foreseer.
func (h *target) Foresee(ctx context.Context, ops []connection.Operation) ([]connection.Foreseen, error) {
	out := make([]connection.Foreseen, len(ops))
	for i := range ops {
		out[i].Kind = ops[i].Kind
	}
	for i := range ops {
		if ops[i].Kind != rule.Refer || len(ops[i].Remove) == 0 {
			continue
		}
		kept, _, err := h.spare(ctx, ops[i])
		if err != nil {
			return nil, err
		}
		out[i].Stay = slices.DeleteFunc(slices.Clone(ops[i].Remove), func(r connection.Reference) bool { return slices.Contains(kept.Remove, r) })
		if len(kept.Add) > len(ops[i].Add) {
			out[i].Effect = &connection.Effect{Note: "the manager whom another source names takes the place of theirs"}
		}
	}
	with, err := h.sharing(ctx, ops)
	if err != nil {
		return nil, err
	}
	own, err := h.own(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.forbidden(ctx, ops, own, out); err != nil {
		return nil, err
	}
	judges := own != nil && len(own.Extensions) > 0 // of what is built in, values were checked one by one
	for typ, find := range map[string]func(context.Context, []string) ([]connection.Object, error){connection.UserType: h.usersOf, connection.GroupType: h.groupsOf} {
		var ids []string
		for i := range ops {
			if s := with[ops[i].Ref]; ops[i].Ref.Type == typ && s != nil && (len(s.others) > 0 || s.own == nil || judges) {
				ids = append(ids, ops[i].Ref.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		objects, err := find(ctx, ids)
		if err != nil {
			return nil, err
		}
		stand := make(map[string]*connection.Object, len(objects))
		for i := range objects {
			stand[objects[i].ID] = &objects[i]
		}
		there, err := h.managing(ctx, objects)
		if err != nil {
			return nil, err
		}
		for i := range ops {
			op := &ops[i]
			s, o := with[op.Ref], stand[op.Ref.ID]
			switch {
			case op.Ref.Type != typ || s == nil || o == nil:
			case o.Deleted && op.Kind == rule.Delete:
				out[i] = connection.Foreseen{Kind: rule.Release, Effect: &connection.Effect{Note: "it is deleted already"}}
			case out[i].Refuse != nil:
			case o.Deleted: // who comes back has what they had, beside what the job says, but for a manager who has left since
				values := o.Values
				if m := managerOf(values); m != "" && typ == connection.UserType && !slices.Contains(there, m) {
					values = values.Clone()
					setManager(&values, &connection.Operation{Remove: []connection.Reference{managedBy(m)}})
				}
				will := s.write(op, restoring(op, values))
				out[i].Effect, out[i].Refuse = effectOf(nil, will, ""), refusal(own, op, o.Values, will)
			default:
				if err := h.unmanage(ctx, op, s, o.Values); err != nil {
					return nil, err
				}
				f, will := s.foresee(op, o.Values, o.Enabled)
				if out[i] = f; judges && !scim.Equal(o.Values, will) {
					out[i].Refuse = refusal(own, op, o.Values, will)
				}
			}
		}
	}
	return out, nil
}

// managing returns which managers of those who are deleted are there.
func (h *target) managing(ctx context.Context, objects []connection.Object) ([]string, error) {
	var ids []lockstep.UserID
	for _, o := range objects {
		if m := managerOf(o.Values); o.Deleted && m != "" {
			ids = append(ids, lockstep.UserID(m))
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	users, err := h.dir.Users(ctx, h.tenant, directory.UserQuery{IDs: ids, Limit: len(ids)})
	there := make([]string, len(users))
	for i, u := range users {
		there[i] = string(u.ID)
	}
	return there, err
}

// own returns the schemas of the tenant.
func (h *target) own(ctx context.Context) (*directory.Schemas, error) {
	if h.schemas == nil {
		return nil, nil
	}
	return h.schemas(ctx, h.tenant)
}

// refusal says why the directory would not keep what an operation makes of a user or group; before is nil for a new one.
func refusal(own *directory.Schemas, op *connection.Operation, before, after scim.Object) error {
	t := own.Type(directory.Kind(op.Ref.Type))
	next, err := t.Admit(before, after)
	if err == nil && before != nil {
		err = t.CheckFixed(before, next, false)
	}
	if err == nil {
		return nil
	}
	why := err.Error()
	if e, is := errors.AsType[*scim.Error](err); is && e.Detail != "" {
		why = e.Detail
	}
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf("The directory does not take %s: %s.", op.Name, why)}
}

// forbidden says which operations the directory refuses by its own rules, whatever else happens until they are carried out: what would
// bring back whom somebody has ordered to be deleted, and values that no new user or group can have.
func (h *target) forbidden(ctx context.Context, ops []connection.Operation, own *directory.Schemas, out []connection.Foreseen) error {
	ids := map[string][]string{}
	for i := range ops {
		op := &ops[i]
		switch op.Kind {
		case rule.Update, rule.Link:
			ids[op.Ref.Type] = append(ids[op.Ref.Type], op.Ref.ID)
		case rule.Create:
			out[i].Refuse = refusal(own, op, nil, op.After)
		}
	}
	for typ, some := range ids {
		by, err := h.dir.Ordered(ctx, h.tenant, directory.Kind(typ), some...)
		if err != nil {
			return err
		}
		for i := range ops {
			if op := &ops[i]; op.Ref.Type == typ && (op.Kind == rule.Update || op.Kind == rule.Link) && by[op.Ref.ID] != "" {
				out[i].Refuse = directory.DeletedByOrder(by[op.Ref.ID])
			}
		}
	}
	return nil
}

// sharing returns who has the objects of the operations; of what is created nobody is asked for.
func (h *target) sharing(ctx context.Context, ops []connection.Operation) (map[connection.Ref]*shared, error) {
	ids := map[string][]string{}
	for i := range ops {
		if op := &ops[i]; op.Kind != rule.Create && op.Kind != rule.Refer && op.Ref.ID != "" {
			ids[op.Ref.Type] = append(ids[op.Ref.Type], op.Ref.ID)
		}
	}
	with := map[connection.Ref]*shared{}
	for typ, some := range ids {
		kind := directory.Kind(typ)
		claims, err := h.dir.Claims(ctx, h.tenant, kind, some...)
		if err != nil {
			return nil, err
		}
		var order []directory.Source
		if slices.ContainsFunc(some, func(id string) bool {
			return len(claims[id]) > 1 || len(claims[id]) == 1 && claims[id][0].Owner != h.by.ID
		}) {
			if order, err = h.dir.SourceOrder(ctx, h.tenant); err != nil {
				return nil, err
			}
		}
		for _, id := range some {
			with[connection.Ref{Type: typ, ID: id}] = h.share(kind, claims[id], order)
		}
	}
	return with, nil
}
