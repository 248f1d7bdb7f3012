package scimhttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/scim"
	"lockstep/scim/scimhttp"
)

func post(t *testing.T, url string, body io.Reader) (*http.Response, scim.Object) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer good")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	o, err := scim.DecodeObject(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return res, o
}

// TestBodyLimit sends too much, said and unsaid beforehand. RFC 7644 §3.7.4 and §3.12.
func TestBodyLimit(t *testing.T) {
	server := newServer(t, newMemory(), func(h *scimhttp.Handler) { h.Limits.Body, h.Limits.BulkBody = 1000, 2000 })
	user := func(n int) string { return `{"userName":"a@example.com","title":"` + strings.Repeat("x", n) + `"}` }
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/Users", user(100), 201},
		{"/Users", user(1000), 413},
		{"/Users/.search", user(1000), 413},
		{"/Bulk", user(1000), 400}, // within its own limit, but no Bulk request
		{"/Bulk", user(2000), 413},
	} {
		res, o := post(t, server.URL+"/scim/v2"+c.path, strings.NewReader(c.body))
		if res.StatusCode != c.status {
			t.Errorf("%s of %d bytes: %d", c.path, len(c.body), res.StatusCode)
		}
		if c.status == 413 && (o.Text("status") != "413" || !strings.Contains(o.Text("detail"), "000 bytes")) {
			t.Errorf("%s: %v", c.path, o)
		}
	}
	unsaid := io.MultiReader(strings.NewReader(user(1000))) // sent in chunks: no length is announced
	if res, _ := post(t, server.URL+"/scim/v2/Users", unsaid); res.StatusCode != 413 {
		t.Errorf("in chunks: %d", res.StatusCode)
	}
}

// TestBulkRunsTogether creates users who are only created when all of them are on their way: independent operations must run at
// the same time, so that a store can write them in one transaction.
func TestBulkRunsTogether(t *testing.T) {
	const n = 64
	var all sync.WaitGroup
	all.Add(n)
	m := newMemory()
	m.busy = func() { all.Done(); all.Wait() }
	server := newServer(t, m, nil)
	var ops []string
	for i := range n {
		ops = append(ops, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%d@example.com"}}`, i, i))
	}
	_, o := post(t, server.URL+"/scim/v2/Bulk", strings.NewReader(`{"Operations":[`+strings.Join(ops, ",")+`]}`))
	results, _ := o.Get("Operations").(scim.List)
	if len(results) != n {
		t.Fatalf("%d results of %d", len(results), n)
	}
	for i, r := range results {
		if r, _ := r.(scim.Object); r.Text("status") != "201" || r.Text("bulkId") != fmt.Sprint(i) {
			t.Errorf("result %d: %v", i, r)
		}
	}
}

// TestFailOnErrors never lets more errors happen than were allowed, however many operations could run together.
func TestFailOnErrors(t *testing.T) {
	for allowed := 1; allowed <= 5; allowed++ {
		server := newServer(t, newMemory(), nil)
		var ops []string
		for i := range 20 {
			ops = append(ops, fmt.Sprintf(`{"method":"DELETE","path":"/Users/nobody%d"}`, i),
				fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":{"userName":"u%d@example.com"}}`, i, i))
		}
		body := fmt.Sprintf(`{"failOnErrors":%d,"Operations":[%s]}`, allowed, strings.Join(ops, ","))
		_, o := post(t, server.URL+"/scim/v2/Bulk", strings.NewReader(body))
		results, _ := o.Get("Operations").(scim.List)
		failed := 0
		for _, r := range results {
			if r, _ := r.(scim.Object); r.Text("status") != "201" {
				failed++
			}
		}
		if failed != allowed {
			t.Errorf("failOnErrors %d: %d of %d results are errors", allowed, failed, len(results))
		}
	}
}

// failing is a backend whose reads fail with an error.
type failing struct {
	scimhttp.Backend
	err error
}

func (f failing) Get(context.Context, scim.Ref, *scim.Projection) (scim.Resource, error) {
	return scim.Resource{}, f.err
}

// TestErrorsOfBackends shows what of an error leaves the server.
func TestErrorsOfBackends(t *testing.T) {
	for _, c := range []struct {
		err      error
		status   int
		scimType string
		detail   string
	}{
		{fmt.Errorf("get: %w", scim.ErrNotFound("no such user")), 404, "", "no such user"},
		{fmt.Errorf("get: %w", &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The name is taken.", Err: errors.New("secret")}), 409, "uniqueness", "The name is taken. [conflict]"},
		{&lockstep.Error{Code: lockstep.CodeInvalid, Detail: "No."}, 400, "invalidValue", "No. [invalid_value]"},
		{lockstep.ErrVersion, 412, "", ""},
		{fmt.Errorf("get: %w", context.DeadlineExceeded), 503, "", "The request took too long."},
		{scimhttp.Throttled{After: time.Minute}, 429, "", ""},
		{errors.New("dial tcp 10.0.0.1: secret"), 500, "", "Something in Lockstep went wrong that should not. [internal]"},
	} {
		server := newServer(t, failing{Backend: newMemory(), err: c.err}, nil)
		r, err := http.NewRequest(http.MethodGet, server.URL+"/scim/v2/Users/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer good")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		o, err := scim.DecodeObject(text)
		if err != nil || res.StatusCode != c.status || o.Text("scimType") != c.scimType || bytes.Contains(text, []byte("secret")) ||
			c.detail != "" && o.Text("detail") != c.detail {
			t.Errorf("%v: %d %s", c.err, res.StatusCode, text)
		}
	}
}

// FuzzHandler sends anything: whatever comes back with an error is a SCIM error whose status is that of the answer.
func FuzzHandler(f *testing.F) {
	f.Add("GET", "/Users?filter=userName eq \"a\"", "")
	f.Add("POST", "/Users", `{"userName":"a@example.com","emails":[{"value":"x"}]}`)
	f.Add("PUT", "/Users/r1", `{"userName":"b@example.com"}`)
	f.Add("PATCH", "/Groups/r2", `{"Operations":[{"op":"add","path":"members","value":[{"value":"r1"}]}]}`)
	f.Add("POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"A","members":[{"value":"bulkId:a"}]}}]}`)
	f.Add("POST", "/.search", `{"filter":"displayName pr","count":-1}`)
	f.Add("GET", "/Schemas/x", "")
	f.Add("DELETE", "/Users/r1", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		path, query, _ := strings.Cut(target, "?")
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		m := newMemory()
		for _, o := range []scim.Object{{{Name: "userName", Value: "r1@example.com"}}, {{Name: "displayName", Value: "r2"}}} {
			typ := "User"
			if o.Has("displayName") {
				typ = "Group"
			}
			if _, err := m.Create(t.Context(), typ, o); err != nil {
				t.Fatal(err)
			}
		}
		h := &scimhttp.Handler{Tenant: func(*http.Request) (scimhttp.Backend, error) { return m, nil }}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusNoContent || w.Code == http.StatusNotModified {
			return
		}
		o, err := scim.DecodeObject(w.Body.Bytes())
		if err != nil {
			t.Fatalf("%d %v: %s", w.Code, err, w.Body)
		}
		if w.Code >= 400 && (o.Text("status") != fmt.Sprint(w.Code) || w.Code >= 500 && w.Code != http.StatusNotImplemented) {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
	})
}
