// Package parts starts the real servers that tests run against: PostgreSQL and OpenLDAP from the machine's own binaries, and a
// SCIM server from npm. Each keeps to a temporary folder and is reachable from this machine only. Only tests import it.
//
// Design: every server runs under a supervisor, five lines of shell that hold the read end of a pipe. The test binary holds
// the write end and does nothing with it. When the binary ends, in whatever way (return, panic, kill -9), the kernel closes
// the pipe; the supervisor then ends the server and removes its folder. So no test leaves a process or a file behind, and
// there is nothing to register in TestMain.
//
// A missing binary skips the test on a developer's machine. Under CI=true nothing is skipped: it fails.
package parts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Need returns the path of a program that the test cannot do without. When it is not installed the test is skipped, or fails
// if the environment says CI=true. Beside PATH it looks where Debian keeps daemons and PostgreSQL's own binaries.
func Need(t testing.TB, tool string) string {
	t.Helper()
	path, err := find(tool)
	switch {
	case err == nil:
	case inCI():
		t.Fatalf("%v; under CI=true nothing is skipped", err)
	default:
		t.Skipf("%v; `make test` installs it on Debian", err)
	}
	return path
}

// NeedFile is Need for a file below the module's root that `make test` installs. It returns the file's path.
func NeedFile(t testing.TB, name string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, name)
	switch {
	case exists(path):
	case inCI():
		t.Fatalf("%s is not installed; under CI=true nothing is skipped", name)
	default:
		t.Skipf("%s is not installed; `make test` does it", name)
	}
	return path
}

// moduleRoot is the folder of go.mod; tests run in their package's folder, somewhere below.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil && !exists(filepath.Join(dir, "go.mod")); dir = filepath.Dir(dir) {
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working folder")
		}
	}
	return dir, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func inCI() bool { return os.Getenv("CI") == "true" }

// find looks for tool on PATH, in the sbin folders (which a user's PATH often lacks), and in the newest PostgreSQL.
func find(tool string) (string, error) {
	if path, err := exec.LookPath(tool); err == nil {
		return path, nil
	}
	candidates := []string{"/usr/sbin/" + tool, "/usr/local/sbin/" + tool, "/usr/libexec/" + tool}
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + tool)
	if err != nil {
		return "", err
	}
	slices.SortFunc(versions, func(a, b string) int { // "9" before "15": by length, then by text
		if d := len(b) - len(a); d != 0 {
			return d
		}
		return strings.Compare(b, a)
	})
	for _, path := range append(candidates, versions...) {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", tool)
}

// supervisor runs "$@" after the folder and the stop signal, until the program or standard input ends; then it removes the
// folder. The inner shell's output goes nowhere, so that the reader of the program's output sees its end. It is ended by nobody:
// a number of a process that has ended may be another's by then, so it signals the program only while there is the folder.
const supervisor = `
dir=$1 signal=$2; shift 2
exec 3<&0
"$@" </dev/null 2>&1 3<&- & program=$!
( cat <&3; [ -d "$dir" ] && kill -s "$signal" "$program" ) >/dev/null 2>&1 &
wait "$program"
mv "$dir" "$dir.gone" 2>/dev/null && dir=$dir.gone
rm -rf "$dir"
`

// server is a supervised program.
type server struct {
	cmd   *exec.Cmd
	stdin io.Closer     // closing it ends the program
	ready string        // the line of output that said that it is ready
	ended chan struct{} // closed when the program's output has ended
}

// errEnded means that a program ended before it was ready.
var errEnded = errors.New("ended before it was ready")

// supervise starts a program that keeps everything in dir and returns once a line of its output contains ready. The
// credential may be nil.
func supervise(dir, signal, ready string, as *syscall.Credential, program string, args ...string) (*server, error) {
	cmd := exec.Command("sh", append([]string{"-c", supervisor, "supervisor", dir, signal, program}, args...)...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as} // a terminal's Ctrl-C must not overtake the clean-up
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	if err := s.await(stdout, ready); err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	return s, nil
}

// await reads the program's output until the ready line, for a minute at most, and leaves a goroutine that drains the rest.
func (s *server) await(output io.Reader, ready string) error {
	up := make(chan error, 1)
	go func() {
		defer close(s.ended)
		var seen strings.Builder
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			fmt.Fprintln(&seen, lines.Text())
			if strings.Contains(lines.Text(), ready) {
				s.ready = lines.Text()
				up <- nil
				_, _ = io.Copy(io.Discard, output) // its end is all that matters
				return
			}
		}
		up <- fmt.Errorf("%w:\n%s", errEnded, seen.String())
	}()
	select {
	case err := <-up:
		return err
	case <-time.After(time.Minute):
		return errors.New("not ready after a minute")
	}
}

// stop ends the program and waits until its folder is gone.
func (s *server) stop() {
	_ = s.stdin.Close() // already closed when the program has ended by itself
	<-s.ended
	_ = s.cmd.Wait() // the status tells of the signal we sent
}
