package saml

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strings"
)

// The namespaces, and the other names of the standards that are used here.
const (
	spaceProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	spaceAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	spaceMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	spaceSignature = "http://www.w3.org/2000/09/xmldsig#"

	BindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	BindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
	BindingSOAP     = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
)

// MaxRelayState is how long a RelayState may be. The standard says 80 bytes (saml-bindings §3.4.3); applications put whole addresses into it.
const MaxRelayState = 2000

// Message is a message as the browser brought it. Nothing of it is believed yet.
type Message struct {
	Text       []byte // XML
	RelayState string
	Relayed    bool // there was a RelayState, even if it is empty

	post      bool
	octets    string // that the signature of a redirect covers
	algorithm string
	signature []byte
}

// The parameters that a message is in.
const (
	FieldRequest  = "SAMLRequest"
	FieldResponse = "SAMLResponse"
)

// Redirected reads a message of the HTTP-Redirect binding from the query as it came (saml-bindings §3.4.4.1): a signature covers the octets of
// the parameters, so they must not be decoded and encoded again.
func Redirected(rawQuery, field string) (Message, error) {
	raw := map[string]string{}
	for part := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case FieldRequest, FieldResponse, "RelayState", "SigAlg", "Signature", "SAMLEncoding":
		default:
			if plain, err := url.QueryUnescape(name); err == nil && (strings.HasPrefix(plain, "SAML") || plain == "RelayState" || strings.HasPrefix(plain, "Sig")) {
				return Message{}, fault("the parameter %s is spelled in another way", clean(plain, 40)) // a second reader would take it
			}
			continue
		}
		if _, twice := raw[name]; twice {
			return Message{}, fault("the parameter %s is there twice", name)
		}
		raw[name] = value
	}
	if e, there := raw["SAMLEncoding"]; there && e != url.QueryEscape("urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE") {
		return Message{}, fault("SAMLEncoding is not DEFLATE")
	}
	decoded := map[string]string{}
	for name, value := range raw {
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return Message{}, fault("the parameter %s is not encoded as it must be", name)
		}
		decoded[name] = plain
	}
	m := Message{RelayState: decoded["RelayState"], algorithm: decoded["SigAlg"]}
	_, m.Relayed = raw["RelayState"]
	packed, err := unbase64(decoded[field], maxMessage)
	if err != nil {
		return m, err
	}
	if m.Text, err = inflate(packed); err != nil {
		return m, err
	}
	if raw["Signature"] != "" {
		if m.signature, err = unbase64(decoded["Signature"], 4<<10); err != nil {
			return m, fault("the signature is not base64")
		}
		m.octets = field + "=" + raw[field]
		if m.Relayed {
			m.octets += "&RelayState=" + raw["RelayState"]
		}
		m.octets += "&SigAlg=" + raw["SigAlg"]
	}
	return m, m.relay()
}

// Posted reads a message of the HTTP-POST binding (saml-bindings §3.5.4).
func Posted(form url.Values, field string) (Message, error) {
	for _, name := range []string{FieldRequest, FieldResponse, "RelayState"} {
		if len(form[name]) > 1 {
			return Message{}, fault("the parameter %s is there twice", name)
		}
	}
	m := Message{RelayState: form.Get("RelayState"), Relayed: form.Has("RelayState"), post: true}
	var err error
	if m.Text, err = unbase64(form.Get(field), maxMessage); err != nil {
		return m, err
	}
	return m, m.relay()
}

func (m *Message) relay() error {
	if len(m.RelayState) > MaxRelayState {
		return fault("RelayState is longer than %d bytes", MaxRelayState)
	}
	return nil
}

// unbase64 decodes a bounded text, in which blanks do not count.
func unbase64(text string, most int) ([]byte, error) {
	if text == "" {
		return nil, fault("there is no SAML message")
	}
	if len(text) > 2*most {
		return nil, fault("the message is larger than %d KiB", most>>10)
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fault("the message is not base64")
	}
	if len(b) > most {
		return nil, fault("the message is larger than %d KiB", most>>10)
	}
	return b, nil
}

// inflate undoes DEFLATE (RFC 1951), as far as the bound: a small message may unfold into a very large one.
func inflate(packed []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(packed))
	text, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	if len(text) > maxMessage {
		return nil, fault("the message unfolds to more than %d KiB", maxMessage>>10)
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fault("the message is not in DEFLATE encoding")
	}
	return text, nil
}

// deflate packs a message for the HTTP-Redirect binding.
func deflate(text []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression) // the level is one that there is
	_, _ = w.Write(text)                                  // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}
