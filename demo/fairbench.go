package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"lockstep/api"
)

// FairBench measures what one tenant feels of another on the same server: how long their PATCH of active takes alone, and beside
// another who sends Bulk requests and filters without an index as fast as they are answered. Its zero fields have the defaults
// of `lockstep bench fair`.
type FairBench struct {
	Users int           `default:"10000" help:"Users of the loud tenant, at least 1,000."`
	Loud  int           `default:"4" help:"Connections of the loud tenant, for Bulk and for filters each."`
	Time  time.Duration `default:"5s" help:"How long each measurement takes."`
	Measured
}

// FairReport is the result of `lockstep bench fair`.
type FairReport struct {
	Users  int        `json:"users"`
	Loud   int        `json:"loud_connections"`
	Store  string     `json:"store"`
	Beside []FairPart `json:"beside"`
}

// FairPart is how the quiet tenant fared beside one kind of noise.
type FairPart struct {
	Noise     string  `json:"noise"`      // none, bulk, filters, or both
	PerSecond float64 `json:"per_second"` // PATCH of active by the quiet tenant, over two connections
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Errors    int     `json:"errors"`
	Created   float64 `json:"created_per_second"` // users of the loud tenant
	Filters   float64 `json:"filters_per_second"` // answered to the loud tenant
}

// fairBench is a bench under way.
type fairBench struct {
	FairBench
	bench  *benchRun
	loud   scimEndpoint
	quiet  scimEndpoint
	ids    []string // of the quiet tenant's users
	next   int      // number of the next user of the loud tenant
	mu     sync.Mutex
	report FairReport

	patched atomic.Int64
}

// The quiet tenant.
const (
	quietUsers       = 1000
	quietConnections = 2
	bulkSize         = 1000
)

// Run runs the bench. Whatever happens, the process that it started has ended when it returns.
func (b FairBench) Run(ctx context.Context) (FairReport, error) {
	if b.Users < 1000 {
		return FairReport{}, errors.New("the bench needs at least 1,000 users")
	}
	inner := Bench{People: b.Users, Measured: b.Measured}
	if err := inner.defaults(); err != nil {
		return FairReport{}, err
	}
	if b.Loud == 0 {
		b.Loud = 4
	}
	if b.Time == 0 {
		b.Time = 5 * time.Second
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return FairReport{}, err
	}
	f := &fairBench{FairBench: b, bench: &benchRun{Bench: inner, dir: dir}}
	f.report = FairReport{Users: b.Users, Loud: b.Loud, Store: inner.Store}
	defer func() {
		f.loud.close()
		f.quiet.close()
		f.bench.stop()
		_ = os.RemoveAll(dir) // in the folder of temporary files
	}()
	err = f.run(ctx)
	return f.report, err
}

func (f *fairBench) run(ctx context.Context) error {
	f.bench.Say("two tenants")
	if err := f.fill(ctx); err != nil {
		return err
	}
	for _, part := range []struct {
		noise         string
		bulk, filters int // connections
	}{{"none", 0, 0}, {"bulk", f.Loud, 0}, {"filters", 0, f.Loud}, {"both", f.Loud, f.Loud}} {
		f.bench.Say("patch_active beside " + part.noise)
		if err := f.beside(ctx, part.noise, part.bulk, part.filters); err != nil {
			return fmt.Errorf("beside %s: %w", part.noise, err)
		}
	}
	return nil
}

