package provision_test

import (
	"fmt"
	"slices"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

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

// policy changes whom the job brings, and what becomes of who leaves.
func (h *history) policy() {
	h.edit(func(j *provision.Job) {
		switch h.rand.IntN(3) {
		case 0:
			j.Policy.Everyone = !j.Policy.Everyone
		case 1:
			j.Policy.Nested = !j.Policy.Nested
		default:
			j.Policy.DefaultRole = !j.Policy.DefaultRole
		}
		h.log = append(h.log, fmt.Sprintf("policy is %+v", j.Policy))
	})
}

// mode makes the job wait for a person, or not any more.
func (h *history) mode() {
	h.edit(func(j *provision.Job) {
		j.Manual = !j.Manual
		h.log = append(h.log, fmt.Sprintf("by hand: %v", j.Manual))
	})
}

// takeApp removes the app from the directory, with its assignments, or brings it back.
func (h *history) takeApp() {
	if h.gone = !h.gone; h.gone {
		h.do("remove the app", directory.DeleteApp{ID: h.app})
		clear(h.given)
		return
	}
	h.do("add the app", directory.PutApp{App: directory.App{ID: h.app, Slug: "webex", Name: "Webex", Roles: []directory.Role{{Value: "user", Name: "User"}, {Value: "default", Name: "Default Access", Exclude: true}}}})
}

// approve lets a change go that is held.
func (h *history) approve() {
	held, err := h.db.Provision().Actions(h.ctx, h.tenant, h.out, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
	h.must(err)
	if len(held) == 0 {
		return
	}
	row := held[h.rand.IntN(len(held))]
	h.log = append(h.log, fmt.Sprintf("approve %s %s", row.Kind, row.Source.Name))
	h.decide(provision.Verdict{Approve: []lockstep.ActionID{row.ID}})
}

// settled brings the job to its end: it runs by itself, nothing is in review, and everything that is held is approved.
func (h *history) settled() {
	h.Helper()
	h.apart()
	if h.gone {
		h.takeApp()
	}
	job, err := h.db.Provision().Job(h.ctx, h.tenant, h.out)
	h.must(err)
	if c := job.Cycle; c != nil && c.Phase == provision.Review {
		h.decide(provision.Verdict{Cycle: c.ID, Discard: true})
	}
	h.edit(func(j *provision.Job) { j.Manual = false })
	h.due(h.out)
	for h.approveAll() { // whoever is to get the name of somebody whose change is held fails until then
	}
	h.untilDone(h.out)
	if h.approveAll() {
		h.Errorf("something is held again")
	}
}

// approveAll carries out what there is and approves everything that is held. It reports whether there was something.
func (h *history) approveAll() bool {
	h.Helper()
	h.untilIdle()
	held, err := h.db.Provision().Actions(h.ctx, h.tenant, h.out, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
	h.must(err)
	var ids []lockstep.ActionID
	for _, row := range held {
		if u, ok := h.users[lockstep.UserID(row.Source.ID)]; ok && row.Code == lockstep.CodeUniqueCircle && u.Deleted.IsZero() {
			h.n++
			h.rename(u.ID, fmt.Sprintf("apart%d@acme.example", h.n)) // no target can be brought there
			continue
		}
		h.log = append(h.log, fmt.Sprintf("at the end approve %s %s", row.Kind, row.Source.Name))
		ids = append(ids, row.ID)
	}
	if len(ids) > 0 {
		h.decide(provision.Verdict{Approve: ids})
	}
	return len(held) > 0
}

// untilIdle turns slices until nothing can be done at once.
func (h *history) untilIdle() {
	h.Helper()
	for range 400 {
		turn, err := h.engine.Slice(h.ctx, h.tenant, h.out)
		h.must(err)
		if turn.Reading {
			h.awaitRead(h.out)
			continue
		}
		due, err := h.db.Provision().Due(h.ctx, h.engine.Now())
		h.must(err)
		if !turn.More && !slices.ContainsFunc(due, func(j provision.Job) bool { return j.ID == h.out }) {
			return
		}
	}
	h.Errorf("the job is always busy")
}

// byHand has a plan made by hand, and discards or applies it.
func (h *history) byHand() {
	var manual bool
	h.edit(func(j *provision.Job) { manual, j.Manual, j.NextRun = j.Manual, true, h.engine.Now() })
	h.slices(200)
	job, err := h.db.Provision().Job(h.ctx, h.tenant, h.out)
	h.must(err)
	if c := job.Cycle; c != nil && c.Phase == provision.Review {
		apply := h.rand.IntN(2) == 0 && c.Config == job.Config
		h.log = append(h.log, fmt.Sprintf("a plan by hand; applied: %v", apply))
		h.must(h.db.Provision().Decide(h.ctx, audit.Actor{}, h.tenant, h.out, provision.Verdict{Cycle: c.ID, Apply: apply, Discard: !apply}))
	}
	h.edit(func(j *provision.Job) { j.Manual = manual })
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
