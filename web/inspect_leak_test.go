package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// exchangeOf is what is kept of a request to h.
func exchangeOf(t *testing.T, r *http.Request, who Watched, h Handler) Exchange {
	t.Helper()
	i, s := &Inspector{}, Surface{}
	run(t, s, watched(&s, i, who, h), r)
	return i.Exchanges(who.Holder)[0]
}

// TestInspectorUnsearched: an answer may repeat what was sent, so its detail is hidden as well when the request was not searched:
// it was too large, or it is not JSON and holds a name of a secret.
func TestInspectorUnsearched(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		hidden bool
	}{
		"too large":              {`{"a":"` + strings.Repeat("x", 20_000) + `","password":"s3cret"}`, true},
		"broken":                 {`{"password":"s3cret"`, true},
		"broken, of the schema":  {`{'badge':'s3cret'}`, true},
		"broken, escaped":        {`{"pass\u0077ord":"s3cret"`, true},
		"broken, a credential":   {`{"x":"Bearer s3cret"`, true},
		"a path outside grammar": {`{"op":"remove","path":"password eq \"s3cret\""}`, true},
		"broken, no secret":      {`{"userName":"s3cret"`, false},
	} {
		for _, vouched := range []bool{false, true} {
			r := httptest.NewRequest("POST", "/Bulk", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			who := Watched{Secrets: map[string]bool{"badge": true}, Vouched: vouched}
			e := exchangeOf(t, r, who, func(w http.ResponseWriter, r *http.Request) error {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					return err
				}
				w.Header().Set("Content-Type", "application/json")
				_, err := io.WriteString(w, `{"Operations":[{"response":{"detail":"no good: s3cret"}}]}`)
				return err
			})
			if got := !strings.Contains(e.Response.Body, hush); got != c.hidden || strings.Contains(e.Request.Body, hush) {
				t.Errorf("%s: %s (%s) is answered by %s", name, e.Request.Body, e.Request.Omitted, e.Response.Body)
			}
		}
	}
}

// TestInspectorUnread: of a body that the handler did not read there is not a part, and it does not pass for none.
func TestInspectorUnread(t *testing.T) {
	for name, c := range map[string]struct {
		read    int64
		chunked bool
		body    string
		want    string
		omitted string
	}{
		"nothing read":              {0, false, `{"a":1}`, "", "a body that was not read"},
		"nothing read, in chunks":   {0, true, `{"a":1}`, "", "a body that was not read"},
		"a part":                    {7, false, `{"a":1}   {`, "", "a body of which 7 bytes were read"},
		"all":                       {7, false, `{"a":1}`, `{"a":1}`, ""},
		"all in chunks, to the end": {8, true, `{"a":1}`, `{"a":1}`, ""},
		"none":                      {0, false, ``, "", ""},
	} {
		var body io.Reader = strings.NewReader(c.body)
		if c.chunked {
			body = io.MultiReader(body)
		}
		r := httptest.NewRequest("POST", "/Users", body)
		if c.chunked {
			r.ContentLength = -1
		}
		r.Header.Set("Content-Type", "application/json")
		e := exchangeOf(t, r, Watched{}, func(_ http.ResponseWriter, r *http.Request) error {
			_, err := io.CopyN(io.Discard, r.Body, c.read)
			if err == io.EOF {
				err = nil
			}
			return err
		})
		if e.Request.Body != c.want || e.Request.Omitted != c.omitted {
			t.Errorf("%s: %q (%s), want %q (%s)", name, e.Request.Body, e.Request.Omitted, c.want, c.omitted)
		}
	}
}

// TestInspectorHeaders: what proxies and gateways add, and addresses in headers and in the path.
func TestInspectorHeaders(t *testing.T) {
	r := httptest.NewRequest("GET", "/Users/eyJhbGciOi.s3cret.s3cret;token=s3cret", nil)
	for name, value := range map[string]string{
		"X-Functions-Key": "s3cret", "Ocp-Apim-Subscription-Key": "s3cret", "X-Original-Url": "/scim/x?access_token=s3cret",
		"X-Forwarded-Uri": "https://u:s3cret@x.example/a", "X-Rewrite-Url": `/Users?filter=badge%20eq%20"s3cret"`, "X-Session": "s3cret",
		"X-Jwt": "s3cret", "Link": "<https://x.example/?sig=1&password=s3cret>", "X-Sso": "Bearer s3cret",
	} {
		r.Header.Set(name, value)
	}
	r.Header.Set("X-Forwarded-For", "10.0.0.1")
	r.Header.Set("User-Agent", "Okta/1 (+https://okta.example/bot; bot@okta.example)")
	e := exchangeOf(t, r, Watched{Secrets: map[string]bool{"badge": true}}, silent)
	if all := fmt.Sprintf("%+v", e); strings.Contains(all, hush) {
		t.Error(all)
	}
	if got := e.Request.Header; got.Get("X-Forwarded-For") != "10.0.0.1" || got.Get("User-Agent") != "Okta/1 (+https://okta.example/bot; bot@okta.example)" {
		t.Errorf("headers %v", got)
	}
	if e = exchangeOf(t, httptest.NewRequest("GET", "/Users/a%2Fb", nil), Watched{}, silent); e.URL != "/Users/a%2Fb" {
		t.Errorf("address %s", e.URL)
	}
}
