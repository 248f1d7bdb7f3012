package optest

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var b64 = base64.RawURLEncoding

// random makes a text that nobody guesses.
func random() string {
	text := make([]byte, 24)
	_, _ = rand.Read(text) // never fails
	return b64.EncodeToString(text)
}

// jwt is a signed token that was taken apart.
type jwt struct {
	header, claims map[string]any
}

// part is a claim that is a text.
func (t jwt) part(name string) string {
	s, _ := t.claims[name].(string)
	return s
}

// at is a claim that is an instant.
func (t jwt) at(name string) time.Time {
	n, _ := t.claims[name].(float64)
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

// verified takes a token apart whose signature is by a key of the provider, with RS256, the default of ID tokens and logout tokens.
func (c *check) verified(text string) jwt {
	parts := strings.Split(text, ".")
	c.want(len(parts) == 3, "a token is no JWT")
	var t jwt
	c.must(decode(parts[0], &t.header))
	c.must(decode(parts[1], &t.claims))
	c.want(t.header["alg"] == "RS256", "a token is signed with %v, not RS256", t.header["alg"])
	signature, err := b64.DecodeString(parts[2])
	c.must(err)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	var set struct{ Keys []map[string]any }
	c.must(json.Unmarshal(c.fetch(c.text("jwks_uri")), &set))
	for _, k := range set.Keys {
		if k["kty"] != "RSA" || k["kid"] != t.header["kid"] || k["use"] == "enc" {
			continue
		}
		n, err := b64.DecodeString(k["n"].(string))
		c.must(err)
		e, err := b64.DecodeString(k["e"].(string))
		c.must(err)
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		c.must(rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature))
		return t
	}
	c.failf("no key of the provider has kid %v", t.header["kid"])
	return t
}

func decode(part string, into any) error {
	text, err := b64.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps of texts are encoded
	}
	return b64.EncodeToString(text)
}

// unsigned is a JWT without a signature.
func unsigned(claims map[string]any) string {
	return encode(map[string]any{"alg": "none"}) + "." + encode(claims) + "."
}

// bySecret is a JWT that is signed with a secret.
func bySecret(claims map[string]any, secret string) string {
	text := encode(map[string]any{"alg": "HS256"}) + "." + encode(claims)
	sum := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(sum, text) // never fails
	return text + "." + b64.EncodeToString(sum.Sum(nil))
}

func (c *check) fetch(address string) []byte {
	r, err := http.NewRequestWithContext(c.ctx, http.MethodGet, address, nil)
	c.must(err)
	status, _, body := c.send(r)
	c.want(status == http.StatusOK, "%s answers %d", address, status)
	return body
}

func (c *check) send(r *http.Request) (int, http.Header, []byte) {
	answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	c.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	c.must(err)
	return answer.StatusCode, answer.Header, body
}

// asking are the parameters of an authorization request, with changes: name, value pairs; an empty value takes one away.
func asking(client Client, changes ...string) url.Values {
	v := url.Values{
		"client_id": {client.ID}, "response_type": {"code"}, "redirect_uri": {client.Redirect}, "scope": {"openid"}, "state": {random()}, "nonce": {random()},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			v.Del(changes[i])
		}
	}
	return v
}

// authorize sends the browser to the provider with a request, and has it come back or stay.
func (b *browser) authorize(v url.Values) landed {
	return b.open(withQuery(b.text("authorization_endpoint"), v))
}

func withQuery(address string, v url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + v.Encode()
	}
	return address + "?" + v.Encode()
}

// answered checks that the browser came back to the client, with the state that it went with and an iss that is right if there is one.
func (c *check) answered(client Client, v url.Values, at landed) url.Values {
	c.want(at.at == client.Redirect, "the browser does not come back to the application: %d %s", at.status, said(at.body))
	c.want(at.query.Get("state") == v.Get("state"), "state is %q, not %q", at.query.Get("state"), v.Get("state"))
	if iss := at.query.Get("iss"); iss != "" || c.meta["authorization_response_iss_parameter_supported"] == true {
		c.want(iss == c.Issuer, "iss is %q", iss)
	}
	return at.query
}

// coded is answered with a code.
func (c *check) coded(client Client, v url.Values, at landed) string {
	q := c.answered(client, v, at)
	c.want(q.Get("code") != "", "no code: %s %s", q.Get("error"), q.Get("error_description"))
	return q.Get("code")
}

// said cuts a page down to the beginning of what it says.
func said(page string) string {
	if at := strings.Index(page, "<main"); at >= 0 {
		page = page[at:]
	}
	text := strings.Join(strings.Fields(markup.ReplaceAllString(page, " ")), " ")
	return text[:min(len(text), 200)]
}

