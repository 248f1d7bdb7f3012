package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/operate"
	"lockstep/terminal"
)

// told is a command whose output is kept.
func told(t *testing.T, form string) (c *Command, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	c = &Command{Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: terminal.New(stdout), Stderr: terminal.New(stderr), Path: "app show"}
	c.Output = form
	c.Open()
	return c, stdout, stderr
}

// TestFail: a failure ends with the code of its kind, is told once on standard error, as JSON to whoever asked for JSON, and never on
// standard output.
func TestFail(t *testing.T) {
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(&lockstep.Error{Code: lockstep.CodeTimeout, Detail: "It took too long."})
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, x := range []struct {
		err  error
		ctx  context.Context
		code int
		text string
	}{
		{nil, nil, ExitDone, ""},
		{errors.New("no such thing"), nil, ExitFailed, "[internal]"},
		{terminal.Usage("Give --app."), nil, ExitUsage, "Give --app."},
		{&lockstep.Error{Code: lockstep.CodeUnreachable}, nil, ExitUnreachable, "[" + string(lockstep.CodeUnreachable) + "]"},
		{&lockstep.Error{Code: lockstep.CodeNoData}, nil, ExitUnreachable, "[" + string(lockstep.CodeNoData) + "]"},
		{&lockstep.Error{Code: lockstep.CodeStoreAway}, nil, ExitUnreachable, ""},
		{&lockstep.Error{Code: lockstep.CodeBusy}, nil, ExitTimeout, ""},
		{&lockstep.Error{Code: lockstep.CodeUnauthorized}, nil, ExitForbidden, ""},
		{&lockstep.Error{Code: lockstep.CodeSourceAuth}, nil, ExitForbidden, ""},
		{&lockstep.Error{Code: lockstep.CodeConsent}, nil, ExitForbidden, ""},
		{&lockstep.Error{Code: lockstep.CodeGuardHeld}, nil, ExitHeld, ""},
		{&lockstep.Error{Code: lockstep.CodePlanStale}, nil, ExitHeld, ""},
		{&lockstep.Error{Code: lockstep.CodeSourceShrunk}, nil, ExitHeld, ""},
		{fmt.Errorf("wrapped: %w", &lockstep.Error{Code: lockstep.CodePlanStale}), nil, ExitHeld, "[" + string(lockstep.CodePlanStale) + "]"},
		{&Outcome{Code: ExitSome, Text: "some failed"}, nil, ExitSome, ""}, // the result has said it
		{context.Canceled, stopped, ExitInterrupted, ""},
		{fmt.Errorf("the server: %w", context.Canceled), nil, ExitFailed, "[internal]"}, // nobody has pressed Ctrl-C
		{context.DeadlineExceeded, gone, ExitTimeout, "It took too long."},
	} {
		for _, form := range []string{"table", "json"} {
			c, stdout, stderr := told(t, form)
			if x.ctx != nil {
				c.Ctx = x.ctx
			}
			if got := c.Fail(x.err); got != x.code {
				t.Errorf("%v ends with %d, want %d", x.err, got, x.code)
			}
			if stdout.Len() > 0 {
				t.Errorf("%v: on standard output stands %q", x.err, stdout)
			}
			_, quiet := errors.AsType[*Outcome](x.err)
			quiet = quiet || x.err == nil || x.code == ExitInterrupted
			if (stderr.Len() == 0) != quiet || form == "table" && !strings.Contains(stderr.String(), x.text) || form == "json" && !quiet && !strings.HasPrefix(stderr.String(), `{"`) {
				t.Errorf("%v, %s: told as %q", x.err, form, stderr)
			}
		}
	}
}

// TestTell: what remains of a job is said, all of it, and the first that is not in step is the exit code.
func TestTell(t *testing.T) {
	c, _, stderr := told(t, "table")
	if err := c.Tell("webex", nil); err != nil {
		t.Errorf("nothing remains: %v", err)
	}
	err := c.Tell("webex", []operate.Finding{{Says: "One.", Exit: operate.ExitInStep}, {Says: "Two.", Exit: ExitHeld}, {Says: "Three.", Exit: ExitSome}})
	if c.Fail(err) != ExitHeld {
		t.Errorf("it ends with %d: %v", c.Fail(err), err)
	}
	for _, says := range []string{"One.", "Two.", "Three."} {
		if strings.Count(stderr.String(), says) != 1 {
			t.Errorf("%s is not said once: %q", says, stderr)
		}
	}
}

