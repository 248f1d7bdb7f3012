package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/scim"
)

// ImportBench measures how a company comes into the directory and stays in step with its source: a folder of CSV files, or an
// OpenLDAP server that the bench starts. Its zero fields have the defaults of `lockstep bench import`.
type ImportBench struct {
	People  int      `default:"10000" help:"People of the company, at least 200."`
	Groups  int      `default:"200" help:"Groups of the company."`
	From    string   `enum:"csv,ldap" default:"csv" help:"Source: csv, or ldap, which needs slapd."`
	Changes int      `default:"10" help:"Single changes to measure."`
	Only    []string `placeholder:"PHASE,..." help:"Measure these beside first, such as unchanged,one_change; none measures first alone, all when absent."`
	Seed    uint64   `default:"1" help:"Of what is random."`
	Measured
}

// ImportPhase is one measured part of an import bench.
type ImportPhase struct {
	Seconds    float64 `json:"seconds"`      // until the directory has it and the cycle has ended
	CPU        float64 `json:"cpu_seconds"`  // of the server; neither the database's own nor the source's
	PeakRSSMiB float64 `json:"peak_rss_mib"` // of the server, in this phase; of its processes together on PostgreSQL
	// Steps are how long each 100,000 objects took, as the cycle counted them; only of a first read of as many.
	Steps []float64 `json:"steps_seconds,omitempty"`
}

// ImportChanges is how long single changes took, one after another: from the moment that the source had it to the moment that the
// directory did.
type ImportChanges struct {
	Changes int     `json:"changes"`
	P50     float64 `json:"p50_seconds"`
	P95     float64 `json:"p95_seconds"`
	Max     float64 `json:"max_seconds"`
	CPU     float64 `json:"cpu_seconds"` // of the server, for each change
}

// ImportReport is the result of `lockstep bench import`.
type ImportReport struct {
	People         int            `json:"people"`
	Groups         int            `json:"groups"`
	From           string         `json:"from"`
	Store          string         `json:"store"`
	First          ImportPhase    `json:"first"`
	Unchanged      ImportPhase    `json:"unchanged"`
	UnchangedFull  ImportPhase    `json:"unchanged_full"`
	HundredChanges ImportPhase    `json:"hundred_changes"`
	OneChange      ImportChanges  `json:"one_change"`
	InPlace        *ImportChanges `json:"one_change_in_place,omitempty"` // csv: the file is overwritten; else its place is taken
	Mismatches     int            `json:"mismatches"`
	MismatchFirst  []string       `json:"mismatch_samples,omitempty"`
}

// importSource is a source of the bench.
type importSource interface {
	// add adds the source to the server, with rules, before there is anybody in it.
	add(ctx context.Context, c *api.Client) error
	// fill makes everybody be there.
	fill(ctx context.Context) error
	// retitle prepares to give people titles, in one of the source's ways; what it returns does so at once.
	retitle(how writing, titles map[int]string) (write func(context.Context) error, err error)
	// touch makes a source that shows when it was changed show that, with nothing different.
	touch() error
	// expect reads the source without any of the product's code.
	expect(ctx context.Context) (*imported, error)
	stop()
}

// writing is how a source is changed.
type writing int

const (
	replaced writing = iota // a file takes the place of the old one
	inPlace                 // the file is overwritten
)

