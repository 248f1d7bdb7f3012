package storetest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/store"
)

// other is somebody else than admin.
var other = audit.Actor{Kind: audit.Token, ID: "t1", Name: "Mia"}

// titled are rules that map a title by an expression.
func titled(expression string) rule.Rules {
	return rule.Rules{Objects: []rule.ObjectMapping{{Name: "people", Enabled: true, Source: "User", Target: "User", Attributes: []rule.Mapping{
		{Target: "title", Source: &rule.MappingSource{Type: rule.FromFunction, Expression: expression}},
		{Target: "password", Source: &rule.MappingSource{Type: rule.FromConstant, Expression: `"hunter2"`}},
	}}}}
}

// versions lists a job's versions, each in a word, the newest first.
func (c company) versions(id lockstep.JobID) string {
	c.Helper()
	all, err := c.db.Versions(c.Context(), c.tenant, id, 0, 0)
	c.ok(err)
	var lines []string
	for _, v := range all {
		line := fmt.Sprint(v.Number, " ", v.By.Name)
		for _, f := range v.Changed {
			line += " " + string(f)
		}
		if v.Note != "" {
			line += " (" + v.Note + ")"
		}
		if v.Assignments > 0 {
			line += fmt.Sprint(" +", v.Assignments)
		}
		if len(v.Configuration.Rules.Objects) > 0 || v.At.IsZero() {
			c.Errorf("a list has %+v", v)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func testVersions(t *testing.T, open Open) {
	t.Run("recorded", func(t *testing.T) { versionsRecorded(found(t, open, store.Config{})) })
	t.Run("kept", func(t *testing.T) { versionsKept(found(t, open, store.Config{})) })
	t.Run("before versions", func(t *testing.T) { versionOne(found(t, open, store.Config{})) })
}

// versionsRecorded: whoever changes rules or policy makes a version, by whatever door; nothing else does.
func versionsRecorded(c company) {
	j := c.job("webex", func(j *provision.Job) { j.Rules = titled("[title]") })
	put := func(by audit.Actor, change func(*provision.Job)) {
		c.Helper()
		j = c.reload(j.ID)
		change(&j)
		c.ok(c.db.PutJob(c.Context(), by, j))
	}
	put(other, func(j *provision.Job) { j.Rules, j.Policy.Everyone = titled("[job]"), true })
	put(admin, func(j *provision.Job) { j.Name, j.Manual, j.State = "Webex 2", true, provision.Paused })
	put(admin, func(j *provision.Job) {
		j.Policy.Excluded = []rule.Exclusion{{Type: "User", ID: "1", Reason: "on leave"}}
	})
	c.ok(c.db.ChangeConnection(c.Context(), admin, c.tenant, j.ID, func(provision.Connection) (provision.NewConnection, error) {
		return provision.NewConnection{Settings: map[string]string{"base": "http://x"}}, nil
	}))
	put(admin, func(j *provision.Job) { j.Rules.Objects[0].Attributes = j.Rules.Objects[0].Attributes[:1] })
	if got, want := c.versions(j.ID), "3 Grace User/attribute/password; 2 Mia User/attribute/title policy/everyone; 1 Grace"; got != want {
		c.Errorf("versions %s\n    want %s", got, want)
	}
	for n, want := range map[int64]string{1: "[title]", 2: "[job]", 3: "[job]", 0: "[job]"} {
		v, err := c.db.Version(c.Context(), c.tenant, j.ID, n)
		c.ok(err)
		if got := v.Configuration.Rules.Objects[0].Attributes[0].Source.Expression; got != want || n > 0 && v.Number != n || n == 0 && v.Number != 3 {
			c.Errorf("version %d is %d with %s, want %s", n, v.Number, got, want)
		}
		if text := fmt.Sprintf("%+v", v); strings.Contains(text, "hunter2") || v.Configuration.Policy.Excluded != nil {
			c.Errorf("version %d holds what it must not: %s", n, text)
		}
		for _, a := range v.Configuration.Rules.Objects[0].Attributes {
			if strings.Contains(a.Source.Expression, "hunter2") {
				c.Errorf("version %d holds a password", n)
			}
		}
	}
	_, err := c.db.Version(c.Context(), c.tenant, j.ID, 4)
	c.fails(err, lockstep.CodeNotFound)
	_, err = c.db.Version(c.Context(), c.add("other"), j.ID, 1)
	c.fails(err, lockstep.CodeNotFound)
	before, err := c.db.Versions(c.Context(), c.tenant, j.ID, 3, 1)
	c.ok(err)
	if len(before) != 1 || before[0].Number != 2 {
		c.Errorf("before 3: %+v", before)
	}
	c.ok(c.db.DeleteJob(c.Context(), admin, c.tenant, j.ID))
	again := c.job("webex", nil)
	if got := c.versions(again.ID); got != "1 Grace" {
		c.Errorf("a new job has the versions %s", got)
	}
}

// versionsKept: the newest ones, and the one that a draft was made from.
func versionsKept(c company) {
	j := c.job("webex", nil)
	set := func(n int) {
		j := c.reload(j.ID)
		j.Rules = titled(fmt.Sprintf("[a%d]", n))
		c.ok(c.db.PutJob(c.Context(), admin, j))
	}
	set(2)
	d, err := c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, plan.Draft{Configuration: plan.Configuration{Rules: titled("[x]")}})
	c.ok(err)
	const more = 5
	for i := range plan.VersionsKept + more {
		set(i + 3)
	}
	all, err := c.db.Versions(c.Context(), c.tenant, j.ID, 0, 10*plan.VersionsKept)
	c.ok(err)
	last := all[len(all)-1].Number
	if len(all) != plan.VersionsKept+1 || all[0].Number != plan.VersionsKept+more+2 || last != 2 || d.Base != 2 {
		c.Errorf("%d versions from %d to %d, and a draft of %d", len(all), all[0].Number, last, d.Base)
	}
	if v, err := c.db.Version(c.Context(), c.tenant, j.ID, 2); err != nil || v.Configuration.Rules.Objects[0].Attributes[0].Source.Expression != "[a2]" {
		c.Errorf("the draft's base: %+v, %v", v, err)
	}
	_, err = c.db.Version(c.Context(), c.tenant, j.ID, 3)
	c.fails(err, lockstep.CodeNotFound)
}

// versionOne: what a job had before there were versions is its first one.
func versionOne(c company) {
	j := c.job("webex", func(j *provision.Job) { j.Rules = titled("[title]") })
	_, err := c.db.WriterDB().ExecContext(c.Context(), "DELETE FROM job_version")
	c.ok(err)
	check := func(newest string) {
		c.Helper()
		if got := c.versions(j.ID); got != newest {
			c.Errorf("versions %q, want %q", got, newest)
		}
		v, err := c.db.Version(c.Context(), c.tenant, j.ID, 1)
		if err != nil || v.Configuration.Rules.Objects[0].Attributes[0].Source.Expression != "[title]" {
			c.Errorf("version 1: %+v, %v", v, err)
		}
	}
	check("1 ")
	_, err = c.db.Version(c.Context(), c.tenant, j.ID, 2)
	c.fails(err, lockstep.CodeNotFound)
	d, err := c.db.PutDraft(c.Context(), other, c.tenant, j.ID, plan.Draft{Configuration: plan.Configuration{Rules: titled("[job]")}})
	c.ok(err)
	if d.Base != 1 {
		c.Errorf("the draft's base is %d", d.Base)
	}
	_, _, err = c.db.ApplyDraft(c.Context(), other, c.tenant, j.ID, d.Revision, "")
	c.ok(err)
	check("2 Mia User/attribute/title; 1 ")
}

func testDrafts(t *testing.T, open Open) {
	t.Run("life", func(t *testing.T) { draftLife(found(t, open, store.Config{})) })
	t.Run("behind", func(t *testing.T) { draftBehind(found(t, open, store.Config{})) })
	t.Run("assignments", func(t *testing.T) { draftAssignments(found(t, open, store.Config{})) })
	t.Run("one winner", func(t *testing.T) { draftWinner(found(t, open, store.Config{})) })
}

func (c company) draft(id lockstep.JobID) plan.Draft {
	c.Helper()
	d, err := c.db.Draft(c.Context(), c.tenant, id)
	c.ok(err)
	return d
}

// recorded lists what the audit log says of drafts of a job, the oldest first.
func (c company) recorded(id lockstep.JobID) string {
	c.Helper()
	all, err := c.db.Audit(c.Context(), c.tenant, store.AuditQuery{ID: string(id)})
	c.ok(err)
	text := ""
	for _, l := range all {
		if strings.Contains(l.Verb, "draft") {
			text = l.Actor.Name + " " + l.Verb + " [" + l.Detail + "]; " + text
		}
	}
	return text
}

// draftLife: a draft is begun, changed, discarded, begun again and applied; nothing runs by it before. A revision never comes again.
func draftLife(c company) {
	j := c.job("webex", func(j *provision.Job) {
		j.Rules, j.Policy.Excluded = titled("[title]"), []rule.Exclusion{{Type: "User", ID: "1", Reason: "on leave", At: noon}}
	})
	if d := c.draft(j.ID); d.Revision != 0 {
		c.Fatalf("there is a draft: %+v", d)
	}
	want := j.Configuration()
	want.Rules = titled("[job]")
	put := func(by audit.Actor, d plan.Draft) plan.Draft {
		c.Helper()
		d, err := c.db.PutDraft(c.Context(), by, c.tenant, j.ID, d)
		c.ok(err)
		want := d
		want.Configuration.Policy.Excluded = nil
		if diff := cmp.Diff(want, c.draft(j.ID)); diff != "" {
			c.Errorf("kept another draft: %s", diff)
		}
		return d
	}
	one := put(admin, plan.Draft{Configuration: want})
	_, err := c.db.PutDraft(c.Context(), other, c.tenant, j.ID, plan.Draft{Configuration: want})
	c.fails(err, lockstep.CodeVersion)
	next := one
	next.Configuration.Policy.Everyone = true
	two := put(other, next)
	if two.Opened != admin || two.By != other || two.Base != 1 || two.Revision <= one.Revision {
		c.Errorf("changed draft: %+v", two)
	}
	_, err = c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, one)
	c.fails(err, lockstep.CodeVersion)
	if now := c.reload(j.ID); now.Config != j.Config || now.Policy.Everyone {
		c.Errorf("a draft has changed the job: %+v", now)
	}
	c.fails(c.db.DropDraft(c.Context(), admin, c.tenant, j.ID, one.Revision), lockstep.CodeVersion)
	c.ok(c.db.DropDraft(c.Context(), admin, c.tenant, j.ID, two.Revision))
	_, _, err = c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, two.Revision, "")
	c.fails(err, lockstep.CodeVersion)
	_, _, err = c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, 0, "")
	c.fails(err, lockstep.CodeVersion)
	three := put(other, plan.Draft{Configuration: two.Configuration})
	if three.Revision <= two.Revision || three.Opened != other {
		c.Errorf("the next draft: %+v", three)
	}
	_, _, err = c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, two.Revision, "")
	c.fails(err, lockstep.CodeVersion)
	v, out, err := c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, three.Revision, "for Q1")
	c.ok(err)
	now := c.reload(j.ID)
	if v.Number != 2 || out != 0 || now.Config != j.Config+1 || !now.Policy.Everyone || len(now.Policy.Excluded) != 1 || now.Rules.Objects[0].Attributes[1].Source.Expression != `"hunter2"` {
		c.Errorf("applied %+v, and the job is %+v", v, now)
	}
	if d := c.draft(j.ID); d.Revision != 0 {
		c.Errorf("there is still a draft: %+v", d)
	}
	if got, want := c.versions(j.ID), "2 Grace User/attribute/title policy/everyone (for Q1); 1 Grace"; got != want {
		c.Errorf("versions %s\n    want %s", got, want)
	}
	if got, want := c.recorded(j.ID), "Grace began a draft of [User/attribute/title]; Mia changed the draft of [policy/everyone]; Grace discarded the draft of []; "+
		"Mia began a draft of [User/attribute/title, policy/everyone]; Grace applied the draft of [version 2: rules, policy]; "; got != want {
		c.Errorf("recorded %s\n    want %s", got, want)
	}
	c.ok(c.db.DeleteJob(c.Context(), admin, c.tenant, j.ID))
	_, err = c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, plan.Draft{})
	c.fails(err, lockstep.CodeNotFound)
}