// TestPages: a list is read in pages until there is enough of it, and not once more than that. Who asks is told when there are more.
func TestPages(t *testing.T) {
	for _, x := range []struct{ limit, have, want, asked int }{{10, 0, 0, 1}, {10, 10, 10, 1}, {2500, 9000, 2500, 3}, {2000, 9000, 2000, 2}, {5000, 1700, 1700, 2}, {0, 10, 10, 1}, {0, 2300, 2300, 3}} {
		c, _, stderr := told(t, "json")
		asked := 0
		all, err := Pages(c, x.limit, func(after string, n int) ([]int, string, error) {
			asked++
			at := 0
			if after != "" {
				if _, err := fmt.Sscan(after, &at); err != nil {
					return nil, "", err
				}
			}
			page := make([]int, min(n, x.have-at))
			if at += len(page); at == x.have {
				return page, "", nil
			}
			return page, fmt.Sprint(at), nil
		})
		if err != nil || len(all) != x.want || asked != x.asked {
			t.Errorf("%d of %d: %d in %d pages, %v", x.limit, x.have, len(all), asked, err)
		}
		if more := strings.Contains(stderr.String(), "There are more than these"); more != (x.have > x.want) {
			t.Errorf("%d of %d: says that there are more: %v", x.want, x.have, more)
		}
	}
}

// TestTyped: the commands that a sentence tells to type go to the same server and tenant, and no password is repeated.
func TestTyped(t *testing.T) {
	for _, x := range []struct {
		globals Globals
		env     []string
		want    string
	}{
		{Globals{}, nil, "Next: lockstep plan webex · lockstep apply webex. Lockstep goes on."},
		{Globals{Tenant: "acme"}, nil, "Next: lockstep --tenant acme plan webex · lockstep --tenant acme apply webex. Lockstep goes on."},
		{Globals{Tenant: "acme"}, []string{"LOCKSTEP_TENANT=acme"}, "Next: lockstep plan webex · lockstep apply webex. Lockstep goes on."},
		{Globals{Tenant: "acme"}, []string{"LOCKSTEP_TENANT=globex"}, "Next: lockstep --tenant acme plan webex · lockstep --tenant acme apply webex. Lockstep goes on."},
		{
			Globals{Server: "https://id.acme.example", TokenFile: "my token's.txt"}, nil,
			`Next: lockstep --server https://id.acme.example --token-file 'my token'\''s.txt' plan webex · lockstep --server https://id.acme.example --token-file 'my token'\''s.txt' apply webex. Lockstep goes on.`,
		},
		{Globals{Hosting: Hosting{Data: "/srv/a", Store: "postgres://lockstep:secret@db/lockstep"}}, nil, "Next: lockstep --data /srv/a plan webex · lockstep --data /srv/a apply webex. Lockstep goes on."},
		{Globals{Hosting: Hosting{Store: "postgres://db/lockstep?user=x&password=secret"}}, nil, "Next: lockstep plan webex · lockstep apply webex. Lockstep goes on."},
		{Globals{Hosting: Hosting{Store: "postgres://lockstep@db/lockstep"}}, nil, "Next: lockstep --store postgres://lockstep@db/lockstep plan webex · lockstep --store postgres://lockstep@db/lockstep apply webex. Lockstep goes on."},
		{Globals{Hosting: Hosting{Data: "100%d"}}, nil, "Next: lockstep --data 100%d plan webex · lockstep --data 100%d apply webex. Lockstep goes on."},
	} {
		c, _, stderr := told(t, "table")
		c.Globals, c.Env = x.globals, x.env
		c.Say("Next: lockstep plan %s · lockstep apply %s. Lockstep goes on.", "webex", "webex")
		if stderr.String() == "" || c.typed("In /var/lib/lockstep and at it@lockstep there is nothing.") != "In /var/lib/lockstep and at it@lockstep there is nothing." {
			t.Error("what is no command is taken for one")
		}
		if got := strings.TrimSpace(stderr.String()); got != x.want {
			t.Errorf("%+v\n%s\nwant\n%s", x.globals, got, x.want)
		}
	}
}
