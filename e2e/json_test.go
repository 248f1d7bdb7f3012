package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// apart are commands that do not end by themselves or are tested elsewhere with -o json, each with its test.
var apart = map[string]string{
	"completion":        "cmd/lockstep, testdata/script/usage.txtar: what it writes is a shell's",
	"complete":          "cmd/lockstep, testdata/script/usage.txtar: a shell reads it",
	"help":              "cmd/lockstep, testdata/script/usage.txtar: it is for people",
	"serve":             "TestProcessesSayNothing",
	"work":              "TestProcessesSayNothing",
	"webexorg serve":    "cmd/lockstep, testdata/script",
	"webexorg fault":    "cmd/lockstep, testdata/script/webexorg.txtar",
	"webexorg export":   "cmd/lockstep, testdata/script/webexorg.txtar: what it writes is JSON lines in every mode",
	"demo play":         "cmd/lockstep, testdata/script/demo.txtar",
	"demo trouble":      "cmd/lockstep, testdata/script/demo_trouble.txtar",
	"demo calm":         "cmd/lockstep, testdata/script/demo_trouble.txtar",
	"admin owner reset": "cmd/lockstep, testdata/script/owner.txtar: the server stands still",
	"bench cycle":       "cmd/lockstep, testdata/script/bench.txtar",
	"bench scim":        "cmd/lockstep, testdata/script/bench_scim.txtar",
	"bench tenants":     "cmd/lockstep, testdata/script/bench_tenants.txtar",
	"bench fair":        "cmd/lockstep, testdata/script/bench_fair.txtar",
	"bench import":      "cmd/lockstep, testdata/script/bench_import.txtar",
	"bench search":      "cmd/lockstep, testdata/script/bench_search.txtar",
	"bench pages":       "cmd/lockstep, testdata/script/bench_pages.txtar",
	"bench sso":         "cmd/lockstep, testdata/script/bench_sso.txtar",
	"bench webexorg":    "cmd/lockstep, testdata/script/bench_webexorg.txtar",
}

