package ldap

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Destination names where the password goes by these settings: scheme, host, port, how TLS is used and whom it trusts, and the
// name that it belongs to.
func Destination(settings map[string]string) string {
	c, err := ParseConfig(settings)
	if err != nil {
		return "" // such settings reach nothing
	}
	return fmt.Sprintf("%s start_tls=%s insecure=%s ca=%q as %q", address(c.URL), strconv.FormatBool(c.StartTLS), strconv.FormatBool(c.Insecure), c.CA, c.BindDN)
}

// address is scheme, host and port of a server. What is no address stands for itself.
func address(text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Hostname() == "" {
		return text
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "ldaps":
		port = "636"
	case u.Scheme == "ldap":
		port = "389"
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// System names the directory that these settings lead to: host and port, however TLS is used, bases, and what identifies an object.
func System(settings map[string]string) string {
	c, err := ParseConfig(settings)
	if err != nil {
		return ""
	}
	_, host, _ := strings.Cut(address(c.URL), "://")
	for secure, plain := range map[string]string{":636": ":389", ":3269": ":3268"} { // the same servers with TLS from the start
		if name, ok := strings.CutSuffix(host, secure); ok {
			host = name + plain
		}
	}
	return fmt.Sprintf("%q %q %q %q %q %q", host, c.Base, c.PeopleBases, c.GroupsBases, c.ID, c.GroupID)
}
