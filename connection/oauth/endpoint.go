package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"lockstep"
	"lockstep/token"
	"lockstep/web"
)

// Tokens is what a token endpoint gave (RFC 6749 §5.1).
type Tokens struct {
	Access  string
	Refresh string // "" is none, or that the old one stays
	Expires time.Time
	Scope   string
	Ends    time.Time // of the refresh token, where the server says so (refresh_token_expires_in); zero is not known
}

// The bounds of an answer.
const (
	maxAnswer   = 64 << 10
	longest     = 16 << 10
	askTime     = 15 * time.Second
	unsaidLife  = 10 * time.Minute // of a token that does not say when it ends
	longestLife = 366 * 24 * time.Hour
	longestKept = 10 * longestLife // of a refresh token
	assertLife  = time.Minute
)

// Refused is the answer of a token endpoint that gives nothing (RFC 6749 §5.2).
type Refused struct {
	Code   string // such as invalid_grant; "" is none of the standard's form
	Status int
}

func (r *Refused) Error() string {
	return fmt.Sprintf("the token endpoint answered %d %s", r.Status, r.Code)
}

// Client asks token endpoints.
type Client struct {
	HTTP *http.Client     // guards where it goes, follows no redirects
	Now  func() time.Time // nil is time.Now
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// ask sends a request to the token endpoint, authenticated with the secret or key.
func (c *Client) ask(ctx context.Context, to Config, secret string, values url.Values) (Tokens, error) {
	if err := to.Check(); err != nil {
		return Tokens{}, err
	}
	for name, v := range map[string]string{"audience": to.Audience, "resource": to.Resource} {
		if v != "" {
			values.Set(name, v)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if err := c.authenticate(to, secret, values, header); err != nil {
		return Tokens{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Token, strings.NewReader(values.Encode()))
	if err != nil {
		return Tokens{}, failed("cannot be asked", err)
	}
	r.Header = header
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return Tokens{}, unreachable(err)
	}
	body, err := web.ReadBody(answer.Body, maxAnswer)
	if errors.Is(err, web.ErrTooLarge) {
		return Tokens{}, failed("has given an answer of more than 64 KiB", err)
	}
	if err != nil {
		return Tokens{}, unreachable(err)
	}
	if answer.StatusCode != http.StatusOK {
		return Tokens{}, refusal(answer.StatusCode, body)
	}
	return c.read(body)
}

// authenticate puts who we are into the request (RFC 6749 §2.3.1, RFC 7523 §2.2).
func (c *Client) authenticate(to Config, secret string, values url.Values, header http.Header) error {
	if secret == "" {
		what := "client secret (client_secret)"
		if to.Auth == PrivateKey {
			what = "private key (client_key)"
		}
		return &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: "the " + what + " is not set"}
	}
	switch to.Auth {
	case Post:
		values.Set("client_id", to.Client)
		values.Set("client_secret", secret)
		return nil
	case PrivateKey:
		text, err := c.assertion(to, secret)
		values.Set("client_id", to.Client)
		values.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		values.Set("client_assertion", text)
		return err
	}
	r := http.Request{Header: header}
	r.SetBasicAuth(url.QueryEscape(to.Client), url.QueryEscape(secret))
	return nil
}

// assertion is a JWT that says that we are the client: for this server alone, for a minute, once.
func (c *Client) assertion(to Config, key string) (string, error) {
	signer, err := ParseKey(to.KeyID, key)
	if err != nil {
		return "", err
	}
	now, audience := c.now(), to.Issuer
	if audience == "" {
		audience = to.Token
	}
	return signer.Sign("JWT", map[string]any{
		"iss": to.Client, "sub": to.Client, "aud": audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertLife).Unix(),
	})
}

// ParseKey reads a private key that signs assertions: PEM of PKCS #8, RSA of 2048 bits and more or P-256. The error never quotes it.
func ParseKey(id, text string) (token.Signer, error) {
	wrong := &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: "the private key (client_key) is no PEM of PKCS #8 with an RSA or P-256 key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"}
	der := keyBytes(text)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return token.Signer{}, wrong
	}
	alg := token.ES256
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if alg = token.RS256; k.N.BitLen() < token.KeyBits {
			return token.Signer{}, wrong
		}
	case *ecdsa.PrivateKey:
		if k.Curve.Params().Name != "P-256" {
			return token.Signer{}, wrong
		}
	default:
		return token.Signer{}, wrong
	}
	return token.ParseSigner(id, alg, der)
}

// keyBytes decodes PEM, also one whose line ends a form field has swallowed.
func keyBytes(text string) []byte {
	_, rest, _ := strings.Cut(text, "-----BEGIN PRIVATE KEY-----")
	body, _, _ := strings.Cut(rest, "-----END PRIVATE KEY-----")
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return nil
	}
	return der
}

