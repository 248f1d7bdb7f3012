package upstream

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"lockstep"
	"lockstep/sso"
)

// maxToken is the longest ID token that is looked at.
const maxToken = 64 << 10

// header is the part of a JWT that says how it was signed (RFC 7515 §4).
type header struct{ algorithm, key string }

// verify believes an ID token or says why not (OpenID Connect Core §3.1.3.7). The library checks signature, issuer, audience and
// expiry; the checks below name what is wrong, and look at what the library leaves to its caller.
func (f *flow) verify(ctx context.Context, h *hop, a sso.Attempt, got tokens) (map[string]any, *finding) {
	claims, head, refused, bad := f.signed(ctx, h, got.id, idTokenJWT(), func(v *oidc.IDTokenVerifier) error {
		_, err := v.Verify(ctx, got.id)
		return err
	})
	if bad != nil {
		return nil, bad
	}
	if bad := judgeClaims(claims, f.wanted(a, got, head), idTokenChecks()); bad != nil {
		return nil, bad
	}
	if f.judgeMore != nil {
		if bad := f.judgeMore(claims); bad != nil {
			return nil, bad
		}
	}
	if refused != nil {
		return nil, found(lockstep.CodeIdPTokenMalformed, "", "the ID token is refused: %s", cleanText(refused.Error(), 200))
	}
	return claims, nil
}

// jwtKind is what a JWT is made for: what it is called, and what its header may name as its type.
type jwtKind struct {
	name     string
	types    []string
	audience string // "" is our client ID
}

func idTokenJWT() jwtKind { return jwtKind{name: "ID token", types: []string{"jwt"}} }

func logoutTokenJWT() jwtKind {
	return jwtKind{name: "logout token", types: []string{"logout+jwt", "jwt"}}
}

// signed returns the claims of a JWT whose signature is that of its issuer, one of the provider's. The library's reader gets the
// same text; what it refuses is returned, so that the checks that follow can name it first.
func (f *flow) signed(ctx context.Context, h *hop, raw string, kind jwtKind, read func(*oidc.IDTokenVerifier) error) (claims map[string]any, head header, refused error, bad *finding) {
	head, unverified, bad := f.open(h, raw, kind)
	if bad != nil {
		return nil, head, nil, bad
	}
	issuer, _ := unverified["iss"].(string)
	keys, known := f.keys[issuer]
	if !known {
		return nil, head, nil, found(lockstep.CodeIdPIssuer, "If "+cleanText(issuer, 150)+" is the provider's, add it to the further issuers.", "the %s is from the issuer %s, and expected is %s",
			kind.name, or(cleanText(issuer, 150), "without a name"), strings.Join(f.issuers, " or "))
	}
	check := &signature{flow: f, hop: h, keys: keys, header: head, kind: kind}
	refused = read(oidc.NewVerifier(issuer, check, &oidc.Config{
		ClientID: or(kind.audience, f.set.text(fieldClient)), SupportedSigningAlgs: f.algorithms(),
		Now: func() time.Time { return f.client.now().Add(-f.skew) },
	}))
	switch {
	case check.bad != nil:
		return nil, head, refused, check.bad
	case check.payload == nil:
		return nil, head, refused, found(lockstep.CodeIdPTokenMalformed, "", "the %s cannot be read", kind.name)
	}
	if claims, err := decodeObject(check.payload); err == nil {
		return claims, head, refused, nil
	}
	return nil, head, refused, found(lockstep.CodeIdPTokenMalformed, "", "the claims of the %s cannot be read", kind.name)
}

func (f *flow) algorithms() []string {
	if f.provider.Kind == sso.KindEntra {
		return []string{"RS256"}
	}
	return strings.Fields(f.set.text(fieldAlgorithms))
}

