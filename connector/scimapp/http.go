package scimapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"lockstep"
	"lockstep/scim"
	"lockstep/web"
)

const (
	maxBody     = 4 << 20  // of an answer about one resource
	maxPageBody = 16 << 20 // of a page, which takes twenty times as much when it is read
	maxMaxPage  = 64 << 20 // that an administrator may allow
	mediaType   = "application/scim+json"
)

// answer is what the target said. Its body is good until free is called.
type answer struct {
	status int
	inside bool // it comes from an address that is not public
	header http.Header
	buffer *bytes.Buffer
}

func (a *answer) body() []byte { return a.buffer.Bytes() }

func (a *answer) free() {
	if a != nil && a.buffer != nil {
		buffers.Put(a.buffer)
		a.buffer = nil
	}
}

// buffers keeps bodies of both directions. It is a cache, not state: losing it costs time only.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func newBuffer() *bytes.Buffer {
	b, _ := buffers.Get().(*bytes.Buffer)
	if b.Cap() > 1<<20 { // a page was in it: do not keep so much for ever
		return new(bytes.Buffer)
	}
	b.Reset()
	return b
}

// sharedBody is a body that goes back to the pool when everybody is done with it. The transport may read it still when the
// answer is there, and may ask for it again on another connection.
type sharedBody struct {
	buffer *bytes.Buffer
	users  atomic.Int32
	read   atomic.Bool
}

func (s *sharedBody) open() (io.ReadCloser, error) {
	s.users.Add(1)
	b := &openBody{shared: s}
	b.Reader.Reset(s.buffer.Bytes())
	return b, nil
}

func (s *sharedBody) done() {
	if s.users.Add(-1) == 0 {
		buffers.Put(s.buffer)
	}
}

type openBody struct {
	bytes.Reader
	shared *sharedBody
	closed atomic.Bool
}

func (b *openBody) Read(p []byte) (int, error) {
	b.shared.read.Store(true)
	return b.Reader.Read(p)
}

// WriteTo keeps Reader's own from being used, which would not notice.
func (b *openBody) WriteTo(w io.Writer) (int64, error) {
	b.shared.read.Store(true)
	return b.Reader.WriteTo(w)
}

func (b *openBody) Close() error {
	if b.closed.CompareAndSwap(false, true) {
		b.shared.done()
	}
	return nil
}

// signedHeader is the header of every request that has no precondition, kept until the token changes.
type signedHeader struct {
	token  string
	read   http.Header
	change http.Header
}

func (t *Target) headers(ctx context.Context) (*signedHeader, error) {
	token := ""
	if t.config.Token != nil {
		var err error
		if token, err = t.config.Token(ctx); err != nil {
			return nil, err
		}
	}
	if h := t.header.Load(); h != nil && h.token == token {
		return h, nil
	}
	read := http.Header{
		"Accept":     {mediaType + ", application/json;q=0.9"},
		"User-Agent": {t.config.UserAgent},
	}
	if token != "" {
		read.Set("Authorization", "Bearer "+token)
	}
	change := read.Clone()
	change.Set("Content-Type", t.config.Media)
	h := &signedHeader{token: token, read: read, change: change}
	t.header.Store(h)
	return h, nil
}

// address puts a path, already escaped, below the base.
func (t *Target) address(path string) *url.URL {
	u := *t.base
	path, u.RawQuery, _ = strings.Cut(path, "?")
	u.RawPath = t.base.EscapedPath() + path
	u.Path = u.RawPath
	if plain, err := url.PathUnescape(u.RawPath); err == nil {
		u.Path = plain
	}
	return &u
}

// send makes one request, and once more when its token was refused and there is another. body, when not nil, belongs to send from now on. A fault is
// returned for everything but a 2xx.
func (t *Target) send(ctx context.Context, method, path string, body *bytes.Buffer, ifMatch string, limit int64) (*answer, *fault) {
	var shared *sharedBody
	if body != nil {
		shared = &sharedBody{buffer: body}
		shared.users.Store(1)
		defer shared.done()
	}
	for again := false; ; again = true {
		h, err := t.headers(ctx)
		if err != nil {
			return nil, tokenFault(err)
		}
		a, f := t.try(ctx, h, method, path, shared, ifMatch, limit)
		if f == nil || f.status != http.StatusUnauthorized || again || t.config.Refused == nil || !t.config.Refused(ctx, h.token) {
			return a, f
		}
	}
}

