package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// client speaks to a target without a network.
type client struct {
	t *testing.T
	*Target
}

// do sends a request. The status is 0 when no answer came.
func (c client) do(method, path, body string) (status int, got map[string]any, header http.Header) {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.t.Context(), method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil {
			status, got = 0, nil
		}
	}()
	c.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			c.t.Fatal(err)
		}
	}
	return w.Code, got, w.Header()
}

func (c client) user(name, more string) string {
	c.t.Helper()
	status, got, _ := c.do("POST", "/Users", fmt.Sprintf(`{"userName":%q,"active":true%s}`, name, more))
	if status != 201 {
		c.t.Fatalf("create %s: %d %v", name, status, got)
	}
	return text(got["id"])
}

// names lists user names by a query.
func (c client) names(query url.Values) string {
	c.t.Helper()
	status, got, _ := c.do("GET", "/Users?"+query.Encode(), "")
	if status != 200 {
		return fmt.Sprint(status)
	}
	var out []string
	for _, r := range got["Resources"].([]any) {
		out = append(out, text(r.(map[string]any)["userName"]))
	}
	return fmt.Sprintf("%v %v", out, got["totalResults"])
}

func TestLists(t *testing.T) {
	filter := func(s string) url.Values { return url.Values{"filter": {s}} }
	second := url.Values{"startIndex": {"3"}, "count": {"2"}}
	for _, c := range []struct {
		quirks Quirks
		query  url.Values
		want   string
	}{
		{Quirks{}, nil, "[a B c d] 4"},
		{Quirks{}, second, "[c d] 4"},
		{Quirks{PageSize: 1}, second, "[c] 4"},
		{Quirks{WholeList: true}, second, "[a B c d] 4"},
		{Quirks{Repeats: true}, second, "[a B] 4"},
		{Quirks{Total: PageTotal}, second, "[c d] 2"},
		{Quirks{Total: ZeroTotal}, second, "[c d] 0"},
		{Quirks{Total: TextTotal}, second, "[c d] 4"},
		{Quirks{Total: OneTooMany}, second, "[c d] 5"},
		{Quirks{Endless: EmptyForever}, url.Values{"startIndex": {"9"}}, "[] 1.073741824e+09"},
		{Quirks{Endless: StrangersForever}, url.Values{"startIndex": {"9"}, "count": {"2"}}, "[stranger9@elsewhere.example stranger10@elsewhere.example] 1.073741824e+09"},
		{Quirks{}, filter(`userName eq "b"`), "[B] 1"},
		{Quirks{}, filter(`userName eq "b" or userName EQ "D"`), "[B d] 2"},
		{Quirks{}, filter(`id eq "u00003"`), "[c] 1"},
		{Quirks{}, filter(`emails.value eq "x or y"`), "[a] 1"},
		{Quirks{}, filter(`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "7"`), "[c] 1"},
		{Quirks{}, filter(`userName sw "b"`), "400"},
		{Quirks{EqOnly: true}, filter(`userName eq "b" or userName eq "d"`), "400"},
		{Quirks{EqOnly: true}, filter(`userName eq "b"`), "[B] 1"},
		{Quirks{RefuseFilters: true}, filter(`userName eq "b"`), "400"},
		{Quirks{NoFilters: true}, filter(`userName eq "b"`), "400"},
		{Quirks{IgnoreFilters: true}, filter(`userName eq "b"`), "[a B c d] 4"},
		{Quirks{CaseExact: true}, filter(`userName eq "b"`), "[] 0"},
		{Quirks{CaseExact: true}, filter(`userName eq "B"`), "[B] 1"},
		{Quirks{NotFoundFilter: true}, filter(`userName eq "x"`), "404"},
		{Quirks{HideBlocked: true}, nil, "[a B c] 3"},
		{Quirks{HideBlocked: true}, filter(`userName eq "d"`), "[d] 1"},
	} {
		target := New(c.quirks)
		target.Put("Users", map[string]any{"userName": "a", "emails": []any{map[string]any{"type": "work", "value": "x or y"}}}, false)
		target.Put("Users", map[string]any{"userName": "B"}, false)
		target.Put("Users", map[string]any{"userName": "c", enterpriseURN: map[string]any{"employeeNumber": "7"}}, false)
		target.Put("Users", map[string]any{"userName": "d", "active": false}, false)
		target.Haunt("ghost")
		if got := (client{t, target}).names(c.query); got != c.want {
			t.Errorf("%+v %v: %s, not %s", c.quirks, c.query, got, c.want)
		}
	}
}