// importBench is a bench under way.
type importBench struct {
	ImportBench
	bench  *benchRun
	source importSource
	report ImportReport
	titles int // given so far
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b ImportBench) Run(ctx context.Context) (ImportReport, error) {
	if b.People < 200 {
		return ImportReport{}, errors.New("the bench needs at least 200 people")
	}
	if b.Groups > 0 && b.People/b.Groups > 2000 { // with three nested ones; the API lists 10,000 members
		return ImportReport{}, errors.New("the bench needs a group for each 2,000 people, or none")
	}
	inner := Bench{People: b.People, Groups: b.Groups, Measured: b.Measured}
	if err := inner.defaults(); err != nil {
		return ImportReport{}, err
	}
	if b.Changes == 0 {
		b.Changes = 10
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return ImportReport{}, err
	}
	company := Company{People: b.People, Groups: b.Groups}
	i := &importBench{ImportBench: b, bench: &benchRun{Bench: inner, dir: dir, company: company}}
	i.report = ImportReport{People: b.People, Groups: b.Groups, From: b.From, Store: inner.Store}
	defer func() {
		i.bench.stop()
		if i.source != nil {
			i.source.stop()
		}
		_ = os.RemoveAll(dir) // in the folder of temporary files
	}()
	switch b.From {
	case "csv":
		i.source = &csvSource{company: company, dir: filepath.Join(dir, "files")}
	case "ldap":
		if i.source, err = newLDAPSource(ctx, company, filepath.Join(dir, "ldap")); err != nil {
			return i.report, err
		}
	default:
		return i.report, fmt.Errorf("there is no source %q: csv or ldap", b.From)
	}
	err = i.run(ctx)
	return i.report, err
}

func (i *importBench) run(ctx context.Context) error {
	for _, step := range []struct {
		phase string // "" always runs
		say   string
		do    func(context.Context) error
	}{
		{"", "start Lockstep on " + i.report.Store, i.bench.startEngine},
		{"", "add the source", func(ctx context.Context) error { return i.source.add(ctx, i.bench.client) }},
		{"", "first: everybody into the directory", i.first},
		{"unchanged", "unchanged: a look at a source that is the same", i.unchanged},
		{"unchanged_full", "unchanged_full: everything is read again", i.unchangedFull},
		{"hundred_changes", "hundred_changes: a hundred people at once", i.hundred},
		{"one_change", fmt.Sprintf("one_change: %d changes, one after another", i.Changes), i.oneChange},
		{"one_change_in_place", "one_change_in_place: the same, the file is overwritten", i.oneInPlace},
		{"", "read everything back and compare", i.verify},
	} {
		if len(i.Only) > 0 && step.phase != "" && !slices.Contains(i.Only, step.phase) {
			continue
		}
		i.bench.Say(step.say)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.say, err)
		}
	}
	return nil
}

