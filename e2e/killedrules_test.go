package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/hostile"
)

// TestKilledRules kills serve while the source's files are read and, at the same time, an administrator changes mappings and scoping filters
// of the source and of three applications. Whichever of these changes were kept, in the end the applications have what the files and the rules
// say, without another change: nobody twice, nobody lost, nothing wrong.
func TestKilledRules(t *testing.T) {
	t.Parallel()
	killRules(t, often(3, 12))
}

func killRules(t *testing.T, lives int) {
	number := rand.Uint64()
	if *seed != 0 {
		number = *seed
	}
	t.Logf("seed %d", number)
	s, tr := newStaff(number), &trap{}
	w := killWorld(t, tr)
	s.write(w)
	p := w.start(serves, "serve")
	w.run("source", "add", "csvfile", "hr")
	w.run("app", "set", "hr", "--guard", "100000")
	w.try("source", "run", "hr", "--detach")
	w.addApp("webex", "wx", "endpoint")
	w.addApp("scimapp", "scim", "url")
	w.addApp("scimapp", "third", "url")
	unique := "all"
	if *kills > 0 { // as killWorld makes it
		unique = "none"
	}
	w.run("connection", "set", "scim", "--set", "unique=all")
	w.run("connection", "set", "third", "--set", "listing_delay=3s", "--set", "unique="+unique)
	for app, target := range w.targets {
		for n := range 2000 {
			target.Expect(storedName(n)) // anybody may be out of scope for a while
		}
		w.run("app", "set", app, "--everyone", "--guard", "100000", "--mode", "auto")
	}
	p.kill()
	for life := range lives {
		sprung, release := tr.set(1+s.random.IntN(60), s.random.IntN(2) == 0)
		p := w.start(serves, "serve")
		hour := time.Duration(200+s.random.IntN(2500)) * time.Millisecond
		s.change()
		for _, target := range w.targets {
			target.Expect(s.leavers()...)
		}
		ctx, dead := context.WithCancel(t.Context())
		edits, said := w.someRules(s.random, life), make(chan string, 1)
		go func() {
			var all strings.Builder
			for _, args := range edits {
				if out, err := w.command(ctx, binary, args...).CombinedOutput(); err != nil {
					fmt.Fprintf(&all, "%v: %v: %s", args, err, out)
				}
			}
			said <- all.String()
		}()
		time.Sleep(time.Duration(s.random.IntN(300)) * time.Millisecond)
		s.write(w)
		select {
		case <-sprung:
		case <-time.After(hour):
		case <-p.ended:
			t.Fatalf("it ended by itself:\n%s", p.said())
		}
		p.kill()
		dead()
		release()
		if text := <-said; text != "" {
			t.Logf("life %d: %s", life, text)
		}
	}
	w.start(serves, "serve")
	w.readRules(s)
	w.everythingRight(t, s)
	if again := w.readRules(s); again != "" {
		t.Error(again)
	}
}

// someRules are a few commands that change rules.
func (w *storedWorld) someRules(random *rand.Rand, life int) (all [][]string) {
	apps := slices.Sorted(maps.Keys(w.targets))
	for range 2 + random.IntN(3) {
		app := apps[random.IntN(len(apps))]
		switch random.IntN(4) {
		case 0:
			all = append(all, []string{"mapping", "set", "--app", "hr", "displayName", fmt.Sprintf(`Append([displayName], " v%d")`, life)})
		case 1:
			all = append(all, []string{"scope", "set", "--app", app, fmt.Sprintf("userName NOT REGEX MATCH ^person[0-9]*%d@", random.IntN(10))})
		case 2:
			all = append(all, []string{"scope", "set", "--app", app})
		default:
			all = append(all, []string{"mapping", "set", "--app", app, "title", fmt.Sprintf(`Append([title], " v%d")`, life)})
		}
	}
	return all
}

var (
	killedTitle = regexp.MustCompile(`(?m)^title +Append\(\[title\], "( v\d+)"\)`)
	killedName  = regexp.MustCompile(`(?m)^displayName +Append\(\[displayName\], "( v\d+)"\)`)
	killedScope = regexp.MustCompile(`\[0-9\]\*(\d)@`)
)

// readRules reads the rules that are kept, and says what is different from what was read before.
func (w *storedWorld) readRules(s *staff) (changed string) {
	w.t.Helper()
	find := func(re *regexp.Regexp, text string) string {
		if m := re.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return ""
	}
	before, name := s.rules, s.named
	s.rules = map[*hostile.Target]killedRules{}
	for app, target := range w.targets {
		s.rules[target] = killedRules{find(killedTitle, w.run("mapping", "list", "--app", app)), find(killedScope, w.run("scope", "--app", app))}
	}
	s.named = find(killedName, w.run("mapping", "list", "--app", "hr"))
	w.t.Logf("rules: %q %v", s.named, slices.Collect(maps.Values(s.rules)))
	if before != nil && (!maps.Equal(before, s.rules) || name != s.named) {
		return "the rules have changed by themselves"
	}
	return ""
}
