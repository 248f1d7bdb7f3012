package operate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
)

// stage is a sign-in server whose address a test decides.
type stage struct {
	base  string
	woken int
}

func (s *stage) Issuer(tenant string) string { return s.base + "/sso/" + tenant }
func (s *stage) RedirectURI(tenant, alias string) string {
	if s.base == "" {
		return ""
	}
	return s.Issuer(tenant) + "/idp/" + alias + "/callback"
}

func (s *stage) NewTest(context.Context, string, sso.Provider) (sso.LoginID, string, error) {
	return "reference", s.base + "/try", nil
}
func (s *stage) RotateKeys(context.Context, lockstep.TenantID) error { return nil }
func (s *stage) AppMetadata(context.Context, string) ([]byte, error) {
	return nil, lockstep.ErrNotFound
}
func (s *stage) Wake() { s.woken++ }

// noForms knows no kinds, and one certificate.
type noForms struct{ operate.ProviderForms }

func (noForms) Trusted(sso.Provider) []operate.TrustedCertificate { return nil }
func (noForms) Guide(sso.Provider, string) ([]operate.GuideStep, error) {
	return []operate.GuideStep{{Text: "Register it."}}, nil
}
func (noForms) Expiries(p sso.Provider) []operate.ProviderExpiry {
	end, err := time.Parse(time.DateOnly, p.Settings["ends"])
	if err != nil {
		return nil
	}
	return []operate.ProviderExpiry{{What: "trusted certificate “Acme Root CA”", Until: end}}
}

func (noForms) Certificates(text string) ([][]byte, error) {
	if text != "certificate" {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "it is none"}
	}
	return [][]byte{[]byte(text)}, nil
}

// noWatch looks at nothing.
type noWatch struct{ sso.WatchedKept }

func (noWatch) Look(context.Context, sso.Provider) error { return nil }
func (noWatch) NewDecryptionKey(sso.Provider) (set, secrets map[string]string, err error) {
	return map[string]string{"decryption_certificate": "new"}, map[string]string{"decryption_key": "new"}, nil
}

func (w *world) signIns() *stage {
	s, rows := &stage{base: "https://id.example"}, w.db.SSO()
	whole := func(p sso.Provider) error {
		if p.Settings["client_id"] == "" {
			return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "client_id is missing"}
		}
		return nil
	}
	w.Operator.SignIn = &operate.SignIn{
		Providers: rows, Clients: rows, Sessions: rows, Records: rows, Factors: rows, Server: s, Look: rows, Matches: rows, Forms: noForms{}, Watch: noWatch{rows}, Check: whole, CheckDraft: func(sso.Provider) error { return nil },
	}
	return s
}

