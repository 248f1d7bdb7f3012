package notify_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/e2e/parts"
	"lockstep/notify"
	"lockstep/web"
)

// pair is a certificate of a private authority, as files, and the authority as text.
func pair(t *testing.T) (cert, key, ca string) {
	t.Helper()
	return parts.Certificate(t, t.TempDir(), time.Now().Add(time.Hour), "127.0.0.1")
}

func loopback() notify.Mailer { return notify.Mailer{Dialer: &web.Dialer{Allow: web.Loopback()}} }

func letterTo(to string) notify.Message {
	return notify.Message{ID: "msg_1", Outlet: notify.ByMail, To: to, Subject: "Held:\nchanges “é”", Text: "One\n.\nTwo é\n", Created: start}
}

// TestMail: against a mail server that is not ours, each way to protect the connection, and what is not to be trusted.
func TestMail(t *testing.T) {
	cert, key, ca := pair(t)
	_, _, strange := pair(t)
	for _, c := range []struct {
		name, mode string
		signIn     bool
		mail       notify.Mail
		password   string
		want       lockstep.Code
	}{
		{"starttls", "starttls", true, notify.Mail{Security: notify.StartTLS, User: "lockstep", CA: ca}, "secret", ""},
		{"tls", "tls", true, notify.Mail{Security: notify.ImplicitTLS, User: "lockstep", CA: ca}, "secret", ""},
		{"plain inside", "plain", false, notify.Mail{Security: notify.Plain}, "", ""},
		{"without signing in", "starttls", false, notify.Mail{Security: notify.StartTLS, CA: ca}, "", ""},
		{"a wrong password", "starttls", true, notify.Mail{Security: notify.StartTLS, User: "lockstep", CA: ca}, "wrong", lockstep.CodeMailAuth},
		{"no password where one is asked for", "starttls", true, notify.Mail{Security: notify.StartTLS, CA: ca}, "", lockstep.CodeMailAuth},
		{"another authority", "starttls", true, notify.Mail{Security: notify.StartTLS, User: "lockstep", CA: strange}, "secret", lockstep.CodeMailTLS},
		{"another authority, tls", "tls", true, notify.Mail{Security: notify.ImplicitTLS, User: "lockstep", CA: strange}, "secret", lockstep.CodeMailTLS},
		{"the machine's authorities", "tls", true, notify.Mail{Security: notify.ImplicitTLS, User: "lockstep"}, "secret", lockstep.CodeMailTLS},
		{"no STARTTLS", "old", true, notify.Mail{Security: notify.StartTLS, User: "lockstep", CA: ca}, "secret", lockstep.CodeMailTLS},
		{"tls where there is none", "plain", true, notify.Mail{Security: notify.ImplicitTLS, User: "lockstep", CA: ca}, "secret", lockstep.CodeMailTLS},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := parts.NodeMail(t, c.mode, c.signIn, cert, key)
			c.mail.Host, c.mail.Port, c.mail.From = "127.0.0.1", server.Port, "lockstep@acme.example"
			err := loopback().Send(t.Context(), c.mail, c.password, letterTo("ada@acme.example"))
			if got := lockstep.CodeOf(err); got != c.want {
				t.Fatalf("%v, want %q", err, c.want)
			}
			all := server.Letters(t)
			if c.want != "" {
				if len(all) > 0 || err != nil && strings.Contains(lockstep.Said(err), "secret") {
					t.Errorf("taken: %v; said: %s", all, lockstep.Said(err))
				}
				return
			}
			if len(all) != 1 {
				t.Fatalf("%d letters", len(all))
			}
			l := all[0]
			if l.Secure != (c.mail.Security != notify.Plain) || l.From != "lockstep@acme.example" || l.To[0] != "ada@acme.example" || c.signIn && l.User != "lockstep" {
				t.Errorf("taken as %+v", l)
			}
			for _, want := range []string{"Message-ID: <msg_1@acme.example>", "Auto-Submitted: auto-generated", "To: <ada@acme.example>", "One\r\n", "Two =C3=A9"} {
				if !strings.Contains(l.Text, want) {
					t.Errorf("the letter lacks %q:\n%s", want, l.Text)
				}
			}
			if strings.Contains(l.Text, "\nchanges") {
				t.Errorf("the subject has made a line of its own:\n%s", l.Text)
			}
		})
	}
}

