package web

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Exchange is one request and its answer, without secrets.
type Exchange struct {
	ID        string // ascending: a later exchange has a greater number
	RequestID string // as in the log
	At        time.Time
	Took      time.Duration
	Client    string // as Watched has it
	ClientID  string
	Method    string
	URL       string // path and query
	Status    int
	Request   Message
	Response  Message
}

// Message is one direction of an exchange. A body that cannot be shown is "", and Omitted says why.
type Message struct {
	Header  http.Header
	Body    string
	Omitted string
	Broken  bool // there is no Body since it was not the JSON that it should be
}

// Inspector keeps the last exchanges in memory, those of each holder apart. What looks like a credential (Authorization,
// cookies, whatever has password, secret, token or the like in its name, and what the handler names) is replaced by Masked
// before anything is kept, or, where the handler vouches for its answers, before anybody sees it; a body that cannot be searched
// for such names is not kept, and hides the detail of an error that answers it. The zero value works. Safe for many goroutines.
//
// A holder has room for Keep exchanges and Bytes bytes, and nobody else's traffic takes of that, as long as all together need
// no more than Total. Beyond it whoever holds most gives first.
type Inspector struct {
	Keep  int // exchanges of a holder; 0 is 100
	Bytes int // of a holder; 0 is 1 MiB
	Total int // bytes of all holders; 0 is 64 MiB
	Body  int // bytes of a body, a longer one is not kept; 0 is 16 KiB

	mu      sync.Mutex
	holders map[string]*held
	total   int
	last    int64
}

// held is what is kept of one holder, the oldest first.
type held struct {
	all   []*kept
	bytes int
}

// kept is an exchange in one piece of memory: address, head and body of the request, head and body of the answer.
type kept struct {
	id                 int64
	at                 time.Time
	took               time.Duration
	requestID          string
	client, clientID   string
	method             string
	status             int
	text               []byte
	ends               [parts]int
	omitted, omittedTo string // why there is no body
	broken             bool   // the body of the request was no JSON
	late               bool   // the body of the answer has its secrets still
	secrets            map[string]bool
}

// The parts of kept.text.
const (
	partURL = iota
	partHead
	partBody
	partAnswerHead
	partAnswer
	parts
)

// overhead is about what an exchange takes beside its text.
const overhead = 256

// Masked stands where a secret was.
const Masked = "•••"

// Watched says whose exchange a request is, and what of it is secret.
type Watched struct {
	Holder   string
	Client   string // name of who sent it
	ClientID string
	// Secrets are further names of fields whose values are secret, in lower case. It must not change.
	Secrets map[string]bool
	// Vouched says that a successful answer repeats no secret of the request: what it holds the handler would show at any time. Such
	// an answer is kept as it is, and masked whenever it is looked at, which saves a request a fifth of its time.
	Vouched bool
	// Then gets the exchange once it is over, with a body of the request of up to ThenBody bytes. Nil is nobody.
	Then     func(Exchange)
	ThenBody int
	// ThenIf says whether Then gets an exchange that was answered with this status; taking it apart costs. Nil is always.
	ThenIf func(status int) bool
}

// Watch keeps the exchange that the request belongs to, from here on: its handler calls it, before it reads the body, as soon
// as it knows whose it is. The request must have come through Surface.Wrap. A nil Inspector watches nothing, and so does a
// second call.
func (i *Inspector) Watch(r *http.Request, who Watched) {
	e, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if i == nil || !ok || e.watch != nil {
		return
	}
	w := watches.Get().(*watch)
	w.inspector, w.who, w.request = i, who, r
	limit := cmp.Or(i.Body, 16<<10)
	w.in.limit, w.out.limit = limit, limit
	if who.Then != nil {
		w.in.limit = max(limit, who.ThenBody)
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &tee{ReadCloser: r.Body, to: &w.in}
	}
	e.watch, e.answer.copy = w, &w.out
}

// watch is an exchange under way.
type watch struct {
	inspector *Inspector
	who       Watched
	request   *http.Request
	in, out   capture
	text      []byte
}

