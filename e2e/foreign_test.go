package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"lockstep/demo"
	"lockstep/e2e/parts"
)

// TestFileToForeignSCIM brings a company into a SCIM server whose protocol is SCIMMY's, by the commands of the how-to page, and
// reads the outcome from that server's own lists. What had to be configured for it stands in the page: unique and
// listing_delay, both of which only make recovery faster. Nothing else is.
func TestFileToForeignSCIM(t *testing.T) {
	t.Parallel()
	company := demo.Company{People: 120, Groups: 12}
	page := openPage(t, "scim-app.md")
	server := parts.SCIM(t)
	h := newHome(t)
	files := filepath.Join(h.dir, "company")
	h.set("LOCKSTEP_FILES", files)
	h.write("company/people.csv", "")
	if err := company.Write(files); err != nil {
		t.Fatal(err)
	}
	page.given(h, map[string]string{
		"SCIM_URL": server.URL, "TOKEN_FILE": h.write("token", server.Token), "LOCKSTEP_ALLOW_NETWORK": "127.0.0.0/8",
	})
	h.start(serves, "serve")
	h.run("source", "add", "csvfile", "company")
	h.run("source", "run", "company")
	expect(t, page.run(h, "Add the application"), "✓ reach", "✓ search by userName")
	page.run(h, "Say how it differs")
	expect(t, page.run(h, "Bring everybody"), "+ create 132", "created 132", "failed 0")
	want := wanted(company)
	foreign := func() holdings {
		return hold(list(t, server, "Users"), list(t, server, "Groups"))
	}
	if problem := compare(want, foreign()); problem != "" {
		t.Fatalf("the server is not as it should be:\n%s", problem)
	}

	// A promotion, a new manager, a leaver, a joiner, and somebody who changes groups.
	h.edit("company/people.csv", func(rows [][]string, at func(string) int) [][]string {
		rows[5][at("title")], want.people[company.UserName(5)]["title"] = "Fellow", "Fellow"
		rows[6][at("manager")], want.people[company.UserName(6)]["manager"] = demo.PersonID(5), company.UserName(5)
		want.people[company.UserName(119)]["active"] = "false"
		for _, group := range []string{"Group 10", "Group 11"} { // the latter is in the former
			want.groups[group] = without(want.groups[group], company.UserName(119))
		}
		return rows[:119]
	})
	h.edit("company/memberships.csv", func(rows [][]string, _ func(string) int) [][]string {
		for i := range rows {
			if rows[i][0] == "g5" && rows[i][1] == "p5" {
				rows[i][0] = "g6"
			}
		}
		return rows
	})
	want.groups["Group 5"] = without(want.groups["Group 5"], company.UserName(5))
	want.groups["Group 6"] = sorted(append(want.groups["Group 6"], company.UserName(5)))
	eventually(t, soon, func() (bool, string) {
		problem := compare(want, foreign())
		return problem == "", problem
	}, func() string { return h.try("log", "list", "myapp", "--limit", "20").stdout })
}

// list reads all resources of a type as the server lists them.
func list(t *testing.T, server parts.SCIMServer, endpoint string) []resource {
	t.Helper()
	var all []resource
	for {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/%s?startIndex=%d&count=50", server.URL, endpoint, len(all)+1), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+server.Token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			TotalResults int
			Resources    []resource
		}
		err = json.NewDecoder(answer.Body).Decode(&page)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("list %s: %s, %v", endpoint, answer.Status, err)
		}
		all = append(all, page.Resources...)
		if len(all) >= page.TotalResults || len(page.Resources) == 0 {
			return all
		}
	}
}
