package provision_test

import (
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// person puts a user into the directory.
func (w *world) person(name string) lockstep.UserID {
	w.Helper()
	id := lockstep.NewID[lockstep.UserID]()
	w.change(directory.PutUser{User: directory.User{ID: id, Attributes: scim.Object{
		{Name: "userName", Value: name + "@acme.example"}, {Name: "displayName", Value: name}, {Name: "active", Value: true},
	}}})
	return id
}

// group puts a group with members into the directory.
func (w *world) group(name string, members ...string) lockstep.GroupID {
	w.Helper()
	id := lockstep.NewID[lockstep.GroupID]()
	w.change(directory.PutGroup{Group: directory.Group{ID: id, Attributes: scim.Object{{Name: "displayName", Value: name}}}})
	w.join(id, directory.UserKind, members...)
	return id
}

func (w *world) join(group lockstep.GroupID, kind directory.Kind, members ...string) {
	w.Helper()
	for _, m := range members {
		w.change(directory.AddMembers{Group: group, Members: []directory.Member{{Kind: kind, ID: m}}})
	}
}

func (w *world) assign(kind directory.Kind, to string) lockstep.AssignmentID {
	w.Helper()
	id := lockstep.NewID[lockstep.AssignmentID]()
	w.change(directory.PutAssignment{Assignment: directory.Assignment{ID: id, App: w.app, Kind: kind, To: to}})
	return id
}

// unguarded is a policy that lets a test take few people away from few.
func unguarded() provision.Policy {
	return provision.Policy{Groups: true, Nested: true, Guard: rule.GuardLimit{Off: true}}
}

// TestGroupThatComesIntoScopeBringsItsMembers is for a feed that told only of the members that changed with the group.
func TestGroupThatComesIntoScopeBringsItsMembers(t *testing.T) {
	w := newWorld(t)
	w.assigned(unguarded())
	ada, ben := w.person("ada"), w.person("ben")
	team := w.group("Team", string(ada), string(ben))
	w.run(w.out)
	assignment := w.assign(directory.GroupKind, string(team))
	w.run(w.out)
	want := "group Team: ada@acme.example ben@acme.example\nuser ada@acme.example\nuser ben@acme.example\n"
	w.wantTarget(want)
	w.change(directory.DeleteAssignment{ID: assignment})
	w.run(w.out)
	w.wantTarget("user ada@acme.example inactive\nuser ben@acme.example inactive\n")
	w.join(team, directory.UserKind, string(w.person("cleo")))
	w.run(w.out)
	w.assign(directory.GroupKind, string(team))
	w.run(w.out)
	w.wantTarget("group Team: ada@acme.example ben@acme.example cleo@acme.example\nuser ada@acme.example\nuser ben@acme.example\nuser cleo@acme.example\n")
}
