package provision_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
)

// origin is one of several sources of a tenant: a job and the folder that it reads.
type origin struct {
	*world
	job    lockstep.JobID
	folder string
}

// source adds a job that reads a folder of its own into the directory.
func (w *world) source(slug string) origin {
	w.Helper()
	o := origin{w, lockstep.NewID[lockstep.JobID](), w.TempDir()}
	w.reads(o.job, o.folder)
	rules := csvRules()
	for i := range rules.Objects[0].Attributes {
		if m := &rules.Objects[0].Attributes[i]; m.Target == "title" || strings.HasSuffix(m.Target, "department") {
			m.Clear = true
		}
	}
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, provision.Job{
		Tenant: w.tenant, ID: o.job, Slug: slug, Name: slug + ".csv", Direction: provision.Inbound, State: provision.Active,
		Connection: provision.Connection{Kind: "csvfile"}, Rules: rules, Policy: unguarded(),
	}))
	return o
}

// has brings in what the source has now: a row for each person, "name column=value …", and for each group, "+name member member".
func (o origin) has(rows ...string) provision.Cycle {
	o.Helper()
	columns := []string{"title", "department", "manager", "active"}
	people, groups := "id,userName,displayName,title,"+enterpriseURN+":department,manager,active\n", "id,displayName,members\n"
	id := func(name string) string { return o.folder[len(o.folder)-3:] + "-" + name } // no two sources have the same ids
	for _, row := range append(rows, "filler") {
		f := strings.Fields(row)
		if name, is := strings.CutPrefix(f[0], "+"); is {
			var members []string
			for _, m := range f[1:] {
				members = append(members, id(m))
			}
			groups += id(name) + "," + name + "," + strings.Join(members, ";") + "\n"
			continue
		}
		name := f[0]
		if name == "filler" { // a file without anybody is not obeyed
			name += string(o.job)
		}
		people += id(name) + "," + name + "@acme.example," + name
		for _, c := range columns {
			v := ""
			for _, x := range f[1:] {
				if is, ok := strings.CutPrefix(x, c+"="); ok {
					v = is
				}
			}
			if c == "manager" && v != "" {
				v = id(v)
			}
			people += "," + v
		}
		people += "\n"
	}
	o.place(o.folder, "people.csv", people)
	o.place(o.folder, "groups.csv", groups+id("fillers")+",fillers"+string(o.job)+",\n")
	return o.run(o.job)
}

// row returns the newest row of the source about a person, and link whom the source is linked to.
func (o origin) row(name string) plan.Action {
	o.Helper()
	rows, err := o.db.Provision().Actions(o.ctx, o.tenant, o.job, plan.ActionQuery{Source: connection.Ref{Type: "User", ID: o.folder[len(o.folder)-3:] + "-" + name}, Newest: true, Limit: 1})
	o.must(err)
	if len(rows) == 0 {
		o.Fatalf("the source has no row about %s", name)
	}
	return rows[0]
}

