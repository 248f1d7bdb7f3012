package hostile_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lockstep/e2e/hostile"
	"lockstep/e2e/parts"
)

// quirk is one way in which a target is hostile.
type quirk struct {
	name     string
	set      func(*hostile.Quirks)
	settings map[string]string // of the connection, which an administrator has to know
	haunt    bool              // a name is taken by nobody
	mayStop  bool              // the target cannot be brought in step; then it is left alone, and the job says so
	slow     time.Duration     // how long the target keeps everybody waiting
	lacks    shortfall         // what it can never have
	says     string            // the code of rows that say so
}

// quirks are all of them.
var quirks = []quirk{
	{name: "none", set: func(*hostile.Quirks) {}},
	{name: "slow pages", set: func(q *hostile.Quirks) { q.SlowPages, q.PageSize = 9*time.Second, 4 }, slow: 20 * time.Minute},
	{name: "small pages", set: func(q *hostile.Quirks) { q.PageSize = 2 }},
	{name: "eq only", set: func(q *hostile.Quirks) { q.EqOnly = true }},
	{name: "filters refused", set: func(q *hostile.Quirks) { q.RefuseFilters = true }},
	{name: "no filters", set: func(q *hostile.Quirks) { q.NoFilters = true }},
	{name: "filters ignored", set: func(q *hostile.Quirks) { q.IgnoreFilters = true }},
	{name: "case-exact filters", set: func(q *hostile.Quirks) { q.CaseExact = true }},
	{name: "404 for nobody", set: func(q *hostile.Quirks) { q.NotFoundFilter = true }},
	{name: "no PATCH", set: func(q *hostile.Quirks) { q.NoPatch = true }},
	{name: "no PATCH, members hidden", set: withoutPatch("members"), lacks: shortfall{team: true}, says: "target.hides_values"},
	{name: "no PATCH, attributes hidden", set: withoutPatch("title", "emails"), lacks: shortfall{people: true}, says: "target.hides_values"},
	{name: "no PATCH, members hidden and not needed", set: withoutPatch("members"), settings: overwrite, lacks: shortfall{extras: true}},
	{name: "no PATCH, attributes hidden and not needed", set: withoutPatch("title", "emails"), settings: overwrite, lacks: shortfall{extras: true}},
	{name: "one id twice", set: func(q *hostile.Quirks) { q.SameID = 5 }},
	{name: "another's answer", set: func(q *hostile.Quirks) { q.WrongBody = 5 }},
	{name: "another's answer, and nobody made", set: func(q *hostile.Quirks) { q.Liar = 5 }, says: "target.contradicts"},
	{name: "answers show what was before", set: func(q *hostile.Quirks) { q.OldAnswers = true }},
	{name: "deaf to titles", set: func(q *hostile.Quirks) { q.Deaf = append(q.Deaf, "title") }, lacks: shortfall{titles: true}, says: "target.contradicts"},
	{name: "empty answers to writes", set: func(q *hostile.Quirks) { q.EmptyWrite = true }},
	{name: "429 once", set: func(q *hostile.Quirks) { q.Throttle = hostile.Throttle{Status: 429, At: 40, Times: 1} }},
	{name: "429, seconds", set: throttled(429, hostile.Seconds), slow: 10 * time.Minute},
	{name: "429, date", set: throttled(429, hostile.Date), slow: 10 * time.Minute},
	{name: "429, no header", set: throttled(429, hostile.Absent), slow: 10 * time.Minute},
	{name: "503, seconds", set: throttled(503, hostile.Seconds), slow: 10 * time.Minute},
	{name: "503, date", set: throttled(503, hostile.Date), slow: 10 * time.Minute},
	{name: "503, no header", set: throttled(503, hostile.Absent), slow: 10 * time.Minute},
	{name: "lost before the deed", set: func(q *hostile.Quirks) { q.LoseBefore = hostile.Losses{First: 7, Every: 9} }, slow: 5 * time.Minute},
	{name: "lost after the deed", set: func(q *hostile.Quirks) { q.LoseAfter = hostile.Losses{First: 5, Every: 9} }, slow: 5 * time.Minute},
	{name: "answers never come", set: func(q *hostile.Quirks) { q.HangAfter = hostile.Losses{First: 11, Every: 60} }, slow: 10 * time.Minute},
	{name: "names not unique", set: func(q *hostile.Quirks) { q.Duplicates = true }, settings: map[string]string{"unique": "none"}, slow: 5 * time.Minute},
	{name: "late listing", set: func(q *hostile.Quirks) { q.LateListing = 20 * time.Second }, slow: 5 * time.Minute},
	{name: "lost, late and not unique", settings: map[string]string{"unique": "none"}, slow: 10 * time.Minute, set: func(q *hostile.Quirks) {
		q.Duplicates, q.LateListing, q.LoseAfter, q.LoseBefore = true, 20*time.Second, hostile.Losses{First: 5, Every: 9}, hostile.Losses{First: 8, Every: 13}
	}},
	{name: "empty pages for ever", set: func(q *hostile.Quirks) { q.Endless = hostile.EmptyForever }, mayStop: true},
	{name: "strangers for ever", set: func(q *hostile.Quirks) { q.Endless, q.SlowPages = hostile.StrangersForever, time.Second }, mayStop: true},
	{name: "the first page for ever", set: func(q *hostile.Quirks) { q.Repeats, q.PageSize = true, 10 }, mayStop: true},
	{name: "total of the page", set: func(q *hostile.Quirks) { q.Total, q.PageSize = hostile.PageTotal, 10 }},
	{name: "no total", set: func(q *hostile.Quirks) { q.Total, q.PageSize = hostile.ZeroTotal, 10 }},
	{name: "total as text", set: func(q *hostile.Quirks) { q.Total, q.PageSize = hostile.TextTotal, 10 }},
	{name: "total too large by one", set: func(q *hostile.Quirks) { q.Total = hostile.OneTooMany }, mayStop: true},
	{name: "a huge page", set: func(q *hostile.Quirks) { q.WholeList, q.Ballast = true, 60_000 }},
	{name: "stored in lower case", set: func(q *hostile.Quirks) { q.Lower = append(q.Lower, "userName") }},
	{name: "stored trimmed", set: func(q *hostile.Quirks) { q.Trim = append(q.Trim, "displayName") }},
	{name: "409 for whom lists hide", set: func(q *hostile.Quirks) { q.HideBlocked = true }},
	{name: "409 for whom nobody sees", set: func(*hostile.Quirks) {}, haunt: true},
}

