package upstream

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"github.com/crewjam/saml/xmlenc"

	"lockstep"
	"lockstep/sso"
)

// Assertions that the provider has encrypted for us (saml-core §2.3.4, XML Encryption 1.1).
//
// What decrypting could tell whoever changes a ciphertext and watches what becomes of it is nothing: keys come by RSA-OAEP alone, never by PKCS #1 v1.5; content is
// encrypted with AES-GCM, which shows that it was changed; AES-CBC, which does not, is decrypted only within a response whose signature was checked before, so
// that nobody but the provider can have made the ciphertext. Whatever goes wrong with a key or a ciphertext is one and the same finding.
//
// The form is looked at before: one assertion, one key, one ciphertext, so that what is looked at here is what the library decrypts.

// The algorithms of content, those of a response that is not signed first.
func contentCiphers() (sealed, plain []string) {
	const gcm, cbc = "http://www.w3.org/2009/xmlenc11#", "http://www.w3.org/2001/04/xmlenc#"
	return []string{gcm + "aes256-gcm", gcm + "aes128-gcm", gcm + "aes192-gcm"}, []string{cbc + "aes256-cbc", cbc + "aes128-cbc", cbc + "aes192-cbc"}
}

// keyCiphers are the algorithms of the key of the content.
func keyCiphers() []string {
	return []string{"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2009/xmlenc11#rsa-oaep"}
}

const encryptionSpace = "http://www.w3.org/2001/04/xmlenc#"

// undecrypted is the one finding of whatever goes wrong with keys and ciphertexts.
func undecrypted() *finding {
	return found(lockstep.CodeIdPSAMLEncrypted, "Give the provider our metadata again: it may encrypt for another key.", "the assertion cannot be decrypted with the key of this provider")
}

// sealedAssertion is an encrypted assertion of the one form that is accepted.
type sealedAssertion struct {
	key, data *etree.Element
	shows     bool // that it was changed: it may be decrypted whatever else is wrong
}

// judgeSealed looks at the form of an encrypted assertion, before anything is decrypted.
func (s *samlProvider) judgeSealed(h *hop, text []byte) (sealedAssertion, *finding) {
	if len(s.open) == 0 {
		return sealedAssertion{}, found(lockstep.CodeIdPSAMLEncrypted, "Make a decryption key on the provider's page and give the provider our metadata; or let it not encrypt.", "the assertion is encrypted, and there is no key here that decrypts it")
	}
	shape := func(what string) *finding {
		return found(lockstep.CodeIdPSAMLMalformed, "", "the encrypted assertion has %s", what)
	}
	document := etree.NewDocument()
	if err := document.ReadFromBytes(text); err != nil || document.Root() == nil {
		return sealedAssertion{}, shape("a form that cannot be read")
	}
	var around *etree.Element
	for _, child := range document.Root().ChildElements() {
		if child.Tag == "EncryptedAssertion" && child.NamespaceURI() == assertionSpace {
			around = child
		}
	}
	if around == nil {
		return sealedAssertion{}, shape("another place than within the response, or holds a part of the assertion only")
	}
	parts := map[string][]*etree.Element{}
	for _, e := range around.FindElements(".//*") {
		parts[e.Tag] = append(parts[e.Tag], e)
		if strings.HasPrefix(e.Tag, "Encrypt") && e.NamespaceURI() != encryptionSpace {
			return sealedAssertion{}, shape("elements of another namespace")
		}
	}
	for name, n := range map[string]int{"EncryptedData": 1, "EncryptedKey": 1, "EncryptionMethod": 2, "CipherData": 2, "CipherValue": 2, "CipherReference": 0, "OAEPparams": 0, "OAEPParams": 0} {
		if len(parts[name]) != n {
			return sealedAssertion{}, shape(fmt.Sprintf("%s %d times", name, len(parts[name])))
		}
	}
	sealed := sealedAssertion{key: parts["EncryptedKey"][0], data: parts["EncryptedData"][0]}
	above := sealed.key.Parent()
	if sealed.data.Parent() != around || above != around && (above.Tag != "KeyInfo" || above.Parent() != sealed.data) {
		return sealedAssertion{}, shape("its key or its content at another place")
	}
	gcm, cbc := contentCiphers()
	method := func(of *etree.Element) string {
		for _, e := range of.ChildElements() {
			if e.Tag == "EncryptionMethod" {
				return e.SelectAttrValue("Algorithm", "")
			}
		}
		return ""
	}
	content, key := method(sealed.data), method(sealed.key)
	h.fact("encrypted with", content)
	h.fact("its key with", key)
	signed := slices.ContainsFunc(document.Root().ChildElements(), func(e *etree.Element) bool { return e.Tag == "Signature" })
	if slices.Contains(cbc, content) && !signed {
		return sealedAssertion{}, found(lockstep.CodeIdPSAMLEncrypted, "Let the provider encrypt with AES-GCM, or sign the response as well as the assertion.", "the assertion is encrypted with AES-CBC, which is opened within a signed response only")
	}
	if !slices.Contains(gcm, content) && !slices.Contains(cbc, content) || !slices.Contains(keyCiphers(), key) {
		return sealedAssertion{}, found(lockstep.CodeIdPSAMLEncrypted, "Let the provider encrypt with AES-GCM, and the key with RSA-OAEP.", "the assertion is encrypted in a way that is not accepted: %s, %s", cleanText(content, 80), cleanText(key, 80))
	}
	sealed.shows = slices.Contains(gcm, content)
	return sealed, nil
}

