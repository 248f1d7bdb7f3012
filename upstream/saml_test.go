package upstream

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/e2e/parts"
	"lockstep/sso"
)

// samlIdP is a SAML provider that is not ours: npm's samlp, which signs with xml-crypto.
type samlIdP struct {
	url         string
	certificate string // PEM
	key         *rsa.PrivateKey
}

func newSAMLIdP(t *testing.T) samlIdP {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	address := parts.IDP(t, "saml.js", "KEY="+string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), "CERT="+certificate)
	return samlIdP{url: address, certificate: certificate, key: key}
}

func (idp samlIdP) provider() sso.Provider {
	return sso.Provider{ID: "saml", Kind: sso.KindSAML, TrustEmail: true, Settings: map[string]string{
		"entity_id": "https://idp.example/saml", "sso_url": idp.url + "/sso", "certificates": idp.certificate, "claim_email": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
	}}
}

func samlAttempt() sso.Attempt {
	return sso.Attempt{ID: "a1", State: "st4te", RedirectURI: "https://lockstep.example/sso/saml/callback"}
}

var inputOf = regexp.MustCompile(`name="(\w+)"\s+value="([^"]*)"`)

// answer takes what Begin returned to the provider, with knobs, and returns the response as XML.
func (idp samlIdP) answer(t *testing.T, to sso.Redirect, knobs map[string]any) (response, relay string) {
	t.Helper()
	address, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := address.Query()
	q.Set("knobs", encode(knobs))
	address.RawQuery = q.Encode()
	var page *http.Response
	if to.Form != nil {
		page, err = http.PostForm(address.String(), to.Form)
	} else {
		page, err = http.Get(address.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(page.Body)
	_ = page.Body.Close()
	values := map[string]string{}
	for _, input := range inputOf.FindAllStringSubmatch(string(body), -1) {
		values[input[1]] = html.UnescapeString(input[2])
	}
	text, err := base64.StdEncoding.DecodeString(values["SAMLResponse"])
	if err != nil || len(text) == 0 {
		t.Fatalf("the provider answers %d %s", page.StatusCode, body)
	}
	return string(text), values["RelayState"]
}

func posted(response string) sso.Callback {
	return sso.Callback{Post: true, Values: url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString([]byte(response))}}}
}

