package session

import (
	"net"
	"net/http"
	"time"

	"lockstep"
)

// CookieName returns the name of the session cookie. With TLS it begins with __Host-, which browsers take from this very host
// over https only (RFC 6265bis §4.1.3.2). Without, on loopback, the port is part of it: browsers do not keep the cookies of
// two ports apart, and two servers on one machine must not end each other's sessions.
func (g *Gate) CookieName(r *http.Request) string {
	if g.Secure {
		return "__Host-lockstep-" + g.Surface
	}
	name := "lockstep-" + g.Surface
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "-" + port
	}
	return name
}

// cookie is a session cookie. It has no Domain, so no other host gets it, and SameSite=Lax, so no request that another site
// makes carries it, save for following a link.
func (g *Gate) cookie(r *http.Request, value string) *http.Cookie {
	return &http.Cookie{
		Name: g.CookieName(r), Value: value, Path: "/", HttpOnly: true, Secure: g.Secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int(g.Longest() / time.Second),
	}
}

// Guard lets through what may concern a session: over http only what is asked of a loopback name, and nothing that changes
// something unless the browser says that a page of this very site asked for it. What it refuses goes to refuse with an error
// of code lockstep.CodeCrossSite.
func (g *Gate) Guard(next http.Handler, refuse func(w http.ResponseWriter, r *http.Request, err error)) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.Secure && !loopback(r.Host) {
			refuse(w, r, &lockstep.Error{
				Code:   lockstep.CodeCrossSite,
				Detail: "Without TLS this page is served to the machine that it runs on only, under the name localhost or 127.0.0.1.",
			})
			return
		}
		if err := cross.Check(r); err != nil {
			refuse(w, r, &lockstep.Error{Code: lockstep.CodeCrossSite, Err: err})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopback reports whether a Host header names this machine. A name that somebody else's DNS points at 127.0.0.1 is none.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
