package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// scopeView is who is in scope: the scoping filter as a form, and what a change of it would do.
type scopeView struct {
	Head    head
	Said    string
	Type    string
	Types   []tab
	Version string
	Edits   editing
	Groups  []filterView
	Wrong   []string
	Names   []choice // attributes of the source
	Every   bool
	Impact  *impactView
	Sure    bool // saving asks once more
}

// filterView is one filter of several: all of its conditions must hold.
type filterView struct {
	Name    string
	Clauses []clauseView
}

type clauseView struct {
	Attribute, Operator, Value string
	AnyCase                    bool
	Error                      string
}

// impactView is who would enter and leave.
type impactView struct {
	operate.Impact
	Enter, Leave []who
	Failure      string
}

// operators are the choices of a condition.
func operatorChoices() []choice {
	var all []choice
	for _, o := range rule.Operators() {
		all = append(all, choice{Value: o.Name, Word: o.Words, Help: o.Meaning})
	}
	return all
}

func (s *Server) showScope(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, m, err := s.scopeView(r, &v)
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	view.Said = said(r)
	for _, g := range m.Scope.Groups {
		view.Groups = append(view.Groups, filterViewOf(g))
	}
	view.pad()
	return s.render(w, r, http.StatusOK, scopePage(v.page, view))
}

func (s *Server) scopeView(r *http.Request, v *visit) (view scopeView, j provision.Job, m rule.ObjectMapping, err error) {
	j, h, err := s.open(r, v, "/scope", "scope")
	if err != nil {
		return view, j, m, err
	}
	e, err := s.edits(r, *v, &j)
	if err != nil {
		return view, j, m, err
	}
	view = scopeView{Head: h, Type: typeOf(r), Version: e.version(j), Edits: e, Every: j.Policy.Everyone || j.Direction == provision.Inbound}
	at, err := objectMapping(j.Rules, view.Type)
	if err != nil {
		return view, j, m, err
	}
	m = j.Rules.Objects[at]
	for _, o := range j.Rules.Objects {
		typ := rule.TypeName(o.Source)
		view.Types = append(view.Types, tab{Word: o.Name, Href: scopeHref(h.Href, typ), Here: typ == view.Type, N: clauses(o.Scope)})
	}
	inside, outside, _, err := s.Operator.Attributes(r.Context(), v.who, j.Slug, view.Type)
	if err != nil {
		return view, j, m, err
	}
	if j.Direction == provision.Inbound {
		inside = outside
	}
	view.Names = suggestions(inside)
	return view, j, m, nil
}

func scopeHref(base, typ string) string {
	if typ == "User" {
		return base + "/scope"
	}
	return base + "/scope?type=" + url.QueryEscape(typ)
}

func clauses(f rule.Filter) int {
	n := 0
	for _, g := range f.Groups {
		n += len(g.Clauses)
	}
	return n
}

func filterViewOf(g rule.FilterGroup) filterView {
	v := filterView{Name: g.Name}
	for _, c := range g.Clauses {
		v.Clauses = append(v.Clauses, clauseView{Attribute: c.Attribute, Operator: c.Operator, Value: strings.Join(c.Operand.Values, ", "), AnyCase: c.IgnoreCase})
	}
	return v
}

// pad gives a form without conditions an empty one to fill in.
func (v *scopeView) pad() {
	if len(v.Groups) == 0 {
		v.Groups = []filterView{{}}
	}
	for i := range v.Groups {
		if len(v.Groups[i].Clauses) == 0 {
			v.Groups[i].Clauses = []clauseView{{Operator: "EQUALS"}}
		}
	}
}

const (
	mostFilters = 20 // in a form
	mostClauses = 50 // of a filter
)

// sent reads the filters of the form.
func (v *scopeView) sent(r *http.Request) {
	for i := range mostFilters {
		prefix := "g" + strconv.Itoa(i) + "-"
		if !r.PostForm.Has(prefix + "name") {
			break
		}
		g := filterView{Name: strings.TrimSpace(r.PostFormValue(prefix + "name"))}
		for c := range mostClauses {
			at := prefix + "c" + strconv.Itoa(c) + "-"
			if !r.PostForm.Has(at + "attribute") {
				break
			}
			g.Clauses = append(g.Clauses, clauseView{
				Attribute: strings.TrimSpace(r.PostFormValue(at + "attribute")), Operator: r.PostFormValue(at + "operator"),
				Value: strings.TrimSpace(r.PostFormValue(at + "value")), AnyCase: r.PostFormValue(at+"case") != "",
			})
		}
		v.Groups = append(v.Groups, g)
	}
}

