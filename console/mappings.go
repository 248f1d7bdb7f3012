package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/words"
)

// mappingsView is where the attributes of one type of object come from.
type mappingsView struct {
	Head    head
	Said    string
	Type    string // at the source
	Types   []tab
	Name    string // of the object mapping
	From    string // what the source is called
	To      string
	Rows    []mappingRow
	Off     string // why the whole mapping is not in force; "" when it is
	Person  *who   // whose values are shown
	Trouble string // why no values are shown
	Search  string
	Found   []option
	Restore []string       // what restoring the defaults would change
	Chosen  []attributeRow // attributes that are to be mapped
	Actions form           // what may be done to objects of the type
	Version string
}

type mappingRow struct {
	Target, Attribute string
	From              string
	Value, Problem    string
	Match             int
	When, Empty       string
	Href              string
}

func mappingsHref(base, typ string) string {
	if typ == "User" {
		return base + "/mappings"
	}
	return base + "/mappings?type=" + url.QueryEscape(typ)
}

// objectMapping finds the mapping of a type of object in rules.
func objectMapping(r rule.Rules, typ string) (int, error) {
	i := slices.IndexFunc(r.Objects, func(o rule.ObjectMapping) bool { return rule.TypeName(o.Source) == typ })
	if i < 0 {
		return 0, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The rules have no mapping for objects of this type."}
	}
	return i, nil
}

func typeOf(r *http.Request) string {
	if t := r.FormValue("type"); t != "" {
		return t
	}
	return "User"
}

func (s *Server) showMappings(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.mappingsView(r, &v)
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	return s.render(w, r, http.StatusOK, mappingsPage(v.page, view))
}

// mappingsView is the page of the mappings of a type of object.
func (s *Server) mappingsView(r *http.Request, v *visit) (view mappingsView, j provision.Job, err error) {
	j, h, err := s.open(r, v, "/mappings", "mappings")
	if err != nil {
		return view, j, err
	}
	view = mappingsView{Head: h, Said: said(r), Type: typeOf(r), From: "the directory", To: h.Job.Kind, Search: strings.TrimSpace(r.URL.Query().Get("q"))}
	if j.Direction == provision.Inbound {
		view.From, view.To = h.Job.Kind, "the directory"
	}
	e, err := s.edits(r, *v, &j)
	if err != nil {
		return view, j, err
	}
	at, err := objectMapping(j.Rules, view.Type)
	if err != nil {
		return view, j, err
	}
	m := j.Rules.Objects[at]
	view.Actions, view.Version = actionsForm(m, j.Direction == provision.Inbound), e.version(j)
	view.Chosen = chosenAttributes(r, h.Href, view.Type, m)
	view.Name = m.Name
	for _, o := range j.Rules.Objects {
		view.Types = append(view.Types, tab{Word: o.Name, Href: mappingsHref(h.Href, rule.TypeName(o.Source)), Here: o.Name == m.Name, N: len(o.Attributes)})
	}
	switch {
	case !m.Enabled:
		view.Off = "This mapping is switched off."
	case view.Type == "Group" && j.Direction == provision.Outbound && !j.Policy.Groups:
		view.Off = "Group objects are not sent: the settings say so. These mappings wait until they are."
	}
	if err := s.mappingValues(r, *v, j, m, &view); err != nil {
		return view, j, err
	}
	t, err := s.Operator.Template(v.who, j.Connection.Kind)
	if err == nil {
		view.Restore = restoreChanges(t.Rules, m)
	}
	return view, j, nil
}

// likelyPeople is among how many somebody in scope is looked for whose values are shown.
const likelyPeople = 50

// likely is somebody in scope whom the job has met, so that not everybody has to be read until one is found; nil is nobody.
func (s *Server) likely(ctx context.Context, p operate.Principal, j provision.Job, typ string) ([]string, error) {
	if p.May(operate.PeopleRead) != nil {
		return nil, nil
	}
	links, err := s.Operator.Links(ctx, p, j, plan.LinkQuery{Type: typ, Only: plan.LinksIn, Outline: true, Limit: 1})
	if err != nil || len(links) == 0 {
		return nil, err
	}
	return []string{links[0].Source.ID}, nil
}