func TestPatch(t *testing.T) {
	const user = `{"userName":"ada","title":"x","emails":[{"type":"work","value":"a@x"}],"name":{"givenName":"Ada"},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`
	for _, c := range []struct{ operation, want string }{
		{`{"op":"Replace","path":"title","value":"y"}`, `title=y`},
		{`{"op":"add","value":{"title":"z","nickName":"n"}}`, `nickName=n title=z`},
		{`{"op":"remove","path":"title"}`, ``},
		{`{"op":"replace","path":"name.familyName","value":"L"}`, `name.familyName=L`},
		{`{"op":"remove","path":"name.givenName"}`, `name.givenName=`},
		{`{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@x"}`, `emails[work]=b@x`},
		{`{"op":"add","path":"emails","value":[{"type":"home","value":"h@x"}]}`, `emails[home]=h@x emails[work]=a@x`},
		{`{"op":"add","path":"emails[type eq \"home\"].value","value":"h@x"}`, `emails[home]=h@x`},
		{`{"op":"remove","path":"emails[type eq \"work\"]"}`, `emails[work]=`},
		{`{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"e"}`, `department=e`},
		{`{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:title","value":"e"}`, `title=e`},
		{`{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}`, `department=`},
		{`{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"u00001"}}`, `manager=ada`},
		{`{"op":"frobnicate","path":"title"}`, `400`},
		{`{"op":"replace","path":"title[","value":1}`, `400`},
		{`{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"nobody"}}`, `400`},
		{`{"op":"remove","path":"userName"}`, `400`},
	} {
		target := New(Quirks{})
		cl := client{t, target}
		if status, got, _ := cl.do("POST", "/Users", user); status != 201 {
			t.Fatal(status, got)
		}
		status, got, _ := cl.do("PATCH", "/Users/u00001", `{"Operations":[`+c.operation+`]}`)
		if fmt.Sprint(status) == c.want {
			continue
		}
		a := target.Holdings().People["ada"]
		for want := range strings.FieldsSeq(c.want) {
			if name, value, _ := strings.Cut(want, "="); a[name] != value {
				t.Errorf("%s: %d %v: %s is %q, not %q", c.operation, status, got, name, a[name], value)
			}
		}
		if c.want == "400" || c.want == "" && a["title"] != "" {
			t.Errorf("%s: %d %v", c.operation, status, a)
		}
	}
}

func TestGroupsAndDeletes(t *testing.T) {
	target := New(Quirks{})
	c := client{t, target}
	ada, ben := c.user("Ada", ""), c.user("ben", "")
	if status, _, _ := c.do("POST", "/Groups", `{"displayName":"G","members":[{"value":"nobody"}]}`); status != 400 {
		t.Errorf("a member who is not there: %d", status)
	}
	c.do("POST", "/Groups", fmt.Sprintf(`{"displayName":"G","members":[{"value":%q}]}`, ada))
	c.do("PATCH", "/Groups/g00003", fmt.Sprintf(`{"Operations":[{"op":"add","path":"members","value":[{"value":%q},{"value":%q}]}]}`, ben, ada))
	if got := fmt.Sprint(target.Holdings().Groups); got != "map[G:[ada ben]]" {
		t.Error(got)
	}
	c.do("PATCH", "/Groups/g00003", fmt.Sprintf(`{"Operations":[{"op":"remove","path":"members[value eq %s]"}]}`, strings.ReplaceAll(fmt.Sprintf("%q", ben), `"`, `\"`)))
	if got := fmt.Sprint(target.Holdings().Groups); got != "map[G:[ada]]" {
		t.Error(got)
	}
	target.Expect("ada")
	if status, _, _ := c.do("DELETE", "/Users/"+ada, ""); status != 204 {
		t.Error(status)
	}
	if got := fmt.Sprint(target.Holdings().Groups, target.Verdict()); got != "map[G:[]] []" {
		t.Error(got)
	}
}

