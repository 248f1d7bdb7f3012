package operate_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/token"
)

// TestSecondFactors: administrators see what somebody has and nothing that is secret, and remove what is lost, if they showed a short while ago who
// they are. The audit log names them.
func TestSecondFactors(t *testing.T) {
	onBoth(t, func(w *world) {
		w.signIns()
		ctx, admin := w.Context(), w.admin()
		u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
		u.Attributes.Set("userName", "ada@acme.example")
		_, err := w.db.Commit(ctx, admin.Tenant, admin.Actor, "", directory.PutUser{User: u})
		w.must(err)
		add := func() {
			w.must(w.db.SSO().AddFactors(ctx, audit.Actor{Kind: audit.Person, ID: string(u.ID)}, admin.Tenant, sso.Person{User: u.ID}, sso.NewFactors{
				Passkey: &sso.Passkey{ID: []byte("k"), RP: "id.example", Name: "Blue", PublicKey: []byte("public key")}, TOTP: &sso.TOTP{Secret: []byte("secret of codes")}, Codes: []sso.Hash{token.HashOf("one")},
			}))
		}
		add()
		f, err := w.SecondFactors(ctx, admin, u.ID)
		w.must(err)
		if text, _ := json.Marshal(f); len(f.Passkeys) != 1 || f.Codes != 1 || f.TOTP == nil || strings.Contains(string(text), "c2Vjcm") || f.Passkeys[0].PublicKey != nil || f.TOTP.Secret != nil {
			t.Errorf("shown: %s", text)
		}
		_, err = w.SecondFactors(ctx, operate.Machine(w.ids["other"]), u.ID)
		w.want("of another tenant", err, lockstep.CodeNotFound)
		_, err = w.RemoveSecondFactors(ctx, operate.Machine(w.ids["other"]), u.ID, sso.Which{All: true}, true)
		w.want("removed by another tenant", err, lockstep.CodeNotFound)
		_, err = w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{}, true)
		w.want("nothing in particular", err, lockstep.CodeInvalid)
		long := admin
		long.Session, long.Proved = session.ID("s"), w.at.Add(-time.Hour)
		_, err = w.RemoveSecondFactors(ctx, long, u.ID, sso.Which{All: true}, true)
		w.want("shown long ago who they are", err, lockstep.CodeProveAgain)
		n, err := w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{Passkey: f.Passkeys[0].Key()}, false)
		w.must(err)
		if n != 1 {
			t.Errorf("%d removed", n)
		}
		_, err = w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{Passkey: f.Passkeys[0].Key()}, false)
		w.want("again", err, lockstep.CodeNotFound)
		add()
		n, err = w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{All: true}, false)
		w.must(err)
		if n != 3 {
			t.Errorf("%d of all removed", n)
		}
		lines, err := w.AuditLog(ctx, admin, audit.Query{ID: string(u.ID), Object: "second factor"})
		w.must(err)
		if len(lines) != 2 || lines[0].Actor.Kind != audit.Admin || !strings.Contains(lines[0].Detail, "passkey “Blue”, authenticator app, recovery codes") {
			t.Errorf("%+v", lines)
		}
	})
}

