package webexorg

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/scim"
)

// TestPresent asks for accounts through the control surface, sees them as any client does, and takes some back.
func TestPresent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	p := newPeer(t, Config{Journal: path}, OrgConfig{Domains: []string{"example.com"}, Enforce: true})
	p.user("ada@example.com")
	at := "/control/orgs/" + p.org.ID() + "/knobs"
	want := func(n int) scim.Object {
		t.Helper()
		body := p.do(200, "GET", "/Users?count=0", "").body
		if total := body.Get("totalResults"); total != int64(n) {
			t.Errorf("%v users, want %d", total, n)
		}
		return p.do(200, "GET", `/Users?filter=userName eq "present-000002@example.com"`, "").body
	}
	control[struct{}](p, 200, "PATCH", at, `{"present":5}`, nil)
	found := want(6)
	list, _ := found.Get("Resources").(scim.List)
	if len(list) != 1 {
		t.Fatalf("the second account is not found: %v", found)
	}
	second, _ := list[0].(scim.Object)
	if !IsPresent(second.Text("userName")) || second.Get("active") != true || second.Has("externalId") {
		t.Errorf("%v", second)
	}
	control[struct{}](p, 200, "PATCH", at, `{"latency":"1ms"}`, nil) // what is not named stays
	want(6)
	p.do(204, "DELETE", "/Users/"+second.Text("id"), "")
	want(5)
	control[struct{}](p, 200, "PATCH", at, `{"present":7}`, nil) // the second stays deleted: its client wanted it so
	want(7)
	control[struct{}](p, 200, "PATCH", at, `{"present":1}`, nil)
	want(2)
	for _, bad := range []string{`{"present":-1}`, `{"present":3000000}`, `{"page_latency":"-1s"}`} {
		control[struct{}](p, 400, "PATCH", at, bad, nil)
	}
	if err := p.u.Flush(0); err != nil {
		t.Fatal(err)
	}
	again, err := New(Config{Journal: path})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	o := again.Org(p.org.ID())
	if users, _ := o.Size(); users != 2 {
		t.Errorf("%d users after a restart", users)
	}
	if err := o.SetKnobs(Knobs{Present: 3}); err != nil { // those that the journal had count
		t.Fatal(err)
	}
	if users, _ := o.Size(); users != 4 {
		t.Errorf("%d users after a restart that asks for 3 accounts", users)
	}
}

// TestPresentWithoutDomains gives two organisations accounts of the same number: user names are unique in all of Webex.
func TestPresentWithoutDomains(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	other, err := p.u.AddOrg(OrgConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p.knobs(Knobs{Present: 2})
	if err := other.SetKnobs(Knobs{Present: 2}); err != nil {
		t.Fatal(err)
	}
}

func TestPageLatency(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	group := p.group("Engineering")
	const slow = 50 * time.Millisecond
	p.knobs(Knobs{PageLatency: slow})
	for _, c := range []struct {
		method, path string
		page         bool
	}{
		{"GET", "/Users", true}, {"GET", "/Users?startIndex=2&count=10", true}, {"GET", "/Groups", true},
		{"GET", "/Groups/" + group + "/Members", true}, {"GET", "/Groups/" + group, false}, {"GET", "/Schemas", false},
		{"GET", `/Users?filter=userName eq "ada@example.com"`, false}, {"PATCH", "/Groups/" + group, false},
	} {
		body := ""
		if c.method == "PATCH" {
			body = `{"Operations":[{"op":"replace","path":"displayName","value":"Engineers"}]}`
		}
		// The shortest of a few: a busy machine may delay any one of them.
		shortest := time.Hour
		for range 3 {
			began := time.Now()
			p.do(200, c.method, c.path, body)
			shortest = min(shortest, time.Since(began))
		}
		if (shortest >= slow) != c.page {
			t.Errorf("%s %s took %v", c.method, strings.ReplaceAll(c.path, group, "{id}"), shortest)
		}
	}
}
