package sso_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"lockstep/audit"
	"lockstep/sso"
	"lockstep/sso/saml"
)

const (
	wiki    = "https://wiki.example/metadata"
	wikiACS = "https://wiki.example/acs"
	sha256s = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
)

// sp is an application that speaks SAML, as a test makes its messages; none of the code under test is used for them.
type sp struct {
	*world
	key *rsa.PrivateKey
	der []byte
	id  int
}

// wikiKey is the application's, made once: it takes its time.
var wikiKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// samlApp adds the application wiki.
func (w *world) samlApp(change func(*sso.SAMLApp)) *sp {
	w.Helper()
	key := wikiKey()
	der, err := saml.Certificate(key, "wiki", w.now().Add(-time.Hour))
	w.must(err)
	s := &sp{world: w, key: key, der: der}
	app := &sso.SAMLApp{
		Entity: wiki, ACS: []saml.Endpoint{{URL: wikiACS}, {URL: "https://wiki.example/other", Index: 7}}, Salt: []byte("salt"),
		Attributes: []sso.Mapping{{Name: "mail", From: "email"}, {Name: "urn:oid:2.16.840.1.113730.3.1.241", Friendly: "displayName", From: "name"}, {Name: "login", From: "userName"}, {Name: "none", From: "title"}},
	}
	if change != nil {
		change(app)
	}
	c := sso.Client{Tenant: w.tenant, ID: "wiki", Name: "The Wiki", Kind: sso.KindSAMLApp, Auth: sso.AuthNone, SAML: app}
	w.must(c.Check())
	_, err = w.db.SSO().PutClient(w.Context(), audit.Actor{}, "created", c)
	w.must(err)
	return s
}

func (s *sp) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.der}))
}

// asks makes the text of an AuthnRequest with changes: old, new pairs.
func (s *sp) asks(changes ...string) string {
	s.id++
	text := fmt.Sprintf(`<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_request-%d" Version="2.0" IssueInstant="%s" Destination="%s/saml/sso" AssertionConsumerServiceURL="%s"><saml:Issuer>%s</saml:Issuer></samlp:AuthnRequest>`,
		s.id, s.now().Format(time.RFC3339), s.issuer, wikiACS, wiki)
	return strings.NewReplacer(changes...).Replace(text)
}

func (s *sp) lastID() string { return fmt.Sprintf("_request-%d", s.id) }

