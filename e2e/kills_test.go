package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/hostile"
	"lockstep/e2e/parts"
)

// What TestKills does: with -kills 0 one short round on SQLite. Otherwise rounds of twenty kills of serve on SQLite and of ten
// kills of work on PostgreSQL, a third as many.
var (
	kills  = flag.Int("kills", 0, "TestKills: kills of serve on SQLite, and a third as many of work on PostgreSQL; 0 is a short round")
	resume = flag.String("resume", "", "log of an earlier run: what has passed in it is skipped")
)

// TestKills kills the program while the source's files change and three applications are written to, of which one loses
// answers and one keeps no name unique and lists late. In the end the applications have what the files say, without another
// change: nobody twice, nobody lost, nothing wrong.
func TestKills(t *testing.T) {
	if *kills == 0 {
		t.Parallel()
		killRound(t, 1, 6, false)
		return
	}
	for round := range (*kills + 19) / 20 {
		t.Run(fmt.Sprintf("sqlite %d", round), func(t *testing.T) {
			parts.SkipPassed(t, *resume)
			killRound(t, uint64(round), 20, false)
		})
	}
	for round := range (*kills/3 + 9) / 10 {
		t.Run(fmt.Sprintf("postgres %d", round), func(t *testing.T) {
			parts.SkipPassed(t, *resume)
			killRound(t, uint64(round), 10, true)
		})
	}
}

// staff is what the files say, and what has been there before.
type staff struct {
	random *rand.Rand
	people map[int]*worker // by number; who has left is there, too
	groups map[int][]int   // members by number of the group; nil has been dissolved

	// What the rules make of it, by application; nothing is what the files say.
	rules map[*hostile.Target]killedRules
	named string // what the source's mapping appends to names
}

// killedRules are the rules of an application in TestKilledRules.
type killedRules struct {
	titled string // what is appended to titles
	out    string // the last digit of who is out of scope; "" is nobody
}

// absent reports whether somebody should not be in an application.
func (s *staff) absent(target *hostile.Target, n int) bool {
	out := s.rules[target].out
	return s.people[n].gone || out != "" && strings.HasSuffix(fmt.Sprint(n), out)
}

type worker struct {
	title string
	boss  int // 0 is nobody
	gone  bool
}

func newStaff(seed uint64) *staff {
	s := &staff{random: rand.New(rand.NewPCG(seed, 7)), people: map[int]*worker{}, groups: map[int][]int{}}
	for range 60 {
		s.hire()
	}
	for g := range 6 {
		for i := range s.people {
			if (i+g)%3 == 0 {
				s.groups[g] = append(s.groups[g], i)
			}
		}
		slices.Sort(s.groups[g])
	}
	return s
}

func (s *staff) hire() {
	n := len(s.people) + 1
	w := &worker{title: fmt.Sprintf("Title %d", s.random.IntN(9))}
	if n > 1 {
		w.boss = 1 + s.random.IntN(min(n-1, 12))
	}
	s.people[n] = w
}

// change makes a few changes: people come, leave, managers among them, come back and change; groups change and are dissolved.
func (s *staff) change() {
	for range 1 + s.random.IntN(4) {
		n := 1 + s.random.IntN(len(s.people))
		w, g := s.people[n], s.random.IntN(6)
		switch s.random.IntN(9) {
		case 0, 1:
			s.hire()
		case 2, 3: // a manager often enough
			if s.random.IntN(3) == 0 {
				n = 1 + s.random.IntN(12)
				w = s.people[n]
			}
			w.gone = !w.gone
		case 4:
			w.title = fmt.Sprintf("Title %d", s.random.IntN(99))
		case 5:
			if n > 12 {
				w.boss = 1 + s.random.IntN(12)
			}
		case 6:
			if s.groups[g] != nil && s.random.IntN(4) == 0 {
				s.groups[g] = nil
			} else if s.groups[g] == nil {
				s.groups[g] = []int{n}
			}
		default:
			if s.groups[g] != nil {
				if i := slices.Index(s.groups[g], n); i >= 0 && len(s.groups[g]) > 1 {
					s.groups[g] = slices.Delete(s.groups[g], i, i+1)
				} else if i < 0 {
					s.groups[g] = append(s.groups[g], n)
				}
			}
		}
	}
}

