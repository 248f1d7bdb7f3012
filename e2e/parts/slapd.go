package parts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// LDAP is a running OpenLDAP server with one database.
type LDAP struct {
	URL  string // ldap://127.0.0.1:port
	Base string // suffix of the database; its entry exists

	BindDN, Password       string // reads everything; subject to size limits as an ordinary account is
	AdminDN, AdminPassword string // may write; no limit applies
}

// The names in every OpenLDAP server of the tests.
const (
	ldapBase   = "dc=example,dc=com"
	ldapReader = "cn=reader," + ldapBase
	ldapAdmin  = "cn=admin," + ldapBase
	ldapSecret = "correct horse"
)

// Slapd starts an OpenLDAP server on loopback that holds the given LDIF beside the base entry dc=example,dc=com. Schemas:
// core, cosine, nis, inetorgperson. The LDIF is loaded offline, so 10,000 entries take a second; the memberOf overlay is not
// filled. The server ends with the test.
func Slapd(t testing.TB, ldif ...string) *LDAP {
	t.Helper()
	return SlapdWith(t, "", ldif...)
}

// SlapdWith is Slapd with further lines of slapd.conf(5) for the database, for example "limits * size=100". They stand
// before ours, and of several limits the first that fits counts.
func SlapdWith(t testing.TB, conf string, ldif ...string) *LDAP {
	t.Helper()
	slapd := Need(t, "slapd")
	var failed error
	for range 5 { // slapd cannot take a port that is open already, so another process may be faster: try another one
		l, server, err := startSlapd(slapd, conf, baseLDIF+strings.Join(ldif, "\n\n"))
		if err == nil {
			t.Cleanup(server.stop)
			return l
		}
		failed = err
		if !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	t.Fatal(failed)
	return nil
}

func startSlapd(slapd, conf, ldif string) (*LDAP, *server, error) {
	dir, err := os.MkdirTemp("/tmp", "lockstep-slapd-")
	if err != nil {
		return nil, nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	l := &LDAP{
		URL: "ldap://" + address, Base: ldapBase,
		BindDN: ldapReader, Password: ldapSecret, AdminDN: ldapAdmin, AdminPassword: ldapSecret,
	}
	files := ldapFiles{
		program: filepath.Join(dir, "slapd"), config: filepath.Join(dir, "slapd.conf"), database: filepath.Join(dir, "db"),
	}
	if err := files.prepare(slapd, conf, ldif); err != nil {
		_ = os.RemoveAll(dir) // the first error is the one to tell
		return nil, nil, err
	}
	server, err := supervise(dir, "TERM", "slapd starting", nil, files.program, "-f", files.config, "-h", l.URL, "-d", "none")
	if err != nil {
		return nil, nil, err
	}
	if err := awaitListener(address); err != nil {
		server.stop()
		return nil, nil, err
	}
	return l, server, nil
}

// awaitListener connects until it works: slapd says that it starts a moment before it listens, and says nothing after.
func awaitListener(address string) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// ldapFiles is what a server keeps in its folder.
type ldapFiles struct{ program, config, database string }

func (f ldapFiles) prepare(slapd, conf, ldif string) error {
	// Debian confines /usr/sbin/slapd to the system's own folders with AppArmor, by path. A copy may use ours.
	if err := copyProgram(f.program, slapd); err != nil {
		return err
	}
	if err := os.Mkdir(f.database, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(f.config, f.configuration(conf), 0o600); err != nil {
		return err
	}
	load := exec.Command(f.program, "-T", "add", "-q", "-f", f.config)
	load.Stdin = strings.NewReader(ldif)
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("slapadd: %w\n%s", err, out)
	}
	return nil
}

const baseLDIF = `dn: ` + ldapBase + `
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ` + ldapReader + `
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: ` + ldapSecret + `

`

func (f ldapFiles) configuration(conf string) []byte {
	schemas := "/etc/ldap/schema"
	if _, err := os.Stat(schemas); err != nil {
		schemas = "/etc/openldap/schema" // where others than Debian keep them
	}
	var text bytes.Buffer
	for _, schema := range []string{"core", "cosine", "nis", "inetorgperson"} {
		fmt.Fprintf(&text, "include %s/%s.schema\n", schemas, schema)
	}
	if modules := "/usr/lib/ldap"; exists(modules + "/back_mdb.so") {
		fmt.Fprintf(&text, "modulepath %s\nmoduleload back_mdb\nmoduleload syncprov\n", modules)
	}
	fmt.Fprintf(&text, `
database mdb
maxsize 1073741824
suffix %q
rootdn %q
rootpw %q
directory %q
index objectClass,entryUUID,entryCSN eq
index uid,mail,member,modifyTimestamp eq
access to * by dn.exact=%q read by anonymous auth
%s
limits dn.exact=%q size=unlimited time=unlimited
overlay syncprov
`, ldapBase, ldapAdmin, ldapSecret, f.database, ldapReader, conf, ldapReader)
	return text.Bytes()
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
