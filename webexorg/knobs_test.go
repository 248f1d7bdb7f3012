package webexorg

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) move(d time.Duration) { c.mu.Lock(); c.now = c.now.Add(d); c.mu.Unlock() }

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (p *peer) knobs(k Knobs) {
	p.t.Helper()
	if err := p.org.SetKnobs(k); err != nil {
		p.t.Fatal(err)
	}
}

func TestRateLimit(t *testing.T) {
	c := newClock()
	p := newPeer(t, Config{Now: c.Now}, OrgConfig{})
	for _, l := range []struct {
		rate  float64
		burst int
		wait  string
	}{{5, 5, "1"}, {0.1, 1, "10"}, {2.5, 3, "1"}} {
		p.knobs(Knobs{Rate: l.rate})
		for range l.burst {
			p.do(200, "GET", "/Users", "")
		}
		got := p.do(429, "GET", "/Users", "")
		if got.Header.Get("Retry-After") != l.wait {
			t.Errorf("rate %v: Retry-After %q, want %s", l.rate, got.Header.Get("Retry-After"), l.wait)
		}
		checkError(t, got)
		seconds, err := strconv.Atoi(l.wait)
		if err != nil {
			t.Fatal(err)
		}
		c.move(time.Duration(seconds) * time.Second)
		p.do(200, "GET", "/Users", "") // who waits as told is let in
	}
}

func TestLatency(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	p.knobs(Knobs{Latency: 30 * time.Millisecond, Jitter: time.Millisecond})
	began := time.Now()
	p.do(200, "GET", "/Users", "")
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("an answer after %v", took)
	}
}

func TestLateListing(t *testing.T) {
	c := newClock()
	p := newPeer(t, Config{Now: c.Now}, OrgConfig{})
	early := p.user("early@example.com")
	c.move(time.Second)
	p.knobs(Knobs{LateListing: 5 * time.Second})
	c.move(10 * time.Second)
	late := p.user("late@example.com")
	count := func(query string) any { return p.do(200, "GET", "/Users"+query, "").body.Get("totalResults") }
	for _, query := range []string{`?filter=userName eq "late@example.com"`, `?filter=id eq "` + late + `"`, `?filter=userName sw "late"`} {
		if n := count(query); n != int64(0) {
			t.Errorf("%s finds %v", query, n)
		}
	}
	if n := count(""); n != int64(1) {
		t.Errorf("%v users are listed", n)
	}
	p.do(200, "GET", "/Users/"+late, "")
	p.do(200, "GET", "/Users/"+early, "")
	p.do(409, "POST", "/Users", `{"userName":"late@example.com"}`)
	c.move(5 * time.Second)
	if n := count(`?filter=userName eq "late@example.com"`); n != int64(1) {
		t.Errorf("after the time %v users are found", n)
	}
}

// TestLateDeletion: who was deleted is still listed and found for a while, in SCIM and REST, and is gone by the id at once.
func TestLateDeletion(t *testing.T) {
	c := newClock()
	p := newPeer(t, Config{Now: c.Now}, OrgConfig{})
	ada, ben := p.user("ada@example.com"), p.user("ben@example.com")
	group := p.group("Staff", ada, ben)
	p.knobs(Knobs{LateDeletion: 9 * time.Second})
	p.do(204, "DELETE", "/Users/"+ada, "")
	p.do(204, "DELETE", "/Groups/"+group, "")
	everything, err := p.org.IssueToken(Everything, 0)
	if err != nil {
		t.Fatal(err)
	}
	rest := p.with(everything)
	rest.base = ""
	check := func(when string, want int64) {
		t.Helper()
		for _, query := range []string{`/Users?filter=userName eq "ada@example.com"`, `/Users?filter=id eq "` + ada + `"`, `/Users?filter=displayName sw "Ada" or userName sw "ada"`, `/Groups?filter=displayName eq "Staff"`} {
			if n := p.do(200, "GET", query, "").body.Get("totalResults"); n != want {
				t.Errorf("%s %s finds %v", when, query, n)
			}
		}
		if n := p.do(200, "GET", "/Users?sortBy=userName", "").body.Get("totalResults"); n != 1+want {
			t.Errorf("%s %v users are listed", when, n)
		}
		if items, _ := rest.do(200, "GET", "/v1/people", "").body.Get("items").(scim.List); int64(len(items)) != 1+want {
			t.Errorf("%s %d people are listed", when, len(items))
		}
		if groups, _ := rest.do(200, "GET", "/v1/groups", "").body.Get("groups").(scim.List); int64(len(groups)) != want {
			t.Errorf("%s %d groups are listed", when, len(groups))
		}
		p.do(404, "GET", "/Users/"+ada, "")
		p.do(404, "PATCH", "/Users/"+ada, `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`)
		p.do(404, "GET", "/Groups/"+group, "")
	}
	check("at once", 1)
	c.move(8 * time.Second)
	check("later", 1)
	c.move(2 * time.Second)
	check("after the time", 0)
	if users, groups := p.org.Size(); users != 1 || groups != 0 {
		t.Errorf("there are %d users and %d groups", users, groups)
	}
}

