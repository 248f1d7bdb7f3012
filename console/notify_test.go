package console_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"lockstep/notify"
	"lockstep/operate"
)

// TestNotifications: who is told is set in the browser as it is read again, a test says what became of it, and secrets are shown once or
// never.
func TestNotifications(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const at = "/settings/notifications"
	checkPage(t, b.get(at))
	b.get("/settings").has("a", "Mail server and webhook…")
	values := []string{
		"to", "it@acme.example, ada@acme.example", "host", "127.0.0.1", "security", "tls", "port", "1", "user", "lockstep", "from", "lockstep@acme.example", "quiet", "30",
		"silence", "5",
	}
	refused := b.post(at, append(values, "hook", "")...).is(http.StatusUnprocessableEntity)
	refused.has("bdi", "needs a password")
	if refused.value("user") != "lockstep" {
		t.Error("what was written is lost")
	}
	b.post(at, append(values, "hook", "", "password", "hush-hush")...).to(at + "?said=saved")
	again := b.get(at)
	again.hasNot("input", "hush-hush")
	for i := 0; i < len(values); i += 2 {
		if got := again.value(values[i]); got != values[i+1] {
			t.Errorf("%s is %q after saving %q", values[i], got, values[i+1])
		}
	}
	moved := []string{"host", "elsewhere.example", "security", "tls", "user", "lockstep", "from", "lockstep@acme.example"}
	b.post(at, moved...).is(http.StatusUnprocessableEntity).has("bdi", "meant for where it goes now")

	tried := b.post(at+"/test", "try", "ada@acme.example", "by", "mail").is(http.StatusOK)
	tried.has("bdi", "it refused the connection")
	checkPage(t, tried)
	b.post(at+"/test", "try", "", "by", "mail").is(http.StatusUnprocessableEntity).has("bdi", "Give an address.")

	posted := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posted++ }))
	defer receiver.Close()
	made := b.post(at, append(values, "hook", receiver.URL)...).is(http.StatusOK)
	made.has("code", "whsec_")
	checkPage(t, made)
	b.get(at).hasNot("code", "whsec_")
	b.post(at+"/test", "by", "hook").is(http.StatusOK).has("bdi", "The webhook has taken the message.")
	if posted != 1 {
		t.Errorf("the webhook was asked %d times", posted)
	}

	message := notify.Message{ID: "m1", Outlet: notify.ByMail, To: "ada@acme.example", Subject: "Held <b>", Created: w.now(), Due: w.now().Add(time.Hour), Outcome: notify.Outcome{State: notify.Waiting}}
	w.must(w.db.Notify().Tell(t.Context(), w.tenant, nil, []notify.Message{message}, w.now().Add(time.Hour)))
	b.get(at).has("bdi", "Held <b>")
}

// TestToldInSettings: each app and source says who is told when a failure occurs.
func TestToldInSettings(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	for _, base := range []string{"/apps/webex", "/sources/hr"} {
		b.get(base+"/settings").has("span", "Send an e-mail when a failure occurs")
		b.post(base+"/notifications", "emails", "nobody", "failures", "on").is(http.StatusUnprocessableEntity).has("bdi", "is no e-mail address")
		b.post(base+"/notifications", "emails", "ada@acme.example, ben@acme.example", "failures", "on").to(base + "/settings?said=saved#told-title")
		if again := b.get(base + "/settings"); again.value("emails") != "ada@acme.example, ben@acme.example" || again.value("failures") != "on" {
			t.Errorf("%s: read again %q, %q", base, again.value("emails"), again.value("failures"))
		}
	}
	b.post("/apps/webex/notifications", "emails", "cy@acme.example", "was-emails", "ada@acme.example, ben@acme.example", "was-failures", "on", "failures", "on").to("/apps/webex/settings?said=saved#told-title")
	b.post("/apps/webex/notifications", "emails", "ada@acme.example, ben@acme.example", "was-emails", "ada@acme.example, ben@acme.example", "was-failures", "on").to("/apps/webex/settings?said=saved#told-title")
	rule, err := w.operator.Told(t.Context(), operate.Machine(w.tenant), "webex")
	w.must(err)
	if rule.Failures || !slices.Equal(rule.Emails, []string{"cy@acme.example"}) {
		t.Errorf("of two who changed different things %+v is kept", rule)
	}
	b.post("/apps/webex/notifications", "emails", "ada@acme.example, ben@acme.example", "failures", "on").to("/apps/webex/settings?said=saved#told-title")
	rule, err = w.operator.Told(t.Context(), operate.Machine(w.tenant), "webex")
	w.must(err)
	if !rule.Failures || len(rule.Emails) != 2 {
		t.Errorf("kept %+v", rule)
	}
}
