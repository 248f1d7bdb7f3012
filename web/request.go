package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// RequestIDHeader carries the request's ID in both directions.
const RequestIDHeader = "X-Request-Id"

// exchange is what is known of a request while it is served.
type exchange struct {
	id      string
	answer  *recorder
	err     error
	aborted bool
	watch   *watch // nil unless an inspector keeps it
	by      slog.Attr
}

type exchangeKey struct{}

// RequestID returns the ID of the request that ctx belongs to, or "" outside a Surface.
func RequestID(ctx context.Context) string {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return e.id
	}
	return ""
}

// By tells the log line who sent the request: the id of a token, of an administrator or of whatever else kind says. It is never a name and
// never a secret.
func By(ctx context.Context, kind, id string) {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok && kind != "" && id != "" {
		e.by = slog.String(kind, id)
	}
}

// note keeps the error for the log line.
func note(ctx context.Context, err error) {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		e.err = err
	}
}

// requestID takes over the caller's ID when it is harmless in a log and in a header, and makes one otherwise.
func requestID(r *http.Request) string {
	if id := r.Header.Get(RequestIDHeader); validRequestID(id) {
		return id
	}
	return uuid.Must(uuid.NewV7()).String()
}

func validRequestID(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return len(id) >= 8 && len(id) <= 64 && strings.Trim(id, allowed) == ""
}

// recorder notes status and size of an answer, and copies its beginning for the inspector.
type recorder struct {
	http.ResponseWriter
	status int   // 0 until the answer has begun
	bytes  int64 // of the body
	copy   *capture
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader notes the status; informational answers (1xx) do not begin the real one.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	if r.copy != nil {
		r.copy.add(p[:n])
	}
	return n, err
}

// Flush sends what is buffered, if the server can.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	_ = http.NewResponseController(r.ResponseWriter).Flush() // a writer that cannot flush has nothing buffered
}

// code is the status that the caller got; a handler that wrote nothing answered 200.
func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
