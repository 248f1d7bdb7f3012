package upstream

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/crewjam/saml/xmlenc"

	"lockstep"
	"lockstep/sso"
)

const (
	aes256gcm = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
	aes256cbc = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
)

// withKey gives a provider a new decryption key.
func withKey(t *testing.T, p *sso.Provider) (certificate *x509.Certificate, pemText string) {
	t.Helper()
	set, secrets, err := (&Opener{}).NewDecryptionKey(*p)
	if err != nil {
		t.Fatal(err)
	}
	if p.Secrets == nil {
		p.Secrets = map[string]string{}
	}
	maps.Copy(p.Settings, set)
	maps.Copy(p.Secrets, secrets)
	block, _ := pem.Decode([]byte(set[fieldOpenCert]))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c, set[fieldOpenCert]
}

func publicPEM(t *testing.T, c *x509.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(c.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// signsInSAML lets somebody sign in, the response changed on its way.
func signsInSAML(t *testing.T, idp samlIdP, p sso.Provider, knobs map[string]any, change func(string) string) (sso.Identity, *stages, error) {
	t.Helper()
	up, err := (&Opener{}).Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	attempt := samlAttempt()
	to, err := up.Begin(t.Context(), attempt, nil)
	if err != nil {
		t.Fatal(err)
	}
	attempt.Kept = to.Keep
	response, _ := idp.answer(t, to, knobs)
	if change != nil {
		response = change(response)
	}
	told := &stages{}
	who, err := up.Finish(t.Context(), attempt, posted(response), told)
	return who, told, err
}

var cipherValue = regexp.MustCompile(`(?s)(<(?:\w+:)?CipherValue>)([^<]*)(</(?:\w+:)?CipherValue>)`)

// TestSAMLEncrypted: assertions that npm's samlp encrypts are opened by the provider's key and, while it changes, by the one before; whatever goes wrong with
// keys or ciphertexts reads the same; algorithms that could tell more are not used at all.
func TestSAMLEncrypted(t *testing.T) {
	t.Parallel()
	idp := newSAMLIdP(t)
	p := idp.provider()
	certificate, text := withKey(t, &p)
	sealed := func(c *x509.Certificate, text, algorithm string, more map[string]any) map[string]any {
		k := map[string]any{"encryptionPublicKey": publicPEM(t, c), "encryptionCert": text, "encryptionAlgorithm": algorithm, "disallowEncryptionWithInsecureAlgorithm": false, "warnOnInsecureEncryptionAlgorithm": false}
		maps.Copy(k, more)
		return k
	}
	without := p
	without.Secrets, without.Settings = maps.Clone(p.Secrets), maps.Clone(p.Settings)
	delete(without.Secrets, fieldOpenKey)
	delete(without.Settings, fieldOpenCert)
	next := p
	next.Secrets, next.Settings = maps.Clone(p.Secrets), maps.Clone(p.Settings)
	certificateNext, textNext := withKey(t, &next)
	gone := next
	gone.Secrets = maps.Clone(next.Secrets)
	delete(gone.Secrets, fieldOpenFormer)
	cut := func(at int) func(string) string {
		return func(s string) string {
			n := 0
			return cipherValue.ReplaceAllStringFunc(s, func(v string) string {
				if n++; n != at {
					return v
				}
				m := cipherValue.FindStringSubmatch(v)
				middle := len(m[2]) / 2
				by := "A"
				if m[2][middle] == 'A' {
					by = "B"
				}
				return m[1] + m[2][:middle] + by + m[2][middle+1:] + m[3]
			})
		}
	}
	looksSigned := func(s string) string {
		return strings.Replace(s, "<samlp:Status>", `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/><samlp:Status>`, 1)
	}
	const forgedSays = "signature"
	const enc = lockstep.CodeIdPSAMLEncrypted
	const cannot = "the assertion cannot be decrypted with the key of this provider"
	for _, c := range []struct {
		name   string
		p      sso.Provider
		knobs  map[string]any
		change func(string) string
		code   lockstep.Code
		says   string
	}{
		{name: "AES-256-GCM", p: p, knobs: sealed(certificate, text, aes256gcm, nil)},
		{name: "AES-128-GCM, in a signed response", p: p, knobs: sealed(certificate, text, "http://www.w3.org/2009/xmlenc11#aes128-gcm", map[string]any{"signResponse": true})},
		{name: "signed response alone", p: p, knobs: sealed(certificate, text, aes256gcm, map[string]any{"signResponse": true, "signAssertion": false})},
		{name: "AES-CBC in a signed response", p: p, knobs: sealed(certificate, text, aes256cbc, map[string]any{"signResponse": true})},
		{name: "AES-CBC", p: p, knobs: sealed(certificate, text, aes256cbc, nil), code: enc, says: "within a signed response only"},
		{name: "AES-CBC, changed", p: p, knobs: sealed(certificate, text, aes256cbc, nil), change: cut(2), code: enc, says: "within a signed response only"},
		{name: "AES-CBC, in what only looks signed", p: p, knobs: sealed(certificate, text, aes256cbc, nil), change: looksSigned, code: lockstep.CodeIdPSAMLSignature, says: forgedSays},
		{name: "AES-CBC, in what only looks signed, changed", p: p, knobs: sealed(certificate, text, aes256cbc, nil), change: func(s string) string { return looksSigned(cut(2)(s)) }, code: lockstep.CodeIdPSAMLSignature, says: forgedSays},
		{name: "AES-CBC, in what only looks signed, for another key", p: p, knobs: sealed(certificateNext, textNext, aes256cbc, nil), change: looksSigned, code: lockstep.CodeIdPSAMLSignature, says: forgedSays},
		{name: "nothing is signed", p: p, knobs: sealed(certificate, text, aes256gcm, map[string]any{"signAssertion": false}), code: lockstep.CodeIdPSAMLSignature},
		{name: "the ciphertext was changed", p: p, knobs: sealed(certificate, text, aes256gcm, nil), change: cut(2), code: enc, says: cannot},
		{name: "the key was changed", p: p, knobs: sealed(certificate, text, aes256gcm, nil), change: cut(1), code: enc, says: cannot},
		{name: "for somebody else", p: p, knobs: sealed(certificateNext, textNext, aes256gcm, nil), code: enc, says: cannot},
		{name: "RSA PKCS #1 v1.5", p: p, knobs: sealed(certificate, text, aes256gcm, nil), change: func(s string) string {
			return strings.Replace(s, "xmlenc#rsa-oaep-mgf1p", "xmlenc#rsa-1_5", 1)
		}, code: enc, says: "in a way that is not accepted"},
		{name: "Triple DES", p: p, knobs: sealed(certificate, text, aes256gcm, nil), change: func(s string) string {
			return strings.Replace(s, aes256gcm, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc", 1)
		}, code: enc, says: "in a way that is not accepted"},
		{name: "there is no key", p: without, knobs: sealed(certificate, text, aes256gcm, nil), code: enc, says: "there is no key here"},
		{name: "a new key", p: next, knobs: sealed(certificateNext, textNext, aes256gcm, nil)},
		{name: "the key before", p: next, knobs: sealed(certificate, text, aes256gcm, nil)},
		{name: "the key before, taken away", p: gone, knobs: sealed(certificate, text, aes256gcm, nil), code: enc, says: cannot},
		{name: "elements of another namespace", p: p, knobs: sealed(certificate, text, aes256gcm, nil), change: func(s string) string {
			return strings.ReplaceAll(s, "http://www.w3.org/2001/04/xmlenc#\"", "urn:x\"")
		}, code: lockstep.CodeIdPSAMLMalformed},
		{name: "deeper within the response", p: p, knobs: sealed(certificate, text, aes256gcm, nil), change: func(s string) string {
			return strings.Replace(strings.Replace(s, "<saml:EncryptedAssertion", `<samlp:Extensions><saml:EncryptedAssertion`, 1), "</saml:EncryptedAssertion>", "</saml:EncryptedAssertion></samlp:Extensions>", 1)
		}, code: lockstep.CodeIdPSAMLMalformed},
		{name: "two ciphertexts", p: p, knobs: sealed(certificate, text, aes256gcm, nil), change: func(s string) string {
			data := s[strings.Index(s, "<xenc:EncryptedData"):strings.Index(s, "</saml:EncryptedAssertion>")]
			return strings.Replace(s, data, data+strings.ReplaceAll(data, `Id="`, `Id="b`), 1)
		}, code: lockstep.CodeIdPSAMLMalformed},
		{name: "a part alone", p: p, knobs: nil, change: func(s string) string {
			return strings.Replace(s, "<saml:Subject>", `<saml:EncryptedID/><saml:Subject>`, 1)
		}, code: lockstep.CodeIdPSAMLMalformed},
		{name: "beside one that is not", p: p, knobs: nil, change: func(s string) string {
			return strings.Replace(s, "</samlp:Response>", `<saml:EncryptedAssertion xmlns:saml="`+assertionSpace+`"/></samlp:Response>`, 1)
		}, code: lockstep.CodeIdPSAMLMalformed},
	} {
		who, told, err := signsInSAML(t, idp, c.p, c.knobs, c.change)
		if lockstep.CodeOf(err) != c.code || (who.Subject == "ada-0001") != (c.code == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v, want %q “%s”\n%s", c.name, who, err, c.code, c.says, encode(*told))
		}
	}
}

// TestSAMLEncryptedWithin: what is encrypted is looked at as what is not. Anybody can encrypt for us, also what the provider has signed and they have changed where no
// signature looks.
func TestSAMLEncryptedWithin(t *testing.T) {
	t.Parallel()
	idp := newSAMLIdP(t)
	p := idp.provider()
	certificate, _ := withKey(t, &p)
	for _, c := range []struct {
		name   string
		change func(assertion string) string
		code   lockstep.Code
	}{
		{"as it was", func(a string) string { return a }, ""},
		{"a comment in the name", func(a string) string { return strings.Replace(a, "ada-0001", "ada<!-- -->-0001", 1) }, lockstep.CodeIdPSAMLMalformed},
		{"another name", func(a string) string { return strings.Replace(a, "ada-0001", "admin", 1) }, lockstep.CodeIdPSAMLSignature},
		{"unsigned", func(a string) string {
			return regexp.MustCompile(`(?s)<Signature.*</Signature>`).ReplaceAllString(a, "")
		}, lockstep.CodeIdPSAMLSignature},
		{"no assertion", func(string) string { return "<x/>" }, lockstep.CodeIdPSAMLMalformed},
		{"an assertion within something else", func(a string) string { return "<x>" + a + "</x>" }, lockstep.CodeIdPSAMLMalformed},
		{"two assertions", func(a string) string {
			return strings.Replace(a, "</saml:Assertion>", "<saml:Advice>"+regexp.MustCompile(` ID="[^"]*"`).ReplaceAllString(a, ` ID="_other"`)+"</saml:Advice></saml:Assertion>", 1)
		}, lockstep.CodeIdPSAMLMalformed},
		{"a response within", func(a string) string {
			return strings.Replace(a, "</saml:Assertion>", `<saml:Advice><p:Response xmlns:p="`+protocolSpace+`"/></saml:Advice></saml:Assertion>`, 1)
		}, lockstep.CodeIdPSAMLMalformed},
		{"more that is encrypted", func(a string) string {
			return strings.Replace(a, "</saml:Assertion>", "<saml:Advice><saml:EncryptedAssertion/></saml:Advice></saml:Assertion>", 1)
		}, lockstep.CodeIdPSAMLMalformed},
		{"no XML", func(string) string { return "x" }, lockstep.CodeIdPSAMLMalformed},
		{"a DOCTYPE", func(a string) string { return "<!DOCTYPE x>" + a }, lockstep.CodeIdPSAMLMalformed},
		{"the ID of the response", nil, lockstep.CodeIdPSAMLMalformed},
	} {
		who, told, err := signsInSAML(t, idp, p, nil, func(s string) string {
			a := s[strings.Index(s, "<saml:Assertion"):strings.Index(s, "</samlp:Response>")]
			if c.change == nil {
				id := regexp.MustCompile(`<samlp:Response[^>]* ID="([^"]*)"`).FindStringSubmatch(s)[1]
				return strings.Replace(s, a, encrypted(t, certificate, regexp.MustCompile(` ID="[^"]*"`).ReplaceAllString(a, ` ID="`+id+`"`)), 1)
			}
			return strings.Replace(s, a, encrypted(t, certificate, c.change(a)), 1)
		})
		if lockstep.CodeOf(err) != c.code || (who.Subject == "ada-0001") != (c.code == "") {
			t.Errorf("%s: %+v, %v, want %q\n%s", c.name, who, err, c.code, encode(*told))
		}
	}
}

// TestSAMLEncryptedKeyBeside: the key may stand within the content's KeyInfo, or beside the content (saml-core §6.2), and nowhere else.
func TestSAMLEncryptedKeyBeside(t *testing.T) {
	t.Parallel()
	idp := newSAMLIdP(t)
	p := idp.provider()
	certificate, _ := withKey(t, &p)
	for to, code := range map[string]lockstep.Code{".": "", "./EncryptedData": lockstep.CodeIdPSAMLMalformed, "./EncryptedData/CipherData": lockstep.CodeIdPSAMLMalformed} {
		who, told, err := signsInSAML(t, idp, p, nil, func(s string) string {
			a := s[strings.Index(s, "<saml:Assertion"):strings.Index(s, "</samlp:Response>")]
			document := etree.NewDocument()
			if err := document.ReadFromString(encrypted(t, certificate, a)); err != nil {
				t.Fatal(err)
			}
			key := document.FindElement("//EncryptedKey")
			key.Parent().RemoveChild(key)
			document.Root().FindElement(to).AddChild(key)
			text, err := document.WriteToString()
			if err != nil {
				t.Fatal(err)
			}
			return strings.Replace(s, a, text, 1)
		})
		if lockstep.CodeOf(err) != code || (who.Subject == "ada-0001") != (code == "") {
			t.Errorf("%s: %+v, %v, want %q\n%s", to, who, err, code, encode(*told))
		}
	}
}

// encrypted encrypts for a certificate.
func encrypted(t *testing.T, c *x509.Certificate, plain string) string {
	t.Helper()
	e := xmlenc.OAEP()
	e.BlockCipher, e.DigestMethod = xmlenc.AES256GCM, &xmlenc.SHA1
	data, err := e.Encrypt(c, []byte(plain), nil)
	if err != nil {
		t.Fatal(err)
	}
	around := etree.NewElement("saml:EncryptedAssertion")
	around.CreateAttr("xmlns:saml", assertionSpace)
	around.AddChild(data)
	document := etree.NewDocument()
	document.SetRoot(around)
	text, err := document.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSAMLMetadataKeys: our metadata has the decryption key for encryption, with what is accepted, and never the signing key for it.
func TestSAMLMetadataKeys(t *testing.T) {
	t.Parallel()
	p := good(sso.KindSAML)
	const at = "https://lockstep.example/sso/saml/callback"
	p.Settings["signing_certificate"] = testCertificate
	text, err := (&Opener{}).Metadata(p, at)
	if err != nil || strings.Contains(string(text), `use="encryption"`) {
		t.Errorf("without a decryption key: %v\n%s", err, text)
	}
	delete(p.Settings, "signing_certificate")
	_, first := withKey(t, &p)
	if err := Check(p); err != nil {
		t.Error(err)
	}
	_, second := withKey(t, &p)
	text, err = (&Opener{}).Metadata(p, at)
	flat := strings.Join(strings.Fields(string(text)), "")
	body := func(c string) string {
		c, _, _ = strings.Cut(strings.TrimPrefix(c, "-----BEGIN CERTIFICATE-----"), "-----END")
		return strings.Join(strings.Fields(c), "")
	}
	if err != nil || !strings.Contains(flat, body(second)) || strings.Contains(flat, body(first)) || !strings.Contains(flat, aes256gcm) || strings.Contains(flat, "-cbc") || strings.Contains(flat, "rsa-1_5") {
		t.Errorf("%v\n%s", err, text)
	}
	p.Settings[fieldOpenCert] = first
	if err := Check(p); err == nil || !strings.Contains(err.Error(), "of another key") {
		t.Errorf("a certificate of another key: %v", err)
	}
}
