package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
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
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: setup, RequireExplicitExec: true})
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
	universe, err := webexorg.New(webexorg.Config{})
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
	env.Setenv("WEBEX", server.URL+"/identity/scim/"+org.ID()+"/v2")
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("LOCKSTEP_DATA", filepath.Join(env.WorkDir, "data"))
	env.Setenv("LOCKSTEP_FILES", filepath.Join(env.WorkDir, "files"))
	env.Setenv("LOCKSTEP_ALLOW_NETWORK", "127.0.0.0/8")
	return nil
}
