package scimapp

import (
	"net"
	"net/url"
	"strings"

	"lockstep/connection/oauth"
)

// Destination names where tokens and secrets go by these settings: scheme, host and port, whether they may go without TLS, and where access tokens come
// from.
func Destination(settings map[string]string) string {
	c, err := ParseConfig(settings)
	if err != nil {
		return "" // such settings reach nothing
	}
	to := Origin(c.BaseURL)
	if c.Insecure {
		to += " insecure"
	}
	if more := oauth.Destination(settings); more != "" {
		to += " " + more
	}
	return to
}

// Origin returns scheme, host and port of an address (RFC 6454 §4). What is no address stands for itself.
func Origin(address string) string {
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return address
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https": // the parser has made it lower case
		port = "443"
	case u.Scheme == "http":
		port = "80"
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// System names the application that these settings lead to: its address.
func System(settings map[string]string) string {
	text := strings.TrimRight(strings.TrimSpace(settings["url"]), "/")
	if u, err := url.Parse(text); err == nil {
		return Origin(text) + u.EscapedPath()
	}
	return text
}
