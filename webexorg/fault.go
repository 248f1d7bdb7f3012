package webexorg

import (
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/web"
)

// fail answers the request with the fault; serve would answer it well.
func (g *gateway) fail(f *Fault, w *counted, r *http.Request, serve func(http.ResponseWriter)) {
	answer := &kept{header: w.Header().Clone()}
	if f.After || f.Kind == FaultTruncate {
		serve(answer)
	}
	switch f.Kind {
	case Fault429:
		g.scim.WriteError(w, r, scimhttp.Throttled{})
	case Fault500:
		g.scim.WriteError(w, r, &scim.Error{Status: http.StatusInternalServerError, Detail: "Something went wrong."})
	case Fault503:
		g.scim.WriteError(w, r, &scim.Error{Status: http.StatusServiceUnavailable, Detail: "The service is unavailable."})
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Webex</title><p>We are back soon.</p>") // nobody to tell
	case FaultReset:
		reset(w)
	case FaultHang:
		hang(r)
	case FaultTruncate:
		answer.truncate(w)
	}
}

// kept is an answer that is not sent, or not as it is.
type kept struct {
	header http.Header
	status int
	body   []byte
}

// Header returns the headers.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *kept) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

// Write keeps the body.
func (k *kept) Write(p []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	k.body = append(k.body, p...)
	return len(p), nil
}

// truncate sends half of the body that was announced and ends the connection.
func (k *kept) truncate(w *counted) {
	maps.Copy(w.Header(), k.header)
	if len(k.body) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(k.body)))
	}
	w.WriteHeader(k.status)
	if len(k.body) == 0 {
		return
	}
	_, _ = w.Write(k.body[:len(k.body)/2])             // nobody to tell
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
