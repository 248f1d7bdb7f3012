package notify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/notify"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// teller plays days: at each step it is told what stands, and notes what is told.
type teller struct {
	memory []notify.Remembered
	quiet  time.Duration
	now    time.Time
	told   []string
}

func (x *teller) look(after time.Duration, causes ...notify.Cause) {
	x.now = x.now.Add(after)
	news, next := notify.Decide(causes, x.memory, x.quiet, x.now)
	x.memory = next
	var names []string
	for _, c := range news {
		names = append(names, strings.TrimSpace(fmt.Sprintf("%s:%s %s", c.Job, c.Kind, c.Name)))
	}
	if len(names) > 0 {
		x.told = append(x.told, fmt.Sprintf("%s %s", x.now.Sub(start), strings.Join(names, " + ")))
	}
}

func failing(name string) notify.Cause {
	return notify.Cause{Job: "a", Kind: notify.Failing, Name: name}
}

// TestDecide: what stands is told once, what comes together is told together, and what comes and goes is one trouble.
func TestDecide(t *testing.T) {
	held := notify.Cause{Job: "a", Kind: notify.HeldBack}
	other := notify.Cause{Job: "b", Kind: notify.HeldBack}
	patient := notify.Cause{Job: "a", Kind: notify.Failing, Name: "away", Patience: time.Hour}
	m := time.Minute
	for _, c := range []struct {
		name string
		play func(*teller)
		want string
	}{
		{"a minute after it came up, and once", func(x *teller) {
			x.look(0, held)
			x.look(30*time.Second, held)
			for range 300 {
				x.look(m, held)
			}
		}, "1m30s a:held"},
		{"what ends within the minute is not told", func(x *teller) {
			x.look(0, held)
			x.look(30 * time.Second)
			x.look(m)
		}, ""},
		{"news of a minute come together", func(x *teller) {
			x.look(0, held)
			x.look(50*time.Second, failing("x"), held)
			x.look(10*time.Second, failing("x"), held)
			x.look(50*time.Second, failing("x"), held)
		}, "1m0s a:held; 1m50s a:failing x"},
		{"a hundred causes are one message", func(x *teller) {
			var all []notify.Cause
			for i := range 100 {
				all = append(all, failing(fmt.Sprint(i)))
			}
			x.look(0, all...)
			x.look(m, all...)
			if len(x.told) == 1 {
				x.told = []string{fmt.Sprint(strings.Count(x.told[0], "failing"))}
			}
		}, "100"},
		{"a kind is quiet for an hour, and then all of it is told", func(x *teller) {
			x.look(0, failing("1"))
			x.look(m, failing("1"))
			x.look(m, failing("1"), failing("2"))
			x.look(10*m, failing("1"), failing("2"), failing("3"))
			x.look(40*m, failing("1"), failing("2"), failing("3"))
			x.look(9*m, failing("1"), failing("2"), failing("3"))
		}, "1m0s a:failing 1; 1h1m0s a:failing 2 + a:failing 3"},
		{"another kind does not wait, and takes along what waits", func(x *teller) {
			x.look(0, failing("1"))
			x.look(m, failing("1"))
			x.look(m, failing("1"), failing("2"))
			x.look(m, failing("1"), failing("2"), held)
			x.look(m, failing("1"), failing("2"), held)
		}, "1m0s a:failing 1; 4m0s a:failing 2 + a:held"},
		{"what comes and goes is one trouble, what was gone for an hour is another", func(x *teller) {
			x.look(0, held)
			x.look(m, held)
			for range 10 {
				x.look(5 * m)
				x.look(5*m, held)
			}
			x.look(m)
			x.look(59 * m)
			x.look(m, held) // gone for an hour
			x.look(m, held)
		}, "1m0s a:held; 2h43m0s a:held"},
		{"what heals by itself has an hour to do so", func(x *teller) {
			x.look(0, patient)
			x.look(59*m, patient)
			x.look(m, patient)
		}, "1h0m0s a:failing away"},
		{"apps do not wait for one another", func(x *teller) {
			x.look(0, held)
			x.look(m, held, other)
			x.look(m, held, other)
		}, "1m0s a:held; 2m0s b:held"},
	} {
		x := &teller{quiet: time.Hour, now: start}
		c.play(x)
		if got := strings.Join(x.told, "; "); got != c.want {
			t.Errorf("%s: told %q, want %q", c.name, got, c.want)
		}
	}
}

