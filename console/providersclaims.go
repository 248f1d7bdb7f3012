package console

import (
	"net/http"
	"slices"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
)

// claimsView is what people have because a provider says something of them.
type claimsView struct {
	Head providerHead
	Said string
	Form form
	May  bool
}

func (s *Server) claimsView(r *http.Request, v *visit) (claimsView, error) {
	h, err := s.openProvider(r, v, "/claims")
	if err != nil {
		return claimsView{}, err
	}
	if h.Kind.Kind == sso.KindLocal {
		return claimsView{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}
	var roles []choice
	for _, one := range operate.Roles() {
		if len(operate.RightsByClaim(sso.ClaimRule{Role: string(one.Role)})) > 0 {
			roles = append(roles, choice{string(one.Role), "The role " + one.Name, one.Help})
		}
	}
	gives := append([]choice{{"group", "A group, as applications are told", ""}}, roles...)
	gives = append(gives, choice{"rights", "Rights that are spelled out", ""})
	return claimsView{Head: h, Said: said(r), May: v.who.May(operate.SignInWrite) == nil, Form: form{Fields: []field{
		{Name: "claim", Label: "Claim", Value: "groups", Required: true, Code: true, Help: "groups is what the settings call so; any other claim goes by its name."},
		{Name: "value", Label: "Value", Required: true, Hint: "Supervisors", Help: "The whole value, or one of a list, letter for letter."},
		{Name: "gives", Label: "Gives", Kind: selectField, Value: "group", Choices: gives},
		{Name: "group", Label: "Group", Hint: "Supervisors", Only: "gives:group", Help: "Told in the claim groups, in attributes of SAML, and in headers of proxies. Nobody becomes a member of the directory's groups."},
		{Name: "rights", Label: "Rights", Hint: "apps:write@webex people:read", Code: true, Only: "gives:rights"},
		{Name: "once", Label: "At the first sign-in only", Kind: tickField, Help: "It is kept whatever the claim says later. Otherwise it is looked at each time, and taken away when the claim has gone."},
	}}}, nil
}

func (s *Server) showClaims(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.claimsView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, claimsPage(v.page, view))
}

// addClaimRule adds a rule.
func (s *Server) addClaimRule(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.claimsView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	rule := sso.ClaimRule{Claim: view.Form.value("claim"), Value: view.Form.value("value"), Once: view.Form.value("once") != ""}
	switch gives := view.Form.value("gives"); gives {
	case "group":
		rule.Group = view.Form.value("group")
	case "rights":
		rule.Rights = view.Form.value("rights")
	default:
		rule.Role = gives
	}
	return s.setClaimRules(w, r, v, view, append(slices.Clone(view.Head.Provider.Rules), rule), "claim-added")
}

// removeClaimRule takes one away.
func (s *Server) removeClaimRule(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.claimsView(r, &v)
	if err != nil {
		return err
	}
	rules := slices.DeleteFunc(slices.Clone(view.Head.Provider.Rules), func(one sso.ClaimRule) bool { return one.ID == r.PostFormValue("rule") })
	return s.setClaimRules(w, r, v, view, rules, "claim-removed")
}

func (s *Server) setClaimRules(w http.ResponseWriter, r *http.Request, v visit, view claimsView, rules []sso.ClaimRule, said string) error {
	_, err := s.Operator.SetIdentityProvider(r.Context(), v.who, view.Head.Provider.Alias, operate.ProviderChange{Rules: &rules})
	if err == nil {
		return seeOther(w, r, view.Head.Provider.Href+"/claims?said="+said)
	}
	if asksAgain(err) {
		return err
	}
	if lockstep.CodeOf(err) == lockstep.CodeAuthForbidden {
		view.Form.Wrong = append(view.Form.Wrong, "Nobody gives or takes what they do not have: rights need the right to change administrators, groups the right to change people.")
	} else if err := view.Form.wrong(err); err != nil {
		return err
	}
	return s.render(w, r, http.StatusUnprocessableEntity, claimsPage(v.page, view))
}

// gives is what a claim rule gives, for people.
func gives(r sso.ClaimRule) string {
	switch {
	case r.Role != "":
		return "the role " + operate.Role(r.Role).Word()
	case r.Rights != "":
		return "the rights " + strings.Join(strings.Fields(r.Rights), ", ")
	}
	return "the group " + r.Group
}
