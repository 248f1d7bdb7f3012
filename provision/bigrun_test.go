package provision_test

import (
	"fmt"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
)

// TestManyTouchedByOneChange is for a reader that began the pages of a change anew with each slice: when it touched more people
// than a slice could plan, the job never got further.
func TestManyTouchedByOneChange(t *testing.T) {
	const people = 1200
	w := newWorld(t)
	w.assigned(unguarded())
	team := w.group("Team")
	var changes []directory.Change
	var members []directory.Member
	for i := range people {
		id := lockstep.NewID[lockstep.UserID]()
		changes = append(changes, directory.PutUser{User: directory.User{ID: id, Attributes: scim.Object{
			{Name: "userName", Value: fmt.Sprintf("p%d@acme.example", i)}, {Name: "displayName", Value: "P"}, {Name: "active", Value: true},
		}}})
		members = append(members, directory.Member{Kind: directory.UserKind, ID: string(id)})
	}
	w.change(changes...)
	w.change(directory.AddMembers{Group: team, Members: members})
	w.run(w.out)
	w.assign(directory.GroupKind, string(team))
	w.engine.SliceFor = 1
	if c := w.run(w.out); c.Counts.Created != people+1 || c.Counts.Failed > 0 {
		t.Errorf("%+v", c.Counts)
	}
}
