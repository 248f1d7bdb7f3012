package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
)

// PagesBench measures the console on a large directory with a long log: every page that a link leads to, searches of the log and of people, what a
// browser loads first, and what open consoles cost a cycle. Its zero fields have the defaults of `lockstep bench pages`.
type PagesBench struct {
	People   int `default:"10000" help:"People of the directory, at least 1,000."`
	LogRows  int `default:"0" placeholder:"N" help:"Rows that the provisioning log has at least: everybody gets another title until it has them."`
	Looks    int `default:"20" help:"How often each page is asked for."`
	Consoles int `default:"50" help:"Consoles that are open while a cycle is measured; 0 measures none."`
	Changed  int `default:"10000" help:"People who get another title in such a cycle."`
	Measured
}

// Help tells of the folder, which is a flag of every command.
func (PagesBench) Help() string {
	return "With --data the folder is kept, and used again by the next bench with as many people."
}

// What is asked of the pages, by the product's own bars.
const (
	barPage     = 50.0 // milliseconds, p95
	barSearch   = 100.0
	barLoad     = 150 << 10 // bytes
	barStart    = 300.0     // milliseconds
	barProgram  = 60 << 20  // bytes
	barConsoles = 5.0       // per cent
)

// PagesReport is the result of `lockstep bench pages`.
type PagesReport struct {
	People       int                  `json:"people"`
	LogRows      int                  `json:"log_rows"`
	Store        string               `json:"store"`
	Reused       bool                 `json:"reused"`
	ProgramBytes int64                `json:"program_bytes"`
	Start        float64              `json:"start_ms"` // from the start of the process until its card is there
	StartCPU     float64              `json:"start_cpu_ms"`
	Load         int                  `json:"first_load_bytes"` // as they are sent to a browser: Home and everything that it loads
	LoadFiles    int                  `json:"first_load_files"`
	Pages        map[string]PagesKind `json:"pages"` // by route
	Slow         []string             `json:"over_the_bar"`
	Cycle        *PagesCycle          `json:"cycle,omitempty"`
	RSSMiB       float64              `json:"rss_mib"` // of the server, while pages were asked for, at its highest
	Failed       int                  `json:"failed"`  // answers that are no page
	First        []string             `json:"failed_samples,omitempty"`
}

// PagesKind is how one page went.
type PagesKind struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"` // as the client sees it, from the request to the end of the answer
	P95   float64 `json:"p95_ms"`
	Max   float64 `json:"max_ms"`
	CPU   float64 `json:"cpu_ms"` // of the server, for each
	Bytes int     `json:"bytes"`  // of one answer, compressed where the server does that
}

// PagesCycle is what consoles that are open cost a cycle: each is measured twice, in turn.
type PagesCycle struct {
	People   int     `json:"people"`
	Consoles int     `json:"consoles"`
	Alone    float64 `json:"alone_seconds"` // from the change of the file until the app is in step, the better of two
	AloneCPU float64 `json:"alone_cpu_seconds"`
	Open     float64 `json:"open_seconds"`
	OpenCPU  float64 `json:"open_cpu_seconds"`
	Slower   float64 `json:"slower_percent"`
	MoreCPU  float64 `json:"more_cpu_percent"`
	Events   int     `json:"events"` // that the consoles were sent
}

// pagesBench is a bench under way.
type pagesBench struct {
	PagesBench
	bench  *benchRun
	source *csvSource
	report PagesReport
	rounds int // titles that there were
	wrong  mismatches
}

// pagesState is what a kept folder says of itself.
type pagesState struct {
	People int    `json:"people"`
	Store  string `json:"store"`
	Rounds int    `json:"rounds"`
	Rows   int    `json:"rows"`
	Webex  string `json:"webex"` // where the organisation listens
	Org    string `json:"org"`
	Token  string `json:"token"`
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b PagesBench) Run(ctx context.Context) (PagesReport, error) {
	if b.People < 1000 {
		return PagesReport{}, errors.New("the bench needs at least 1,000 people")
	}
	inner := Bench{People: b.People, Measured: b.Measured}
	if err := inner.defaults(); err != nil {
		return PagesReport{}, err
	}
	if b.Looks == 0 {
		b.Looks = 20
	}
	b.Changed = min(b.Changed, b.People)
	dir := b.Data
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "lockstep-bench-"); err != nil {
			return PagesReport{}, err
		}
		defer func() { _ = os.RemoveAll(dir) }() // in the folder of temporary files
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return PagesReport{}, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return PagesReport{}, err
	}
	company := Company{People: b.People, Groups: max(1, b.People/1000)}
	p := &pagesBench{PagesBench: b, bench: &benchRun{Bench: inner, dir: dir, company: company}, source: &csvSource{company: company, dir: filepath.Join(dir, "files")}}
	p.report = PagesReport{People: b.People, Store: inner.Store, Pages: map[string]PagesKind{}, Slow: []string{}}
	defer p.bench.stop()
	err = p.run(ctx)
	p.report.Failed, p.report.First = p.wrong.count, p.wrong.first
	return p.report, err
}