func memberIDs(t *testing.T, members scim.List) []string {
	t.Helper()
	ids, err := state.MemberIDs(members)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestLateMembers: reads show memberships as they were, the answer to the change shows what it did, and a change that follows stands
// on what is true.
func TestLateMembers(t *testing.T) {
	c := newClock()
	p := newPeer(t, Config{Now: c.Now}, OrgConfig{})
	ada, ben, cy := p.user("ada@example.com"), p.user("ben@example.com"), p.user("cy@example.com")
	group := p.group("Staff", ada, ben)
	p.knobs(Knobs{LateMembers: 25 * time.Second})
	answer := p.do(200, "PATCH", "/Groups/"+group, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+cy+`"}]},{"op":"remove","path":"members[value eq \"`+ada+`\"]"}]}`)
	if members, _ := answer.body.Get("members").(scim.List); !slices.Equal(memberIDs(t, members), []string{ben, cy}) {
		t.Errorf("the change answers %s", answer.text)
	}
	c.move(20 * time.Second)
	p.do(204, "DELETE", "/Users/"+ben, "")
	groupsOf := func(id string) any {
		groups, _ := p.do(200, "GET", "/Users/"+id+"?attributes=groups", "").body.Get("groups").(scim.List)
		return len(groups)
	}
	check := func(when string, adas, cys int, want ...string) {
		t.Helper()
		if got := p.memberIDsOf(group); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s the members are %v, want %v", when, got, want)
		}
		if n := p.do(200, "GET", "/Groups/"+group+"/Members", "").body.Get("totalResults"); n != int64(len(want)) {
			t.Errorf("%s a page of members counts %v", when, n)
		}
		listed, _ := p.do(200, "GET", "/Groups?includeMembers=true", "").body.Get("Resources").(scim.List)
		one, _ := listed[0].(scim.Object)
		members, _ := one.Get("members").(scim.List)
		if a, c := groupsOf(ada), groupsOf(cy); a != adas || c != cys || len(members) != len(want) {
			t.Errorf("%s Ada is in %v groups, Cy in %v, the list has %d members", when, a, c, len(members))
		}
	}
	check("at once", 1, 0, ada, ben)
	c.move(10 * time.Second)
	check("after the first change is seen", 0, 1, ben, cy)
	c.move(20 * time.Second)
	check("after both", 0, 1, cy)
}

func TestDuplicates(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	p.user("ada@example.com")
	p.do(409, "POST", "/Users", `{"userName":"Ada@example.com"}`)
	p.knobs(Knobs{Duplicates: true})
	second := p.do(201, "POST", "/Users", `{"userName":"Ada@example.com"}`).body.Text("id")
	count := func() any {
		return p.do(200, "GET", `/Users?filter=userName eq "ada@example.com"`, "").body.Get("totalResults")
	}
	if n := count(); n != int64(2) {
		t.Errorf("%v users of one name are found", n)
	}
	p.do(204, "DELETE", "/Users/"+second, "")
	if n := count(); n != int64(1) {
		t.Errorf("%v are found when one is gone", n)
	}
}

