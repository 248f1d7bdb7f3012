// Command lockstep is the program: it serves, works, and is the command line of both.
//
// Design. Every command but serve, work, migrate and version talks to a server through api.Client: the one that --server
// names, or the one that runs on the data folder, or, if none does, the same server inside this process (package reach). So there
// is one behaviour, and a folder never has two writers. A command is a struct with a Run method, one file per noun. Run names what it
// needs as arguments, and is handed it: the client, and the app that the command is about (cli.Command.Provide). run is main without globals, so that
// tests can call it.
//
// Invariants. Standard output carries the result and nothing else: one JSON document with -o json, one object a line with
// -o jsonl. Everything said beside that goes to standard error. Secrets come from files, standard input or a prompt, never
// from arguments. The exit code is one of those of package cli.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"lockstep"
	"lockstep/cli"
	"lockstep/cmd/lockstep/signin"
	"lockstep/reach"
	"lockstep/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())
	stop()
	os.Exit(code)
}

// commands is the grammar: a few verbs for the main job, noun and verb for the rest.
type commands struct {
	cli.Globals

	Demo     demoCmd     `cmd:"" group:"try" help:"See the main job at work on this machine: a sample company and a Webex organisation."`
	Webexorg webexorgCmd `cmd:"" group:"try" help:"A Webex organisation on this machine."`
	Bench    benchCmd    `cmd:"" group:"try" help:"Measure."`

	Plan      planCmd      `cmd:"" group:"main" help:"Show what would change in an application."`
	Apply     applyCmd     `cmd:"" group:"main" help:"Carry a plan out."`
	Run       runCmd       `cmd:"" group:"main" help:"Run an app's or a source's job now and wait for its end."`
	Explain   explainCmd   `cmd:"" group:"main" help:"Tell why a person is or is not in an application."`
	Held      heldCmd      `cmd:"" group:"main" help:"What the guard holds back."`
	Undo      undoCmd      `cmd:"" group:"main" help:"Take back what was done at an application."`
	Drift     driftCmd     `cmd:"" group:"main" help:"What somebody else has changed at an application."`
	Log       logCmd       `cmd:"" group:"main" help:"The provisioning log."`
	Audit     auditCmd     `cmd:"" group:"main" help:"The audit log: who did what."`
	Provision provisionCmd `cmd:"" group:"main" help:"Provision one person or group now, or try it."`

	App        appCmd        `cmd:"" group:"config" help:"Applications."`
	Source     sourceCmd     `cmd:"" group:"config" help:"Sources of people."`
	Connection connectionCmd `cmd:"" group:"config" help:"How an app or a source is reached."`
	Assign     assignCmd     `cmd:"" group:"config" help:"Who is assigned to an app."`
	Mapping    mappingCmd    `cmd:"" group:"config" help:"Attribute mappings."`
	Scope      scopeCmd      `cmd:"" group:"config" help:"Scoping filters."`
	Exclude    excludeCmd    `cmd:"" group:"config" help:"Persons and groups that somebody keeps out of an app."`
	Account    accountCmd    `cmd:"" group:"config" help:"Whom an application has, and which accounts are nobody's."`
	Link       linkCmd       `cmd:"" group:"config" help:"To which object of an app somebody belongs."`

	IDP     signin.IDP     `cmd:"" name:"idp" group:"config" help:"Identity providers, where people sign in."`
	Client  signin.Client  `cmd:"" group:"config" help:"Applications that sign people in here."`
	Session signin.Session `cmd:"" group:"config" help:"Sessions of people who are signed in."`

	People peopleCmd `cmd:"" group:"directory" help:"People of the directory."`
	Group  groupCmd  `cmd:"" group:"directory" help:"Groups of the directory."`
	Schema schemaCmd `cmd:"" group:"directory" help:"Attributes that the tenant adds to users and groups."`

	Tenant     tenantCmd     `cmd:"" group:"server" help:"Tenants: customers, or parts of a company, that are kept apart."`
	Status     statusCmd     `cmd:"" group:"server" help:"Where the server is, and how every source and app stands."`
	Serve      serveCmd      `cmd:"" group:"server" help:"Run the server: API, queue and engine."`
	Work       workCmd       `cmd:"" group:"server" help:"Run only the queue and the engine, beside a server on PostgreSQL."`
	Migrate    migrateCmd    `cmd:"" group:"server" help:"Bring the database's schema up to date."`
	Doctor     doctorCmd     `cmd:"" group:"server" help:"Look whether everything is well, and write what a supporter needs."`
	Backup     backupCmd     `cmd:"" group:"server" help:"Back the database up, verify a backup, restore one."`
	Notify     notifyCmd     `cmd:"" group:"server" help:"Who is told by mail or webhook of what needs somebody."`
	Token      tokenCmd      `cmd:"" group:"server" help:"Tokens for the API and for SCIM clients."`
	Admin      signin.Admin  `cmd:"" group:"server" help:"Administrators: who is in the console."`
	SCIM       scimCmd       `cmd:"" name:"scim" group:"server" help:"What SCIM clients send, and where they depart from the RFCs."`
	Console    consoleCmd    `cmd:"" group:"server" help:"Make a one-time link into the web console of the running server."`
	Version    versionCmd    `cmd:"" group:"server" help:"Show the version."`
	Completion completionCmd `cmd:"" group:"server" help:"Print what teaches a shell to complete commands: source <(lockstep completion bash)."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"Print what may come next, for a shell."`
	Help       helpCmd       `cmd:"" group:"server" help:"Show help for a command, or for the flags of every command: help globals."`
}

// commandGroups are what help and the page of commands show commands under.
var commandGroups = []kong.Group{
	{Key: "try", Title: "Trying it:"},
	{Key: "main", Title: "The main job:"},
	{Key: "config", Title: "Setting up:"},
	{Key: "directory", Title: "The directory:"},
	{Key: "server", Title: "The server:"},
}

// exited carries kong's wish to end the program, after --help say.
type exited int

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) (code int) {
	c := &cli.Command{Ctx: ctx, Stdin: stdin, Stdout: terminal.New(stdout), Stderr: terminal.New(stderr), Env: terminal.Environment(environ)}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exited:
			code = int(p)
		default:
			panic(p) //nolint:forbidigo // not ours to stop
		}
	}()
	var all commands
	parser := kong.Must(&all,
		kong.Name("lockstep"), kong.Vars{"version": reach.Version()},
		kong.Description("Keeps applications in step with a company's directory."),
		kong.Writers(c.Stdout, c.Stderr), kong.Exit(func(code int) { panic(exited(code)) }), //nolint:forbidigo // kong goes on after Exit unless it is stopped
		kong.Help(terminal.Help(examples)), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Resolvers(c.Env), kong.ExplicitGroups(commandGroups),
	)
	args = terminal.Wanted(args)
	if slices.Equal(args, []string{"globals", "--help"}) {
		return c.Fail(terminal.GlobalHelp(parser))
	}
	parsed, err := parser.Parse(args)
	c.Globals = all.Globals
	if err != nil {
		c.Output = c.Env.Output(args)
	}
	c.Open()
	if err != nil {
		return c.Fail(terminal.Misunderstood(err))
	}
	c.Path = terminal.Path(parsed)
	if c.Timeout > 0 {
		var cancel func()
		c.Ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, &lockstep.Error{Code: lockstep.CodeTimeout, Detail: "The command took longer than --timeout."})
		defer cancel()
	}
	if err = c.Provide(parsed); err == nil {
		err = cli.Meant(parsed, parsed.Run(c, parser))
	}
	if closed := c.Close(); err == nil {
		err = closed
	}
	return c.Fail(err)
}
