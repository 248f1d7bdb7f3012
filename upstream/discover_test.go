package upstream

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
)

// document is a discovery document that Import takes, with changes; a nil value takes a member away.
func document(issuer string, changes map[string]any) string {
	d := map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
		"userinfo_endpoint": issuer + "/me", "end_session_endpoint": issuer + "/end", "response_types_supported": []string{"code", "id_token"},
		"id_token_signing_alg_values_supported": []string{"HS256", "ES256", "RS256", "none"}, "code_challenge_methods_supported": []string{"plain", "S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "tls_client_auth"}, "scopes_supported": []string{"openid", "email", "offline_access"},
		"authorization_response_iss_parameter_supported": true,
	}
	for name, value := range changes {
		if d[name] = value; value == nil {
			delete(d, name)
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestImportFillsTheForm(t *testing.T) {
	var issuer string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/tenant/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(document(issuer, nil)))
	}))
	defer server.Close()
	issuer = server.URL + "/tenant"
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	want := map[string]string{
		"issuer": issuer, "authorize_url": issuer + "/authorize", "token_url": issuer + "/token", "jwks_url": issuer + "/keys", "userinfo_url": issuer + "/me",
		"logout_url": issuer + "/end", "algorithms": "ES256 RS256", "client_auth": "client_secret_post", "scopes": "openid email", "iss_parameter": "required",
		"discovery_url": issuer + "/.well-known/openid-configuration",
	}
	for _, from := range []string{issuer, issuer + "/", issuer + "/.well-known/openid-configuration"} {
		got, err := o.Import(t.Context(), sso.KindOIDC, from, nil, nil)
		if err != nil || !maps.Equal(got.Settings, want) {
			t.Errorf("%s: got %v, %v", from, got.Settings, err)
		}
	}
	pasted, err := o.Import(t.Context(), sso.KindOIDC, document(issuer, nil), nil, nil)
	if err != nil || len(pasted.Notes) != 1 || pasted.Settings["token_url"] != want["token_url"] {
		t.Errorf("pasted: %+v, %v", pasted, err)
	}
	p := sso.Provider{Kind: sso.KindOIDC, Settings: pasted.Settings, Secrets: map[string]string{"client_secret": "s"}}
	p.Settings["client_id"] = "c"
	if err := Check(p); err != nil {
		t.Errorf("what was imported is refused: %v", err)
	}
	webex, err := o.Import(t.Context(), sso.KindWebexCC, document("https://idbroker-b-us.webex.com/idb", map[string]any{"end_session_endpoint": nil}), nil, nil)
	if err != nil || !strings.Contains(webex.Settings["more_issuers"], "https://idbroker-eu.webex.com/idb ") || strings.Contains(webex.Settings["more_issuers"], "b-us") {
		t.Errorf("webex: %+v, %v", webex, err)
	}
}

func TestImportRefuses(t *testing.T) {
	const issuer = "https://idp.example"
	for _, c := range []struct {
		name, text string
		code       lockstep.Code
	}{
		{"no JSON", "{", lockstep.CodeIdPMalformed},
		{"twice", `{"issuer":"https://a.example","issuer":"https://b.example"}`, lockstep.CodeIdPMalformed},
		{"no issuer", document(issuer, map[string]any{"issuer": nil}), lockstep.CodeIdPMalformed},
		{"issuer is no text", document(issuer, map[string]any{"issuer": 7}), lockstep.CodeIdPMalformed},
		{"no token endpoint", document(issuer, map[string]any{"token_endpoint": nil}), lockstep.CodeIdPMalformed},
		{"plain http", document(issuer, map[string]any{"token_endpoint": "http://idp.example/token"}), lockstep.CodeIdPNotHTTPS},
		{"script", document(issuer, map[string]any{"authorization_endpoint": "javascript:alert(1)"}), lockstep.CodeIdPSettingInvalid},
		{"unsigned alone", document(issuer, map[string]any{"id_token_signing_alg_values_supported": []string{"none", "HS256"}}), lockstep.CodeIdPUnsupported},
		{"implicit alone", document(issuer, map[string]any{"response_types_supported": []string{"id_token"}}), lockstep.CodeIdPUnsupported},
		{"mutual TLS alone", document(issuer, map[string]any{"token_endpoint_auth_methods_supported": []string{"tls_client_auth"}}), lockstep.CodeIdPUnsupported},
		{"too large", document(issuer, map[string]any{"x": strings.Repeat("x", maxDocument)}), lockstep.CodeIdPTooLarge},
	} {
		var told stages
		_, err := (&Opener{}).Import(t.Context(), sso.KindOIDC, c.text, nil, &told)
		if lockstep.CodeOf(err) != c.code || len(told) != 1 || told[0].Code != c.code || told[0].Fix == "" {
			t.Errorf("%s: got %v, %v; want %s", c.name, err, told, c.code)
		}
	}
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.URL.Path)
		switch r.URL.Path {
		case "/other/.well-known/openid-configuration":
			_, _ = w.Write([]byte(document("https://elsewhere.example", nil)))
		case "/moved/.well-known/openid-configuration":
			http.Redirect(w, r, "/target", http.StatusFound)
		case "/huge/.well-known/openid-configuration":
			_, _ = w.Write([]byte(`{"x":"` + strings.Repeat("x", maxDocument) + `"}`))
		case "/page/.well-known/openid-configuration":
			_, _ = w.Write([]byte("<html>sign in</html>"))
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"error":"forbidden","error_description":"no entry\u0007\u202e"}`))
		}
	}))
	defer server.Close()
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	for path, code := range map[string]lockstep.Code{
		"/other": lockstep.CodeIdPDiscovery, "/moved": lockstep.CodeIdPRedirects, "/huge": lockstep.CodeIdPTooLarge, "/page": lockstep.CodeIdPMalformed, "/no": lockstep.CodeIdPRefused,
	} {
		if _, err := o.Import(t.Context(), sso.KindOIDC, server.URL+path, nil, nil); lockstep.CodeOf(err) != code || strings.ContainsAny(err.Error(), "\a\u202e") {
			t.Errorf("%s: got %v, want %s", path, err, code)
		}
	}
	if slices.Contains(requests, "/target") {
		t.Error("a redirect was followed")
	}
	if _, err := (&Opener{}).Import(t.Context(), sso.KindOIDC, server.URL, nil, nil); lockstep.CodeOf(err) != lockstep.CodeIdPBlocked {
		t.Errorf("an address of this machine: got %v", err)
	}
	if _, err := o.Import(t.Context(), sso.KindLDAP, server.URL, nil, nil); lockstep.CodeOf(err) != lockstep.CodeIdPUnsupported {
		t.Errorf("a kind without discovery: got %v", err)
	}
}

// stages is a recorder for tests.
type stages []sso.Stage

func (s *stages) Stage(one sso.Stage) { *s = append(*s, one) }

// last returns the newest stage.
func (s stages) last() sso.Stage {
	if len(s) == 0 {
		return sso.Stage{}
	}
	return s[len(s)-1]
}
