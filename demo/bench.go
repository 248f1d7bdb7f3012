package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lockstep/api"
	"lockstep/webexorg"
)

// Bench measures a company on its way into a Webex organisation: the whole product in a process of its own, the organisation
// in another, this process as the client of both. Its zero fields have the defaults of `lockstep bench cycle`.
type Bench struct {
	People      int           `default:"10000" help:"People of the company."`
	Groups      int           `default:"200" help:"Groups of the company."`
	Latency     time.Duration `default:"0s" help:"How long every answer of the organisation takes."`
	PageLatency time.Duration `default:"0s" help:"How much longer a page of a list takes."`
	Present     int           `placeholder:"N" help:"Accounts that the organisation has already and that belong to nobody."`
	Limit       float64       `placeholder:"N" help:"Requests a second that the organisation takes."`
	Connections int           `default:"32" help:"Requests at the same time."`
	Changes     int           `default:"50" help:"Single changes to measure."`
	Seed        uint64        `default:"1" help:"Of what is random."`
	Measured
}

// Phase is one measured part of a bench.
type Phase struct {
	Seconds        float64 `json:"seconds"`                // of a cycle from its begin to its end, as its record says
	WallSeconds    float64 `json:"wall_seconds,omitempty"` // the same, as the client sees it
	TargetRequests int     `json:"target_requests"`        // as the organisation counted them
	CPU            float64 `json:"cpu_seconds,omitempty"`  // of the engine's process, in this phase
	PeakRSSMiB     float64 `json:"peak_rss_mib,omitempty"` // of the same
	LimitUsed      float64 `json:"limit_used,omitempty"`   // share of the requests that the organisation would have taken in that time
	Answers429     *int    `json:"answers_429,omitempty"`  // with a limit
	Changes        int     `json:"changes,omitempty"`      // one_change
	P50Seconds     float64 `json:"p50_seconds,omitempty"`  // one_change: from the return of the write to the commit at the organisation
	P95Seconds     float64 `json:"p95_seconds,omitempty"`  //
	MaxSeconds     float64 `json:"max_seconds,omitempty"`  //
}

// CycleReport is the result of `lockstep bench cycle`.
type CycleReport struct {
	People        int                `json:"people"`
	Groups        int                `json:"groups"`
	LatencyMS     float64            `json:"latency_ms"`
	PageLatencyMS float64            `json:"page_latency_ms,omitempty"`
	Present       int                `json:"present,omitempty"`
	Limit         float64            `json:"limit,omitempty"`
	Connections   int                `json:"connections"`
	Store         string             `json:"store"`
	Import        float64            `json:"import_seconds"` // from the CSV files into the directory, not part of any phase
	Bare          Phase              `json:"bare"`
	Initial       Phase              `json:"initial"`
	NoChange      Phase              `json:"no_change"`
	OneChange     Phase              `json:"one_change"`
	Ratios        map[string]float64 `json:"ratios"`
	Mismatches    int                `json:"mismatches"`
	MismatchFirst []string           `json:"mismatch_samples,omitempty"`
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b Bench) Run(ctx context.Context) (CycleReport, error) {
	if err := b.defaults(); err != nil {
		return CycleReport{}, err
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return CycleReport{}, err
	}
	r := &benchRun{Bench: b, dir: dir, company: Company{People: b.People, Groups: b.Groups}}
	defer func() {
		r.stop()
		_ = os.RemoveAll(dir) // in the folder of temporary files
	}()
	err = r.run(ctx)
	return r.report, err
}

func (b *Bench) defaults() error {
	if b.Connections == 0 {
		b.Connections = 32
	}
	if b.Changes == 0 {
		b.Changes = 50
	}
	if b.Store == "" {
		b.Store = "sqlite"
	}
	if b.Say == nil {
		b.Say = func(string) {}
	}
	if b.People < 1 || b.Groups < 0 {
		return errors.New("the bench needs at least one person")
	}
	if b.Store == "postgres" && b.DSN == "" {
		return errors.New("the bench on PostgreSQL needs the address of an empty database: --dsn postgres://…")
	}
	if b.Program == "" {
		var err error
		b.Program, err = os.Executable()
		return err
	}
	return nil
}

