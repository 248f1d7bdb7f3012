package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep/api"
)

// TenantBench measures what many tenants cost who do nothing: how soon a server with all of them is ready, what processor and
// memory it takes, and what a person takes on disk. Each tenant has people, a token for SCIM, and an app in mode auto that has
// nothing to do. Its zero fields have the defaults of `lockstep bench tenants`.
type TenantBench struct {
	Tenants int           `default:"1000" help:"Tenants of the server."`
	People  int           `default:"100" help:"People of each tenant, 1,000 at most."`
	Idle    time.Duration `default:"10s" help:"How long the idle server is watched."`
	Measured
}

// TenantReport is the result of `lockstep bench tenants`. What is per person is what all tenants take beyond an empty server,
// divided by all people.
type TenantReport struct {
	Tenants           int     `json:"tenants"`
	People            int     `json:"people"` // of each tenant
	Store             string  `json:"store"`
	FillSeconds       float64 `json:"fill_seconds"`
	StartSeconds      float64 `json:"start_seconds"`       // from the start of the process until /readyz says so
	StartCPUSeconds   float64 `json:"start_cpu_seconds"`   // of the server until then
	IdleSeconds       float64 `json:"idle_seconds"`        // watched
	IdleCPUPercent    float64 `json:"idle_cpu_percent"`    // of one core
	EmptyRSSMiB       float64 `json:"empty_rss_mib"`       // of a server with one tenant without people
	IdleRSSMiB        float64 `json:"idle_rss_mib"`        // after the idle time
	UsedRSSMiB        float64 `json:"used_rss_mib"`        // after a page of each tenant's people was read
	MemoryBytesPerson float64 `json:"memory_bytes_person"` // from used_rss_mib
	DiskMiB           float64 `json:"disk_mib,omitempty"`  // of the data folder when the server has ended; SQLite only
	DiskBytesPerson   float64 `json:"disk_bytes_person,omitempty"`
	FirstReadP50      float64 `json:"first_read_p50_ms"` // of a page of a tenant whom nobody had asked for since the start
	FirstReadP99      float64 `json:"first_read_p99_ms"`
	Mismatches        int     `json:"mismatches"` // tenants whose people are not as they were created
}

// tenantBench is a bench under way.
type tenantBench struct {
	TenantBench
	bench     *benchRun
	org       *org
	client    *http.Client
	where     card     // the server that runs
	tokens    []string // by tenant
	emptyDisk int64
	report    TenantReport
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b TenantBench) Run(ctx context.Context) (TenantReport, error) {
	if b.Tenants < 1 || b.People < 1 || b.People > 1000 {
		return TenantReport{}, errors.New("the bench needs at least one tenant, and 1 to 1,000 people of each")
	}
	inner := Bench{People: b.People, Measured: b.Measured}
	inner.CPUProfile = "" // it is of the idle server
	if err := inner.defaults(); err != nil {
		return TenantReport{}, err
	}
	if b.Idle == 0 {
		b.Idle = 10 * time.Second
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return TenantReport{}, err
	}
	t := &tenantBench{TenantBench: b, bench: &benchRun{Bench: inner, dir: dir}, tokens: make([]string, b.Tenants)}
	t.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fillers, MaxConnsPerHost: fillers}}
	t.report = TenantReport{Tenants: b.Tenants, People: b.People, Store: inner.Store}
	defer func() {
		t.bench.stop()
		_ = os.RemoveAll(dir) // in the folder of temporary files
	}()
	err = t.run(ctx)
	return t.report, err
}

func (t *tenantBench) run(ctx context.Context) error {
	for _, step := range []struct {
		say string
		do  func(context.Context) error
	}{
		{"start a Webex organisation", t.startTarget},
		{"an empty server", t.empty},
		{fmt.Sprintf("%d tenants of %d people", t.Tenants, t.People), t.fill},
		{"start, and do nothing", t.idle},
		{"read a page of each tenant", t.use},
	} {
		t.bench.Say(step.say)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.say, err)
		}
	}
	return nil
}

