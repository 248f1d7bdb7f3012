package filter_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"lockstep/scim/filter"
)

// TestParse: text, and how it prints; "" when it prints as it is.
func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"RFC 7644 figure 1", `userName eq "bjensen"`, ""},
		{"RFC 7644 figure 1", `name.familyName co "O'Malley"`, ""},
		{"RFC 7644 figure 1", `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, ""},
		{"RFC 7644 figure 1", `title pr`, ""},
		{"RFC 7644 figure 1", `meta.lastModified gt "2011-05-13T04:42:34Z"`, ""},
		{"RFC 7644 figure 1", `title pr and userType eq "Employee"`, ""},
		{"RFC 7644 figure 1", `schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`, ""},
		{"RFC 7644 figure 1", `userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`, ""},
		{"RFC 7644 figure 1", `userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`, ""},
		{"RFC 7644 figure 1", `userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`, ""},
		{"RFC 7644 figure 1", `emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`, ""},
		{"and before or", `a eq 1 or b eq 2 and c eq 3`, ""},
		{"scim2/filter-parser#18: brackets stay", `(a eq 1 or b eq 2) and c eq 3`, ""},
		{"needless brackets go", `((a eq 1) and (b eq 2))`, `a eq 1 and b eq 2`},
		{"grouping is not lost", `(a eq 1 and b eq 2) and c eq 3`, ""},
		{"wso2/product-is#20511: upper-case AND", `a eq 1 AND b eq 2 Or NOT (c PR)`, `a eq 1 and b eq 2 or not (c pr)`},
		{"scim-for-keycloak#167: upper-case EQ", `userName EQ "x"`, `userName eq "x"`},
		{"elimity-com/scim#150, keycloak#50366", `emails[type eq "work"].value eq "x"`, ""},
		{"a sub-attribute of a value path is present", `emails[type eq "work"].value pr`, ""},
		{"scimmy#33, pingidentity/scim2#22: $ref", `members[$ref eq null and value eq "1"]`, ""},
		{"pond/scimitar#116: URN", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "1"`, ""},
		{"elimity-com/scim#133: + stays", `userName eq "a+b@x"`, ""},
		{"not within a value path", `emails[not (type eq "work")]`, ""},
		{"more than one space", `  a   eq  1  and  ( b pr )  `, `a eq 1 and b pr`},
		{"not without a space", `not(a pr)`, `not (a pr)`},
		{"numbers", `a eq -1 and b eq 1.5 and c eq 1.0 and d eq 1e3`, `a eq -1 and b eq 1.5 and c eq 1 and d eq 1000`},
		{"literals in any case", `a eq TRUE and b eq False and c eq NULL`, `a eq true and b eq false and c eq null`},
		{"escapes", `a eq "\u0041\"\\\n\ud83d\ude00"`, `a eq "A\"\\\u000a😀"`},
		{"names that begin like keywords", `note eq "x" and orange eq "y" and android pr`, ""},
		{"Webex: a dot after the URN", `urn:scim:schemas:extension:cisco:webexidentity:2.0:Group.usage eq "policy"`, `urn:scim:schemas:extension:cisco:webexidentity:2.0:Group:usage eq "policy"`},
		{"a URN that ends with its version", `urn:example:1.0:colour eq "red"`, ""},
		{"a schema is present", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := filter.Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				c.want = c.text
			}
			if e.String() != c.want {
				t.Errorf("%s\n got %s\nwant %s", c.text, e, c.want)
			}
			again, err := filter.Parse(e.String())
			if err != nil || !reflect.DeepEqual(e, again) {
				t.Errorf("%s: parsed again as %#v, %v", e, again, err)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	long := `a eq "` + strings.Repeat("x", 9000) + `"`
	for _, c := range []struct {
		text   string
		column int
		reason string
	}{
		{``, 1, "empty"},
		{`   `, 4, "empty"},
		{`EQ`, 3, "expected an operator, found end"}, // panics imulab/go-scim
		{`(`, 2, "expected an attribute, found end"}, // so does this
		{`emails eq`, 10, "expected a value, found end"},
		{`a eq 1)`, 7, `unexpected ")"`},
		{`(a eq 1`, 8, `expected ")", found end`},
		{`a eq 1 b eq 2`, 8, `unexpected "b"`},
		{`a is 1`, 3, `unknown operator "is"`},
		{`a gt true`, 6, "the operator gt does not apply to true"},
		{`a le null`, 6, "the operator le does not apply to null"},
		{`a co 1`, 6, "the operator co does not apply to 1"},
		{`not a eq 1`, 5, "not needs brackets (RFC 7644 §3.4.2.2)"},
		{`a eq x`, 6, `expected a value, found "x"`},
		{`a eq 'x'`, 6, "a value stands in straight double quotes (RFC 7644 §3.4.2.2)"},
		{"a eq “x”", 6, "a value stands in straight double quotes (RFC 7644 §3.4.2.2)"},
		{`a eq 01`, 6, `expected a value, found "01"`},
		{`a eq 1e999`, 6, `expected a value, found "1e999"`},
		{`a eq "x`, 6, "a string without an end"},
		{`a eq "\q"`, 6, "a string that is not JSON"},
		{"a eq \"\n\"", 7, "a control character in a string"},
		{`é eq 1`, 1, `expected an attribute, found "é"`},
		{`ü[a eq 1`, 1, `expected an attribute, found "ü"`},
		{`a[b eq 1`, 9, `expected "]", found end`},
		{`a[b[c eq 1] eq 1]`, 4, "a value path within a value path"},
		{`a.b[c eq 1]`, 4, "brackets must follow an attribute"},
		{`a[b eq 1].`, 11, "expected a sub-attribute, found end"},
		{`a.b.c eq 1`, 1, `no attribute name: "a.b.c"`},
		{`1a eq 1`, 1, `no attribute name: "1a"`},
		{`User:a eq 1`, 1, "a colon in a path that does not begin with urn:"},
		{"a eq \"\xff\"", 1, "not valid UTF-8"},
		{long, 1, "longer than 8192 bytes"},
		{strings.Repeat("(", 40) + "a pr", 34, "more than 32 brackets deep"},
		{strings.Repeat("a pr or ", 500) + "a pr", 4001, "more than 500 comparisons"},
	} {
		_, err := filter.Parse(c.text)
		e, ok := errors.AsType[*filter.Error](err)
		if !ok || e.Column != c.column || e.Reason != c.reason {
			t.Errorf("%.40q: error %v, want %q at column %d", c.text, err, c.reason, c.column)
		}
	}
}

