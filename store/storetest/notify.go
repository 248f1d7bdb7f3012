package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"lockstep"
	"lockstep/notify"
	"lockstep/store"
)

// testNotify: settings with their secrets, who is told, what was told, and what waits to be sent.
func testNotify(t *testing.T, open Open) {
	c := found(t, open, store.Config{Key: store.NewKey()})
	s := c.claim(c.job("webex", nil).ID)
	rows, ctx := s.db.Notify(), t.Context()
	word := func(v string) *string { return &v }
	change := func(c notify.Change) error {
		return rows.ChangeSettings(ctx, admin, s.tenant, func(notify.Settings) (notify.Change, error) { return c, nil })
	}
	none, err := rows.Settings(ctx, s.tenant)
	s.ok(err)
	if none.On() || none.Version != 0 {
		t.Errorf("before anything was set: %+v", none)
	}
	mail := notify.Mail{Host: "smtp.acme.example", Security: notify.StartTLS, User: "lockstep", From: "lockstep@acme.example"}
	s.ok(change(notify.Change{Settings: notify.Settings{Mail: mail, Hook: "https://x.example/1", To: []string{"ada@acme.example"}}, Password: word("secret"), Hook: word("whsec_1")}))
	got, err := rows.Settings(ctx, s.tenant)
	s.ok(err)
	if got.Mail != mail || got.Hook != "https://x.example/1" || !slices.Equal(got.Given, []string{notify.Password, notify.HookSecret}) || got.Version != 1 {
		t.Errorf("read back %+v", got)
	}
	secrets, err := rows.Secrets(ctx, s.tenant, got)
	s.ok(err)
	if secrets != (notify.Secrets{Password: "secret", Hook: "whsec_1"}) {
		t.Errorf("secrets %+v", secrets)
	}

	// A secret goes only where it was meant to go.
	elsewhere := got
	elsewhere.Mail.Host = "smtp.evil.example"
	if err := change(notify.Change{Settings: elsewhere}); lockstep.CodeOf(err) != lockstep.CodeSecretsAgain {
		t.Errorf("another server with the old password: %v", err)
	}
	if _, err := rows.Secrets(ctx, s.tenant, elsewhere); lockstep.CodeOf(err) != lockstep.CodeSealed {
		t.Errorf("a database with another server opens the password: %v", err)
	}
	s.ok(change(notify.Change{Settings: elsewhere, Password: word("other")}))
	secrets, err = rows.Secrets(ctx, s.tenant, elsewhere)
	s.ok(err)
	if secrets.Password != "other" || secrets.Hook != "whsec_1" {
		t.Errorf("secrets after the move: %+v", secrets)
	}
	refused := errors.New("no")
	if err := rows.ChangeSettings(ctx, admin, s.tenant, func(notify.Settings) (notify.Change, error) { return notify.Change{}, refused }); !errors.Is(err, refused) {
		t.Errorf("a change that refuses: %v", err)
	}
	if err := rows.ChangeSettings(ctx, admin, "none", func(s notify.Settings) (notify.Change, error) { return notify.Change{Settings: s}, nil }); lockstep.CodeOf(err) != lockstep.CodeNotFound {
		t.Errorf("of a tenant that is not there: %v", err)
	}

	becomes := func(r notify.Rule) func(notify.Rule) (notify.Rule, error) {
		return func(notify.Rule) (notify.Rule, error) { return r, nil }
	}
	_, err = rows.ChangeRule(ctx, admin, s.tenant, s.job.ID, becomes(notify.Rule{Emails: []string{"ben@acme.example"}}))
	s.ok(err)
	now, err := rows.ChangeRule(ctx, admin, s.tenant, s.job.ID, func(was notify.Rule) (notify.Rule, error) { was.Failures = true; return was, nil })
	s.ok(err)
	if !now.Failures || len(now.Emails) != 1 {
		t.Errorf("the rule has become %+v", now)
	}
	rules, err := rows.Rules(ctx, s.tenant)
	s.ok(err)
	if r := rules[s.job.ID]; len(rules) != 1 || !r.Failures || !slices.Equal(r.Emails, []string{"ben@acme.example"}) {
		t.Errorf("rules %+v", rules)
	}
	if _, err := rows.ChangeRule(ctx, admin, s.tenant, "none", becomes(notify.Rule{})); lockstep.CodeOf(err) != lockstep.CodeNotFound {
		t.Errorf("a rule of a job that is not there: %v", err)
	}
	testOutbox(t, s.db, s.tenant, s.job.ID)

	s.ok(s.db.DeleteJob(ctx, admin, s.tenant, s.job.ID))
	rules, err = rows.Rules(ctx, s.tenant)
	s.ok(err)
	memory, _, err := rows.Memory(ctx, s.tenant)
	s.ok(err)
	if len(rules) > 0 || slices.ContainsFunc(memory, func(r notify.Remembered) bool { return r.Job != "" }) {
		t.Errorf("left of a deleted job: %v, %v", rules, memory)
	}
}

