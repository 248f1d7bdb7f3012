package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/rule"
	"lockstep/scim"
)

// SearchBench measures how long it takes to look people up in a large directory, as the console and the command line do. Its
// zero fields have the defaults of `lockstep bench search`.
type SearchBench struct {
	People int    `default:"10000" help:"People of the directory, at least 1,000."`
	Looks  int    `default:"50" help:"Look-ups of each kind."`
	Seed   uint64 `default:"1" help:"Of whom is looked for."`
	Measured
}

// Help tells of the folder, which is a flag of every command.
func (SearchBench) Help() string {
	return "With --data the folder is kept, and used again by the next bench with as many people: a PostgreSQL database as well."
}

// SearchReport is the result of `lockstep bench search`.
type SearchReport struct {
	People     int                   `json:"people"`
	Store      string                `json:"store"`
	Reused     bool                  `json:"reused"`        // the folder was there
	Fill       float64               `json:"fill_seconds"`  // until everybody was in the directory
	Index      float64               `json:"index_seconds"` // from then until the index for searches had everybody
	RSSMiB     float64               `json:"rss_mib"`       // of the server, while people were looked up, at its highest
	Kinds      map[string]SearchKind `json:"kinds"`
	Mismatches int                   `json:"mismatches"` // answers that lack who was looked for, or have somebody else
	First      []string              `json:"mismatch_samples,omitempty"`
	Order      []string              `json:"-"` // of the kinds, as they ran
}

// SearchKind is how one kind of look-up went.
type SearchKind struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P95   float64 `json:"p95_seconds"`
	Max   float64 `json:"max_seconds"`
	CPU   float64 `json:"cpu_seconds"` // of the server, for each; the database's own is not in it
}

// searchBench is a bench under way.
type searchBench struct {
	SearchBench
	bench  *benchRun
	report SearchReport
	random *rand.Rand
	plan   lockstep.CycleID
	wrong  mismatches
}

// searchState is what a kept folder says of itself.
type searchState struct {
	People int              `json:"people"`
	Store  string           `json:"store"`
	Plan   lockstep.CycleID `json:"plan"`
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b SearchBench) Run(ctx context.Context) (SearchReport, error) {
	if b.People < 1000 {
		return SearchReport{}, errors.New("the bench needs at least 1,000 people")
	}
	inner := Bench{People: b.People, Measured: b.Measured}
	if err := inner.defaults(); err != nil {
		return SearchReport{}, err
	}
	if b.Looks == 0 {
		b.Looks = 50
	}
	dir := b.Data
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "lockstep-bench-"); err != nil {
			return SearchReport{}, err
		}
		defer func() { _ = os.RemoveAll(dir) }() // in the folder of temporary files
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return SearchReport{}, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return SearchReport{}, err
	}
	s := &searchBench{SearchBench: b, random: rand.New(rand.NewPCG(b.Seed, 3))}
	s.bench = &benchRun{Bench: inner, dir: dir, company: Company{People: b.People, Groups: b.People / 1000}}
	s.report = SearchReport{People: b.People, Store: inner.Store, Kinds: map[string]SearchKind{}}
	defer s.bench.stop()
	err = s.run(ctx)
	s.report.Mismatches, s.report.First = s.wrong.count, s.wrong.first
	return s.report, err
}

