package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/parts"
)

// soon is how long a change may take to arrive by itself. It is far more than it takes on an idle machine.
const soon = 60 * time.Second

// TestFileToWebex is the main job by the commands of the how-to pages: from CSV files into a Webex organisation, planned,
// explained, applied, changed, and then by itself.
func TestFileToWebex(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		csv := openPage(t, "csv-to-webex.md")
		fileToWebex(t, newHome(t), csv, func(h *home) []*process { return csv.start(h, "Start the server") })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		csv, pg := openPage(t, "csv-to-webex.md"), openPage(t, "postgresql.md")
		csv.commands(t, "Start the server") // the other page has its own
		h := newHome(t)
		pg.given(h, map[string]string{"LOCKSTEP_STORE": parts.Postgres(t)})
		fileToWebex(t, h, csv, func(h *home) []*process {
			servers := pg.start(h, "Start the server")
			worker := &home{t: t, dir: t.TempDir(), env: slices.Clone(h.env)} // another machine: only the key is the same
			worker.set("HOME", worker.dir)
			worker.set("XDG_DATA_HOME", filepath.Join(worker.dir, "share"))
			return append(servers, pg.start(worker, "Add workers")...)
		})
	})
}

// engineer makes one of the people of the page.
func engineer(given, family, title, manager string) account {
	name := strings.ToLower(given) + "@acme.example"
	a := account{
		"userName": name, "name.givenName": given, "name.familyName": family, "displayName": given + " " + family,
		"nickName": given, "title": title, "active": "true", "manager": manager,
	}
	maps.DeleteFunc(a, func(_, v string) bool { return v == "" })
	return a
}

func fileToWebex(t *testing.T, h *home, csv *page, start func(*home) []*process) {
	org := newOrganisation(t, nil)
	csv.given(h, map[string]string{
		"ENDPOINT": org.endpoint(), "TOKEN_FILE": h.write("webex.token", org.token+"\n"), "LOCKSTEP_FILES": filepath.Join(h.dir, "company"),
	})
	csv.run(h, "Write the files")
	servers := start(h)
	expect(t, csv.run(h, "Read them"), "of 5 rows each can be used", "chloe@acme.example", "Platform")
	expect(t, csv.run(h, "Add the organisation"), "token is set", "✓ reach")
	expect(t, csv.run(h, "Say who and what"), "nickName", "userType EQUALS Employee")
	expect(t, csv.run(h, "See what would happen"), "+ create 6", "✗ scope", "userType")
	if users, groups := org.Size(); users+groups > 0 {
		t.Fatalf("a plan has created %d users and %d groups", users, groups)
	}

	want := holdings{people: map[string]account{}, groups: map[string][]string{
		"Engineering": {"ada@acme.example", "ben@acme.example", "chloe@acme.example"}, "Sales": {"elif@acme.example"},
	}}
	for _, a := range []account{
		engineer("Ada", "Lindqvist", "Head of engineering", ""), engineer("Ben", "Okafor", "Software engineer", "ada@acme.example"),
		engineer("Chloe", "Moreau", "Test engineer", "ada@acme.example"), engineer("Elif", "Brandt", "Account executive", ""),
	} {
		want.people[a["userName"]] = a
	}
	expect(t, csv.run(h, "Make it so"), "created 6 · failed 0")
	org.check(want)

	_, before := org.writes(0)
	expect(t, csv.run(h, "Change something"), "~ update 1", `title “Test engineer” → “Lead test engineer”`, "created 0 · updated 1")
	want.people["chloe@acme.example"]["title"] = "Lead test engineer"
	org.check(want)
	if counts, _ := org.writes(before); fmt.Sprint(counts) != "map[update User:1]" {
		t.Errorf("more than the difference arrived: %v", counts)
	}
	fileByItself(t, h, csv, org, want)
	for _, s := range slices.Backward(servers) {
		s.stop()
	}
}

// fileByItself is the part of the page in which nobody says when.
func fileByItself(t *testing.T, h *home, csv *page, org *organisation, want holdings) {
	section := csv.commands(t, "Let it run by itself")
	csv.blocks["Let it run by itself"] = section[:1]
	csv.run(h, "Let it run by itself")
	want.people["felix@acme.example"] = engineer("Felix", "Holm", "Controller", "elif@acme.example")
	want.groups["Sales"] = []string{"elif@acme.example", "felix@acme.example"}
	arrives(h, org, want)
	csv.blocks["Let it run by itself"] = section[1:]
	expect(t, csv.run(h, "Let it run by itself"), "felix@acme.example")

	csv.run(h, "When somebody leaves")
	want.people["chloe@acme.example"]["active"] = "false"
	want.groups["Engineering"] = without(want.groups["Engineering"], "chloe@acme.example")
	arrives(h, org, want)
}

// arrives waits until the organisation is as wanted.
func arrives(h *home, org *organisation, want holdings, ignore ...string) {
	h.t.Helper()
	eventually(h.t, soon, func() (bool, string) {
		problem := compare(want, org.holdings(), ignore...)
		return problem == "", problem
	}, func() string { return h.try("app", "show", "webex").stdout + h.try("log", "list", "webex").stdout })
}

// expect fails the test for each text that the output does not have.
func expect(t testing.TB, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("%q is missing in:\n%s", text, output)
		}
	}
}
