package connection

import (
	"context"
	"sync"
	"time"
)

// Transcript keeps what is said to an outside system while somebody looks, one person at a time: every request and its answer, without
// secrets. A connector that finds one in the context (TranscriptOf) adds to it. It takes what fits and counts the rest. It may be used
// by several goroutines.
type Transcript struct {
	// Rehearsal lets nothing through that could change the system: the connector adds the request that it would send, and fails
	// with lockstep.CodeRehearsal in place of sending it.
	Rehearsal bool
	// Secrets are further names of attributes whose values are not shown, in lower case. It is set before the transcript is used.
	Secrets map[string]bool

	mu   sync.Mutex
	said []Exchange
	more int
}

// Exchange is one request and its answer. Secrets are masked by the connector before it is kept.
type Exchange struct {
	Method   string        `json:"method"`
	URL      string        `json:"url"`
	Request  string        `json:"request,omitempty"` // body; "" is none
	Sent     bool          `json:"sent"`              // false: it would be sent
	Status   int           `json:"status,omitempty"`  // of the answer; 0 is none
	Response string        `json:"response,omitempty"`
	Failure  string        `json:"failure,omitempty"` // why there was no answer
	Took     time.Duration `json:"took_ns,omitempty"`
}

// Bounds of a Transcript: as much as somebody reads about one person.
const (
	MostExchanges = 50
	MostBody      = 16 << 10 // bytes of a body
)

// Add keeps an exchange.
func (t *Transcript) Add(e Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.said) == MostExchanges {
		t.more++
		return
	}
	t.said = append(t.said, e)
}

// Exchanges returns what was said, in its order, and how many exchanges did not fit.
func (t *Transcript) Exchanges() (said []Exchange, more int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Exchange(nil), t.said...), t.more
}

type transcriptKey struct{}

// WithTranscript returns a context in which connectors keep a transcript.
func WithTranscript(ctx context.Context, t *Transcript) context.Context {
	return context.WithValue(ctx, transcriptKey{}, t)
}

// TranscriptOf returns the context's transcript, nil when nobody looks.
func TranscriptOf(ctx context.Context) *Transcript {
	t, _ := ctx.Value(transcriptKey{}).(*Transcript)
	return t
}