// benchRun is one bench under way.
type benchRun struct {
	Bench
	dir       string
	company   Company
	processes []*process // in the order of their start
	engine    *process   // the one that does the work
	universe  *universe
	org       *org
	client    *api.Client
	want      *expectation
	report    CycleReport
}

func (r *benchRun) stop() {
	for _, p := range slices.Backward(r.processes) {
		p.stop()
	}
}

func (r *benchRun) run(ctx context.Context) error {
	r.report = CycleReport{
		People: r.People, Groups: r.Groups, LatencyMS: float64(r.Latency) / 1e6, PageLatencyMS: float64(r.PageLatency) / 1e6,
		Present: r.Present, Limit: r.Limit, Connections: r.Connections, Store: r.Store, Ratios: map[string]float64{},
	}
	r.want = r.company.expect()
	r.want.present = r.Present
	for _, step := range []struct {
		say string
		do  func(context.Context) error
	}{
		{"start a Webex organisation", r.startTarget},
		{"bare: the same bytes without an engine", r.bare},
		{"start Lockstep on " + r.Store, r.startEngine},
		{"read the company into the directory", r.fill},
		{"initial: everybody into the organisation", r.initial},
		{"no_change: a cycle with nothing to do", r.noChange},
		{fmt.Sprintf("one_change: %d changes, one after another", r.Changes), r.oneChange},
		{"read everything back and compare", r.verify},
	} {
		r.Say(step.say)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.say, err)
		}
	}
	if r.report.Bare.Seconds > 0 {
		r.report.Ratios["initial_to_bare"] = round(r.report.Initial.Seconds/r.report.Bare.Seconds, 100)
	}
	return nil
}

// startTarget starts webexorg.
func (r *benchRun) startTarget(ctx context.Context) error {
	out := newLineWatch()
	p, err := start(r.Program, nil, out, "webexorg", "serve", "--listen", "127.0.0.1:0", "--inspect", "0", "-o", "jsonl")
	if err != nil {
		return err
	}
	r.processes = append(r.processes, p)
	line, err := p.first(ctx, out)
	if err != nil {
		return err
	}
	var where struct {
		Address string `json:"address"`
		Control string `json:"control_token"`
	}
	if err := json.Unmarshal(line, &where); err != nil {
		return fmt.Errorf("webexorg serve says %q: %w", line, err)
	}
	r.universe = universeAt(where.Address, where.Control)
	return nil
}

// newOrg adds an organisation that behaves as the bench was told, and begins to count.
func (r *benchRun) newOrg(ctx context.Context) (err error) {
	if r.org, err = r.universe.add(ctx, webexorg.OrgConfig{Name: "Acme", Domains: []string{"acme.example"}, Enforce: true}); err != nil {
		return err
	}
	if err := r.org.misbehave(ctx, webexorg.Knobs{Latency: r.Latency, PageLatency: r.PageLatency, Present: r.Present, Rate: r.Limit}); err != nil {
		return err
	}
	return r.universe.resetCounts(ctx)
}

// bare measures the bare writer on an organisation of its own.
func (r *benchRun) bare(ctx context.Context) error {
	if err := r.newOrg(ctx); err != nil {
		return err
	}
	w := newBare(r.company, r.org, r.Connections, r.Limit)
	d, err := w.run(ctx)
	if err != nil {
		return err
	}
	counts, err := r.universe.counts(ctx)
	if err != nil {
		return err
	}
	r.report.Bare = Phase{Seconds: seconds(d), TargetRequests: counts.all}
	r.limits(&r.report.Bare, counts, d)
	return r.org.drop(ctx) // user names belong to one user of all organisations
}

// limits tells how the rate limit was used, if there is one. The allowance with which it begins counts as to be used.
func (r *benchRun) limits(p *Phase, counts traffic, d time.Duration) {
	if r.Limit <= 0 {
		return
	}
	p.Answers429 = &counts.throttled
	p.LimitUsed = round(float64(counts.all-counts.throttled)/(r.Limit*d.Seconds()+math.Max(1, r.Limit)), 1000)
}

