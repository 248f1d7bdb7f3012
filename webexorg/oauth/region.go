package oauth

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// door is the id broker that a request came to: one of Webex's regions, at an address of this server.
type door struct {
	region Region
	base   string // such as "http://127.0.0.1:8080/eu"; paths of the broker are appended
	host   string // scheme and host alone
	named  string // the host without its first label, when that label told the region; "" when a path did
}

// regions are all there are.
func regions() []Region { return []Region{Global, US, EU, Government} }

// labels are the first labels of a region's hosts at Webex, the id broker's first. Hosts of one's own may have them too:
// idbroker-eu.localhost is the id broker of the EU.
func (r Region) labels() []string {
	switch r {
	case US:
		return []string{"idbroker-b-us", "identity-b-us"}
	case EU:
		return []string{"idbroker-eu", "identity-eu"}
	case Government:
		return []string{"idbroker-f", "identity-f", "api-usgov", "developer-usgov"}
	default:
		return []string{"idbroker", "webexapis", "identity", "api", "developer"}
	}
}

// prefix is the path that stands for a region where a host cannot.
func (r Region) prefix() string {
	if r == Global {
		return ""
	}
	return "/" + string(r)
}

// labelled returns the region that has the label.
func labelled(label string) (Region, bool) {
	for _, r := range regions() {
		if slices.Contains(r.labels(), label) {
			return r, true
		}
	}
	return Global, false
}

// Base is the address of the server as the client sees it.
func (s *Server) Base(r *http.Request) string {
	switch {
	case s.config.BaseURL != "":
		return s.config.BaseURL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// doorOf tells which door a request came to. byPath is the region that its path begins with.
func (s *Server) doorOf(r *http.Request, byPath Region) door {
	host := s.Base(r)
	if byPath != Global {
		return door{region: byPath, base: host + byPath.prefix(), host: host}
	}
	scheme, rest, _ := strings.Cut(host, "://")
	if rest == "webexapis.com" || rest == "api.ciscospark.com" { // Webex's one name that has no region at all
		return door{base: host, host: host, named: "webex.com"}
	}
	label, parent, ok := strings.Cut(rest, ".")
	if !ok || net.ParseIP(hostname(rest)) != nil {
		return door{base: host, host: host}
	}
	if region, ok := labelled(label); ok {
		return door{region: region, base: scheme + "://" + rest, host: host, named: parent}
	}
	return door{base: host, host: host}
}

func hostname(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return hostport
}

// issuer returns the issuer of a region, as somebody at this door can reach it.
func (d door) issuer(of Region) string {
	if d.named != "" {
		scheme, _, _ := strings.Cut(d.host, "://")
		return scheme + "://" + of.labels()[0] + "." + d.named + "/idb"
	}
	return d.host + of.prefix() + "/idb"
}

// serves reports whether somebody of the region may sign in at the door: Government is a cloud of its own.
func (s *Server) serves(at door, home Region) bool {
	return s.Settings().OneCloud || (at.region == Government) == (home == Government)
}

// local returns the path and query of an address to go on to, if it is one of this server, or of one of Webex's hosts that this
// server stands for: the address in Microsoft's instructions has the id broker's name within it, and only the host around it
// needs to be replaced.
func (d door) local(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" || strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return "", false
	}
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return "", false
	}
	if u.Scheme != "" || u.Host != "" {
		region, ok := d.stands(u)
		if !ok {
			return "", false
		}
		path = region + path
	}
	if u.RawQuery != "" {
		path += "?" + strings.ReplaceAll(u.RawQuery, " ", "%20")
	}
	return path, true
}

// stands reports whether this server plays the host of the URL, and the prefix that tells its region.
func (d door) stands(u *url.URL) (prefix string, ok bool) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	if _, own, _ := strings.Cut(d.host, "://"); u.Host == own {
		return "", true
	}
	if u.Host == "webexapis.com" || u.Host == "api.ciscospark.com" {
		return "", true
	}
	label, ok := strings.CutSuffix(u.Host, ".webex.com")
	if !ok {
		return "", false
	}
	region, ok := labelled(label)
	return region.prefix(), ok
}
