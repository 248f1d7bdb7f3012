package saml

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// maxSkew is by how much clocks may differ.
const maxSkew = 3 * time.Minute

// The codes of answers (saml-core §3.2.2.2).
const (
	StatusSuccess       = "urn:oasis:names:tc:SAML:2.0:status:Success"
	StatusRequester     = "urn:oasis:names:tc:SAML:2.0:status:Requester"
	StatusResponder     = "urn:oasis:names:tc:SAML:2.0:status:Responder"
	StatusNoPassive     = "urn:oasis:names:tc:SAML:2.0:status:NoPassive"
	StatusNoContext     = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"
	StatusAuthnFailed   = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
	StatusNameIDPolicy  = "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"
	StatusPartialLogout = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
	StatusUnknown       = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"
)

// The formats of name IDs (saml-core §8.3).
const (
	FormatEmail       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	FormatUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	FormatPersistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	FormatTransient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
)

// Attribute is one of an assertion's.
type Attribute struct {
	Name, Friendly string
	Values         []string
}

// Response is the answer to an AuthnRequest: who has signed in, or why nobody has (saml-core §3.3.3, saml-profiles §4.1.4.2).
type Response struct {
	ID           string
	Issuer       string
	ACS          string // where it is posted
	InResponseTo string // "" answers nobody: it was begun here
	Now          time.Time

	Status []string // of an answer without an assertion: the code and, if any, the one below it
	Reason string

	AssertionID   string
	Audience      string // the application's entity ID
	NameID        string
	NameIDFormat  string
	NameQualifier string // of a persistent name ID: the issuer
	SPQualifier   string // and the application
	Ends          time.Time
	AuthnInstant  time.Time
	Context       string
	Session       string // SessionIndex
	SessionEnds   time.Time
	Attributes    []Attribute
	SignAll       bool // sign the response, too, not only the assertion
}

// Post returns the response for the HTTP-POST binding, signed, in base64.
func (r Response) Post(s *Signer) (string, error) {
	e := message("Response", r.ID, r.Issuer, r.ACS, r.Now)
	if r.InResponseTo != "" {
		e.CreateAttr("InResponseTo", r.InResponseTo)
	}
	if len(r.Status) > 0 {
		e.AddChild(status(r.Status, r.Reason))
	} else {
		e.AddChild(status([]string{StatusSuccess}, ""))
		a := r.assertion()
		if err := s.sign(a); err != nil {
			return "", err
		}
		e.AddChild(a)
	}
	if r.SignAll || len(r.Status) > 0 {
		if err := s.sign(e); err != nil {
			return "", err
		}
	}
	text, err := textFrom(e)
	return base64.StdEncoding.EncodeToString(text), err
}

func (r Response) assertion() *etree.Element {
	a := element("saml:Assertion", "", "xmlns:saml", spaceAssertion, "ID", r.AssertionID, "Version", "2.0", "IssueInstant", instant(r.Now))
	a.AddChild(element("saml:Issuer", r.Issuer))
	a.AddChild(r.subject())
	conditions := element("saml:Conditions", "", "NotBefore", instant(r.Now.Add(-maxSkew)), "NotOnOrAfter", instant(r.Ends))
	audience := element("saml:AudienceRestriction", "")
	audience.AddChild(element("saml:Audience", r.Audience))
	conditions.AddChild(audience)
	a.AddChild(conditions)
	statement := element("saml:AuthnStatement", "", "AuthnInstant", instant(r.AuthnInstant), "SessionIndex", r.Session, "SessionNotOnOrAfter", instant(r.SessionEnds))
	context := element("saml:AuthnContext", "")
	context.AddChild(element("saml:AuthnContextClassRef", r.Context))
	statement.AddChild(context)
	a.AddChild(statement)
	if attributes := r.attributes(); attributes != nil {
		a.AddChild(attributes)
	}
	return a
}

// subject says who it is, and that whoever brings the assertion to the one address, in answer to the one request, soon, is they
// (saml-profiles §3.3).
func (r Response) subject() *etree.Element {
	subject := element("saml:Subject", "")
	subject.AddChild(nameID(r.NameID, r.NameIDFormat, r.NameQualifier, r.SPQualifier))
	confirmation := element("saml:SubjectConfirmation", "", "Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")
	bearer := element("saml:SubjectConfirmationData", "", "NotOnOrAfter", instant(r.Ends), "Recipient", r.ACS)
	if r.InResponseTo != "" {
		bearer.CreateAttr("InResponseTo", r.InResponseTo)
	}
	confirmation.AddChild(bearer)
	subject.AddChild(confirmation)
	return subject
}

// attributes is the attribute statement; nil when there is nothing to state.
func (r Response) attributes() *etree.Element {
	statement := element("saml:AttributeStatement", "")
	for _, a := range r.Attributes {
		if len(a.Values) == 0 {
			continue
		}
		format := "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
		if strings.Contains(a.Name, ":") {
			format = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
		}
		e := element("saml:Attribute", "", "Name", a.Name, "NameFormat", format)
		if a.Friendly != "" {
			e.CreateAttr("FriendlyName", plain(a.Friendly))
		}
		for _, v := range a.Values {
			e.AddChild(element("saml:AttributeValue", v))
		}
		statement.AddChild(e)
	}
	if len(statement.Child) == 0 {
		return nil
	}
	return statement
}

// NewID makes an ID of a message or an assertion: 160 random bits, beginning as XML wants it (saml-core §1.3.4).
func NewID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return "_" + hex.EncodeToString(b[:])
}

// message begins a message.
func message(name, id, issuer, to string, now time.Time) *etree.Element {
	e := element("samlp:"+name, "", "xmlns:samlp", spaceProtocol, "xmlns:saml", spaceAssertion, "ID", id, "Version", "2.0", "IssueInstant", instant(now), "Destination", to)
	e.AddChild(element("saml:Issuer", issuer))
	return e
}

func nameID(value, format, qualifier, spQualifier string) *etree.Element {
	e := element("saml:NameID", value, "Format", format)
	if qualifier != "" {
		e.CreateAttr("NameQualifier", plain(qualifier))
	}
	if spQualifier != "" {
		e.CreateAttr("SPNameQualifier", plain(spQualifier))
	}
	return e
}

func status(codes []string, reason string) *etree.Element {
	e := element("samlp:Status", "")
	code := element("samlp:StatusCode", "", "Value", codes[0])
	if len(codes) > 1 {
		code.AddChild(element("samlp:StatusCode", "", "Value", codes[1]))
	}
	e.AddChild(code)
	if reason != "" {
		e.AddChild(element("samlp:StatusMessage", reason))
	}
	return e
}

// element makes an element with a text and attributes: name, value pairs.
func element(name, text string, attributes ...string) *etree.Element {
	e := etree.NewElement(name)
	for i := 0; i+1 < len(attributes); i += 2 {
		e.CreateAttr(attributes[i], plain(attributes[i+1]))
	}
	if text != "" {
		e.SetText(plain(text))
	}
	return e
}

// plain keeps what XML cannot hold, or what readers change on the way (line ends), out of a text: a signature would break.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0xfffe || r == 0xffff || r == 0xfffd:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func textFrom(e *etree.Element) ([]byte, error) {
	doc := etree.NewDocument()
	doc.SetRoot(e)
	text, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("write a SAML message: %w", err)
	}
	return text, nil
}