func deflated(text string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// redirect is the query of a message by redirect; by is who signs it, nil nobody.
func (s *sp) redirect(field, text, relay string, by *rsa.PrivateKey) string {
	query := field + "=" + url.QueryEscape(deflated(text)) + "&RelayState=" + url.QueryEscape(relay)
	if by == nil {
		return query
	}
	query += "&SigAlg=" + url.QueryEscape(sha256s)
	sum := sha256.Sum256([]byte(query))
	signature, err := rsa.SignPKCS1v15(nil, by, crypto.SHA256, sum[:])
	s.must(err)
	return query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
}

// enveloped signs a text within itself, after its first child.
func (s *sp) enveloped(text string) string {
	doc := etree.NewDocument()
	s.must(doc.ReadFromString(text))
	ctx, err := dsig.NewSigningContext(s.key, [][]byte{s.der})
	s.must(err)
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	signature, err := ctx.ConstructSignature(doc.Root(), true)
	s.must(err)
	doc.Root().InsertChildAt(1, signature)
	out, err := doc.WriteToString()
	s.must(err)
	return out
}

// fields are the values of the form on a page, and its action.
func (p page) fields() (string, url.Values) {
	values := url.Values{}
	_, action, _ := strings.Cut(p.body, `<form method="post" action="`)
	action, _, _ = strings.Cut(action, `"`)
	rest := p.body
	for {
		var name, value string
		var found bool
		if _, rest, found = strings.Cut(rest, `<input type="hidden" name="`); !found {
			return html.UnescapeString(action), values
		}
		name, rest, _ = strings.Cut(rest, `"`)
		_, rest, _ = strings.Cut(rest, `value="`)
		value, rest, _ = strings.Cut(rest, `"`)
		values.Add(html.UnescapeString(name), html.UnescapeString(value))
	}
}

// signOn opens a request and returns the page with the response, after the sign-in if there is one.
func (b *browser) signOn(query string) page {
	b.Helper()
	p := b.get(b.issuer + "/saml/sso?" + query)
	if p.to().Host == "idp.example" {
		p = b.comeBack(p)
	}
	return p
}

// received lets a service provider of crewjam/saml judge a response, with our metadata.
func (s *sp) received(p page, request string) (*crewjam.Assertion, error) {
	s.Helper()
	action, fields := p.fields()
	if p.StatusCode != http.StatusOK || fields.Get("SAMLResponse") == "" {
		s.Fatalf("no response: %d %s\n%s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	text, err := base64.StdEncoding.DecodeString(fields.Get("SAMLResponse"))
	s.must(err)
	acs, err := url.Parse(action)
	s.must(err)
	own, err := url.Parse(wiki)
	s.must(err)
	var entity crewjam.EntityDescriptor
	s.must(xml.Unmarshal([]byte(s.browser().get(s.issuer+"/saml/metadata").body), &entity))
	provider := crewjam.ServiceProvider{EntityID: wiki, AcsURL: *acs, MetadataURL: *own, IDPMetadata: &entity, Clock: dsig.NewFakeClockAt(s.now()), RejectSHA1Signatures: true, RejectUnknownConditions: true, IgnoreCertificateExpiry: true}
	ids := []string{request}
	if request == "" {
		provider.AllowIDPInitiated, ids = true, nil
	}
	a, err := provider.ParseXMLResponse(text, ids, *acs)
	if refused, is := err.(*crewjam.InvalidResponseError); is { //nolint:errorlint // it is the outer one
		err = refused.PrivateErr
	}
	return a, err
}

func (s *sp) assertion(p page, request string) *crewjam.Assertion {
	s.Helper()
	a, err := s.received(p, request)
	s.must(err)
	return a
}

func attributesOf(a *crewjam.Assertion) string {
	var all []string
	for _, statement := range a.AttributeStatements {
		for _, one := range statement.Attributes {
			for _, v := range one.Values {
				all = append(all, one.Name+"="+v.Value)
			}
		}
	}
	return strings.Join(all, " ")
}

// TestSAMLSignOn: an application that speaks SAML gets an assertion that a library which is not ours believes: for it alone, in answer to its
// request, for minutes, about the person who has signed in.
func TestSAMLSignOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.samlApp(nil)
	b := w.browser()
	p := b.signOn(s.redirect("SAMLRequest", s.asks(), "relay & more", nil))
	a := s.assertion(p, s.lastID())
	action, fields := p.fields()
	w.is("action", action, wikiACS)
	w.is("relay state", fields.Get("RelayState"), "relay & more")
	w.is("name ID", a.Subject.NameID.Value, "ada@acme.example")
	w.is("format", a.Subject.NameID.Format, saml.FormatEmail)
	w.is("attributes", attributesOf(a), "mail=ada@acme.example urn:oid:2.16.840.1.113730.3.1.241=Ada Lovelace login=ada@acme.example")
	w.is("audience", a.Conditions.AudienceRestrictions[0].Audience.Value, wiki)
	w.is("class", a.AuthnStatements[0].AuthnContext.AuthnContextClassRef.Value, saml.ContextUnspecified)
	w.is("confirmation", a.Subject.SubjectConfirmations[0].SubjectConfirmationData.NotOnOrAfter.Sub(w.now()), 5*time.Minute)

	// The session answers the next request, and ends with the person.
	again := s.assertion(b.get(w.issuer+"/saml/sso?"+s.redirect("SAMLRequest", s.asks(), "", nil)), s.lastID())
	if again.AuthnStatements[0].SessionIndex == a.AuthnStatements[0].SessionIndex || again.ID == a.ID {
		t.Error("two assertions have one ID or session index")
	}
	if _, err := s.received(b.get(w.issuer+"/saml/sso?"+s.redirect("SAMLRequest", s.asks(), "", nil)), "_another"); err == nil {
		t.Error("a response to another request was believed")
	}
	w.disable(w.ada)
	if p := b.get(w.issuer + "/saml/sso?" + s.redirect("SAMLRequest", s.asks(), "", nil)); p.to().Host != "idp.example" {
		t.Errorf("disabled, and answered: %d", p.StatusCode)
	}
}

// TestSAMLPosted: a request that another site posts shows no cookie of ours, and finds the session all the same. It goes on once.
func TestSAMLPosted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.samlApp(nil)
	w.setClient("wiki", func(c *sso.Client) { c.SAML.Certificates = s.pem() })
	b := w.browser()
	text := s.enveloped(s.asks())
	form := url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(text))}, "RelayState": {"r"}}
	p := b.post(w.issuer+"/saml/sso", form)
	if !strings.HasPrefix(p.Header.Get("Location"), w.issuer+"/saml/go?key=") {
		t.Fatalf("%d %s %s", p.StatusCode, p.Header.Get("Location"), p.body)
	}
	to := p.Header.Get("Location")
	s.assertion(b.comeBack(b.get(to)), s.lastID())
	w.is("the address used again", b.get(to).StatusCode, http.StatusBadRequest)
	w.is("the request posted again", b.post(w.issuer+"/saml/sso", form).StatusCode, http.StatusBadRequest)
}

