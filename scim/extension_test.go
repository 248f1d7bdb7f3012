package scim

import (
	"errors"
	"strings"
	"testing"
)

// TestRetain: a replacement cannot change what is read-only or immutable in an extension, and what it leaves out of these stays.
func TestRetain(t *testing.T) {
	fixed := []Attribute{{Name: "free"}, {Name: "once", Mutability: Immutable}, {Name: "ours", Mutability: ReadOnly}}
	typ, err := NewType(ResourceType{Name: "User", Schema: UserURN, Extensions: []Extension{{Schema: "urn:x:2.0:X"}, {Schema: "urn:x:2.0:Y"}}},
		UserSchema(), &Schema{ID: "urn:x:2.0:Y", Attributes: fixed[:1]},
		&Schema{ID: "urn:x:2.0:X", Attributes: append(fixed, Attribute{Name: "one", Type: Complex, SubAttributes: fixed},
			Attribute{Name: "many", Type: Complex, MultiValued: true, SubAttributes: fixed})})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ before, after, want string }{
		{`{}`, `{"once": "a"}`, `{"once": "a"}`},
		{`{"free": "f", "once": "a", "ours": "b"}`, `{}`, `{"once": "a", "ours": "b"}`},
		{`{"once": "a", "ours": "b"}`, `{"once": "a", "ours": "c", "free": "f"}`, `{"once": "a", "ours": "b", "free": "f"}`},
		{`{"once": "a"}`, `{"once": "b"}`, `mutability`},
		{`{"one": {"free": "f", "ours": "b"}}`, `{}`, `{"one": {"ours": "b"}}`},
		{`{"one": {"once": "a"}}`, `{"one": {"once": "b"}}`, `mutability`},
		{`{"many": [{"once": "a", "ours": "b"}]}`, `{"many": [{"once": "b"}]}`, `{"many": [{"once": "b"}]}`},
	} {
		parse := func(ext string) Object {
			o, err := DecodeObject([]byte(`{"userName": "ada", "urn:x:2.0:X": ` + ext + `, "urn:x:2.0:Y": {"free": "y"}}`))
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		before, after := parse(c.before), parse(c.after)
		err := typ.Retain(before, &after)
		if !strings.HasPrefix(c.want, "{") {
			if e, ok := errors.AsType[*Error](err); !ok || e.Type != c.want {
				t.Errorf("%s to %s: %v", c.before, c.after, err)
			}
			continue
		}
		if err != nil || !Equal(after, parse(c.want)) || !Equal(before, parse(c.before)) {
			t.Errorf("%s to %s: %v, %v", c.before, c.after, after, err)
		}
	}
}
