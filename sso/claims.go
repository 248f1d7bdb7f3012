package sso

import (
	"encoding/json"
	"slices"

	"lockstep"
)

// Claims are those that a request asked for by name (OpenID Connect Core §5.5). Only standard claims that there are here are kept.
type Claims struct {
	UserInfo []string `json:"userinfo,omitempty"`
	IDToken  []string `json:"id_token,omitempty"`
}

// Empty reports whether none was asked for.
func (c Claims) Empty() bool { return len(c.UserInfo)+len(c.IDToken) == 0 }

// claimsOfScope are the claims that a scope stands for (OpenID Connect Core §5.4), as far as there are any here.
func claimsOfScope(scope string) []string {
	switch scope {
	case "profile":
		return []string{"name", "given_name", "family_name", "preferred_username", "locale", "updated_at"}
	case "email":
		return []string{"email", "email_verified"}
	case "groups":
		return []string{"groups"}
	}
	return nil
}

// namesOfClaims are the claims of scopes, and those that were asked for by name.
func namesOfClaims(scopes, more []string) []string {
	names := slices.Clone(more)
	for _, s := range scopes {
		names = append(names, claimsOfScope(s)...)
	}
	return names
}

// enough reports whether a sign-in is of a kind that the application cannot do without.
func (r *Request) enough(s *Session) bool {
	return len(r.ACRNeeded) == 0 || slices.ContainsFunc(s.acrs(), func(acr string) bool { return slices.Contains(r.ACRNeeded, acr) })
}

// askedClaim is how one claim is asked for. nil is as good as an empty one (§5.5.1).
type askedClaim struct {
	Essential bool
	Value     any
	Values    []any
}

// texts are the values that are asked for, as far as they are texts.
func (a *askedClaim) texts() []string {
	if a == nil {
		return nil
	}
	var all []string
	for _, v := range append([]any{a.Value}, a.Values...) {
		if s, is := v.(string); is {
			all = append(all, s)
		}
	}
	return all
}

const maxClaims = 4 << 10

// readClaims reads the parameter claims. Members and claims that are not known are passed over (§5.5). sub with a value asks for one person;
// acr that is essential and has values asks for a sign-in of such a kind, without which there is no answer (§5.5.1.1).
func readClaims(text string, req *Request) error {
	if text == "" {
		return nil
	}
	var asked struct {
		UserInfo map[string]*askedClaim `json:"userinfo"`
		IDToken  map[string]*askedClaim `json:"id_token"`
	}
	if len(text) > maxClaims || json.Unmarshal([]byte(text), &asked) != nil {
		return badRequest("invalid_request", "claims is not the JSON object of OpenID Connect Core, section 5.5")
	}
	req.Claims = Claims{UserInfo: standard(asked.UserInfo), IDToken: standard(asked.IDToken)}
	for _, where := range []map[string]*askedClaim{asked.UserInfo, asked.IDToken} {
		for _, sub := range where["sub"].texts() {
			if req.Subject != "" && string(req.Subject) != sub {
				return badRequest("invalid_request", "more than one person is asked for")
			}
			req.Subject = lockstep.UserID(sub)
		}
	}
	acr := asked.IDToken["acr"]
	values := acr.texts()
	if len(values) > 10 {
		return badRequest("invalid_request", "claims asks for too many values of acr")
	}
	if len(req.ACRValues) == 0 {
		req.ACRValues = values
	}
	if acr != nil && acr.Essential {
		req.ACRNeeded = values
	}
	return nil
}

// standard are the names among those asked for that there are claims for, in order.
func standard(asked map[string]*askedClaim) []string {
	var names []string
	for _, scope := range []string{"profile", "email", "groups"} {
		for _, name := range claimsOfScope(scope) {
			if _, is := asked[name]; is {
				names = append(names, name)
			}
		}
	}
	return names
}
