package scimapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
)

// pages serves n users, at most size in a page; lie may change total and start before they are used.
func pages(n, size int, lie func(total, start *int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
		count, _ := strconv.Atoi(r.URL.Query().Get("count"))
		count = min(count, size)
		total := n
		if lie != nil {
			lie(&total, &start)
		}
		var list []string
		for i := start; i < start+count && i <= n; i++ {
			list = append(list, fmt.Sprintf(`{"id":"%d","userName":"u%d@x","active":"True","groups":[{"value":"g"}],"meta":{"version":"v%d"}}`, i, i, i))
		}
		if total == -1 {
			total = len(list)
		}
		reply(200, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":%d,"itemsPerPage":%d,"startIndex":%d,"Resources":[%s]}`, total, len(list), start, strings.Join(list, ",")))(w, r)
	}
}

func TestList(t *testing.T) {
	for _, c := range []struct {
		name     string
		handler  http.HandlerFunc
		want     int
		requests int
		code     lockstep.Code
	}{
		{"one page", pages(7, 500, nil), 7, 1, ""},
		{"nobody", pages(0, 500, nil), 0, 1, ""},
		{"three pages", pages(450, 500, nil), 450, 3, ""},
		{"exactly two pages", pages(400, 500, nil), 400, 2, ""},
		{"smaller pages than asked for", pages(250, 100, nil), 250, 3, ""},
		{"the total is that of the page", pages(460, 200, func(total, _ *int) { *total = -1 }), 460, 3, ""},
		{"cut off at 100, total says 100", pages(130, 100, func(total, _ *int) { *total = -1 }), 130, 2, ""},
		{"ends before its total", pages(100, 50, func(total, _ *int) { *total = 120 }), 0, 0, lockstep.CodeTargetMalformed},
		{"the same page for ever", pages(900, 100, func(_, start *int) { *start = 1 }), 0, 0, lockstep.CodeTargetMalformed},
		{"no pages at all", pages(100, 100, func(_, start *int) { *start = 1 }), 100, 2, ""},
		{"pages that overlap", pages(300, 100, func(_, start *int) { *start = max(1, *start-2) }), 300, 4, ""},
		{"not a list", reply(200, `{"hello":"world"}`), 0, 0, lockstep.CodeTargetMalformed},
		{"nobody with an id", reply(200, `{"totalResults":1,"Resources":[{"userName":"x"}]}`), 0, 1, ""},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, 0, 0, lockstep.CodeTargetMalformed},
		{"no such list", reply(404, `{}`), 0, 0, lockstep.CodeTargetMalformed},
		{"Resources null, total as text", reply(200, `{"totalResults":"0","Resources":null}`), 0, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.handler)
			seen := map[string]bool{}
			err := list(t.Context(), target(t, s.URL, Profile{}), userType, func(page []connection.Object) error {
				for _, o := range page {
					if seen[o.ID] {
						t.Errorf("%s twice", o.ID)
					}
					seen[o.ID] = true
				}
				return nil
			})
			if lockstep.CodeOf(err) != c.code {
				t.Fatalf("error %v", err)
			}
			if err == nil && (len(seen) != c.want || len(s.requests()) != c.requests) {
				t.Errorf("%d users in %d requests, not %d in %d", len(seen), len(s.requests()), c.want, c.requests)
			}
		})
	}
}

