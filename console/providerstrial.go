package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
)

// trialView is the test sign-in of a provider: how the last one went, and what to do about it.
type trialView struct {
	Head   providerHead
	Said   string
	Lacks  form // what is missing before it can be tried
	Last   *attempt
	Trust  form // for the certificate that was missing
	Good   bool // the last one was good, and nothing has changed since
	Add    who  // of somebody who signed in and is nobody here yet: where they are added; no Href when that cannot be said, or is not for whoever looks
	Ending string
}

func (s *Server) trialView(r *http.Request, v *visit) (trialView, error) {
	h, err := s.openProvider(r, v, "/test")
	if err != nil {
		return trialView{}, err
	}
	if h.Kind.Kind == sso.KindLocal {
		return trialView{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}
	view := trialView{Head: h, Said: said(r), Trust: trustForm()}
	if err := s.Operator.CheckIdentityProvider(r.Context(), v.who, h.Provider.Alias); err != nil {
		if err := view.Lacks.wrong(err); err != nil {
			return view, err
		}
	}
	return view, s.lastTrial(r.Context(), v.who, &view)
}

// lastTrial reads how the last test went.
func (s *Server) lastTrial(ctx context.Context, who operate.Principal, view *trialView) error {
	t, found, err := s.Operator.LastTest(ctx, who, view.Head.Provider.Alias)
	if err != nil || !found {
		return err
	}
	a := attemptOf(operate.SeenAttempt{Trace: t})
	view.Last, view.Good = &a, !view.Head.Provider.Tested.IsZero() && t.Outcome == sso.OutcomeTested
	view.Add = addOf(t)
	if t.Code != lockstep.CodeSSOUnknown || who.May(operate.PeopleWrite) != nil {
		view.Add.Href = ""
	}
	return nil
}

// addOf is where somebody is added who has signed in and is nobody here yet.
func addOf(t sso.Trace) who {
	at := slices.IndexFunc(t.Stages, func(s sso.Stage) bool { return s.Name == "claims" })
	if at < 0 {
		return who{}
	}
	facts := t.Stages[at].Facts
	name := cmp.Or(facts["user name"], facts["email"])
	if name == "" {
		return who{}
	}
	q := url.Values{"user-name": {name}}
	for field, value := range map[string]string{"given": facts["given name"], "family": facts["family name"], "display": facts["name"], "mail": facts["email"]} {
		if value != "" {
			q.Set(field, value)
		}
	}
	return who{Name: name, Href: "/people/add?" + q.Encode()}
}

func trustForm() form {
	return form{Fields: []field{{
		Name: "certificate", Label: "Certificate of the authority (PEM)", Kind: textField, Code: true, Required: true, Hint: "-----BEGIN CERTIFICATE-----",
		Help: "Trusted for this provider only, beside those of this machine.",
	}}}
}

func (s *Server) showTrial(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.trialView(r, &v)
	if err != nil {
		return err
	}
	v.page.Live = view.Head.Provider.Href + "/test/live?" + url.Values{"seen": {view.mark()}}.Encode()
	return s.render(w, r, http.StatusOK, trialPage(v.page, view))
}

// trialLive sends the result once a test has ended in the other tab.
func (s *Server) trialLive(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.trialView(r, &v)
	if err != nil {
		return err
	}
	seen := r.URL.Query().Get("seen")
	return s.stream(w, r, v, func(ctx context.Context) ([]event, error) {
		one, err := s.Operator.IdentityProvider(ctx, v.who, view.Head.Provider.Alias)
		if err != nil {
			return nil, err
		}
		view.Head.Provider.IdentityProvider, view.Last, view.Good = one, nil, false
		if err := s.lastTrial(ctx, v.who, &view); err != nil || view.mark() == seen {
			return nil, err
		}
		seen = view.mark()
		return []event{{body: trialLivePart(s.now(), view)}}, nil
	})
}

// mark tells one result from another, so that a page is not given what it has.
func (v *trialView) mark() string {
	if v.Last == nil {
		return "none"
	}
	return strings.Join([]string{string(v.Last.ID), string(v.Last.Outcome), string(v.Last.Code), strconv.FormatBool(v.Good), strconv.Itoa(len(v.Last.Stages))}, " ")
}

// beginTrial begins a test sign-in in the tab that asks. A form may lead to this site only (the page's policy says so), so the browser is
// sent on by a header of its own, and by a link where it does not follow that.
func (s *Server) beginTrial(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.trialView(r, &v)
	if err != nil {
		return err
	}
	_, address, err := s.Operator.TestIdentityProvider(r.Context(), v.who, view.Head.Provider.Alias)
	if err != nil {
		if err := view.Lacks.wrong(err); err != nil {
			return err
		}
		return s.render(w, r, http.StatusUnprocessableEntity, trialPage(v.page, view))
	}
	w.Header().Set("Refresh", "0; url="+address)
	w.Header().Set("Cache-Control", "no-store")
	v.page.Path = view.Head.Provider.Href + "/test"
	return s.render(w, r, http.StatusOK, trialBeginsPage(v.page, view, address))
}

// trustAuthority adds a certificate to those that a provider trusts.
func (s *Server) trustAuthority(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.trialView(r, &v)
	if err != nil {
		return err
	}
	view.Trust.sent(r)
	f := view.Trust.get("certificate")
	if strings.TrimSpace(f.Value) == "" {
		f.Error = "Paste the certificate."
	} else {
		all := pemOf(view.Head.Provider.Roots) + strings.TrimSpace(f.Value)
		_, err = s.Operator.SetIdentityProvider(r.Context(), v.who, view.Head.Provider.Alias, operate.ProviderChange{Certificates: &all})
		if err == nil {
			return seeOther(w, r, view.Head.Provider.Href+"/test?said=trusted")
		}
		if status := view.Trust.wrong(err); status != nil {
			return status
		}
		if len(view.Trust.Wrong) > 0 {
			f.Error, view.Trust.Wrong = view.Trust.Wrong[0], nil
		}
	}
	return s.render(w, r, http.StatusUnprocessableEntity, trialPage(v.page, view))
}

// failed reports whether the last test failed for something that is not said above it already: that a person is to be added is.
func (v trialView) failed() bool { return v.Last.Failure != nil && (!v.Good || v.Add.Href == "") }
