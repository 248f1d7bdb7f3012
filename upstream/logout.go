package upstream

import (
	"context"

	"github.com/coreos/go-oidc/v3/oidc"

	"lockstep"
	"lockstep/sso"
)

// backChannelEvent is the member of events that makes a JWT a logout token.
const backChannelEvent = "http://schemas.openid.net/event/backchannel-logout"

// ReadLogout believes a logout token, which the provider sends when somebody has signed out there, or says why not (OpenID Connect
// Back-Channel Logout 1.0 §2.6). It returns whom it is about: issuer and session, or subject, or both. The claim jti among the claims names
// the token; the caller sees to it that each is used once.
func (f *flow) ReadLogout(ctx context.Context, token string, rec sso.Recorder) (sso.Identity, error) {
	h := startHop(rec, f.client.now, "logout_token")
	claims, bad := f.logoutClaims(ctx, h, token)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	who := sso.Identity{Issuer: claims["iss"].(string), Claims: claims} // judged to be a text
	who.SessionID, _ = claims["sid"].(string)
	if f.provider.Kind != sso.KindEntra { // its sub is not what people are known by here
		who.Subject, _ = claims["sub"].(string)
	}
	if who.SessionID == "" && who.Subject == "" {
		return sso.Identity{}, h.fail(found(lockstep.CodeIdPClaimMissing, "", "the logout token names neither a session nor anybody who is known here"))
	}
	h.done("somebody has signed out at the provider")
	return who, nil
}

func (f *flow) logoutClaims(ctx context.Context, h *hop, token string) (map[string]any, *finding) {
	if !f.openID() {
		return nil, found(lockstep.CodeIdPUnsupported, "", "a provider of this kind sends no logout tokens")
	}
	claims, head, refused, bad := f.signed(ctx, h, token, logoutTokenJWT(), func(v *oidc.IDTokenVerifier) error {
		_, err := v.VerifyLogout(ctx, token)
		return err
	})
	if bad != nil {
		return nil, bad
	}
	if bad := judgeClaims(claims, f.wanted(sso.Attempt{}, tokens{}, head), logoutChecks()); bad != nil {
		return nil, bad
	}
	if refused != nil {
		return nil, found(lockstep.CodeIdPTokenMalformed, "", "the logout token is refused: %s", cleanText(refused.Error(), 200))
	}
	return claims, nil
}

// logoutChecks are all conditions on a logout token. That it must have no nonce keeps an ID token from being one.
func logoutChecks() []claimCheck {
	return []claimCheck{
		{"issuer", judgeIssuer}, {"audience", judgeAudience}, {"expiry", judgeExpiry}, {"issued", judgeIssued}, {"event", judgeEvent},
		{"no nonce", judgeNoNonce}, {"id", judgeTokenID}, {"whom", judgeWhom},
	}
}

func judgeEvent(claims map[string]any, _ wanted) *finding {
	events, _ := claims["events"].(map[string]any)
	if _, ok := events[backChannelEvent].(map[string]any); !ok {
		return found(lockstep.CodeIdPTokenMalformed, "", "the logout token does not say that somebody has signed out")
	}
	return nil
}

func judgeNoNonce(claims map[string]any, _ wanted) *finding {
	if _, there := claims["nonce"]; there {
		return found(lockstep.CodeIdPTokenMalformed, "", "the logout token has a nonce, as ID tokens have")
	}
	return nil
}

func judgeTokenID(claims map[string]any, _ wanted) *finding {
	if id, _ := claims["jti"].(string); !fitSubject(id) {
		return found(lockstep.CodeIdPClaimMissing, "", "the logout token has no jti")
	}
	return nil
}

func judgeWhom(claims map[string]any, _ wanted) *finding {
	for _, name := range []string{"sub", "sid"} {
		if value, there := claims[name]; there {
			if text, _ := value.(string); !fitSubject(text) {
				return found(lockstep.CodeIdPClaimMissing, "", "the logout token has a %s that is none", name)
			}
		}
	}
	if claims["sub"] == nil && claims["sid"] == nil {
		return found(lockstep.CodeIdPClaimMissing, "", "the logout token has neither sub nor sid")
	}
	return nil
}