// tokens are what the token endpoint answers.
type tokens struct {
	Status  int    `json:"-"`
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Error   string `json:"error"`
}

// token asks the token endpoint as a client, which authenticates by client_secret_basic or, if it is that one, client_secret_post.
func (c *check) token(client Client, v url.Values) tokens {
	if client == c.Post {
		v.Set("client_id", client.ID)
		v.Set("client_secret", client.Secret)
	}
	r := c.form(c.text("token_endpoint"), v)
	if client != c.Post {
		r.SetBasicAuth(url.QueryEscape(client.ID), url.QueryEscape(client.Secret))
	}
	status, header, body := c.send(r)
	t := tokens{Status: status}
	c.want(json.Unmarshal(body, &t) == nil, "the token endpoint answers %d %q", status, said(string(body)))
	if status == http.StatusOK {
		c.want(strings.EqualFold(t.Type, "Bearer") && t.Access != "", "token_type is %q", t.Type)
		c.want(strings.Contains(header.Get("Cache-Control"), "no-store"), "tokens may be cached")
	}
	return t
}

func redeeming(client Client, code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {client.Redirect}}
}

// signedIn is a sign-in with its ID token.
type signedIn struct {
	tokens
	id   jwt
	code string
}

// signIn signs in and checks everything that comes of it.
func (b *browser) signIn(client Client, changes ...string) signedIn {
	return b.finish(client, asking(client, changes...))
}

func (b *browser) finish(client Client, v url.Values) signedIn {
	return b.redeemed(client, v, b.authorize(v))
}

func (b *browser) redeemed(client Client, v url.Values, at landed) signedIn {
	s := signedIn{code: b.coded(client, v, at)}
	s.tokens = b.token(client, redeeming(client, s.code))
	b.want(s.Status == http.StatusOK, "a code gives %d %s", s.Status, s.Error)
	s.id = b.idToken(client, s.tokens)
	b.want(v.Get("nonce") == "" || s.id.part("nonce") == v.Get("nonce"), "nonce is %q", s.id.part("nonce"))
	return s
}

// idToken checks an ID token (OpenID Connect Core §3.1.3.7).
func (c *check) idToken(client Client, t tokens) jwt {
	id := c.verified(t.ID)
	now := time.Now()
	c.want(id.part("iss") == c.Issuer, "iss is %q", id.part("iss"))
	c.want(slices.Equal(audience(id), []string{client.ID}), "aud is %v", id.claims["aud"])
	c.want(id.claims["azp"] == nil || id.claims["azp"] == client.ID, "azp is %v", id.claims["azp"])
	c.want(id.at("exp").After(now), "exp is %v", id.claims["exp"])
	c.want(now.Sub(id.at("iat")).Abs() < 5*time.Minute, "iat is %v", id.claims["iat"])
	c.want(id.part("sub") != "" && len(id.part("sub")) <= 255, "sub is %q", id.part("sub"))
	if hash := id.part("at_hash"); hash != "" {
		sum := sha256.Sum256([]byte(t.Access))
		c.want(subtle.ConstantTimeCompare([]byte(hash), []byte(b64.EncodeToString(sum[:16]))) == 1, "at_hash is %q", hash)
	}
	return id
}

func audience(t jwt) []string {
	if one := t.part("aud"); one != "" {
		return []string{one}
	}
	var all []string
	several, _ := t.claims["aud"].([]any)
	for _, v := range several {
		s, _ := v.(string)
		all = append(all, s)
	}
	return all
}

// whoIs asks who a person is: by GET, by POST with the token in the header, or by POST with it in the body.
func (c *check) whoIs(access, how string) (int, map[string]any) {
	var r *http.Request
	var err error
	switch how {
	case "body":
		r = c.form(c.text("userinfo_endpoint"), url.Values{"access_token": {access}})
	case http.MethodPost, http.MethodGet:
		r, err = http.NewRequestWithContext(c.ctx, how, c.text("userinfo_endpoint"), bytes.NewReader(nil))
		c.must(err)
		r.Header.Set("Authorization", "Bearer "+access)
	}
	status, header, body := c.send(r)
	var claims map[string]any
	if status == http.StatusOK {
		c.want(strings.HasPrefix(header.Get("Content-Type"), "application/json"), "user-info is %s", header.Get("Content-Type"))
		c.must(json.Unmarshal(body, &claims))
	}
	return status, claims
}

// known checks that user-info is about who signed in, and returns its claims.
func (c *check) known(s signedIn, how string) map[string]any {
	status, claims := c.whoIs(s.Access, how)
	c.want(status == http.StatusOK, "user-info answers %d", status)
	c.want(claims["sub"] == s.id.part("sub"), "user-info is about %v", claims["sub"])
	return claims
}
