package console

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/token"
	"lockstep/web"
)

// scimClientPages are the pages about those who push people in by SCIM.
func (s *Server) scimClientPages(handle func(string, web.Handler)) {
	handle("GET /inbound", s.in(s.scim))
	handle("GET /inbound/add", s.in(s.scimProducts))
	handle("GET /inbound/add/{product}", s.in(s.showNewClient))
	handle("POST /inbound/add/{product}", s.in(s.newClient))
	handle("GET /inbound/clients/{id}", s.in(s.scimClient))
	handle("GET /inbound/clients/{id}/live", s.in(s.scimClientLive))
	handle("GET /inbound/clients/{id}/requests", s.in(s.scimClientRequests))
	handle("POST /inbound/clients/{id}/clear", s.in(s.clearReport))
	handle("GET /inbound/clients/{id}/settings", s.in(s.scimClientSettings))
	handle("POST /inbound/clients/{id}/settings", s.in(s.saveScimClient))
	handle("POST /inbound/clients/{id}/rotate", s.in(s.rotateToken))
	handle("POST /inbound/clients/{id}/consent", s.in(s.endConsent))
}

// scimHead is what every page of a client begins with.
type scimHead struct {
	ID, Name, Href string
	Product        product
	Way            wayOf
	Tabs           []tab
	Said           string
	Over           bool // it has ended
}

// below is what a client is, in a line.
func (h scimHead) below() string { return h.Product.Name + " · " + h.Way.Word }

// copied is a setting of a client with its value.
type copied struct {
	Label, Value string
	Secret       bool // shown this once
	Lost         bool // a secret that is not shown any more
	Plain        bool // nothing to copy
	Long         bool
}

// scimClientView is a client that is set up.
type scimClientView struct {
	Head   scimHead
	State  clientState
	Give   []copied
	Once   bool // its secret is on this page, and on no other
	Secret bool // it has one
	Rotate rotation
	Lacks  string // why it cannot be set up yet

	Consents []operate.SCIMConsent // of a client that lives on them
}

// rotation is what the dialog says that gives a client a new secret.
type rotation struct {
	Href, Of      string
	Expires       bool
	Over, Lately  bool
	FormerEnds    time.Time
	FormerUsed    time.Time
	OfApplication bool
}

// wayOfEntry is how a client shows who it is. c is its application.
func wayOfEntry(e operate.TokenEntry, c sso.Client) way {
	switch {
	case e.OAuth.Issuer != "":
		return byIssuer
	case e.OAuth.Client != "" && c.Auth == sso.AuthPrivateKey:
		return byKey
	case e.OAuth.Client != "" && c.May(sso.GrantCode):
		return byConsent
	case e.OAuth.Client != "":
		return bySecret
	}
	return byToken
}

// openClient finds the client of the address, with what is said of it on each of its pages.
func (s *Server) openClient(r *http.Request, v *visit, here string) (scimHead, operate.TokenEntry, sso.Client, error) {
	e, err := s.findSCIMToken(r, v.who)
	if err != nil {
		return scimHead{}, e, sso.Client{}, err
	}
	c, err := s.applicationOf(r.Context(), v.who, e)
	if err != nil {
		return scimHead{}, e, c, err
	}
	h := scimHead{ID: string(e.ID), Name: e.Name, Href: "/inbound/clients/" + string(e.ID), Product: productOf(e.Product), Said: said(r), Over: !e.Expires.IsZero() && !s.now().Before(e.Expires)}
	h.Way = h.Product.way(wayOfEntry(e, c))
	for _, t := range []tab{{Word: "Set up"}, {Word: "Requests", Href: "requests"}, {Word: "Settings", Href: "settings"}} {
		t.Here, t.Href = t.Href == here, strings.TrimSuffix(h.Href+"/"+t.Href, "/")
		h.Tabs = append(h.Tabs, t)
	}
	v.page.Title, v.page.Nav = e.Name, "/inbound"
	return h, e, c, nil
}

// applicationOf is the application whose access tokens a client shows; the zero value when it has none, or when whoever looks may not see it.
func (s *Server) applicationOf(ctx context.Context, p operate.Principal, e operate.TokenEntry) (sso.Client, error) {
	if e.OAuth.Client == "" || !s.Operator.HasSignIn() || p.May(operate.SignInRead) != nil {
		return sso.Client{}, nil
	}
	c, err := s.Operator.Client(ctx, p, e.OAuth.Client)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return sso.Client{}, nil
	}
	return c, err
}

