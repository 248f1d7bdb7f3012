package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"lockstep"
	"lockstep/api"
	"lockstep/words"
)

// globals are the flags of every command. Those marked env-also can be given as LOCKSTEP_<NAME> as well.
type globals struct {
	ShowVersion kong.VersionFlag `name:"version" help:"Show the version and end."`
	Server      string           `placeholder:"URL" env-also:"1" help:"Talk to this server. Without it: to the one on the data folder ($$LOCKSTEP_SERVER)."`
	TokenFile   string           `placeholder:"FILE" env-also:"1" help:"File with the API token for --server ($$LOCKSTEP_TOKEN_FILE, or the token itself in $$LOCKSTEP_TOKEN)."`
	Tenant      string           `placeholder:"SLUG" env-also:"1" help:"Tenant to speak of, for tokens that belong to none ($$LOCKSTEP_TENANT)."`
	Output      string           `short:"o" enum:"table,json,jsonl" default:"table" env-also:"1" help:"Form of the result: table, json or jsonl ($$LOCKSTEP_OUTPUT)."`
	Yes         bool             `short:"y" help:"Do not ask before a change."`
	Quiet       bool             `short:"q" help:"Say nothing beside the result."`
	Verbose     bool             `short:"v" help:"Say more."`
	NoColor     bool             `help:"No colours ($$NO_COLOR)."`
	Timeout     time.Duration    `placeholder:"DURATION" help:"Give up after this, such as 30s."`
	hosting
}

// hosting says where a server of this process keeps what it has, and what it may reach.
type hosting struct {
	Data         string   `placeholder:"DIR" env-also:"1" help:"Data folder ($$LOCKSTEP_DATA)."`
	Store        string   `placeholder:"URL" env-also:"1" help:"postgres://… instead of SQLite in the data folder ($$LOCKSTEP_STORE)."`
	KeyFile      string   `placeholder:"FILE" env-also:"1" help:"Key that seals secrets; made in the configuration folder when absent ($$LOCKSTEP_KEY_FILE)."`
	Files        string   `placeholder:"DIR" env-also:"1" help:"Folder that the default tenant's file sources may read; the data folder's files when absent ($$LOCKSTEP_FILES)."`
	TenantFiles  string   `placeholder:"DIR" env-also:"1" help:"Folder with one for each other tenant's file sources, named like it; the data folder's tenants when absent ($$LOCKSTEP_TENANT_FILES)."`
	AllowNetwork []string `placeholder:"CIDR" sep:"," env-also:"1" help:"Private networks that connectors may reach, such as 10.0.0.0/8 ($$LOCKSTEP_ALLOW_NETWORK)."`
}

// cli is what a command runs with.
type cli struct {
	globals
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr *screen
	env            environment
	terminal       bool // standard error is one
	colour         bool // of standard output
	reached        *reached
	founds         bool   // the command may make a database
	command        string // that runs, as it is typed: "app add"
	log            *slog.Logger
}

// open settles what depends on flags and environment.
func (c *cli) open() {
	if c.Output == "" { // parsing stopped early
		c.Output = "table"
	}
	c.stdout.json = c.Output != "table"
	c.terminal = isTerminal(c.stderr.out)
	forced := c.env.get("FORCE_COLOR") != "" || c.env.get("CLICOLOR_FORCE") != ""
	c.colour = (isTerminal(c.stdout.out) || forced) && !c.NoColor && c.env.get("NO_COLOR") == "" && c.env.get("TERM") != "dumb"
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	c.log = c.newLog(level)
}

// newLog writes text to a terminal and JSON elsewhere.
func (c *cli) newLog(level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if c.terminal {
		return slog.New(slog.NewTextHandler(c.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(c.stderr, options))
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// close ends what the command reached.
func (c *cli) close() error {
	if c.reached == nil {
		return nil
	}
	return c.reached.close()
}

// say tells something beside the result.
func (c *cli) say(format string, args ...any) {
	if !c.Quiet {
		fmt.Fprintf(c.stderr, format+"\n", cleaned(args)...)
	}
}

// fail reports the error, if there is one, and returns the exit code.
func (c *cli) fail(err error) int {
	if err == nil {
		return exitDone
	}
	if cause := context.Cause(c.ctx); cause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		err = cause
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted // who pressed Ctrl-C knows
	}
	if told, ok := errors.AsType[*outcome](err); ok {
		return told.code // the result has said it
	}
	code := lockstep.CodeOf(err)
	entry := lockstep.Describe(code)
	message := messageOf(err, entry)
	if c.Output != "table" {
		c.stderr.json = true
		_ = json.NewEncoder(c.stderr).Encode(map[string]string{ // nobody is left to tell
			"code": string(code), "message": message, "hint": hintFor(err, entry, c.command), "doc": "docs/errors.md#" + string(code),
		})
		return exitCode(err)
	}
	fmt.Fprintf(c.stderr, "lockstep: %s [%s]\n", words.Clean(message), code)
	if hint := hintFor(err, entry, c.command); hint != "" {
		fmt.Fprintf(c.stderr, "  %s\n", hint)
	}
	return exitCode(err)
}

// messageOf is the error as a sentence. What has a code says it in its detail; beneath lies what helps with the rest.
func messageOf(err error, entry lockstep.Entry) string {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return strings.TrimSuffix(p.Error(), " ["+string(p.Code)+"]")
	}
	e, ok := errors.AsType[*lockstep.Error](err)
	if !ok {
		return err.Error()
	}
	message := e.Detail
	if message == "" {
		message = entry.Title
	}
	if e.Err != nil {
		message += " (" + e.Err.Error() + ")"
	}
	return message
}

// dataFolder is --data, or where the system keeps a user's data.
func (c *cli) dataFolder() (string, error) {
	if c.Data != "" {
		return filepath.Abs(c.Data)
	}
	if dir := c.env.get("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "lockstep"), nil
	}
	if dir := c.env.get("STATE_DIRECTORY"); dir != "" { // of a systemd unit
		return dir, nil
	}
	home := c.env.get("HOME")
	if home == "" {
		return "", usage("There is no home folder: name the data folder with --data.")
	}
	return filepath.Join(home, ".local", "share", "lockstep"), nil
}

func usage(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf(format, args...)}
}

// confirm asks before a change. Without a terminal to ask on, --yes is needed.
func (c *cli) confirm(question string) error {
	if c.Yes {
		return nil
	}
	if !isTerminal(c.stdin) {
		return usage("%s Nobody can be asked here: give --yes.", question)
	}
	fmt.Fprintf(c.stderr, "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(c.stdin, &answer); err != nil || !strings.HasPrefix(strings.ToLower(answer), "y") {
		return &outcome{code: exitInterrupted, text: "not confirmed"}
	}
	return nil
}

// secret reads a secret: from a file, from standard input, or by a prompt that does not show it.
func (c *cli) secret(what, file string, fromStdin bool) (string, error) {
	switch {
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return "", usage("The %s cannot be read from the file: %v.", what, err)
		}
		return strings.TrimSpace(string(text)), nil
	case fromStdin:
		text, err := io.ReadAll(io.LimitReader(c.stdin, 1<<20))
		return strings.TrimSpace(string(text)), err
	}
	f, ok := c.stdin.(*os.File)
	if !ok || !isTerminal(f) {
		return "", usage("Give the %s in a file or on standard input.", what)
	}
	fmt.Fprintf(c.stderr, "%s: ", what)
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(c.stderr)
	return strings.TrimSpace(string(text)), err
}