// wantDirectory compares who is in the directory, a line for each: the sources' fillers are left out.
func (w *world) wantDirectory(want ...string) {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{})
	w.must(err)
	groups, err := w.db.Groups(w.ctx, w.tenant, directory.GroupQuery{})
	w.must(err)
	names := map[string]string{}
	for _, u := range users {
		names[string(u.ID)], _, _ = strings.Cut(u.Attributes.Text("userName"), "@")
	}
	var got []string
	for _, u := range users {
		line := names[string(u.ID)]
		if !u.Active {
			line += " inactive"
		}
		if v := u.Attributes.Text("title"); v != "" {
			line += " title=" + v
		}
		ext, _ := u.Attributes.Get(enterpriseURN).(scim.Object)
		if v := ext.Text("department"); v != "" {
			line += " department=" + v
		}
		if m, _ := ext.Get("manager").(scim.Object); m != nil {
			line += " manager=" + names[m.Text("value")]
		}
		got = append(got, line)
	}
	for _, g := range groups {
		members, err := w.db.Members(w.ctx, w.tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g.ID}})
		w.must(err)
		line := []string{"+" + g.Attributes.Text("displayName")}
		for _, m := range members {
			line = append(line, names[m.ID])
		}
		slices.Sort(line[1:])
		got = append(got, strings.Join(line, " "))
	}
	got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "filler") })
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Errorf("the directory has\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestTwoSourcesOfOnePerson: a person whom two sources had was deleted when one dropped them, and the other said "same" for ever.
func TestTwoSourcesOfOnePerson(t *testing.T) {
	for _, makerFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("maker first %v", makerFirst), func(t *testing.T) {
			w := newWorld(t)
			hr, crm, none := w.source("hr"), w.source("crm"), w.source("none")
			hr.has("ada", "ben")
			crm.has("ada")
			none.has()
			first, last := hr, crm
			if !makerFirst {
				first, last = crm, hr
			}
			id := w.userID("ada")
			first.has()
			w.wantDirectory(map[bool][]string{true: {"ada"}, false: {"ada", "ben"}}[makerFirst]...)
			other := map[bool]string{true: "crm.csv", false: "hr.csv"}[makerFirst]
			if row := first.row("ada"); row.Kind != rule.Release || row.State != plan.Done || row.Note() != "left as it is: it is claimed by the source "+other+", too" || row.Note() != row.Detail {
				t.Errorf("%s %s: %s, foreseen %s", row.Kind, row.State, row.Detail, row.Note())
			}
			none.has() // has never had them
			first.has("ada")
			if w.userID("ada") != id {
				t.Error("who comes back to a source is somebody else")
			}
			if c := last.has(); c.Counts.Deleted != map[bool]int{true: 0, false: 1}[makerFirst] { // ben
				t.Errorf("%+v", c.Counts)
			}
			w.wantDirectory("ada")
			if c := first.has(); c.Counts.Deleted != 1 {
				t.Errorf("%+v", c.Counts)
			}
			w.wantDirectory()
			last.has("ada")
			if w.wantDirectory("ada"); w.userID("ada") != id {
				t.Error("a leaver who comes back is somebody else")
			}
		})
	}
}

// TestDisabledInOneSource: who may not sign in by one source may by another, and is disabled when no source is left that lets them.
func TestDisabledInOneSource(t *testing.T) {
	w := newWorld(t)
	hr, crm := w.source("hr"), w.source("crm")
	hr.has("ada active=true")
	crm.has("ada active=true")
	hr.has("ada active=false title=Chief")
	w.wantDirectory("ada title=Chief")
	if row := hr.row("ada"); row.Detail != "left enabled: it is claimed by the source crm.csv, too" {
		t.Errorf("%s: %s", row.State, row.Detail)
	}
	hr.has("ada active=false title=Boss")
	w.wantDirectory("ada title=Boss")
	crm.has()
	w.wantDirectory("ada inactive title=Boss")
	if row := crm.row("ada"); row.Detail != "disabled and not deleted: it is claimed by the source hr.csv, too" {
		t.Errorf("%s: %s", row.State, row.Detail)
	}
	crm.has("ada active=true")
	w.wantDirectory("ada title=Boss")
	crm.has("ada active=false")
	w.wantDirectory("ada inactive title=Boss")
	hr.has("ada active=true title=Boss")
	w.wantDirectory("ada title=Boss")
	hr.has()
	w.wantDirectory("ada inactive title=Boss")
	crm.has()
	w.wantDirectory()
}

