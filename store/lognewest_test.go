package store

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// newLog makes a tenant with a job, and returns what commits batches of the job's.
func newLog(t *testing.T, db *DB) (no int64, commit func(provision.Batch)) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "t", Slug: "t"}))
	must(db.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "t", ID: "j", Slug: "j", Direction: provision.Outbound}))
	lease, err := db.Claim(t.Context(), "t", "j", 0)
	must(err)
	j, err := job(db.asks(t.Context()), "t", "j")
	must(err)
	return j.no, func(b provision.Batch) {
		t.Helper()
		must(db.Provision().Commit(t.Context(), "t", "j", lease.Epoch, b))
	}
}

func lineID(at time.Time, n int) lockstep.ActionID {
	return lockstep.ActionID(fmt.Sprintf("%s-7000-8000-%012x", firstID(at), n))
}

var (
	somePeople = []string{"ada@acme.example", "Adalbert@acme.example", "zoé@acme.example", "bob", "100%_x", "", strings.Repeat("langer name ", 40) + "ende", "李雷@acme.example"}
	someIDs    = append([]string{"", "", "t1", "t-two", "AAAAAAAA-0000"}, manyIDs()...)
	someStates = []plan.ActionState{plan.Done, plan.Done, plan.Done, plan.Planned, plan.Open, plan.Held, plan.LeftOut, plan.Failed, plan.Refused, plan.Rejected, plan.Skipped}
	someTexts  = []string{"", "", "", "ada", "ADA", "acme", "zoé", "bob", "%_", "ende", "李雷@", "a", "nobody", "t-two", "s3", "slow", "100%"}
)

func manyIDs() (all []string) {
	for i := range 50 {
		all = append(all, fmt.Sprintf("target-%d", i))
	}
	return all
}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// someLine is a line that was planned at an instant.
func someLine(r *rand.Rand, at time.Time, n int) plan.Action {
	a := plan.Action{ID: lineID(at, n), Cycle: lockstep.CycleID(fmt.Sprint("c", r.IntN(3))), Kind: pick(r, rule.Kinds()), State: pick(r, someStates), Planned: at}
	source := r.IntN(12)
	a.Source = plan.End{Ref: connection.Ref{Type: "User", ID: fmt.Sprint("s", source)}, Name: somePeople[(source+r.IntN(10)/9)%len(somePeople)]} // some are renamed
	a.Target = plan.End{Ref: connection.Ref{Type: "User", ID: pick(r, someIDs)}, Name: pick(r, []string{"", "", "Zoé Target", "B"})}
	if a.State != plan.Planned && a.State != plan.Open {
		a.Ended = at.Add(pick(r, []time.Duration{0, time.Second, 59 * time.Minute, 3 * time.Hour, 80 * time.Hour}))
	}
	if r.IntN(4) == 0 {
		a.Code, a.Detail = pick(r, []lockstep.Code{lockstep.CodeMatchTaken, lockstep.CodeTargetTimeout}), pick(r, []string{"", "Slow, said ada", "100% Bob"})
	}
	return a
}

// finds tells whether a line is of a query, as its fields say.
func finds(q plan.ActionQuery, a plan.Action) bool {
	in := func(part, text string) bool { return strings.Contains(fold(text), fold(part)) }
	named := func(part string) bool { return in(part, searchText(&a)) }
	at := a.Ended
	if at.IsZero() {
		at = a.Planned
	}
	for _, w := range q.Words {
		if !named(w) && !strings.Contains(strings.ToLower(a.Detail), strings.ToLower(w)) && !in(w, string(a.Code)) && a.Source.ID != w && a.Target.ID != w {
			return false
		}
	}
	return (q.Cycle == "" || a.Cycle == q.Cycle) && (len(q.States) == 0 || slices.Contains(q.States, a.State)) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, a.Kind)) &&
		(q.Source.ID == "" || a.Source.Ref == q.Source) && (q.Text == "" || named(q.Text)) && (q.Code == "" || in(q.Code, string(a.Code))) &&
		(q.Since.IsZero() || !at.Before(q.Since)) && (q.Until.IsZero() || at.Before(q.Until)) && (q.After == "" || a.ID < q.After)
}

func someQuery(r *rand.Rand, first time.Time, all []plan.Action) plan.ActionQuery {
	q := plan.ActionQuery{Newest: true, Limit: pick(r, []int{1, 5, 1000}), Text: pick(r, someTexts)}
	for range r.IntN(3) {
		if w := pick(r, someTexts); w != "" {
			q.Words = append(q.Words, w)
		}
	}
	if id := pick(r, all).Target.ID; id != "" && r.IntN(4) == 0 {
		q.Words = []string{id}
	}
	for range pick(r, []int{0, 0, 1, 2}) {
		q.States = append(q.States, pick(r, someStates))
	}
	for range pick(r, []int{0, 0, 1, 2}) {
		q.Kinds = append(q.Kinds, pick(r, rule.Kinds()))
	}
	if r.IntN(4) == 0 {
		q.Cycle = lockstep.CycleID(fmt.Sprint("c", r.IntN(4)))
	}
	if r.IntN(6) == 0 {
		q.Source = connection.Ref{Type: "User", ID: fmt.Sprint("s", r.IntN(13))}
	}
	if r.IntN(6) == 0 {
		q.Code = pick(r, []string{"match", "TIME", "none"})
	}
	if r.IntN(3) == 0 {
		q.Since = first.Add(time.Duration(r.IntN(200)) * time.Hour)
	}
	if r.IntN(3) == 0 {
		q.Until = first.Add(time.Duration(r.IntN(300)) * time.Hour)
	}
	if r.IntN(5) == 0 {
		q.After = pick(r, all).ID
	}
	return q
}

