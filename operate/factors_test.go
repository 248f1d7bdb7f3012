package operate_test

import (
	"encoding/json"
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
		_, err = w.RemoveSecondFactors(ctx, operate.Machine(w.ids["other"]), u.ID, sso.Which{All: true})
		w.want("removed by another tenant", err, lockstep.CodeNotFound)
		_, err = w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{})
		w.want("nothing in particular", err, lockstep.CodeInvalid)
		long := admin
		long.Session, long.Proved = session.ID("s"), w.at.Add(-time.Hour)
		_, err = w.RemoveSecondFactors(ctx, long, u.ID, sso.Which{All: true})
		w.want("shown long ago who they are", err, lockstep.CodeProveAgain)
		n, err := w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{Passkey: f.Passkeys[0].Key()})
		w.must(err)
		if n != 1 {
			t.Errorf("%d removed", n)
		}
		_, err = w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{Passkey: f.Passkeys[0].Key()})
		w.want("again", err, lockstep.CodeNotFound)
		add()
		n, err = w.RemoveSecondFactors(ctx, admin, u.ID, sso.Which{All: true})
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
