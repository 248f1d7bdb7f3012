package webexorg

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/web"
	scimface "lockstep/webexorg/scim"
)

// faultTexts tells what an answer with each status says; code is for OAuth 2.0.
var faultTexts = map[FaultKind]struct {
	status int
	code   string
	text   string
}{
	Fault423:     {http.StatusLocked, "temporarily_unavailable", "The resource is locked; try again later."},
	Fault429:     {http.StatusTooManyRequests, "temporarily_unavailable", "Too many requests have been sent; try again later."},
	Fault500:     {http.StatusInternalServerError, "server_error", "Something went wrong."},
	FaultPartial: {http.StatusInternalServerError, "server_error", "Something went wrong."},
	Fault502:     {http.StatusBadGateway, "server_error", "The server received an invalid response from an upstream server."},
	Fault503:     {http.StatusServiceUnavailable, "temporarily_unavailable", "The service is unavailable."},
	Fault504:     {http.StatusGatewayTimeout, "server_error", "An upstream server did not answer in time."},
}

// fail answers the request with the fault.
func (g *gateway) fail(f *Fault, w *counted, r *http.Request, c *call) {
	answer := &scimface.Kept{Head: w.Header().Clone()}
	if f.After || f.Kind == FaultTruncate || f.Kind == FaultMalformed {
		c.serve(answer, r, false)
	}
	switch f.Kind {
	case Fault429:
		g.writeError(w, r, c, scimhttp.Throttled{After: time.Duration(f.Wait) * time.Second})
	case Fault423, Fault500, Fault502, Fault503, Fault504:
		if f.Wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.Wait))
		}
		say := faultTexts[f.Kind]
		g.writeError(w, r, c, &scim.Error{Status: say.status, Detail: say.text})
	case FaultHTML, FaultReset, FaultHang, FaultTruncate, FaultMalformed:
		spoil(f.Kind, w, r, answer)
	case FaultExpire:
		g.expire(w, r, c)
	case FaultPartial:
		c.serve(w, r, true)
	}
}

// spoil answers in a way that no program expects. The answer is what it would have been.
func spoil(kind FaultKind, w *counted, r *http.Request, answer *scimface.Kept) {
	switch kind {
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Webex</title><p>We are back soon.</p>") // nobody to tell
	case FaultReset:
		reset(w)
	case FaultHang:
		hang(r)
	case FaultTruncate:
		truncate(w, answer)
	case FaultMalformed:
		malformed(w, answer)
	}
}

// expire ends the caller's token and answers so.
func (g *gateway) expire(w http.ResponseWriter, r *http.Request, c *call) {
	if err := g.u.endToken(r.Header.Get("Authorization")); err != nil {
		g.writeError(w, r, c, err)
		return
	}
	g.writeError(w, r, c, asSCIM(errUnknownToken))
}

// malformed sends a body that breaks off, with a length that says it is whole.
func malformed(w http.ResponseWriter, answer *scimface.Kept) {
	maps.Copy(w.Header(), answer.Head)
	body := bytes.TrimRight(answer.Body, "}\n \t")
	if n := len(body); n > 0 {
		body = body[:n-n/4]
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Status)
	_, _ = w.Write(body) // nobody to tell
}

// truncate sends half of the body that was announced and ends the connection.
func truncate(w *counted, answer *scimface.Kept) {
	maps.Copy(w.Header(), answer.Head)
	if len(answer.Body) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
	}
	w.WriteHeader(answer.Status)
	if len(answer.Body) == 0 {
		return
	}
	_, _ = w.Write(answer.Body[:len(answer.Body)/2])   // nobody to tell
	_ = http.NewResponseController(w.Unwrap()).Flush() // a writer that cannot flush is cut all the same
	panic(http.ErrAbortHandler)                        //nolint:forbidigo // the fault that is asked for
}

// reset ends the connection with a TCP reset, or just ends it when it is not a plain one.
func reset(w *counted) {
	conn, _, err := http.NewResponseController(w.Unwrap()).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) //nolint:forbidigo // the fault that is asked for
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the end is merely less rude
	}
	_ = conn.Close() // it is meant to fail
}

// hang waits until the client gives up or the server ends. The body is read, or the server would not notice the former.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // an error ends the wait below
	select {
	case <-r.Context().Done():
	case <-web.Draining(r.Context()):
	}
	panic(http.ErrAbortHandler) //nolint:forbidigo // the fault that is asked for
}
