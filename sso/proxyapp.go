package sso

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ProxyApp is what there is to know of an application behind a reverse proxy that asks here who somebody is (forward-auth).
type ProxyApp struct {
	Hosts   []string  // origins: https://wiki.example.com, or http on this very machine
	Headers []Mapping // what the application is told; each of these names is the proxy's alone
}

// ProxyPath is where the proxy sends what is for us, at each host of the application.
const ProxyPath = "/.lockstep/"

// ProxyHeaders are those that an application gets unless it has others.
func ProxyHeaders() []Mapping {
	return []Mapping{{Name: "Remote-User", From: "preferred_username"}, {Name: "Remote-Email", From: "email"}, {Name: "Remote-Name", From: "name"}, {Name: "Remote-Groups", From: "groups"}}
}

// ParseHost makes an origin of what an administrator wrote: a host name stands for https.
func ParseHost(text string) (string, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), "/")
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Path+u.RawQuery+u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", invalid("“" + clip(text) + "” is not a host name, such as wiki.example.com, without a path.")
	}
	if err := checkURI("hosts", text+"/"); err != nil {
		return "", err
	}
	u.Host = strings.ToLower(u.Host)
	if u.Scheme == "https" {
		u.Host = strings.TrimSuffix(u.Host, ":443")
	}
	return u.Scheme + "://" + u.Host, nil
}

func (a *ProxyApp) check() error {
	if len(a.Hosts) == 0 || len(a.Hosts) > maxURIs || len(a.Headers) == 0 || len(a.Headers) > maxURIs {
		return invalid("An application behind a proxy has 1 to 50 hosts, and 1 to 50 headers that say who somebody is.")
	}
	for _, h := range a.Hosts {
		if origin, err := ParseHost(h); err != nil || origin != h {
			return invalidIn("hosts", "“"+clip(h)+"” is not the origin of a host: https://wiki.example.com. Without TLS only hosts of this machine are allowed.")
		}
	}
	seen := map[string]bool{}
	for _, m := range a.Headers {
		if err := m.check("headers"); err != nil {
			return err
		}
		if !headerFits(m.Name) || m.Friendly != "" || seen[foldHeader(m.Name)] {
			return invalidIn("headers", "“"+clip(m.Name)+"” cannot be the name of a header that says who somebody is: letters, digits and hyphens, each once, and none that browsers, proxies or servers use.")
		}
		seen[foldHeader(m.Name)] = true
	}
	return nil
}

// used are headers that mean something to browsers, proxies and servers.
const used = "accept age allow authorization cache-control connection content-encoding content-length content-security-policy content-type cookie date expect expires forwarded host " +
	"keep-alive location origin pragma proxy-authenticate proxy-authorization referer referrer-policy server set-cookie te trailer transfer-encoding upgrade user-agent vary via www-authenticate"

func headerFits(name string) bool {
	folded := foldHeader(name)
	if strings.Trim(folded, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Contains(name, "_") || strings.HasPrefix(folded, "-") || len(name) > 60 {
		return false
	}
	return !slices.Contains(strings.Fields(used), folded) && !strings.HasPrefix(folded, "x-forwarded-") && !strings.HasPrefix(folded, "x-original-") && !strings.HasPrefix(folded, "access-control-")
}

// foldHeader is a header as the least careful application reads it: a gateway interface makes HTTP_REMOTE_USER of Remote-User and Remote_User
// alike.
func foldHeader(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// forged is the name of a header in a request that only the proxy may set; "" is none.
func (a *ProxyApp) forged(h http.Header) string {
	own := map[string]bool{}
	for _, m := range a.Headers {
		own[foldHeader(m.Name)] = true
	}
	for name := range h {
		if own[foldHeader(name)] {
			return name
		}
	}
	return ""
}

// returns reports where to somebody goes back after the sign-in, when the address is one of the application's: a path at the host that they
// come from, or an address of one of its hosts.
func (a *ProxyApp) returns(origin, to string) (string, bool) {
	if to == "" {
		to = "/"
	}
	if len(to) > maxURI || strings.ContainsAny(to, "\\\"<>") || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", false
	}
	if strings.HasPrefix(to, "/") {
		if strings.HasPrefix(to, "//") {
			return "", false // another host, to a browser
		}
		to = origin + to
	}
	u, err := url.Parse(to)
	if err != nil || u.User != nil || u.Opaque != "" || !slices.Contains(a.Hosts, u.Scheme+"://"+u.Host) {
		return "", false
	}
	host := u.Scheme + "://" + u.Host
	return to, to == host || strings.HasPrefix(to, host+"/") || strings.HasPrefix(to, host+"?")
}
