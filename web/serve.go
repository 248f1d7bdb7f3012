package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server runs handlers on a listener. The zero value works.
type Server struct {
	// Grace is how long requests may go on after the end was asked for. 0 means 10 s.
	Grace time.Duration
	// Log gets what the server itself has to say, at level Warn. Nil means slog.Default().
	Log *slog.Logger
}

// Run serves h on ln with the zero Server. See Server.Run.
func Run(ctx context.Context, ln net.Listener, h http.Handler) error {
	return (&Server{}).Run(ctx, ln, h)
}

// Run serves h on ln until ctx ends or the listener fails. Then it takes no new connection, closes the channel of Draining,
// lets running requests finish for Grace, cancels the contexts of those that did not, and waits for their handlers. When it
// returns the listener is closed and no handler runs. The end of ctx is not an error.
func (s *Server) Run(ctx context.Context, ln net.Listener, h http.Handler) error {
	drain := make(chan struct{})
	base, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), drainKey{}, drain))
	defer cancel()
	var running gate
	log := s.Log
	if log == nil {
		log = slog.Default()
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !running.enter() {
				panic(http.ErrAbortHandler) //nolint:forbidigo // how a handler cuts its connection
			}
			defer running.leave()
			limitReading(w, r)
			h.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       120 * time.Second, // no WriteTimeout: progress streams for as long as a cycle runs
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		cancel()
		running.close()
		return err
	case <-ctx.Done():
	}
	close(drain)
	err := s.shutdown(context.WithoutCancel(ctx), server, cancel)
	if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	running.close()
	return err
}

func (s *Server) shutdown(ctx context.Context, server *http.Server, cancel func()) error {
	ctx, stop := context.WithTimeout(ctx, orDefault(s.Grace, 10*time.Second))
	defer stop()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		cancel()
		return server.Close()
	}
	return err
}

// gate counts the handlers that run. Once closed it lets nobody in.
type gate struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.running.Add(1)
	}
	return !g.closed
}

func (g *gate) leave() { g.running.Done() }

// close lets nobody in any more and waits for those inside.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
}

// bodyTime is how long a request's body may take to arrive.
const bodyTime = time.Minute

// limitReading bounds the time a body may take. http.Server.ReadTimeout would do that too, but it goes on after the body and
// cancels the context of an answer that streams for longer.
func limitReading(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(bodyTime)) == nil {
		r.Body = &timedBody{ReadCloser: r.Body, control: control}
	}
}

// timedBody lifts the deadline at the end of the body.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{}) // it was set, so it can be lifted
	}
	return n, err
}

type drainKey struct{}

// Draining returns a channel that is closed when the server wants to end. A handler that streams for long selects on it and
// returns. Outside Run it is nil: it never closes.
func Draining(ctx context.Context) <-chan struct{} {
	drain, _ := ctx.Value(drainKey{}).(chan struct{})
	return drain
}
