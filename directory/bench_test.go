package directory_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/store"
)

// benchUser is a person as directories send them.
const benchUser = `{"schemas":["` + scim.UserURN + `","` + scim.EnterpriseUserURN + `"],"userName":"user%[1]d@bench.example","externalId":"ext-%[1]d",
"active":true,"displayName":"User Number %[1]d","title":"Engineer","name":{"givenName":"Given%[1]d","familyName":"Family%[1]d"},
"emails":[{"value":"user%[1]d@bench.example","type":"work","primary":true}],"phoneNumbers":[{"value":"+4420%[1]d","type":"work"}],
"` + scim.EnterpriseUserURN + `":{"employeeNumber":"%[1]d","department":"Department"}}`

// BenchmarkEndpoint is what requests cost from the handler down to SQLite, without a network, from 16 clients.
func BenchmarkEndpoint(b *testing.B) {
	db, err := store.Open(b.Context(), store.Config{SQLite: filepath.Join(b.TempDir(), "lockstep.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tenant := lockstep.NewID[lockstep.TenantID]()
	if err := db.CreateTenant(b.Context(), audit.Actor{}, directory.Tenant{ID: tenant, Slug: "acme", Name: "Acme"}); err != nil {
		b.Fatal(err)
	}
	schemas, err := db.Schemas(b.Context(), tenant)
	if err != nil {
		b.Fatal(err)
	}
	e := directory.Endpoint{SCIM: &directory.SCIM{Store: db, Search: db, Pages: &directory.Pages{}}, Schemas: schemas, Tenant: tenant, Base: "http://x"}
	handler := &scimhttp.Handler{Tenant: func(*http.Request) (scimhttp.Backend, error) { return e, nil }}
	do := func(method, path, body string, want int) string {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/scim+json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			b.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	var made atomic.Int64
	create := func() string {
		o, err := scim.DecodeObject([]byte(do("POST", "/Users", fmt.Sprintf(benchUser, made.Add(1)), 201)))
		if err != nil {
			b.Fatal(err)
		}
		return o.Text("id")
	}
	var ids []string
	for range 1000 {
		ids = append(ids, create())
	}
	for _, op := range []struct {
		name string
		run  func(i int)
	}{
		{"create", func(int) { create() }},
		{"get", func(i int) { do("GET", "/Users/"+ids[i%len(ids)], "", 200) }},
		{"filter_eq", func(i int) {
			do("GET", fmt.Sprintf("/Users?filter=userName+eq+%%22user%d@bench.example%%22", 1+i%1000), "", 200)
		}},
		{"patch", func(i int) {
			body := fmt.Sprintf(`{"schemas":["%s"],"Operations":[{"op":"replace","path":"active","value":%t}]}`, scim.PatchURN, i/len(ids)%2 == 1)
			do("PATCH", "/Users/"+ids[i%len(ids)], body, 200)
		}},
		{"page", func(i int) { do("GET", fmt.Sprintf("/Users?startIndex=%d&count=100", 1+i*37%900), "", 200) }},
	} {
		b.Run(op.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(16 / runtime.GOMAXPROCS(0))
			var n atomic.Int64
			began := used(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					op.run(int(n.Add(1)))
				}
			})
			b.ReportMetric(float64((used(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
