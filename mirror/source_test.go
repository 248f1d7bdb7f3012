package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/scim"
)

func (w *world) source() *mirror.Source {
	return &mirror.Source{Store: w.mirrors, ID: w.id, Types: []string{connection.UserType, connection.GroupType}, PageSize: 2}
}

// listed is what a read came to.
type listed struct {
	lines []string // objects with their references, -gone, !bad
	whole bool
	next  connection.Cursor
}

// list reads from a cursor; with stop it breaks off after each page and goes on from its cursor.
func (w *world) list(from connection.Cursor, stop bool) (l listed) {
	w.Helper()
	s := w.source()
	pause := errors.New("pause")
	for {
		err := s.Read(w.Context(), from, func(p connection.Page) error {
			for _, o := range p.Objects {
				line := o.ID
				for _, r := range o.References {
					line += " " + r.Attribute + "=" + r.To.Type + ":" + r.To.ID
				}
				if o.Partial {
					line += " partial"
				}
				l.lines = append(l.lines, line)
			}
			for _, g := range p.Gone {
				l.lines = append(l.lines, "-"+g.ID)
			}
			for _, b := range p.Bad {
				l.lines = append(l.lines, "!"+b.Name+" "+b.Ref.ID)
			}
			l.next, l.whole, from = p.Next, p.Whole, p.Next
			if stop && !p.Last {
				return pause
			}
			return nil
		})
		if !errors.Is(err, pause) {
			w.ok(err)
			return l
		}
	}
}

func member(name string) connection.Reference {
	return connection.Reference{Attribute: connection.Members, Name: name}
}

// person is an object with a name by which it is referred to.
func person(id, name, manager string, groups ...string) connection.Object {
	o := connection.Object{Ref: connection.Ref{Type: connection.UserType, ID: id}, Name: id, Names: []string{name}, Values: scim.Object{{Name: "userName", Value: id}}, Enabled: true}
	if manager != "" {
		o.References = append(o.References, connection.Reference{Attribute: connection.Manager, Name: manager})
	}
	for _, g := range groups {
		o.References = append(o.References, connection.Reference{Attribute: connection.MemberOf, Name: g})
	}
	return o
}

func group(id string, names []string, members ...connection.Reference) connection.Object {
	return connection.Object{Ref: connection.Ref{Type: connection.GroupType, ID: id}, Name: id, Names: names, Values: scim.Object{{Name: "displayName", Value: id}}, Enabled: true, References: members}
}

