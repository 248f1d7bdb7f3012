package sso

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/sso/saml"
	"lockstep/web"
)

// NameIDKind is what name ID an application gets for a person (saml-core §8.3).
type NameIDKind string

// The kinds of name IDs.
const (
	NameIDAsked       NameIDKind = ""           // what the application asks for; when it does not say, the e-mail address
	NameIDEmail       NameIDKind = "email"      // the e-mail address
	NameIDPersistent  NameIDKind = "persistent" // the same each time, another one for each application
	NameIDTransient   NameIDKind = "transient"  // another one each time
	NameIDUnspecified NameIDKind = "unspecified"
)

// ContextAsked has an application told that the sign-in was of the class that it asks for, whatever it was.
const ContextAsked = "asked"

// SAMLApp is what there is to know of an application that speaks SAML 2.0 (a service provider).
type SAMLApp struct {
	Entity       string          // its entity ID, and so the audience of its assertions
	ACS          []saml.Endpoint // where it takes responses by HTTP-POST; the first when it does not say
	Logout       string          `json:",omitempty"` // takes requests to sign out by redirect, "" is none
	LogoutReturn string          `json:",omitempty"` // takes answers, "" is Logout
	LogoutSOAP   string          `json:",omitempty"` // takes requests to sign out without a browser, "" is none
	Certificates string          `json:",omitempty"` // PEM; with one, what it sends must be signed
	NameID       NameIDKind      `json:",omitempty"`
	NameIDFrom   string          `json:",omitempty"` // what an unspecified name ID is, as Mapping.From
	Attributes   []Mapping       `json:",omitempty"`
	SignResponse bool            `json:",omitempty"` // the response is signed, too, not only the assertion
	Context      string          `json:",omitempty"` // the class that it is told: "" what the provider said, ContextAsked, or a URI
	Start        bool            `json:",omitempty"` // people may begin here (IdP-initiated)
	StartRelay   string          `json:",omitempty"` // RelayState with which they do
	Metadata     string          `json:",omitempty"` // where its metadata came from
	Assumed      []string        `json:",omitempty"` // which of these nobody has documented
	Salt         []byte          // of its persistent name IDs; it never changes
}

// SAMLAsk is what is kept of an AuthnRequest, or of a start without one.
type SAMLAsk struct {
	ID         string // "" of a start without one
	ACS        string
	Relay      string
	Format     string // of the name ID
	Contexts   []string
	Comparison string
	Subject    string // the name ID that is asked for
	Logout     bool   // it is a LogoutRequest
}

func (a *SAMLAsk) accepts(class string) bool {
	q := saml.AuthnRequest{Contexts: a.Contexts, Comparison: a.Comparison}
	return q.Accepts(class)
}

// checkKind checks what applications of other kinds have, and that they have nothing of OpenID Connect.
func (c *Client) checkKind() error {
	if c.Auth != AuthNone || len(c.Grants)+len(c.Redirects)+len(c.Scopes)+len(c.Audience) > 0 || c.Keys+c.KeysURI+c.LogoutURI+c.RevocationURI != "" {
		return invalid("An application that does not speak OpenID Connect has no redirect URIs, grant types, keys, scopes or addresses of it.")
	}
	if err := checkURIs("post_logout_redirect_uris", c.AfterLogout...); err != nil {
		return err
	}
	switch {
	case c.Kind == KindSAMLApp && c.SAML != nil && c.Proxy == nil:
		return c.SAML.check()
	case c.Kind == KindProxy && c.Proxy != nil && c.SAML == nil:
		return c.Proxy.check()
	}
	return invalid("An application speaks OpenID Connect, SAML, or stands behind a proxy, and has the settings of its kind.")
}

func (a *SAMLApp) check() error {
	if !saml.IsEntity(a.Entity) {
		return invalidIn("entity_id", "The entity ID of an application is an absolute address or URN of at most 1024 characters, as its metadata have it.")
	}
	if len(a.ACS) == 0 || len(a.ACS) > maxURIs || len(a.Attributes) > maxURIs {
		return invalidIn("assertion_consumer_services", "An application that speaks SAML needs an address that takes responses (assertion consumer service), and has at most 50.")
	}
	for _, e := range a.ACS {
		if err := checkURI("assertion_consumer_services", e.URL); err != nil {
			return err
		}
	}
	err := cmp.Or(
		checkURIs("single_logout_url", some(a.Logout)...), checkURIs("single_logout_response_url", some(a.LogoutReturn)...), checkURIs("single_logout_soap_url", some(a.LogoutSOAP)...),
	)
	if err != nil {
		return err
	}
	if a.Certificates != "" {
		if _, err := saml.ParseCertificates(a.Certificates); err != nil {
			return invalidIn("certificates", "The application's certificates: "+err.Error()+".")
		}
	}
	if len(a.StartRelay) > saml.MaxRelayState {
		return invalidIn("start_relay", "RelayState has at most 2000 bytes.")
	}
	if a.Context != "" && a.Context != ContextAsked && (!saml.IsEntity(a.Context) || len(a.Context) > 500) {
		return invalidIn("authn_context", "The class of sign-ins is a URI, or “asked”.")
	}
	return a.checkNames()
}

