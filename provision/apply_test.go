package provision

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// TestRowsAreCarriedOut: what is sent for rows, and what becomes of them, of the links and of the references, whatever the target answers.
func TestRowsAreCarriedOut(t *testing.T) {
	gone := func(a *plan.Action) {
		for i := range a.References {
			a.References[i].Gone = true
		}
	}
	group := func(a *plan.Action) { a.Source.Type, a.Target.Type = "Group", "Group" }
	at := func(target string) func(*plan.Action) { return func(a *plan.Action) { a.Target.ID = target } }
	answers := func(of map[string]connection.Result) func(connection.Operation) connection.Result {
		return func(op connection.Operation) connection.Result { return of[op.Name] }
	}
	for _, c := range []struct {
		name string
		do   func(d *desk)
	}{
		{"a create that is answered with another's object is open", func(d *desk) {
			d.row(rule.Create, "ada").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodeTargetContradicts)})
			d.apply()
			d.is("ada", plan.Open, lockstep.CodeTargetContradicts)
			d.wasSent("create ada")
		}},
		{"an update that is answered so has failed", func(d *desk) {
			d.link("ada", "t1")
			d.row(rule.Update, "ada").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodeTargetContradicts)})
			d.apply()
			d.is("ada", plan.Failed, lockstep.CodeTargetContradicts)
		}},

		// calls
		{"whose manager is created in the same turn waits for their id, whatever a call takes", func(d *desk) {
			d.to.Batch = 4
			d.row(rule.Create, "boss").row(rule.Create, "ada", refers("manager", "boss"), func(a *plan.Action) { a.Refers = "boss" }).row(rule.Create, "ben")
			d.apply()
			d.wasSent("create boss", "create ada, create ben")
			if op := d.target.calls[1][0]; len(op.Add) != 1 || op.Add[0].To.ID != "t-boss" {
				d.Errorf("ada's manager is %+v", op.Add)
			}
		}},
		{"a circle is one call, however little a call takes", func(d *desk) {
			for _, name := range []string{"ada", "ben", "cy", "dan"} {
				d.link(name, "t-"+name)
				rank := 1 << 20
				if name > "ben" {
					rank++
				}
				d.row(rule.Update, name, func(a *plan.Action) { a.Rank = rank })
			}
			d.apply()
			d.wasSent("update ada, update ben", "update cy, update dan")
		}},
		{"a circle larger than what is loaded at a time is tried as far as it is", func(d *desk) {
			ring := make([]plan.Action, 3)
			for i := range ring {
				ring[i].Kind, ring[i].Rank = rule.Update, 1<<20
			}
			if n := len(wholeCircles(ring, true)); n != 3 {
				d.Errorf("%d of it are tried", n)
			}
			ring[0].Rank = 0
			if n := len(wholeCircles(ring, true)); n != 1 {
				d.Errorf("%d rows before a circle of which more may follow", n)
			}
		}},
		{"no call begins when the turn is too old", func(d *desk) {
			d.row(rule.Create, "ada")
			r := d.run()
			d.look = func(plan.LinkQuery) error { d.clock = r.sends; return nil } // what is asked before takes so long
			r.apply(d.Context())
			d.wasSent()
			d.is("ada", plan.Planned, "")
		}},
		{"nor when a clock was set back", func(d *desk) {
			r := d.run()
			if r.sends = time.Now().Add(time.Hour); r.maySend(time.Now().Round(0).Add(2 * time.Hour)) {
				d.Error("a call begins by the wall clock too late")
			}
		}},

		// references
		{"a reference that stays is let go of, and not taken away", func(d *desk) {
			d.link("ada", "t1")
			d.link("ben", "t2")
			d.links[connection.Ref{Type: "Group", ID: "all"}] = plan.Link{Source: connection.Ref{Type: "Group", ID: "all"}, Target: "tg"}
			d.row(rule.Refer, "all", group, at("tg"), refers("members", "ada", "ben"), gone, func(a *plan.Action) { a.References[0].Stays = true })
			d.apply()
			if op := d.target.calls[0][0]; len(op.Remove) != 1 || op.Remove[0].To.ID != "t2" || len(op.Add) != 0 {
				d.Errorf("sent %+v", op)
			}
			if a := d.is("all", plan.Done, ""); a.Detail != "1 of 2 references stay: another source has them, too" {
				d.Errorf("it says %q", a.Detail)
			}
			var let []plan.ReferenceRow
			for _, b := range d.kept {
				let = append(let, b.Written...)
			}
			if len(let) != 2 || let[0].Written || let[1].Written {
				d.Errorf("written: %+v", let)
			}
		}},
		{"members who are refused keep nobody else out, and what went through is known", func(d *desk) {
			d.group("ada", "ben", "cy", "dan", "eve")
			d.target.answer = func(op connection.Operation) connection.Result {
				if slices.ContainsFunc(op.Add, func(r connection.Reference) bool { return r.To.ID == "t-ben" }) {
					return fails(lockstep.CodeTargetRefused)
				}
				return connection.Result{}
			}
			d.apply()
			d.is("all", plan.Refused, lockstep.CodeTargetRefused)
			d.written("ada", "cy", "dan", "eve")
		}},
		{"a group that heals by itself keeps what went through, and sends no more", func(d *desk) {
			d.group("ada", "ben", "cy", "dan", "eve")
			d.target.answer = func(op connection.Operation) connection.Result {
				if op.Add[0].To.ID == "t-cy" {
					return fails(lockstep.CodeTargetServerError)
				}
				return connection.Result{}
			}
			d.apply()
			d.is("all", plan.Failed, lockstep.CodeTargetServerError)
			d.written("ada", "ben")
			if n := len(d.target.calls); n != 2 {
				d.Errorf("%d calls", n)
			}
		}},
		{"members for whom there is no time are sent by the next turn", func(d *desk) {
			d.group("ada", "ben", "cy", "dan")
			d.target.answer = func(connection.Operation) connection.Result {
				d.clock = d.clock.Add(time.Minute)
				return connection.Result{}
			}
			d.apply()
			d.is("all", plan.Planned, "")
			d.written("ada", "ben")
		}},
		{"what hides is not tried in halves", func(d *desk) {
			d.to.MaxMembers = 10
			d.group("ada", "ben", "cy")
			d.target.answer = answers(map[string]connection.Result{"all": fails(lockstep.CodeTargetHides)})
			d.apply()
			d.is("all", plan.Refused, lockstep.CodeTargetHides)
			d.wasSent("refer all")
		}},
		{"nor a group that is not there", func(d *desk) {
			d.to.MaxMembers = 10
			d.group("ada", "ben", "cy")
			d.target.answer = answers(map[string]connection.Result{"all": fails(lockstep.CodeTargetGone)})
			d.apply()
			d.is("all", plan.Failed, lockstep.CodeTargetGone)
			d.wasSent("refer all")
		}},
		{"of whom a replacement would have taken something away nothing is replaced for references either", func(d *desk) {
			d.to.Replaces, d.to.MaxMembers = true, 10
			d.group("ada")
			l := d.links[connection.Ref{Type: "Group", ID: "all"}]
			l.Code, l.Detail = lockstep.CodeTargetHides, "it hides members"
			d.links[l.Source] = l
			d.apply()
			d.wasSent()
			d.is("all", plan.Refused, lockstep.CodeTargetHides)
		}},
		{"whose own create was found after a lost answer, of them nothing is unknown", func(d *desk) {
			d.to.Replaces = true
			for name, how := range map[string]string{"ada": matchedCreated, "ben": matchedFound, "cy": matchedThere, "dan": "matched by userName"} {
				l := d.link(name, "t-"+name)
				l.Matched = how
				d.links[l.Source] = *l
				d.row(rule.Update, name)
			}
			d.apply()
			for _, call := range d.target.calls {
				op := call[0]
				if want := op.Name == "ada" || op.Name == "ben"; op.Written == nil || op.Written.Made != want {
					d.Errorf("%s: %+v", op.Name, op.Written)
				}
			}
		}},

		// outcomes
		{"what went wrong before is over when it goes well", func(d *desk) {
			l := d.link("ada", "t1")
			l.Code, l.Detail, l.Attempts = lockstep.CodeTargetRefused, "no", 4
			d.links[l.Source] = *l
			d.row(rule.Update, "ada").apply()
			if l := d.links[user("ada")]; l.Code != "" || l.Detail != "" || l.Attempts != 0 {
				d.Errorf("%+v", l)
			}
		}},
		{"what was planned on something else is planned anew, and is no failure", func(d *desk) {
			d.link("ada", "t1")
			d.row(rule.Update, "ada").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodePlanStale)})
			d.apply()
			d.is("ada", plan.LeftOut, lockstep.CodePlanStale)
			if l := d.links[user("ada")]; d.cycle.Counts.Failed != 0 || l.Code != "" || !l.Due.Equal(d.clock) {
				d.Errorf("%d failed, and the link is %+v", d.cycle.Counts.Failed, l)
			}
		}},
		{"time and again it is planned anew with pauses", func(d *desk) {
			l := d.link("ada", "t1")
			l.Attempts = 2
			d.links[l.Source] = *l
			d.row(rule.Update, "ada").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodePlanStale)})
			d.apply()
			if l := d.links[user("ada")]; !l.Due.Equal(d.clock.Add(plan.BackOff(2))) {
				d.Errorf("due in %v", l.Due.Sub(d.clock))
			}
		}},
		{"who is joined and hides something is theirs all the same", func(d *desk) {
			for name, code := range map[string]lockstep.Code{"ada": lockstep.CodeTargetHides, "ben": lockstep.CodeTargetContradicts, "cy": lockstep.CodeTargetRefused} {
				d.row(rule.Link, name, at("t-"+name), func(a *plan.Action) { a.Before = called(name, "title", "Cook") })
				before := d.target.answer
				d.target.answer = func(op connection.Operation) connection.Result {
					if op.Name == name {
						return fails(code)
					}
					return before(op)
				}
			}
			d.apply()
			for name, want := range map[string]string{"ada": "t-ada", "ben": "t-ben", "cy": ""} {
				if l := d.links[user(name)]; l.Target != want || (want != "") != (l.Image.Text("title") == "Cook") {
					d.Errorf("%s: %+v", name, l)
				}
			}
		}},
		{"what a failure is looked at again after", func(d *desk) {
			due := map[lockstep.Code]time.Duration{
				lockstep.CodeTargetHides: plan.BackOff(4), lockstep.CodeTargetRefused: plan.BackOff(plan.Slowest), lockstep.CodeAuthForbidden: plan.BackOff(plan.Slowest),
				lockstep.CodeInternal: plan.BackOff(1), lockstep.CodeTargetContradicts: plan.BackOff(1), lockstep.CodeTargetConflict: plan.BackOff(1), lockstep.CodeMatchTaken: plan.BackOff(1),
				lockstep.CodeTargetGone: 0, lockstep.CodeVersion: plan.BackOff(1),
			}
			d.target.answer = func(op connection.Operation) connection.Result { return fails(lockstep.Code(op.Name)) }
			for code := range due {
				d.link(string(code), "t-"+string(code))
				d.row(rule.Update, string(code))
			}
			d.apply()
			for code, after := range due {
				if l := d.links[user(string(code))]; !l.Due.Equal(d.clock.Add(after)) {
					d.Errorf("%s: looked at again in %v, want %v", code, l.Due.Sub(d.clock), after)
				}
			}
		}},
		{"what others have changed since it was last seen is written over", func(d *desk) {
			for _, name := range []string{"ada", "ben"} {
				l := d.link(name, "t-"+name)
				l.Version = "v1"
				d.links[l.Source] = *l
			}
			d.target.answer = func(op connection.Operation) connection.Result {
				if op.Version != "" || op.Name == "ben" {
					return fails(lockstep.CodeVersion)
				}
				return connection.Result{Version: "v3"}
			}
			d.row(rule.Update, "ada").row(rule.Update, "ben").apply()
			d.is("ada", plan.Done, "")
			d.is("ben", plan.Failed, lockstep.CodeVersion) // who changes all the time
			if a, b := d.links[user("ada")], d.links[user("ben")]; a.Version != "v3" || b.Version != "" {
				d.Errorf("%q and %q are the versions", a.Version, b.Version)
			}
		}},
		{"who is not there any more is deleted, and let go of", func(d *desk) {
			d.link("ada", "t1")
			d.link("ben", "t2")
			d.target.answer = func(connection.Operation) connection.Result { return fails(lockstep.CodeTargetGone) }
			d.row(rule.Delete, "ada").row(rule.Release, "ben").apply()
			d.is("ada", plan.Skipped, "")
			d.is("ben", plan.Skipped, "")
			if n := d.cycle.Counts; n.Skipped != 2 || n.Failed != 0 {
				d.Errorf("counted %+v", n)
			}
		}},

		{"who leaves is let go of, forgotten, or kept for when they come back", func(d *desk) {
			for _, c := range []struct {
				gone, restores, known bool
				former                string
			}{{true, false, false, ""}, {true, true, true, "t1"}, {false, false, true, ""}, {false, true, true, "t1"}} {
				d := newDesk(d.T)
				d.link("ada", "t1")
				d.to.Restores = c.restores
				d.row(rule.Delete, "ada", func(a *plan.Action) { a.Seen.Gone = c.gone }).apply()
				l, known := d.links[user("ada")]
				if known != c.known || l.Target != "" || l.Image != nil || l.Matched != "" || l.Former != c.former || d.cycle.Counts.Deleted != 1 {
					d.Errorf("%+v: %t, %+v, counted %+v", c, known, l, d.cycle.Counts)
				}
				if !slices.ContainsFunc(d.kept, func(b Batch) bool { return slices.Contains(b.Unwrite, user("ada")) }) {
					d.Error("what they had is said to be written still")
				}
			}
		}},
		{"letting go is counted apart", func(d *desk) {
			d.link("ada", "t1")
			d.row(rule.Release, "ada").apply()
			if n := d.cycle.Counts; n.Released != 1 || n.Deleted != 0 {
				d.Errorf("%+v", n)
			}
		}},
		{"who is disabled is known to be, until they are enabled", func(d *desk) {
			for _, c := range []struct {
				kind   rule.Kind
				was    bool
				active any
				want   bool
			}{{rule.Disable, false, false, true}, {rule.Update, true, false, true}, {rule.Update, true, true, false}, {rule.Update, false, false, false}} {
				d := newDesk(d.T)
				l := d.link("ada", "t1")
				l.Disabled = c.was
				d.links[l.Source] = *l
				d.row(c.kind, "ada", func(a *plan.Action) { a.After = called("ada", "active", c.active) }).apply()
				if l := d.links[user("ada")]; l.Disabled != c.want {
					d.Errorf("%+v: disabled %t", c, l.Disabled)
				}
			}
		}},
		{"who is disabled under another name gives it up afterwards", func(d *desk) {
			for key, due := range map[string]bool{"userName=ada": false, "userName=eva": true, "": false} {
				d := newDesk(d.T)
				l := d.link("ada", "t1")
				l.Key = key
				d.links[l.Source] = *l
				d.row(rule.Disable, "ada").apply()
				if l := d.links[user("ada")]; l.Due.Equal(d.clock) != due {
					d.Errorf("%q: due %v", key, l.Due)
				}
			}
		}},
		{"what a target says of its version is kept", func(d *desk) {
			for _, version := range []string{"", "W/2"} {
				d := newDesk(d.T)
				l := d.link("ada", "t1")
				l.Version = "W/1"
				d.links[l.Source] = *l
				d.row(rule.Update, "ada").target.answer = answers(map[string]connection.Result{"ada": {Version: version}})
				d.apply()
				if got := d.links[user("ada")].Version; got != cmp.Or(version, "W/1") || d.target.calls[0][0].Version != "W/1" {
					d.Errorf("%q after %q", got, version)
				}
			}
		}},
		{"a rename that fails leaves them their name", func(d *desk) {
			l := d.link("ada", "t1")
			l.Key = "userName=eva" // as planned
			d.links[l.Source] = *l
			d.row(rule.Update, "ada", func(a *plan.Action) { a.Refers = plan.Names("userName=ada", "userName=eva") })
			d.target.answer = func(connection.Operation) connection.Result { return fails(lockstep.CodeTargetConflict) }
			d.apply()
			if l := d.links[user("ada")]; l.Key != "userName=ada" {
				d.Errorf("%+v", l)
			}
		}},
		{"whoever waits for a name is looked at when it was given up, and nobody else", func(d *desk) {
			for name, c := range map[string]struct {
				kind   rule.Kind
				answer connection.Result
				due    bool
			}{"deleted": {rule.Delete, connection.Result{}, true}, "renamed": {rule.Update, connection.Result{}, true}, "not renamed": {rule.Update, fails(lockstep.CodeTargetRefused), false}, "not deleted": {rule.Delete, fails(lockstep.CodeTargetRefused), false}, "gone": {rule.Update, fails(lockstep.CodeTargetGone), true}} {
				d := newDesk(d.T)
				d.link("ada", "t1")
				for heir, code := range map[string]lockstep.Code{"heir": lockstep.CodeMatchDuplicate, "other": lockstep.CodeTargetRefused} {
					l := d.link(heir, "")
					l.Key, l.Code = "userName=ada", code
					d.links[l.Source] = *l
				}
				d.row(rule.Update, "held", func(a *plan.Action) {
					a.State, a.Code, a.Refers = plan.Held, lockstep.CodeUniqueCircle, plan.Names("userName=held", "userName=ada")
				})
				d.row(c.kind, "ada", func(a *plan.Action) {
					if c.kind == rule.Update {
						a.Refers = plan.Names("userName=ada", "userName=eva")
					}
				}).target.answer = answers(map[string]connection.Result{"ada": c.answer})
				d.apply()
				var due []string
				for _, b := range d.kept {
					for _, ref := range b.Due {
						due = append(due, ref.ID)
					}
				}
				if slices.Sort(due); slices.Equal(due, []string{"heir", "held"}) != c.due || !c.due && len(due) > 0 {
					d.Errorf("%s: due are %v", name, due)
				}
			}
		}},
		{"who vanished is matched anew, let go of, or left as they are", func(d *desk) {
			for policy, c := range map[rule.Missing]struct {
				target string
				due    time.Duration
				code   lockstep.Code
			}{"": {"", 0, ""}, rule.MissingDetach: {"", -1, lockstep.CodeTargetGone}, rule.MissingFail: {"t1", -1, lockstep.CodeTargetGone}} {
				d := newDesk(d.T)
				d.job.Policy.OnMissing = policy
				d.link("ada", "t1")
				d.row(rule.Update, "ada").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodeTargetGone)})
				d.apply()
				l := d.links[user("ada")]
				unwritten := slices.ContainsFunc(d.kept, func(b Batch) bool { return len(b.Unwrite) > 0 })
				if l.Target != c.target || l.Code != c.code || l.Due.IsZero() != (c.due < 0) || unwritten != (c.target == "") {
					d.Errorf("%q: %+v, unwritten %t", policy, l, unwritten)
				}
			}
		}},
		{"members who are refused together are sent in halves", func(d *desk) {
			d.to.MaxMembers = 10
			d.group("ada", "ben", "cy", "dan", "eve")
			d.target.answer = func(op connection.Operation) connection.Result {
				if slices.ContainsFunc(op.Add, func(r connection.Reference) bool { return r.To.ID == "t-dan" }) {
					return fails(lockstep.CodeTargetRefused)
				}
				return connection.Result{}
			}
			d.apply()
			if a := d.is("all", plan.Refused, lockstep.CodeTargetRefused); a.Detail != "1 of 5 references of all were refused, 4 were written: it says so" {
				d.Errorf("it says %q", a.Detail)
			}
			d.written("ada", "ben", "cy", "eve")
		}},
		{"together they were too many, in halves they were not", func(d *desk) {
			d.to.MaxMembers = 10
			d.group("ada", "ben", "cy", "dan")
			d.target.answer = func(op connection.Operation) connection.Result {
				if len(op.Add)+len(op.Remove) > 2 {
					return fails(lockstep.CodeTargetRefused)
				}
				return connection.Result{}
			}
			d.rows[0].References[0].Gone = true // and the order of a call is that of what comes and what goes
			d.apply()
			d.is("all", plan.Done, "")
			d.written("ben", "cy", "dan")
			last := d.target.calls[len(d.target.calls)-1][0]
			if len(last.Remove) != 1 || last.Remove[0].To.ID != "t-ada" {
				d.Errorf("removed last: %+v", last)
			}
		}},
		{"of whom no other end is there, about them nothing is left to do", func(d *desk) {
			d.group("ada")
			delete(d.links, user("ada"))
			d.apply()
			d.wasSent()
			d.is("all", plan.Skipped, "")
		}},
		{"a person whose manager was refused is created without, and says so", func(d *desk) {
			d.row(rule.Create, "boss").row(rule.Create, "ada", refers("manager", "boss"), func(a *plan.Action) { a.Refers = "boss" })
			d.target.answer = answers(map[string]connection.Result{"boss": fails(lockstep.CodeTargetRefused)})
			d.apply()
			if a := d.is("ada", plan.Done, ""); a.Detail != "1 of 1 references wait: their other end is not at the target" || len(d.target.calls[1][0].Add) > 0 {
				d.Errorf("%q, sent %+v", a.Detail, d.target.calls[1][0])
			}
			d.written()
		}},

		// whose an object is
		{"nobody is joined to an object that is another's by now", func(d *desk) {
			d.link("ben", "t1")
			d.row(rule.Link, "ada", at("t1"), func(a *plan.Action) { a.Before = called("ada") }) // which there is nothing to write about
			d.apply()
			d.wasSent()
			d.is("ada", plan.Failed, lockstep.CodeMatchTaken)
			if l := d.links[user("ada")]; l.Target != "" {
				d.Errorf("ada has %s", l.Target)
			}
		}},
		{"nor to one that somebody gets in the same call", func(d *desk) {
			d.to.Batch = 4
			d.row(rule.Link, "ada", at("t1")).row(rule.Link, "zed", at("t3")).row(rule.Link, "ben", at("t1"))
			d.apply()
			d.is("ada", plan.Done, "")
			d.is("ben", plan.Failed, lockstep.CodeMatchTaken)
			d.wasSent("update ada, update zed")
		}},
		{"a create whose id cannot be kept is refused, and said to be there", func(d *desk) {
			long := strings.Repeat("x", connection.LongestID+1)
			d.row(rule.Create, "ada").row(rule.Create, "ben").target.answer = answers(map[string]connection.Result{"ada": {ID: long}, "ben": {ID: long[1:]}})
			d.apply()
			d.is("ada", plan.Refused, lockstep.CodeTargetID)
			d.is("ben", plan.Done, "")
			if l := d.links[user("ada")]; l.Target != "" || l.Matched != matchedCreated || l.Code != lockstep.CodeTargetID || d.cycle.Counts.Created != 1 {
				d.Errorf("%+v, %d created", l, d.cycle.Counts.Created)
			}
			d.wasSent("create ada", "create ben")
		}},
		{"a conflict with what nobody can be linked to ends", func(d *desk) {
			d.target.find = func(values []string) (all []connection.Object, err error) {
				if slices.Contains(values, "ada") {
					all = append(all, connection.Object{Name: "ada", Values: called("ada")})
				}
				if slices.Contains(values, "ben") {
					all = append(all, connection.Object{Name: "number 1 of the list"}) // it shows nothing
				}
				return all, nil
			}
			d.row(rule.Create, "ada").row(rule.Create, "ben").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodeTargetConflict), "ben": fails(lockstep.CodeTargetConflict)})
			d.apply()
			d.is("ada", plan.Refused, lockstep.CodeTargetID)
			d.is("ben", plan.Refused, lockstep.CodeTargetID)
			d.wasSent("create ada", "create ben")
		}},
		{"a create that may have been done is not done again when what is found has no id", func(d *desk) {
			d.notUnique()
			d.target.find = func([]string) ([]connection.Object, error) {
				return []connection.Object{{Name: "ada", Values: called("ada")}}, nil
			}
			d.row(rule.Create, "ada", d.opened(24*time.Hour, 1))
			d.apply()
			d.is("ada", plan.Refused, lockstep.CodeTargetID)
			d.wasSent()
			if l := d.links[user("ada")]; l.Matched != matchedCreated || l.Code != lockstep.CodeTargetID {
				d.Errorf("%+v", l)
			}
		}},
		{"a create that is answered with the object of somebody else has made another one", func(d *desk) {
			d.link("ben", "t9")
			d.row(rule.Create, "ada").target.answer = answers(map[string]connection.Result{"ada": {ID: "t9"}})
			d.apply()
			d.is("ada", plan.Open, lockstep.CodeTargetContradicts)
			if l := d.links[user("ada")]; l.Target != "" || d.cycle.Counts.Created != 0 {
				d.Errorf("%+v, %d created", l, d.cycle.Counts.Created)
			}
		}},
		{"no call begins after one that every further one would share the fate of", func(d *desk) {
			for _, a := range []*applier{{fatal: errors.New("no")}, {paused: d.clock.Add(time.Hour)}} {
				a.run, a.idle = d.run(), sync.NewCond(new(sync.Mutex))
				if _, err := a.once(d.Context(), []*item{{}}); !errors.Is(err, errTooLate) {
					d.Error(err)
				}
			}
			d.wasSent()
		}},
		{"a conflict takes over nothing that is another's", func(d *desk) {
			d.link("ben", "t1")
			d.shows("t1", "ada")
			d.row(rule.Create, "ada").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodeTargetConflict)})
			d.apply()
			d.wasSent("create ada")
			d.is("ada", plan.Failed, lockstep.CodeMatchTaken)
			if l := d.links[user("ada")]; l.Target != "" {
				d.Errorf("ada has %s", l.Target)
			}
		}},
		{"a conflict takes over what is nobody's", func(d *desk) {
			d.shows("t1", "ada")
			d.row(rule.Create, "ada", func(a *plan.Action) { a.After = called("ada", "title", "Boss") }).target.answer = func(op connection.Operation) connection.Result {
				if op.Kind == rule.Create {
					return fails(lockstep.CodeTargetConflict)
				}
				return connection.Result{}
			}
			d.apply()
			d.wasSent("create ada", "update ada")
			if d.is("ada", plan.Done, ""); d.links[user("ada")].Target != "t1" || d.links[user("ada")].Matched != matchedThere {
				d.Errorf("%+v", d.links[user("ada")])
			}
		}},
		{"whose an object is cannot be found out: the create stays open", func(d *desk) {
			d.shows("t1", "ada")
			d.row(rule.Create, "ada").target.answer = answers(map[string]connection.Result{"ada": fails(lockstep.CodeTargetConflict)})
			d.look = func(q plan.LinkQuery) error {
				if q.Targets != nil {
					return &lockstep.Error{Code: lockstep.CodeInternal}
				}
				return nil
			}
			d.apply()
			d.is("ada", plan.Open, lockstep.CodeTargetNotListed)
		}},
		{"a conflict over what cannot be found ends", func(d *desk) {
			d.target.find = func([]string) ([]connection.Object, error) { d.clock = d.clock.Add(lookLong); return nil, nil }
			d.row(rule.Create, "ada", func(a *plan.Action) { a.Attempt = maxProbes - 1 }).row(rule.Create, "ben", func(a *plan.Action) { a.Attempt = maxProbes - 2 })
			d.target.answer = func(connection.Operation) connection.Result { return fails(lockstep.CodeTargetConflict) }
			d.apply()
			d.is("ada", plan.Refused, lockstep.CodeTargetConflict)
			d.is("ben", plan.Open, lockstep.CodeTargetNotListed)
		}},

		{"what may have been done when a target goes down is open, and not sent again", func(d *desk) {
			d.notUnique()
			for _, c := range []struct {
				name   string
				kind   rule.Kind
				result connection.Result
				row    int
				want   ending
				again  bool
			}{
				{"a create, when too many have failed", rule.Create, perhaps(), tripAfter, uncertain, false},
				{"an update, when too many have failed", rule.Update, perhaps(), tripAfter, uncertain, false},
				{"what was not sent, when too many have failed", rule.Create, fails(lockstep.CodeTargetUnreachable), tripAfter, unsent, false},
				{"a create", rule.Create, perhaps(), 1, uncertain, false},
				{"an update", rule.Update, perhaps(), 1, answered, true},
			} {
				a := &applier{run: d.run(), idle: sync.NewCond(new(sync.Mutex)), row: c.row}
				it := &item{op: connection.Operation{Kind: c.kind}, result: c.result}
				if again := a.systemFailed(d.Context(), it, 1); again != c.again || it.end != c.want || (a.fatal != nil) != (c.row == tripAfter) {
					d.Errorf("%s: again %t, ending %d", c.name, again, it.end)
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.do(newDesk(t))
		})
	}
}

