package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"lockstep/api"
	"lockstep/scim"
)

// SCIMBench measures a tenant's SCIM endpoint: the whole server in a process of its own, this process as its client, on the same
// processors. Its zero fields have the defaults of `lockstep bench scim`.
type SCIMBench struct {
	Users       int
	Connections int           // kept alive, in use at the same time; 0 is 16
	Time        time.Duration // of each operation that has no end of its own; 0 is 3 s
	Only        []string      // the operations measured beside create; empty is all
	Store       string        // "sqlite" or "postgres"
	DSN         string        // of an empty PostgreSQL database
	Program     string        // "" is this program
	CPUProfile  string        // file for a profile of the server; "" is none
	Say         func(string)  // told what begins; may be nil
}

// SCIMReport is the result of `lockstep bench scim`.
type SCIMReport struct {
	Users      int                      `json:"users"`
	Store      string                   `json:"store"`
	RSSMiB     float64                  `json:"rss_mib"`    // of the server, at its highest
	Mismatches int                      `json:"mismatches"` // of what was read back at the end
	Operations map[string]SCIMOperation `json:"operations"`
	Order      []string                 `json:"-"` // of the operations, as they ran
}

// SCIMOperation is how one operation went.
type SCIMOperation struct {
	Count     int     `json:"count"`
	PerSecond float64 `json:"per_second"` // of bulk_1000: creates
	P50       float64 `json:"p50_ms"`     // of a request
	P99       float64 `json:"p99_ms"`
	CPU       float64 `json:"cpu_us"` // of the server for each counted one; the database's own is not in it
	Errors    int     `json:"errors"`
}

// scimBench is a bench under way.
type scimBench struct {
	SCIMBench
	bench  *benchRun
	wires  *wires
	report SCIMReport

	ids    []string
	active []atomic.Bool // as it was last written
	group  string
}

// Run runs the bench. Whatever happens, the processes that it started have ended when it returns.
func (b SCIMBench) Run(ctx context.Context) (SCIMReport, error) {
	if b.Users < 1000 {
		return SCIMReport{}, errors.New("the bench needs at least 1,000 users")
	}
	inner := Bench{People: b.Users, Store: b.Store, DSN: b.DSN, Program: b.Program, CPUProfile: b.CPUProfile, Say: b.Say}
	if err := inner.defaults(); err != nil {
		return SCIMReport{}, err
	}
	if b.Connections == 0 {
		b.Connections = 16
	}
	if b.Time == 0 {
		b.Time = 3 * time.Second
	}
	dir, err := os.MkdirTemp("", "lockstep-bench-")
	if err != nil {
		return SCIMReport{}, err
	}
	s := &scimBench{SCIMBench: b, bench: &benchRun{Bench: inner, dir: dir}, ids: make([]string, b.Users), active: make([]atomic.Bool, b.Users)}
	s.report = SCIMReport{Users: b.Users, Store: inner.Store, Operations: map[string]SCIMOperation{}}
	defer func() {
		if s.wires != nil {
			s.wires.close()
		}
		s.bench.stop()
		_ = os.RemoveAll(dir) // in the folder of temporary files
	}()
	err = s.run(ctx)
	return s.report, err
}

func (s *scimBench) run(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(ctx context.Context, name string) error
	}{
		{"create", s.create},
		{"get", s.timed(s.Connections, s.get)},
		{"filter_eq", s.timed(s.Connections, s.filterEq)},
		{"list_walk", s.walk},
		{"list_random", s.timed(s.Connections, s.listRandom)},
		{"patch_active", s.timed(s.Connections, s.patchActive)},
		{"filter_declared", s.timed(s.Connections, s.filterDeclared)},
		{"filter_unindexed", s.timed(1, s.filterUnindexed)},
		{"group_add_100", s.groupAdd},
		{"bulk_1000", s.bulk},
	} {
		if len(s.Only) > 0 && step.name != "create" && !slices.Contains(s.Only, step.name) {
			continue
		}
		s.bench.Say(step.name)
		s.report.Order = append(s.report.Order, step.name)
		if err := step.do(ctx, step.name); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	s.bench.Say("reading back")
	if err := s.verify(ctx); err != nil {
		return err
	}
	peak, err := s.bench.engine.peak()
	s.report.RSSMiB = round(peak, 10)
	return err
}

