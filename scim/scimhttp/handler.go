package scimhttp

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"lockstep/scim"
)

// ContentType is the media type of SCIM (RFC 7644 §8.1).
const ContentType = "application/scim+json"

// call is one request on its way through the handler.
type call struct {
	h       *Handler
	r       *http.Request
	w       http.ResponseWriter
	limits  Limits
	backend Backend
	base    string // of locations
	params  url.Values
	buf     *[]byte // the answer's body grows in it
}

// answer is what the request gets. The body is in call.buf; a status of 204 or 304 has none.
type answer struct {
	status   int
	location string
	version  string // of the resource in the body
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// maxPooled is the size above which a buffer is not kept for the next request.
const maxPooled = 1 << 20

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{h: h, r: r, w: w, limits: h.Limits.withDefaults(), buf: buffers.Get().(*[]byte)}
	*c.buf = (*c.buf)[:0]
	defer func() {
		if cap(*c.buf) <= maxPooled {
			buffers.Put(c.buf)
		}
	}()
	a, err := c.run()
	if err != nil {
		h.WriteError(w, r, err)
		return
	}
	c.send(a)
}

func (c *call) run() (a answer, err error) {
	if c.backend, err = c.h.Tenant(c.r); err != nil {
		if e, ok := errors.AsType[*scim.Error](err); ok && e.Status == http.StatusUnauthorized && !c.known() {
			return a, c.noEndpoint() // no token leads there, whosever it is
		}
		return a, err
	}
	if c.params, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		// Leaving out the pair that cannot be read might leave out the filter.
		return a, scim.ErrInvalidValue("the query string cannot be read")
	}
	c.base = c.baseURL()
	return c.route()
}

// baseURL is where the handler is mounted, as the client sees it.
func (c *call) baseURL() string {
	if c.h.Base != nil {
		return c.h.Base(c.r)
	}
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	path, _, _ := strings.Cut(c.r.RequestURI, "?")
	return scheme + "://" + c.r.Host + strings.TrimSuffix(path, c.r.URL.EscapedPath())
}

// route finds what the path names and does what the method asks for (RFC 7644 §3.2, table 2).
func (c *call) route() (answer, error) {
	path := strings.Trim(c.r.URL.Path, "/")
	first, rest, _ := strings.Cut(path, "/")
	switch first {
	case "ServiceProviderConfig", "Schemas", "ResourceTypes":
		return c.discovery(first, rest)
	case "Me":
		return answer{}, scim.ErrNotImplemented("/Me is not supported (RFC 7644 §3.11)")
	case "Bulk":
		if rest == "" {
			return c.only(c.bulk, http.MethodPost)
		}
	case ".search":
		if rest == "" {
			return c.only(func() (answer, error) { return c.search(c.backend.Types()...) }, http.MethodPost)
		}
	case "":
		return c.only(func() (answer, error) { return c.list(c.backend.Types()...) }, http.MethodGet)
	default:
		if t := typeAt(c.backend, first); t != nil {
			return c.routeType(t, rest)
		}
	}
	return answer{}, c.noEndpoint()
}

func (c *call) noEndpoint() error {
	return scim.ErrNotFound("There is no endpoint /" + clip(strings.Trim(c.r.URL.Path, "/")) + ".")
}

// known reports whether the path begins as that of an endpoint which some tenant has (RFC 7644 §3.2). Every tenant has the same
// resource types.
func (c *call) known() bool {
	first, _, _ := strings.Cut(strings.Trim(c.r.URL.Path, "/"), "/")
	switch first {
	case "", "Users", "Groups", "ServiceProviderConfig", "Schemas", "ResourceTypes", "Me", "Bulk", ".search":
		return true
	}
	return false
}

func (c *call) routeType(t *scim.Type, rest string) (answer, error) {
	switch {
	case rest == "" && c.r.Method == http.MethodPost:
		return c.create(t)
	case rest == "":
		return c.only(func() (answer, error) { return c.list(t) }, http.MethodGet, http.MethodPost)
	case rest == ".search":
		return c.only(func() (answer, error) { return c.search(t) }, http.MethodPost)
	case strings.Contains(rest, "/"):
		return answer{}, scim.ErrNotFound("There is no endpoint " + c.r.URL.Path + ".")
	}
	ref := scim.Ref{Type: t.Name, ID: rest}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		return c.get(t, ref)
	case http.MethodPut:
		return c.replace(t, ref)
	case http.MethodPatch:
		return c.patch(t, ref)
	case http.MethodDelete:
		return c.delete(ref)
	}
	return c.only(nil, http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete)
}

// only runs f when the method is the first of those allowed; HEAD is like GET. Otherwise the answer is 405 with Allow.
func (c *call) only(f func() (answer, error), allowed ...string) (answer, error) {
	if f != nil && (c.r.Method == allowed[0] || c.r.Method == http.MethodHead && allowed[0] == http.MethodGet) {
		return f()
	}
	c.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return answer{}, &scim.Error{Status: http.StatusMethodNotAllowed, Detail: "The method " + c.r.Method + " is not allowed here."}
}

// typeAt returns the type whose endpoint is the path segment.
func typeAt(b Backend, segment string) *scim.Type {
	for _, t := range b.Types() {
		if strings.TrimPrefix(t.Endpoint, "/") == segment {
			return t
		}
	}
	return nil
}

// send writes the answer.
func (c *call) send(a answer) {
	header := c.w.Header()
	if a.location != "" {
		header.Set("Location", a.location)
	}
	if a.version != "" {
		header.Set("Etag", entityTag(a.version))
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		header.Set("Content-Type", contentType(c.r))
		header.Set("Content-Length", strconv.Itoa(len(*c.buf)))
	}
	c.w.WriteHeader(a.status)
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		return
	}
	_, _ = c.w.Write(*c.buf) // the client is gone: there is nobody to tell
}

// contentType answers a client that asks for application/json and not for SCIM's own type with the former (RFC 7644 §3.8).
func contentType(r *http.Request) string {
	accept := strings.ToLower(r.Header.Get("Accept"))
	if strings.Contains(accept, "application/json") && !strings.Contains(accept, ContentType) {
		return "application/json"
	}
	return ContentType
}
