package demo

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lockstep/api"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two  three", 7, []string{"one two", "three"}},
		{"a\u00a0b c", 3, []string{"a b", "c"}},
		{"größer", 6, []string{"größer"}},
		{"see https://long.example/x now", 8, []string{"see", "https://", "long.exa", "mple/x", "now"}},
	} {
		if got := wrap(test.text, test.width); !slices.Equal(got, test.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// TestScreenKeepsToItsWidth writes everything there is to write and measures the lines.
func TestScreenKeepsToItsWidth(t *testing.T) {
	long := strings.Repeat("somewhat longer words ", 12)
	for _, width := range []int{40, 80, 110} {
		var out bytes.Buffer
		s := Screen{Out: &out, Width: func() int { return width }}
		s.head(1, "A company")
		s.text(long)
		s.note(long)
		s.done(long, "12 ms")
		s.failed(long, "")
		p := play{Demo: Demo{Screen: s}}
		p.action(api.Action{Kind: "update", Source: api.End{Name: strings.Repeat("x", 60)}, Changes: []api.Change{{Attribute: "title", Before: long, After: "b"}}})
		s.bar(1, 2, "not on what is no terminal")
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > width || strings.HasSuffix(line, " ") {
				t.Errorf("at %d columns: a line of %d: %q", width, n, line)
			}
		}
		if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "terminal") {
			t.Error("control sequences, or a bar, on what is no terminal")
		}
	}
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	s := Screen{Out: &out, Live: true}
	s.bar(999, 1000, "writing")
	if text := out.String(); !strings.Contains(text, "░  999/1000  writing") || !strings.HasPrefix(text, "\r\x1b[K") {
		t.Errorf("a bar that is not quite full: %q", text)
	}
	out.Reset()
	s.bar(3, 3, "writing")
	if strings.Contains(out.String(), "░") {
		t.Errorf("a full bar: %q", out.String())
	}
}

func TestWhat(t *testing.T) {
	change := func(a, from, to string) api.Change { return api.Change{Attribute: a, Before: from, After: to} }
	for _, test := range []struct {
		action api.Action
		want   string
	}{
		{api.Action{Kind: "create", Why: "in scope: nobody has to be assigned"}, "in scope: nobody has to be assigned"},
		{api.Action{Kind: "create", Code: "target.refused", Detail: "It said no."}, "target.refused — It said no."},
		{api.Action{Kind: "skip", Code: "x", Hint: "Do y."}, "x — Do y."},
		{api.Action{Kind: "update", Changes: []api.Change{
			change("title", "A", "B"), change("nickName", "C", ""), change("phone", "", "1"), change("x", "1", "2"), change("y", "1", "2"),
		}}, "title “A” → “B”; nickName cleared; phone set to “1”; 2 more"},
		{api.Action{Kind: "link", Source: api.End{Name: "ada"}, Target: api.End{Name: "Ada"}, Changes: []api.Change{change("title", "A", "B")}}, "there already as Ada; title “A” → “B”"},
		{api.Action{Kind: "link", Source: api.End{Name: "ada"}}, "there already"},
	} {
		if got := what(test.action); got != test.want {
			t.Errorf("%+v: %q, want %q", test.action, got, test.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	list := make([]time.Duration, 50)
	for i := range list {
		list[i] = time.Duration(i + 1)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 25, 0.95: 48, 1: 50} {
		if got := quantile(list, q); got != want {
			t.Errorf("quantile %g is %d, want %d", q, got, want)
		}
	}
	if got := quantile(list[:1], 0.95); got != 1 {
		t.Errorf("of one: %d", got)
	}
}

func TestParsePeak(t *testing.T) {
	got, err := parseSize("Name:\tlockstep\nVmPeak:\t  900 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n", "VmHWM:")
	if err != nil || got != 2 {
		t.Errorf("%g, %v", got, err)
	}
	if _, err := parseSize("Name:\tlockstep\n", "VmHWM:"); err == nil {
		t.Error("no error without the line")
	}
}

func TestLineWatch(t *testing.T) {
	l := newLineWatch()
	for _, part := range []string{`{"a"`, ":1}\nrest", "\nmore\n"} {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(<-l.line); got != `{"a":1}` {
		t.Errorf("first line %q", got)
	}
	long := &tail{}
	for range 10 {
		if _, err := long.Write(bytes.Repeat([]byte("x"), 999)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(long.String()); n != tailSize {
		t.Errorf("keeps %d", n)
	}
}

// TestSampleCompany checks the sample company against what its story says of it.
func TestSampleCompany(t *testing.T) {
	dir, story := t.TempDir(), sampleStory()
	if err := story.write(dir); err != nil {
		t.Fatal(err)
	}
	r, err := readRoster(dir)
	if err != nil {
		t.Fatal(err)
	}
	for id := range story.design.out {
		if _, err := r.people.row(id); err != nil {
			t.Error(err)
		}
	}
	e := r.expect(story.design)
	if len(e.people) != 43 || len(e.groups) != 4 || len(e.groups["Engineering"]) != 21 {
		t.Errorf("%d people, %d groups, %d in Engineering", len(e.people), len(e.groups), len(e.groups["Engineering"]))
	}
	told, err := story.change(r)
	if err != nil || len(told) != 5 {
		t.Fatalf("%q, %v", told, err)
	}
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	if r, err = readRoster(dir); err != nil {
		t.Fatal(err)
	}
	for _, id := range story.later {
		delete(story.design.out, id)
	}
	after := r.expect(story.design)
	in, out := after.groups["Support"]["ben.carter@acme.example"], after.groups["Sales"]["ben.carter@acme.example"]
	if len(after.people) != 44 || len(after.groups["Engineering"]) != 22 || !in || out || after.people["jonas.weiss@acme.example"] != nil {
		t.Errorf("%d people, %d in Engineering", len(after.people), len(after.groups["Engineering"]))
	}
}
