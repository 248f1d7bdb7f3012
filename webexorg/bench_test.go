package webexorg

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"

	"lockstep/scim"
)

// person is the body of a user with the twenty attributes that the benches of the product send.
func person(i int, manager string) []byte {
	b := fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"person%06d@example.com",`+
		`"externalId":"0191f3a0-0000-7000-8000-%012d","active":true,"displayName":"Person Number %d",`+
		`"name":{"givenName":"Person","familyName":"Number %d","formatted":"Person Number %d"},"nickName":"P%d","title":"Engineer",`+
		`"preferredLanguage":"en_GB","locale":"en_GB","timezone":"Europe/London",`+
		`"emails":[{"value":"person%06d@example.com","type":"work","primary":true}],`+
		`"phoneNumbers":[{"value":"+44 20 7946 %04d","type":"work"},{"value":"+44 7700 %06d","type":"mobile"}],`+
		`"addresses":[{"type":"work","streetAddress":"1 High Street","locality":"London","region":"London","postalCode":"SW1A 1AA","country":"GB"}],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%d","department":"Engineering","costCenter":"4711"`,
		i, i, i, i, i, i, i, i%10000, i, i)
	if manager != "" {
		b = fmt.Appendf(b, `,"manager":{"value":"%s"}`, manager)
	}
	return append(b, "}}"...)
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func newBench(b *testing.B, c Config) (*Universe, *Org, string) {
	b.Helper()
	u, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { u.Close() })
	o, err := u.AddOrg(OrgConfig{Name: "bench", Domains: []string{"example.com"}, Enforce: true})
	if err != nil {
		b.Fatal(err)
	}
	token, err := o.IssueToken(ReadWrite, 0)
	if err != nil {
		b.Fatal(err)
	}
	return u, o, token
}

// BenchmarkServer measures the server's share of a request, without the network.
func BenchmarkServer(b *testing.B) {
	for _, c := range []struct {
		name   string
		config func(b *testing.B) Config
	}{
		{"memory", func(*testing.B) Config { return Config{} }},
		{"journal", func(b *testing.B) Config { return Config{Journal: filepath.Join(b.TempDir(), "journal")} }},
	} {
		b.Run("create/"+c.name, func(b *testing.B) {
			u, o, token := newBench(b, c.config(b))
			h := u.Handler()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				r := httptest.NewRequest("POST", "/identity/scim/"+o.ID()+"/v2/Users", bytes.NewReader(person(i, "")))
				r.Header.Set("Authorization", "Bearer "+token)
				h.ServeHTTP(&discard{http.Header{}}, r)
			}
			if users, _ := o.Size(); users != i {
				b.Fatalf("%d users of %d", users, i)
			}
		})
	}
	u, o, token := newBench(b, Config{})
	h := u.Handler()
	var ids []string
	for i := range 10000 {
		body, err := scim.DecodeObject(person(i, ""))
		if err != nil {
			b.Fatal(err)
		}
		id, err := o.Add(context.Background(), "User", body)
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, id)
	}
	base := "/identity/scim/" + o.ID() + "/v2"
	for _, c := range []struct {
		name, method, path, body string
	}{
		{"get", "GET", base + "/Users/" + ids[77], ""},
		{"find", "GET", base + `/Users?filter=userName+eq+%22person000077@example.com%22`, ""},
		{"page of 100", "GET", base + "/Users?startIndex=5000&count=100", ""},
		{"page of 500", "GET", base + "/Users?startIndex=5000&count=500", ""},
		{"scan", "GET", base + "/Users?filter=displayName+sw+%22Person+Number+77%22", ""},
		{"patch active", "PATCH", base + "/Users/" + ids[77], `{"Operations":[{"op":"replace","path":"active","value":%t}]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			on := false
			for b.Loop() {
				body := c.body
				if body != "" {
					body, on = fmt.Sprintf(c.body, on), !on
				}
				r := httptest.NewRequest(c.method, c.path, bytes.NewReader([]byte(body)))
				r.Header.Set("Authorization", "Bearer "+token)
				h.ServeHTTP(&discard{http.Header{}}, r)
			}
		})
	}
}

// BenchmarkMemory reports what a user takes.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		u, o, _ := newBench(b, Config{})
		const users = 20000
		manager := ""
		for i := range users {
			body, err := scim.DecodeObject(person(i, manager))
			if err != nil {
				b.Fatal(err)
			}
			id, err := o.Add(context.Background(), "User", body)
			if err != nil {
				b.Fatal(err)
			}
			if i%8 == 0 {
				manager = id
			}
		}
		b.ReportMetric(float64(heap()-before)/users, "B/user")
		if err := o.Dump(io.Discard); err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(u)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