func TestFaults(t *testing.T) {
	const body = `{"userName":"ada@example.com"}`
	for _, c := range []struct {
		kind  FaultKind
		after bool
		check func(t *testing.T, got reply, err error)
	}{
		{Fault429, false, func(t *testing.T, got reply, err error) {
			if err != nil || got.StatusCode != 429 || got.Header.Get("Retry-After") != "1" {
				t.Errorf("%v %v", got.Response, err)
			}
		}},
		{Fault500, true, status(500)},
		{Fault503, false, status(503)},
		{FaultHTML, true, func(t *testing.T, got reply, err error) {
			if err != nil || got.StatusCode != 200 || !strings.HasPrefix(got.text, "<!DOCTYPE html>") {
				t.Errorf("%v %v", got.text, err)
			}
		}},
		{FaultReset, false, func(t *testing.T, _ reply, err error) {
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("error %v, want a connection reset", err)
			}
		}},
		{FaultReset, true, func(t *testing.T, _ reply, err error) {
			if err == nil {
				t.Error("no error")
			}
		}},
		{FaultTruncate, false, func(t *testing.T, got reply, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) || got.Response == nil || got.StatusCode != 201 || !strings.HasPrefix(got.text, `{"id"`) {
				t.Errorf("%v %v", got, err)
			}
		}},
	} {
		name := string(c.kind)
		if c.after {
			name += " after"
		}
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, Config{}, OrgConfig{})
			p.knobs(Knobs{Faults: []Fault{{Kind: c.kind, After: c.after, Method: "POST", Path: "/Users", Times: 1}}})
			p.do(200, "GET", "/Users", "")
			got, err := p.send("POST", "/Users", body)
			c.check(t, got, err)
			want := 0
			if c.after || c.kind == FaultTruncate {
				want = 1
			}
			if users, _ := p.org.Size(); users != want {
				t.Errorf("%d users, want %d", users, want)
			}
			if want == 0 {
				p.do(201, "POST", "/Users", body)
			}
		})
	}
}

func status(want int) func(*testing.T, reply, error) {
	return func(t *testing.T, got reply, err error) {
		if err != nil || got.StatusCode != want {
			t.Errorf("%v %v, want %d", got.Response, err, want)
		}
	}
}

func TestHang(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	p.knobs(Knobs{Faults: []Fault{{Kind: FaultHang}}})
	r, err := http.NewRequest("POST", p.url+p.base+"/Users", strings.NewReader(`{"userName":"ada@example.com"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	client := &http.Client{Timeout: 50 * time.Millisecond}
	if res, err := client.Do(r); err == nil {
		t.Errorf("an answer: %v", res.Status)
	}
	if users, _ := p.org.Size(); users != 0 {
		t.Errorf("%d users", users)
	}
}

func TestFaultsCount(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	p.knobs(Knobs{Faults: []Fault{{Kind: Fault503, Every: 3, Times: 2}, {Kind: Fault500, Every: 4, Method: "get"}}})
	var got []int
	for range 12 {
		r, err := p.send("GET", "/Users", "")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.StatusCode)
	}
	// The second fault does not see what the first one befalls.
	if diff := cmp.Diff([]int{200, 200, 503, 200, 500, 503, 200, 200, 200, 500, 200, 200}, got); diff != "" {
		t.Error(diff)
	}
}

func TestKnobsJSON(t *testing.T) {
	want := Knobs{
		Latency: 20 * time.Millisecond, Jitter: time.Millisecond, Rate: 20, LateListing: 5 * time.Second, LateDeletion: 9 * time.Second, LateMembers: 25 * time.Second,
		Faults: []Fault{{Kind: FaultReset, Every: 7, After: true}},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Knobs
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte(`{"rate":5}`), &got); err != nil || got.Rate != 5 || got.Latency != want.Latency {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []Knobs{{Latency: -1}, {Rate: -1}, {Faults: []Fault{{Kind: "418"}}}, {Faults: []Fault{{Kind: Fault500, Every: -1}}}} {
		if bad.Check() == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}
