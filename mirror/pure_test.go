package mirror

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

func object(t *testing.T, text string) scim.Object {
	t.Helper()
	o, err := scim.DecodeObject([]byte(text))
	if err != nil {
		t.Fatal(text, err)
	}
	return o
}

const enterprise = `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`

func TestKeep(t *testing.T) {
	for _, c := range []struct{ name, paths, in, out string }{
		{"everything", ``, `{"a":1,"b":{"c":"x"},"d":["e"]}`, `{"a":1,"b":{"c":"x"},"d":["e"]}`},
		{"passwords", ``, `{"passWORD":"x","userPassword":"x","unicodePwd":"x","sambaNTPassword":"x","pwdHistory":["x"],
			"urn:ietf:params:scim:schemas:core:2.0:User:password":"x","userPassword;x-hash":"x","pwdLastSet":"1","passwordExpired":true}`,
			`{"pwdLastSet":"1","passwordExpired":true}`},
		{"password in the schema's own URN", ``, `{"urn:ietf:params:scim:schemas:core:2.0:User":{"password":"x","title":"y"}}`,
			`{"urn:ietf:params:scim:schemas:core:2.0:User":{"title":"y"}}`},
		{"password within", ``, `{"a":{"password":"x"},"b":[{"password":"x"},{"password":"x","c":"y"}],"` + enterprise + `":{"PASSWORD":"x","division":"y"}}`,
			`{"b":[{"c":"y"}],"` + enterprise + `":{"division":"y"}}`},
		{"password deep within", ``, `{"a":{"b":{"password":"x","c":"y"},"l":[{"password":"x","c":{"password":"x","d":"z"}}]}}`, `{"a":{"b":{"c":"y"},"l":[{"c":{"d":"z"}}]}}`},
		{"hidden by the schema", ``, `{"pin":"1","a":{"PIN":"2"}}`, `{}`},
		{"asked for and secret", `password title`, `{"password":"x","title":"y"}`, `{"title":"y"}`},
		{"paths", `username name.givenName emails[type eq "work"].value`, `{"userName":"a","name":{"givenName":"b","familyName":"c"},"emails":[{"value":"d"}],"title":"e"}`,
			`{"userName":"a","name":{"givenName":"b","familyName":"c"},"emails":[{"value":"d"}]}`},
		{"paths, but no other parts", `title`, `{"title":"e","name":{"givenName":"b"}}`, `{"title":"e"}`},
		{"paths in the schema's own URN", `title`, `{"urn:ietf:params:scim:schemas:core:2.0:User":{"title":"y","userName":"a"}}`,
			`{"urn:ietf:params:scim:schemas:core:2.0:User":{"title":"y"}}`},
		{"own schema", `urn:ietf:params:scim:schemas:core:2.0:User:title`, `{"title":"e","userName":"a"}`, `{"title":"e"}`},
		{"extension, a part", enterprise + `:division`, `{"` + enterprise + `":{"division":"x","department":"y"},"title":"e"}`, `{"` + enterprise + `":{"division":"x"}}`},
		{"extension, two parts", enterprise + `:division ` + enterprise + `:department`, `{"` + enterprise + `":{"division":"x","department":"y","costCenter":"z"}}`, `{"` + enterprise + `":{"division":"x","department":"y"}}`},
		{"extension, all", enterprise, `{"` + enterprise + `":{"division":"x","department":"y"}}`, `{"` + enterprise + `":{"division":"x","department":"y"}}`},
		{"extension, a part and all", enterprise + `:division ` + enterprise, `{"` + enterprise + `":{"department":"y"}}`, `{"` + enterprise + `":{"department":"y"}}`},
		{"no path at all", `user;lang-de`, `{"user;lang-de":"x","user":"y"}`, `{"user;lang-de":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := Wanted{Secrets: []string{"urn:x:pin"}}
			for _, p := range splitPaths(c.paths) {
				w.Paths = append(w.Paths, p)
			}
			in := object(t, c.in)
			before := in.Clone()
			e := NewKeep(w).Entry(connection.Object{Values: in, Grants: []rule.Grant{{Role: "user"}}})
			if e.Object.Grants != nil {
				t.Error("assignments are kept")
			}
			if d := cmp.Diff(string(scim.AppendJSON(nil, object(t, c.out))), string(scim.AppendJSON(nil, e.Object.Values))); d != "" {
				t.Error(d)
			}
			if !reflect.DeepEqual(before, in) {
				t.Error("the reader's object was changed")
			}
		})
	}
}

// splitPaths divides at blanks that are not within brackets.
func splitPaths(s string) (all []string) {
	depth, from := 0, 0
	for i, r := range s + " " {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ' ' && depth == 0:
			if i > from {
				all = append(all, s[from:i])
			}
			from = i + 1
		}
	}
	return all
}

// TestKeepReferences: references to an id that no object can be kept with are to nobody, wherever they come from.
func TestKeepReferences(t *testing.T) {
	to := func(id string) connection.Reference {
		return connection.Reference{Attribute: connection.Members, To: connection.Ref{Type: "User", ID: id}}
	}
	fits := strings.Repeat("x", connection.LongestID)
	o := connection.Object{References: []connection.Reference{to(fits), to(fits + "x"), to("1")}}
	want := []connection.Reference{to(fits), to("1")}
	if got := NewKeep(Wanted{Type: "Group"}).Entry(o).Object.References; !slices.Equal(got, want) {
		t.Errorf("%d are kept", len(got))
	}
	if len(o.References) != 3 {
		t.Error("the object itself was changed")
	}
	if got, missing := resolved(o.References, nil, nil, "Group"); !slices.Equal(got, want) || !missing {
		t.Errorf("%d are given on, some are missing: %t", len(got), missing)
	}
}

func TestKeysOf(t *testing.T) {
	k := NewKeep(Wanted{Keys: []string{"userName", `emails[type eq "work"].value`, "a b"}})
	o := connection.Object{Values: object(t, `{"userName":"Jose\u0301","emails":[{"type":"work","value":"A@x"},{"type":"work","value":"a@X"},{"type":"home","value":"h"}]}`)}
	want := []Key{{"userName", Fold("JOSÉ")}, {`emails[type eq "work"].value`, "a@x"}}
	if d := cmp.Diff(want, k.KeysOf(&o)); d != "" {
		t.Error(d)
	}
}

func reference(attribute, typ, id, name string) connection.Reference {
	return connection.Reference{Attribute: attribute, To: connection.Ref{Type: typ, ID: id}, Name: name}
}

func TestEncode(t *testing.T) {
	o := connection.Object{
		Ref: connection.Ref{Type: "Group", ID: "g"}, Name: "Group", Version: "v", Values: object(t, `{"displayName":"x","n":1,"f":1.5,"l":["a",{"b":true}]}`),
		References: []connection.Reference{reference("members", "User", "1", ""), reference("members", "User", "2", ""), reference("members", "Group", "1", ""),
			reference("members", "", "", "cn=x"), reference("manager", "User", "", "cn=y")},
		Names: []string{"cn=g", "g"}, Enabled: true, Deleted: true, Time: time.UnixMilli(1234567).UTC(),
	}
	for _, o := range []connection.Object{o, {Ref: o.Ref, Version: "2"}} {
		back, err := Decode(o.Ref, o.Version, Encode(&o))
		if d := cmp.Diff(o, back); d != "" || err != nil {
			t.Error(d, err)
		}
		if HashOf(&o) != HashOf(&back) || !Same(&o, &back) {
			t.Error("another after being kept")
		}
	}
}

// TestHash: what makes an object another, and what does not.
func TestHash(t *testing.T) {
	base := func() connection.Object {
		return connection.Object{Name: "n", Enabled: true, Values: scim.Object{{Name: "a", Value: "1"}, {Name: "b", Value: scim.List{"x", "y"}},
			{Name: "c", Value: true}, {Name: "d", Value: 0.0}, {Name: "e", Value: scim.Object{{Name: "f", Value: "1"}, {Name: "g", Value: "2"}}}},
			References: []connection.Reference{reference("members", "User", "1", ""), reference("members", "User", "2", "")}, Names: []string{"p", "q"}}
	}
	for _, c := range []struct {
		name       string
		change     func(*connection.Object)
		same, hash bool
	}{
		{"nothing", func(*connection.Object) {}, true, true},
		{"version and time", func(o *connection.Object) { o.Version, o.Time = "2", time.Now() }, true, true},
		{"order of references and names", func(o *connection.Object) { slices.Reverse(o.References); slices.Reverse(o.Names) }, true, true},
		{"order of attributes", func(o *connection.Object) { slices.Reverse(o.Values) }, true, false},
		{"name", func(o *connection.Object) { o.Name = "m" }, false, false},
		{"enabled", func(o *connection.Object) { o.Enabled = false }, false, false},
		{"deleted", func(o *connection.Object) { o.Deleted = true }, false, false},
		{"value", func(o *connection.Object) { o.Values.Set("a", "2") }, false, false},
		{"a value within", func(o *connection.Object) {
			o.Values.Set("e", scim.Object{{Name: "f", Value: "1"}, {Name: "g", Value: "3"}})
		}, false, false},
		{"a value that leaves another", func(o *connection.Object) {
			o.Values.Set("e", scim.Object{{Name: "f", Value: "1"}})
			o.Values.Set("g", "2")
		}, false, false},
		{"one of several", func(o *connection.Object) { o.Values.Set("b", scim.List{"x", "z"}) }, false, false},
		{"several as one of several", func(o *connection.Object) { o.Values.Set("b", scim.List{scim.List{"x"}, "y"}) }, false, false},
		{"a Boolean", func(o *connection.Object) { o.Values.Set("c", false) }, false, false},
		{"nought with a sign", func(o *connection.Object) { o.Values.Set("d", math.Copysign(0, -1)) }, true, true},
		{"kind of value", func(o *connection.Object) { o.Values.Set("a", int64(1)) }, false, false},
		{"reference", func(o *connection.Object) { o.References = o.References[:1] }, false, false},
		{"reference, by name", func(o *connection.Object) { o.References[0] = reference("members", "User", "", "1") }, false, false},
		{"names", func(o *connection.Object) { o.Names = []string{"pq"} }, false, false},
	} {
		a, b := base(), base()
		c.change(&b)
		if same := Same(&a, &b); same != c.same {
			t.Errorf("%s: same %v", c.name, same)
		}
		if hash := HashOf(&a) == HashOf(&b); hash != c.hash {
			t.Errorf("%s: equal hash %v", c.name, hash)
		}
	}
	r := connection.Object{References: []connection.Reference{reference("", "a", "bb", "ccc")}}
	if HashOf(&r) == HashOf(&connection.Object{Names: []string{"", "a", "bb", "ccc"}}) {
		t.Error("a reference has the hash of names")
	}
}

// TestPointers: an object is looked up by the ends that it names, each once, and by those that it is a member of.
func TestPointers(t *testing.T) {
	o := connection.Object{References: []connection.Reference{
		reference("manager", "User", "1", ""), reference("manager", "User", "", "x"), reference("members", "", "", "y"), reference("members", "", "", "x"),
		reference(connection.MemberOf, "Group", "g", ""), reference(connection.MemberOf, "", "", "h"),
	}}
	want := append(MemberPointers(&connection.Object{Ref: connection.Ref{ID: "g"}, Names: []string{"h"}}), NamePointer("x"), NamePointer("y"))
	slices.Sort(want)
	if got := PointersOf(&o); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := MemberEnds(&o); !slices.Equal(got, o.References[4:]) {
		t.Errorf("a member of %v", got)
	}
}

func TestSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var set, other Set
		var numbers []int64
		for range random.IntN(50) {
			from := random.Int64N(10_000)
			for n := from; n <= from+random.Int64N(40); n++ {
				numbers = append(numbers, n)
			}
		}
		if err := set.Decode(EncodeSet(numbers)); err != nil {
			t.Fatal(err)
		}
		slices.Sort(numbers)
		numbers = slices.Compact(numbers)
		if got := set.Numbers(); !slices.Equal(got, numbers) || set.Len() != len(numbers) {
			t.Fatalf("%v became %v", numbers, got)
		}
		for i, n := range numbers {
			if i%2 == 0 && (!other.Add(n) || other.Add(n) || !other.Has(n)) {
				t.Fatal(n)
			}
		}
		rest := set.Minus(&other)
		if rest.Len() != len(numbers)-other.Len() || len(numbers) > 1 && (rest.Has(numbers[0]) || !rest.Has(numbers[1])) {
			t.Fatal(rest.Numbers(), numbers)
		}
	}
	if text := EncodeSet([]int64{1, 2, 3, 500}); len(text) > 8 {
		t.Errorf("a long text for a short set: %q", text)
	}
	for _, broken := range []string{"!", "/w", "AA", "////////////////"} {
		if err := new(Set).Decode(broken); err == nil {
			t.Errorf("%q is a set", broken)
		}
	}
}

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func TestMeet(t *testing.T) {
	entry := Entry{Object: connection.Object{Version: "2"}, Hash: 7}
	partial := Entry{Object: connection.Object{Version: "2", Partial: true}, Hash: 7}
	for _, c := range []struct {
		name  string
		known *Known
		entry Entry
		want  Effect
	}{
		{"new", nil, entry, Made},
		{"same", &Known{Hash: 7, Version: "2"}, entry, Untouched},
		{"another version", &Known{Hash: 7, Version: "1"}, entry, Refreshed},
		{"changed", &Known{Hash: 6, Version: "2"}, entry, Rewritten},
		{"changed, and to be asked for", &Known{Hash: 6, Version: "2", Ask: true}, entry, Rewritten},
		{"was gone", &Known{Hash: 7, Version: "2", State: Gone}, entry, Rewritten},
		{"was missed", &Known{Hash: 7, Version: "2", State: Missed, Missed: 3}, entry, Refreshed},
		{"was hidden", &Known{Hash: 7, Version: "2", State: Hidden}, entry, Refreshed},
		{"to be asked for", &Known{Hash: 7, Version: "2", Ask: true}, entry, Refreshed},
		{"a part", &Known{Hash: 7, Version: "2"}, partial, Rewritten},
		{"written long ago", &Known{Hash: 6, Version: "2", Written: noon.Add(-time.Millisecond)}, entry, Rewritten},
		{"written since", &Known{Hash: 6, Version: "2", Written: noon}, entry, Doubted},
		{"deleted by us since", &Known{State: Gone, Written: noon.Add(time.Hour)}, entry, Doubted},
		{"written since, and as it was", &Known{Hash: 7, Version: "2", Written: noon}, entry, Doubted},
	} {
		if got := Meet(c.known, &c.entry, noon); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if Doubt(noon, time.Second) != noon.Add(-time.Second) {
		t.Error("doubt begins at another time")
	}
}

func TestMerge(t *testing.T) {
	old := connection.Object{References: []connection.Reference{reference("members", "User", "a", ""), reference("members", "", "", "n")}}
	gone := reference("members", "", "", "n")
	gone.Gone = true
	change := connection.Object{Name: "new", Partial: true, References: []connection.Reference{reference("members", "User", "b", ""), gone, reference("members", "User", "a", ""), reference("members", "User", "b", "")}}
	got := Merge(old, change)
	want := connection.Object{Name: "new", References: []connection.Reference{reference("members", "User", "a", ""), reference("members", "User", "b", "")}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCover(t *testing.T) {
	one := connection.Object{Ref: connection.Ref{ID: "1"}, Names: []string{"uid=a,ou=sales,dc=x"}}
	two := connection.Object{Ref: connection.Ref{ID: "2"}, Names: []string{"ou=presales,dc=x"}}
	for _, c := range []struct {
		name               string
		parts              []connection.Hidden
		answered           bool
		first, second, all bool // hides one, hides two, is exact
	}{
		{"nothing", nil, false, false, false, true},
		{"ids", []connection.Hidden{{IDs: []string{"1"}, Most: 5}}, false, true, false, true},
		{"branch", []connection.Hidden{{Below: "ou=sales,dc=x"}}, false, true, false, false},
		{"the object itself", []connection.Hidden{{Below: "ou=presales,dc=x"}}, false, false, true, false},
		{"at most so many", []connection.Hidden{{Most: 1}}, false, true, true, false},
		{"anybody", []connection.Hidden{{}}, false, true, true, false},
		{"two parts", []connection.Hidden{{IDs: []string{"2"}}, {Below: "ou=sales,dc=x"}}, false, true, true, false},
		{"answered", []connection.Hidden{{}, {Below: "dc=x"}, {IDs: []string{"1"}}}, true, false, false, true},
	} {
		var parts []Part
		for _, h := range c.parts {
			p := PartOf(h)
			p.Answered = c.answered
			parts = append(parts, p)
		}
		cover := CoverOf(parts)
		if a, b, all := cover.Hides(&one), cover.Hides(&two), cover.Exact(); a != c.first || b != c.second || all != c.all {
			t.Errorf("%s: hides %v, %v, exact %v", c.name, a, b, all)
		}
		if nothing := !c.first && !c.second && c.all; cover.Nothing() != nothing {
			t.Errorf("%s: hides nobody: %v", c.name, !nothing)
		}
	}
	for _, c := range []struct {
		name, branch string
		want         bool
	}{
		{"dc=x", "dc=x", true}, {"ou=a,dc=x", "dc=x", true}, {"a/b", "b", true}, {"adc=x", "dc=x", false}, {"ou=a,", "dc=x", false},
	} {
		if under(c.name, c.branch) != c.want {
			t.Errorf("%s is under %s: %v", c.name, c.branch, !c.want)
		}
	}
	if p := PartOf(connection.Hidden{}); p.Detail != "" {
		t.Errorf("%+v", p)
	}
	if err := errors.New("odd"); PartOf(connection.Hidden{Err: err}).Detail != lockstep.Said(err) {
		t.Error("an error that is not ours is not told in our words")
	}
	p := PartOf(connection.Hidden{Name: "x", Err: fmt.Errorf("read: %w", &lockstep.Error{Code: lockstep.CodeSourceReferral, Detail: "Elsewhere."})})
	if p.Err != nil || p.Code != lockstep.CodeSourceReferral || p.Detail != "Elsewhere." {
		t.Errorf("%+v", p)
	}
}

func TestWay(t *testing.T) {
	for _, c := range []struct {
		name        string
		reach       connection.Reach
		ask         bool
		unseen, all int
		want        Way
	}{
		{"changes", connection.Changes, true, 5, 10, Leave},
		{"unchanged", connection.Unchanged, true, 5, 10, Leave},
		{"one view", connection.OneView, true, 1000, 1000, AtOnce},
		{"pages, few", connection.Pages, true, 50, 100, ByID},
		{"pages, many", connection.Pages, true, 51, 100, BySecond},
		{"pages, few of many", connection.Pages, true, 500, 10_000, ByID},
		{"pages, many of many", connection.Pages, true, 501, 10_000, BySecond},
		{"pages, nobody to ask", connection.Pages, false, 1, 10_000, BySecond},
	} {
		if got := WayOf(c.reach, c.ask, c.unseen, c.all); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestFate(t *testing.T) {
	cover := CoverOf([]Part{PartOf(connection.Hidden{IDs: []string{"hidden"}})})
	pass := &Pass{No: 9, Asked: noon}
	for _, c := range []struct {
		name string
		row  Row
		way  Way
		want Fate
	}{
		{"changes", Row{}, Leave, Stays},
		{"gone already", Row{State: Gone}, AtOnce, Stays},
		{"one view", Row{}, AtOnce, Goes},
		{"one view, written since", Row{Written: noon.Add(-time.Second)}, AtOnce, IsAsked},
		{"one view, written before", Row{Written: noon.Add(-time.Minute)}, AtOnce, Goes},
		{"one view, hidden", Row{Object: connection.Object{Ref: connection.Ref{ID: "hidden"}}}, AtOnce, Hides},
		{"by id", Row{}, ByID, IsAsked},
		{"by id, hidden", Row{Object: connection.Object{Ref: connection.Ref{ID: "hidden"}}}, ByID, Hides},
		{"missed now", Row{}, BySecond, Waits},
		{"missed by this pass", Row{Missed: 9, State: Missed}, BySecond, Waits},
		{"missed before", Row{Missed: 8, State: Missed}, BySecond, Goes},
		{"hidden before, so that only this pass can have missed it", Row{State: Hidden}, BySecond, Waits},
		{"missed before, hidden now", Row{Missed: 8, State: Missed, Object: connection.Object{Ref: connection.Ref{ID: "hidden"}}}, BySecond, Hides},
	} {
		if got := FateOf(&c.row, pass, c.way, &cover, 10*time.Second); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	none, any := CoverOf(nil), CoverOf([]Part{{}})
	for _, c := range []struct {
		reach connection.Reach
		cover *Cover
		want  bool
	}{
		{connection.OneView, &none, true}, {connection.Pages, &none, true}, {connection.Pages, &cover, true},
		{connection.Changes, &none, false}, {connection.Unchanged, &none, false}, {connection.OneView, &any, false},
	} {
		if got := IsWhole(c.reach, c.cover); got != c.want {
			t.Errorf("reach %d: whole %v", c.reach, got)
		}
	}
}

func TestBegin(t *testing.T) {
	w := Wanted{Paths: []string{"a"}}
	known := Pass{Type: "User", No: 3, Once: true, Mark: "m", Answered: 4, Wanted: w, Ended: noon, Counts: Counts{Objects: 9, Hides: 1}, Last: Ended{Objects: 9}, Reach: connection.OneView}
	for _, c := range []struct {
		name        string
		change      func(*Pass)
		wanted      Wanted
		all, second bool
		since       connection.Mark
	}{
		{"known", func(*Pass) {}, w, false, false, "m"},
		{"never whole", func(p *Pass) { p.Once = false }, w, true, false, "m"},
		{"other attributes", func(*Pass) {}, Wanted{Paths: []string{"b"}}, true, false, ""},
		{"other secrets", func(*Pass) {}, Wanted{Paths: []string{"a"}, Secrets: []string{"pin"}}, true, false, ""},
		{"missed some", func(p *Pass) { p.Missed = 1 }, w, true, true, "m"},
	} {
		p := known
		c.change(&p)
		got := p.Begin(c.wanted, noon)
		if got.Whole != c.all || got.Second != c.second || got.Since != c.since || got.Request != 0 || got.Answered != 4 ||
			got.Stage != Reading || got.Counts != (Counts{}) || got.Unseen != -1 || !got.Ended.IsZero() || got.Last.Objects != 9 || !reflect.DeepEqual(got.Wanted, c.wanted) {
			t.Errorf("%s: %+v", c.name, got)
		}
		got.Counts.Objects, got.From, got.Request, got.Before = 5, "x", 7, 3
		later := noon.Add(time.Second)
		anew := got.Anew(later)
		if anew.Resumed != later || anew.Progress != later || anew.Before != 0 || anew.From != "" || anew.Counts.Objects != 0 || anew.Request != 7 || anew.Asked != noon {
			t.Errorf("%s, anew: %+v", c.name, anew)
		}
	}
}

// TestEnd: what a complete pass leaves.
func TestEnd(t *testing.T) {
	none, some, any := CoverOf(nil), CoverOf([]Part{PartOf(connection.Hidden{IDs: []string{"x"}})}), CoverOf([]Part{{}})
	for _, c := range []struct {
		name  string
		reach connection.Reach
		cover *Cover
		once  bool
		mark  connection.Mark
		parts int64
		hides int64
	}{
		{"pages", connection.Pages, &none, true, "new", 9, 2},
		{"pages, one hidden", connection.Pages, &some, true, "new", 9, 2},
		{"pages, anybody hidden", connection.Pages, &any, false, "new", 9, 2},
		{"unchanged", connection.Unchanged, &none, false, "old", 7, 1},
		{"changes", connection.Changes, &none, false, "new", 7, 1},
		{"changes, one unreadable", connection.Changes, &some, false, "old", 7, 1},
	} {
		p := Pass{No: 9, Stage: Judging, Reach: c.reach, Request: 5, Mark: "old", Next: "new", Parts: 7, Hides: 1, Missed: 1, Asked: noon.Add(-time.Minute), Counts: Counts{Objects: 3, Hides: 2, Hidden: 1}}
		got := p.End(c.cover, noon)
		if whole := c.reach == connection.Pages; whole != (got.Last == Ended{Objects: 3, Took: time.Minute, At: noon}) {
			t.Errorf("%s: remembered %+v", c.name, got.Last)
		}
		if got.Once != c.once || got.Mark != c.mark || got.Parts != c.parts || got.Hides != c.hides || got.Answered != 5 || got.Stage != Idle || got.Ended != noon {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestEndOfChanges: what could not be read of them is read again from where the first such pass began.
func TestEndOfChanges(t *testing.T) {
	some := CoverOf([]Part{PartOf(connection.Hidden{IDs: []string{"x"}})})
	for _, c := range []struct {
		name                 string
		parts, hides, hidden int64
		mark                 connection.Mark
		want                 int64
	}{
		{"the first", 0, 1, 1, "old", 9},
		{"nothing hidden before", 7, 0, 1, "old", 9},
		{"one more", 7, 1, 1, "old", 7},
		{"nothing hidden", 7, 1, 0, "new", 7},
	} {
		p := Pass{No: 9, Reach: connection.Changes, Mark: "old", Next: "new", Parts: c.parts, Hides: c.hides, Counts: Counts{Hidden: c.hidden}}
		if got := p.End(&some, noon); got.Mark != c.mark || got.Parts != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	any := CoverOf([]Part{{}})
	if got := (Pass{Once: true, Reach: connection.Pages}).End(&any, noon); !got.Once {
		t.Error("what was read whole once was not")
	}
}

func TestWatch(t *testing.T) {
	p := Pass{Type: "User", Stage: Reading, Counts: Counts{Objects: 300}, Before: 100, Resumed: noon, Progress: noon.Add(10 * time.Second), Last: Ended{Objects: 1000}}
	h := Head{Lease: Lease{ID: ID{Connection: "c"}, Node: "n", Until: noon.Add(time.Minute)}}
	got := h.Watch(p, noon.Add(11*time.Second))
	if !got.Running || got.Rate != 20 || got.Left != 35*time.Second || got.Connection != "c" || got.Node != "n" {
		t.Errorf("%+v", got)
	}
	p.Counts.Total = 400
	if got := h.Watch(p, noon.Add(time.Hour)); got.Running || got.Left != 5*time.Second {
		t.Errorf("%+v", got)
	}
	for name, change := range map[string]func(*Pass){
		"nobody reads":      func(p *Pass) { p.Stage = Idle },
		"it has just begun": func(p *Pass) { p.Progress = p.Resumed },
		"more than said":    func(p *Pass) { p.Counts.Objects = 500 },
	} {
		q := p
		change(&q)
		got := h.Watch(q, noon)
		if got.Running != (q.Stage != Idle) || got.Left != 0 || (got.Rate == 0) == (name == "more than said") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
