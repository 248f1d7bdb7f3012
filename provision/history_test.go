package provision_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/scim"
)

// history changes a directory at random and remembers what there is, so that each change is one that can be made.
type history struct {
	*world
	rand   *rand.Rand
	users  map[lockstep.UserID]directory.User
	groups map[lockstep.GroupID]directory.Group
	given  map[string]lockstep.AssignmentID // by principal
	spare  []string                         // userNames of people who were purged
	free   []string                         // userNames that somebody has given up
	circle map[lockstep.UserID]bool         // who has exchanged names
	gone   bool                             // the app was removed
	made   int                              // changes
	n      int
	log    []string
}

func newHistory(w *world, seed, stream uint64) *history {
	return &history{
		world: w, rand: rand.New(rand.NewPCG(seed, stream)), users: map[lockstep.UserID]directory.User{},
		groups: map[lockstep.GroupID]directory.Group{}, given: map[string]lockstep.AssignmentID{}, circle: map[lockstep.UserID]bool{},
	}
}

// assigned makes the outbound job bring who is assigned, through nested groups as well, and lets the guard sleep.
func (w *world) assigned(policy provision.Policy) {
	w.Helper()
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	job.Policy = policy
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
}

func pick[K ~string, V any](h *history, m map[K]V) K {
	if len(m) == 0 {
		return ""
	}
	return slices.Sorted(maps.Keys(m))[h.rand.IntN(len(m))]
}

// do commits the change and logs it.
func (h *history) do(what string, c directory.Change) {
	h.Helper()
	h.log = append(h.log, what)
	h.change(c)
}

func (h *history) user(u directory.User, attributes scim.Object) {
	u.Attributes = attributes
	verb := "put user"
	if u.Version == 0 {
		verb = "new user"
	}
	h.do(fmt.Sprintf("%s %s %s", verb, attributes.Text("userName"), scim.AppendJSON(nil, attributes)), directory.PutUser{User: u, FreeManager: true})
	u.Version++
	h.users[u.ID] = u
}

func (h *history) newUser() {
	h.n++
	name := fmt.Sprintf("u%d@acme.example", h.n)
	if len(h.spare) > 0 && h.rand.IntN(2) == 0 {
		name, h.spare = h.spare[0], h.spare[1:]
	}
	h.user(directory.User{ID: lockstep.NewID[lockstep.UserID]()}, scim.Object{
		{Name: "userName", Value: name}, {Name: "displayName", Value: name}, {Name: "title", Value: "New"}, {Name: "active", Value: true},
	})
}

func (h *history) newGroup() {
	h.n++
	g := directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: scim.Object{{Name: "displayName", Value: fmt.Sprintf("g%d", h.n)}}}
	h.do("new group "+g.Attributes.Text("displayName"), directory.PutGroup{Group: g})
	g.Version = 1
	h.groups[g.ID] = g
}

// name tells an id in words.
func (h *history) name(id string) string {
	if u, ok := h.users[lockstep.UserID(id)]; ok {
		return u.Attributes.Text("userName")
	}
	return h.groups[lockstep.GroupID(id)].Attributes.Text("displayName")
}

func (h *history) changeUser() {
	id := pick(h, h.users)
	u, ok := h.users[id]
	if !ok {
		h.newUser()
		return
	}
	deleted := !u.Deleted.IsZero()
	switch h.rand.IntN(8) {
	case 0:
		if deleted {
			return
		}
		u.Deleted = time.Unix(1, 0)
		h.users[id] = u
		h.do("delete "+h.name(string(id)), directory.DeleteUser{ID: id})
	case 1, 2:
		if deleted {
			u.Deleted = time.Time{}
			h.users[id] = u
			h.do("restore "+h.name(string(id)), directory.RestoreUser{ID: id})
		}
	case 3:
		h.do("purge "+h.name(string(id)), directory.DeleteUser{ID: id, Purge: true})
		h.spare = append(h.spare, h.name(string(id)))
		delete(h.users, id)
		delete(h.given, string(id))
	default:
		if deleted {
			return
		}
		a := u.Attributes.Clone()
		switch h.rand.IntN(4) {
		case 0:
			a.Set("title", fmt.Sprintf("Title %d", h.rand.IntN(1000)))
		case 1:
			a.Set("active", a.Get("active") != true)
		default:
			var ext scim.Object
			if m := pick(h, h.users); h.rand.IntN(4) > 0 && m != id {
				ext = scim.Object{{Name: "manager", Value: scim.Object{{Name: "value", Value: string(m)}}}}
			}
			a.Set(enterpriseURN, ext)
		}
		h.user(u, a)
	}
}

