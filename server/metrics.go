package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lockstep/operate"
	"lockstep/provision"
	"lockstep/web"
)

// Metric is one thing that is measured. Labels never have people's names or anything else without bounds.
type Metric struct {
	Name   string
	Help   string
	Labels []string
}

// The metrics, all of them. docs/metrics.md is made of this table.
var metrics = struct {
	build, state, held, failing, references, lag, ended, next, objects, ends, waiting, running, oldest, bytes, scrape, requests Metric
}{
	build:      Metric{"lockstep_build_info", "Always 1; the version is a label.", []string{"version"}},
	state:      Metric{"lockstep_job_state", "1 for the state in which a job is, 0 for the others, as lockstep status says it.", []string{"tenant", "job", "direction", "state"}},
	held:       Metric{"lockstep_job_held", "Changes that the guard holds until somebody decides.", []string{"tenant", "job"}},
	failing:    Metric{"lockstep_job_failing", "Objects whose last attempt failed, by error code.", []string{"tenant", "job", "code"}},
	references: Metric{"lockstep_job_references_waiting", "References that wait to be written.", []string{"tenant", "job"}},
	lag:        Metric{"lockstep_job_lag_changes", "Changes of the directory that the job of an app has not looked at.", []string{"tenant", "job"}},
	ended:      Metric{"lockstep_job_cycle_end_timestamp_seconds", "When the last cycle ended.", []string{"tenant", "job"}},
	next:       Metric{"lockstep_job_next_run_timestamp_seconds", "When the job runs at the latest; absent without an interval.", []string{"tenant", "job"}},
	objects:    Metric{"lockstep_job_cycle_objects", "Objects of the last cycle that has ended, by what became of them.", []string{"tenant", "job", "result"}},
	ends:       Metric{"lockstep_secret_end_timestamp_seconds", "When a token or a secret ends; job is empty for a token.", []string{"tenant", "job", "name"}},
	waiting:    Metric{"lockstep_queue_waiting", "Turns of jobs whose time has come and that no node has begun.", nil},
	running:    Metric{"lockstep_queue_running", "Turns of jobs that run, on all nodes.", nil},
	oldest:     Metric{"lockstep_queue_oldest_seconds", "How long the turn waits that waits longest; 0 when none does.", nil},
	bytes:      Metric{"lockstep_database_bytes", "Size of the SQLite database with its log; absent on PostgreSQL.", nil},
	scrape:     Metric{"lockstep_metrics_errors_total", "How often something could not be read for the metrics.", nil},
	requests:   Metric{"lockstep_http_request_seconds", "How long requests took, by surface; streams are left out.", []string{"surface", "method"}},
}

// Metrics lists what is measured, in the order of the documentation.
func Metrics() []Metric {
	m := metrics
	return []Metric{m.build, m.state, m.held, m.failing, m.references, m.lag, m.ended, m.next, m.objects, m.ends, m.waiting, m.running, m.oldest, m.bytes, m.scrape, m.requests}
}

func (m Metric) desc() *prometheus.Desc { return prometheus.NewDesc(m.Name, m.Help, m.Labels, nil) }

// measured is what this process measures itself, and what it reads when it is asked.
type measured struct {
	server   *Server
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	errors   prometheus.Counter
	token    string     // that a scrape has to bring; "" is none
	mu       sync.Mutex // one reads at a time
}

func newMeasured(n *Server) *measured {
	m := &measured{
		server: n, registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metrics.requests.Name, Help: metrics.requests.Help, Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, metrics.requests.Labels),
		errors: prometheus.NewCounter(prometheus.CounterOpts{Name: metrics.scrape.Name, Help: metrics.scrape.Help}),
	}
	m.registry.MustRegister(m.requests, m.errors, m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler answers a scrape.
func (m *measured) handler() http.Handler {
	mux := http.NewServeMux()
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: scrapeFor})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if m.token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+m.token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "A token is needed.", http.StatusUnauthorized)
			return
		}
		scrape.ServeHTTP(w, r)
	})
	return mux
}

// scrapeFor bounds the reading for one scrape.
const scrapeFor = 15 * time.Second

// timed measures what a handler takes. It does not stand between the handler and its connection.
func (m *measured) timed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		h.ServeHTTP(w, r)
		if surface := surfaceOf(r.URL.Path); surface != "" {
			m.requests.WithLabelValues(surface, methodOf(r.Method)).Observe(time.Since(began).Seconds())
		}
	})
}

// surfaceOf names whom a path belongs to; "" is not measured.
func surfaceOf(path string) string {
	switch {
	case strings.HasSuffix(path, "/live") || strings.HasSuffix(path, "/events"): // streams
		return ""
	case strings.HasPrefix(path, scimPrefix):
		return "scim"
	case strings.HasPrefix(path, "/api/"):
		return "api"
	case strings.HasPrefix(path, "/sso/") || strings.HasPrefix(path, "/.well-known/"):
		return "sign-in"
	case path == "/livez" || path == "/readyz":
		return "health"
	}
	return "console"
}

func methodOf(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return m
	}
	return "other" // anybody can send any
}