// TestMemoryEnds: what has been gone for the quiet time is forgotten, so the memory does not grow.
func TestMemoryEnds(t *testing.T) {
	x := &teller{quiet: time.Hour, now: start}
	for i := range 1000 {
		x.look(time.Minute, failing(fmt.Sprint(i)), failing(fmt.Sprint(i+1)))
	}
	if len(x.memory) > 70 {
		t.Errorf("%d causes are remembered", len(x.memory))
	}
}

// TestEnds: an end is told 30, 14, 7 and 1 days before, when it has come, and then no more.
func TestEnds(t *testing.T) {
	end := start.AddDate(0, 0, 60)
	var told []string
	last := ""
	for at := start; at.Before(end.AddDate(0, 0, 30)); at = at.Add(6 * time.Hour) {
		c, ok := notify.Ends("a", "token", "The token", time.Time{}, end, at)
		if ok && c.Name != last {
			last = c.Name
			told = append(told, fmt.Sprintf("%s at %d: %s", c.Name, int(end.Sub(at)/(24*time.Hour)), c.Says))
		}
		if !ok && at.After(end.AddDate(0, 0, 8)) {
			last = "over"
		}
	}
	want := "token 30 at 30: The token ends on 2026-05-01, in 30 days.; token 14 at 14: The token ends on 2026-05-01, in 14 days.; " +
		"token 7 at 7: The token ends on 2026-05-01, in 7 days.; token 1 at 1: The token ends on 2026-05-01, in less than a day.; token 0 at 0: The token ended on 2026-05-01."
	if got := strings.Join(told, "; "); got != want || last != "over" {
		t.Errorf("told %q, want %q; in the end %q", got, want, last)
	}
	if _, ok := notify.Ends("a", "token", "The token", start, start.AddDate(0, 0, 1), start); ok {
		t.Error("a token of a day is told of when it is made")
	}
	if c, ok := notify.Ends("a", "token", "The token", start, start.AddDate(0, 0, 10), start.AddDate(0, 0, 4)); !ok || c.Code != lockstep.CodeSecretExpires {
		t.Error("a token of ten days is not told of when it has six")
	}
}

// TestCheck: settings that would show a password, or reach nobody, are refused.
func TestCheck(t *testing.T) {
	good := notify.Mail{Host: "smtp.acme.example", From: "Lockstep <lockstep@acme.example>"}
	with := func(f func(*notify.Mail)) notify.Settings {
		m := good
		f(&m)
		return notify.Settings{Mail: m}
	}
	for name, c := range map[string]struct {
		s    notify.Settings
		want string
	}{
		"none":                    {notify.Settings{}, ""},
		"mail":                    {with(func(*notify.Mail) {}), ""},
		"a port with it":          {with(func(m *notify.Mail) { m.Host += ":587" }), "host name"},
		"a password in the clear": {with(func(m *notify.Mail) { m.User, m.Security = "x", notify.Plain }), "unprotected"},
		"no sender":               {with(func(m *notify.Mail) { m.From = "" }), "comes from"},
		"two senders":             {with(func(m *notify.Mail) { m.From = "a@x.example\r\nBcc: b@x.example" }), "comes from"},
		"no such security":        {with(func(m *notify.Mail) { m.Security = "ssl3" }), "starttls"},
		"no certificate":          {with(func(m *notify.Mail) { m.CA = "x" }), "PEM"},
		"a hook":                  {notify.Settings{Hook: "https://x.example/hook?a=b"}, ""},
		"a hook of a file":        {notify.Settings{Hook: "file:///etc/passwd"}, "webhook"},
		"a hook with a password":  {notify.Settings{Hook: "https://a:b@x.example/"}, "webhook"},
		"a recipient":             {notify.Settings{To: []string{" ada@acme.example", "", "ada@acme.example"}}, ""},
		"no recipient":            {notify.Settings{To: []string{"ada"}}, "no e-mail address"},
		"two in one":              {notify.Settings{To: []string{"ada@acme.example\r\nRCPT TO:<x@y.example>"}}, "no e-mail address"},
		"too many":                {notify.Settings{To: strings.Split(strings.Repeat("x@y.example,", 0)+many(21), ",")}, "more than 20"},
	} {
		err := c.s.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	s := with(func(*notify.Mail) {})
	if err := s.Check(); err != nil || s.Mail.From != "lockstep@acme.example" || s.Mail.Security != notify.StartTLS {
		t.Errorf("%+v, %v", s.Mail, err)
	}
}

func many(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("p%d@acme.example", i))
	}
	return strings.Join(all, ",")
}