func (s *searchBench) run(ctx context.Context) error {
	state, err := s.kept()
	if err != nil {
		return err
	}
	s.bench.Say("start Lockstep on " + s.report.Store)
	if err := s.bench.startEngine(ctx); err != nil {
		return err
	}
	if s.report.Reused = state != nil; state == nil {
		if state, err = s.fill(ctx); err != nil {
			return err
		}
	}
	s.plan = state.Plan
	s.bench.Say("wait for the index")
	if err := s.indexed(ctx); err != nil {
		return err
	}
	if err := s.bench.engine.resetPeak(); err == nil { // Linux only
		defer func() {
			peak, _ := s.bench.engine.peak() // 0 is unknown
			s.report.RSSMiB = round(peak, 10)
		}()
	}
	for _, kind := range s.kinds() {
		s.bench.Say(kind.name)
		s.report.Order = append(s.report.Order, kind.name)
		if err := s.measure(ctx, kind.name, kind.look); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return nil
}

// stateFile is in the folder once everything is.
func (s *searchBench) stateFile() string { return filepath.Join(s.bench.dir, "bench.json") }

// kept returns what the folder holds; nil is nothing yet. A folder of another bench is refused.
func (s *searchBench) kept() (*searchState, error) {
	text, err := os.ReadFile(s.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		if all, err := os.ReadDir(s.bench.dir); err != nil || len(all) > 0 {
			return nil, errors.Join(err, fmt.Errorf("%s is neither empty nor of an earlier bench that was finished", s.bench.dir))
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var state searchState
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, fmt.Errorf("%s: %w", s.stateFile(), err)
	}
	if state.People != s.People || state.Store != s.report.Store {
		return nil, fmt.Errorf("%s has %d people on %s", s.bench.dir, state.People, state.Store)
	}
	return &state, nil
}

// planned is how many people the stored plan would change: a tenth.
func (s *searchBench) planned() int { return s.People / 10 }

// fill brings the company into the directory from CSV files, and has a plan made that changes titles.
func (s *searchBench) fill(ctx context.Context) (*searchState, error) {
	s.bench.Say("everybody into the directory")
	source := &csvSource{company: s.bench.company, dir: filepath.Join(s.bench.dir, "files")}
	c := s.bench.client
	if err := source.add(ctx, c); err != nil {
		return nil, err
	}
	_, err := c.EditRules(ctx, sourceSlug, "User", func(m *rule.ObjectMapping) error {
		m.Attributes = append(m.Attributes, rule.Mapping{Target: "externalId", Source: &rule.MappingSource{Type: rule.FromAttribute, Name: "objectId"}})
		return nil
	})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := source.fill(ctx); err != nil {
		return nil, err
	}
	if _, err := c.PatchJob(ctx, sourceSlug, api.JobPatch{State: "active"}); err != nil {
		return nil, err
	}
	if _, err := c.Run(ctx, sourceSlug); err != nil {
		return nil, err
	}
	all := s.People + s.bench.company.Groups
	cycle, err := awaitOne(ctx, c, sourceSlug, nil, func(c api.Cycle) bool { return c.Ended != nil && c.Counts.Created >= all })
	if err == nil && cycle.Counts.Failed > 0 {
		err = fmt.Errorf("%d of %d objects failed", cycle.Counts.Failed, all)
	}
	if err != nil {
		return nil, err
	}
	s.report.Fill = seconds(time.Since(began))
	s.bench.Say("a plan for every tenth person")
	if _, err := c.PatchJob(ctx, sourceSlug, api.JobPatch{Mode: "manual"}); err != nil {
		return nil, err
	}
	titles := map[int]string{}
	for n := range s.planned() {
		titles[n*10] = "Planned"
	}
	put, err := source.retitle(replaced, titles)
	if err == nil {
		err = put(ctx)
	}
	if err != nil {
		return nil, err
	}
	p, err := c.Plan(ctx, sourceSlug, 1, 10*time.Minute)
	if err != nil {
		return nil, err
	}
	if p.Cycle == nil {
		return nil, errors.New("no plan was made")
	}
	state := &searchState{People: s.People, Store: s.report.Store, Plan: p.Cycle.ID}
	text, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	return state, os.WriteFile(s.stateFile(), text, 0o600)
}

// indexed waits until searches use an index that has everybody.
func (s *searchBench) indexed(ctx context.Context) error {
	began := time.Now()
	for {
		page, err := s.bench.client.Users(ctx, api.ListQuery{Search: s.bench.company.UserName(s.People - 1), Limit: 1})
		if err != nil {
			return err
		}
		if page.Notice == "" {
			s.report.Index = seconds(time.Since(began))
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// kind is one kind of look-up: of a person who is drawn by lot, where it is of one.
type kind struct {
	name string
	look func(ctx context.Context, person int) error
}

func (s *searchBench) kinds() []kind {
	value := func(i int, column string) string {
		return s.bench.company.Person(i).Values[slices.Index(personColumns, column)]
	}
	return []kind{
		{"part_of_user_name", s.finding(func(i int) string { return "son" + strconv.Itoa(i) + "@" })},
		{"address_upper_case", s.finding(func(i int) string { return strings.ToUpper(value(i, `emails[type eq "work"].value`)) })},
		{"display_name", s.finding(func(i int) string { return value(i, "displayName") })},
		{"external_id", s.finding(PersonID)},
		{"three_letters", s.finding(func(i int) string { return value(i, "name.familyName")[:3] })},
		{"everybody", s.finding(func(int) string { return "acme.example" })},
		{"nobody", s.finding(func(int) string { return "son@acme.exam" })}, // whose every three letters everybody has
		{"beginning", s.finding(func(int) string { return "pe" })},
		{"page", s.page},
		{"explain", s.explain},
		{"plan", s.readPlan},
	}
}

// finding searches for a text of the person and compares the first page.
func (s *searchBench) finding(text func(i int) string) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		want := text(i)
		page, err := s.bench.client.Users(ctx, api.ListQuery{Search: want, Limit: 100})
		if err != nil {
			return err
		}
		s.check(i, want, page)
		return nil
	}
}

// check says whether a first page is what the text must find: everybody on it has the text, and the person is on it, unless it is
// full; a text that nobody has finds nobody.
func (s *searchBench) check(i int, text string, page api.UserPage) {
	there := false
	for _, u := range page.Users {
		a := scim.Object(u.Attributes)
		name, _ := a.Get("name").(scim.Object)
		all := strings.ToLower(strings.Join([]string{u.UserName, a.Text("displayName"), a.Text("externalId"), name.Text("givenName") + " " + name.Text("familyName")}, "\n"))
		if !strings.Contains(all, strings.ToLower(text)) {
			s.wrong.add("%q finds %s", text, u.UserName)
		}
		there = there || u.UserName == s.bench.company.UserName(i)
	}
	has := !strings.HasPrefix(text, "son@")
	switch {
	case page.Notice != "":
		s.wrong.add("%q: %s", text, page.Notice)
	case has && !there && page.Next == "":
		s.wrong.add("%q does not find %s", text, s.bench.company.UserName(i))
	case has && len(page.Users) == 0 || !has && page.Next != "":
		s.wrong.add("%q: a page of %d and more", text, len(page.Users))
	}
}

// page shows a person by user name.
func (s *searchBench) page(ctx context.Context, i int) error {
	u, err := s.bench.client.User(ctx, s.bench.company.UserName(i))
	if err == nil && u.UserName != s.bench.company.UserName(i) {
		s.wrong.add("%s instead of %s", u.UserName, s.bench.company.UserName(i))
	}
	return err
}

// explain asks why a person is in the directory.
func (s *searchBench) explain(ctx context.Context, i int) error {
	x, err := s.bench.client.Explain(ctx, sourceSlug, "User", PersonID(i))
	if err == nil && !x.In {
		s.wrong.add("explain of %s: %s", PersonID(i), x.Summary)
	}
	return err
}

// readPlan reads the first hundred rows of the stored plan.
func (s *searchBench) readPlan(ctx context.Context, _ int) error {
	rows, _, err := s.bench.client.Actions(ctx, sourceSlug, api.LogQuery{Cycle: s.plan, Limit: 100})
	if err == nil && len(rows) != min(100, s.planned()) {
		s.wrong.add("%d rows of a plan of %d", len(rows), s.planned())
	}
	return err
}

// measure has one client look, one time after another.
func (s *searchBench) measure(ctx context.Context, name string, f func(context.Context, int) error) error {
	before, err := s.bench.engine.cpu()
	if err != nil {
		return err
	}
	var all []time.Duration
	for range s.Looks {
		i := s.random.IntN(s.People)
		began := time.Now()
		if err := f(ctx, i); err != nil {
			return err
		}
		all = append(all, time.Since(began))
	}
	after, err := s.bench.engine.cpu()
	slices.Sort(all)
	s.report.Kinds[name] = SearchKind{
		Count: len(all), P50: seconds(quantile(all, 0.5)), P95: seconds(quantile(all, 0.95)), Max: seconds(all[len(all)-1]),
		CPU: round((after-before).Seconds()/float64(len(all)), 10_000),
	}
	return err
}

// Wrong says what is not as it should be, "" when everything is.
func (r SearchReport) Wrong() string {
	if r.Mismatches > 0 {
		return "a look-up finds what it should not"
	}
	return ""
}

// Write writes the report as a table.
func (r SearchReport) Write(w io.Writer) error {
	text := fmt.Sprintf("%d people on %s, %.1f MiB\n\n%-20s%8s%10s%10s%10s%10s\n", r.People, r.Store, r.RSSMiB, "look-up", "count", "p50 s", "p95 s", "max s", "CPU s")
	for _, name := range r.Order {
		k := r.Kinds[name]
		text += fmt.Sprintf("%-20s%8d%10.3f%10.3f%10.3f%10.4f\n", name, k.Count, k.P50, k.P95, k.Max, k.CPU)
	}
	text += fmt.Sprintf("\n%d mismatches\n", r.Mismatches)
	for _, m := range r.First {
		text += "  " + m + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
