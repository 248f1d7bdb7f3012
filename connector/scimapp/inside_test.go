package scimapp

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

// TestInsideIsMute: of what a server answers that not everybody reaches, only the words of a SCIM service are told. Whoever may test a
// connection may not be whom that server trusts.
func TestInsideIsMute(t *testing.T) {
	const secret = "hunter2-inventory"
	for _, c := range []struct {
		media, body string
		scim        bool
	}{
		{"text/plain", secret, false},
		{"application/" + secret, "x", false},
		{"application/json", `{"message":"` + secret + `"}`, false},
		{"application/json", `{"detail":"` + secret + `","scimType":"` + secret + `"}`, false},
		{"application/json", `{"schemas":["urn:other:` + secret + `"],"detail":"` + secret + `"}`, false},
		{"text/html", "<h1>" + secret + "</h1>", false},
		{"application/scim+json", `{"schemas":["` + scim.ErrorURN + `"],"status":"400","detail":"` + secret + `"}`, true},
	} {
		for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 500} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.media)
				w.Header().Set("X-Secret", secret)
				w.WriteHeader(status)
				_, _ = fmt.Fprint(w, c.body)
			}))
			for _, inside := range []bool{true, false} {
				tg := target(t, s.URL, Profile{})
				tg.config.Inside = func(a net.Addr) bool { return inside && a.String() == s.Listener.Addr().String() }
				tg.config.Explain = func(_ int, body scim.Object) (lockstep.Code, string) { return "", body.Text("message") }
				var said []string
				err := tg.Test(t.Context(), func(check connection.Check) { said = append(said, check.Detail) })
				said = append(said, lockstep.Said(err))
				told := strings.Contains(strings.Join(said, " "), secret)
				if told && inside && !c.scim {
					t.Errorf("%d %s: %q", status, c.body, said)
				}
				if !told && status >= 400 && c.scim { // a real service inside can be mended by what it says
					t.Errorf("%d %s is not told: %q", status, c.body, said)
				}
			}
			s.Close()
		}
	}
}
