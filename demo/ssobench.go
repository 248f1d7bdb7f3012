package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// SSOBench measures sign-in: the server in a process of its own; this process is the browsers, the applications and the identity provider. Its
// zero fields have the defaults of `lockstep bench sso`.
type SSOBench struct {
	People     int           `default:"100" help:"People who sign in, each with a password."`
	Concurrent int           `default:"50" help:"Browsers and applications at the same time."`
	Leavers    int           `default:"20" help:"People who are disabled while they are signed in to every application."`
	Apps       int           `default:"20" help:"Applications that are told of it."`
	Time       time.Duration `default:"5s" help:"How long each operation is measured."`
	Only       string        `placeholder:"OPERATION" help:"One operation alone, with ES256: sign_in, password_login, refresh, client_credentials or introspection."`
	Measured
}

// SSOReport is the result of `lockstep bench sso`.
type SSOReport struct {
	Store      string                  `json:"store"`
	Concurrent int                     `json:"concurrent"`
	ES256      map[string]SSOOperation `json:"es256"`
	RS256      map[string]SSOOperation `json:"rs256"`
	Beside     float64                 `json:"refresh_beside_passwords_p99_ms"` // of a refresh while as many as can sign in by password
	IdleRSS    float64                 `json:"idle_rss_mib"`
	LoadedRSS  float64                 `json:"loaded_rss_mib"` // at its highest
	Leavers    SSOLeavers              `json:"leavers"`
	Errors     int                     `json:"errors"`
	First      string                  `json:"error_sample,omitempty"`
}

// SSOOperation is how one operation went.
type SSOOperation struct {
	Count        int     `json:"count"`
	PerCPUSecond float64 `json:"per_cpu_second"` // of the server
	PerSecond    float64 `json:"per_second"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"` // without the time that the identity provider took
}

// SSOLeavers is what became of people who were signed in everywhere, and were disabled.
type SSOLeavers struct {
	People   int     `json:"people"`
	Apps     int     `json:"apps"`
	Dead     float64 `json:"dead_p95_ms"` // from the request that disables them until nothing of theirs is valid, which is when it returns
	Told     float64 `json:"told_p95_ms"` // from that request until the last of the applications knows
	ToldMost float64 `json:"told_max_ms"`
	Untold   int     `json:"untold"` // applications that never heard
}

// ssoOperations are those that are measured with each algorithm, in order.
var ssoOperations = []string{"sign_in", "password_login", "refresh", "client_credentials", "introspection"}

