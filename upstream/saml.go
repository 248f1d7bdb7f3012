package upstream

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"lockstep"
	"lockstep/sso"
)

// samlProvider is a SAML 2.0 identity provider, to which we are a service provider (Web Browser SSO, saml-profiles §4.1). A response is
// taken only for a request of ours, by HTTP-POST.
type samlProvider struct {
	provider sso.Provider
	set      settings
	filter   filter
	opener   *Opener
	now      func() time.Time
	trusted  []*x509.Certificate
	key      crypto.Signer // nil: requests are not signed
	own      *x509.Certificate
	open     []*rsa.PrivateKey // decrypt assertions, the one that our metadata has first
	openCert *x509.Certificate
}

// newSAML makes the upstream of a provider that Check has passed.
func newSAML(p sso.Provider, o *Opener) (*samlProvider, error) {
	s := &samlProvider{provider: p, set: settingsOf(p), opener: o, now: o.clock()}
	s.filter = newFilter(s.set)
	var err error
	if s.trusted, err = parseCertificates(s.set.text(fieldCertificates)); err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Certificates: " + err.Error()}
	}
	if s.open, err = opensBy(s.set); err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Decryption key: " + err.Error()}
	}
	if s.set.secret("signing_key") == "" {
		return s, nil
	}
	if s.key, err = parsePrivateKey(s.set.secret("signing_key")); err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Signing key: " + err.Error()}
	}
	own, err := parseCertificates(s.set.text("signing_certificate"))
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Signing certificate: " + err.Error()}
	}
	s.own = own[0]
	return s, nil
}

// entity is what we are to the provider, for one redirect URI.
func (s *samlProvider) entity(redirectURI string) (*saml.ServiceProvider, error) {
	acs, err := url.Parse(redirectURI)
	if err != nil || acs.Host == "" {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "the redirect URI is not an address"}
	}
	signers := make([]saml.X509Certificate, len(s.trusted))
	for i, c := range s.trusted {
		signers[i] = saml.X509Certificate{Data: base64.StdEncoding.EncodeToString(c.Raw)}
	}
	idp := saml.IDPSSODescriptor{SingleSignOnServices: []saml.Endpoint{{Binding: s.binding(), Location: s.set.text("sso_url")}}}
	idp.ProtocolSupportEnumeration = "urn:oasis:names:tc:SAML:2.0:protocol"
	idp.KeyDescriptors = []saml.KeyDescriptor{{Use: "signing", KeyInfo: saml.KeyInfo{X509Data: saml.X509Data{X509Certificates: signers}}}}
	sp := &saml.ServiceProvider{
		EntityID: or(s.set.text("sp_entity_id"), redirectURI), AcsURL: *acs, MetadataURL: *acs,
		IDPMetadata:       &saml.EntityDescriptor{EntityID: s.set.text(fieldEntity), IDPSSODescriptors: []saml.IDPSSODescriptor{idp}},
		AuthnNameIDFormat: nameIDFormat(s.set.text("name_id_format")), AssertionConsumerServiceBindings: []string{saml.HTTPPostBinding},
		RejectSHA1Signatures: true, RejectUnknownConditions: true, RequireSignedResponseForCBC: true, LimitRelayStateLength: true,
		// What is trusted is the key; the certificate around it is a container (SAML Metadata Interoperability Profile §2.6.1).
		IgnoreCertificateExpiry: true,
		Clock:                   dsig.NewFakeClockAt(s.now()),
	}
	if class := s.set.text("context"); class != "" {
		sp.RequestedAuthnContext = &saml.RequestedAuthnContext{Comparison: "exact", AuthnContextClassRefs: []string{class}}
		sp.ValidateAuthnContextClassRef = true
	}
	if len(s.open) > 0 {
		sp.EncryptionKey, sp.DecryptionKeys = s.open[0], s.open[1:]
	}
	if s.key != nil {
		sp.Key, sp.Certificate, sp.SignatureMethod = s.key, s.own, dsig.RSASHA256SignatureMethod
		if _, ok := s.key.(*ecdsa.PrivateKey); ok {
			sp.SignatureMethod = dsig.ECDSASHA256SignatureMethod
		}
	}
	return sp, nil
}

func (s *samlProvider) binding() string {
	if s.set.text("sso_binding") == "post" {
		return saml.HTTPPostBinding
	}
	return saml.HTTPRedirectBinding
}

func nameIDFormat(name string) saml.NameIDFormat {
	switch name {
	case "email":
		return saml.EmailAddressNameIDFormat
	case "unspecified":
		return saml.UnspecifiedNameIDFormat
	}
	return saml.PersistentNameIDFormat
}

// keptSAML is what Begin asks the login to keep: the request that the response must answer.
type keptSAML struct {
	Request string `json:"request"`
}

