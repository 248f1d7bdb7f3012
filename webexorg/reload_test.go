package webexorg

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dumpOf returns everything that a universe holds, by organisation.
func dumpOf(t *testing.T, u *Universe) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range u.Orgs() {
		var b bytes.Buffer
		fmt.Fprintln(&b, o.Config())
		if err := o.Dump(&b); err != nil {
			t.Fatal(err)
		}
		all[o.ID()] = b.String()
	}
	return all
}

// TestReload ends a universe as a kill does, with garbage at the end of the journal, and starts it again.
func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	p := newPeer(t, Config{Journal: path, Sync: true}, OrgConfig{Name: "A \"quoted\" name", Domains: []string{"example.com"}, Enforce: true})
	ada, bea := p.user("ada@example.com"), p.user("bea@example.com")
	group := p.group("Engineering", ada, bea)
	nested := p.group("Nested", group)
	p.do(200, "PATCH", "/Users/"+ada, `{"Operations":[{"op":"replace","path":"userName","value":"ada.l@example.com"},{"op":"add","path":"manager","value":"`+bea+`"}]}`)
	p.do(200, "PATCH", "/Groups/"+group, `{"Operations":[{"op":"replace","path":"displayName","value":"Engineers"},{"op":"remove","path":"members[value eq \"`+ada+`\"]"}]}`)
	p.do(200, "PATCH", "/Groups/"+nested, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+ada+`"}]}]}`)
	gone := p.user("gone@example.com")
	p.do(200, "PATCH", "/Groups/"+group, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+gone+`"}]}]}`)
	p.do(204, "DELETE", "/Users/"+gone, "")
	if err := p.org.SetDomains([]string{"example.com", "example.org"}, true); err != nil {
		t.Fatal(err)
	}
	ended, err := p.u.AddOrg(OrgConfig{Name: "Ended"})
	if err != nil {
		t.Fatal(err)
	}
	p.in(ended).user("someone@example.org")
	if err := p.u.DropOrg(ended.ID()); err != nil {
		t.Fatal(err)
	}
	expired, err := p.u.AddOrg(OrgConfig{Name: "Expired"})
	if err != nil {
		t.Fatal(err)
	}
	q := p.in(expired)
	if err := expired.ExpireTokens(); err != nil {
		t.Fatal(err)
	}
	before := dumpOf(t, p.u)

	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(killed, append(whole, "deadbeef {\"op\":\"put\",\"org\":\"half"...), 0o600); err != nil {
		t.Fatal(err)
	}
	again := newPeer(t, Config{Journal: killed}, OrgConfig{Name: "Added later"})
	after := dumpOf(t, again.u)
	delete(after, again.org.ID())
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after the restart:\n%s", diff)
	}
	again.base, again.token = p.base, p.token
	again.do(409, "POST", "/Users", `{"userName":"ADA.L@example.com"}`)
	again.do(201, "POST", "/Users", `{"userName":"ada@example.org"}`)
	again.do(409, "POST", "/Groups", `{"displayName":"engineers"}`)
	again.do(201, "POST", "/Groups", `{"displayName":"Engineering"}`)
	if got := again.memberIDsOf(nested); !slices.Equal(got, []string{ada, group}) {
		t.Errorf("members after the restart: %v", got)
	}
	again.base, again.token = q.base, q.token
	again.do(401, "GET", "/Users", "")
}

// TestConcurrentWriters has 32 writers at once on one group and one user, and one name that all want.
func TestConcurrentWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	p := newPeer(t, Config{Journal: path}, OrgConfig{})
	const writers = 32
	group, target := p.group("Everybody"), p.user("target@example.com")
	ids := make([]string, writers)
	for i := range ids {
		ids[i] = p.user(fmt.Sprintf("u%d@example.com", i))
	}
	var created, renamed, refused atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range writers {
		wg.Go(func() {
			<-start
			r, err := p.send("PATCH", "/Groups/"+group, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+ids[i]+`"}]}]}`)
			if err != nil || r.StatusCode != 200 {
				t.Errorf("add a member: %v %v", r.Response, err)
			}
			body := fmt.Sprintf(`{"Operations":[{"op":"add","path":"phoneNumbers","value":[{"type":"other","value":"%d"}]}]}`, i)
			if r, err = p.send("PATCH", "/Users/"+target, body); err != nil || r.StatusCode != 200 {
				t.Errorf("add a number: %v %v", r.Response, err)
			}
			if r, err = p.send("POST", "/Users", `{"userName":"only.one@example.com"}`); err == nil && r.StatusCode == 201 {
				created.Add(1)
			} else if err == nil && r.StatusCode == 409 {
				refused.Add(1)
			}
			body = `{"Operations":[{"op":"replace","path":"userName","value":"renamed@example.com"}]}`
			if r, err = p.send("PATCH", "/Users/"+ids[i], body); err == nil && r.StatusCode == 200 {
				renamed.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	if created.Load() != 1 || refused.Load() != writers-1 || renamed.Load() != 1 {
		t.Errorf("one name: %d created, %d refused, %d renamed", created.Load(), refused.Load(), renamed.Load())
	}
	if got := p.memberIDsOf(group); !slices.Equal(got, ids) {
		t.Errorf("%d members, want %d", len(got), len(ids))
	}
	user := p.do(200, "GET", "/Users/"+target, "")
	if n := strings.Count(user.text, `"type":"other"`); n != writers {
		t.Errorf("%d numbers of %d: an update was lost", n, writers)
	}
	if v := user.Header.Get("ETag"); v != fmt.Sprintf(`W/"%d"`, writers+1) {
		t.Errorf("version %s after %d writes", v, writers+1)
	}

	// What the writers left is what the journal says.
	copied := filepath.Join(t.TempDir(), "journal")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := New(Config{Journal: copied})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if diff := cmp.Diff(dumpOf(t, p.u), dumpOf(t, u)); diff != "" {
		t.Errorf("the journal says otherwise:\n%s", diff)
	}
}

// TestIfMatchConcurrent has writers that demand the version they read: of those that read the same, one wins.
func TestIfMatchConcurrent(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	id := p.user("ada@example.com")
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			body := fmt.Sprintf(`{"Operations":[{"op":"replace","path":"title","value":"%d"}]}`, i)
			if r, err := p.send("PATCH", "/Users/"+id, body, "If-Match", `W/"1"`); err == nil && r.StatusCode == 200 {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers won", won.Load())
	}
	p.do(412, "DELETE", "/Users/"+id, "", "If-Match", `W/"1"`)
	p.do(204, "DELETE", "/Users/"+id, "", "If-Match", `"1", W/"2"`)
}

func TestTokensExpire(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	p := newPeer(t, Config{Now: clock}, OrgConfig{})
	short, err := p.org.IssueToken(ReadWrite, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p.do(200, "GET", "/Users", "", "Authorization", "Bearer "+short)
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	got := p.do(401, "GET", "/Users", "", "Authorization", "Bearer "+short)
	if !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("WWW-Authenticate: %q (RFC 6750 §3)", got.Header.Get("WWW-Authenticate"))
	}
	p.do(200, "GET", "/Users", "")
	if _, err := p.org.IssueToken("everything", 0); err == nil {
		t.Error("a token with an unknown scope was issued")
	}
}
