package console

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"lockstep"
	"lockstep/docs"
)

// docsView is a page of the documentation, or what a search in it finds.
type docsView struct {
	docs.Page
	Search string
	Found  []docs.Found
	Sets   []docSet
}

// docSet is some pages that belong together.
type docSet struct {
	Word  string
	Pages []who
}

// docSets are the pages beside which each page is shown, in the order of need. What is not here is found by links and by searching.
var docSets = []struct {
	word  string
	paths []string
}{
	{"Begin", []string{"", "how-to/first-person", "demo", "console"}},
	{"How to", []string{
		"how-to/csv-to-webex", "how-to/ldap-to-webex", "how-to/webex-token", "how-to/webex-oauth", "how-to/scim-app", "how-to/scim-in", "how-to/scim-oauth", "how-to/sign-in", "how-to/csv-files", "how-to/ldap-directory",
		"how-to/several-sources", "how-to/drift", "how-to/undo", "how-to/notifications", "how-to/operations", "how-to/postgresql", "how-to/backup", "how-to/upgrade",
	}},
	{"Reference", []string{"errors", "configuration", "expressions", "scoping-filters", "identity-providers", "scim-clients", "metrics", "performance"}},
}

// foundSections is how many sections a search shows.
const foundSections = 30

// docs shows the documentation. It needs no session: everything in it is published.
func (s *Server) docs(w http.ResponseWriter, r *http.Request) error {
	p := s.page(r)
	if at, err := s.Operator.Sessions.Of(r); err == nil {
		_, err = s.Operator.Visitor(r.Context(), at.Grant)
		p.SignedIn = err == nil
	}
	view := docsView{Search: strings.TrimSpace(r.URL.Query().Get("q"))}
	path := strings.TrimSuffix(r.PathValue("path"), "/")
	var err error
	if view.Page, err = docs.Read(path, "/docs"); errors.Is(err, fs.ErrNotExist) {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page of the documentation."}
	}
	if err != nil {
		return err
	}
	for _, set := range docSets {
		one := docSet{Word: set.word}
		for _, path := range set.paths {
			one.Pages = append(one.Pages, who{Name: docs.Title(path), Href: strings.TrimSuffix("/docs/"+path, "/")})
		}
		view.Sets = append(view.Sets, one)
	}
	if view.Search != "" && len(view.Search) <= 200 {
		if view.Found, err = docs.Search(view.Search, foundSections); err != nil {
			return err
		}
	}
	p.Title = view.Title
	return s.render(w, r, http.StatusOK, docsPage(p, view))
}

// href is where the page is.
func (v docsView) href() string { return strings.TrimSuffix("/docs/"+v.Path, "/") }

func foundHref(f docs.Found) string {
	href := strings.TrimSuffix("/docs/"+f.Path, "/")
	if f.ID != "" {
		href += "#" + f.ID
	}
	return href
}
