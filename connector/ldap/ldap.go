// Package ldap reads people and groups from an LDAP directory (RFC 4511): OpenLDAP, 389 Directory Server and Active Directory.
//
// A Reader reads in passes, one type at a time, with one paged search (RFC 2696) for each base; it holds one page. References go by
// name, and each object carries its names in one spelling, so nothing needs a map of all entries. A pass that knows where an
// earlier one ended asks for what has changed since. That shows everybody who is there and nobody who is gone, so names are
// listed, too, without anything else; they cost a third. See Reader.Read.
//
// An object's id is what the server keeps over renames: entryUUID, nsUniqueId or objectGUID. Which attribute that is, is settled
// once, and kept in the mark of each pass.
//
// Invariants. What the server withholds (a referral, an entry without a readable id, the rest behind a limit) is told as hidden, so
// nobody is taken for gone because they were not shown. A password goes out over TLS or to this machine only, unless the operator says
// otherwise, and one that was refused is not tried again by itself. No answer is decoded before its size is known to be bearable,
// and no wait is without a limit.
package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/web"
)

// Config says which server to read and what of it. URL and Base are required.
type Config struct {
	URL      string // ldap://host:389 or ldaps://host:636
	StartTLS bool   // upgrade ldap:// to TLS before anything else
	CA       []byte // PEM of certification authorities to trust beside the machine's
	BindDN   string // or user@domain for Active Directory; "" is anonymous
	Password func(context.Context) (string, error)
	Insecure bool // the password may go out without TLS

	Base          string   // DN under which people and groups are
	PeopleBases   []string // DNs under which people are; none is Base
	GroupsBases   []string // DNs under which groups are, perhaps in another suffix; none is Base, "-" reads no groups
	PeopleFilter  string   // "" is inetOrgPerson and Active Directory's user
	GroupsFilter  string   // "" is groupOfNames, groupOfUniqueNames, posixGroup and Active Directory's group
	SystemObjects bool     // read what Active Directory itself needs, too: Administrator, krbtgt, Domain Admins
	Attributes    []string // of people to read beside the usual ones
	ID            string   // attribute that identifies a person for good; "" is what the server keeps
	GroupID       string   // the same of groups; "" is ID where groups have it, else what the server keeps

	PageSize int           // 0 is 500
	Timeout  time.Duration // for the next entry of a search; 0 is 30 s
	Poll     time.Duration // how often Watch looks; 0 is a second
	Rest     time.Duration // the longest that Watch keeps a change back so that passes take a tenth of the time; 0 is 5 s
	Names    time.Duration // how often all names are read where changes alone do not show who is gone; 0 is an hour
	// Dial connects; nil reaches public addresses only.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time // nil is time.Now
}

// ParseConfig reads a connection's settings, named like the fields of Config in lower case with underscores: url, start_tls,
// ca, bind_dn, insecure, base, people_base and groups_base (several DNs one a line, or divided by semicolons), people_filter,
// groups_filter, system_objects, attributes (separated by blanks or commas), id or user_id, group_id, page_size, names_interval
// (such as 30m).
func ParseConfig(settings map[string]string) (Config, error) {
	var c Config
	for name, value := range settings {
		if err := c.set(name, strings.TrimSpace(value)); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Config) set(name, value string) (err error) {
	texts := map[string]*string{
		"url": &c.URL, "bind_dn": &c.BindDN, "base": &c.Base, "people_filter": &c.PeopleFilter, "groups_filter": &c.GroupsFilter,
		"group_id": &c.GroupID,
	}
	switches := map[string]*bool{"start_tls": &c.StartTLS, "insecure": &c.Insecure, "system_objects": &c.SystemObjects}
	switch {
	case texts[name] != nil:
		*texts[name] = value
	case value == "":
		_, known := switches[name]
		if !known && !slices.Contains([]string{"ca", "id", "user_id", "people_base", "groups_base", "attributes", "page_size", "names_interval"}, name) {
			return invalid("an LDAP source has no setting %q", name)
		}
	case switches[name] != nil:
		*switches[name], err = strconv.ParseBool(value)
	case name == "ca":
		c.CA = []byte(value)
	case name == "id", name == "user_id":
		if c.ID != "" && c.ID != value {
			return invalid("id and user_id are the same setting: give one of them")
		}
		c.ID = value
	case name == "people_base":
		c.PeopleBases = splitDNs(value)
	case name == "groups_base":
		c.GroupsBases = splitDNs(value)
	case name == "attributes":
		c.Attributes = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' })
	case name == "page_size":
		c.PageSize, err = strconv.Atoi(value)
	case name == "names_interval":
		c.Names, err = time.ParseDuration(value)
	default:
		return invalid("an LDAP source has no setting %q", name)
	}
	if err != nil {
		return invalid("the setting %s cannot be %q", name, value)
	}
	return nil
}

// splitDNs reads a list of DNs, one a line or divided by semicolons. A semicolon within a DN is written \; (RFC 4514 §2.4).
func splitDNs(value string) []string {
	var list []string
	begin := 0
	for i := 0; i <= len(value); i++ {
		switch {
		case i < len(value) && value[i] == '\\':
			i++
		case i == len(value) || value[i] == ';' || value[i] == '\n':
			if dn := strings.TrimSpace(value[begin:i]); dn != "" {
				list = append(list, dn)
			}
			begin = i + 1
		}
	}
	return list
}

func invalid(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}

const (
	peopleFilter = "(|(objectClass=inetOrgPerson)(&(objectCategory=person)(objectClass=user)(!(objectClass=computer))))"
	groupsFilter = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))"
)

