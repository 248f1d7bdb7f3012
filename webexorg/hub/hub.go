// Package hub is what Control Hub is to administrators of a Webex organisation that runs offline: the organisation's id to copy,
// addresses for provisioning, domains, people with status and licences, groups, registered applications, the last calls that programs have made, and the
// faults that the organisation has been asked for.
//
// It shows what the state has and changes nothing but faults. Whoever is signed in as an administrator sees their own organisation.
package hub

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	_ "embed"

	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/web"
	"lockstep/webexorg/oauth"
	"lockstep/webexorg/page"
	"lockstep/webexorg/state"
)

//go:embed pages.html
var pagesText string

// Hub is the pages. All fields are needed.
type Hub struct {
	Universe *state.Universe
	Broker   *oauth.Server
	// Calls returns the last calls of an organisation, without secrets; nil when nobody looks.
	Calls func(org string) []web.Exchange
	// Base is the address of the universe as the browser sees it.
	Base func(*http.Request) string

	book page.Book
}

// visit is a request of an administrator who is signed in.
type visit struct {
	oauth.Session
	org *state.Org
	w   http.ResponseWriter
	r   *http.Request
}

// tabs are the pages, in the order of the navigation.
var tabs = []page.Link{
	{Text: "Overview", URL: "/hub"}, {Text: "People", URL: "/hub/people"}, {Text: "Groups", URL: "/hub/groups"},
	{Text: "Apps", URL: "/hub/apps"}, {Text: "Calls", URL: "/hub/calls"}, {Text: "Faults", URL: "/hub/faults"},
}

// Mount serves the pages on the mux, at /hub.
func (h *Hub) Mount(mux *http.ServeMux) {
	h.book = page.NewBook(pagesText)
	for pattern, f := range map[string]func(visit) error{
		"GET /hub": h.overview, "GET /hub/people": h.people, "GET /hub/groups": h.groups, "GET /hub/apps": h.apps, "GET /hub/calls": h.calls, "GET /hub/faults": h.faults,
		"POST /hub/faults": h.addFault, "POST /hub/faults/clear": h.clearFaults, "POST /hub/signout": h.leave,
	} {
		mux.HandleFunc(pattern, h.serve(f))
	}
}

// serve answers an administrator, and sends whoever is not signed in to sign in first.
func (h *Hub) serve(f func(visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		s, ok := h.Broker.SignedIn(r)
		if !ok {
			http.Redirect(w, r, oauth.SignInURL("/hub"), http.StatusSeeOther)
			return
		}
		v := visit{s, h.Universe.Org(s.Person.Org), w, r}
		frame := h.frame(v, "")
		if v.org == nil || r.URL.Path != "/hub/signout" && !slices.ContainsFunc(s.Person.Roles, func(role string) bool { return strings.HasPrefix(role, "id_") }) {
			frame.Nav = nil
			if err := page.Write(w, http.StatusForbidden, h.book, frame, "stranger", s.Person.Login); err != nil {
				h.Broker.WritePage(w, r, frame, err)
			}
			return
		}
		if err := f(v); err != nil {
			h.Broker.WritePage(w, r, frame, err)
		}
	}
}

func (h *Hub) frame(v visit, title string) page.Frame {
	f := page.Frame{Title: title, Place: "Control Hub", Who: v.Person.Login, Leave: "/hub/signout"}
	for _, t := range tabs {
		t.Current = t.URL == v.r.URL.Path
		f.Nav = append(f.Nav, t)
	}
	return f
}

func (h *Hub) leave(v visit) error {
	h.Broker.SignOut(v.w, v.r)
	http.Redirect(v.w, v.r, oauth.SignInURL("/hub"), http.StatusSeeOther)
	return nil
}

// address is something to copy.
type address struct{ ID, Label, Help, Text string }

// domain is a domain and what is known of it.
type domain struct{ Name, State, Class, Token string }

// licence is a stock of seats.
type licence struct {
	Name, Subscription, Site string
	Used                     int
	Total                    string
}

