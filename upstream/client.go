package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/web"
)

// The most that is read of an answer, after decompression.
const (
	maxTokenAnswer = 256 << 10
	maxUserInfo    = 256 << 10
	maxKeySet      = 512 << 10
	maxDocument    = 1 << 20 // discovery and SAML metadata
)

// client makes the calls to one provider: through the guarded dialer, trusting the provider's own authorities beside the machine's,
// following no redirect.
type client struct {
	http *http.Client
	now  func() time.Time
}

// newClient makes a client. The roots are certificates in DER form.
func newClient(dialer *web.Dialer, roots [][]byte, now func() time.Time) (*client, error) {
	pool, err := trusted(roots)
	if err != nil {
		return nil, err
	}
	return &client{now: now, http: web.NewClient(web.ClientConfig{
		Dialer: dialer, Timeout: 10 * time.Second, Redirects: -1, Connections: 16,
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
	})}, nil
}

// trusted returns the machine's authorities and the roots, nil for the machine's alone.
func trusted(roots [][]byte) (*x509.CertPool, error) {
	if len(roots) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for i, der := range roots {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: fmt.Sprintf("trusted certificate %d cannot be read", i+1)}
		}
		pool.AddCert(c)
	}
	return pool, nil
}

// close lets go of connections that are idle.
func (c *client) close() { c.http.CloseIdleConnections() }

// watched returns a client whose answers are noted in the hop and bounded in size, and nothing else is different.
func (c *client) watched(h *hop, limit int64) *http.Client {
	return &http.Client{Transport: &watch{base: c.http.Transport, hop: h, limit: limit, now: c.now}, Timeout: c.http.Timeout, CheckRedirect: c.http.CheckRedirect}
}

// watch notes how an exchange went.
type watch struct {
	base  http.RoundTripper
	hop   *hop
	limit int64
	now   func() time.Time
}

// RoundTrip does one exchange.
func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	w.hop.fact("address", r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)
	answer, err := w.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.hop.fact("status", strconv.Itoa(answer.StatusCode))
	w.hop.fact("content type", answer.Header.Get("Content-Type"))
	noteChain(w.hop, answer.TLS)
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		skew := date.Sub(w.now()).Round(time.Second)
		w.hop.fact("their clock", skewText(skew))
	}
	answer.Body = &bounded{body: answer.Body, left: w.limit, hop: w.hop}
	return answer, nil
}

// skewText says how far the provider's clock is from ours. The header Date has whole seconds, so one is nothing.
func skewText(d time.Duration) string {
	switch {
	case d > time.Second:
		return d.String() + " ahead of ours"
	case d < -time.Second:
		return (-d).String() + " behind ours"
	}
	return "as ours"
}

// noteChain names the certificates that the server showed.
func noteChain(h *hop, state *tls.ConnectionState) {
	if state == nil {
		h.fact("tls", "none")
		return
	}
	h.fact("tls", tls.VersionName(state.Version))
	noteCertificates(h, state.PeerCertificates)
}

func noteCertificates(h *hop, chain []*x509.Certificate) {
	for i, c := range chain[:min(len(chain), 6)] {
		h.fact(fmt.Sprintf("certificate %d", i+1), nameOf(c)+", issued by "+issuerOf(c)+", until "+c.NotAfter.UTC().Format(time.DateOnly))
	}
}

// nameOf is how people know a certificate: its common name, else its first name of a host.
func nameOf(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return or(c.Subject.String(), "without a name")
}

func issuerOf(c *x509.Certificate) string {
	return or(or(c.Issuer.CommonName, c.Issuer.String()), "without a name")
}

// bounded is a body that ends with web.ErrTooLarge.
type bounded struct {
	body io.ReadCloser
	left int64
	hop  *hop
}

// Read reads what is left.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, web.ErrTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.hop.tooLarge = true // whoever reads may not wrap the error
		return n, web.ErrTooLarge
	}
	return n, err
}

// Close closes the body.
func (b *bounded) Close() error { return b.body.Close() }

// get fetches a document.
func (c *client) get(ctx context.Context, h *hop, address, accept string, limit int64, bearer string) ([]byte, string, *finding) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", found(lockstep.CodeIdPSettingInvalid, "", "%s is no address", cleanText(address, 100))
	}
	r.Header.Set("Accept", accept)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := c.watched(h, limit).Do(r)
	if err != nil {
		return nil, "", transport(h, r.URL.Host, err)
	}
	body, err := web.ReadBody(answer.Body, limit)
	if err != nil {
		return nil, "", transport(h, r.URL.Host, err)
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if f := refusal(r.URL.Host, answer, body); f != nil {
		return nil, "", f
	}
	return body, kind, nil
}

// refusal judges the status of an answer.
func refusal(host string, answer *http.Response, body []byte) *finding {
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status/100 == 3:
		to := cleanText(answer.Header.Get("Location"), 200)
		return found(lockstep.CodeIdPRedirects, "If "+or(to, "that")+" is the provider's, enter it instead.", "%s answers with a redirect to %s", host, or(to, "nowhere"))
	default:
		said := ""
		if claims, err := decodeObject(body); err == nil {
			said = errorWords(claims)
		}
		if nothingThere(status) && said == "" {
			return found(lockstep.CodeIdPRefused, "Compare the address in the form with the provider's, letter for letter.", "%s has nothing at the address (status %d)", host, status)
		}
		return found(lockstep.CodeIdPRefused, "", "%s answers with status %d%s", host, status, said)
	}
}