// TestNewest: whatever is asked of the newest lines of a log, and however far its index is, the answer is what one finds who looks at all.
func TestNewest(t *testing.T) {
	bothPeople(t, func(t *testing.T, open func() *DB) {
		seed := uint64(time.Now().UnixNano())
		r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // tests only
		db := open()
		no, commit := newLog(t, db)
		first := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var all []plan.Action
		for round := range 4 {
			for _, c := range []lockstep.CycleID{"c0", "c1"} { // c2 has no record
				commit(provision.Batch{Cycle: &provision.Cycle{ID: c, Phase: provision.Ended, Began: first, EndedAt: first.Add(200 * time.Hour)}})
			}
			var lines []plan.Action
			for n := range 60 {
				at := first.Add(time.Duration(60*round+n) * time.Hour / 2)
				lines = append(lines, someLine(r, at, 60*round+n))
			}
			commit(provision.Batch{Actions: lines})
			settle := func(a *plan.Action) { // as the engine does, whose rows have the id that the link has, or gets
				if a.Target.ID != "" && linked(a.Kind) {
					commit(provision.Batch{Links: []plan.Link{{Source: a.Source.Ref, Target: a.Target.ID}}})
				}
				if r.IntN(5) == 0 { // and sometimes has none any more
					commit(provision.Batch{Unlink: []connection.Ref{a.Source.Ref}})
				}
			}
			for i := range lines {
				settle(&lines[i])
			}
			if round == 2 { // the connection leads elsewhere
				if err := db.write(t.Context(), &work{rows: 1, run: func(t *tx) error { return t.unlinkAll(no) }}); err != nil {
					t.Fatal(err)
				}
			}
			for i := range lines { // some are carried out, and get their ids
				a := &lines[i]
				if a.State == plan.Planned && r.IntN(2) == 0 {
					a.State, a.Code, a.Detail = plan.Done, "", ""
					a.Ended = a.Planned.Add(time.Duration(r.IntN(200)) * time.Minute)
					if linked(a.Kind) { // of all others the id is known before
						a.Target.ID = pick(r, someIDs[2:])
					}
					commit(provision.Batch{Moved: []plan.Transition{{ID: a.ID, From: plan.Planned, To: plan.Done, Target: a.Target.ID, At: a.Ended}}})
					settle(a)
				}
			}
			all = append(all, lines...)
			for range 150 {
				q := someQuery(r, first, all)
				got, err := db.Actions(t.Context(), "t", "j", q)
				if err != nil {
					t.Fatal(err)
				}
				var want []lockstep.ActionID
				for _, a := range all {
					if finds(q, a) {
						want = append(want, a.ID)
					}
				}
				slices.SortFunc(want, func(a, b lockstep.ActionID) int { return cmp.Compare(b, a) })
				want = want[:min(len(want), q.Limit)]
				var ids []lockstep.ActionID
				for _, a := range got {
					ids = append(ids, a.ID)
				}
				if !slices.Equal(ids, want) {
					t.Fatalf("seed %d, round %d: %+v\ngot  %v\nwant %v", seed, round, q, ids, want)
				}
			}
			if round%2 == 0 {
				if err := db.followNames(t.Context(), no); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestNamesGoWithLines: a name is kept as long as a line bears it.
func TestNamesGoWithLines(t *testing.T) {
	bothPeople(t, func(t *testing.T, open func() *DB) {
		db := open()
		no, commit := newLog(t, db)
		now := db.now()
		line := func(n int, at time.Time, source, name, target string) plan.Action {
			return plan.Action{ID: lineID(at, n), State: plan.Done, Kind: rule.Link, Planned: at, Ended: at, Source: plan.End{Ref: connection.Ref{Type: "User", ID: source}, Name: name}, Target: plan.End{Ref: connection.Ref{ID: target}}}
		}
		old := now.Add(-48 * time.Hour)
		commit(provision.Batch{Actions: []plan.Action{
			line(1, old, "s1", "Former", "t1"), line(2, now, "s1", "Ada", "t2"), line(3, old, "s2", "Gone", ""), line(4, old, "s3", "Stays", "t3"), line(5, now, "s3", "Stays", "t3"),
		}})
		for range 2 {
			if err := db.followNames(t.Context(), no); err != nil {
				t.Fatal(err)
			}
			if err := db.Trim(t.Context(), Retention{Log: 24 * time.Hour}); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := db.query(t.Context(), "SELECT name FROM action_name WHERE job = $1 ORDER BY name", no)
		got, err := collect(rows, err, scanText)
		if err != nil || !slices.Equal(got, []string{"\x01t2", "\x01t3", "ada", "stays"}) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestNewestPlans: whoever looks for few lines among many reads no others: every statement of such a search goes by an index that has them,
// or between two ids. What read the whole log was noticed when somebody had a long one.
func TestNewestPlans(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	no, commit := newLog(t, db)
	at := db.now()
	a := plan.Action{ID: lineID(at, 1), State: plan.Done, Kind: rule.Update, Planned: at, Source: plan.End{Ref: connection.Ref{Type: "User", ID: "s"}, Name: "ada@acme.example"}}
	lines := []plan.Action{a}
	for n := range fewLines {
		b := a
		b.ID, b.Source.ID, b.Source.Name = lineID(at, 2+n), "b", "bob"
		lines = append(lines, b)
	}
	commit(provision.Batch{Cycle: &provision.Cycle{ID: "c", Phase: provision.Ended, Began: at, EndedAt: at}, Actions: lines})
	if err := db.followNames(t.Context(), no); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		q    plan.ActionQuery
		want []string // for each statement, one of these
	}{
		{"a name", plan.ActionQuery{Text: "ada@"}, []string{"action_source (job=? AND source_id=?)"}},
		{"a name in states", plan.ActionQuery{Text: "ada@", States: []plan.ActionState{plan.Failed, plan.Held}}, []string{"action_source (job=? AND source_id=?)"}},
		{"nobody", plan.ActionQuery{Text: "nobody"}, nil},
		{"an id", plan.ActionQuery{Words: []string{"01a22bc6-9ffd"}}, []string{"action_source (job=? AND source_id=?)", "action_said (job=?)"}},
		{"words", plan.ActionQuery{Words: []string{"ada@", "x"}}, []string{"action_source (job=? AND source_id=?)", "action_said (job=?)"}},
		{"a part of a code", plan.ActionQuery{Code: "taken"}, []string{"action_said (job=?)"}},
		{"codes", plan.ActionQuery{Codes: []lockstep.Code{lockstep.CodeInternal}}, []string{"action_said (job=?)"}},
		{"a kind", plan.ActionQuery{Kinds: []rule.Kind{rule.Delete}, States: []plan.ActionState{plan.Done}}, []string{"action_kind (job=? AND kind=?)"}},
		{"kinds", plan.ActionQuery{Kinds: []rule.Kind{rule.Delete, rule.Link}}, []string{"action_kind (job=? AND kind=?)"}},
		{"states", plan.ActionQuery{States: []plan.ActionState{plan.Skipped, plan.LeftOut, plan.Rejected}}, []string{"action_apart (job=? AND state=?)"}},
		{"a state after", plan.ActionQuery{States: []plan.ActionState{plan.Failed}, After: a.ID}, []string{"action_apart (job=? AND state=? AND id<?)"}},
		{"under way", plan.ActionQuery{States: []plan.ActionState{plan.Planned, plan.Open}}, []string{"action_order (job=? AND state=?)"}},
		{"since", plan.ActionQuery{Since: at}, []string{"sqlite_autoindex_action_1 (job=? AND id>?)", "action_late (job=? AND ended>?)"}},
		{"since, few", plan.ActionQuery{Since: at.Add(time.Millisecond)}, nil},
		{"until", plan.ActionQuery{Until: at}, []string{"sqlite_autoindex_action_1 (job=? AND id<?)"}},
		{"a kind since", plan.ActionQuery{Kinds: []rule.Kind{rule.Delete}, Since: at}, []string{"action_kind (job=? AND kind=? AND id>?)", "action_late (job=? AND ended>?)"}},
		{"a cycle, whose lines may be among the newest or not", plan.ActionQuery{Cycle: "c"}, []string{"sqlite_autoindex_action_1 (job=? AND id=?)", "sqlite_autoindex_action_1 (job=? AND id>? AND id<?)"}},
		{"of a source", plan.ActionQuery{Source: a.Source.Ref}, []string{"action_source (job=? AND source_id=?)"}},
	} {
		db.readers.mu.Lock()
		before := map[string]bool{}
		for text := range db.readers.m {
			before[text] = true
		}
		db.readers.mu.Unlock()
		c.q.Newest, c.q.Limit = true, 26
		if _, err := db.Actions(context.Background(), "t", "j", c.q); err != nil {
			t.Fatal(err)
		}
		met := map[string]bool{}
		for text := range db.readers.m {
			if before[text] || !strings.HasPrefix(text, "SELECT "+actionColumns) {
				continue
			}
			plan := explain(t, db, text)
			i := slices.IndexFunc(c.want, func(w string) bool { return strings.Contains(plan, w) })
			if i < 0 || wholeTable.MatchString(plan) {
				t.Errorf("%s: %s\ngoes\n%s", c.name, text, plan)
				continue
			}
			met[c.want[i]] = true
		}
		if len(met) < len(c.want) {
			t.Errorf("%s: no statement goes by %v", c.name, c.want)
		}
	}
}
