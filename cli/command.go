// Package cli is what every command of the program runs with, whatever it does: the flags that all have, the server that it talks to, how
// results and failures are told, and the exit codes.
//
// Invariants. Standard output carries the result and nothing else; what is said beside it goes to standard error. Secrets come from files,
// standard input or a prompt. No command ends with 0 while something of what it was about is held, failing, unread or pending.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"lockstep"
	"lockstep/api"
	"lockstep/reach"
	"lockstep/report"
	"lockstep/terminal"
)

// Globals are the flags of every command. Those marked env-also can be given as LOCKSTEP_<NAME> as well.
type Globals struct {
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
	Hosting
}

// Hosting are the flags of reach.Host.
type Hosting struct {
	Data         string   `placeholder:"DIR" env-also:"1" help:"Data folder ($$LOCKSTEP_DATA)."`
	Store        string   `placeholder:"URL" env-also:"1" help:"postgres://… instead of SQLite in the data folder ($$LOCKSTEP_STORE)."`
	KeyFile      string   `placeholder:"FILE" env-also:"1" help:"Key that seals secrets; made in the configuration folder when absent ($$LOCKSTEP_KEY_FILE)."`
	Files        string   `placeholder:"DIR" env-also:"1" help:"Folder that the default tenant's file sources may read; the data folder's files when absent ($$LOCKSTEP_FILES)."`
	TenantFiles  string   `placeholder:"DIR" env-also:"1" help:"Folder with one for each other tenant's file sources, named like it; the data folder's tenants when absent ($$LOCKSTEP_TENANT_FILES)."`
	AllowNetwork []string `placeholder:"CIDR" sep:"," env-also:"1" help:"Private networks that connectors may reach, such as 10.0.0.0/8 ($$LOCKSTEP_ALLOW_NETWORK)."`
}

// Command is what a command runs with.
type Command struct {
	Globals
	Ctx            context.Context
	Stdin          io.Reader
	Stdout, Stderr *terminal.Screen
	Env            terminal.Environment
	Path           string   // of the command that runs, as it is typed: "app add"
	flags          []string // that it has of its own

	// What Open makes.
	Place *reach.Place   // where a server of this machine keeps what it has
	Log   *slog.Logger   // for people at a terminal, or JSON
	Level slog.LevelVar  // of the log
	Out   *report.Output // where results go

	Reached *reach.Server // the server that the command talks to, once it does
}

// Open settles what depends on flags and environment.
func (c *Command) Open() {
	if c.Output == "" { // parsing stopped early
		c.Output = "table"
	}
	c.Stdout.JSON = c.Output != "table"
	forced := c.Env.Get("FORCE_COLOR") != "" || c.Env.Get("CLICOLOR_FORCE") != ""
	c.Stdout.Colours = (c.Stdout.IsTerminal() || forced) && !c.NoColor && c.Env.Get("NO_COLOR") == "" && c.Env.Get("TERM") != "dumb"
	c.Out = &report.Output{Form: c.Output, Screen: c.Stdout, Say: c.Say}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	c.Place = &reach.Place{Host: reach.Host(c.Hosting), Getenv: c.Env.Get, Say: c.Say}
	c.Logs(level)
}

// Logs sets what is logged: text to a terminal, and JSON elsewhere.
func (c *Command) Logs(level slog.Level) {
	c.Level.Set(level)
	options := &slog.HandlerOptions{Level: &c.Level}
	if c.Stderr.IsTerminal() {
		c.Log = slog.New(slog.NewTextHandler(c.Stderr, options))
	} else {
		c.Log = slog.New(slog.NewJSONHandler(c.Stderr, options))
	}
	c.Place.Log = c.Log
}

// Client returns a client of the server that the command talks to.
func (c *Command) Client() (*api.Client, error) {
	if c.Reached != nil {
		return c.Reached.Client, nil
	}
	var err error
	if c.Server != "" {
		c.Reached, err = c.remote()
	} else {
		c.Reached, err = c.Place.Local(c.Ctx)
	}
	if err != nil {
		return nil, err
	}
	c.Reached.Client.Tenant = c.Tenant
	return c.Reached.Client, nil
}

func (c *Command) remote() (*reach.Server, error) {
	token := c.Env.Get("LOCKSTEP_TOKEN")
	if c.TokenFile != "" {
		var err error
		if token, err = c.Secret("token", c.TokenFile, false); err != nil {
			return nil, err
		}
	}
	if token == "" {
		return nil, &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "No token: give --token-file or LOCKSTEP_TOKEN."}
	}
	return reach.Remote(c.Server, token), nil
}

// Found returns a client for a command that may be the first on a data folder: it makes what is not there yet. Every other command looks
// for data that are there, so that a folder which was misspelt does not become an empty one.
func (c *Command) Found() (*api.Client, error) {
	c.Place.Founds = true
	return c.Client()
}

// Anywhere returns a client for a command that asks for nothing that is kept: without data, of a server on a folder that goes with it.
func (c *Command) Anywhere() (*api.Client, error) {
	client, err := c.Client()
	if lockstep.CodeOf(err) != lockstep.CodeNoData {
		return client, err
	}
	if c.Reached, err = c.Place.Scratch(c.Ctx); err != nil {
		return nil, err
	}
	return c.Reached.Client, nil
}

// Slug names the app or source that a command is about.
type Slug = string

// About returns a client, and the app that was named or the only one there is.
func (c *Command) About(name string) (*api.Client, Slug, error) {
	client, err := c.Client()
	if err != nil {
		return nil, "", err
	}
	name, err = onlyApp(c.Ctx, client, name)
	return client, name, err
}

