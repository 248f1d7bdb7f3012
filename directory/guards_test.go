package directory_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// TestLetGo: what becomes of an object that somebody lets go of hangs on who else has it.
func TestLetGo(t *testing.T) {
	keeps, disabled := directory.Claim{Owner: "a", Active: true}, directory.Claim{Owner: "b"}
	for _, c := range []struct {
		kind directory.Kind
		had  bool
		left []directory.Claim
		want directory.KeptAs
	}{
		{directory.UserKind, true, nil, directory.Removed},
		{directory.UserKind, false, nil, directory.Untouched}, // whoever has no claim decides nothing
		{directory.UserKind, true, []directory.Claim{keeps}, directory.Untouched},
		{directory.UserKind, true, []directory.Claim{disabled, keeps}, directory.Untouched},
		{directory.UserKind, true, []directory.Claim{disabled}, directory.Disabled},
		{directory.UserKind, false, []directory.Claim{disabled}, directory.Untouched},
		{directory.GroupKind, true, nil, directory.Removed},
		{directory.GroupKind, true, []directory.Claim{disabled}, directory.Untouched}, // a group is not disabled
	} {
		if got := directory.LetGo(c.kind, c.had, c.left); got != c.want {
			t.Errorf("%s, had %t, left %v: %s, want %s", c.kind, c.had, c.left, got, c.want)
		}
	}
	order := []directory.KeptAs{directory.Enabled, directory.Untouched, directory.Disabled, directory.Removed}
	for i, expected := range order {
		for j, k := range order {
			if want := j > max(i, 1); k.Exceeds(expected) != want { // left as it is is never too much
				t.Errorf("%q exceeds %q: %t", k, expected, !want)
			}
		}
	}
	if directory.Removed.Exceeds("") {
		t.Error("who expects anything is surprised")
	}
}

// TestOrderOfSources: those that an administrator has put in order come first, by their numbers.
func TestOrderOfSources(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want bool
	}{{1, 2, true}, {2, 1, false}, {1, 1, false}, {1, 0, true}, {0, 1, false}, {0, 0, false}} {
		if got := (directory.Source{Order: c.a}).Before(directory.Source{Order: c.b}); got != c.want {
			t.Errorf("%d before %d: %t", c.a, c.b, got)
		}
	}
}

// TestTakePassword: a password is taken out of a user's attributes however it is spelled.
func TestTakePassword(t *testing.T) {
	core := func(name, inner string) string { return `{"userName":"a","` + name + `":{` + inner + `}}` }
	long := strings.Repeat("ä", directory.MaxPassword)
	for _, c := range []struct{ in, rest, password, refused string }{
		{`{"userName":"a"}`, `{"userName":"a"}`, "", ""},
		{`{"userName":"a","password":"p"}`, `{"userName":"a"}`, "p", ""},
		{`{"PassWord":"p","userName":"a"}`, `{"userName":"a"}`, "p", ""},
		{core(scim.UserURN, `"password":"p","title":"t"`), core(scim.UserURN, `"title":"t"`), "p", ""},
		{core(strings.ToUpper(scim.UserURN), `"PASSWORD":"p"`), `{"userName":"a"}`, "p", ""},
		{core(scim.UserURN, `"password":null`), `{"userName":"a"}`, "", ""}, // nothing of it stays
		{core(scim.UserURN, `"password":"","title":"t"`), core(scim.UserURN, `"title":"t"`), "", ""},
		{core(scim.UserURN, `"title":"t"`), core(scim.UserURN, `"title":"t"`), "", ""},
		{core(scim.EnterpriseUserURN, `"password":"p"`), core(scim.EnterpriseUserURN, `"password":"p"`), "", ""}, // another's attribute
		{`{"password":"p","` + scim.UserURN + `":{"password":"p"}}`, `{}`, "p", ""},
		{`{"password":"p","` + scim.UserURN + `":{"password":"q"}}`, "", "", "occurs twice"},
		{`{"password":7}`, "", "", "takes a text"},
		{`{"password":""}`, `{}`, "", ""},
		{`{"password":"` + long + `"}`, `{}`, long, ""},
		{`{"password":"` + long + `ä"}`, "", "", "at most 1024"},
	} {
		o, err := scim.DecodeObject([]byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		rest, password, err := directory.TakePassword(o)
		switch {
		case c.refused != "":
			if lockstep.CodeOf(err) != lockstep.CodeInvalid || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%.60s: %v, want %q", c.in, err, c.refused)
			}
		case err != nil || password != c.password || string(scim.AppendJSON(nil, rest)) != c.rest:
			t.Errorf("%.60s: %s, %.20q, %v", c.in, scim.AppendJSON(nil, rest), password, err)
		}
		if again, _ := scim.DecodeObject([]byte(c.in)); !scim.Equal(o, again) {
			t.Errorf("%.60s: the attributes that were given have changed", c.in)
		}
	}
}

