package scim_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"lockstep/scim"
)

func TestDecodeObject(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"RFC 7643 §2.5: null, [] and {} are nothing", `{"a":null,"b":[],"c":{},"d":[null,{},{"e":null}],"f":{"g":null}}`, `{}`},
		{"numbers", `{"a":1,"b":-1.0,"c":1e3,"d":1.5,"e":9223372036854775807,"f":1e300,"g":-0}`, `{"a":1,"b":-1,"c":1000,"d":1.5,"e":9223372036854775807,"f":1e+300,"g":0}`},
		{"text", `{"a":"\u00e9\n\"\\\/","b":""}`, `{"a":"é\n\"\\/","b":""}`},
		{"order stays", `{"b":true,"a":[{"y":1,"x":"2"}]}`, `{"b":true,"a":[{"y":1,"x":"2"}]}`},
	} {
		o, err := scim.DecodeObject([]byte(c.text))
		if got := show(o); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestDecodeObjectErrors(t *testing.T) {
	many := func(name string) string {
		var b strings.Builder
		for i := range 40 {
			b.WriteString(`"a` + strings.Repeat("x", i) + `":1,`)
		}
		return `{` + b.String() + `"` + name + `":1}`
	}
	for name, text := range map[string]string{
		"empty":                               ``,
		"not an object":                       `[]`,
		"null":                                `null`,
		"a string":                            `"x"`,
		"cut":                                 `{"a":1`,
		"something after it":                  `{} {}`,
		"RFC 7643 §2.1: a name twice":         `{"userName":"a","username":"b"}`,
		"a name twice, once null":             `{"userName":null,"username":"b"}`,
		"a name twice among many":             many("AXX"),
		"a name twice in a complex value":     `{"name":{"givenName":"a","GivenName":"b"}}`,
		"a list in a list":                    `{"a":[["b"]]}`,
		"nested deeper than needed":           strings.Repeat(`{"a":[`, 40) + strings.Repeat(`]}`, 40),
		"a number out of range":               `{"a":1e999}`,
		"invalid UTF-8":                       "{\"a\":\"\xff\"}",
		"half a surrogate pair":               `{"a":"\ud800"}`,
		"a comma too many":                    `{"a":1,}`,
		"a control character in a string":     "{\"a\":\"\x01\"}",
		"a name without a value":              `{"a"}`,
		"a list without an end":               `{"a":[1`,
		"a byte order mark before the object": "\ufeff{}",
	} {
		_, err := scim.DecodeObject([]byte(text))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		checkError(t, err, "400 invalidSyntax")
	}
}

func TestAppendJSON(t *testing.T) {
	o := scim.Object{
		{Name: "a\"b", Value: "\u2028<&>\xff"},
		{Name: "nan", Value: math.NaN()},
		{Name: "f", Value: 1e21},
		{Name: "l", Value: scim.List{int64(1), true, "x"}},
	}
	const want = `{"a\"b":"` + "\u2028" + `<&>�","nan":0,"f":1e+21,"l":[1,true,"x"]}`
	if got := show(o); got != want || !json.Valid([]byte(got)) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	data, err := json.Marshal(map[string]scim.Object{"o": o})
	var back map[string]scim.Object
	if err != nil || json.Unmarshal(data, &back) != nil || back["o"].Get("f") != float64(1e21) {
		t.Errorf("through encoding/json: %s, %v", data, err)
	}
}

func TestHash(t *testing.T) {
	a := object(t, `{"a":1,"b":[{"x":"1","y":true},"z"],"c":{"d":1.5}}`)
	for text, same := range map[string]bool{
		`{"C":{"d":1.5},"b":["z",{"y":true,"x":"1"}],"a":1.0}`:   true,
		`{"a":1,"b":[{"x":"1","y":true},"z","z"],"c":{"d":1.5}}`: false,
		`{"a":"1","b":[{"x":"1","y":true},"z"],"c":{"d":1.5}}`:   false,
		`{"a":1,"b":["z"],"c":{"d":1.5,"x":"1","y":true}}`:       false,
		`{}`: false,
	} {
		b := object(t, text)
		if got := scim.Hash(a) == scim.Hash(b); got != same || got != scim.Equal(a, b) {
			t.Errorf("%s: the same hash: %v, equal: %v", text, got, scim.Equal(a, b))
		}
	}
}

// Comparing long lists in another order is not quadratic: this would take minutes.
func TestEqualLongLists(t *testing.T) {
	const n = 100_000
	a, b := make(scim.List, n), make(scim.List, n)
	for i := range n {
		a[i] = scim.Object{{Name: "value", Value: int64(i)}}
		b[n-1-i] = scim.Object{{Name: "Value", Value: int64(i)}}
	}
	if !scim.Equal(a, b) {
		t.Error("not equal")
	}
	b[0] = b[1]
	if scim.Equal(a, b) {
		t.Error("equal, though one occurs twice")
	}
}
