package operate_test

import (
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/token"
)

// ruled are claim rules as commands write them.
func (w *world) ruled(texts ...string) *[]sso.ClaimRule {
	w.Helper()
	all := []sso.ClaimRule{}
	for _, text := range texts {
		r, err := sso.ParseClaimRule(text)
		w.must(err)
		all = append(all, r)
	}
	return &all
}

// given signs somebody in by a provider whose claims give them all that its rules say.
func (w *world) given(u lockstep.UserID, alias string) {
	w.Helper()
	rows := w.db.SSO()
	p, err := rows.ProviderByAlias(w.Context(), w.ids["default"], alias)
	w.must(err)
	_, err = rows.SaveLogin(w.Context(), sso.Login{Tenant: w.ids["default"], ID: lockstep.NewID[sso.LoginID](), Expires: w.at.Add(time.Hour), Step: sso.StepEnded}, sso.Finish{
		Links: []sso.Link{{Provider: p.ID, Issuer: "i", Subject: string(u), User: u}},
		Gifts: []sso.Gifts{{Person: sso.Person{User: u}, Provider: p.ID, Rules: p.Rules, Until: w.at.Add(time.Hour)}},
	})
	w.must(err)
}

// TestClaimRules: a claim gives what whoever set it up may give, never everything, and what it gives counts like any other right: it is looked at
// anew with each request, nobody without it can change who has it, and what they have made ends with it.
func TestClaimRules(t *testing.T) {
	onBoth(t, func(w *world) {
		w.signIns()
		ctx, admin := w.Context(), w.admin()
		trusted, yes := true, operate.ProviderChange{}
		yes.TrustEmail, yes.Settings = &trusted, map[string]string{"client_id": "C1"}
		_, err := w.AddIdentityProvider(ctx, admin, sso.KindOIDC, "okta", yes)
		w.must(err)
		_, err = w.EnableIdentityProvider(ctx, admin, "okta", true, true)
		w.must(err)
		set := func(p operate.Principal, rules ...string) error {
			return second(w.SetIdentityProvider(ctx, p, "okta", operate.ProviderChange{Rules: w.ruled(rules...)}))
		}
		for _, text := range []string{"groups=x => role:owner", "groups=x => role:user-management-admin", "groups=x => rights:*:*", "groups=x => rights:*:read signin:write", "groups=x => rights:admins:write", "groups=x => rights:api:*", "groups=x => rights:nonsense",
			"groups=x => role:app-operator", "groups=x => role:nobody"} {
			w.want(text, set(admin, text), lockstep.CodeInvalid)
		}
		with := func(scopes string) operate.Principal {
			p := admin
			p.Scopes, err = token.ParseScopes(scopes)
			w.must(err)
			return p
		}
		w.want("who may not change administrators", set(with("signin:write people:write api:read"), "groups=x => role:auditor"), lockstep.CodeAuthForbidden)
		w.want("more than they have", set(with("signin:write admins:write people:read"), "groups=x => rights:people:write"), lockstep.CodeAuthForbidden)
		w.want("a role of more than they have", set(with("signin:write admins:write people:read"), "groups=x => role:operator"), lockstep.CodeAuthForbidden)
		w.want("a group, without people", set(with("signin:write admins:write"), "groups=x => group:x"), lockstep.CodeAuthForbidden)
		w.must(set(with("signin:write people:write"), "groups=x => group:x"))
		w.want("taking one away that they could not give", set(with("signin:write admins:write")), lockstep.CodeAuthForbidden)
		inside := admin
		inside.Session, inside.Proved = "s", w.at.Add(-11*time.Minute)
		w.want("who has not shown who they are", set(inside, "groups=x => role:operator"), lockstep.CodeProveAgain)
		w.must(set(admin, "groups=Night => role:operator", "groups=Day => rights:people:read"))

		no := false
		w.want("a provider that is not trusted", second(w.AddIdentityProvider(ctx, admin, sso.KindOIDC, "other", operate.ProviderChange{TrustEmail: &no, Rules: w.ruled("groups=x => role:auditor")})), lockstep.CodeInvalid)
		w.want("adding one with what they do not have", second(w.AddIdentityProvider(ctx, with("signin:write"), sso.KindOIDC, "other", operate.ProviderChange{TrustEmail: &trusted, Rules: w.ruled("groups=x => role:auditor")})), lockstep.CodeAuthForbidden)
		lesser := with("signin:write people:write admins:write")
		w.want("turning it to another issuer", second(w.SetIdentityProvider(ctx, lesser, "okta", operate.ProviderChange{Settings: map[string]string{"issuer": "https://evil.example"}})), lockstep.CodeAuthForbidden)
		w.want("enabling it", second(w.EnableIdentityProvider(ctx, lesser, "okta", true, true)), lockstep.CodeAuthForbidden)
		w.want("deleting it", w.DeleteIdentityProvider(ctx, lesser, "okta"), lockstep.CodeAuthForbidden)

		ada := w.person("ada@acme.example")
		_, err = w.as(ada)
		w.want("before they sign in", err, lockstep.CodeUnauthorized)
		w.given(ada.ID, "okta")
		p, err := w.as(ada)
		w.must(err)
		if p.May(operate.AppsWrite) != nil || p.May(operate.SignInWrite) == nil || p.May(operate.AdminsWrite) == nil {
			t.Errorf("they have %v", p.Scopes)
		}
		w.want("somebody with less sets their password", w.SetUserPassword(ctx, lesser, "ada@acme.example", "I am you now, Ada"), lockstep.CodeAuthForbidden)
		_, text, err := w.CreateToken(ctx, p, operate.NewToken{Name: "of ada", Kind: token.KindAPI, Scopes: "apps:write"})
		w.must(err)
		_, err = w.Bearer(ctx, text)
		w.must(err)
		other, err := w.Visitor(ctx, session.Grant{Tenant: w.ids["other"], Holder: "x", Scopes: "*:*", Person: session.Person{User: ada.ID}, How: string(operate.BySignIn)})
		w.want("in another tenant", err, lockstep.CodeUnauthorized)
		_ = other

		w.must(set(admin, "groups=Day => rights:people:read"))
		if p, err = w.Again(ctx, p); err != nil || p.May(operate.AppsWrite) == nil || p.May(operate.PeopleRead) != nil {
			t.Errorf("without the rule: %v, %v", p.Scopes, err)
		}
		made, err := w.Bearer(ctx, text)
		if err == nil && made.May(operate.AppsWrite) == nil {
			t.Errorf("their token has %v", made.Scopes)
		}
		w.at = w.at.Add(time.Hour)
		_, err = w.as(ada)
		w.want("after their session", err, lockstep.CodeUnauthorized)
		_, err = w.Bearer(ctx, text)
		w.want("and their token", err, lockstep.CodeUnauthorized)
	})
}