// startEngine starts the server and, on PostgreSQL, the worker beside it.
func (r *benchRun) startEngine(ctx context.Context) error {
	data, files := filepath.Join(r.dir, "data"), filepath.Join(r.dir, "files")
	for _, dir := range []string{data, files} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	environ := []string{"XDG_CONFIG_HOME=" + r.dir, "LOCKSTEP_SERVER=", "LOCKSTEP_STORE=sqlite"}
	args := []string{"--data", data, "--files", files, "--allow-network", "127.0.0.0/8"}
	profile := []string{}
	if r.CPUProfile != "" {
		profile = append(profile, "--cpuprofile", r.CPUProfile)
	}
	serve := append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)
	if r.Store == "postgres" {
		environ = append(environ, "LOCKSTEP_STORE="+r.DSN)
		serve = append(serve, "--no-work")
	} else {
		serve = append(serve, profile...)
	}
	p, err := start(r.Program, environ, nil, serve...)
	if err != nil {
		return err
	}
	r.processes, r.engine = append(r.processes, p), p
	where, err := p.awaitCard(ctx, data)
	if err != nil {
		return err
	}
	r.client = &api.Client{Base: where.Address, Token: where.Token}
	if r.Store != "postgres" {
		return nil
	}
	p, err = start(r.Program, environ, nil, append(append([]string{"work"}, args...), profile...)...)
	if err != nil {
		return err
	}
	r.processes, r.engine = append(r.processes, p), p
	return nil
}

// fill brings the company into the directory.
func (r *benchRun) fill(ctx context.Context) error {
	files := filepath.Join(r.dir, "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return err
	}
	if _, err := r.client.CreateSource(ctx, api.NewSystem{Kind: "csvfile", Slug: sourceSlug, Draft: true}); err != nil {
		return err
	}
	rules := plainRules(personColumns)
	for i := range rules.Objects {
		for j := range rules.Objects[i].Attributes {
			if m := &rules.Objects[i].Attributes[j]; m.Target == "active" {
				*m = direct("active")
			}
		}
	}
	if err := putRules(ctx, r.client, sourceSlug, rules); err != nil {
		return err
	}
	if err := r.company.Write(files); err != nil {
		return err
	}
	// A file that has just been written is not read before it has been left alone for some seconds. That is no part of the work.
	settled := time.Now().Add(-time.Minute)
	for _, name := range []string{"people.csv", "groups.csv", "memberships.csv"} {
		if err := os.Chtimes(filepath.Join(files, name), settled, settled); err != nil {
			return err
		}
	}
	began := time.Now()
	if _, err := r.client.Run(ctx, sourceSlug); err != nil {
		return err
	}
	cycle, err := awaitOne(ctx, r.client, sourceSlug, nil, func(c api.Cycle) bool {
		return c.Ended != nil && c.Counts.Created >= r.People+r.Groups
	})
	r.report.Import = seconds(time.Since(began))
	if err == nil && cycle.Counts.Failed > 0 {
		err = fmt.Errorf("%d of %d objects failed", cycle.Counts.Failed, r.People+r.Groups)
	}
	return err
}

func seconds(d time.Duration) float64 { return round(d.Seconds(), 1000) }

// round keeps so many parts of one.
func round(v, parts float64) float64 { return math.Round(v*parts) / parts }

// measured runs f as a phase: requests are counted from zero, the engine's peak begins anew.
func (r *benchRun) measured(ctx context.Context, p *Phase, f func() error) error {
	if err := r.universe.resetCounts(ctx); err != nil {
		return err
	}
	linux := r.engine.resetPeak() == nil
	before, err := r.engine.cpu()
	linux = linux && err == nil
	began := time.Now()
	if err := f(); err != nil {
		return err
	}
	p.WallSeconds = seconds(time.Since(began))
	counts, err := r.universe.counts(ctx)
	if err != nil {
		return err
	}
	p.TargetRequests = counts.all
	if p.Seconds > 0 && p.TargetRequests > 0 {
		r.limits(p, counts, time.Duration(p.Seconds*float64(time.Second)))
	}
	if !linux {
		return nil // nobody else tells
	}
	after, err := r.engine.cpu()
	if err != nil {
		return err
	}
	peak, err := r.engine.peak()
	p.CPU, p.PeakRSSMiB = seconds(after-before), round(peak, 10)
	return err
}

