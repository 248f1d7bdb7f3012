package provision_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
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
	n      int
	log    []string
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

// step makes one change, some kinds more often than others.
func (h *history) step() {
	switch n := h.rand.IntN(20); {
	case n < 2:
		h.newUser()
	case n < 3:
		h.newGroup()
	case n < 8:
		h.changeUser()
	case n < 10:
		h.changeGroup()
	case n < 16:
		h.changeMember()
	default:
		h.changeAssignment()
	}
}

// slices turns up to n slices; each is cut as soon as it can be.
func (h *history) slices(n int) {
	for range n {
		turn, err := h.engine.Slice(h.ctx, h.tenant, h.out)
		h.must(err)
		if !turn.More {
			return
		}
	}
}

var (
	blockedUser = regexp.MustCompile(`(?m)^user (\S+) inactive.*\n`)
	managerWord = regexp.MustCompile(` manager=(\S*)`)
)

// living is the organisation's dump without people who may not sign in: a fresh organisation never has them.
func living(dump string) string {
	blocked := map[string]bool{}
	for _, m := range blockedUser.FindAllStringSubmatch(dump, -1) {
		blocked[m[1]] = true
	}
	dump = blockedUser.ReplaceAllString(dump, "")
	dump = managerWord.ReplaceAllStringFunc(dump, func(s string) string {
		if name := strings.TrimPrefix(s, " manager="); name == "" || blocked[name] {
			return ""
		}
		return s
	})
	var out []string
	for line := range strings.Lines(dump) {
		if group, members, is := strings.Cut(strings.TrimSuffix(line, "\n"), ":"); is && strings.HasPrefix(group, "group ") {
			names := slices.DeleteFunc(strings.Fields(members), func(m string) bool { return blocked[m] })
			line = strings.TrimSuffix(group+": "+strings.Join(names, " "), " ") + "\n"
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}

// fresh provisions the directory into an organisation that has nothing, and returns its dump.
func (w *world) fresh() string {
	w.Helper()
	universe, org, job, id := w.webex, w.org, w.out, lockstep.NewID[lockstep.JobID]()
	url, token, target, slice := w.url, w.token, w.scim, w.engine.SliceFor
	defer func() {
		w.webex, w.org, w.out, w.url, w.token, w.scim, w.engine.SliceFor = universe, org, job, url, token, target, slice
	}()
	w.organisation()
	w.scim, w.engine.SliceFor = nil, 0
	var err error
	old, err := w.db.Provision().Job(w.ctx, w.tenant, job)
	w.must(err)
	old.ID, old.Slug, old.Config = id, "fresh", 0
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, old))
	w.out = id
	w.untilDone(id)
	return w.target()
}

// TestIncrementalEqualsFull makes random histories and follows them in slices that are cut wherever they can be. In the end
// the organisation must have what one has that is provisioned from nothing, and a full evaluation must find nothing to do.
func TestIncrementalEqualsFull(t *testing.T) {
	for seed := range uint64(*histories) {
		for _, policy := range []provision.Policy{
			{Groups: true, Nested: true, Guard: rule.GuardLimit{Off: true}},
			{Groups: true, Everyone: true, Guard: rule.GuardLimit{Off: true}, OnLeave: rule.LeaveDelete},
		} {
			t.Run(fmt.Sprintf("%d everyone=%v", seed, policy.Everyone), func(t *testing.T) {
				w := newWorld(t)
				w.assigned(policy)
				w.engine.SliceFor = 1
				h := &history{
					world: w, rand: rand.New(rand.NewPCG(seed, 1)), users: map[lockstep.UserID]directory.User{},
					groups: map[lockstep.GroupID]directory.Group{}, given: map[string]lockstep.AssignmentID{},
				}
				defer func() {
					if t.Failed() {
						t.Log(strings.Join(h.log, "\n"))
					}
				}()
				for range 10 {
					h.newUser()
				}
				for range 5 {
					h.newGroup()
				}
				for range 30 {
					for range h.rand.IntN(8) {
						h.step()
					}
					h.log = append(h.log, "-- slices")
					h.slices(h.rand.IntN(12))
				}
				w.untilDone(w.out)
				got := living(w.target())
				if want := living(w.fresh()); got != want {
					t.Errorf("after its history the organisation has\n%s\nprovisioned from nothing\n%s", got, want)
				}
				w.consistent()
			})
		}
	}
}

var histories = flag.Int("histories", 6, "random histories of TestIncrementalEqualsFull")