// startTarget starts the organisation that all apps lead to.
func (t *tenantBench) startTarget(ctx context.Context) error {
	if err := t.bench.startTarget(ctx); err != nil {
		return err
	}
	err := t.bench.newOrg(ctx)
	t.org = t.bench.org
	return err
}

// empty measures a server without people.
func (t *tenantBench) empty(ctx context.Context) error {
	if err := t.serve(ctx); err != nil {
		return err
	}
	size, err := t.bench.engine.resident()
	if err != nil {
		return err
	}
	t.report.EmptyRSSMiB = round(size, 10)
	t.emptyDisk, err = t.halt()
	return err
}

// halt ends the server and returns the size of its data folder.
func (t *tenantBench) halt() (int64, error) {
	t.bench.engine.stop()
	var size int64
	err := filepath.WalkDir(filepath.Join(t.bench.dir, "data"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		about, err := e.Info()
		if err == nil {
			size += about.Size()
		}
		return err
	})
	return size, err
}

// serve starts the server and waits until it says that it is ready.
func (t *tenantBench) serve(ctx context.Context) (err error) {
	if t.where, err = t.bench.serve(ctx, "--allow-network", "127.0.0.0/8"); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.where.Address+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := t.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the server listens, but is not ready: %s", res.Status)
	}
	return nil
}

// fillers is how many tenants are filled at the same time.
const fillers = 8

// fill creates the tenants, waits until their jobs have nothing to do, and ends the server.
func (t *tenantBench) fill(ctx context.Context) error {
	began := time.Now()
	if err := t.serve(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *api.Client, int) error{t.create, t.settled} {
		all, each := errgroup.WithContext(ctx)
		all.SetLimit(fillers)
		for i := range t.Tenants {
			all.Go(func() error {
				return step(each, &api.Client{Base: t.where.Address, Token: t.where.Token, Tenant: tenantSlug(i), HTTP: t.client.Transport}, i)
			})
		}
		if err := all.Wait(); err != nil {
			return err
		}
	}
	t.report.FillSeconds = seconds(time.Since(began))
	t.client.CloseIdleConnections()
	disk, err := t.halt()
	if err == nil && t.bench.Store == "sqlite" {
		t.report.DiskMiB = round(float64(disk)/(1<<20), 10)
		t.report.DiskBytesPerson = t.perPerson(float64(disk - t.emptyDisk))
	}
	return err
}

func tenantSlug(i int) string { return "tenant-" + strconv.Itoa(i) }

func (t *tenantBench) perPerson(size float64) float64 {
	return round(size/float64(t.Tenants*t.People), 1)
}

// create creates the i-th tenant with its people and its app, which nobody is assigned to.
func (t *tenantBench) create(ctx context.Context, client *api.Client, i int) error {
	whole := *client
	whole.Tenant = ""
	if _, err := whole.CreateTenant(ctx, api.NewTenant{Slug: client.Tenant, Name: "Tenant " + strconv.Itoa(i)}); err != nil {
		return err
	}
	var err error
	if t.tokens[i], err = scimToken(ctx, t.where, client.Tenant); err != nil {
		return err
	}
	e, err := dialSCIM(ctx, t.where, client.Tenant, t.tokens[i], 1)
	if err != nil {
		return err
	}
	defer e.close()
	if err := e.createMany(ctx, i*t.People, t.People); err != nil {
		return err
	}
	if err := addWebex(ctx, client, t.org); err != nil {
		return err
	}
	_, err = client.PatchJob(ctx, webexSlug, api.JobPatch{Mode: "auto"})
	return err
}

// settled waits until the app of the i-th tenant has done what there was to do.
func (t *tenantBench) settled(ctx context.Context, client *api.Client, _ int) error {
	_, err := until(ctx, client, webexSlug, nil, func(c api.Cycle) bool { return c.Ended != nil })
	return err
}

// settle is how long after its start the server is left alone before it counts as idle.
const settle = 2 * time.Second