// mappingValues fills in the rows, with the values of one real person.
func (s *Server) mappingValues(r *http.Request, v visit, j provision.Job, m rule.ObjectMapping, view *mappingsView) error {
	var of []string
	if id := r.URL.Query().Get("person"); id != "" {
		of = []string{id}
	}
	likely, err := s.likely(r.Context(), v.who, j, m.Source)
	if err != nil {
		return err
	}
	if of == nil && likely != nil {
		of = likely
	} else {
		likely = nil
	}
	tries, err := s.Operator.TryRules(r.Context(), v.who, j.Slug, m, of, likelyPeople)
	if likely != nil && (err != nil || len(tries) == 0) { // whoever it was is gone
		tries, err = s.Operator.TryRules(r.Context(), v.who, j.Slug, m, nil, likelyPeople)
	}
	var one *operate.Try
	switch {
	case err != nil:
		view.Trouble = sentenceOf(err)
	case len(tries) > 0: // the first who is in scope, or else anybody
		one = &tries[max(0, slices.IndexFunc(tries, func(t operate.Try) bool { return t.Verdict.In }))]
		view.Person = &who{Name: one.Name}
	}
	for _, a := range m.Attributes {
		view.Rows = append(view.Rows, mappingRowOf(view.Head.Href, view.Type, a, one))
	}
	if view.Search != "" && view.Type == "User" && j.Direction == provision.Outbound {
		view.Found, _, err = s.find(r, v, view.Search)
		view.Found = slices.DeleteFunc(view.Found, func(o option) bool { return o.Kind != "Person" })
		return err
	}
	return nil
}

func mappingRowOf(base, typ string, a rule.Mapping, one *operate.Try) mappingRow {
	q := url.Values{"type": {typ}, "target": {a.Target}}
	row := mappingRow{Target: a.Target, Attribute: words.Attribute(a.Target), From: "constant “" + a.Default + "”", Match: a.Match, When: "always", Empty: "keeps its value", Href: base + "/mappings/edit?" + q.Encode()}
	if a.Source != nil {
		row.From = words.MappingSource(*a.Source)
	}
	switch {
	case a.FlowType == rule.ObjectAddOnly:
		row.When = "on create only"
	case a.FlowType == rule.MultiValueAddOnly:
		row.When = "adds only"
	case a.Behavior == rule.FlowAlways:
		row.When = "each time anew"
	}
	switch {
	case a.FlowType == rule.MultiValueAddOnly: // it never takes anything away
	case a.Clear:
		row.Empty = "is cleared"
	case a.Default != "" && a.DefaultOnUpdate:
		row.Empty = "“" + a.Default + "”"
	case a.Default != "":
		row.Empty = "“" + a.Default + "” on create"
	}
	if one != nil {
		row.Value, row.Problem = outcomeFor(a.Target, one)
	}
	return row
}

// outcomeFor is what a target attribute gets, or why it gets nothing.
func outcomeFor(target string, one *operate.Try) (value, problem string) {
	for _, err := range one.Output.Problems {
		if text := sentenceOf(err); strings.HasPrefix(strings.ToLower(text), strings.ToLower(target)) {
			problem = text
		}
	}
	if slices.Contains(one.Output.Redacted, target) {
		return "never shown", problem
	}
	path, err := filter.ParsePath(target)
	if err != nil {
		return "", problem
	}
	return words.Value(scim.List(scim.Values(one.Output.Want, path))), problem
}

// restoreChanges names what restoring the template's mappings would change.
func restoreChanges(r rule.Rules, m rule.ObjectMapping) []string {
	at, err := objectMapping(r, rule.TypeName(m.Source))
	if err != nil {
		return nil
	}
	var all []string
	there := map[string]rule.Mapping{}
	for _, a := range r.Objects[at].Attributes {
		there[strings.ToLower(a.Target)] = a
	}
	for _, a := range m.Attributes {
		key := strings.ToLower(a.Target)
		was, known := there[key]
		switch delete(there, key); {
		case !known:
			all = append(all, words.Attribute(a.Target)+" is removed")
		case !sameMapping(was, a):
			all = append(all, words.Attribute(a.Target)+" is changed")
		}
	}
	for _, a := range r.Objects[at].Attributes {
		if _, missing := there[strings.ToLower(a.Target)]; missing {
			all = append(all, words.Attribute(a.Target)+" is added")
		}
	}
	return all
}