// Begin returns the request for authentication (saml-core §3.4).
func (s *samlProvider) Begin(_ context.Context, a sso.Attempt, rec sso.Recorder) (sso.Redirect, error) {
	h := startHop(rec, s.now, "authorize")
	sp, err := s.entity(a.RedirectURI)
	if err != nil {
		return sso.Redirect{}, h.fail(&finding{code: lockstep.CodeOf(err), detail: "the request cannot be made", err: err})
	}
	force := s.set.on("force") || a.Prompt == "login"
	if force {
		sp.ForceAuthn = &force
	}
	request, err := sp.MakeAuthenticationRequest(s.set.text("sso_url"), s.binding(), saml.HTTPPostBinding)
	if err != nil {
		return sso.Redirect{}, h.fail(&finding{code: lockstep.CodeIdPSettingInvalid, detail: "the request cannot be made", err: err})
	}
	if a.Prompt == "none" {
		passive := true
		request.IsPassive = &passive
	}
	to, err := s.send(sp, request, a.State)
	if err != nil {
		return sso.Redirect{}, h.fail(&finding{code: lockstep.CodeIdPSettingInvalid, detail: "the request cannot be signed", err: err})
	}
	if to.Keep, err = json.Marshal(keptSAML{request.ID}); err != nil {
		return sso.Redirect{}, err
	}
	h.fact("address", s.set.text("sso_url"))
	h.fact("our entity ID", sp.EntityID)
	h.fact("assertion consumer service", a.RedirectURI)
	h.fact("signed", map[bool]string{true: "yes", false: "no"}[s.key != nil])
	h.done("the browser is sent to the provider")
	return to, nil
}

func (s *samlProvider) send(sp *saml.ServiceProvider, request *saml.AuthnRequest, state string) (sso.Redirect, error) {
	if s.binding() == saml.HTTPRedirectBinding {
		u, err := request.Redirect(state, sp)
		if err != nil {
			return sso.Redirect{}, err
		}
		return sso.Redirect{URL: u.String()}, nil
	}
	if s.key != nil { // IsPassive may have come after the first signature
		request.Signature = nil
		if err := sp.SignAuthnRequest(request); err != nil {
			return sso.Redirect{}, err
		}
	}
	document := etree.NewDocument()
	document.SetRoot(request.Element())
	text, err := document.WriteToBytes()
	if err != nil {
		return sso.Redirect{}, err
	}
	return sso.Redirect{URL: s.set.text("sso_url"), Form: url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(text)}, "RelayState": {state}}}, nil
}

// Finish judges the response (saml-core §3.4.1.4, saml-profiles §4.1.4.3).
func (s *samlProvider) Finish(ctx context.Context, a sso.Attempt, c sso.Callback, rec sso.Recorder) (sso.Identity, error) {
	h := startHop(rec, s.now, "callback")
	text, bad := samlResponse(a, c)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	h.done("the provider sent a response")

	h = startHop(rec, s.now, "assertion")
	assertion, bad := s.judge(ctx, h, a, text)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	h.done("the assertion is in order")

	h = startHop(rec, s.now, "claims")
	who, bad := s.identify(assertion)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	noteIdentity(h, who)
	h.done("the claims say who signs in")
	return who, nil
}

// EndSession returns "": single logout needs an endpoint of ours that takes the answer, which there is not.
func (s *samlProvider) EndSession(context.Context, []byte, string) (string, error) { return "", nil }

// judge believes the response or says why not.
func (s *samlProvider) judge(ctx context.Context, h *hop, a sso.Attempt, text []byte) (*saml.Assertion, *finding) {
	scan, bad := judgeDocument(h, text)
	if bad != nil {
		return nil, bad
	}
	var sealed sealedAssertion
	if scan.encrypted > 0 {
		if sealed, bad = s.judgeSealed(h, text); bad != nil {
			return nil, bad
		}
	}
	var kept keptSAML
	if err := json.Unmarshal(a.Kept, &kept); err != nil || kept.Request == "" {
		return nil, found(lockstep.CodeIdPSAMLUnsolicited, "", "the login has made no request that this could answer")
	}
	sp, err := s.entity(a.RedirectURI)
	if err != nil {
		return nil, &finding{code: lockstep.CodeOf(err), detail: "the response cannot be judged", err: err}
	}
	var until time.Time
	once := &oneUse{}
	sp.ReplayCache = once
	assertion, err := sp.ParseXMLResponse(text, []string{kept.Request}, sp.AcsURL)
	if scan.encrypted > 0 && (err == nil || sealed.shows) {
		if bad := s.judgePlain(sealed, scan); bad != nil {
			return nil, bad
		}
	}
	if err != nil {
		return nil, samlFault(err)
	}
	if until = once.until; once.id == "" {
		return nil, found(lockstep.CodeIdPSAMLMalformed, "", "the assertion has no ID")
	}
	fresh, err := s.spend(ctx, once.id, until)
	switch {
	case err != nil:
		return nil, &finding{code: lockstep.CodeIdPSAMLReplayed, detail: "it cannot be told whether the assertion was used before", err: err}
	case !fresh:
		return nil, found(lockstep.CodeIdPSAMLReplayed, "", "the assertion was used before")
	}
	return assertion, nil
}

