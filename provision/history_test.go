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
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
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
	circle map[lockstep.UserID]bool         // who has exchanged names
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

// mapping changes what the target's titles are made of.
func (h *history) mapping() {
	of := []string{"[title]", `Append([title], "!")`, "[displayName]"}[h.rand.IntN(3)]
	h.log = append(h.log, "title is "+of)
	h.edit(func(j *provision.Job) {
		for i, m := range j.Rules.Objects[0].Attributes {
			if m.Target == "title" {
				j.Rules.Objects[0].Attributes[i].Source = &rule.MappingSource{Type: rule.FromFunction, Expression: of}
			}
		}
	})
}

// scope leaves out people by their titles, or nobody.
func (h *history) scope() {
	var f rule.Filter
	if h.rand.IntN(2) == 0 {
		f.Groups = []rule.FilterGroup{{Clauses: []rule.Clause{{Attribute: "title", Operator: "REGEX MATCH", Operand: rule.Operand{Values: []string{[]string{"New", "[0-4]$"}[h.rand.IntN(2)]}}}}}}
	}
	h.log = append(h.log, fmt.Sprintf("scope is %v", f))
	h.edit(func(j *provision.Job) { j.Rules.Objects[0].Scope = f })
}

// byHand has a plan made by hand, and discards or applies it.
func (h *history) byHand() {
	h.edit(func(j *provision.Job) { j.Manual, j.NextRun = true, h.engine.Now() })
	h.slices(200)
	job, err := h.db.Provision().Job(h.ctx, h.tenant, h.out)
	h.must(err)
	if c := job.Cycle; c != nil && c.Phase == provision.Review {
		apply := h.rand.IntN(2) == 0 && c.Config == job.Config
		h.log = append(h.log, fmt.Sprintf("a plan by hand; applied: %v", apply))
		h.must(h.db.Provision().Decide(h.ctx, audit.Actor{}, h.tenant, h.out, provision.Verdict{Cycle: c.ID, Apply: apply, Discard: !apply}))
	}
	h.edit(func(j *provision.Job) { j.Manual = false })
}

// last logs the newest rows, and the links of who should be at the target and is not, with their rows.
func (h *history) last(n int) {
	h.Helper()
	rows := func(q plan.ActionQuery) {
		rows, err := h.db.Provision().Actions(h.ctx, h.tenant, h.out, q)
		h.must(err)
		for _, r := range rows {
			h.Logf("%s %s %s: %s %s %s %s", r.Cycle[24:], r.Kind, r.Source.Name, r.State, r.Reason.Rule, r.Code, r.Detail)
		}
	}
	rows(plan.ActionQuery{Newest: true, Limit: n})
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		links, err := h.db.Provision().Links(h.ctx, h.tenant, h.out, plan.LinkQuery{Type: typ})
		h.must(err)
		for _, l := range links {
			if l.Code != "" || l.Verdict.In && l.Target == "" {
				h.Logf("%s is not as it should be: key %s, due %v, %s %s", l.Name, l.Key, l.Due, l.Code, l.Detail)
				rows(plan.ActionQuery{Source: l.Source, Newest: true, Limit: n})
			}
		}
	}
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

// step makes one change, some kinds more often than others.
func (h *history) step() {
	switch n := h.rand.IntN(24); {
	case n == 20:
		h.exchange()
	case n == 21:
		h.handOn()
	case n == 22 && h.rand.IntN(2) == 0:
		h.mapping()
	case n == 22:
		h.scope()
	case n == 23:
		h.byHand()
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
				h := newHistory(w, seed, 1)
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
				h.apart()
				w.untilDone(w.out)
				got := living(w.target())
				if want := living(w.fresh()); strings.TrimSpace(got) != strings.TrimSpace(want) { // nobody is a blank line
					t.Errorf("after its history the organisation has\n%s\nprovisioned from nothing\n%s", got, want)
					h.last(40)
				}
				w.consistent()
			})
		}
	}
}

var histories = flag.Int("histories", 6, "random histories of TestIncrementalEqualsFull")