func (p *pagesBench) run(ctx context.Context) error {
	info, err := os.Stat(p.bench.Program)
	if err != nil {
		return err
	}
	p.report.ProgramBytes = info.Size()
	state, err := p.kept()
	if err != nil {
		return err
	}
	p.report.Reused = state != nil
	if err := p.target(ctx, state); err != nil {
		return err
	}
	p.bench.Say("start Lockstep on " + p.report.Store)
	began := time.Now()
	if err := p.bench.startEngine(ctx); err != nil {
		return err
	}
	p.report.Start = milliseconds(time.Since(began))
	if cpu, err := p.bench.engine.cpu(); err == nil { // Linux only
		p.report.StartCPU = milliseconds(cpu)
	}
	if state == nil {
		if err := p.fill(ctx); err != nil {
			return err
		}
	} else if p.rounds, p.report.LogRows, err = state.Rounds, state.Rows, p.titles(); err != nil {
		return err
	}
	if err := p.lengthen(ctx); err != nil {
		return err
	}
	w, err := newWebBrowser(ctx, p.bench.client)
	if err != nil {
		return err
	}
	p.bench.Say("what a browser loads first")
	if p.report.Load, p.report.LoadFiles, err = w.firstLoad(ctx); err != nil {
		return err
	}
	_ = p.bench.engine.resetPeak() // Linux only
	if err := p.pages(ctx, w); err != nil {
		return err
	}
	peak, _ := p.bench.engine.peak() // 0 is unknown
	p.report.RSSMiB = round(peak, 10)
	if p.Consoles == 0 {
		return nil
	}
	return p.consoles(ctx, w)
}

func (p *pagesBench) stateFile() string { return filepath.Join(p.bench.dir, "bench.json") }

// kept returns what the folder holds; nil is nothing yet. A folder of another bench is refused.
func (p *pagesBench) kept() (*pagesState, error) {
	text, err := os.ReadFile(p.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		if all, err := os.ReadDir(p.bench.dir); err != nil || len(all) > 0 {
			return nil, errors.Join(err, fmt.Errorf("%s is neither empty nor of an earlier bench that was finished", p.bench.dir))
		}
		return nil, nil
	}
	var state pagesState
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err == nil && (state.People != p.People || state.Store != p.report.Store || state.Webex == "") {
		err = fmt.Errorf("it is of another bench: %d people on %s", state.People, state.Store)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.stateFile(), err)
	}
	return &state, nil
}