// group has members wait to be added to a group of the target.
func (d *desk) group(members ...string) {
	all := connection.Ref{Type: "Group", ID: "all"}
	d.links[all] = plan.Link{Source: all, Name: "all", Target: "tg", Matched: matchedCreated}
	for _, m := range members {
		d.link(m, "t-"+m)
	}
	d.row(rule.Refer, "all", refers("members", members...), func(a *plan.Action) { a.Source.Type, a.Target.Type, a.Target.ID, a.After = "Group", "Group", "tg", nil })
}

// last is what was committed last.
func (d *desk) last() Batch { return d.kept[len(d.kept)-1] }

// written checks which references are known to be written.
func (d *desk) written(want ...string) {
	d.Helper()
	var got []string
	for _, b := range d.kept {
		for _, e := range b.Written {
			if e.Written {
				got = append(got, e.To.ID)
			}
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		d.Errorf("written: %v, want %v", got, want)
	}
}

// shows has the target find an object under a name.
func (d *desk) shows(id string, names ...string) {
	before := d.target.find
	d.target.find = func(values []string) (all []connection.Object, err error) {
		if before != nil {
			all, err = before(values)
		}
		for _, name := range names {
			if slices.Contains(values, name) {
				all = append(all, connection.Object{Ref: connection.Ref{Type: "User", ID: id}, Name: name, Values: called(name)})
			}
		}
		return all, err
	}
}
