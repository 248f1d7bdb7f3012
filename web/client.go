package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// ClientConfig says how NewClient's client behaves. The zero value is safe for any address that a user typed.
type ClientConfig struct {
	// Dialer guards where connections go. Nil means public addresses only.
	Dialer *Dialer
	// Timeout bounds a whole exchange, the body of the answer included. 0 means 30 s; negative means that only the request's
	// context ends it.
	Timeout time.Duration
	// Redirects is how many redirects are followed. 0 means 5; negative means none.
	Redirects int
	// Connections bounds the connections to one host, idle ones included. 0 means 32.
	Connections int
	// Plain lets http:// go to public addresses; otherwise it goes only to networks that the operator has allowed.
	Plain bool
	// TLS may hold the operator's own certification authorities. Nil means the machine's.
	TLS *tls.Config
	// Proxy chooses a proxy, for example http.ProxyFromEnvironment. The Dialer then guards the way to the proxy, and the
	// proxy decides what lies behind it. Nil means none.
	Proxy func(*http.Request) (*url.URL, error)
}

// NewClient returns a client of its own connection pool. Plain http:// reaches only what the operator has allowed, unless Plain. It follows redirects of GET and HEAD only (another method's answer
// 3xx comes back as it is, so a body never goes to a host it was not meant for), never from https to http, and drops the
// credentials when a redirect leaves the host.
func NewClient(c ClientConfig) *http.Client {
	if c.Dialer == nil {
		c.Dialer = &Dialer{}
	}
	c.Timeout = orDefault(c.Timeout, 30*time.Second)
	c.Redirects = orDefault(c.Redirects, 5)
	c.Connections = orDefault(c.Connections, 32)
	plain := *c.Dialer
	plain.Inside = !c.Plain
	return &http.Client{
		Timeout:       max(c.Timeout, 0),
		Transport:     &bySecurity{tls: c.transport(c.Dialer), plain: c.transport(&plain)},
		CheckRedirect: func(r *http.Request, via []*http.Request) error { return checkRedirect(c.Redirects, r, via) },
	}
}

func (c ClientConfig) transport(d *Dialer) *http.Transport {
	return &http.Transport{
		Proxy:                  c.Proxy,
		DialContext:            d.DialContext,
		TLSClientConfig:        c.TLS.Clone(),
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true, // a DialContext of one's own switches it off otherwise
		MaxConnsPerHost:        c.Connections,
		MaxIdleConnsPerHost:    c.Connections,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  max(c.Timeout, 0),
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// bySecurity sends https:// one way and http:// another, which may lead to fewer addresses.
type bySecurity struct{ tls, plain *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b *bySecurity) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return b.tls.RoundTrip(r)
	}
	return b.plain.RoundTrip(r)
}

// CloseIdleConnections lets http.Client close what is idle.
func (b *bySecurity) CloseIdleConnections() {
	b.tls.CloseIdleConnections()
	b.plain.CloseIdleConnections()
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

func checkRedirect(limit int, r *http.Request, via []*http.Request) error {
	first := via[0]
	if limit < 0 || (first.Method != http.MethodGet && first.Method != http.MethodHead) {
		return http.ErrUseLastResponse
	}
	if len(via) > limit {
		return fmt.Errorf("stopped after %d redirects", limit)
	}
	if via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errors.New("refused a redirect from https to http")
	}
	// net/http keeps the credentials for subdomains and other ports. We do not, nor does a detour give them back.
	for _, past := range append(via[1:len(via):len(via)], r) {
		if past.URL.Host != first.URL.Host || past.URL.Scheme != first.URL.Scheme {
			for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key"} {
				r.Header.Del(name)
			}
		}
	}
	return nil
}

// ErrTooLarge says that a body is larger than its reader allows.
var ErrTooLarge = errors.New("body too large")

// ReadBody reads a body to its end and closes it. A body of more than limit bytes gives ErrTooLarge after limit bytes, so a
// hostile peer costs no more memory than that.
func ReadBody(body io.ReadCloser, limit int64) (read []byte, err error) {
	defer func() { err = errors.Join(err, body.Close()) }()
	read, err = io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(read)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return read, nil
}

// Discard reads what is left of a body, up to 256 KiB, and closes it, so that the connection can be used again.
func Discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 256<<10) // an error here only costs the connection
	_ = body.Close()
}

// IsTimeout reports whether err says that time ran out: the client's, the context's or the network's.
func IsTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &t) && t.Timeout())
}