// write puts both files in place. Whoever has left is in neither, but who reports to them still says so.
func (s *staff) write(w *storedWorld) {
	var people, groups strings.Builder
	people.WriteString("id,userName,displayName,title,manager\n")
	for _, n := range slices.Sorted(maps.Keys(s.people)) {
		if p := s.people[n]; !p.gone {
			boss := ""
			if p.boss > 0 {
				boss = fmt.Sprintf("p%d", p.boss)
			}
			fmt.Fprintf(&people, "p%d,%s,Person %d,%s,%s\n", n, storedName(n), n, p.title, boss)
		}
	}
	groups.WriteString("id,displayName,members\n")
	for _, g := range slices.Sorted(maps.Keys(s.groups)) {
		if s.groups[g] != nil {
			var list []string
			for _, n := range s.groups[g] {
				if !s.people[n].gone {
					list = append(list, fmt.Sprintf("p%d", n))
				}
			}
			fmt.Fprintf(&groups, "g%d,Group %d,%s\n", g, g, strings.Join(list, ";"))
		}
	}
	w.place("files/people.csv", people.String())
	w.place("files/groups.csv", groups.String())
}

// leavers are all who may be disabled, and the groups that may be deleted.
func (s *staff) leavers() (names []string) {
	for n, p := range s.people {
		if p.gone {
			names = append(names, storedName(n))
		}
	}
	for g := range s.groups {
		if s.groups[g] == nil {
			names = append(names, fmt.Sprintf("Group %d", g))
		}
	}
	return names
}

// wrong is how an application differs from the files. Who has left is blocked or was never there. A manager who has left may
// still stand with their people: that is known.
func (s *staff) wrong(target *hostile.Target) []string {
	has := target.Holdings()
	want := hostile.Holdings{People: map[string]hostile.Account{}, Groups: map[string][]string{}}
	for n, p := range s.people {
		name := storedName(n)
		a := has.People[name]
		if s.absent(target, n) {
			if a != nil {
				want.People[name] = maps.Clone(a)
				want.People[name]["active"] = "false"
			}
			continue
		}
		w := hostile.Account{"userName": name, "displayName": fmt.Sprintf("Person %d", n) + s.named, "title": p.title + s.rules[target].titled, "active": "true"}
		if id := a["externalId"]; id != "" {
			w["externalId"] = id
		}
		if p.boss > 0 {
			w["manager"] = storedName(p.boss)
			if s.absent(target, p.boss) { // as it is with members
				delete(w, "manager")
				if a["manager"] == storedName(p.boss) {
					w["manager"] = a["manager"]
				}
			}
		}
		want.People[name] = w
	}
	for g, list := range s.groups {
		if list == nil {
			continue
		}
		name, names := fmt.Sprintf("Group %d", g), []string{}
		for _, n := range list {
			member := storedName(n)
			// Who is out of scope stays in their groups, disabled; who never was in scope has no account.
			if !s.absent(target, n) || !s.people[n].gone && slices.Contains(has.Groups[name], member) {
				names = append(names, member)
			}
		}
		slices.Sort(names)
		want.Groups[name] = names
	}
	return hostile.Compare(want, has)
}

