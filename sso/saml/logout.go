package saml

import (
	"bytes"
	"crypto/x509"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// LogoutRequest says that somebody is to be signed out (saml-core §3.7.1).
type LogoutRequest struct {
	Header
	NameID   string
	Sessions []string // SessionIndex; empty is all
	Ends     time.Time
}

// LogoutRequest reads the message. It must be signed with the key of a certificate, so there must be one (saml-profiles §4.4.4.1).
func (m *Message) LogoutRequest(trusted []*x509.Certificate, now time.Time) (LogoutRequest, error) {
	var q LogoutRequest
	if len(trusted) == 0 {
		return q, fixable("Register the application's certificate.", "a request to sign somebody out must be signed, and no certificate of the application is registered")
	}
	e, err := m.read("LogoutRequest", trusted, &q.Header)
	if err != nil {
		return q, err
	}
	if text := e.SelectAttrValue("NotOnOrAfter", ""); text != "" {
		if q.Ends, err = time.Parse(time.RFC3339Nano, text); err != nil || !now.Before(q.Ends.Add(maxSkew)) {
			return q, fault("it was to be used until %s", clean(text, 40))
		}
	}
	name, err := child(e, spaceAssertion, "NameID")
	if err != nil {
		return q, err
	}
	if q.NameID, err = textOf(name); err != nil || q.NameID == "" {
		return q, fault("it does not name one person by a plain name ID")
	}
	for _, c := range e.ChildElements() {
		if c.Tag != "SessionIndex" || len(q.Sessions) >= 50 {
			continue
		}
		text, err := textOf(c)
		if err != nil {
			return q, err
		}
		q.Sessions = append(q.Sessions, text)
	}
	return q, nil
}

// LogoutResponse answers a LogoutRequest (saml-core §3.7.2).
type LogoutResponse struct {
	Header
	InResponseTo string
	Status       string
}

// Done reports whether the session has ended there.
func (r LogoutResponse) Done() bool { return r.Status == StatusSuccess }

// LogoutResponse reads the message.
func (m *Message) LogoutResponse(trusted []*x509.Certificate) (LogoutResponse, error) {
	var a LogoutResponse
	e, err := m.read("LogoutResponse", trusted, &a.Header)
	if err != nil {
		return a, err
	}
	return a, a.rest(e)
}

func (r *LogoutResponse) rest(e *etree.Element) error {
	r.InResponseTo = e.SelectAttrValue("InResponseTo", "")
	status, err := child(e, spaceProtocol, "Status")
	if err != nil || status == nil {
		return fault("it has no status")
	}
	code, err := child(status, spaceProtocol, "StatusCode")
	if err != nil || code == nil {
		return fault("it has no status")
	}
	r.Status = code.SelectAttrValue("Value", "")
	return nil
}

// Logout asks an application to end a session.
type Logout struct {
	ID, Issuer, To, NameID, Format, NameQualifier, SPQualifier, Session string
	Now, Ends                                                           time.Time
}

func (l Logout) element() *etree.Element {
	e := message("LogoutRequest", l.ID, l.Issuer, l.To, l.Now)
	e.CreateAttr("NotOnOrAfter", instant(l.Ends))
	e.AddChild(nameID(l.NameID, l.Format, l.NameQualifier, l.SPQualifier))
	if l.Session != "" {
		e.AddChild(element("samlp:SessionIndex", l.Session))
	}
	return e
}

// Redirect returns the address to send the browser to with the request.
func (l Logout) Redirect(s *Signer, relay string) (string, error) {
	text, err := textFrom(l.element())
	if err != nil {
		return "", err
	}
	return s.redirected(l.To, FieldRequest, text, relay)
}

// SOAP returns the signed request in an envelope (saml-bindings §3.2), to be sent without a browser.
func (l Logout) SOAP(s *Signer) ([]byte, error) {
	e := l.element()
	if err := s.sign(e); err != nil {
		return nil, err
	}
	envelope := element("soap:Envelope", "", "xmlns:soap", spaceSOAP)
	body := element("soap:Body", "")
	body.AddChild(e)
	envelope.AddChild(body)
	return textFrom(envelope)
}

const spaceSOAP = "http://schemas.xmlsoap.org/soap/envelope/"

// ReadSOAP reads the answer to a request that was sent without a browser. It came over the very connection that the request went out on, so
// it need not be signed; when it answers another request it is refused.
func ReadSOAP(text []byte, request string) (LogoutResponse, error) {
	var r LogoutResponse
	root, s, err := document(bytes.TrimSpace(text), spaceSOAP, "Envelope")
	if err != nil {
		return r, err
	}
	body, err := child(root, spaceSOAP, "Body")
	if err != nil || body == nil || s.local["LogoutResponse"] != 1 {
		return r, fault("it is not one answer to a request to sign somebody out")
	}
	e, err := child(body, spaceProtocol, "LogoutResponse")
	if err != nil || e == nil {
		return r, fault("it is not one answer to a request to sign somebody out")
	}
	if err := r.rest(e); err != nil {
		return r, err
	}
	if r.InResponseTo != request {
		return r, fault("it answers another request")
	}
	return r, nil
}

// LogoutAnswer answers a request of an application.
type LogoutAnswer struct {
	ID, Issuer, To, InResponseTo string
	Status                       []string // the code and, if any, the one below it
	Now                          time.Time
}

func (a LogoutAnswer) element() *etree.Element {
	e := message("LogoutResponse", a.ID, a.Issuer, a.To, a.Now)
	e.CreateAttr("InResponseTo", a.InResponseTo)
	e.AddChild(status(a.Status, ""))
	return e
}

// Redirect returns the address to send the browser to with the answer.
func (a LogoutAnswer) Redirect(s *Signer, relay string) (string, error) {
	text, err := textFrom(a.element())
	if err != nil {
		return "", err
	}
	return s.redirected(a.To, FieldResponse, text, relay)
}

// IsEntity reports whether a text can be an entity ID: an absolute URI of at most 1024 characters (saml-core §8.3.6).
func IsEntity(text string) bool {
	scheme, rest, found := strings.Cut(text, ":")
	return found && scheme != "" && rest != "" && len(text) <= 1024 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == '"' })
}
