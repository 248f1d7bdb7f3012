package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
	scimface "lockstep/webexorg/scim"
	"lockstep/webexorg/state"
)

// Face answers the REST requests of a universe. It must not change once it serves.
type Face struct {
	u     *state.Universe
	base  func(*http.Request) string
	table *table
	jobs  activations
}

// New returns the face of the universe. base is the address of the universe as the client sees it.
func New(u *state.Universe, base func(*http.Request) string) *Face {
	return &Face{u: u, base: base, table: newTable()}
}

// Call says who calls.
type Call struct {
	By      state.Principal
	Denied  error // why the caller is nobody
	Partial bool  // half of what is asked for takes effect, then the answer is 500
}

// request is one request on its way.
type request struct {
	f    *Face
	w    http.ResponseWriter
	r    *http.Request
	call Call
	vars map[string]string
	q    url.Values
	org  *state.Org // that the request is about
}

// Serve answers a request.
func (f *Face) Serve(w http.ResponseWriter, r *http.Request, to Target, c Call) {
	q := &request{f: f, w: w, r: r, call: c, vars: to.vars}
	if err := q.serve(to); err != nil {
		f.WriteError(w, r, err)
	}
}

func (q *request) serve(to Target) error {
	if to.route == nil {
		if len(to.allowed) > 0 {
			q.w.Header().Set("Allow", strings.Join(to.allowed, ", "))
			return fail(http.StatusMethodNotAllowed, "The method "+q.r.Method+" is not allowed here.")
		}
		return fail(http.StatusNotFound, "The requested resource could not be found.")
	}
	if q.call.Denied != nil {
		return fail(http.StatusUnauthorized, "The request requires a valid access token set in the Authorization request header: "+q.call.Denied.Error())
	}
	if len(to.route.scopes) > 0 && !q.call.By.Allows(to.route.scopes...) {
		return fail(http.StatusForbidden, "The access token has none of the scopes "+strings.Join(to.route.scopes, ", ")+".")
	}
	if to.route.roles != nil && !q.call.By.Has(to.route.roles...) {
		return fail(http.StatusForbidden, "The caller has none of the roles that this needs.")
	}
	var err error
	if q.q, err = url.ParseQuery(q.r.URL.RawQuery); err != nil {
		return fail(http.StatusBadRequest, "The query cannot be read.")
	}
	if q.org, err = q.whose(); err != nil {
		return err
	}
	return to.route.handle(q)
}

// whose returns the organisation that the request is about: that of the path, of orgId, or the caller's.
func (q *request) whose() (*state.Org, error) {
	id := q.vars["org"]
	if id == "" {
		id = q.q.Get("orgId")
	}
	if id == "" {
		return q.call.By.Org, nil
	}
	return q.manages(id)
}

// manages returns an organisation that the caller administrates.
func (q *request) manages(id string) (*state.Org, error) {
	o := q.f.u.Org(uuidOf(id, orgKind))
	if o == nil || !q.call.By.Manages(o) {
		if q.call.By.Org.Settings().Assume.ForeignUnknown {
			return nil, fail(http.StatusNotFound, "The organisation could not be found.")
		}
		return nil, fail(http.StatusForbidden, "The caller does not belong to the organisation, nor manages it.")
	}
	return o, nil
}

// actor tells the audit who calls.
func (q *request) actor() state.Actor {
	return state.Actor{
		Person: q.call.By.Person, Name: q.call.By.Name, Address: q.r.RemoteAddr, Agent: q.r.UserAgent(),
		Tracking: q.r.Header.Get(scimface.TrackingHeader), Local: true,
	}
}

// access returns the organisation in terms of SCIM.
func (q *request) access() *state.Access {
	return &state.Access{Org: q.org, By: q.actor(), Strict: true}
}

// maxBody is how long a body may be.
const maxBody = 1 << 20

