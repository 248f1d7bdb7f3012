package demo

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
)

// told is a screen that somebody waits at.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (w *told) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.text.Write(p)
	select {
	case w.more <- struct{}{}:
	default:
	}
	return n, err
}

func (w *told) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// until waits until the screen has a text.
func (w *told) until(t *testing.T, text string) {
	t.Helper()
	end := time.After(2 * time.Minute)
	for !strings.Contains(w.String(), text) {
		select {
		case <-w.more:
		case <-end:
			t.Fatalf("%q never came:\n%s", text, w)
		}
	}
}

// up is a demo that is up, and its folder.
func up(t *testing.T, h Hosted) (*told, string) {
	t.Helper()
	screen := &told{more: make(chan struct{}, 1)}
	h.Keep, h.Listen, h.Screen, h.Log = t.TempDir(), "127.0.0.1:0", Screen{Out: screen}, slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := h.Run(ctx)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := FindScene(h.Keep); lockstep.CodeOf(err) != lockstep.CodeUsage {
			t.Errorf("a demo that has ended is found: %v", err)
		}
	})
	screen.until(t, "To end it")
	return screen, h.Keep
}

// console is a browser that came in by the demo's link.
func console(t *testing.T, screen *told) func(path string) string {
	t.Helper()
	link, err := url.Parse(regexp.MustCompile(`http://\S+/link\S+`).FindString(screen.String()))
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: plainJar{jar}}
	res, err := browser.PostForm(link.Scheme+"://"+link.Host+"/link", url.Values{"key": {link.Query().Get("key")}, "first": {link.Query().Get("first")}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return func(path string) string {
		res, err := browser.Get(link.Scheme + "://" + link.Host + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %d, %v:\n%.500s", path, res.StatusCode, err, text)
		}
		return string(text)
	}
}

// plainJar gives Secure cookies to loopback, as browsers do.
type plainJar struct{ *cookiejar.Jar }

func (j plainJar) Cookies(u *url.URL) []*http.Cookie {
	secure := *u
	secure.Scheme = "https"
	return j.Jar.Cookies(&secure)
}

func (j plainJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	secure := *u
	secure.Scheme = "https"
	j.Jar.SetCookies(&secure, cookies)
}

// accounts is what the organisation has, as text.
func accounts(t *testing.T, s *Scene) string {
	t.Helper()
	h, err := s.org.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, id := range slices.Sorted(maps.Keys(h.accounts)) {
		a := h.accounts[id]
		all = append(all, strings.Join([]string{id, a.UserName, a.Title, map[bool]string{true: "active"}[a.Active]}, " "))
	}
	return strings.Join(all, "\n")
}

// TestTroubles: each trouble shows in the right words, with the right code and class and exit code, where it should and nowhere else, in the
// console too; then everything is in step again, and the organisation as it was before.
func TestTroubles(t *testing.T) {
	screen, dir := up(t, Hosted{People: 60})
	s, err := FindScene(dir)
	if err != nil {
		t.Fatal(err)
	}
	get := console(t, screen)
	before := accounts(t, s)
	for _, c := range []struct {
		name, job, state string
		exit             int
		code             lockstep.Code
		class            lockstep.Class
		says             string
		card             []string // in the console, on the job's page
		other            string   // the job that nothing is the matter with
	}{
		{"token", webexSlug, "quarantined", 5, lockstep.CodeAuthToken, lockstep.NeedsYou, "it rejected the token",
			[]string{"Stopped, needs you", "The application rejected the token.", "auth.token_rejected", "needs you"}, sourceSlug},
		{"busy", webexSlug, "retrying", 3, lockstep.CodeTargetRateLimited, lockstep.Heals, "asked to wait until",
			[]string{"target.rate_limited", "heals itself"}, sourceSlug},
		{"loss", sourceSlug, "held", 5, lockstep.CodeGuardHeld, lockstep.NeedsYou, "46 changes are held and wait for a decision.",
			[]string{"Holds changes for you", "46"}, webexSlug},
		{"slow", webexSlug, "working", 75, "", "", " done.", []string{"Under way", `role="progressbar"`}, sourceSlug},
		{"partial", sourceSlug, "quarantined", 5, lockstep.CodeSourceTruncated, lockstep.NeedsYou, "people.csv: It ends inside of a row",
			[]string{"Stopped, needs you", "source.truncated", "needs you"}, webexSlug},
		{"leaver", sourceSlug, "in_step", 0, "", "", "In step.", []string{"In step"}, webexSlug},
	} {
		began := time.Now()
		v, err := s.Begin(t.Context(), c.name)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if v.Trouble != c.name || v.Job != c.job || v.State != c.state || v.Exit != c.exit || v.Code != c.code || v.Class != c.class || !strings.Contains(v.Says, c.says) {
			t.Errorf("%s shows as %+v", c.name, v)
		}
		if o, err := s.standing(t.Context(), c.other); err != nil || o.State != "in_step" && c.name != "leaver" {
			t.Errorf("%s: %s is %+v, %v", c.name, c.other, o, err)
		}
		page := get("/apps/" + c.job)
		for _, text := range c.card {
			if !strings.Contains(page, text) {
				t.Errorf("%s: the page of %s has no %q", c.name, c.job, text)
			}
		}
		if _, err := s.Begin(t.Context(), "token"); lockstep.CodeOf(err) != lockstep.CodeUsage || !strings.Contains(err.Error(), "“"+c.name+"” goes on") {
			t.Errorf("%s: a second trouble: %v", c.name, err)
		}
		all, err := s.Calm(t.Context())
		if err != nil {
			t.Fatalf("%s is not over: %v", c.name, err)
		}
		for _, v := range all {
			if v.State != "in_step" || v.Exit != 0 || v.Code != "" {
				t.Errorf("after %s: %+v", c.name, v)
			}
		}
		if now := accounts(t, s); now != before {
			t.Errorf("after %s the organisation is not as before: %s", c.name, differs(before, now))
		}
		t.Logf("%s: %.1f s until it showed, %.1f s in all", c.name, v.Seconds, time.Since(began).Seconds())
	}
	if _, err := s.Calm(t.Context()); lockstep.CodeOf(err) != lockstep.CodeUsage {
		t.Errorf("calm without a trouble: %v", err)
	}
	if _, err := s.Begin(t.Context(), "fire"); lockstep.CodeOf(err) != lockstep.CodeUsage || !strings.Contains(err.Error(), "partial") {
		t.Errorf("an unknown trouble: %v", err)
	}
}

// TestTroublesBesideFailures: the sample company has people whom Webex refuses. What was the matter before is the matter afterwards, and nothing
// else. The menu is asked as somebody at the terminal asks it.
func TestTroublesBesideFailures(t *testing.T) {
	in, keys := io.Pipe()
	screen := &told{}
	screen, dir := func() (*told, string) {
		go io.WriteString(keys, "\n\n") //nolint:errcheck // Enter for the plan and for the change; the test fails otherwise
		return up(t, Hosted{Ask: in})
	}()
	s, err := FindScene(dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.standing(t.Context(), webexSlug)
	if err != nil || before.State != "failing" || before.Exit != 3 {
		t.Fatalf("%+v, %v", before, err)
	}
	for _, step := range []struct{ key, until string }{
		{"1\n", "lockstep status ends with 5."},
		{"6\n", "One trouble at a time"},
		{"0\n", "everything is as it was before"},
		{"7\n", "There is no trouble “7”"},
	} {
		if _, err := io.WriteString(keys, step.key); err != nil {
			t.Fatal(err)
		}
		screen.until(t, step.until)
	}
	if after, err := s.standing(t.Context(), webexSlug); err != nil || after.State != before.State || after.Says != before.Says {
		t.Errorf("%+v became %+v, %v", before, after, err)
	}
}

// TestForeignDemos: the folder of somebody else's demo, open to others, is not followed.
func TestForeignDemos(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := os.TempDir() + "/" + folderPattern + "1"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+sceneFile, []byte(`{"webex":"http://192.0.2.1"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := FindScene(""); err == nil || !strings.Contains(err.Error(), "0 demos") {
		t.Errorf("found: %v", err)
	}
}

// TestMenuIsDocumented: each trouble and what shows it stand in the documentation.
func TestMenuIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/demo.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, trouble := range Troubles() {
		if !strings.Contains(string(text), "| `"+trouble.Name+"` |") {
			t.Errorf("docs/demo.md does not tell of %s", trouble.Name)
		}
		for _, c := range trouble.Look {
			if !strings.Contains(string(text), "lockstep "+c) {
				t.Errorf("docs/demo.md does not have the command: lockstep %s", c)
			}
		}
	}
}

// differs names the lines that only one of two texts has.
func differs(a, b string) string {
	var all []string
	for _, side := range [][3]string{{"−", a, b}, {"+", b, a}} {
		for line := range strings.SplitSeq(side[1], "\n") {
			if !strings.Contains("\n"+side[2]+"\n", "\n"+line+"\n") {
				all = append(all, side[0]+" "+line)
			}
		}
	}
	return strings.Join(all, "; ")
}