func (p *pagesBench) keep() error {
	text, err := json.Marshal(pagesState{
		People: p.People, Store: p.report.Store, Rounds: p.rounds, Rows: p.report.LogRows, Webex: strings.TrimPrefix(p.bench.universe.Address, "http://"), Org: p.bench.org.id, Token: p.bench.org.bearer,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(p.stateFile(), text, 0o600)
}

// target starts the organisation, as it was left if there is one.
func (p *pagesBench) target(ctx context.Context, state *pagesState) error {
	p.bench.Say("start a Webex organisation")
	listen := "127.0.0.1:0"
	if state != nil {
		listen = state.Webex
	}
	out := newLineWatch()
	webex, err := start(p.bench.Program, nil, out, "webexorg", "serve", "--listen", listen, "--inspect", "0", "--journal", filepath.Join(p.bench.dir, "webex.journal"), "-o", "jsonl")
	if err != nil {
		return err
	}
	p.bench.processes = append(p.bench.processes, webex)
	line, err := webex.first(ctx, out)
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
	p.bench.universe = universeAt(where.Address, where.Control)
	if state != nil {
		p.bench.org = &org{universe: p.bench.universe, id: state.Org, bearer: state.Token}
		return nil
	}
	return p.bench.newOrg(ctx)
}

// fill brings the company into the directory, and from there into the organisation.
func (p *pagesBench) fill(ctx context.Context) error {
	p.bench.Say("everybody into the directory")
	c := p.bench.client
	if err := p.source.add(ctx, c); err != nil {
		return err
	}
	if err := p.source.fill(ctx); err != nil {
		return err
	}
	if _, err := c.PatchJob(ctx, sourceSlug, api.JobPatch{State: "active"}); err != nil {
		return err
	}
	if _, err := c.Run(ctx, sourceSlug); err != nil {
		return err
	}
	all := p.People + p.bench.company.Groups
	if _, err := awaitOne(ctx, c, sourceSlug, nil, func(c api.Cycle) bool { return c.Ended != nil && c.Counts.Created >= all }); err != nil {
		return err
	}
	p.bench.Say("everybody into the organisation")
	if err := addWebex(ctx, c, p.bench.org); err != nil {
		return err
	}
	if err := putRules(ctx, c, webexSlug, plainRules(personColumns[:Mapped])); err != nil {
		return err
	}
	if _, err := c.PutPolicy(ctx, webexSlug, api.Policy{Everyone: true, Groups: true, Nested: true, Connections: p.bench.Connections, GuardOff: true}); err != nil {
		return err
	}
	if _, err := c.PatchJob(ctx, webexSlug, api.JobPatch{Mode: "auto"}); err != nil {
		return err
	}
	if _, err := await(ctx, c, webexSlug, "", nil); err != nil {
		return err
	}
	p.report.LogRows = 2 * all
	return p.keep()
}

// lengthen gives people other titles until the log is as long as it has to be: each round is a row of the source and one of the app for everybody.
func (p *pagesBench) lengthen(ctx context.Context) error {
	for p.report.LogRows < p.LogRows {
		p.bench.Say(fmt.Sprintf("the log has %d rows", p.report.LogRows))
		if _, err := p.retitle(ctx, p.People); err != nil {
			return err
		}
		if err := p.keep(); err != nil {
			return err
		}
	}
	return nil
}

// retitle gives the first n people another title and returns how long it took until all of it was in the organisation.
func (p *pagesBench) retitle(ctx context.Context, n int) (time.Duration, error) {
	p.rounds++
	titles := map[int]string{}
	for i := range n {
		titles[i] = fmt.Sprintf("Title %d", p.rounds)
	}
	put, err := p.source.retitle(replaced, titles)
	if err != nil {
		return 0, err
	}
	last, err := newest(ctx, p.bench.client, webexSlug)
	if err != nil {
		return 0, err
	}
	ended := map[lockstep.CycleID]int{} // rows of cycles that have ended: there may be many, of which an answer has the newest
	began := time.Now()
	if err := put(ctx); err != nil {
		return 0, err
	}
	if _, err := p.bench.client.Run(ctx, sourceSlug); err != nil {
		return 0, err
	}
	for done := 0; done < n; {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
		all, err := p.bench.client.Cycles(ctx, webexSlug, 50)
		if err != nil {
			return 0, err
		}
		for _, c := range all {
			if c.ID > last.ID && c.Ended != nil {
				ended[c.ID] = c.Counts.Updated + c.Counts.Failed
			}
		}
		done = 0
		for _, rows := range ended {
			done += rows
		}
	}
	p.report.LogRows += 2 * n
	return time.Since(began), nil
}

// titles reads which titles the files of a kept folder have.
func (p *pagesBench) titles() error {
	p.source.titles = map[int]string{}
	i := 0
	return eachRow(p.source.people(), func(_ []string, column func(string) string) error {
		p.source.titles[i] = column("title")
		i++
		return nil
	})
}

// pages measures every page.
func (p *pagesBench) pages(ctx context.Context, w *webBrowser) error {
	p.bench.Say("follow the links")
	routes, err := w.crawl(ctx, p.bench.company)
	if err != nil {
		return err
	}
	for _, route := range routes.order {
		k, err := p.page(ctx, w, routes.at[route])
		if err != nil {
			return fmt.Errorf("%s: %w", route, err)
		}
		p.report.Pages[route] = k
		bar := barPage
		if strings.Contains(route, "search") {
			bar = barSearch
		}
		if k.P95 > bar {
			p.report.Slow = append(p.report.Slow, route)
		}
	}
	return nil
}

// page asks for pages of one route, one after another.
func (p *pagesBench) page(ctx context.Context, w *webBrowser, paths []string) (PagesKind, error) {
	before, err := p.bench.engine.cpu()
	if err != nil {
		return PagesKind{}, err
	}
	var all []time.Duration
	size := 0
	for n := range p.Looks {
		path := paths[n%len(paths)]
		began := time.Now()
		a, err := w.get(ctx, path)
		if err != nil {
			return PagesKind{}, err
		}
		all = append(all, time.Since(began))
		if a.status >= 400 {
			p.wrong.add("%s answers %d", path, a.status)
		}
		size = max(size, a.sent)
	}
	after, err := p.bench.engine.cpu()
	slices.Sort(all)
	return PagesKind{
		Count: len(all), P50: milliseconds(quantile(all, 0.5)), P95: milliseconds(quantile(all, 0.95)), Max: milliseconds(all[len(all)-1]),
		CPU: round(milliseconds(after-before)/float64(len(all)), 100), Bytes: size,
	}, err
}

// consoles measures a cycle alone and beside consoles that show it, twice each, in turn.
func (p *pagesBench) consoles(ctx context.Context, w *webBrowser) error {
	c := &PagesCycle{People: p.Changed, Consoles: p.Consoles}
	p.report.Cycle = c
	for round := range 2 {
		for _, open := range []int{0, p.Consoles} {
			p.bench.Say(fmt.Sprintf("a cycle of %d people beside %d consoles", p.Changed, open))
			stop, events := w.watch(ctx, "/apps/"+webexSlug+"/live", open)
			before, err := p.bench.engine.cpu()
			if err != nil {
				stop()
				return err
			}
			took, err := p.retitle(ctx, p.Changed)
			after, err2 := p.bench.engine.cpu()
			stop()
			if err := errors.Join(err, err2, p.keep()); err != nil {
				return err
			}
			wall, cpu := &c.Alone, &c.AloneCPU
			if open > 0 {
				wall, cpu = &c.Open, &c.OpenCPU
				c.Events += int(events.Load())
			}
			if round == 0 || seconds(took) < *wall {
				*wall = seconds(took)
			}
			if round == 0 || seconds(after-before) < *cpu {
				*cpu = seconds(after - before)
			}
		}
	}
	c.Slower, c.MoreCPU = round100(c.Open, c.Alone), round100(c.OpenCPU, c.AloneCPU)
	return nil
}

// round100 is by how many per cent a is more than b.
func round100(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return round(100*(a/b-1), 10)
}

// Wrong says what is not as it should be, "" when everything is.
func (r PagesReport) Wrong() string {
	if r.Failed > 0 {
		return "not every page was answered"
	}
	return ""
}

// Write writes the report as a table.
func (r PagesReport) Write(w io.Writer) error {
	text := fmt.Sprintf("%d people and %d rows of the log on %s, %.1f MiB\n\n%-52s%7s%9s%9s%9s%9s%9s\n", r.People, r.LogRows, r.Store, r.RSSMiB, "page", "count", "p50 ms", "p95 ms", "max ms", "CPU ms", "KiB")
	names := make([]string, 0, len(r.Pages))
	for name := range r.Pages {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return int(1000 * (r.Pages[b].P95 - r.Pages[a].P95)) })
	for _, name := range names {
		k := r.Pages[name]
		text += fmt.Sprintf("%-52s%7d%9.1f%9.1f%9.1f%9.2f%9.1f\n", name, k.Count, k.P50, k.P95, k.Max, k.CPU, float64(k.Bytes)/1024)
	}
	text += fmt.Sprintf("\n%d of %d pages over %g ms (p95); searches over %g ms\n", len(r.Slow), len(r.Pages), barPage, barSearch)
	text += fmt.Sprintf("first load %.1f KiB in %d files (bar %d), start %.0f ms (bar %.0f; %.0f ms of processor), program %.1f MiB (bar %d)\n",
		float64(r.Load)/1024, r.LoadFiles, barLoad>>10, r.Start, barStart, r.StartCPU, float64(r.ProgramBytes)/(1<<20), barProgram>>20)
	if c := r.Cycle; c != nil {
		text += fmt.Sprintf("a cycle of %d people: %.2f s, %.2f s of processor; beside %d consoles %.2f s (%+.1f %%, bar %g), %.2f s of processor (%+.1f %%)\n",
			c.People, c.Alone, c.AloneCPU, c.Consoles, c.Open, c.Slower, barConsoles, c.OpenCPU, c.MoreCPU)
	}
	text += fmt.Sprintf("%d failed\n", r.Failed)
	for _, m := range r.First {
		text += "  " + m + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