// initial measures the first cycle.
func (r *benchRun) initial(ctx context.Context) error {
	if err := r.newOrg(ctx); err != nil {
		return err
	}
	if err := addWebex(ctx, r.client, r.org); err != nil {
		return err
	}
	if err := putRules(ctx, r.client, webexSlug, plainRules(personColumns[:Mapped])); err != nil {
		return err
	}
	policy := api.Policy{Everyone: true, Groups: true, Nested: true, Connections: r.Connections}
	if _, err := r.client.PutPolicy(ctx, webexSlug, policy); err != nil {
		return err
	}
	p := &r.report.Initial
	return r.measured(ctx, p, func() error {
		if _, err := r.client.PatchJob(ctx, webexSlug, api.JobPatch{Mode: "auto"}); err != nil {
			return err
		}
		c, err := await(ctx, r.client, webexSlug, "", nil)
		if err != nil {
			return err
		}
		p.Seconds = seconds(took(c))
		if c.Counts.Failed > 0 {
			return r.failures(ctx, c)
		}
		return nil
	})
}

// failures tells what went wrong in a cycle.
func (r *benchRun) failures(ctx context.Context, c api.Cycle) error {
	text := fmt.Sprintf("%d objects failed", c.Counts.Failed)
	rows, _, err := r.client.Actions(ctx, webexSlug, api.LogQuery{Cycle: c.ID, State: "failed,refused", Limit: 3})
	if err != nil {
		return err
	}
	for _, a := range rows {
		text += fmt.Sprintf("; %s %s: %s [%s]", a.Kind, a.Source.Name, a.Detail, a.Code)
	}
	return errors.New(text)
}

// noChange measures a cycle that was asked for and has nothing to do.
func (r *benchRun) noChange(ctx context.Context) error {
	p := &r.report.NoChange
	last, err := r.quiet(ctx)
	if err != nil {
		return err
	}
	return r.measured(ctx, p, func() error {
		if _, err := r.client.Run(ctx, webexSlug); err != nil {
			return err
		}
		c, err := await(ctx, r.client, webexSlug, last.ID, nil)
		p.Seconds = seconds(took(c))
		return err
	})
}

// quiet waits until no cycle is open and returns the last.
func (r *benchRun) quiet(ctx context.Context) (api.Cycle, error) {
	return until(ctx, r.client, webexSlug, nil, func(c api.Cycle) bool { return c.Ended != nil })
}

// verify reads back what the organisation has.
func (r *benchRun) verify(ctx context.Context) error {
	h, err := r.org.read(ctx)
	if err != nil {
		return err
	}
	m := r.want.compare(h)
	r.report.Mismatches, r.report.MismatchFirst = m.count, m.first
	return nil
}

// Wrong says what is not as it should be, "" when everything is.
func (r CycleReport) Wrong() string {
	if r.Mismatches > 0 {
		return "the organisation is not as it should be"
	}
	return ""
}

// Write writes the report as a table.
func (r CycleReport) Write(w io.Writer) error {
	text := fmt.Sprintf("%d people, %d groups, answers in %g ms, %d connections, %s\n\n", r.People, r.Groups, r.LatencyMS, r.Connections, r.Store)
	text += fmt.Sprintf("%-11s %9s %9s %9s\n", "", "seconds", "requests", "peak MiB")
	for _, row := range []struct {
		name string
		Phase
	}{{"bare", r.Bare}, {"initial", r.Initial}, {"no change", r.NoChange}} {
		peak := "–"
		if row.PeakRSSMiB > 0 {
			peak = fmt.Sprintf("%.0f", row.PeakRSSMiB)
		}
		text += fmt.Sprintf("%-11s %9.3f %9d %9s", row.name, row.Seconds, row.TargetRequests, peak)
		if row.Answers429 != nil {
			text += fmt.Sprintf("   %.1f %% of the limit used, %d answers 429", 100*row.LimitUsed, *row.Answers429)
		}
		text += "\n"
	}
	text += fmt.Sprintf("%-11s %9.3f %9d %9.0f   p95 of %d; median %.3f, longest %.3f\n", "one change", r.OneChange.P95Seconds,
		r.OneChange.TargetRequests, r.OneChange.PeakRSSMiB, r.OneChange.Changes, r.OneChange.P50Seconds, r.OneChange.MaxSeconds)
	text += fmt.Sprintf("\ninitial takes %.2f × bare; %d mismatches\n", r.Ratios["initial_to_bare"], r.Mismatches)
	for _, m := range r.MismatchFirst {
		text += "  " + m + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