func TestSAMLSignIn(t *testing.T) {
	t.Parallel()
	idp := newSAMLIdP(t)
	own, err := x509.MarshalPKCS8PrivateKey(testKey())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "lockstep"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &testKey().PublicKey, testKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, binding string
		signed        bool
		knobs         map[string]any
	}{
		{"redirect, assertion signed", "redirect", false, nil},
		{"post, assertion signed", "post", false, nil},
		{"redirect, response signed too", "redirect", false, map[string]any{"signResponse": true}},
		{"redirect, response alone signed", "redirect", false, map[string]any{"signResponse": true, "signAssertion": false}},
		{"redirect, our request signed", "redirect", true, nil},
		{"post, our request signed", "post", true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := idp.provider()
			p.ID = sso.ProviderID(c.name)
			p.Settings["sso_binding"] = c.binding
			if c.signed {
				p.Secrets = map[string]string{"signing_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: own}))}
				p.Settings["signing_certificate"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
			}
			o := &Opener{}
			up, err := o.Open(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			attempt := samlAttempt()
			to, err := up.Begin(t.Context(), attempt, nil)
			if err != nil {
				t.Fatal(err)
			}
			attempt.Kept = to.Keep
			judgeRequest(t, to, c.signed)
			response, relay := idp.answer(t, to, c.knobs)
			if relay != attempt.State {
				t.Errorf("the RelayState is %q", relay)
			}
			var told stages
			who, err := up.Finish(t.Context(), attempt, posted(response), &told)
			if err != nil {
				t.Fatalf("%v\n%s", err, encode(told))
			}
			if who.Subject != "ada-0001" || who.Issuer != "https://idp.example/saml" || who.Email != "ada@example.com" || !who.EmailVerified || who.UserName != "ada" ||
				who.Name != "Ada Lovelace" || !slices.Equal(who.Groups, []string{"staff", "sales"}) || who.SessionID != "_s1" || who.AuthTime.IsZero() || who.ACR == "" {
				t.Errorf("got %+v", who)
			}
			if _, err := up.Finish(t.Context(), attempt, posted(response), &told); lockstep.CodeOf(err) != lockstep.CodeIdPSAMLReplayed {
				t.Errorf("used twice: got %v", err)
			}
		})
	}
}

// judgeRequest looks at the request with the standard library: by HTTP-Redirect its signature stands beside it.
func judgeRequest(t *testing.T, to sso.Redirect, signed bool) {
	t.Helper()
	if to.Form != nil {
		text, err := base64.StdEncoding.DecodeString(to.Form.Get("SAMLRequest"))
		if err != nil || strings.Contains(string(text), "SignatureValue") != signed {
			t.Errorf("got %s, %v", text, err)
		}
		return
	}
	u, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	before, _, has := strings.Cut(u.RawQuery, "&Signature=")
	if has != signed {
		t.Fatalf("got %s", to.URL)
	}
	if signed {
		signature, _ := base64.StdEncoding.DecodeString(u.Query().Get("Signature"))
		if err := verifyRSA(&testKey().PublicKey, before, signature); err != nil {
			t.Errorf("the signature of the request: %v", err)
		}
	}
}

// samlCase is one thing that a SAML provider, or somebody in between, may do.
type samlCase struct {
	name   string
	knobs  map[string]any
	change func(string) string
	code   lockstep.Code
}

func samlCases() []samlCase {
	type knobs = map[string]any
	const malformed, signature, conditions = lockstep.CodeIdPSAMLMalformed, lockstep.CodeIdPSAMLSignature, lockstep.CodeIdPSAMLConditions
	replace := func(old, by string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				panic("the response has no " + old)
			}
			return strings.Replace(s, old, by, 1)
		}
	}
	assertion := func(s string) string {
		return s[strings.Index(s, "<saml:Assertion"):strings.Index(s, "</samlp:Response>")]
	}
	forged := func(s string) string {
		unsigned := regexp.MustCompile(`(?s)<Signature.*</Signature>`).ReplaceAllString(assertion(s), "")
		unsigned = regexp.MustCompile(` ID="[^"]*"`).ReplaceAllString(unsigned, ` ID="_forged"`)
		return strings.ReplaceAll(unsigned, "ada-0001", "admin")
	}
	return []samlCase{
		{"control", nil, nil, ""},
		{"signature taken out", nil, func(s string) string {
			return regexp.MustCompile(`(?s)<Signature.*</Signature>`).ReplaceAllString(s, "")
		}, signature},
		{"not signed", knobs{"signAssertion": false}, nil, signature},
		{"name changed", nil, replace("ada-0001", "admin"), signature},
		{"attribute changed", nil, replace("ada@example.com", "ceo@example.com"), signature},
		{"a comment in the name", nil, replace("ada-0001", "ada<!-- -->-0001"), malformed},
		{"a comment after a part of the name", knobs{"nameIdentifier": "admin.evil"}, replace("admin.evil", "admin<!--x-->.evil"), malformed},
		{"a processing instruction in the name", nil, replace("ada-0001", "ada<?x?>-0001"), malformed},
		{"DOCTYPE", nil, func(s string) string { return `<!DOCTYPE r [<!ENTITY e "x">]>` + s }, malformed},
		{"DOCTYPE with an entity in the name", nil, func(s string) string {
			return `<!DOCTYPE r [<!ENTITY e "-0001">]>` + strings.Replace(s, "ada-0001", "ada&e;", 1)
		}, malformed},
		{"an unsigned assertion before", nil, func(s string) string { return strings.Replace(s, "<saml:Assertion", forged(s)+"<saml:Assertion", 1) }, malformed},
		{"an unsigned assertion after", nil, func(s string) string {
			return strings.Replace(s, "</samlp:Response>", forged(s)+"</samlp:Response>", 1)
		}, malformed},
		{"the signed assertion within a forged one", nil, func(s string) string {
			f := strings.Replace(forged(s), "</saml:Assertion>", assertion(s)+"</saml:Assertion>", 1)
			return strings.Replace(s, assertion(s), f, 1)
		}, malformed},
		{"the signed assertion within an extension", nil, func(s string) string {
			return strings.Replace(s, assertion(s), "<samlp:Extensions>"+assertion(s)+"</samlp:Extensions>"+forged(s), 1)
		}, malformed},
		{"the signed assertion within the signature of a forged one", nil, func(s string) string {
			sig := regexp.MustCompile(`(?s)<Signature.*</Signature>`).FindString(s)
			inner := strings.Replace(sig, "</Signature>", "<Object>"+assertion(s)+"</Object></Signature>", 1)
			return strings.Replace(s, assertion(s), strings.Replace(forged(s), "<saml:Subject>", inner+"<saml:Subject>", 1), 1)
		}, malformed},
		{"two elements of one ID", nil, func(s string) string {
			id := regexp.MustCompile(`<saml:Assertion[^>]* ID="([^"]*)"`).FindStringSubmatch(s)[1]
			return strings.Replace(s, "</samlp:Response>", `<samlp:Extensions><x xmlns="urn:x" ID="`+id+`"/></samlp:Extensions></samlp:Response>`, 1)
		}, malformed},
		{"signed by somebody else, whose key is within", nil, nil, signature},
		{"SHA-1", knobs{"signatureAlgorithm": "rsa-sha1", "digestAlgorithm": "sha1"}, nil, signature},
		{"of another audience", knobs{"audience": "https://other.example"}, nil, conditions},
		{"of another recipient", knobs{"recipient": "https://other.example/acs"}, nil, conditions},
		{"of another destination", knobs{"destination": "https://other.example/acs"}, nil, conditions},
		{"expired", knobs{"lifetimeInSeconds": -600}, nil, conditions},
		{"of another issuer", knobs{"issuer": "https://evil.example"}, nil, lockstep.CodeIdPIssuer},
		{"of another request", knobs{"inResponseTo": "_another"}, nil, lockstep.CodeIdPSAMLUnsolicited},
		{"of no request", nil, func(s string) string {
			return regexp.MustCompile(`(<samlp:Response[^>]*) InResponseTo="[^"]*"`).ReplaceAllString(s, "$1")
		}, lockstep.CodeIdPSAMLUnsolicited},
		{"the provider says no", knobs{"status": "urn:oasis:names:tc:SAML:2.0:status:Requester"}, nil, lockstep.CodeIdPSAMLStatus},
		{"a transient name", knobs{"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, nil, lockstep.CodeIdPClaimMissing},
		{"an empty name", knobs{"nameIdentifier": " "}, nil, lockstep.CodeIdPClaimMissing},
		{"encrypted", nil, func(s string) string {
			return strings.Replace(s, assertion(s), `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>`, 1)
		}, lockstep.CodeIdPSAMLEncrypted},
		{"no assertion", nil, func(s string) string { return strings.Replace(s, assertion(s), "", 1) }, malformed},
		{"an assertion instead of a response", nil, assertion, malformed},
		{"a logout response", nil, func(s string) string { return strings.ReplaceAll(s, "samlp:Response", "samlp:LogoutResponse") }, malformed},
		{"two responses", nil, func(s string) string { return s + s }, malformed},
		{"nothing", nil, func(string) string { return " " }, malformed},
		{"no XML", nil, func(string) string { return "{}" }, malformed},
		{"UTF-7", nil, func(s string) string { return `<?xml version="1.0" encoding="UTF-7"?>` + s }, malformed},
		{"ten thousand elements", nil, func(s string) string {
			return strings.Replace(s, "</samlp:Response>", strings.Repeat("<x/>", 10_001)+"</samlp:Response>", 1)
		}, malformed},
		{"nested a thousand deep", nil, func(s string) string {
			return strings.Replace(s, "</samlp:Response>", strings.Repeat("<x>", 1000)+strings.Repeat("</x>", 1000)+"</samlp:Response>", 1)
		}, malformed},
		{"256 KiB and more", nil, func(s string) string { return s + strings.Repeat(" ", maxResponse) }, lockstep.CodeIdPTooLarge},
	}
}

func TestHostileSAML(t *testing.T) {
	t.Parallel()
	idp := newSAMLIdP(t)
	other := newSAMLIdP(t)
	for _, c := range samlCases() {
		t.Run(c.name, func(t *testing.T) {
			from := idp
			if strings.HasPrefix(c.name, "signed by somebody else") {
				from = other
			}
			p := from.provider()
			p.Settings["certificates"] = idp.certificate
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
			response, _ := from.answer(t, to, c.knobs)
			if c.change != nil {
				response = c.change(response)
			}
			var told stages
			who, err := up.Finish(t.Context(), attempt, posted(response), &told)
			if lockstep.CodeOf(err) != c.code || (who.Subject == "") != (c.code != "") || (c.code != "" && told.last().Fix == "") {
				t.Errorf("got %v, want %q; %+v", err, c.code, who)
			}
			if strings.Contains(encode(told), "SignatureValue") {
				t.Errorf("told: %s", encode(told))
			}
		})
	}
}

func TestSAMLCallback(t *testing.T) {
	t.Parallel()
	idp := newSAMLIdP(t)
	up, err := (&Opener{}).Open(t.Context(), idp.provider())
	if err != nil {
		t.Fatal(err)
	}
	attempt := samlAttempt()
	to, err := up.Begin(t.Context(), attempt, nil)
	if err != nil {
		t.Fatal(err)
	}
	attempt.Kept = to.Keep
	response, _ := idp.answer(t, to, nil)
	good := posted(response)
	with := func(change func(c *sso.Callback, a *sso.Attempt)) (sso.Callback, sso.Attempt) {
		c, a := sso.Callback{Post: true, Values: url.Values{"SAMLResponse": good.Values["SAMLResponse"], "RelayState": {"st4te"}}}, attempt
		change(&c, &a)
		return c, a
	}
	for _, c := range []struct {
		name   string
		change func(c *sso.Callback, a *sso.Attempt)
		code   lockstep.Code
	}{
		{"by GET", func(c *sso.Callback, _ *sso.Attempt) { c.Post = false }, lockstep.CodeIdPCallback},
		{"nothing", func(c *sso.Callback, _ *sso.Attempt) { c.Values.Del("SAMLResponse") }, lockstep.CodeIdPCallback},
		{"twice", func(c *sso.Callback, _ *sso.Attempt) { c.Values.Add("SAMLResponse", "x") }, lockstep.CodeIdPCallback},
		{"RelayState of another login", func(c *sso.Callback, _ *sso.Attempt) { c.Values.Set("RelayState", "x") }, lockstep.CodeIdPSAMLUnsolicited},
		{"no base64", func(c *sso.Callback, _ *sso.Attempt) { c.Values.Set("SAMLResponse", "!") }, lockstep.CodeIdPSAMLMalformed},
		{"a login that asked for nothing", func(_ *sso.Callback, a *sso.Attempt) { a.Kept = nil }, lockstep.CodeIdPSAMLUnsolicited},
		{"a login with an empty request", func(_ *sso.Callback, a *sso.Attempt) { a.Kept = []byte(`{"request":""}`) }, lockstep.CodeIdPSAMLUnsolicited},
		{"another login's request", func(_ *sso.Callback, a *sso.Attempt) { a.Kept = []byte(`{"request":"id-1"}`) }, lockstep.CodeIdPSAMLUnsolicited},
		{"by another host name", func(_ *sso.Callback, a *sso.Attempt) {
			a.RedirectURI = "https://old.lockstep.example/sso/saml/callback"
		}, lockstep.CodeIdPSAMLConditions},
		{"as it should be", func(*sso.Callback, *sso.Attempt) {}, ""},
	} {
		callback, a := with(c.change)
		if _, err := up.Finish(t.Context(), a, callback, nil); lockstep.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, want %q", c.name, err, c.code)
		}
	}
}

