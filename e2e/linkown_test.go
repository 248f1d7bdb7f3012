package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// TestLinkOwn: a person links an identity at npm's oidc-provider from their account page, signs in with it, and unlinks it, in Chromium; and an administrator is asked to consent to
// a SCIM client. With SCREENSHOTS it leaves pictures of the pages.
func TestLinkOwn(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	b := newBroker(t, "oidc")
	const login, password, secret = "ada@acme.example", "sesame and more", "a secret-with: odd+letters%"
	e := endpoint{t, strings.TrimSuffix(b.issuer, "/sso/default") + "/scim/default/v2", strings.TrimSpace(b.run("token", "create", "pages", "--kind", "scim"))}
	e.want(http.StatusCreated, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+login+`","displayName":"Ada Lovelace","password":"`+password+`","active":true}`)
	op := parts.IDP(t, "op.js", "REDIRECT="+b.redirect, "SECRET="+secret, "PUBLIC_JWK="+`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256"}`)
	b.enable(secret, "client_id=basic", "issuer="+op, "jwks_url="+op+"/jwks", "authorize_url="+op+"/auth", "token_url="+op+"/token", "userinfo_url="+op+"/me", "scopes=openid email profile", "client_auth=client_secret_basic")
	b.run("idp", "set", "other", "--link-only", "--name", "Partner login")
	b.run("idp", "add", "passwords", "--kind", "local")
	b.run("idp", "enable", "passwords")
	b.run("admin", "add", "--user", login, "--role", "owner")
	b.run("client", "add", "Okta", "--id", "okta", "--grant", "authorization_code,refresh_token", "--scope", "scim", "--redirect", "https://okta.example/cb", "--without-pkce")
	b.run("token", "create", "okta", "--kind", "scim", "--client", "okta", "--profile", "okta")
	ask := b.issuer + "/authorize?" + url.Values{"client_id": {"okta"}, "response_type": {"code"}, "redirect_uri": {"https://okta.example/cb"}, "scope": {"scim"}, "state": {"s"}}.Encode()
	want := []string{"linked at the account page", "signed in with it", "unlinked, and signed out with it", "asked to consent"}
	got, said, err := foreignWithin(t, 4*patience, "linkown.js", "ACCOUNT="+b.issuer+"/account", "LOGIN="+login, "PASSWORD="+password, "PROVIDER=Partner login", "AUTHORIZE="+ask,
		"CHROMIUM="+chromium, "SCREENSHOTS="+os.Getenv("SCREENSHOTS"), "ROOT="+fmt.Sprint(os.Getuid() == 0))
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("it did\n%s\nwant\n%s\n%v\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), err, said)
	}
}
