package server_test

import (
	"path/filepath"
	"strings"
	"testing"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/scim"
	"lockstep/server"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/token"
	"lockstep/web"
)

// TestPersonIsTold: a person has a mail of what an administrator, or they, changed of what they sign in with; changes at once are one mail; there are so many a day; a
// person who is new, and a tenant without a mail server, get none, and the audit log has all of it.
func TestPersonIsTold(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		personIsTold(t, server.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		personIsTold(t, server.Config{Postgres: storetest.Postgres(t)})
	})
}

func personIsTold(t *testing.T, c server.Config) {
	t.Helper()
	mail := parts.NodeMail(t, "plain", false, "", "")
	c.Key, c.Allow, c.Local = store.NewKey(), web.Loopback(), "local"
	at := store.Config{SQLite: c.SQLite, Postgres: c.Postgres, Key: c.Key}
	x := &telling{T: t, config: c}
	x.start()
	ctx := t.Context()
	x.stop()

	db, err := store.Open(ctx, at)
	x.must(err)
	tenant, err := db.TenantBySlug(ctx, "default")
	x.must(err)
	admin := audit.Actor{Kind: audit.Admin, ID: "a", Name: "admin"}
	person := func(name string) sso.Person {
		u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
		u.Attributes.Set("userName", name)
		u.Attributes.Set("emails", scim.List{scim.Object{{Name: "value", Value: name}}})
		_, err := db.Commit(ctx, tenant.ID, admin, "", directory.PutUser{User: u}, directory.SetPassword{ID: u.ID, Hash: "h"})
		x.must(err)
		return sso.Person{User: u.ID, Epoch: epochOf(t, db, tenant.ID, u.ID)}
	}
	messages := func() int {
		all, err := db.Notify().Messages(ctx, tenant.ID, 100)
		x.must(err)
		return len(all)
	}
	ada := person("ada@acme.example")
	own := audit.Actor{Kind: audit.Person, ID: string(ada.User), Name: "ada@acme.example"}
	factors := sso.NewFactors{TOTP: &sso.TOTP{Secret: []byte("12345678901234567890")}, Codes: []sso.Hash{token.HashOf("a secret code")}}
	x.must(db.SSO().AddFactors(ctx, own, tenant.ID, ada, factors))
	if n := messages(); n != 0 {
		t.Errorf("%d messages without a mail server", n)
	}
	x.must(db.Close())

	x.start()
	_, err = x.client.SetNotifications(ctx, api.SetNotifications{Mail: &api.MailServer{Host: "127.0.0.1", Port: mail.Port, Security: "none", From: "lockstep@acme.example"}})
	x.must(err)
	x.must(x.client.SetUserPassword(ctx, "ada@acme.example", "a sentence that is good"))
	_, err = x.client.RemoveSecondFactors(ctx, ada.User, api.RemoveFactor{Factor: "app"})
	x.must(err)
	var letter parts.Letter
	x.await("the mail", func() bool { // or two, on a machine that has much to do
		letter = parts.Letter{}
		for _, l := range mail.Letters(t) {
			letter.Text, letter.To = letter.Text+strings.NewReplacer("=\r\n", "", "=\n", "").Replace(l.Text), l.To // quoted-printable
		}
		return strings.Contains(letter.Text, "Password") && strings.Contains(letter.Text, "Authenticator app")
	})
	for _, says := range []string{"ada@acme.example", "Password: changed", "Authenticator app: removed", "by an administrator", "tell your administrator"} {
		if !strings.Contains(letter.Text+strings.Join(letter.To, " "), says) {
			t.Errorf("the mail lacks %q:\n%s", says, letter.Text)
		}
	}
	for _, secret := range []string{"a sentence that is good", "http://", "https://"} {
		if strings.Contains(letter.Text, secret) {
			t.Errorf("the mail has %q:\n%s", secret, letter.Text)
		}
	}
	x.stop()

	db, err = store.Open(ctx, at)
	x.must(err)
	defer func() { x.must(db.Close()) }()
	before := messages()
	person("bob@acme.example")
	if n := messages(); n != before {
		t.Errorf("somebody who is new was told of %d things", n-before)
	}
	ada.Epoch = epochOf(t, db, tenant.ID, ada.User)
	for range 50 {
		x.must(db.SSO().AddFactors(ctx, own, tenant.ID, ada, factors))
		_, err := db.WriterDB().ExecContext(ctx, "UPDATE notify_message SET due = 1 WHERE due > 0") // as if it were sent by now
		x.must(err)
	}
	if n := messages(); n > 13 {
		t.Errorf("%d mails in a day", n)
	}
	lines, err := db.Audit(ctx, tenant.ID, audit.Query{ID: string(ada.User), Limit: 1000})
	x.must(err)
	if len(lines) < 100 {
		t.Errorf("the audit log has %d lines", len(lines))
	}
}

func epochOf(t *testing.T, db *store.DB, tenant lockstep.TenantID, u lockstep.UserID) int64 {
	t.Helper()
	all, err := db.Users(t.Context(), tenant, directory.UserQuery{IDs: []lockstep.UserID{u}})
	if err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	return all[0].AuthEpoch
}
