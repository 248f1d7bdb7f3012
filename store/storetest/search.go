package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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

// staff is a company whose people and groups are searched.
type staff struct {
	company
	users  *scim.Type
	groups *scim.Type
	all    map[directory.Kind][]scim.Object // as filters see them, by id
	ids    []string                         // of users and groups
}

// words are few, so that values meet: in both cases, with prefixes of each other, and beyond ASCII.
var words = []string{"ada", "Ada", "adam", "b", "B%_", "é", "É", "straße", "x\"y", "zz", strings.Repeat("lông", 127)}

func newStaff(t *testing.T, open Open) *staff {
	at := noon
	s := &staff{company: found(t, open, store.Config{Now: func() time.Time { at = at.Add(250 * time.Microsecond); return at }})}
	s.users, s.groups = scim.UserType(), scim.GroupType()
	var users []lockstep.UserID
	for i := range 40 {
		p := s.worker(i)
		s.commit(p)
		users = append(users, p.User.ID)
	}
	var groups []lockstep.GroupID
	for i := range 6 {
		groups = append(groups, s.group(words[i%len(words)]))
		s.commit(directory.AddMembers{Group: groups[i], Members: asMembers(directory.UserKind, users[i:i+4]...)})
	}
	s.commit(directory.AddMembers{Group: groups[0], Members: asMembers(directory.GroupKind, groups[1])})
	s.commit(directory.DeleteUser{ID: users[3]}, directory.DeleteUser{ID: users[20]}, directory.DeleteGroup{ID: groups[2]})
	for _, id := range users {
		s.ids = append(s.ids, string(id))
	}
	for _, id := range groups {
		s.ids = append(s.ids, string(id))
	}
	s.load()
	return s
}

func (s *staff) worker(i int) directory.PutUser {
	pick := func(n int) string { return words[(i*7+n*3)%len(words)] }
	p := person(fmt.Sprintf("%s%d", pick(1), i))
	p.FreeManager = true
	a := &p.User.Attributes
	if i%3 > 0 {
		a.Set("displayName", pick(2))
		a.Set("externalId", pick(9)+"-"+fmt.Sprint(i%5))
		a.Set("emails", scim.List{
			scim.Object{{Name: "type", Value: "work"}, {Name: "value", Value: pick(3) + "@x"}, {Name: "primary", Value: i%2 == 0}},
			scim.Object{{Name: "type", Value: "home"}, {Name: "value", Value: pick(4) + "@x"}},
		})
	}
	if i%4 > 0 {
		a.Set("name", scim.Object{{Name: "familyName", Value: pick(5)}, {Name: "givenName", Value: pick(6)}})
		a.Set("active", i%5 > 0)
		a.Set("title", pick(7))
		a.Set("phoneNumbers", scim.List{scim.Object{{Name: "value", Value: pick(8)}}, scim.Object{{Name: "value", Value: "+49 1"}}})
	}
	if i%5 > 0 {
		a.Set(scim.EnterpriseUserURN, scim.Object{
			{Name: "department", Value: pick(10)},
			{Name: "employeeNumber", Value: fmt.Sprint(i % 7)},
			{Name: "manager", Value: scim.Object{{Name: "value", Value: fmt.Sprint("m", i%3)}}},
		})
	}
	return p
}

// load reads what there is without any search, and gives it what only the store knows.
func (s *staff) load() {
	s.Helper()
	members, err := s.db.Members(s.Context(), s.tenant, directory.MemberQuery{})
	s.ok(err)
	users, err := s.db.Users(s.Context(), s.tenant, directory.UserQuery{})
	s.ok(err)
	groups, err := s.db.Groups(s.Context(), s.tenant, directory.GroupQuery{})
	s.ok(err)
	alive := map[string]bool{}
	for _, u := range users {
		alive[string(u.ID)] = true
	}
	for _, g := range groups {
		alive[string(g.ID)] = true
	}
	related := func(o *scim.Object, name string, of func(directory.Member) (here, there string)) {
		var l scim.List
		for _, m := range members {
			if here, there := of(m); here == o.Text("id") && alive[there] {
				l = append(l, scim.Object{{Name: "value", Value: there}})
			}
		}
		o.Set(name, l)
	}
	s.all = map[directory.Kind][]scim.Object{}
	for _, u := range users {
		o := seen(u.Attributes, "User", string(u.ID), u.Created, u.Modified)
		o.Set("active", u.Active)
		related(&o, "groups", func(m directory.Member) (string, string) { return m.ID, string(m.Group) })
		s.all[directory.UserKind] = append(s.all[directory.UserKind], o)
	}
	for _, g := range groups {
		o := seen(g.Attributes, "Group", string(g.ID), g.Created, g.Modified)
		related(&o, "members", func(m directory.Member) (string, string) { return string(m.Group), m.ID })
		s.all[directory.GroupKind] = append(s.all[directory.GroupKind], o)
	}
}

