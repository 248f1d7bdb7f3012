package upstream

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/crewjam/saml"

	"lockstep"
	"lockstep/sso"
)

// The bounds of a SAML response.
const (
	maxResponse = 256 << 10 // decoded
	maxElements = 10_000
	maxXMLDepth = 64
)

const (
	protocolSpace  = "urn:oasis:names:tc:SAML:2.0:protocol"
	assertionSpace = "urn:oasis:names:tc:SAML:2.0:assertion"
	metadataSpace  = "urn:oasis:names:tc:SAML:2.0:metadata"
)

// samlResponse takes the response from the callback. It comes by HTTP-POST alone, once, with the RelayState of this login.
func samlResponse(a sso.Attempt, c sso.Callback) ([]byte, *finding) {
	switch {
	case len(c.Values["SAMLResponse"]) > 1 || len(c.Values["RelayState"]) > 1:
		return nil, found(lockstep.CodeIdPCallback, "", "the callback has a value twice")
	case c.Values.Get("SAMLResponse") == "":
		return nil, found(lockstep.CodeIdPCallback, "", "the callback has no SAML response")
	case !c.Post:
		return nil, found(lockstep.CodeIdPCallback, "Let the provider answer by HTTP-POST.", "the SAML response did not come by HTTP-POST")
	case c.Values.Has("RelayState") && c.Values.Get("RelayState") != a.State:
		return nil, found(lockstep.CodeIdPSAMLUnsolicited, "", "the RelayState is that of another sign-in")
	case len(c.Values.Get("SAMLResponse")) > maxResponse*3/2:
		return nil, found(lockstep.CodeIdPTooLarge, "", "the SAML response is larger than %d KiB", maxResponse>>10)
	}
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Values.Get("SAMLResponse")), ""))
	switch {
	case err != nil:
		return nil, found(lockstep.CodeIdPSAMLMalformed, "", "the SAML response is not base64")
	case len(text) > maxResponse:
		return nil, found(lockstep.CodeIdPTooLarge, "", "the SAML response is larger than %d KiB", maxResponse>>10)
	}
	return text, nil
}

// xmlScan is what one look at a document finds, before any library reads it.
type xmlScan struct {
	root       xml.Name
	elements   int
	assertions int
	encrypted  int
	responses  int
	signatures int
	ids        map[string]bool
	depth      int
}

// judgeDocument looks at the form of a response: what could make two readers see two documents is refused, whatever is signed.
func judgeDocument(h *hop, text []byte) (xmlScan, *finding) {
	scan, err := scanXML(text)
	if err != nil {
		return scan, found(lockstep.CodeIdPSAMLMalformed, "", "the SAML response: %s", err)
	}
	h.fact("document", fmt.Sprintf("%d bytes, %d elements", len(text), scan.elements))
	switch {
	case scan.root != xml.Name{Space: protocolSpace, Local: "Response"} || scan.responses != 1:
		return scan, found(lockstep.CodeIdPSAMLMalformed, "", "it is not one SAML response, but %s", or(cleanText(scan.root.Local, 60), "something else"))
	case scan.assertions+scan.encrypted > 1:
		return scan, found(lockstep.CodeIdPSAMLMalformed, "", "the SAML response has %d assertions, and one is allowed", scan.assertions+scan.encrypted)
	case scan.assertions > 0 && scan.signatures == 0:
		return scan, found(lockstep.CodeIdPSAMLSignature, "Let the provider sign the assertion with SHA-256.", "nothing in the SAML response is signed")
	}
	return scan, nil
}

// scanXML reads a document to its end.
func scanXML(text []byte) (xmlScan, error) {
	s := xmlScan{ids: map[string]bool{}}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("it is not UTF-8") }
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, errors.New("it is not well-formed XML")
		}
		if err := s.token(t); err != nil {
			return s, err
		}
	}
	if s.elements == 0 {
		return s, errors.New("it is empty")
	}
	return s, nil
}

func (s *xmlScan) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.Directive:
		return errors.New("it has a DOCTYPE")
	case xml.ProcInst:
		if t.Target != "xml" || s.elements > 0 {
			return errors.New("it has a processing instruction")
		}
	case xml.Comment: // a canonical form leaves comments out, so they can be put into what is signed
		return errors.New("it has a comment")
	case xml.EndElement:
		s.depth--
	case xml.StartElement:
		return s.element(t)
	}
	return nil
}