// TestSAMLWishes: what a request asks for is given, or refused in the words of the protocol; nothing else is given in its place.
func TestSAMLWishes(t *testing.T) {
	t.Parallel()
	const policy = `</saml:Issuer><samlp:NameIDPolicy Format="%s"/>`
	const context = `</saml:Issuer><samlp:RequestedAuthnContext Comparison="%s"><saml:AuthnContextClassRef>%s</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>`
	ends := func(format string, args ...any) []string {
		return []string{"</saml:Issuer>", fmt.Sprintf(format, args...)}
	}
	w := newWorld(t)
	s := w.samlApp(nil)
	for name, c := range map[string]struct {
		change []string
		app    func(*sso.SAMLApp)
		want   string // a name ID or "", or the end of a status
	}{
		"nothing":                     {nil, nil, "email"},
		"passive":                     {[]string{`Version="2.0"`, `Version="2.0" IsPassive="true"`}, nil, "status:NoPassive"},
		"passive and forced":          {[]string{`Version="2.0"`, `Version="2.0" IsPassive="1" ForceAuthn="1"`}, nil, "status:NoPassive"},
		"persistent":                  {ends(policy, saml.FormatPersistent), nil, "persistent"},
		"transient":                   {ends(policy, saml.FormatTransient), nil, "transient"},
		"unspecified":                 {ends(policy, saml.FormatUnspecified), nil, "email"},
		"unspecified by attribute":    {ends(policy, saml.FormatUnspecified), func(a *sso.SAMLApp) { a.NameID, a.NameIDFrom = sso.NameIDUnspecified, "name" }, "Ada Lovelace"},
		"another than allowed":        {ends(policy, saml.FormatEmail), func(a *sso.SAMLApp) { a.NameID = sso.NameIDPersistent }, "status:InvalidNameIDPolicy"},
		"a format there is not":       {ends(policy, "urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"), nil, "status:InvalidNameIDPolicy"},
		"class that was not":          {ends(context, "exact", "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos"), nil, "status:NoAuthnContext"},
		"class that is set":           {ends(context, "exact", saml.ContextMFA), func(a *sso.SAMLApp) { a.Context = sso.ContextAsked }, "email"},
		"at least nothing":            {ends(context, "minimum", saml.ContextUnspecified), nil, "email"},
		"by index":                    {[]string{`AssertionConsumerServiceURL="` + wikiACS + `"`, `AssertionConsumerServiceIndex="7"`}, nil, "email"},
		"signed as a whole":           {nil, func(a *sso.SAMLApp) { a.SignResponse = true }, "email"},
		"the person who is asked for": {ends(`</saml:Issuer><saml:Subject><saml:NameID>ada@acme.example</saml:NameID></saml:Subject>`), nil, "email"},
		"another person":              {ends(`</saml:Issuer><saml:Subject><saml:NameID>ben@acme.example</saml:NameID></saml:Subject>`), nil, "status:AuthnFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			w.T = t
			w.setClient("wiki", func(client *sso.Client) {
				client.SAML.NameID, client.SAML.NameIDFrom, client.SAML.Context, client.SAML.SignResponse = "", "", "", false
				if c.app != nil {
					c.app(client.SAML)
				}
			})
			p := w.browser().signOn(s.redirect("SAMLRequest", s.asks(c.change...), "", nil))
			a, err := s.received(p, s.lastID())
			if code, is := strings.CutPrefix(c.want, "status:"); is {
				_, fields := p.fields()
				text, _ := base64.StdEncoding.DecodeString(fields.Get("SAMLResponse"))
				if err == nil || !strings.Contains(string(text), "status:"+code+`"`) || strings.Contains(string(text), "Assertion>") {
					t.Errorf("%v, want %s: %s", err, code, text)
				}
				return
			}
			w.must(err)
			got := map[string]string{saml.FormatEmail: "email", saml.FormatPersistent: "persistent", saml.FormatTransient: "transient"}[a.Subject.NameID.Format]
			if got == "" {
				got = a.Subject.NameID.Value
			}
			w.is("name ID", got, c.want)
			if (got == "persistent" || got == "transient") && strings.Contains(a.Subject.NameID.Value, string(w.ada)) {
				t.Errorf("the name ID %s tells who it is", a.Subject.NameID.Value)
			}
		})
	}
}

