package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lockstep/e2e/parts"
	"lockstep/webexorg"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lockstep": main})
}

// TestScripts runs testdata/script. Each script has a Webex organisation of its own on loopback, $WEBEX, whose token is in
// the file $WORK/webex.token, a data folder, and the folder $WORK/files for file sources.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: setup, RequireExplicitExec: true, Cmds: map[string]func(*testscript.TestScript, bool, []string){"send": send}})
}

// send posts a file to a SCIM endpoint: send ADDRESS-FILE TOKEN-FILE PATH BODY-FILE. It fails unless the answer is a success.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 4 || neg {
		ts.Fatalf("usage: send address token path body")
	}
	address := strings.TrimSpace(ts.ReadFile(args[0])) + args[2]
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(ts.ReadFile(args[3])))
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[1])))
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	ts.Check(res.Body.Close())
	if res.StatusCode >= 300 {
		ts.Fatalf("POST %s answers %d", address, res.StatusCode)
	}
}

// TestPostgresScripts runs testdata/postgres, each script on a database of its own.
func TestPostgresScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/postgres", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("LOCKSTEP_STORE", parts.Postgres(t))
			return setup(env)
		},
	})
}

func setup(env *testscript.Env) error {
	universe, err := webexorg.New(webexorg.Config{Control: "control"})
	if err != nil {
		return err
	}
	org, err := universe.AddOrg(webexorg.OrgConfig{Name: "Acme", Domains: []string{"acme.example"}, Enforce: true})
	if err != nil {
		return err
	}
	token, err := org.IssueToken(webexorg.ReadWrite, time.Hour)
	if err != nil {
		return err
	}
	server := httptest.NewServer(universe.Handler())
	env.Defer(server.Close)
	if err := os.WriteFile(filepath.Join(env.WorkDir, "webex.token"), []byte(token+"\n"), 0o600); err != nil {
		return err
	}
	env.Setenv("WEBEXROOT", server.URL)
	env.Setenv("WEBEX", server.URL+"/identity/scim/"+org.ID()+"/v2")
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("LOCKSTEP_DATA", filepath.Join(env.WorkDir, "data"))
	env.Setenv("LOCKSTEP_FILES", filepath.Join(env.WorkDir, "files"))
	env.Setenv("LOCKSTEP_ALLOW_NETWORK", "127.0.0.0/8")
	return nil
}