// Provide hands a command what its Run asks for: a client, and the app or source that its argument or flag App, Job or Source names, or the only
// one there is.
func (c *Command) Provide(parsed *kong.Context) error {
	for _, f := range parsed.Selected().Flags {
		c.flags = append(c.flags, f.Name)
	}
	return errors.Join(
		parsed.BindToProvider(c.Client),
		parsed.BindToProvider(func(client *api.Client) (Slug, error) { return onlyApp(c.Ctx, client, appOf(parsed)) }),
	)
}

// appOf is the app that a command line names.
func appOf(parsed *kong.Context) Slug {
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

// Close ends what the command reached.
func (c *Command) Close() error {
	if c.Reached == nil {
		return nil
	}
	return c.Reached.Close()
}

// Say tells something beside the result.
func (c *Command) Say(format string, args ...any) {
	if !c.Quiet {
		_, _ = io.WriteString(c.Stderr, c.typed(terminal.Line(format, args...))+"\n") // nobody is left to tell
	}
}

// shown is where a command of ours begins in a sentence.
var shown = regexp.MustCompile(`(^|[^\w/.@-])lockstep ([a-z])`)

// typed puts the flags by which this command found its server and tenant into the commands that a sentence tells to type next: without them
// they would speak of another. What the environment says already is left out.
func (c *Command) typed(sentence string) string {
	var flags strings.Builder
	for _, f := range []struct{ name, value string }{
		{"server", c.Server}, {"token-file", c.TokenFile}, {"tenant", c.Tenant}, {"data", c.Data}, {"store", c.Store}, {"key-file", c.KeyFile},
	} {
		known := c.Env.Get("LOCKSTEP_" + strings.ToUpper(strings.ReplaceAll(f.name, "-", "_")))
		if f.value == "" || f.value == known || f.name == "store" && hasPassword(f.value) {
			continue
		}
		flags.WriteString(" --" + f.name + " " + quoted(f.value))
	}
	if flags.Len() == 0 {
		return sentence
	}
	return shown.ReplaceAllStringFunc(sentence, func(s string) string { return strings.Replace(s, "lockstep", "lockstep"+flags.String(), 1) })
}

// hasPassword reports whether a database's address may have a password in it.
func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || u.Query().Has("sslpassword")
}

// quoted is a word as a shell reads it.
func quoted(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Fail reports the error, if there is one, and returns the exit code.
func (c *Command) Fail(err error) int {
	if err == nil {
		return ExitDone
	}
	if cause := context.Cause(c.Ctx); cause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		err = cause
	}
	if errors.Is(err, context.Canceled) && c.Ctx.Err() != nil {
		return ExitInterrupted // who pressed Ctrl-C knows
	}
	if told, ok := errors.AsType[*Outcome](err); ok {
		return told.Code // the result has said it
	}
	f := report.FailureOf(err, c.Path)
	if c.Output != "table" {
		c.Stderr.JSON = true
		_ = json.NewEncoder(c.Stderr).Encode(f) // nobody is left to tell
		return exitCode(err)
	}
	terminal.Printf(c.Stderr, "lockstep: %s [%s]\n", f.Message, f.Code)
	for _, more := range []string{f.About(c.flags), f.Hint} {
		if more != "" {
			terminal.Printf(c.Stderr, "  %s\n", c.typed(more))
		}
	}
	return exitCode(err)
}

// Confirm asks before a change. Without a terminal to ask on, --yes is needed.
func (c *Command) Confirm(question string) error {
	if c.Yes {
		return nil
	}
	yes, err := c.Stderr.Confirm(c.Stdin, question)
	if err == nil && !yes {
		return &Outcome{Code: ExitInterrupted, Text: "not confirmed"}
	}
	return err
}

// Sure does what the server refuses, with a code, to whoever is not sure: it says why, and asks. With --yes there is no question; where nobody can be
// asked, and for programs, the refusal stands.
func (c *Command) Sure(code lockstep.Code, question string, do func(sure bool) error) error {
	err := do(c.Yes)
	if lockstep.CodeOf(err) != code || c.Output != "table" || !terminal.IsTerminal(c.Stdin) {
		return err
	}
	if err := c.Confirm(report.FailureOf(err, c.Path).Message + " " + question); err != nil {
		return err
	}
	return do(true)
}

// Remove has something removed, after a question unless that is empty, and tells: what was done, to what, in a sentence.
func (c *Command) Remove(question, done, name, sentence string, do func(client *api.Client, ctx context.Context, name string) error) error {
	if question != "" {
		if err := c.Confirm(question); err != nil {
			return err
		}
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if err := do(client, c.Ctx, name); err != nil {
		return err
	}
	return c.Did(nil, done, name, sentence)
}

// mostOnAPage is how many lines are asked for at once.
const mostOnAPage = 1000

// Pages reads pages until there are enough lines or no more, and says so when there are more. A limit of 0 is none.
func Pages[T any](c *Command, limit int, read func(after string, n int) (page []T, next string, err error)) ([]T, error) {
	var all []T
	for after := ""; ; {
		n := mostOnAPage
		if limit > 0 {
			n = min(limit-len(all), n)
		}
		page, next, err := read(after, n)
		if err != nil {
			return nil, err
		}
		if all, after = append(all, page...), next; next == "" {
			return all, nil
		}
		if limit > 0 && len(all) >= limit {
			c.Say("There are more than these %d. --limit says how many are listed; 0 is all of them.", len(all))
			return all, nil
		}
	}
}

// Secret reads a secret: from a file, from standard input, or by a prompt that does not show it.
func (c *Command) Secret(what, file string, fromStdin bool) (string, error) {
	return c.Stderr.Secret(c.Stdin, what, file, fromStdin)
}

// Wait waits, unless the command ends before.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
