package console

import (
	"net/http"
	"strings"

	"lockstep/provision"
)

// head is the head of each page of an app or a source: its name, how it stands, what can be done with it, and its tabs.
type head struct {
	Job  job
	Href string
	Here string    // the tab that is open: the end of its address
	Plan bool      // a plan waits
	Bar  *draftBar // nil is no draft
}

// systemTabs are the pages of an app or a source by the end of their addresses.
var systemTabs = []struct {
	Path, Word string
	Apps       bool // apps only
}{
	{"", "Overview", false}, {"/people", "People", false}, {"/accounts", "Accounts", true}, {"/assignments", "Users and groups", true}, {"/try", "On demand", true}, {"/connection", "Connection", false},
	{"/mappings", "Mappings", false}, {"/scope", "Scope", false}, {"/drift", "Drift", true}, {"/settings", "Settings", false}, {"/versions", "Versions", false},
}

func (h head) tabs() []tab {
	var all []tab
	for i, t := range systemTabs {
		if !t.Apps || !h.Job.Inbound {
			all = append(all, tab{Word: t.Word, Href: h.Href + t.Path, Here: t.Path == h.Here})
		}
		if i == 0 && h.Plan {
			all = append(all, tab{Word: "Plan", Href: h.Href + "/plan", Here: h.Here == "/plan"})
		}
	}
	return all
}

// parent is the list that an app or a source stands in.
func (h head) parent() who {
	if h.Job.Inbound {
		return who{Name: "Sources", Href: "/sources"}
	}
	return who{Name: "Apps", Href: "/apps"}
}

// open begins a page of an app or a source: it finds the job and what the head says of it.
func (s *Server) open(r *http.Request, v *visit, here, title string) (provision.Job, head, error) {
	j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return j, head{}, err
	}
	view, err := s.jobView(r.Context(), v.who, j)
	h := head{Job: view, Href: jobHref(j), Here: here, Plan: view.Review}
	v.page.Title, v.page.Nav = view.Name, h.parent().Href
	if title != "" {
		v.page.Title = view.Name + ": " + title
	}
	if err == nil && here != "/draft" && r.Method == http.MethodGet {
		h.Bar, err = s.bar(r, *v, j)
	}
	return j, h, err
}

// misplaced is where the page of a GET stands, when it was asked for at the other kind's address; "" when it is right.
func misplaced(r *http.Request, j provision.Job) string {
	if base := jobHref(j); r.URL.Path != base && !strings.HasPrefix(r.URL.Path, base+"/") {
		_, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if _, tail, deeper := strings.Cut(rest, "/"); deeper {
			base += "/" + tail
		}
		if r.URL.RawQuery != "" {
			base += "?" + r.URL.RawQuery
		}
		return base
	}
	return ""
}
