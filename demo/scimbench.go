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
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"lockstep/api"
	"lockstep/scim"
)

// SCIMBench measures a tenant's SCIM endpoint: the whole server in a process of its own, this process as its client, on the same
// processors. Its zero fields have the defaults of `lockstep bench scim`.
type SCIMBench struct {
	Users       int           `default:"10000" help:"Users of the tenant, at least 1,000."`
	Connections int           `default:"16" help:"Connections kept alive, in use at the same time."`
	Time        time.Duration `default:"3s" help:"How long each operation is measured that has no end of its own."`
	Only        []string      `placeholder:"OPERATION,..." help:"Measure these beside create, such as get,patch_active; all when absent."`
	Measured
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
	scimEndpoint
	bench  *benchRun
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
	inner := Bench{People: b.Users, Measured: b.Measured}
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
		s.close()
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
		{"list_walk_cursor", s.walkCursor},
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
	where, err := s.bench.serve(ctx)
	if err != nil {
		return err
	}
	token, err := scimToken(ctx, where, api.DefaultTenant)
	if err != nil {
		return err
	}
	s.scimEndpoint, err = dialSCIM(ctx, where, api.DefaultTenant, token, s.Connections)
	return err
}

// measure measures an operation for the report.
func (s *scimBench) measure(ctx context.Context, name string, connections, weight int, limit time.Duration, f func(ctx context.Context, n int) (more bool, err error)) error {
	operation, err := measure(ctx, s.bench.engine, connections, weight, limit, f)
	if operation.Count > 0 {
		s.report.Operations[name] = operation
	}
	return err
}

// timed measures an operation for as long as the bench says.
func (s *scimBench) timed(connections int, f func(ctx context.Context) error) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		return s.measure(ctx, name, connections, 1, s.Time, func(ctx context.Context, _ int) (bool, error) { return true, f(ctx) })
	}
}

func (s *scimBench) create(ctx context.Context, name string) error {
	err := s.measure(ctx, name, s.Connections, 1, 0, func(ctx context.Context, i int) (bool, error) {
		if i >= s.Users {
			return false, nil
		}
		text, err := s.exchange(ctx, http.MethodPost, "/Users", scim.AppendJSON(nil, benchUser(i)), http.StatusCreated)
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

func (s *scimBench) filterEq(ctx context.Context) error {
	return s.find(ctx, `filter=userName%20eq%20"`+benchUserName(rand.IntN(s.Users))+`"`, 1)
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

// walkCursor is walk by cursor.
func (s *scimBench) walkCursor(ctx context.Context, name string) error {
	cursor, seen := "", 0
	return s.measure(ctx, name, 1, 1, s.Time, func(ctx context.Context, _ int) (bool, error) {
		text, err := s.exchange(ctx, http.MethodGet, "/Users?count=100&cursor="+cursor, nil, http.StatusOK)
		if err != nil {
			return true, err
		}
		var page struct {
			Items int    `json:"itemsPerPage"`
			Next  string `json:"nextCursor"`
		}
		frame, _, _ := bytes.Cut(text, []byte(`,"Resources":`))
		if err := json.Unmarshal(append(frame, '}'), &page); err != nil {
			return true, err
		}
		cursor, seen = page.Next, seen+page.Items
		if cursor == "" {
			if seen != s.Users {
				err = fmt.Errorf("a walk by cursor meets %d of %d users", seen, s.Users)
			}
			seen = 0
		}
		return true, err
	})
}

func (s *scimBench) patchActive(ctx context.Context) error {
	i := sampled + rand.IntN(s.Users-sampled)
	next := !s.active[i].Load()
	s.active[i].Store(next)
	_, err := s.exchange(ctx, http.MethodPatch, "/Users/"+s.ids[i], patchActive(next), http.StatusOK)
	return err
}

// sampled is how many users, the first ones, are compared at the end. Nobody else changes them.
const sampled = 200

// changeMembers adds users to the group or removes them. The answer holds the group only while it is small.
func (s *scimBench) changeMembers(ctx context.Context, op scim.Op, from, n int) error {
	list := make(scim.List, n)
	for i := range n {
		list[i] = scim.Object{{Name: "value", Value: s.ids[from+i]}}
	}
	_, err := s.exchange(ctx, http.MethodPatch, s.group, scim.AppendJSON(nil, scim.Object{
		{Name: "schemas", Value: scim.List{scim.PatchURN}},
		{Name: "Operations", Value: scim.List{scim.Object{{Name: "op", Value: string(op)}, {Name: "path", Value: "members"}, {Name: "value", Value: list}}}},
	}), http.StatusOK, http.StatusNoContent)
	return err
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
		if err := s.changeMembers(ctx, scim.OpAdd, from, min(1000, s.Users-from)); err != nil {
			return err
		}
	}
	times := min(50, s.Users/200)
	for n := range times {
		if err := s.changeMembers(ctx, scim.OpRemove, n*100, 100); err != nil {
			return err
		}
	}
	return s.measure(ctx, name, 1, 1, 0, func(ctx context.Context, n int) (bool, error) {
		if n >= times {
			return false, nil
		}
		return true, s.changeMembers(ctx, scim.OpAdd, n*100, 100)
	})
}

// bulk creates more users, 1,000 a request.
func (s *scimBench) bulk(ctx context.Context, name string) error {
	const size, times = 1000, 5
	return s.measure(ctx, name, 1, size, 0, func(ctx context.Context, n int) (bool, error) {
		if n >= times {
			return false, nil
		}
		err := s.createMany(ctx, s.Users+n*size, size)
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
		want := benchUser(i)
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

// Wrong says what is not as it should be, "" when everything is.
func (r SCIMReport) Wrong() string {
	if r.Mismatches > 0 {
		return "what was read back is not what was written"
	}
	return ""
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
