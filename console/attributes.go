package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// attributesView is the attribute list of an application: what can be mapped to, and what is.
type attributesView struct {
	Head   head
	Type   string
	Back   string
	Search string
	Rows   []attributeRow
	Why    string // why the list is not known
	Of     string
}

type attributeRow struct {
	operate.Attribute
	From string // what it is made of; "" is not mapped
	Href string // where it is mapped
}

// attributeGroupView are attributes that belong together: those of one attribute of several parts, of an extension, or those on their own.
type attributeGroupView struct {
	Name   string
	Rows   []attributeRow
	Filled int
	Open   bool
}

const (
	fewAttributes = 20 // of which nothing is folded away
	fewOfGroup    = 3  // attributes with less are among those on their own
)

// groups divides the attributes that are shown. What was looked for is not folded away.
func (v *attributesView) groups() []attributeGroupView {
	of := map[string]int{}
	for _, a := range v.Rows {
		of[attributeParent(a.Path)]++
	}
	own := "On their own"
	all := []attributeGroupView{{Name: own, Open: true}}
	for _, a := range v.Rows {
		name := attributeParent(a.Path)
		if of[name] < fewOfGroup || name == "" {
			name = own
		}
		at := slices.IndexFunc(all, func(g attributeGroupView) bool { return g.Name == name })
		if at < 0 {
			at = len(all)
			all = append(all, attributeGroupView{Name: name, Open: v.Search != "" || len(v.Rows) <= fewAttributes})
		}
		g := &all[at]
		g.Rows = append(g.Rows, a)
		if a.From != "" {
			g.Filled++
		}
	}
	if len(all[0].Rows) == 0 {
		all = all[1:]
	}
	return all
}

// attributeParent is what an attribute is a part of: emails of emails[type eq "work"].value, and the extension's name of one under its URN.
func attributeParent(path string) string {
	if strings.HasPrefix(strings.ToLower(path), "urn:") {
		urn := path[:max(strings.LastIndex(path, ":"), 0)]
		parts := strings.Split(urn, ":")
		for i := len(parts) - 1; i > 0; i-- { // before its version and what it is of
			if strings.Trim(parts[i], "0123456789.") == "" {
				return "Extension " + parts[i-1]
			}
		}
		return "Extension " + urn
	}
	if end := strings.IndexAny(path, "[."); end > 0 {
		return path[:end]
	}
	return ""
}

// showAttributes lists what the other side has, by part of a name, with what is mapped already.
func (s *Server) showAttributes(w http.ResponseWriter, r *http.Request, v visit) error {
	j, h, err := s.open(r, &v, "/mappings", "attribute list")
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	view := attributesView{Head: h, Type: typeOf(r), Search: strings.TrimSpace(r.URL.Query().Get("q")), Of: h.Job.Kind}
	view.Back = mappingsHref(h.Href, view.Type)
	at, err := objectMapping(j.Rules, view.Type)
	if err != nil {
		return err
	}
	inside, list, why, err := s.Operator.Attributes(r.Context(), v.who, j.Slug, view.Type)
	if err != nil {
		return err
	}
	if j.Direction == provision.Inbound {
		list, view.Of = inside, "the directory"
	} else if why != nil {
		view.Why = sentenceOf(why)
	}
	for _, a := range list {
		if view.Search == "" || strings.Contains(strings.ToLower(a.Path+" "+a.Doc), strings.ToLower(view.Search)) {
			view.Rows = append(view.Rows, attributeRowOf(h.Href, view.Type, j.Rules.Objects[at], a))
		}
	}
	return s.render(w, r, http.StatusOK, attributesPage(v.page, view))
}

func attributeRowOf(base, typ string, mapped rule.ObjectMapping, a operate.Attribute) attributeRow {
	row := attributeRow{Attribute: a, Href: base + "/mappings/edit?" + url.Values{"type": {typ}, "for": {a.Path}}.Encode()}
	i := mapped.Of(a.Path)
	if i < 0 {
		return row
	}
	row.From = "constant " + mapped.Attributes[i].Default
	if source := mapped.Attributes[i].Source; source != nil {
		row.From = words.MappingSource(*source)
	}
	row.Href = base + "/mappings/edit?" + url.Values{"type": {typ}, "target": {a.Path}}.Encode()
	return row
}

// chooseAttributes leads to the mappings with the attributes that were ticked, to be mapped one after another.
func (s *Server) chooseAttributes(w http.ResponseWriter, r *http.Request, _ visit) error {
	if err := r.ParseForm(); err != nil {
		return unreadable()
	}
	chosen := r.PostForm["attribute"]
	if len(chosen) > mostChosen {
		return unreadable()
	}
	base, _, _ := strings.Cut(strings.TrimSuffix(r.URL.Path, "/"), "/attributes")
	href := mappingsHref(base, typeOf(r))
	if len(chosen) > 0 {
		href += joint(href) + url.Values{"chosen": chosen}.Encode()
	}
	return seeOther(w, r, href+"#chosen")
}

// mostChosen is how many attributes can be chosen at once.
const mostChosen = 60

// chosenAttributes are the attributes that an address names and that are not mapped yet.
func chosenAttributes(r *http.Request, base, typ string, mapped rule.ObjectMapping) []attributeRow {
	var all []attributeRow
	for _, path := range r.URL.Query()["chosen"] {
		if len(path) > 300 || len(all) == mostChosen {
			break
		}
		if row := attributeRowOf(base, typ, mapped, operate.Attribute{Path: path}); row.From == "" {
			row.Href += "&" + url.Values{"chosen": r.URL.Query()["chosen"]}.Encode()
			all = append(all, row)
		}
	}
	return all
}
