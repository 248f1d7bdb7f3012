package upstream

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"lockstep"
	"lockstep/sso"
)

// flow is the authorization code grant (RFC 6749 §4.1) at one provider, with OpenID Connect or without.
type flow struct {
	provider sso.Provider
	set      settings
	client   *client
	issuers  []string           // whose ID tokens are believed, the first one above all
	keys     map[string]*keySet // by issuer: what an issuer signs is checked with its own keys
	signer   crypto.Signer      // for private_key_jwt
	filter   filter
	skew     time.Duration

	// userClaims puts a user-info answer into OpenID's claims.
	userClaims func(map[string]any) map[string]any
	// judgeMore looks at the claims of an ID token beyond what OpenID Connect asks for.
	judgeMore func(map[string]any) *finding
	// subject returns what tells people apart for good.
	subject func(map[string]any) (string, *finding)
}

// newFlow makes the flow of a provider that Check has passed.
func newFlow(p sso.Provider, c *client) (*flow, error) {
	f := &flow{provider: p, set: settingsOf(p), client: c, keys: map[string]*keySet{}, userClaims: asIs, subject: subClaim}
	f.skew = time.Duration(f.number("skew", 60)) * time.Second
	f.filter = newFilter(f.set)
	if f.set.text(fieldClientAuth) == authPrivateKey {
		var err error
		if f.signer, err = parsePrivateKey(f.set.secret(fieldKey)); err != nil {
			return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Private key: " + err.Error()}
		}
	}
	switch p.Kind {
	case sso.KindOAuth2:
		f.subject = f.namedSubject
		if issuer := f.set.text(fieldIssuer); issuer != "" {
			f.issuers = []string{issuer}
		}
		return f, nil
	case sso.KindEntra:
		f.asEntra()
	case sso.KindWebexCC:
		f.userClaims = webexClaims
	}
	return f, f.addIssuers()
}

// addIssuers reads the issuers and where their keys are.
func (f *flow) addIssuers() error {
	own := f.set.text(fieldKeys)
	lines := []string{f.set.text(fieldIssuer) + " " + own}
	lines = append(lines, strings.Split(f.set.text(fieldIssuers), "\n")...)
	sets := map[string]*keySet{}
	for _, line := range lines {
		parts := strings.Fields(line)
		if len(parts) == 0 || f.keys[parts[0]] != nil {
			continue
		}
		address := own
		if len(parts) > 1 {
			address = parts[1]
		}
		if sets[address] == nil {
			made, err := newKeySet(address, f.set.text(fieldPastedKeys), f.client)
			if err != nil {
				return &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Keys: " + err.Error()}
			}
			sets[address] = made
		}
		f.issuers, f.keys[parts[0]] = append(f.issuers, parts[0]), sets[address]
	}
	return nil
}

func (f *flow) openID() bool { return f.provider.Kind != sso.KindOAuth2 }

func (f *flow) number(field string, otherwise int) int {
	n, err := strconv.Atoi(f.set.text(field))
	if err != nil {
		return otherwise
	}
	return n
}

// keptFlow is what Begin asks the login to keep.
type keptFlow struct {
	Begun int64 `json:"begun"` // seconds since 1970
}

