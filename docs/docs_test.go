package docs

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	hrefs = regexp.MustCompile(`href="(/docs[^"]*)"`)
	ids   = regexp.MustCompile(`id="([^"]+)"`)
)

// TestPages: every page has a title, and every link between pages leads to a page and to something on it.
func TestPages(t *testing.T) {
	pages := map[string]Page{}
	anchors := map[string][]string{}
	for _, p := range Paths() {
		page, err := Read(p, "/docs")
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if page.Title == "" || !strings.Contains(page.HTML, "<h1") {
			t.Errorf("%s has no title", p)
		}
		pages["/docs/"+p] = page
		for _, m := range ids.FindAllStringSubmatch(page.HTML, -1) {
			anchors["/docs/"+p] = append(anchors["/docs/"+p], m[1])
		}
		if strings.Contains(page.HTML, "<img") || strings.Contains(page.HTML, "<script") {
			t.Errorf("%s has what the console does not show", p)
		}
	}
	pages["/docs"], anchors["/docs"] = pages["/docs/"], anchors["/docs/"]
	links := 0
	for p, page := range pages {
		for _, m := range hrefs.FindAllStringSubmatch(page.HTML, -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			links++
			if _, ok := pages[to]; !ok {
				t.Errorf("%s leads to %s, which is no page", p, m[1])
			} else if anchor != "" && !slices.Contains(anchors[to], anchor) {
				t.Errorf("%s leads to %s, which is not on that page", p, m[1])
			}
		}
		if strings.Contains(page.HTML, `.md"`) {
			t.Errorf("%s links to a file", p)
		}
	}
	if links < 100 {
		t.Errorf("only %d links", links)
	}
	for _, p := range []string{"nothing", "README", "../code.go", "how-to/../errors", "/errors", "errors.md", "screens/01-home.png"} {
		if _, err := Read(p, "/docs"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// TestResolve is a table of where links lead.
func TestResolve(t *testing.T) {
	for _, c := range []struct{ name, link, to string }{
		{"README.md", "errors.md#internal", "/docs/errors#internal"}, {"how-to/drift.md", "../errors.md", "/docs/errors"},
		{"how-to/drift.md", "undo.md", "/docs/how-to/undo"}, {"how-to/drift.md", "../README.md", "/docs"}, {"errors.md", "adr/README.md", "/docs/adr"},
		{"README.md", "../README.md", ""}, {"README.md", "screens/01-home.png", ""}, {"README.md", "https://example.com/a.md", "https://example.com/a.md"}, {"README.md", "#x", "#x"},
	} {
		if to, _ := resolve(c.name, c.link, "/docs"); to != c.to {
			t.Errorf("%s in %s leads to %q, want %q", c.link, c.name, to, c.to)
		}
	}
}

// TestSearch: a section is found by all of its words, whatever their case, headings first.
func TestSearch(t *testing.T) {
	found, err := Search("Backup RESTORE", 20)
	if err != nil || len(found) == 0 || found[0].Path != "how-to/backup" {
		t.Fatalf("%+v, %v", found, err)
	}
	for _, f := range found {
		if len(f.Text) > 2*shown+20 {
			t.Errorf("%s shows %d bytes", f.Path, len(f.Text))
		}
	}
	if found, err := Search("backup verify", 50); err != nil || !slices.ContainsFunc(found, func(f Found) bool { return f.Path == "commands" && f.ID == "lockstep-backup-verify" }) {
		t.Errorf("the reference of commands is not found: %+v, %v", found, err)
	}
	for query, want := range map[string]int{"": 0, "  ": 0, "zzyzx qwv": 0} {
		if found, err := Search(query, 5); err != nil || len(found) != want {
			t.Errorf("%q: %v, %v", query, found, err)
		}
	}
	if found, err := Search("the", 3); err != nil || len(found) != 3 {
		t.Errorf("%d found, %v", len(found), err)
	}
	if _, err := fs.Stat(files, index); err != nil {
		t.Error(err)
	}
}
