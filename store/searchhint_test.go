package store

import (
	"testing"

	"lockstep/scim/filter"
)

func TestHint(t *testing.T) {
	for text, want := range map[string]string{
		`nickName eq "Ada"`: "ada",
		`nickName co "x" and (title sw "Eng" or title pr)`: "x",
		`a eq "x" and b ew "long-er"`:                      "long-er",
		`emails[type eq "work" and value sw "ada@x"]`:      "ada@x",
		`not (nickName eq "Ada")`:                          "",
		`nickName ne "Ada"`:                                "",
		`nickName gt "Ada"`:                                "",
		`nickName eq "é"`:                                  "",
		`nickName eq "a\"b"`:                               "",
		`issued eq "2026-01-01T00:00:00Z"`:                 "",
		`id eq "Ada"`:                                      "",
		`meta.resourceType eq "User"`:                      "",
		`active eq true`:                                   "",
		`a eq "x" or b eq "y"`:                             "",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := hint(e); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for _, c := range []struct {
		doc, text string
		want      bool
	}{
		{`{"nickName":"ADA"}`, "ada", true},
		{`{"nickName":"ad"}`, "ada", false},
		{`{"nickName":"adad"}`, "dad", true},
		{`{"nickName":"ad`, "ada", false},
		{`{"nickName":"` + "\u212a" + `"}`, "k", true}, // the Kelvin sign is a K
		{`{}`, "", true},
		{`{}`, "x", false},
	} {
		if got := mayHold([]byte(c.doc), c.text); got != c.want {
			t.Errorf("%s may hold %q: %v", c.doc, c.text, got)
		}
	}
}
