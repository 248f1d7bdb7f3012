package web

import (
	"net/http"
	"net/url"
	"strings"
)

// strictFor is how long browsers remember that a host is reached by https alone: a year.
const strictFor = "max-age=31536000"

// Strict has browsers reach the host of a public address by https alone (RFC 6797), when that is how others reach it. What is asked for
// by another name, such as that of this machine behind the proxy, which has no TLS, says nothing of it (§7.2). Subdomains are not ours to
// decide about.
func Strict(public string, h http.Handler) http.Handler {
	u, err := url.Parse(public)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return h
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(strings.ToLower(r.Host), ":443") == host {
			w.Header().Set("Strict-Transport-Security", strictFor)
		}
		h.ServeHTTP(w, r)
	})
}