// TestSAMLHostile: whatever is wrong with a request, nobody is asked to sign in for it, and no browser is sent anywhere.
func TestSAMLHostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.samlApp(nil)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	w.must(err)
	signed := func(changes ...string) string { return s.redirect("SAMLRequest", s.asks(changes...), "r", s.key) }
	posted := func(text string) url.Values {
		return url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(text))}}
	}
	w.setClient("wiki", func(c *sso.Client) { c.SAML.Certificates = s.pem() })
	if p := w.browser().signOn(signed()); p.StatusCode != http.StatusOK {
		t.Fatalf("a good request: %d %s", p.StatusCode, p.body)
	}
	replayed := signed()
	w.browser().get(w.issuer + "/saml/sso?" + replayed)
	// The signed request is moved into an unsigned one that a browser would be sent elsewhere for.
	inner := s.enveloped(s.asks())
	wrapped := strings.Replace(s.asks(), "</samlp:AuthnRequest>", "<samlp:Extensions>"+inner+"</samlp:Extensions></samlp:AuthnRequest>", 1)
	_, signature, _ := strings.Cut(inner, "</saml:Issuer>")
	signature, _, _ = strings.Cut(signature, "</samlp:AuthnRequest>")
	moved := strings.Replace(s.asks(), "</saml:Issuer>", "</saml:Issuer>"+signature, 1)
	sha1 := strings.Replace(signed(), url.QueryEscape(sha256s), url.QueryEscape("http://www.w3.org/2000/09/xmldsig#rsa-sha1"), 1)
	for name, query := range map[string]string{
		"unsigned although a certificate is registered": s.redirect("SAMLRequest", s.asks(), "r", nil),
		"signed by a stranger":                          s.redirect("SAMLRequest", s.asks(), "r", stranger),
		"the relay state was changed":                   strings.Replace(signed(), "RelayState=r", "RelayState=s", 1),
		"the relay state was taken away":                strings.Replace(signed(), "&RelayState=r", "", 1),
		"the algorithm was changed":                     sha1,
		"another request under the signature":           strings.Replace(signed(), "SAMLRequest=", "SAMLRequest="+url.QueryEscape(deflated(s.asks()))+"&X=", 1),
		"a second request":                              signed() + "&SAMLRequest=" + url.QueryEscape(deflated(s.asks())),
		"a request under another spelling":              signed() + "&%53AMLRequest=" + url.QueryEscape(deflated(s.asks())),
		"a request that came before":                    replayed,
		"an address that is not registered":             signed(wikiACS, "https://evil.example/acs"),
		"an address that is nearly registered":          signed(wikiACS, wikiACS+"/"),
		"an index that there is not":                    signed(`AssertionConsumerServiceURL="`+wikiACS+`"`, `AssertionConsumerServiceIndex="3"`),
		"an answer by another binding":                  signed(`Version="2.0"`, `Version="2.0" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"`),
		"an application that is not known":              signed(wiki, "https://other.example"),
		"of an hour ago":                                signed(w.now().Format(time.RFC3339), w.now().Add(-time.Hour).Format(time.RFC3339)),
		"of in an hour":                                 signed(w.now().Format(time.RFC3339), w.now().Add(time.Hour).Format(time.RFC3339)),
		"for another identity provider":                 signed(w.issuer+"/saml/sso", "https://other.example/saml/sso"),
		"SAML 1.1":                                      signed(`Version="2.0"`, `Version="1.1"`),
		"no ID":                                         signed(`ID="_request-`, `Id="_request-`),
		"a document type":                               s.redirect("SAMLRequest", `<!DOCTYPE a [<!ENTITY e "https://wiki.example/metadata">]>`+s.asks(wiki, "&e;"), "r", s.key),
		"a document type without entities":              s.redirect("SAMLRequest", `<!DOCTYPE a>`+s.asks(), "r", s.key),
		"a comment in the issuer":                       signed(wiki, "https://wiki.example/<!-- -->metadata"),
		"a comment in the name ID":                      signed("</saml:Issuer>", `</saml:Issuer><saml:Subject><saml:NameID>ada@acme.example<!---->.evil.example</saml:NameID></saml:Subject>`),
		"a comment elsewhere":                           signed("</saml:Issuer>", "</saml:Issuer><!-- x -->"),
		"a processing instruction":                      signed("</saml:Issuer>", "</saml:Issuer><?x y?>"),
		"two issuers":                                   signed("</saml:Issuer>", "</saml:Issuer><saml:Issuer>https://other.example</saml:Issuer>"),
		"two issuers, the right one last":               signed("<saml:Issuer>", "<saml:Issuer>https://other.example</saml:Issuer><saml:Issuer>"),
		"a request within a request":                    signed("</saml:Issuer>", "</saml:Issuer><samlp:Extensions>"+s.asks()+"</samlp:Extensions>"),
		"two elements of one ID":                        signed("</saml:Issuer>", `</saml:Issuer><samlp:Extensions><x ID="_1"/><x ID="_1"/></samlp:Extensions>`),
		"an attribute twice":                            signed(`Version="2.0"`, `Version="2.0" Version="2.0"`),
		"two roots":                                     s.redirect("SAMLRequest", s.asks()+s.asks(), "r", s.key),
		"unfolds to megabytes":                          s.redirect("SAMLRequest", s.asks("</saml:Issuer>", "</saml:Issuer>"+strings.Repeat(" ", 20<<20)), "r", s.key),
		"too many elements":                             signed("</saml:Issuer>", "</saml:Issuer><samlp:Extensions>"+strings.Repeat("<x/>", 12_000)+"</samlp:Extensions>"),
		"a relay state of 5000 bytes":                   s.redirect("SAMLRequest", s.asks(), strings.Repeat("r", 5000), s.key),
		"not DEFLATE":                                   "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s.asks()))),
		"not base64":                                    "SAMLRequest=%21%21%21",
		"nothing":                                       "",
		"a signature within, by redirect":               s.redirect("SAMLRequest", s.enveloped(s.asks()), "r", nil),
		"a response":                                    s.redirect("SAMLRequest", strings.ReplaceAll(s.asks(), "AuthnRequest", "Response"), "r", s.key),
	} {
		p := w.browser().get(w.issuer + "/saml/sso?" + query)
		if p.StatusCode < 400 || p.StatusCode >= 500 || p.Header.Get("Location") != "" || strings.Contains(p.body, "SAMLResponse") {
			t.Errorf("%s: %d %s", name, p.StatusCode, p.Header.Get("Location"))
		}
	}
	for name, form := range map[string]url.Values{
		"wrapped":                  posted(wrapped),
		"another's signature":      posted(moved),
		"unsigned":                 posted(s.asks()),
		"changed after signing":    posted(strings.Replace(s.enveloped(s.asks()), `Version="2.0"`, `Version="2.0" ForceAuthn="true"`, 1)),
		"two requests":             {"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(inner)), base64.StdEncoding.EncodeToString([]byte(inner))}},
		"DEFLATE":                  {"SAMLRequest": {deflated(inner)}},
		"two hundred kilobytes":    posted(strings.Replace(inner, "</saml:Issuer>", "</saml:Issuer>"+strings.Repeat(" ", 200<<10), 1)),
		"SHA-1":                    posted(strings.ReplaceAll(s.enveloped(s.asks()), "xmldsig-more#rsa-sha256", "xmldsig#rsa-sha1")),
		"the signature of nothing": posted(strings.Replace(s.enveloped(s.asks()), `URI="#`+s.lastID()+`"`, `URI=""`, 1)),
	} {
		p := w.browser().post(w.issuer+"/saml/sso", form)
		if p.StatusCode < 400 || p.StatusCode >= 500 || p.Header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, p.StatusCode, p.Header.Get("Location"))
		}
	}
	// A request of another tenant's application is none of this one's.
	if p := w.browser().get(w.http.URL + "/sso/other/saml/sso?" + signed()); p.StatusCode != http.StatusBadRequest {
		t.Errorf("at another tenant: %d", p.StatusCode)
	}
	w.setClient("wiki", func(c *sso.Client) { c.Disabled = true })
	if p := w.browser().get(w.issuer + "/saml/sso?" + signed()); p.StatusCode != http.StatusBadRequest {
		t.Errorf("disabled: %d", p.StatusCode)
	}
}