// with sends a request with a header of its own and returns the status and the body.
func (p *peer) with(header, value, method, path, body string) (int, string) {
	p.Helper()
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/scim+json")
	r.Header.Set(header, value)
	res, err := p.send(r)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestReadOnlyClient: who may only read changes nothing.
func TestReadOnlyClient(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		user, group := p.create("/Users", `{"userName": "ada"}`), p.create("/Groups", `{"displayName": "G"}`)
		head := p.head()
		for _, c := range []struct{ method, path, body string }{
			{"POST", "/Users", `{"userName": "bob"}`}, {"POST", "/Groups", `{"displayName": "H"}`},
			{"PUT", "/Users/" + user, `{"userName": "eve"}`}, {"PUT", "/Groups/" + group, `{"displayName": "H"}`},
			{"PATCH", "/Users/" + user, `{"Operations": [{"op": "replace", "path": "active", "value": false}]}`},
			{"PATCH", "/Groups/" + group, `{"Operations": [{"op": "add", "path": "members", "value": [{"value": "` + user + `"}]}]}`},
			{"DELETE", "/Users/" + user, ""}, {"DELETE", "/Groups/" + group, ""},
		} {
			if got, _ := p.with("Authorization", "Bearer reader", c.method, c.path, c.body); got != 403 {
				t.Errorf("%s %s: %d", c.method, c.path, got)
			}
		}
		if got, _ := p.with("Authorization", "Bearer reader", "GET", "/Users/"+user, ""); got != 200 {
			t.Errorf("reading: %d", got)
		}
		if now := p.head(); now != head {
			t.Errorf("the feed is at %d, and was at %d", now, head)
		}
	})
}

// head is the position of the tenant's feed.
func (p *peer) head() int64 {
	p.Helper()
	pos, err := p.db.Head(p.Context(), p.tenant)
	if err != nil {
		p.Fatal(err)
	}
	return pos
}

// TestWritesOfNothing: what changes nothing is no write, so nobody is told of it: neither who follows the feed, nor who is signed in.
func TestWritesOfNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		ada, bob := p.create("/Users", `{"userName": "ada", "password": "first secret"}`), p.create("/Users", `{"userName": "bob"}`)
		group := p.create("/Groups", `{"displayName": "G", "members": [{"value": "`+ada+`"}, {"value": "`+bob+`"}]}`)
		plain := string(lockstep.NewID[lockstep.UserID]()) // made elsewhere, with nothing said of active
		if _, err := db.Commit(t.Context(), p.tenant, audit.Actor{}, "", directory.PutUser{User: directory.User{ID: lockstep.UserID(plain), Attributes: scim.Object{{Name: "userName", Value: "carol"}}}}); err != nil {
			t.Fatal(err)
		}
		head := p.head()
		for _, c := range []struct{ what, method, path, body string }{
			{"the same members", "PUT", "/Groups/" + group, `{"displayName": "G", "members": [{"value": "` + bob + `"}, {"value": "` + ada + `"}, {"value": "` + bob + `"}]}`},
			{"active taken away from who is enabled", "PATCH", "/Users/" + ada, `{"Operations": [{"op": "remove", "path": "active"}]}`},
			{"nothing of who has no active", "PATCH", "/Users/" + plain, `{"Operations": [{"op": "remove", "path": "title"}]}`},
			{"active of who has none", "PATCH", "/Users/" + plain, `{"Operations": [{"op": "replace", "path": "active", "value": true}]}`},
		} {
			p.want(200, c.method, c.path, c.body)
			if now := p.head(); now != head {
				t.Errorf("%s: the feed is at %d, and was at %d", c.what, now, head)
				head = now
			}
		}
		meta, _ := p.want(200, "GET", "/Groups/"+group, "").Get("meta").(scim.Object)
		if got, text := p.with("If-Match", meta.Text("version"), "PATCH", "/Groups/"+group, `{"Operations": [{"op": "replace", "path": "displayName", "value": "G"}]}`); got != 200 || p.head() != head {
			t.Errorf("the same name, of a version: %d %s, the feed is at %d", got, text, p.head())
		}
		epoch := func() int64 {
			t.Helper()
			found, err := db.Users(t.Context(), p.tenant, directory.UserQuery{IDs: []lockstep.UserID{lockstep.UserID(ada)}})
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			return found[0].AuthEpoch
		}
		before := epoch()
		p.want(200, "PATCH", "/Users/"+ada, `{"Operations": [{"op": "replace", "path": "title", "value": "Countess"}]}`)
		p.want(200, "PUT", "/Users/"+ada, `{"userName": "ada", "title": "Lady"}`)
		if now := epoch(); now != before {
			t.Errorf("another title ends sessions: from %d to %d", before, now)
		}
		p.want(200, "PUT", "/Users/"+ada, `{"userName": "ada", "title": "Lady", "password": "second secret"}`)
		if now := epoch(); now == before {
			t.Error("another password ends no session")
		}
	})
}