// overwrite is an administrator's word that what is hidden may be lost.
var overwrite = map[string]string{"overwrite_hidden": "true"}

func withoutPatch(hides ...string) func(*hostile.Quirks) {
	return func(q *hostile.Quirks) { q.NoPatch, q.Hide = true, append(q.Hide, hides...) }
}

func throttled(status int, header hostile.Header) func(*hostile.Quirks) {
	return func(q *hostile.Quirks) {
		q.Throttle = hostile.Throttle{Status: status, At: 60, For: 9*time.Minute + 30*time.Second, Header: header}
	}
}

// reasonable is how long a target that is not slow may take from a change to being in step.
const reasonable = 2 * time.Minute

// drive brings a company through a target with the quirks, lets a year pass and brings the changes through, too. It returns what
// is wrong in the end, a line for each.
func drive(t *testing.T, with ...quirk) (problems []string) {
	synctest.Test(t, func(t *testing.T) {
		all := quirk{settings: map[string]string{"url": "http://hostile.example/v2"}}
		target := hostile.New(hostile.Quirks{Latency: 10 * time.Millisecond})
		target.Prefix, target.Token = "/v2", "secret"
		for _, q := range with {
			q.set(&target.Quirks)
			for k, v := range q.settings {
				all.settings[k] = v
			}
			all.haunt = all.haunt || q.haunt
			all.mayStop = all.mayStop || q.mayStop
			all.slow += q.slow
			all.lacks = all.lacks.and(q.lacks)
		}
		w := newWorld(t, target)
		c := newCompany(w, all.haunt && !target.Quirks.Duplicates)
		c.lacks = all.lacks
		w.api(nil, http.MethodPost, "/apps", map[string]any{"kind": "scimapp", "slug": "app", "settings": all.settings})
		w.api(nil, http.MethodPut, "/jobs/app/connection", map[string]any{"secrets": map[string]string{"token": "secret"}})
		w.api(nil, http.MethodPut, "/jobs/app/policy", map[string]any{"everyone": true, "groups": true})
		w.api(nil, http.MethodPatch, "/jobs/app", map[string]any{"mode": "auto"})
		problems = c.inStep("first cycle", all)
		if len(problems) == 0 {
			c.year()
			problems = c.inStep("a year later", all)
		}
		if len(problems) == 0 {
			problems = c.quiet(all)
		}
		if says := with[0].says; len(with) == 1 && says != "" && !c.says(says) { // another quirk may keep it from being noticed
			problems = append(problems, "nobody says "+says+"\n"+c.log())
		}
		for _, p := range target.Verdict() {
			problems = append(problems, "done: "+p)
		}
	})
	return problems
}

// and is what must not be expected of a target with both. Where it was said that things may be lost, nothing stays as it is.
func (l shortfall) and(o shortfall) shortfall {
	extras := l.extras || o.extras
	return shortfall{people: (l.people || o.people) && !extras, team: (l.team || o.team) && !extras, extras: extras, titles: l.titles || o.titles}
}

// says reports whether a row of the job has the code.
func (c *company) says(code string) bool {
	c.Helper()
	var list struct {
		Items []struct{ Code string }
	}
	c.api(&list, http.MethodGet, "/jobs/app/actions?limit=500&state=refused,failed", nil)
	return slices.ContainsFunc(list.Items, func(a struct{ Code string }) bool { return a.Code == code })
}