var watches = sync.Pool{New: func() any { return &watch{} }}

// end files the exchange.
func (w *watch) end(e *exchange, at time.Time, took time.Duration) {
	r := w.request
	k := &kept{
		at: at, took: took, requestID: e.id, client: w.who.Client, clientID: w.who.ClientID, method: r.Method, status: e.answer.code(),
	}
	m := masker{names: w.who.Secrets}
	w.text = m.appendURL(w.text[:0], r.URL)
	k.ends[partURL] = len(w.text)
	w.text = m.appendHeader(w.text, r.Header, nil)
	k.ends[partHead] = len(w.text)
	body, why := w.in.masked(&m, r.Header.Get("Content-Type"))
	if part := w.unread(); part != "" {
		body, why, w.in.broken = nil, part, false
	}
	k.broken = w.in.broken
	whole := body
	if limit := w.out.limit; len(body) > limit { // only Then gets it
		body, why = nil, tooLarge(w.in.size)
	}
	w.text, k.omitted = append(w.text, body...), why
	k.ends[partBody] = len(w.text)
	answer := e.answer.Header()
	w.text = m.appendHeader(w.text, answer, ownHeaders)
	k.ends[partAnswerHead] = len(w.text)
	m.details = m.found
	if w.who.Vouched && k.status/100 == 2 && !m.found && w.out.size <= int64(w.out.limit) {
		k.late, k.secrets, body = true, w.who.Secrets, w.out.kept
	} else {
		body, k.omittedTo = w.out.masked(&m, answer.Get("Content-Type"))
	}
	w.text = append(w.text, body...)
	k.ends[partAnswer] = len(w.text)
	k.text = bytes.Clone(w.text)
	w.inspector.add(w.who.Holder, k)
	if w.who.Then != nil && (w.who.ThenIf == nil || w.who.ThenIf(k.status)) {
		x := k.exchange()
		x.Request.Body = string(whole)
		w.who.Then(x)
	}
	w.release()
}

// unread says how much of the request's body the handler has not read: what it did read is no part to show, or to judge.
func (w *watch) unread() string {
	switch size := w.request.ContentLength; {
	case w.in.ended || size >= 0 && w.in.size >= size:
		return ""
	case w.in.size == 0:
		return "a body that was not read"
	}
	return fmt.Sprintf("a body of which %d bytes were read", w.in.size)
}

// release makes the memory ready for the next exchange.
func (w *watch) release() {
	const most = 64 << 10
	if cap(w.in.kept) > most || cap(w.text) > 2*most {
		return
	}
	clear(w.in.kept) // what was sent is gone, secrets with it
	clear(w.out.kept)
	w.in, w.out = capture{kept: w.in.kept[:0]}, capture{kept: w.out.kept[:0]}
	w.inspector, w.request, w.who = nil, nil, Watched{}
	watches.Put(w)
}

func (i *Inspector) add(holder string, k *kept) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.holders == nil {
		i.holders = map[string]*held{}
	}
	i.last = max(i.last+1, k.at.UnixMicro()) // ascending over restarts as well
	k.id = i.last
	h := i.holders[holder]
	if h == nil {
		h = &held{}
		i.holders[holder] = h
	}
	h.all, h.bytes, i.total = append(h.all, k), h.bytes+k.size(), i.total+k.size()
	for len(h.all) > cmp.Or(i.Keep, 100) || h.bytes > cmp.Or(i.Bytes, 1<<20) && len(h.all) > 1 {
		i.drop(h)
	}
	if most := cmp.Or(i.Total, 64<<20); i.total > most {
		i.shrink(most - most/10)
	}
}

func (k *kept) size() int { return len(k.text) + overhead }

func (i *Inspector) drop(h *held) {
	size := h.all[0].size()
	h.all[0] = nil
	h.all, h.bytes, i.total = h.all[1:], h.bytes-size, i.total-size
}