// Begin returns the authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1, RFC 7636 §4.3).
func (f *flow) Begin(_ context.Context, a sso.Attempt, rec sso.Recorder) (sso.Redirect, error) {
	pkce := f.set.text(fieldPKCE) != "off"
	if a.State == "" || pkce && len(a.Verifier) < 43 { // RFC 7636 §4.1
		return sso.Redirect{}, &lockstep.Error{Code: lockstep.CodeInternal, Detail: "a login began without state or code verifier"}
	}
	h := startHop(rec, f.client.now, "authorize")
	u, err := url.Parse(f.set.text(fieldAuthorize))
	if err != nil {
		return sso.Redirect{}, h.fail(found(lockstep.CodeIdPSettingInvalid, "", "the authorization URL cannot be read"))
	}
	q := u.Query()
	put := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	put("response_type", "code")
	put("client_id", f.set.text(fieldClient))
	put("redirect_uri", a.RedirectURI)
	put("scope", strings.Join(strings.Fields(f.set.text(fieldScopes)), " "))
	put("state", a.State)
	put("prompt", or(a.Prompt, f.set.text("prompt")))
	if pkce {
		put("code_challenge", challenge(a.Verifier))
		put("code_challenge_method", "S256")
	}
	if f.openID() {
		put("nonce", a.Nonce)
		put("login_hint", a.LoginHint)
		put("ui_locales", strings.Join(a.Locales, " "))
		put("acr_values", strings.Join(append(slices.Clone(a.ACRValues), strings.Fields(f.set.text("require_acr"))...), " "))
		if age, ok := f.maxAge(a); ok {
			put("max_age", strconv.Itoa(age))
		}
	}
	u.RawQuery = q.Encode()
	kept, err := json.Marshal(keptFlow{f.client.now().Unix()})
	if err != nil {
		return sso.Redirect{}, err
	}
	h.fact("address", u.Scheme+"://"+u.Host+u.Path)
	for _, name := range []string{"redirect_uri", "scope", "prompt", "max_age", "acr_values", "code_challenge_method"} {
		h.fact(name, q.Get(name))
	}
	h.done("the browser is sent to the provider")
	return sso.Redirect{URL: u.String(), Keep: kept}, nil
}

// maxAge is the shorter of what the application and the settings ask for.
func (f *flow) maxAge(a sso.Attempt) (seconds int, ok bool) {
	seconds = f.number("max_age", -1)
	if a.MaxAge != nil && *a.MaxAge >= 0 && (seconds < 0 || *a.MaxAge < seconds) {
		seconds = *a.MaxAge
	}
	return seconds, seconds >= 0
}

// Finish goes from the callback to the identity: code, tokens, ID token, user-info, claims.
func (f *flow) Finish(ctx context.Context, a sso.Attempt, c sso.Callback, rec sso.Recorder) (sso.Identity, error) {
	h := startHop(rec, f.client.now, "callback")
	code, bad := f.code(c, h, or(a.Prompt, f.set.text("prompt")) == "none")
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	h.done("the provider gave a code")

	h = startHop(rec, f.client.now, "token")
	got, bad := f.exchange(ctx, h, a, code)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	h.done("the code was exchanged")

	var claims map[string]any
	if f.openID() {
		h = startHop(rec, f.client.now, "id_token")
		if claims, bad = f.verify(ctx, h, a, got); bad == nil {
			bad = f.sameIssuer(c.Values, claims)
		}
		if bad != nil {
			return sso.Identity{}, h.fail(bad)
		}
		h.done("the ID token is in order")
	}
	claims, err := f.askUser(ctx, rec, claims, got)
	if err != nil {
		return sso.Identity{}, err
	}

	h = startHop(rec, f.client.now, "claims")
	who, bad := f.identify(h, claims)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	who.Logout = f.logoutKept(got)
	h.done("the claims say who signs in")
	return who, nil
}

// maxCode is the longest code that is passed on.
const maxCode = 4096

// code reads the callback (RFC 6749 §4.1.2, RFC 9207 §2.4). silent says that the provider was asked to show nothing.
func (f *flow) code(c sso.Callback, h *hop, silent bool) (string, *finding) {
	for _, name := range []string{"code", "state", "iss", "error"} {
		if len(c.Values[name]) > 1 { // RFC 6749 §3.1: parameters are there once
			return "", found(lockstep.CodeIdPCallback, "", "the callback has %s %d times", name, len(c.Values[name]))
		}
	}
	h.fact("iss", c.Values.Get("iss"))
	if bad := f.judgeIss(c.Values); bad != nil {
		return "", bad
	}
	if c.Values.Get("error") != "" {
		return "", returned(c.Values, silent)
	}
	code := c.Values.Get("code")
	switch {
	case code == "":
		return "", found(lockstep.CodeIdPCallback, "", "the callback has neither a code nor an error")
	case len(code) > maxCode || strings.ContainsFunc(code, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }):
		return "", found(lockstep.CodeIdPCallback, "", "the callback's code is too long or has letters that codes do not have")
	}
	return code, nil
}