func (s *xmlScan) element(e xml.StartElement) error {
	if s.depth == 0 {
		if s.elements > 0 {
			return errors.New("it has two roots")
		}
		s.root = e.Name
	}
	s.depth++
	if s.elements++; s.elements > maxElements || s.depth > maxXMLDepth {
		return errors.New("it has too many elements")
	}
	switch e.Name.Local {
	case "Assertion":
		s.assertions++
	case "EncryptedAssertion", "EncryptedID", "EncryptedAttribute":
		s.encrypted++
	case "Response":
		s.responses++
	case "Signature":
		s.signatures++
	}
	for _, a := range e.Attr {
		if a.Name.Space == "" && strings.EqualFold(a.Name.Local, "ID") { // what signatures refer to
			if s.ids[a.Value] {
				return errors.New("it has two elements of one ID")
			}
			s.ids[a.Value] = true
		}
	}
	return nil
}

// identify makes an identity of an assertion.
func (s *samlProvider) identify(a *saml.Assertion) (sso.Identity, *finding) {
	name := a.Subject.NameID
	if name == nil {
		return sso.Identity{}, found(lockstep.CodeIdPClaimMissing, "", "the assertion names nobody")
	}
	value := strings.TrimSpace(name.Value)
	claims := map[string]any{"name_id": value, "name_id_format": name.Format}
	for _, statement := range a.AttributeStatements {
		for _, attribute := range statement.Attributes {
			var list []any
			for _, v := range attribute.Values {
				list = append(list, strings.TrimSpace(v.Value))
			}
			for _, key := range []string{attribute.Name, attribute.FriendlyName} {
				if _, twice := claims[key]; key != "" && list != nil && !twice {
					claims[key] = list
				}
			}
		}
	}
	if _, has := claims[s.set.text("claim_email")]; !has && name.Format == string(saml.EmailAddressNameIDFormat) {
		claims[s.set.text("claim_email")] = []any{value}
	}
	subject, bad := s.subject(claims, value, name.Format)
	if bad != nil {
		return sso.Identity{}, bad
	}
	if bad := s.filter.judge(claims); bad != nil {
		return sso.Identity{}, bad
	}
	who := personOf(s.set, claims)
	who.Issuer, who.Subject = s.set.text(fieldEntity), subject
	who.EmailVerified = s.provider.TrustEmail && who.Email != "" // SAML does not say; the administrator does
	for _, statement := range a.AuthnStatements {
		who.AuthTime, who.SessionID = statement.AuthnInstant, statement.SessionIndex
		if class := statement.AuthnContext.AuthnContextClassRef; class != nil {
			who.ACR = class.Value
		}
	}
	return who, nil
}

// subject is what tells people apart for good. A transient name does not.
func (s *samlProvider) subject(claims map[string]any, nameID, format string) (string, *finding) {
	subject := nameID
	if attribute := s.set.text("subject_attribute"); attribute != "" {
		list, _ := claims[attribute].([]any)
		if len(list) != 1 {
			return "", found(lockstep.CodeIdPClaimMissing, "Let the provider send the attribute once, or name another.", "the assertion has the attribute %s %d times", cleanText(attribute, 80), len(list))
		}
		subject, _ = list[0].(string)
	} else if format == string(saml.TransientNameIDFormat) {
		return "", found(lockstep.CodeIdPClaimMissing, "Let the provider send a persistent name ID, or name a subject attribute.", "the assertion's name ID is transient: it is another one each time")
	}
	if !fitSubject(subject) {
		return "", found(lockstep.CodeIdPClaimMissing, "", "the assertion names nobody who could be told apart")
	}
	return subject, nil
}

