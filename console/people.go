package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// peopleView is a page of the directory's people.
type peopleView struct {
	Search string
	State  directory.UserState
	Total  int // people of the directory; 0 is not known
	People []personRow
	Next   string // address of the next page; "" at the end
	Paged  bool   // this is not the first page
	Notice string // what the search lacks
}

type personRow struct {
	Name, UserName, Title, Department, Href string
	Active, Deleted                         bool
}

// peopleStates are the choices of people by state, in the order of the page.
var peopleStates = []struct {
	State directory.UserState
	Word  string
}{{"", "Everybody"}, {directory.ActiveUsers, "Active"}, {directory.DisabledUsers, "Disabled"}, {directory.DeletedUsers, "Deleted"}}

// href is the address of the first page with another state, or of one after it.
func (v peopleView) href(state directory.UserState, after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": v.Search, "state": string(state), "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/people"
	}
	return "/people?" + q.Encode()
}

// who says whom the page lacks, for a page without anybody.
func (v peopleView) who() (title, text string) {
	switch {
	case v.Next != "":
		return "Nobody so far.", "Many were looked at. The next page looks at more of them."
	case v.Search != "":
		return "Nobody is called that.", "Three letters or more are found anywhere in a name, an address or an external id; fewer only begin a user name."
	case v.State == directory.DeletedUsers:
		return "Nobody is deleted.", "Who is deleted stays here until it is for good, and can be restored on their page."
	case v.State == directory.DisabledUsers:
		return "Nobody is disabled.", "Who may not sign in is listed here."
	}
	return "Nobody is active.", "Everybody in the directory is disabled."
}

const peopleRows = 100

// people lists the directory's people, or those in whose names or addresses a text is. A whole user name leads to the person.
func (s *Server) people(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := peopleView{Search: strings.TrimSpace(q.Get("q")), State: directory.UserState(q.Get("state")), Paged: q.Get("after") != ""}
	v.page.Title, v.page.Nav = "People", "/people"
	after := q.Get("after")
	if len(after) > 1000 || view.Search == "" && after != "" && !lockstep.ValidID(after) {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The address of this page holds an id that is none."}
	}
	if len(view.Search) > 320 { // nobody has so long a name
		return s.render(w, r, http.StatusOK, peoplePage(v.page, view))
	}
	page, err := s.Operator.Users(r.Context(), v.who, operate.Search{Text: view.Search, After: after, Limit: peopleRows, State: view.State})
	if err != nil {
		return err
	}
	if page.Next != "" {
		view.Next = view.href(view.State, page.Next)
	}
	if view.People, view.Notice = personRows(page.Users), page.Notice; view.Search != "" && after == "" && page.Next == "" && len(page.Users) == 1 && strings.EqualFold(page.Users[0].Attributes.Text("userName"), view.Search) {
		return seeOther(w, r, view.People[0].Href)
	}
	if view.Total, err = s.Operator.CountPeople(r.Context(), v.who); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, peoplePage(v.page, view))
}

func personRows(users []directory.User) []personRow {
	rows := make([]personRow, len(users))
	for i, u := range users {
		rows[i] = personRow{
			Name: displayName(u), UserName: u.Attributes.Text("userName"), Title: u.Attributes.Text("title"), Active: u.Active, Deleted: !u.Deleted.IsZero(),
			Department: department(u), Href: "/people/" + url.PathEscape(string(u.ID)),
		}
	}
	return rows
}

// jobPeopleView is the people that a job has met, and what it makes of them.
type jobPeopleView struct {
	Head   head
	Href   string
	Show   string
	People []linkRow
	Next   string
	Paged  bool
}

type linkRow struct {
	Name, Href, Target, Why, Matched string
	State                            words.Outcome
	Problem                          string
}

// shows are the choices of people, in the order of the page.
var shows = []struct{ Name, Word string }{{"", "Everybody"}, {"in", "In scope"}, {"linked", "Linked"}, {"out", "Left out"}, {"failing", "Failing"}}

// jobPeople lists who is there and who is not, with the reason.
func (s *Server) jobPeople(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	j, h, err := s.open(r, &v, "/people", "people")
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	view := jobPeopleView{Head: h, Href: h.Href, Show: q.Get("show"), Paged: q.Get("after") != ""}
	known := false
	for _, c := range shows {
		known = known || c.Name == view.Show
	}
	if !known || len(q.Get("after")) > 1000 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "There is no such choice of people."}
	}
	after, err := s.collectLinks(r.Context(), v.who, j, q.Get("after"), &view)
	if err != nil {
		return err
	}
	if after != "" {
		next := url.Values{"after": {after}}
		if view.Show != "" {
			next.Set("show", view.Show)
		}
		view.Next = view.Href + "/people?" + next.Encode()
	}
	return s.render(w, r, http.StatusOK, jobPeoplePage(v.page, view))
}

// collectLinks fills the page and returns where the next begins, "" at the end.
func (s *Server) collectLinks(ctx context.Context, p operate.Principal, j provision.Job, after string, view *jobPeopleView) (next string, err error) {
	q := plan.LinkQuery{Type: "User", After: after, Only: plan.LinkChoice(view.Show), Outline: true, Limit: peopleRows + 1} // one more says whether there are more
	links, err := s.Operator.Links(ctx, p, j, q)
	if err != nil {
		return "", err
	}
	if len(links) > peopleRows {
		links = links[:peopleRows]
		next = links[peopleRows-1].Source.ID
	}
	for _, l := range links {
		view.People = append(view.People, linkRowOf(j, l))
	}
	return next, nil
}

func linkRowOf(j provision.Job, l plan.Link) linkRow {
	row := linkRow{
		Name: l.Name, Target: l.Target, Why: words.Sentence(l.Verdict.Reason.Sentence()), Matched: words.Matched(l.Matched), Problem: l.Detail,
		Href: personHref(j, l.Source, connection.Ref{Type: l.Source.Type, ID: l.Target}),
	}
	if row.Name == "" {
		row.Name = l.Source.ID
	}
	switch {
	case l.Code != "":
		row.State = words.Outcome{Sign: "▲", Word: "failing", Tone: "failed"}
	case l.Target != "" && l.Disabled:
		row.State = words.Outcome{Sign: "⊘", Word: "disabled", Tone: "disable"}
	case l.Target != "":
		row.State = words.Outcome{Sign: "⇄", Word: "linked", Tone: "link"}
	case l.Verdict.In:
		row.State = words.Outcome{Sign: "+", Word: "not there yet", Tone: "create"}
	default:
		row.State = words.Outcome{Sign: "○", Word: "left out", Tone: "skip"}
	}
	return row
}
