package upstream

import (
	"crypto/ecdsa"
	"encoding/base64"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
)

// named fails the test for an error that has no code of an identity provider.
func named(t *testing.T, err error) {
	t.Helper()
	if err != nil && !strings.HasPrefix(string(lockstep.CodeOf(err)), "idp.") {
		t.Errorf("an error without a code of ours: %v", err)
	}
}

// FuzzCallback: whatever the browser brings back is refused by name, unless it is one code of one login. Nothing is sent anywhere.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{"code=x", "code=x&iss=https%3A%2F%2Fidp.example", "error=access_denied&error_description=no", "code=a&code=b", "iss=", "%zz", "SAMLResponse=PHg%2B&RelayState=s"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	up, err := newFlow(good(sso.KindOIDC), &client{now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	saml, err := (&Opener{}).Open(f.Context(), good(sso.KindSAML))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string, post bool) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		code, bad := up.code(sso.Callback{Values: values, Post: post}, startHop(nil, time.Now, "callback"), false)
		switch {
		case (code == "") == (bad == nil):
			t.Errorf("got %q and %v", code, bad)
		case bad == nil && (len(values["code"]) != 1 || values.Get("code") != code || values.Has("error") || values.Has("iss") && values.Get("iss") != "https://idp.example"):
			t.Errorf("%q gave the code %q", query, code)
		}
		who, err := saml.Finish(t.Context(), sso.Attempt{RedirectURI: "https://lockstep.example/cb", Kept: []byte(`{"request":"id-1"}`)}, sso.Callback{Values: values, Post: post}, nil)
		if named(t, err); err == nil || who.Subject != "" {
			t.Errorf("%q signed %+v in", query, who)
		}
	})
}

// FuzzIDToken: no text that our key did not sign is an ID token, and none makes the reader fail.
func FuzzIDToken(f *testing.F) {
	p := good(sso.KindOIDC)
	key := newEC()
	p.Settings["jwks"], p.Settings["jwks_url"] = encode(map[string]any{"keys": []any{jwkEC("k1", &key.PublicKey)}}), ""
	up, err := newFlow(p, &client{now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	attempt := sso.Attempt{Nonce: "n"}
	claims := `{"iss":"https://idp.example","aud":"C1","sub":"u","nonce":"n","iat":1,"exp":99999999999}`
	signed := func(header, claims string) string {
		text := b64([]byte(header)) + "." + b64([]byte(claims))
		return text + "." + b64(withEC(key)(text))
	}
	whole := signed(`{"alg":"ES256","kid":"k1"}`, claims)
	if _, bad := up.verify(f.Context(), startHop(nil, time.Now, "id_token"), attempt, tokens{id: whole}); bad != nil {
		f.Fatalf("the seed is refused: %s", bad.detail)
	}
	f.Add(`{"alg":"ES256","kid":"k1"}`, claims, "", whole)
	f.Add(`{"alg":"none"}`, claims, "x", "a.b.c")
	f.Add(`{"alg":"HS256","jwk":{}}`, `{"iss":["https://idp.example"]}`, "", whole+".x.y")
	f.Fuzz(func(t *testing.T, header, body, signature, raw string) {
		for _, text := range []string{raw, b64([]byte(header)) + "." + b64([]byte(body)) + "." + b64([]byte(signature)), signed(header, body)} {
			got, bad := up.verify(t.Context(), startHop(nil, time.Now, "id_token"), attempt, tokens{id: text})
			if (got == nil) == (bad == nil) {
				t.Fatalf("%s: got %v and %v", text, got, bad)
			}
			if bad != nil {
				if bad.detail == "" || !strings.HasPrefix(string(bad.code), "idp.") || strings.ContainsAny(bad.detail, "\x00\x1b\u202e\n") {
					t.Errorf("%s: refused with %+v", text, bad)
				}
				continue
			}
			if got["iss"] != "https://idp.example" || got["nonce"] != "n" || !fitSubject(got["sub"].(string)) {
				t.Errorf("%s: accepted as %v", text, got)
			}
			parts := strings.Split(text, ".")
			signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
			if len(signature) != 64 || !ecdsa.Verify(&key.PublicKey, sha256Of(parts[0]+"."+parts[1]), new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
				t.Errorf("%s: accepted with a signature that is not ours", text)
			}
		}
	})
}

// FuzzSAMLResponse: a document that nobody signed signs nobody in, and the reader neither fails nor takes long.
func FuzzSAMLResponse(f *testing.F) {
	const open = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" InResponseTo="id-1" Destination="https://lockstep.example/cb">`
	for _, seed := range []string{
		open + `</samlp:Response>`, open + `<saml:Issuer>https://idp.example/saml</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="_2"><saml:Subject><saml:NameID>ada</saml:NameID></saml:Subject></saml:Assertion></samlp:Response>`,
		`<!DOCTYPE x>` + open, `<a:b xmlns:a="urn:a"/>`, open + `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/></ds:Signature><saml:Assertion/></samlp:Response>`,
	} {
		f.Add(seed)
	}
	up, err := (&Opener{}).Open(f.Context(), good(sso.KindSAML))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		begin := time.Now()
		who, err := up.Finish(t.Context(), sso.Attempt{RedirectURI: "https://lockstep.example/cb", Kept: []byte(`{"request":"id-1"}`)}, posted(text), nil)
		if named(t, err); err == nil || who.Subject != "" {
			t.Errorf("signed %+v in", who)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("took %v for %d bytes", took, len(text))
		}
	})
}

// FuzzDiscovery: what a document fills in passes the form, whatever it says; no address without https gets in.
func FuzzDiscovery(f *testing.F) {
	f.Add(document("https://idp.example", nil))
	f.Add(`{"issuer":"http://127.0.0.1","authorization_endpoint":"http://127.0.0.1/a","token_endpoint":"http://127.0.0.1/t","jwks_uri":7}`)
	f.Add(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><IDPSSODescriptor/></EntityDescriptor>`)
	o := &Opener{Dialer: &web.Dialer{}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []sso.ProviderKind{sso.KindOIDC, sso.KindWebexCC, sso.KindSAML} {
			if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "<") {
				return // an address; nothing is fetched here
			}
			got, err := o.Import(t.Context(), kind, text, nil, nil)
			if named(t, err); err != nil {
				continue
			}
			if err := CheckDraft(sso.Provider{Kind: kind, Settings: got.Settings}); err != nil {
				t.Errorf("%s: what was imported is refused: %v", kind, err)
			}
		}
	})
}

// FuzzLDAPMessage: what is handed to the library is one whole message within its bounds.
func FuzzLDAPMessage(f *testing.F) {
	for _, seed := range []string{"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", "\x30\x84\x7f\xff\xff\xff", "\x30\x80\x00\x00", startTLS, startTLSDone} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := readMessage(strings.NewReader(string(text)))
		if err == nil && (len(got) < 2 || len(got) > maxLDAPMessage+6 || !strings.HasPrefix(string(text), string(got))) {
			t.Errorf("%x gives %x", text, got)
		}
	})
}