func (s *Server) scimClient(w http.ResponseWriter, r *http.Request, v visit) error {
	h, e, c, err := s.openClient(r, &v, "")
	if err != nil {
		return err
	}
	return s.renderClient(w, r, v, h, e, c, "")
}

// renderClient shows the page by which a client is set up. secret is on it if there is one, this once.
func (s *Server) renderClient(w http.ResponseWriter, r *http.Request, v visit, h scimHead, e operate.TokenEntry, c sso.Client, secret string) error {
	all, err := s.Operator.SCIMCalls(r.Context(), v.who)
	if err != nil {
		return err
	}
	view := scimClientView{Head: h, State: stateOfClient(e, all, h.Product, s.now()), Once: secret != ""}
	values := map[given]string{theSecret: secret, theToken: secret, theID: e.OAuth.Client, theIssuer: e.OAuth.Issuer, theAudience: e.OAuth.Audience}
	if values[theAddress], err = s.endpoint(r, v.who); err != nil {
		return err
	}
	if h.Way.Way == bySecret || h.Way.Way == byKey || h.Way.Way == byConsent {
		if values[theEndpoint], err = s.tokenEndpoint(r.Context(), v.who); err != nil {
			return err
		}
		values[theAsking] = strings.TrimSuffix(values[theEndpoint], "/token") + "/authorize"
		if values[theEndpoint] == "" {
			values[theAsking] = ""
			view.Lacks = "Where access tokens are had is not known, since the server has no public address yet. Start it with --public-url https://…"
		}
	}
	if h.Product.ID != token.ProductOther && !strings.HasPrefix(values[theAddress], "https://") {
		view.Lacks = h.Product.Name + " is on the internet and calls public https addresses alone, and this one is none. Start the server with --public-url https://…"
	}
	view.Secret = h.Way.Way == byToken || (h.Way.Way == bySecret || h.Way.Way == byConsent) && (c.Auth == sso.AuthBasic || c.Auth == sso.AuthPost)
	for _, g := range h.Way.Give {
		one := copied{Label: g.Label, Value: cmp.Or(g.Value, values[g.Of]), Plain: g.Plain, Long: strings.Contains(g.Value, "\n")}
		if g.Of == theToken || g.Of == theSecret {
			one.Secret, one.Lost = secret != "", secret == ""
		} else if one.Value == "" {
			continue
		}
		view.Give = append(view.Give, one)
	}
	view.Rotate = rotationOf(h, e, c, s.now())
	if h.Way.Way == byConsent {
		if view.Consents, err = s.Operator.SCIMConsents(r.Context(), v.who, string(e.ID)); err != nil {
			return err
		}
	}
	v.page.Live = h.Href + "/live"
	if secret != "" {
		v.page.Title, v.page.Path = "Set up "+e.Name, h.Href
		w.Header().Set("Cache-Control", "no-store")
	}
	return s.render(w, r, http.StatusOK, scimClientPage(v.page, view))
}

func rotationOf(h scimHead, e operate.TokenEntry, c sso.Client, now time.Time) rotation {
	out := rotation{Href: h.Href + "/rotate", Of: secretMark(e.Hash), Expires: !e.Expires.IsZero(), Over: h.Over, FormerEnds: e.Former.Ends, FormerUsed: e.FormerUsed}
	if e.OAuth.Client != "" {
		out = rotation{Href: h.Href + "/rotate", Of: strconv.FormatInt(c.Version, 10), OfApplication: true, FormerEnds: c.Former.Ends}
	}
	if !now.Before(out.FormerEnds) {
		out.FormerEnds, out.FormerUsed = time.Time{}, time.Time{}
	}
	out.Lately = !out.FormerEnds.IsZero()
	return out
}

// tokenEndpoint is where applications of the tenant get access tokens; "" while the server has no public address.
func (s *Server) tokenEndpoint(ctx context.Context, p operate.Principal) (string, error) {
	if !s.Operator.HasSignIn() || p.May(operate.SignInRead) != nil {
		return "", nil
	}
	issuer, err := s.Operator.Issuer(ctx, p)
	if err != nil || issuer == "" {
		return "", err
	}
	return issuer + "/token", nil
}

