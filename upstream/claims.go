package upstream

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"lockstep"
	"lockstep/sso"
)

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