// start starts the server and makes the token.
func (s *scimBench) start(ctx context.Context) error {
	data := filepath.Join(s.bench.dir, "data")
	environ := []string{"XDG_CONFIG_HOME=" + s.bench.dir, "LOCKSTEP_SERVER=", "LOCKSTEP_STORE=sqlite"}
	if s.bench.Store == "postgres" {
		environ = append(environ, "LOCKSTEP_STORE="+s.bench.DSN)
	}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--scim-rate", "0"}
	if s.CPUProfile != "" {
		args = append(args, "--cpuprofile", s.CPUProfile)
	}
	p, err := start(s.bench.Program, environ, nil, args...)
	if err != nil {
		return err
	}
	s.bench.processes, s.bench.engine = append(s.bench.processes, p), p
	where, err := p.awaitCard(ctx, data)
	if err != nil {
		return err
	}
	made, err := (&api.Client{Base: where.Address, Token: where.Token}).CreateToken(ctx, api.NewToken{Name: "bench", Kind: "scim", Scopes: "scim:write"})
	if err != nil {
		return err
	}
	s.wires, err = dialWires(ctx, where.Address+"/scim/"+api.DefaultTenant+"/v2", s.Connections, http.Header{
		"Authorization": {"Bearer " + made.Text}, "Content-Type": {"application/scim+json"},
	})
	return err
}

// exchange sends a request and returns the body of the answer, which must have the status.
func (s *scimBench) exchange(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	status, text, err := s.wires.do(ctx, method, path, body)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s answers %d: %.300s", method, path, status, text)
	}
	return text, err
}

// measure has the connections call f, with rising numbers, until it has no more or the time is over. weight is what one call
// counts for.
func (s *scimBench) measure(ctx context.Context, name string, connections, weight int, limit time.Duration, f func(ctx context.Context, n int) (more bool, err error)) error {
	cpu, err := s.bench.engine.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	var next, failed atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var first error
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			var mine []time.Duration
			for ctx.Err() == nil && (limit == 0 || time.Since(began) < limit) {
				at := time.Now()
				more, err := f(ctx, int(next.Add(1)-1))
				if !more {
					break
				}
				mine = append(mine, time.Since(at))
				if err != nil {
					failed.Add(1)
					mu.Lock()
					first = cmpError(first, err)
					mu.Unlock()
				}
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	wall := time.Since(began)
	used, err := s.bench.engine.cpu()
	if err != nil || len(took) == 0 {
		return errors.Join(err, ctx.Err())
	}
	slices.Sort(took)
	count := len(took) * weight
	s.report.Operations[name] = SCIMOperation{
		Count: count, PerSecond: round(float64(count)/wall.Seconds(), 10), Errors: int(failed.Load()),
		P50: milliseconds(quantile(took, 0.5)), P99: milliseconds(quantile(took, 0.99)),
		CPU: round(float64((used-cpu).Microseconds())/float64(count), 10),
	}
	if int(failed.Load()) == len(took) {
		return first // nothing was measured
	}
	return ctx.Err()
}

func cmpError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func milliseconds(d time.Duration) float64 { return round(float64(d)/1e6, 100) }

// timed measures an operation for as long as the bench says.
func (s *scimBench) timed(connections int, f func(ctx context.Context) error) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		return s.measure(ctx, name, connections, 1, s.Time, func(ctx context.Context, _ int) (bool, error) { return true, f(ctx) })
	}
}

func (s *scimBench) userName(i int) string { return "user" + strconv.Itoa(i) + "@bench.example" }

// body is the i-th user.
func (s *scimBench) body(i int) scim.Object {
	n := strconv.Itoa(i)
	return scim.Object{
		{Name: "schemas", Value: scim.List{scim.UserURN, scim.EnterpriseUserURN}},
		{Name: "userName", Value: s.userName(i)}, {Name: "externalId", Value: "ext-" + n}, {Name: "active", Value: true},
		{Name: "displayName", Value: "User Number " + n}, {Name: "nickName", Value: "nick" + n}, {Name: "title", Value: "Engineer " + strconv.Itoa(i%50)},
		{Name: "name", Value: scim.Object{{Name: "givenName", Value: "Given" + strconv.Itoa(i%997)}, {Name: "familyName", Value: "Family" + strconv.Itoa(i%4999)}}},
		{Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: s.userName(i)}, {Name: "type", Value: "work"}, {Name: "primary", Value: true}}}},
		{Name: "phoneNumbers", Value: scim.List{scim.Object{{Name: "value", Value: "+4420" + n}, {Name: "type", Value: "work"}}}},
		{Name: scim.EnterpriseUserURN, Value: scim.Object{{Name: "employeeNumber", Value: n}, {Name: "department", Value: "Department " + strconv.Itoa(i%200)}}},
	}
}

