package sso_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/sso"
)

// rule is a claim rule as commands write it, with an id.
func (w *world) rule(id, text string) sso.ClaimRule {
	w.Helper()
	r, err := sso.ParseClaimRule(text)
	w.must(err)
	if r.String() != text {
		w.Errorf("%q is written %q", text, r)
	}
	r.ID = id
	return r
}

// has is what claims give somebody, in words.
func (w *world) has(u lockstep.UserID) string {
	w.Helper()
	all, err := w.db.SSO().Gifts(w.Context(), w.tenant, u)
	w.must(err)
	var words []string
	for _, g := range all {
		words = append(words, g.Rule.Role+g.Rule.Rights+g.Rule.Group)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// TestClaimsGive: a claim gives what its rule says, at each sign-in or at the first one, as long as person, provider, rule and link stand; and it is
// taken away when the claim has gone.
func TestClaimsGive(t *testing.T) {
	onBoth(t, func(w *world) {
		w.setProvider("webex", func(p *sso.Provider) {
			p.TrustEmail = true
			p.Rules = []sso.ClaimRule{
				w.rule("1", "groups=Night shift => role:operator"), w.rule("2", "groups=Day => group-once:Day people"), w.rule("3", "team.name=red => rights:people:read"),
				w.rule("4", "level=3 => group:Third"), w.rule("5", "email=ada@acme.example => group:Ada"), w.rule("6", "groups=Night => group:Cut off"),
			}
		})
		ada := sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true, Groups: []string{"Night shift", "Day"},
			Claims: map[string]any{"team": map[string]any{"name": []any{"blue", "red"}}, "level": json.Number("3"), "groups": []any{"Night"}}}
		w.up.becomes(ada)
		b := w.browser()
		got := w.token(redeeming(b.signIn("scope", "openid groups")))
		w.is("what claims give", w.has(w.ada), "Ada Day people Third operator people:read")
		_, who := w.whois(got.Access)
		w.is("groups are told", who["groups"], []any{"Ada", "Day people", "Third"})
		_, who = w.whois(w.token(redeeming(b.signIn())).Access)
		w.is("but who did not ask for them", who["groups"], nil)

		less := ada
		less.Groups, less.Claims, less.EmailVerified = nil, nil, false
		w.up.becomes(less)
		b.signIn("prompt", "login")
		w.is("what is left", w.has(w.ada), "Day people")
		_, who = w.whois(got.Access)
		w.is("at once", who["groups"], []any{"Day people"})
		w.up.becomes(ada)
		b.signIn("prompt", "login")
		w.is("again", w.has(w.ada), "Ada Day people Third operator people:read")

		w.setProvider("webex", func(p *sso.Provider) { p.Rules = append(p.Rules, w.rule("8", "groups=Day => role-once:auditor")) })
		b.signIn("prompt", "login")
		w.is("once, and linked before", w.has(w.ada), "Ada Day people Third operator people:read")

		w.later(12 * time.Hour)
		w.is("twelve hours later", w.has(w.ada), "Day people")
		must := b.signIn
		must("prompt", "login")
		for name, taken := range map[string]struct {
			do, undo func(*sso.Provider)
			left     string
		}{
			"not trusted":        {func(p *sso.Provider) { p.TrustEmail = false }, func(p *sso.Provider) { p.TrustEmail = true }, ""},
			"a rule less":        {func(p *sso.Provider) { p.Rules = p.Rules[1:] }, func(*sso.Provider) {}, "Ada Day people Third people:read"},
			"a rule that is new": {func(p *sso.Provider) { p.Rules[0].ID = "7" }, func(*sso.Provider) {}, "Ada Day people people:read"},
		} {
			var before []sso.ClaimRule
			w.setProvider("webex", func(p *sso.Provider) { before = slices.Clone(p.Rules); taken.do(p) })
			if name == "a rule that is new" {
				w.is(name, strings.Contains(w.has(w.ada), "operator"), false)
			} else {
				w.is(name, w.has(w.ada), taken.left)
			}
			w.setProvider("webex", func(p *sso.Provider) { p.Rules = before; taken.undo(p) })
		}
		w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Disabled })
		w.is("a provider that is disabled", w.has(w.ada), "")
		w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Enabled })
		w.is("and enabled again", w.has(w.ada), "Day people")
		must("prompt", "login")
		w.disable(w.ada)
		w.is("a person who is disabled", w.has(w.ada), "")
		all, err := w.db.Users(t.Context(), w.tenant, directory.UserQuery{IDs: []lockstep.UserID{w.ada}})
		w.must(err)
		all[0].Attributes.Set("active", true)
		w.commit(directory.PutUser{User: all[0]})
		w.is("and comes back", w.has(w.ada), "Day people")
		w.commit(directory.DeleteUser{ID: w.ada})
		w.is("deleted", w.has(w.ada), "")
		w.commit(directory.RestoreUser{ID: w.ada})
		w.is("and restored", w.has(w.ada), "")
	})
}

