package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"lockstep/cli"
	"lockstep/operate"
	"lockstep/token"
)

// opened are the commands that talk to a server, below the right that each needs there. Names in capitals are ids of what there is. What
// a command looks up first needs the right to read it, which stands behind a plus.
var opened = map[string][]string{
	"apps:read": {
		"app list", "app show webex", "source list", "source show hr", "mapping list --app webex", "mapping export webex", "scope show --app webex", "assign list --app webex", "plan webex", "explain ada@acme.example --app webex",
		"held list webex", "log list webex", "log tail webex --for 1ms", "log export webex", "log show --app webex ACTION", "drift list webex", "account list webex", "exclude list --app webex", "link find --app webex ada@acme.example", "app gallery", "app versions webex",
		"app draft show webex", "app draft diff webex", "app draft impact webex", "tenant list",
	},
	"apps:write": {
		"app add scim other", "app set webex --name Other", "app rm webex --yes", "app rollback webex 1", "source add csvfile other", "source run hr", "source set hr --name Other", "source rm hr --yes", "run webex",
		"apply webex --yes", "mapping set --app webex title [title]", "mapping rm --app webex title", "mapping actions --app webex --no-delete", "mapping import SCHEMA --app webex", "scope set --app webex", "assign add --app webex --user ada@acme.example",
		"assign rm --app webex --user ada@acme.example", "connection set webex --set region=commercial", "connection test webex", "connection consent webex", "held approve --app webex --all --yes",
		"held reject --app webex --all --yes", "undo --app webex --yes ACTION", "provision ada@acme.example --app webex", "exclude add --app webex ada@acme.example --reason x",
		"exclude rm --app webex ada@acme.example", "link set --app webex ada@acme.example --to x", "link rm --app webex ada@acme.example", "app draft rebase webex",
	},
	"people:read": {"people list", "people show ada@acme.example", "group list", "group show Crew", "schema list", "schema show urn:x:1.0:User"},
	"people:write": {
		"people add ben@acme.example", "people set ada@acme.example title=x", "people disable ada@acme.example", "people enable ada@acme.example", "people rm ada@acme.example", "people restore ada@acme.example",
		"group add Choir", "group member Crew --add-user ada@acme.example", "group rm Crew",
	},
	"signin:read": {
		"idp list", "idp show okta", "idp matches okta --list FILE", "client list", "client show recorder", "session list --user USER", "session factors ada@acme.example", "session told", "idp attempt abcdefgh",
	},
	"signin:write": {
		"idp add other", "idp set okta --name Other", "idp test okta", "idp enable okta", "idp disable okta", "idp rm okta --yes", "client add Wiki --redirect https://wiki.example/cb", "client set recorder --name Other",
		"client rotate recorder", "client rm recorder --yes", "session end --user USER", "people password ada@acme.example --password-file FILE",
	},
	"tokens:read":    {"token list", "token consents robot", "scim log", "scim show x", "scim report"},
	"tokens:write":   {"token create other --scope read", "token set robot --profile okta", "token rotate robot", "token revoke robot"},
	"settings:read":  {"notify show"},
	"settings:write": {"notify set --to it@acme.example", "notify test --to it@acme.example", "schema put SCHEMA", "schema delete urn:x:1.0:User", "tenant add other", "tenant rename default Other", "tenant manage default"},
	"audit:read":     {"audit list", "audit export"},
	"admins:read":    {"admin list", "admin owner list", "admin session list"},
	"admins:write": {
		"admin add --user ada@acme.example --role auditor", "admin remove ada@acme.example --yes", "admin owner add eve --password-file FILE", "admin owner password mia --password-file FILE", "admin owner remove mia --yes",
		"admin session end --all --yes",
	},
}

// looking are the commands that look first for what they are about, and end without it before they ask for anything else.
var looking = []string{"drift restore --app webex --all", "app draft apply webex", "app draft discard webex", "tenant remove other --yes"}

// atHome are the commands that need no right, since they talk to no server, or to one of any right.
var atHome = []string{
	"demo", "webexorg", "bench", "serve", "work", "migrate", "doctor", "backup", "version", "completion", "complete", "help", "status", "console", "admin owner reset",
}