// importMetadata reads the metadata of one identity provider (saml-metadata §2.3.2). What it says about keys can only name the keys
// to check with, never that there is nothing to check.
func importMetadata(text []byte, address, binding string, now time.Time) (Imported, *finding) {
	scan, err := scanMetadata(text)
	if err != nil {
		return Imported{}, found(lockstep.CodeIdPMalformed, "", "the metadata: %s", err)
	}
	if scan.root != (xml.Name{Space: metadataSpace, Local: "EntityDescriptor"}) {
		return Imported{}, found(lockstep.CodeIdPMalformed, "Save the EntityDescriptor of the one provider and paste it.", "the metadata is not of one provider, but %s", or(cleanText(scan.root.Local, 60), "something else"))
	}
	var entity saml.EntityDescriptor
	if err := xml.Unmarshal(text, &entity); err != nil || len(entity.IDPSSODescriptors) != 1 || entity.EntityID == "" {
		return Imported{}, found(lockstep.CodeIdPMalformed, "", "the metadata does not describe one SAML 2.0 identity provider")
	}
	until := entity.ValidUntil
	if own := entity.IDPSSODescriptors[0].ValidUntil; own != nil && !own.IsZero() && (until.IsZero() || own.Before(until)) {
		until = *own
	}
	if !until.IsZero() && now.After(until) {
		return Imported{}, found(lockstep.CodeIdPMalformed, "Fetch newer metadata.", "the metadata was valid until %s", until.UTC().Format(time.DateOnly))
	}
	in := Imported{Until: until, Settings: map[string]string{fieldEntity: entity.EntityID}}
	if address != "" {
		in.Settings["metadata_url"] = address
	}
	idp := entity.IDPSSODescriptors[0]
	if f := in.signIn(idp, binding); f != nil {
		return Imported{}, f
	}
	if f := in.signers(idp); f != nil {
		return Imported{}, f
	}
	if idp.WantAuthnRequestsSigned != nil && *idp.WantAuthnRequestsSigned {
		in.Notes = append(in.Notes, "The provider wants signed requests: enter a signing key and its certificate.")
	}
	if slices.Contains(idp.NameIDFormats, saml.PersistentNameIDFormat) {
		in.Settings["name_id_format"] = "persistent"
	} else if slices.Contains(idp.NameIDFormats, saml.EmailAddressNameIDFormat) {
		in.Settings["name_id_format"] = "email"
	}
	return in, nil
}

// scanMetadata is scanXML for metadata, in which comments do no harm.
func scanMetadata(text []byte) (xmlScan, error) {
	s := xmlScan{ids: map[string]bool{}}
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, errors.New("it is not well-formed XML")
		}
		if _, comment := t.(xml.Comment); comment {
			continue
		}
		if err := s.token(t); err != nil {
			return s, err
		}
	}
}

// signIn takes the sign-in address of the binding that was chosen, if there is one, and else of the first that is known.
func (in *Imported) signIn(idp saml.IDPSSODescriptor, chosen string) *finding {
	all := []struct{ binding, name string }{{saml.HTTPRedirectBinding, "redirect"}, {saml.HTTPPostBinding, "post"}}
	if chosen == "post" {
		slices.Reverse(all)
	}
	for _, known := range all {
		for _, e := range idp.SingleSignOnServices {
			if e.Binding != known.binding || in.Settings["sso_url"] != "" {
				continue
			}
			if code, problem := addressProblem(e.Location, false); problem != "" {
				return &finding{code: code, detail: "the metadata: the sign-in address: " + problem}
			}
			in.Settings["sso_url"], in.Settings["sso_binding"] = e.Location, known.name
		}
	}
	if in.Settings["sso_url"] == "" {
		return found(lockstep.CodeIdPUnsupported, "", "the provider offers neither HTTP-Redirect nor HTTP-POST for sign-in")
	}
	return nil
}

// signers takes the certificates of keys that are for signing, or of which nothing is said.
func (in *Imported) signers(idp saml.IDPSSODescriptor) *finding {
	var all strings.Builder
	for _, key := range idp.KeyDescriptors {
		if key.Use != "signing" && key.Use != "" {
			continue
		}
		for _, c := range key.KeyInfo.X509Data.X509Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Data), ""))
			if err != nil {
				return found(lockstep.CodeIdPMalformed, "", "the metadata has a certificate that cannot be read")
			}
			block := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
			if !strings.Contains(all.String(), block) {
				all.WriteString(block)
			}
		}
	}
	if all.Len() == 0 {
		return found(lockstep.CodeIdPMalformed, "", "the metadata has no certificate that the provider signs with")
	}
	if problem := isCertificates(all.String()); problem != "" {
		return found(lockstep.CodeIdPMalformed, "", "the metadata's certificates: %s", problem)
	}
	in.Settings[fieldCertificates] = all.String()
	return nil
}
