package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/store"
)

// The URNs of two extensions, one of users and one of groups.
const (
	skillURN = "urn:example:schemas:Skill:2.0:User"
	roomURN  = "urn:example:schemas:Room:2.0:Group"
)

// skill is an extension whose attributes have indexes where filterable is true.
func skill(urn string, kind directory.Kind, filterable bool) directory.Extension {
	attribute := func(name, typ string, change func(*scim.Attribute)) scim.Attribute {
		a := scim.Attribute{Name: name, Type: typ, Filterable: filterable && typ != scim.Complex}
		if change != nil {
			change(&a)
		}
		return a
	}
	many := func(a *scim.Attribute) { a.MultiValued = true }
	return directory.Extension{Kind: kind, Schema: scim.Schema{ID: urn, Name: "Skill", Attributes: []scim.Attribute{
		attribute("word", scim.String, nil),
		attribute("Exact", scim.String, func(a *scim.Attribute) { a.CaseExact = true }),
		attribute("tags", scim.String, many),
		attribute("level", scim.Integer, nil),
		attribute("share", scim.Decimal, nil),
		attribute("since", scim.DateTime, nil),
		attribute("open", scim.Boolean, nil),
		attribute("parts", scim.Complex, func(a *scim.Attribute) {
			a.MultiValued = true
			a.SubAttributes = []scim.Attribute{attribute("value", scim.String, nil), attribute("size", scim.Integer, nil), {Name: "primary", Type: scim.Boolean}}
		}),
	}}}
}

// skilled returns the values of the i-th.
func skilled(i int) scim.Object {
	pick := func(n int) string { return words[(i*7+n*3)%len(words)] }
	o := scim.Object{{Name: "word", Value: pick(1)}}
	if i%3 > 0 {
		o.Set("Exact", pick(2))
		o.Set("tags", scim.List{pick(3), pick(4) + "1"})
		o.Set("level", int64(i%5-2))
		o.Set("open", i%2 == 0)
	}
	if i%4 > 0 {
		o.Set("share", []any{0.5, int64(2), -0.25, 1e300}[i%4])
		o.Set("since", []string{"2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-02T00:00:00", "2026-01-01T00:00:00.0005Z"}[i/4%4])
		o.Set("parts", scim.List{scim.Object{{Name: "value", Value: pick(5)}, {Name: "size", Value: int64(i % 3)}}, scim.Object{{Name: "size", Value: int64(9)}}})
	}
	return o
}

// skills are what filters on the extension are made of: paths, and values that some have.
var skills = []struct {
	path   string
	values []string // "" draws a word
	ops    []string
}{
	{"word", nil, nil},
	{"Exact", nil, nil},
	{"tags", nil, nil},
	{"tags.value", nil, nil},
	{"parts.value", nil, nil},
	{"parts", nil, nil},
	{"level", []string{"-2", "0", "2", "2.0", "9"}, []string{"eq", "ne", "gt", "ge", "lt", "le"}},
	{"share", []string{"0.5", "2", "-0.25", "1e300"}, []string{"eq", "ne", "gt", "le"}},
	{"since", []string{`"2026-01-01T00:00:00Z"`, `"2026-01-02T02:00:00+02:00"`, `"2026-01-01T00:00:00.0005Z"`, `"2026"`}, []string{"eq", "ne", "gt", "le", "sw"}},
	{"open", []string{"true", "false"}, []string{"eq", "ne"}},
	{"parts.size", []string{"0", "1", "9"}, []string{"eq", "ne", "gt"}},
}