func TestSource(t *testing.T) {
	w := newWorld(t)
	w.out.types = []mirror.Wanted{{Type: connection.UserType}, {Type: connection.GroupType}}
	if l := w.list("", false); len(l.lines) != 0 || l.whole {
		t.Errorf("nobody has read it: %+v", l)
	}
	w.out.reach = connection.OneView
	w.out.set(person("ada", "cn=ada", "cn=bob"))
	w.out.set(person("bob", "cn=bob", "", "gid=7"))
	w.out.set(person("cy", "cn=cy", "cn=nobody"))
	w.out.set(group("g", []string{"cn=g", "gid=7"}, member("cn=ada"), member("cn=ada"), member("cn=dan"), connection.Reference{Attribute: connection.Members, To: connection.Ref{Type: "User", ID: "cy"}}))
	w.read(mirror.Request{})
	var last listed
	for _, stop := range []bool{false, true} {
		last = w.list("", stop)
		want := []string{"ada manager=User:bob", "bob", "cy", "g members=User:ada members=User:cy members=User:bob"}
		if d := cmp.Diff(want, last.lines); d != "" || !last.whole {
			t.Error(d, last.whole)
		}
	}
	if s := w.source(); s.Position(last.next) != w.head().Position || s.Position("x") != 0 || s.Position("m/1/-1/5.0.0") != 0 {
		t.Error("wrong position of", last.next)
	}
	step := func(name string, want ...string) {
		t.Helper()
		w.read(mirror.Request{})
		for _, stop := range []bool{true, false} {
			l := w.list(last.next, stop)
			if d := cmp.Diff(want, l.lines); d != "" || l.whole {
				t.Errorf("%s: %s", name, d)
			}
			if !stop {
				last = l
			}
		}
	}
	step("nothing")
	w.out.set(person("dan", "cn=dan", ""))
	step("somebody who was referred to comes", "dan", "g members=User:ada members=User:dan members=User:cy members=User:bob")
	w.out.set(person("bob", "cn=robert", "", "gid=7"))
	step("a manager is renamed: nobody has that name", "bob", "ada")
	w.out.set(person("bob", "cn=robert", ""))
	step("a primary group is left", "bob", "g members=User:ada members=User:dan members=User:cy")
	w.out.drop("dan")
	w.out.hidden = []connection.Hidden{{Name: "line 3", IDs: []string{"eve"}}}
	step("somebody goes, and a part cannot be read", "-dan", "g members=User:ada members=User:cy", "!line 3 eve", "!line 3 eve")
	if l := w.list("", false); !slices.Contains(l.lines, "!line 3 eve") || !slices.Contains(l.lines, "-dan") || !l.whole {
		t.Errorf("%+v", l)
	}
	objects, err := w.source().Get(t.Context(), connection.Ref{Type: "Group", ID: "g"}, connection.Ref{Type: "User", ID: "dan"}, connection.Ref{Type: "User", ID: "none"})
	w.ok(err)
	if len(objects) != 1 || len(objects[0].References) != 2 || objects[0].References[0].To.ID != "ada" {
		t.Errorf("%+v", objects)
	}
	old := last.next
	w.ok(w.mirrors.Forget(t.Context(), w.id))
	for _, cursor := range []connection.Cursor{old, "x", "m/2/5", "m/2/-1", "m/2/0/0.9.0", "m/2/0/0.0", "m/2/0/0.0.0/0", "m/a/0", "p/7", "m/2/0/x.0.0"} {
		err := w.source().Read(t.Context(), cursor, func(connection.Page) error { return nil })
		if lockstep.CodeOf(err) != lockstep.CodeCursorExpired {
			t.Errorf("%s: %v", cursor, err)
		}
	}
}

// TestSourceBeforeAllIsRead: while somebody may be missing who is there, references to nobody take nobody away.
func TestSourceBeforeAllIsRead(t *testing.T) {
	w := newWorld(t)
	w.out.types = []mirror.Wanted{{Type: connection.GroupType}, {Type: connection.UserType}}
	w.out.reach = connection.OneView
	w.out.hidden = []connection.Hidden{{Name: "half of it"}}
	w.out.set(group("g", nil, member("cn=a"), member("cn=b")))
	w.out.set(person("a", "cn=a", "", "gid=7")) // of a group that is not known: it is the group's to list them
	w.read(mirror.Request{})
	l := w.list("", false)
	if d := cmp.Diff([]string{"a", "g members=User:a partial", "!half of it ", "!half of it "}, l.lines); d != "" || l.whole {
		t.Error(d, l.whole)
	}
	w.out.hidden = nil
	w.read(mirror.Request{Whole: true})
	if l := w.list("", false); strings.Contains(fmt.Sprint(l.lines), "partial") || !l.whole {
		t.Errorf("%+v", l)
	}
}

// describer is a connector.
type describer struct{}

func (describer) Describe(context.Context) (connection.System, error) {
	return connection.System{Name: "HR"}, nil
}
func (describer) Test(_ context.Context, report func(connection.Check)) error {
	report(connection.Check{Name: "reach"})
	return lockstep.ErrNotFound
}

func TestSourceIsItsSystem(t *testing.T) {
	w := newWorld(t)
	s := w.source()
	s.System = describer{}
	checks := 0
	if d, err := s.Describe(t.Context()); err != nil || d.Name != "HR" {
		t.Error(d, err)
	}
	if err := s.Test(t.Context(), func(connection.Check) { checks++ }); !errors.Is(err, lockstep.ErrNotFound) || checks != 1 {
		t.Error(err, checks)
	}
}
