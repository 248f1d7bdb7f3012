package provision_test

import (
	"testing"

	"lockstep"
	"lockstep/directory"
)

// TestWaysThatEndTogether is for a feed reader that asked the present directory which groups a change reaches. Where two parts
// of a way to a person end in the same run, each is gone already when the other is looked at, and the person was missed.
func TestWaysThatEndTogether(t *testing.T) {
	type place struct {
		*world
		ada        lockstep.UserID
		a, b, c    lockstep.GroupID
		assignment lockstep.AssignmentID
	}
	leave := func(p place, g lockstep.GroupID, kind directory.Kind, id string) {
		p.change(directory.RemoveMembers{Group: g, Members: []directory.Member{{Kind: kind, ID: id}}})
	}
	for _, test := range []struct {
		name string
		do   func(place)
		want string
	}{
		{"from the bottom", func(p place) {
			leave(p, p.c, directory.UserKind, string(p.ada))
			leave(p, p.b, directory.GroupKind, string(p.c))
			leave(p, p.a, directory.GroupKind, string(p.b))
		}, "group A:\n"},
		{"from the top", func(p place) {
			leave(p, p.a, directory.GroupKind, string(p.b))
			leave(p, p.b, directory.GroupKind, string(p.c))
			leave(p, p.c, directory.UserKind, string(p.ada))
		}, "group A:\n"},
		{"the middle is purged", func(p place) { p.change(directory.DeleteGroup{ID: p.b, Purge: true}) }, "group A:\n"},
		{"the lowest is purged", func(p place) { p.change(directory.DeleteGroup{ID: p.c, Purge: true}) }, "group A:\n"},
		{"the assigned one is purged", func(p place) { p.change(directory.DeleteGroup{ID: p.a, Purge: true}) }, ""},
		{"withdrawn, then left", func(p place) {
			p.change(directory.DeleteAssignment{ID: p.assignment})
			leave(p, p.c, directory.UserKind, string(p.ada))
		}, ""},
		{"left, then withdrawn", func(p place) {
			leave(p, p.c, directory.UserKind, string(p.ada))
			p.change(directory.DeleteAssignment{ID: p.assignment})
		}, ""},
		{"the middle is deleted", func(p place) { p.change(directory.DeleteGroup{ID: p.b}) }, "group A:\n"},
		{"the assigned one is deleted", func(p place) { p.change(directory.DeleteGroup{ID: p.a}) }, ""},
		{"the app is gone", func(p place) { p.change(directory.DeleteApp{ID: p.app}) }, ""},
		{"the role excludes", func(p place) {
			p.change(directory.PutApp{App: directory.App{ID: p.app, Slug: "webex", Name: "Webex", Version: 1, Roles: []directory.Role{{Value: "user", Name: "User", Exclude: true}}}})
		}, ""},
	} {
		for _, cut := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				w := newWorld(t)
				w.assigned(unguarded())
				p := place{world: w, ada: w.person("ada")}
				p.c = w.group("C", string(p.ada))
				p.b = w.group("B")
				p.a = w.group("A")
				w.join(p.b, directory.GroupKind, string(p.c))
				w.join(p.a, directory.GroupKind, string(p.b))
				p.assignment = w.assign(directory.GroupKind, string(p.a))
				w.run(w.out)
				w.wantTarget("group A: ada@acme.example\nuser ada@acme.example\n")
				if cut {
					w.engine.SliceFor = 1
				}
				test.do(p)
				w.untilDone(w.out)
				if got := living(w.target()); got != test.want {
					t.Errorf("the organisation has\n%s\nwant\n%s", got, test.want)
				}
				if got := w.target(); test.want == "" && got != "user ada@acme.example inactive\n" {
					t.Errorf("ada has not left:\n%s", got)
				}
				w.consistent()
			})
		}
	}
}
