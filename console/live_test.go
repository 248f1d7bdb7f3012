package console_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
)

// listener reads a stream of events as a browser does.
type listener struct {
	*world
	lines *bufio.Scanner
}

func (b *browser) listen(path string) *listener {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+path, nil)
	b.must(err)
	resp, err := b.Do(r)
	b.must(err)
	b.Cleanup(func() { cancel(); resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		b.Fatalf("%s is %q", path, kind)
	}
	l := &listener{world: b.world, lines: bufio.NewScanner(resp.Body)}
	l.lines.Buffer(nil, 1<<20)
	return l
}

// next returns the next event.
func (l *listener) next() (name, data string) {
	l.Helper()
	for l.lines.Scan() {
		line := l.lines.Text()
		field, value, _ := strings.Cut(line, ":")
		switch {
		case line == "" && data+name != "":
			return name, data
		case field == "event":
			name = strings.TrimSpace(value)
		case field == "data":
			data += strings.TrimPrefix(value, " ") + "\n"
		}
	}
	l.Fatalf("the stream has ended: %v", l.lines.Err())
	return "", ""
}

// until reads on to an event of the name that has the words.
func (l *listener) until(name, words string) string {
	l.Helper()
	for {
		if n, data := l.next(); n == name && strings.Contains(data, words) {
			return data
		}
	}
}

func TestLive(t *testing.T) {
	w := newWorld(t, 5).filled()
	b := w.signedIn(w.tenant)
	l := b.listen("/apps/webex/live?show=created")
	if name, data := l.next(); name != "" || !strings.HasPrefix(data, `<div id="live">`) || !strings.Contains(data, "A plan waits for you") {
		t.Errorf("at first: %q %s", name, data)
	}
	w.applied(b)
	data := l.until("", "Some failing") // Bob's domain is not verified
	if strings.Contains(data, "A plan waits") || strings.Contains(data, `id="log"`) {
		t.Errorf("after the cycle: %s", data)
	}
	log := l.until("log", "ada@acme.example")
	if strings.Contains(log, "bob@old.example") {
		t.Error("the stream does not keep to the filter of the page")
	}
}

// TestLiveTellsWhatCameBetween: lines that came after the page was made and before its stream began are told at once, and only those.
func TestLiveTellsWhatCameBetween(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	var stream string
	for _, e := range b.get("/apps/webex").elements() {
		if at := e.attr["hx-sse:connect"]; at != "" {
			stream = at
		}
	}
	l := b.listen(stream)
	l.next()
	w.applied(b)
	l.until("log", "created")
	late := b.listen(stream)
	late.next()
	if name, data := late.next(); name != "log" || !strings.Contains(data, "created") {
		t.Errorf("first comes %q: %.200s", name, data)
	}
}

func TestHomeLive(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	l := b.listen("/live")
	l.until("", "Has not run yet")
	b.post("/sources/hr/state", "state", "paused").is(http.StatusSeeOther)
	l.until("", "Draft")
}

// TestSignOutEndsStreams: nothing more is told to a browser that is out.
func TestSignOutEndsStreams(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	l := b.listen("/sources/hr/live")
	l.next()
	b.post("/signout").is(http.StatusSeeOther)
	l.until("ended", "")
	if l.lines.Scan() {
		t.Errorf("after the end: %q", l.lines.Text())
	}
}

// countedStandings counts how often a job is looked at as a whole.
type countedStandings struct {
	operate.Standings
	n atomic.Int64
}

func (c *countedStandings) Standing(ctx context.Context, t lockstep.TenantID, j lockstep.JobID) (provision.Standing, error) {
	c.n.Add(1)
	return c.Standings.Standing(ctx, t, j)
}

// TestManyWatchOnce: what many browsers watch is looked at once for all of them. Each looked for itself, and fifty open consoles took more of
// the processor than the cycle that they showed.
func TestManyWatchOnce(t *testing.T) {
	const browsers = 20
	w := newWorld(t, 3).filled()
	looks := &countedStandings{Standings: w.operator.Standings}
	w.operator.Standings = looks
	b := w.signedIn(w.tenant)
	var all []*listener
	for range browsers {
		for _, path := range []string{"/apps/webex/live", "/live"} {
			l := b.listen(path)
			l.next()
			all = append(all, l)
		}
	}
	before := looks.n.Load()
	w.applied(b)
	for _, l := range all {
		l.until("", "Some failing")
	}
	if n := looks.n.Load() - before; n > browsers {
		t.Errorf("%d browsers made for %d looks", 2*browsers, n)
	}
}