// meanwhile is a store in which somebody else is faster, once.
type meanwhile struct {
	*store.DB
	first func()
}

func (m *meanwhile) Commit(ctx context.Context, t lockstep.TenantID, by audit.Actor, action lockstep.ActionID, changes ...directory.Change) (directory.Receipt, error) {
	if f := m.first; f != nil {
		m.first = nil
		f()
	}
	return m.DB.Commit(ctx, t, by, action, changes...)
}

// TestMeanwhile: somebody else changes or deletes between the look and the write.
func TestMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		m := &meanwhile{DB: db}
		p := newPeer(t, db, func(p *peer) { p.scim.Store = m })
		tenant := p.tenant
		other := newPeer(t, db, func(p *peer) { p.tenant = tenant })
		member := p.create("/Users", `{"userName": "member"}`)
		title := `{"Operations": [{"op": "replace", "path": "title", "value": "t"}]}`
		add := `{"Operations": [{"op": "add", "path": "members", "value": [{"value": "` + member + `"}]}]}`
		for i, c := range []struct {
			kind, first, method, body string
			match                     bool
			want                      int
		}{
			{"/Users", "PATCH", "PATCH", title, false, 200}, // done again
			{"/Users", "PATCH", "PATCH", title, true, 412},
			{"/Users", "DELETE", "PATCH", title, false, 404},
			{"/Users", "DELETE", "PATCH", title, true, 404},
			{"/Users", "PATCH", "DELETE", "", false, 204},
			{"/Users", "PATCH", "DELETE", "", true, 412},
			{"/Users", "DELETE", "DELETE", "", false, 404},
			{"/Groups", "PATCH", "PATCH", add, false, 200},
			{"/Groups", "PATCH", "PATCH", add, true, 412},
			{"/Groups", "DELETE", "PATCH", add, false, 404},
			{"/Groups", "PATCH", "DELETE", "", true, 412},
			{"/Groups", "DELETE", "DELETE", "", false, 404},
		} {
			id := p.create(c.kind, fmt.Sprintf(`{"userName": "u%d", "displayName": "g%d"}`, i, i))
			name := fmt.Sprintf("other %d", i)
			rename := `{"Operations": [{"op": "replace", "path": "displayName", "value": "` + name + `"}]}`
			m.first = func() {
				if status, o := other.do(c.first, c.kind+"/"+id, rename); status >= 300 {
					t.Errorf("%+v: the other: %d %v", c, status, o)
				}
			}
			header, value := "X-Nothing", "x"
			if c.match {
				header, value = "If-Match", `W/"1"`
			}
			got, text := p.with(header, value, c.method, c.kind+"/"+id, c.body)
			if got != c.want || got == 404 && !strings.Contains(text, "There is no "+c.kind[1:len(c.kind)-1]+" ") {
				t.Errorf("%+v: %d %s", c, got, text)
			}
			if m.first != nil {
				t.Errorf("%+v: nothing was written", c)
			}
			m.first = nil
			if c.first == "PATCH" && c.want != 204 {
				if o := p.want(200, "GET", c.kind+"/"+id, ""); o.Text("displayName") != name || c.want == 412 && (o.Has("members") || o.Has("title")) {
					t.Errorf("%+v: %v", c, o)
				}
			}
		}
	})
}

