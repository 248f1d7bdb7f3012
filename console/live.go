package console

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"lockstep"
	"lockstep/operate"
	"lockstep/web"
)

// event is one message of a stream: a piece of the page.
type event struct {
	name string // "" is swapped into the page as it comes, others are for console.js
	body templ.Component
}

const (
	lookEvery = 400 * time.Millisecond
	beatEvery = 15 * time.Second // so that a proxy does not take a quiet stream for a dead one
	streamFor = 15 * time.Minute // then the browser connects again
)

// stream sends what look returns, until the browser goes, the session or the server ends, or the time is up. It looks at once
// and then every lookEvery. The browser connects again by itself.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, v visit, look func(context.Context) ([]event, error)) error {
	done, err := s.Operator.Stream(v.who)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), streamFor)
	defer cancel()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold it back
	out := sender{w: w, flush: http.NewResponseController(w), tenant: v.who.Tenant}
	looks, beat, ask := time.NewTicker(lookEvery), time.NewTicker(beatEvery), time.NewTicker(operate.AskEvery)
	defer looks.Stop()
	defer beat.Stop()
	defer ask.Stop()
	var asked time.Time // whether the session lives
	for {
		events, err := look(ctx)
		if err != nil {
			return gone(ctx, err)
		}
		if len(events) > 0 || time.Since(asked) >= operate.AskEvery {
			if !s.Operator.Sessions.Live(ctx, v.session) {
				return out.send(event{name: "ended", body: templ.NopComponent})
			}
			asked = time.Now()
		}
		for _, e := range events {
			if err := out.send(e); err != nil {
				return gone(ctx, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-web.Draining(ctx):
			return nil
		case <-ask.C:
			if _, err := s.Operator.Inside(ctx, v.session); err != nil {
				return out.send(event{name: "ended", body: templ.NopComponent})
			}
		case <-beat.C:
			if err := out.beat(); err != nil {
				return gone(ctx, err)
			}
		case <-looks.C:
		}
	}
}

// gone drops an error of a stream whose browser has left: there is nobody to tell.
func gone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is what it is for
	}
	return err
}

// sender writes server-sent events (HTML Living Standard §9.2).
type sender struct {
	w     http.ResponseWriter
	flush *http.ResponseController

	tenant lockstep.TenantID // in which the page was opened
}

func (o sender) send(e event) error {
	var body, out bytes.Buffer
	if err := e.body.Render(context.Background(), &body); err != nil {
		return err
	}
	if e.name != "" {
		out.WriteString("event: " + e.name + "\n")
	}
	for line := range bytes.SplitSeq(bound(body.Bytes(), o.tenant), []byte("\n")) {
		out.WriteString("data: ")
		out.Write(bytes.TrimSuffix(line, []byte("\r")))
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
	return o.write(out.Bytes())
}

func (o sender) beat() error { return o.write([]byte(": \n\n")) }

func (o sender) write(text []byte) error {
	if _, err := o.w.Write(text); err != nil {
		return err
	}
	return o.flush.Flush()
}