// TestLastSecondFactor: an administrator is told who demands a second factor of somebody before the last one goes, and it goes only when they are sure; the audit log says so. The
// recovery codes are none, and where nobody demands one nothing is to be sure of.
func TestLastSecondFactor(t *testing.T) {
	onBoth(t, func(w *world) {
		w.signIns()
		ctx, admin, rows := w.Context(), w.admin(), w.db.SSO()
		u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
		u.Attributes.Set("userName", "ada@acme.example")
		_, err := w.db.Commit(ctx, admin.Tenant, admin.Actor, "", directory.PutUser{User: u})
		w.must(err)
		put := func(alias string, kind sso.ProviderKind, state sso.ProviderState, d sso.Demand) sso.ProviderID {
			p, err := rows.PutProvider(ctx, admin.Actor, sso.Provider{ID: lockstep.NewID[sso.ProviderID](), Tenant: admin.Tenant, Alias: alias, Kind: kind, Name: "By " + alias, State: state, SecondFactor: d})
			w.must(err)
			return p.ID
		}
		client := func(id string, disabled bool, d sso.Demand) {
			_, err := rows.PutClient(ctx, admin.Actor, "created", sso.Client{Tenant: admin.Tenant, ID: sso.ClientID(id), Name: "The " + id, Redirects: []string{"https://app.example/cb"}, SecondFactor: d, Disabled: disabled})
			w.must(err)
		}
		add := func() {
			w.must(rows.AddFactors(ctx, admin.Actor, admin.Tenant, sso.Person{User: u.ID}, sso.NewFactors{Passkey: &sso.Passkey{ID: []byte("k"), RP: "id.example", Name: "Blue", PublicKey: []byte("x")}, TOTP: &sso.TOTP{Secret: []byte("x")}, Codes: []sso.Hash{token.HashOf("one")}}))
		}
		demanded := func(want ...string) {
			w.Helper()
			f, err := w.SecondFactors(ctx, admin, u.ID)
			w.must(err)
			var got []string
			for _, d := range f.Demanded {
				got = append(got, d.Name)
			}
			if !slices.Equal(got, want) {
				w.Errorf("demanded by %q, want %q", got, want)
			}
		}
		remove := func(which sso.Which, sure bool) error {
			_, err := w.RemoveSecondFactors(ctx, admin, u.ID, which, sure)
			return err
		}
		put("passwords", sso.KindLocal, sso.Enabled, sso.DemandDefault)
		put("draft", sso.KindLocal, sso.Draft, sso.DemandRequired)
		put("strangers", sso.KindOIDC, sso.Enabled, sso.DemandRequired)
		client("off", true, sso.DemandRequired)
		client("mild", false, sso.DemandEnrolled)
		add()
		demanded()
		w.must(remove(sso.Which{All: true}, false))

		theirs := put("webex", sso.KindWebexCC, sso.Enabled, sso.DemandOwn)
		_, err = rows.SaveLogin(ctx, sso.Login{Tenant: admin.Tenant, ID: lockstep.NewID[sso.LoginID](), Expires: w.at.Add(time.Hour), Step: sso.StepEnded},
			sso.Finish{Links: []sso.Link{{Provider: theirs, Issuer: "https://idp.example", Subject: "1", User: u.ID}}})
		w.must(err)
		client("vault", false, sso.DemandRequired)
		add()
		demanded("By webex", "The vault")
		w.must(remove(sso.Which{TOTP: true}, false))
		for what, which := range map[string]sso.Which{"the passkey": {Passkey: (&sso.Passkey{ID: []byte("k")}).Key()}, "all": {All: true}} {
			err := remove(which, false)
			w.want(what, err, lockstep.CodeSSOLastFactor)
			if !strings.Contains(err.Error(), "the identity provider “By webex”, the application “The vault”") {
				w.Errorf("%s: it does not say who demands one: %v", what, err)
			}
		}
		w.must(remove(sso.Which{Codes: true}, false))
		if f, err := w.SecondFactors(ctx, admin, u.ID); err != nil || len(f.Passkeys) != 1 || f.Codes != 0 || !f.Last(f.Passkeys[0].Key()) || !f.Last("all") || f.Last("codes") {
			w.Errorf("%+v, %v", f, err)
		}
		w.must(remove(sso.Which{All: true}, true))
		lines, err := w.AuditLog(ctx, admin, audit.Query{ID: string(u.ID), Object: "second factor", Limit: 1})
		w.must(err)
		if want := "passkey “Blue”; no second factor is left, and one is demanded by the identity provider “By webex”, the application “The vault”"; len(lines) != 1 || lines[0].Detail != want {
			w.Errorf("%+v, want %q", lines, want)
		}
	})
}