// draftBehind: a draft of a version that is not in force any more is not applied.
func draftBehind(c company) {
	j := c.job("webex", func(j *provision.Job) { j.Rules = titled("[title]") })
	d, err := c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, plan.Draft{Configuration: plan.Configuration{Rules: titled("[job]")}})
	c.ok(err)
	j.Name, j.Policy.Excluded = "Cisco", []rule.Exclusion{{Type: "User", ID: "1", Reason: "on leave"}}
	c.ok(c.db.PutJob(c.Context(), other, j)) // which is no version
	j = c.reload(j.ID)
	j.Policy.Everyone = true
	c.ok(c.db.PutJob(c.Context(), other, j))
	_, _, err = c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, d.Revision, "")
	c.fails(err, lockstep.CodeDraftBehind)
	if now := c.reload(j.ID); now.Config != j.Config+1 || c.draft(j.ID).Revision != d.Revision {
		c.Errorf("the job is %+v", now)
	}
	d.Base, d.Configuration.Policy.Everyone = 2, true
	d, err = c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, d)
	c.ok(err)
	_, _, err = c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, d.Revision, "")
	c.ok(err)
	_, err = c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, plan.Draft{Base: 4})
	c.fails(err, lockstep.CodeInvalid)
}

// draftAssignments: they change with the draft, in one commit, with the feed; who is not there is left out.
func draftAssignments(c company) {
	app := lockstep.NewID[lockstep.AppID]()
	c.commit(directory.PutApp{App: directory.App{ID: app, Slug: "webex", Name: "Webex"}})
	ada, ben, staff := c.user("ada@acme.example"), c.user("ben@acme.example"), c.group("Staff")
	c.commit(directory.PutAssignment{Assignment: directory.Assignment{ID: lockstep.NewID[lockstep.AssignmentID](), App: app, Kind: directory.UserKind, To: string(ben)}})
	j := c.job("webex", func(j *provision.Job) { j.App = app })
	d, err := c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, plan.Draft{Configuration: j.Configuration(), Assignments: []rule.AssignmentChange{
		{Kind: "User", To: string(ada), Role: "user"}, {Kind: "User", To: string(ben), Gone: true}, {Kind: "Group", To: string(staff)},
		{Kind: "User", To: string(lockstep.NewID[lockstep.UserID]())}, {Kind: "Group", To: string(staff) + "x", Gone: true},
	}})
	c.ok(err)
	pos, err := c.db.Head(c.Context(), c.tenant)
	c.ok(err)
	v, out, err := c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, d.Revision, "")
	c.ok(err)
	if out != 2 || v.Number != 2 || v.Assignments != 3 {
		c.Errorf("left out %d of %+v", out, v)
	}
	if got := len(c.events(pos)); got != 3 {
		c.Errorf("%d events", got)
	}
	all, err := c.db.Assignments(c.Context(), c.tenant, app)
	c.ok(err)
	to := map[string]string{}
	for _, a := range all {
		to[a.To] = a.Role
	}
	if d := cmp.Diff(map[string]string{string(ada): "user", string(staff): ""}, to); d != "" {
		c.Error(d)
	}
	if got := c.versions(j.ID); got != "2 Grace +3; 1 Grace" {
		c.Error(got)
	}
	_, err = c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, plan.Draft{Assignments: make([]rule.AssignmentChange, plan.MostAssignments+1)})
	c.fails(err, lockstep.CodeInvalid)
}