// newServer checks the settings and fills in what they leave out.
func newServer(c Config) (*server, error) {
	u, err := url.Parse(strings.TrimSpace(c.URL))
	if err != nil || (u.Scheme != "ldap" && u.Scheme != "ldaps") || u.Hostname() == "" {
		return nil, invalid("%q is not the address of an LDAP server; it should look like ldaps://ldap.example.com", c.URL)
	}
	s := &server{host: u.Hostname(), ldaps: u.Scheme == "ldaps"}
	s.address = net.JoinHostPort(s.host, or(u.Port(), map[bool]string{false: "389", true: "636"}[s.ldaps]))
	switch {
	case s.ldaps && c.StartTLS:
		return nil, invalid("%s has TLS from the start: StartTLS would do it twice", c.URL)
	case c.Base == "" && (len(c.PeopleBases) == 0 || len(c.GroupsBases) == 0):
		return nil, invalid("an LDAP source needs a base, such as dc=example,dc=com")
	case c.PageSize < 0 || c.PageSize > 10_000:
		return nil, invalid("the page size %d is not between 1 and 10000", c.PageSize)
	case c.Names < 0:
		return nil, invalid("the interval %v is negative", c.Names)
	}
	if s.tls, err = trust(s.host, c.CA); err != nil {
		return nil, err
	}
	if len(c.PeopleBases) == 0 {
		c.PeopleBases = []string{c.Base}
	}
	switch {
	case len(c.GroupsBases) == 0:
		c.GroupsBases = []string{c.Base}
	case slices.Equal(c.GroupsBases, []string{"-"}):
		c.GroupsBases = nil
	}
	c.PeopleBases, c.GroupsBases = outermost(c.PeopleBases), outermost(c.GroupsBases)
	c.PeopleFilter, c.GroupsFilter = or(c.PeopleFilter, peopleFilter), or(c.GroupsFilter, groupsFilter)
	c.PageSize, c.Timeout, c.Poll, c.Names = or(c.PageSize, 500), or(c.Timeout, 30*time.Second), or(c.Poll, time.Second), or(c.Names, time.Hour)
	c.Rest = or(c.Rest, 5*time.Second)
	if c.Dial == nil {
		c.Dial = (&web.Dialer{}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s.config = c
	return s, nil
}

// trust returns the TLS settings for a server.
func trust(host string, authorities []byte) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if len(authorities) == 0 {
		return c, nil
	}
	var err error
	if c.RootCAs, err = x509.SystemCertPool(); err != nil {
		c.RootCAs = x509.NewCertPool()
	}
	if !c.RootCAs.AppendCertsFromPEM(authorities) {
		return nil, invalid("the certification authority is no certificate in PEM form")
	}
	return c, nil
}

// outermost leaves out a base that is below another one: its entries would come twice.
func outermost(bases []string) []string {
	var list []string
	for i, base := range bases {
		inside := func(j int) bool {
			a, b := foldDN(base), foldDN(bases[j])
			return i != j && within(a, b) && (a != b || j < i)
		}
		covered := false
		for j := range bases {
			covered = covered || inside(j)
		}
		if !covered {
			list = append(list, base)
		}
	}
	return list
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
