package scim

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/webexorg/state"
)

// Limits that Webex documents for its SCIM 2 API, and the size of a page, which it does not.
const (
	maxBulk = 100
	maxPage = 500
)

// TrackingHeader is on every answer of Webex, and in every error; its support asks for it. A client may choose it.
const TrackingHeader = "Trackingid"

// Face answers the SCIM requests of a universe. It must not change once it serves.
type Face struct {
	Universe *state.Universe
	// Base is the address of the universe as the client sees it, such as https://webexapis.com.
	Base func(*http.Request) string
}

// Call is a request whose caller is known.
type Call struct {
	To      Path
	Org     *state.Org // nil: there is no such organisation
	By      state.Principal
	Denied  error // why the caller is nobody
	Partial bool  // only half of it takes effect, then the answer is 500
}

// Path is what a path names.
type Path struct {
	Prefix string // of the SCIM endpoint
	Org    string
	Rest   string // the path within the endpoint, with a slash
	Legacy bool
}

// Split takes a path apart. ok is false when it is none of SCIM.
func Split(path string) (p Path, ok bool) {
	parts := strings.SplitN(path, "/", 6) // "", identity, scim, org, v2, rest
	if len(parts) > 4 && parts[1] == "identity" && parts[2] == "scim" && (parts[4] == "v2" || parts[4] == "v1") {
		prefix := "/identity/scim/" + parts[3] + "/" + parts[4]
		return Path{Prefix: prefix, Org: parts[3], Rest: strings.TrimPrefix(path, prefix), Legacy: parts[4] == "v1"}, true
	}
	if len(parts) > 3 && parts[1] == "v1" && parts[2] == "scim" {
		prefix := "/v1/scim/" + parts[3]
		return Path{Prefix: prefix, Org: parts[3], Rest: strings.TrimPrefix(path, prefix), Legacy: true}, true
	}
	return Path{Prefix: path}, strings.HasPrefix(path, "/identity/scim/") || strings.HasPrefix(path, "/v1/scim/")
}

// Route names the request for counters: ids are left out, and what is none of ours has one name, so that there are not more
// counters than routes.
func Route(method, rest string) string {
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

// IsPage reports whether the request asks for a page of a list, not for what a filter finds.
func IsPage(r *http.Request, rest string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	rest = strings.Trim(rest, "/")
	list := rest == "" || rest == "Users" || rest == "Groups" || strings.HasSuffix(rest, "/Members")
	return list && !r.URL.Query().Has("filter")
}

// Serve answers one request below the endpoint of an organisation.
func (f *Face) Serve(w http.ResponseWriter, r *http.Request, c Call) {
	h := f.handler(c.Org)
	h.Tenant = func(r *http.Request) (scimhttp.Backend, error) { return authorize(r, c) }
	h.Base = func(r *http.Request) string { return f.Base(r) + c.To.Prefix }
	preferJSON(r, c.Org)
	inner := *r
	at := *r.URL
	at.Path, at.RawPath, at.RawQuery = c.To.Rest, "", closeUp(at.RawQuery)
	inner.URL = &at
	if id, ok := membersOf(c.To.Rest); ok {
		if err := f.listMembers(w, &inner, c, id); err != nil {
			h.WriteError(w, r, err)
		}
		return
	}
	if first, _, _ := strings.Cut(strings.Trim(c.To.Rest, "/"), "/"); (first == "ServiceProviderConfig" || first == "ResourceTypes") &&
		c.Org != nil && c.Org.Settings().Assume.NoDiscovery {
		h.WriteError(w, r, scim.ErrNotFound("There is nothing at this address."))
		return
	}
	if strings.Trim(c.To.Rest, "/") == "Bulk" && r.Method == http.MethodPost {
		f.bulk(w, &inner, h, c)
		return
	}
	h.ServeHTTP(w, &inner)
}

// closeUp takes away the blanks before a bracket in a filter: Webex takes them, and RFC 7644 §3.4.2.2 does not.
func closeUp(query string) string {
	if !strings.Contains(query, "filter=") || !strings.Contains(query, "%5B") && !strings.Contains(query, "[") {
		return query
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return query // the handler says so
	}
	text, quoted := []byte(nil), false
	for _, b := range []byte(values.Get("filter")) {
		if b == '"' && !strings.HasSuffix(string(text), "\\") {
			quoted = !quoted
		}
		if b == '[' && !quoted {
			text = bytes.TrimRight(text, " ")
		}
		text = append(text, b)
	}
	values.Set("filter", string(text))
	return values.Encode()
}

// handler returns the SCIM handler with Webex's limits. The organisation may be nil.
func (f *Face) handler(o *state.Org) scimhttp.Handler {
	var assume state.Assumed
	if o != nil {
		assume = o.Settings().Assume
	}
	limits := scimhttp.Limits{BulkOps: maxBulk, BulkStatus: http.StatusBadRequest, PageSize: 100, MaxPageSize: maxPage}
	if assume.BulkTooLarge {
		limits.BulkStatus = http.StatusRequestEntityTooLarge
	}
	if assume.LargePages {
		limits.MaxPageSize = 2 * maxPage
	}
	return scimhttp.Handler{
		Decorate: func(r *http.Request, e *scim.Error, body *scim.Object) { decorate(r, e, body, assume) },
		HideETag: true, Limits: limits,
	}
}

// preferJSON has an answer be application/json unless the client asks for SCIM's own media type: client libraries parse a body only
// when the type begins so.
func preferJSON(r *http.Request, o *state.Org) {
	switch {
	case o != nil && o.Settings().Assume.ScimMedia:
		r.Header["Accept"] = []string{scimhttp.ContentType}
	case !strings.Contains(strings.ToLower(r.Header.Get("Accept")), scimhttp.ContentType):
		r.Header["Accept"] = []string{"application/json"}
	}
}

// WriteError answers with an error in Webex's form.
func (f *Face) WriteError(w http.ResponseWriter, r *http.Request, o *state.Org, err error) {
	h := f.handler(o)
	preferJSON(r, o)
	h.WriteError(w, r, err)
}

// errorURN is the schema that Webex adds to errors.
const errorURN = "urn:scim:schemas:extension:cisco:webexidentity:api:messages:2.0:Error"

// errorCodes tells Webex's number for each kind of error. Only 200016 was seen; the others are made up in its image.
var errorCodes = map[string]string{scim.TypeUniqueness: "200016"}

// decorate gives an error the form it has in Webex, on top of that of RFC 7644 §3.12.
func decorate(r *http.Request, e *scim.Error, body *scim.Object, assume state.Assumed) {
	code := errorCodes[e.Type]
	if code == "" && !assume.NoErrorCodes {
		code = "100" + statusText(e.Status)
	}
	body.Set("schemas", scim.List{scim.ErrorURN, errorURN})
	ext := scim.Object{{Name: "trackingId", Value: r.Header.Get(TrackingHeader)}}
	if code != "" {
		ext.Set("errorCode", code)
	}
	if e.Detail != "" {
		ext.Set("details", e.Detail)
	}
	if assume.BareErrors {
		body.Delete("detail")
		body.Delete("scimType")
	}
	body.Set(errorURN, ext)
}