func seen(a scim.Object, kind, id string, created, modified time.Time) scim.Object {
	o := a.Clone()
	o.Set("id", id)
	o.Set("meta", scim.Object{
		{Name: "resourceType", Value: kind},
		{Name: "created", Value: created.Format("2006-01-02T15:04:05.000Z")},
		{Name: "lastModified", Value: modified.Format("2006-01-02T15:04:05.000Z")},
	})
	return o
}

func (s *staff) typ(k directory.Kind) *scim.Type {
	if k == directory.GroupKind {
		return s.groups
	}
	return s.users
}

// paths are what filters are made of.
var paths = map[directory.Kind][]string{
	directory.UserKind: {
		"userName", "id", "externalId", "displayName", "active", "emails.value", "emails", `emails[type eq "work"].value`, "emails.type",
		"name.familyName", "name.givenName", "title", "phoneNumbers.value", "nickName", "meta.lastModified", "meta.created", "meta.resourceType",
		scim.EnterpriseUserURN + ":employeeNumber", scim.EnterpriseUserURN + ":department", scim.EnterpriseUserURN + ":manager.value", "groups",
	},
	directory.GroupKind: {"displayName", "id", "externalId", "meta.lastModified", "members", "members.value"},
}

// filterText draws a filter.
func (s *staff) filterText(t *rapid.T, k directory.Kind, depth int) string {
	switch n := rapid.IntRange(0, 9).Draw(t, "form"); {
	case depth > 0 && n < 2:
		return "(" + s.filterText(t, k, depth-1) + " and " + s.filterText(t, k, depth-1) + ")"
	case depth > 0 && n < 4:
		return "(" + s.filterText(t, k, depth-1) + " or " + s.filterText(t, k, depth-1) + ")"
	case depth > 0 && n < 5:
		return "not (" + s.filterText(t, k, depth-1) + ")"
	case k == directory.UserKind && n < 6:
		return fmt.Sprintf(`emails[type eq "work" and value %s %s]`, rapid.SampledFrom([]string{"eq", "sw", "ne"}).Draw(t, "op"), filter.Quote(s.word(t)))
	}
	path := rapid.SampledFrom(paths[k]).Draw(t, "path")
	if rapid.IntRange(0, 9).Draw(t, "present") == 0 {
		if path == `emails[type eq "work"].value` {
			return "emails pr"
		}
		return path + " pr"
	}
	op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}).Draw(t, "op")
	switch {
	case path == "active":
		return fmt.Sprintf("active %s %v", rapid.SampledFrom([]string{"eq", "ne"}).Draw(t, "op"), rapid.Bool().Draw(t, "b"))
	case strings.HasPrefix(path, "groups"), strings.HasPrefix(path, "members"):
		return path + " eq " + filter.Quote(rapid.SampledFrom(s.ids).Draw(t, "id"))
	case path == "id":
		return path + " " + op + " " + filter.Quote(rapid.SampledFrom(s.ids).Draw(t, "id"))
	case strings.HasPrefix(path, "meta.") && path != "meta.resourceType":
		at := noon.Add(time.Duration(rapid.IntRange(0, 40000).Draw(t, "µs")) * time.Microsecond)
		return path + " " + rapid.SampledFrom([]string{"eq", "ne", "gt", "ge", "lt", "le"}).Draw(t, "op") + " " + filter.Quote(at.Format(time.RFC3339Nano))
	}
	return path + " " + op + " " + filter.Quote(s.word(t))
}

func (s *staff) word(t *rapid.T) string {
	w := rapid.SampledFrom(words).Draw(t, "word") + rapid.SampledFrom([]string{"", "", "@x", "1", "-1"}).Draw(t, "end")
	if rapid.IntRange(0, 9).Draw(t, "other") == 0 {
		w = rapid.SampledFrom([]string{"", "m1", "3", "+49 1", "User", "work"}).Draw(t, "value")
	}
	return w
}