func sameMapping(a, b rule.Mapping) bool {
	sa, sb := a.Source, b.Source
	a.Source, b.Source = nil, nil
	if a.FlowType == rule.Always {
		a.FlowType = ""
	}
	if b.FlowType == rule.Always {
		b.FlowType = ""
	}
	return a == b && (sa == nil) == (sb == nil) && (sa == nil || sa.Text() == sb.Text())
}

// restoreMappings puts the template's mappings of a type in the place of the job's.
func (s *Server) restoreMappings(w http.ResponseWriter, r *http.Request, v visit) error {
	j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return err
	}
	e, err := s.edits(r, v, &j)
	if err != nil {
		return err
	}
	t, err := s.Operator.Template(v.who, j.Connection.Kind)
	if err != nil {
		return err
	}
	to, err := objectMapping(j.Rules, typeOf(r))
	if err != nil {
		return err
	}
	from, err := objectMapping(t.Rules, typeOf(r))
	if err != nil {
		return err
	}
	rules := rule.Rules{Objects: slices.Clone(j.Rules.Objects)}
	rules.Objects[to].Attributes = t.Rules.Objects[from].Attributes
	word, err := s.saveRules(r, v, e, j.Slug, rules, "restored")
	if err != nil {
		return err
	}
	href := mappingsHref(jobHref(j), typeOf(r))
	return seeOther(w, r, href+joint(href)+"said="+word)
}

// actionsForm says what may be done to objects of a type at the target.
func actionsForm(m rule.ObjectMapping, inbound bool) form {
	where, gone := "at the application", "Who is removed from the directory for good, 30 days after they were deleted there unless the server keeps them longer, is deleted at the application, with what belongs to the account. Without it they stay there, disabled."
	if inbound {
		where, gone = "in the directory", "Who is not at the source any more is deleted in the directory, where they can be restored for 30 days unless the server keeps them longer. Without it they are disabled."
	}
	return form{Fields: []field{
		{Name: "create", Label: "Create", Kind: tickField, Value: tickOf(m.Flow.Allows(rule.Create)), Help: "Who is in scope and not found " + where + " is made there. Without it only those who are there already are kept up to date."},
		{Name: "update", Label: "Update and disable", Kind: tickField, Value: tickOf(m.Flow.Allows(rule.Update)), Help: "Without it nobody who leaves is disabled, either."},
		{Name: "delete", Label: "Delete", Kind: tickField, Value: tickOf(m.Flow.Allows(rule.Delete)), Help: gone},
	}}
}

// setActions says what may be done to objects of a type.
func (s *Server) setActions(w http.ResponseWriter, r *http.Request, v visit) error {
	j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return err
	}
	e, err := s.edits(r, v, &j)
	if err != nil {
		return err
	}
	at, err := objectMapping(j.Rules, typeOf(r))
	if err != nil {
		return err
	}
	rules := rule.Rules{Objects: slices.Clone(j.Rules.Objects)}
	m := &rules.Objects[at]
	f := actionsForm(*m, j.Direction == provision.Inbound)
	f.sent(r)
	if m.Flow = rule.FlowOf(f.value("create") != "", f.value("update") != "", f.value("delete") != ""); m.Flow == "" {
		view, _, err := s.mappingsView(r, &v)
		if err != nil {
			return err
		}
		f.get("create").Error = "Nothing would be done at all. Leave one of them on, or pause the job."
		view.Actions = f
		return s.render(w, r, http.StatusUnprocessableEntity, mappingsPage(v.page, view))
	}
	word, err := s.saveRules(r, v, e, j.Slug, rules, "allowed")
	if err != nil {
		return err
	}
	href := mappingsHref(jobHref(j), typeOf(r))
	return seeOther(w, r, href+joint(href)+"said="+word)
}