// TestSAMLRecorded: a request that comes to nothing is found by the reference of its page, with what to do about it.
func TestSAMLRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.samlApp(nil)
	w.setClient("wiki", func(c *sso.Client) { c.SAML.Certificates = s.pem() })
	p := w.browser().get(w.issuer + "/saml/sso?" + s.redirect("SAMLRequest", s.asks(), "r", nil))
	_, id, _ := strings.Cut(p.body, "<code>")
	id, _, _ = strings.Cut(id, "</code>")
	trace, err := w.db.SSO().Trace(t.Context(), w.tenant, sso.LoginID(id))
	w.must(err)
	if trace.Client != "wiki" || trace.Code != "sso.message_invalid" || len(trace.Stages) != 1 || !strings.Contains(trace.Stages[0].Fix, "certificate") {
		t.Errorf("%+v", trace)
	}
}

// TestSAMLStart: people begin here only where an administrator allows it; the relay state is theirs, never the browser's.
func TestSAMLStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.samlApp(nil)
	w.is("not allowed", w.browser().get(w.issuer+"/saml/start?client=wiki").StatusCode, http.StatusBadRequest)
	w.setClient("wiki", func(c *sso.Client) { c.SAML.Start, c.SAML.StartRelay = true, "home" })
	b := w.browser()
	p := b.comeBack(b.get(w.issuer + "/saml/start?client=wiki&RelayState=https://evil.example&relay=x"))
	a := s.assertion(p, "")
	_, fields := p.fields()
	w.is("relay state", fields.Get("RelayState"), "home")
	if a.Subject.SubjectConfirmations[0].SubjectConfirmationData.InResponseTo != "" {
		t.Error("it answers a request that was never made")
	}
}

