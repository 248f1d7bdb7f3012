package upstream

import (
	"context"
	"errors"
	"strings"
	"testing"

	"lockstep"
	"lockstep/e2e/parts"
	"lockstep/sso"
	"lockstep/web"
)

func TestTrial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provider.State, w.provider.TrustEmail = sso.Draft, true
	w.user = map[string]any{"sub": "u-1", "email": "ada@example.com", "preferred_username": "ada\u202e", "refresh_token": "opaque-r3fresh", "note": "eyJhbGciOiJub25lIn0.e30.", "groups": []string{"a"}}
	trial, to, err := w.opener.BeginTrial(t.Context(), w.provider, w.attempt)
	if err != nil || to.URL == "" {
		t.Fatalf("got %v", err)
	}
	w.attempt.Kept = to.Keep
	var asked sso.Identity
	match := func(_ context.Context, who sso.Identity) (Match, error) {
		asked = who
		return Match{Person: "ada", Says: "found by the e-mail address"}, nil
	}
	if err := w.opener.FinishTrial(t.Context(), w.provider, w.attempt, sso.Callback{Values: w.callback}, trial, match); err != nil {
		t.Fatal(err)
	}
	text := encode(trial)
	w.leaks(stages(trial.Hops), nil)
	if !trial.OK || trial.Match.Person != "ada" || asked.Subject != "u-1" || len(trial.Hops) != 6 || strings.Contains(text, "eyJ") || strings.Contains(text, "r3fresh") {
		t.Errorf("got %s", text)
	}
	byField := map[string]Mapped{}
	for _, m := range trial.Mapped {
		byField[m.Field] = m
	}
	if byField["Subject"].Value != "u-1" || byField["E-mail address"].Value != "ada@example.com" || byField["Display name"].Note != "the provider does not send it" ||
		!strings.Contains(byField["User name"].Note, "not used") || byField["Groups"].Value != "a" {
		t.Errorf("mapped %+v", trial.Mapped)
	}
	if advice := strings.Join(trial.Advice, " "); !strings.Contains(advice, "links nobody") || !strings.Contains(advice, "not encrypted") {
		t.Errorf("advice: %s", advice)
	}
	// A failure is told, not returned; nobody is matched.
	asked = sso.Identity{}
	w.claims["aud"] = "C2"
	trial, to, _ = w.opener.BeginTrial(t.Context(), w.provider, w.attempt)
	w.attempt.Kept = to.Keep
	err = w.opener.FinishTrial(t.Context(), w.provider, w.attempt, sso.Callback{Values: w.callback}, trial, match)
	if err != nil || trial.OK || trial.Code != lockstep.CodeIdPAudience || trial.Detail == "" || asked.Subject != "" || len(trial.Raw) != 0 {
		t.Errorf("got %s, %v", encode(trial), err)
	}
	delete(w.claims, "aud")
	trial, _, _ = w.opener.BeginTrial(t.Context(), w.provider, w.attempt)
	away := func(context.Context, sso.Identity) (Match, error) { return Match{}, errors.New("the database is away") }
	if err := w.opener.FinishTrial(t.Context(), w.provider, w.attempt, sso.Callback{Values: w.callback}, trial, away); err == nil || trial.OK {
		t.Errorf("nobody could say whom: got %+v, %v", trial, err)
	}
	w.provider.Settings["issuer"] = ""
	if trial, _, err := w.opener.BeginTrial(t.Context(), w.provider, w.attempt); lockstep.CodeOf(err) != lockstep.CodeIdPSettingMissing || trial.Code != lockstep.CodeIdPSettingMissing {
		t.Errorf("got %+v, %v", trial, err)
	}
}

func TestTrialOfAPassword(t *testing.T) {
	t.Parallel()
	l := parts.Slapd(t, staff)
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	nobody := func(context.Context, sso.Identity) (Match, error) { return Match{Says: "refused: not imported"}, nil }
	trial, err := o.TryPassword(t.Context(), ldapProvider(l), "ada", "ada's password", nobody)
	if err != nil || !trial.OK || trial.Match.Says != "refused: not imported" || strings.Contains(encode(trial), "ada's password") {
		t.Errorf("got %s, %v", encode(trial), err)
	}
	// Whoever tests sees the cause that people who sign in do not.
	trial, err = o.TryPassword(t.Context(), ldapProvider(l), "twin", "twin", nobody)
	if err != nil || trial.OK || trial.Code != lockstep.CodeIdPAmbiguous {
		t.Errorf("got %s, %v", encode(trial), err)
	}
	w := newWorld(t)
	if _, err := o.TryPassword(t.Context(), w.provider, "ada", "x", nobody); lockstep.CodeOf(err) != lockstep.CodeIdPUnsupported {
		t.Errorf("got %v", err)
	}
	if _, _, err := o.BeginTrial(t.Context(), ldapProvider(l), sso.Attempt{}); lockstep.CodeOf(err) != lockstep.CodeIdPUnsupported {
		t.Errorf("got %v", err)
	}
}