// cpu is the processor time of the server's processes.
func (i *importBench) cpu() (sum time.Duration, err error) {
	for _, p := range i.bench.processes {
		d, err := p.cpu()
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

// phase measures f.
func (i *importBench) phase(p *ImportPhase, f func() error) error {
	linux := true
	for _, one := range i.bench.processes {
		linux = one.resetPeak() == nil && linux
	}
	before, err := i.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := f(); err != nil {
		return err
	}
	p.Seconds = seconds(time.Since(began))
	after, err := i.cpu()
	p.CPU = seconds(after - before)
	if !linux {
		return err // nobody else tells how large a process was
	}
	for _, one := range i.bench.processes {
		peak, wrong := one.peak()
		err = errors.Join(err, wrong)
		p.PeakRSSMiB = round(p.PeakRSSMiB+peak, 10)
	}
	return err
}

// quiet waits until no cycle of the source is open and returns the last.
func (i *importBench) quiet(ctx context.Context) (api.Cycle, error) {
	return until(ctx, i.bench.client, sourceSlug, nil, func(c api.Cycle) bool { return c.Ended != nil })
}

// lookSeldom is how often the bench looks at a cycle that takes long: each look is processor time of the server.
const lookSeldom = 250 * time.Millisecond

// patiently waits for a cycle like awaitOne, asking for the job, which tells of failures, only now and then.
func (i *importBench) patiently(ctx context.Context, progress func(api.Cycle), done func(api.Cycle) bool) (api.Cycle, error) {
	stuck := 0 // looks in a row at which the job was stopped; it may still show what ended before this phase began
	for n := 1; ; n++ {
		all, err := i.bench.client.Cycles(ctx, sourceSlug, 5)
		if err != nil {
			return api.Cycle{}, err
		}
		for _, c := range slices.Backward(all) {
			if progress(c); done(c) {
				return c, nil
			}
		}
		if n%20 == 0 {
			j, err := i.bench.client.Job(ctx, sourceSlug)
			if stuck++; j.Code == "" || lockstep.Describe(j.Code).Class == lockstep.Heals {
				stuck = 0
			}
			if err != nil || stuck == 3 {
				return api.Cycle{}, errors.Join(err, fmt.Errorf("the source stopped: %s [%s]", j.Detail, j.Code))
			}
		}
		if err := pause(ctx, lookSeldom); err != nil {
			return api.Cycle{}, err
		}
	}
}

// first measures the first read.
func (i *importBench) first(ctx context.Context) error {
	if err := i.source.fill(ctx); err != nil {
		return err
	}
	p := &i.report.First
	return i.phase(p, func() error {
		if _, err := i.bench.client.PatchJob(ctx, sourceSlug, api.JobPatch{State: "active"}); err != nil {
			return err
		}
		if _, err := i.bench.client.Run(ctx, sourceSlug); err != nil {
			return err
		}
		all := i.People + i.Groups
		step := time.Now()
		progress := func(c api.Cycle) {
			for c.Counts.Created >= 100_000*(len(p.Steps)+1) {
				p.Steps = append(p.Steps, seconds(time.Since(step)))
				step = time.Now()
			}
		}
		c, err := i.patiently(ctx, progress, func(c api.Cycle) bool { return c.Ended != nil && c.Counts.Created >= all })
		if err == nil && c.Counts.Failed > 0 {
			err = fmt.Errorf("%d of %d objects failed", c.Counts.Failed, all)
		}
		if err == nil {
			_, err = i.quiet(ctx)
		}
		return err
	})
}

// unchanged measures what the server does when the source looks as if it had changed, and has not.
func (i *importBench) unchanged(ctx context.Context) error {
	return i.again(ctx, &i.report.Unchanged, i.bench.client.Run, i.source.touch)
}

// unchangedFull measures a run that somebody asks for, of a source that is the same.
func (i *importBench) unchangedFull(ctx context.Context) error {
	return i.again(ctx, &i.report.UnchangedFull, i.bench.client.RunWhole, func() error { return nil })
}

// again measures a run after which nothing is different.
func (i *importBench) again(ctx context.Context, p *ImportPhase, run func(context.Context, string) (api.Job, error), before func() error) error {
	last, err := i.quiet(ctx)
	if err != nil {
		return err
	}
	if err := before(); err != nil {
		return err
	}
	return i.phase(p, func() error {
		if _, err := run(ctx, sourceSlug); err != nil {
			return err
		}
		c, err := await(ctx, i.bench.client, sourceSlug, last.ID, nil)
		if err == nil && c.Counts.Created+c.Counts.Updated+c.Counts.Failed > 0 {
			err = fmt.Errorf("%+v of a source that is the same", c.Counts)
		}
		return err
	})
}

// title is the next title that nobody had.
func (i *importBench) title() string {
	i.titles++
	return "Title " + strconv.Itoa(i.titles)
}

// arrive waits until the directory has the titles.
func (i *importBench) arrive(ctx context.Context, titles map[int]string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not arrive in %s", patience))
	defer cancel()
	for person, want := range titles {
		for {
			u, err := i.bench.client.User(ctx, i.bench.company.UserName(person))
			if err != nil {
				return errors.Join(err, context.Cause(ctx))
			}
			if scim.Object(u.Attributes).Text("title") == want {
				break
			}
			if err := pause(ctx, look); err != nil {
				return err
			}
		}
	}
	return nil
}

// hundred measures a hundred changes in one write. The changes count from the moment that the source has them.
func (i *importBench) hundred(ctx context.Context) error {
	if _, err := i.quiet(ctx); err != nil {
		return err
	}
	titles := map[int]string{}
	for n := range 100 {
		titles[n*(i.People/100)] = i.title()
	}
	write, err := i.source.retitle(replaced, titles)
	if err != nil {
		return err
	}
	return i.phase(&i.report.HundredChanges, func() error {
		if err := write(ctx); err != nil {
			return err
		}
		if err := i.arrive(ctx, titles); err != nil {
			return err
		}
		_, err := i.quiet(ctx)
		return err
	})
}

func (i *importBench) oneChange(ctx context.Context) error {
	return i.changes(ctx, replaced, &i.report.OneChange)
}

func (i *importBench) oneInPlace(ctx context.Context) error {
	if i.From != "csv" {
		return nil
	}
	i.report.InPlace = &ImportChanges{}
	return i.changes(ctx, inPlace, i.report.InPlace)
}

// changes measures single changes.
func (i *importBench) changes(ctx context.Context, how writing, p *ImportChanges) error {
	if _, err := i.quiet(ctx); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(i.Seed, uint64(how)))
	before, err := i.cpu()
	if err != nil {
		return err
	}
	var all []time.Duration
	for range i.Changes {
		if err := pause(ctx, time.Duration(random.Float64()*float64(longestPause))); err != nil {
			return err
		}
		titles := map[int]string{random.IntN(i.People): i.title()}
		write, err := i.source.retitle(how, titles)
		if err != nil {
			return err
		}
		if err := write(ctx); err != nil {
			return err
		}
		written := time.Now()
		if err := i.arrive(ctx, titles); err != nil {
			return fmt.Errorf("change %d: %w", len(all)+1, err)
		}
		all = append(all, time.Since(written))
	}
	if _, err := i.quiet(ctx); err != nil {
		return err
	}
	after, err := i.cpu()
	slices.Sort(all)
	p.Changes, p.CPU = len(all), seconds((after-before)/time.Duration(len(all)))
	p.P50, p.P95, p.Max = seconds(quantile(all, 0.5)), seconds(quantile(all, 0.95)), seconds(all[len(all)-1])
	return err
}

// verify compares the directory with what another reader makes of the source.
func (i *importBench) verify(ctx context.Context) error {
	want, err := i.source.expect(ctx)
	if err != nil {
		return err
	}
	m, err := want.compare(ctx, i.bench.client)
	i.report.Mismatches, i.report.MismatchFirst = m.count, m.first
	return err
}

// Wrong says what is not as it should be, "" when everything is.
func (r ImportReport) Wrong() string {
	if r.Mismatches > 0 {
		return "the directory is not as its source"
	}
	return ""
}

// Write writes the report as a table.
func (r ImportReport) Write(w io.Writer) error {
	text := fmt.Sprintf("%d people, %d groups from %s, %s\n\n%-20s%10s%10s%10s\n", r.People, r.Groups, r.From, r.Store, "", "seconds", "CPU s", "peak MiB")
	for _, row := range []struct {
		name string
		ImportPhase
	}{{"first", r.First}, {"unchanged", r.Unchanged}, {"unchanged full", r.UnchangedFull}, {"hundred changes", r.HundredChanges}} {
		text += fmt.Sprintf("%-20s%10.3f%10.3f%10.0f\n", row.name, row.Seconds, row.CPU, row.PeakRSSMiB)
	}
	for _, row := range []struct {
		name string
		*ImportChanges
	}{{"one change", &r.OneChange}, {"one change in place", r.InPlace}} {
		if row.ImportChanges != nil {
			text += fmt.Sprintf("%-20s%10.3f%10.3f          p95 of %d; median %.3f, longest %.3f\n", row.name, row.P95, row.CPU, row.Changes, row.P50, row.Max)
		}
	}
	if len(r.First.Steps) > 0 {
		text += fmt.Sprintf("\nseconds for each 100,000: %.1f\n", r.First.Steps)
	}
	text += fmt.Sprintf("\n%d mismatches\n", r.Mismatches)
	for _, m := range r.MismatchFirst {
		text += "  " + m + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