// TestJSON runs every command of the program with -o json: standard output then holds JSON and nothing else.
func TestJSON(t *testing.T) {
	t.Parallel()
	org := newOrganisation(t, nil)
	h := newHome(t, "LOCKSTEP_FILES=files")
	h.env[len(h.env)-1] = "LOCKSTEP_FILES=" + h.dir + "/files"
	h.write("files/people.csv", "id,userName\n1,ada@acme.example\n2,ben@acme.example\n")
	h.write("files/groups.csv", "id,displayName,members\n1,Staff,1;2\n")
	h.write("token", org.token)
	h.write("schema.json", `{"objectMappings": [{"sourceObjectName": "User", "targetObjectName": "User", "attributeMappings": [{"targetAttributeName": "userName", "matchingPriority": 1, "source": {"expression": "[userName]"}}]}]}`)
	badge := h.write("badge.json", `{"id": "urn:acme:2.0:Badge", "resourceType": "User", "attributes": [{"name": "number"}]}`)
	p, e := h.scimServer()
	e.want(http.StatusCreated, http.MethodPost, "/Users", `{"userName": "dee@acme.example"}`)
	var seen []struct{ ID string }
	h.read(&seen, "scim", "log")
	run := map[string]bool{}
	for _, c := range []struct {
		args string
		code int
	}{
		{"version", 0},
		{"status", 0},
		{"console", 0},
		{"migrate status", 0},
		{"token create robot --scope read", 0},
		{"token list", 0},
		{"admin list", 0},
		{"admin owner add eva --password-file token", 0},
		{"admin owner password eva --password-file token", 0},
		{"admin owner list", 0},
		{"admin add --user dee@acme.example --role owner", 0},
		{"admin owner remove eva -y", 0},
		{"admin owner add eva --password-file token", 0},
		{"admin remove dee@acme.example -y", 0},
		{"admin session list", 0},
		{"admin session end --all -y", 0},
		{"token set e2e --profile strict", 0},
		{"token rotate e2e", 0},
		{"scim log", 0},
		{"scim show " + seen[0].ID, 0},
		{"scim report", 0},
		{"tenant add acme --name Acme", 0},
		{"tenant list", 0},
		{"tenant manage acme", 0},
		{"tenant rename acme Globex", 0},
		{"tenant remove acme -y", 0},
		{"schema put " + badge, 0},
		{"schema list", 0},
		{"schema show urn:acme:2.0:Badge", 0},
		{"schema delete urn:acme:2.0:Badge -y", 0},
		{"people add cy@acme.example --given Cy --family Ito", 0},
		{"people set cy@acme.example title=Painter", 0},
		{"people list", 0},
		{"people show cy@acme.example", 0},
		{"people password cy@acme.example --password-file token", 0},
		{"people disable cy@acme.example", 0},
		{"people enable cy@acme.example", 0},
		{"people rm cy@acme.example -y", 0},
		{"people restore cy@acme.example", 0},
		{"group add Painters", 0},
		{"group member Painters --add-user cy@acme.example", 0},
		{"group list", 0},
		{"group show Painters", 0},
		{"source add csvfile", 0},
		{"source list", 0},
		{"source show csvfile", 0},
		{"source set csvfile --interval 1h", 0},
		{"source run csvfile", 0},
		{"app gallery", 0},
		{"app add webex --set endpoint=" + org.endpoint(), 0},
		{"app list", 0},
		{"app show", 0},
		{"app set --everyone", 0},
		{"app set --on-leave delete --draft", 0},
		{"app draft", 0},
		{"app draft diff", 0},
		{"app draft impact", 0},
		{"app draft rebase", 0},
		{"app draft apply -y", 0},
		{"app versions", 0},
		{"app versions --number 1", 0},
		{"app rollback webex 1", 0},
		{"app draft discard -y", 0},
		{"connection set webex --secret-file token", 0},
		{"connection test webex", 0},
		{"connection consent webex --show", 0},
		{"assign add --group Painters", 0},
		{"assign list", 0},
		{"assign rm --group Painters", 0},
		{"mapping list", 0},
		{"mapping set nickName [userName]", 0},
		{"mapping rm nickName", 0},
		{"mapping actions --no-delete", 0},
		{"mapping export", 0},
		{"mapping import schema.json -y", 0},
		{"scope set userName~NOT~EQUALS~x", 0},
		{"scope show", 0},
		{"scope set", 0},
		{"plan", 0},
		{"plan --exit-code", 2},
		{"apply --yes", 0},
		{"run --yes", 0},
		{"explain ada@acme.example", 0},
		{"provision ada@acme.example --dry-run", 0},
		{"provision ada@acme.example", 0},
		{"exclude add ada@acme.example --reason leave", 0},
		{"exclude list", 0},
		{"exclude rm ada@acme.example", 0},
		{"link find ada@acme.example", 0},
		{"link set ada@acme.example --to nobody", 3},
		{"link rm ada@acme.example", 0},
		{"held list", 0},
		{"held approve --all -y", 1},
		{"held reject --all -y", 1}, // there is nothing
		{"undo -y none", 1},
		{"drift list --read", 0}, // once what was written has been read: until then nobody can say
		{"account list", 0},
		{"account list --unowned --read", 0},
		{"drift restore --all -y", 0},
		{"audit list", 0},
		{"audit export", 0},
		{"log list", 0},
		{"log show none", 1},
		{"log export", 0},
		{"log tail --timeout 1s", 75},
		{"idp add company --kind local", 0},
		{"idp list", 0},
		{"idp show company", 0},
		{"idp set company --name Company", 0},
		{"idp matches none", 1},
		{"idp test company", 0},
		{"idp enable company", 0},
		{"idp disable company", 0},
		{"idp attempt none", 1},
		{"idp rm company -y", 0},
		{"client add wiki --id wiki --redirect https://wiki.example/cb", 0},
		{"client list", 0},
		{"client show wiki", 0},
		{"client set wiki --name Wiki", 0},
		{"client rotate wiki", 0},
		{"client rm wiki -y", 0},
		{"session list", 0},
		{"session end none", 1},
		{"session factors cy@acme.example", 0},
		{"token consents e2e", 0},
		{"session told", 0},
		{"doctor --data nowhere", 3},
		{"backup create b.tar.gz", 0},
		{"backup verify b.tar.gz", 0},
		{"backup restore b.tar.gz --data elsewhere", 0},
		{"notify show", 0},
		{"notify set --webhook https://hooks.acme.example/lockstep", 0},
		{"notify test --webhook", 1}, // there is no such host
		{"group rm Painters -y", 0},
		{"app rm webex -y", 0},
		{"source rm csvfile -y", 0},
	} {
		args := strings.Fields(c.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "~", " ")
		}
		run[strings.Join(args[:1], " ")], run[strings.Join(args[:min(2, len(args))], " ")] = true, true
		r := h.try(append(args, "-o", "json")...)
		for began := time.Now(); r.code != c.code && (strings.Contains(r.stderr, "is under way") || strings.HasPrefix(c.args, "drift list")) && time.Since(began) < patience; {
			time.Sleep(100 * time.Millisecond) // a cycle that a command before has begun
			r = h.try(append(args, "-o", "json")...)
		}
		if r.code != c.code {
			t.Errorf("%s: exit code %d, not %d\n%s%s", c.args, r.code, c.code, r.stdout, r.stderr)
		}
		wantJSON(t, c.args, r.stdout)
	}
	var tokens []struct{ ID string }
	h.read(&tokens, "token", "list")
	wantJSON(t, "token revoke", h.run("token", "revoke", tokens[0].ID, "-o", "json"))
	p.stop()
	wantJSON(t, "migrate up", h.run("migrate", "up", "-o", "json")) // the server would be in its way
	run["token revoke"], run["migrate up"] = true, true
	for _, name := range commandNames(h) {
		if !run[name] && apart[name] == "" {
			t.Errorf("lockstep %s is not tested with -o json", name)
		}
	}
}

