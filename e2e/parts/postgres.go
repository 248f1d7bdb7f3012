package parts

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// Postgres returns the connection string of a fresh, empty database (UTF-8, collation C) on a PostgreSQL server that this
// test binary starts at the first call and shares among its tests. The server syncs to disk like a real one. The database
// is dropped at the end of the test, even when connections to it are still open.
func Postgres(t testing.TB) (dsn string) {
	t.Helper()
	return postgresNeeded(t).copied(t, "template0")
}

// PostgresMade is Postgres with what create has put into the database. It is called once for a name in a test binary, with no other
// connection left when it returns; every later database of the name is a copy.
func PostgresMade(t testing.TB, name string, create func(dsn string) error) (dsn string) {
	t.Helper()
	pg := postgresNeeded(t)
	if err := pg.made(name, create); err != nil {
		t.Fatal(err)
	}
	return pg.copied(t, "made_"+name)
}

func postgresNeeded(t testing.TB) *postgres {
	t.Helper()
	for _, tool := range []string{"initdb", "postgres", "createdb", "dropdb"} {
		Need(t, tool)
	}
	pg, err := sharedPostgres()
	if err != nil {
		t.Fatal(err)
	}
	return pg
}

// made makes the database to copy for a name, once.
func (p *postgres) made(name string, create func(dsn string) error) error {
	p.making.Lock()
	defer p.making.Unlock()
	if slices.Contains(p.ready, name) {
		return nil
	}
	if err := p.create("template0", "made_"+name); err != nil {
		return err
	}
	if err := create(p.dsn("made_" + name)); err != nil {
		return err
	}
	p.ready = append(p.ready, name)
	return nil
}

func (p *postgres) create(template, name string) error {
	return p.run("createdb", "--template="+template, "--encoding=UTF8", "--lc-collate=C", "--lc-ctype=C", name)
}

func (p *postgres) dsn(name string) string {
	return "postgres://" + postgresUser + "@/" + name + "?" + url.Values{"host": {p.dir}}.Encode()
}

// copied is a copy of a template until the test has ended.
func (p *postgres) copied(t testing.TB, template string) (dsn string) {
	t.Helper()
	name := "test_" + strconv.FormatInt(p.count.Add(1), 10)
	if err := p.create(template, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.run("dropdb", "--force", name); err != nil {
			t.Error(err)
		}
	})
	return p.dsn(name)
}

const postgresUser = "lockstep"

// postgres is a running server. It listens on a socket in its folder and on no network address.
type postgres struct {
	*server
	dir   string
	count atomic.Int64 // databases created so far

	making sync.Mutex
	ready  []string // names of databases that are copied
}

// sharedPostgres is the one server of this test binary; it ends with the binary.
var sharedPostgres = sync.OnceValues(startPostgres)

func startPostgres() (*postgres, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// Not os.TempDir: a socket's path may have 107 bytes, and the user postgres must be able to enter every parent.
	dir, err := os.MkdirTemp("/tmp", "lockstep-postgres-")
	if err != nil {
		return nil, err
	}
	pg := &postgres{dir: dir}
	if err := pg.start(as); err != nil {
		_ = os.RemoveAll(dir) // the first error is the one to tell
		return nil, err
	}
	return pg, nil
}

func (p *postgres) start(as *syscall.Credential) error {
	if as != nil {
		if err := os.Chown(p.dir, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	folder := filepath.Join(p.dir, "data")
	initdb, err := find("initdb")
	if err != nil {
		return err
	}
	cmd := exec.Command(initdb, "--pgdata="+folder, "--username="+postgresUser, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync") // an empty cluster is not worth a sync; the server itself syncs
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	program, err := find("postgres")
	if err != nil {
		return err
	}
	p.server, err = supervise(p.dir, "QUIT", "database system is ready to accept connections", as, program,
		"-D", folder, "-k", p.dir, "-c", "listen_addresses=", "-c", "fsync=on", "-c", "synchronous_commit=on",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "logging_collector=off", "-c", "log_destination=stderr")
	return err
}

// run runs one of PostgreSQL's client programs against the server.
func (p *postgres) run(tool string, args ...string) error {
	path, err := find(tool)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, append([]string{"--host=" + p.dir, "--username=" + postgresUser}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", tool, err, out)
	}
	return nil
}

// unprivileged returns whom to run PostgreSQL as: it refuses to run as root. Nil means as ourselves.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