// nothingThere reports whether a status says that the address is not one that the provider answers at.
func nothingThere(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusGone
}

// errorWords returns what an OAuth 2.0 error says (RFC 6749 §5.2), beginning with a colon, or "".
func errorWords(answer map[string]any) string {
	code, _ := answer["error"].(string)
	words, _ := answer["error_description"].(string)
	switch {
	case code == "" && words == "":
		return ""
	case words == "":
		return ": " + cleanText(code, 80)
	}
	return ": " + cleanText(code, 80) + " (" + cleanText(words, 300) + ")"
}

// transport names what went wrong before there was an answer.
func transport(h *hop, host string, err error) *finding {
	host = cleanText(host, 100)
	if blocked, ok := errors.AsType[*web.BlockedError](err); ok {
		network := "its network" // where a name leads is not told
		if blocked.Name == "" {
			network = blocked.Addr.String()
		}
		return found(lockstep.CodeIdPBlocked, "Check the address for a slip of the pen. If it is right and meant to be reached, the operator starts the server with --allow-network and "+network+".",
			"%s: the %s", host, blocked.Error())
	}
	if _, ok := errors.AsType[*web.PlainError](err); ok {
		return found(lockstep.CodeIdPNotHTTPS, "", "%s is not on this machine, and would be reached without TLS", host)
	}
	if f := untrusted(h, host, err); f != nil {
		return f
	}
	var header tls.RecordHeaderError
	f := &finding{code: lockstep.CodeIdPUnreachable, detail: host + " cannot be reached"} // in our words: those beneath tell of the network here
	if why := web.Why(err); why != "" {
		f.detail += ": " + why
	}
	switch {
	case errors.Is(err, errLDAP):
		return found(lockstep.CodeIdPMalformed, "", "%s does not answer as an LDAP directory does", host)
	case h.tooLarge, errors.Is(err, web.ErrTooLarge):
		return found(lockstep.CodeIdPTooLarge, "", "%s answers with more than is accepted", host)
	case errors.As(err, &header), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return found(lockstep.CodeIdPNotTLS, "Check scheme and port; the port of https is 443.", "%s does not speak TLS", host)
	case web.IsTimeout(err):
		f.code, f.detail = lockstep.CodeIdPTimeout, host+" did not answer in time"
	case errors.Is(err, context.Canceled):
		f.code, f.detail = lockstep.CodeIdPTimeout, "the browser went away before "+host+" answered"
	}
	return f
}

// untrusted explains why a certificate was not believed. It names the authority that is missing: the issuer of the last
// certificate that the server showed.
func untrusted(h *hop, host string, err error) *finding {
	var chain []*x509.Certificate
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		chain = bad.UnverifiedCertificates
	}
	noteCertificates(h, chain)
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		if len(chain) == 0 && unknown.Cert != nil {
			chain = []*x509.Certificate{unknown.Cert}
		}
		if len(chain) == 0 {
			return found(lockstep.CodeIdPCAUnknown, "", "%s: the certificate comes from an authority that is not trusted here", host)
		}
		missing := cleanText(issuerOf(lastOf(chain)), 120)
		h.fact("missing authority", missing)
		return found(lockstep.CodeIdPCAUnknown, "Get the certificate of “"+missing+"” from whoever runs the provider and add it to the trusted certificates of this provider.",
			"%s: its certificate comes from “%s”, which is not trusted here", host, missing)
	}
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		names := wrong.Certificate.DNSNames
		for _, ip := range wrong.Certificate.IPAddresses {
			names = append(names, ip.String())
		}
		return found(lockstep.CodeIdPCertificate, "Enter the address that the certificate is made for, or have it made for this one.",
			"%s: its certificate is made for %s", host, or(cleanText(strings.Join(names, ", "), 200), "no host"))
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch {
		case bad.Reason == x509.Expired && bad.Cert != nil:
			return found(lockstep.CodeIdPCertificate, "Have the certificate renewed; if it is in order, compare the clock of this machine.",
				"%s: its certificate “%s” is valid from %s until %s", host, cleanText(nameOf(bad.Cert), 80), bad.Cert.NotBefore.UTC().Format(time.DateOnly), bad.Cert.NotAfter.UTC().Format(time.DateOnly))
		default:
			return found(lockstep.CodeIdPCertificate, "", "%s: its certificate is not valid: %s", host, cleanText(bad.Error(), 200))
		}
	}
	return nil
}

// lastOf follows a chain from the server's certificate upwards and returns the last one that it leads to. Servers send
// certificates in any order, and more than belong to the chain.
func lastOf(chain []*x509.Certificate) *x509.Certificate {
	last := chain[0]
	for range chain {
		next := last
		for _, c := range chain {
			if c != last && string(c.RawSubject) == string(last.RawIssuer) {
				next = c
			}
		}
		if next == last || string(next.RawSubject) == string(next.RawIssuer) {
			return next
		}
		last = next
	}
	return last
}