func (h *Hub) overview(v visit) error {
	c := v.org.Settings()
	base := h.Base(v.r)
	people, groups := v.org.Size()
	content := struct {
		Name                   string
		People, Groups, Kept   int
		Sync, Region, Enforced string
		Addresses              []address
		Domains                []domain
		Licences               []licence
	}{Name: c.Name, People: people, Groups: groups, Kept: len(v.org.Archived()), Sync: syncWords[c.Sync], Region: strings.ToUpper(c.Region)}
	if c.Enforce {
		content.Enforced = "People of other domains are refused."
	}
	content.Addresses = []address{
		{"org-id", "Organisation ID", "The tenant URL of a directory has it.", v.org.ID()},
		{"tenant-url", "Tenant URL", "For Entra ID's gallery application, and other directories that provision.", base + "/v1/scim/" + v.org.ID()},
		{"scim-url", "SCIM 2 address", "For Okta, and programs of one's own.", base + "/identity/scim/" + v.org.ID() + "/v2"},
		{"token-url", "Bearer token", "A full administrator opens this address; the token is in the address of the page that follows.", base + tokenPath},
	}
	for _, d := range c.Domains {
		one := domain{Name: d, State: "Verified", Class: "agent"}
		if slices.Contains(c.Claimed, d) {
			one.State, one.Class = "Claimed", "admin"
		}
		content.Domains = append(content.Domains, one)
	}
	for name, token := range c.Asked {
		content.Domains = append(content.Domains, domain{name, "Pending", "", "cisco-ci-domain-verification=" + token})
	}
	for _, l := range v.org.Licences() {
		one := licence{l.Name, l.Subscription, l.Site, l.Consumed, strconv.Itoa(l.Total)}
		if l.Total == 0 {
			one.Total = "∞"
		}
		content.Licences = append(content.Licences, one)
	}
	return page.Write(v.w, http.StatusOK, h.book, h.frame(v, c.Name), "overview", content)
}

// tokenPath is the address with which an administrator fetches a token for provisioning, as Webex's documentation prints it.
const tokenPath = "/idb/oauth2/v1/authorize?response_type=token&client_id=" + oauth.SCIMClient +
	"&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fauth%2Fcode&scope=spark%3Apeople_read%20spark%3Apeople_write%20Identity%3ASCIM&state=offline"

var syncWords = map[state.SyncSource]string{
	state.SyncNone: "Off", state.SyncEntra: "Entra ID", state.SyncConnector: "Directory Connector", state.SyncOkta: "Okta",
}

// row is a person in the list.
type row struct {
	Name, Login, Status, Class, Roles, Licences string
}

const pageSize = 50

func (h *Hub) people(v visit) error {
	q := state.PeopleQuery{After: v.r.URL.Query().Get("after"), Limit: pageSize, Name: strings.TrimSpace(v.r.URL.Query().Get("name"))}
	if strings.Contains(q.Name, "@") {
		q.Email, q.Name = q.Name, ""
	}
	list, more := v.org.People(q)
	content := struct {
		Search, Next string
		Rows         []row
	}{Search: v.r.URL.Query().Get("name")}
	names := map[string]string{}
	for _, l := range v.org.Settings().Licences {
		names[l.ID] = l.Name
	}
	for i := range list {
		p := &list[i]
		one := row{Name: p.Name, Login: p.Object().Text("userName"), Roles: strings.Join(p.Roles, ", ")}
		one.Status, one.Class = statusOf(p)
		var held []string
		for _, id := range p.Account.Licences {
			held = append(held, names[id])
		}
		one.Licences = strings.Join(held, ", ")
		content.Rows = append(content.Rows, one)
	}
	if more {
		content.Next = list[len(list)-1].ID
	}
	return page.Write(v.w, http.StatusOK, h.book, h.frame(v, "People"), "people", content)
}

func statusOf(p *state.Person) (word, class string) {
	ext, _ := p.Object().Get(scim.CiscoUserURN).(scim.Object)
	list, _ := ext.Get("accountStatus").(scim.List)
	switch {
	case p.Pending:
		return "Pending", ""
	case !p.Active:
		return "Inactive", "bad"
	case len(list) > 0 && list[0] != "active":
		return fmt.Sprint(list[0]), ""
	case p.Account.SignedIn == 0:
		return "Verified", "agent"
	}
	return "Active", "agent"
}