// judgeIss compares who the callback says it is from, an error as well as a code.
func (f *flow) judgeIss(values url.Values) *finding {
	iss, there := values.Get("iss"), values.Has("iss")
	switch {
	case !there && f.set.text(fieldIssParam) == "required":
		return found(lockstep.CodeIdPMixedUp, "If the provider does not send iss, set “iss in the callback” to compared if there.", "the callback does not say which issuer it is from")
	case there && len(f.issuers) > 0 && !slices.Contains(f.issuers, iss):
		return found(lockstep.CodeIdPMixedUp, "", "the callback is from the issuer %s, and %s was asked", cleanText(iss, 150), f.issuers[0])
	}
	return nil
}

// sameIssuer: of a provider with several issuers, the one that the callback names gave the ID token, too. Webex's and Microsoft's
// front doors serve all of theirs.
func (f *flow) sameIssuer(values url.Values, claims map[string]any) *finding {
	if iss := values.Get("iss"); iss != "" && f.provider.Kind == sso.KindOIDC && claims["iss"] != iss {
		return found(lockstep.CodeIdPMixedUp, "", "the callback is from the issuer %s, and the ID token from %s", cleanText(iss, 150), cleanText(show(claims["iss"]), 150))
	}
	return nil
}

// returned names the error that the provider sent the browser back with (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6). One that could ask for consent and comes back
// without it has asked, and the answer was no (LemonLDAP::NG).
func returned(values url.Values, silent bool) *finding {
	said := errorWords(map[string]any{"error": values.Get("error"), "error_description": values.Get("error_description")})
	fix := fixOf(said)
	if values.Get("error") == "consent_required" && !silent {
		return found(lockstep.CodeIdPDenied, fix, "the person has not consented at the provider%s", said)
	}
	switch values.Get("error") {
	case "access_denied":
		return found(lockstep.CodeIdPDenied, fix, "the provider let nobody in%s", said)
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		return found(lockstep.CodeIdPLoginRequired, fix, "the provider wants the person to act%s", said)
	case "invalid_scope":
		return found(lockstep.CodeIdPScope, fix, "the provider does not give out a scope%s", said)
	case "unauthorized_client":
		return found(lockstep.CodeIdPClient, fix, "the provider does not let this client sign people in%s", said)
	}
	return found(lockstep.CodeIdPReturned, fix, "the provider sent the browser back with an error%s", said)
}

// fixOf knows what some errors of widespread providers mean.
func fixOf(said string) string {
	for _, known := range []struct{ part, fix string }{
		{"AADSTS7000222", "The client secret has expired: make a new one in the app registration and enter its value."},
		{"AADSTS7000215", "Enter the secret's value, not its ID, both of which the app registration shows."},
		{"AADSTS700016", "Compare client ID and tenant ID with the app registration's overview."},
		{"AADSTS50011", "Add the redirect URI, letter for letter, to the app registration under Authentication, platform Web."},
		{"AADSTS50105", "Assign the person or their group to the enterprise application, or switch off “Assignment required”."},
		{"AADSTS65001", "Grant admin consent to the app registration's permissions."},
		{"AADSTS90094", "Grant admin consent to the app registration's permissions."},
	} {
		if strings.Contains(said, known.part) {
			return known.fix
		}
	}
	return ""
}

// keptLogout is what EndSession needs.
type keptLogout struct {
	IDToken string `json:"id_token,omitempty"`
	Token   string `json:"token,omitempty"`
}

func (f *flow) logoutKept(got tokens) []byte {
	var k keptLogout
	switch f.set.text(fieldLogoutStyle) {
	case logoutHint:
		k.IDToken = got.id
	case logoutWebex:
		k.Token = got.access
	}
	if f.set.text(fieldLogout) == "" || k == (keptLogout{}) {
		return nil
	}
	text, err := json.Marshal(k)
	if err != nil {
		return nil
	}
	return text
}

