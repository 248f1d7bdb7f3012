package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/parts"
)

// mellonFiles writes the key and the certificate of a service provider into a folder, beside the metadata of the identity provider.
func mellonFiles(t *testing.T, dir, metadata string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	c.Subject.CommonName = "wiki"
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"sp.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "sp.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "idp.xml": []byte(metadata),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestModAuthMellon: Apache's mod_auth_mellon, which speaks SAML and is not ours (it stands on the library Lasso), signs people in through
// Lockstep. It believes our assertions and our requests to sign somebody out, we believe its signed ones; both sides read nothing but the
// other's metadata. Who is disabled is signed out there, and nobody else.
func TestModAuthMellon(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	_, e := h.scimServer()
	issuer := strings.TrimSuffix(e.base, "/scim/default/v2") + "/sso/default"
	for _, name := range []string{"ada", "ben"} {
		e.want(http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s@acme.example","displayName":"%s","emails":[{"value":"%s@acme.example"}],"password":"sesame and more","active":true}`, name, name, name))
	}
	h.run("idp", "add", "passwords", "--kind", "local")
	h.run("idp", "enable", "passwords")
	app := parts.Apache(t, "auth_mellon", func(address, dir string) string {
		_, metadata := newVisitor(t, issuer, "", "").read(http.Get(issuer + "/saml/metadata"))
		mellonFiles(t, dir, metadata)
		return fmt.Sprintf(`<Location />
AuthType Mellon
MellonEnable auth
Require valid-user
MellonEndpointPath /mellon
MellonSPentityId %[1]s/mellon/metadata
MellonSPPrivateKeyFile %[2]s/sp.key
MellonSPCertFile %[2]s/sp.crt
MellonIdPMetadataFile %[2]s/idp.xml
MellonSecureCookie Off
MellonRedirectDomains [self]
Header always set X-Name "%%{MELLON_mail}e %%{MELLON_display}e"
</Location>
`, address, dir)
	})
	var added struct {
		SAML struct {
			Entity string `json:"entity_id"`
			SOAP   string `json:"single_logout_soap_url"`
			Certs  string `json:"certificates"`
		}
	}
	h.read(&added, "client", "add", "Wiki", "--id", "wiki", "--kind", "saml", "--metadata", app+"/mellon/metadata", "--attribute", "display=name", "--attribute", "mail=email")
	if added.SAML.Entity != app+"/mellon/metadata" || added.SAML.SOAP == "" || added.SAML.Certs == "" {
		t.Fatalf("read from its metadata: %+v", added)
	}
	ada, again, ben := newVisitor(t, issuer, "ada@acme.example", "sesame and more"), newVisitor(t, issuer, "ada@acme.example", "sesame and more"), newVisitor(t, issuer, "ben@acme.example", "sesame and more")
	for _, v := range []visitor{ada, again, ben} {
		if body := v.open(app + "/"); body != "the application\n" || !v.inside(app+"/") {
			t.Fatalf("%s is not signed in: %s", v.login, body)
		}
		answer, err := v.Get(app + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got, want := answer.Header.Get("X-Name"), v.login+" "+v.login[:3]; got != want {
			t.Errorf("the application knows %q, want %q", got, want)
		}
	}
	// Signed out at Lockstep: its session ends there, and that of no other browser.
	again.read(again.PostForm(issuer+"/logout", url.Values{"sure": {"yes"}}))
	eventually(t, patience, func() (bool, string) { return !again.inside(app + "/"), "signed out, and still inside" })
	if !ada.inside(app+"/") || !ben.inside(app+"/") {
		t.Error("another session has ended, too")
	}
	// Signed out at the application: so at Lockstep, whose page asks for the password once more.
	at, body := ben.read(ben.Get(app + "/mellon/logout?ReturnTo=" + url.QueryEscape(app+"/mellon/metadata")))
	if at.Path != "/mellon/metadata" {
		t.Errorf("after the sign-out at %s: %s", at, body)
	}
	if ben.inside(app + "/") {
		t.Error("signed out at the application, and still inside")
	}
	if at, body := ben.read(ben.Get(app + "/")); !strings.HasPrefix(at.String(), issuer) || !strings.Contains(body, `name="password"`) {
		t.Errorf("signed out at the application, and signed in at Lockstep: %s", at)
	}
	if body := ben.open(app + "/"); body != "the application\n" {
		t.Fatalf("ben does not come in again: %s", body)
	}
	h.run("people", "disable", "ada@acme.example")
	eventually(t, patience, func() (bool, string) { return !ada.inside(app + "/"), "disabled, and still inside" })
	if !ben.inside(app + "/") {
		t.Error("somebody else was signed out")
	}
	eventually(t, patience, func() (bool, string) {
		r := h.try("session", "told")
		return strings.Count(r.stdout, "1 told") == 3 && r.code == 0, r.stdout
	})
}
