package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/scim/filter"
)

// galleryView is what can be added.
type galleryView struct {
	Of     string // "apps" or "sources"
	Search string
	Kinds  []operate.Template
	All    bool // nothing is searched for
}

func (v galleryView) title() string {
	if v.Of == "sources" {
		return "Add a source"
	}
	return "Add an app"
}

// gallery lists the kinds of app or source by a part of their names.
func (s *Server) gallery(w http.ResponseWriter, r *http.Request, v visit) error {
	view := galleryView{Of: r.PathValue("of"), Search: strings.TrimSpace(r.URL.Query().Get("q"))}
	direction, err := directionOf(view.Of)
	if err != nil {
		return err
	}
	all, err := s.Operator.Templates(v.who)
	if err != nil {
		return err
	}
	text := filter.Fold(view.Search)
	view.All = text == ""
	for _, t := range all {
		if t.Direction == direction && strings.Contains(filter.Fold(t.Name+" "+t.Kind+" "+t.Summary), text) {
			view.Kinds = append(view.Kinds, t)
		}
	}
	v.page.Title, v.page.Nav = view.title(), "/"+view.Of
	return s.render(w, r, http.StatusOK, galleryPage(v.page, view))
}

func directionOf(of string) (provision.Direction, error) {
	switch of {
	case "apps":
		return provision.Outbound, nil
	case "sources":
		return provision.Inbound, nil
	}
	return "", &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
}

// addView is one kind of app or source that is about to be added.
type addView struct {
	galleryView
	Kind    operate.Template
	Present []who // those of this kind that are there already
	Form    form
}

func (s *Server) showAdd(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.addView(r, v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, addPage(v.page, view))
}

func (s *Server) addView(r *http.Request, v visit) (addView, error) {
	view := addView{galleryView: galleryView{Of: r.PathValue("of")}}
	direction, err := directionOf(view.Of)
	if err != nil {
		return view, err
	}
	view.Kind, err = s.Operator.Template(v.who, r.PathValue("kind"))
	if err == nil && view.Kind.Direction != direction {
		err = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}
	if err != nil {
		return view, err
	}
	all, err := s.Operator.ListJobs(r.Context(), v.who)
	if err != nil {
		return view, err
	}
	var taken []string
	for _, j := range all {
		taken = append(taken, j.Slug)
		if j.Connection.Kind == view.Kind.Kind {
			view.Present = append(view.Present, who{Name: jobOf(j, s.now()).Name, Href: jobHref(j)})
		}
	}
	name, slug := view.Kind.Name, view.Kind.Kind
	for n := 2; slices.Contains(taken, slug); n++ {
		name, slug = view.Kind.Name+" "+strconv.Itoa(n), view.Kind.Kind+"-"+strconv.Itoa(n)
	}
	view.Form = form{Fields: []field{
		{Name: "name", Label: "Name", Value: name, Required: true, Help: "As people call it."},
		{Name: "slug", Label: "Short name", Value: slug, Required: true, Code: true, Help: "Stands in addresses and commands: small letters, digits and hyphens. It stays as it is."},
	}}
	return view, nil
}

// add adds an app or a source as a draft: nothing runs before somebody turns it on.
func (s *Server) add(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.addView(r, v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	in := operate.NewSystem{Kind: view.Kind.Kind, Slug: view.Form.value("slug"), Name: view.Form.value("name"), Draft: true}
	to := "/apps/" + url.PathEscape(in.Slug)
	if in.Name == "" {
		view.Form.get("name").Error = "Give it a name."
		return s.render(w, r, http.StatusUnprocessableEntity, addPage(v.page, view))
	}
	if view.Kind.Direction == provision.Inbound {
		to = "/sources/" + url.PathEscape(in.Slug)
		_, err = s.Operator.AddSource(r.Context(), v.who, in)
	} else {
		_, err = s.Operator.AddApp(r.Context(), v.who, in)
	}
	if err == nil {
		return seeOther(w, r, to+"?said=added")
	}
	if lockstep.CodeOf(err) == lockstep.CodeConflict {
		view.Form.blame("slug", sentenceOf(err))
	} else if err := view.Form.wrong(err); err != nil {
		return err
	}
	return s.render(w, r, http.StatusUnprocessableEntity, addPage(v.page, view))
}