// Describe implements prometheus.Collector.
func (m *measured) Describe(out chan<- *prometheus.Desc) {
	for _, one := range Metrics() {
		if one.Name != metrics.requests.Name && one.Name != metrics.scrape.Name {
			out <- one.desc()
		}
	}
}

// Collect implements prometheus.Collector: it reads how everything stands now.
func (m *measured) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), scrapeFor)
	defer cancel()
	put := func(of Metric, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(of.desc(), prometheus.GaugeValue, v, labels...)
	}
	put(metrics.build, 1, m.server.config.Version)
	if n, ok := databaseBytes(m.server.config.SQLite); ok {
		put(metrics.bytes, n)
	}
	if err := errors.Join(m.queue(ctx, put), m.tenants(ctx, put)); err != nil {
		m.errors.Inc()
		m.server.config.Log.Warn("the metrics are not whole", "error", err)
	}
}

// queue tells how much waits for a worker.
func (m *measured) queue(ctx context.Context, put putMetric) error {
	now := time.Now()
	d, err := m.server.queue.Depth(ctx, now)
	if err != nil {
		return err
	}
	put(metrics.waiting, float64(d.Waiting))
	put(metrics.running, float64(d.Running))
	oldest := 0.0
	if !d.Oldest.IsZero() {
		oldest = max(0, now.Sub(d.Oldest).Seconds())
	}
	put(metrics.oldest, oldest)
	return nil
}

// databaseBytes is what a SQLite database takes on disk.
func databaseBytes(path string) (total float64, ok bool) {
	if path == "" {
		return 0, false
	}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(path + suffix); err == nil {
			total += float64(info.Size())
		}
	}
	return total, true
}

type putMetric func(of Metric, v float64, labels ...string)

func (m *measured) tenants(ctx context.Context, put putMetric) error {
	all, err := m.server.db.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		p := operate.Machine(t.ID)
		jobs, err := m.server.operator.ListJobs(ctx, p)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			if err := m.job(ctx, put, p, t.Slug, j); err != nil {
				return err
			}
		}
		tokens, err := m.server.operator.ListTokens(ctx, p)
		if err != nil {
			return err
		}
		for _, e := range tokens {
			if !e.Expires.IsZero() {
				put(metrics.ends, seconds(e.Expires), t.Slug, "", "token "+string(e.ID))
			}
		}
	}
	return nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (m *measured) job(ctx context.Context, put putMetric, p operate.Principal, tenant string, j provision.Job) error {
	state, err := m.server.operator.State(ctx, p, j)
	if err != nil {
		return err
	}
	standing, err := m.server.db.Standing(ctx, j.Tenant, j.ID)
	if err != nil {
		return err
	}
	for _, v := range operate.Values() {
		is := 0.0
		if v == state.Value {
			is = 1
		}
		put(metrics.state, is, tenant, j.Slug, string(j.Direction), string(v))
	}
	put(metrics.held, float64(standing.Held), tenant, j.Slug)
	put(metrics.references, float64(standing.Waiting), tenant, j.Slug)
	for code, n := range standing.Codes {
		put(metrics.failing, float64(n), tenant, j.Slug, string(code))
	}
	if j.Direction == provision.Outbound {
		put(metrics.lag, float64(max(0, standing.Head-j.Position)), tenant, j.Slug)
	}
	if !j.NextRun.IsZero() {
		put(metrics.next, seconds(j.NextRun), tenant, j.Slug)
	}
	for name, text := range j.Connection.Settings {
		secret, ok := strings.CutSuffix(name, "_expires")
		if end, err := time.Parse(time.DateOnly, text); ok && err == nil {
			put(metrics.ends, seconds(end), tenant, j.Slug, secret)
		}
	}
	return m.cycle(ctx, put, tenant, j)
}

// cycle tells of the last cycle that has ended.
func (m *measured) cycle(ctx context.Context, put putMetric, tenant string, j provision.Job) error {
	last, err := m.server.db.Cycles(ctx, j.Tenant, j.ID, 2)
	if err != nil {
		return err
	}
	for _, c := range last {
		if c.EndedAt.IsZero() {
			continue
		}
		put(metrics.ended, seconds(c.EndedAt), tenant, j.Slug)
		for result, n := range map[string]int{
			"created": c.Counts.Created, "linked": c.Counts.Linked, "updated": c.Counts.Updated, "disabled": c.Counts.Disabled, "deleted": c.Counts.Deleted, "released": c.Counts.Released,
			"referred": c.Counts.Referred, "skipped": c.Counts.Skipped, "unchanged": c.Counts.Unchanged, "failed": c.Counts.Failed, "held": c.Counts.Held,
		} {
			put(metrics.objects, float64(n), tenant, j.Slug, result)
		}
		return nil
	}
	return nil
}

// ListenMetrics takes an address at which Run tells the metrics: to whoever has the token, or, without one, to whoever asks, which is for a
// network that the operator trusts. Call it once, before Run.
func (n *Server) ListenMetrics(ctx context.Context, address, token string) (err error) {
	n.measured.token = token
	n.scraped, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	return err
}

// serveMetrics answers scrapes until ctx ends.
func (n *Server) serveMetrics(ctx context.Context) error {
	return (&web.Server{Log: n.config.Log}).Run(ctx, n.scraped, n.measured.handler())
}