// TestSAMLNames: a persistent name is the same each time and another one at another application; a transient one is never the same.
func TestSAMLNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.samlApp(func(a *sso.SAMLApp) { a.NameID = sso.NameIDPersistent })
	name := func() string {
		return s.assertion(w.browser().signOn(s.redirect("SAMLRequest", s.asks(), "", nil)), s.lastID()).Subject.NameID.Value
	}
	first := name()
	w.is("persistent", name(), first)
	w.setClient("wiki", func(c *sso.Client) { c.SAML.Salt = []byte("of another application") })
	if name() == first {
		t.Error("two applications know a person by one name")
	}
	w.setClient("wiki", func(c *sso.Client) { c.SAML.NameID = sso.NameIDTransient })
	if name() == name() {
		t.Error("a transient name came twice")
	}
}

// leaves makes the text of a LogoutRequest.
func (s *sp) leaves(nameID, index string) string {
	s.id++
	if index != "" {
		index = "<samlp:SessionIndex>" + index + "</samlp:SessionIndex>"
	}
	return fmt.Sprintf(`<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_request-%d" Version="2.0" IssueInstant="%s" Destination="%s/saml/slo"><saml:Issuer>%s</saml:Issuer><saml:NameID>%s</saml:NameID>%s</samlp:LogoutRequest>`,
		s.id, s.now().Format(time.RFC3339), s.issuer, wiki, nameID, index)
}

// inflated is the text of a message in an address.
func inflated(p page, field string) string {
	packed, _ := base64.StdEncoding.DecodeString(p.to().Query().Get(field))
	text, _ := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	return string(text)
}