func TestParserUnquoted(t *testing.T) {
	p := filter.Parser{Unquoted: true}
	for text, want := range map[string]string{ // Microsoft's samples
		`userName sw O`:                        `userName sw "O"`,
		`meta.created gt 2019-07-01T00:00:00Z`: `meta.created gt "2019-07-01T00:00:00Z"`,
		`(externalId eq a-b)`:                  `externalId eq "a-b"`,
		`active eq true`:                       `active eq true`,
	} {
		e, err := p.Parse(text)
		if err != nil || e.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, e, err, want)
		}
	}
}

// TestParsePath: path, and its parts.
func TestParsePath(t *testing.T) {
	const ent = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	work := filter.Compare{Path: filter.Path{Attr: "type"}, Op: filter.Eq, Value: "work"}
	for _, c := range []struct {
		text string
		want filter.Path
	}{
		{"members", filter.Path{Attr: "members"}},
		{"name.familyName", filter.Path{Attr: "name", Sub: "familyName"}},
		{`emails[type eq "work"]`, filter.Path{Attr: "emails", Filter: work}},
		{`emails[type eq "work"].value`, filter.Path{Attr: "emails", Filter: work, Sub: "value"}},
		{ent, filter.Path{URN: ent}},
		{ent + ":department", filter.Path{URN: ent, Attr: "department"}},
		{ent + ":manager.value", filter.Path{URN: ent, Attr: "manager", Sub: "value"}},
		{ent + ".department", filter.Path{URN: ent, Attr: "department"}},
		{ent + ".manager.value", filter.Path{URN: ent, Attr: "manager", Sub: "value"}},
		{ent + `:emails[type eq "work"].value`, filter.Path{URN: ent, Attr: "emails", Filter: work, Sub: "value"}},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department", filter.Path{URN: "urn:ietf:params:scim:schemas:extension:enterprise:2.0User", Attr: "department"}},
		{"urn:scim:schemas:core:1.0", filter.Path{URN: "urn:scim:schemas:core:1.0"}},
		{"urn:acme:person:shoeSize", filter.Path{URN: "urn:acme:person", Attr: "shoeSize"}},
	} {
		p, err := filter.ParsePath(c.text)
		if err != nil || !reflect.DeepEqual(p, c.want) {
			t.Errorf("%s: %+v, %v", c.text, p, err)
		}
		again, err := filter.ParsePath(p.String())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%s: printed as %s, read again as %+v, %v", c.text, p, again, err)
		}
	}
	for _, text := range []string{"", "a b", "a[", "a.", ".a", "a:b", "urn:", "urn:a:", "a[b eq 1]c", "a eq 1", "[a eq 1]"} {
		if p, err := filter.ParsePath(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, p)
		}
	}
}
