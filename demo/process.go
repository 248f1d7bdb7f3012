package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that the bench has started.
type process struct {
	cmd   *exec.Cmd
	said  *tail
	ended chan struct{}
}

// start runs the program with the environment of this process and what is added to it.
func start(program string, environ []string, stdout *lineWatch, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(context.Background(), program, args...), said: &tail{}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stderr = p.said
	if stdout != nil {
		p.cmd.Stdout = stdout
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s %s: %w", filepath.Base(program), args[0], err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	return p, nil
}

// gone is the error of a process that ended by itself.
func (p *process) gone() error {
	return fmt.Errorf("%s ended: %s: %s", strings.Join(p.cmd.Args[1:2], " "), p.cmd.ProcessState, p.said)
}

// stopFor is how long a process may take to end when asked to.
const stopFor = 10 * time.Second

// stop ends the process, by force if it does not hear.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	timer := time.NewTimer(stopFor)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// tail keeps the end of what a process says, for the error message when it fails.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4000

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// lineWatch waits for the first line that a process writes.
type lineWatch struct {
	once sync.Once
	text []byte
	line chan []byte // of one element
}

func newLineWatch() *lineWatch { return &lineWatch{line: make(chan []byte, 1)} }

// Write implements io.Writer.
func (l *lineWatch) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	if end := bytes.IndexByte(l.text, '\n'); end >= 0 {
		l.once.Do(func() { l.line <- bytes.Clone(l.text[:end]) })
		l.text = l.text[:0]
	}
	return len(p), nil
}

// startFor is how long a process may take until it is ready.
const startFor = 30 * time.Second

// first returns the first line that the process writes.
func (p *process) first(ctx context.Context, l *lineWatch) ([]byte, error) {
	timer := time.NewTimer(startFor)
	defer timer.Stop()
	select {
	case line := <-l.line:
		return line, nil
	case <-p.ended:
		return nil, p.gone()
	case <-timer.C:
		return nil, fmt.Errorf("%s is not ready after %s: %s", p.cmd.Args[1], startFor, p.said)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// card is what a server leaves in its data folder: how to reach it.
type card struct {
	Address string `json:"address"`
	Token   string `json:"token"`
}

// awaitCard returns the card once the server has written it.
func (p *process) awaitCard(ctx context.Context, folder string) (card, error) {
	tick, end := time.NewTicker(20*time.Millisecond), time.NewTimer(startFor)
	defer tick.Stop()
	defer end.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(folder, "server.json"))
		switch {
		case err == nil:
			var c card
			return c, json.Unmarshal(text, &c)
		case !errors.Is(err, fs.ErrNotExist):
			return card{}, err
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return card{}, p.gone()
		case <-end.C:
			return card{}, fmt.Errorf("the server is not ready after %s: %s", startFor, p.said)
		case <-ctx.Done():
			return card{}, context.Cause(ctx)
		}
	}
}

// resetPeak makes the kernel forget the largest size that the process had (proc(5), clear_refs).
func (p *process) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// peak returns the largest resident size that the process had since resetPeak, in MiB.
func (p *process) peak() (float64, error) { return p.size("VmHWM:") }

// resident returns the resident size of the process, in MiB.
func (p *process) resident() (float64, error) { return p.size("VmRSS:") }

func (p *process) size(field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseSize(string(text), field)
}

// parseSize reads a field of /proc/PID/status, such as VmHWM; the kernel writes it in KiB.
func parseSize(status, field string) (float64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("the kernel does not tell how large a process was")
}

// cpu returns the processor time that the process has used so far, in steps of 10 ms (proc(5), stat).
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(text))
}

// parseCPU adds utime and stime of /proc/PID/stat, the 14th and 15th field; the second, in brackets, may hold anything.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("the kernel does not tell how long a process has run")
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
	}
	return sum, nil
}