// TestAttributesOfTwoSources: of two sources that write one attribute the one whose value has changed last is heard; where one has no
// value any more, or lets go of the person, the other's stands.
func TestAttributesOfTwoSources(t *testing.T) {
	w := newWorld(t)
	hr, crm := w.source("hr"), w.source("crm")
	hr.has("ada title=Chief department=Sales")
	crm.has("ada title=Boss")
	w.wantDirectory("ada title=Boss department=Sales")
	for _, o := range []origin{hr, crm, hr} { // nothing has changed, and nothing goes to and fro
		if c := o.run(o.job); c.Counts.Updated > 0 {
			t.Errorf("%+v", c.Counts)
		}
	}
	w.wantDirectory("ada title=Boss department=Sales")
	hr.has("ada title=Head department=Sales")
	w.wantDirectory("ada title=Head department=Sales")
	hr.has("ada department=Sales")
	w.wantDirectory("ada title=Boss department=Sales")
	hr.has("ada title=Head department=Sales")
	crm.has("ada")
	w.wantDirectory("ada title=Head department=Sales")
	crm.has("ada title=Boss department=Rome")
	hr.has("ada title=Head department=Oslo")
	w.wantDirectory("ada title=Boss department=Oslo") // hr has not changed the title
	hr.has()
	w.wantDirectory("ada title=Boss department=Rome")
	crm.has("ada department=Rome")
	w.wantDirectory("ada department=Rome")
}

// TestOrderedDelete: whom a person has deleted no source brings back, and it says so.
func TestOrderedDelete(t *testing.T) {
	w := newWorld(t)
	hr, crm := w.source("hr"), w.source("crm")
	hr.has("ada")
	crm.has("ada")
	id := w.userID("ada")
	w.change(directory.DeleteUser{ID: id})
	for _, o := range []origin{hr, crm} {
		o.has("ada title=Chief")
		w.wantDirectory()
		if row := o.row("ada"); row.Code != lockstep.CodeDeletedByOrder || !strings.Contains(row.Detail, "test") {
			t.Errorf("%s [%s] %s", row.State, row.Code, row.Detail)
		}
	}
	w.change(directory.RestoreUser{ID: id})
	hr.due(hr.job)
	hr.has("ada title=Boss")
	w.wantDirectory("ada title=Boss")
	crm.has()
	w.wantDirectory("ada title=Boss")
	hr.has()
	w.wantDirectory()
}

// TestReferencesOfTwoSources: a membership that two sources have is taken away with the last of them, and so is a manager. What only the
// one had goes with it, also when it lets go of the whole group.
func TestReferencesOfTwoSources(t *testing.T) {
	w := newWorld(t)
	hr, crm := w.source("hr"), w.source("crm")
	hr.has("ada", "ben manager=ada", "cleo", "+team ada ben cleo")
	crm.has("ada", "ben manager=ada", "+team ada ben")
	w.wantDirectory("ada", "ben manager=ada", "cleo", "+team ada ben cleo")
	hr.has("ada", "ben", "cleo", "+team ada")
	w.wantDirectory("ada", "ben manager=ada", "cleo", "+team ada ben")
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, hr.job, plan.ActionQuery{Kinds: []rule.Kind{rule.Refer}, Newest: true, Limit: 2})
	w.must(err)
	var said, shown []string
	for _, r := range rows {
		for _, c := range r.Changes() {
			shown = append(shown, c.String())
		}
		said = append(said, string(r.State)+" "+r.Detail)
	}
	slices.Sort(said)
	if want := []string{"done 1 of 2 references stay: another source has them, too", "skipped 1 of 1 references stay: another source has them, too"}; !slices.Equal(said, want) {
		t.Errorf("the rows say %q", said)
	}
	if len(shown) != 1 || !strings.HasPrefix(shown[0], "members − “cleo") {
		t.Errorf("the plan showed %q, and cleo alone is taken away", shown)
	}
	crm.has("ada", "ben", "+team ada")
	w.wantDirectory("ada", "ben", "cleo", "+team ada")

	hr.has("ada", "ben manager=cleo", "cleo", "+team ada ben cleo") // last heard
	crm.has("ada", "ben manager=ada", "+team ada")
	w.wantDirectory("ada", "ben manager=ada", "cleo", "+team ada ben cleo")
	hr.has("ada", "ben", "cleo", "+team ada ben cleo") // it takes away cleo, who is not there
	w.wantDirectory("ada", "ben manager=ada", "cleo", "+team ada ben cleo")
	hr.has("ada", "ben manager=cleo", "cleo", "+team ada ben cleo")
	w.wantDirectory("ada", "ben manager=cleo", "cleo", "+team ada ben cleo")
	hr.has("ada", "ben", "cleo", "+team ada ben cleo")
	w.wantDirectory("ada", "ben manager=ada", "cleo", "+team ada ben cleo")
	hr.has("ada", "ben", "cleo")
	w.wantDirectory("ada", "ben manager=ada", "cleo", "+team ada")
	hr.has()
	w.wantDirectory("ada", "ben manager=ada", "+team ada")
	crm.has()
	w.wantDirectory()
}

