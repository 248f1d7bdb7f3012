package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// methods are the algorithms of signatures that are believed. SHA-1 is none of them.
var methods = map[string]crypto.Hash{
	dsig.RSASHA256SignatureMethod: crypto.SHA256, dsig.RSASHA384SignatureMethod: crypto.SHA384, dsig.RSASHA512SignatureMethod: crypto.SHA512,
	dsig.ECDSASHA256SignatureMethod: crypto.SHA256, dsig.ECDSASHA384SignatureMethod: crypto.SHA384, dsig.ECDSASHA512SignatureMethod: crypto.SHA512,
}

// digests are the algorithms of digests that are believed.
const digests = "http://www.w3.org/2001/04/xmlenc#sha256 http://www.w3.org/2001/04/xmldsig-more#sha384 http://www.w3.org/2001/04/xmlenc#sha512"

// ParseCertificates reads PEM certificates, or one as metadata has it: base64 without a frame.
func ParseCertificates(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	rest := []byte(strings.TrimSpace(text))
	if len(rest) > 0 && !strings.Contains(text, "-----BEGIN") {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, fault("it is not a certificate in PEM form")
		}
		rest = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fault("it has a block %s, where certificates belong", clean(block.Type, 40))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault("a certificate cannot be read")
		}
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
				return nil, fault("a certificate has an RSA key of %d bits", key.N.BitLen())
			}
		case *ecdsa.PublicKey:
		default:
			return nil, fault("a certificate has a key that is neither RSA nor ECDSA")
		}
		all = append(all, c)
		if len(all) > 10 {
			return nil, fault("there are more than ten certificates")
		}
	}
	if len(all) == 0 || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, fault("it is not certificates in PEM form")
	}
	return all, nil
}

// signed returns the element that is to be read: when there are certificates, the one that a signature by one of them covers. Without
// certificates a signature says nothing, and is not looked at. root is the root of m.Text.
func (m *Message) signed(root *etree.Element, s *scan, trusted []*x509.Certificate) (*etree.Element, error) {
	switch {
	case len(trusted) == 0:
		return root, nil
	case m.octets != "" && s.local["Signature"] > 0:
		return nil, fault("it is signed twice")
	case m.octets != "":
		return root, m.detached(trusted)
	case s.local["Signature"] == 0:
		return nil, fixable("Let the application sign, or remove its certificate here.", "it is not signed, and the application's certificate is registered")
	case !m.post:
		return nil, fault("a signature inside of a message does not count when the message comes by redirect")
	}
	return enveloped(root, s, trusted)
}

// detached checks the signature of a redirect.
func (m *Message) detached(trusted []*x509.Certificate) error {
	hash, known := methods[m.algorithm]
	if !known {
		return fixable("Let the application sign with RSA-SHA256.", "it is signed by %s, which is not accepted", clean(m.algorithm, 80))
	}
	var sum []byte
	switch hash {
	case crypto.SHA256:
		h := sha256.Sum256([]byte(m.octets))
		sum = h[:]
	case crypto.SHA384:
		h := sha512.Sum384([]byte(m.octets))
		sum = h[:]
	default:
		h := sha512.Sum512([]byte(m.octets))
		sum = h[:]
	}
	for _, c := range trusted {
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if strings.Contains(m.algorithm, "#rsa-") && rsa.VerifyPKCS1v15(key, hash, sum, m.signature) == nil {
				return nil
			}
		case *ecdsa.PublicKey:
			if strings.Contains(m.algorithm, "#ecdsa-") && verifyECDSA(key, sum, m.signature) {
				return nil
			}
		}
	}
	return errSignature()
}

// verifyECDSA takes the two numbers one after the other, as XML signatures have them (RFC 4050 §3.3).
func verifyECDSA(key *ecdsa.PublicKey, sum, signature []byte) bool {
	half := len(signature) / 2
	if half == 0 || len(signature)%2 != 0 {
		return false
	}
	return ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
}

func errSignature() error {
	return fixable("Register the certificate that the application signs with now.", "its signature is wrong, or by a key that is not the application's")
}

// enveloped checks the signature in a document, which must cover all of it, and returns what it covers.
func enveloped(root *etree.Element, s *scan, trusted []*x509.Certificate) (*etree.Element, error) {
	signature, err := child(root, spaceSignature, "Signature")
	if err != nil {
		return nil, err
	}
	if signature == nil || s.local["Signature"] != 1 || s.local["Reference"] != 1 {
		return nil, fault("its signature does not cover the whole of it")
	}
	id := root.SelectAttrValue("ID", "")
	for _, e := range signature.FindElements(".//*") {
		algorithm := e.SelectAttrValue("Algorithm", "")
		switch e.Tag {
		case "SignatureMethod":
			if _, known := methods[algorithm]; !known {
				return nil, fixable("Let the application sign with RSA-SHA256.", "it is signed by %s, which is not accepted", clean(algorithm, 80))
			}
		case "DigestMethod":
			if !strings.Contains(" "+digests+" ", " "+algorithm+" ") {
				return nil, fixable("Let the application sign with SHA-256.", "its digest is made by %s, which is not accepted", clean(algorithm, 80))
			}
		case "Reference":
			if id == "" || e.SelectAttrValue("URI", "") != "#"+id {
				return nil, fault("its signature is of another element")
			}
		}
	}
	root = root.Copy()
	if signature, err = child(root, spaceSignature, "Signature"); err != nil {
		return nil, err
	}
	if info, _ := child(signature, spaceSignature, "KeyInfo"); info != nil { // whom it names decides nothing: the registered keys do
		signature.RemoveChild(info)
	}
	for _, c := range trusted {
		v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}})
		v.Clock = dsig.NewFakeClockAt(c.NotBefore.Add(time.Second)) // dates of certificates do not count
		if read, err := v.Validate(root); err == nil && read.Tag == root.Tag && read.SelectAttrValue("ID", "") == id {
			return read, nil
		}
	}
	return nil, errSignature()
}

// Signer signs what the identity provider says.
type Signer struct {
	Key         *rsa.PrivateKey
	Certificate []byte // DER
}

// Certificate makes the certificate of a key that says nothing but the key: it is signed by itself, and the same whoever makes it, so that
// every node publishes the same bytes, and applications may compare them.
func Certificate(key *rsa.PrivateKey, name string, from time.Time) ([]byte, error) {
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	c := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(sum[:16]), NotBefore: from.UTC().Truncate(time.Second), NotAfter: from.UTC().Truncate(time.Second).AddDate(20, 0, 0),
		SignatureAlgorithm: x509.SHA256WithRSA, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	c.Subject.CommonName = name
	return x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key) // PKCS #1 v1.5 uses no randomness
}

// sign puts a signature after the issuer of an element, where the schema wants it.
func (s *Signer) sign(e *etree.Element) error {
	ctx, err := dsig.NewSigningContext(s.Key, [][]byte{s.Certificate})
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	signature, err := ctx.ConstructSignature(e, true)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	e.InsertChildAt(1, signature)
	return nil
}

// redirected signs a message of the HTTP-Redirect binding and returns the address to send the browser to.
func (s *Signer) redirected(to, field string, text []byte, relay string) (string, error) {
	query := field + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(deflate(text)))
	if relay != "" {
		query += "&RelayState=" + url.QueryEscape(relay)
	}
	query += "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
	sum := sha256.Sum256([]byte(query))
	signature, err := rsa.SignPKCS1v15(nil, s.Key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	return to + sep + query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature)), nil
}
