package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"lockstep/api"
	"lockstep/scim"
)

// serve starts the server of a bench on its folder, which it may have used before, and returns how to reach it.
func (r *benchRun) serve(ctx context.Context, more ...string) (card, error) {
	data := filepath.Join(r.dir, "data")
	environ := []string{"XDG_CONFIG_HOME=" + r.dir, "LOCKSTEP_SERVER=", "LOCKSTEP_STORE=sqlite"}
	if r.Store == "postgres" {
		environ = append(environ, "LOCKSTEP_STORE="+r.DSN)
	}
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--scim-rate", "0"}, more...)
	if r.CPUProfile != "" {
		args = append(args, "--cpuprofile", r.CPUProfile)
	}
	p, err := start(r.Program, environ, nil, args...)
	if err != nil {
		return card{}, err
	}
	r.processes, r.engine = append(r.processes, p), p
	return p.awaitCard(ctx, data)
}

// scimToken makes a token for a tenant's SCIM endpoint.
func scimToken(ctx context.Context, where card, tenant string) (string, error) {
	made, err := (&api.Client{Base: where.Address, Token: where.Token, Tenant: tenant}).
		CreateToken(ctx, api.NewToken{Name: "bench", Kind: "scim", Scopes: "scim:write"})
	return made.Text, err
}

// scimEndpoint is the SCIM endpoint of a tenant, as a client with some connections sees it.
type scimEndpoint struct{ wires *wires }

func dialSCIM(ctx context.Context, where card, tenant, token string, connections int) (scimEndpoint, error) {
	w, err := dialWires(ctx, where.Address+"/scim/"+tenant+"/v2", connections, http.Header{
		"Authorization": {"Bearer " + token}, "Content-Type": {"application/scim+json"},
	})
	return scimEndpoint{w}, err
}

// close closes the connections, if there are any.
func (e scimEndpoint) close() {
	if e.wires != nil {
		e.wires.close()
	}
}

// exchange sends a request and returns the body of the answer, which must have one of the statuses.
func (e scimEndpoint) exchange(ctx context.Context, method, path string, body []byte, want ...int) ([]byte, error) {
	status, text, err := e.wires.do(ctx, method, path, body)
	if err == nil && !slices.Contains(want, status) {
		err = fmt.Errorf("%s %s answers %d: %.300s", method, path, status, text)
	}
	return text, err
}

// find asks for users and wants so many.
func (e scimEndpoint) find(ctx context.Context, query string, want int) error {
	text, err := e.exchange(ctx, http.MethodGet, "/Users?"+query, nil, http.StatusOK)
	if err != nil {
		return err
	}
	if !bytes.Contains(text, []byte(`"itemsPerPage":`+strconv.Itoa(want)+`,`)) {
		return fmt.Errorf("%s does not find %d: %.200s", query, want, text)
	}
	return nil
}

// createMany creates users with a Bulk request.
func (e scimEndpoint) createMany(ctx context.Context, from, n int) error {
	ops := make(scim.List, n)
	for i := range ops {
		ops[i] = scim.Object{
			{Name: "method", Value: "POST"},
			{Name: "path", Value: "/Users"},
			{Name: "bulkId", Value: strconv.Itoa(i)},
			{Name: "data", Value: benchUser(from + i)},
		}
	}
	text, err := e.exchange(ctx, http.MethodPost, "/Bulk", scim.AppendJSON(nil, scim.Object{
		{Name: "schemas", Value: scim.List{scim.BulkRequestURN}}, {Name: "Operations", Value: ops},
	}), http.StatusOK)
	if got := bytes.Count(text, []byte(`"status":"201"`)); err == nil && got != n {
		err = fmt.Errorf("%d of %d operations were done: %.300s", got, n, text)
	}
	return err
}

// ids returns the ids of the tenant's first 1,000 users.
func (e scimEndpoint) ids(ctx context.Context) ([]string, error) {
	text, err := e.exchange(ctx, http.MethodGet, "/Users?attributes=id&count=1000", nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var page struct {
		Resources []struct {
			ID string `json:"id"`
		} `json:"Resources"`
	}
	err = json.Unmarshal(text, &page)
	ids := make([]string, len(page.Resources))
	for i, r := range page.Resources {
		ids[i] = r.ID
	}
	return ids, err
}

// patchActive is the body of a PATCH that enables or disables.
func patchActive(active bool) []byte {
	return []byte(`{"schemas":["` + scim.PatchURN + `"],"Operations":[{"op":"replace","path":"active","value":` + strconv.FormatBool(active) + `}]}`)
}

func benchUserName(i int) string { return "user" + strconv.Itoa(i) + "@bench.example" }

// benchUser is the i-th user.
func benchUser(i int) scim.Object {
	n := strconv.Itoa(i)
	return scim.Object{
		{Name: "schemas", Value: scim.List{scim.UserURN, scim.EnterpriseUserURN}},
		{Name: "userName", Value: benchUserName(i)},
		{Name: "externalId", Value: "ext-" + n},
		{Name: "active", Value: true},
		{Name: "displayName", Value: "User Number " + n},
		{Name: "nickName", Value: "nick" + n},
		{Name: "title", Value: "Engineer " + strconv.Itoa(i%50)},
		{Name: "name", Value: scim.Object{{Name: "givenName", Value: "Given" + strconv.Itoa(i%997)}, {Name: "familyName", Value: "Family" + strconv.Itoa(i%4999)}}},
		{Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: benchUserName(i)}, {Name: "type", Value: "work"}, {Name: "primary", Value: true}}}},
		{Name: "phoneNumbers", Value: scim.List{scim.Object{{Name: "value", Value: "+4420" + n}, {Name: "type", Value: "work"}}}},
		{Name: scim.EnterpriseUserURN, Value: scim.Object{{Name: "employeeNumber", Value: n}, {Name: "department", Value: "Department " + strconv.Itoa(i%200)}}},
	}
}

// measure has the connections call f, with rising numbers, until it has no more or the time is over. weight is what one call
// counts for. When every call failed the error is that of the first.
func measure(ctx context.Context, server *process, connections, weight int, limit time.Duration, f func(ctx context.Context, n int) (more bool, err error)) (SCIMOperation, error) {
	cpu, err := server.cpu()
	if err != nil {
		return SCIMOperation{}, err
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
	used, err := server.cpu()
	if err != nil || len(took) == 0 {
		return SCIMOperation{}, errors.Join(err, ctx.Err())
	}
	slices.Sort(took)
	count := len(took) * weight
	operation := SCIMOperation{
		Count: count, PerSecond: round(float64(count)/wall.Seconds(), 10), Errors: int(failed.Load()),
		P50: milliseconds(quantile(took, 0.5)), P99: milliseconds(quantile(took, 0.99)),
		CPU: round(float64((used-cpu).Microseconds())/float64(count), 10),
	}
	if operation.Errors == len(took) {
		return operation, first // nothing was measured
	}
	return operation, ctx.Err()
}

func cmpError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func milliseconds(d time.Duration) float64 { return round(float64(d)/1e6, 100) }