// TestManagerByHand: a source that has no manager any more takes away the one that it gave, and no other.
func TestManagerByHand(t *testing.T) {
	w := newWorld(t)
	hr := w.source("hr")
	hr.has("ada", "ben manager=ada", "cleo")
	w.manager(w.userID("ben"), w.userID("cleo"))
	hr.has("ada", "ben", "cleo")
	w.wantDirectory("ada", "ben manager=cleo", "cleo")
}

// TestManagerOfWhoStays: a source that lets go of somebody whom another keeps takes along the manager that it gave, and no other. The plan says so.
func TestManagerOfWhoStays(t *testing.T) {
	for _, c := range []struct{ name, crm, hand, want string }{
		{"nobody else has one", "ben", "", "ben"},
		{"the other wants another one", "ben manager=cleo", "", "ben manager=cleo"},
		{"both want the same", "ben manager=ada", "", "ben manager=ada"},
		{"by hand", "ben", "cleo", "ben manager=cleo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			hr, crm := w.source("hr"), w.source("crm")
			crm.has("ada", "cleo", c.crm)
			hr.has("ada", "cleo", "ben manager=ada")
			w.wantDirectory("ada", "cleo", "ben manager=ada")
			if c.hand != "" {
				w.manager(w.userID("ben"), w.userID(c.hand))
			}
			hr.has("ada", "cleo")
			w.wantDirectory("ada", "cleo", c.want)
			if row := hr.row("ben"); row.State != plan.Done || row.Kind != rule.Release {
				t.Errorf("the row is %s and %s: %s", row.Kind, row.State, row.Detail)
			}
		})
	}
}

// TestManagersWhoGoAlong: a source that lets go of many people and of their manager, whom another keeps, takes along the manager that it gave,
// whoever of them goes first.
func TestManagersWhoGoAlong(t *testing.T) {
	w := newWorld(t)
	hr, crm := w.source("hr"), w.source("crm")
	plain, managed := []string{"ada"}, []string{"ada"}
	for i := range 120 { // more than are sent at once
		plain, managed = append(plain, fmt.Sprintf("ben%d", i)), append(managed, fmt.Sprintf("ben%d manager=ada", i))
	}
	crm.has(plain...)
	hr.has(managed...)
	w.wantDirectory(managed...)
	if c := hr.has(); c.Counts.Released != len(plain) {
		t.Errorf("%+v", c.Counts)
	}
	w.wantDirectory(plain...)
}

// TestManagerWhoIsDeleted: nobody gets a manager who was deleted by order, although another source names them still.
func TestManagerWhoIsDeleted(t *testing.T) {
	w := newWorld(t)
	hr, crm := w.source("hr"), w.source("crm")
	crm.has("ada", "cleo", "ben manager=cleo", "dan manager=cleo")
	hr.has("ada", "ben manager=ada", "dan manager=ada")
	w.change(directory.DeleteUser{ID: w.userID("cleo")})
	hr.has("ada", "dan")
	w.wantDirectory("ada", "ben", "dan")
	if row := hr.row("ben"); row.State != plan.Done || row.Kind != rule.Release {
		t.Errorf("the row is %s and %s: %s", row.Kind, row.State, row.Detail)
	}
}

