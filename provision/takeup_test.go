package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/rule"
)

// TestOpenRowsAreLookedInto: what a turn does about rows of which nobody knows what became: nobody is created a second time, and nobody is
// forgotten.
func TestOpenRowsAreLookedInto(t *testing.T) {
	contradicted := func(a *plan.Action) { a.Code, a.Detail = lockstep.CodeTargetContradicts, "it shows another" }
	deaf := func(d *desk) {
		d.target.find = func([]string) ([]connection.Object, error) {
			return nil, &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: "it takes no filter"}
		}
	}
	read := func(d *desk, asked time.Time) { // a read was asked for and has ended
		d.job.Request = 7
		d.head = mirror.Head{Answered: 7, Passes: []mirror.Pass{{Type: "User", Stage: mirror.Idle, Once: true, Asked: asked}}}
	}
	for _, c := range []struct {
		name string
		do   func(d *desk)
	}{
		{"it is there: it is ours", func(d *desk) {
			d.notUnique()
			d.shows("t1", "ada")
			d.row(rule.Create, "ada", d.opened(time.Second, 1)).apply()
			d.wasSent()
			d.is("ada", plan.Done, "")
			if l := d.links[user("ada")]; l.Target != "t1" || l.Matched != matchedFound {
				d.Errorf("%+v", l)
			}
		}},
		{"it is there, and linked to them already", func(d *desk) {
			d.shows("t1", "ada")
			d.link("ada", "t1")
			d.row(rule.Create, "ada", d.opened(time.Second, 1)).apply()
			d.wasSent()
			d.is("ada", plan.Done, "")
		}},
		{"another's is there, and their own may be listed later", func(d *desk) {
			d.notUnique()
			d.shows("t1", "ada")
			d.link("ben", "t1")
			d.row(rule.Create, "ada", d.opened(time.Second, 1)).apply()
			d.wasSent()
			d.is("ada", plan.Open, "")
		}},
		{"another's is there, and theirs would be listed by now", func(d *desk) {
			d.notUnique()
			d.shows("t1", "ada")
			d.link("ben", "t1")
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1)).apply()
			d.wasSent("create ada")
			d.is("ada", plan.Done, "")
		}},
		{"it is not there, and need not be yet", func(d *desk) {
			d.notUnique()
			d.row(rule.Create, "ada", d.opened(59*time.Second, 1)).apply()
			d.wasSent()
			d.is("ada", plan.Open, "")
		}},
		{"it is not there, and would be by now", func(d *desk) {
			d.notUnique()
			d.row(rule.Create, "ada", d.opened(61*time.Second, 1)).apply()
			d.wasSent("create ada")
			d.is("ada", plan.Done, "")
		}},
		{"it is not there, and its process ended: the call may have lasted as long as its lease", func(d *desk) {
			d.notUnique()
			d.row(rule.Create, "ada", d.opened(100*time.Second, 1), func(a *plan.Action) { a.Ended = time.Time{} }).apply()
			d.wasSent()
			d.clock = d.clock.Add(6 * time.Second) // 45 s and a minute
			d.apply()
			d.wasSent("create ada")
		}},
		{"it is not there, and the target refuses a second one", func(d *desk) {
			d.row(rule.Create, "ada", d.opened(time.Second, 1)).apply()
			d.wasSent("create ada")
		}},
		{"it is not there, and another was shown for it: that the target refuses a second one says nothing", func(d *desk) {
			d.row(rule.Create, "ada", d.opened(time.Second, 1), contradicted).apply()
			d.wasSent()
			d.is("ada", plan.Open, lockstep.CodeTargetContradicts)
		}},
		{"another was shown for it, and it would be there by now: nobody creates it again", func(d *desk) {
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1), contradicted).apply()
			d.wasSent()
			d.is("ada", plan.Refused, lockstep.CodeTargetContradicts)
			if l := d.links[user("ada")]; !l.Due.Equal(d.clock.Add(plan.BackOff(plan.Slowest))) || l.Attempts != 1 || d.cycle.Counts.Failed != 1 {
				d.Errorf("due in %v after %d attempts, %d failed", l.Due.Sub(d.clock), l.Attempts, d.cycle.Counts.Failed)
			}
		}},
		{"two are there", func(d *desk) {
			d.shows("t1", "ada")
			d.shows("t2", "ada")
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1)).apply()
			d.wasSent()
			d.is("ada", plan.Refused, lockstep.CodeMatchAmbiguous)
		}},
		{"by one value it cannot be looked for, by another it is there", func(d *desk) {
			d.notUnique()
			d.target.find = func(values []string) ([]connection.Object, error) {
				if slices.Contains(values, "ada") {
					return nil, &lockstep.Error{Code: lockstep.CodeTargetUnsupported}
				}
				return []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t1"}, Values: called("ada", "nickName", "addy")}}, nil
			}
			d.row(rule.Create, "ada", d.opened(time.Second, 1), func(a *plan.Action) { a.After = called("ada", "nickName", "addy") }).apply()
			d.wasSent()
			d.is("ada", plan.Done, "")
			if d.asks != 0 {
				d.Error("a read was asked for")
			}
		}},

		{"it cannot be looked for, and the target refuses a second one: once more tells", func(d *desk) {
			deaf(d)
			d.row(rule.Create, "ada", d.opened(time.Second, 1)).apply()
			d.wasSent("create ada")
		}},
		{"it cannot be looked for, and once more has told nothing: the target is read", func(d *desk) {
			deaf(d)
			d.row(rule.Create, "ada", d.opened(2*time.Minute, maxReads-1)).apply()
			d.wasSent()
			if d.is("ada", plan.Open, ""); d.asks != 1 || d.job.Request != 1 {
				d.Errorf("%d reads were asked for", d.asks)
			}
		}},
		{"it cannot be looked for, and another was shown for it", func(d *desk) {
			deaf(d)
			d.row(rule.Create, "ada", d.opened(time.Second, 1), contradicted).apply()
			d.wasSent()
			if d.is("ada", plan.Open, lockstep.CodeTargetContradicts); d.asks != 0 {
				d.Error("a read was asked for that need not show it")
			}
		}},
		{"it cannot be looked for, another was shown for it, and a read would show it by now", func(d *desk) {
			deaf(d)
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1), contradicted).apply()
			d.wasSent()
			if d.is("ada", plan.Open, lockstep.CodeTargetContradicts); d.asks != 1 {
				d.Errorf("%d reads were asked for", d.asks)
			}
		}},
		{"two reads have not shown it", func(d *desk) {
			d.notUnique()
			deaf(d)
			read(d, d.clock.Add(-59*time.Second))
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1), func(a *plan.Action) { a.Detail = missedOnce }).apply()
			d.wasSent("create ada")
		}},
		{"a read that began too early shows nothing", func(d *desk) {
			d.notUnique()
			deaf(d)
			read(d, d.clock.Add(-60*time.Second))
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1), func(a *plan.Action) { a.Detail = missedOnce }).apply()
			d.wasSent()
			d.is("ada", plan.Open, "")
		}},
		{"one read has not shown it where two may be: another has to miss it, too", func(d *desk) {
			d.notUnique()
			deaf(d)
			read(d, d.clock)
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1)).apply()
			d.wasSent()
			if a := d.is("ada", plan.Open, ""); a.Detail != missedOnce {
				d.Errorf("it says %q", a.Detail)
			}
		}},
		{"one read has not shown it where there is only one", func(d *desk) {
			deaf(d)
			read(d, d.clock)
			d.row(rule.Create, "ada", d.opened(2*time.Minute, maxReads)).apply()
			d.wasSent("create ada")
		}},
		{"a read has shown it", func(d *desk) {
			d.notUnique()
			deaf(d)
			read(d, d.clock)
			d.found = func(values []string) []mirror.Found {
				return []mirror.Found{{Row: mirror.Row{Object: connection.Object{Ref: connection.Ref{Type: "User", ID: "t1"}, Values: called("ada")}}, Key: mirror.Key{Attribute: "userName", Value: "ada"}}}
			}
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1)).apply()
			d.wasSent()
			d.is("ada", plan.Done, "")
		}},
		{"it can neither be looked for nor read", func(d *desk) {
			d.notUnique()
			deaf(d)
			d.job.Request, d.head = 7, mirror.Head{Answered: 6, Failures: maxReads, Detail: "it is down"}
			l := d.link("ada", "")
			l.Attempts = 3
			d.links[l.Source] = *l
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1)).apply()
			d.wasSent()
			d.is("ada", plan.Failed, lockstep.CodeTargetNotListed)
			if l := d.links[user("ada")]; l.Attempts != 4 || !l.Due.Equal(d.clock.Add(plan.BackOff(4))) || l.Code != lockstep.CodeTargetNotListed {
				d.Errorf("%+v", l)
			}
		}},
		{"no rule brings such objects any more", func(d *desk) {
			d.row(rule.Create, "all", d.opened(2*time.Minute, 1), func(a *plan.Action) { a.Source.Type, a.Target.Type = "Group", "Group" })
			d.rules.Objects = d.rules.Objects[:1]
			d.apply()
			d.wasSent()
			d.is("all", plan.Failed, lockstep.CodeTargetNotListed)
		}},
		{"what can be repeated without harm is", func(d *desk) {
			d.link("ada", "t1")
			d.row(rule.Update, "ada", d.opened(time.Second, 1)).apply()
			d.wasSent("update ada")
		}},
		{"what an earlier attempt may have done is not known while there is no time to send", func(d *desk) {
			d.link("ada", "t1")
			d.row(rule.Update, "ada", d.opened(time.Second, 1))
			r := d.run()
			r.sends = d.clock
			r.apply(d.Context())
			d.wasSent()
			d.is("ada", plan.Open, "")
		}},
		{"whose an object is cannot be found out: it is looked into again", func(d *desk) {
			d.shows("t1", "ada")
			d.row(rule.Create, "ada", d.opened(2*time.Minute, 1))
			n := 0
			d.look = func(q plan.LinkQuery) error { // the first time it can
				if q.Targets != nil {
					n++
				}
				if n > 1 {
					return &lockstep.Error{Code: lockstep.CodeInternal}
				}
				return nil
			}
			d.apply()
			d.wasSent()
			d.is("ada", plan.Open, lockstep.CodeTargetNotListed)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.do(newDesk(t))
		})
	}
}

