package sso

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/token"
)

// pushedPrefix begins a request_uri of ours (RFC 9126 §2.2). What follows is a secret.
const pushedPrefix = "urn:ietf:params:oauth:request_uri:"

// The longest values that are kept with a login.
const (
	maxState = 2000
	maxNonce = 500
)

// authorize begins a login (OpenID Connect Core §3.1.2). Until client and redirect URI are known to be right, an error is a page and never
// a redirect (RFC 9700 §4.11.2).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return request("The request cannot be read.")
		}
		values = r.PostForm
	}
	if single(values) != nil {
		return request("A parameter of the request is there more than once.")
	}
	c, values, err := s.asking(r.Context(), x, values)
	if err != nil {
		return err
	}
	redirect := values.Get("redirect_uri")
	if !c.knows(redirect) {
		return &lockstep.Error{Code: lockstep.CodeSSORedirect, Detail: "“" + clip(redirect) + "” is none of the redirect URIs of " + c.Name + "."}
	}
	if r.Method == http.MethodPost && !x.knows(r) {
		return s.posted(w, r, x, c, values)
	}
	req, refused := s.read(r.Context(), x, &c, values)
	if refused != nil {
		e, ok := errors.AsType[oauthError](refused)
		if !ok {
			return refused
		}
		return s.answer(w, r, x, req, url.Values{"error": {e.Code}, "error_description": {e.Description}})
	}
	if !s.limits.begins(x.tenant.ID, s.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign in at once."}
	}
	now := s.now()
	v := &visit{Server: s, site: x, w: w, r: r, client: c, login: Login{
		Tenant: x.tenant.ID, ID: lockstep.NewID[LoginID](), Expires: now.Add(loginLife), Step: StepStart, Request: req, Began: now, Locale: x.locale(req.Locales, r),
	}}
	v.bind()
	v.stage(Stage{Name: "authorize", OK: true, Facts: map[string]string{"client": string(c.ID), "scopes": strings.Join(req.Scopes, " ")}})
	return v.run(r.Context())
}

// knows reports whether the browser shows any of our cookies.
func (x site) knows(r *http.Request) bool {
	return x.cookieValue(r, cookieSession) != "" || x.cookieValue(r, cookieBrowser) != ""
}

// maxPosted bounds a request that is kept until the browser comes again.
const maxPosted = 64 << 10

// posted has a browser that another site's form brought here come once more, with GET: it shows its cookies then (SameSite=Lax), and who is signed in is not asked again. Meanwhile
// the request is kept as if it had been pushed.
func (s *Server) posted(w http.ResponseWriter, r *http.Request, x site, c Client, values url.Values) error {
	if !s.limits.begins(x.tenant.ID, s.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign in at once."}
	}
	if len(values.Encode()) > maxPosted {
		return request("The request is too long.")
	}
	text, hash := secret()
	if err := s.Store.PutPushed(r.Context(), x.tenant.ID, hash, c.ID, s.now().Add(pushedLife), values); err != nil {
		return err
	}
	redirect(w, r, x.issuer+"/authorize?"+url.Values{"client_id": {string(c.ID)}, "request_uri": {pushedPrefix + text}}.Encode())
	return nil
}

func request(detail string) error {
	return &lockstep.Error{Code: lockstep.CodeSSORequest, Detail: detail}
}

// asking returns the client of an authorization request, and its parameters, which may have been pushed before.
func (s *Server) asking(ctx context.Context, x site, values url.Values) (Client, url.Values, error) {
	id := ClientID(values.Get("client_id"))
	c, err := s.Store.Client(ctx, x.tenant.ID, id)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (c.Disabled || !c.May(GrantCode)) {
		return c, nil, &lockstep.Error{Code: lockstep.CodeSSOClient, Detail: "“" + clip(string(id)) + "” is no application that signs people in here."}
	}
	if err != nil {
		return c, nil, err
	}
	uri := values.Get("request_uri")
	if !strings.HasPrefix(uri, pushedPrefix) {
		if c.Pushed && uri == "" {
			return c, nil, request(c.Name + " has to push its requests.")
		}
		return c, values, nil
	}
	pushed, err := s.Store.TakePushed(ctx, x.tenant.ID, token.HashOf(strings.TrimPrefix(uri, pushedPrefix)), c.ID)
	if errors.Is(err, lockstep.ErrNotFound) {
		return c, nil, request("The pushed request has expired, or was used before.")
	}
	return c, pushed, err
}

