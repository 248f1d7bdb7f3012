package token

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
)

// OAuth says whose access tokens (RFC 6749 §1.4) a SCIM client shows in place of a secret of its own: those that one of the tenant's own
// applications gets at our token endpoint, or those of an issuer that is trusted. The zero value is a client with a secret.
type OAuth struct {
	Client string `json:"client,omitempty"` // client ID of the application

	Issuer   string `json:"issuer,omitempty"`   // exactly as its tokens name it
	Audience string `json:"audience,omitempty"` // whom the tokens have to be for
	Subject  string `json:"subject,omitempty"`  // whose they have to be: sub, client_id, azp or appid; "" is anybody with the scope
	Scope    string `json:"scope,omitempty"`    // scope or role that they have to carry; "" is scim, AnyScope none at all
	Alg      Alg    `json:"alg,omitempty"`      // the one algorithm of its signatures; "" is any that is known
	Plain    bool   `json:"plain,omitempty"`    // its access tokens have the type JWT instead of at+jwt
}

// ScopeSCIM is the scope that access tokens for the SCIM endpoint carry.
const ScopeSCIM = "scim"

// AnyScope says that an issuer's tokens carry no scope.
const AnyScope = "*"

// Zero reports whether the client has a secret.
func (o OAuth) Zero() bool { return o == OAuth{} }

// Of is what a client is found by: "client " and the client ID, or "issuer " and the issuer; "" for the zero value.
func (o OAuth) Of() string {
	switch {
	case o.Client != "":
		return "client " + o.Client
	case o.Issuer != "":
		return "issuer " + o.Issuer
	}
	return ""
}

// Algs are the algorithms that are believed.
func (o OAuth) Algs() []Alg {
	if o.Alg != "" {
		return []Alg{o.Alg}
	}
	return []Alg{RS256, ES256}
}

// maxOAuth is how long each of the values may be, in bytes.
const maxOAuth = 500

// Check says what is wrong, in a sentence. The error has lockstep.CodeInvalid.
func (o OAuth) Check() error {
	for _, v := range []struct{ field, value string }{{"client", o.Client}, {"issuer", o.Issuer}, {"audience", o.Audience}, {"subject", o.Subject}, {"oauth.scope", o.Scope}} {
		if len(v.value) > maxOAuth || strings.ContainsFunc(v.value, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			return wrong(v.field, "Names of OAuth 2.0 are printable ASCII without blanks, at most 500 bytes.")
		}
	}
	if o.Zero() {
		return nil
	}
	if o.Client != "" {
		if (o != OAuth{Client: o.Client}) {
			return wrong("", "A SCIM client shows the tokens of one of the tenant's applications or those of an issuer, not of both.")
		}
		return nil
	}
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return wrong("issuer", "An issuer is an https address, exactly as its tokens name it (claim iss).")
	case o.Audience == "":
		return wrong("audience", "Say whom the issuer's tokens are for (claim aud): without it, those that it makes for other services would do.")
	case o.Alg != "" && !o.Alg.Known():
		return wrong("alg", "Access tokens are signed with RS256 or ES256.")
	case (o.Plain || o.Scope == AnyScope) && o.Subject == "":
		return wrong("subject", "Say whose tokens they are (claim sub, client_id, azp or appid): an issuer that marks neither type nor scope gives the like to everybody.")
	case o.Plain && o.Audience == o.Subject:
		return wrong("audience", "Tokens whose audience is the client itself are ID tokens: they open nothing.")
	}
	return nil
}

func wrong(field, detail string) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Field: field, Detail: detail}
}

// Access is a JWT access token whose signature was checked with the keys of its issuer.
type Access struct {
	Issuer   string
	Audience []string
	Subjects []string // sub, client_id, azp, appid: what it has of them
	Scopes   []string // and roles
	Expires  time.Time
	NotYet   time.Time // nbf; zero is not said
	Typed    bool      // it has the type at+jwt (RFC 9068 §2.1)
	SignIn   bool      // it has a claim that only ID tokens have
	Alg      Alg
}

// ParseAccess reads the claims of a JWT whose signature was checked.
func ParseAccess(t JWT) (Access, error) {
	var v struct {
		Iss, Sub, Azp, AppID, Nonce string
		ClientID                    string `json:"client_id"`
		Aud                         texts
		Exp, Nbf                    float64
		Scope                       blanks
		Scp                         blanks
		Roles                       texts
		AtHash                      string `json:"at_hash"`
		CHash                       string `json:"c_hash"`
	}
	if json.Unmarshal(t.Claims, &v) != nil || v.Iss == "" || !(v.Exp > 0 && v.Exp < 1e11) || v.Nbf < 0 || v.Nbf > 1e11 {
		return Access{}, ErrJWT
	}
	a := Access{
		Issuer: v.Iss, Audience: v.Aud, Scopes: slices.Concat([]string(v.Scope), []string(v.Scp), []string(v.Roles)), Expires: time.Unix(int64(v.Exp), 0), Alg: t.Alg,
		SignIn: v.Nonce != "" || v.AtHash != "" || v.CHash != "",
	}
	if v.Nbf > 0 {
		a.NotYet = time.Unix(int64(v.Nbf), 0)
	}
	for _, one := range []string{v.Sub, v.ClientID, v.Azp, v.AppID} {
		if one != "" {
			a.Subjects = append(a.Subjects, one)
		}
	}
	typ := strings.ToLower(t.Type)
	a.Typed = typ == "at+jwt" || typ == "application/at+jwt"
	return a, nil
}

// Skew is how far the clocks of an issuer and of this machine may be apart.
const Skew = time.Minute

// Admits says why an issuer's token does not open what the client opens (RFC 9068 §4), as a clause; "" is that it does.
func (o OAuth) Admits(a Access, now time.Time) string {
	plain := o.Plain && !a.SignIn && !slices.Contains(a.Audience, o.Subject)
	scope := cmp.Or(o.Scope, ScopeSCIM)
	switch {
	case o.Issuer == "" || a.Issuer != o.Issuer:
		return "another issuer made it"
	case !slices.Contains(o.Algs(), a.Alg):
		return "it is signed with another algorithm"
	case !a.Typed && !plain:
		return "it is no access token: its type is not at+jwt"
	case !now.Before(a.Expires.Add(Skew)):
		return "it has expired"
	case a.NotYet.After(now.Add(Skew)):
		return "it is not valid yet"
	case !slices.Contains(a.Audience, o.Audience):
		return "it is for somebody else: its audience is not " + o.Audience
	case o.Subject != "" && !slices.Contains(a.Subjects, o.Subject):
		return "it is somebody else's"
	case scope != AnyScope && !slices.Contains(a.Scopes, scope):
		return "it lacks the scope or role " + scope
	}
	return ""
}

// texts is a text or a list of them.
type texts []string

// UnmarshalJSON reads either.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// blanks is a text divided by blanks, or a list.
type blanks []string

// UnmarshalJSON reads either.
func (t *blanks) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = strings.Fields(one)
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}
