package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// draftBar stands above the pages of an app that has a draft.
type draftBar struct {
	Href     string // of the draft's page
	Revision string
	By       string
	At       time.Time
	Changes  int
	What     string // the first changes in a line
	Says     string // whom it touches; "" is not known now
	Behind   bool
}

// bar is the draft of a job in short; nil when there is none.
func (s *Server) bar(r *http.Request, v visit, j provision.Job) (*draftBar, error) {
	d, err := s.Operator.Draft(r.Context(), v.who, j.Slug)
	if err != nil || d.Revision == 0 {
		return nil, err
	}
	b := &draftBar{
		Href: jobHref(j) + "/draft", Revision: strconv.FormatInt(d.Revision, 10), By: d.By.Name, At: d.At, Changes: len(d.Changes) + len(d.Assigned), Behind: d.Behind(),
	}
	var what []string
	for i, c := range d.Changes {
		if i == 3 {
			what = append(what, words.Number(len(d.Changes)-i)+" more")
			break
		}
		what = append(what, c.What)
	}
	if n := len(d.Assigned); n > 0 {
		what = append(what, words.Many(n, "assignment", "assignments"))
	}
	b.What = strings.Join(what, ", ")
	if i, err := s.Operator.DraftImpact(r.Context(), v.who, j.Slug, operate.Few); err == nil {
		b.Says = i.Says()
	}
	return b, nil
}

// editing says what a form of mappings, scope or policy changes: what is in force, or, of an app that runs, the draft.
type editing struct {
	Draft    bool
	revision int64 // of the draft that the form shows; 0 is none
}

// version is what the form has seen, for a hidden field.
func (e editing) version(j provision.Job) string {
	if e.Draft {
		return "draft-" + strconv.FormatInt(e.revision, 10)
	}
	return strconv.FormatInt(j.Config, 10)
}

// edits finds out what a form changes, and has the job say what the draft says. Whom somebody keeps out is as it is in force.
func (s *Server) edits(r *http.Request, v visit, j *provision.Job) (editing, error) {
	d, err := s.Operator.Draft(r.Context(), v.who, j.Slug)
	if err != nil {
		return editing{}, err
	}
	if d.Revision != 0 {
		excluded := j.Policy.Excluded
		j.Rules, j.Policy = d.Configuration.Rules, d.Configuration.Policy
		j.Policy.Excluded = excluded
	}
	return editing{Draft: d.Revision != 0 || !j.Draft(), revision: d.Revision}, nil
}

// seen is the revision of the draft that a form has shown.
func seen(r *http.Request) int64 {
	text, _ := strings.CutPrefix(r.PostFormValue("version"), "draft-")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return operate.AnyRevision
	}
	return n
}

// saveRules keeps rules where the form says, and returns the word for it.
func (s *Server) saveRules(r *http.Request, v visit, e editing, slug string, rules rule.Rules, word string) (string, error) {
	if e.Draft {
		_, err := s.Operator.DraftRules(r.Context(), v.who, slug, seen(r), rules)
		return "drafted", err
	}
	version, _ := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	_, err := s.Operator.SetRules(r.Context(), v.who, slug, version, rules)
	return word, err
}

// draftView is the page of a draft.
type draftView struct {
	Head     head
	Said     string
	Error    string // why nothing was done
	Draft    operate.Drafted
	Revision string
	Impact   operate.DraftImpact
	Means    []string
	Trouble  string // why nobody can say whom it touches
	Rows     []impactRow
	Note     string
}

type impactRow struct {
	Name, Href string
	Outcome    words.Outcome
	Why        string
	Changes    []words.Change
}

func (s *Server) showDraft(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.draftPage(w, r, v, http.StatusOK, "")
}

// draftPage shows the draft, with why nothing was done.
func (s *Server) draftPage(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	j, h, err := s.open(r, &v, "/draft", "draft")
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" && r.Method == http.MethodGet {
		return seeOther(w, r, to)
	}
	view := draftView{Head: h, Said: said(r), Error: wrong, Note: r.PostFormValue("note")}
	if view.Draft, err = s.Operator.Draft(r.Context(), v.who, j.Slug); err != nil {
		return err
	}
	view.Revision = strconv.FormatInt(view.Draft.Revision, 10)
	if view.Draft.Revision != 0 {
		i, err := s.Operator.DraftImpact(r.Context(), v.who, j.Slug, 0)
		view.Impact, view.Means = i, i.Means()
		if err != nil {
			view.Trouble = sentenceOf(err)
		}
		for _, a := range i.Sample {
			view.Rows = append(view.Rows, impactRowOf(j, a))
		}
	}
	return s.render(w, r, status, draftPage(v.page, view))
}

func impactRowOf(j provision.Job, a plan.Action) impactRow {
	row := impactRow{Name: a.Source.Name, Outcome: words.OutcomeOf(a.Kind, a.State), Why: words.Sentence(a.Reason.Sentence()), Changes: a.Changes()}
	if row.Name == "" {
		row.Name = a.Source.ID
	}
	row.Href = personHref(j, a.Source.Ref, connection.Ref{})
	return row
}