// shrink makes all together need at most room, by a level that nobody may hold more than.
func (i *Inspector) shrink(room int) {
	sizes := make([]int, 0, len(i.holders))
	for _, h := range i.holders {
		sizes = append(sizes, h.bytes)
	}
	slices.Sort(sizes)
	level, left := 0, room
	for n, size := range sizes {
		if level = left / (len(sizes) - n); size > level {
			break
		}
		left -= size
	}
	for holder, h := range i.holders {
		for h.bytes > level && len(h.all) > 0 {
			i.drop(h)
		}
		if len(h.all) == 0 {
			delete(i.holders, holder)
		}
	}
}

// Exchanges returns what is kept of the holder, the newest first.
func (i *Inspector) Exchanges(holder string) []Exchange {
	i.mu.Lock()
	var all []*kept
	if h := i.holders[holder]; h != nil {
		all = slices.Clone(h.all)
	}
	i.mu.Unlock()
	out := make([]Exchange, 0, len(all))
	for _, k := range slices.Backward(all) {
		out = append(out, k.exchange())
	}
	return out
}

// exchange takes the text apart.
func (k *kept) exchange() Exchange {
	part := func(n int) string {
		from := 0
		if n > 0 {
			from = k.ends[n-1]
		}
		return string(k.text[from:k.ends[n]])
	}
	x := Exchange{
		ID: strconv.FormatInt(k.id, 10), RequestID: k.requestID, At: k.at, Took: k.took, Client: k.client, ClientID: k.clientID,
		Method: k.method, URL: part(partURL), Status: k.status,
		Request:  Message{Header: parseHeader(part(partHead)), Body: part(partBody), Omitted: k.omitted, Broken: k.broken},
		Response: Message{Header: parseHeader(part(partAnswerHead)), Body: part(partAnswer), Omitted: k.omittedTo},
	}
	if k.late {
		c := capture{kept: []byte(x.Response.Body), limit: len(x.Response.Body), size: int64(len(x.Response.Body))}
		body, why := c.masked(&masker{names: k.secrets}, x.Response.Header.Get("Content-Type"))
		x.Response.Body, x.Response.Omitted = string(body), why
	}
	return x
}

func parseHeader(text string) http.Header {
	h := http.Header{}
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h[textproto.CanonicalMIMEHeaderKey(name)] = append(h[textproto.CanonicalMIMEHeaderKey(name)], value)
		}
	}
	return h
}

// tee copies what is read.
type tee struct {
	io.ReadCloser
	to *capture
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.to.add(p[:n])
	t.to.ended = t.to.ended || err == io.EOF
	return n, err
}

// capture copies a body up to its limit and counts the rest.
type capture struct {
	kept  []byte
	limit int
	size  int64
	ended bool // nothing comes after
	// broken says that it is not the JSON that it should be; masked sets it.
	broken bool
}

func (c *capture) add(p []byte) {
	c.size += int64(len(p))
	if room := c.limit - len(c.kept); room > 0 {
		c.kept = append(c.kept, p[:min(room, len(p))]...)
	}
}

// masked is the body without its secrets, or why there is none. It is valid until the capture is used again. A body that may
// hold a secret, since it could not be searched, counts as one that does.
func (c *capture) masked(m *masker, contentType string) (body []byte, why string) {
	switch {
	case c.size == 0:
		return nil, ""
	case c.size > int64(c.limit):
		m.found = true
		return nil, tooLarge(c.size)
	}
	media := contentType
	if strings.IndexByte(media, ';') >= 0 {
		media, _, _ = mime.ParseMediaType(contentType)
	}
	media = strings.ToLower(media)
	switch {
	case contentType == "" || media == "application/json" || strings.HasSuffix(media, "+json"):
		if body, ok := m.json(c.kept); ok {
			return body, ""
		}
		c.broken = media != ""
	case media == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(string(c.kept)); err == nil {
			return []byte(m.query(form)), ""
		}
	}
	m.found = m.found || m.mayHold(c.kept)
	if c.broken {
		return nil, fmt.Sprintf("%d bytes that are not JSON", c.size)
	}
	return nil, fmt.Sprintf("%d bytes of %s", c.size, cmp.Or(media, "unknown type"))
}

func tooLarge(size int64) string { return fmt.Sprintf("%d bytes, too large to show", size) }
