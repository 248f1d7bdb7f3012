package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/words"
)

// driftView is what somebody else has changed at an application, as the last look has found it.
type driftView struct {
	Head    head
	Said    string
	Error   string // why nothing was done
	Look    plan.DriftLook
	Unread  bool // nobody has looked yet
	Says    string
	Rows    []driftRow
	First   bool   // it is the first page
	Trouble string // why the look that somebody waits for does not come
	Next    string // of the next page; "" is none
}

type driftRow struct {
	Value, Name, Href string
	Missing           bool
	Changes           []words.Change
	Ends              string // how many members were added and removed, when that are more than are named; "" otherwise
	Ticked            bool
}

// Total is how many objects differ and can be written anew.
func (v driftView) Total() int { return v.Look.Changed + v.Look.Missing }

// Silent are the attributes that the application never shows, as people read them.
func (v driftView) Silent() string { return words.Attributes(v.Look.Silent) }

// Looking reports whether another look is under way.
func (v driftView) Looking() bool { return v.Look.Under || v.Look.Waits() }

// Resting reports whether a look waits for a paused app, which nothing reads.
func (v driftView) Resting() bool { return v.Head.Job.Paused && !v.Look.Under && v.Look.Waits() }

// Progress is how far the look under way is.
func (v driftView) Progress() string {
	switch {
	case v.Trouble != "":
		return "The application cannot be read for now: " + v.Trouble
	case !v.Look.Under:
		return "The application is being read."
	case v.Look.Of == 0:
		return "What was read is being compared."
	}
	return "Groups are asked who is in them: " + words.Number(v.Look.Groups) + " of " + words.Number(v.Look.Of) + "."
}

// driftRows is how many objects a page lists, and driftEnds how many members it names of each.
const (
	driftRows = 100
	driftEnds = 6
)

func (s *Server) showDrift(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.driftPage(w, r, v, http.StatusOK, "")
}

// driftPage shows the page, with why nothing was done.
func (s *Server) driftPage(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	j, h, err := s.open(r, &v, "/drift", "drift")
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" && r.Method == http.MethodGet {
		return seeOther(w, r, to)
	}
	after, _ := refOf(r.FormValue("after"))
	view := driftView{Head: h, Said: said(r), Error: wrong, First: after.ID == ""}
	d, err := s.Operator.Drift(r.Context(), v.who, j.Slug, operate.DriftPage{After: after, Limit: driftRows, Ends: driftEnds})
	switch lockstep.CodeOf(err) {
	case "":
		view.of(d, r.PostForm["id"])
	case lockstep.CodeUnread:
		view.Unread = true
	default:
		return err
	}
	return s.render(w, r, status, driftPage(v.page, view))
}

// refOf reads type:id.
func refOf(text string) (connection.Ref, bool) {
	typ, id, ok := strings.Cut(text, ":")
	return connection.Ref{Type: typ, ID: id}, ok && id != ""
}

// of fills the view with a result.
func (v *driftView) of(d operate.Drift, ticked []string) {
	v.Look, v.Says, v.Unread = d.Look, d.Says(), d.Look.Read.IsZero()
	for _, f := range d.Found {
		row := driftRow{Value: f.Source.Type + ":" + f.Source.ID, Name: f.Source.Name, Missing: f.Kind == plan.DriftMissing, Changes: f.Changes()}
		row.Href = "/people/" + url.PathEscape(f.Source.ID)
		if f.Source.Type == connection.GroupType {
			row.Href = "/groups/" + url.PathEscape(f.Source.ID)
		}
		if f.Gone+f.Added > driftEnds {
			row.Ends = words.Number(f.Added) + " added, " + words.Number(f.Gone) + " removed"
		}
		row.Ticked = slices.Contains(ticked, row.Value)
		v.Rows = append(v.Rows, row)
	}
	if d.Trouble != nil {
		v.Trouble = lockstep.Said(d.Trouble)
	}
	if d.Next.ID != "" {
		v.Next = v.Head.Href + "/drift?after=" + url.QueryEscape(d.Next.Type+":"+d.Next.ID)
	}
}

// readForDrift has the application looked at once more.
func (s *Server) readForDrift(w http.ResponseWriter, r *http.Request, v visit) error {
	j, err := s.Operator.AskForDrift(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return err
	}
	return seeOther(w, r, jobHref(j)+"/drift?said=reading")
}

// restoreDrift has the ticked objects written anew, or all.
func (s *Server) restoreDrift(w http.ResponseWriter, r *http.Request, v visit) error {
	slug, all := r.PathValue("slug"), r.PostFormValue("do") == "all"
	var refs []connection.Ref
	if !all {
		for _, value := range r.PostForm["id"] {
			ref, ok := refOf(value)
			if !ok || len(refs) == driftRows {
				return unreadable()
			}
			refs = append(refs, ref)
		}
		if len(refs) == 0 {
			return s.driftPage(w, r, v, http.StatusUnprocessableEntity, "Tick at least one, or choose all.")
		}
	}
	_, err := s.Operator.RestoreDrift(r.Context(), v.who, slug, refs)
	switch lockstep.CodeOf(err) {
	case "":
		return seeOther(w, r, "/apps/"+url.PathEscape(slug)+"?said=mended")
	case lockstep.CodeConflict:
		return s.driftPage(w, r, v, http.StatusConflict, lockstep.Said(err))
	}
	return err
}