// scimClientLive sends how a client stands whenever that has changed.
func (s *Server) scimClientLive(w http.ResponseWriter, r *http.Request, v visit) error {
	h, _, _, err := s.openClient(r, &v, "")
	if err != nil {
		return err
	}
	var last clientState
	first := true
	return s.stream(w, r, v, func(ctx context.Context) ([]event, error) {
		e, err := s.Operator.Token(ctx, v.who, h.ID)
		if err != nil {
			return nil, err
		}
		all, err := s.Operator.SCIMCalls(ctx, v.who)
		if err != nil {
			return nil, err
		}
		now := stateOfClient(e, all, productOf(e.Product), s.now())
		if !first && reflect.DeepEqual(now, last) {
			return nil, nil
		}
		first, last = false, now
		return []event{{body: clientLive(s.now(), h, now)}}, nil
	})
}

// scimRequestsView is what a client has sent, and where that departs from the RFCs.
type scimRequestsView struct {
	Head   scimHead
	Report scimReport
	List   scimView
}

func (s *Server) scimClientRequests(w http.ResponseWriter, r *http.Request, v visit) error {
	h, e, _, err := s.openClient(r, &v, "requests")
	if err != nil {
		return err
	}
	view := scimRequestsView{Head: h}
	if view.List.Filter, err = exchangesAsked(r, h.Href+"/requests"); err != nil {
		return err
	}
	view.List.Filter.Client, view.List.Filter.Of = e.Name, string(e.ID)
	if err := s.exchanges(r.Context(), v.who, &view.List); err != nil {
		return err
	}
	tallies, err := s.Operator.Report(r.Context(), v.who)
	if err != nil {
		return err
	}
	view.Report = reportOf(e, tallies[e.ID])
	return s.render(w, r, http.StatusOK, scimRequestsPage(v.page, view))
}

// clearReport begins a client's count anew.
func (s *Server) clearReport(w http.ResponseWriter, r *http.Request, v visit) error {
	e, err := s.findSCIMToken(r, v.who)
	if err != nil {
		return err
	}
	if err := s.Operator.ClearReport(r.Context(), v.who, string(e.ID)); err != nil {
		return err
	}
	return seeOther(w, r, "/inbound/clients/"+string(e.ID)+"/requests?said=report-cleared")
}

// endConsent ends what an administrator has consented to.
func (s *Server) endConsent(w http.ResponseWriter, r *http.Request, v visit) error {
	e, err := s.findSCIMToken(r, v.who)
	if err != nil {
		return err
	}
	if err := s.Operator.EndSCIMConsent(r.Context(), v.who, string(e.ID), sso.GrantID(r.PostFormValue("consent"))); err != nil {
		return err
	}
	return seeOther(w, r, "/inbound/clients/"+string(e.ID)+"?said=consent-ended")
}

// rotateToken gives a client a new secret and shows it, this once. A form that is sent again, as by a browser that reloads the page with the
// secret, is about a secret that is no longer the client's.
func (s *Server) rotateToken(w http.ResponseWriter, r *http.Request, v visit) error {
	h, e, c, err := s.openClient(r, &v, "")
	if err != nil {
		return err
	}
	if r.PostFormValue("of") != rotationOf(h, e, c, s.now()).Of {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The client has another secret by now, so it was not rotated. To rotate it once more, begin at its page."}
	}
	hours, err := strconv.Atoi(r.PostFormValue("overlap"))
	if err != nil || hours < 0 || hours > int(token.MaxOverlap/time.Hour) {
		return unreadable()
	}
	overlap := time.Duration(hours) * time.Hour
	if e.OAuth.Client != "" {
		c, text, err := s.Operator.RotateClient(r.Context(), v.who, e.OAuth.Client, overlap)
		if err != nil {
			return err
		}
		return s.renderClient(w, r, v, h, e, c, text)
	}
	how := operate.Rotation{Of: &e.Hash, Overlap: overlap}
	if days, err := strconv.Atoi(r.PostFormValue("days")); err == nil && days > 0 && days <= 3660 {
		how.Days = days
	}
	next, text, err := s.Operator.RotateToken(r.Context(), v.who, string(e.ID), how)
	if err != nil {
		return err
	}
	return s.renderClient(w, r, v, h, next, c, text)
}
