package scim_test

import (
	"os"
	"strconv"
	"testing"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// userJSON is a user of 1.7 KB, as Entra ID creates them.
func userJSON(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/user.json")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func BenchmarkDecode(b *testing.B) {
	data := userJSON(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scim.DecodeObject(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeCheck is what a create costs before it is stored; the bar is 40 µs.
func BenchmarkDecodeCheck(b *testing.B) {
	data, t := userJSON(b), scim.UserType()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		o, err := scim.DecodeObject(data)
		if err == nil {
			_, err = t.Check(o, scim.Mode{})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	o := object(b, string(userJSON(b)))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = scim.AppendJSON(buf[:0], o)
	}
}

func BenchmarkHash(b *testing.B) {
	o := object(b, string(userJSON(b)))
	b.ReportAllocs()
	for b.Loop() {
		scim.Hash(o)
	}
}

func BenchmarkMatch(b *testing.B) {
	o := object(b, string(userJSON(b)))
	e, err := filter.Parse(`emails[type eq "work"].value eq "ada.lovelace@example.com" and active eq true and not (title co "intern")`)
	if err != nil {
		b.Fatal(err)
	}
	match := filter.Compile(e, scim.UserType().FilterTypes())
	b.ReportAllocs()
	for b.Loop() {
		if !match(o) {
			b.Fatal("no match")
		}
	}
}

func BenchmarkParsePatch(b *testing.B) {
	data := []byte(`{"Operations":[{"op":"Replace","path":"active","value":"False"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@x"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scim.ParsePatch(data, scim.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	t := scim.UserType()
	o, err := t.Check(object(b, string(userJSON(b))), scim.Mode{})
	if err != nil {
		b.Fatal(err)
	}
	p, err := scim.ParsePatch([]byte(`{"Operations":[{"op":"Replace","path":"active","value":"False"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@x"}]}`), scim.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Apply(t, o); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMembers reads a patch of 1,000 members without a group.
func BenchmarkMembers(b *testing.B) {
	p := scim.Patch{Operations: []scim.Operation{{Op: scim.OpAdd, Path: filter.Path{Attr: "members"}}}}
	var list scim.List
	for i := range 1000 {
		list = append(list, scim.Object{{Name: "value", Value: strconv.Itoa(i)}})
	}
	p.Operations[0].Value = list
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := p.Members(); !ok {
			b.Fatal("not read")
		}
	}
}