// testOutbox: memory and messages are one commit, a message is settled once, and only what is due is named.
func testOutbox(t *testing.T, db *store.DB, tenant lockstep.TenantID, job lockstep.JobID) {
	t.Helper()
	rows, ctx := db.Notify(), t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	due := func(at time.Time) bool {
		all, err := rows.DueTenants(ctx, at)
		ok(err)
		return slices.Contains(all, tenant)
	}
	now := time.Now().Truncate(time.Millisecond).UTC()
	if !due(now.Add(24 * time.Hour)) {
		t.Error("after a change of the settings nobody looks")
	}
	memory := []notify.Remembered{
		{Kind: notify.Expiring, Name: "token 7", Since: now, Told: now},
		{Job: job, Kind: notify.HeldBack, Since: now, Ended: now.Add(time.Second)},
	}
	message := notify.Message{ID: "msg_1", Job: job, Outlet: notify.ByMail, To: "ada@acme.example", Subject: "S", Text: "T", Created: now, Due: now, Outcome: notify.Outcome{State: notify.Waiting}}
	later := message
	later.ID, later.Due = "msg_2", now.Add(time.Hour)
	next := now.Add(48 * time.Hour)
	ok(rows.Tell(ctx, tenant, memory, []notify.Message{message, later}, next))
	if err := rows.Tell(ctx, tenant, nil, []notify.Message{message}, next); err == nil {
		t.Error("the same message was kept twice")
	}
	got, look, err := rows.Memory(ctx, tenant)
	ok(err)
	if !slices.Equal(got, memory) || !look.Equal(next) {
		t.Errorf("remembered %+v until %s", got, look)
	}
	waiting, err := rows.WaitingMessages(ctx, tenant, now, 10)
	ok(err)
	if len(waiting) != 1 || waiting[0] != message || !due(now) || due(now.Add(-time.Second)) {
		t.Errorf("waiting %+v", waiting)
	}
	ok(rows.Settle(ctx, tenant, message, now.Add(time.Minute), notify.Outcome{State: notify.Waiting, Code: lockstep.CodeMailDeferred, Detail: "not now"}))
	ok(rows.Settle(ctx, tenant, message, now, notify.Outcome{State: notify.Sent, Ended: now})) // another node, which has tried at the same time
	if due(now.Add(59 * time.Second)) {
		t.Error("what was put off is due")
	}
	waiting, err = rows.WaitingMessages(ctx, tenant, now.Add(time.Minute), 10)
	ok(err)
	if len(waiting) != 1 || waiting[0].Tries != 1 || waiting[0].Code != lockstep.CodeMailDeferred {
		t.Fatalf("after the first try: %+v", waiting)
	}
	ok(rows.Settle(ctx, tenant, waiting[0], now, notify.Outcome{State: notify.Sent, Ended: now}))
	all, err := rows.Messages(ctx, tenant, 10)
	ok(err)
	if len(all) != 2 || all[0].ID != "msg_2" || all[1].State != notify.Sent || all[1].Tries != 2 || all[1].Code != "" {
		t.Errorf("messages %+v", all)
	}
	if due(now.Add(59*time.Minute)) || !due(now.Add(time.Hour)) {
		t.Error("what has ended is due, or what waits is not")
	}
}