func (a *SAMLApp) checkNames() error {
	switch a.NameID {
	case NameIDAsked, NameIDEmail, NameIDPersistent, NameIDTransient:
		if a.NameIDFrom != "" {
			return invalidIn("name_id_from", "Only an unspecified name ID is taken from an attribute.")
		}
	case NameIDUnspecified:
		if err := (Mapping{Name: "NameID", From: a.NameIDFrom}).check(""); err != nil || a.NameIDFrom == "groups" {
			return invalidIn("name_id_from", "An unspecified name ID is taken from an attribute or claim: name one, for example userName.")
		}
	default:
		return invalidIn("name_id", "A name ID is email, persistent, transient or unspecified.")
	}
	for _, m := range a.Attributes {
		if err := m.check("attributes"); err != nil {
			return err
		}
	}
	return nil
}

// trusted are the certificates that the application signs with. Check has read them before.
func (a *SAMLApp) trusted() ([]*x509.Certificate, error) {
	if a.Certificates == "" {
		return nil, nil
	}
	return saml.ParseCertificates(a.Certificates)
}

// acs is the address that a request wants its answer at: exactly one that is registered (saml-profiles §4.1.4.1).
func (a *SAMLApp) acs(q saml.AuthnRequest) (string, bool) {
	switch {
	case q.ACS != "":
		return q.ACS, slices.ContainsFunc(a.ACS, func(e saml.Endpoint) bool { return e.URL == q.ACS })
	case q.ACSIndex >= 0:
		for _, e := range a.ACS {
			if e.Index == q.ACSIndex {
				return e.URL, true
			}
		}
		return "", false
	}
	return a.ACS[0].URL, true
}

// ReadSAMLMetadata puts what an application's metadata say into its settings. What they do not say stays as it is.
func (a *SAMLApp) ReadSAMLMetadata(text []byte, from string, now time.Time) ([]string, error) {
	m, err := saml.ReadMetadata(text, now)
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: sentence(err.Error())}
	}
	a.Entity, a.ACS, a.Certificates, a.Logout, a.LogoutReturn, a.LogoutSOAP = m.Entity, m.ACS, m.Certificates, m.Logout, m.LogoutReturn, m.LogoutSOAP
	a.Metadata, a.Assumed = from, nil
	return m.Notes, nil
}

// metadataTime is how long fetching an application's metadata may take.
const metadataTime = 10 * time.Second

// AppMetadata fetches the metadata of an application that speaks SAML.
func (s *Server) AppMetadata(ctx context.Context, address string) ([]byte, error) {
	if err := checkURI("", address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	failed := func(why string, err error) error {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The metadata cannot be fetched from " + clip(address) + ": " + why + ".", Err: err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, failed("it is no address", err)
	}
	r.Header.Set("Accept", "application/samlmetadata+xml, application/xml, text/xml")
	answer, err := s.Client.Do(r)
	if err != nil {
		return nil, failed(public(err), err)
	}
	defer web.Discard(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return nil, failed(fmt.Sprintf("the answer is %d", answer.StatusCode), nil)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, saml.MaxMetadata+1))
	if err != nil {
		return nil, failed("the answer ended too early", err)
	}
	if len(text) > saml.MaxMetadata {
		return nil, failed("they are larger than 1 MiB", nil)
	}
	return text, nil
}

// sentence makes a sentence of a detail.
func sentence(detail string) string {
	if detail == "" {
		return detail
	}
	return strings.ToUpper(detail[:1]) + detail[1:] + "."
}

// WebexApp is Webex as an application that speaks SAML, for one organisation (its id, or the one in its metadata). That it takes name IDs of
// the formats transient, unspecified and emailAddress, and wants the e-mail address as the attribute uid, is documented (help.webex.com, single
// sign-on in Control Hub); the addresses are those that others have published, so they are named as assumed until its metadata were read.
func WebexApp(organisation string) *SAMLApp {
	const broker = "https://idbroker.webex.com/"
	return &SAMLApp{
		Entity: broker + organisation, ACS: []saml.Endpoint{{URL: broker + "idb/Consumer/metaAlias/" + organisation + "/sp"}},
		NameID: NameIDAsked, Context: ContextAsked, Attributes: []Mapping{{Name: "uid", From: "email"}},
		Assumed: []string{"entity ID", "assertion consumer service", "class of sign-in"},
	}
}