// inStep waits until the target has what it should and returns what is missing.
func (c *company) inStep(when string, q quirk) []string {
	c.Helper()
	began := time.Now()
	problems := c.settle(reasonable + q.slow)
	took := time.Since(began)
	if len(problems) > 0 { // what was refused waits for somebody to ask
		c.api(nil, http.MethodPost, "/jobs/app/run", nil)
		problems = c.settle(reasonable + q.slow)
	}
	c.Logf("%s: %s", when, took)
	if len(problems) == 0 {
		return nil
	}
	j := c.job()
	if q.mayStop && j.Code != "" {
		c.Logf("stopped: %s: %s", j.Code, j.Detail)
		return nil
	}
	if n := len(problems); n > 6 {
		problems = append(problems[:6], fmt.Sprintf("and %d more", n-6))
	}
	return append([]string{when + ": " + problems[0]}, append(problems[1:], c.log())...)
}

// settle looks every few seconds.
func (c *company) settle(within time.Duration) (problems []string) {
	c.Helper()
	for deadline := time.Now().Add(within); ; {
		has := c.target.Holdings()
		problems = hostile.Compare(c.want(c.target.Quirks, has), has)
		if len(problems) == 0 || !time.Now().Before(deadline) {
			return problems
		}
		time.Sleep(5 * time.Second)
	}
}

// quiet asks for everything to be looked at once more: nothing may be written.
func (c *company) quiet(q quirk) (problems []string) {
	c.Helper()
	time.Sleep(reasonable) // what is to be looked at again has been
	n := len(c.target.Requests(0))
	c.api(nil, http.MethodPost, "/jobs/app/run", nil)
	time.Sleep(reasonable)
	for _, r := range c.target.Requests(n) {
		if r.Write() && r.Status > 0 && r.Status < 400 && !(c.lacks.titles && strings.Contains(r.Body, "title")) { // 0: it was lost before the deed
			problems = append(problems, fmt.Sprintf("in step, and still: %s %s %s", r.Method, r.Path, r.Body))
		}
	}
	if len(problems) > 3 {
		problems = append(problems[:3], fmt.Sprintf("and %d more", len(problems)-3))
	}
	return problems
}

// known are quirks, and pairs of them, that are known to be too much, with a part of what is observed. Who mends one strikes it
// from here; the test asks for it.
var known = map[string]string{}

// sometimes are pairs that are too much in some runs, by what happens first. An id of a create whose answer was lost is nobody's yet, so
// whoever gets it as the answer to their own create is believed.
var sometimes = map[string]string{"one id twice + lost, late and not unique": "created twice"}

// allPairs has TestPairs drive the company through every pair of quirks, which takes a quarter of an hour.
var allPairs = flag.Bool("all-pairs", false, "TestPairs: every pair of quirks, not forty")

// resume is a log of an earlier run, whose passed pairs are not run again.
var resume = flag.String("resume", "", "log of an earlier run: what has passed in it is skipped")

// somePairs is how many pairs TestPairs takes otherwise, and pairSeed which.
const (
	somePairs = 40
	pairSeed  = 20261129
)

// TestQuirks drives a company through each quirk.
func TestQuirks(t *testing.T) {
	for _, q := range quirks {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			judge(t, q.name, drive(t, q))
		})
	}
}

// TestPairs drives a company through two quirks at once. Those of which one alone is known to be too much are left out.
func TestPairs(t *testing.T) {
	var pairs [][2]quirk
	for i, a := range quirks[1:] {
		for _, b := range quirks[i+2:] {
			if known[a.name] == "" && known[b.name] == "" {
				pairs = append(pairs, [2]quirk{a, b})
			}
		}
	}
	rand.New(rand.NewPCG(pairSeed, 0)).Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	if !*allPairs {
		pairs = pairs[:min(somePairs, len(pairs))]
	}
	for _, p := range pairs {
		name := p[0].name + " + " + p[1].name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parts.SkipPassed(t, *resume)
			judge(t, name, drive(t, p[0], p[1]))
		})
	}
}

// judge fails the test when something is wrong that is not known, and when something known is not wrong any more.
func judge(t *testing.T, name string, problems []string) {
	t.Helper()
	observed, is := known[name]
	text := strings.Join(problems, "\n")
	if at, is := sometimes[name]; is && (text == "" || strings.Contains(text, at)) {
		t.Logf("known to happen:\n%s", text)
		return
	}
	switch {
	case is && text == "":
		t.Errorf("mended: strike %q from known", name)
	case is && !strings.Contains(text, observed):
		t.Errorf("%q does not say %q, as is known, but:\n%s", name, observed, text)
	case is:
		t.Logf("known:\n%s", text)
	case text != "":
		t.Error(text)
	}
}
