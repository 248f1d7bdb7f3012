package upstream

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

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
	head, unverified, bad := f.open(h, got.id)
	if bad != nil {
		return nil, bad
	}
	issuer, _ := unverified["iss"].(string)
	keys, known := f.keys[issuer]
	if !known {
		return nil, found(lockstep.CodeIdPIssuer, "If "+cleanText(issuer, 150)+" is the provider's, add it to the further issuers.", "the ID token is from the issuer %s, and expected is %s",
			or(cleanText(issuer, 150), "without a name"), strings.Join(f.issuers, " or "))
	}
	check := &signature{flow: f, hop: h, keys: keys, header: head}
	verifier := oidc.NewVerifier(issuer, check, &oidc.Config{
		ClientID: f.set.text(fieldClient), SupportedSigningAlgs: f.algorithms(),
		Now: func() time.Time { return f.client.now().Add(-f.skew) },
	})
	_, refused := verifier.Verify(ctx, got.id)
	if check.bad != nil {
		return nil, check.bad
	}
	if check.payload == nil {
		return nil, found(lockstep.CodeIdPTokenMalformed, "", "the ID token cannot be read")
	}
	claims, err := decodeObject(check.payload)
	if err != nil {
		return nil, found(lockstep.CodeIdPTokenMalformed, "", "the ID token's claims: %s", err)
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

func (f *flow) algorithms() []string {
	if f.provider.Kind == sso.KindEntra {
		return []string{"RS256"}
	}
	return strings.Fields(f.set.text(fieldAlgorithms))
}

// open splits a JWT and notes what it says, none of which is believed yet.
func (f *flow) open(h *hop, raw string) (header, map[string]any, *finding) {
	parts := strings.Split(raw, ".")
	switch {
	case len(raw) > maxToken:
		return header{}, nil, found(lockstep.CodeIdPTooLarge, "", "the ID token is longer than %d KiB", maxToken>>10)
	case len(parts) == 5: // RFC 7516 §3.1
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "Switch the encryption of ID tokens off for this client; TLS protects them on their way.", "the ID token is encrypted")
	case len(parts) != 3:
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "", "the ID token is not a JWT")
	}
	head, err := decodePart(parts[0])
	if err != nil {
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "", "the ID token's header: %s", err)
	}
	claims, err := decodePart(parts[1])
	if err != nil {
		return header{}, nil, found(lockstep.CodeIdPTokenMalformed, "", "the ID token's claims: %s", err)
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
	return is, claims, f.judgeHeader(head, is)
}

// judgeHeader refuses what is signed in another way, and JWTs that are made for something else (RFC 8725 §3.11).
func (f *flow) judgeHeader(head map[string]any, is header) *finding {
	if !slices.Contains(f.algorithms(), is.algorithm) {
		return found(lockstep.CodeIdPAlgorithm, "", "the ID token is signed with %s, and accepted is %s", or(cleanText(is.algorithm, 20), "nothing"), strings.Join(f.algorithms(), " or "))
	}
	if _, ok := head["crit"]; ok { // RFC 7515 §4.1.11: we understand no extension
		return found(lockstep.CodeIdPTokenMalformed, "", "the ID token's header asks for an extension that is not known")
	}
	typ, _ := head["typ"].(string)
	if _, there := head["typ"]; there && !strings.EqualFold(strings.TrimPrefix(strings.ToLower(typ), "application/"), "jwt") {
		return found(lockstep.CodeIdPTokenMalformed, "", "what came as ID token is a %s", or(cleanText(typ, 40), "something else"))
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
	payload []byte
	bad     *finding
}

// VerifySignature returns what was signed. When no key fits, the keys are fetched once more: the provider may have changed them.
func (s *signature) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	token, err := jose.ParseSigned(jwt, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(s.header.algorithm)})
	if err != nil || len(token.Signatures) != 1 {
		s.bad = found(lockstep.CodeIdPTokenMalformed, "", "the ID token is not a signed JWT")
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
		s.bad = found(lockstep.CodeIdPKeyUnknown, "", "no key of the issuer has the id %s", or(cleanText(s.header.key, 80), "of the ID token, which names none"))
	} else {
		s.bad = found(lockstep.CodeIdPSignature, "", "the signature of the ID token is not that of the issuer's key")
	}
	return nil, errSignature
}

var errSignature = errors.New("the signature is not accepted")

// wanted is what an ID token must say.
type wanted struct {
	client  string
	issuers []string
	nonce   string
	access  string // the access token that came along
	alg     string
	now     time.Time
	skew    time.Duration
	maxAge  int // seconds, below zero for any
	since   time.Time
	acr     []string
	amr     []string
}