func verifyRSA(key *rsa.PublicKey, signed string, signature []byte) error {
	sum := sha256.Sum256([]byte(signed))
	return rsa.VerifyPKCS1v15(key, 5, sum[:], signature) // 5 is crypto.SHA256
}

func TestImportMetadata(t *testing.T) {
	t.Parallel()
	block, _ := pem.Decode([]byte(testCertificate))
	cert := base64.StdEncoding.EncodeToString(block.Bytes)
	key := func(use, data string) string {
		return `<KeyDescriptor` + use + `><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + data + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`
	}
	document := func(keys, services string) string {
		return `<?xml version="1.0"?><!-- made by hand --><EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/saml"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
			keys + `<NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</NameIDFormat>` + services + `</IDPSSODescriptor></EntityDescriptor>`
	}
	service := func(binding, at string) string {
		return `<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:` + binding + `" Location="` + at + `"/>`
	}
	both := service("HTTP-POST", "https://idp.example/post") + service("HTTP-Redirect", "https://idp.example/redirect")
	got, err := (&Opener{}).Import(t.Context(), sso.KindSAML, document(key(` use="signing"`, cert)+key(` use="encryption"`, "!"), both), nil, nil)
	if err != nil || got.Settings["sso_url"] != "https://idp.example/redirect" || got.Settings["sso_binding"] != "redirect" || got.Settings["name_id_format"] != "email" ||
		strings.TrimSpace(got.Settings["certificates"]) != strings.TrimSpace(testCertificate) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := Check(sso.Provider{Kind: sso.KindSAML, Settings: got.Settings}); err != nil {
		t.Errorf("what was imported is refused: %v", err)
	}
	if got, err := (&Opener{}).Import(t.Context(), sso.KindSAML, document(key("", cert), service("HTTP-POST", "https://idp.example/post")), nil, nil); err != nil || got.Settings["sso_binding"] != "post" {
		t.Errorf("a key of no use in particular: got %+v, %v", got, err)
	}
	for name, text := range map[string]string{
		"no key for signing": document(key(` use="encryption"`, cert), both), "no key": document("", both), "key is no certificate": document(key(` use="signing"`, "AAAA"), both),
		"no sign-in": document(key("", cert), ""), "sign-in without https": document(key("", cert), service("HTTP-Redirect", "http://idp.example/")),
		"artifact alone": document(key("", cert), service("HTTP-Artifact", "https://idp.example/")), "DOCTYPE": `<!DOCTYPE x>` + document(key("", cert), both),
		"several": `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>`, "no metadata": `<html/>`, "no end": `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">`,
		"out of date": strings.Replace(document(key("", cert), both), "entityID=", `validUntil="2001-01-01T00:00:00Z" entityID=`, 1),
	} {
		if got, err := (&Opener{}).Import(t.Context(), sso.KindSAML, text, nil, nil); err == nil || !strings.HasPrefix(string(lockstep.CodeOf(err)), "idp.") {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	text, err := (&Opener{}).Metadata(good(sso.KindSAML), "https://lockstep.example/sso/saml/callback")
	if err != nil || !strings.Contains(string(text), `entityID="https://lockstep.example/sso/saml/callback"`) || strings.Contains(string(text), "Artifact") {
		t.Errorf("our metadata: %s, %v", text, err)
	}
}