// read reads what the endpoint gave.
func (c *Client) read(body []byte) (Tokens, error) {
	var v struct {
		Access  string          `json:"access_token"`
		Type    string          `json:"token_type"`
		Expires json.RawMessage `json:"expires_in"`
		Refresh string          `json:"refresh_token"`
		Scope   string          `json:"scope"`
		Ends    json.RawMessage `json:"refresh_token_expires_in"`
	}
	if json.Unmarshal(body, &v) != nil || !word(v.Access) || v.Refresh != "" && !word(v.Refresh) {
		return Tokens{}, failed("has given no access token", nil)
	}
	if v.Type != "" && !strings.EqualFold(v.Type, "bearer") {
		return Tokens{}, failed("gives tokens of a type that is not Bearer", nil)
	}
	got := Tokens{Access: v.Access, Refresh: v.Refresh, Expires: c.now().Add(unsaidLife), Scope: v.Scope}
	if life := seconds(v.Expires, longestLife); life > 0 {
		got.Expires = c.now().Add(life)
	}
	if life := seconds(v.Ends, longestKept); life > 0 {
		got.Ends = c.now().Add(life)
	}
	return got, nil
}

// seconds reads how many seconds something lasts, as a number or a text; 0 is not said.
func seconds(said json.RawMessage, most time.Duration) time.Duration {
	n, err := strconv.ParseFloat(strings.Trim(string(said), `"`), 64)
	if err != nil || !(n > 0) {
		return 0
	}
	return time.Duration(min(n, most.Seconds()) * float64(time.Second))
}

// word reports whether a text can stand in a header or a form: VSCHAR (RFC 6749 appendix A).
func word(s string) bool {
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x21 || r > 0x7e })
}

// fixes says what an administrator does about a refusal, by its code (RFC 6749 §5.2).
var fixes = map[string]string{
	"invalid_client":         "client ID, secret or key are not those that it knows, or it wants them in another way (client_auth)",
	"unauthorized_client":    "the client may not use this grant there",
	"unsupported_grant_type": "it does not know this grant",
	"invalid_scope":          "it does not know the scope, or the client may not ask for it (oauth_scope)",
	"invalid_request":        "something of the request is missing or not known to it; it may want an audience or a resource (oauth_audience, oauth_resource)",
	"invalid_target":         "it does not know the audience or resource (oauth_audience, oauth_resource)",
	"invalid_grant":          "the consent was taken back, or has ended",
	"access_denied":          "it denies access",
}

// refusal tells what an answer other than 200 means. What the endpoint says in its own words is not repeated: it may repeat what it was sent.
func refusal(status int, body []byte) error {
	var v struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &v) != nil || fixes[v.Error] == "" {
		v.Error = plainCode(v.Error)
	}
	lies := &Refused{Code: v.Error, Status: status}
	switch {
	case status >= 500 || status == http.StatusTooManyRequests:
		return failed("has answered with status "+strconv.Itoa(status), lies)
	case v.Error == "" && status >= 300 && status < 400:
		return failed("points to another address", lies)
	case v.Error == "" && status != http.StatusUnauthorized && status != http.StatusBadRequest && status != http.StatusForbidden:
		return failed("is not at the address (token_url): the answer has status "+strconv.Itoa(status), lies)
	}
	detail := "the token endpoint refused (status " + strconv.Itoa(status)
	if v.Error != "" {
		detail += ", " + v.Error
	}
	detail += ")"
	if fix := fixes[v.Error]; fix != "" {
		detail += ": " + fix
	}
	return &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: detail, Err: lies}
}

// plainCode is a code of an error that is not one of the standard's, if it looks like one.
func plainCode(s string) string {
	if len(s) > 40 || strings.ContainsFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLower(r) || r > 0x7e }) {
		return ""
	}
	return s
}

func failed(what string, err error) error {
	return &lockstep.Error{Code: lockstep.CodeOAuthEndpoint, Detail: "the token endpoint " + what, Err: err}
}

// unreachable tells why no answer came.
func unreachable(err error) error {
	if blocked, ok := errors.AsType[*web.BlockedError](err); ok {
		return &lockstep.Error{Code: lockstep.CodeBlocked, Detail: "the token endpoint cannot be asked: the " + blocked.Error()}
	}
	if plain, ok := errors.AsType[*web.PlainError](err); ok {
		return &lockstep.Error{Code: lockstep.CodeUnencrypted, Detail: "the token endpoint cannot be asked: the " + plain.Error()}
	}
	what := "cannot be reached"
	if web.IsTimeout(err) {
		what = "did not answer in time"
	}
	if why := web.Why(err); why != "" {
		what += ": " + why
	}
	return failed(what, err)
}