// TestUnreadable: what is no object with an id in a list takes nobody along who is. It counts as a part that could not be read, by its name where it shows
// one, and as listed, so that the next page begins after it.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct {
		name, resources string
		want            string // objects, and parts with their codes
	}{
		{"no id", `{"id":"1"},{"userName":"ada@x"},{"id":"2"}`, "1 2 | ada@x: target.unusable_id"},
		{"null as id", `{"id":"1"},{"id":null,"displayName":"Ada"}`, "1 | Ada: target.unusable_id"},
		{"an id that is no text", `{"id":{"a":1},"userName":"ada@x"},{"id":["x"]},{"id":true},{"id":1.5},{"id":"2"},{"id":7}`,
			"2 7 | ada@x: target.unusable_id, number 2 of the list of users: target.unusable_id, number 3 of the list of users: target.unusable_id, number 4 of the list of users: target.unusable_id"},
		{"an empty id", `{"id":"","userName":"ada@x"},{"id":"2"}`, "2 | ada@x: target.unusable_id"},
		{"null", `{"id":"1"},null,{"id":"2"}`, "1 2 | number 2 of the list of users: target.malformed_answer"},
		{"nothing in it", `{},{"id":"2"}`, "2 | number 1 of the list of users: target.unusable_id"},
		{"no object", `"ada",7,{"id":"2"},true`, "2 | number 1 of the list of users: target.malformed_answer, number 2 of the list of users: target.malformed_answer, number 4 of the list of users: target.malformed_answer"},
		{"a list", `[{"id":"1"}],{"id":"2"}`, "2 | number 1 of the list of users: target.malformed_answer"},
		{"a name twice", `{"id":"1","userName":"a","username":"b"},{"id":"2"}`, "2 | number 1 of the list of users: target.malformed_answer"},
		{"lists in lists", `{"id":"1","x":[[1]]},{"id":"2"}`, "2 | number 1 of the list of users: target.malformed_answer"},
		{"no UTF-8", "{\"id\":\"1\",\"title\":\"\xff\"},{\"id\":\"2\"}", "2 | number 1 of the list of users: target.malformed_answer"},
		{"a number that is none", `{"id":"1","x":1e999},{"id":"2"}`, "2 | number 1 of the list of users: target.malformed_answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, reply(200, fmt.Sprintf(`{"totalResults":%d,"Resources":[%s]}`, 0, c.resources)))
			if got := readAll(t, target(t, s.URL, Profile{})); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// readAll reads all users, and says who was listed and what could not be read.
func readAll(t *testing.T, tg *Target) string {
	t.Helper()
	var ids, parts []string
	digests := map[string]bool{}
	err := tg.Reads().Read(t.Context(), connection.Read{Type: userType}, func(p connection.ReadPage) error {
		for _, o := range p.Objects {
			ids = append(ids, o.ID)
		}
		for _, h := range p.Hidden {
			parts = append(parts, h.Name+": "+string(lockstep.CodeOf(h.Err)))
			if h.Most != 1 || h.Part == "" || len(h.IDs) > 0 {
				t.Errorf("hidden: %+v", h)
			}
			digests[h.Part] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(ids, " ") + " | " + strings.Join(parts, ", ")
}

// TestUnreadableOnPages: pages that have such parts follow one another as others do, by index and by cursor, also when nothing tells the parts apart.
func TestUnreadableOnPages(t *testing.T) {
	for _, bad := range []string{`null`, `{"userName":"nobody"}`, `{}`} {
		byIndex := func(w http.ResponseWriter, r *http.Request) {
			start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
			var list []string
			for i := start; i < start+10 && i <= 57; i++ {
				if one := fmt.Sprintf(`{"id":"%d"}`, i); i%10 == 3 {
					if one = bad; len(bad) > 10 {
						one = fmt.Sprintf(`{"userName":"nobody %d"}`, i)
					}
					list = append(list, one)
				} else {
					list = append(list, one)
				}
			}
			reply(200, fmt.Sprintf(`{"totalResults":57,"Resources":[%s]}`, strings.Join(list, ",")))(w, r)
		}
		byCursor := func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
			next := ""
			if n < 5 {
				next = fmt.Sprintf(`,"nextCursor":"%d"`, n+1)
			}
			reply(200, fmt.Sprintf(`{"totalResults":12,"Resources":[%s,{"id":"%d"}]%s}`, bad, n, next))(w, r)
		}
		for name, c := range map[string]struct {
			handler       http.HandlerFunc
			objects, bads int
		}{"by index": {byIndex, 51, 6}, "by cursor": {byCursor, 6, 6}} {
			if name == "by cursor" && len(bad) > 10 {
				c.bads = 1 // one and the same
			}
			got := readAll(t, target(t, serve(t, c.handler).URL, Profile{}))
			ids, parts, _ := strings.Cut(got, " | ")
			if n, m := len(strings.Fields(ids)), strings.Count(parts, "target."); n != c.objects || m != c.bads {
				t.Errorf("%s, %s: %d objects and %d parts: %s", name, bad, n, m, got)
			}
		}
	}
}

// TestFindUnreadable: whoever is found and has no id is told of: somebody is there.
func TestFindUnreadable(t *testing.T) {
	s := serve(t, reply(200, `{"totalResults":3,"Resources":[{"userName":"ada@x"},{"userName":"somebody else"},null]}`))
	got, err := target(t, s.URL, Profile{}).Find(t.Context(), userType, "userName", "ada@x")
	if err != nil || len(got) != 2 || got[0].Name != "ada@x" || got[0].ID != "" || got[1].ID != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if first, err := target(t, s.URL, Profile{}).FirstUser(t.Context()); err != nil || first.Name != "ada@x" {
		t.Errorf("%+v, %v", first, err)
	}
}

// list gives everything of the type that a read shows.
func list(ctx context.Context, t *Target, typ string, page func([]connection.Object) error) error {
	return t.Reads().Read(ctx, connection.Read{Type: typ}, func(p connection.ReadPage) error {
		if len(p.Objects) == 0 {
			return nil
		}
		return page(p.Objects)
	})
}

func TestListPassesOnErrors(t *testing.T) {
	s := serve(t, pages(450, 500, nil))
	stop := errors.New("stop")
	if err := list(t.Context(), target(t, s.URL, Profile{}), userType, func([]connection.Object) error { return stop }); !errors.Is(err, stop) || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
}

func TestFind(t *testing.T) {
	s := serve(t, reply(200, `{"totalResults":3,"Resources":[{"id":"1","userName":"ADA@x"},{"id":"2","userName":"somebody else"},{"id":"3"}]}`))
	got, err := target(t, s.URL, Profile{}).Find(t.Context(), userType, "userName", `a"d\a+1&2`, "ada@x")
	if err != nil {
		t.Fatal(err)
	}
	if ids := idsOf(got); ids != "1 3" {
		t.Errorf("found %s", ids)
	}
	want := `/scim/v2/Users?count=100&filter=userName%20eq%20%22a%5C%22d%5C%5Ca%2B1%262%22%20or%20userName%20eq%20%22ada%40x%22&startIndex=1`
	if s.requests()[0].URL != want {
		t.Error(cmp.Diff(want, s.requests()[0].URL))
	}
}

func idsOf(objects []connection.Object) string {
	var ids []string
	for _, o := range objects {
		ids = append(ids, o.ID)
	}
	return strings.Join(ids, " ")
}

func TestFindIgnoredFilter(t *testing.T) {
	s := serve(t, pages(100_000, 100, nil))
	_, err := target(t, s.URL, Profile{}).Find(t.Context(), userType, "userName", "u5@x")
	if lockstep.CodeOf(err) != lockstep.CodeTargetUnsupported || len(s.requests()) > 2 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	s = serve(t, reply(400, `{"scimType":"invalidFilter","detail":"no"}`))
	if _, err = target(t, s.URL, Profile{}).Find(t.Context(), userType, "nickName", "x"); lockstep.CodeOf(err) != lockstep.CodeTargetUnsupported {
		t.Error(err)
	}
}

// TestFindNobody: a search that finds nobody may be answered with 404, but only where the list is known to be there.
func TestFindNobody(t *testing.T) {
	for _, c := range []struct {
		name     string
		list     http.HandlerFunc
		code     lockstep.Code
		requests int // of two searches
	}{
		{"there is a list", pages(3, 10, nil), "", 3},
		{"there is none", reply(404, `{"status":"404"}`), lockstep.CodeTargetMalformed, 4},
		{"something else is there", reply(200, `{"hello":"world"}`), lockstep.CodeTargetMalformed, 4},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("filter") {
				reply(404, `{"status":"404","detail":"no such user"}`)(w, r)
				return
			}
			c.list(w, r)
		})
		tg := target(t, s.URL, Profile{})
		for range 2 {
			if found, err := tg.Find(t.Context(), userType, "userName", "u9@x"); lockstep.CodeOf(err) != c.code || len(found) > 0 {
				t.Errorf("%s: %v, %v", c.name, found, err)
			}
		}
		if n := len(s.requests()); n != c.requests {
			t.Errorf("%s: %d requests", c.name, n)
		}
	}
}

// TestLargePages: a page that is too large is asked for again, shorter, until it can be read.
func TestLargePages(t *testing.T) {
	for _, c := range []struct {
		name    string
		ballast int
		honest  bool // count is honoured
		code    lockstep.Code
	}{
		{"small", 10, true, ""},
		{"large together", 1000, true, ""},
		{"large alone", 20_000, true, lockstep.CodeTargetTooLarge},
		{"whatever is asked for", 1000, false, lockstep.CodeTargetTooLarge},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			start, count := 1, 40
			if c.honest {
				start, _ = strconv.Atoi(r.URL.Query().Get("startIndex"))
				count, _ = strconv.Atoi(r.URL.Query().Get("count"))
			}
			var list []string
			for i := start; i < start+count && i <= 40; i++ {
				list = append(list, fmt.Sprintf(`{"id":"%d","userName":"u%d@x","title":%q}`, i, i, strings.Repeat("x", c.ballast)))
			}
			reply(200, fmt.Sprintf(`{"totalResults":40,"Resources":[%s]}`, strings.Join(list, ",")))(w, r)
		})
		n := 0
		err := target(t, s.URL, Profile{MaxPage: 16_000}).Reads().Read(t.Context(), connection.Read{Type: userType}, func(page connection.ReadPage) error {
			n += len(page.Objects)
			return nil
		})
		if lockstep.CodeOf(err) != c.code || err == nil && n != 40 || len(s.requests()) > 45 {
			t.Errorf("%s: %d objects, %d requests, %v", c.name, n, len(s.requests()), err)
		}
	}
}

