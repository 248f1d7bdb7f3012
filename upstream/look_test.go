package upstream

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
)

func TestLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	delete(w.provider.Settings, "discovery_url")
	if got, err := w.opener.Look(t.Context(), w.provider, nil); len(got.Changes) != 0 || len(got.Keys) == 0 || err != nil {
		t.Errorf("without an address: got %+v, %v", got, err)
	}
	says, keys := map[string]any{}, ""
	w.handle = func(out http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/.well-known/openid-configuration":
			_, _ = out.Write([]byte(document(w.URL, says)))
		case keys != "" && strings.HasSuffix(w.provider.Settings["jwks_url"], r.URL.Path):
			_, _ = out.Write([]byte(keys))
		default:
			return false
		}
		return true
	}
	w.provider.Settings["discovery_url"] = w.URL
	first, err := w.opener.Look(t.Context(), w.provider, nil)
	if len(first.Changes) != 0 || err != nil {
		t.Errorf("nothing has changed: got %+v, %v", first, err)
	}
	says["token_endpoint"], says["id_token_signing_alg_values_supported"] = w.URL+"/v2/token", []string{"PS256"}
	got, err := w.opener.Look(t.Context(), w.provider, nil)
	if err != nil || len(got.Changes) != 2 || got.Changes[0] != (Change{"token_url", "Token URL", w.URL + "/token", w.URL + "/v2/token"}) || got.Changes[1].Field != "algorithms" || !slices.Equal(got.Keys, first.Keys) {
		t.Errorf("got %+v, %v", got, err)
	}
	if w.provider.Settings["token_url"] != w.URL+"/token" {
		t.Error("the settings were changed")
	}
	says["issuer"] = "https://elsewhere.example"
	if got, err := w.opener.Look(t.Context(), w.provider, nil); lockstep.CodeOf(err) != lockstep.CodeIdPDiscovery || len(got.Keys) == 0 {
		t.Errorf("another issuer: got %+v, %v", got, err)
	}
	delete(says, "issuer")
	keys = `{"keys":[]}`
	if got, err := w.opener.Look(t.Context(), w.provider, nil); lockstep.CodeOf(err) != lockstep.CodeIdPKeyUnknown || len(got.Changes) != 2 {
		t.Errorf("no key: got %+v, %v", got, err)
	}
	keys = "<html>"
	if _, err := w.opener.Look(t.Context(), w.provider, nil); lockstep.CodeOf(err) != lockstep.CodeIdPMalformed {
		t.Errorf("no keys: %v", err)
	}
}

