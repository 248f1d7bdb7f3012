package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// home is an administrator's machine: folders of its own and an environment in which the program runs.
type home struct {
	t   testing.TB
	dir string // working folder, $HOME
	env []string
}

// newHome makes a home. The variables are added to its environment, each as NAME=value.
func newHome(t testing.TB, variables ...string) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir()}
	h.env = append([]string{
		"PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + h.dir, "TMPDIR=" + h.dir,
		"XDG_DATA_HOME=" + filepath.Join(h.dir, "share"), "XDG_CONFIG_HOME=" + filepath.Join(h.dir, "config"),
		"LOCKSTEP_LISTEN=127.0.0.1:0", "LOCKSTEP_ALLOW_NETWORK=127.0.0.0/8",
	}, variables...)
	return h
}

// set adds a variable to the environment of what runs from now on.
func (h *home) set(name, value string) { h.env = append(h.env, name+"="+value) }

// write writes a file of the home and returns its path.
func (h *home) write(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// edit changes the rows of a CSV file of the home and puts it in place whole. at is the number of a column.
func (h *home) edit(name string, change func(rows [][]string, at func(column string) int) [][]string) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		h.t.Fatal(err)
	}
	rows := change(all[1:], func(column string) int { return slices.Index(all[0], column) })
	var out strings.Builder
	if err := csv.NewWriter(&out).WriteAll(append(all[:1], rows...)); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(h.write(name+".new", out.String()), filepath.Join(h.dir, name)); err != nil {
		h.t.Fatal(err)
	}
}

// result is what a command left behind.
type result struct {
	stdout, stderr string
	code           int
}

// patience is how long a command may take. Only what hangs reaches it.
const patience = 2 * time.Minute

func (h *home) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	cmd.WaitDelay = time.Second
	return cmd
}

// try runs the program and returns whatever came out.
func (h *home) try(args ...string) result {
	h.t.Helper()
	return h.exec(binary, args...)
}

func (h *home) exec(name string, args ...string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	cmd := h.command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &failed) || ctx.Err() != nil) {
		h.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// run runs the program, which must end with 0, and returns its standard output.
func (h *home) run(args ...string) string {
	h.t.Helper()
	r := h.try(args...)
	if r.code != 0 {
		h.t.Fatalf("lockstep %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// read runs the program with -o json and reads its result into v.
func (h *home) read(v any, args ...string) {
	h.t.Helper()
	text := h.run(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		h.t.Fatalf("lockstep %s -o json: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// process is a server of the home that runs in the background.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended and was waited for

	mu     sync.Mutex
	output strings.Builder // its standard error
}

// The lines with which the servers say that they are ready.
const (
	serves = "Lockstep serves at"
	works  = "Lockstep works"
)

// start starts the program in the background and returns once a line of its standard error contains ready. It is killed at
// the end of the test, if it still runs.
func (h *home) start(ready string, args ...string) *process {
	h.t.Helper()
	return h.startCommand(ready, binary, args...)
}

// startShell is start for a shell, which gives way to the program once its output is where it should be.
func (h *home) startShell(ready string, args ...string) *process {
	h.t.Helper()
	return h.startCommand(ready, "sh", args...)
}

func (h *home) startCommand(ready, name string, args ...string) *process {
	h.t.Helper()
	p := &process{t: h.t, cmd: h.command(context.Background(), name, args...), ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is the test's
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	up := make(chan bool, 1)
	go func() {
		defer close(p.ended)
		p.scan(stderr, ready, up)
		_ = p.cmd.Wait() // how it ended is the business of whoever ended it
	}()
	h.t.Cleanup(func() {
		if h.t.Failed() {
			h.t.Logf("%s %s %s; it said\n%s", filepath.Base(name), strings.Join(args, " "), p.stands(), p.said())
		}
		p.kill()
	})
	select {
	case ok := <-up:
		if !ok {
			h.t.Fatalf("lockstep %s ended before it was ready:\n%s", strings.Join(args, " "), p.said())
		}
	case <-time.After(patience):
		h.t.Fatalf("lockstep %s is not ready:\n%s", strings.Join(args, " "), p.said())
	}
	return p
}

func (p *process) scan(stderr io.Reader, ready string, up chan<- bool) {
	told := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		p.mu.Lock()
		p.output.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if !told && strings.Contains(lines.Text(), ready) {
			told = true
			up <- true
		}
	}
	if !told {
		up <- false
	}
}

// said returns the process's standard error so far.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// stands says whether the process still runs, else how it ended. It may have been killed by nobody of this test.
func (p *process) stands() string {
	select {
	case <-p.ended:
		return "ended by itself: " + p.cmd.ProcessState.String()
	default:
		return fmt.Sprintf("runs as process %d", p.cmd.Process.Pid)
	}
}

// kill ends the process with SIGKILL and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.ended
}

// stop ends the process as an administrator would, with SIGTERM; it must then end by itself with 0.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("it does not end:\n%s", p.said())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("it ended with %d:\n%s", code, p.said())
	}
}

// eventually looks every now and then until ok says yes; at the deadline the test fails with what ok says instead, and with
// what more has to say.
func eventually(t testing.TB, within time.Duration, ok func() (bool, string), more ...func() string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for {
		good, problem := ok()
		if good {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			for _, f := range more {
				problem += "\n" + f()
			}
			t.Fatalf("not within %s: %s", within, problem)
		}
	}
}