// TestSAMLLogoutAsked: an application signs somebody out by a signed request that names the session; the answer is signed and goes where it was
// registered.
func TestSAMLLogoutAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.samlApp(func(a *sso.SAMLApp) { a.Logout = "https://wiki.example/slo" })
	w.setClient("wiki", func(c *sso.Client) { c.SAML.Certificates = s.pem() })
	b := w.browser()
	a := s.assertion(b.signOn(s.redirect("SAMLRequest", s.asks(), "", s.key)), s.lastID())
	index, name := a.AuthnStatements[0].SessionIndex, a.Subject.NameID.Value
	out := func(text string, by *rsa.PrivateKey) page {
		return b.get(w.issuer + "/saml/slo?" + s.redirect("SAMLRequest", text, "back", by))
	}
	w.is("unsigned", out(s.leaves(name, index), nil).StatusCode, http.StatusBadRequest)
	if p := out(s.leaves("ben@acme.example", index), s.key); !strings.Contains(inflated(p, "SAMLResponse"), "UnknownPrincipal") {
		t.Errorf("another name: %s", inflated(p, "SAMLResponse"))
	}
	if p := out(s.leaves(name, "another"), s.key); !strings.Contains(inflated(p, "SAMLResponse"), "UnknownPrincipal") {
		t.Errorf("another session: %s", inflated(p, "SAMLResponse"))
	}
	if p := b.get(w.issuer + "/saml/sso?" + s.redirect("SAMLRequest", s.asks(`Version="2.0"`, `Version="2.0" IsPassive="true"`), "", s.key)); !strings.Contains(p.body, "SAMLResponse") {
		t.Fatal("signed out by a request about somebody else")
	} else {
		s.assertion(p, s.lastID())
	}
	text := s.leaves(name, index)
	p := out(text, s.key)
	if p.to().Host == "idp.example" { // the provider's session ends, too
		p = b.get(p.to().Query().Get("goto"))
	}
	if p.to().Host != "wiki.example" || p.to().Path != "/slo" || p.to().Query().Get("RelayState") != "back" || p.to().Query().Get("Signature") == "" {
		t.Fatalf("%d %s %s", p.StatusCode, p.to(), p.body)
	}
	if answer := inflated(p, "SAMLResponse"); !strings.Contains(answer, "status:Success") || !strings.Contains(answer, `InResponseTo="`+s.lastID()+`"`) {
		t.Error(answer)
	}
	w.is("once more", out(text, s.key).StatusCode, http.StatusBadRequest)
	p = b.get(w.issuer + "/saml/sso?" + s.redirect("SAMLRequest", s.asks(`Version="2.0"`, `Version="2.0" IsPassive="true"`), "", s.key))
	if _, err := s.received(p, s.lastID()); err == nil {
		t.Error("signed out, and signed in")
	}
}

// TestSAMLLogoutSent: who signs out here is sent through the applications that take a word of it from the browser, whose answers count only when
// they are signed and to the request; then where they were to go.
func TestSAMLLogoutSent(t *testing.T) {
	t.Parallel()
	for _, confirms := range []bool{true, false} {
		w := newWorld(t)
		s := w.samlApp(func(a *sso.SAMLApp) { a.Logout = "https://wiki.example/slo?x=1" })
		w.setClient("wiki", func(c *sso.Client) { c.SAML.Certificates = s.pem() })
		b := w.browser()
		s.assertion(b.signOn(s.redirect("SAMLRequest", s.asks(), "", s.key)), s.lastID())
		p := b.post(w.issuer+"/logout", url.Values{"sure": {"yes"}, "client_id": {"app"}, "post_logout_redirect_uri": {"https://app.example/bye"}})
		asked := inflated(p, "SAMLRequest")
		if p.to().Host != "wiki.example" || !strings.Contains(asked, "LogoutRequest") || !strings.Contains(asked, "ada@acme.example") {
			t.Fatalf("%s %s", p.to(), asked)
		}
		_, id, _ := strings.Cut(asked, `ID="`)
		id, _, _ = strings.Cut(id, `"`)
		if !confirms {
			id = "_another"
		}
		answer := fmt.Sprintf(`<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_answer-1" Version="2.0" IssueInstant="%s" InResponseTo="%s"><saml:Issuer>%s</saml:Issuer><samlp:Status><samlp:StatusCode Value="%s"/></samlp:Status></samlp:LogoutResponse>`,
			w.now().Format(time.RFC3339), id, wiki, saml.StatusSuccess)
		back := w.issuer + "/saml/slo?" + s.redirect("SAMLResponse", answer, p.to().Query().Get("RelayState"), s.key)
		if p := w.browser().get(back); p.StatusCode != http.StatusBadRequest {
			t.Errorf("another browser goes on with it: %d", p.StatusCode)
		}
		p = b.get(back)
		if p.to().Host == "idp.example" {
			p = b.get(p.to().Query().Get("goto"))
		}
		w.is("in the end", p.Header.Get("Location"), "https://app.example/bye")
		w.later(time.Minute)
		w.must(w.sso.Tell(t.Context()))
		endings, err := w.db.SSO().Endings(t.Context(), w.tenant, 1)
		w.must(err)
		want := "1 application to be told, 1 told, the slowest after 0s"
		if !confirms {
			want = "1 application to be told, 0 told, not told: wiki"
		}
		w.is("report", endings[0].Report(), want)
	}
}

