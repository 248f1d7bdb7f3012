package webexorg

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestControl(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{Name: "First"})
	var made orgState
	control(p, 201, "POST", "/control/orgs", `{"name":"Second","domains":["Example.com"],"enforce":true}`, &made)
	if made.Name != "Second" || len(made.Domains) != 1 || made.Domains[0] != "example.com" || !made.Enforce {
		t.Errorf("%+v", made)
	}
	at := "/control/orgs/" + made.ID
	var issued struct{ Token string }
	control(p, 201, "POST", at+"/tokens", `{"scope":"identity:people_rw","lifetime":"1h"}`, &issued)
	second := *p
	second.org, second.token, second.base = p.u.Org(made.ID), issued.Token, "/identity/scim/"+made.ID+"/v2"
	second.do(400, "POST", "/Users", `{"userName":"ada@example.org"}`)
	control[struct{}](p, 204, "PUT", at+"/domains", `{"domains":["example.org"],"enforce":true}`, nil)
	second.user("ada@example.org")

	var k Knobs
	control(p, 200, "PATCH", at+"/knobs", `{"late_listing":"1h","faults":[{"kind":"500","times":1}]}`, &k)
	control(p, 200, "PATCH", at+"/knobs", `{"rate":100}`, &k)
	control(p, 200, "GET", at+"/knobs", "", &k)
	if k.LateListing != time.Hour || k.Rate != 100 || len(k.Faults) != 1 {
		t.Errorf("%+v", k)
	}
	second.do(500, "GET", "/Users", "")
	second.do(200, "GET", "/Users", "")
	for _, bad := range []string{`{"latency":"soon"}`, `{"rate":-1}`, `{"lag":"1s"}`, `{`} {
		control[struct{}](p, 400, "PATCH", at+"/knobs", bad, nil)
	}

	var orgs struct{ Orgs []orgState }
	control(p, 200, "GET", "/control/orgs", "", &orgs)
	if len(orgs.Orgs) != 2 || orgs.Orgs[0].Users+orgs.Orgs[1].Users != 1 {
		t.Errorf("%+v", orgs)
	}
	control[struct{}](p, 204, "DELETE", at+"/tokens", "", nil)
	second.do(401, "GET", "/Users", "")
	control[struct{}](p, 204, "DELETE", at, "", nil)
	control[struct{}](p, 404, "GET", at+"/knobs", "", nil)
	p.user("ada@example.org") // the name is free again

	unguarded := *p
	unguarded.base = ""
	unguarded.do(401, "GET", "/control/orgs", "")
	unguarded.do(401, "GET", "/control/orgs", "", "Authorization", "Bearer ")
}

func TestNoControlWithoutToken(t *testing.T) {
	u, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/control/orgs", nil)
	r.Header.Set("Authorization", "Bearer ")
	w := httptest.NewRecorder()
	u.Handler().ServeHTTP(w, r)
	if w.Code != 404 {
		t.Errorf("status %d of a control surface that nobody asked for", w.Code)
	}
}

func TestStatsAndCommits(t *testing.T) {
	p := newPeer(t, Config{Commits: 4}, OrgConfig{})
	began := time.Now()
	ada := p.user("ada@example.com")
	group := p.group("Engineering", ada)
	p.do(200, "PATCH", "/Groups/"+group, `{"Operations":[{"op":"replace","path":"members","value":[]}]}`)
	p.do(200, "PATCH", "/Groups/"+group, `{"Operations":[{"op":"replace","path":"members","value":[]}]}`) // changes nothing
	p.do(404, "GET", "/Users/nobody", "")
	p.do(204, "DELETE", "/Users/"+ada, "")

	var stats struct{ Requests []Count }
	control(p, 200, "GET", "/control/stats", "", &stats)
	want := "[{DELETE /Users/{id} 204 1} {GET /Users/{id} 404 1} {PATCH /Groups/{id} 200 2} {POST /Groups 201 1} {POST /Users 201 1}]"
	if got := fmt.Sprint(stats.Requests); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	control[struct{}](p, 204, "DELETE", "/control/stats", "", nil)
	control(p, 200, "GET", "/control/stats", "", &stats)
	if len(stats.Requests) != 0 {
		t.Errorf("%v", stats.Requests)
	}

	var log struct {
		Last    int64
		Commits []Commit
	}
	control(p, 200, "GET", "/control/commits?since=0", "", &log)
	var got []string
	for i, c := range log.Commits {
		got = append(got, c.Kind+" "+c.Op)
		if c.Seq != int64(i+1) || c.Org != p.org.ID() || c.At.Before(began) || c.At.After(time.Now()) {
			t.Errorf("%+v", c)
		}
	}
	if s := strings.Join(got, ", "); s != "User create, Group create, Group members, User delete" || log.Last != 4 {
		t.Errorf("%s, last %d", s, log.Last)
	}
	p.user("bea@example.com")
	control(p, 200, "GET", "/control/commits?since=0&limit=1", "", &log)
	if len(log.Commits) != 1 || log.Commits[0].Seq != 2 || log.Last != 5 {
		t.Errorf("a ring of 4 after 5 commits: %+v", log)
	}
	control[struct{}](p, 400, "GET", "/control/commits?since=x", "", nil)
}

// TestCommitsWait asks for the next commit before there is one.
func TestCommitsWait(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	type answer struct {
		Last    int64
		Commits []Commit
	}
	done := make(chan answer)
	go func() {
		at := *p
		at.base = ""
		var a answer
		r, err := at.send("GET", "/control/commits?since=0&wait=30s", "", "Authorization", "Bearer "+controlSecret)
		if err == nil {
			err = json.Unmarshal([]byte(r.text), &a)
		}
		if err != nil {
			t.Error(err)
		}
		done <- a
	}()
	id := p.user("ada@example.com")
	if a := <-done; len(a.Commits) != 1 || a.Commits[0].ID != id {
		t.Errorf("%+v", a)
	}
}

func TestDump(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	ada := p.user("ada@example.com")
	inner := p.group("Inner")
	outer := p.group("Outer", ada, inner)
	at := *p
	at.base = ""
	got := at.do(200, "GET", "/control/dump", "", "Authorization", "Bearer "+controlSecret)
	var lines []string
	in := bufio.NewScanner(strings.NewReader(got.text))
	for in.Scan() {
		var line struct {
			Kind, Org, ID, Group, Member, Type string
			Version                            int
			Resource                           struct{ UserName, DisplayName string }
		}
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Org != p.org.ID() {
			t.Errorf("org %s", line.Org)
		}
		lines = append(lines, strings.Join([]string{line.Kind, line.ID, line.Group, line.Member, line.Type, line.Resource.UserName, line.Resource.DisplayName}, "|"))
	}
	want := []string{
		"user|" + ada + "||||ada@example.com|", "group|" + inner + "|||||Inner", "group|" + outer + "|||||Outer",
		"member||" + outer + "|" + ada + "|user||", "member||" + outer + "|" + inner + "|group||",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}
