package provision_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/words"
)

// TestPlanOfSourcesIsWhatHappens: whatever several sources say of the same people, in whatever order an administrator has put them, the
// plan of one says what becomes of everybody in the directory when it is applied: who goes, who stays, and which values stand.
func TestPlanOfSourcesIsWhatHappens(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s %d", database, seed), func(t *testing.T) {
				config := store.Config{}
				if database == "postgres" {
					config.Postgres = storetest.Postgres(t)
				}
				w := newWorldOn(t, config)
				r := rand.New(rand.NewPCG(seed, 5))
				sources := []origin{w.source("hr"), w.source("crm"), w.source("badge")}
				for i, o := range sources {
					o.edit(func(j *provision.Job) { j.Manual, j.Policy.Order = true, []int{0, i % 3, 2 - i%3}[int(seed)%3] })
				}
				kinds := map[rule.Kind]int{}
				for step := range 25 {
					o := sources[r.IntN(len(sources))]
					if r.IntN(8) == 0 {
						o.edit(func(j *provision.Job) { j.Policy.Order = r.IntN(4) })
					}
					for k, n := range o.planned(fmt.Sprintf("step %d", step), somebody(r)) {
						kinds[k] += n
					}
				}
				for _, k := range []rule.Kind{rule.Create, rule.Link, rule.Update, rule.Delete, rule.Release} {
					if kinds[k] == 0 {
						t.Errorf("no %s was ever planned: %v", k, kinds)
					}
				}
			})
		}
	}
}

// somebody is some people with random values.
func somebody(r *rand.Rand) []string {
	var rows []string
	for _, name := range []string{"ada", "ben", "cleo"} {
		if r.IntN(4) == 0 {
			continue
		}
		row := name + " active=" + []string{"true", "true", "false"}[r.IntN(3)]
		if v := r.IntN(4); v > 0 {
			row += fmt.Sprintf(" title=t%d", v)
		}
		if v := r.IntN(3); v > 0 {
			row += fmt.Sprintf(" department=d%d", v)
		}
		rows = append(rows, row)
	}
	return rows
}

// planned plans what the source has now, applies the plan, and compares what was shown with what has become of everybody. It returns how
// many of each kind were planned.
func (o origin) planned(step string, rows []string) map[rule.Kind]int {
	o.Helper()
	before := o.people()
	kinds := map[rule.Kind]int{}
	want := map[string][]string{}
	for name, values := range before {
		want[name] = values
	}
	cycle := o.has(rows...)
	said := ""
	if cycle.Phase == provision.Review {
		if now := o.people(); !same(now, before) {
			o.Fatalf("%s: planning has changed %v to %v", step, before, now)
		}
		all, err := o.db.Provision().Actions(o.ctx, o.tenant, o.job, plan.ActionQuery{Cycle: cycle.ID})
		o.must(err)
		for _, a := range all {
			if a.State != plan.Planned || strings.HasPrefix(a.Source.Name, "filler") || a.Source.Type != "User" {
				continue
			}
			kinds[a.Kind]++
			said += fmt.Sprintf("\n  %s %s: %s %s", a.Kind, a.Source.Name, words.Sum(a.Changes(), 9), a.Note())
			name, _, _ := strings.Cut(a.Source.Name, "@")
			want[name] = becomes(want[name], &a)
		}
		o.must(o.db.Provision().Decide(o.ctx, audit.Actor{Name: "test"}, o.tenant, o.job, provision.Verdict{Cycle: cycle.ID, Apply: true}))
		o.run(o.job)
	}
	for name, values := range want {
		if len(values) == 0 {
			delete(want, name)
		}
	}
	if got := o.people(); !same(got, want) {
		o.Fatalf("%s: %s has %q\nthe plan said%s\nof %v\nand there is\n  %v\nnot\n  %v", step, o.folder[len(o.folder)-3:], rows, said, before, got, want)
	}
	return kinds
}

