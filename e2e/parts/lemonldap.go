package parts

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Lemonldap is the portal of LemonLDAP::NG, an OpenID Provider that is not ours (Perl), with its demonstration people: dwho, whose password is dwho and whose address is
// dwho@badwolf.org, rtyler and msmith.
type Lemonldap struct {
	Issuer string

	t       testing.TB
	dir     string
	listen  string
	clients map[string]any
	turn    int
	server  *server
}

// lemonldapPortal is what Debian's liblemonldap-ng-portal-perl brings.
const lemonldapPortal = "/usr/share/lemonldap-ng/portal/htdocs/index.psgi"

// NewLemonldap starts the portal on loopback with one client, whose people are asked for their consent. It ends with the test.
func NewLemonldap(t testing.TB, id, secret, redirect string) *Lemonldap {
	t.Helper()
	Need(t, "plackup")
	if !exists(lemonldapPortal) {
		if inCI() {
			t.Fatalf("%s is not installed; under CI=true nothing is skipped", lemonldapPortal)
		}
		t.Skipf("%s is not installed; `make test` does it", lemonldapPortal)
	}
	dir, err := os.MkdirTemp("", "lockstep-lemonldap-")
	if err != nil {
		t.Fatal(err)
	}
	l := &Lemonldap{t: t, dir: dir, listen: Address(t)}
	l.Issuer = "http://" + l.listen + "/"
	l.clients = map[string]any{
		"oidcRPMetaDataOptions": map[string]any{"lockstep": map[string]any{
			"oidcRPMetaDataOptionsClientID": id, "oidcRPMetaDataOptionsClientSecret": secret, "oidcRPMetaDataOptionsDisplayName": "Lockstep", "oidcRPMetaDataOptionsRedirectUris": redirect,
			"oidcRPMetaDataOptionsPostLogoutRedirectUris": redirect, "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256", "oidcRPMetaDataOptionsUserIDAttr": "uid", "oidcRPMetaDataOptionsRequirePKCE": 1,
			"oidcRPMetaDataOptionsLogoutBypassConfirm": 1,
		}},
		"oidcRPMetaDataExportedVars": map[string]any{"lockstep": map[string]any{"email": "mail", "name": "cn", "preferred_username": "uid"}},
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "log")) // whatever there is of it
			t.Logf("LemonLDAP::NG says\n%s", log)
		}
		l.server.stop()
		_ = os.RemoveAll(dir)
	})
	l.Rotate()
	return l
}

// Rotate has the portal sign with a new key, as its script rotateOidcKeys does, and starts it anew.
func (l *Lemonldap) Rotate() {
	l.t.Helper()
	l.turn++
	if err := l.write(); err != nil {
		l.t.Fatal(err)
	}
	if l.server != nil {
		l.server.stop()
	}
	run := filepath.Join(l.dir, fmt.Sprint("run", l.turn))
	if err := os.Mkdir(run, 0o700); err != nil {
		l.t.Fatal(err)
	}
	host, port, _ := strings.Cut(l.listen, ":")
	var err error
	if l.server, err = supervise(run, "TERM", "lemonldap begins", nil, "sh", "-c",
		"echo lemonldap begins; exec env LLNG_DEFAULTCONFFILE="+l.dir+"/lemonldap-ng.ini plackup -E deployment --no-default-middleware --host "+host+" --port "+port+" "+lemonldapPortal+" >>"+l.dir+"/log 2>&1"); err != nil {
		l.t.Fatal(err)
	}
	if err := awaitListener(l.listen); err != nil {
		log, _ := os.ReadFile(filepath.Join(l.dir, "log"))
		l.t.Fatalf("LemonLDAP::NG: %v\n%s", err, log)
	}
}

// write writes the next configuration.
func (l *Lemonldap) write() error {
	for _, name := range []string{"conf", "sessions/lock", "psessions/lock", "cache"} {
		if err := os.MkdirAll(filepath.Join(l.dir, name), 0o700); err != nil {
			return err
		}
	}
	ini := fmt.Sprintf("[all]\nlogLevel = warn\n[configuration]\ntype = File\ndirName = %s/conf\n[portal]\nstaticPrefix = /static\ntemplateDir = /usr/share/lemonldap-ng/portal/templates\nlanguages = en\n[handler]\nstatus = 0\n", l.dir)
	if err := os.WriteFile(filepath.Join(l.dir, "lemonldap-ng.ini"), []byte(ini), 0o600); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	session := func(folder string) map[string]any {
		return map[string]any{"Directory": l.dir + "/" + folder, "LockDirectory": l.dir + "/" + folder + "/lock", "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}
	}
	c := map[string]any{
		"cfgNum": l.turn, "cfgAuthor": "test", "cfgDate": "1627287638", "cfgVersion": "2.16.1", "key": rand.Text(), "portal": l.Issuer, "domain": "127.0.0.1", "cookieName": "lemonldap", "securedCookie": 0,
		"authentication": "Demo", "userDB": "Same", "passwordDB": "Demo", "demoExportedVars": map[string]any{"cn": "cn", "mail": "mail", "uid": "uid"}, "whatToTrace": "_whatToTrace",
		"macros": map[string]any{"_whatToTrace": "lc($_user)"}, "globalStorage": "Apache::Session::File", "globalStorageOptions": session("sessions"),
		"persistentStorage": "Apache::Session::File", "persistentStorageOptions": session("psessions"),
		"localSessionStorage": "Cache::FileCache", "localSessionStorageOptions": map[string]any{"cache_depth": 3, "cache_root": l.dir + "/cache", "default_expires_in": 600, "directory_umask": "007", "namespace": "sessions"},
		"locationRules": map[string]any{"127.0.0.1": map[string]any{"default": "accept"}}, "exportedHeaders": map[string]any{},
		"captcha":                         "::Plugins::Status", // it is loaded although nothing is to show one, and the one that there is needs ImageMagick
		"issuerDBOpenIDConnectActivation": 1, "issuerDBOpenIDConnectRule": 1, "oidcServiceMetaDataIssuer": l.Issuer, "oidcServiceAllowAuthorizationCodeFlow": 1, "oidcServiceKeyIdSig": fmt.Sprint("key-", l.turn),
		"oidcServicePrivateKeySig": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		"oidcServicePublicKeySig":  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}
	for name, value := range l.clients {
		c[name] = value
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.dir, "conf", fmt.Sprintf("lmConf-%d.json", l.turn)), text, 0o600)
}
