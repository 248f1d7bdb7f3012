package server

import (
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/e2e/parts"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/store/storetest"
	"lockstep/web"
)

// looking is a server whose looks at identity providers a test lets happen.
type looking struct {
	*testing.T
	*Server
	client *api.Client
}

func newLooking(t *testing.T, c Config) looking {
	t.Helper()
	c.Key, c.Local, c.Allow, c.Log, c.SCIM.PublicURL = NewKey(), "local", web.Loopback(), slog.New(slog.DiscardHandler), "https://id.example"
	n, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	if err := n.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return looking{t, n, &api.Client{Base: "http://lockstep.local", Token: "local", HTTP: api.Local(n.Handler())}}
}

func (w looking) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// later has all providers be due, and those looked at whose turn it is.
func (w looking) later() {
	w.Helper()
	_, err := w.db.WriterDB().ExecContext(w.Context(), "UPDATE sso_watched SET due = 1")
	w.must(err)
	w.must(w.watched.due(w.Context()))
}

func (w looking) provider(name string) api.IdentityProvider {
	w.Helper()
	p, err := w.client.IdentityProvider(w.Context(), name)
	w.must(err)
	return p
}

// enabled adds a provider as its document says.
func (w looking) enabled(alias string, kind sso.ProviderKind, from string, secrets map[string]string, more map[string]string) {
	w.Helper()
	_, err := w.client.AddIdentityProvider(w.Context(), api.AddProvider{Alias: alias, Kind: kind})
	w.must(err)
	got, err := w.client.ImportIdentityProvider(w.Context(), alias, from)
	w.must(err)
	for name, value := range more {
		got.Settings[name] = value
	}
	_, err = w.client.SetIdentityProvider(w.Context(), alias, api.SetProvider{Settings: got.Settings, Secrets: secrets})
	w.must(err)
	_, err = w.client.EnableIdentityProvider(w.Context(), alias, true)
	w.must(err)
}

// causes are what is told of providers.
func (w looking) causes() string {
	w.Helper()
	tenant, err := w.db.TenantBySlug(w.Context(), api.DefaultTenant)
	w.must(err)
	all, err := w.operator.ProvidersEnding(w.Context(), operate.Machine(tenant.ID))
	w.must(err)
	said := ""
	for _, c := range all {
		said += string(c.Code) + " " + c.Says + "\n"
	}
	return said
}

// TestProvidersAreWatched: when npm's oidc-provider changes its token endpoint and its keys, it is told at its page, on Home and by mail, until the settings are as it says; a
// change of the settings, and a provider that cannot be reached, are something else.
func TestProvidersAreWatched(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		providersAreWatched(newLooking(t, Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		providersAreWatched(newLooking(t, Config{Postgres: storetest.Postgres(t)}))
	})
}

func providersAreWatched(w looking) {
	op := parts.IDP(w, "op.js", "REDIRECT=https://id.example/sso/default/idp/op/callback", "SECRET=secret", `PUBLIC_JWK={"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","alg":"ES256"}`)
	w.enabled("op", sso.KindOIDC, op, map[string]string{"client_secret": "secret"}, map[string]string{"client_id": "basic"})
	w.must(w.watched.due(w.Context()))
	if p := w.provider("op"); p.Watched != nil {
		w.Errorf("looked at before it was time: %+v", p.Watched)
	}
	w.later()
	before := w.provider("op").Watched
	if before == nil || before.Code != "" || len(before.Differences) != 0 || before.Keys != 3 || w.causes() != "" {
		w.Fatalf("got %+v, %s", before, w.causes())
	}
	w.must(w.watched.due(w.Context())) // it is not due
	if again := w.provider("op").Watched; !again.At.Equal(before.At) {
		w.Error("looked at again at once")
	}
	answer, err := http.Get(op + "/change") //nolint:noctx // on loopback
	w.must(err)
	w.must(answer.Body.Close())
	w.later()
	p := w.provider("op")
	if len(p.Watched.Differences) != 1 || p.Watched.Differences[0] != (api.Differs{Field: "token_url", Title: "Token URL", Ours: op + "/token", Theirs: op + "/v2/token"}) || p.Watched.KeysSince.Before(*before.KeysSince) {
		w.Errorf("got %+v", p.Watched)
	}
	if p.Settings["token_url"] != op+"/token" {
		w.Error("the settings were changed")
	}
	if said := w.causes(); !strings.Contains(said, "idp.drift") || !strings.Contains(said, "Token URL") {
		w.Errorf("told: %s", said)
	}
	name := "Another name"
	_, err = w.client.SetIdentityProvider(w.Context(), "op", api.SetProvider{Name: &name})
	w.must(err)
	if p := w.provider("op"); p.Watched != nil || w.causes() != "" {
		w.Errorf("what was found of other settings: %+v, %s", p.Watched, w.causes())
	}
	looked, err := w.client.LookAtIdentityProvider(w.Context(), "op")
	if w.must(err); len(looked.Watched.Differences) != 1 {
		w.Errorf("looked at now: %+v", looked.Watched)
	}
	_, err = w.client.SetIdentityProvider(w.Context(), "op", api.SetProvider{Settings: map[string]string{"token_url": op + "/v2/token"}, Secrets: map[string]string{"client_secret": "secret"}})
	w.must(err)
	looked, err = w.client.LookAtIdentityProvider(w.Context(), "op")
	if w.must(err); len(looked.Watched.Differences) != 0 || w.causes() != "" {
		w.Errorf("mended: %+v, %s", looked.Watched, w.causes())
	}
	_, err = w.client.SetIdentityProvider(w.Context(), "op", api.SetProvider{Settings: map[string]string{"discovery_url": "http://" + parts.Address(w)}})
	w.must(err)
	looked, err = w.client.LookAtIdentityProvider(w.Context(), "op")
	if w.must(err); looked.Watched.Code != lockstep.CodeIdPUnreachable || looked.Watched.Keys != 3 || !strings.Contains(w.causes(), "idp.unreachable") {
		w.Errorf("cannot be reached: %+v, %s", looked.Watched, w.causes())
	}
	_, err = w.client.DisableIdentityProvider(w.Context(), "op")
	w.must(err)
	if said := w.causes(); said != "" {
		w.Errorf("told of one that is disabled: %s", said)
	}
	w.must(w.client.DeleteIdentityProvider(w.Context(), "op"))
	var rows int
	if err := w.db.WriterDB().QueryRowContext(w.Context(), "SELECT COUNT(*) FROM sso_watched").Scan(&rows); err != nil || rows != 0 {
		w.Errorf("%d rows are left, %v", rows, err)
	}
}