// idle starts the server with all tenants, and watches it while nobody wants anything.
func (t *tenantBench) idle(ctx context.Context) error {
	t.bench.CPUProfile = t.CPUProfile
	began := time.Now()
	if err := t.serve(ctx); err != nil {
		return err
	}
	t.report.StartSeconds = seconds(time.Since(began))
	server := t.bench.engine
	used, err := server.cpu()
	if err != nil {
		return err
	}
	t.report.StartCPUSeconds = seconds(used)
	if err := pass(ctx, settle); err != nil {
		return err
	}
	if used, err = server.cpu(); err != nil {
		return err
	}
	began = time.Now()
	if err := pass(ctx, t.Idle); err != nil {
		return err
	}
	after, err := server.cpu()
	if err != nil {
		return err
	}
	watched := time.Since(began)
	t.report.IdleSeconds = seconds(watched)
	t.report.IdleCPUPercent = round(100*(after-used).Seconds()/watched.Seconds(), 100)
	size, err := server.resident()
	t.report.IdleRSSMiB = round(size, 10)
	return err
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// use reads a page of each tenant, one after another, compares it with what was created, and measures the memory.
func (t *tenantBench) use(ctx context.Context) error {
	first, err := measure(ctx, t.bench.engine, 1, 1, 0, func(ctx context.Context, i int) (bool, error) {
		if i >= t.Tenants {
			return false, nil
		}
		e, err := dialSCIM(ctx, t.where, tenantSlug(i), t.tokens[i], 1)
		if err != nil {
			return true, err
		}
		defer e.close()
		text, err := e.exchange(ctx, http.MethodGet, "/Users?count=100", nil, http.StatusOK)
		if err == nil && !t.whole(text, i) {
			t.report.Mismatches++ // one connection: nobody else counts
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if first.Errors > 0 {
		return fmt.Errorf("%d of %d tenants could not be read", first.Errors, t.Tenants)
	}
	t.report.FirstReadP50, t.report.FirstReadP99 = first.P50, first.P99
	size, err := t.bench.engine.resident()
	t.report.UsedRSSMiB = round(size, 10)
	t.report.MemoryBytesPerson = t.perPerson((size - t.report.EmptyRSSMiB) * (1 << 20))
	return err
}

// whole tells whether a page holds the people of the i-th tenant, all of them and nobody else's.
func (t *tenantBench) whole(page []byte, i int) bool {
	if !bytes.Contains(page, []byte(`"totalResults":`+strconv.Itoa(t.People)+`,`)) {
		return false
	}
	for n := range min(t.People, pageSize) {
		if !bytes.Contains(page, []byte(`"userName":"`+benchUserName(i*t.People+n)+`"`)) {
			return false
		}
	}
	return true
}

// Wrong says what is not as it should be, "" when everything is.
func (r TenantReport) Wrong() string {
	if r.Mismatches > 0 {
		return "tenants are not as they were created"
	}
	return ""
}

// Write writes the report as a table.
func (r TenantReport) Write(w io.Writer) error {
	text := fmt.Sprintf("%d tenants of %d people on %s, filled in %.1f s\n\n", r.Tenants, r.People, r.Store, r.FillSeconds)
	text += fmt.Sprintf("ready after  %.3f s, %.3f s of them on a processor\n", r.StartSeconds, r.StartCPUSeconds)
	text += fmt.Sprintf("idle         %.2f %% of a core over %.0f s\n", r.IdleCPUPercent, r.IdleSeconds)
	text += fmt.Sprintf("memory       %.1f MiB idle, %.1f MiB used, %.1f MiB empty: %.0f bytes a person\n", r.IdleRSSMiB, r.UsedRSSMiB, r.EmptyRSSMiB, r.MemoryBytesPerson)
	if r.DiskMiB > 0 {
		text += fmt.Sprintf("disk         %.1f MiB: %.0f bytes a person\n", r.DiskMiB, r.DiskBytesPerson)
	}
	text += fmt.Sprintf("first page   p50 %.2f ms, p99 %.2f ms\n", r.FirstReadP50, r.FirstReadP99)
	_, err := fmt.Fprintf(w, "%smismatches   %d\n", text, r.Mismatches)
	return err
}
