package parts

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Mail is a running mail server that is not ours.
type Mail struct {
	Port int
	box  string
}

// Letter is a mail that the server has taken.
type Letter struct {
	User   string   `json:"user"`   // who had signed in
	Secure bool     `json:"secure"` // by TLS
	From   string   `json:"from"`
	To     []string `json:"to"`
	Text   string   `json:"text"`
}

// Letters are those that the server has taken, the oldest first.
func (m *Mail) Letters(t testing.TB) []Letter {
	t.Helper()
	f, err := os.Open(m.box)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []Letter
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l Letter
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// NodeMail starts the mail server of e2e/mail (smtp-server, from npm) on loopback. The mode is starttls, tls, plain or old; sign-in is
// asked for as lockstep with the password secret when signIn is set. The files are the server's certificate and key. What it refuses
// is said in e2e/mail/server.js.
func NodeMail(t testing.TB, mode string, signIn bool, cert, key string) *Mail {
	t.Helper()
	node := Need(t, "node")
	NeedFile(t, filepath.Join("e2e", "mail", "node_modules", "smtp-server"))
	script := NeedFile(t, filepath.Join("e2e", "mail", "server.js"))
	dir, err := os.MkdirTemp("", "lockstep-mail-")
	if err != nil {
		t.Fatal(err)
	}
	m := &Mail{box: filepath.Join(dir, "box")}
	env := []string{"MODE=" + mode, "CERT=" + cert, "KEY=" + key, "BOX=" + m.box}
	if signIn {
		env = append(env, "USER=lockstep", "PASSWORD=secret")
	} else {
		env = append(env, "USER=") // the machine's own has the same name
	}
	server, err := supervise(dir, "TERM", "ready ", nil, "env", append(env, node, script)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	_, port, _ := strings.Cut(server.ready, "ready ")
	m.Port, err = strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// OpenSMTPD is a running OpenSMTPD without TLS: people of acme.example named ada and ben have mailboxes, later@acme.example is refused
// for now, and nobody else is known.
type OpenSMTPD struct {
	Port int
	mail string
}

// openSMTPDConfig is smtpd.conf(5): folder twice, then the port.
const openSMTPDConfig = `
table people { "ada@acme.example" = "nobody", "ben@acme.example" = "nobody", "later@acme.example" = "nobody" }
filter later phase rcpt-to match rcpt-to regex { "^later@" } reject "451 4.3.0 not now"
listen on 127.0.0.1 port %d filter later
action in maildir "%s/mail" virtual <people>
match from any for domain "acme.example" action in
`

// Smtpd starts OpenSMTPD on loopback. It changes its own user, and keeps its queue where its package does, so it needs root, and runs
// with a queue and a run folder of its own. The server ends with the test.
func Smtpd(t testing.TB) *OpenSMTPD {
	t.Helper()
	smtpd, unshare := Need(t, "smtpd"), Need(t, "unshare")
	if os.Geteuid() != 0 {
		t.Skip("OpenSMTPD needs root") // test.sh says so
	}
	dir, err := os.MkdirTemp("/tmp", "lockstep-smtpd-")
	if err != nil {
		t.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(address, ":")
	m := &OpenSMTPD{mail: filepath.Join(dir, "mail")}
	if m.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0))
	config := filepath.Join(dir, "smtpd.conf")
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Mkdir(m.mail, 0o777), //nolint:gosec // nobody delivers into it
		os.WriteFile(config, fmt.Appendf(nil, openSMTPDConfig, m.Port, dir), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const run = `mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/spool && mkdir -m 711 /var/spool/smtpd && exec "$0" -d -v -f "$1"`
	server, err := supervise(dir, "TERM", "smtp: listen on", nil, unshare, "-m", "sh", "-c", run, smtpd, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	awaitListening(t, address)
	return m
}

// Await waits until so many letters have been delivered, and returns their texts.
func (m *OpenSMTPD) Await(t testing.TB, n int) []string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(m.mail, "new", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= n {
			var all []string
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, string(text))
			}
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("%d letters were delivered, not %d", len(files), n)
		}
	}
}
