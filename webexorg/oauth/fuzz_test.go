package oauth

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzRequest: whatever an authorization request looks like, an answer goes only to a redirect URI that the client registered,
// and scopes are no more than it registered; a request that is in order stays so when a page hands it on.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"client_id=c&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=spark%3Apeople_read&state=x",
		"client_id=c&redirect_uri=https://app.example/cb?k=1&response_type=id_token+token&scope=openid&nonce=n&prompt=login+consent&max_age=5",
		"client_id=c&redirect_uri=https://evil.example&redirect_uri=https://app.example/cb", "%zz", "&&&=;", "client_id=c&code_challenge=" + strings.Repeat("a", 43),
	} {
		f.Add(seed)
	}
	client := Client{ID: "c", Kind: Integration, Redirects: []string{"https://app.example/cb", "https://app.example/cb?k=1"}, Scopes: []string{"spark:people_read"}}
	find := func(id string) (Client, bool) { return client, id == "c" }
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseRequest(raw, find, openIDScopes())
		if err != nil {
			if r := asRefusal(err); r.status >= 500 {
				t.Fatalf("%q: %v", raw, err)
			} else if !r.back {
				return
			}
		}
		if !slices.Contains(client.Redirects, q.redirect) {
			t.Fatalf("%q: answers go to %q", raw, q.redirect)
		}
		to := q.answer(pair{"code", "a&b#c?d\r\ne"})
		if !strings.HasPrefix(to, q.redirect) || strings.ContainsAny(to, "\r\n") {
			t.Fatalf("%q: answered at %q", raw, to)
		}
		if err != nil {
			return
		}
		if !subset(q.scopes, append(openIDScopes(), client.Scopes...)) || len(q.scopes) == 0 {
			t.Fatalf("%q: scopes %v", raw, q.scopes)
		}
		again, err := parseRequest(q.without("prompt"), find, openIDScopes())
		if err != nil || again.redirect != q.redirect || again.state != q.state || !slices.Equal(again.scopes, q.scopes) || len(again.prompt) != 0 {
			t.Fatalf("%q: without its prompt: %+v, %v", raw, again, err)
		}
	})
}

// FuzzGoto: whatever a goto looks like, a browser that follows what it led to stays at this server.
func FuzzGoto(f *testing.F) {
	for _, seed := range []string{
		"/verify", "https://idbroker.webex.com/idb/oauth2/v1/authorize?x=https%253A%252F%252F", "//evil.example", "/\\evil.example", "https:evil", "/%2f/evil",
		"http://127.0.0.1:80//evil.example", "/a?b#c", "\x00",
	} {
		f.Add(seed)
	}
	base, err := url.Parse("http://127.0.0.1:80/idb/UI/Login")
	if err != nil {
		f.Fatal(err)
	}
	at := door{base: "http://127.0.0.1:80", host: "http://127.0.0.1:80"}
	f.Fuzz(func(t *testing.T, to string) {
		local, ok := at.local(to)
		if !ok {
			return
		}
		if len(local) > 1 && (local[1] == '/' || local[1] == '\\') {
			t.Fatalf("%q leads to %q, which browsers read as a host", to, local)
		}
		u, err := base.Parse(local)
		if err != nil || u.Host != base.Host || u.Scheme != "http" || strings.ContainsAny(local, "\r\n\t\\ ") {
			t.Fatalf("%q leads to %q: %v, %v", to, local, u, err)
		}
		if again, ok := at.local(local); !ok || again != local {
			t.Fatalf("%q leads to %q and that to %q, %v", to, local, again, ok)
		}
	})
}

// FuzzTokens: no text that was not issued opens anything, and no entry of a journal makes the server fall.
func FuzzTokens(f *testing.F) {
	s := New(Config{People: newCompany()})
	ada, _ := s.config.People.Login("ada@acme.example")
	good, err := s.Issue(Ticket{Org: acme, Person: ada.ID, Scopes: []string{SCIM}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, good[1:], good + " ", strings.ToUpper(good), "", "lkw_", "\x00", `{"op":"token"}`, `{"op":"client","client":{}}`, `{"op":"key","key":"AA=="}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.Check(text); (err == nil) != (text == good) {
			t.Fatalf("%q: %v", text, err)
		}
		other := New(Config{People: newCompany()})
		if err := other.Replay([]byte(text)); err == nil && !json.Valid([]byte(text)) {
			t.Fatalf("%q was replayed", text)
		}
		other.sweep(other.now())
		_, _ = other.Check(text)
	})
}
