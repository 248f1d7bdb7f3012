package webexorg

import (
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/web"
	"lockstep/webexorg/rest"
	scimface "lockstep/webexorg/scim"
	"lockstep/webexorg/state"
)

// gateway is what stands before the faces: it finds out who calls and whose organisation is meant, makes that misbehave as told,
// counts, and lets the inspector see.
type gateway struct {
	u    *Universe
	scim scimface.Face
	rest *rest.Face
}

func newGateway(u *Universe) *gateway {
	return &gateway{
		u:    u,
		scim: scimface.Face{Universe: u.Universe, Base: u.baseURL},
		rest: rest.New(u.Universe, u.baseURL),
	}
}

// handler wraps the gateway so that the inspector can watch. Requests are not logged: there are thousands a second.
func (g *gateway) handler() http.Handler {
	if g.u.inspector == nil {
		return g
	}
	surface := web.Surface{MaxBody: 17 << 20, Log: slog.New(slog.DiscardHandler), Now: g.u.config.Now}
	return surface.Wrap(g)
}

// call is a request on its way.
type call struct {
	path   scimface.Path
	isSCIM bool
	org    *state.Org // whose knobs hold; nil when there is none
	by     state.Principal
	denied error // why the caller is nobody
	route  string
	page   bool // asks for a page of a list
	serve  func(w http.ResponseWriter, r *http.Request, partial bool)
}

// ServeHTTP answers one request.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get(trackingHeader); id == "" || len(id) > 128 {
		r.Header.Set(trackingHeader, trackingID())
	}
	w.Header()[trackingHeader] = r.Header[trackingHeader]
	c := g.call(r)
	counted := &counted{ResponseWriter: w}
	defer func() { g.u.counts.add(c.route, counted.status) }()
	if c.org == nil {
		c.serve(counted, r, false)
		return
	}
	g.u.inspector.Watch(r, web.Watched{Holder: c.org.ID(), Client: c.by.Name, ClientID: c.by.Person})
	knobs := c.org.Running()
	if after, ok := knobs.Admit(g.u.Now()); !ok {
		g.writeError(counted, r, c, scimhttp.Throttled{After: time.Duration(after) * time.Second})
		return
	}
	if !pause(r, knobs.Delay(c.page)) {
		return
	}
	if f := knobs.Strike(r.Method, r.URL.Path); f != nil {
		g.fail(f, counted, r, c)
		return
	}
	c.serve(counted, r, false)
}

// call finds out what the request is.
func (g *gateway) call(r *http.Request) *call {
	c := &call{}
	c.by, c.denied = g.u.authenticate(r)
	c.org = c.by.Org
	if g.callSCIM(r, c) {
		return c
	}
	to := g.rest.Route(r)
	c.route, c.page = r.Method+" "+to.Name, to.List && r.Method == http.MethodGet && !to.Filtered(r)
	if o := to.Org(g.u.Universe); o != nil {
		c.org = o
	}
	c.serve = func(w http.ResponseWriter, r *http.Request, partial bool) {
		g.rest.Serve(w, r, to, rest.Call{By: c.by, Denied: c.denied, Partial: partial})
	}
	return c
}

// callSCIM fills in the call if it is one of SCIM.
func (g *gateway) callSCIM(r *http.Request, c *call) bool {
	path, isSCIM := scimface.Split(r.URL.Path)
	face := func(o *state.Org, partial bool) scimface.Call {
		return scimface.Call{To: path, Org: o, By: c.by, Denied: asSCIM(c.denied), Partial: partial}
	}
	rest := strings.TrimSuffix(r.URL.Path, "/")
	if name, ok := strings.CutPrefix(rest, "/Schemas/SCIM2/"); ok {
		c.isSCIM, c.route = true, r.Method+" /Schemas/SCIM2"
		c.serve = func(w http.ResponseWriter, r *http.Request, _ bool) { g.scim.Schemas(w, r, face(c.org, false), name) }
		return true
	}
	if org, id, ok := archived(rest); ok {
		c.isSCIM, c.org, c.route = true, g.u.Org(org), r.Method+" /ArchivedUser/{id}"
		c.serve = func(w http.ResponseWriter, r *http.Request, _ bool) { g.scim.Archived(w, r, face(c.org, false), id) }
		return true
	}
	if !isSCIM {
		return false
	}
	c.isSCIM, c.path = true, path
	if rest == "/identity/scim/v2/Users/me" || rest == "/identity/scim/v1/Users/me" {
		c.route = r.Method + " /Users/me"
		c.serve = func(w http.ResponseWriter, r *http.Request, _ bool) {
			g.scim.Me(w, r, face(c.org, false), strings.Contains(rest, "/v1/"))
		}
		return true
	}
	c.org, c.route, c.page = g.u.Org(path.Org), scimface.Route(r.Method, path.Rest), scimface.IsPage(r, path.Rest)
	c.serve = func(w http.ResponseWriter, r *http.Request, partial bool) {
		if path.Legacy && strings.HasPrefix(path.Prefix, "/identity/") {
			g.scim.Legacy(w, r, face(c.org, partial))
			return
		}
		g.scim.Serve(w, r, face(c.org, partial))
	}
	return true
}

// archived takes /identity/organizations/{org}/v1/ArchivedUser/{id} apart.
func archived(path string) (org, id string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/identity/organizations/")
	if !ok {
		return "", "", false
	}
	org, id, ok = strings.Cut(rest, "/v1/ArchivedUser/")
	return org, id, ok && id != ""
}

// asSCIM gives the reason why a caller is nobody the form of SCIM.
func asSCIM(err error) error {
	if err == nil {
		return nil
	}
	return &scim.Error{Status: http.StatusUnauthorized, Detail: err.Error()}
}

// writeError answers in the form of the face that was called.
func (g *gateway) writeError(w http.ResponseWriter, r *http.Request, c *call, err error) {
	if c.isSCIM {
		g.scim.WriteError(w, r, c.org, err)
		return
	}
	g.rest.WriteError(w, r, err)
}

func trackingID() string {
	var b [8]byte
	for i, n := 0, rand.Uint64(); i < len(b); i, n = i+1, n>>8 {
		b[i] = byte(n)
	}
	return "WEBEXORG_" + hex.EncodeToString(b[:])
}

// counted notes the status of an answer.
type counted struct {
	http.ResponseWriter
	status int
}

// Unwrap lets http.ResponseController reach the connection.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader notes the status.
func (c *counted) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write notes that there was a status, if nobody named one.
func (c *counted) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	return c.ResponseWriter.Write(p)
}

// pause waits and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
