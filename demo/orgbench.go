package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lockstep/scim"
)

// OrgBench measures a Webex organisation that runs offline: `lockstep webexorg serve` in a process of its own, this process as its
// client, on the same processors. Its zero fields have the defaults of `lockstep bench webexorg`.
type OrgBench struct {
	Users       int           `default:"20000" help:"Users to create, at least 1,000."`
	Connections int           `default:"16" help:"Connections kept alive, in use at the same time."`
	Starts      int           `default:"10" help:"Starts of the program until its first answer."`
	Time        time.Duration `default:"2s" help:"How long each operation is measured that has no end of its own."`
	Program     string        `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`
	CPUProfile  string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the organisation in memory."`
	Say         func(string)  `kong:"-"` // told what begins; may be nil
}

// Within sets who is told what begins.
func (b *OrgBench) Within(_, _ string, say func(string)) { b.Say = say }

// OrgReport is the result of `lockstep bench webexorg`.
type OrgReport struct {
	Users       int                     `json:"users"`
	Connections int                     `json:"connections"`
	Processors  int                     `json:"processors"`
	Load        []float64               `json:"load"` // averages over 1, 5 and 15 minutes when the bench began; it raises them itself
	Start       OrgStart                `json:"start"`
	Restart     OrgStart                `json:"restart"` // with the journal of all users created on disk
	Operations  map[string]OrgOperation `json:"operations"`
	Mismatches  int                     `json:"mismatches"` // of what was read back, in memory and after the restart
	Order       []string                `json:"-"`          // of the operations, as they ran
}

// OrgStart is how long the program takes from its start until it has answered a request of SCIM.
type OrgStart struct {
	Runs int     `json:"runs"`
	P50  float64 `json:"p50_ms"`
	Max  float64 `json:"max_ms"`
	CPU  float64 `json:"cpu_ms"` // of the program on average, in steps of 10 ms
}

// OrgOperation is how one operation went, and what the client took of the same processors.
type OrgOperation struct {
	SCIMOperation
	ClientCPU float64 `json:"client_cpu_us"` // of this process for each counted one
	// Reach is how many a second both processes could do if the processors did nothing else: what remains valid on a busy machine.
	Reach float64 `json:"reach_per_second"`
}

// orgBench is a bench under way.
type orgBench struct {
	OrgBench
	dir    string
	report OrgReport
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b OrgBench) Run(ctx context.Context) (OrgReport, error) {
	if b.Users < 1000 {
		return OrgReport{}, errors.New("the bench needs at least 1,000 users")
	}
	if err := b.defaults(); err != nil {
		return OrgReport{}, err
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return OrgReport{}, err
	}
	o := &orgBench{OrgBench: b, dir: dir, report: OrgReport{
		Users: b.Users, Connections: b.Connections, Processors: runtime.GOMAXPROCS(0), Load: loadAverages(), Operations: map[string]OrgOperation{},
	}}
	defer func() { _ = os.RemoveAll(dir) }() // in the folder of temporary files
	err = o.run(ctx)
	return o.report, err
}

func (b *OrgBench) defaults() (err error) {
	if b.Connections == 0 {
		b.Connections = 16
	}
	if b.Starts == 0 {
		b.Starts = 10
	}
	if b.Time == 0 {
		b.Time = 2 * time.Second
	}
	if b.Say == nil {
		b.Say = func(string) {}
	}
	if b.Program == "" {
		b.Program, err = os.Executable()
	}
	return err
}

func (o *orgBench) run(ctx context.Context) error {
	journal := filepath.Join(o.dir, "journal")
	for _, step := range []struct {
		say string
		do  func(context.Context) error
	}{
		{fmt.Sprintf("start: %d times, until the first answer", o.Starts), func(ctx context.Context) (err error) {
			o.report.Start, err = o.starts(ctx)
			return err
		}},
		{"in memory", o.memory},
		{"in memory, with the inspector", func(ctx context.Context) error { return o.create(ctx, "create_inspected", "--inspect", "100") }},
		{"on disk", func(ctx context.Context) error {
			return o.create(ctx, "create_disk", "--inspect", "0", "--journal", journal)
		}},
		{"on disk, each write confirmed by it", func(ctx context.Context) error {
			return o.create(ctx, "create_synced", "--inspect", "0", "--sync", "--journal", journal+".synced")
		}},
		{"start again with what is on disk", func(ctx context.Context) (err error) {
			o.report.Restart, err = o.starts(ctx, "--journal", journal)
			return err
		}},
		{"read back what is on disk", func(ctx context.Context) error {
			return o.with(ctx, func(site *orgSite) error { return site.verify(ctx, o.Users) }, "--journal", journal)
		}},
	} {
		o.Say(step.say)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.say, err)
		}
	}
	return nil
}

