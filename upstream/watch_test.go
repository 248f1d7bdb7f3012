package upstream

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/sso"
)

func TestRoots(t *testing.T) {
	soon, _ := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Soon"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	later, _ := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Later\u202e"}, NotAfter: time.Now().Add(48 * time.Hour)}, nil, nil)
	asPEM := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	roots, err := ParseRoots([]byte("# ours\n" + asPEM(later) + asPEM(soon)))
	if err != nil || len(roots) != 2 {
		t.Fatalf("got %d, %v", len(roots), err)
	}
	if one, err := ParseRoots(soon.Raw); err != nil || len(one) != 1 {
		t.Errorf("DER: got %d, %v", len(one), err)
	}
	p := good(sso.KindSAML)
	p.Roots = roots
	all := Expiries(p)
	if len(all) != 3 || all[0].What != "trusted certificate “Soon”" || all[1].What != "trusted certificate “Later\uFFFD”" || all[2].What != "certificates: “idp.example”" {
		t.Errorf("got %+v", all)
	}
	if shown := Trusted(p); len(shown) != 2 || !shown[1].CA || shown[1].Issuer != "Soon" {
		t.Errorf("got %+v", shown)
	}
	for name, file := range map[string]string{
		"a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "nothing": "", "a page": "<html>", "too many": strings.Repeat(asPEM(soon), 21),
	} {
		if _, err := ParseRoots([]byte(file)); lockstep.CodeOf(err) != lockstep.CodeIdPSettingInvalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	p.Roots = [][]byte{[]byte("x")}
	if err := Check(p); lockstep.CodeOf(err) != lockstep.CodeIdPSettingInvalid {
		t.Errorf("got %v", err)
	}
}