// TestMailRefused: what is refused for good and what is refused for now are told apart, and the server's own words stay with it.
func TestMailRefused(t *testing.T) {
	cert, key, ca := pair(t)
	server := parts.NodeMail(t, "starttls", false, cert, key)
	mail := notify.Mail{Host: "127.0.0.1", Port: server.Port, From: "lockstep@acme.example", CA: ca}
	for to, want := range map[string]lockstep.Code{
		"none@acme.example": lockstep.CodeMailRefused, "later@acme.example": lockstep.CodeMailDeferred,
		"full@acme.example": lockstep.CodeMailRefused, "busy@acme.example": lockstep.CodeMailDeferred,
	} {
		err := loopback().Send(t.Context(), mail, "", letterTo(to))
		if lockstep.CodeOf(err) != want || strings.Contains(lockstep.Said(err), "10.0.0.7") {
			t.Errorf("%s: %v, said %q, want %s", to, err, lockstep.Said(err), want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	err := loopback().Send(ctx, mail, "", letterTo("hang@acme.example"))
	if lockstep.CodeOf(err) != lockstep.CodeMailUnreachable || time.Since(began) > 10*time.Second {
		t.Errorf("a server that does not answer: %v after %s", err, time.Since(began))
	}
}

// TestMailStaysInside: nobody makes the server reach what the operator has not allowed, nor a public address without TLS.
func TestMailStaysInside(t *testing.T) {
	mail := notify.Mail{Host: "127.0.0.1", Port: 25, From: "lockstep@acme.example", Security: notify.Plain}
	err := notify.Mailer{}.Send(t.Context(), mail, "", letterTo("ada@acme.example"))
	if lockstep.CodeOf(err) != lockstep.CodeBlocked {
		t.Errorf("loopback, which is not allowed: %v", err)
	}
	mail.Host = "203.0.113.7"
	err = notify.Mailer{Dialer: &web.Dialer{Allow: web.Loopback()}}.Send(t.Context(), mail, "", letterTo("ada@acme.example"))
	if code := lockstep.CodeOf(err); code != lockstep.CodeBlocked && code != lockstep.CodeUnencrypted {
		t.Errorf("without TLS to elsewhere: %v", err)
	}
}

// TestMailTalker: a server that never stops talking costs no more than it may say.
func TestMailTalker(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for err == nil {
			_, err = io.WriteString(c, "220-"+strings.Repeat("x", 1000)+"\r\n")
		}
	}()
	began := time.Now()
	port := ln.Addr().(*net.TCPAddr).Port
	err = loopback().Send(t.Context(), notify.Mail{Host: "127.0.0.1", Port: port, From: "a@b.example"}, "", letterTo("c@d.example"))
	if !errors.Is(err, web.ErrTooLarge) || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// TestOpenSMTPD: Debian's mail server takes what is for people whom it knows, refuses others, and puts some off.
func TestOpenSMTPD(t *testing.T) {
	server := parts.Smtpd(t)
	mail := notify.Mail{Host: "127.0.0.1", Port: server.Port, From: "lockstep@acme.example", Security: notify.Plain}
	for to, want := range map[string]lockstep.Code{
		"ada@acme.example": "", "nobody-known@acme.example": lockstep.CodeMailRefused, "x@elsewhere.example": lockstep.CodeMailRefused,
		"later@acme.example": lockstep.CodeMailDeferred,
	} {
		if err := loopback().Send(t.Context(), mail, "", letterTo(to)); lockstep.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", to, err, want)
		}
	}
	got := server.Await(t, 1)[0]
	if !strings.Contains(got, "Message-ID: <msg_1@acme.example>") || !strings.Contains(got, "Delivered-To: ada@acme.example") {
		t.Errorf("delivered:\n%s", got)
	}
}

// TestSign: the signature is that of the published example of Standard Webhooks.
func TestSign(t *testing.T) {
	got, err := notify.Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "whsec_", "whsec_%%%", "whsec_" + base64.StdEncoding.EncodeToString([]byte("short"))} {
		if _, err := notify.Sign(bad, "m", start, nil); err == nil {
			t.Errorf("%q is taken as a secret", bad)
		}
	}
}

// TestHook: a receiver gets the three headers, and what it answers decides about another try.
func TestHook(t *testing.T) {
	secret := notify.NewHookSecret()
	status, wait := http.StatusNoContent, ""
	var got *http.Request
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		if wait != "" {
			w.Header().Set("Retry-After", wait)
		}
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Repeat("a secret of the receiver ", 1<<16))
	}))
	defer receiver.Close()
	p := notify.NewPoster(&web.Dialer{Allow: web.Loopback()})
	p.Now = func() time.Time { return start }
	m := notify.Message{ID: "msg_7", Outlet: notify.ByHook, To: receiver.URL + "/hook", Text: `{"type":"lockstep.attention"}`}
	if _, err := p.Send(t.Context(), secret, m); err != nil {
		t.Fatal(err)
	}
	at, err := strconv.ParseInt(got.Header.Get("Webhook-Timestamp"), 10, 64)
	want, _ := notify.Sign(secret, "msg_7", time.Unix(at, 0), body)
	if err != nil || at != start.Unix() || got.Header.Get("Webhook-Id") != "msg_7" || got.Header.Get("Webhook-Signature") != want || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("received %v", got.Header)
	}
	for _, c := range []struct {
		status int
		wait   string
		want   lockstep.Code
		after  time.Duration
	}{
		{500, "", lockstep.CodeHookDeferred, 0}, {400, "", lockstep.CodeHookDeferred, 0}, {307, "", lockstep.CodeHookDeferred, 0},
		{410, "", lockstep.CodeHookRefused, 0}, {429, "120", lockstep.CodeHookDeferred, 2 * time.Minute},
		{503, start.Add(time.Hour).Format(http.TimeFormat), lockstep.CodeHookDeferred, time.Hour}, {503, "99999999999", lockstep.CodeHookDeferred, 0},
		{503, "9999999", lockstep.CodeHookDeferred, 24 * time.Hour},
	} {
		status, wait = c.status, c.wait
		after, err := p.Send(t.Context(), secret, m)
		if lockstep.CodeOf(err) != c.want || strings.Contains(err.Error(), "secret of the receiver") {
			t.Errorf("%d: %v", c.status, err)
		}
		if c.after > 0 && !after.Equal(start.Add(c.after)) {
			t.Errorf("%d with Retry-After %s: not before %s", c.status, c.wait, after)
		}
	}
	if _, err := notify.NewPoster(nil).Send(t.Context(), secret, m); lockstep.CodeOf(err) != lockstep.CodeBlocked {
		t.Errorf("loopback, which is not allowed: %v", err)
	}
}