// filter is what the form says. Empty conditions, and filters without one, are left out.
func (v *scopeView) filter() rule.Filter {
	f := rule.Filter{Groups: []rule.FilterGroup{}}
	for i := range v.Groups {
		g := rule.FilterGroup{Name: v.Groups[i].Name}
		for j := range v.Groups[i].Clauses {
			c := &v.Groups[i].Clauses[j]
			if c.Attribute == "" && c.Value == "" {
				continue
			}
			if c.Attribute == "" && c.Operator != "IsMemberOf" {
				c.Error = "Name the attribute that is looked at."
			}
			g.Clauses = append(g.Clauses, c.clause())
		}
		if len(g.Clauses) > 0 {
			f.Groups = append(f.Groups, g)
		}
	}
	return f
}

func (c clauseView) clause() rule.Clause {
	out := rule.Clause{Attribute: c.Attribute, Operator: c.Operator, IgnoreCase: c.AnyCase}
	op := operatorOf(c.Operator)
	switch {
	case op.Unary || c.Value == "":
	case op.Several:
		for value := range strings.SplitSeq(c.Value, ",") {
			out.Operand.Values = append(out.Operand.Values, strings.TrimSpace(value))
		}
	default:
		out.Operand.Values = []string{c.Value}
	}
	return out
}

func operatorOf(name string) rule.Operator {
	for _, o := range rule.Operators() {
		if o.Name == name {
			return o
		}
	}
	return rule.Operator{}
}

// faulty reports whether a condition cannot be saved as it stands.
func (v *scopeView) faulty() bool {
	for _, g := range v.Groups {
		for _, c := range g.Clauses {
			if c.Error != "" {
				return true
			}
		}
	}
	return len(v.Wrong) > 0
}

// edit adds and removes lines of the form. It reports whether that was all that was asked for.
func (v *scopeView) edit(do string) bool {
	var g, c int
	switch {
	case do == "add-filter" && len(v.Groups) < mostFilters:
		v.Groups = append(v.Groups, filterView{Clauses: []clauseView{{Operator: "EQUALS"}}})
	case scan(do, "add-%d", &g) && g >= 0 && g < len(v.Groups) && len(v.Groups[g].Clauses) < mostClauses:
		v.Groups[g].Clauses = append(v.Groups[g].Clauses, clauseView{Operator: "EQUALS"})
	case scan(do, "remove-%d-%d", &g, &c) && g >= 0 && g < len(v.Groups) && c >= 0 && c < len(v.Groups[g].Clauses):
		v.Groups[g].Clauses = slices.Delete(v.Groups[g].Clauses, c, c+1)
		if len(v.Groups[g].Clauses) == 0 {
			v.Groups = slices.Delete(v.Groups, g, g+1)
		}
	default:
		return false
	}
	v.pad()
	return true
}

func scan(text, format string, into ...any) bool {
	n, err := fmt.Sscanf(text, format, into...)
	return err == nil && n == len(into)
}

// saveScope checks or saves the filter. In mode automatic, where it goes out at once, who leaves is shown before.
func (s *Server) saveScope(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, m, err := s.scopeView(r, &v)
	if err != nil {
		return err
	}
	view.sent(r)
	do := r.PostFormValue("do")
	if view.edit(do) {
		return s.render(w, r, http.StatusOK, scopePage(v.page, view))
	}
	at, err := objectMapping(j.Rules, view.Type)
	if err != nil {
		return err
	}
	m.Scope = view.filter()
	rules := rule.Rules{Objects: slices.Clone(j.Rules.Objects)}
	rules.Objects[at] = m
	if view.faulty() {
		return s.refuseScope(w, r, v, view)
	}
	if err := s.impact(r, v, j, m, &view); err != nil {
		return err
	}
	if view.faulty() {
		return s.refuseScope(w, r, v, view)
	}
	view.Sure = !view.Edits.Draft && !j.Manual && view.Impact.Leaves > 0
	if do == "check" || view.Sure && r.PostFormValue("sure") != strconv.Itoa(view.Impact.Leaves) {
		view.pad()
		return s.render(w, r, http.StatusOK, scopePage(v.page, view))
	}
	word, err := s.saveRules(r, v, view.Edits, j.Slug, rules, "scoped")
	if err != nil {
		if err := view.blame(err); err != nil {
			return err
		}
		return s.refuseScope(w, r, v, view)
	}
	href := scopeHref(view.Head.Href, view.Type)
	return seeOther(w, r, href+joint(href)+"said="+word)
}