// TestIdentityProviders: from the draft to where people sign in; what is secret is shown to nobody, and sent nowhere else.
func TestIdentityProviders(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, s, admin := w.Context(), w.signIns(), w.admin()
		_, err := w.AddIdentityProvider(ctx, admin, sso.KindOIDC, "Not An Alias", operate.ProviderChange{})
		w.want("an alias", err, lockstep.CodeInvalid)
		_, err = w.AddIdentityProvider(ctx, admin, "fax", "fax", operate.ProviderChange{})
		w.want("a kind", err, lockstep.CodeInvalid)
		p, err := w.AddIdentityProvider(ctx, admin, sso.KindWebexCC, "webex", operate.ProviderChange{})
		w.must(err)
		if p.State != sso.Draft || p.RedirectURI != "https://id.example/sso/default/idp/webex/callback" || p.Name != "Webex CC" || p.Policy != sso.PolicyImported {
			w.Errorf("added %+v", p)
		}
		_, err = w.AddIdentityProvider(ctx, admin, sso.KindOIDC, "webex", operate.ProviderChange{})
		w.want("the alias again", err, lockstep.CodeConflict)
		_, err = w.EnableIdentityProvider(ctx, admin, "webex", true, true)
		w.want("enabled without its settings", err, lockstep.CodeInvalid)
		_, err = w.SetIdentityProvider(ctx, admin, "webex", operate.ProviderChange{
			Settings: map[string]string{"client_id": "C1", "token_url": "https://webex.example/token"}, Secrets: map[string]string{"client_secret": "sesame"},
		})
		w.must(err)
		_, err = w.SetIdentityProvider(ctx, admin, "webex", operate.ProviderChange{Settings: map[string]string{"token_url": "https://evil.example/token"}})
		w.want("another address without the secret", err, lockstep.CodeInvalid)
		if text, err := json.Marshal(must1(w.IdentityProviders(ctx, admin))); err != nil || strings.Contains(string(text), "sesame") || !strings.Contains(string(text), "client_secret") {
			w.Errorf("shown: %s, %v", text, err)
		}
		_, err = w.EnableIdentityProvider(ctx, admin, "webex", true, false)
		w.want("enabled without a test", err, lockstep.CodeInvalid)
		s.base = "http://id.example"
		_, err = w.EnableIdentityProvider(ctx, admin, "webex", true, true)
		w.want("enabled without https", err, lockstep.CodeInvalid)
		s.base = "https://id.example"
		kept, err := w.db.SSO().Provider(ctx, w.ids["default"], p.ID)
		w.must(err)
		kept.Tested = w.at
		_, err = w.db.SSO().PutProvider(ctx, audit.Actor{}, kept)
		w.must(err)
		p, err = w.EnableIdentityProvider(ctx, admin, "webex", true, false)
		w.must(err)
		if p.State != sso.Enabled {
			w.Errorf("%+v", p)
		}
		name := "Agents"
		p, err = w.SetIdentityProvider(ctx, admin, "webex", operate.ProviderChange{Name: &name})
		if err != nil || p.Name != name || p.Tested.IsZero() {
			w.Errorf("a name is no setting: %+v, %v", p, err)
		}
		_, err = w.SetIdentityProvider(ctx, admin, "webex", operate.ProviderChange{Settings: map[string]string{"client_id": ""}})
		w.want("an enabled one that is no longer complete", err, lockstep.CodeInvalid)
		p, err = w.SetIdentityProvider(ctx, admin, "webex", operate.ProviderChange{Settings: map[string]string{"client_id": "C2"}})
		if err != nil || !p.Tested.IsZero() {
			w.Errorf("tested with other settings: %+v, %v", p, err)
		}
		_, err = w.IdentityProvider(ctx, operate.Machine(w.ids["other"]), "webex")
		w.want("of another tenant", err, lockstep.CodeNotFound)
		w.must(w.DeleteIdentityProvider(ctx, admin, "webex"))
		if s.woken == 0 {
			w.Error("nobody is told")
		}
		_, err = w.IdentityProvider(ctx, admin, "webex")
		w.want("removed", err, lockstep.CodeNotFound)
		lines, err := w.db.Audit(ctx, w.ids["default"], store.AuditQuery{Limit: 50})
		w.must(err)
		for _, l := range lines {
			if strings.Contains(l.String(), "sesame") {
				w.Errorf("the audit log tells: %s", l)
			}
		}
	})
}

