package sso_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
)

var b64 = base64.RawURLEncoding

// authenticator is one that a test has in its hands: it answers as it is told to.
type authenticator struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte

	// What it does wrong, if anything.
	origin, rp string
	count      uint32
	flags      byte // UP 1, UV 4, BE 8, BS 16, AT 64
	challenge  string
	steady     bool // it does not count
}

func newAuthenticator(t *testing.T) *authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &authenticator{t: t, key: key, id: id, flags: 1 | 4}
}

// asked is what a page asks the browser for.
type asked struct {
	Challenge string
	RP        struct{ ID string }
	RPID      string `json:"rpId"`
	User      struct{ ID string }
	Allow     []struct{ ID string } `json:"allowCredentials"`
	Exclude   []struct{ ID string } `json:"excludeCredentials"`
	UV        string                `json:"userVerification"`
}

var passkeyForm = regexp.MustCompile(`data-passkey="([^"]*)"`)

func askedIn(t *testing.T, body string) asked {
	t.Helper()
	m := passkeyForm.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no passkey is asked for:\n%s", body)
	}
	var a asked
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authenticator) collected(kind, challenge, origin string) []byte {
	if a.challenge != "" {
		challenge = a.challenge
	}
	if a.origin != "" {
		origin = a.origin
	}
	text, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false})
	return text
}

func (a *authenticator) data(rp string, flags byte) []byte {
	if a.rp != "" {
		rp = a.rp
	}
	sum := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), a.count)
}

// make is the answer to a page that sets up a passkey.
func (a *authenticator) make(body, origin string) string {
	q := askedIn(a.t, body)
	a.handle, _ = b64.DecodeString(q.User.ID)
	client := a.collected("webauthn.create", q.Challenge, origin)
	pub, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, pub[1:33]...) // EC2, ES256, P-256, x, y
	cose = append(append(cose, 0x22, 0x58, 32), pub[33:]...)
	data := append(a.data(q.RP.ID, a.flags|64), make([]byte, 16)...) // no model
	data = append(append(binary.BigEndian.AppendUint16(data, uint16(len(a.id))), a.id...), cose...)
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(append(object, 0x67), "attStmt"...), 0xa0)
	object = append(append(append(object, 0x68), "authData"...), 0x59, byte(len(data)>>8), byte(len(data)))
	object = append(object, data...)
	text, _ := json.Marshal(map[string]any{
		"id": b64.EncodeToString(a.id), "rawId": b64.EncodeToString(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64.EncodeToString(client), "attestationObject": b64.EncodeToString(object), "transports": []string{"usb"}},
	})
	return string(text)
}

// get is the answer to a page that asks for a passkey.
func (a *authenticator) get(body, origin string) string {
	q := askedIn(a.t, body)
	if !a.steady {
		a.count++
	}
	client, data := a.collected("webauthn.get", q.Challenge, origin), a.data(q.RPID, a.flags)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(data[:len(data):len(data)], hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		a.t.Fatal(err)
	}
	text, _ := json.Marshal(map[string]any{
		"id": b64.EncodeToString(a.id), "rawId": b64.EncodeToString(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data), "signature": b64.EncodeToString(signature),
			"userHandle": b64.EncodeToString(a.handle),
		},
	})
	return string(text)
}

var secretOnPage = regexp.MustCompile(`<code>((?:[A-Z2-7]{4} ?){8})</code>`)

// app is an authenticator app that has read the secret from a page.
type app struct{ secret []byte }

func appOf(t *testing.T, body string) app {
	t.Helper()
	m := secretOnPage.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no secret is shown:\n%s", body)
	}
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(m[1], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return app{secret}
}

// code is what the app shows at a time (RFC 6238, by hand).
func (a app) code(at time.Time) string {
	mac := hmac.New(sha1.New, a.secret)
	_ = binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

var codeOnPage = regexp.MustCompile(`<li><code>([a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4})</code>`)

func codesIn(body string) []string {
	var all []string
	for _, m := range codeOnPage.FindAllStringSubmatch(body, -1) {
		all = append(all, m[1])
	}
	return all
}
