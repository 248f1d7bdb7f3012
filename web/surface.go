package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"lockstep"
)

// Handler answers a request or returns an error, which the surface's ErrorWriter turns into the answer. A handler that has
// begun its answer may still return an error: it is logged, and the connection is cut so that the peer notices.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ErrorWriter writes the one answer to a request that failed, in the surface's own form: a SCIM error, an API problem, an
// HTML page. It never writes more of the error than the caller may know.
type ErrorWriter func(w http.ResponseWriter, r *http.Request, err error)

// Surface is what the handlers of one HTTP surface (management API, console, SCIM) have in common. The zero value works. Do
// not change it once it serves.
type Surface struct {
	// Errors writes errors. Nil means WriteText.
	Errors ErrorWriter
	// MaxBody bounds a request's body in bytes. 0 means 1 MiB. A handler that reads beyond it gets *http.MaxBytesError,
	// whose status is 413.
	MaxBody int64
	// BodyOf bounds the bodies of some requests otherwise, in bytes; 0 is MaxBody. Nil bounds all by MaxBody.
	BodyOf func(*http.Request) int64
	// Policy is the Content-Security-Policy. Empty means PolicyNone, right for everything but pages.
	Policy string
	// Log gets one line for each request. Nil means slog.Default().
	Log *slog.Logger
	// Now is the clock of the log and of whatever Inspector a handler asks to watch. Nil means time.Now.
	Now func() time.Time
}

// The content security policies.
const (
	// PolicyNone lets an answer load and embed nothing.
	PolicyNone = "default-src 'none'; frame-ancestors 'none'"
	// PolicyPages lets a page use what its own host serves, no inline script, and no frame around it.
	PolicyPages = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

// Handle makes an http.Handler of a Handler. Wrap the whole surface once with Wrap as well.
func (s *Surface) Handle(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		note(r.Context(), err)
		s.fail(w, r, err)
	})
}

func (s *Surface) fail(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := r.Context().Value(exchangeKey{}).(*exchange); ok && e.answer.status != 0 {
		e.aborted = true
		panic(http.ErrAbortHandler) //nolint:forbidigo // half an answer must not look like a whole one
	}
	if s.Errors != nil {
		s.Errors(w, r, err)
		return
	}
	WriteText(w, r, err)
}

// Wrap gives every request of h an ID, a size limit, security headers, a log line and, on panic, an answer 500.
func (s *Surface) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.now()
		rec := &recorder{ResponseWriter: w}
		e := &exchange{id: requestID(r), answer: rec}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, e))
		s.setHeaders(w.Header(), e.id)
		if r.Body != nil {
			r.Body = http.MaxBytesReader(rec, r.Body, s.maxBody(r))
		}
		defer func() {
			took := s.now().Sub(began)
			s.log(r, e, took)
			if e.watch != nil {
				e.watch.end(e, began, took)
			}
		}()
		s.serve(h, r, e)
	})
}

// maxBody is how many bytes the body of a request may have.
func (s *Surface) maxBody(r *http.Request) int64 {
	if s.BodyOf != nil {
		if n := s.BodyOf(r); n > 0 {
			return n
		}
	}
	return orDefaultSize(s.MaxBody, 1<<20)
}

// serve runs h and turns a panic into an error. http.ErrAbortHandler goes on to the server, which cuts the connection.
func (s *Surface) serve(h http.Handler, r *http.Request, e *exchange) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			e.aborted = true
			panic(p) //nolint:forbidigo // not ours to stop
		default:
			e.err = &lockstep.Error{Code: lockstep.CodeInternal, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
			s.fail(e.answer, r, e.err)
		}
	}()
	h.ServeHTTP(e.answer, r)
}

func (s *Surface) setHeaders(h http.Header, id string) {
	policy := s.Policy
	if policy == "" {
		policy = PolicyNone
	}
	h.Set(RequestIDHeader, id)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // static files set their own
}

// log writes the access line: never the query or a header, since either may hold a secret.
func (s *Surface) log(r *http.Request, e *exchange, took time.Duration) {
	rec := e.answer
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("request", e.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", rec.code()), slog.Int64("bytes", rec.bytes), slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr),
	}
	if e.by.Key != "" {
		attrs = append(attrs, e.by)
	}
	if e.err != nil {
		attrs = append(attrs, slog.String("code", string(lockstep.CodeOf(e.err))), slog.String("error", e.err.Error()))
	}
	if e.aborted {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	if rec.code() >= 500 {
		level = slog.LevelError
	}
	log := s.Log
	if log == nil {
		log = slog.Default()
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}

func (s *Surface) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func orDefaultSize(v, otherwise int64) int64 {
	if v == 0 {
		return otherwise
	}
	return v
}

// WriteText answers with the error's status and one line of text; an internal error shows its code alone.
func WriteText(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, PublicText(err), StatusOf(err))
}

// PublicText is what a caller may know of an error: the detail and code of a lockstep.Error, without what lies beneath.
func PublicText(err error) string {
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		return (&lockstep.Error{Code: e.Code, Detail: e.Detail}).Error()
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "The request's body is too large."
	}
	return (&lockstep.Error{Code: lockstep.CodeInternal}).Error()
}

// StatusOf returns the HTTP status that fits the error's code; 500 when none does.
func StatusOf(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	switch lockstep.CodeOf(err) {
	case lockstep.CodeNotFound:
		return http.StatusNotFound
	case lockstep.CodeVersion:
		return http.StatusPreconditionFailed
	case lockstep.CodeConflict, lockstep.CodePlanStale, lockstep.CodeDraftBehind, lockstep.CodeGuardHeld, lockstep.CodeEpoch, lockstep.CodeSchemaInUse, lockstep.CodeLastOwner, lockstep.CodeSSOLastFactor, lockstep.CodeConsent:
		return http.StatusConflict
	case lockstep.CodeInvalid, lockstep.CodeUsage, lockstep.CodeMapSyntax, lockstep.CodeScopeSyntax, lockstep.CodeMapUnknown, lockstep.CodeSecretsAgain:
		return http.StatusBadRequest
	case lockstep.CodeUnauthorized:
		return http.StatusUnauthorized
	case lockstep.CodeAuthForbidden, lockstep.CodeProveAgain:
		return http.StatusForbidden
	case lockstep.CodeTooMany:
		return http.StatusTooManyRequests
	case lockstep.CodeCursorExpired:
		return http.StatusGone
	case lockstep.CodeTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}
