package web

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Exchange is one request and its answer, without secrets.
type Exchange struct {
	ID       string        `json:"id"` // the request ID
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took"` // nanoseconds
	Method   string        `json:"method"`
	URL      string        `json:"url"` // path and query
	Status   int           `json:"status"`
	Request  Message       `json:"request"`
	Response Message       `json:"response"`
}

// Message is one direction of an exchange. Body is the text, or a note in brackets in place of a body that cannot be shown.
type Message struct {
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
}

// Inspector keeps the last exchanges of a surface in memory. Values of credentials (Authorization, cookies, and whatever has
// password, secret, token or the like in its name) are replaced by Masked before they are kept; a body that cannot be read
// whole, and so cannot be searched for such names, is not kept. Safe for many goroutines.
type Inspector struct {
	keep int

	mu   sync.Mutex
	ring []Exchange
	next int
}

// Masked stands where a secret was.
const Masked = "•••"

// maxInspected is how much of a body is kept, in bytes.
const maxInspected = 64 << 10

// NewInspector returns an Inspector for the last keep exchanges (at least one).
func NewInspector(keep int) *Inspector { return &Inspector{keep: max(keep, 1)} }

// Exchanges returns what is kept, the newest first.
func (i *Inspector) Exchanges() []Exchange {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := make([]Exchange, 0, len(i.ring))
	for n := range i.ring {
		all = append(all, i.ring[(i.next-1-n+2*len(i.ring))%len(i.ring)])
	}
	return all
}

func (i *Inspector) add(e Exchange) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.ring) < i.keep {
		i.ring = append(i.ring, e)
		i.next = len(i.ring) % i.keep
		return
	}
	i.ring[i.next] = e
	i.next = (i.next + 1) % i.keep
}

// watch copies what passes and returns the function that files it. A nil Inspector watches nothing.
func (i *Inspector) watch(rec *recorder, r *http.Request) func(id string, at time.Time, took time.Duration) {
	if i == nil {
		return func(string, time.Time, time.Duration) {}
	}
	var in, out capture
	rec.copy = &out
	if r.Body != nil {
		r.Body = &tee{ReadCloser: r.Body, to: &in}
	}
	method, address, header := r.Method, maskURL(r.URL), r.Header.Clone()
	return func(id string, at time.Time, took time.Duration) {
		i.add(Exchange{
			ID: id, At: at, Took: took, Method: method, URL: address, Status: rec.code(),
			Request:  Message{Header: maskHeader(header), Body: in.text(header.Get("Content-Type"))},
			Response: Message{Header: maskHeader(rec.Header()), Body: out.text(rec.Header().Get("Content-Type"))},
		})
	}
}

// tee copies what is read.
type tee struct {
	io.ReadCloser
	to *capture
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.to.add(p[:n])
	return n, err
}

// capture keeps a body up to maxInspected and counts the rest.
type capture struct {
	kept bytes.Buffer
	size int64
}

func (c *capture) add(p []byte) {
	c.size += int64(len(p))
	if room := maxInspected - c.kept.Len(); room > 0 {
		c.kept.Write(p[:min(room, len(p))])
	}
}

// text is the body with its secrets masked, or a note when its form is unknown.
func (c *capture) text(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case c.size == 0:
		return ""
	case c.size > maxInspected:
		return fmt.Sprintf("[%d bytes, too large to show]", c.size)
	case err != nil:
		return fmt.Sprintf("[%d bytes of unknown type]", c.size)
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		if masked, ok := maskJSON(c.kept.Bytes()); ok {
			return masked
		}
		return fmt.Sprintf("[%d bytes that are not JSON]", c.size)
	case media == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(c.kept.String()); err == nil {
			return maskQuery(form)
		}
	}
	return fmt.Sprintf("[%d bytes of %s]", c.size, media)
}
