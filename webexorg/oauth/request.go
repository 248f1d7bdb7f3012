package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is an authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1) that was found to be in order.
type request struct {
	client    Client
	redirect  string
	response  []string // of code, token, id_token
	scopes    []string
	state     string
	nonce     string
	prompt    []string
	maxAge    time.Duration // negative is any
	hint      string        // the user name that the client expects
	challenge string        // "" is none (RFC 7636 §4.3)
	plain     bool
	raw       string // the query that it came as
}

func (q *request) asks(response string) bool { return slices.Contains(q.response, response) }

// fragment reports whether the answer stands in the fragment of the redirect URI rather than in its query.
func (q *request) fragment() bool { return !q.asks("code") }

// maxParameter bounds each parameter of an authorization request.
const maxParameter = 4096

// parseRequest reads an authorization request. An error that is to be told to the client has back set, and the request then has
// what is needed for that. It has no effect and calls nothing but client. unticked are the scopes that need not be registered.
func parseRequest(raw string, client func(id string) (Client, bool), unticked []string) (q request, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, refuse("invalid_request", "The request is malformed: its parameters cannot be decoded.")
	}
	for name, list := range values {
		if len(list) > 1 {
			return q, refuse("invalid_request", "The parameter "+strconv.Quote(name)+" is given more than once.") // RFC 6749 §3.1
		}
		if len(list[0]) > maxParameter {
			return q, refuse("invalid_request", "The parameter "+strconv.Quote(name)+" is too long.")
		}
	}
	c, ok := client(values.Get("client_id"))
	if !ok {
		return q, &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed: there is no client with this client_id."}
	}
	if c.Kind == ServiceApp {
		return q, refuse("unauthorized_client", "A service app signs nobody in: an administrator authorises it.")
	}
	q = request{client: c, redirect: values.Get("redirect_uri"), state: values.Get("state"), raw: raw}
	if !slices.Contains(c.Redirects, q.redirect) {
		return q, refuse("redirect_uri_mismatch", "The redirection URI provided does not match a pre-registered value.")
	}
	q.response = strings.Fields(values.Get("response_type"))
	allowed := slices.Concat(c.Scopes, unticked)
	readScopes := func(values url.Values) *refusal { return q.readScopes(values, allowed) }
	for _, step := range []func(url.Values) *refusal{q.checkResponse, readScopes, q.readOpenID, q.readChallenge} {
		if r := step(values); r != nil {
			r.back = true
			return q, r
		}
	}
	return q, nil
}

func (q *request) checkResponse(values url.Values) *refusal {
	slices.Sort(q.response)
	switch strings.Join(q.response, " ") {
	case "code", "token", "id_token", "id_token token":
	case "":
		q.response = []string{"code"} // so that the error goes to the query
		return refuse("invalid_request", "The parameter response_type is missing.")
	default:
		q.response = []string{"code"}
		return refuse("unsupported_response_type", "The response type is not supported: use code, token, id_token, or id_token token.")
	}
	switch {
	case values.Has("request"):
		return refuse("request_not_supported", "Request objects are not supported.")
	case values.Has("request_uri"):
		return refuse("request_uri_not_supported", "Request objects are not supported.")
	case values.Has("response_mode") && (values.Get("response_mode") == "fragment") != q.fragment():
		return refuse("invalid_request", "The response mode does not fit the response type.")
	}
	return nil
}

func (q *request) readScopes(values url.Values, allowed []string) *refusal {
	q.scopes = splitScopes(values.Get("scope"))
	switch {
	case len(q.scopes) == 0:
		return refuse("invalid_scope", "The requested scope is missing.")
	case !subset(q.scopes, allowed):
		return refuse("invalid_scope", "The requested scope is invalid, unknown, malformed, or exceeds what the client registered.")
	}
	return nil
}

func (q *request) readOpenID(values url.Values) *refusal {
	q.nonce, q.hint, q.prompt = values.Get("nonce"), values.Get("login_hint"), strings.Fields(values.Get("prompt"))
	openID := slices.Contains(q.scopes, "openid")
	switch {
	case openID && q.nonce == "":
		return refuse("invalid_request", "The parameter nonce is required with the scope openid.")
	case q.asks("id_token") && !openID:
		return refuse("invalid_scope", "An ID token needs the scope openid.")
	case !subset(q.prompt, []string{"none", "login", "consent", "select_account"}):
		return refuse("invalid_request", "The parameter prompt is none of none, login, consent, select_account.")
	case len(q.prompt) > 1 && slices.Contains(q.prompt, "none"):
		return refuse("invalid_request", "The prompt none stands alone.")
	}
	q.maxAge = -1
	if text := values.Get("max_age"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return refuse("invalid_request", "The parameter max_age is no number of seconds.")
		}
		q.maxAge = time.Duration(seconds) * time.Second
	}
	return nil
}

func (q *request) readChallenge(values url.Values) *refusal {
	q.challenge = values.Get("code_challenge")
	method := values.Get("code_challenge_method")
	switch {
	case q.challenge == "" && (values.Has("code_challenge") || method != ""):
		return refuse("invalid_request", "The code challenge is empty.")
	case q.challenge == "":
		return nil
	case method != "" && method != "S256" && method != "plain":
		return refuse("invalid_request", "The code challenge method is neither S256 nor plain.")
	case !isVerifier(q.challenge):
		return refuse("invalid_request", "The code challenge has not the form of RFC 7636.")
	}
	q.plain = method != "S256"
	return nil
}

// isVerifier reports whether a text is a code verifier, or a challenge, by its form (RFC 7636 §4.1).
func isVerifier(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~", r)
	})
}

// pair is a parameter of an answer. Answers have an order, so that a person who copies a token finds it first.
type pair struct{ name, value string }

// answer returns the redirect URI with the parameters, those without a value left out.
func (q *request) answer(pairs ...pair) string {
	var b strings.Builder
	b.WriteString(q.redirect)
	separator := "?"
	switch {
	case q.fragment():
		separator = "#"
	case strings.Contains(q.redirect, "?"): // its query stays (RFC 6749 §3.1.2)
		separator = "&"
	}
	for _, p := range append(pairs, pair{"state", q.state}) {
		if p.value == "" {
			continue
		}
		b.WriteString(separator + p.name + "=" + url.QueryEscape(p.value))
		separator = "&"
	}
	return b.String()
}

// without returns the request's query without one parameter.
func (q *request) without(name string) string {
	var kept []string
	for part := range strings.SplitSeq(q.raw, "&") {
		key, _, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(key); err != nil || decoded != name {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}