// testSearch: every filter finds through the database exactly what it matches in memory, in the order that was asked for, on
// whatever page.
func testSearch(t *testing.T, open Open) {
	s := newStaff(t, open)
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]directory.Kind{directory.UserKind, directory.UserKind, directory.GroupKind}).Draw(t, "kind")
		text := s.filterText(t, k, 3)
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if e, err = s.typ(k).Filter(e); err != nil {
			t.Skip(err)
		}
		q := directory.Search{Kind: k, Filter: e, Types: s.typ(k).FilterTypes(), Limit: 1000}
		if by := rapid.SampledFrom([]string{"", "userName", "meta.lastModified", "displayName", "id", "title", "emails.value"}).Draw(t, "sort"); by != "" {
			p, err := filter.ParsePath(by)
			if err != nil {
				t.Fatal(err)
			}
			q.SortBy, _ = s.typ(k).Canonical(p)
		}
		q.Descending = rapid.Bool().Draw(t, "descending")
		s.compare(t, text, q)
		s.walk(t, text, q)
	})
}

func recordIDs(all []directory.Record) []string {
	ids := make([]string, len(all))
	for i, r := range all {
		ids[i] = r.ID
	}
	return ids
}

func (s *staff) compare(t *rapid.T, text string, q directory.Search) {
	match := filter.Compile(q.Filter, q.Types)
	var want []string
	for _, o := range s.all[q.Kind] {
		if match(o) {
			want = append(want, o.Text("id"))
		}
	}
	f, err := s.db.Search(context.Background(), s.tenant, q)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got := recordIDs(f.Records)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || f.Total != len(want) {
		t.Fatalf("%s finds %d of %d:\n%v\nwant\n%v", text, len(got), f.Total, got, want)
	}
}

