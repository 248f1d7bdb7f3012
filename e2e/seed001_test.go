package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// controlHubSteps are the steps of "Synchronize Azure Active Directory users into Control Hub", by their numbers.
var controlHubSteps = []string{
	"gallery 1", "gallery 2", "gallery 3", "gallery 4", "gallery 5", "gallery 6", "gallery 7",
	"assignments 1", "assignments 2", "assignments 3", "assignments 4",
	"set-up 1", "set-up 2", "set-up 3", "set-up 4", "set-up 5", "set-up 6", "set-up 7", "set-up 8", "set-up 9",
	"mapping 1", "mapping 2", "mapping 3", "mapping 4", "mapping 5", "mapping 6", "mapping 7", "mapping 8", "mapping 9",
	"the test user is tried", "the test user is provisioned", "the others are provisioned",
}

// TestControlHubInBrowser: the whole text, in the browser alone, from an empty folder to a provisioned test user and those who
// come after. With SCREENSHOTS it leaves pictures of its steps, wide and light, narrow and dark.
func TestControlHubInBrowser(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	org := startWebex(t)
	h := newHome(t)
	h.set("LOCKSTEP_FILES", filepath.Join(h.dir, "company"))
	h.write("company/people.csv", "id,userName,displayName,title,userType,emails[type eq \"work\"].value\n"+
		"1,ada@example.com,Ada Lindqvist,Head of engineering,Employee,ada@example.com\n2,ben@example.com,Ben Okafor,Software engineer,Employee,ben@example.com\n"+
		"3,cleo@example.com,Cleo Marin,Painter,Employee,cleo@example.com\n")
	h.write("company/groups.csv", "id,displayName,members\ng1,Painters,2\n")
	served := h.start(serves, "serve")
	link := strings.TrimSpace(h.run("console"))
	if i := strings.Index(link, "http"); i >= 0 {
		link = strings.Fields(link[i:])[0]
	}
	got := foreign(t, "seed001.js", "LINK="+link, "BASE="+org.Address, "ORGANISATION="+org.Organisation, "CHROMIUM="+chromium,
		"SCREENSHOTS="+os.Getenv("SCREENSHOTS"), "ROOT="+fmt.Sprint(os.Getuid() == 0))
	if !slices.Equal(got, controlHubSteps) {
		t.Errorf("it did\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(controlHubSteps, "\n"), served.said())
	}
	for name, want := range map[string]string{"ada@example.com": `"totalResults":1`, "ben@example.com": `"totalResults":1`, "cleo@example.com": `"totalResults":0`} {
		text := strings.ReplaceAll(org.search(t, name), " ", "")
		if !strings.Contains(text, want) {
			t.Errorf("the organisation's users called %s: %s", name, text)
		}
		if name == "ada@example.com" && !strings.Contains(text, `"nickName":"AdaLindqvist"`) {
			t.Errorf("the mapping that was added is not in force: %s", text)
		}
	}
}