// TestSecretsGoWhereTheyWent: a secret that is kept is asked for again when it would be sent elsewhere, and only then.
func TestSecretsGoWhereTheyWent(t *testing.T) {
	onBoth(t, func(w *world) {
		w.signIns()
		ctx, admin := w.Context(), w.admin()
		type settings = map[string]string
		for i, c := range []struct {
			kind        sso.ProviderKind
			secret      string
			has, change settings
			asked       bool
		}{
			{sso.KindWebexCC, "client_secret", settings{"token_url": "https://a.example/token"}, settings{"token_url": "https://b.example/token"}, true},
			{sso.KindWebexCC, "client_secret", settings{"token_url": "https://a.example/token"}, settings{"token_url": ""}, true},
			{sso.KindWebexCC, "client_secret", settings{"token_url": "https://a.example/token"}, settings{"token_url": "https://a.example/token", "client_id": "x"}, false},
			{sso.KindWebexCC, "client_secret", settings{"region": "us"}, settings{"region": "eu"}, true},
			{sso.KindWebexCC, "client_secret", settings{"region": "us"}, settings{"region": "us", "token_url": "https://b.example/token"}, true},
			{sso.KindWebexCC, "client_secret", settings{"region": "us", "token_url": "https://a.example/token"}, settings{"region": "eu"}, false},
			{sso.KindWebexCC, "client_secret", settings{"region": "us", "token_url": "https://a.example/token"}, settings{"region": "eu", "token_url": ""}, true},
			{sso.KindWebexCC, "client_secret", settings{"token_url": "https://a.example/token"}, settings{
				"issuer": "https://a.example/idb", "more_issuers": "https://c.example https://c.example/keys", "jwks_url": "https://a.example/keys", "authorize_url": "https://a.example/authorize",
				"userinfo_url": "https://a.example/userinfo", "logout_url": "https://a.example/logout", "scopes": "cjp:user openid", "require_acr": "urn:x:y",
			}, false},
			{sso.KindOIDC, "client_secret", settings{"token_url": "https://a.example/token"}, settings{"token_url": "https://b.example/token"}, true},
			{sso.KindOIDC, "client_secret", settings{}, settings{"token_url": "https://b.example/token"}, true},
			{sso.KindOIDC, "client_secret", settings{"token_url": "https://a.example/token"}, settings{"issuer": "https://b.example"}, false},
			{sso.KindOAuth2, "client_secret", settings{"token_url": "https://a.example/token"}, settings{"token_url": "https://b.example/token"}, true},
			{sso.KindEntra, "client_secret", settings{"tenant": "72f988bf-86f1-41af-91ab-2d7cd011db47"}, settings{"authority": "https://evil.example"}, true},
			{sso.KindEntra, "client_secret", settings{"tenant": "72f988bf-86f1-41af-91ab-2d7cd011db47"}, settings{"tenant": "72f988bf-86f1-41af-91ab-2d7cd011db48"}, true},
			{sso.KindLDAP, "bind_password", settings{"url": "ldaps://a.example"}, settings{"url": "ldaps://b.example"}, true},
			{sso.KindLDAP, "bind_password", settings{"url": "ldap://127.0.0.1", "start_tls": "true"}, settings{"start_tls": "false"}, true},
			{sso.KindLDAP, "bind_password", settings{"url": "ldaps://a.example"}, settings{"filter": "(memberOf:1.2.840.113556.1.4.1941:={name})"}, false},
		} {
			alias := fmt.Sprintf("p%d", i)
			_, err := w.AddIdentityProvider(ctx, admin, c.kind, alias, operate.ProviderChange{Settings: c.has, Secrets: settings{c.secret: "sesame"}})
			w.must(err)
			_, err = w.SetIdentityProvider(ctx, admin, alias, operate.ProviderChange{Settings: c.change})
			if faulty, refused := errors.AsType[*operate.Faulty](err); refused != c.asked || refused && faulty.Faults[0].Field != c.secret || err != nil && !refused {
				w.Errorf("%s: %v becomes %v: %v", c.kind, c.has, c.change, err)
			}
			_, err = w.SetIdentityProvider(ctx, admin, alias, operate.ProviderChange{Settings: c.change, Secrets: settings{c.secret: "sesame"}})
			w.must(err)
		}
	})
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestClients: an application's secret is told once, two work during a rotation, and how it authenticates stays.
func TestClients(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		w.signIns()
		_, _, err := w.AddClient(ctx, admin, sso.Client{Name: "x", Redirects: []string{"http://app.example/cb"}})
		w.want("without https", err, lockstep.CodeInvalid)
		_, _, err = w.AddClient(ctx, admin, sso.Client{Name: "x", Redirects: []string{"https://app.example/cb"}, Provider: "nobody"})
		w.want("pinned to nobody", err, lockstep.CodeNotFound)
		c, first, err := w.AddClient(ctx, admin, sso.Client{Name: "Wiki", Redirects: []string{"https://app.example/cb"}})
		w.must(err)
		if len(first) != 43 || c.Secret != token.HashOf(first) || c.Auth != sso.AuthBasic || !c.May(sso.GrantCode) || c.May(sso.GrantCredentials) {
			w.Errorf("added %+v", c)
		}
		r, second, err := w.RotateClient(ctx, admin, string(c.ID), time.Hour)
		w.must(err)
		if r.Secret != token.HashOf(second) || r.Former.Hash != c.Secret || !r.Former.Ends.Equal(w.at.Add(time.Hour)) {
			w.Errorf("rotated %+v", r)
		}
		r, _, err = w.RotateClient(ctx, admin, string(c.ID), 0)
		if err != nil || r.Former != (token.Former{}) {
			w.Errorf("rotated at once %+v, %v", r, err)
		}
		set, err := w.SetClient(ctx, admin, string(c.ID), func(c *sso.Client) { c.Name, c.Secret = "New", sso.Hash{} })
		if err != nil || set.Name != "New" || set.Secret != r.Secret {
			w.Errorf("set %+v, %v", set, err)
		}
		_, err = w.SetClient(ctx, admin, string(c.ID), func(c *sso.Client) { c.Auth = sso.AuthNone })
		w.want("another way to authenticate", err, lockstep.CodeInvalid)
		public, text, err := w.AddClient(ctx, admin, sso.Client{ID: "spa", Name: "SPA", Auth: sso.AuthNone, Redirects: []string{"https://spa.example/cb"}})
		if err != nil || text != "" || public.Secret != (sso.Hash{}) {
			w.Errorf("a public client %+v, %q, %v", public, text, err)
		}
		_, _, err = w.RotateClient(ctx, admin, "spa", 0)
		w.want("the secret of who has none", err, lockstep.CodeInvalid)
		_, err = w.Client(ctx, operate.Machine(w.ids["other"]), "spa")
		w.want("of another tenant", err, lockstep.CodeNotFound)
		w.must(w.DeleteClient(ctx, admin, "spa"))
		w.want("twice", w.DeleteClient(ctx, admin, "spa"), lockstep.CodeNotFound)
		_, err = w.EndSessions(ctx, admin, "", "none")
		w.want("a session that is not there", err, lockstep.CodeNotFound)
		_, err = w.Attempt(ctx, admin, "none")
		w.want("a sign-in that is not there", err, lockstep.CodeNotFound)
	})
}

