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
			view.Rows = append(view.Rows, attributeRowOf(h.Href, view.Type, j.Rules.Objects[at].Attributes, a))
		}
	}
	return s.render(w, r, http.StatusOK, attributesPage(v.page, view))
}

func attributeRowOf(base, typ string, mapped []rule.Mapping, a operate.Attribute) attributeRow {
	row := attributeRow{Attribute: a, Href: base + "/mappings/edit?" + url.Values{"type": {typ}, "for": {a.Path}}.Encode()}
	i := slices.IndexFunc(mapped, func(m rule.Mapping) bool { return strings.EqualFold(m.Target, a.Path) })
	if i < 0 {
		return row
	}
	row.From = "constant " + mapped[i].Default
	if mapped[i].Source != nil {
		row.From = words.MappingSource(*mapped[i].Source)
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
func chosenAttributes(r *http.Request, base, typ string, mapped []rule.Mapping) []attributeRow {
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