// read checks the parameters of a request whose client and redirect URI are right. The request that it returns with an error says how to
// answer.
func (s *Server) read(ctx context.Context, x site, c *Client, v url.Values) (Request, error) {
	req := Request{Client: c.ID, Redirect: v.Get("redirect_uri"), Mode: "query"}
	if state := v.Get("state"); len(state) <= maxState {
		req.State = state
	} else {
		return req, badRequest("invalid_request", "state is too long")
	}
	switch mode := v.Get("response_mode"); mode {
	case "", "query":
	case "form_post":
		req.Mode = mode
	default:
		return req, badRequest("invalid_request", "response_mode is query or form_post")
	}
	switch v.Get("response_type") {
	case "code":
	case "":
		return req, badRequest("invalid_request", "response_type is missing")
	default:
		return req, badRequest("unsupported_response_type", "response_type is code")
	}
	for name, code := range map[string]string{"request": "request_not_supported", "request_uri": "request_uri_not_supported", "registration": "registration_not_supported"} {
		if v.Get(name) != "" {
			return req, badRequest(code, name+" is not supported")
		}
	}
	req.Nonce, req.LoginHint = v.Get("nonce"), v.Get("login_hint")
	if len(req.Nonce) > maxNonce || len(req.LoginHint) > maxNonce {
		return req, badRequest("invalid_request", "nonce or login_hint is too long")
	}
	req.Scopes = c.scopes(strings.Fields(v.Get("scope")))
	req.Locales, req.ACRValues = bounded(v.Get("ui_locales")), bounded(v.Get("acr_values"))
	if err := readChallenge(c, v, &req); err != nil {
		return req, err
	}
	if err := s.readWho(ctx, x, v, &req); err != nil {
		return req, err
	}
	if req.asksSCIM() && slices.Contains(req.Prompt, "none") {
		return req, badRequest("consent_required", "an administrator has to consent")
	}
	return req, readClaims(v.Get("claims"), &req)
}

// scopes that mean something; others are left out rather than refused (RFC 6749 §3.3).
func known(asked []string) []string {
	var scopes []string
	for _, one := range asked {
		if (one == "openid" || one == "profile" || one == "email" || one == "groups") && !slices.Contains(scopes, one) {
			scopes = append(scopes, one)
		}
	}
	return scopes
}

// bounded divides a list of names, of which at most ten count.
func bounded(text string) []string {
	all := strings.Fields(text)
	if len(text) > 500 {
		return nil
	}
	return all[:min(len(all), 10)]
}

// readChallenge reads PKCE (RFC 7636): S256 and nothing else, for everybody but a confidential client whose administrator said that it
// knows none.
func readChallenge(c *Client, v url.Values, req *Request) error {
	challenge, method := v.Get("code_challenge"), v.Get("code_challenge_method")
	switch {
	case challenge == "" && method == "" && c.NoPKCE && !c.Public():
		return nil
	case challenge == "":
		return badRequest("invalid_request", "code_challenge is missing: PKCE is required")
	case method != "S256":
		return badRequest("invalid_request", "code_challenge_method is S256")
	case len(challenge) != 43 || strings.Trim(challenge, base64url) != "":
		return badRequest("invalid_request", "code_challenge is not the SHA-256 of a verifier")
	}
	req.Challenge = challenge
	return nil
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// readWho reads what a request says of who is to sign in, and how.
func (s *Server) readWho(ctx context.Context, x site, v url.Values, req *Request) error {
	for _, p := range strings.Fields(v.Get("prompt")) {
		switch p {
		case "none", "login", "select_account":
			req.Prompt = append(req.Prompt, p)
		case "consent": // an administrator has consented by adding the client
		default:
			return badRequest("invalid_request", "prompt is none, login, select_account or consent")
		}
	}
	if slices.Contains(req.Prompt, "none") && len(strings.Fields(v.Get("prompt"))) > 1 {
		return badRequest("invalid_request", "prompt none stands alone")
	}
	if text := v.Get("max_age"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return badRequest("invalid_request", "max_age is a number of seconds")
		}
		req.MaxAge = &n
	}
	if hint := v.Get("id_token_hint"); hint != "" {
		h, err := s.readHint(ctx, x, hint)
		if err != nil || h.Aud[0] != string(req.Client) {
			return badRequest("invalid_request", "id_token_hint is no ID token of this client")
		}
		req.Subject = lockstep.UserID(h.Sub)
	}
	return nil
}