// fill starts the server and creates both tenants' users.
func (f *fairBench) fill(ctx context.Context) error {
	where, err := f.bench.serve(ctx)
	if err != nil {
		return err
	}
	const quiet = "quiet"
	client := &api.Client{Base: where.Address, Token: where.Token}
	if _, err := client.CreateTenant(ctx, api.NewTenant{Slug: quiet, Name: "Quiet"}); err != nil {
		return err
	}
	for _, t := range []struct {
		slug        string
		endpoint    *scimEndpoint
		connections int
		users       int
	}{{api.DefaultTenant, &f.loud, 2 * f.Loud, f.Users}, {quiet, &f.quiet, quietConnections, quietUsers}} {
		token, err := scimToken(ctx, where, t.slug)
		if err != nil {
			return err
		}
		if *t.endpoint, err = dialSCIM(ctx, where, t.slug, token, t.connections); err != nil {
			return err
		}
		for from := 0; from < t.users; from += bulkSize {
			if err := t.endpoint.createMany(ctx, from, min(bulkSize, t.users-from)); err != nil {
				return err
			}
		}
	}
	f.next = f.Users
	f.ids, err = f.quiet.ids(ctx)
	return err
}

// beside measures the quiet tenant while the loud one has so many connections of each kind in use.
func (f *fairBench) beside(ctx context.Context, noise string, bulk, filters int) error {
	during, stop := context.WithCancel(ctx)
	defer stop()
	begun := make(chan struct{}, bulk+filters)
	var all sync.WaitGroup
	var failed error
	noisy := func(count *int, weight int, send func(context.Context) error) {
		all.Go(func() {
			begun <- struct{}{}
			for during.Err() == nil {
				err := send(ctx) // not cut off: the connection would be lost
				f.mu.Lock()
				failed = cmpError(failed, err)
				*count += weight
				f.mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	var created, answered int
	for range bulk {
		noisy(&created, bulkSize, f.bulk)
	}
	for range filters {
		noisy(&answered, 1, f.filter)
	}
	for range bulk + filters {
		<-begun
	}
	began := time.Now()
	patch, err := measure(ctx, f.bench.engine, quietConnections, 1, f.Time, f.patch)
	stop()
	all.Wait()
	took := time.Since(began).Seconds()
	f.report.Beside = append(f.report.Beside, FairPart{
		Noise: noise, PerSecond: patch.PerSecond, P50: patch.P50, P99: patch.P99, Errors: patch.Errors,
		Created: round(float64(created)/took, 10), Filters: round(float64(answered)/took, 10),
	})
	return cmpError(err, failed)
}

// bulk creates 1,000 users of the loud tenant.
func (f *fairBench) bulk(ctx context.Context) error {
	f.mu.Lock()
	from := f.next
	f.next += bulkSize
	f.mu.Unlock()
	return f.loud.createMany(ctx, from, bulkSize)
}

// filter finds a user of the loud tenant by an attribute that has no index.
func (f *fairBench) filter(ctx context.Context) error {
	return f.loud.find(ctx, `filter=nickName%20eq%20"nick`+strconv.Itoa(rand.IntN(f.Users))+`"`, 1)
}

// patch disables a user of the quiet tenant, or enables them.
func (f *fairBench) patch(ctx context.Context, _ int) (bool, error) {
	n := int(f.patched.Add(1) - 1) // goes on from one noise to the next, so that every PATCH changes something
	_, err := f.quiet.exchange(ctx, http.MethodPatch, "/Users/"+f.ids[n%len(f.ids)], patchActive(n/len(f.ids)%2 == 1), http.StatusOK)
	return true, err
}

// Wrong is "": times are neither right nor wrong.
func (r FairReport) Wrong() string { return "" }

// Write writes the report as a table.
func (r FairReport) Write(w io.Writer) error {
	fmt.Fprintf(w, "PATCH active of one tenant beside another with %d users and %d connections, on %s\n", r.Users, r.Loud, r.Store)
	_, err := fmt.Fprintf(w, "%-10s%12s%10s%10s%8s%14s%14s\n", "beside", "per second", "p50 ms", "p99 ms", "errors", "created/s", "filters/s")
	for _, p := range r.Beside {
		if _, err := fmt.Fprintf(w, "%-10s%12.1f%10.2f%10.2f%8d%14.1f%14.1f\n", p.Noise, p.PerSecond, p.P50, p.P99, p.Errors, p.Created, p.Filters); err != nil {
			return err
		}
	}
	return err
}