// TestIDsThatCannotBe: an id that was never given is nobody's, whatever it is made of.
func TestIDsThatCannotBe(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		for _, id := range []string{"x", "a%00b", "%C3%28", string(lockstep.NewID[lockstep.UserID]())} {
			for _, method := range []string{"GET", "DELETE"} {
				o := p.want(404, method, "/Users/"+id, "")
				if !strings.HasPrefix(o.Text("detail"), "There is no User ") {
					t.Errorf("%s %s: %v", method, id, o)
				}
			}
		}
	})
}

// TestUniqueEverywhere: what is to be unique everywhere is so in its tenant.
func TestUniqueEverywhere(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		const urn = "urn:acme:params:scim:schemas:card:2.0:User"
		text := `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "` + urn + `", "name": "Card", "resourceType": "User",
			"attributes": [{"name": "number", "type": "string", "uniqueness": "global"}]}`
		p, other := newPeer(t, db, nil), newPeer(t, db, nil)
		for _, one := range []*peer{p, other} { // each tenant for itself
			if err := one.define(text); err != nil {
				t.Fatal(err)
			}
			one.want(201, "POST", "/Users", `{"userName": "ada", "`+urn+`": {"number": "1"}}`)
		}
		if o := p.want(409, "POST", "/Users", `{"userName": "bob", "`+urn+`": {"number": "1"}}`); o.Text("scimType") != "uniqueness" {
			t.Errorf("%v", o)
		}
	})
}

