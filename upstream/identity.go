package upstream

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"lockstep"
	"lockstep/sso"
)

// askUser adds what the user-info address says (OpenID Connect Core §5.3) to the claims of the ID token. Without an ID token it is
// all there is.
func (f *flow) askUser(ctx context.Context, rec sso.Recorder, claims map[string]any, got tokens) (map[string]any, error) {
	address := f.set.text(fieldUserInfo)
	if address == "" || (f.openID() && f.set.text("userinfo") == "never") {
		return claims, nil
	}
	h := startHop(rec, f.client.now, "userinfo")
	body, kind, bad := f.client.get(ctx, h, address, "application/json", maxUserInfo, got.access)
	if bad != nil {
		return nil, h.fail(bad)
	}
	if kind == "application/jwt" {
		return nil, h.fail(found(lockstep.CodeIdPUnsupported, "Let the provider answer this client with plain JSON.", "the user-info answer is a signed JWT"))
	}
	answer, err := decodeObject(body)
	if err != nil {
		return nil, h.fail(found(lockstep.CodeIdPMalformed, "", "the user-info answer: %s", err))
	}
	h.claimFacts(answer)
	answer = f.userClaims(answer)
	if f.openID() {
		if sub, _ := answer["sub"].(string); sub == "" || sub != claims["sub"] { // OpenID Connect Core §5.3.2
			return nil, h.fail(found(lockstep.CodeIdPSubjectDiffers, "", "the user-info answer is about %s, and the ID token about %s", or(cleanText(sub, 80), "nobody"), cleanText(show(claims["sub"]), 80)))
		}
		answer = merge(claims, answer)
	}
	h.done("the user-info address answered")
	return answer, nil
}

// protocolClaims are said by ID tokens alone: a user-info answer, which is not signed, adds none of them.
func protocolClaims() []string {
	return []string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "auth_time", "acr", "amr", "sid", "at_hash", "c_hash", "jti", "oid", "tid"}
}

// merge puts the user-info answer beside the claims of the ID token, which win. That an address was verified is said of the address
// beside which it stands, so the two go together.
func merge(token, user map[string]any) map[string]any {
	all := maps.Clone(user)
	for _, name := range protocolClaims() {
		delete(all, name)
	}
	if _, own := token["email"]; own {
		delete(all, "email_verified")
	} else if _, theirs := user["email"]; theirs {
		token = maps.Clone(token)
		delete(token, "email_verified")
	}
	maps.Copy(all, token)
	return all
}

// identify makes an identity of the claims and judges whether such people may sign in.
func (f *flow) identify(h *hop, claims map[string]any) (sso.Identity, *finding) {
	subject, bad := f.subject(claims)
	if bad != nil {
		return sso.Identity{}, bad
	}
	if bad := f.filter.judge(claims); bad != nil {
		return sso.Identity{}, bad
	}
	who := personOf(f.set, claims)
	who.Subject = subject
	who.Issuer, _ = claims["iss"].(string)
	if _, says := claims["email_verified"]; !says && f.provider.Kind == sso.KindWebexCC {
		who.EmailVerified = f.provider.TrustEmail && who.Email != "" // a SCIM user does not say; the administrator does
	}
	if names, ok := claims["_claim_names"].(map[string]any); ok && names[f.set.text("claim_groups")] != nil {
		h.fact("groups left out", "the provider sends a link instead of so many groups (OpenID Connect Core §5.6.2), which is not followed")
	}
	if !f.openID() {
		who.Issuer = or(f.set.text(fieldIssuer), f.set.text(fieldToken))
	}
	who.ACR, _ = claims["acr"].(string)
	who.AMR, _ = texts(claims["amr"])
	who.SessionID, _ = claims["sid"].(string)
	if at, ok := seconds(claims["auth_time"]); ok && f.openID() {
		who.AuthTime = at
	}
	noteIdentity(h, who)
	return who, nil
}

// noteIdentity tells what the claims were taken for.
func noteIdentity(h *hop, who sso.Identity) {
	h.fact("issuer", who.Issuer)
	h.fact("subject", who.Subject)
	h.fact("user name", who.UserName)
	h.fact("email", who.Email)
	if who.Email != "" {
		h.fact("email verified", map[bool]string{true: "yes", false: "no"}[who.EmailVerified])
	}
	h.fact("name", who.Name)
	h.fact("given name", who.GivenName)
	h.fact("family name", who.FamilyName)
	h.fact("groups", strings.Join(who.Groups[:min(len(who.Groups), 20)], ", "))
}

// personOf takes what names a person from the claims that the settings say.
func personOf(set settings, claims map[string]any) sso.Identity {
	text := func(field string) string {
		value, _ := lookUp(claims, set.text("claim_"+field))
		if list, ok := value.([]any); ok && len(list) > 0 { // attributes of SAML and LDAP are lists
			value = list[0]
		}
		s, _ := value.(string)
		return s
	}
	who := sso.Identity{
		UserName: nameToMatch(text("username")), Email: strictEmail(text("email")),
		Name: cleanText(text("name"), 256), GivenName: cleanText(text("given_name"), 256), FamilyName: cleanText(text("family_name"), 256),
		Claims: claims,
	}
	if value, ok := lookUp(claims, set.text("claim_email_verified")); ok && who.Email != "" {
		who.EmailVerified = isTrue(value)
	}
	groups, _ := lookUp(claims, set.text("claim_groups"))
	who.Groups = groupsOf(groups)
	return who
}

// isTrue reads a boolean as OpenID Providers send it: Webex as the text "true", Microsoft's xms_edov also as 1.
func isTrue(value any) bool {
	switch v := value.(type) {
	case bool:
		return v
	case string:
		return v == "true" || v == "1"
	case json.Number:
		return v.String() == "1"
	case []any:
		return len(v) == 1 && isTrue(v[0])
	}
	return false
}

// maxGroups bounds the groups that are taken over.
const maxGroups = 1000

func groupsOf(value any) []string {
	if one, ok := value.(string); ok {
		value = []any{one}
	}
	all, _ := texts(value)
	all = slices.DeleteFunc(all, func(g string) bool { return g == "" || len(g) > 512 })
	return slices.Clip(all[:min(len(all), maxGroups)])
}

// nameToMatch returns a name that people are matched by, or "" for one that could look like another's: a name with control or
// format characters, or blanks around it.
func nameToMatch(name string) string {
	if len(name) > 512 || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
	}) {
		return ""
	}
	return name
}

// strictEmail returns an address of one local part and one domain, or "": an address with two @, quotes or blanks has fooled those who
// compare domains.
func strictEmail(address string) string {
	local, domain, ok := strings.Cut(nameToMatch(address), "@")
	if !ok || local == "" || len(address) > 254 || len(local) > 64 || strings.Contains(domain, "@") || strings.ContainsAny(address, " \"(),:;<>[\\]%") {
		return ""
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 {
			return ""
		}
	}
	return address
}