// TestWhoComesBack: who comes back has what the source says then, not what it said before they left.
func TestWhoComesBack(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"without what they had", "ben title=Cook department=Art manager=ada", "ben"},
		{"with something else", "ben title=Cook department=Art manager=ada", "ben title=Chief manager=cleo"},
		{"with what they had not", "ben", "ben title=Chief department=Art manager=cleo"},
		{"with the same", "ben title=Cook manager=ada", "ben title=Cook manager=ada"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			hr := w.source("hr")
			hr.has("ada", "cleo", c.before)
			hr.has("ada", "cleo")
			w.wantDirectory("ada", "cleo")
			hr.has("ada", "cleo", c.after)
			w.wantDirectory("ada", "cleo", c.after)
			if row := hr.row("ben"); row.State != plan.Done || row.Kind != rule.Link && row.Kind != rule.Refer {
				t.Errorf("the row is %s and %s: %s", row.Kind, row.State, row.Detail)
			}
			hr.has("ada", "cleo", "ben")
			w.wantDirectory("ada", "cleo", "ben")
		})
	}
	t.Run("to another source", func(t *testing.T) { // which says nothing of a title when it finds them
		w := newWorld(t)
		hr, crm := w.source("hr"), w.source("crm")
		hr.has("ada", "ben title=Cook manager=ada")
		hr.has("ada")
		crm.has("ada", "ben department=Art")
		w.wantDirectory("ada", "ben department=Art")
		hr.has("ada", "ben title=Chief")
		w.wantDirectory("ada", "ben title=Chief department=Art")
	})
	t.Run("where the source brings no managers", func(t *testing.T) {
		w := newWorld(t)
		hr := w.source("hr")
		job, err := w.db.Provision().Job(w.ctx, w.tenant, hr.job)
		w.must(err)
		rules := &job.Rules.Objects[0]
		rules.Attributes = slices.DeleteFunc(rules.Attributes, func(m rule.Mapping) bool { return strings.HasSuffix(m.Target, "manager") })
		w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
		hr.has("ada", "ben")
		w.manager(w.userID("ben"), w.userID("ada"))
		hr.has("ada")
		hr.has("ada", "ben")
		w.wantDirectory("ada", "ben manager=ada")
	})
}

// TestManagerWhoHasLeftSince: who comes back has no manager who was deleted after them, whoever brings them back, and has that one again who comes back,
// too. The plan says so.
func TestManagerWhoHasLeftSince(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { leftSince(t, func(t *testing.T) *world { return newWorld(t) }) })
	t.Run("postgres", func(t *testing.T) {
		leftSince(t, func(t *testing.T) *world { return newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)}) })
	})
}

func leftSince(t *testing.T, start func(t *testing.T) *world) {
	for name, purged := range map[string]bool{"deleted": false, "gone for good": true} {
		for _, back := range []string{"by a source that brings no managers", "by a source that brings managers", "by hand"} {
			t.Run(name+", "+back, func(t *testing.T) {
				w := start(t)
				hr := w.source("hr")
				if !strings.HasSuffix(back, "brings managers") {
					job, err := w.db.Provision().Job(w.ctx, w.tenant, hr.job)
					w.must(err)
					rules := &job.Rules.Objects[0]
					rules.Attributes = slices.DeleteFunc(rules.Attributes, func(m rule.Mapping) bool { return strings.HasSuffix(m.Target, "manager") })
					w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
				}
				hr.has("ada", "ben", "cy")
				ada, ben := w.userID("ada"), w.userID("ben")
				w.manager(ben, ada)
				hr.has("ada", "cy")
				hr.has("cy")
				if purged {
					w.change(directory.DeleteUser{ID: ada, Purge: true})
				}
				w.wantDirectory("cy")
				if back == "by hand" {
					w.change(directory.RestoreUser{ID: ben})
				} else {
					hr.has("ben", "cy")
					if row := hr.row("ben"); row.State != plan.Done || row.Kind != rule.Link || row.Effect == nil || row.Effect.After.Has(enterpriseURN) {
						t.Errorf("the row is %s and %s: %s, %+v", row.Kind, row.State, row.Detail, row.Effect)
					}
				}
				w.wantDirectory("ben", "cy")
				if purged {
					return
				}
				w.change(directory.RestoreUser{ID: ada})
				w.wantDirectory("ada", "ben manager=ada", "cy")
			})
		}
	}
}
