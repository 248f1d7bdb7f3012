// Package optest checks an OpenID Provider from outside, module by module, under the names that the OpenID Foundation's conformance suite gives
// them: plans Basic OP, Config OP, RP-Initiated Logout OP and Back-Channel Logout OP. It is told an issuer, its clients and how a person signs in,
// and knows nothing else of whom it checks: it shares no code with package sso, reads pages as a browser does, and verifies signatures with the
// standard library. So what it says of ours it can say of any provider, and what fails at one that is certified is a fault of this package.
//
// As in the suite with clients that are registered by hand, no request has PKCE but that of the module about it, and a module about what a provider
// says in its discovery that it does not do is skipped.
package optest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Client is an application as it is registered at the provider.
type Client struct{ ID, Secret, Redirect, AfterLogout string }

// Target is a provider, with what was registered there: First and Second authenticate by client_secret_basic, Post by client_secret_post. All may
// use codes and refresh tokens, without PKCE, and First is told of sign-outs at Inbox.LogoutURI.
type Target struct {
	Issuer              string
	First, Second, Post Client
	Login, Password     string
	Inbox               *Inbox
	Limit               int    // modules at once; 0 is one
	Only                string // the module to run; "" is all
}

// Outcome is how a module ended.
type Outcome string

// The outcomes. What is skipped is about something that the provider says it does not do.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is how a module ended at a provider, and what there is to say about it.
type Result struct {
	Module  Module
	Outcome Outcome
	Notes   []string
}

// String is the outcome with its notes.
func (r Result) String() string {
	if len(r.Notes) == 0 {
		return string(r.Outcome)
	}
	return string(r.Outcome) + ": " + strings.Join(r.Notes, "; ")
}

// Module is one module of a plan.
type Module struct {
	Plan, Name string

	run func(*check)
}

// check is a module that runs.
type check struct {
	Target
	ctx   context.Context
	meta  map[string]any
	notes []string
}

// ended is how a module ends before its last line.
type ended struct {
	outcome Outcome
	why     string
}

func (c *check) failf(format string, a ...any) { panic(ended{Failed, fmt.Sprintf(format, a...)}) }
func (c *check) skip(why string)               { panic(ended{Skipped, why}) }
func (c *check) note(what string)              { c.notes = append(c.notes, what) }

// want fails the module unless it is so.
func (c *check) want(so bool, format string, a ...any) {
	if !so {
		c.failf(format, a...)
	}
}

func (c *check) must(err error) {
	if err != nil {
		c.failf("%v", err)
	}
}

// Run runs all modules at a provider. The results are in the order of Modules.
func Run(ctx context.Context, target Target) ([]Result, error) {
	meta, err := discover(ctx, target.Issuer)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(Modules(), func(m Module) bool { return target.Only != "" && m.Name != target.Only })
	results := make([]Result, len(all))
	places := make(chan struct{}, max(1, target.Limit))
	var group sync.WaitGroup
	for i, m := range all {
		group.Go(func() {
			if !m.waits() {
				places <- struct{}{}
				defer func() { <-places }()
			}
			results[i] = run(ctx, target, meta, m)
		})
	}
	group.Wait()
	return results, nil
}

func run(ctx context.Context, target Target, meta map[string]any, m Module) (r Result) {
	c := &check{Target: target, ctx: ctx, meta: meta}
	r = Result{Module: m, Outcome: Passed}
	defer func() {
		r.Notes = c.notes
		switch e := recover().(type) {
		case nil:
		case ended:
			r.Outcome, r.Notes = e.outcome, append(r.Notes, e.why)
		default:
			panic(e)
		}
	}()
	m.run(c)
	return r
}

func discover(ctx context.Context, issuer string) (map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var meta map[string]any
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("discovery answers %s", answer.Status)
	}
	return meta, json.NewDecoder(answer.Body).Decode(&meta)
}

// text is a member of the discovery document.
func (c *check) text(name string) string {
	s, _ := c.meta[name].(string)
	return s
}

// list is a member of the discovery document that is a list of texts. there is false if it is absent.
func (c *check) list(name string) (all []string, there bool) {
	values, there := c.meta[name].([]any)
	for _, v := range values {
		s, _ := v.(string)
		all = append(all, s)
	}
	return all, there
}

// offers reports whether a list of the discovery document has a value.
func (c *check) offers(name, value string) bool {
	all, _ := c.list(name)
	return slices.Contains(all, value)
}

// Inbox is where a provider sends logout tokens, and where it may fetch request objects.
type Inbox struct {
	server *httptest.Server
	mu     sync.Mutex
	tokens []string
	object string
	more   chan struct{}
}

// Listen opens an inbox; Close closes it.
func Listen() *Inbox {
	in := &Inbox{more: make(chan struct{}, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		in.mu.Lock()
		in.tokens = append(in.tokens, r.PostFormValue("logout_token"))
		in.mu.Unlock()
		in.more <- struct{}{}
		w.Header().Set("Cache-Control", "no-store")
	})
	mux.HandleFunc("GET /object", func(w http.ResponseWriter, _ *http.Request) {
		in.mu.Lock()
		defer in.mu.Unlock()
		w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
		_, _ = io.WriteString(w, in.object) // who asked may be gone
	})
	in.server = httptest.NewServer(mux)
	return in
}

// Close closes the inbox.
func (in *Inbox) Close() { in.server.Close() }

// LogoutURI is what a client registers as its back-channel logout URI.
func (in *Inbox) LogoutURI() string { return in.server.URL + "/logout" }

// find waits for a logout token that the function likes.
func (in *Inbox) find(ctx context.Context, likes func(string) bool) bool {
	limit := time.After(2 * time.Minute)
	for {
		in.mu.Lock()
		there := slices.ContainsFunc(in.tokens, likes)
		in.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-in.more:
		case <-time.After(100 * time.Millisecond): // another module may have taken the word
		case <-limit:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