// orgSite is an organisation that runs, and its SCIM endpoint.
type orgSite struct {
	*orgBench
	scimEndpoint
	process *process
	ids     []string
}

// startOrg starts the program and returns the organisation once it has answered.
func (o *orgBench) startOrg(ctx context.Context, flags ...string) (*orgSite, error) {
	out := newLineWatch()
	p, err := start(o.Program, nil, out, append([]string{"webexorg", "serve", "--listen", "127.0.0.1:0", "-o", "jsonl"}, flags...)...)
	if err != nil {
		return nil, err
	}
	site := &orgSite{orgBench: o, process: p}
	if err := site.dial(ctx, out); err != nil {
		p.stop()
		return nil, err
	}
	return site, nil
}

func (s *orgSite) dial(ctx context.Context, out *lineWatch) error {
	line, err := s.process.first(ctx, out)
	if err != nil {
		return err
	}
	var where struct{ Endpoint, Token string }
	if err := json.Unmarshal(line, &where); err != nil {
		return fmt.Errorf("webexorg serve says %q: %w", line, err)
	}
	w, err := dialWires(ctx, where.Endpoint, s.Connections, http.Header{"Authorization": {"Bearer " + where.Token}, "Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	s.scimEndpoint = scimEndpoint{w}
	return nil
}

// with has f use an organisation and ends it.
func (o *orgBench) with(ctx context.Context, f func(*orgSite) error, flags ...string) error {
	site, err := o.startOrg(ctx, flags...)
	if err != nil {
		return err
	}
	defer func() {
		site.close()
		site.process.stop()
	}()
	return f(site)
}

// starts starts the program again and again, one after another.
func (o *orgBench) starts(ctx context.Context, flags ...string) (OrgStart, error) {
	var took []time.Duration
	var cpu time.Duration
	for range o.Starts {
		began := time.Now()
		err := o.with(ctx, func(site *orgSite) error {
			if _, err := site.exchange(ctx, http.MethodGet, "/Users?count=1", nil, http.StatusOK); err != nil {
				return err
			}
			took = append(took, time.Since(began))
			used, err := site.process.cpu()
			cpu += used
			return err
		}, flags...)
		if err != nil {
			return OrgStart{}, err
		}
	}
	slices.Sort(took)
	return OrgStart{
		Runs: len(took), P50: milliseconds(quantile(took, 0.5)), Max: milliseconds(took[len(took)-1]),
		CPU: round(cpu.Seconds()*1000/float64(len(took)), 10),
	}, nil
}

// memory creates users in memory, does other things to them, and reads them back.
func (o *orgBench) memory(ctx context.Context) error {
	flags := []string{"--inspect", "0"}
	if o.CPUProfile != "" {
		flags = append(flags, "--cpuprofile", o.CPUProfile)
	}
	return o.with(ctx, func(site *orgSite) error {
		if err := site.create(ctx, "create_memory"); err != nil {
			return err
		}
		for _, step := range []struct {
			name string
			do   func(context.Context) error
		}{
			{"get", site.get}, {"filter_eq", site.filterEq}, {"list_random", site.listRandom}, {"patch_title", site.patchTitle},
		} {
			err := site.measure(ctx, step.name, o.Time, func(ctx context.Context, _ int) (bool, error) { return true, step.do(ctx) })
			if err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
		}
		return site.verify(ctx, o.Users)
	}, flags...)
}

// create creates users in an organisation of its own.
func (o *orgBench) create(ctx context.Context, name string, flags ...string) error {
	return o.with(ctx, func(site *orgSite) error { return site.create(ctx, name) }, flags...)
}

func (s *orgSite) create(ctx context.Context, name string) error {
	s.ids = make([]string, s.Users)
	bodies := make([][]byte, s.Users) // made before: what is measured is the organisation
	for i := range bodies {
		bodies[i] = scim.AppendJSON(nil, benchUser(i))
	}
	err := s.measure(ctx, name, 0, func(ctx context.Context, i int) (bool, error) {
		if i >= s.Users {
			return false, nil
		}
		text, err := s.exchange(ctx, http.MethodPost, "/Users", bodies[i], http.StatusCreated)
		if err != nil {
			return true, err
		}
		s.ids[i], err = idOf(text)
		return true, err
	})
	if s.report.Operations[name].Errors > 0 {
		err = errors.Join(err, errors.New("some users could not be created"))
	}
	return err
}

// idOf returns the id of a resource, without decoding all of it.
func idOf(text []byte) (string, error) {
	const name = `"id":"`
	_, rest, ok := strings.Cut(string(text), name)
	id, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		return "", fmt.Errorf("no id in %.200s", text)
	}
	return id, nil
}

// measure measures an operation for the report.
func (s *orgSite) measure(ctx context.Context, name string, limit time.Duration, f func(ctx context.Context, n int) (more bool, err error)) error {
	before := ownCPU()
	operation, err := measure(ctx, s.process, s.Connections, 1, limit, f)
	if operation.Count == 0 {
		return err
	}
	client := float64((ownCPU() - before).Microseconds()) / float64(operation.Count)
	s.report.Operations[name] = OrgOperation{
		SCIMOperation: operation, ClientCPU: round(client, 10),
		Reach: round(1e6*float64(s.report.Processors)/(operation.CPU+client), 1),
	}
	s.report.Order = append(s.report.Order, name)
	return err
}

func (s *orgSite) get(ctx context.Context) error {
	_, err := s.exchange(ctx, http.MethodGet, "/Users/"+s.ids[rand.IntN(s.Users)], nil, http.StatusOK)
	return err
}

func (s *orgSite) filterEq(ctx context.Context) error {
	return s.find(ctx, `filter=userName%20eq%20"`+benchUserName(rand.IntN(s.Users))+`"`, 1)
}

func (s *orgSite) listRandom(ctx context.Context) error {
	return s.find(ctx, "count=100&startIndex="+strconv.Itoa(1+rand.IntN(s.Users-pageSize)), pageSize)
}

// patchTitle changes one of those whom verify does not compare.
func (s *orgSite) patchTitle(ctx context.Context) error {
	body := `{"schemas":["` + scim.PatchURN + `"],"Operations":[{"op":"replace","path":"title","value":"Title ` + strconv.Itoa(rand.IntN(1000)) + `"}]}`
	_, err := s.exchange(ctx, http.MethodPatch, "/Users/"+s.ids[sampled+rand.IntN(s.Users-sampled)], []byte(body), http.StatusOK)
	return err
}

// verify counts the users and compares the first ones with what was sent.
func (s *orgSite) verify(ctx context.Context, users int) error {
	text, err := s.exchange(ctx, http.MethodGet, "/Users?count=1", nil, http.StatusOK)
	if err != nil {
		return err
	}
	var list struct {
		Total int `json:"totalResults"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	if list.Total != users {
		s.report.Mismatches++
	}
	for i := range sampled {
		if err := s.compare(ctx, benchUser(i)); err != nil {
			return err
		}
	}
	return nil
}

// compare looks a user up by name. The organisation adds attributes; it changes none.
func (s *orgSite) compare(ctx context.Context, want scim.Object) error {
	text, err := s.exchange(ctx, http.MethodGet, `/Users?filter=userName%20eq%20"`+want.Text("userName")+`"`, nil, http.StatusOK)
	if err != nil {
		return err
	}
	list, err := scim.DecodeObject(text)
	if err != nil {
		return err
	}
	found, _ := list.Get("Resources").(scim.List)
	if len(found) != 1 {
		s.report.Mismatches++
		return nil
	}
	got, _ := found[0].(scim.Object)
	for _, a := range want {
		if a.Name != "schemas" && !scim.Equal(got.Get(a.Name), a.Value) {
			s.report.Mismatches++
			return nil
		}
	}
	return nil
}

// ownCPU returns the processor time that this process has used so far.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// loadAverages returns how many processes wanted a processor over the last 1, 5 and 15 minutes; nil where the kernel does not tell.
func loadAverages() []float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	var load []float64
	for _, field := range strings.Fields(string(text))[:3] {
		if v, err := strconv.ParseFloat(field, 64); err == nil {
			load = append(load, v)
		}
	}
	return load
}

// Wrong says what is not as it should be, "" when everything is.
func (r OrgReport) Wrong() string {
	if r.Mismatches > 0 {
		return "what was read back is not what was written"
	}
	return ""
}

// Write writes the report as a table.
func (r OrgReport) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d users, %d connections, %d processors, load %v\n", r.Users, r.Connections, r.Processors, r.Load)
	for _, s := range []struct {
		name string
		OrgStart
	}{{"start", r.Start}, {"restart", r.Restart}} {
		fmt.Fprintf(w, "%-18s p50 %.1f ms, longest %.1f ms of %d; %.1f ms of processor time\n", s.name, s.P50, s.Max, s.Runs, s.CPU)
	}
	fmt.Fprintf(w, "\n%-18s%10s%12s%10s%10s%10s%12s%12s%8s\n", "operation", "count", "per second", "p50 ms", "p99 ms", "CPU µs", "client's µs", "reach/s", "errors")
	for _, name := range r.Order {
		o := r.Operations[name]
		if _, err := fmt.Fprintf(w, "%-18s%10d%12.1f%10.2f%10.2f%10.1f%12.1f%12.0f%8d\n", name, o.Count, o.PerSecond, o.P50, o.P99, o.CPU, o.ClientCPU, o.Reach, o.Errors); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "mismatches: %d\n", r.Mismatches)
	return err
}
