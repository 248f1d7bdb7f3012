package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// benchApps takes logout tokens for all applications of the bench, one at each path.
type benchApps struct {
	url    string
	server *http.Server
	mu     sync.Mutex
	told   map[string]map[string]time.Time // by user, by path: when first
	heard  chan struct{}                   // of one element
}

func newBenchApps() (*benchApps, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // on loopback
	if err != nil {
		return nil, err
	}
	a := &benchApps{url: "http://" + l.Addr().String(), told: map[string]map[string]time.Time{}, heard: make(chan struct{}, 1)}
	a.server = &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(l) }() // ends with close
	return a, nil
}

func (a *benchApps) close() { _ = a.server.Close() }

// ServeHTTP notes whom a logout token is about. (That it is a good one is for the tests to show.)
func (a *benchApps) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	_, rest, _ := strings.Cut(r.PostFormValue("logout_token"), ".")
	body, _, _ := strings.Cut(rest, ".")
	text, _ := base64.RawURLEncoding.DecodeString(body)
	var claims struct{ Sub string }
	if json.Unmarshal(text, &claims) != nil {
		return
	}
	a.mu.Lock()
	if a.told[claims.Sub] == nil {
		a.told[claims.Sub] = map[string]time.Time{}
	}
	if _, again := a.told[claims.Sub][r.URL.Path]; !again {
		a.told[claims.Sub][r.URL.Path] = now
	}
	a.mu.Unlock()
	select {
	case a.heard <- struct{}{}:
	default:
	}
}

// allTold waits until n applications were told of somebody, and returns when the last was, and how many were.
func (a *benchApps) allTold(ctx context.Context, user string, n int) (last time.Time, told int) {
	end := time.NewTimer(30 * time.Second)
	defer end.Stop()
	for {
		a.mu.Lock()
		told = len(a.told[user])
		for _, at := range a.told[user] {
			if at.After(last) {
				last = at
			}
		}
		a.mu.Unlock()
		if told >= n {
			return last, told
		}
		select {
		case <-a.heard:
		case <-end.C:
			return last, told
		case <-ctx.Done():
			return last, told
		}
	}
}

// leavers disables people, one after the other, who are signed in to every application.
func (s *ssoSite) leavers(ctx context.Context, n int) (SSOLeavers, error) {
	l := SSOLeavers{People: n, Apps: s.bench.Apps}
	var dead, told []time.Duration
	for i := range n {
		login := benchUserName(s.bench.People + i)
		b := s.browser()
		var held []benchTokens
		for app := range s.bench.Apps {
			t, _, err := b.signIn(ctx, appID(app), login)
			if err != nil {
				return l, err
			}
			held = append(held, t)
		}
		began := time.Now()
		u, err := s.api.SetActive(ctx, login, false)
		if err != nil {
			return l, err
		}
		dead = append(dead, time.Since(began))
		for app, t := range held {
			if err := s.active(ctx, appID(app), t.Access, false); err != nil {
				return l, fmt.Errorf("%s was disabled: %w", login, err)
			}
		}
		last, heard := s.apps.allTold(ctx, string(u.ID), s.bench.Apps)
		l.Untold += s.bench.Apps - heard
		told = append(told, last.Sub(began))
	}
	slices.Sort(dead)
	slices.Sort(told)
	l.Dead, l.Told, l.ToldMost = milliseconds(quantile(dead, 0.95)), milliseconds(quantile(told, 0.95)), milliseconds(told[len(told)-1])
	return l, ctx.Err()
}