// TestFindUnfiltered: an application that ignores filters is found out by its first page when that is not all, and what it lists beside
// is dropped when it is.
func TestFindUnfiltered(t *testing.T) {
	for _, c := range []struct {
		name     string
		size     int
		code     lockstep.Code
		requests int
	}{
		{"all on one page", 40, "", 1},
		{"page after page", 5, lockstep.CodeTargetUnsupported, 1},
	} {
		s := serve(t, pages(40, c.size, nil))
		found, err := target(t, s.URL, Profile{}).Find(t.Context(), userType, "userName", "U2@x")
		if lockstep.CodeOf(err) != c.code || err == nil && len(found) != 1 || len(s.requests()) != c.requests {
			t.Errorf("%s: %d found, %d requests, %v", c.name, len(found), len(s.requests()), err)
		}
	}
}

func TestGet(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/Users/7"):
			reply(200, `{"schemas":["x"],"id":7,"userName":"ada@x","active":false,"`+enterprise+`":{"department":"R","manager":{"value":"6","displayName":"Bob"}},"meta":{"version":"v"}}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/Groups/8"):
			reply(200, `{"id":"8","displayName":"G","members":[{"value":"7"},{"value":"9","type":"group"},"10"]}`)(w, r)
		default:
			reply(404, `{"status":"404"}`)(w, r)
		}
	})
	tg := target(t, s.URL, Profile{})
	user, err := tg.Get(t.Context(), connection.Ref{Type: userType, ID: "7"})
	if err != nil {
		t.Fatal(err)
	}
	want := connection.Object{
		Ref: connection.Ref{Type: userType, ID: "7"}, Name: "ada@x", Version: "v", Enabled: false,
		Values:     object(t, `{"userName":"ada@x","active":false,"`+enterprise+`":{"department":"R"}}`),
		References: []connection.Reference{{Attribute: "manager", To: connection.Ref{Type: userType, ID: "6"}}},
	}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Error(diff)
	}
	group, err := tg.Get(t.Context(), connection.Ref{Type: groupType, ID: "8"})
	if err != nil || len(group.References) != 3 || group.References[1].To.Type != groupType || group.References[2].To.ID != "10" || group.Values.Has("members") {
		t.Errorf("%+v, %v", group, err)
	}
	if _, err := tg.Get(t.Context(), connection.Ref{Type: userType, ID: "nobody"}); !errors.Is(err, lockstep.ErrNotFound) {
		t.Error(err)
	}
}

func TestDescribe(t *testing.T) {
	calls := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		switch {
		case strings.HasSuffix(r.URL.Path, "/ServiceProviderConfig"):
			reply(200, `{"patch":{"supported":false},"filter":{"supported":true,"maxResults":10},"etag":{"supported":true}}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/ResourceTypes"):
			reply(200, `{"Resources":[{"name":"User","endpoint":"People","schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":"urn:x:1.0:User"},{"schema":"urn:unknown"}]},{"name":"Device","endpoint":"/Devices","schema":"urn:d"}]}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/Schemas"):
			reply(200, `{"totalResults":1,"Resources":[{"id":"urn:x:1.0:User","attributes":[{"name":"colour","type":"string"}]},{"name":"no id"}]}`)(w, r)
		default:
			pages(1, 1, nil)(w, r)
		}
	})
	tg, err := New(Config{BaseURL: s.URL + "/scim/v2", HTTP: loopback(), Token: target(t, s.URL, Profile{}).config.Token})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := tg.Describe(t.Context())
		if err != nil || got.FindBatch != 10 || got.Types[userType].Endpoint != "/People" || got.Types[groupType] == nil || got.Types["Device"] != nil {
			t.Errorf("%+v, %v", got, err)
		}
		if schemas := got.Types[userType].Schemas(); len(schemas) != 2 || schemas[1] != "urn:x:1.0:User" {
			t.Errorf("schemas %v", schemas)
		}
	}
	if calls != 3 || !tg.put || !tg.etags {
		t.Errorf("%d requests, put %v, etags %v", calls, tg.put, tg.etags)
	}
	if err := list(t.Context(), tg, userType, func([]connection.Object) error { return nil }); err != nil {
		t.Error(err)
	}
	if last := s.requests()[3].URL; last != "/scim/v2/People?count=10&startIndex=1" {
		t.Error(last)
	}
}

func TestDescribeWithoutDiscovery(t *testing.T) {
	for _, handler := range []http.HandlerFunc{reply(404, ``), reply(501, `{}`), reply(403, `{}`), reply(200, `{"patch":"yes","filter":7,"Resources":{}}`), reply(200, `<html>`)} {
		s := serve(t, handler)
		tg := target(t, s.URL, Profile{})
		tg.config.Profile.Types = nil
		got, err := tg.Describe(t.Context())
		if err != nil || got.Types[userType] == nil || !got.SoftDelete || tg.put {
			t.Errorf("%+v, %v", got, err)
		}
	}
	s := serve(t, reply(401, `{}`))
	tg := target(t, s.URL, Profile{})
	tg.config.Profile.Types = nil
	if _, err := tg.Describe(t.Context()); lockstep.CodeOf(err) != lockstep.CodeAuthToken {
		t.Error(err)
	}
}

func TestConnectionTest(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string // names of the checks; a minus is one that failed
		code    lockstep.Code
	}{
		{"good", reply(200, `{"totalResults":0,"Resources":[]}`), "reach, authenticate, list users, search by userName", ""},
		{"bad token", reply(401, `{}`), "reach, -authenticate", lockstep.CodeAuthToken},
		{"wrong address", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "reach, authenticate, -list users", lockstep.CodeTargetMalformed},
		{"ignores filters", pages(2, 10, nil), "reach, authenticate, list users, -search by userName", lockstep.CodeTargetMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.handler)
			var names []string
			err := target(t, s.URL, Profile{}).Test(t.Context(), func(check connection.Check) {
				if !check.OK {
					check.Name = "-" + check.Name
				}
				names = append(names, check.Name)
			})
			if got := strings.Join(names, ", "); got != c.want || lockstep.CodeOf(err) != c.code {
				t.Errorf("%s; %v", got, err)
			}
		})
	}
}
