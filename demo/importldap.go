package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"lockstep/api"
)

// The names in the bench's OpenLDAP server.
const (
	ldapBase     = "dc=example,dc=com"
	ldapAdmin    = "cn=admin," + ldapBase
	ldapReader   = "cn=reader," + ldapBase
	ldapPassword = "correct horse"
)

// ldapColumns are the attributes that the source's own rules make of those of an entry.
var ldapColumns = map[string]string{
	"userName": "mail", "name.givenName": "givenname", "name.familyName": "sn", "displayName": "displayname", "title": "title",
	"preferredLanguage": "preferredlanguage", `emails[type eq "work"].value`: "mail", `phoneNumbers[type eq "work"].value`: "telephonenumber",
	`addresses[type eq "work"].locality`: "l", `addresses[type eq "work"].postalCode`: "postalcode",
	enterprise + ":employeeNumber": "employeenumber", enterprise + ":department": "departmentnumber", enterprise + ":organization": "o",
}

// ldapSource is a company in an OpenLDAP server of the bench's own.
type ldapSource struct {
	company Company
	url     string
	server  *process
}

// newLDAPSource starts a server that holds the company. The entries are loaded before it starts, which takes a second for 10,000.
func newLDAPSource(ctx context.Context, c Company, dir string) (*ldapSource, error) {
	for _, tool := range []string{"ldapsearch", "ldapmodify"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("a bench from LDAP needs slapd, ldapsearch and ldapmodify: %w", err)
		}
	}
	slapd, err := exec.LookPath("slapd")
	if err != nil {
		slapd = "/usr/sbin/slapd" // often not on the path
	}
	program, conf := filepath.Join(dir, "slapd"), filepath.Join(dir, "slapd.conf")
	text, err := os.ReadFile(slapd)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "db"), 0o700); err != nil {
		return nil, err
	}
	// Debian confines /usr/sbin/slapd to the system's own folders with AppArmor, by path. A copy may use ours.
	if err := errors.Join(os.WriteFile(program, text, 0o700), os.WriteFile(conf, slapdConf(filepath.Join(dir, "db")), 0o600)); err != nil {
		return nil, err
	}
	load := exec.CommandContext(ctx, program, "-T", "add", "-q", "-f", conf)
	in, err := load.StdinPipe()
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	load.Stdout, load.Stderr = &said, &said
	if err := load.Start(); err != nil {
		return nil, err
	}
	w := bufio.NewWriter(in)
	err = errors.Join(c.writeLDIF(w), w.Flush(), in.Close())
	if wrong := load.Wait(); wrong != nil {
		return nil, fmt.Errorf("slapadd: %w: %s", wrong, said.Bytes())
	}
	if err != nil {
		return nil, err
	}
	return startSlapd(ctx, c, program, conf)
}

func startSlapd(ctx context.Context, c Company, program, conf string) (*ldapSource, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	s := &ldapSource{company: c, url: "ldap://" + address}
	if s.server, err = start(program, nil, nil, "-f", conf, "-h", s.url, "-d", "0"); err != nil {
		return nil, err
	}
	for end := time.Now().Add(startFor); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return s, conn.Close()
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil || time.Now().After(end) {
			s.stop()
			return nil, errors.Join(err, fmt.Errorf("slapd does not listen: %s", s.server.said))
		}
	}
}

