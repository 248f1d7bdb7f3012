package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/web"
)

// Sign returns the header webhook-signature of a message, as Standard Webhooks 1.0 has it: HMAC-SHA256 over the id, the time in
// seconds and the body, joined by full stops.
func Sign(secret string, id MessageID, at time.Time, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, hookPrefix))
	if err != nil || len(key) < 24 {
		return "", invalid("The secret of the webhook is not one: whsec_ and base64 of at least 24 bytes.")
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// Poster sends messages to webhooks.
type Poster struct {
	Client *http.Client     // follows no redirects
	Now    func() time.Time // nil is time.Now
}

// NewPoster returns a Poster that goes by the guarded dialer.
func NewPoster(d *web.Dialer) Poster {
	return Poster{Client: web.NewClient(web.ClientConfig{Dialer: d, Timeout: sendFor, Redirects: -1})}
}

// Send posts a message. A nil error says that the receiver has taken it. The instant, when it is not zero, is the one before which
// the receiver does not want to be asked again.
func (p Poster) Send(ctx context.Context, secret string, msg Message) (time.Time, error) {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	at := now()
	signature, err := Sign(secret, msg.ID, at, []byte(msg.Text))
	if err != nil {
		return time.Time{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, msg.To, strings.NewReader(msg.Text))
	if err != nil {
		return time.Time{}, invalid("The webhook's address cannot be used.")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "lockstep")
	r.Header.Set("webhook-id", string(msg.ID))
	r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("webhook-signature", signature)
	res, err := p.Client.Do(r)
	if err != nil {
		return time.Time{}, hookFailed(r.URL.Host, err)
	}
	web.Discard(res.Body)
	fail := func(code lockstep.Code) (time.Time, error) {
		return retryAfter(res.Header.Get("Retry-After"), at),
			&lockstep.Error{Code: code, Detail: fmt.Sprintf("post to %s: it answered %d.", r.URL.Host, res.StatusCode)}
	}
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return time.Time{}, nil
	case res.StatusCode == http.StatusGone: // Standard Webhooks: it wants no more
		return fail(lockstep.CodeHookRefused)
	}
	return fail(lockstep.CodeHookDeferred)
}

// retryAfter reads the header of RFC 9110 §10.2.3; a day is the longest that is obeyed.
func retryAfter(text string, now time.Time) time.Time {
	const longest = 24 * time.Hour
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return now.Add(min(time.Duration(min(n, int(longest/time.Second)))*time.Second, longest))
	}
	if t, err := http.ParseTime(text); err == nil && t.After(now) {
		return now.Add(min(t.Sub(now), longest))
	}
	return time.Time{}
}

func hookFailed(host string, err error) error {
	fail := func(code lockstep.Code, why string) error {
		return &lockstep.Error{Code: code, Detail: "post to " + host + ": " + why + ".", Err: err}
	}
	if blocked, ok := errors.AsType[*web.BlockedError](err); ok {
		return fail(lockstep.CodeBlocked, blocked.Error())
	}
	switch {
	case isA[*web.PlainError](err):
		return fail(lockstep.CodeUnencrypted, "it is not in a network that the operator has allowed, and would be reached without TLS")
	case web.IsTimeout(err):
		return fail(lockstep.CodeHookDeferred, "it did not answer in time")
	case isA[x509.UnknownAuthorityError](err), isA[x509.HostnameError](err), isA[x509.CertificateInvalidError](err), isA[tls.AlertError](err):
		return fail(lockstep.CodeHookDeferred, web.Why(err))
	}
	why := web.Why(err)
	if why == "" {
		why = "it cannot be reached"
	}
	return fail(lockstep.CodeHookDeferred, why)
}
