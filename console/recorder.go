package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/web"
	"lockstep/words"
)

// attempt is a sign-in that has ended, as pages show it.
type attempt struct {
	operate.SeenAttempt
	Href    string
	Word    string // how it ended
	Icon    string
	Tone    tone
	Stages  []stage
	Failure *failure
}

// stage is one stage of it.
type stage struct {
	N       int
	Name    string
	OK      bool
	Detail  string
	Fix     string
	Took    string
	Code    string
	Facts   []setting
	Missing string // the authority whose certificate is missing
}

// stageNames are the stages as people read them.
var stageNames = map[string]string{
	"authorize": "Sent to the provider", "claims": "Claims read", "assertion": "SAML assertion checked", "session": "Session of this browser", "callback": "Back from the provider", "token": "Code exchanged for tokens", "id_token": "ID token checked",
	"userinfo": "User info asked for", "match": "Person of the directory", "code": "Code given to the application",
	"password":     "Password checked",
	"saml request": "Asked for by the application (SAML)", "saml start": "Begun here", "saml response": "Answer to the application (SAML)", "saml logout": "Sign-out asked for by the application", "proxy": "Asked for by a proxy",
}

func attemptOf(seen operate.SeenAttempt) attempt {
	a := attempt{SeenAttempt: seen, Href: "/signin/attempts/" + string(seen.ID)}
	switch {
	case seen.Outcome == sso.OutcomeSigned:
		a.Word, a.Icon, a.Tone = "Signed in", "check", good
	case seen.Outcome == sso.OutcomeTested && seen.Code == "":
		a.Word, a.Icon, a.Tone = "Test passed", "check", good
	case seen.Outcome == sso.OutcomeTested:
		a.Word, a.Icon, a.Tone = "The provider works", "check", warn
	case seen.Test():
		a.Word, a.Icon, a.Tone = "Test failed", "alert", bad
	default:
		a.Word, a.Icon, a.Tone = "Refused", "alert", bad
	}
	for i, s := range seen.Stages {
		to := stage{N: i + 1, Name: stageNames[s.Name], OK: s.OK, Detail: told(s.Detail), Fix: s.Fix, Code: string(s.Code), Missing: s.Facts["missing authority"]}
		if s.Name == "authorize" && s.Facts["client"] != "" {
			to.Name = "Asked for by the application"
		}
		if to.Name == "" {
			to.Name = words.Upper(s.Name)
		}
		if s.Took > 0 {
			to.Took = words.Lasted(s.Took)
		}
		for _, name := range sortedKeys(s.Facts) {
			to.Facts = append(to.Facts, setting{name, s.Facts[name]})
		}
		a.Stages = append(a.Stages, to)
	}
	if seen.Code != "" {
		f := failureOf(seen.Code, seen.Detail)
		if slices.ContainsFunc(seen.Stages, func(s sso.Stage) bool { return !s.OK && s.Detail != "" }) {
			f.Detail = "" // it stands at its stage
		}
		a.Failure = &f
	}
	return a
}

// told is a detail as a sentence. One that begins with the name of a host keeps it as it is.
func told(detail string) string {
	first, _, _ := strings.Cut(detail, " ")
	switch {
	case detail == "":
		return ""
	case strings.Contains(strings.TrimRight(first, ".:,"), "."):
		return strings.TrimRight(detail, ".") + "."
	}
	return words.Sentence(detail)
}

// missing is the authority whose certificate was missing, "" when that was not it.
func (a *attempt) missing() string {
	i := slices.IndexFunc(a.Stages, func(s stage) bool { return !s.OK && s.Code == "idp.ca_unknown" })
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(a.Stages[i].Missing)
}

// distrusted reports whether the provider's certificate was not trusted.
func (a *attempt) distrusted() bool {
	return slices.ContainsFunc(a.Stages, func(s stage) bool { return !s.OK && s.Code == "idp.ca_unknown" })
}

// attemptPages are the pages of the flight recorder.
func (s *Server) attemptPages(handle func(string, web.Handler)) {
	handle("GET /signin/attempts", s.in(s.attempts))
	handle("GET /signin/attempts/{id}", s.in(s.attempt))
}

// attemptsView is the sign-ins that have ended.
type attemptsView struct {
	Show     string
	Search   string
	Provider string
	Via      []choice // the providers to choose from
	All      []attempt
	Next     string
	Paged    bool
	Nobody   bool // what was searched for is neither a reference nor a person
}

const attemptRows = 50

// attemptShows are the filters.
var attemptShows = []choice{{"", "All", ""}, {"refused", "Refused", ""}, {"signed", "Signed in", ""}, {"tests", "Tests", ""}}

// attempts lists sign-ins. A reference leads to the one that it names; anything else is a person.
func (s *Server) attempts(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := attemptsView{Show: q.Get("show"), Search: strings.TrimSpace(q.Get("q")), Provider: q.Get("provider"), Paged: q.Get("before") != ""}
	v.page.Title, v.page.Nav = "Attempts", "/signin"
	query := sso.TraceQuery{Before: sso.LoginID(q.Get("before")), Limit: attemptRows}
	if query.Before != "" && !lockstep.ValidID(string(query.Before)) || !slices.ContainsFunc(attemptShows, func(c choice) bool { return c.Value == view.Show }) {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The address of this page holds something that it cannot show."}
	}
	switch view.Show {
	case "refused":
		query.Outcome = sso.OutcomeRefused
	case "signed":
		query.Outcome = sso.OutcomeSigned
	case "tests":
		query.Tests = true
	}
	if lockstep.ValidID(view.Search) {
		if _, err := s.Operator.Attempt(r.Context(), v.who, view.Search); err == nil {
			return seeOther(w, r, "/signin/attempts/"+view.Search)
		}
	}
	providers, err := s.Operator.IdentityProviders(r.Context(), v.who)
	if err != nil {
		return err
	}
	view.Via = []choice{{"", "Every provider", ""}}
	for _, p := range providers {
		view.Via = append(view.Via, choice{p.Alias, p.Name, ""})
		if p.Alias == view.Provider {
			query.Provider = p.ID
		}
	}
	if view.Search != "" {
		if query.User, err = s.personCalled(r, v, view.Search); err != nil {
			return err
		}
		if query.User == "" {
			view.Nobody = true
			return s.render(w, r, http.StatusOK, attemptsPage(v.page, view))
		}
	}
	all, next, err := s.Operator.Attempts(r.Context(), v.who, query)
	if err != nil {
		return err
	}
	for _, one := range all {
		view.All = append(view.All, attemptOf(one))
	}
	if next != "" {
		view.Next = view.href(view.Show, string(next))
	}
	return s.render(w, r, http.StatusOK, attemptsPage(v.page, view))
}

// href is the address of this page with another filter or further on.
func (v attemptsView) href(show, before string) string {
	q := url.Values{}
	for name, value := range map[string]string{"show": show, "q": v.Search, "provider": v.Provider, "before": before} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/signin/attempts"
	}
	return "/signin/attempts?" + q.Encode()
}

func (s *Server) attempt(w http.ResponseWriter, r *http.Request, v visit) error {
	one, err := s.Operator.SeenAttempt(r.Context(), v.who, r.PathValue("id"))
	if err != nil {
		return err
	}
	v.page.Title, v.page.Nav = "One sign-in", "/signin"
	return s.render(w, r, http.StatusOK, attemptPage(v.page, attemptOf(one)))
}
