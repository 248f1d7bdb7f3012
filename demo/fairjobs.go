package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"lockstep/api"
)

// FairJobs measures what one application feels of others that want to be left alone and of sources that do not answer: how long single
// changes take from the directory to it, alone and beside them.
type FairJobs struct {
	Paused  int // applications that answer every request with 429 and a Retry-After of a minute
	Hung    int // LDAP sources whose server takes connections and says nothing
	Changes int // to measure, each time; 0 is 50
	Measured
}

// FairJobsReport is the result of `lockstep bench fair --paused N --hung N`.
type FairJobsReport struct {
	Paused int     `json:"paused"`
	Hung   int     `json:"hung"`
	Store  string  `json:"store"`
	Alone  Phase   `json:"alone"`
	Beside Phase   `json:"beside"`
	Ratio  float64 `json:"ratio"` // of the 95th percentiles
}

// fairJobs is a bench under way.
type fairJobs struct {
	FairJobs
	bench  *benchRun
	report FairJobsReport
	tired  *http.Server // answers 429
	sent   atomic.Int64 // so many times
	mute   *muteServer
}

// fairPeople is the size of the company.
const fairPeople = 200

// Run runs the bench. Whatever happens, what it started has ended when it returns.
func (b FairJobs) Run(ctx context.Context) (FairJobsReport, error) {
	if b.Paused < 0 || b.Hung < 0 || b.Paused+b.Hung == 0 {
		return FairJobsReport{}, errors.New("there is nobody to be beside")
	}
	inner := Bench{People: fairPeople, Groups: 5, Changes: b.Changes, Measured: b.Measured, Seed: 1}
	if err := inner.defaults(); err != nil {
		return FairJobsReport{}, err
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return FairJobsReport{}, err
	}
	f := &fairJobs{FairJobs: b, bench: &benchRun{Bench: inner, dir: dir, company: Company{People: fairPeople, Groups: 5}}}
	f.report = FairJobsReport{Paused: b.Paused, Hung: b.Hung, Store: inner.Store}
	defer func() {
		f.bench.stop()
		f.stop()
		_ = os.RemoveAll(dir) // in the folder of temporary files
	}()
	err = f.run(ctx)
	return f.report, err
}

func (f *fairJobs) stop() {
	if f.tired != nil {
		_ = f.tired.Close() // its clients have ended
	}
	if f.mute != nil {
		f.mute.close()
	}
}

func (f *fairJobs) run(ctx context.Context) error {
	b := f.bench
	b.want = b.company.expect()
	b.report.Ratios = map[string]float64{}
	for _, step := range []struct {
		say string
		do  func(context.Context) error
	}{
		{"start a Webex organisation", b.startTarget},
		{"start Lockstep on " + f.report.Store, b.startEngine},
		{"read the company into the directory", b.fill},
		{"everybody into the organisation", b.initial},
		{"alone", func(ctx context.Context) error { return f.changes(ctx, &f.report.Alone) }},
		{fmt.Sprintf("%d applications that want to be left alone", f.Paused), f.addPaused},
		{fmt.Sprintf("%d sources that do not answer", f.Hung), f.addHung},
		{"beside them", func(ctx context.Context) error { return f.changes(ctx, &f.report.Beside) }},
	} {
		b.Say(step.say)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.say, err)
		}
	}
	if f.report.Alone.P95Seconds > 0 {
		f.report.Ratio = round(f.report.Beside.P95Seconds/f.report.Alone.P95Seconds, 100)
	}
	return nil
}

// changes measures single changes.
func (f *fairJobs) changes(ctx context.Context, p *Phase) error {
	f.bench.report.OneChange = Phase{}
	f.bench.Seed++
	err := f.bench.oneChange(ctx)
	*p = f.bench.report.OneChange
	return err
}

// addPaused adds applications that answer 429, and waits until each has.
func (f *fairJobs) addPaused(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.tired = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.sent.Add(1)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})}
	go func() { _ = f.tired.Serve(l) }() // until it is closed
	for i := range f.Paused {
		slug := fmt.Sprintf("paused-%d", i+1)
		if _, err := f.bench.client.CreateApp(ctx, api.NewSystem{Kind: "scimapp", Slug: slug, Settings: map[string]string{"url": "http://" + l.Addr().String()}}); err != nil {
			return err
		}
		if _, err := f.bench.client.SetConnection(ctx, slug, api.ConnectionChange{Secrets: map[string]string{"token": "sesame"}}); err != nil {
			return err
		}
		if _, err := f.bench.client.PutPolicy(ctx, slug, api.Policy{Everyone: true, Groups: true}); err != nil {
			return err
		}
		if _, err := f.bench.client.PatchJob(ctx, slug, api.JobPatch{Mode: "auto"}); err != nil {
			return err
		}
	}
	return eventually(ctx, func() bool { return f.sent.Load() >= int64(f.Paused) })
}

// addHung adds sources that do not answer, and waits until each has been asked.
func (f *fairJobs) addHung(ctx context.Context) (err error) {
	if f.mute, err = newMuteServer(); err != nil {
		return err
	}
	for i := range f.Hung {
		slug := fmt.Sprintf("hung-%d", i+1)
		settings := map[string]string{"url": "ldap://" + f.mute.listener.Addr().String(), "base": ldapBase, "bind_dn": ldapReader, "insecure": "true"}
		if _, err := f.bench.client.CreateSource(ctx, api.NewSystem{Kind: "ldap", Slug: slug, Settings: settings}); err != nil {
			return err
		}
		if _, err := f.bench.client.SetConnection(ctx, slug, api.ConnectionChange{Secrets: map[string]string{"password": "sesame"}}); err != nil {
			return err
		}
		if _, err := f.bench.client.Run(ctx, slug); err != nil {
			return err
		}
	}
	return eventually(ctx, func() bool { return f.mute.count() >= f.Hung })
}

// eventually waits until something is so.
func eventually(ctx context.Context, is func() bool) error {
	for began := time.Now(); !is(); {
		if time.Since(began) > patience {
			return fmt.Errorf("it did not come to that in %s", patience)
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	return nil
}

// muteServer takes connections and says nothing.
type muteServer struct {
	listener net.Listener
	mu       sync.Mutex
	taken    []net.Conn
}

func newMuteServer() (*muteServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &muteServer{listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			m.mu.Lock()
			m.taken = append(m.taken, c)
			m.mu.Unlock()
		}
	}()
	return m, nil
}

// count returns how many connections there were.
func (m *muteServer) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.taken)
}

func (m *muteServer) close() {
	_ = m.listener.Close() // nobody is left
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.taken {
		_ = c.Close() // the same
	}
}

// Wrong is "": times are neither right nor wrong.
func (r FairJobsReport) Wrong() string { return "" }

// Write writes the report as a table.
func (r FairJobsReport) Write(w io.Writer) error {
	text := fmt.Sprintf("changes of one application beside %d that want to be left alone and %d sources that do not answer, on %s\n%-10s%10s%10s%10s%10s\n",
		r.Paused, r.Hung, r.Store, "", "changes", "p50 s", "p95 s", "max s")
	for _, row := range []struct {
		name string
		Phase
	}{{"alone", r.Alone}, {"beside", r.Beside}} {
		text += fmt.Sprintf("%-10s%10d%10.3f%10.3f%10.3f\n", row.name, row.Changes, row.P50Seconds, row.P95Seconds, row.MaxSeconds)
	}
	_, err := fmt.Fprintf(w, "%s\nbeside takes %.2f × alone\n", text, r.Ratio)
	return err
}