func (s *scimBench) create(ctx context.Context, name string) error {
	err := s.measure(ctx, name, s.Connections, 1, 0, func(ctx context.Context, i int) (bool, error) {
		if i >= s.Users {
			return false, nil
		}
		text, err := s.exchange(ctx, http.MethodPost, "/Users", scim.AppendJSON(nil, s.body(i)), http.StatusCreated)
		if err != nil {
			return true, err
		}
		var made struct {
			ID string `json:"id"`
		}
		err = json.Unmarshal(text, &made)
		s.ids[i] = made.ID
		s.active[i].Store(true)
		return true, err
	})
	if s.report.Operations[name].Errors > 0 {
		err = errors.Join(err, errors.New("some users could not be created"))
	}
	return err
}

func (s *scimBench) get(ctx context.Context) error {
	_, err := s.exchange(ctx, http.MethodGet, "/Users/"+s.ids[rand.IntN(s.Users)], nil, http.StatusOK)
	return err
}

// find asks for users and wants so many.
func (s *scimBench) find(ctx context.Context, query string, want int) error {
	text, err := s.exchange(ctx, http.MethodGet, "/Users?"+query, nil, http.StatusOK)
	if err != nil {
		return err
	}
	if !bytes.Contains(text, []byte(`"itemsPerPage":`+strconv.Itoa(want)+`,`)) {
		return fmt.Errorf("%s does not find %d: %.200s", query, want, text)
	}
	return nil
}

func (s *scimBench) filterEq(ctx context.Context) error {
	return s.find(ctx, `filter=userName%20eq%20"`+s.userName(rand.IntN(s.Users))+`"`, 1)
}

func (s *scimBench) filterDeclared(ctx context.Context) error {
	return s.find(ctx, `filter=employeeNumber%20eq%20"`+strconv.Itoa(rand.IntN(s.Users))+`"`, 1)
}

func (s *scimBench) filterUnindexed(ctx context.Context) error {
	return s.find(ctx, `filter=nickName%20eq%20"nick`+strconv.Itoa(rand.IntN(s.Users))+`"`, 1)
}

const pageSize = 100

func (s *scimBench) listRandom(ctx context.Context) error {
	return s.find(ctx, "count=100&startIndex="+strconv.Itoa(1+rand.IntN(s.Users-pageSize)), pageSize)
}

// walk has one client walk through all pages, again until the time is over.
func (s *scimBench) walk(ctx context.Context, name string) error {
	pages := s.Users / pageSize
	return s.measure(ctx, name, 1, 1, s.Time, func(ctx context.Context, n int) (bool, error) {
		return true, s.find(ctx, "count=100&startIndex="+strconv.Itoa(1+n%pages*pageSize), pageSize)
	})
}

func (s *scimBench) patchActive(ctx context.Context) error {
	i := sampled + rand.IntN(s.Users-sampled)
	next := !s.active[i].Load()
	s.active[i].Store(next)
	body := `{"schemas":["` + scim.PatchURN + `"],"Operations":[{"op":"replace","path":"active","value":` + strconv.FormatBool(next) + `}]}`
	_, err := s.exchange(ctx, http.MethodPatch, "/Users/"+s.ids[i], []byte(body), http.StatusOK)
	return err
}

// sampled is how many users, the first ones, are compared at the end. Nobody else changes them.
const sampled = 200

// members is the body of a PATCH of the group.
func (s *scimBench) members(op scim.Op, from, n int) []byte {
	list := make(scim.List, n)
	for i := range n {
		list[i] = scim.Object{{Name: "value", Value: s.ids[from+i]}}
	}
	return scim.AppendJSON(nil, scim.Object{
		{Name: "schemas", Value: scim.List{scim.PatchURN}},
		{Name: "Operations", Value: scim.List{scim.Object{{Name: "op", Value: string(op)}, {Name: "path", Value: "members"}, {Name: "value", Value: list}}}},
	})
}