// draftWinner: of many who begin, change and apply at once, each revision has one who follows it, and each version one author.
func draftWinner(c company) {
	j := c.job("webex", func(j *provision.Job) { j.Rules = titled("[title]") })
	var wg sync.WaitGroup
	var applied atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			for n := range 5 {
				d, err := c.db.Draft(c.Context(), c.tenant, j.ID)
				if err != nil {
					c.Error(err)
					return
				}
				in, err := c.db.Version(c.Context(), c.tenant, j.ID, 0)
				if err != nil {
					c.Error(err)
					return
				}
				d.Base, d.Configuration = in.Number, plan.Configuration{Rules: titled(fmt.Sprintf("[a%d-%d]", i, n)), Policy: plan.Policy{}}
				if d, err = c.db.PutDraft(c.Context(), admin, c.tenant, j.ID, d); err == nil {
					if _, _, err = c.db.ApplyDraft(c.Context(), admin, c.tenant, j.ID, d.Revision, ""); err == nil {
						applied.Add(1)
					}
				}
				if code := lockstep.CodeOf(err); err != nil && code != lockstep.CodeVersion && code != lockstep.CodeDraftBehind {
					c.Error(err)
				}
			}
		})
	}
	wg.Wait()
	v, err := c.db.Version(c.Context(), c.tenant, j.ID, 0)
	c.ok(err)
	if v.Number != applied.Load()+1 || applied.Load() == 0 {
		c.Errorf("%d were applied, and version %d is in force", applied.Load(), v.Number)
	}
	if got, now := v.Configuration.Rules.Objects[0].Attributes[0].Source.Expression, c.reload(j.ID).Rules.Objects[0].Attributes[0].Source.Expression; got != now {
		c.Errorf("the newest version has %s, the job %s", got, now)
	}
}
