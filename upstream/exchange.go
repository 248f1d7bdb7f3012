package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"lockstep"
	"lockstep/sso"
)

// tokens is what the token endpoint gave.
type tokens struct{ access, id string }

// challenge is the S256 challenge of a verifier (RFC 7636 §4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// exchange redeems the code (RFC 6749 §4.1.3). With two secrets the next one is tried first; a client that is refused has not
// spent its code (§5.2: the client is authenticated first).
func (f *flow) exchange(ctx context.Context, h *hop, a sso.Attempt, code string) (tokens, *finding) {
	secrets := []string{f.set.secret(fieldNextSecret), f.set.secret(fieldSecret)}
	if auth := f.set.text(fieldClientAuth); auth == authPrivateKey || auth == authNone {
		secrets = []string{""}
	} else if secrets[0] == "" {
		secrets = secrets[1:]
	} else if secrets[1] == "" {
		secrets = secrets[:1]
	}
	var got tokens
	var bad *finding
	for i, secret := range secrets {
		if len(secrets) > 1 {
			h.fact("secret", []string{"the next one", "the old one"}[i])
		}
		if got, bad = f.redeem(ctx, h, a, code, secret); bad == nil || bad.code != lockstep.CodeIdPClient {
			break
		}
	}
	return got, bad
}

func (f *flow) redeem(ctx context.Context, h *hop, a sso.Attempt, code, secret string) (tokens, *finding) {
	style := oauth2.AuthStyleInParams
	if f.set.text(fieldClientAuth) == authBasic {
		style = oauth2.AuthStyleInHeader
	}
	config := oauth2.Config{
		ClientID: f.set.text(fieldClient), ClientSecret: secret, RedirectURL: a.RedirectURI,
		Endpoint: oauth2.Endpoint{TokenURL: f.set.text(fieldToken), AuthStyle: style},
	}
	h.fact("client authentication", f.set.text(fieldClientAuth))
	var options []oauth2.AuthCodeOption
	if f.set.text(fieldPKCE) != "off" {
		options = append(options, oauth2.VerifierOption(a.Verifier))
	}
	if f.signer != nil {
		assertion, err := f.assertion()
		if err != nil {
			return tokens{}, &finding{code: lockstep.CodeIdPSettingInvalid, detail: "the client's assertion cannot be signed", err: err}
		}
		options = append(options, oauth2.SetAuthURLParam("client_assertion", assertion),
			oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
	}
	got, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, f.client.watched(h, maxTokenAnswer)), code, options...)
	if err != nil {
		return tokens{}, f.tokenFault(h, err)
	}
	if kind := got.TokenType; kind != "" && !strings.EqualFold(kind, "Bearer") {
		return tokens{}, found(lockstep.CodeIdPUnsupported, "Let the provider give bearer tokens to this client.", "the provider gives access tokens of the type %s", cleanText(kind, 40))
	}
	id, _ := got.Extra("id_token").(string)
	if f.openID() && id == "" {
		return tokens{}, found(lockstep.CodeIdPNoIDToken, "", "the provider gave an access token and no ID token")
	}
	return tokens{access: got.AccessToken, id: id}, nil
}

// tokenFault names what the token endpoint answered. The library's own error quotes the body, so it goes no further.
func (f *flow) tokenFault(h *hop, err error) *finding {
	host := f.set.text(fieldToken)
	if u, parseErr := url.Parse(host); parseErr == nil {
		host = u.Host
	}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if strings.HasPrefix(err.Error(), "oauth2: cannot parse") || strings.Contains(err.Error(), "missing access_token") {
			return found(lockstep.CodeIdPMalformed, "", "%s answers the code with what is no token", host)
		}
		return transport(h, host, err)
	}
	if status := refused.Response.StatusCode; status/100 == 3 {
		return refusal(host, refused.Response, nil)
	}
	said := errorWords(map[string]any{"error": refused.ErrorCode, "error_description": refused.ErrorDescription})
	fix, words := fixOf(said), strings.ToLower(refused.ErrorDescription)
	switch {
	case refused.ErrorCode == "invalid_client", refused.ErrorCode == "unauthorized_client",
		refused.ErrorCode == "" && refused.Response.StatusCode == http.StatusUnauthorized:
		if secret := f.set.secret(fieldSecret); fix == "" && f.set.text(fieldClientAuth) == authBasic && url.QueryEscape(secret) != secret { // LemonLDAP::NG is one
			fix = "If the secret is right: it has letters that HTTP Basic has encoded (RFC 6749 §2.3.1), which some providers do not undo. Choose “Secret, in the body” as client authentication, or a secret of letters and digits."
		}
		return found(lockstep.CodeIdPClient, fix, "%s does not accept the client%s", host, said)
	case strings.Contains(words, "redirect"), refused.ErrorCode == "redirect_uri_mismatch":
		return found(lockstep.CodeIdPRedirectURI, fix, "%s: the redirect URI is not the registered one%s", host, said)
	case refused.ErrorCode == "invalid_grant":
		return found(lockstep.CodeIdPCode, fix, "%s does not accept the code%s", host, said)
	case refused.ErrorCode == "invalid_scope":
		return found(lockstep.CodeIdPScope, fix, "%s does not give out a scope%s", host, said)
	}
	if nothingThere(refused.Response.StatusCode) && said == "" {
		return found(lockstep.CodeIdPRefused, "Compare the token URL in the form with the provider's, letter for letter.", "%s has nothing at the token URL (status %d)", host, refused.Response.StatusCode)
	}
	return found(lockstep.CodeIdPRefused, fix, "%s refuses the code with status %d%s", host, refused.Response.StatusCode, said)
}

// assertion is the JWT by which the client authenticates (RFC 7523 §2.2, OpenID Connect Core §9).
func (f *flow) assertion() (string, error) {
	algorithm := jose.RS256
	if key, ok := f.signer.(*ecdsa.PrivateKey); ok {
		switch key.Curve.Params().BitSize {
		case 384:
			algorithm = jose.ES384
		case 521:
			algorithm = jose.ES512
		default:
			algorithm = jose.ES256
		}
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if kid := f.set.text("key_id"); kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: f.signer}, options)
	if err != nil {
		return "", err
	}
	now := f.client.now()
	claims, err := json.Marshal(map[string]any{
		"iss": f.set.text(fieldClient), "sub": f.set.text(fieldClient), "aud": f.set.text(fieldToken), "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
