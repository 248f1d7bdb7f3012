package provision_test

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/e2e/parts"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/store"
	"lockstep/store/storetest"
)

// What TestIncrementalEqualsFull does: with -operations 0 some short histories, otherwise as many changes on each database.
var (
	operations = flag.Int("operations", 0, "TestIncrementalEqualsFull: changes on each database; 0 is a short run")
	first      = flag.Uint64("first", 0, "TestIncrementalEqualsFull: seed of the first history")
	databases  = flag.String("databases", "sqlite postgres", "TestIncrementalEqualsFull: on which")
	resume     = flag.String("resume", "", "log of an earlier run: what has passed in it is skipped")
	histories  = flag.Int("histories", 4, "TestKilledAtRandomMoments: histories")
)

// shortHistories is how many histories a short run makes on a database, and length how many changes each has at least.
var shortHistories = map[string]int{"sqlite": 6, "postgres": 1}

const length = 100

// policies are those with which histories begin, in turn.
var policies = []provision.Policy{
	{Groups: true, Nested: true, Guard: rule.GuardLimit{Off: true}},
	{Groups: true, Everyone: true, Guard: rule.GuardLimit{Off: true}, OnLeave: rule.LeaveDelete},
	{Groups: true, Everyone: true, Nested: true, Guard: rule.GuardLimit{Count: 1, Percent: 1}},
}

// TestIncrementalEqualsFull makes random histories and follows them in slices that are cut wherever they can be. In the end
// the organisation must have what one has that is provisioned from nothing, and a full evaluation must find nothing to do.
func TestIncrementalEqualsFull(t *testing.T) {
	for _, database := range strings.Fields(*databases) {
		n := shortHistories[database]
		if *operations > 0 {
			n = (*operations + length - 1) / length
		}
		for seed := *first; seed < *first+uint64(n); seed++ {
			t.Run(fmt.Sprintf("%s %d", database, seed), func(t *testing.T) {
				parts.SkipPassed(t, *resume)
				config := store.Config{}
				if database == "postgres" {
					config.Postgres = storetest.Postgres(t)
				}
				incremental(t, newWorldOn(t, config), seed)
			})
		}
	}
}

func incremental(t *testing.T, w *world, seed uint64) {
	w.assigned(policies[seed%uint64(len(policies))])
	w.engine.SliceFor = 1
	h := newHistory(w, seed, 1)
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(h.log, "\n"))
			h.last(40)
		}
	}()
	for range 10 {
		h.newUser()
	}
	for range 5 {
		h.newGroup()
	}
	for h.made < length {
		for range h.rand.IntN(8) {
			h.step()
		}
		h.log = append(h.log, "-- slices")
		h.slices(h.rand.IntN(12))
	}
	h.settled()
	got := living(w.target())
	if want := living(w.fresh()); strings.TrimSpace(got) != strings.TrimSpace(want) { // nobody is a blank line
		t.Errorf("after its history the organisation has\n%s\nprovisioned from nothing\n%s", got, want)
	}
	w.consistent()
}

// step makes one change, some kinds more often than others.
func (h *history) step() {
	h.made++
	switch n := h.rand.IntN(29); {
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
	case n < 20:
		h.changeAssignment()
	case n < 21:
		h.exchange()
	case n < 22:
		h.handOn()
	case n < 24:
		h.renamed()
	case n < 26:
		h.approve()
	case n < 27:
		h.byHand()
	default:
		h.changeJob()
	}
}

// changeJob changes how the job goes about it.
func (h *history) changeJob() {
	switch n := h.rand.IntN(12); {
	case n < 3:
		h.mapping()
	case n < 6:
		h.scope()
	case n < 8:
		h.policy()
	case n < 11:
		h.mode()
	default:
		h.takeApp()
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
