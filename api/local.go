package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Local returns a transport that hands requests to a handler in this process, without a network. Answers stream: the body can
// be read while the handler writes it. Closing a body, or the end of the request's context, ends the handler's context.
func Local(h http.Handler) http.RoundTripper { return local{h} }

type local struct{ handler http.Handler }

// errEnded is what a handler gets that writes to a caller who has gone.
var errEnded = errors.New("the caller has gone")

// RoundTrip implements http.RoundTripper.
func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	served := r.Clone(ctx)
	if served.Body == nil {
		served.Body = http.NoBody
	}
	served.RequestURI, served.RemoteAddr, served.Host = r.URL.RequestURI(), "local", r.URL.Host
	in, out := io.Pipe()
	w := &answer{header: http.Header{}, body: out, began: make(chan struct{})}
	go func() {
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				w.begin(http.StatusInternalServerError)
				_ = out.CloseWithError(io.ErrUnexpectedEOF) // what a cut connection looks like
				return
			}
			w.begin(http.StatusOK)
			_ = out.Close()
		}()
		l.handler.ServeHTTP(w, served)
	}()
	select {
	case <-w.began:
	case <-r.Context().Done(): // not ctx, which ends with the handler, too: an answer without a body would be lost then, one time in a few
		cancel()
		_ = in.CloseWithError(errEnded)
		return nil, context.Cause(r.Context())
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body{in, cancel}, ContentLength: -1, Request: r,
	}, nil
}

// body is the reading end of an answer.
type body struct {
	*io.PipeReader
	cancel func()
}

// Close ends the handler's context.
func (b body) Close() error {
	b.cancel()
	return b.CloseWithError(errEnded)
}

// answer is the writing end.
type answer struct {
	header http.Header
	sent   http.Header // header as it was when the answer began
	status int
	body   *io.PipeWriter
	once   sync.Once
	began  chan struct{}
}

func (a *answer) begin(status int) {
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.began)
	})
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status >= 200 {
		a.begin(status)
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.body.Write(p)
}

// Flush implements http.Flusher: nothing is held back.
func (a *answer) Flush() { a.begin(http.StatusOK) }

// SetWriteDeadline lets a stream ask for time, as it does on a network: here a reader may take as long as it likes.
func (a *answer) SetWriteDeadline(time.Time) error { return nil }