// TestRowsThatWaited: what was approved, or waited in the plan of a manual job, is not carried out when its object is another one by now.
func TestRowsThatWaited(t *testing.T) {
	decided := func(a *plan.Action) { a.Decided.At = time.Unix(1, 0) }
	saw := func(version string, gone bool) func(*plan.Action) {
		return func(a *plan.Action) { a.Seen.Version, a.Seen.Gone = version, gone }
	}
	for _, c := range []struct {
		name   string
		change func(*plan.Action)
		there  string // version of the object; "" is not there
		manual bool
		config int64
		want   plan.ActionState
		code   lockstep.Code
	}{
		{"as it was", saw("1", false), "1", true, 1, plan.Done, ""},
		{"changed", saw("1", false), "2", true, 1, plan.LeftOut, lockstep.CodePlanStale},
		{"gone", saw("1", false), "", true, 1, plan.LeftOut, lockstep.CodePlanStale},
		{"gone then and now", saw("", true), "", true, 1, plan.Done, ""},
		{"gone then, and back", saw("", true), "1", true, 1, plan.LeftOut, lockstep.CodePlanStale},
		{"a source that keeps no versions", saw("", false), "2", true, 1, plan.Done, ""},
		{"other rules", saw("1", false), "1", true, 2, plan.LeftOut, lockstep.CodePlanStale},
		{"nobody has waited", saw("1", false), "2", false, 1, plan.Done, ""},
		{"nobody has waited, and the rules are others", saw("1", false), "2", false, 2, plan.Done, ""},
		{"approved, and as it was", func(a *plan.Action) { decided(a); saw("1", false)(a) }, "1", false, 1, plan.Done, ""},
		{"approved, and changed", func(a *plan.Action) { decided(a); saw("1", false)(a) }, "2", false, 1, plan.Held, lockstep.CodeGuardHeld},
		{"approved, gone then, and back", func(a *plan.Action) { decided(a); saw("", true)(a) }, "1", false, 1, plan.Held, lockstep.CodeGuardHeld},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.link("ada", "t1")
			d.link("ben", "t2")
			d.job.Manual, d.job.Config, d.cycle.Config = c.manual, c.config, 1
			if c.there != "" {
				d.source.objects = []connection.Object{{Ref: user("ada"), Version: c.there}}
			}
			d.row(rule.Disable, "ada", c.change)
			if !c.manual { // beside it one that nobody decides on, whose object has changed, too
				d.source.objects = append(d.source.objects, connection.Object{Ref: user("ben"), Version: "9"})
				d.row(rule.Disable, "ben", saw("1", false))
			}
			d.apply()
			d.is("ada", c.want, c.code)
			if c.want != plan.Done && !slices.ContainsFunc(d.kept, func(b Batch) bool { return slices.Contains(b.Due, user("ada")) }) {
				t.Error("ada is not looked at again")
			}
			if !c.manual {
				d.is("ben", plan.Done, "")
			}
		})
	}
}