// tokenFault tells why there is no token to send. What says so with a code of its own is repeated: it is about the token endpoint.
func tokenFault(err error) *fault {
	f := &fault{code: lockstep.CodeAuthToken, detail: "there is no token to send", err: err}
	if e, ok := errors.AsType[*lockstep.Error](err); ok && strings.HasPrefix(string(e.Code), "auth.") || ok && (e.Code == lockstep.CodeBlocked || e.Code == lockstep.CodeUnencrypted) {
		f.code, f.detail, f.err = e.Code, "there is no token to send: "+e.Detail, e.Err
	}
	return f
}

// try makes one request with a header.
func (t *Target) try(ctx context.Context, h *signedHeader, method, path string, shared *sharedBody, ifMatch string, limit int64) (*answer, *fault) {
	r := (&http.Request{Method: method, URL: t.address(path), Header: h.read, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	var body *bytes.Buffer
	if shared != nil {
		body = shared.buffer
		r.Header, r.ContentLength, r.GetBody = h.change, int64(body.Len()), shared.open
		r.Body, _ = shared.open() // it never fails
	}
	if ifMatch != "" {
		r.Header = r.Header.Clone()
		r.Header.Set("If-Match", ifMatch)
	}
	var inside atomic.Bool
	if t.config.Inside != nil {
		r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
			inside.Store(t.config.Inside(c.Conn.RemoteAddr()))
		}}))
	}
	said := t.listen(ctx, r, body)
	if said.rehearses() {
		return nil, said.unsent()
	}
	response, err := t.config.HTTP.Do(r) //nolint:bodyclose // web.Discard closes it
	if err != nil {
		f := transportFault(err, shared == nil || shared.read.Load())
		said.failed(f)
		return nil, f
	}
	a := &answer{status: response.StatusCode, inside: inside.Load(), header: response.Header, buffer: newBuffer()}
	n, err := a.buffer.ReadFrom(io.LimitReader(response.Body, limit+1))
	web.Discard(response.Body)
	said.answered(a)
	switch {
	case err != nil:
		a.free()
		return nil, transportFault(err, true)
	case n > limit:
		a.free()
		code := lockstep.CodeTargetMalformed // of a write: what became of it is not known
		if method == http.MethodGet {
			code = lockstep.CodeTargetTooLarge
		}
		return nil, &fault{code: code, status: response.StatusCode, maybeSent: true, detail: fmt.Sprintf("its answer is larger than %d bytes", limit)}
	case a.status < 200 || a.status > 299:
		defer a.free()
		return nil, t.statusFault(a)
	}
	return a, nil
}

// get reads a JSON object.
func (t *Target) get(ctx context.Context, path string) (scim.Object, *fault) {
	a, fault := t.send(ctx, http.MethodGet, path, nil, "", int64(t.config.Profile.MaxPage))
	if fault != nil {
		return nil, fault
	}
	defer a.free()
	o, err := scim.DecodeObject(a.body())
	if err != nil {
		return nil, notJSON(a, err)
	}
	return o, nil
}

// page is a ListResponse that was read.
type page struct {
	scim.Object // what stands beside the Resources
	all         []scim.Listed
	has         bool // Resources
}

// list reads a ListResponse.
func (t *Target) list(ctx context.Context, path string) (p page, f *fault) {
	a, f := t.send(ctx, http.MethodGet, path, nil, "", int64(t.config.Profile.MaxPage))
	if f != nil {
		return p, f
	}
	defer a.free()
	var err error
	if p.Object, p.all, p.has, err = scim.DecodeList(a.body()); err != nil {
		return p, notJSON(a, err)
	}
	return p, nil
}

// transportFault tells what it means that no answer came.
func transportFault(err error, sent bool) *fault {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address, which may hold people's names
	}
	f := &fault{code: lockstep.CodeTargetUnreachable, err: err, maybeSent: sent, detail: "it cannot be reached"}
	if blocked, ok := errors.AsType[*web.BlockedError](err); ok {
		f.code, f.detail, f.err, f.maybeSent = lockstep.CodeBlocked, "the "+blocked.Error(), nil, false
		return f
	}
	if plain, ok := errors.AsType[*web.PlainError](err); ok {
		f.code, f.detail, f.err, f.maybeSent = lockstep.CodeUnencrypted, "the "+plain.Error(), nil, false
		return f
	}
	if web.IsTimeout(err) {
		f.code, f.detail = lockstep.CodeTargetTimeout, "it did not answer in time"
	} else if sent {
		f.detail = "the connection broke before the answer was there"
	}
	if why := web.Why(err); why != "" {
		f.detail += ": " + why
	}
	return f
}
