package store

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"lockstep/connection"
	"lockstep/plan"
)

// FuzzReferences: what references are kept as is JSON, and is read as what it was; what is no such text is an error, and no panic.
func FuzzReferences(f *testing.F) {
	f.Add("members", "01a2", `Ada "the \ first" <ada> & ü`+"\n\u2028", `[["a","b","c","d","e",""]]`)
	f.Add("", "", "", `[["a","b","c","d","e"`)
	f.Add(`\`, `"`, `],[`, `[["\u00e9","\"","\\","","","gone"],["a","b","c","d","e","stays"]]`)
	f.Fuzz(func(t *testing.T, attribute, id, name, text string) {
		valid := func(s string) string { return strings.ToValidUTF8(s, "?") }
		refs := []plan.RowReference{
			{Attribute: valid(attribute), To: plan.End{Ref: connection.Ref{Type: "User", ID: valid(id)}, Name: valid(name)}, Target: valid(id)},
			{Attribute: valid(name), To: plan.End{Ref: connection.Ref{Type: valid(attribute)}}, Gone: true},
			{Attribute: "manager", To: plan.End{Name: valid(name)}, Gone: true, Stays: true},
		}
		for n := range refs {
			got, err := refsOf(refsText(refs[:n]))
			if err != nil || !slices.Equal(got, refs[:n]) && n > 0 {
				t.Fatalf("%q is read as %+v, %v", refsText(refs[:n]), got, err)
			}
		}
		got, err := refsOf(text)
		var want [][6]string
		if json.Unmarshal([]byte(text), &want) != nil || len(want) == 0 || refsText(got) != text { // written by somebody else
			return
		}
		if err != nil || len(got) != len(want) {
			t.Fatalf("%q is read as %+v, %v", text, got, err)
		}
		for i, w := range want {
			if r := got[i]; r.Attribute != w[0] || r.To.Type != w[1] || r.To.ID != w[2] || r.To.Name != w[3] || r.Target != w[4] {
				t.Fatalf("%q is read as %+v", text, got)
			}
		}
	})
}