// TestProvidersEnding: a certificate of an identity provider by which people sign in is told of before it ends, and for a week after; one of a draft is not.
func TestProvidersEnding(t *testing.T) {
	onBoth(t, func(w *world) {
		w.signIns()
		ctx, admin := w.Context(), w.admin()
		put := func(alias string, state sso.ProviderState, days int) {
			_, err := w.db.SSO().PutProvider(ctx, admin.Actor, sso.Provider{
				ID: lockstep.NewID[sso.ProviderID](), Tenant: admin.Tenant, Alias: alias, Kind: sso.KindSAML, Name: "By " + alias, State: state,
				Settings: map[string]string{"ends": w.at.AddDate(0, 0, days).Format(time.DateOnly)},
			})
			w.must(err)
		}
		put("soon", sso.Enabled, 10)
		put("ended", sso.Enabled, -2)
		put("long-ended", sso.Enabled, -20)
		put("later", sso.Enabled, 90)
		put("draft", sso.Draft, 10)
		all, err := w.ProvidersEnding(ctx, admin)
		w.must(err)
		said := ""
		for _, c := range all {
			said += string(c.Code) + " " + c.Says + "\n"
		}
		for _, want := range []string{"secret.expires The trusted certificate “Acme Root CA” of the identity provider “By soon” ends on", "“By ended” ended on"} {
			if !strings.Contains(said, want) {
				w.Errorf("no %q in\n%s", want, said)
			}
		}
		if len(all) != 2 {
			w.Errorf("%d are told:\n%s", len(all), said)
		}
		if other, err := w.ProvidersEnding(ctx, operate.Machine(w.ids["other"])); err != nil || len(other) != 0 {
			w.Errorf("of another tenant: %v, %v", other, err)
		}
	})
}
