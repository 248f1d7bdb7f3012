package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// setUpSteps are the steps of the tutorial of Azure AD for Cisco Webex, by its numbers. Its step 8, notification by e-mail, is missing.
var setUpSteps = []string{
	"prerequisite: a directory", "gallery 1-4", "assign one person, with a role", "1-2", "3-4", "5-6", "7 and 9", "10", "11", "12", "13-15",
	"initial cycle, details and log", "one person provisioned",
}

// TestSetUpInBrowser: from `serve` on an empty folder to one provisioned person, in the browser alone, in the order of the tutorial. With
// SCREENSHOTS it leaves a picture of each step.
func TestSetUpInBrowser(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	org := startWebex(t)
	h := newHome(t)
	h.set("LOCKSTEP_FILES", filepath.Join(h.dir, "company"))
	h.write("company/people.csv", "id,userName,displayName,title,userType,emails[type eq \"work\"].value\n"+
		"1,ada@example.com,Ada Lindqvist,Head of engineering,Employee,ada@example.com\n2,ben@example.com,Ben Okafor,Software engineer,Contractor,ben@example.com\n")
	served := h.start(serves, "serve")
	link := strings.TrimSpace(h.run("console"))
	if i := strings.Index(link, "http"); i >= 0 {
		link = strings.Fields(link[i:])[0]
	}
	got := foreign(t, "setup.js", "LINK="+link, "BASE="+org.Address, "ORGANISATION="+org.Organisation, "CHROMIUM="+chromium,
		"SCREENSHOTS="+os.Getenv("SCREENSHOTS"), "ROOT="+fmt.Sprint(os.Getuid() == 0))
	if !slices.Equal(got, setUpSteps) {
		t.Errorf("it did\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(setUpSteps, "\n"), served.said())
	}
	for name, want := range map[string]string{"ada@example.com": `"totalResults":1`, "ben@example.com": `"totalResults":0`} {
		if text := org.search(t, name); !strings.Contains(strings.ReplaceAll(text, " ", ""), want) {
			t.Errorf("the organisation's users called %s: %s", name, text)
		}
	}
}

// search asks the organisation for the users of a name.
func (s webexServer) search(t *testing.T, name string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Address+"/identity/scim/"+s.Organisation+"/v2/Users?filter="+url.QueryEscape(`userName eq "`+name+`"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