// TestVerdicts: each line of what a client does is judged.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, want string
		quirks     Quirks
		do         func(client)
	}{
		{"twice", "created twice", Quirks{Duplicates: true}, func(c client) { c.user("x", ""); c.user("X", "") }},
		{"twice by external id", "created twice", Quirks{}, func(c client) { c.user("x", `,"externalId":"1"`); c.user("y", `,"externalId":"1"`) }},
		{"unique", "", Quirks{}, func(c client) { c.user("x", ""); c.do("POST", "/Users", `{"userName":"X"}`) }},
		{"theirs", "nobody's business", Quirks{}, func(c client) {
			c.do("PATCH", "/Users/u00001", `{"Operations":[{"op":"replace","path":"title","value":"mine"}]}`)
		}},
		{"disabled", "did not leave", Quirks{}, func(c client) {
			c.do("PATCH", "/Users/"+c.user("x", ""), `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		}},
		{"leaver", "", Quirks{}, func(c client) {
			c.Expect("X")
			c.do("PATCH", "/Users/"+c.user("x", ""), `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		}},
		{"deleted", "did not leave", Quirks{}, func(c client) { c.do("DELETE", "/Users/"+c.user("x", ""), "") }},
	} {
		target := New(c.quirks)
		target.Put("Users", map[string]any{"userName": "theirs"}, true)
		c.do(client{t, target})
		got := strings.Join(target.Verdict(), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestWrites(t *testing.T) {
	c := client{t, New(Quirks{Lower: []string{"userName"}, Trim: []string{"title"}, Hide: []string{"title"}, SameID: 2})}
	first := c.user("Ada", `,"title":" x  y "`)
	if second := c.user("ben", ""); second != first {
		t.Errorf("the second has the id %s", second)
	}
	if _, got, _ := c.do("GET", "/Users/"+first, ""); got["title"] != nil {
		t.Errorf("title is shown: %v", got)
	}
	h := c.Holdings()
	if a := h.People["ada"]; a["userName"] != "ada" || a["title"] != "x y" || h.People["ben"] == nil {
		t.Errorf("%v", h.People)
	}
	if status, _, _ := c.do("POST", "/Users", `{"userName":"ADA"}`); status != 409 {
		t.Errorf("a name that is taken: %d", status)
	}
	c = client{t, New(Quirks{NoPatch: true, EmptyWrite: true})}
	c.do("POST", "/Users", `{"userName":"ada","title":"x"}`)
	if status, _, _ := c.do("PATCH", "/Users/u00001", `{"Operations":[]}`); status != 501 {
		t.Errorf("PATCH: %d", status)
	}
	if status, got, _ := c.do("PUT", "/Users/u00001", `{"userName":"ada"}`); status != 200 || got != nil || c.Holdings().People["ada"]["title"] != "" {
		t.Errorf("PUT: %d %v", status, got)
	}
}

func TestLateListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, New(Quirks{LateListing: time.Minute})}
		id := c.user("ada", "")
		filter := url.Values{"filter": {`userName eq "ada"`}}
		if got := c.names(nil) + c.names(filter); got != "[] 0[] 0" {
			t.Error(got)
		}
		if status, _, _ := c.do("GET", "/Users/"+id, ""); status != 200 {
			t.Errorf("by id: %d", status)
		}
		time.Sleep(time.Minute)
		if got := c.names(nil) + c.names(filter); got != "[ada] 1[ada] 1" {
			t.Error(got)
		}
	})
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{t, New(Quirks{Throttle: Throttle{Status: 429, At: 2, For: time.Minute, Header: Seconds}})}
		var got []int
		for range 3 {
			status, _, _ := c.do("GET", "/Users", "")
			got = append(got, status)
		}
		if _, _, header := c.do("GET", "/Users", ""); header.Get("Retry-After") != "60" {
			t.Errorf("Retry-After: %v", header)
		}
		if len(c.Verdict()) > 0 {
			t.Errorf("what was on its way is no fault: %v", c.Verdict())
		}
		time.Sleep(30 * time.Second)
		c.do("GET", "/Users", "")
		time.Sleep(30 * time.Second)
		status, _, _ := c.do("GET", "/Users", "")
		if got = append(got, status); !slices.Equal(got, []int{200, 429, 429, 200}) {
			t.Error(got)
		}
		if v := c.Verdict(); len(v) != 1 || !strings.Contains(v[0], "asked 1 times meanwhile") {
			t.Error(v)
		}
		c = client{t, New(Quirks{Throttle: Throttle{Status: 503, At: 1, Times: 1, Header: Date}})}
		_, _, header := c.do("GET", "/Users", "")
		if at, err := http.ParseTime(header.Get("Retry-After")); err != nil || at.Before(time.Now()) {
			t.Errorf("Retry-After: %v", header)
		}
		if status, _, _ := c.do("GET", "/Users", ""); status != 200 {
			t.Errorf("once: %d", status)
		}
	})
}

func TestLosses(t *testing.T) {
	c := client{t, New(Quirks{LoseBefore: Losses{First: 1}, LoseAfter: Losses{First: 2, Every: 2, Times: 2}})}
	var got []int
	for i := range 7 {
		status, _, _ := c.do("POST", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i))
		got = append(got, status)
	}
	if !slices.Equal(got, []int{0, 0, 201, 0, 201, 201, 201}) || len(c.Holdings().People) != 6 || c.Holdings().People["u0"] != nil {
		t.Errorf("%v %v", got, c.Holdings().People)
	}
	var lost []bool
	for _, r := range c.Requests(0) {
		lost = append(lost, r.Lost)
	}
	if fmt.Sprint(lost) != "[true true false true false false false]" {
		t.Error(lost)
	}
}

func TestSaveAndLoad(t *testing.T) {
	one := New(Quirks{})
	c := client{t, one}
	id := c.user("ada", `,"title":"x"`)
	one.Put("Groups", map[string]any{"displayName": "G", "members": []any{map[string]any{"value": id}}}, true)
	saved, err := one.Save()
	if err != nil {
		t.Fatal(err)
	}
	two := New(Quirks{})
	if err := two.Load(saved); err != nil {
		t.Fatal(err)
	}
	if problems := Compare(one.Holdings(), two.Holdings()); len(problems) > 0 {
		t.Error(problems)
	}
	if fresh := (client{t, two}).user("ben", ""); fresh == id {
		t.Errorf("the id %s is given twice", fresh)
	}
	if problems := Compare(two.Holdings(), one.Holdings()); len(problems) != 1 || problems[0] != "ben: no account" {
		t.Error(problems)
	}
}
