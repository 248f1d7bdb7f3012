package upstream

import (
	"context"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"lockstep"
	"lockstep/sso"
)

// revocationLife is how far in the future a revocation token may expire.
const revocationLife = 10 * time.Minute

// ReadRevocation believes the JWT by which the provider asks that everything of a person end, or says why not (Global Token Revocation,
// draft-parecki-oauth-global-token-revocation §4). It must be for the endpoint alone. The claim jti names the token; the caller sees to it that
// each is used once. Whom it is about stands in the request.
func (f *flow) ReadRevocation(ctx context.Context, token, endpoint string, rec sso.Recorder) (sso.Identity, error) {
	h := startHop(rec, f.client.now, "revocation_token")
	claims, bad := f.revocationClaims(ctx, h, token, endpoint)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	h.done("everything of a person is to end")
	return sso.Identity{Issuer: claims["iss"].(string), Claims: claims}, nil // judged to be a text
}

func (f *flow) revocationClaims(ctx context.Context, h *hop, token, endpoint string) (map[string]any, *finding) {
	if !f.openID() {
		return nil, found(lockstep.CodeIdPUnsupported, "", "a provider of this kind sends no revocation tokens")
	}
	kind := jwtKind{"revocation token", []string{"global-token-revocation+jwt"}, endpoint}
	if head, err := decodePart(strings.SplitN(token, ".", 2)[0]); err == nil && head["typ"] == nil {
		return nil, found(lockstep.CodeIdPTokenMalformed, "", "the revocation token does not say that it is one")
	}
	claims, head, refused, bad := f.signed(ctx, h, token, kind, func(v *oidc.IDTokenVerifier) error {
		_, err := v.Verify(ctx, token)
		return err
	})
	if bad != nil {
		return nil, bad
	}
	w := f.wanted(sso.Attempt{}, tokens{}, head)
	if w.client != claims["sub"] {
		return nil, found(lockstep.CodeIdPAudience, "", "the revocation token is about another client than ours")
	}
	w.client = endpoint
	if bad := judgeClaims(claims, w, revocationChecks()); bad != nil {
		return nil, bad
	}
	if refused != nil {
		return nil, found(lockstep.CodeIdPTokenMalformed, "", "the revocation token is refused: %s", cleanText(refused.Error(), 200))
	}
	return claims, nil
}

// revocationChecks are the conditions on a revocation token, beside that it is about our client.
func revocationChecks() []claimCheck {
	return []claimCheck{{"issuer", judgeIssuer}, {"audience", judgeAudience}, {"one audience", judgeAlone}, {"expiry", judgeExpiry}, {"short", judgeShort}, {"id", judgeTokenID}}
}

func judgeAlone(claims map[string]any, _ wanted) *finding {
	if all, _ := audiences(claims); len(all) != 1 {
		return found(lockstep.CodeIdPAudience, "", "the revocation token is good elsewhere, too")
	}
	return nil
}

func judgeShort(claims map[string]any, w wanted) *finding {
	if exp, ok := seconds(claims["exp"]); !ok || exp.After(w.now.Add(revocationLife+w.skew)) {
		return found(lockstep.CodeIdPTokenMalformed, "", "the revocation token lives longer than ten minutes")
	}
	return nil
}