// open splits a JWT and notes what it says, none of which is believed yet.
func (f *flow) open(h *hop, raw string, kind jwtKind) (header, map[string]any, *finding) {
	parts := strings.Split(raw, ".")
	switch {
	case len(raw) > maxToken:
		return header{}, nil, found(lockstep.CodeIdPTooLarge, "", "the %s is longer than %d KiB", kind.name, maxToken>>10)
	case len(parts) == 5: // RFC 7516 §3.1
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "Switch the encryption of ID tokens off for this client; TLS protects them on their way.", "the %s is encrypted", kind.name)
	case len(parts) != 3:
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "", "the %s is not a JWT", kind.name)
	}
	head, err := decodePart(parts[0])
	if err != nil {
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "", "the header of the %s: %s", kind.name, err)
	}
	claims, err := decodePart(parts[1])
	if err != nil {
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "", "the claims of the %s: %s", kind.name, err)
	}
	h.claimFacts(claims)
	if iat, ok := seconds(claims["iat"]); ok {
		h.fact("issued", skewText(iat.Sub(f.client.now()).Round(time.Second)))
	}
	var is header
	is.algorithm, _ = head["alg"].(string)
	is.key, _ = head["kid"].(string)
	h.fact("alg", is.algorithm)
	h.fact("kid", is.key)
	return is, claims, f.judgeHeader(head, is, kind)
}

// judgeHeader refuses what is signed in another way, and JWTs that are made for something else (RFC 8725 §3.11).
func (f *flow) judgeHeader(head map[string]any, is header, kind jwtKind) *finding {
	if !slices.Contains(f.algorithms(), is.algorithm) {
		return found(lockstep.CodeIdPAlgorithm, "", "the %s is signed with %s, and accepted is %s", kind.name, or(cleanText(is.algorithm, 20), "nothing"), strings.Join(f.algorithms(), " or "))
	}
	if _, ok := head["crit"]; ok { // RFC 7515 §4.1.11: we understand no extension
		return found(lockstep.CodeIdPTokenMalformed, "", "the header of the %s asks for an extension that is not known", kind.name)
	}
	typ, _ := head["typ"].(string)
	if _, there := head["typ"]; there && !slices.Contains(kind.types, strings.TrimPrefix(strings.ToLower(typ), "application/")) {
		return found(lockstep.CodeIdPTokenMalformed, "", "what came as %s is a %s", kind.name, or(cleanText(typ, 40), "something else"))
	}
	return nil
}

func decodePart(part string) (map[string]any, error) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, errors.New("it is not base64url")
	}
	return decodeObject(text)
}

// signature checks a JWT with the keys of its issuer. It is the library's oidc.KeySet for one token.
type signature struct {
	flow    *flow
	hop     *hop
	keys    *keySet
	header  header
	kind    jwtKind
	payload []byte
	bad     *finding
}

// VerifySignature returns what was signed. When no key fits, the keys are fetched once more: the provider may have changed them.
func (s *signature) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	token, err := jose.ParseSigned(jwt, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(s.header.algorithm)})
	if err != nil || len(token.Signatures) != 1 {
		s.bad = found(lockstep.CodeIdPTokenMalformed, "", "the %s is not a signed JWT", s.kind.name)
		return nil, errSignature
	}
	seen := 0
	for _, again := range []bool{false, true} {
		keys, fetched, bad := s.keys.candidates(ctx, s.hop, s.header.key, s.header.algorithm, again)
		if bad != nil {
			s.bad = bad
			return nil, errSignature
		}
		if again && !fetched {
			break
		}
		for _, k := range keys {
			if payload, err := token.Verify(k.Key); err == nil {
				s.payload = payload
				return payload, nil
			}
		}
		seen = max(seen, len(keys))
	}
	if seen == 0 {
		s.bad = found(lockstep.CodeIdPKeyUnknown, "", "no key of the issuer has the id %s", or(cleanText(s.header.key, 80), "of the "+s.kind.name+", which names none"))
	} else {
		s.bad = found(lockstep.CodeIdPSignature, "", "the signature of the %s is not that of the issuer's key", s.kind.name)
	}
	return nil, errSignature
}

var errSignature = errors.New("the signature is not accepted")