// groupRow is a group in the list.
type groupRow struct {
	Name, From string
	Members    int
}

func (h *Hub) groups(v visit) error {
	var rows []groupRow
	for _, g := range v.org.Groups() {
		from := "Control Hub"
		switch {
		case g.BuiltIn:
			from = "Built in"
		case g.Location != "":
			from = "Location"
		case g.Synced:
			from = "Synchronised, read-only"
		case strings.Contains(string(g.Doc), `"provisionSource":`):
			from = "SCIM"
		}
		rows = append(rows, groupRow{g.Name, from, g.Members})
	}
	slices.SortStableFunc(rows, func(a, b groupRow) int { return strings.Compare(filter.Fold(a.Name), filter.Fold(b.Name)) })
	return page.Write(v.w, http.StatusOK, h.book, h.frame(v, "Groups"), "groups", rows)
}

// appRow is a registered application in the list.
type appRow struct {
	ID, Name, Kind, Owner string
	Scopes                []string
	Allowed               bool // a service app that the organisation has authorised
}

func (h *Hub) apps(v visit) error {
	var rows []appRow
	for _, c := range h.Broker.Clients(v.org.ID()) {
		one := appRow{ID: c.ID, Name: c.Name, Kind: c.Kind.Name(), Scopes: c.Scopes, Allowed: h.Broker.AllowedFor(c.ID, v.org.ID())}
		if p, ok := v.org.Person(c.Owner); ok {
			one.Owner = p.Object().Text("userName")
		}
		rows = append(rows, one)
	}
	return page.Write(v.w, http.StatusOK, h.book, h.frame(v, "Apps"), "apps", rows)
}

func (h *Hub) calls(v visit) error {
	return page.Write(v.w, http.StatusOK, h.book, h.frame(v, "Calls"), "calls", h.Calls(v.org.ID()))
}

// faultForm is the page of faults.
type faultForm struct {
	CSRF    string
	Trouble string
	Kinds   []state.FaultKind
	Knobs   state.Knobs
	Slow    bool // some knob beside the faults is turned
}

func (h *Hub) showFaults(v visit, status int, trouble string) error {
	k := v.org.Knobs()
	plain := k
	plain.Faults = nil
	slow := fmt.Sprint(plain) != fmt.Sprint(state.Knobs{})
	return page.Write(v.w, status, h.book, h.frame(v, "Faults"), "faults", faultForm{v.CSRF, trouble, state.FaultKinds(), k, slow})
}

func (h *Hub) faults(v visit) error { return h.showFaults(v, http.StatusOK, "") }

func (h *Hub) addFault(v visit) error {
	if err := v.Posted(v.r); err != nil {
		return err
	}
	number := func(name string) (int, error) {
		text := strings.TrimSpace(v.r.PostForm.Get(name))
		if text == "" {
			return 0, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("“%s” is no number", text)
		}
		return n, nil
	}
	f := state.Fault{
		Kind: state.FaultKind(v.r.PostForm.Get("kind")), After: v.r.PostForm.Get("after") != "", Method: v.r.PostForm.Get("method"),
		Path: v.r.PostForm.Get("path"),
	}
	var err error
	for name, into := range map[string]*int{"every": &f.Every, "times": &f.Times, "wait": &f.Wait} {
		if *into, err = number(name); err != nil {
			return h.showFaults(v, http.StatusBadRequest, "The fault was not added: "+err.Error()+".")
		}
	}
	k := v.org.Knobs()
	k.Faults = append(slices.Clone(k.Faults), f)
	if err := v.org.SetKnobs(k); err != nil {
		return h.showFaults(v, http.StatusBadRequest, "The fault was not added: "+err.Error()+".")
	}
	return see(v, "/hub/faults")
}

func (h *Hub) clearFaults(v visit) error {
	if err := v.Posted(v.r); err != nil {
		return err
	}
	if err := v.org.SetKnobs(state.Knobs{Present: v.org.Knobs().Present}); err != nil {
		return err
	}
	return see(v, "/hub/faults")
}

func see(v visit, path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}