func slapdConf(database string) []byte {
	schemas := "/etc/ldap/schema"
	if _, err := os.Stat(schemas); err != nil {
		schemas = "/etc/openldap/schema" // where others than Debian keep them
	}
	var text bytes.Buffer
	for _, schema := range []string{"core", "cosine", "inetorgperson"} {
		fmt.Fprintf(&text, "include %s/%s.schema\n", schemas, schema)
	}
	if modules := "/usr/lib/ldap"; exists(modules + "/back_mdb.so") {
		fmt.Fprintf(&text, "modulepath %s\nmoduleload back_mdb\nmoduleload syncprov\n", modules)
	}
	fmt.Fprintf(&text, `
database mdb
maxsize 8589934592
suffix %q
rootdn %q
rootpw %q
directory %q
index objectClass,entryUUID,entryCSN eq
index uid,mail,member,modifyTimestamp eq
access to * by dn.exact=%q read by anonymous auth
limits dn.exact=%q size=unlimited time=unlimited
overlay syncprov
`, ldapBase, ldapAdmin, ldapPassword, database, ldapReader, ldapReader)
	return text.Bytes()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func personDN(i int) string { return fmt.Sprintf("uid=person%d,ou=people,%s", i, ldapBase) }

func groupDN(g int) string { return "cn=" + GroupName(g) + ",ou=groups," + ldapBase }

// writeLDIF writes the company as LDIF (RFC 2849).
func (c Company) writeLDIF(w io.Writer) error {
	fmt.Fprintf(w, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n", ldapBase)
	fmt.Fprintf(w, "dn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: %s\n\n", ldapReader, ldapPassword)
	fmt.Fprintf(w, "dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n\n", ldapBase)
	fmt.Fprintf(w, "dn: ou=groups,%s\nobjectClass: organizationalUnit\nou: groups\n\n", ldapBase)
	for i := range c.People {
		v := c.Person(i)
		value := func(column string) string {
			for n, name := range personColumns {
				if name == column {
					return v.Values[n]
				}
			}
			return ""
		}
		fmt.Fprintf(w, "dn: %s\nobjectClass: inetOrgPerson\nuid: person%d\ncn: %s\n", personDN(i), i, value("displayName"))
		written := map[string]bool{}
		for column, attribute := range ldapColumns {
			if v := value(column); v != "" && !written[attribute] {
				written[attribute] = true
				fmt.Fprintf(w, "%s: %s\n", attribute, v)
			}
		}
		if v.Manager >= 0 {
			fmt.Fprintf(w, "manager: %s\n", personDN(v.Manager))
		}
		fmt.Fprintln(w)
	}
	for g := range c.Groups {
		fmt.Fprintf(w, "dn: %s\nobjectClass: groupOfNames\ncn: %s\n", groupDN(g), GroupName(g))
		for _, in := range c.Inside(g) {
			fmt.Fprintf(w, "member: %s\n", groupDN(in))
		}
		for i := g; i < c.People; i += c.Groups {
			fmt.Fprintf(w, "member: %s\n", personDN(i))
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

func (s *ldapSource) stop() { s.server.stop() }

func (s *ldapSource) add(ctx context.Context, c *api.Client) error {
	_, err := c.CreateSource(ctx, api.NewSystem{Kind: "ldap", Slug: sourceSlug, Draft: true, Settings: map[string]string{
		"url": s.url, "base": ldapBase, "bind_dn": ldapReader, "insecure": "true",
	}})
	if err != nil {
		return err
	}
	_, err = c.SetConnection(ctx, sourceSlug, api.ConnectionChange{Secrets: map[string]string{"password": ldapPassword}})
	return err
}

func (s *ldapSource) fill(context.Context) error { return nil } // everybody is there

func (s *ldapSource) touch() error { return nil } // nothing shows

func (s *ldapSource) retitle(_ writing, titles map[int]string) (func(context.Context) error, error) {
	var text strings.Builder
	for i, title := range titles {
		fmt.Fprintf(&text, "dn: %s\nchangetype: modify\nreplace: title\ntitle: %s\n\n", personDN(i), title)
	}
	return func(ctx context.Context) error {
		modify := exec.CommandContext(ctx, "ldapmodify", "-x", "-H", s.url, "-D", ldapAdmin, "-w", ldapPassword)
		modify.Stdin = strings.NewReader(text.String())
		if out, err := modify.CombinedOutput(); err != nil {
			return fmt.Errorf("ldapmodify: %w: %s", err, out)
		}
		return nil
	}, nil
}

// expect asks with ldapsearch and reads what it prints.
func (s *ldapSource) expect(ctx context.Context) (*imported, error) {
	search := exec.CommandContext(ctx, "ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=1000/noprompt", "-H", s.url, "-D", ldapReader, "-w", ldapPassword, "-b", ldapBase)
	out, err := search.Output()
	if err != nil {
		return nil, fmt.Errorf("ldapsearch: %w", err)
	}
	entries, err := parseLDIF(out)
	if err != nil {
		return nil, err
	}
	columns := make([]string, 0, len(ldapColumns))
	for column := range ldapColumns {
		columns = append(columns, column)
	}
	x := newImported(columns)
	people, groups := map[string]string{}, map[string]string{} // names by folded DN
	for _, e := range entries {
		switch {
		case e.is("inetOrgPerson"):
			people[key(e.dn)] = e.first("mail")
		case e.is("groupOfNames"):
			groups[key(e.dn)] = e.first("cn")
		}
	}
	for _, e := range entries {
		switch {
		case e.is("inetOrgPerson"):
			x.person(func(column string) string { return e.first(ldapColumns[column]) }, true, people[key(e.first("manager"))])
		case e.is("groupOfNames"):
			x.group(e.first("cn"))
			for _, dn := range e.values["member"] {
				if name, ok := groups[key(dn)]; ok {
					x.member(e.first("cn"), "Group", name)
				} else {
					x.member(e.first("cn"), "User", people[key(dn)])
				}
			}
		}
	}
	return x, nil
}

// ldifEntry is an entry as ldapsearch prints it.
type ldifEntry struct {
	dn     string
	values map[string][]string // by attribute in lower case
}

func (e *ldifEntry) first(attribute string) string {
	if all := e.values[attribute]; len(all) > 0 {
		return all[0]
	}
	return ""
}

func (e *ldifEntry) is(class string) bool {
	for _, c := range e.values["objectclass"] {
		if strings.EqualFold(c, class) {
			return true
		}
	}
	return false
}

// parseLDIF reads entries whose lines are not folded. A value after two colons is in base64.
func parseLDIF(text []byte) ([]ldifEntry, error) {
	var all []ldifEntry
	e := ldifEntry{values: map[string][]string{}}
	for line := range strings.Lines(string(text) + "\n") {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			if e.dn != "" {
				all = append(all, e)
			}
			e = ldifEntry{values: map[string][]string{}}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if encoded, is := strings.CutPrefix(value, ": "); is {
			plain, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return nil, fmt.Errorf("ldapsearch prints %q: %w", line, err)
			}
			value = string(plain)
		} else {
			value = strings.TrimPrefix(value, " ")
		}
		if name = strings.ToLower(name); name == "dn" {
			e.dn = value
		} else {
			e.values[name] = append(e.values[name], value)
		}
	}
	return all, nil
}
