package scimapp

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

// fault is a request that did not succeed.
type fault struct {
	code       lockstep.Code
	status     int    // HTTP status, 0 without an answer
	scimType   string // of the target's error
	detail     string // what happened, a clause
	err        error  // what lies beneath
	retryAfter time.Duration
	maybeSent  bool
	answer     scim.Object // of a status that is none of success, where it is a JSON object
}

// error makes an error of it: "create ada@example.com in Webex: it refused the value: …".
func (f *fault) error(what, where string) *lockstep.Error {
	err, detail := f.err, f.detail
	if f.retryAfter > 0 {
		wait := "it asked to wait " + f.retryAfter.String()
		err, detail = &connection.Later{After: f.retryAfter, Err: cmp.Or(err, errors.New(wait))}, detail+"; "+wait
	}
	return &lockstep.Error{Code: f.code, Detail: what + " " + where + ": " + detail, Err: err}
}

// result makes the result of an operation of it.
func (f *fault) result(t *Target, op *connection.Operation, requests int) connection.Result {
	return connection.Result{
		Err: f.error(string(op.Kind)+" "+or(op.Name, op.Ref.ID)+" in", t.config.Name), RetryAfter: f.retryAfter,
		MaybeSent: f.maybeSent, Requests: requests,
	}
}

// notJSON is the fault of an answer with a good status that cannot be read.
func notJSON(a *answer, err error) *fault {
	return &fault{
		code: lockstep.CodeTargetMalformed, status: a.status, err: err, maybeSent: true,
		detail: fmt.Sprintf("it answered with status %d and %s instead of JSON", a.status, kindOf(a)),
	}
}

// kindOf names what a body is that should be JSON.
func kindOf(a *answer) string {
	if len(bytes.TrimSpace(a.body())) == 0 {
		return "nothing"
	}
	if a.inside {
		return "something else"
	}
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	switch {
	case strings.Contains(media, "html"), bytes.HasPrefix(bytes.TrimSpace(a.body()), []byte("<")):
		return "a page of HTML"
	case strings.Contains(media, "json"):
		return "broken JSON"
	case media == "":
		return "something"
	}
	return media
}

// statusFault tells what an answer other than 2xx means.
func (t *Target) statusFault(a *answer) *fault {
	body, err := scim.DecodeObject(a.body())
	if err != nil {
		body = nil
	}
	f := &fault{status: a.status, answer: body}
	said := scim.ParseError(a.status, a.body())
	mute := a.inside && !isError(body)
	if mute { // who asks may not be who that server answers
		said = &scim.Error{Status: a.status}
	}
	f.scimType = said.Type
	f.code, f.detail = meaning(a, said.Type, body != nil)
	switch a.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusLocked:
		f.retryAfter = retryAfter(a.header.Get("Retry-After"), t.config.Now(), t.config.MaxRetryAfter)
	}
	f.maybeSent = a.status >= 500 && a.status != http.StatusNotImplemented || a.status == http.StatusRequestTimeout
	words := said.Detail
	if t.config.Explain != nil && !mute {
		if code, detail := t.config.Explain(a.status, body); code != "" || detail != "" {
			f.code, words = or(code, f.code), or(detail, words)
		}
	}
	if words = tidy(words); words != "" {
		f.detail += ": " + strconv.Quote(words)
	}
	f.detail += fmt.Sprintf(" (HTTP %d", a.status)
	if f.scimType != "" {
		f.detail += " " + tidy(f.scimType)
	}
	f.detail += ")"
	return f
}

// isError reports whether the body is an error of a SCIM service (RFC 7644 §3.12), which is meant for its clients.
func isError(body scim.Object) bool {
	list, _ := body.Get("schemas").(scim.List)
	for _, v := range list {
		if urn, ok := v.(string); ok && strings.EqualFold(urn, scim.ErrorURN) {
			return true
		}
	}
	return false
}

// meaning returns the code and a clause for a status.
func meaning(a *answer, scimType string, isJSON bool) (lockstep.Code, string) {
	switch s := a.status; {
	case s == http.StatusUnauthorized:
		return lockstep.CodeAuthToken, "it rejected the token"
	case s == http.StatusForbidden:
		return lockstep.CodeAuthForbidden, "the token does not allow this"
	case s == http.StatusNotFound || s == http.StatusGone:
		if isJSON || len(a.body()) == 0 && a.header.Get("Content-Type") == "" {
			return lockstep.CodeTargetGone, "there is no such object any more"
		}
		return lockstep.CodeTargetMalformed, "there is no SCIM service at the address: it answered with " + kindOf(a)
	case s == http.StatusConflict, scimType == scim.TypeUniqueness:
		return lockstep.CodeTargetConflict, "it says that a value is taken"
	case s == http.StatusPreconditionFailed:
		return lockstep.CodeVersion, "somebody else changed the object"
	case s == http.StatusTooManyRequests:
		return lockstep.CodeTargetRateLimited, "it asked to slow down"
	case s == http.StatusRequestTimeout:
		return lockstep.CodeTargetTimeout, "it gave up waiting for the request"
	case s == http.StatusLocked:
		return lockstep.CodeTargetServerError, "the object is locked for now"
	case s == http.StatusNotImplemented || s == http.StatusMethodNotAllowed || scimType == scim.TypeInvalidFilter:
		return lockstep.CodeTargetUnsupported, "it cannot do that"
	case s >= 500:
		return lockstep.CodeTargetServerError, "it failed"
	case s >= 300 && s < 400:
		return lockstep.CodeTargetMalformed, "it points to another address"
	}
	return lockstep.CodeTargetRefused, "it refused the request"
}

// retryAfter reads the header in both of its forms (RFC 9110 §10.2.3). 0 is none.
func retryAfter(s string, now time.Time, most time.Duration) time.Duration {
	if s = strings.TrimSpace(s); s == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, most.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}

// tidy makes one short line of what a target says.
func tidy(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
