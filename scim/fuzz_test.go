package scim_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"

	"lockstep/scim"
)

// FuzzDecode: whatever the bytes, DecodeObject ends without a panic. What it returns holds no null, no empty list or object
// and no list in a list, and encodes to bytes that decode to the same object.
func FuzzDecode(f *testing.F) {
	f.Add(userJSON(f))
	for _, s := range []string{`{"a":[1,-1.5,1e400,null,{"b":{}}]}`, `{"a":1,"A":2}`, `{"\u0061":"\ud83d\ude00"}`, `[]`, `{"a":[[1]]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := scim.DecodeObject(data)
		if err != nil {
			checkError(t, err, "400 invalidSyntax")
			return
		}
		checkWhole(t, o)
		text := show(o)
		again, err := scim.DecodeObject([]byte(text))
		if err != nil || show(again) != text || !scim.Equal(o, again) || scim.Hash(o) != scim.Hash(again) {
			t.Fatalf("%s came back as %s, %v", text, show(again), err)
		}
	})
}

func checkWhole(t *testing.T, v any) {
	switch v := v.(type) {
	case string, bool, int64, float64:
	case scim.Object:
		for _, a := range v {
			if o, ok := a.Value.(scim.Object); ok && len(o) == 0 {
				t.Fatal("an empty object")
			}
			checkWhole(t, a.Value)
		}
	case scim.List:
		if len(v) == 0 {
			t.Fatal("an empty list")
		}
		for _, e := range v {
			if _, ok := e.(scim.List); ok {
				t.Fatal("a list in a list")
			}
			checkWhole(t, e)
		}
	default:
		t.Fatalf("a value of type %T", v)
	}
}

// FuzzPatch: whatever the bytes, ParsePatch and Apply end without a panic; an error leaves everything as it was; a result is
// one that Check accepts and would not change.
func FuzzPatch(f *testing.F) {
	files, err := filepath.Glob("testdata/patch/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range txtar.Parse(data).Files {
			if part.Name == "patch" {
				f.Add(part.Data, false)
			}
		}
	}
	types := []*scim.Type{scim.UserType(), scim.GroupType()}
	var objects []scim.Object
	for i, text := range []string{string(userJSON(f)), `{"displayName":"G","members":[{"value":"1"},{"value":"2","type":"User"}]}`} {
		o, err := types[i].Check(object(f, text), scim.Mode{})
		if err != nil {
			f.Fatal(err)
		}
		objects = append(objects, o)
	}
	f.Fuzz(func(t *testing.T, data []byte, strict bool) {
		p, err := scim.ParsePatch(data, scim.Limits{})
		if err != nil {
			return
		}
		p.Strict = strict
		p.Members()
		for i, o := range objects {
			before := show(o)
			got, changed, err := p.Apply(types[i], o)
			if show(o) != before || err != nil && (changed || show(got) != before) {
				t.Fatalf("half applied: %s, %v", show(o), err)
			}
			if err != nil {
				continue
			}
			if checked, err := types[i].Check(got, scim.Mode{Strict: true, RefuseUnknown: true}); err != nil || !scim.Equal(checked, got) {
				t.Fatalf("%s\nchecks as %s, %v", show(got), show(checked), err)
			}
		}
	})
}

// FuzzBulk: whatever the bytes, ParseBulk ends without a panic. Its operations are each in one wave or circular, print as a
// request that reads as the same, and refer to nothing once all is resolved.
func FuzzBulk(f *testing.F) {
	f.Add([]byte(`{"failOnErrors":1,"Operations":[{"method":"POST","path":"/Users","bulkId":"q","data":{"userName":"a"}},{"method":"PATCH","path":"/Groups/bulkId:q","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:q"}]}]}}]}`))
	f.Add([]byte(`{"operations":[{"method":"post","path":"/Groups","bulkId":"a","data":"{\"members\":[{\"value\":\"bulkId:a\"}]}"},{"method":"DELETE","path":"/Users/1"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := scim.ParseBulk(data, scim.Limits{})
		if err != nil {
			return
		}
		waves, circular := r.Waves()
		all := append(slices.Concat(waves...), circular...)
		slices.Sort(all)
		for i := range all {
			if all[i] != i || len(all) != len(r.Operations) {
				t.Fatalf("waves %v, circular %v", waves, circular)
			}
		}
		again, err := scim.ParseBulk(scim.AppendJSON(nil, r.Object()), scim.Limits{})
		if err != nil || show(again.Object()) != show(r.Object()) {
			t.Fatalf("%s\ncame back as %s, %v", show(r.Object()), show(again.Object()), err)
		}
		for _, op := range r.Operations {
			op.Split()
			if refs := op.Resolve(func(string) (string, bool) { return "id", true }).References(); len(refs) > 0 {
				t.Fatalf("%v is left of %v", refs, op)
			}
		}
	})
}
