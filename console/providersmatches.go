package console

import (
	"io"
	"net/http"
	"strconv"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
)

// matchesView is whom the people of a provider would be, before anybody signs in.
type matchesView struct {
	Head   providerHead
	Found  operate.Matches
	Form   form
	Policy string // in words
	Rows   []matchRow
}

// matchRow is one identity of a list.
type matchRow struct {
	operate.MatchRow
	Badge state
}

func (s *Server) matchesView(r *http.Request, v *visit, list string, unverified bool) (matchesView, error) {
	h, err := s.openProvider(r, v, "/people")
	if err != nil {
		return matchesView{}, err
	}
	if h.Kind.Kind == sso.KindLocal {
		return matchesView{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}
	view := matchesView{Head: h, Form: form{Fields: []field{
		{Name: "list", Label: "List", Kind: textField, Code: true, Value: list, Hint: "ada@acme.example", Help: "One a line: addresses or user names, or CSV with the columns email and user_name. At most 100,000."},
		{Name: "unverified", Label: "As if it had verified no address", Kind: tickField, Value: tickOf(unverified), Help: "For a provider that does not say whether an address is verified."},
	}}}
	for _, c := range policies {
		if c.Value == string(h.Provider.Policy) || h.Provider.Policy == "" && c.Value == string(sso.PolicyImported) {
			view.Policy = c.Word
		}
	}
	if h.Provider.LinkOnly {
		view.Policy = "Nobody: only who is linked already"
	}
	view.Found, err = s.Operator.Matches(r.Context(), v.who, h.Provider.Alias, list, unverified)
	for _, row := range view.Found.Rows {
		view.Rows = append(view.Rows, matchRow{row, matchBadge(row.Is)})
	}
	return view, err
}

func matchBadge(is operate.WouldBe) state {
	switch is {
	case operate.WouldMatch:
		return state{"Matched", "check", good}
	case operate.WouldAdd:
		return state{"Added", "plus", good}
	case operate.WouldBeLinked:
		return state{"Linked already", "check", calm}
	case operate.WouldAmbiguous:
		return state{"Ambiguous", "alert", warn}
	case operate.WouldDisabled:
		return state{"Disabled", "pause", calm}
	case operate.WouldOrphan:
	}
	return state{"Nobody", "alert", warn}
}

func (s *Server) showMatches(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.matchesView(r, &v, "", false)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, matchesPage(v.page, view))
}

// checkMatches judges a list that was pasted, or sent as a file. Nothing is kept.
func (s *Server) checkMatches(w http.ResponseWriter, r *http.Request, v visit) error {
	list := r.FormValue("list")
	if f, _, err := r.FormFile("file"); err == nil {
		text, err := io.ReadAll(io.LimitReader(f, operate.MaxIdentities+1))
		_ = f.Close()
		if err != nil {
			return err
		}
		if len(text) > 0 {
			list = string(text)
		}
	}
	view, err := s.matchesView(r, &v, list, r.FormValue("unverified") != "")
	if err != nil {
		if lockstep.CodeOf(err) != lockstep.CodeInvalid {
			return err
		}
		why := sentenceOf(err)
		if view, err = s.matchesView(r, &v, "", false); err != nil {
			return err
		}
		view.Form.get("list").Error = why
		return s.render(w, r, http.StatusUnprocessableEntity, matchesPage(v.page, view))
	}
	if len(list) > 64<<10 { // it is not sent back
		view.Form.get("list").Value = ""
	}
	return s.render(w, r, http.StatusOK, matchesPage(v.page, view))
}

// counted is how many of a list would be what.
func (v matchesView) counted() []factLine {
	var all []factLine
	for _, is := range operate.WouldBes() {
		if n := v.Found.Count[is]; n > 0 {
			all = append(all, factLine{matchBadge(is).Word, strconv.Itoa(n)})
		}
	}
	return all
}

type factLine struct{ Word, Value string }
