package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestInspectorKeepsTheLast(t *testing.T) {
	i := NewInspector(3)
	s := Surface{Inspector: i}
	for n := range 5 {
		run(t, s, http.NotFoundHandler(), httptest.NewRequest("GET", fmt.Sprintf("/%d", n), nil))
		var got []string
		for _, e := range i.Exchanges() {
			got = append(got, e.URL)
		}
		want := []string{}
		for m := n; m >= 0 && m > n-3; m-- {
			want = append(want, fmt.Sprintf("/%d", m))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("after %d: %v, want %v", n, got, want)
		}
	}
}

func TestInspectorShowsNoSecret(t *testing.T) {
	const hush = "s3cret" // every secret below; nothing else contains it
	for _, c := range []struct{ name, url, contentType, body, want string }{
		{"create", "/Users", "application/scim+json", `{"userName":"ada","password":"s3cret","n":1.50}`, `{"userName":"ada","password":"•••","n":1.50}`},
		{"number", "/Users", "application/json", `{"PIN":1234}`, `{"PIN":"•••"}`},
		{
			"patch names the attribute in its path", "/Users/1", "application/scim+json",
			`{"Operations":[{"op":"replace","path":"password","value":"s3cret"},{"op":"add","path":"title","value":"Dr"}]}`,
			`{"Operations":[{"op":"replace","path":"password","value":"•••"},{"op":"add","path":"title","value":"Dr"}]}`,
		},
		{"value before path", "/", "application/json", `{"value":{"x":"s3cret"},"path":"urn:a:b:Password"}`, `{"value":"•••","path":"urn:a:b:Password"}`},
		{"nested", "/", "application/json", `{"a":[{"client_secret":["s3cret"]}]}`, `{"a":[{"client_secret":"•••"}]}`},
		{"form", "/token", "application/x-www-form-urlencoded", "grant_type=x&client_secret=s3cret&code=s3cret", "client_secret=•••&code=•••&grant_type=x"},
		{"query", "/callback?state=1&access_token=s3cret", "", "", ""},
		{"filter", `/Users?filter=password+eq+"s3cret"`, "", "", ""},
		{"broken JSON", "/", "application/json", `{"password":"s3cret"`, "[20 bytes that are not JSON]"},
		{"two values", "/", "application/json", `{} {"password":"s3cret"}`, "[24 bytes that are not JSON]"},
		{"unknown form", "/", "application/octet-stream", "s3cret", "[6 bytes of application/octet-stream]"},
		{"no type", "/", "", "s3cret", "[6 bytes of unknown type]"},
		{"large", "/", "application/json", `"` + strings.Repeat("s3cret", 20_000) + `"`, "[120002 bytes, too large to show]"},
		{"deep", "/", "application/json", strings.Repeat("[", 100) + strings.Repeat("]", 100), "[200 bytes that are not JSON]"},
	} {
		i := NewInspector(1)
		s := Surface{Inspector: i}
		r := httptest.NewRequest("POST", strings.ReplaceAll(c.url, `"`, "%22"), strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		r.Header.Set("Authorization", "Bearer s3cret")
		r.Header.Set("Cookie", "session=s3cret")
		echo := s.Handle(func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Type", c.contentType)
			w.Header().Set("Set-Cookie", "session=s3cret")
			w.Header().Set("Location", "/next?token=s3cret")
			_, err := io.Copy(w, r.Body)
			return err
		})
		w, _ := run(t, s, echo, r)
		if w.Body.String() != c.body {
			t.Errorf("%s: the inspector changed what it watched: %s", c.name, w.Body)
		}
		e := i.Exchanges()[0]
		if e.Request.Body != c.want || e.Response.Body != c.want {
			t.Errorf("%s: kept %s and %s, want %s", c.name, e.Request.Body, e.Response.Body, c.want)
		}
		if all := fmt.Sprintf("%+v", e); strings.Contains(all, hush) {
			t.Errorf("%s: %s", c.name, all)
		}
		if got := e.Request.Header.Get("Authorization"); got != "Bearer •••" {
			t.Errorf("%s: Authorization %q", c.name, got)
		}
	}
}

// FuzzMaskJSON: whatever is printed is one JSON value, has the shape of what was given, and masks again to itself.
func FuzzMaskJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `[1,"a",null]`, `{"password":{"a":1}}`, `{"path":"password","value":[1]}`, `{"a":{"token":"t"}} `, `{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		masked, ok := maskJSON([]byte(text))
		if !ok {
			return
		}
		again, ok := maskJSON([]byte(masked))
		if !ok || again != masked {
			t.Errorf("%q → %q → %q, %v", text, masked, again, ok)
		}
	})
}
