package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/words"
)

// driftView is what somebody else has changed at an application.
type driftView struct {
	Head    head
	Said    string
	Error   string // why nothing was done
	Reading bool   // the application is being read
	Unread  bool   // it was never read
	Says    string
	Read    time.Time
	Number  int // objects that were compared
	Silent  []string
	Rows    []driftRow
	More    int
}

type driftRow struct {
	Value, Name, Href string
	Missing           bool
	Changes           []words.Change
	Ticked            bool
}

// Total is how many objects differ.
func (v driftView) Total() int { return len(v.Rows) + v.More }

// driftRows is how many objects the page lists.
const driftRows = 200

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
	view := driftView{Head: h, Said: said(r), Error: wrong}
	d, err := s.Operator.Drift(r.Context(), v.who, j.Slug)
	switch lockstep.CodeOf(err) {
	case "":
		view.of(d, r.PostForm["id"])
	case lockstep.CodeUnread:
		view.Unread = true
	case lockstep.CodeConflict:
		view.Reading = true
	default:
		return err
	}
	return s.render(w, r, status, driftPage(v.page, view))
}

// of fills the view with a result.
func (v *driftView) of(d operate.Drift, ticked []string) {
	v.Says, v.Read, v.Number, v.Silent, v.More = d.Says(), d.Look.Read, d.Look.Compared, d.Look.Silent, d.Look.More
	for i, f := range d.Found {
		if i == driftRows {
			v.More += len(d.Found) - i
			break
		}
		row := driftRow{Value: f.Source.Type + ":" + f.Source.ID, Name: f.Source.Name, Missing: f.Kind == plan.DriftMissing, Changes: f.Changes()}
		row.Href = "/people/" + url.PathEscape(f.Source.ID)
		if f.Source.Type == connection.GroupType {
			row.Href = "/groups/" + url.PathEscape(f.Source.ID)
		}
		row.Ticked = slices.Contains(ticked, row.Value)
		v.Rows = append(v.Rows, row)
	}
}

// readForDrift has the application read once more.
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
			typ, id, ok := strings.Cut(value, ":")
			if !ok || len(refs) == driftRows {
				return unreadable()
			}
			refs = append(refs, connection.Ref{Type: typ, ID: id})
		}
		if len(refs) == 0 {
			return s.driftPage(w, r, v, http.StatusUnprocessableEntity, "Tick at least one, or choose all.")
		}
	}
	_, err := s.Operator.RestoreDrift(r.Context(), v.who, slug, refs, false)
	switch lockstep.CodeOf(err) {
	case "":
		return seeOther(w, r, "/apps/"+url.PathEscape(slug)+"?said=mended")
	case lockstep.CodeConflict:
		return s.driftPage(w, r, v, http.StatusConflict, lockstep.Said(err))
	}
	return err
}