// killWorld is a home with three applications behind one trap.
//
// Where names are not unique, what a killed process may have created is certain only after 48 s; the short round does without.
func killWorld(t *testing.T, tr *trap, variables ...string) *storedWorld {
	w := &storedWorld{home: newHome(t, variables...), targets: map[string]*hostile.Target{}}
	mux := http.NewServeMux()
	for name, quirks := range map[string]hostile.Quirks{
		"wx":    {Latency: 2 * time.Millisecond},
		"scim":  {Latency: 2 * time.Millisecond, LoseAfter: hostile.Losses{First: 11, Every: 29}, LoseBefore: hostile.Losses{First: 17, Every: 31}},
		"third": {Latency: 2 * time.Millisecond, Duplicates: *kills > 0, LateListing: 2 * time.Second},
	} {
		target := hostile.New(quirks)
		target.Prefix, target.Token = storedTargets[name], "secret-of-"+name
		w.targets[name] = target
		mux.Handle(target.Prefix+"/", target)
	}
	tr.Handler = mux
	w.server = httptest.NewServer(tr)
	t.Cleanup(w.server.Close)
	w.set("LOCKSTEP_FILES", w.dir+"/files")
	return w
}

func killRound(t *testing.T, number uint64, lives int, postgres bool) {
	if *seed != 0 {
		number = *seed
	}
	t.Logf("seed %d", number)
	s, tr := newStaff(number), &trap{}
	var variables []string
	if postgres {
		variables = append(variables, "LOCKSTEP_STORE="+parts.Postgres(t))
	}
	w := killWorld(t, tr, variables...)
	s.write(w)
	ready, command := serves, []string{"serve"}
	p := w.start(serves, "serve")
	w.run("source", "add", "csvfile", "hr")
	w.run("app", "set", "hr", "--guard", "100000")
	w.try("source", "run", "hr", "--detach") // an administrator starts the first read
	w.addApp("webex", "wx", "endpoint")
	w.addApp("scimapp", "scim", "url")
	w.addApp("scimapp", "third", "url")
	unique := "all"
	if *kills > 0 {
		unique = "none"
	}
	w.run("connection", "set", "scim", "--set", "unique=all")
	w.run("connection", "set", "third", "--set", "listing_delay=3s", "--set", "unique="+unique)
	for app := range w.targets {
		w.run("app", "set", app, "--everyone", "--guard", "100000", "--mode", "auto")
	}
	if postgres {
		p.stop()
		w.start(serves, "serve", "--no-work")
		ready, command = works, []string{"work"}
	} else {
		p.kill()
	}
	for range lives {
		sprung, release := tr.set(1+s.random.IntN(40), s.random.IntN(2) == 0)
		p := w.start(ready, command...)
		hour := time.Duration(300+s.random.IntN(2500)) * time.Millisecond
		s.change()
		for _, target := range w.targets {
			target.Expect(s.leavers()...)
		}
		s.write(w)
		select {
		case <-sprung:
		case <-time.After(hour):
		case <-p.ended:
			t.Fatalf("it ended by itself:\n%s", p.said())
		}
		p.kill()
		release()
	}
	w.start(ready, command...)
	w.everythingRight(t, s)
}

// everythingRight waits until every application is as it should be, and looks once more when nothing has been written for a while.
func (w *storedWorld) everythingRight(t *testing.T, s *staff) {
	t.Helper()
	problems := func() (all []string) {
		for _, name := range slices.Sorted(maps.Keys(w.targets)) {
			for _, problem := range s.wrong(w.targets[name]) {
				all = append(all, name+": "+problem)
			}
		}
		return all
	}
	more := func() string {
		said := w.try("source", "show", "hr").stdout
		for _, job := range []string{"hr", "wx", "scim", "third"} {
			said += job + "\n" + w.try("log", "list", job, "--limit", "3").stdout
		}
		return said
	}
	right := func() (bool, string) {
		all := problems()
		return len(all) == 0, strings.Join(all[:min(len(all), 20)], "\n")
	}
	eventually(t, takeover+time.Minute, right, more)
	for app := range w.targets {
		w.atRest(app)
	}
	for _, problem := range problems() {
		t.Errorf("at rest: %s", problem)
	}
	for name, target := range w.targets {
		for _, problem := range target.Verdict() {
			t.Errorf("%s: %s", name, problem)
		}
	}
}
