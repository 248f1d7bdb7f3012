package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	hub "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
)

// doors is a directory that does something before or after the n-th commit of people.
type doors struct {
	directory.Store
	left   int
	before func() error
	after  func() error
}

func (d *doors) Commit(ctx context.Context, t lockstep.TenantID, by audit.Actor, action lockstep.ActionID, changes ...directory.Change) (directory.Receipt, error) {
	d.left--
	if d.left == 0 && d.before != nil {
		if err := d.before(); err != nil {
			return directory.Receipt{}, err
		}
	}
	r, err := d.Store.Commit(ctx, t, by, action, changes...)
	if d.left == 0 && d.after != nil && err == nil {
		err = d.after()
	}
	return r, err
}

// crowdOf is the text of a file of people. Everybody but the last reports to somebody who stands below them.
func crowdOf(n int) string {
	var b strings.Builder
	b.WriteString("id,userName,displayName,title,manager\n")
	for i := range n {
		manager := ""
		if i+1 < n {
			manager = fmt.Sprint(i + 1 + (n-i-2)/2)
		}
		fmt.Fprintf(&b, "%d,p%[1]d@acme.example,Person %[1]d,Title %[2]d,%[3]s\n", i, i%7, manager)
	}
	return b.String()
}

// crowdGroups is the text of a file of groups, of which each contains the one before.
func crowdGroups(people, groups int) string {
	var b strings.Builder
	b.WriteString("id,displayName,members\n")
	for g := range groups {
		var members []string
		for i := g; i < people; i += groups {
			members = append(members, fmt.Sprint(i))
		}
		if g > 0 {
			members = append(members, fmt.Sprintf("g%d", g-1))
		}
		fmt.Fprintf(&b, "g%d,Group %[1]d,%s\n", g, strings.Join(members, ";"))
	}
	return b.String()
}

// wantGroups compares the groups of the directory with the file.
func (w *world) wantGroups(people, groups int) {
	w.Helper()
	found, err := w.db.Groups(w.ctx, w.tenant, directory.GroupQuery{Limit: 10 * groups, Deleted: true})
	w.must(err)
	sum := 0
	for _, g := range found {
		members, err := w.db.Members(w.ctx, w.tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g.ID}})
		w.must(err)
		sum += len(members)
	}
	if len(found) != groups || sum != people+groups-1 {
		w.Fatalf("%d groups with %d members, want %d with %d", len(found), sum, groups, people+groups-1)
	}
}

// wantCrowd compares the directory and the rows with the file.
func (w *world) wantCrowd(n int) {
	w.Helper()
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Limit: 10 * n, Deleted: true})
	w.must(err)
	ids, managers := map[string]string{}, 0
	for _, u := range users {
		ids[u.Attributes.Text("userName")] = string(u.ID)
	}
	for _, u := range users {
		var i int
		_, err := fmt.Sscanf(u.Attributes.Text("userName"), "p%d@", &i)
		w.must(err)
		want := ""
		if i+1 < n {
			want = ids[fmt.Sprintf("p%d@acme.example", i+1+(n-i-2)/2)]
			managers++
		}
		extension, _ := u.Attributes.Get(enterpriseURN).(scim.Object)
		manager, _ := extension.Get("manager").(scim.Object)
		if got := manager.Text("value"); got != want {
			w.Fatalf("the manager of p%d is %q, want %q", i, got, want)
		}
	}
	if len(users) != n || len(ids) != n || managers != n-1 {
		w.Fatalf("%d people with %d names and %d managers, want %d", len(users), len(ids), managers, n)
	}
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Done}, Limit: 10 * n})
	w.must(err)
	created := map[string]bool{}
	for _, r := range rows {
		if r.Source.Type != connection.UserType {
			continue
		}
		if r.Target.ID != ids[r.Source.Name] || r.Attempt != 1 || r.Opened.IsZero() || r.Ended.IsZero() || created[r.Source.ID] {
			w.Fatalf("row %+v", r)
		}
		created[r.Source.ID] = true
	}
	if len(created) != n {
		w.Fatalf("%d rows are done, want %d", len(created), n)
	}
}

