package scim_test

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// The generators draw users from few values, so that changes meet what is there.

func drawText(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "A", "b", "ß", "x@y", `"\`, "1"}).Draw(t, "text")
}

// drawValue draws a value that fits the attribute.
func drawValue(t *rapid.T, a *scim.Attribute) any {
	if !a.MultiValued {
		return drawSingle(t, a)
	}
	var l scim.List
	for range rapid.IntRange(1, 3).Draw(t, "n") {
		if v := drawSingle(t, a); v != nil {
			l = append(l, v)
		}
	}
	return l
}

func drawSingle(t *rapid.T, a *scim.Attribute) any {
	switch a.Type {
	case scim.Boolean:
		return rapid.Bool().Draw(t, "bool")
	case scim.Binary:
		return "AQID"
	case scim.Complex:
		var o scim.Object
		for i := range a.SubAttributes {
			if sub := &a.SubAttributes[i]; sub.Mutability != scim.ReadOnly && rapid.IntRange(0, 2).Draw(t, "has") == 0 {
				o.Set(sub.Name, drawValue(t, sub))
			}
		}
		if len(o) == 0 {
			return nil
		}
		return o
	}
	if len(a.CanonicalValues) > 0 {
		return rapid.SampledFrom(a.CanonicalValues[:2]).Draw(t, "canonical")
	}
	return drawText(t)
}

// drawUser draws a user as Check returns it.
func drawUser(t *rapid.T, ty *scim.Type) scim.Object {
	o := scim.Object{{Name: "userName", Value: drawText(t)}}
	for _, s := range []*scim.Schema{scim.UserSchema(), scim.EnterpriseUserSchema()} {
		for i := range s.Attributes {
			a := &s.Attributes[i]
			if a.Mutability == scim.ReadOnly || a.Name == "userName" || rapid.IntRange(0, 3).Draw(t, "has") != 0 {
				continue
			}
			p := filter.Path{Attr: a.Name}
			if s.ID == ent {
				p.URN = ent
			}
			if err := scim.Assign(&o, p, drawValue(t, a)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return onePrimary(t, ty, o)
}

// onePrimary makes the object valid: of several primaries the first stays.
func onePrimary(t *rapid.T, ty *scim.Type, o scim.Object) scim.Object {
	for i := range o {
		l, _ := o[i].Value.(scim.List)
		seen := false
		for j := range l {
			if e, ok := l[j].(scim.Object); ok && e.Get("primary") == true {
				if seen {
					e.Set("primary", false)
				}
				seen = true
			}
		}
	}
	o, err := ty.Check(o, scim.Mode{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

var userPaths = []string{
	"", "userName", "title", "active", "name", "name.givenName", "emails", "emails.value", `emails[type eq "work"]`, `emails[type eq "work"].value`,
	`emails[primary eq "True"].value`, `emails[value eq "a"].primary`, `roles[value sw "x"]`, "addresses", `addresses[type eq "home"].country`,
	"manager", ent + ":manager.value", ent + ":department", ent, "x509Certificates", "id", "shoe", "schemas", `emails[not (type eq "work")]`,
}

func drawPatch(t *rapid.T, ty *scim.Type) scim.Patch {
	p := scim.Patch{Strict: rapid.Bool().Draw(t, "strict")}
	for range rapid.IntRange(1, 4).Draw(t, "operations") {
		op := scim.Operation{Op: rapid.SampledFrom([]scim.Op{scim.OpAdd, scim.OpReplace, scim.OpRemove}).Draw(t, "op")}
		if s := rapid.SampledFrom(userPaths).Draw(t, "path"); s != "" {
			path, err := filter.ParsePath(s)
			if err != nil {
				t.Fatal(err)
			}
			op.Path = path
		}
		op.Value = drawPatchValue(t, ty, op.Path)
		p.Operations = append(p.Operations, op)
	}
	return p
}

func drawPatchValue(t *rapid.T, ty *scim.Type, p filter.Path) any {
	switch rapid.IntRange(0, 4).Draw(t, "value") {
	case 0:
		return nil
	case 1:
		return drawText(t)
	}
	if a, ok := ty.Attribute(p); ok {
		return drawValue(t, a)
	}
	return drawUser(t, ty)
}

// A patch is made as a whole or not at all, never touches the original, and leaves what Check would.
func TestPatchAtomicAndValid(t *testing.T) {
	ty := scim.UserType()
	rapid.Check(t, func(t *rapid.T) {
		o := drawUser(t, ty)
		kept := o.Clone()
		p := drawPatch(t, ty)
		got, changed, err := p.Apply(ty, o)
		if show(o) != show(kept) {
			t.Fatalf("the original changed: %s", show(o))
		}
		if err != nil {
			if changed || show(got) != show(o) {
				t.Fatalf("%v, yet changed to %s", err, show(got))
			}
			return
		}
		if changed == scim.Equal(got, o) {
			t.Fatalf("changed is %v", changed)
		}
		checked, err := ty.Check(got, scim.Mode{Strict: true, RefuseUnknown: true})
		if err != nil || !scim.Equal(checked, got) {
			t.Fatalf("%s\nby %s\nbecame %s\nwhich checks as %s, %v", show(o), show(p.Object()), show(got), show(checked), err)
		}
	})
}

// The changes of a diff, made on the first object, give the second.
func TestDiffApplies(t *testing.T) {
	ty := scim.UserType()
	rapid.Check(t, func(t *rapid.T) {
		before, after := withoutHollow(drawUser(t, ty)), withoutHollow(drawUser(t, ty))
		got := before.Clone()
		changes := scim.Diff(before, after)
		for _, c := range changes {
			p, err := filter.ParsePath(c.Path)
			if err != nil {
				t.Fatal(err)
			}
			if err := scim.Assign(&got, p, scim.CloneValue(c.After)); err != nil {
				t.Fatalf("%s: %v", c.Path, err)
			}
		}
		if !scim.Equal(got, after) {
			t.Fatalf("%s\n to %s\ngot %s\nby %v", show(before), show(after), show(got), changes)
		}
		if len(changes) == 0 != scim.Equal(before, after) {
			t.Fatal("changes, though equal")
		}
	})
}

// withoutHollow drops values with nothing but a type and primary.
func withoutHollow(o scim.Object) scim.Object {
	for _, a := range slices.Clone(o) {
		if l, ok := a.Value.(scim.List); ok {
			o.Set(a.Name, slices.DeleteFunc(l, func(e any) bool {
				v, ok := e.(scim.Object)
				v = v.Clone()
				v.Delete("type")
				v.Delete("primary")
				return ok && len(v) == 0
			}))
		}
	}
	return o
}

// What Members says is what Apply does.
func TestMembersAgrees(t *testing.T) {
	ty := scim.GroupType()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Map(rapid.IntRange(0, 5), strconv.Itoa)
		members := func() (l scim.List) {
			for _, v := range rapid.SliceOfNDistinct(id, 0, 4, rapid.ID).Draw(t, "ids") {
				l = append(l, scim.Object{{Name: "value", Value: v}})
			}
			return l
		}
		o := scim.Object{{Name: "displayName", Value: "G"}}
		o.Set("members", members())
		var p scim.Patch
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			op := scim.Operation{Path: filter.Path{Attr: "members"}, Op: rapid.SampledFrom([]scim.Op{scim.OpAdd, scim.OpReplace, scim.OpRemove}).Draw(t, "op")}
			op.Value = members()
			if op.Op == scim.OpRemove && rapid.Bool().Draw(t, "filter") {
				op.Value = nil
				op.Path.Filter = filter.Compare{Path: filter.Path{Attr: "value"}, Op: filter.Eq, Value: id.Draw(t, "id")}
			}
			p.Operations = append(p.Operations, op)
		}
		want, _, err := p.Apply(ty, o)
		d, rest, ok := p.Members()
		if err != nil || !ok || len(rest.Operations) > 0 {
			t.Fatal(err, ok, rest)
		}
		if got := applyDelta(o, d); !scim.Equal(got, want) {
			t.Fatalf("%s by %s\n got %s\nwant %s", show(o), show(p.Object()), show(got), show(want))
		}
	})
}

func applyDelta(o scim.Object, d scim.MemberDelta) scim.Object {
	ids := map[string]bool{}
	old, _ := o.Get("members").(scim.List)
	for _, m := range old {
		ids[m.(scim.Object).Text("value")] = !d.Replace
	}
	for _, id := range d.Remove {
		ids[id] = false
	}
	for _, m := range d.Add {
		ids[m.Text("value")] = true
	}
	var l scim.List
	for id, in := range ids {
		if in {
			l = append(l, scim.Object{{Name: "value", Value: id}})
		}
	}
	o = o.Clone()
	o.Set("members", l)
	return o
}

// Encoding and decoding gives the same object; neither the order of attributes nor that of lists matters to Equal and Hash.
func TestJSONAndHash(t *testing.T) {
	ty := scim.UserType()
	rapid.Check(t, func(t *rapid.T) {
		o := drawUser(t, ty)
		back, err := scim.DecodeObject(scim.AppendJSON(nil, o))
		if err != nil || show(back) != show(o) {
			t.Fatalf("%s came back as %s, %v", show(o), show(back), err)
		}
		shuffled := shuffle(t, o).(scim.Object)
		if !scim.Equal(o, shuffled) || scim.Hash(o) != scim.Hash(shuffled) {
			t.Fatalf("%s\nis not %s", show(o), show(shuffled))
		}
		other := drawUser(t, ty)
		if scim.Equal(o, other) != (scim.Hash(o) == scim.Hash(other)) {
			t.Fatalf("%s\nand %s", show(o), show(other))
		}
	})
}

func shuffle(t *rapid.T, v any) any {
	switch v := v.(type) {
	case scim.Object:
		out := slices.Clone(v)
		for i := range out {
			out[i].Value = shuffle(t, out[i].Value)
		}
		return rapid.Permutation(out).Draw(t, "attributes")
	case scim.List:
		out := slices.Clone(v)
		for i := range out {
			out[i] = shuffle(t, out[i])
		}
		return rapid.Permutation(out).Draw(t, "elements")
	}
	return v
}

// A projection never shows a password, always shows id and schemas, and shows nothing that is not there.
func TestProjectionProperty(t *testing.T) {
	ty := scim.UserType()
	rapid.Check(t, func(t *rapid.T) {
		o := drawUser(t, ty)
		o = append(o, scim.Attr{Name: "id", Value: "1"})
		var p scim.Projection
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			s := rapid.SampledFrom([]string{"userName", "name.givenName", "emails", "emails.value", "password", ent, ent + ":department", "id", "schemas"}).Draw(t, "path")
			path, err := filter.ParsePath(s)
			if err != nil {
				t.Fatal(err)
			}
			if p.Include == nil && rapid.Bool().Draw(t, "exclude") || p.Exclude != nil {
				p.Exclude = append(p.Exclude, path)
			} else {
				p.Include = append(p.Include, path)
			}
		}
		got := p.Apply(ty, o)
		if got.Has("password") || got.Text("id") != "1" || !got.Has("schemas") {
			t.Fatalf("%v of %s is %s", p, show(o), show(got))
		}
		for _, c := range scim.Diff(o, got) {
			if c.After != nil && c.Before == nil {
				t.Fatalf("%s appeared", c.Path)
			}
		}
	})
}