// TestProviderIsTurned: while people sign in through a provider, whoever turns its trust to somebody else has shown a short while ago who they are;
// so has whoever enables or deletes one, and makes a new secret for an application.
func TestProviderIsTurned(t *testing.T) {
	w := newWorld(t, sqlite(t))
	w.signIns()
	ctx, admin := w.Context(), w.admin()
	late := admin
	late.Session, late.Proved = "s", w.at.Add(-operate.ProveFor-time.Second)
	in := late
	in.Proved = w.at
	_, err := w.AddIdentityProvider(ctx, late, sso.KindOIDC, "okta", operate.ProviderChange{Settings: map[string]string{"client_id": "C1", "issuer": "https://i.example"}})
	w.must(err)
	set := func(p operate.Principal, c operate.ProviderChange) error {
		return second(w.SetIdentityProvider(ctx, p, "okta", c))
	}
	w.must(set(late, operate.ProviderChange{Settings: map[string]string{"jwks": "{}"}})) // a draft lets nobody in
	w.want("enabled", second(w.EnableIdentityProvider(ctx, late, "okta", true, true)), lockstep.CodeProveAgain)
	w.must(second(w.EnableIdentityProvider(ctx, in, "okta", true, true)))
	name, yes, verified, own := "Okta", true, sso.PolicyCreate, sso.DemandOwn
	w.must(set(late, operate.ProviderChange{Name: &name, Hidden: &yes}))
	pem := "certificate"
	for what, c := range map[string]operate.ProviderChange{
		"issuer": {Settings: map[string]string{"issuer": "https://evil.example"}}, "keys": {Settings: map[string]string{"jwks": `{"keys":[]}`}}, "claims": {Settings: map[string]string{"claim_email": "x"}},
		"secret": {Secrets: map[string]string{"client_secret": "x"}}, "certificates": {Certificates: &pem}, "policy": {Policy: &verified}, "trust": {TrustEmail: &yes}, "links": {LinkOnly: &yes},
		"second factor": {Second: &own}, "rules": {TrustEmail: &yes, Rules: w.ruled("groups=x => group:x")},
	} {
		w.want(what, set(late, c), lockstep.CodeProveAgain)
		w.must(set(in, c))
		one, err := w.db.SSO().ProviderByAlias(ctx, w.ids["default"], "okta") // as it was
		w.must(err)
		one.Settings, one.Secrets, one.Roots, one.Policy, one.TrustEmail, one.LinkOnly, one.SecondFactor, one.Rules = map[string]string{"client_id": "C1", "issuer": "https://i.example", "jwks": "{}"}, nil, nil, sso.PolicyImported, false, false, "", nil
		_, err = w.db.SSO().PutProvider(ctx, audit.Actor{}, one)
		w.must(err)
	}
	w.want("deleted", w.DeleteIdentityProvider(ctx, late, "okta"), lockstep.CodeProveAgain)
	c, _, err := w.AddClient(ctx, late, sso.Client{Name: "App", Redirects: []string{"https://app.example/cb"}})
	w.must(err)
	w.want("a new secret", third(w.RotateClient(ctx, late, string(c.ID), time.Hour)), lockstep.CodeProveAgain)
	w.must(third(w.RotateClient(ctx, in, string(c.ID), time.Hour)))
	w.must(w.DeleteIdentityProvider(ctx, in, "okta"))
}