func (s *Server) refuseScope(w http.ResponseWriter, r *http.Request, v visit, view scopeView) error {
	view.Impact = nil
	view.pad()
	return s.render(w, r, http.StatusUnprocessableEntity, scopePage(v.page, view))
}

// impact finds out who would enter and leave.
func (s *Server) impact(r *http.Request, v visit, j provision.Job, m rule.ObjectMapping, view *scopeView) error {
	found, err := s.Operator.ScopeImpact(r.Context(), v.who, j.Slug, m, j.Policy)
	view.Impact = &impactView{Impact: found}
	if err != nil {
		return view.blame(err)
	}
	for _, c := range found.Enter {
		view.Impact.Enter = append(view.Impact.Enter, whoOf(j, c))
	}
	for _, c := range found.Leave {
		view.Impact.Leave = append(view.Impact.Leave, whoOf(j, c))
	}
	return nil
}

func whoOf(j provision.Job, c operate.Crossing) who {
	return who{Name: c.Name, Href: personHref(j, c.Ref, connection.Ref{}), Detail: words.Sentence(c.Why)}
}

// blame puts what is wrong with a filter beside the condition that it is about.
func (v *scopeView) blame(err error) error {
	all, ok := ruleFaults(err)
	if !ok {
		f := form{}
		if err := f.wrong(err); err != nil {
			return err
		}
		v.Wrong = append(v.Wrong, f.Wrong...)
	}
	for _, one := range all {
		if c, about := v.clauseOf(fieldOf(one)); c != nil {
			c.Error = words.Upper(strings.TrimPrefix(sentenceOf(one), about))
		} else {
			v.Wrong = append(v.Wrong, sentenceOf(one))
		}
	}
	return nil
}

// clauseOf is the condition of a field of rules (filter 1 clause 2, of those that are sent), and how a sentence about it begins. nil is none.
func (v *scopeView) clauseOf(field string) (c *clauseView, about string) {
	var filter, clause int
	if !scan(field, "filter %d clause %d", &filter, &clause) {
		return nil, ""
	}
	sent := 0
	for i := range v.Groups {
		var used []*clauseView
		for j := range v.Groups[i].Clauses {
			if c := &v.Groups[i].Clauses[j]; c.Attribute != "" || c.Value != "" {
				used = append(used, c)
			}
		}
		if len(used) == 0 {
			continue
		}
		if sent++; sent == filter && clause >= 1 && clause <= len(used) {
			name := cmp.Or(v.Groups[i].Name, strconv.Itoa(sent))
			return used[clause-1], fmt.Sprintf("Filter “%s”, clause %d: ", name, clause)
		}
	}
	return nil, ""
}

// ruleFaults are all that rules are refused for.
func ruleFaults(err error) ([]error, bool) {
	all := joined(err)
	for _, one := range all {
		if code := lockstep.CodeOf(one); code != lockstep.CodeScopeSyntax && code != lockstep.CodeMapUnknown && code != lockstep.CodeMapSyntax && code != lockstep.CodeMapInvalid {
			return nil, false
		}
	}
	return all, len(all) > 0
}

// joined are the errors that an error holds: those of rules, or of errors.Join.
func joined(err error) []error {
	switch e := err.(type) { //nolint:errorlint // each is looked for by itself
	case *operate.RulesFaulty:
		var all []error
		for _, f := range e.Faults {
			all = append(all, f.Err)
		}
		return all
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return []error{err}
}