// TestCreatedHere kills the process before and after each commit of people and of groups: as rows and objects are one commit, each is there
// once, and no row was ever open.
func TestCreatedHere(t *testing.T) {
	const people, groups = 300, 7
	for _, database := range []string{"sqlite", "postgres"} {
		for commit := 1; commit <= 3; commit++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d after=%v", database, commit, after), func(t *testing.T) {
					var config store.Config
					if database == "postgres" {
						config.Postgres = storetest.Postgres(t)
					}
					w := newWorldOn(t, config)
					w.file("people.csv", crowdOf(people))
					w.file("groups.csv", crowdGroups(people, groups))
					killed := func() error { return errKilled }
					d := &doors{Store: w.db, left: commit, before: killed}
					if after {
						d.before, d.after = nil, killed
					}
					w.engine.Directory = &hub.Connector{Store: d}
					w.due(w.in)
					for {
						turn, err := w.engine.Slice(w.ctx, w.tenant, w.in)
						if err == nil && turn.Reading {
							w.awaitRead(w.in)
							continue
						}
						if err != nil || !turn.More {
							break
						}
					}
					open, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Open}})
					w.must(err)
					if len(open) > 0 {
						t.Errorf("%d rows are open", len(open))
					}
					w.restart(w.db.Provision())
					w.untilDone(w.in)
					w.wantCrowd(people)
					w.wantGroups(people, groups)
				})
			}
		}
	}
}

// TestRefusedHere: one whom the directory refuses keeps nobody else out, and is named.
func TestRefusedHere(t *testing.T) {
	w := newWorld(t)
	const people = 300
	text := crowdOf(people)
	w.file("people.csv", text)
	d := &doors{Store: w.db, left: 1, before: func() error {
		// Somebody takes the name of one of them at the last moment.
		w.change(directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{{Name: "userName", Value: "p7@acme.example"}}}})
		return nil
	}}
	w.engine.Directory = &hub.Connector{Store: d}
	w.due(w.in)
	w.untilDone(w.in)
	rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{Limit: 2 * people})
	w.must(err)
	done := 0
	for _, r := range rows {
		switch {
		case r.State == plan.Done:
			done++
		case r.Source.ID != "7":
			t.Errorf("%s is %s: %s", r.Source.Name, r.State, r.Detail)
		}
	}
	if done < people-1 || len(rows) != people {
		t.Errorf("%d of %d rows are done, want %d", done, len(rows), people)
	}
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{Limit: 2 * people})
	w.must(err)
	if len(users) != people {
		t.Errorf("%d people, want %d", len(users), people)
	}
}

// TestTakenOverHere: a worker whose job another has taken over meanwhile creates nobody.
func TestTakenOverHere(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", crowdOf(40))
	d := &doors{Store: w.db, left: 1, before: func() error {
		w.ahead += time.Minute // so long does a worker have it at most
		_, err := w.db.Provision().Claim(w.ctx, w.tenant, w.in, 0)
		return err
	}}
	w.engine.Directory = &hub.Connector{Store: d}
	w.due(w.in)
	var err error
	for range 100 {
		turn, wrong := w.engine.Slice(w.ctx, w.tenant, w.in)
		if err = wrong; err != nil {
			break
		}
		if turn.Reading {
			w.awaitRead(w.in)
		}
	}
	if !errors.Is(err, lockstep.ErrEpoch) {
		t.Fatalf("the slice went on: %v", err)
	}
	users, err := w.db.Users(w.ctx, w.tenant, directory.UserQuery{})
	w.must(err)
	if len(users) != 0 {
		t.Errorf("%d people were created", len(users))
	}
	w.untilDone(w.in)
	w.wantCrowd(40)
}