// TestPagesAreForgotten: of very many walks the oldest is forgotten, and no other.
func TestPagesAreForgotten(t *testing.T) {
	const kept = 20_000
	one := &foundOne{}
	s := &directory.SCIM{Search: one, Pages: &directory.Pages{}}
	list := func(client, from int) {
		t.Helper()
		e := directory.Endpoint{SCIM: s, Tenant: "t", Client: strconv.Itoa(client)}
		if _, err := e.List(t.Context(), scim.Query{Type: "User", Count: 1, StartIndex: from}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range kept + 1 {
		list(i, 1)
	}
	if list(1, 2); one.after.IsZero() {
		t.Error("a walk among the last 20,000 is forgotten")
	}
	if list(0, 2); !one.after.IsZero() {
		t.Error("20,001 walks are remembered")
	}
}

// crowd is a Searcher with two groups of very many.
type crowd struct {
	directory.Searcher
	members int
}

func (c crowd) Search(context.Context, lockstep.TenantID, directory.Search) (directory.Found, error) {
	g := directory.Record{ID: "g", Doc: []byte(`{"displayName":"G"}`)}
	return directory.Found{Total: 2, Records: []directory.Record{g, g}}, nil
}

func (c crowd) MembersOf(_ context.Context, _ lockstep.TenantID, _ lockstep.GroupID, limit int) ([]directory.Relative, error) {
	return slices.Repeat([]directory.Relative{{Kind: directory.UserKind, ID: "u", Name: "n"}}, min(limit, c.members)), nil
}

// TestMembersOfAPage: the members that one answer shows are counted over all its groups.
func TestMembersOfAPage(t *testing.T) {
	e := directory.Endpoint{SCIM: &directory.SCIM{Search: crowd{members: 300_000}}}
	_, err := e.List(t.Context(), scim.Query{Type: "Group", Count: 2})
	if s, ok := errors.AsType[*scim.Error](err); !ok || s.Type != scim.TypeTooMany {
		t.Errorf("two groups of 300,000: %v", err)
	}
	e.Search = crowd{members: 3}
	if page, err := e.List(t.Context(), scim.Query{Type: "Group", Count: 2}); err != nil || len(page.Resources) != 2 {
		t.Errorf("two groups of three: %v, %v", page, err)
	}
}

// large is a store with one group of more members than one page of them has.
type large struct {
	directory.Store
	directory.Searcher
	pages int
	gone  int
}

func (l *large) Record(_ context.Context, _ lockstep.TenantID, _ directory.Kind, id string) (directory.Record, error) {
	return directory.Record{ID: id, Version: 1, Doc: []byte(`{"displayName":"G"}`)}, nil
}

func (l *large) Members(_ context.Context, _ lockstep.TenantID, q directory.MemberQuery) ([]directory.Member, error) {
	if l.pages++; l.pages > 5 {
		return nil, errors.New("it does not end")
	}
	if q.After == (directory.Member{}) {
		return slices.Repeat([]directory.Member{{Group: q.Groups[0], Kind: directory.UserKind, ID: "m"}}, q.Limit), nil
	}
	return []directory.Member{{Group: q.Groups[0], Kind: directory.UserKind, ID: "n"}}, nil
}

func (l *large) Commit(_ context.Context, _ lockstep.TenantID, _ audit.Actor, _ lockstep.ActionID, changes ...directory.Change) (directory.Receipt, error) {
	for _, c := range changes {
		if c, is := c.(directory.RemoveMembers); is {
			l.gone += len(c.Members)
		}
	}
	return directory.Receipt{}, errors.New("enough was seen")
}

// TestReplaceLargeGroup: whoever is not among the members that a client puts goes, however many they are.
func TestReplaceLargeGroup(t *testing.T) {
	l := &large{}
	e := directory.Endpoint{SCIM: &directory.SCIM{Store: l, Search: l}}
	ref := scim.Ref{Type: "Group", ID: string(lockstep.NewID[lockstep.GroupID]())}
	if _, err := e.Replace(t.Context(), ref, "", scim.Object{{Name: "displayName", Value: "G"}}); err == nil || l.gone != 10_001 {
		t.Errorf("%d of 10,001 members go: %v", l.gone, err)
	}
}

// refusing is a Searcher that cannot serve a filter any more.
type refusing struct{ directory.Searcher }

func (refusing) Search(context.Context, lockstep.TenantID, directory.Search) (directory.Found, error) {
	return directory.Found{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "There is no index for this."}
}

// TestFilterThatWasGood: when a filter cannot be served any more, whoever is amid its pages has a cursor that is no good.
func TestFilterThatWasGood(t *testing.T) {
	e := directory.Endpoint{SCIM: &directory.SCIM{Search: &foundOne{}}, Tenant: "t", Client: "a"}
	page, err := e.List(t.Context(), scim.Query{Type: "User", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	e.SCIM = &directory.SCIM{Search: refusing{}}
	for after, want := range map[string]string{"": scim.TypeInvalidFilter, page.Last: scim.TypeInvalidCursor} {
		_, err := e.List(t.Context(), scim.Query{Type: "User", Count: 1, After: after})
		if s, ok := errors.AsType[*scim.Error](err); !ok || s.Type != want {
			t.Errorf("after %q: %v, want %s", after, err, want)
		}
	}
}

// foundLong is a Searcher that finds somebody with an id longer than any of ours.
type foundLong struct{ directory.Searcher }

func (foundLong) Search(context.Context, lockstep.TenantID, directory.Search) (directory.Found, error) {
	m := directory.Mark{ID: strings.Repeat("i", 256)}
	return directory.Found{Records: []directory.Record{{ID: m.ID, Doc: []byte(`{}`)}}, First: m, Last: m}, nil
}

// TestPlacesOfNobody: a place is taken from whom it was made for, and only as it was made.
func TestPlacesOfNobody(t *testing.T) {
	s := &directory.SCIM{Search: &foundOne{}}
	mine, others := directory.Endpoint{SCIM: s, Tenant: "t", Client: "a"}, directory.Endpoint{SCIM: s, Tenant: "t", Client: "b"}
	q := scim.Query{Type: "User", Count: 1}
	place := func(e directory.Endpoint) string {
		t.Helper()
		page, err := e.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return page.Last
	}
	own, theirs := place(mine), place(others)
	n := len(own) - len("\x02id\x00k") // of whom it is for
	for _, p := range []string{theirs, theirs + strings.Repeat("k", 300), own[:n], own[:n] + "\x00id", own[:n] + "\x09id"} {
		q := q
		q.After = p
		_, err := mine.List(t.Context(), q)
		if e, ok := errors.AsType[*scim.Error](err); !ok || e.Type != scim.TypeInvalidCursor {
			t.Errorf("%q: %v", p, err)
		}
	}
	mine.SCIM = &directory.SCIM{Search: foundLong{}}
	if got := place(mine); got != "" {
		t.Errorf("whoever cannot be named in a place has one: %q", got)
	}
}

// TestSearchTexts: people are found by what they are called, by their addresses and by the id that a source gives them.
func TestSearchTexts(t *testing.T) {
	o, err := scim.DecodeObject([]byte(`{"userName":"ADA","displayName":"Countess","externalId":"E-1","name":{"givenName":"Ada","familyName":"Lovelace"},
		"emails":[{"value":"Ada@x"},{"value":"al@y"}],"title":"none"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := directory.SearchTexts(o), []string{"ada", "countess", "e-1", "ada@x", "al@y", "ada lovelace"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