// TestLookAtMetadata: the certificates of a SAML provider are taken over from its metadata as long as one that is trusted stays; a document of another entity, one that is out of date
// and one that nobody trusted has signed give nothing.
func TestLookAtMetadata(t *testing.T) {
	t.Parallel()
	key := func() (string, *x509.Certificate, *rsa.PrivateKey) {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := x509.ParseCertificate(der)
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), c, k
	}
	one, certOne, _ := key()
	two, certTwo, _ := key()
	three, certThree, signer := key()
	says := ""
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write([]byte(says)) }))
	t.Cleanup(server.Close)
	document := func(entity, until string, certificates ...*x509.Certificate) string {
		var keys strings.Builder
		for _, c := range certificates {
			keys.WriteString(`<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(c.Raw) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`)
		}
		return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_m" entityID="` + entity + `"` + until + `><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys.String() +
			`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>`
	}
	const entity = "https://idp.example/saml"
	p := sso.Provider{ID: "saml", Kind: sso.KindSAML, Settings: map[string]string{"metadata_url": server.URL, "entity_id": entity, "sso_url": "https://idp.example/sso", "certificates": one, "metadata_follow": "true"}}
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	signed := func(text string) string {
		ctx, err := dsig.NewSigningContext(signer, [][]byte{certThree.Raw})
		if err != nil {
			t.Fatal(err)
		}
		ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
		d := etree.NewDocument()
		if err := d.ReadFromString(text); err != nil {
			t.Fatal(err)
		}
		root, err := ctx.SignEnveloped(d.Root())
		if err != nil {
			t.Fatal(err)
		}
		d.SetRoot(root)
		out, _ := d.WriteToString()
		return out
	}
	const soon = ` validUntil="2101-01-01T00:00:00Z"`
	ours := func(all ...string) func(map[string]string) {
		return func(s map[string]string) { s["certificates"] = strings.Join(all, "") }
	}
	for _, c := range []struct {
		name, says string
		before     string // certificates of the document at the look before; "" is one, "-" that there was none
		change     func(map[string]string)
		adopts     string // "" is nothing
		differs    []string
		code       lockstep.Code
	}{
		{name: "as it is", says: document(entity, "", certOne)},
		{name: "the next one beside it", says: document(entity, "", certOne, certTwo), adopts: one + two},
		{name: "the former one goes", says: document(entity, "", certTwo), before: one + two, change: ours(one, two), adopts: two},
		{name: "at the first look", says: document(entity, "", certOne, certTwo), before: "-", differs: []string{"certificates"}},
		{name: "the next one was put here by hand", says: document(entity, "", certOne), change: ours(one, two)},
		{name: "and then it comes, alone", says: document(entity, "", certTwo), change: ours(one, two), adopts: two},
		{name: "one was taken away by hand", says: document(entity, "", certOne, certTwo), before: one + two, change: ours(two), differs: []string{"certificates"}},
		{name: "and a third one comes", says: document(entity, "", certOne, certTwo, certThree), before: one + two, change: ours(two), adopts: two + three, differs: []string{"certificates"}},
		{name: "another alone", says: document(entity, "", certTwo), differs: []string{"certificates"}},
		{name: "told, not followed", says: document(entity, "", certOne, certTwo), change: func(s map[string]string) { delete(s, "metadata_follow") }, differs: []string{"certificates"}},
		{name: "of another entity", says: document("https://evil.example", "", certOne, certTwo), differs: []string{"entity_id", "certificates"}},
		{name: "out of date", says: document(entity, ` validUntil="2001-01-01T00:00:00Z"`, certOne, certTwo), code: lockstep.CodeIdPMalformed},
		{name: "to be signed, and not", says: document(entity, "", certOne, certTwo), change: func(s map[string]string) { s["metadata_signers"] = three }, code: lockstep.CodeIdPSAMLSignature},
		{name: "signed by somebody else", says: signed(document(entity, soon, certOne, certTwo)), change: func(s map[string]string) { s["metadata_signers"] = two }, code: lockstep.CodeIdPSAMLSignature},
		{name: "signed", says: signed(document(entity, soon, certOne, certTwo)), change: func(s map[string]string) { s["metadata_signers"] = three }, adopts: one + two},
		{name: "signed for ever", says: signed(document(entity, "", certOne, certTwo)), change: func(s map[string]string) { s["metadata_signers"] = three }, differs: []string{"certificates"}},
		{name: "changed after it was signed", says: strings.Replace(signed(document(entity, soon, certOne)), "idp.example/sso", "evil.example/sso", 1), change: func(s map[string]string) { s["metadata_signers"] = three }, code: lockstep.CodeIdPSAMLSignature},
	} {
		says = c.says
		at := p
		at.Settings = maps.Clone(p.Settings)
		if c.change != nil {
			c.change(at.Settings)
		}
		if err := Check(at); err != nil {
			t.Fatal(c.name, err)
		}
		got, err := o.Look(t.Context(), at, nil)
		before := thumbs(pemBlocks(cmp.Or(c.before, one)))
		got.Follow(at, before)
		var differs []string
		for _, d := range got.Changes {
			differs = append(differs, d.Field)
		}
		if lockstep.CodeOf(err) != c.code || !slices.Equal(differs, c.differs) || !slices.Equal(pemBlocks(got.Adopt["certificates"]), pemBlocks(c.adopts)) || (c.adopts != "") != strings.Contains(got.Adopted, " “idp.example”") {
			t.Errorf("%s: got %+v, %v; want code %q, differences in %v", c.name, got, err, c.code, c.differs)
		}
	}
	// Who chose the other binding is not told that the document says otherwise.
	says = strings.Replace(document(entity, "", certOne), "</IDPSSODescriptor>", `<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/post"/></IDPSSODescriptor>`, 1)
	for binding, to := range map[string]string{"": "https://idp.example/sso", "redirect": "https://idp.example/sso", "post": "https://idp.example/post"} {
		at := p
		at.Settings = maps.Clone(p.Settings)
		at.Settings["sso_url"] = to
		if binding != "" {
			at.Settings["sso_binding"] = binding
		}
		if got, err := o.Look(t.Context(), at, nil); err != nil || len(got.Changes) > 0 {
			t.Errorf("binding %q: %+v, %v", binding, got.Changes, err)
		}
	}
}
