package console

import (
	"net/http"
	"net/url"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// undoView is what there is to take back, before it is done.
type undoView struct {
	Head    head
	Line    string
	Cycle   string
	Groups  []rowGroup
	More    int // rows that are not listed
	Changes int
	Refused []cannotUndo
	Unsaid  int // refused ones that are not listed
	Shown   string
	Harms   []string
	Wrong   string // why nothing was done
}

// cannotUndo is a line of the log that cannot be taken back.
type cannotUndo struct {
	Name string
	Why  string
	Code lockstep.Code
}

// undoRows is how many rows the page lists.
const undoRows = 200

// undoOf reads what is to be taken back from the form or the address.
func undoOf(r *http.Request) (operate.TakeBack, error) {
	what := operate.TakeBack{Cycle: lockstep.CycleID(r.FormValue("cycle")), Shown: r.FormValue("shown")}
	if line := r.FormValue("line"); line != "" {
		what.Rows = []lockstep.ActionID{lockstep.ActionID(line)}
	}
	for _, id := range []string{r.FormValue("line"), r.FormValue("cycle")} {
		if id != "" && !lockstep.ValidID(id) {
			return what, unreadable()
		}
	}
	return what, nil
}

// showUndo shows what taking back would do.
func (s *Server) showUndo(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.undoPage(w, r, v, http.StatusOK, "")
}

func (s *Server) undoPage(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	what, err := undoOf(r)
	if err != nil {
		return err
	}
	j, h, err := s.open(r, &v, "/undo", "undo")
	if err != nil {
		return err
	}
	if j.Direction != provision.Outbound {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}
	what.Look = true
	out, err := s.Operator.Undo(r.Context(), v.who, j.Slug, what)
	view := undoView{Head: h, Line: r.FormValue("line"), Cycle: string(what.Cycle), Changes: len(out.Rows), Shown: out.Digest, Wrong: wrong}
	switch lockstep.CodeOf(err) {
	case "":
	case lockstep.CodeConflict:
		view.Wrong = lockstep.Said(err)
	default:
		return err
	}
	rows := make([]row, 0, min(len(out.Rows), undoRows))
	for i, a := range out.Rows {
		if i == undoRows {
			view.More = len(out.Rows) - i
			break
		}
		rows = append(rows, undoRow(j, a))
	}
	view.Groups = grouped(rows)
	for i, r := range out.Refuse {
		if i == undoRows {
			view.Unsaid = len(out.Refuse) - i
			break
		}
		view.Refused = append(view.Refused, cannotUndo{Name: nameOf(r.Row), Why: words.Sentence(r.Why), Code: r.Code})
	}
	for _, harm := range out.Harms {
		view.Harms = append(view.Harms, string(harm)+"s")
	}
	return s.render(w, r, status, undoPage(v.page, view))
}

// undoRow is a row that would take something back; it is in no log yet.
func undoRow(j provision.Job, a plan.Action) row {
	a.Decided = plan.Decision{}
	r := rowOf(j, a, logFilter{})
	r.Cycle, r.Href, r.Cause = "", "", ""
	r.Updates = a.Kind != rule.Delete
	return r
}

func nameOf(a plan.Action) string {
	if a.Source.Name == "" {
		return a.Source.ID
	}
	return a.Source.Name
}

// undo takes back what was shown, or nothing.
func (s *Server) undo(w http.ResponseWriter, r *http.Request, v visit) error {
	what, err := undoOf(r)
	if err != nil {
		return err
	}
	slug := r.PathValue("slug")
	what.Sure = strings.TrimSpace(r.PostFormValue("sure")) == slug
	out, err := s.Operator.Undo(r.Context(), v.who, slug, what)
	switch lockstep.CodeOf(err) {
	case "":
	case lockstep.CodePlanStale:
		return s.undoPage(w, r, v, http.StatusConflict, "What there is to take back is not what was shown. Below is what it is now.")
	case lockstep.CodeGuardHeld:
		return s.undoPage(w, r, v, http.StatusUnprocessableEntity, "This is more harm at once than the guard lets through: type "+slug+" to do it all the same.")
	default:
		return err
	}
	if out.Cycle == "" {
		return s.undoPage(w, r, v, http.StatusConflict, "Nothing of this can be taken back.")
	}
	return seeOther(w, r, "/apps/"+url.PathEscape(slug)+"?said=undone&cycle="+url.QueryEscape(string(out.Cycle)))
}
