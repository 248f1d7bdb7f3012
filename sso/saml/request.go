package saml

import (
	"crypto/x509"
	"slices"
	"strconv"
	"time"

	"github.com/beevik/etree"
)

// Header is what every message begins with (saml-core §3.2.1).
type Header struct {
	ID          string
	Issuer      string
	Destination string
	Instant     time.Time
}

// AuthnRequest asks for somebody to be signed in (saml-core §3.4.1).
type AuthnRequest struct {
	Header
	ACS           string // AssertionConsumerServiceURL
	ACSIndex      int    // -1 is none
	Binding       string // ProtocolBinding
	Force         bool   // ForceAuthn
	Passive       bool   // IsPassive
	NameIDFormat  string
	NameQualifier string // SPNameQualifier
	Contexts      []string
	Comparison    string // of Contexts: exact, minimum, maximum or better
	Subject       string // the name ID that must sign in; "" is anybody
}

// Issuer returns who says to have sent a message, so that their certificates can be found. It is believed by nobody yet.
func (m *Message) Issuer() (string, error) {
	for _, name := range []string{"AuthnRequest", "LogoutRequest", "LogoutResponse"} {
		root, _, err := document(m.Text, spaceProtocol, name)
		if err != nil {
			continue
		}
		issuer, err := child(root, spaceAssertion, "Issuer")
		if err != nil {
			return "", err
		}
		text, err := textOf(issuer)
		if err == nil && (text == "" || len(text) > 1024) {
			err = fault("it does not say who has sent it (Issuer)")
		}
		return text, err
	}
	_, _, err := document(m.Text, spaceProtocol, "AuthnRequest")
	return "", err
}

// AuthnRequest reads the message. When there are certificates it must be signed with the key of one.
func (m *Message) AuthnRequest(trusted []*x509.Certificate) (AuthnRequest, error) {
	q := AuthnRequest{ACSIndex: -1}
	e, err := m.read("AuthnRequest", trusted, &q.Header)
	if err != nil {
		return q, err
	}
	q.ACS, q.Binding = e.SelectAttrValue("AssertionConsumerServiceURL", ""), e.SelectAttrValue("ProtocolBinding", "")
	if q.Force, err = truth(e, "ForceAuthn"); err != nil {
		return q, err
	}
	if q.Passive, err = truth(e, "IsPassive"); err != nil {
		return q, err
	}
	if text := e.SelectAttrValue("AssertionConsumerServiceIndex", ""); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || q.ACS != "" {
			return q, fault("AssertionConsumerServiceIndex is not a number, or stands beside an address")
		}
		q.ACSIndex = int(n)
	}
	if q.Binding != "" && q.Binding != BindingPost {
		return q, fixable("Let the application take responses by HTTP-POST.", "the answer is wanted by %s, and is given by HTTP-POST alone", clean(q.Binding, 80))
	}
	return q, q.wishes(e)
}

// wishes reads what a request says of the person and of how they are to sign in.
func (q *AuthnRequest) wishes(e *etree.Element) error {
	policy, err := child(e, spaceProtocol, "NameIDPolicy")
	if err != nil {
		return err
	}
	if policy != nil {
		q.NameIDFormat, q.NameQualifier = policy.SelectAttrValue("Format", ""), policy.SelectAttrValue("SPNameQualifier", "")
	}
	subject, err := child(e, spaceAssertion, "Subject")
	if err != nil {
		return err
	}
	if subject != nil {
		name, err := child(subject, spaceAssertion, "NameID")
		if err != nil {
			return err
		}
		if q.Subject, err = textOf(name); err != nil || q.Subject == "" {
			return fault("its subject is not one name ID")
		}
	}
	asked, err := child(e, spaceProtocol, "RequestedAuthnContext")
	if err != nil || asked == nil {
		return err
	}
	q.Comparison = asked.SelectAttrValue("Comparison", "exact")
	if !slices.Contains([]string{"exact", "minimum", "maximum", "better"}, q.Comparison) {
		return fault("Comparison is not exact, minimum, maximum or better")
	}
	for _, c := range asked.ChildElements() {
		class, err := textOf(c)
		if err != nil {
			return err
		}
		if c.Tag == "AuthnContextClassRef" && class != "" && len(class) <= 500 && len(q.Contexts) < 10 {
			q.Contexts = append(q.Contexts, class)
		}
	}
	return nil
}

// read checks a message and its header, and returns the element to go on with.
func (m *Message) read(name string, trusted []*x509.Certificate, h *Header) (*etree.Element, error) {
	root, s, err := document(m.Text, spaceProtocol, name)
	if err != nil {
		return nil, err
	}
	if root, err = m.signed(root, s, trusted); err != nil {
		return nil, err
	}
	if root.SelectAttrValue("Version", "") != "2.0" {
		return nil, fault("it is not of SAML 2.0")
	}
	h.ID, h.Destination = root.SelectAttrValue("ID", ""), root.SelectAttrValue("Destination", "")
	if len(h.ID) < 8 || len(h.ID) > 256 {
		return nil, fault("its ID has not between 8 and 256 characters")
	}
	if h.Instant, err = time.Parse(time.RFC3339Nano, root.SelectAttrValue("IssueInstant", "")); err != nil {
		return nil, fault("IssueInstant is not an instant")
	}
	issuer, err := child(root, spaceAssertion, "Issuer")
	if err != nil {
		return nil, err
	}
	if format := formatOf(issuer); format != "" && format != "urn:oasis:names:tc:SAML:2.0:nameid-format:entity" {
		return nil, fault("the issuer is not an entity")
	}
	h.Issuer, err = textOf(issuer)
	return root, err
}

func formatOf(e *etree.Element) string {
	if e == nil {
		return ""
	}
	return e.SelectAttrValue("Format", "")
}

// truth reads a boolean attribute (XML Schema: true, false, 1, 0).
func truth(e *etree.Element, name string) (bool, error) {
	switch e.SelectAttrValue(name, "false") {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fault("%s is neither true nor false", name)
}

// Accepts reports whether a sign-in of the class is what the request asks for. The classes are put in order as far as there is one: what was
// not said, by password, by password over TLS, by more than one factor. Of classes that have no place in it, each is only as good as itself.
func (q *AuthnRequest) Accepts(class string) bool {
	if len(q.Contexts) == 0 {
		return true
	}
	for _, asked := range q.Contexts {
		have, want := rank(class), rank(asked)
		switch {
		case asked == class && q.Comparison != "better", asked == ContextUnspecified && q.Comparison != "maximum":
			return true
		case have == 0 || want == 0:
		case q.Comparison == "minimum" && have >= want, q.Comparison == "maximum" && have <= want, q.Comparison == "better" && have > want:
			return true
		}
	}
	return false
}

// The classes of sign-ins that are told apart (saml-authn-context §3.4, REFEDS).
const (
	ContextUnspecified = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
	ContextPassword    = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
	ContextPasswordTLS = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
	ContextMFA         = "https://refeds.org/profile/mfa"
)

func rank(class string) int {
	return 1 + slices.Index([]string{ContextUnspecified, ContextPassword, ContextPasswordTLS, ContextMFA}, class)
}