// hint is what counts of an ID token of ours that somebody shows again. It may have expired.
type hint struct {
	Iss, Sub string
	SID      SessionID
	Aud      audience
}

var errHint = errors.New("no ID token of ours")

func (s *Server) readHint(ctx context.Context, x site, text string) (h hint, err error) {
	set, err := s.published(ctx, x.tenant.ID)
	if err != nil {
		return h, err
	}
	t, err := set.Verify(text, token.RS256, token.ES256)
	if err != nil || t.Type != typeID {
		return h, errHint
	}
	if json.Unmarshal(t.Claims, &h) != nil || h.Iss != x.issuer || len(h.Aud) != 1 || h.Sub == "" {
		return h, errHint
	}
	return h, nil
}

// answer sends the browser back to the client with an answer, which names the issuer in any case (RFC 9207).
func (s *Server) answer(w http.ResponseWriter, r *http.Request, x site, req Request, values url.Values) error {
	values.Set("iss", x.issuer)
	if req.State != "" {
		values.Set("state", req.State)
	}
	if req.Mode == "form_post" {
		return s.post(w, r, x.locale(req.Locales, r), req.Redirect, values)
	}
	redirect(w, r, withQuery(req.Redirect, values))
	return nil
}

// withQuery adds parameters to an address that may have some, and changes nothing else of it.
func withQuery(address string, values url.Values) string {
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	return address + sep + values.Encode()
}

// redirect sends the browser somewhere with GET, whatever it came with: with 307 it would send a password along (RFC 9700 §4.12). The
// address stands as it is: http.Redirect would tidy it up, and no longer be byte for byte what was registered.
func redirect(w http.ResponseWriter, _ *http.Request, address string) {
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// push keeps an authorization request (RFC 9126): checked as authorize would, by a client that has authenticated.
func (s *Server) push(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	c, err := s.authenticate(x, r, values)
	if err != nil {
		return err
	}
	if !c.May(GrantCode) {
		return badRequest("unauthorized_client", "the client does not sign people in")
	}
	if values.Has("request_uri") {
		return badRequest("invalid_request", "request_uri cannot be pushed")
	}
	if !c.knows(values.Get("redirect_uri")) {
		return badRequest("invalid_request", "redirect_uri is none of the client's")
	}
	if _, err := s.read(r.Context(), x, &c, values); err != nil {
		return err
	}
	kept := url.Values{}
	for name := range values {
		if name != "client_secret" && name != "client_assertion" && name != "client_assertion_type" {
			kept.Set(name, values.Get(name))
		}
	}
	if !s.limits.take("push\x00"+string(x.tenant.ID), beginsMax, beginsFor, s.now()) { // each is kept, also one of a client that shows nothing
		return oauthError{Status: http.StatusTooManyRequests, Code: "temporarily_unavailable", Description: "too many requests are pushed at once"}
	}
	text, hash := secret()
	if err := s.Store.PutPushed(r.Context(), x.tenant.ID, hash, c.ID, s.now().Add(pushedLife), kept); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, struct {
		URI     string `json:"request_uri"`
		Expires int    `json:"expires_in"`
	}{pushedPrefix + text, int(pushedLife.Seconds())})
	return nil
}
