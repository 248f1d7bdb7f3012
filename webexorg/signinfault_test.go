package webexorg

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"lockstep/webexorg/oauth"
)

// serviceApp is an application that refreshes its tokens.
type serviceApp struct {
	*peer
	id, secret, refresh string
}

func newServiceApp(t *testing.T, c Config) *serviceApp {
	t.Helper()
	p := newPeer(t, c, OrgConfig{Name: "Acme"})
	admin := p.do(201, "POST", "/Users", `{"userName":"ada@acme.example","roles":[{"value":"id_full_admin","type":"cirole"}]}`).body.Text("id")
	client, secret, err := p.u.Broker().Register(oauth.Client{Kind: oauth.ServiceApp, Name: "Robot", Org: p.org.ID(), Scopes: []string{"spark-admin:people_read"}})
	if err == nil {
		err = p.u.Broker().Allow(client.ID, admin)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := &serviceApp{peer: p, id: client.ID, secret: secret}
	a.base = ""
	a.begin()
	return a
}

// begin fetches the first refresh token.
func (a *serviceApp) begin() {
	a.t.Helper()
	tokens, err := a.u.Broker().ServiceTokens(a.id, a.org.ID())
	if err != nil {
		a.t.Fatal(err)
	}
	a.refresh = tokens.RefreshToken
}

// exchange exchanges the refresh token.
func (a *serviceApp) exchange() (reply, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.refresh}, "client_id": {a.id}, "client_secret": {a.secret}}
	return a.send("POST", "/v1/access_token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
}

// TestSignInFaults: what an organisation was asked to do wrong it also does when a program fetches tokens: a token is rotated if and
// only if the request took effect.
func TestSignInFaults(t *testing.T) {
	refused := func(status int, code string) func(reply, error) error {
		return func(got reply, err error) error {
			if err != nil || got.StatusCode != status || got.body.Text("error") != code || got.body.Text("message") == "" || got.body.Text("trackingId") == "" {
				return fmt.Errorf("%v %v %s", got.Response, err, got.text)
			}
			return nil
		}
	}
	for _, c := range []struct {
		fault   Fault
		rotated bool // the old refresh token is spent afterwards
		check   func(reply, error) error
	}{
		{Fault{Kind: Fault429}, false, func(got reply, err error) error {
			if got.Header.Get("Retry-After") != "1" {
				return fmt.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
			}
			return refused(429, "temporarily_unavailable")(got, err)
		}},
		{Fault{Kind: Fault503, Path: "/access_token", Wait: 7}, false, func(got reply, err error) error {
			if got.Header.Get("Retry-After") != "7" {
				return fmt.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
			}
			return refused(503, "temporarily_unavailable")(got, err)
		}},
		{Fault{Kind: Fault423}, false, refused(423, "temporarily_unavailable")},
		{Fault{Kind: Fault500}, false, refused(500, "server_error")},
		{Fault{Kind: Fault502}, false, refused(502, "server_error")},
		{Fault{Kind: Fault504, After: true}, true, refused(504, "server_error")},
		{Fault{Kind: FaultPartial}, true, refused(500, "server_error")},
		{Fault{Kind: FaultExpire}, true, refused(400, "invalid_grant")},
		{Fault{Kind: FaultHTML}, false, func(got reply, err error) error {
			if err != nil || got.StatusCode != 200 || !strings.HasPrefix(got.text, "<!DOCTYPE html>") {
				return fmt.Errorf("%s %w", got.text, err)
			}
			return nil
		}},
		{Fault{Kind: FaultReset}, false, func(_ reply, err error) error {
			if !errors.Is(err, syscall.ECONNRESET) {
				return fmt.Errorf("error %w, want a connection reset", err)
			}
			return nil
		}},
		{Fault{Kind: FaultReset, After: true}, true, func(_ reply, err error) error {
			if err == nil {
				return errors.New("no error")
			}
			return nil
		}},
		{Fault{Kind: FaultTruncate}, true, func(_ reply, err error) error {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("error %w", err)
			}
			return nil
		}},
		{Fault{Kind: FaultMalformed}, true, func(got reply, err error) error {
			if err != nil || got.StatusCode != 200 || got.body != nil || !strings.HasPrefix(got.text, `{"access_token"`) {
				return fmt.Errorf("%s %w", got.text, err)
			}
			return nil
		}},
	} {
		t.Run(fmt.Sprint(c.fault.Kind, c.fault.After), func(t *testing.T) {
			for _, config := range []Config{{}, {Inspect: 5}} {
				a := newServiceApp(t, config)
				c.fault.Times = 1
				a.knobs(Knobs{Faults: []Fault{c.fault}})
				if err := c.check(a.exchange()); err != nil {
					t.Error(err)
				}
				got, err := a.exchange()
				if want := map[bool]int{false: 200, true: 400}[c.rotated]; err != nil || got.StatusCode != want {
					t.Errorf("the token once more: %v %v %s, want %d", got.Response, err, got.text, want)
				}
			}
		})
	}
}