// joint is what stands between an address and one more of its parameters.
func joint(href string) string {
	if strings.Contains(href, "?") {
		return "&"
	}
	return "?"
}

// mappingView is one mapping as a form.
type mappingView struct {
	Head    head
	Type    string
	Target  string // "" is a new one
	Version string
	Edits   editing
	Back    string
	Form    form
	Results []mappingResult
	Tried   bool
	Unsaved bool   // what was tried is not what is kept
	Outside string // why the application's attributes are not known
	List    []operate.Attribute
	ListOf  string
}

type mappingResult struct {
	Name, Value, Problem string
	In                   bool
}

func (s *Server) showMapping(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.mappingView(r, &v)
	if err != nil {
		return err
	}
	if at, err := objectMapping(j.Rules, view.Type); err == nil && view.Target != "" {
		if err := s.tryMapping(r, v, &view, j, j.Rules.Objects[at]); err != nil && view.wrong(err) != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusOK, mappingPage(v.page, view))
}

func (s *Server) mappingView(r *http.Request, v *visit) (view mappingView, j provision.Job, err error) {
	j, h, err := s.open(r, v, "/mappings", "mapping")
	if err != nil {
		return view, j, err
	}
	e, err := s.edits(r, *v, &j)
	if err != nil {
		return view, j, err
	}
	view = mappingView{Head: h, Type: typeOf(r), Target: r.URL.Query().Get("target"), Version: e.version(j), Edits: e}
	view.Back = mappingsHref(h.Href, view.Type)
	if chosen := r.URL.Query()["chosen"]; len(chosen) > 0 && len(chosen) <= mostChosen {
		view.Back += joint(view.Back) + url.Values{"chosen": chosen}.Encode()
	}
	at, err := objectMapping(j.Rules, view.Type)
	if err != nil {
		return view, j, err
	}
	a := rule.Mapping{Clear: true}
	if view.Target != "" {
		i := j.Rules.Objects[at].Of(view.Target)
		if i < 0 {
			return view, j, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no mapping to this attribute; it may have been removed."}
		}
		a = j.Rules.Objects[at].Attributes[i]
	}
	inside, outside, why, err := s.Operator.Attributes(r.Context(), v.who, j.Slug, view.Type)
	if err != nil {
		return view, j, err
	}
	from, to := inside, outside
	view.List, view.ListOf = outside, h.Job.Kind
	if j.Direction == provision.Inbound {
		from, to = outside, inside
		view.List, view.ListOf = inside, "the directory"
	}
	if why != nil {
		view.Outside = sentenceOf(why)
	}
	view.Form = mappingForm(a, suggestions(from), suggestions(to))
	if path := r.URL.Query().Get("for"); view.Target == "" && path != "" && len(path) <= 300 {
		view.Form.get("target").Value = path
		if slices.ContainsFunc(from, func(a operate.Attribute) bool { return strings.EqualFold(a.Path, path) }) {
			view.Form.get("attribute").Value = path
		}
	}
	return view, j, nil
}

func suggestions(all []operate.Attribute) []choice {
	var out []choice
	for _, a := range all {
		word := a.Type
		if a.Required {
			word += ", required"
		}
		if a.Many {
			word += ", several"
		}
		out = append(out, choice{Value: a.Path, Word: word})
	}
	return out
}

// The kinds of source that the form offers.
const (
	fromAttribute  = "attribute"
	fromConstant   = "constant"
	fromExpression = "expression"
)