func same(a, b map[string][]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// becomes is what a row says of a person's attributes after it: name=value, in order; nil is that they are not there.
func becomes(has []string, a *plan.Action) []string {
	if a.Kind == rule.Delete {
		return nil
	}
	values := map[string]string{"active": "true"}
	for _, v := range has {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	for _, c := range a.Changes() {
		values[c.Attribute] = c.After
	}
	var all []string
	for _, name := range []string{"active", "department", "title"} {
		if values[name] != "" {
			all = append(all, name+"="+values[name])
		}
	}
	return all
}

// people are the people in the directory, each with what the sources say of them.
func (w *world) people() map[string][]string {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{})
	w.must(err)
	all := map[string][]string{}
	for _, u := range users {
		name := u.Attributes.Text("displayName")
		if strings.HasPrefix(name, "filler") {
			continue
		}
		values := []string{fmt.Sprintf("active=%v", u.Active)}
		ext, _ := u.Attributes.Get(enterpriseURN).(scim.Object)
		for _, v := range []string{"department=" + ext.Text("department"), "title=" + u.Attributes.Text("title")} {
			if !strings.HasSuffix(v, "=") {
				values = append(values, v)
			}
		}
		all[name] = values
	}
	return all
}

// edit changes the source's job.
func (o origin) edit(f func(*provision.Job)) {
	o.Helper()
	j, err := o.db.Provision().Job(o.ctx, o.tenant, o.job)
	o.must(err)
	f(&j)
	o.must(o.db.Provision().PutJob(o.ctx, audit.Actor{}, j))
}

// TestOrderOfSources: where an administrator has put the sources in order, the first that has a person and maps an attribute says what it
// is, also when it has no value there and its emptiness counts; a value that somebody has corrected stands until a source changes it.
func TestOrderOfSources(t *testing.T) {
	w := newWorld(t)
	hr, crm := w.source("hr"), w.source("crm")
	order := func(o origin, n int) { o.edit(func(j *provision.Job) { j.Policy.Order = n }) }
	order(hr, 1)
	order(crm, 2)
	hr.has("ada title=Chief")
	crm.has("ada title=Boss department=Rome")
	w.wantDirectory("ada title=Chief") // that hr has no department counts
	hr.edit(func(j *provision.Job) {
		for i := range j.Rules.Objects[0].Attributes {
			if m := &j.Rules.Objects[0].Attributes[i]; strings.HasSuffix(m.Target, "department") {
				m.Clear = false
			}
		}
	})
	hr.run(hr.job)
	crm.has("ada title=Boss department=Oslo")
	w.wantDirectory("ada title=Chief department=Oslo")
	if c := crm.has("ada title=Head department=Oslo"); c.Counts.Updated+c.Counts.Planned > 0 {
		t.Errorf("a value that is not heard made a row: %+v", c.Counts)
	}
	w.wantDirectory("ada title=Chief department=Oslo")

	order(crm, 1)
	order(hr, 2)
	if c := hr.run(hr.job); c.Counts.Planned > 0 {
		t.Errorf("who comes second planned %+v", c.Counts)
	}
	crm.run(crm.job)
	w.wantDirectory("ada title=Head department=Oslo")
	hr.has("ada title=Chair")
	w.wantDirectory("ada title=Head department=Oslo")
	crm.has()
	w.wantDirectory("ada title=Chair department=Oslo")
	crm.has("ada title=Head")
	w.wantDirectory("ada title=Head") // its emptiness counts
	crm.has("ada")
	w.wantDirectory("ada")
	crm.has("ada title=Head")

	u := w.userID("ada")
	w.set(u, "title", "Queen")
	hr.has("ada title=Chief")
	crm.run(crm.job)
	w.wantDirectory("ada title=Queen")

	order(crm, 0)
	order(hr, 0)
	hr.run(hr.job)
	crm.run(crm.job)
	w.wantDirectory("ada title=Queen")
	hr.has("ada title=Knight")
	w.wantDirectory("ada title=Knight")
}

// TestReleaseThatWouldDelete: a plan says that a person is let go of, since another source has them. When that one has let go by the time
// the plan is applied, nothing happens to the person, and the next plan says delete.
func TestReleaseThatWouldDelete(t *testing.T) {
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			config := store.Config{}
			if database == "postgres" {
				config.Postgres = storetest.Postgres(t)
			}
			w := newWorldOn(t, config)
			hr, crm := w.source("hr"), w.source("crm")
			hr.has("ada active=true", "ben active=true")
			crm.has("ada active=true", "ben active=true")
			hr.edit(func(j *provision.Job) { j.Manual = true })
			apply := func(c provision.Cycle) {
				t.Helper()
				w.must(w.db.Provision().Decide(w.ctx, audit.Actor{Name: "test"}, w.tenant, hr.job, provision.Verdict{Cycle: c.ID, Apply: true}))
				hr.run(hr.job)
			}
			is := func(name string, kind rule.Kind, state plan.ActionState, code lockstep.Code) {
				t.Helper()
				if row := hr.row(name); row.Kind != kind || row.State != state || row.Code != code {
					t.Errorf("%s: %s %s [%s] %s", name, row.Kind, row.State, row.Code, row.Detail)
				}
			}
			c := hr.has("ben active=false")
			is("ada", rule.Release, plan.Planned, "")
			is("ben", rule.Update, plan.Planned, "")
			crm.has("ben active=false") // hr keeps them both
			w.wantDirectory("ada", "ben")
			apply(c)
			is("ada", rule.Release, plan.LeftOut, lockstep.CodePlanStale)
			is("ben", rule.Update, plan.LeftOut, lockstep.CodePlanStale)
			w.wantDirectory("ada", "ben")
			c = hr.run(hr.job)
			is("ada", rule.Delete, plan.Planned, "")
			is("ben", rule.Disable, plan.Planned, "")
			apply(c)
			w.wantDirectory("ben inactive")
		})
	}
}