// TestSignInFaultsOfPages: a fault spoils authorisation, never the pages on which people sign in; what is nobody's, such as discovery,
// is spoiled when there is one organisation alone.
func TestSignInFaultsOfPages(t *testing.T) {
	a := newServiceApp(t, Config{})
	a.knobs(Knobs{Faults: []Fault{{Kind: Fault503}}, Latency: 30 * time.Millisecond})
	began := time.Now()
	a.do(503, "GET", "/v1/authorize?client_id="+a.id+"&response_type=code", "")
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	a.do(503, "GET", "/idb/.well-known/openid-configuration", "")
	a.do(503, "GET", "/eu/v1/verification", "")
	if page := a.do(200, "GET", "/idb/UI/Login?goto=/hub", "").text; !strings.Contains(page, "Sign in") {
		t.Error(page)
	}
	a.do(200, "GET", "/idb/oauth2/v1/logout", "")
	if _, err := a.u.AddOrg(OrgConfig{Name: "Other"}); err != nil {
		t.Fatal(err)
	}
	a.do(200, "GET", "/idb/.well-known/openid-configuration", "")

	a.knobs(Knobs{Faults: []Fault{{Kind: FaultExpire, Path: "/userinfo"}}})
	access, err := a.u.Broker().Issue(oauth.Ticket{Org: a.org.ID(), Person: a.user("bea@acme.example"), Scopes: []string{"openid", "email"}})
	if err != nil {
		t.Fatal(err)
	}
	bea := a.with(access)
	bea.do(401, "GET", "/v1/userinfo", "")
	a.knobs(Knobs{})
	bea.do(401, "GET", "/v1/userinfo", "")
}

// user adds a user past the application.
func (a *serviceApp) user(name string) string {
	a.t.Helper()
	return a.in(a.org).user(name)
}

// TestSignInInspector: the inspector shows what programs sent to the broker, without a secret, and not what browsers did.
func TestSignInInspector(t *testing.T) {
	a := newServiceApp(t, Config{Inspect: 20})
	old := a.refresh
	got, err := a.exchange()
	if err != nil || got.StatusCode != 200 {
		t.Fatal(got, err)
	}
	a.do(400, "GET", "/v1/authorize?client_id="+a.id+"&state=seen-by-nobody", "")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {"s3cret-code"}, "code_verifier": {"s3cret-verifier"}, "client_id": {a.id}, "client_secret": {a.secret}}
	if _, err := a.send("POST", "/idb/oauth2/v1/access_token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", ""); err != nil {
		t.Fatal(err)
	}
	var seen struct{ Calls []seenCall }
	control(a.peer, 200, "GET", "/control/orgs/"+a.org.ID()+"/calls", "", &seen)
	text := fmt.Sprintf("%+v", seen.Calls)
	if len(seen.Calls) != 3 || seen.Calls[1].URL != "/v1/access_token" || seen.Calls[1].Client != "Robot" || seen.Calls[0].Status != 400 ||
		!strings.Contains(text, "grant_type=refresh_token") || !strings.Contains(text, "expires_in") || strings.Contains(text, "seen-by-nobody") {
		t.Errorf("%s", text)
	}
	for _, secret := range []string{a.secret, old, got.body.Text("access_token"), got.body.Text("refresh_token"), "s3cret-code", "s3cret-verifier"} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("shown: %s", secret)
		}
	}
}