// TestSAMLLeaver: an application that takes a word without a browser is told when somebody is disabled; one that takes none is named, and never
// counted as told.
func TestSAMLLeaver(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		saml.StatusSuccess: "1 application to be told, 1 told, the slowest after 0s", saml.StatusResponder: "1 application to be told, 0 told, 1 still to be told",
		"none": "1 application to be told, 0 told, not told: wiki",
	} {
		w := newWorld(t)
		var got string
		app := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = string(body)
			_, id, _ := strings.Cut(got, `ID="`)
			id, _, _ = strings.Cut(id, `"`)
			fmt.Fprintf(out, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><p:LogoutResponse xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_answer-1" Version="2.0" InResponseTo="%s"><p:Status><p:StatusCode Value="%s"/></p:Status></p:LogoutResponse></s:Body></s:Envelope>`, id, status)
		}))
		defer app.Close()
		s := w.samlApp(func(a *sso.SAMLApp) {
			if status != "none" {
				a.LogoutSOAP = app.URL
			}
		})
		a := s.assertion(w.browser().signOn(s.redirect("SAMLRequest", s.asks(), "", nil)), s.lastID())
		w.disable(w.ada)
		w.must(w.sso.Tell(t.Context()))
		endings, err := w.db.SSO().Endings(t.Context(), w.tenant, 1)
		w.must(err)
		w.is("report", endings[0].Report(), want)
		if status == "none" {
			continue
		}
		doc := etree.NewDocument()
		w.must(doc.ReadFromString(got))
		request := doc.FindElement("//LogoutRequest")
		if request == nil || request.FindElement("SessionIndex").Text() != a.AuthnStatements[0].SessionIndex || request.FindElement("NameID").Text() != "ada@acme.example" || request.FindElement("Signature") == nil {
			t.Errorf("it was sent %s", got)
		}
	}
}

// TestSAMLCertificate: the metadata have the same certificate each time, so that it may be compared; it is not a key of OpenID Connect.
func TestSAMLCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.browser().get(w.issuer + "/saml/metadata")
	w.later(200 * 24 * time.Hour) // the keys of OpenID Connect have turned meanwhile
	if again := w.browser().get(w.issuer + "/saml/metadata"); again.body != first.body || again.StatusCode != http.StatusOK {
		t.Errorf("%d %s", again.StatusCode, again.body)
	}
	w.later(5*365*24*time.Hour - 250*24*time.Hour)
	if n := strings.Count(w.browser().get(w.issuer+"/saml/metadata").body, "<ds:X509Certificate>"); n != 2 {
		t.Errorf("%d certificates before the next key signs", n)
	}
	doc := etree.NewDocument()
	w.must(doc.ReadFromString(first.body))
	der, err := base64.StdEncoding.DecodeString(doc.FindElement("//X509Certificate").Text())
	w.must(err)
	c, err := x509.ParseCertificate(der)
	w.must(err)
	n := base64.RawURLEncoding.EncodeToString(c.PublicKey.(*rsa.PublicKey).N.Bytes())
	if keys := w.browser().get(w.issuer + "/jwks").body; strings.Contains(keys, n) {
		t.Error("the key signs tokens, too")
	}
}
