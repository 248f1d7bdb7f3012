package scimhttp

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/scim"
	"lockstep/web"
)

// WriteError answers with a SCIM error (RFC 7644 §3.12). What it shows of an error that is neither a *scim.Error nor of this
// package is what web.PublicText does.
func (h *Handler) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if t, ok := errors.AsType[Throttled](err); ok {
		seconds := max(1, int(math.Ceil(t.After.Seconds())))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	e := publicError(err)
	body := e.Object()
	if h.Decorate != nil {
		h.Decorate(r, e, &body)
	}
	if e.Status == http.StatusUnauthorized && w.Header().Get("Www-Authenticate") == "" {
		w.Header().Set("Www-Authenticate", h.challenge(r))
	}
	text := scim.AppendJSON(nil, body)
	w.Header().Set("Content-Type", contentType(r))
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(text) // the client is gone: there is nobody to tell
}

// challenge says how to authenticate and, to who has tried with a token, that it is not valid. Who sent none learns no more than
// that one is needed (RFC 6750 §3, §3.1).
func (h *Handler) challenge(r *http.Request) string {
	text := `Bearer realm="SCIM"`
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(token) != "" {
		text += `, error="invalid_token"`
	}
	if h.Metadata != nil {
		if at := h.Metadata(r); at != "" {
			text += `, resource_metadata="` + at + `"`
		}
	}
	return text
}

// publicError returns what the client may know of the error.
func publicError(err error) *scim.Error {
	if e, ok := errors.AsType[*scim.Error](err); ok {
		return e
	}
	if _, ok := errors.AsType[Throttled](err); ok {
		return &scim.Error{Status: http.StatusTooManyRequests, Detail: "Too many requests; wait as long as Retry-After says."}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &scim.Error{Status: http.StatusServiceUnavailable, Detail: "The request took too long."}
	}
	e := &scim.Error{Status: web.StatusOf(err), Detail: web.PublicText(err)}
	switch lockstep.CodeOf(err) {
	case lockstep.CodeConflict:
		e.Type = scim.TypeUniqueness
	case lockstep.CodeInvalid:
		e.Type = scim.TypeInvalidValue
	}
	return e
}
