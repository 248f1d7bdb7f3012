package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/web"
	"lockstep/words"
)

// sessionPages are the pages about who is signed in.
func (s *Server) sessionPages(handle func(string, web.Handler)) {
	handle("GET /signin/sessions", s.in(s.sessions))
	handle("POST /signin/sessions/end", s.in(s.endSessions))
	handle("POST /signin/sessions/factors", s.in(s.removeFactors))
}

// sessionsView is who is signed in, and who was told of those who are no more.
type sessionsView struct {
	Said   string
	Search string
	Person operate.Called // of whom only; nobody is everybody
	Active bool           // the person has sessions that can be ended
	All    []operate.SeenSession
	Most   bool // there are more than are shown
	Ends   []signOut

	Factors  []factor // of the person
	Last     bool     // no second factor is left without all of them
	Demanded []sso.Demander
}

// factor is something that somebody can show beside their password.
type factor struct {
	ID, Name, Kind, Note string
	Since, Used          time.Time
	Last                 bool // no second factor is left without it
}

// factorsOf are those of somebody, the recovery codes last.
func factorsOf(f operate.SecondFactors) []factor {
	var all []factor
	for _, k := range f.Passkeys {
		note := "for " + k.RP
		if k.BackedUp {
			note += ", on more than one device"
		}
		all = append(all, factor{k.Key(), k.Name, "Passkey", note, k.Created, k.Used, f.Last(k.Key())})
	}
	if f.TOTP != nil {
		all = append(all, factor{"app", "Authenticator app", "Code", "", f.TOTP.Created, f.TOTP.Used, f.Last("app")})
	}
	if f.Codes > 0 {
		all = append(all, factor{"codes", "Recovery codes", words.Number(f.Codes) + " left", "", f.Made, time.Time{}, false})
	}
	return all
}

// signOut is the end of somebody's sessions, and what became of telling the applications.
type signOut struct {
	At      time.Time
	Person  operate.Called
	Why     string
	Apps    int
	Told    int
	Failed  []operate.Called
	Waiting bool
	Took    string // until the last application knew
}

const mostSessions = 500

func (s *Server) sessions(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := sessionsView{Said: said(r), Search: strings.TrimSpace(q.Get("q"))}
	user := lockstep.UserID(q.Get("person"))
	if view.Search != "" {
		found, err := s.personCalled(r, v, view.Search)
		if err != nil {
			return err
		}
		if user = found; user == "" {
			v.page.Title, v.page.Nav = "Sessions", "/signin"
			return s.render(w, r, http.StatusOK, sessionsPage(v.page, view))
		}
	}
	if user != "" {
		u, err := s.Operator.UserByID(r.Context(), v.who, user)
		if err != nil {
			return err
		}
		view.Person = operate.Called{ID: string(u.ID), Name: displayName(u)}
		f, err := s.Operator.SecondFactors(r.Context(), v.who, user)
		if err != nil {
			return err
		}
		view.Factors, view.Last, view.Demanded = factorsOf(f), f.Last("all"), f.Demanded
	}
	var err error
	if view.All, err = s.Operator.SeenSessions(r.Context(), v.who, user); err != nil {
		return err
	}
	view.Active, view.Most = len(view.All) > 0, len(view.All) == mostSessions
	if user == "" {
		ends, err := s.Operator.SeenSignOuts(r.Context(), v.who)
		if err != nil {
			return err
		}
		for _, e := range ends[:min(len(ends), 20)] {
			view.Ends = append(view.Ends, signOutOf(e))
		}
	}
	v.page.Title, v.page.Nav = "Sessions", "/signin"
	return s.render(w, r, http.StatusOK, sessionsPage(v.page, view))
}

// personCalled finds the one person whose user name or address a text is, "" when there is none.
func (s *Server) personCalled(r *http.Request, v visit, text string) (lockstep.UserID, error) {
	found, err := s.Operator.FindUsers(r.Context(), v.who, text, 2)
	if err != nil || len(found) != 1 {
		return "", err
	}
	return found[0].ID, nil
}

func signOutOf(e operate.SeenSignOut) signOut {
	to := signOut{At: e.At, Person: e.Person, Why: words.Upper(e.Why), Waiting: e.Settled.IsZero()}
	last := e.At
	for i, n := range e.Notices {
		to.Apps++
		switch {
		case !n.Told.IsZero():
			to.Told++
			if n.Told.After(last) {
				last = n.Told
			}
		case n.GivenUp:
			to.Failed = append(to.Failed, e.Apps[i])
		}
	}
	if to.Told > 0 && to.Told == to.Apps {
		to.Took = words.Lasted(last.Sub(e.At))
	}
	return to
}

// removeFactors takes a second factor from somebody, or all. The form of a last one has said that it is, and who demands one.
func (s *Server) removeFactors(w http.ResponseWriter, r *http.Request, v visit) error {
	user, which := lockstep.UserID(r.PostFormValue("person")), sso.Which{}
	switch id := r.PostFormValue("factor"); id {
	case "app":
		which.TOTP = true
	case "codes":
		which.Codes = true
	case "all":
		which.All = true
	default:
		which.Passkey = id
	}
	if _, err := s.Operator.RemoveSecondFactors(r.Context(), v.who, user, which, r.PostFormValue("last") != ""); err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	to := url.Values{"said": {"factor-removed"}, "person": {string(user)}}
	return seeOther(w, r, "/signin/sessions?"+to.Encode())
}

// endSessions ends one session, or all of a person.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request, v visit) error {
	user, session := lockstep.UserID(r.PostFormValue("person")), sso.SessionID(r.PostFormValue("session"))
	if user == "" && session == "" {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Say which session is to end, or whose."}
	}
	if _, err := s.Operator.EndSessions(r.Context(), v.who, user, session); err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	to := url.Values{"said": {"session-ended"}}
	return seeOther(w, r, "/signin/sessions?"+to.Encode())
}
