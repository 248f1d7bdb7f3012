package rptest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// credulous is a relying party that believes everything.
type credulous struct{ asksBefore bool }

func (credulous) get(ctx context.Context, address string, change func(*http.Request), into any) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(r)
	}
	answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	return answer, err
}

func (c credulous) SignIn(ctx context.Context, _ Module, issuer string) (bool, string, error) {
	if _, err := c.get(ctx, issuer+"/.well-known/openid-configuration", nil, nil); err != nil {
		return false, "", err
	}
	if _, err := c.get(ctx, issuer+"/jwks", nil, nil); err != nil {
		return false, "", err
	}
	const back = "https://party.example/cb"
	at, err := c.get(ctx, issuer+"/authorize?"+url.Values{"client_id": {ClientID}, "response_type": {"code"}, "scope": {"openid email"}, "redirect_uri": {back}, "nonce": {"n"}}.Encode(), nil, nil)
	if err != nil {
		return false, "", err
	}
	to, err := at.Location()
	if err != nil {
		return false, "", err
	}
	var got struct {
		Access string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {back}}
	_, err = c.get(ctx, issuer+"/token", func(r *http.Request) {
		r.Method, r.Body = http.MethodPost, io.NopCloser(strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(url.QueryEscape(ClientID), url.QueryEscape(Secret))
	}, &got)
	if err != nil || got.Access == "" {
		return false, "", errors.Join(err, errors.New("no access token"))
	}
	_, err = c.get(ctx, issuer+"/userinfo", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+got.Access) }, nil)
	return !c.asksBefore, "it believes nothing", err
}

func (c credulous) SignOut(ctx context.Context, _ Module, issuer string) (bool, string, error) {
	_, err := c.get(ctx, issuer+"/logout?"+url.Values{"client_id": {ClientID}, "post_logout_redirect_uri": {"https://party.example/bye"}}.Encode(), nil, nil)
	return true, "", err
}

func (credulous) Tell(context.Context, Module, string, string) (int, bool, error) {
	return 200, false, nil
}

// TestPartyModulesNotice: at a relying party that believes everything just those modules fail that want something refused; at one that signs nobody in, after it has asked for
// everything, all others but those that take either answer, and those that want nothing asked after a bad ID token.
func TestPartyModulesNotice(t *testing.T) {
	for name, party := range map[string]credulous{"believes": {}, "asks, and signs nobody in": {asksBefore: true}} {
		t.Run(name, func(t *testing.T) {
			p, err := Listen()
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			failed := 0
			for _, r := range p.Run(t.Context(), party, "") {
				bad := r.Module.accepts == mustNot || strings.Contains(r.Module.Name, "backchannel-rpinitlogout-")
				if party.asksBefore {
					bad = r.Module.accepts == must || r.Module.accepts == mustNot && !strings.HasSuffix(r.Module.Name, "userinfo-invalid-sub")
				}
				if r.Outcome == Failed {
					failed++
				}
				if (r.Outcome == Failed) != bad {
					t.Errorf("%s, %s: %s", r.Module.Plan, r.Module.Name, r)
				}
			}
			if failed < 10 {
				t.Errorf("%d failed", failed)
			}
		})
	}
}

// TestModulePaths: modules are told apart by paths that can be aliases.
func TestModulePaths(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Modules() {
		if path := m.Path(); seen[path] || len(path) > 40 {
			t.Errorf("%s, %s: %q", m.Plan, m.Name, path)
		}
		seen[m.Path()] = true
	}
	if len(seen) != 33 {
		t.Errorf("%d modules", len(seen))
	}
}