// skillFilter draws a filter on the extension.
func (s *staff) skillFilter(t *rapid.T, urn string, depth int) string {
	inner := func() string { return s.skillFilter(t, urn, depth-1) }
	switch n := rapid.IntRange(0, 9).Draw(t, "form"); {
	case depth > 0 && n < 2:
		return "(" + inner() + " and " + inner() + ")"
	case depth > 0 && n < 4:
		return "(" + inner() + " or " + inner() + ")"
	case depth > 0 && n < 5:
		return "not (" + inner() + ")"
	case n == 6:
		return fmt.Sprintf(`%s:parts[value %s %s and size gt 0]`, urn, rapid.SampledFrom([]string{"eq", "sw", "ne"}).Draw(t, "op"), filter.Quote(s.word(t)))
	}
	k := rapid.SampledFrom(skills).Draw(t, "attribute")
	path := urn + ":" + k.path
	if rapid.IntRange(0, 5).Draw(t, "present") == 0 {
		return path + " pr"
	}
	if k.values == nil {
		return path + " " + rapid.SampledFrom([]string{"eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}).Draw(t, "op") + " " + filter.Quote(s.word(t))
	}
	return path + " " + rapid.SampledFrom(k.ops).Draw(t, "op") + " " + rapid.SampledFrom(k.values).Draw(t, "value")
}

// testSearchExtension: every filter on a tenant's own attributes finds exactly what it matches in memory: without indexes, with
// indexes that grew with the people, and with indexes made afterwards.
func testSearchExtension(t *testing.T, open Open) {
	at := noon
	for _, mode := range []string{"none", "grown", "made"} {
		t.Run(mode, func(t *testing.T) {
			s := &staff{company: found(t, open, store.Config{Now: func() time.Time { at = at.Add(250 * time.Microsecond); return at }})}
			define := func(filterable bool) {
				s.commit(directory.PutExtension{Extension: skill(skillURN, directory.UserKind, filterable)}, directory.PutExtension{Extension: skill(roomURN, directory.GroupKind, filterable)})
			}
			define(mode == "grown")
			for i := range 30 {
				p := person(fmt.Sprint("u", i), "displayName", words[i%len(words)])
				if i%6 > 0 {
					p.User.Attributes.Set(skillURN, skilled(i))
				}
				g := directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: scim.Object{{Name: "displayName", Value: fmt.Sprint("g", i)}}}
				if i%5 > 0 {
					g.Attributes.Set(roomURN, skilled(i+1))
				}
				s.commit(p, directory.PutGroup{Group: g})
				if i%4 == 0 { // change everything, and delete some
					p.User.Version = 1
					p.User.Attributes.Set(skillURN, skilled(i+11))
					s.commit(p)
				}
				if i%9 == 0 {
					s.commit(directory.DeleteUser{ID: p.User.ID}, directory.DeleteGroup{ID: g.ID, Purge: true})
				}
			}
			if mode == "made" {
				define(true)
			}
			s.indexed()
			schemas, err := s.db.Schemas(t.Context(), s.tenant)
			s.ok(err)
			s.users, s.groups = schemas.Type(directory.UserKind), schemas.Type(directory.GroupKind)
			s.load()
			rapid.Check(t, func(t *rapid.T) {
				k, urn := directory.UserKind, skillURN
				if rapid.Bool().Draw(t, "groups") {
					k, urn = directory.GroupKind, roomURN
				}
				text := s.skillFilter(t, urn, 3)
				e, err := filter.Parse(text)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if e, err = s.typ(k).Filter(e); err != nil {
					t.Skip(err)
				}
				q := directory.Search{Kind: k, Filter: e, Types: s.typ(k).FilterTypes(), Limit: 1000}
				q.SortBy = rapid.SampledFrom([]filter.Path{{}, {URN: urn, Attr: "word"}, {URN: urn, Attr: "level"}}).Draw(t, "sort")
				s.compare(t, text, q)
				s.walk(t, text, q)
			})
		})
	}
}

// indexed waits until the indexes of the tenant's extensions are complete. What it writes meanwhile takes its turn with them.
func (c company) indexed() {
	c.Helper()
	for {
		schemas, err := c.db.Schemas(c.Context(), c.tenant)
		c.ok(err)
		if !slices.ContainsFunc(schemas.Extensions, func(e directory.Extension) bool { return e.Indexing }) {
			return
		}
		c.ok(c.db.SetValue(c.Context(), c.tenant, "turn", "x"))
	}
}

// testExtensions: what is kept is valid by the definition that holds, and whoever would make it otherwise is told so.
func testExtensions(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	put := func(change func(*directory.Extension)) directory.PutExtension {
		e := skill(skillURN, directory.UserKind, true)
		if change != nil {
			change(&e)
		}
		return directory.PutExtension{Extension: e}
	}
	attribute := func(name string, f func(*scim.Attribute)) func(*directory.Extension) {
		return func(e *directory.Extension) { f(e.Schema.Attribute(name)) }
	}
	without := func(name string) func(*directory.Extension) {
		return func(e *directory.Extension) {
			e.Schema.Attributes = slices.DeleteFunc(e.Schema.Attributes, func(a scim.Attribute) bool { return a.Name == name })
		}
	}
	c.refuses(lockstep.CodeNotFound, directory.DeleteExtension{URN: skillURN})
	pos := c.commit(put(nil))
	if got := c.events(pos - 1); !slices.Equal(got, []string{"schema put " + strings.ToLower(skillURN)}) {
		t.Errorf("the feed tells %v", got)
	}
	c.refuses(lockstep.CodeInvalid, put(func(e *directory.Extension) { e.Schema.ID = strings.ToUpper(skillURN[:3]) + skillURN[3:] + ":more" }))
	c.refuses(lockstep.CodeInvalid, put(func(e *directory.Extension) { e.Kind = directory.GroupKind }))
	c.refuses(lockstep.CodeVersion, directory.PutExtension{Extension: put(nil).Extension, IfVersion: 7})

	id := c.user("ada", skillURN, scim.Object{{Name: "WORD", Value: "x"}, {Name: "level", Value: int64(3)}, {Name: "parts", Value: scim.List{scim.Object{{Name: "value", Value: "p"}}}}})
	if ext, _ := c.get(id).Attributes.Get(skillURN).(scim.Object); len(ext) != 3 || ext[0].Name != "word" {
		t.Errorf("kept as %v", ext)
	}
	c.refuses(lockstep.CodeInvalid, person("bob", skillURN, scim.Object{{Name: "level", Value: "high"}}))
	c.refuses(lockstep.CodeInvalid, person("bob", skillURN, scim.Object{{Name: "nothing", Value: "x"}}))
	c.refuses(lockstep.CodeInvalid, person("bob", skillURN, "x"))

	for name, change := range map[string]func(*directory.Extension){
		"another type":      attribute("level", func(a *scim.Attribute) { a.Type, a.Filterable = scim.Boolean, false }),
		"several values":    attribute("parts", func(a *scim.Attribute) { a.MultiValued = false; a.SubAttributes[0].Type = scim.Integer }),
		"required":          attribute("Exact", func(a *scim.Attribute) { a.Required = true }),
		"closed":            attribute("word", func(a *scim.Attribute) { a.Closed, a.CanonicalValues = true, []string{"y"} }),
		"shorter":           attribute("parts.value", func(a *scim.Attribute) { a.Closed, a.CanonicalValues = true, []string{"y"} }),
		"unique":            attribute("word", func(a *scim.Attribute) { a.Uniqueness = scim.UniqueServer }),
		"an attribute less": without("word"),
	} {
		_, err := c.db.Commit(t.Context(), c.tenant, admin, "", put(change))
		if lockstep.CodeOf(err) != lockstep.CodeSchemaInUse || !strings.Contains(err.Error(), "user ada") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.refuses(lockstep.CodeSchemaInUse, directory.DeleteExtension{URN: skillURN})
	c.commit(directory.DeleteUser{ID: id})
	c.refuses(lockstep.CodeSchemaInUse, put(without("word"))) // they may come back
	c.commit(directory.RestoreUser{ID: id}, put(without("tags")))
	c.commit(put(attribute("tags", func(a *scim.Attribute) { a.Uniqueness = scim.UniqueServer })))
	c.indexed()

	tagged := func(name string, tags ...any) directory.PutUser {
		return person(name, skillURN, scim.Object{{Name: "tags", Value: scim.List(tags)}})
	}
	long := strings.Repeat("l", 2000)
	c.commit(tagged("bob", "a", "b", long))
	c.refuses(lockstep.CodeConflict, tagged("cy", "c", "B"))
	c.refuses(lockstep.CodeConflict, tagged("cy", strings.ToUpper(long)))
	c.commit(tagged("cy", "c", long+"l"))
	c.refuses(lockstep.CodeInvalid, tagged("dee", "d"), put(func(e *directory.Extension) { e.Schema.Attributes = nil }))

	c.refuses(lockstep.CodeSchemaInUse, person("eve"), put(func(e *directory.Extension) { e.Required = true })) // eve lacks it
	c.commit(put(func(e *directory.Extension) { e.Required = true }))
	c.refuses(lockstep.CodeInvalid, person("eve"))

	lines, err := c.db.Audit(t.Context(), c.tenant, store.AuditQuery{ID: strings.ToLower(skillURN)})
	c.ok(err)
	var told []string
	for _, l := range slices.Backward(lines) {
		told = append(told, strings.TrimSpace(l.Verb+" "+l.Detail))
	}
	want := []string{"created", "updated attributes.tags", "updated attributes.tags", "updated required, attributes.tags"}
	if !slices.Equal(told, want) {
		t.Errorf("the audit log tells %q", told)
	}
}