func mappingForm(a rule.Mapping, from, to []choice) form {
	kind, attribute, constant, expression := fromAttribute, "", a.Default, ""
	if a.Source != nil {
		expression = a.Source.Text()
		if name, ok := words.Alone(expression); ok {
			attribute, expression = name, ""
		} else if a.Source.Type == rule.FromConstant || strings.HasPrefix(expression, `"`) && strings.Count(expression, `"`) == 2 {
			kind, constant, expression = fromConstant, strings.Trim(expression, `"`), ""
		} else {
			kind = fromExpression
		}
	} else if a.Target != "" {
		kind = fromConstant
	}
	if kind != fromConstant {
		constant = ""
	}
	match, empty, when := "", "keep", "always"
	if a.Match > 0 {
		match = strconv.Itoa(a.Match)
	}
	switch {
	case a.Clear:
		empty = "clear"
	case a.DefaultOnUpdate:
		empty = "default"
	}
	switch {
	case a.FlowType == rule.ObjectAddOnly:
		when = "create"
	case a.FlowType == rule.MultiValueAddOnly:
		when = "add"
	case a.Behavior == rule.FlowAlways:
		when = "again"
	}
	fallback := a.Default
	if kind == fromConstant && a.Source == nil {
		fallback = ""
	}
	return form{Fields: []field{
		{Name: "target", Label: "Target attribute", Value: a.Target, Code: true, Required: true, Suggest: to, Help: "What is written: type a part of its name."},
		{Name: "kind", Label: "Mapping type", Kind: choiceField, Value: kind, Choices: []choice{
			{fromAttribute, "Direct", "The value of one attribute of the source."}, {fromConstant, "Constant", "The same text for everybody."},
			{fromExpression, "Expression", "Made of several attributes by functions."},
		}},
		{Name: "attribute", Label: "Source attribute", Value: attribute, Code: true, Suggest: from, Only: "kind:" + fromAttribute},
		{Name: "constant", Label: "Text", Value: constant, Only: "kind:" + fromConstant},
		{Name: "expression", Label: "Expression", Kind: textField, Value: expression, Code: true, Only: "kind:" + fromExpression, Help: `Such as Join(" ", [name.givenName], [name.familyName]).`},
		{Name: "match", Label: "Matching precedence", Kind: numberField, Short: true, Value: match, Help: "1 finds existing accounts by this attribute first, 2 after that. Empty: does not match."},
		{Name: "empty", Label: "When the source has no value", Kind: choiceField, Value: empty, Choices: []choice{
			{"keep", "Keep what is there", ""}, {"clear", "Clear it", "So that nothing outdated stays."}, {"default", "Use the default value", "On create and later."},
		}},
		{Name: "default", Label: "Default value", Value: fallback, Help: "When an account is created and the source has none."},
		{Name: "when", Label: "Apply this mapping", Kind: choiceField, Value: when, Choices: []choice{
			{"always", "Always", ""}, {"create", "Only when the account is created", ""},
			{"add", "Add values, never take any away", "For attributes with several values: what others have added there stays."},
			{"again", "Whenever the person is looked at", "Also when the value has not changed: each complete run sends it to everybody."},
		}},
	}}
}

// saveMapping tries, saves or removes one mapping.
func (s *Server) saveMapping(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.mappingView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	at, err := objectMapping(j.Rules, view.Type)
	if err != nil {
		return err
	}
	rules := rule.Rules{Objects: slices.Clone(j.Rules.Objects)}
	m := &rules.Objects[at]
	m.Attributes = slices.Clone(m.Attributes)
	i := -1
	if view.Target != "" {
		i = m.Of(view.Target)
	}
	do := r.PostFormValue("do")
	word := "mapped"
	switch {
	case do == "remove" && i >= 0:
		m.Attributes = slices.Delete(m.Attributes, i, i+1)
		word = "unmapped"
	default:
		var was rule.Mapping
		if i >= 0 {
			was = m.Attributes[i]
		}
		a := mappingOf(&view.Form, was)
		if view.Form.faulty() {
			return s.render(w, r, http.StatusUnprocessableEntity, mappingPage(v.page, view))
		}
		view.Unsaved = i < 0 || !sameMapping(was, a)
		if i >= 0 {
			m.Attributes[i] = a
		} else {
			m.Attributes = append(m.Attributes, a)
		}
	}
	if do == "try" {
		if err := s.tryMapping(r, v, &view, j, *m); err != nil {
			if err := view.wrong(err); err != nil {
				return err
			}
			return s.render(w, r, http.StatusUnprocessableEntity, mappingPage(v.page, view))
		}
		return s.render(w, r, http.StatusOK, mappingPage(v.page, view))
	}
	if word, err = s.saveRules(r, v, view.Edits, j.Slug, rules, word); err != nil {
		if err := view.wrong(err); err != nil {
			return err
		}
		return s.render(w, r, http.StatusUnprocessableEntity, mappingPage(v.page, view))
	}
	return seeOther(w, r, view.Back+joint(view.Back)+"said="+word)
}