// walk: pages by number and pages by mark are the pieces of the whole.
func (s *staff) walk(t *rapid.T, text string, q directory.Search) {
	whole, err := s.db.Search(context.Background(), s.tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	q.Limit = rapid.IntRange(1, 9).Draw(t, "limit")
	var numbered, marked []string
	byMark := q
	for i := 0; i <= len(whole.Records); i += q.Limit {
		q.Offset = i
		f, err := s.db.Search(context.Background(), s.tenant, q)
		if err != nil || f.Total != whole.Total {
			t.Fatalf("%s: %d of %d, %v", text, f.Total, whole.Total, err)
		}
		numbered = append(numbered, recordIDs(f.Records)...)
		byMark.Offset = i
		if f, err = s.db.Search(context.Background(), s.tenant, byMark); err != nil || f.Total != whole.Total {
			t.Fatalf("%s: %d of %d, %v", text, f.Total, whole.Total, err)
		}
		marked = append(marked, recordIDs(f.Records)...)
		byMark.After = f.Last
	}
	want := recordIDs(whole.Records)
	if !slices.Equal(numbered, want) || !slices.Equal(marked, want) {
		t.Fatalf("%s by %s: pages are\n%v\n%v\nof\n%v", text, q.SortBy, numbered, marked, want)
	}
	q.Offset, q.NoTotal = 0, true
	forward, _ := s.follow(t, q)
	q.Backward = true
	backward, first := s.follow(t, q)
	if !slices.Equal(slices.Concat(forward...), want) || !slices.Equal(slices.Concat(backward...), want) {
		t.Fatalf("%s by %s: pages are\n%v\nbackward\n%v\nof\n%v", text, q.SortBy, forward, backward, want)
	}
	if len(want) == 0 {
		return
	}
	q.After, q.Backward = first, false // turn around at the start
	rest, _ := s.follow(t, q)
	if !slices.Equal(slices.Concat(rest...), want[1:]) {
		t.Fatalf("%s by %s: behind the first are\n%v\nof\n%v", text, q.SortBy, rest, want)
	}
}

// follow walks until there are no more, forward or backward, and returns the pages as they stand, and where the first record of
// them all is. Only the last page of the walk may be smaller than the limit.
func (s *staff) follow(t *rapid.T, q directory.Search) (pages [][]string, first directory.Mark) {
	for {
		f, err := s.db.Search(context.Background(), s.tenant, q)
		if err != nil || f.Total != 0 || f.More && len(f.Records) != q.Limit {
			t.Fatalf("%d records of %d, %v", len(f.Records), f.Total, err)
		}
		if q.Backward {
			pages = slices.Insert(pages, 0, recordIDs(f.Records))
			q.After = f.First
		} else {
			pages = append(pages, recordIDs(f.Records))
			q.After = f.Last
		}
		if first.IsZero() || q.Backward {
			first = f.First
		}
		if !f.More {
			return pages, first
		}
	}
}

// testSearchComposed: é is é however it was typed, on either side.
func testSearchComposed(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	c.user("rene\u0301@x", "nickName", "Rene\u0301")
	types := scim.UserType()
	for _, text := range []string{`userName eq "ren` + "\u00e9" + `@x"`, `userName eq "rene` + "\u0301" + `@x"`, `nickName eq "ren` + "\u00e9" + `"`, `nickName eq "rene` + "\u0301" + `"`} {
		e, err := filter.Parse(text)
		c.ok(err)
		e, err = types.Filter(e)
		c.ok(err)
		f, err := c.db.Search(t.Context(), c.tenant, directory.Search{Kind: directory.UserKind, Filter: e, Types: types.FilterTypes(), Limit: 10})
		if err != nil || len(f.Records) != 1 {
			t.Errorf("%s finds %d, %v", text, len(f.Records), err)
		}
	}
}

// testSearchRelated: of memberships only a few things can be asked for.
func testSearchRelated(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	for _, text := range []string{`members.value co "x"`, `members[type eq "User"]`, `members.display pr`, `not (members.value ne "x")`} {
		e, err := filter.Parse(text)
		c.ok(err)
		_, err = c.db.Search(t.Context(), c.tenant, directory.Search{Kind: directory.GroupKind, Filter: e, Limit: 10})
		c.fails(err, lockstep.CodeInvalid)
	}
}

// testCounts: the number of users and groups is right after every kind of change.
func testCounts(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	want := func(users, groups int) {
		t.Helper()
		for kind, n := range map[directory.Kind]int{directory.UserKind: users, directory.GroupKind: groups} {
			if f, err := c.db.Search(t.Context(), c.tenant, directory.Search{Kind: kind}); err != nil || f.Total != n {
				t.Errorf("%d %ss, want %d, %v", f.Total, kind, n, err)
			}
		}
	}
	ids, g := c.users("u", 3), c.group("g")
	want(3, 1)
	c.commit(directory.DeleteUser{ID: ids[0]}, directory.DeleteGroup{ID: g})
	want(2, 0)
	c.refuses(lockstep.CodeNotFound, person("late"), directory.DeleteUser{ID: ids[0]})
	want(2, 0)
	c.commit(directory.RestoreUser{ID: ids[0]}, directory.RestoreGroup{ID: g})
	want(3, 1)
	c.commit(directory.DeleteUser{ID: ids[0], Purge: true}, directory.DeleteUser{ID: ids[1]}, directory.DeleteUser{ID: ids[1], Purge: true},
		directory.DeleteGroup{ID: g, Purge: true})
	want(1, 0)
}

// testRelatives: memberships are shown with names, without those who are deleted.
func testRelatives(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	ids, g, inner := c.users("u", 3), c.group("outer"), c.group("inner")
	c.commit(directory.AddMembers{Group: g, Members: append(asMembers(directory.UserKind, ids...), asMembers(directory.GroupKind, inner)...)})
	c.commit(directory.DeleteUser{ID: ids[1]})
	got, err := c.db.MembersOf(t.Context(), c.tenant, g, 10)
	want := []directory.Relative{
		{Kind: directory.UserKind, ID: string(ids[0]), Name: "u00000@acme.example"},
		{Kind: directory.UserKind, ID: string(ids[2]), Name: "u00002@acme.example"},
		{Kind: directory.GroupKind, ID: string(inner), Name: "inner"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("members %v, %v", got, err)
	}
	of, err := c.db.GroupsOf(t.Context(), c.tenant, string(ids[0]))
	if err != nil || len(of) != 1 || cmp.Compare(of[0].Name, "outer") != 0 {
		t.Errorf("groups %v, %v", of, err)
	}
	names, err := c.db.NamesOf(t.Context(), c.tenant, []string{string(ids[0]), string(ids[1]), string(g), "nobody"})
	if err != nil || !maps.Equal(names, map[string]string{string(ids[0]): "u00000@acme.example"}) {
		t.Errorf("names %v, %v", names, err)
	}
}