// TestClaimsAreNotBelieved: what anybody could write about themselves gives nothing, and neither does a provider that is not trusted.
func TestClaimsAreNotBelieved(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{
		"name=Boss => role:operator", "preferred_username=boss => role:operator", "nickname=x => group:x", "address.country=x => group:x", "upn=boss@acme.example => role:operator",
		"groups= => role:operator", "groups=x => role:", "groups=x => owner:x", "groups=x", "=x => group:y", "groups=a\nb => group:y", "groups=x => group:a\nb",
	} {
		if _, err := sso.ParseClaimRule(text); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%q is a rule: %v", text, err)
		}
	}
	own := sso.Provider{Kind: sso.KindLDAP, Settings: map[string]string{"claim_name": "personalTitle"}, Rules: []sso.ClaimRule{w.rule("1", "personalTitle=Boss => group:x")}}
	if own.CheckRules() == nil {
		t.Error("what a setting takes for the name is a rule")
	}
	twice := sso.Provider{Rules: []sso.ClaimRule{w.rule("1", "groups=x => group:x"), w.rule("2", "groups=x => group:x")}}
	if twice.CheckRules() == nil {
		t.Error("a rule is there twice")
	}
	local := sso.Provider{Kind: sso.KindLocal, Rules: []sso.ClaimRule{w.rule("1", "groups=x => group:x")}}
	if local.CheckRules() == nil {
		t.Error("passwords have rules")
	}
	id := sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true, Groups: []string{"admins"}, Claims: map[string]any{"name": "Boss", "email": "boss@acme.example", "mail": "boss@acme.example", "admin": true, "list": []any{[]any{"x"}}}}
	for name, c := range map[string]struct {
		rule    string
		change  func(*sso.Provider)
		becomes func(*sso.Identity)
		want    string
	}{
		"control":                          {"groups=admins => role:operator", nil, nil, "operator"},
		"a switch":                         {"admin=true => role:operator", nil, nil, "operator"},
		"a provider that is not trusted":   {"groups=admins => role:operator", func(p *sso.Provider) { p.TrustEmail = false }, nil, ""},
		"another letter":                   {"groups=Admins => role:operator", nil, nil, ""},
		"a part of it":                     {"groups=admin => role:operator", nil, nil, ""},
		"an address that is not verified":  {"email=boss@acme.example => role:operator", nil, func(i *sso.Identity) { i.Email, i.EmailVerified = "boss@acme.example", false }, ""},
		"the raw claim of the address":     {"email=boss@acme.example => role:operator", nil, nil, ""},
		"the address under its other name": {"box=boss@acme.example => role:operator", func(p *sso.Provider) { p.Settings = map[string]string{"claim_email": "box"} }, func(i *sso.Identity) { i.Claims = map[string]any{"box": "boss@acme.example"} }, ""},
		"a list in a list":                 {"list=x => role:operator", nil, nil, ""},
		"a rule that was put in by the way": {"", func(p *sso.Provider) {
			p.Rules = []sso.ClaimRule{{ID: "1", Claim: "name", Value: "Boss", Role: "operator"}}
		}, nil, ""},
	} {
		w := newWorld(t)
		w.setProvider("webex", func(p *sso.Provider) {
			p.TrustEmail = true
			if c.rule != "" {
				p.Rules = []sso.ClaimRule{w.rule("1", c.rule)}
			}
			if c.change != nil {
				c.change(p)
			}
		})
		who := id
		if c.becomes != nil {
			c.becomes(&who)
		}
		w.up.becomes(who)
		b := w.browser()
		b.comeBack(b.authorize())
		w.is(name, w.has(w.ada), c.want)
	}
}