// TestRolesAtTheCommandLine: whoever has a role without the right that a command needs is refused by the server, with the exit code of that,
// and nothing is done; and every command is known here.
func TestRolesAtTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	w := roleWorld{T: t, environ: []string{"HOME=" + dir, "LOCKSTEP_DATA=" + filepath.Join(dir, "data"), "LOCKSTEP_FILES=" + filepath.Join(dir, "files")}}
	file := filepath.Join(dir, "some.txt")
	w.must(os.WriteFile(file, []byte("correct horse battery\n"), 0o600))
	schema := filepath.Join(dir, "schema.json")
	w.must(os.WriteFile(schema, []byte(`{"id": "urn:x:1.0:User", "attributes": []}`), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer), w.environ)
	}()
	t.Cleanup(func() { stop(); <-ended })
	var server struct{ Address string }
	for server.Address == "" {
		text, err := os.ReadFile(filepath.Join(dir, "data", "server.json"))
		if err == nil {
			w.must(json.Unmarshal(text, &server))
		}
		select {
		case code := <-ended:
			t.Fatalf("serve has ended with %d", code)
		case <-time.After(10 * time.Millisecond):
		}
	}
	w.at = server.Address
	for _, line := range []string{
		"people add ada@acme.example", "group add Crew", "source add csvfile hr", "app add webex", "idp add okta", "client add Recorder --id recorder --redirect https://recorder.example/cb", "token create robot --kind scim --scope scim:write",
		"admin owner add mia --password-file FILE", "admin add --user ada@acme.example --role auditor",
	} {
		if code, said := w.lockstep("", strings.ReplaceAll(line, "FILE", file)); code != 0 {
			t.Fatalf("%s: %d %s", line, code, said)
		}
	}
	_, text := w.lockstep("", "-o json people show ada@acme.example")
	var ada struct{ ID string }
	w.must(json.Unmarshal([]byte(text), &ada))
	filled := strings.NewReplacer("FILE", file, "SCHEMA", schema, "USER", ada.ID, "ACTION", "00000000-0000-7000-8000-000000000000")
	known := map[string]bool{}
	for _, role := range operate.Roles() {
		scopes := roleScopes(role)
		key := filepath.Join(dir, string(role.Role)+".token")
		code, text := w.lockstep("", "token create "+string(role.Role)+" --scope '"+scopes+"'")
		if code != 0 {
			t.Fatalf("%s: %s", role.Role, text)
		}
		w.must(os.WriteFile(key, []byte(text), 0o600))
		rights, err := token.ParseScopes(scopes)
		w.must(err)
		before := w.stands()
		for _, line := range looking {
			known[line] = true
			if code, said := w.lockstep(key, line); code == 0 {
				t.Errorf("%s by %s is done: %s", line, role.Role, said)
			}
		}
		for right, lines := range opened {
			for _, line := range lines {
				known[strings.Join(strings.Fields(line), " ")] = true
				if rights.Allow(token.Scope(right)) || rights.Allow(token.Scope(right).At("webex")) {
					continue
				}
				if code, said := w.lockstep(key, filled.Replace(line)); code != cli.ExitForbidden || !strings.Contains(said, "auth.forbidden") {
					t.Errorf("%s by %s ends with %d: %s", line, role.Role, code, said)
				}
			}
		}
		if after := w.stands(); after != before {
			t.Errorf("%s has changed something:\n%s\n%s", role.Role, before, after)
		}
	}
	w.everyLeaf(known)
}

// roleScopes are the rights of a role; an app operator's are those to webex.
func roleScopes(role operate.RoleBundle) string {
	if role.Scopes == "" {
		return "people:read apps:write@webex"
	}
	return role.Scopes
}

// roleWorld is a server, and the commands of whoever asks it.
type roleWorld struct {
	*testing.T
	environ []string
	at      string
}

func (w roleWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// lockstep runs a command as the holder of the token in a file; "" is whoever has the data folder.
func (w roleWorld) lockstep(key, line string) (int, string) {
	args := shellWords(line)
	if key != "" {
		args = append([]string{"--server", w.at, "--token-file", key}, args...)
	}
	var out, said bytes.Buffer
	code := run(w.Context(), args, strings.NewReader(""), &out, &said, w.environ)
	if code != 0 {
		return code, said.String()
	}
	return code, out.String()
}

// stands is what there is, as far as commands could change it.
func (w roleWorld) stands() string {
	w.Helper()
	text := ""
	for _, line := range []string{"people list", "group list", "app show webex", "source show hr", "idp list", "client list", "admin list", "admin owner list", "notify show"} {
		_, said := w.lockstep("", line)
		text += said
	}
	return text
}

// everyLeaf wants each command of the program to be known.
func (w roleWorld) everyLeaf(known map[string]bool) {
	w.Helper()
	var all commands
	parser, err := kong.New(&all, kong.Name("lockstep"))
	w.must(err)
	for _, node := range parser.Model.Leaves(false) {
		path, _, _ := strings.Cut(strings.TrimPrefix(node.FullPath(), "lockstep "), " (")
		words := strings.Fields(path)
		if slices.Contains(atHome, words[0]) || slices.Contains(atHome, path) {
			continue
		}
		found := false
		for line := range known {
			found = found || strings.HasPrefix(line+" ", path+" ")
		}
		if !found {
			w.Errorf("nobody has said what right %q needs", path)
		}
	}
}
