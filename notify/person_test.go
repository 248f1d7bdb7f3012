package notify

import (
	"strings"
	"testing"
	"time"

	"lockstep/audit"
)

// TestToPerson: a mail to a person says what was changed and by whom, in their language, takes more while it waits, and there are so many a day.
func TestToPerson(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	you := audit.Actor{Kind: audit.Person, ID: "u1", Name: "ada"}
	m, is := ToPerson("u1", "ada@acme.example", "en-GB", you, KeyChange{"added", KeyPasskey, "my laptop"}, 0, now)
	if !is || m.To != "ada@acme.example" || m.Outlet != ByMail || m.Due.Sub(now) != personGather || m.Job != OfPerson("u1") {
		t.Fatalf("got %+v %v", m, is)
	}
	text := MoreToPerson(m.Text, "u1", "en-GB", audit.Actor{Kind: audit.Admin, ID: "a"}, KeyChange{"removed", KeyApp, ""}, now)
	const want = "What you sign in with has changed:\n\n- Passkey “my laptop”: added, 2026-11-30 12:00 UTC (by you, signed in)\n" +
		"- Authenticator app: removed, 2026-11-30 12:00 UTC (by an administrator, or a program of theirs)\n\n" +
		"If you did this, or asked for it, there is nothing to do. If not, tell your administrator at once.\n"
	if text != want {
		t.Errorf("it says\n%s\nwant\n%s", text, want)
	}
	german, _ := ToPerson("u1", "ada@acme.example", "de", you, KeyChange{"changed", KeyPassword, ""}, PersonMails-1, now)
	if !strings.Contains(german.Text, "Passwort: geändert") || !strings.Contains(german.Text, "keine Mails mehr") {
		t.Errorf("in German, the last one:\n%s", german.Text)
	}
	if _, is := ToPerson("u1", "ada@acme.example", "de", you, KeyChange{"changed", KeyPassword, ""}, PersonMails, now); is {
		t.Error("one more than there are a day")
	}
	if _, is := ToPerson("u1", "", "de", you, KeyChange{"changed", KeyPassword, ""}, 0, now); is {
		t.Error("somebody without an address")
	}
	for lang, x := range personTexts {
		for _, key := range []string{KeyPassword, KeyPasskey, KeyApp, KeyCodes, KeyIdentity} {
			if x.keys[key] == "" {
				t.Errorf("%s has no word for %s", lang, key)
			}
		}
	}
}