// decideDraft applies, discards or brings up to date.
func (s *Server) decideDraft(w http.ResponseWriter, r *http.Request, v visit) error {
	slug := r.PathValue("slug")
	revision, err := strconv.ParseInt(r.PostFormValue("revision"), 10, 64)
	if err != nil {
		return unreadable()
	}
	base, _ := strings.CutSuffix(r.URL.Path, "/draft")
	to := base
	switch r.PostFormValue("do") {
	case "apply":
		var a operate.Applied
		if a, err = s.Operator.ApplyDraft(r.Context(), v.who, slug, revision, r.PostFormValue("note")); err == nil {
			to = base + "/versions?said=applied&number=" + strconv.FormatInt(a.Version.Number, 10)
			if a.LeftOut > 0 {
				to = base + "/versions?said=applied-less&number=" + strconv.FormatInt(a.Version.Number, 10)
			}
		}
	case "discard":
		err = s.Operator.DiscardDraft(r.Context(), v.who, slug, revision)
		to = base + "?said=draft-discarded"
	case "rebase":
		take := map[plan.Field]plan.Side{}
		for name, values := range r.PostForm {
			if f, is := strings.CutPrefix(name, "take:"); is {
				take[plan.Field(f)] = plan.Side(values[0])
			}
		}
		_, err = s.Operator.RebaseDraft(r.Context(), v.who, slug, revision, take)
		to = base + "/draft?said=rebased"
	default:
		return unreadable()
	}
	switch code := lockstep.CodeOf(err); {
	case err == nil:
		return seeOther(w, r, to)
	case code == lockstep.CodeDraftBehind:
		return s.draftPage(w, r, v, http.StatusConflict, lockstep.Said(err)+" Bring the draft up to date first.")
	case code == lockstep.CodeVersion, code == lockstep.CodeNotFound:
		return s.draftPage(w, r, v, http.StatusConflict, lockstep.Said(err))
	}
	if all, ok := ruleFaults(err); ok {
		texts := make([]string, len(all))
		for i, one := range all {
			texts[i] = sentenceOf(one)
		}
		return s.draftPage(w, r, v, http.StatusUnprocessableEntity, strings.Join(texts, " "))
	}
	return err
}

// versionsView is what a job has been set to.
type versionsView struct {
	Head    head
	Said    string
	Error   string
	Rows    []versionRow
	More    string            // address of those before
	One     *operate.Compared // that is looked at
	InForce int64
}

type versionRow struct {
	Number         int64
	By, Note, What string
	At             time.Time
	Href           string
	InForce, Here  bool
}

// versionsKept is how many versions there are at least.
const versionsKept = plan.VersionsKept

// versionPage is how many versions a page lists.
const versionPage = 50

func (s *Server) showVersions(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.versionsPage(w, r, v, http.StatusOK, "")
}

func (s *Server) versionsPage(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	j, h, err := s.open(r, &v, "/versions", "versions")
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" && r.Method == http.MethodGet {
		return seeOther(w, r, to)
	}
	view := versionsView{Head: h, Said: said(r), Error: wrong}
	if view.InForce, err = s.inForce(r, v, j); err != nil {
		return err
	}
	number, against := numberIn(r, "number", 0), numberIn(r, "against", -1)
	if number > 0 {
		one, err := s.Operator.CompareVersions(r.Context(), v.who, j.Slug, against, number)
		if err != nil {
			return err
		}
		view.One = &one
	}
	all, err := s.Operator.Versions(r.Context(), v.who, j.Slug, numberIn(r, "before", 0), versionPage)
	if err != nil {
		return err
	}
	for _, x := range all {
		view.Rows = append(view.Rows, versionRowOf(h.Href, x, view.InForce, number))
	}
	if len(all) == versionPage && all[len(all)-1].Number > 1 {
		view.More = h.Href + "/versions?before=" + strconv.FormatInt(all[len(all)-1].Number, 10)
	}
	return s.render(w, r, status, versionsPage(v.page, view))
}

func (s *Server) inForce(r *http.Request, v visit, j provision.Job) (int64, error) {
	c, err := s.Operator.CompareVersions(r.Context(), v.who, j.Slug, 0, 0)
	return c.To.Number, err
}

func numberIn(r *http.Request, name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

func versionRowOf(base string, x plan.Version, inForce, here int64) versionRow {
	row := versionRow{Number: x.Number, By: x.By.Name, Note: x.Note, At: x.At, InForce: x.Number == inForce, Here: x.Number == here}
	row.Href = base + "/versions?" + url.Values{"number": {strconv.FormatInt(x.Number, 10)}}.Encode()
	var what []string
	for i, f := range x.Changed {
		if i == 3 {
			what = append(what, words.Number(len(x.Changed)-i)+" more")
			break
		}
		what = append(what, operate.FieldWords(f))
	}
	if x.Assignments > 0 {
		what = append(what, words.Many(x.Assignments, "assignment", "assignments"))
	}
	if row.What = strings.Join(what, ", "); row.What == "" {
		row.What = "As it began"
	}
	return row
}

// rollBack makes a draft of a version.
func (s *Server) rollBack(w http.ResponseWriter, r *http.Request, v visit) error {
	number, err := strconv.ParseInt(r.PostFormValue("number"), 10, 64)
	if err != nil {
		return unreadable()
	}
	_, err = s.Operator.RollBack(r.Context(), v.who, r.PathValue("slug"), number)
	switch lockstep.CodeOf(err) {
	case "":
		base, _ := strings.CutSuffix(r.URL.Path, "/versions")
		return seeOther(w, r, base+"/draft?said=rolled-back")
	case lockstep.CodeConflict:
		return s.versionsPage(w, r, v, http.StatusConflict, lockstep.Said(err))
	}
	return err
}