// TestMetadataIsFollowed: the certificates of a SAML provider are taken over from its metadata, with a line of the audit log, as long as one that is trusted stays; that it is of
// another entity is refused, and noted once; of several looks at the same time one is made.
func TestMetadataIsFollowed(t *testing.T) {
	t.Parallel()
	w := newLooking(t, Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	var certificates [2]string
	for i := range certificates {
		cert, _, _ := parts.Certificate(t, t.TempDir(), time.Now().AddDate(1, 0, 0), "idp.example")
		text, err := os.ReadFile(cert)
		w.must(err)
		block, _ := pem.Decode(text)
		certificates[i] = base64.StdEncoding.EncodeToString(block.Bytes)
	}
	var mu sync.Mutex
	entity, has, asked := "https://idp.example/saml", certificates[:1], 0
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		keys := ""
		for _, c := range has {
			keys += `<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + c + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`
		}
		_, _ = out.Write([]byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + entity + `"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys +
			`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>`))
	}))
	t.Cleanup(server.Close)
	says := func(name string, all []string) {
		mu.Lock()
		defer mu.Unlock()
		entity, has = name, all
	}
	audits := func(verb string) (n int, detail string) {
		tenant, err := w.db.TenantBySlug(w.Context(), api.DefaultTenant)
		w.must(err)
		lines, err := w.db.Audit(w.Context(), tenant.ID, audit.Query{Object: "identity provider"})
		w.must(err)
		for _, l := range lines {
			if l.Verb == verb && l.Actor.Kind == audit.System {
				n, detail = n+1, l.Detail
			}
		}
		return n, detail
	}
	held := func() int { return strings.Count(w.provider("idp").Settings["certificates"], "BEGIN CERTIFICATE") }

	w.enabled("idp", sso.KindSAML, server.URL, nil, map[string]string{"metadata_follow": "true"})
	w.must(w.watched.due(w.Context()))
	w.later() // the first look
	if n, _ := audits("updated"); n != 0 || held() != 1 {
		t.Errorf("at the first look: %d lines, %d certificates", n, held())
	}
	says(entity, certificates[:])
	asked = 0
	_, err := w.db.WriterDB().ExecContext(w.Context(), "UPDATE sso_watched SET due = 1")
	w.must(err)
	var all sync.WaitGroup
	for range 5 { // nodes
		all.Go(func() {
			if err := w.watched.due(w.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n, detail := audits("updated"); held() != 2 || n != 1 || !strings.Contains(detail, "certificates: new “") || asked != 1 {
		t.Errorf("%d certificates, %d lines, the last one %q, asked %d times", held(), n, detail, asked)
	}
	if p := w.provider("idp"); p.Watched == nil || p.Watched.Adopted == "" || len(p.Watched.Differences) != 0 || w.causes() != "" {
		t.Errorf("got %+v, %s", p.Watched, w.causes())
	}
	says(entity, certificates[1:]) // the former one goes
	w.later()
	if held() != 1 {
		t.Errorf("%d certificates", held())
	}
	says("https://evil.example", certificates[:1])
	w.later()
	w.later()
	if n, detail := audits("refused"); n != 1 || !strings.Contains(detail, "https://evil.example") || held() != 1 || !strings.Contains(w.causes(), "Entity ID") {
		t.Errorf("%d lines, the last one %q, %d certificates, %s", n, detail, held(), w.causes())
	}
}