// read decodes the body into v.
func read[T any](q *request, v *T) error {
	if header := q.r.Header.Get("Content-Type"); header != "" {
		media, _, err := mime.ParseMediaType(header)
		if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
			return fail(http.StatusUnsupportedMediaType, "The body must be application/json.")
		}
	}
	text, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, maxBody))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return fail(http.StatusRequestEntityTooLarge, "The body is too large.")
	}
	if err != nil {
		return fail(http.StatusBadRequest, "The body cannot be read.")
	}
	if err := json.Unmarshal(text, v); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fail(http.StatusBadRequest, "The field "+e.Field+" cannot be a "+e.Value+".")
		}
		return fail(http.StatusBadRequest, "The body is not JSON.")
	}
	return nil
}

// send answers with a body.
func send[T any](q *request, status int, v T) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	q.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	q.w.WriteHeader(status)
	_, _ = q.w.Write(text) // the client is gone: there is nobody to tell
	return nil
}

// done answers without a body.
func (q *request) done() error {
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// next tells where the next page is (RFC 8288).
func (q *request) next(change map[string]string) {
	values := url.Values{}
	for name, list := range q.q {
		values[name] = slices.Clone(list)
	}
	for name, value := range change {
		values.Set(name, value)
	}
	q.w.Header().Set("Link", "<"+q.f.base(q.r)+q.r.URL.Path+"?"+values.Encode()+`>; rel="next"`)
}

// another reports whether a page leads to a next one: when there is more, or, if lists are assumed to end with an empty page, when it is full.
func (q *request) another(more bool, items, limit int) bool {
	return more || items > 0 && items == limit && q.org.Settings().Assume.EmptyLastPage
}

// size reads how many items a page is to have.
func (q *request) size(name string, otherwise, most int) (int, error) {
	text := q.q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fail(http.StatusBadRequest, name+" must be a number above 0.")
	}
	return min(n, most), nil
}

// Error is an answer that something is wrong.
type Error struct {
	Status  int
	Message string
	Details []Detail
}

// Detail is one of the things that are wrong.
type Detail struct {
	Code        int    `json:"errorCode,omitempty"`
	Description string `json:"description"`
}

// Error says what is wrong.
func (e *Error) Error() string { return e.Message }

func fail(status int, message string) error {
	return &Error{Status: status, Message: message, Details: []Detail{{Description: message}}}
}

// WriteError answers with an error in Webex's form.
func (f *Face) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(w, err)
	body := struct {
		Message    string   `json:"message"`
		Errors     []Detail `json:"errors"`
		TrackingID string   `json:"trackingId"`
	}{e.Message, e.Details, r.Header.Get(scimface.TrackingHeader)}
	text, failed := json.Marshal(body)
	if failed != nil {
		text = []byte(`{"message":"","errors":[],"trackingId":""}`)
	}
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("Www-Authenticate", `Bearer realm="webexorg"`)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(e.Status)
	_, _ = w.Write(text) // the client is gone: there is nobody to tell
}

// asError gives an error of the state, or of a fault, the form of REST.
func asError(w http.ResponseWriter, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if t, ok := errors.AsType[scimhttp.Throttled](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((t.After+time.Second-1)/time.Second))))
		return refusal(http.StatusTooManyRequests, "Too many requests have been sent in a given amount of time and the request has been rate limited.", 0)
	}
	if l, ok := errors.AsType[*state.LicenceError](err); ok {
		return refusal(http.StatusBadRequest, l.Detail, l.Code)
	}
	if s, ok := errors.AsType[*scim.Error](err); ok {
		return refusal(s.Status, s.Detail, 0)
	}
	return refusal(http.StatusInternalServerError, "Something went wrong on the server.", 0)
}

func refusal(status int, text string, code int) *Error {
	return &Error{Status: status, Message: text, Details: []Detail{{Code: code, Description: text}}}
}

// stamp writes a time as Webex does.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// readTime reads a time in a query.
func (q *request) readTime(name string, required bool) (time.Time, error) {
	text := q.q.Get(name)
	if text == "" && !required {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fail(http.StatusBadRequest, fmt.Sprintf("%s must be a time such as 2026-01-02T15:04:05.000Z.", name))
	}
	return t, nil
}
