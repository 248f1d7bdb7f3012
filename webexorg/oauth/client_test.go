package oauth

import (
	"strings"
	"testing"
)

func TestRegistration(t *testing.T) {
	good := Client{
		Kind: Integration, Name: "Lockstep", Org: acme, Redirects: []string{"https://app.example/cb", "http://localhost:8080/cb"},
		Scopes: []string{"spark-admin:people_read"},
	}
	for _, c := range []struct {
		name string
		edit func(*Client)
		want string // part of the error; "" is none
	}{
		{"as it should be", func(*Client) {}, ""},
		{"no name", func(c *Client) { c.Name = " " }, "name"},
		{"Webex's own kind", func(c *Client) { c.Kind = FirstParty }, "type"},
		{"no redirect URI", func(c *Client) { c.Redirects = nil }, "redirectUrls"},
		{"a service app without one", func(c *Client) { c.Kind, c.Redirects = ServiceApp, nil }, ""},
		{"http to another machine", func(c *Client) { c.Redirects = []string{"http://app.example/cb"} }, "https"},
		{"http to what only begins like this machine", func(c *Client) { c.Redirects = []string{"http://localhost.evil.example/cb"} }, "https"},
		{"a user name that looks like this machine", func(c *Client) { c.Redirects = []string{"http://localhost@evil.example/cb"} }, "user name"},
		{"the loopback address", func(c *Client) { c.Redirects = []string{"http://[::1]:99/cb"} }, ""},
		{"a fragment", func(c *Client) { c.Redirects = []string{"https://app.example/cb#x"} }, "fragment"},
		{"an empty fragment", func(c *Client) { c.Redirects = []string{"https://app.example/cb#"} }, "fragment"},
		{"a script", func(c *Client) { c.Redirects = []string{"javascript:alert(1)"} }, "https"},
		{"data", func(c *Client) { c.Redirects = []string{"data:text/html,x"} }, "https"},
		{"a relative address", func(c *Client) { c.Redirects = []string{"/cb"} }, "https"},
		{"a line end", func(c *Client) { c.Redirects = []string{"https://app.example/cb\r\nX: y"} }, "URI"},
		{"a scheme of its own", func(c *Client) { c.Redirects = []string{"com.example.app:/cb"} }, ""},
		{"no scope", func(c *Client) { c.Scopes = nil }, "scopes"},
		{"a scope that does not exist", func(c *Client) { c.Scopes = []string{"spark:everything"} }, "spark:everything"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := good
			c.edit(&client)
			got, secret, err := newWorld(t).server.Register(client)
			if c.want == "" {
				if err != nil || len(got.ID) != 65 || len(secret) != 64 {
					t.Errorf("got %v, %q, %v", got, secret, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error about %s", err, c.want)
			}
		})
	}
}

// TestClientLives: registered, changed, given a new secret, removed; each survives a restart; no journal holds a secret.
func TestClientLives(t *testing.T) {
	w := newWorld(t)
	c, secret, err := w.server.Register(Client{
		Kind: Integration, Name: "Lockstep", Org: acme, Redirects: []string{"https://a.example/cb"}, Scopes: []string{"spark:people_read"},
	})
	try(w, err)
	if strings.Contains(string(w.journal.all()[0]), secret) {
		t.Error("the journal holds the secret")
	}
	_, err = w.server.Update(c.ID, func(c *Client) {
		c.Redirects = append(c.Redirects, "https://b.example/cb")
		c.ID, c.Org, c.Kind = "other", europe, ServiceApp // are not theirs to change
	})
	try(w, err)
	next, err := w.server.NewSecret(c.ID)
	try(w, err)
	w.restart()
	got, ok := w.server.Client(c.ID)
	if !ok || len(got.Redirects) != 2 || got.Org != acme || got.Kind != Integration {
		t.Fatalf("got %+v", got)
	}
	if kept := w.server.clients[c.ID]; kept.secretIs(secret) || !kept.secretIs(next) || kept.secretIs("") {
		t.Error("the wrong secret is right")
	}
	try(w, w.server.Remove(c.ID))
	w.restart()
	if _, ok := w.server.Client(c.ID); ok || len(w.server.Clients(acme)) != 0 {
		t.Error("still there")
	}
	if w.server.Remove(SCIMClient) == nil {
		t.Error("Webex's own client was removed")
	}
}

// TestClientWithoutSecret: a client that has none is nobody's who sends the empty text.
func TestClientWithoutSecret(t *testing.T) {
	w := newWorld(t)
	if c := w.server.clients[SCIMClient]; c.secretIs("") || c.secretIs("x") {
		t.Error("a secret is right where there is none")
	}
}