// TestClaimsAreTakenDown: the flight recorder and the test sign-in say which claim gave what; a test gives nothing.
func TestClaimsAreTakenDown(t *testing.T) {
	w := newWorld(t)
	p := w.setProvider("webex", func(p *sso.Provider) {
		p.TrustEmail, p.Rules = true, []sso.ClaimRule{w.rule("1", "groups=Night => role:operator")}
	})
	w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true, Groups: []string{"Night"}})
	id, address, err := w.sso.NewTest(t.Context(), "acme", p)
	w.must(err)
	b := w.browser()
	b.comeBack(b.get(address))
	w.is("a test gives", w.has(w.ada), "")
	const want = "the claim groups = “Night” gave the role “operator”"
	w.is("the test says", w.stageOf(id, "claims").Detail, want)
	b.signIn()
	all, _, err := w.db.SSO().Traces(t.Context(), w.tenant, sso.TraceQuery{Limit: 1})
	w.must(err)
	s := w.stageOf(all[0].ID, "claims")
	w.is("the recorder says", s.Detail, want)
	w.is("and", s.Facts["role operator"], "groups = Night")
}

func (w *world) stageOf(id sso.LoginID, name string) sso.Stage {
	w.Helper()
	tr, err := w.db.SSO().Trace(w.Context(), w.tenant, id)
	w.must(err)
	for _, s := range tr.Stages {
		if s.Name == name {
			return s
		}
	}
	w.Errorf("there is no stage %s in %+v", name, tr.Stages)
	return sso.Stage{}
}

// TestClaimsOfWhoWaits: an identity that waits for its person to show who they are gives nothing before, what is given once when it is linked, and the
// rest when they sign in by it.
func TestClaimsOfWhoWaits(t *testing.T) {
	w := newWorld(t)
	w.setProvider("webex", func(p *sso.Provider) {
		p.TrustEmail, p.Policy = true, sso.PolicyConfirm
		p.Rules = []sso.ClaimRule{w.rule("1", "groups=Night => role:operator"), w.rule("2", "groups=Night => group-once:Night people")}
	})
	w.provider("old", func(p *sso.Provider) { p.TrustEmail = true })
	webex := sso.Identity{Issuer: "https://idp.example", Subject: "1", Email: "ada@acme.example", EmailVerified: true, Groups: []string{"Night"}}
	w.up.becomes(webex)
	b := w.browser()
	by := func(p page, alias string) page {
		return b.comeBack(b.post(w.issuer+"/login", url.Values{"l": {loginIn(p.body)}, "provider": {alias}}))
	}
	p := by(b.authorize(), "webex")
	w.is("before they have shown who they are", w.has(w.ada), "")
	w.up.becomes(sso.Identity{Issuer: "old", Subject: "ada", Email: "ada@acme.example", EmailVerified: true})
	if p = by(p, "old"); p.to().Query().Get("code") == "" {
		t.Fatalf("not signed in: %d %s", p.StatusCode, p.body)
	}
	w.is("once", w.has(w.ada), "Night people")
	w.up.becomes(webex)
	by(b.authorize("prompt", "login"), "webex")
	w.is("each time, from the next sign-in on", w.has(w.ada), "Night people operator")
}