// commandNames returns the commands that the help lists, and those below them.
func commandNames(h *home) []string {
	listed := regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?)(?: \([a-z]+\))?   +\S`)
	commands := func(args ...string) (names []string) {
		for _, m := range listed.FindAllStringSubmatch(h.run(append([]string{"help"}, args...)...), -1) {
			names = append(names, m[1])
		}
		return names
	}
	var names []string
	for _, noun := range commands() {
		below := slices.DeleteFunc(commands(noun), func(name string) bool { return !strings.HasPrefix(name, noun+" ") })
		if len(below) == 0 {
			below = []string{noun}
		}
		names = append(names, below...)
	}
	if len(names) < 30 || !slices.Contains(names, "mapping set") {
		h.t.Fatalf("the help lists %q", names)
	}
	return names
}

// wantJSON fails the test unless the text is JSON values and nothing else: one, except where the command streams.
func wantJSON(t *testing.T, command, text string) {
	t.Helper()
	n := 0
	for decoder := json.NewDecoder(strings.NewReader(text)); ; n++ {
		var v any
		err := decoder.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s: standard output is not JSON: %v\n%s", command, err, text)
			return
		}
	}
	streams := strings.HasPrefix(command, "log export") || strings.HasPrefix(command, "audit export") || strings.HasPrefix(command, "log tail")
	if n != 1 && !streams && !strings.HasPrefix(command, "held ") && !strings.HasSuffix(command, " none") { // an error has no result
		t.Errorf("%s: %d JSON values on standard output:\n%s", command, n, text)
	}
}
