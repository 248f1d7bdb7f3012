package webexorg

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
)

// Limits that Webex documents for its SCIM 2 API, and the size of a page, which it does not.
const (
	maxBulk = 100
	maxPage = 500
)

// Handler serves the universe: SCIM under /identity/scim/{org}/v2 and its alias /v1/scim/{org}, and /control/.
func (u *Universe) Handler() http.Handler {
	g := &gateway{u: u, scim: scimhttp.Handler{
		Decorate: decorate,
		HideETag: true,
		Limits: scimhttp.Limits{
			BulkOps: maxBulk, BulkStatus: http.StatusBadRequest, PageSize: 100, MaxPageSize: maxPage,
		},
	}}
	mux := http.NewServeMux()
	mux.Handle("/identity/scim/", g)
	mux.Handle("/v1/scim/", g)
	if u.config.Control != "" {
		mux.Handle("/control/", u.control())
	}
	return mux
}

// gateway is what stands before SCIM: it finds the organisation, makes it misbehave as told, and counts.
type gateway struct {
	u    *Universe
	scim scimhttp.Handler
}

// trackingHeader is on every answer of Webex, and in every error; its support asks for it. A client may choose it.
const trackingHeader = "Trackingid"

// ServeHTTP answers one request.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if id := r.Header.Get(trackingHeader); id == "" || len(id) > 128 {
		r.Header.Set(trackingHeader, trackingID())
	}
	w.Header()[trackingHeader] = r.Header[trackingHeader]
	counted := &counted{ResponseWriter: w}
	to := splitPath(r.URL.Path)
	defer func() { g.u.counts.add(route(r.Method, to.rest), counted.status) }()
	org := g.u.Org(to.org)
	if org == nil {
		g.serve(counted, r, to, nil)
		return
	}
	knobs := org.knobs.Load()
	if after, ok := knobs.admit(g.u.now()); !ok {
		g.scim.WriteError(counted, r, scimhttp.Throttled{After: time.Duration(after) * time.Second})
		return
	}
	if !pause(r, knobs.delay(isPage(r, to.rest))) {
		return
	}
	if f := knobs.strike(r.Method, r.URL.Path); f != nil {
		g.fail(f, counted, r, func(w http.ResponseWriter) { g.serve(w, r, to, org) })
		return
	}
	g.serve(counted, r, to, org)
}

// isPage reports whether the request asks for a page of a list, not for what a filter finds.
func isPage(r *http.Request, rest string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	rest = strings.Trim(rest, "/")
	list := rest == "" || rest == "Users" || rest == "Groups" || strings.HasSuffix(rest, "/Members")
	return list && !r.URL.Query().Has("filter")
}

// destination is what a path names.
type destination struct {
	prefix string // of the SCIM endpoint
	org    string
	rest   string // the path within the endpoint, with a slash
	legacy bool
}

func splitPath(path string) destination {
	parts := strings.SplitN(path, "/", 6) // "", identity, scim, org, v2, rest
	if len(parts) > 4 && parts[1] == "identity" && parts[4] == "v2" {
		prefix := "/identity/scim/" + parts[3] + "/v2"
		return destination{prefix: prefix, org: parts[3], rest: strings.TrimPrefix(path, prefix)}
	}
	if len(parts) > 3 && parts[1] == "v1" {
		prefix := "/v1/scim/" + parts[3]
		return destination{prefix: prefix, org: parts[3], rest: strings.TrimPrefix(path, prefix), legacy: true}
	}
	return destination{prefix: path}
}

// route names the request for the counters: ids are left out, and what is none of ours has one name, so that there are not more
// counters than routes.
func route(method, rest string) string {
	first, more, deeper := strings.Cut(strings.Trim(rest, "/"), "/")
	switch {
	case !slices.Contains([]string{"Users", "Groups", "Bulk", ".search", "Schemas", "ResourceTypes", "ServiceProviderConfig"}, first):
		first = "other"
	case !deeper:
	case more == ".search":
		first += "/.search"
	case first == "Groups" && strings.HasSuffix(more, "/Members"):
		first += "/{id}/Members"
	default:
		first += "/{id}"
	}
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, method) {
		method = "OTHER"
	}
	return method + " /" + first
}

// serve hands the request to SCIM. org is nil when there is no such organisation.
func (g *gateway) serve(w http.ResponseWriter, r *http.Request, to destination, org *Org) {
	h := g.scim
	h.Tenant = func(r *http.Request) (scimhttp.Backend, error) { return g.u.authorize(r, org, to.legacy) }
	h.Base = func(r *http.Request) string { return g.u.baseURL(r) + to.prefix }
	inner := *r
	url := *r.URL
	url.Path, url.RawPath = to.rest, ""
	inner.URL = &url
	if id, ok := membersOf(to.rest); ok {
		if err := g.u.listMembers(w, &inner, org, id); err != nil {
			h.WriteError(w, r, err)
		}
		return
	}
	h.ServeHTTP(w, &inner)
}

// baseURL is the address of the universe as the client sees it.
func (u *Universe) baseURL(r *http.Request) string {
	if u.config.BaseURL != "" {
		return u.config.BaseURL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// authorize returns the organisation as the bearer of the request's token may use it. An organisation that does not exist
// looks like one that the token is not for.
func (u *Universe) authorize(r *http.Request, org *Org, legacy bool) (*backend, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return nil, &scim.Error{Status: http.StatusUnauthorized, Detail: "A bearer token is required."}
	}
	t := u.token(strings.TrimSpace(text))
	if t == nil {
		return nil, &scim.Error{Status: http.StatusUnauthorized, Detail: "The token is unknown or has expired."}
	}
	if t.org != org {
		return nil, &scim.Error{Status: http.StatusForbidden, Detail: "The token is not for this organisation."}
	}
	b := &backend{Org: org, scope: t.scope, strict: !legacy}
	if r.URL.RawQuery != "" {
		q := r.URL.Query()
		b.members = q.Get("includeMembers") == "true"
		b.groups = q.Get("returnGroups") == "true" || q.Get("includeGroupDetails") == "true"
	}
	return b, nil
}

// errorURN is the schema that Webex adds to errors.
const errorURN = "urn:scim:schemas:extension:cisco:webexidentity:api:messages:2.0:Error"

// decorate gives an error the form it has in Webex, on top of that of RFC 7644 §3.12.
func decorate(r *http.Request, e *scim.Error, body *scim.Object) {
	code := 100000 + e.Status
	if e.Type == scim.TypeUniqueness {
		code = 200016
	}
	body.Set("schemas", scim.List{scim.ErrorURN, errorURN})
	ext := scim.Object{
		{Name: "trackingId", Value: r.Header.Get(trackingHeader)}, {Name: "errorCode", Value: strconv.Itoa(code)},
	}
	if e.Detail != "" {
		ext.Set("details", e.Detail)
	}
	body.Set(errorURN, ext)
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
