package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lockstep/api"
)

// TestTestsTellNothingInner: a tenant who tests a connection reads what is wrong with it, and neither the words of this machine's
// system nor those of a server that answers inside.
func TestTestsTellNothingInner(t *testing.T) {
	_, c := reach(t)
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"` + hush + `"}`))
	}))
	t.Cleanup(inner.Close)
	gone := httptest.NewServer(nil) // after the other, which would get its port
	gone.Close()
	for i, one := range []struct {
		kind     string
		settings map[string]string
		want     string
	}{
		{"scimapp", map[string]string{"url": gone.URL}, "refused the connection"},
		{"scimapp", map[string]string{"url": inner.URL}, "does not allow this"},
		{"scimapp", map[string]string{"url": "http://10.0.0.1"}, "address 10.0.0.1 is not public"},
		{"webex", map[string]string{"endpoint": inner.URL}, "does not allow this"},
		{"ldap", map[string]string{"url": strings.Replace(gone.URL, "http", "ldap", 1), "base": "dc=x"}, "refused the connection"},
		{"ldap", map[string]string{"url": strings.Replace(inner.URL, "http", "ldap", 1), "base": "dc=x"}, ""},
		{"csvfile", map[string]string{"people": "nothing/people.csv"}, "There is no file nothing/people.csv"},
		{"csvfile", map[string]string{"people": "people.csv"}, "There is no file people.csv"},
	} {
		in := api.NewSystem{Kind: one.kind, Slug: "x" + string(rune('a'+i)), Settings: one.settings}
		var err error
		if one.kind == "ldap" || one.kind == "csvfile" {
			_, err = c.CreateSource(t.Context(), in)
		} else {
			_, err = c.CreateApp(t.Context(), in)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.TestConnection(t.Context(), in.Slug)
		if err != nil || r.OK {
			t.Fatalf("%v: %+v, %v", one, r, err)
		}
		said := r.Detail
		for _, check := range r.Checks {
			said += "\n" + check.Detail
		}
		if !strings.Contains(said, one.want) {
			t.Errorf("%v: %s", one.settings, said)
		}
		for _, inside := range []string{hush, "dial", "statat", "openat", "escapes", "syscall", "connect:", "no such file", "EOF", "[source", "[target"} {
			if strings.Contains(said, inside) {
				t.Errorf("%v tells %q: %s", one.settings, inside, said)
			}
		}
	}
}