// oneUse takes down which assertion was accepted and until when it could be used again.
type oneUse struct {
	id    string
	until time.Time
}

// Consume is called by the library for the assertion that it accepts.
func (o *oneUse) Consume(id string, until time.Time) error {
	o.id, o.until = id, until
	return nil
}

func (s *samlProvider) spend(ctx context.Context, id string, until time.Time) (bool, error) {
	if s.opener.Spend != nil {
		return s.opener.Spend(ctx, s.provider.ID, id, until)
	}
	return s.opener.spent.add(string(s.provider.ID)+" "+id, until, s.now()), nil
}

// spent remembers what was used, in memory. The zero value is empty.
type spent struct {
	mu  sync.Mutex
	ids map[string]time.Time
}

// maxSpent bounds what is remembered; beyond it nothing is accepted until something can be forgotten.
const maxSpent = 100_000

func (s *spent) add(id string, until, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) >= maxSpent {
		for old, end := range s.ids {
			if now.After(end) {
				delete(s.ids, old)
			}
		}
	}
	if _, used := s.ids[id]; used || len(s.ids) >= maxSpent {
		return false
	}
	if s.ids == nil {
		s.ids = map[string]time.Time{}
	}
	s.ids[id] = until
	return true
}

// samlFault names why the library refused. Its outer error holds the whole response and goes no further.
func samlFault(err error) *finding {
	said := "it is not valid"
	if refused, ok := errors.AsType[*saml.InvalidResponseError](err); ok && refused.PrivateErr != nil {
		err, said = refused.PrivateErr, cleanText(refused.PrivateErr.Error(), 300)
	}
	var status saml.ErrBadStatus
	switch {
	case errors.Is(err, saml.ErrDecryptionFailed):
		return undecrypted()
	case errors.As(err, &status):
		return found(lockstep.CodeIdPSAMLStatus, "", "the provider answers with the status %s", cleanText(strings.TrimPrefix(status.Status, "urn:oasis:names:tc:SAML:2.0:status:"), 120))
	case errors.Is(err, saml.ErrUntrustedCertificate):
		return found(lockstep.CodeIdPSAMLSignature, "Import the provider's metadata again: it signs with another certificate now.", "the response is signed with a certificate that is not one of the provider's")
	case errors.Is(err, saml.ErrUnsupported) && errors.Is(err, saml.ErrInvalidSignature):
		return found(lockstep.CodeIdPSAMLSignature, "Let the provider sign with RSA-SHA256.", "the response is signed in a way that is not accepted: %s", said)
	case errors.Is(err, saml.ErrInvalidSignature):
		return found(lockstep.CodeIdPSAMLSignature, "", "the signature is missing or wrong: %s", said)
	case errors.Is(err, saml.ErrRequestIDMismatch):
		return found(lockstep.CodeIdPSAMLUnsolicited, "", "the response answers another request, or none")
	case errors.Is(err, saml.ErrExpired), errors.Is(err, saml.ErrNotYetValid):
		return found(lockstep.CodeIdPSAMLConditions, "Compare the clocks of the provider and of this machine.", "the response is not for this time: %s", said)
	case errors.Is(err, saml.ErrAudienceMismatch):
		return found(lockstep.CodeIdPSAMLConditions, "Compare our entity ID in the form with the one that the provider has.", "the assertion is for another application: %s", said)
	case errors.Is(err, saml.ErrDestinationMismatch):
		return found(lockstep.CodeIdPSAMLConditions, "Enter the redirect URI that the form shows as assertion consumer service at the provider.", "the response is for another address: %s", said)
	case errors.Is(err, saml.ErrIssuerMismatch):
		return found(lockstep.CodeIdPIssuer, "", "the response is from another issuer: %s", said)
	case errors.Is(err, saml.ErrAuthnContextMismatch):
		return found(lockstep.CodeIdPACR, "", "the provider signed the person in by another class: %s", said)
	}
	return found(lockstep.CodeIdPSAMLMalformed, "", "the response cannot be accepted: %s", said)
}

// Metadata is the XML that describes us to a SAML provider, for the redirect URI. It may be a draft, since the provider mostly wants it first.
func (o *Opener) Metadata(p sso.Provider, redirectURI string) ([]byte, error) {
	if p.Kind != sso.KindSAML {
		return nil, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "An identity provider of this kind has no use for metadata of ours."}
	}
	s := &samlProvider{provider: p, set: settingsOf(p), now: o.clock()}
	for name, to := range map[string]**x509.Certificate{"signing_certificate": &s.own, fieldOpenCert: &s.openCert} {
		if own, err := parseCertificates(s.set.text(name)); err == nil && len(own) > 0 {
			*to = own[0]
		}
	}
	sp, err := s.entity(redirectURI)
	if err != nil {
		return nil, err
	}
	sp.MetadataOmitValidUntil = true
	sp.Certificate, sp.EncryptionCertificate = s.own, s.openCert
	m := sp.Metadata()
	describeKeys(m, s.openCert != nil)
	text, err := xml.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write SAML metadata: %w", err)
	}
	return text, nil
}