// groupAdd fills a group with everybody and then measures how 100 more join who have left before.
func (s *scimBench) groupAdd(ctx context.Context, name string) error {
	text, err := s.exchange(ctx, http.MethodPost, "/Groups", []byte(`{"displayName": "Everybody"}`), http.StatusCreated)
	if err != nil {
		return err
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return err
	}
	s.group = "/Groups/" + made.ID
	for from := 0; from < s.Users; from += 1000 {
		if _, err := s.exchange(ctx, http.MethodPatch, s.group, s.members(scim.OpAdd, from, min(1000, s.Users-from)), http.StatusOK); err != nil {
			return err
		}
	}
	times := min(50, s.Users/200)
	for n := range times {
		if _, err := s.exchange(ctx, http.MethodPatch, s.group, s.members(scim.OpRemove, n*100, 100), http.StatusOK); err != nil {
			return err
		}
	}
	return s.measure(ctx, name, 1, 1, 0, func(ctx context.Context, n int) (bool, error) {
		if n >= times {
			return false, nil
		}
		_, err := s.exchange(ctx, http.MethodPatch, s.group, s.members(scim.OpAdd, n*100, 100), http.StatusOK)
		return true, err
	})
}

// bulk creates more users, 1,000 a request.
func (s *scimBench) bulk(ctx context.Context, name string) error {
	const size, times = 1000, 5
	return s.measure(ctx, name, 1, size, 0, func(ctx context.Context, n int) (bool, error) {
		if n >= times {
			return false, nil
		}
		ops := make(scim.List, size)
		for i := range ops {
			ops[i] = scim.Object{
				{Name: "method", Value: "POST"}, {Name: "path", Value: "/Users"}, {Name: "bulkId", Value: strconv.Itoa(i)},
				{Name: "data", Value: s.body(s.Users + n*size + i)},
			}
		}
		text, err := s.exchange(ctx, http.MethodPost, "/Bulk", scim.AppendJSON(nil, scim.Object{
			{Name: "schemas", Value: scim.List{scim.BulkRequestURN}}, {Name: "Operations", Value: ops},
		}), http.StatusOK)
		if got := bytes.Count(text, []byte(`"status":"201"`)); err == nil && got != size {
			err = fmt.Errorf("%d of %d operations were done: %.300s", got, size, text)
		}
		return true, err
	})
}

// verify writes users in a known way, reads them and others back, and compares.
func (s *scimBench) verify(ctx context.Context) error {
	for i := range sampled {
		if i%2 == 0 {
			body := `{"Operations":[{"op":"replace","value":{"active":false,"title":"Title ` + strconv.Itoa(i) + `"}}]}`
			if _, err := s.exchange(ctx, http.MethodPatch, "/Users/"+s.ids[i], []byte(body), http.StatusOK); err != nil {
				return err
			}
		}
	}
	for i := range sampled {
		text, err := s.exchange(ctx, http.MethodGet, "/Users/"+s.ids[i], nil, http.StatusOK)
		if err != nil {
			return err
		}
		got, err := scim.DecodeObject(text)
		if err != nil {
			return err
		}
		want := s.body(i)
		if i%2 == 0 {
			want.Set("active", false)
			want.Set("title", "Title "+strconv.Itoa(i))
		}
		got.Delete("id")
		got.Delete("meta")
		if !scim.Equal(got, want) {
			s.report.Mismatches++
		}
	}
	return s.find(ctx, `count=1000&filter=userName%20sw%20"user0@"`, 1)
}

// Write writes the report as a table.
func (r SCIMReport) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d users on %s, %.1f MiB\n%-18s%10s%12s%10s%10s%10s%8s\n", r.Users, r.Store, r.RSSMiB, "operation", "count", "per second", "p50 ms", "p99 ms", "CPU µs", "errors")
	for _, name := range r.Order {
		o := r.Operations[name]
		if _, err := fmt.Fprintf(w, "%-18s%10d%12.1f%10.2f%10.2f%10.1f%8d\n", name, o.Count, o.PerSecond, o.P50, o.P99, o.CPU, o.Errors); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "mismatches: %d\n", r.Mismatches)
	return err
}