// TestRowsOfADeafSource: what cannot be told is carried out.
func TestRowsOfADeafSource(t *testing.T) {
	d := newDesk(t)
	d.link("ada", "t1")
	d.job.Manual, d.cycle.Config, d.source.deaf = true, d.job.Config, true
	d.row(rule.Disable, "ada", func(a *plan.Action) { a.Seen.Version = "1" }).apply()
	d.is("ada", plan.Done, "")
}

// committing is the directory as a target that takes a whole commit.
type committing struct {
	*wire
	commits [][]connection.Operation
	before  func(n int) error // the n-th commit
	keep    bool              // what stands beside is kept
}

func (c *committing) Create(_ context.Context, ops []connection.Operation, with any) error {
	c.commits = append(c.commits, ops)
	if c.before != nil {
		if err := c.before(len(c.commits)); err != nil {
			return err
		}
	}
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	c.desk.keep(with.(beside).batch)
	return nil
}

// TestCommitsOfTheDirectory: which rows are carried out in a commit of the directory, and what is done when that does not come about.
func TestCommitsOfTheDirectory(t *testing.T) {
	for _, c := range []struct {
		name    string
		refuses error
		commits int
		sent    string // by the ordinary way
		err     error
		ada     plan.ActionState
	}{
		{"it is done", nil, 1, "link cy", nil, plan.Done},
		{"one is refused: row by row", &lockstep.Error{Code: lockstep.CodeConflict}, 1, "create ada create ben link cy", nil, plan.Done},
		{"another worker has the job: nothing is repeated", lockstep.ErrEpoch, 1, "", lockstep.ErrEpoch, plan.Planned},
		{"an error of ours", &lockstep.Error{Code: lockstep.CodeInternal}, 1, "", &lockstep.Error{Code: lockstep.CodeInternal}, plan.Planned},
		{"an error without a name", errors.New("broken"), 1, "", errors.New("broken"), plan.Planned},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.row(rule.Create, "ada").row(rule.Create, "ben").row(rule.Link, "cy", func(a *plan.Action) { a.Target.ID = "t3" })
			hub := &committing{wire: d.target, before: func(int) error { return c.refuses }}
			r := d.run()
			r.target = hub
			err := r.apply(d.Context())
			if (err == nil) != (c.err == nil) || c.err != nil && lockstep.CodeOf(err) != lockstep.CodeOf(c.err) || errors.Is(c.err, lockstep.ErrEpoch) != errors.Is(err, lockstep.ErrEpoch) {
				t.Errorf("it ended with %v, want %v", err, c.err)
			}
			if len(hub.commits) != c.commits || len(hub.commits[0]) != 2 {
				t.Errorf("%d commits, the first of %d", len(hub.commits), len(hub.commits[0]))
			}
			if got := strings.ReplaceAll(strings.Join(d.target.sent(), " "), "update cy", "link cy"); got != c.sent {
				t.Errorf("by the ordinary way %q, want %q", got, c.sent)
			}
			for _, name := range []string{"ada", "ben"} {
				d.is(name, c.ada, "")
			}
			if c.ada == plan.Planned && d.cycle.Counts.Created != 0 {
				t.Errorf("%d were counted", d.cycle.Counts.Created)
			}
		})
	}
}