// mappingOf reads the form. What the form does not show stays as it was.
func mappingOf(f *form, a rule.Mapping) rule.Mapping {
	a.Target = f.value("target")
	if a.Target == "" {
		f.get("target").Error = "Name the attribute that is written."
	}
	a.Match = int(f.number("match", 9, true))
	a.Default, a.Clear, a.DefaultOnUpdate = f.value("default"), false, false
	switch f.value("empty") {
	case "clear":
		a.Clear = true
	case "default":
		if a.DefaultOnUpdate = true; a.Default == "" {
			f.get("default").Error = "Give the value that is used."
		}
	}
	a.FlowType, a.Behavior = "", ""
	switch f.value("when") {
	case "create":
		a.FlowType = rule.ObjectAddOnly
	case "add":
		a.FlowType = rule.MultiValueAddOnly
	case "again":
		a.Behavior = rule.FlowAlways
	}
	switch f.value("kind") {
	case fromAttribute:
		name := f.value("attribute")
		if name == "" {
			f.get("attribute").Error = "Name the attribute whose value is taken."
		}
		a.Source = &rule.MappingSource{Type: rule.FromAttribute, Name: name, Expression: "[" + name + "]"}
	case fromConstant:
		text := f.value("constant")
		if text == "" {
			f.get("constant").Error = "Give the text."
		}
		a.Source = &rule.MappingSource{Type: rule.FromConstant, Name: text, Expression: strconv.Quote(text)}
	case fromExpression:
		e := strings.TrimSpace(f.value("expression"))
		if e == "" {
			f.get("expression").Error = "Give the expression."
		}
		name, _, _ := strings.Cut(e, "(")
		a.Source = &rule.MappingSource{Type: rule.FromFunction, Name: name, Expression: e}
	default:
		f.get("kind").Error = "Choose one."
	}
	return a
}

// triedPeople is how many real people a mapping is tried on.
const triedPeople = 5

// tryMapping shows what the mapping of the page gives to real people, with all mappings of a type as m has them.
func (s *Server) tryMapping(r *http.Request, v visit, view *mappingView, j provision.Job, m rule.ObjectMapping) error {
	tries, err := s.Operator.TryRules(r.Context(), v.who, j.Slug, m, nil, triedPeople)
	if err != nil {
		return err
	}
	view.Tried = true
	for i := range tries {
		one := mappingResult{Name: tries[i].Name, In: tries[i].Verdict.In}
		one.Value, one.Problem = outcomeFor(view.Form.value("target"), &tries[i])
		view.Results = append(view.Results, one)
	}
	return nil
}

// wrong puts what is wrong with rules beside the field that it names.
func (v *mappingView) wrong(err error) error {
	var rules *operate.RulesFaulty
	if !errors.As(err, &rules) {
		return v.Form.wrong(err)
	}
	for _, one := range rules.Faults {
		v.Form.blame(v.field(fieldOf(one.Err)), sentenceOf(one.Err))
	}
	return nil
}

// field is the name in this form of a field of rules (source title, target emails[type eq "work"].value), "" when it is of another mapping.
func (v *mappingView) field(of string) string {
	part, target, _ := strings.Cut(of, " ")
	switch {
	case !strings.EqualFold(target, v.Form.value("target")):
		return ""
	case part == "source":
		return map[string]string{fromAttribute: "attribute", fromConstant: "constant", fromExpression: "expression"}[v.Form.value("kind")]
	}
	return part
}

// id is what an option stands for.
func (o option) id() string {
	_, id, _ := strings.Cut(o.Value, ":")
	return id
}