// EndSession returns the address at which the browser ends the provider's session: OpenID Connect RP-Initiated Logout 1.0 §2, or
// Webex's own way. A parameter state within returnTo is sent beside it, so that the address itself is the one that is registered;
// Webex knows no state and gets the address alone.
func (f *flow) EndSession(_ context.Context, kept []byte, returnTo string) (string, error) {
	u, err := url.Parse(f.set.text(fieldLogout))
	if err != nil || u.Host == "" {
		return "", nil
	}
	var k keptLogout
	if len(kept) > 0 && json.Unmarshal(kept, &k) != nil {
		return "", nil
	}
	q := u.Query()
	returnTo, state := splitState(returnTo)
	switch style := f.set.text(fieldLogoutStyle); {
	case style == logoutHint && k.IDToken != "":
		q.Set("id_token_hint", k.IDToken)
		q.Set("post_logout_redirect_uri", returnTo)
	case style == logoutClient, style == logoutHint: // without a hint the client's name is all there is
		q.Set("client_id", f.set.text(fieldClient))
		q.Set("post_logout_redirect_uri", returnTo)
	case style == logoutWebex && k.Token != "":
		q.Set("goto", returnTo)
		q.Set("token", k.Token)
	default:
		return "", nil
	}
	if returnTo == "" {
		q.Del("post_logout_redirect_uri")
		q.Del("goto")
	}
	if state != "" && q.Has("post_logout_redirect_uri") {
		q.Set("state", state)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func splitState(address string) (rest, state string) {
	u, err := url.Parse(address)
	if err != nil || !u.Query().Has("state") {
		return address, ""
	}
	q := u.Query()
	state = q.Get("state")
	q.Del("state")
	u.RawQuery = q.Encode()
	return u.String(), state
}

func asIs(claims map[string]any) map[string]any { return claims }

func subClaim(claims map[string]any) (string, *finding) {
	sub, _ := claims["sub"].(string)
	return sub, nil
}

// namedSubject takes the subject from the claim that the settings name: a text, or a whole number as it was written.
func (f *flow) namedSubject(claims map[string]any) (string, *finding) {
	path := f.set.text("claim_subject")
	value, _ := lookUp(claims, path)
	subject := ""
	switch v := value.(type) {
	case string:
		subject = v
	case json.Number:
		if _, err := v.Int64(); err == nil {
			subject = v.String()
		}
	}
	if !fitSubject(subject) {
		return "", found(lockstep.CodeIdPClaimMissing, fmt.Sprintf("Name the claim that tells people apart under “Subject”; %q does not.", path), "the user-info answer has no %s that tells people apart", cleanText(path, 80))
	}
	return subject, nil
}

// filter lets in only people of whom a claim has a certain value.
type filter struct {
	claim   string
	pattern *regexp.Regexp // nil takes any value
}

// newFilter reads settings that Check has passed; a pattern that cannot be read lets nobody in.
func newFilter(s settings) filter {
	f := filter{claim: s.text("require_claim")}
	if value := s.text("require_value"); value != "" {
		pattern, err := regexp.Compile(`\A(?:` + value + `)\z`)
		if err != nil {
			pattern = regexp.MustCompile(`[^\s\S]`) // matches nothing
		}
		f.pattern = pattern
	}
	return f
}

func (f filter) judge(claims map[string]any) *finding {
	if f.claim == "" {
		return nil
	}
	value, there := lookUp(claims, f.claim)
	if there && f.pattern == nil && value != nil && value != "" && value != false {
		return nil
	}
	if f.pattern != nil {
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, v := range list {
			switch v.(type) {
			case string, bool, json.Number:
				if f.pattern.MatchString(fmt.Sprint(v)) {
					return nil
				}
			}
		}
	}
	return found(lockstep.CodeIdPFiltered, "", "%s is required of people who sign in, and this person's answer does not have what is required", cleanText(f.claim, 80))
}
