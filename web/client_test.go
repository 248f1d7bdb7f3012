package web

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func local(c ClientConfig) *http.Client {
	c.Dialer = &Dialer{Allow: Loopback()}
	return NewClient(c)
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	var home, away *httptest.Server
	var seen []string // host: Authorization, in order of arrival
	see := func(r *http.Request) {
		seen = append(seen, r.URL.Path+" "+r.Header.Get("Authorization")+r.Header.Get("X-Api-Key"))
	}
	home = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		see(r)
		switch r.URL.Path {
		case "/start":
			http.Redirect(w, r, home.URL+"/same", http.StatusFound)
		case "/same":
			http.Redirect(w, r, away.URL+"/away", http.StatusFound) // another port: another host
		}
	}))
	defer home.Close()
	away = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		see(r)
		http.Redirect(w, r, home.URL+"/back", http.StatusFound)
	}))
	defer away.Close()

	r, err := http.NewRequest(http.MethodGet, home.URL+"/start", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer s3cret")
	r.Header.Set("X-Api-Key", "+key")
	resp, err := local(ClientConfig{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	Discard(resp.Body)
	want := "/start Bearer s3cret+key|/same Bearer s3cret+key|/away |/back "
	if got := strings.Join(seen, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRedirects(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	resp, err := local(ClientConfig{}).Post(server.URL, "text/plain", strings.NewReader("personal"))
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("POST: %v, %v; want the redirect itself", resp, err)
	} else {
		Discard(resp.Body)
	}
	if _, err := local(ClientConfig{Redirects: 3}).Get(server.URL); err == nil || !strings.Contains(err.Error(), "after 3 redirects") {
		t.Errorf("a loop: %v", err)
	}
	resp, err = local(ClientConfig{Redirects: -1}).Get(server.URL)
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("none allowed: %v, %v", resp, err)
	} else {
		Discard(resp.Body)
	}
}

func TestNoRedirectFromTLSToPlain(t *testing.T) {
	plain := newCounter(t)
	secure := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1:"+plain.port, http.StatusFound))
	defer secure.Close()
	client := local(ClientConfig{TLS: secure.Client().Transport.(*http.Transport).TLSClientConfig})
	if _, err := client.Get(secure.URL); err == nil || !strings.Contains(err.Error(), "from https to http") || plain.hits.Load() != 0 {
		t.Errorf("got %v and %d plain requests", err, plain.hits.Load())
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	_, err := local(ClientConfig{Timeout: 20 * time.Millisecond}).Get(server.URL)
	if !IsTimeout(err) {
		t.Errorf("got %v, want a time-out", err)
	}
	if IsTimeout(io.EOF) || IsTimeout(&net.OpError{Err: errors.New("refused")}) {
		t.Error("IsTimeout says yes to everything")
	}
}

func TestReadBody(t *testing.T) {
	for _, c := range []struct {
		body  string
		limit int64
		large bool
	}{{"", 0, false}, {"abc", 3, false}, {"abcd", 3, true}} {
		body := &closing{Reader: strings.NewReader(c.body)}
		got, err := ReadBody(body, c.limit)
		if errors.Is(err, ErrTooLarge) != c.large || (!c.large && string(got) != c.body) {
			t.Errorf("%q with limit %d: %q, %v", c.body, c.limit, got, err)
		}
		if !body.closed {
			t.Errorf("%q was not closed", c.body)
		}
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }
