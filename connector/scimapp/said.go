package scimapp

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/web"
)

// said is a request that somebody looks at. A nil said is one at which nobody does.
type said struct {
	*connection.Transcript
	request *http.Request
	body    []byte
	secrets map[string]bool
	began   time.Time
}

var _ connection.Rehearser = (*Target)(nil)

// Rehearse makes the requests of operations without sending one that changes something. It satisfies connection.Rehearser.
func (t *Target) Rehearse(ctx context.Context, secrets map[string]bool, ops ...connection.Operation) []connection.Exchange {
	transcript := &connection.Transcript{Rehearsal: true, Secrets: secrets}
	t.Apply(connection.WithTranscript(ctx, transcript), ops) // each ends with CodeRehearsal, or had nothing to send
	said, _ := transcript.Exchanges()
	return said
}

// listen begins to take down a request, if somebody looks. The body is copied: it goes back to a pool.
func (t *Target) listen(ctx context.Context, r *http.Request, body *bytes.Buffer) *said {
	transcript := connection.TranscriptOf(ctx)
	if transcript == nil {
		return nil
	}
	s := &said{Transcript: transcript, request: r, secrets: t.secretNames(), began: time.Now()}
	for name := range transcript.Secrets {
		s.secrets[name] = true
	}
	if body != nil {
		s.body = bytes.Clone(body.Bytes())
	}
	return s
}

// secretNames are the attributes that the application never shows, in lower case.
func (t *Target) secretNames() map[string]bool {
	names := map[string]bool{}
	system := t.known.Load()
	if system == nil {
		return names
	}
	for _, typ := range system.Types {
		for _, a := range typ.Attributes() {
			if a.Returned == scim.ReturnedNever || a.Mutability == scim.WriteOnly {
				names[strings.ToLower(a.Name)] = true
			}
		}
	}
	return names
}

// rehearses reports whether the request must not be sent: it could change something, and this is a try.
func (s *said) rehearses() bool {
	return s != nil && s.Rehearsal && s.request.Method != http.MethodGet && s.request.Method != http.MethodHead
}

// unsent takes down what would have been sent.
func (s *said) unsent() *fault {
	s.Add(s.exchange(nil, ""))
	return &fault{code: lockstep.CodeRehearsal, detail: "nothing was sent: this is a try"}
}

func (s *said) failed(f *fault) {
	if s == nil {
		return
	}
	e := s.exchange(nil, "")
	e.Sent, e.Failure, e.Took = true, f.detail, time.Since(s.began)
	s.Add(e)
}

func (s *said) answered(a *answer) {
	if s == nil {
		return
	}
	e := s.exchange(a.body(), a.header.Get("Content-Type"))
	if body, _ := scim.DecodeObject(a.body()); a.inside && body.Get("schemas") == nil { // what is no SCIM there is nobody's business
		e.Response = ""
	}
	e.Sent, e.Status, e.Took = true, a.status, time.Since(s.began)
	s.Add(e)
}

func (s *said) exchange(answer []byte, media string) connection.Exchange {
	e := connection.Exchange{Method: s.request.Method}
	e.URL, e.Request, e.Response = web.Said{
		URL: s.request.URL, Request: s.body, Response: answer, Type: media, Secrets: s.secrets, Limit: connection.MostBody,
	}.Masked()
	return e
}