func (f *flow) wanted(a sso.Attempt, got tokens, head header) wanted {
	w := wanted{
		client: f.set.text(fieldClient), issuers: f.issuers, nonce: a.Nonce, access: got.access, alg: head.algorithm,
		now: f.client.now(), skew: f.skew, maxAge: -1,
		acr: strings.Fields(f.set.text("require_acr")), amr: strings.Fields(f.set.text("require_amr")),
	}
	if age, ok := f.maxAge(a); ok {
		w.maxAge = age
	}
	var kept keptFlow
	if or(a.Prompt, f.set.text("prompt")) == "login" && json.Unmarshal(a.Kept, &kept) == nil {
		w.since = time.Unix(kept.Begun, 0)
	}
	return w
}

// claimCheck is one condition on the claims of an ID token.
type claimCheck struct {
	name  string
	judge func(claims map[string]any, w wanted) *finding
}

// idTokenChecks are all conditions, in the order in which they are told.
func idTokenChecks() []claimCheck {
	return []claimCheck{
		{"issuer", judgeIssuer}, {"subject", judgeSubject}, {"audience", judgeAudience}, {"party", judgeParty}, {"expiry", judgeExpiry},
		{"issued", judgeIssued}, {"not before", judgeNotBefore}, {"nonce", judgeNonce}, {"access hash", judgeAccessHash},
		{"age", judgeAge}, {"again", judgeAgain}, {"acr", judgeACR}, {"amr", judgeAMR},
	}
}

func judgeClaims(claims map[string]any, w wanted, checks []claimCheck) *finding {
	for _, c := range checks {
		if bad := c.judge(claims, w); bad != nil {
			return bad
		}
	}
	return nil
}

func judgeIssuer(claims map[string]any, w wanted) *finding {
	if iss, _ := claims["iss"].(string); !slices.Contains(w.issuers, iss) || iss == "" {
		return found(lockstep.CodeIdPIssuer, "", "the ID token is from the issuer %s", cleanText(show(claims["iss"]), 150))
	}
	return nil
}

// fitSubject reports whether a text can tell people apart (OpenID Connect Core §2: at most 255 letters).
func fitSubject(sub string) bool {
	return sub != "" && len(sub) <= 255 && strings.TrimSpace(sub) == sub && !strings.ContainsFunc(sub, unicode.IsControl)
}

func judgeSubject(claims map[string]any, _ wanted) *finding {
	if sub, ok := claims["sub"].(string); !ok || !fitSubject(sub) {
		return found(lockstep.CodeIdPClaimMissing, "", "the ID token has no sub, or an empty one, or one that no sub can be")
	}
	return nil
}

// audiences returns aud as a list; ok is false when it is neither a text nor a list of texts.
func audiences(claims map[string]any) (all []string, ok bool) {
	if one, isText := claims["aud"].(string); isText {
		return []string{one}, true
	}
	list, isList := claims["aud"].([]any)
	all, _ = texts(claims["aud"])
	return all, isList && len(all) == len(list)
}

func judgeAudience(claims map[string]any, w wanted) *finding {
	if all, ok := audiences(claims); !ok || !slices.Contains(all, w.client) {
		return found(lockstep.CodeIdPAudience, "", "the ID token is for %s, and our client ID is %s", or(cleanText(show(claims["aud"]), 150), "nobody"), w.client)
	}
	return nil
}

// judgeParty looks at azp: it names the client to which the token was given, and has to when others may read the token, too.
func judgeParty(claims map[string]any, w wanted) *finding {
	azp, there := claims["azp"]
	all, _ := audiences(claims)
	switch {
	case there && azp != w.client:
		return found(lockstep.CodeIdPAudience, "", "the ID token was given to %s, and our client ID is %s", cleanText(show(azp), 100), w.client)
	case !there && len(all) > 1:
		return found(lockstep.CodeIdPAudience, "Let the provider name this client alone as audience, or send azp.", "the ID token is for several clients and does not say to which it was given")
	}
	return nil
}

// seconds reads a NumericDate (RFC 7519 §2).
func seconds(value any) (time.Time, bool) {
	n, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	at, err := n.Float64()
	if err != nil || at < 0 || at > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(at), 0), true
}

func missing(claim string) *finding {
	return found(lockstep.CodeIdPClaimMissing, "", "the ID token has no %s, or one that is no time", claim)
}

