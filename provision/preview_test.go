package provision_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/mirror"
	"lockstep/mirror/mirrortest"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
	"lockstep/store/storetest"
)

// TestPreviewIsTheCycle: what a plan that is only looked at says is, row by row and in the same order, what the cycle plans that
// follows it: what is held, who comes before whom, and the references with it. Nothing is stored by looking.
func TestPreviewIsTheCycle(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		for seed := range uint64(shortHistories[database]) {
			t.Run(fmt.Sprintf("%s %d", database, seed), func(t *testing.T) {
				config := store.Config{}
				if database == "postgres" {
					config.Postgres = storetest.Postgres(t)
				}
				previews(t, newWorldOn(t, config), seed)
			})
		}
	}
}

func previews(t *testing.T, w *world, seed uint64) {
	w.assigned(policies[seed%uint64(len(policies))])
	h := newHistory(w, seed, 2)
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(h.log, "\n"))
		}
	}()
	for range 12 {
		h.newUser()
		h.newGroup()
	}
	compared := 0
	for range 12 {
		for range 2 + h.rand.IntN(12) {
			h.step()
		}
		if h.rand.IntN(3) == 0 {
			h.reject()
		}
		if h.previewed() {
			compared++
		}
	}
	if compared < 8 {
		t.Errorf("only %d plans could be compared", compared)
	}
}

// reject turns a row down that is held.
func (h *history) reject() {
	held, err := h.db.Provision().Actions(h.ctx, h.tenant, h.out, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
	h.must(err)
	if len(held) == 0 {
		return
	}
	row := held[h.rand.IntN(len(held))]
	h.log = append(h.log, fmt.Sprintf("reject %s %s", row.Kind, row.Source.Name))
	h.decide(provision.Verdict{Reject: []lockstep.ActionID{row.ID}})
}

// previewed looks at a full plan, has the job make it, compares the two, and applies or discards it.
// It reports whether it could: not while a cycle is under way.
func (h *history) previewed() bool {
	h.Helper()
	job, err := h.db.Provision().Job(h.ctx, h.tenant, h.out)
	h.must(err)
	if c := job.Cycle; c != nil && c.Phase == provision.Review {
		h.decide(provision.Verdict{Cycle: c.ID, Discard: true})
	}
	h.edit(func(j *provision.Job) { j.Manual = false })
	if !h.atRest() {
		return false
	}
	h.edit(func(j *provision.Job) {
		j.Manual, j.NextRun, j.Policy.Interval = true, h.engine.Now(), j.Policy.Interval+1
	}) // everybody is evaluated
	defer h.frozen()()
	h.read() // a cycle begins with that
	before := h.kept()
	var shown []plan.Action
	counts, err := h.engine.Preview(h.ctx, h.tenant, h.out, func(a plan.Action) error {
		shown = append(shown, a)
		return nil
	})
	h.must(err)
	if after := h.kept(); after != before {
		h.Fatalf("looking has changed\n%s\nto\n%s", before, after)
	}
	h.untilReview()
	if job, err = h.db.Provision().Job(h.ctx, h.tenant, h.out); err != nil || job.Cycle == nil {
		h.must(err)
		cycles, err := h.db.Provision().Cycles(h.ctx, h.tenant, h.out, 1)
		h.must(err)
		job.Cycle = &cycles[0]
	}
	made, err := h.db.Provision().Actions(h.ctx, h.tenant, h.out, plan.ActionQuery{Cycle: job.Cycle.ID, Limit: 1 << 20})
	h.must(err)
	made = slices.DeleteFunc(made, func(a plan.Action) bool { return a.State == plan.LeftOut })
	if got, want := lines(shown), lines(made); got != want {
		h.Fatalf("the plan that is looked at:\n%s\nthat of the cycle:\n%s", got, want)
	}
	if c := job.Cycle.Counts; c.Planned != counts.Planned || c.Held != counts.Held || c.Failed != counts.Failed || c.Unchanged != counts.Unchanged {
		h.Errorf("counted %+v, the cycle %+v", counts, c)
	}
	if job.Cycle.Phase == provision.Review {
		apply := h.rand.IntN(3) > 0
		h.log = append(h.log, fmt.Sprintf("%d rows; applied: %v", len(made), apply))
		h.must(h.db.Provision().Decide(h.ctx, audit.Actor{}, h.tenant, h.out, provision.Verdict{Cycle: job.Cycle.ID, Apply: apply, Discard: !apply}))
	}
	return true
}

// frozen stops the engine's clock until the function that it returns is called: what becomes due in between would be planned later only.
func (h *history) frozen() func() {
	clock, slice, send := h.engine.Now, h.engine.SliceFor, h.engine.SendFor
	now := clock()
	h.engine.Now, h.engine.SliceFor, h.engine.SendFor = func() time.Time { return now }, time.Hour, time.Hour
	return func() { h.engine.Now, h.engine.SliceFor, h.engine.SendFor = clock, slice, send }
}

// read has the target read.
func (h *history) read() {
	h.Helper()
	id := mirror.ID{Tenant: h.tenant, Connection: h.out}
	n, err := h.db.Mirrors().Request(h.ctx, id, mirror.Request{Now: true})
	h.must(err)
	mirrortest.Await(h, h.db.Mirrors(), id, n)
}

// atRest turns slices until no cycle is open. It reports false when there is always another one.
func (h *history) atRest() bool {
	h.Helper()
	for range 60 {
		job, err := h.db.Provision().Job(h.ctx, h.tenant, h.out)
		h.must(err)
		if job.Cycle == nil {
			return true
		}
		turn, err := h.engine.Slice(h.ctx, h.tenant, h.out)
		h.must(err)
		if turn.Reading {
			h.awaitRead(h.out)
		}
	}
	return false
}

// untilReview turns slices until the job waits for a person or has nothing to do.
func (h *history) untilReview() {
	h.Helper()
	for range 400 {
		turn, err := h.engine.Slice(h.ctx, h.tenant, h.out)
		h.must(err)
		switch {
		case turn.Reading:
			h.awaitRead(h.out)
		case !turn.More:
			return
		}
	}
	h.Fatal("the job never comes to its plan")
}

// kept is what the store has of the job: its links, and its rows.
func (h *history) kept() string {
	h.Helper()
	var b strings.Builder
	for _, typ := range []string{"User", "Group"} {
		links, err := h.db.Provision().Links(h.ctx, h.tenant, h.out, plan.LinkQuery{Type: typ})
		h.must(err)
		fmt.Fprintln(&b, links)
	}
	rows, err := h.db.Provision().Actions(h.ctx, h.tenant, h.out, plan.ActionQuery{Limit: 1 << 20})
	h.must(err)
	fmt.Fprintln(&b, rows)
	return b.String()
}

// lines is a plan without what is another each time: ids and instants. Rows of one rank in a lane are in no order.
func lines(rows []plan.Action) string {
	all := make([]string, len(rows))
	for i, a := range rows {
		var refs []string
		for _, r := range a.References {
			refs = append(refs, fmt.Sprintf("%s>%s=%s", refWords(r.Attribute, r.To.ID, r.Gone), r.To.Name, r.Target))
		}
		all[i] = fmt.Sprintf("%d %8d %s %s: %v > %v; %s; %v; %s", a.Lane, a.Rank, a.State, changeLine(a.Kind, a.Source.Name, a.After, refs), a.Before, a.Target, a.Refers, a.Reason, a.Code)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
