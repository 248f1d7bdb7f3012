package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
	"lockstep/provision"
)

// accountsView is whom an application was seen to have.
type accountsView struct {
	Head    head
	Said    string
	Show    string // "" is those that nobody has
	Search  string
	Rows    []accountRow
	Next    string
	Paged   bool
	Says    string
	Total   int
	Unowned int
	Read    time.Time
	Unread  bool // nobody has read the application yet
	Reading bool
	Trouble string
	Partial bool
	Shared  []string
}

type accountRow struct {
	ID, Name, Detail string
	Enabled          bool
	Unlisted         bool
	Owner            *who
	Why              string
	Like             []who // the first of those whose account it may be
	Link             string
}

// accountShows are the choices of accounts, in the order of the page.
var accountShows = []struct{ Name, Word string }{{"", "Nobody’s"}, {"all", "All accounts"}}

const (
	accountRows   = 100
	accountsNamed = 3
)

// href is the address of the first page of a choice, or of another one after it.
func (v accountsView) href(show, after string) string {
	return v.Head.Href + "/accounts" + queryOf("show", show, "q", v.Search, "after", after)
}

// file is the address of the same as a file.
func (v accountsView) file(ending string) string {
	return v.Head.Href + "/accounts." + ending + queryOf("show", v.Show, "q", v.Search)
}

// queryOf is a query of the pairs that have a value.
func queryOf(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// Resting reports whether a read waits for a paused app, which nothing reads.
func (v accountsView) Resting() bool { return v.Reading && v.Head.Job.Paused }

// accountsAsked is what the address asks for.
func accountsAsked(r *http.Request) (show string, q operate.AccountQuery, err error) {
	f := r.URL.Query()
	show = f.Get("show")
	if !slices.ContainsFunc(accountShows, func(c struct{ Name, Word string }) bool { return c.Name == show }) {
		return "", q, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "There is no such choice of accounts."}
	}
	return show, operate.AccountQuery{Text: strings.TrimSpace(f.Get("q")), Unowned: show == "", After: f.Get("after"), Limit: accountRows}, nil
}

// showAccounts lists the accounts of an application that nobody has, or all.
func (s *Server) showAccounts(w http.ResponseWriter, r *http.Request, v visit) error {
	show, q, err := accountsAsked(r)
	if err != nil {
		return err
	}
	j, h, err := s.open(r, &v, "/accounts", "accounts")
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	view := accountsView{Head: h, Said: said(r), Show: show, Search: q.Text, Paged: q.After != ""}
	all, err := s.Operator.Accounts(r.Context(), v.who, j.Slug, q)
	view.Read, view.Reading, view.Partial = all.Read, all.Reading, all.Partial
	if all.Trouble != nil {
		view.Trouble = lockstep.Said(all.Trouble)
	}
	switch lockstep.CodeOf(err) {
	case "":
		view.of(j, all)
	case lockstep.CodeUnread:
		view.Unread = true
	default:
		return err
	}
	return s.render(w, r, http.StatusOK, accountsPage(v.page, view))
}

// of fills the view with a page of accounts.
func (v *accountsView) of(j provision.Job, all operate.Accounts) {
	v.Says, v.Total, v.Unowned = all.Says(), all.Total, all.Unowned
	for _, s := range all.Shared {
		v.Shared = append(v.Shared, s.Says)
	}
	if all.Next != "" {
		v.Next = v.href(v.Show, all.Next)
	}
	for _, a := range all.Accounts {
		v.Rows = append(v.Rows, accountRowOf(j, a))
	}
}

func accountRowOf(j provision.Job, a operate.Account) accountRow {
	row := accountRow{ID: a.ID, Name: a.Name, Detail: a.UserName, Enabled: a.Enabled, Unlisted: a.Unlisted, Why: a.Says()}
	if row.Name == "" {
		row.Name = a.ID
	}
	if row.Detail == row.Name {
		row.Detail = strings.Join(slices.DeleteFunc(slices.Clone(a.Addresses), func(m string) bool { return strings.EqualFold(m, row.Name) }), ", ")
	}
	if a.Owner.ID != "" {
		row.Owner = &who{Name: a.Owner.Name, Href: "/people/" + url.PathEscape(a.Owner.ID)}
		return row
	}
	for _, p := range a.Like[:min(accountsNamed, len(a.Like))] {
		row.Like = append(row.Like, who{Name: p.Name, Href: "/people/" + url.PathEscape(p.ID)})
	}
	row.Link = jobHref(j) + "/accounts/link" + queryOf("id", a.ID)
	if len(a.Like) == 1 && !a.Like[0].Deleted {
		row.Link = jobHref(j) + "/link" + queryOf("who", "user:"+a.Like[0].ID, "q", a.ID)
	}
	return row
}

// readAccounts has the application read once more.
func (s *Server) readAccounts(w http.ResponseWriter, r *http.Request, v visit) error {
	j, err := s.Operator.ReadAccounts(r.Context(), v.who, r.PathValue("slug"), 0)
	if err != nil {
		return err
	}
	return seeOther(w, r, jobHref(j)+"/accounts")
}

// exportAccounts writes what the page shows as a file, from the first to the last.
func (s *Server) exportAccounts(kind fileKind) func(http.ResponseWriter, *http.Request, visit) error {
	return func(w http.ResponseWriter, r *http.Request, v visit) error {
		_, q, err := accountsAsked(r)
		if err != nil {
			return err
		}
		j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
		if err != nil {
			return err
		}
		return s.download(w, r, v, j.Slug+"-accounts", kind, func(ask func() error) error {
			each := func(add func(api.Account) error) error {
				return s.Operator.EachAccount(r.Context(), v.who, j.Slug, q, func(a operate.Account) error {
					if err := ask(); err != nil {
						return err
					}
					return add(api.AccountOf(a))
				})
			}
			if kind == jsonLines {
				out := json.NewEncoder(w)
				return each(func(a api.Account) error { return out.Encode(a) })
			}
			table, err := api.NewAccountCSV(w)
			if err != nil {
				return err
			}
			if err := each(table.Add); err != nil {
				return err
			}
			return table.Close()
		})
	}
}

// linkOfView is the search for whose account one is.
type linkOfView struct {
	Head   head
	ID     string
	Search picked
	Found  []option
	Notice string
}

// href is where somebody is linked to the account.
func (v linkOfView) href(o option) string {
	return v.Head.Href + "/link" + queryOf("who", o.Value, "q", v.ID)
}

// showLinkOf finds the person whose account one is; the page after this one asks the application for it, and links.
func (s *Server) showLinkOf(w http.ResponseWriter, r *http.Request, v visit) error {
	j, h, err := s.open(r, &v, "/accounts", "whose account")
	if err != nil {
		return err
	}
	view := linkOfView{Head: h, ID: r.FormValue("id")}
	if view.ID == "" || len(view.ID) > 300 || j.Direction != provision.Outbound {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}
	view.Search = picked{ID: "person", Label: "Find a person by a part of a name or address", Hint: "Part of a name or address", Text: strings.TrimSpace(r.FormValue("q")), Keep: []setting{{"id", view.ID}}}
	if view.Found, view.Notice, err = s.find(r, v, view.Search.Text); err != nil {
		return err
	}
	view.Found = slices.DeleteFunc(view.Found, func(o option) bool { return !strings.HasPrefix(o.Value, "user:") })
	return s.render(w, r, http.StatusOK, linkOfPage(v.page, view))
}
