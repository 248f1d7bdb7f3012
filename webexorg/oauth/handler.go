package oauth

import (
	"errors"
	"net/http"
	"strings"

	"lockstep"

	"lockstep/webexorg/page"
)

// Paths that other paths lead to.
const (
	authorizePath = "/v1/authorize"
	signInPath    = "/idb/UI/Login"
	consentPath   = "/idb/oauth2/v1/consent"
	verifyPath    = "/verify"
)

// path returns the address of a path at this door, without a host.
func (d door) path(p string) string { return d.base[len(d.host):] + p }

// handler answers a request at a door, or returns an error for the route's writer.
type handler func(w http.ResponseWriter, r *http.Request, at door) error

// maxBody bounds the bodies of requests; all are short forms.
const maxBody = 64 << 10

// Mount serves the broker on the mux, once for each region. A path that the broker does not serve stays free for others.
func (s *Server) Mount(mux *http.ServeMux) {
	page.Mount(mux)
	for _, region := range regions() {
		forPages := func(pattern string, h handler) {
			s.mount(mux, pattern, region, route{h, s.writePage, true, strings.HasSuffix(pattern, "/authorize")})
		}
		forPrograms := func(pattern string, h handler) { s.mount(mux, pattern, region, route{h, WriteProblem, false, true}) }
		s.mountPages(forPages)
		s.mountOAuth(forPrograms)
		s.mountWebex(forPrograms)
	}
}

func (s *Server) mountPages(handle func(string, handler)) {
	for _, path := range []string{authorizePath, "/idb/oauth2/v1/authorize"} {
		handle("GET "+path, s.authorize)
		handle("POST "+path, s.authorize)
	}
	handle("GET /idb/saml2/jsp/doSSO.jsp", s.doSSO)
	handle("GET "+signInPath, s.signInPage)
	handle("POST "+signInPath, s.postSignIn)
	handle("POST "+consentPath, s.postConsent)
	handle("GET /idb/oauth2/v1/logout", s.logout)
	handle("GET "+verifyPath, s.verifyPage)
	handle("POST "+verifyPath, s.postVerify)
}

func (s *Server) mountOAuth(handle func(string, handler)) {
	for _, path := range []string{"/v1/access_token", "/idb/oauth2/v1/access_token"} {
		handle("POST "+path, open(s.accessToken))
	}
	handle("POST /v1/device/authorize", open(s.deviceAuthorize))
	handle("POST /v1/device/token", open(s.deviceToken))
	handle("POST /idb/oauth2/v1/revoke", open(s.revoke))
	handle("POST /idb/oauth2/v1/introspect", s.introspect)
	for _, path := range []string{"/v1/.well-known/openid-configuration", "/idb/.well-known/openid-configuration"} {
		handle("GET "+path, open(s.discovery))
	}
	for _, path := range []string{"/v1/verification", "/idb/oauth2/v2/keys/verificationjwk"} {
		handle("GET "+path, open(s.keySet))
	}
	handle("GET /v1/.well-known/webfinger", open(s.webFinger))
	handle("GET /v1/userinfo", open(s.userClaims))
	handle("POST /v1/userinfo", open(s.userClaims))
}

func (s *Server) mountWebex(handle func(string, handler)) {
	handle("GET /v1/authorizations", s.listAuthorizations)
	handle("DELETE /v1/authorizations", s.endAuthorizations)
	handle("DELETE /v1/authorizations/{id}", s.endAuthorization)
	handle("GET /v1/authorizations/tokenExpiry", s.tokenExpiry)
	handle("POST /v1/applications/{id}/token", s.applicationToken)
}

// route is how the requests of a pattern are answered.
type route struct {
	handle handler
	fail   func(http.ResponseWriter, *http.Request, error)
	page   bool // a browser sees the answer
	gated  bool // Config.Before sees it first
}

// mount serves one pattern at one region.
func (s *Server) mount(mux *http.ServeMux, pattern string, region Region, to route) {
	method, path, _ := strings.Cut(pattern, " ")
	mux.HandleFunc(method+" "+region.prefix()+path, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set(trackingHeader, trackingID(r))
		w.Header()[trackingHeader] = r.Header[trackingHeader]
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer := func(w http.ResponseWriter, r *http.Request) {
			if err := to.handle(w, r, s.doorOf(r, region)); err != nil {
				to.fail(w, r, err)
			}
		}
		if s.config.Before == nil || !to.gated {
			answer(w, r)
			return
		}
		c := s.callOf(r)
		c.Path, c.Page, c.Answer = path, to.page, answer
		s.config.Before(w, r, c)
	})
}

// open lets scripts of any site read the answer: there is no cookie that it could depend on.
func open(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, at door) error {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		return h(w, r, at)
	}
}

// writePage shows a person that the request failed.
func (s *Server) writePage(w http.ResponseWriter, r *http.Request, err error) {
	s.WritePage(w, r, page.Frame{Place: "Webex sign-in"}, err)
}

// WritePage shows a person in a frame that the request failed.
func (s *Server) WritePage(w http.ResponseWriter, _ *http.Request, frame page.Frame, err error) {
	e := asRefusal(err)
	frame.Title = "That did not work"
	_ = page.Write(w, e.status, s.book, frame, "problem", struct{ Code, Detail, Tracking string }{ // the browser is gone: nobody to tell
		e.code, e.detail, w.Header().Get(trackingHeader),
	})
}

// fromHere refuses forms that another site's page sent, by what browsers say of themselves.
func fromHere(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return &refusal{status: http.StatusForbidden, code: "access_denied", detail: "The form was sent by another site."}
	}
	return nil
}

// form reads a form from the body alone: nothing that stands in an address counts (RFC 6749 §3.2).
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return &refusal{status: http.StatusRequestEntityTooLarge, code: "invalid_request", detail: "The form is too large."}
		}
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The form cannot be read."}
	}
	return nil
}