func (h *history) changeGroup() {
	id := pick(h, h.groups)
	g, ok := h.groups[id]
	if !ok {
		h.newGroup()
		return
	}
	deleted := !g.Deleted.IsZero()
	switch h.rand.IntN(5) {
	case 0:
		if !deleted {
			g.Deleted = time.Unix(1, 0)
			h.groups[id] = g
			h.do("delete "+h.name(string(id)), directory.DeleteGroup{ID: id})
		}
	case 1, 2:
		if deleted {
			g.Deleted = time.Time{}
			h.groups[id] = g
			h.do("restore "+h.name(string(id)), directory.RestoreGroup{ID: id})
		}
	case 3:
		h.do("purge "+h.name(string(id)), directory.DeleteGroup{ID: id, Purge: true})
		delete(h.groups, id)
		delete(h.given, string(id))
	default:
		if !deleted {
			h.n++
			g.Attributes = scim.Object{{Name: "displayName", Value: fmt.Sprintf("g%d", h.n)}}
			h.do("rename "+h.name(string(id))+" to "+g.Attributes.Text("displayName"), directory.PutGroup{Group: g})
			h.groups[id] = g
		}
	}
}

func (h *history) changeMember() {
	g := pick(h, h.groups)
	if g == "" || !h.groups[g].Deleted.IsZero() {
		return
	}
	m := directory.Member{Kind: directory.UserKind, ID: string(pick(h, h.users))}
	if h.rand.IntN(3) == 0 {
		m = directory.Member{Kind: directory.GroupKind, ID: string(pick(h, h.groups))}
	}
	if m.ID == "" || m.ID == string(g) {
		return
	}
	if h.rand.IntN(5) < 3 {
		h.do(fmt.Sprintf("add %s to %s", h.name(m.ID), h.name(string(g))), directory.AddMembers{Group: g, Members: []directory.Member{m}})
		return
	}
	there, err := h.db.Members(h.ctx, h.tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g}})
	h.must(err)
	if len(there) > 0 {
		m = there[h.rand.IntN(len(there))]
		h.do(fmt.Sprintf("remove %s from %s", h.name(m.ID), h.name(string(g))), directory.RemoveMembers{Group: g, Members: []directory.Member{m}})
	}
}

func (h *history) changeAssignment() {
	if h.gone {
		return
	}
	to, kind := string(pick(h, h.groups)), directory.GroupKind
	if h.rand.IntN(3) == 0 {
		to, kind = string(pick(h, h.users)), directory.UserKind
	}
	if to == "" {
		return
	}
	if id, is := h.given[to]; is && h.rand.IntN(3) > 0 {
		h.do("withdraw "+h.name(to), directory.DeleteAssignment{ID: id})
		delete(h.given, to)
		return
	}
	a := directory.Assignment{ID: lockstep.NewID[lockstep.AssignmentID](), App: h.app, Kind: kind, To: to}
	if h.rand.IntN(6) == 0 {
		a.Role = "default"
	}
	if id, is := h.given[to]; is {
		a.ID = id
	}
	h.do("assign "+h.name(to)+" "+a.Role, directory.PutAssignment{Assignment: a})
	h.given[to] = a.ID
}

// living returns someone who is there, or "".
func (h *history) living() lockstep.UserID {
	there := map[lockstep.UserID]bool{}
	for id, u := range h.users {
		if u.Deleted.IsZero() {
			there[id] = true
		}
	}
	return pick(h, there)
}

// rename gives someone another user name.
func (h *history) rename(id lockstep.UserID, name string) {
	u := h.users[id]
	a := u.Attributes.Clone()
	a.Set("userName", name)
	h.user(u, a)
}

// renamed gives somebody a name that nobody had, or one that somebody has given up.
func (h *history) renamed() {
	id := h.living()
	if id == "" {
		return
	}
	h.n++
	name, old := fmt.Sprintf("u%d@acme.example", h.n), h.name(string(id))
	if len(h.free) > 0 && h.rand.IntN(2) == 0 {
		name, h.free = h.free[0], h.free[1:]
	}
	h.rename(id, name)
	if !h.circle[id] {
		h.free = append(h.free, old)
	}
}

// exchange has two people exchange their user names, so that whoever looks only at the end sees a circle.
func (h *history) exchange() {
	one, other := h.living(), h.living()
	if one == other {
		return
	}
	h.n++
	a, b := h.name(string(one)), h.name(string(other))
	h.rename(one, fmt.Sprintf("tmp%d@acme.example", h.n))
	h.rename(other, a)
	h.rename(one, b)
	h.circle[one], h.circle[other] = true, true
}

// handOn has someone leave for good, and gives the name to somebody else who is there.
func (h *history) handOn() {
	leaver, heir := h.living(), h.living()
	if leaver == heir {
		return
	}
	name := h.name(string(leaver))
	h.do("purge "+name, directory.DeleteUser{ID: leaver, Purge: true})
	delete(h.users, leaver)
	delete(h.given, string(leaver))
	h.rename(heir, name)
}

// apart ends circles of names, which no target can be brought to.
func (h *history) apart() {
	for _, id := range slices.Sorted(maps.Keys(h.circle)) {
		if u, ok := h.users[id]; ok && u.Deleted.IsZero() {
			h.n++
			h.rename(id, fmt.Sprintf("apart%d@acme.example", h.n))
		}
	}
}