func judgeExpiry(claims map[string]any, w wanted) *finding {
	exp, ok := seconds(claims["exp"])
	switch {
	case !ok:
		return missing("exp")
	case !w.now.Before(exp.Add(w.skew)):
		return found(lockstep.CodeIdPExpired, "", "the ID token expired %s ago by our clock", w.now.Sub(exp).Round(time.Second))
	}
	return nil
}

func judgeIssued(claims map[string]any, w wanted) *finding {
	iat, ok := seconds(claims["iat"])
	switch {
	case !ok:
		return missing("iat")
	case iat.After(w.now.Add(w.skew)):
		return found(lockstep.CodeIdPClock, "", "the ID token will be issued in %s by our clock: the provider's clock is ahead, or ours is behind", iat.Sub(w.now).Round(time.Second))
	}
	return nil
}

func judgeNotBefore(claims map[string]any, w wanted) *finding {
	value, there := claims["nbf"]
	if !there {
		return nil
	}
	switch nbf, ok := seconds(value); {
	case !ok:
		return missing("nbf")
	case nbf.After(w.now.Add(w.skew)):
		return found(lockstep.CodeIdPClock, "", "the ID token is valid only in %s by our clock", nbf.Sub(w.now).Round(time.Second))
	}
	return nil
}

func judgeNonce(claims map[string]any, w wanted) *finding {
	nonce, _ := claims["nonce"].(string)
	if nonce == "" || w.nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(w.nonce)) != 1 {
		return found(lockstep.CodeIdPNonce, "", "the ID token's nonce is missing or is that of another sign-in")
	}
	return nil
}

// judgeAccessHash compares at_hash where it is there (OpenID Connect Core §3.1.3.8).
func judgeAccessHash(claims map[string]any, w wanted) *finding {
	value, there := claims["at_hash"]
	if !there {
		return nil
	}
	if hash, _ := value.(string); subtle.ConstantTimeCompare([]byte(hash), []byte(accessHash(w.alg, w.access))) != 1 {
		return found(lockstep.CodeIdPAtHash, "", "the ID token's at_hash is not that of the access token")
	}
	return nil
}

// accessHash is the left half of the token's hash, by the hash of the signature's algorithm; Ed25519 has SHA-512.
func accessHash(alg, access string) string {
	var sum []byte
	switch {
	case strings.HasSuffix(alg, "256"):
		s := sha256.Sum256([]byte(access))
		sum = s[:]
	case strings.HasSuffix(alg, "384"):
		s := sha512.Sum384([]byte(access))
		sum = s[:]
	default:
		s := sha512.Sum512([]byte(access))
		sum = s[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func judgeAge(claims map[string]any, w wanted) *finding {
	if w.maxAge < 0 {
		return nil
	}
	at, ok := seconds(claims["auth_time"])
	switch {
	case !ok:
		return missing("auth_time")
	case at.After(w.now.Add(w.skew)):
		return found(lockstep.CodeIdPClock, "", "the person will have signed in at the provider in %s by our clock", at.Sub(w.now).Round(time.Second))
	case w.now.Sub(at) > time.Duration(w.maxAge)*time.Second+w.skew:
		return found(lockstep.CodeIdPTooOld, "", "the person signed in at the provider %s ago, and at most %s is asked for", w.now.Sub(at).Round(time.Second), time.Duration(w.maxAge)*time.Second)
	}
	return nil
}

// judgeAgain: whoever was asked to sign in again has done so since. A provider that does not tell the time cannot be judged.
func judgeAgain(claims map[string]any, w wanted) *finding {
	at, ok := seconds(claims["auth_time"])
	if !w.since.IsZero() && ok && at.Before(w.since.Add(-w.skew)) {
		return found(lockstep.CodeIdPTooOld, "", "the provider was told to ask for the password again, and did not")
	}
	return nil
}

func judgeACR(claims map[string]any, w wanted) *finding {
	if acr, _ := claims["acr"].(string); len(w.acr) > 0 && !slices.Contains(w.acr, acr) {
		return found(lockstep.CodeIdPACR, "", "the person signed in with acr %s, and required is %s", or(cleanText(acr, 80), "none"), strings.Join(w.acr, " or "))
	}
	return nil
}

func judgeAMR(claims map[string]any, w wanted) *finding {
	have, _ := texts(claims["amr"])
	for _, method := range w.amr {
		if !slices.Contains(have, method) {
			return found(lockstep.CodeIdPACR, "", "the person signed in with %s, and %s is required", or(cleanText(fmt.Sprint(strings.Join(have, ", ")), 120), "methods that the provider does not tell"), method)
		}
	}
	return nil
}