// ssoBench is a bench under way.
type ssoBench struct {
	SSOBench
	run    *benchRun
	site   *ssoSite
	report SSOReport
	mu     sync.Mutex
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b SSOBench) Run(ctx context.Context) (SSOReport, error) {
	for _, d := range []struct {
		field *int
		value int
	}{{&b.People, 200}, {&b.Concurrent, 50}, {&b.Leavers, 20}, {&b.Apps, 20}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if b.Time == 0 {
		b.Time = 5 * time.Second
	}
	if b.Only != "" && !slices.Contains(ssoOperations, b.Only) {
		return SSOReport{}, fmt.Errorf("the operations are %v", ssoOperations)
	}
	inner := Bench{People: b.People, Measured: b.Measured}
	if err := inner.defaults(); err != nil {
		return SSOReport{}, err
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return SSOReport{}, err
	}
	s := &ssoBench{SSOBench: b, run: &benchRun{Bench: inner, dir: dir}}
	s.report = SSOReport{Store: inner.Store, Concurrent: b.Concurrent, ES256: map[string]SSOOperation{}, RS256: map[string]SSOOperation{}}
	defer func() {
		s.run.stop()
		if s.site != nil {
			s.site.close()
		}
		_ = os.RemoveAll(dir) // in the folder of temporary files
	}()
	return s.report, s.all(ctx)
}

func (s *ssoBench) all(ctx context.Context) (err error) {
	s.run.Say("start Lockstep on " + s.report.Store)
	where, err := s.run.serve(ctx, "--allow-network", "127.0.0.0/8")
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // until the start is over
	s.report.IdleRSS, err = s.run.engine.resident()
	if err != nil {
		return err
	}
	s.report.IdleRSS = round(s.report.IdleRSS, 10)
	s.run.Say("set up the identity providers, the applications and the people")
	if s.site, err = newSSOSite(ctx, where, s.SSOBench); err != nil {
		return err
	}
	_ = s.run.engine.resetPeak() // Linux only
	for _, alg := range []string{"ES256", "RS256"} {
		for _, name := range ssoOperations {
			if s.Only != "" && (name != s.Only || alg != "ES256") {
				continue
			}
			s.run.Say(name + " with " + alg)
			if err := s.operation(ctx, alg, name); err != nil {
				return fmt.Errorf("%s with %s: %w", name, alg, err)
			}
		}
	}
	if s.Only != "" {
		return nil
	}
	s.run.Say("refresh beside many who sign in by password")
	if err := s.beside(ctx); err != nil {
		return fmt.Errorf("refresh beside passwords: %w", err)
	}
	s.run.Say("disable people who are signed in to everything")
	if s.report.Leavers, err = s.site.leavers(ctx, s.Leavers); err != nil {
		return fmt.Errorf("leavers: %w", err)
	}
	peak, err := s.run.engine.peak()
	s.report.LoadedRSS = round(peak, 10)
	return err
}

// signInsASecond is at most how many sign-ins begin in a second: a little below what Lockstep lets a tenant's visitors begin.
const signInsASecond = 470

// operation measures one operation.
func (s *ssoBench) operation(ctx context.Context, alg, name string) error {
	do, err := s.site.prepare(ctx, alg, name)
	if err != nil {
		return err
	}
	var ours []time.Duration
	began := time.Now()
	op, err := measure(ctx, s.run.engine, s.Concurrent, 1, s.Time, func(ctx context.Context, n int) (bool, error) {
		if name == "sign_in" {
			time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / signInsASecond)))
		}
		took, err := do(ctx, n)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			ours = append(ours, took)
		}
		if err != nil && s.report.First == "" && ctx.Err() == nil {
			s.report.First = err.Error()
		}
		return true, err
	})
	if err != nil {
		return err
	}
	slices.Sort(ours)
	good := float64(len(ours)) / float64(op.Count) // what failed is no sign-in
	out := SSOOperation{Count: len(ours), PerSecond: round(op.PerSecond*good, 10), P50: milliseconds(quantile(ours, 0.5)), P99: milliseconds(quantile(ours, 0.99))}
	if op.CPU > 0 {
		out.PerCPUSecond = round(1e6/op.CPU*good, 10)
	}
	s.report.Errors += op.Errors
	if alg == "ES256" {
		s.report.ES256[name] = out
	} else {
		s.report.RS256[name] = out
	}
	return nil
}

// beside measures refreshes while everybody else signs in by password.
func (s *ssoBench) beside(ctx context.Context) error {
	flood, err := s.site.prepare(ctx, "ES256", "password_login")
	if err != nil {
		return err
	}
	refresh, err := s.site.prepare(ctx, "ES256", "refresh")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	for i := range s.Concurrent {
		all.Go(func() {
			for n := i; ctx.Err() == nil; n += s.Concurrent {
				_, _ = flood(ctx, n) // counted elsewhere
			}
		})
	}
	var took []time.Duration
	for end := time.Now().Add(s.Time); time.Now().Before(end) && ctx.Err() == nil; {
		d, err := refresh(ctx, 0)
		if err != nil {
			stop()
			all.Wait()
			return err
		}
		took = append(took, d)
		time.Sleep(5 * time.Millisecond) // not a flood of its own
	}
	stop()
	all.Wait()
	if len(took) == 0 {
		return errors.New("nothing was refreshed")
	}
	slices.Sort(took)
	s.report.Beside = milliseconds(quantile(took, 0.99))
	return nil
}

// Wrong says what is not as it should be, "" when everything is.
func (r SSOReport) Wrong() string {
	if r.Errors+r.Leavers.Untold > 0 {
		return "not everything succeeded"
	}
	return ""
}

// Write writes the report for people.
func (r SSOReport) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tper CPU second\tper second\tp50 ms\tp99 ms\t")
	for _, alg := range []struct {
		name string
		of   map[string]SSOOperation
	}{{"ES256", r.ES256}, {"RS256", r.RS256}} {
		for _, name := range ssoOperations {
			if o, there := alg.of[name]; there {
				fmt.Fprintf(t, "%s %s\t%.0f\t%.0f\t%.1f\t%.1f\t\n", alg.name, name, o.PerCPUSecond, o.PerSecond, o.P50, o.P99)
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	l := r.Leavers
	if r.First != "" {
		fmt.Fprintln(w, "the first error: "+r.First)
	}
	_, err := fmt.Fprintf(w, "refresh beside passwords: p99 %.1f ms\nmemory: %.1f MiB idle, %.1f MiB at most\n%d people disabled: signed out after %.1f ms (p95), all of %d applications told after %.0f ms (p95), %d never\n%d errors\n",
		r.Beside, r.IdleRSS, r.LoadedRSS, l.People, l.Dead, l.Apps, l.Told, l.Untold, r.Errors)
	return err
}
