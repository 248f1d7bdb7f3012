package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/rule"
)

// TestTurnsInMemory: what a turn keeps of how it ended, what it asks, and what a look or a preview takes for granted.
func TestTurnsInMemory(t *testing.T) {
	unsupported := func([]string) ([]connection.Object, error) {
		return nil, &lockstep.Error{Code: lockstep.CodeTargetUnsupported}
	}
	asked := func(values ...string) (all []plan.Question) {
		for _, v := range values {
			all = append(all, plan.Ask("userName", v))
		}
		return all
	}
	for _, c := range []struct {
		name string
		do   func(d *desk)
	}{
		{"a turn that is told to end keeps nothing", func(d *desk) {
			ctx, stop := context.WithCancel(d.Context())
			stop()
			cause := errors.New("the line was cut")
			if err := d.run().failed(ctx, cause); !errors.Is(err, cause) || len(d.kept) > 0 {
				d.Errorf("%v, kept %+v", err, d.kept)
			}
		}},
		{"nor one whose job another worker has", func(d *desk) {
			if err := d.run().failed(d.Context(), lockstep.ErrEpoch); !errors.Is(err, lockstep.ErrEpoch) || len(d.kept) > 0 {
				d.Errorf("%v, kept %+v", err, d.kept)
			}
		}},
		{"a decision at the same moment: it looks again at once", func(d *desk) {
			d.job.Code = lockstep.CodeTargetRefused
			if err := d.run().failed(d.Context(), &lockstep.Error{Code: lockstep.CodePlanStale}); err != nil || d.job.State != Active || d.job.Code != "" || !d.job.NotBefore.Equal(d.clock) {
				d.Errorf("%v, the job is %+v", err, d.job)
			}
		}},
		{"whoever was provisioned on demand is looked at by the next cycle of all", func(d *desk) {
			d.job.Demand, d.cycle.Kind = &Demand{Cycle: "c", Of: user("ada")}, OnDemand
			d.row(rule.Create, "ada")
			r := d.run()
			r.transcript = &connection.Transcript{}
			d.do(r.endDemand(d.Context(), nil))
			if d.is("ada", plan.LeftOut, ""); !slices.Equal(d.last().Due, []connection.Ref{user("ada")}) {
				d.Errorf("due are %v", d.last().Due)
			}
			d.rows, d.cycle.Phase = nil, Applying
			r = d.run()
			r.transcript = &connection.Transcript{}
			d.do(r.endDemand(d.Context(), nil))
			if len(d.last().Due) > 0 {
				d.Errorf("about whom nothing was done is due: %v", d.last().Due)
			}
			r.cycle.Counts.Updated = 1
			d.do(r.endDemand(d.Context(), nil))
			if len(d.last().Due) != 1 {
				d.Error("who was updated is not due")
			}
		}},
		{"what the rules hide is hidden in what is kept of a demand", func(d *desk) {
			d.job.Demand, d.cycle.Kind = &Demand{Cycle: "c", Of: user("ada")}, OnDemand
			d.rules.Objects[0].Attributes[2].Source = &rule.MappingSource{Type: rule.FromFunction, Expression: "Redact([title])"}
			d.job.Rules = d.rules
			r := d.run()
			r.transcript = &connection.Transcript{}
			d.do(r.carryOutDemand(d.Context()))
			if !r.transcript.Secrets["title"] || r.transcript.Secrets["username"] {
				d.Errorf("hidden: %v", r.transcript.Secrets)
			}
		}},

		{"a target that cannot be searched is asked once", func(d *desk) {
			d.target.find = unsupported
			a, err := d.run().find(d.Context(), "User", asked("ada", "ben", "cy"))
			if d.do(err); d.target.finds != 1 || len(a.Failed) != 3 {
				d.Errorf("asked %d times, failed %d", d.target.finds, len(a.Failed))
			}
		}},
		{"a list that hides nobody is all there is, once a search was refused", func(d *desk) {
			d.notUnique()
			d.target.find = unsupported
			r := d.run()
			for range 2 {
				if _, err := r.fromMirrorOrAsked(d.Context(), "User", asked("ada", "ben")); err != nil {
					d.Fatal(err)
				}
			}
			if d.target.finds != 1 {
				d.Errorf("asked %d times", d.target.finds)
			}
		}},
		{"one value that cannot be looked for does not make it so", func(d *desk) {
			d.notUnique()
			d.target.find = func(values []string) ([]connection.Object, error) {
				if values[0] == "ada" {
					return nil, &lockstep.Error{Code: lockstep.CodeTargetRefused}
				}
				return nil, nil
			}
			r := d.run()
			for range 2 {
				if _, err := r.fromMirrorOrAsked(d.Context(), "User", asked("ada", "ben")); err != nil {
					d.Fatal(err)
				}
			}
			if d.target.finds != 4 {
				d.Errorf("asked %d times", d.target.finds)
			}
		}},
		{"a read that fails is what the job says", func(d *desk) {
			d.job.Request, d.head = 3, mirror.Head{Answered: 2, Code: lockstep.CodeSourceAuth, Detail: "no [source.auth_failed]"}
			done, err := d.run().awaitRead(d.Context())
			if done || lockstep.CodeOf(err) != lockstep.CodeSourceAuth || lockstep.Said(err) != "no" {
				d.Errorf("%t, %v", done, err)
			}
			d.head.Code = ""
			if done, err = d.run().awaitRead(d.Context()); done || err != nil {
				d.Errorf("while it is read: %t, %v", done, err)
			}
		}},

		{"an application has not moved, whatever its mirror", func(d *desk) {
			d.head.Generation = 2
			if moved, err := d.run().moved(d.Context(), "m/1/5"); moved || err != nil {
				d.Errorf("%t, %v", moved, err)
			}
		}},
		{"a source that has moved is known to have, also when its cursor has expired", func(d *desk) {
			d.job.Direction, d.job.Cursor, d.head.Generation = Inbound, "m/1/5", 2
			if at := d.run().restart(d.Context()); at != "m/1/5" {
				d.Errorf("it begins at %q", at)
			}
			if d.head.Generation = 1; d.run().restart(d.Context()) != "" {
				d.Error("it has not moved, and does not begin anew")
			}
			d.cycle.Page, d.job.Cursor, d.head.Generation = "m/1/0/5.0.2", "", 2
			if at := d.run().restart(d.Context()); at != d.cycle.Page {
				d.Errorf("amid a read it begins at %q", at)
			}
		}},
		{"nor is it forgotten when nobody can say", func(d *desk) {
			d.job.Direction, d.job.Cursor = Inbound, "m/1/5"
			r := d.run()
			r.Mirrors = broken{d}
			if at := r.restart(d.Context()); at != "m/1/5" {
				d.Errorf("it begins at %q", at)
			}
		}},

		{"whoever a whole page lists was seen, also in a cycle that is not the first", func(d *desk) {
			d.cycle.Phase = Reading
			d.link("ada", "t1")
			r := d.run()
			r.lookup = r.find
			d.do(r.takePage(d.Context(), connection.Page{Objects: []connection.Object{{Ref: user("ada"), Name: "ada", Enabled: true, Values: called("ada")}}, Whole: true, Last: true}))
			if l := d.links[user("ada")]; l.Seen != "c" {
				d.Errorf("%+v", l)
			}
		}},
		{"a preview of a source that has moved says that nobody is removed by it", func(d *desk) {
			d.job.Direction, d.job.Cursor, d.job.Rules = Inbound, "m/1/5", d.rules
			d.head = mirror.Head{Generation: 2, Passes: []mirror.Pass{{Once: true}}}
			d.link("ada", "t1")
			d.source.pages = []connection.Page{{Last: true, Whole: true}}
			rows := d.preview()
			if len(rows) != 1 || rows[0].State != plan.Held || !strings.Contains(rows[0].Detail, "another system") {
				d.Errorf("%+v", rows)
			}
		}},
		{"a preview removes nobody who could not be read", func(d *desk) {
			d.job.Direction, d.job.Rules = Inbound, d.rules
			d.head = mirror.Head{Passes: []mirror.Pass{{Once: true}}}
			for _, name := range []string{"ada", "ben"} {
				d.link(name, "t-"+name)
			}
			d.source.pages = []connection.Page{
				{Bad: []connection.Bad{{Ref: user("ada"), Name: "line 2", Err: &lockstep.Error{Code: lockstep.CodeSourceRow}}}},
				{Last: true, Whole: true},
			}
			for _, a := range d.preview() {
				if a.Source.ID == "ada" && a.State != plan.Refused {
					d.Errorf("ada: %s %s", a.Kind, a.State)
				}
			}
		}},
		{"of a change of rules those stay out who were kept out", func(d *desk) {
			d.job.Policy.Excluded, d.job.Rules = []rule.Exclusion{{Type: "User", ID: "ada"}}, d.rules
			i := &impact{run: d.run(), out: &Impact{}}
			d.do(i.open(d.Context(), Proposal{Configuration: plan.Configuration{Rules: d.rules}}))
			if len(i.job.Policy.Excluded) != 1 {
				d.Errorf("kept out are %v", i.job.Policy.Excluded)
			}
		}},
		{"what a change of rules would do in the directory is asked of the directory", func(d *desk) {
			d.job.Direction = Inbound
			d.shows("t1", "ada")
			a, err := seen{d.run()}.LookUp(d.Context(), "User", asked("ada"))
			if d.do(err); len(a.Found) != 1 {
				d.Errorf("%+v", a)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.do(newDesk(t))
		})
	}
}

func (d *desk) do(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// preview returns the rows of a preview of the desk's job.
func (d *desk) preview() (rows []plan.Action) {
	d.Helper()
	_, err := d.run().Engine.Preview(d.Context(), "t", "j", func(a plan.Action) error { rows = append(rows, a); return nil })
	d.do(err)
	return rows
}

// broken is a mirror that cannot be asked.
type broken struct{ *desk }

func (broken) Head(context.Context, mirror.ID) (mirror.Head, error) {
	return mirror.Head{}, errors.New("the database is away")
}
