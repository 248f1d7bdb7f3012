package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"lockstep"
	"lockstep/api"
	"lockstep/reach"
	"lockstep/report"
	"lockstep/terminal"
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

// hosting are the flags of reach.Host.
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
	stdout, stderr *terminal.Screen
	out            *report.Output // where results go
	env            terminal.Environment
	place          *reach.Place  // where a server of this machine keeps what it has
	server         *reach.Server // that the command talks to, once it does
	command        string        // that runs, as it is typed: "app add"
	log            *slog.Logger
	level          slog.LevelVar // of the log
}

// open settles what depends on flags and environment.
func (c *cli) open() {
	if c.Output == "" { // parsing stopped early
		c.Output = "table"
	}
	c.stdout.JSON = c.Output != "table"
	forced := c.env.Get("FORCE_COLOR") != "" || c.env.Get("CLICOLOR_FORCE") != ""
	c.stdout.Colours = (c.stdout.IsTerminal() || forced) && !c.NoColor && c.env.Get("NO_COLOR") == "" && c.env.Get("TERM") != "dumb"
	c.out = &report.Output{Form: c.Output, Screen: c.stdout, Say: c.say}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	c.place = &reach.Place{Host: reach.Host(c.hosting), Getenv: c.env.Get, Say: c.say}
	c.logs(level)
}

// logs sets what is logged: text to a terminal, and JSON elsewhere.
func (c *cli) logs(level slog.Level) {
	c.level.Set(level)
	options := &slog.HandlerOptions{Level: &c.level}
	if c.stderr.IsTerminal() {
		c.log = slog.New(slog.NewTextHandler(c.stderr, options))
	} else {
		c.log = slog.New(slog.NewJSONHandler(c.stderr, options))
	}
	c.place.Log = c.log
}

// client returns a client of the server that the command talks to.
func (c *cli) client() (*api.Client, error) {
	if c.server != nil {
		return c.server.Client, nil
	}
	var err error
	if c.Server != "" {
		c.server, err = c.remote()
	} else {
		c.server, err = c.place.Local(c.ctx)
	}
	if err != nil {
		return nil, err
	}
	c.server.Client.Tenant = c.Tenant
	return c.server.Client, nil
}

func (c *cli) remote() (*reach.Server, error) {
	token := c.env.Get("LOCKSTEP_TOKEN")
	if c.TokenFile != "" {
		var err error
		if token, err = c.secret("token", c.TokenFile, false); err != nil {
			return nil, err
		}
	}
	if token == "" {
		return nil, &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "No token: give --token-file or LOCKSTEP_TOKEN."}
	}
	return reach.Remote(c.Server, token), nil
}

// found returns a client for a command that may be the first on a data folder: it makes what is not there yet. Every other command looks
// for data that are there, so that a folder which was misspelt does not become an empty one.
func (c *cli) found() (*api.Client, error) {
	c.place.Founds = true
	return c.client()
}

// anywhere returns a client for a command that asks for nothing that is kept: without data, of a server on a folder that goes with it.
func (c *cli) anywhere() (*api.Client, error) {
	client, err := c.client()
	if lockstep.CodeOf(err) != lockstep.CodeNoData {
		return client, err
	}
	if c.server, err = c.place.Scratch(c.ctx); err != nil {
		return nil, err
	}
	return c.server.Client, nil
}

// slug names the app or source that a command is about.
type slug = string

// about returns a client, and the app that was named or the only one there is.
func (c *cli) about(name string) (*api.Client, slug, error) {
	client, err := c.client()
	if err != nil {
		return nil, "", err
	}
	name, err = onlyApp(c.ctx, client, name)
	return client, name, err
}

// provide hands a command what its Run asks for: a client, and the app or source that its argument or flag App, Job or Source names, or the only
// one there is.
func (c *cli) provide(parsed *kong.Context) error {
	return errors.Join(
		parsed.BindToProvider(c.client),
		parsed.BindToProvider(func(client *api.Client) (slug, error) { return onlyApp(c.ctx, client, appOf(parsed)) }),
	)
}

// appOf is the app that a command line names.
func appOf(parsed *kong.Context) slug {
	node := parsed.Selected()
	values := slices.Clone(node.Positional)
	for _, flag := range node.Flags {
		values = append(values, flag.Value)
	}
	for _, v := range values {
		if v.Name == "app" || v.Name == "job" {
			return v.Target.String()
		}
	}
	return ""
}

// close ends what the command reached.
func (c *cli) close() error {
	if c.server == nil {
		return nil
	}
	return c.server.Close()
}

// say tells something beside the result.
func (c *cli) say(format string, args ...any) {
	if !c.Quiet {
		printf(c.stderr, format+"\n", args...)
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
	f := report.FailureOf(err, c.command)
	if c.Output != "table" {
		c.stderr.JSON = true
		_ = json.NewEncoder(c.stderr).Encode(f) // nobody is left to tell
		return exitCode(err)
	}
	printf(c.stderr, "lockstep: %s [%s]\n", f.Message, f.Code)
	if f.Hint != "" {
		fmt.Fprintf(c.stderr, "  %s\n", f.Hint)
	}
	return exitCode(err)
}

func usage(format string, args ...any) error { return terminal.Usage(format, args...) }

// confirm asks before a change. Without a terminal to ask on, --yes is needed.
func (c *cli) confirm(question string) error {
	if c.Yes {
		return nil
	}
	yes, err := c.stderr.Confirm(c.stdin, question)
	if err == nil && !yes {
		return &outcome{code: exitInterrupted, text: "not confirmed"}
	}
	return err
}

// remove has something removed, after a question unless that is empty, and tells: what was done, to what, in a sentence.
func (c *cli) remove(question, done, name, sentence string, do func(client *api.Client, ctx context.Context, name string) error) error {
	if question != "" {
		if err := c.confirm(question); err != nil {
			return err
		}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := do(client, c.ctx, name); err != nil {
		return err
	}
	return c.did(done, name, sentence)
}

// mostOnAPage is how many lines are asked for at once.
const mostOnAPage = 1000

// pages reads pages until there are enough lines or no more.
func pages[T any](limit int, read func(after string, n int) (page []T, next string, err error)) ([]T, error) {
	var all []T
	for after := ""; len(all) < limit; {
		page, next, err := read(after, min(limit-len(all), mostOnAPage))
		if err != nil {
			return nil, err
		}
		if all, after = append(all, page...), next; next == "" {
			break
		}
	}
	return all, nil
}

// secret reads a secret: from a file, from standard input, or by a prompt that does not show it.
func (c *cli) secret(what, file string, fromStdin bool) (string, error) {
	return c.stderr.Secret(c.stdin, what, file, fromStdin)
}

// wait waits, unless the command ends before.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