// judgePlain looks at what was encrypted, with the same eyes as at what was not. The library has checked the signature around it before, unless what is encrypted shows
// that it was changed.
func (s *samlProvider) judgePlain(sealed sealedAssertion, outer xmlScan) *finding {
	text, ok := s.decrypt(sealed)
	if !ok {
		return undecrypted()
	}
	scan, err := scanXML(text)
	switch {
	case err != nil:
		return found(lockstep.CodeIdPSAMLMalformed, "", "the decrypted assertion: %s", err)
	case scan.root != xml.Name{Space: assertionSpace, Local: "Assertion"} || scan.assertions != 1 || scan.responses > 0 || scan.encrypted > 0:
		return found(lockstep.CodeIdPSAMLMalformed, "", "what is encrypted is not one assertion")
	case scan.signatures+outer.signatures == 0:
		return found(lockstep.CodeIdPSAMLSignature, "Let the provider sign the assertion with SHA-256.", "nothing in the SAML response is signed")
	}
	for id := range scan.ids {
		if outer.ids[id] {
			return found(lockstep.CodeIdPSAMLMalformed, "", "the decrypted assertion has the ID of something around it")
		}
	}
	return nil
}

func (s *samlProvider) decrypt(sealed sealedAssertion) ([]byte, bool) {
	data := sealed.data
	if sealed.key.Parent() != data.Parent() { // the library would look for the key itself
		data = data.Copy()
		for _, e := range data.FindElements("./KeyInfo") {
			data.RemoveChild(e)
		}
	}
	for _, private := range s.open {
		key, err := xmlenc.Decrypt(private, sealed.key)
		if err != nil {
			continue
		}
		if text, err := xmlenc.Decrypt(key, data); err == nil {
			return text, true
		}
	}
	return nil, false
}

// opensBy reads the keys that decrypt, the one that our metadata has first.
func opensBy(set settings) (keys []*rsa.PrivateKey, err error) {
	for _, name := range []string{fieldOpenKey, fieldOpenFormer} {
		text := set.secret(name)
		if text == "" {
			continue
		}
		key, err := parsePrivateKey(text)
		if err != nil {
			return nil, err
		}
		private, ok := key.(*rsa.PrivateKey)
		if !ok {
			return nil, errors.New("it is no RSA key")
		}
		keys = append(keys, private)
	}
	return keys, nil
}

func isDecryptionKey(value string) string {
	key, err := parsePrivateKey(value)
	if err != nil {
		return err.Error()
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return "assertions are encrypted for RSA keys alone"
	}
	return ""
}

// belongs reports whether a certificate is one of the key.
func belongs(key crypto.Signer, c *x509.Certificate) bool {
	public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}

// openKeyYears is how long the certificate of a decryption key lasts. What is trusted is the key; the certificate is a container.
const openKeyYears = 5

// NewDecryptionKey makes a key by which a SAML provider encrypts assertions for us, as settings and secrets of the provider. The one that it has stays as the former
// one, so that assertions are opened while the provider goes over to the new one.
func (o *Opener) NewDecryptionKey(p sso.Provider) (set, secrets map[string]string, err error) {
	if p.Kind != sso.KindSAML {
		return nil, nil, &lockstep.Error{Code: lockstep.CodeIdPUnsupported, Detail: "only SAML providers encrypt assertions"}
	}
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return nil, nil, err
	}
	now := o.clock()()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Lockstep, decryption for " + p.Alias}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(openKeyYears, 0, 0),
		KeyUsage: x509.KeyUsageKeyEncipherment,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	set = map[string]string{fieldOpenCert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))}
	secrets = map[string]string{fieldOpenKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))}
	if former := p.Secrets[fieldOpenKey]; former != "" {
		secrets[fieldOpenFormer] = former
	}
	return set, secrets, nil
}

// describeKeys puts into our metadata how we are encrypted for: with the decryption key and no other, by what is accepted in any case.
func describeKeys(m *saml.EntityDescriptor, own bool) {
	gcm, _ := contentCiphers()
	var methods []saml.EncryptionMethod
	for _, a := range slices.Concat(gcm, keyCiphers()) {
		methods = append(methods, saml.EncryptionMethod{Algorithm: a})
	}
	for i := range m.SPSSODescriptors {
		role := &m.SPSSODescriptors[i]
		role.KeyDescriptors = slices.DeleteFunc(role.KeyDescriptors, func(k saml.KeyDescriptor) bool { return k.Use == "encryption" && !own })
		for j := range role.KeyDescriptors {
			if k := &role.KeyDescriptors[j]; k.Use == "encryption" {
				k.EncryptionMethods = methods
			}
		}
	}
}

// signedMetadata returns what one of the signers has signed of metadata, or all of it when nobody has to.
func signedMetadata(text []byte, signers string) ([]byte, *finding) {
	if signers == "" {
		return text, nil
	}
	trusted, err := parseCertificates(signers)
	if err != nil {
		return nil, found(lockstep.CodeIdPSettingInvalid, "", "the signers of the metadata: %s", err)
	}
	if _, err := scanMetadata(text); err != nil { // before a library reads it
		return nil, found(lockstep.CodeIdPMalformed, "", "the metadata: %s", err)
	}
	signed, err := saml.VerifyMetadataSignature(text, trusted)
	if err != nil {
		return nil, &finding{code: lockstep.CodeIdPSAMLSignature, fix: "Compare the signers of the metadata in the form with what the provider says.", detail: "the metadata is not signed by one of its signers", err: err}
	}
	return signed, nil
}
