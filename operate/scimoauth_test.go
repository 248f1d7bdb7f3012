package operate_test

import (
	"testing"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/token"
)

// TestSCIMClientByOAuth: an application becomes a SCIM client once, if it may ask for the scope; there is no text and nothing to rotate; and
// nobody can become it who could not do what it does.
func TestSCIMClientByOAuth(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		w.signIns()
		weak, _, _ := w.with(w.admin(), "api:write", 0)
		add := func(p operate.Principal, c sso.Client) error {
			_, _, err := w.AddClient(ctx, p, c)
			return err
		}
		bind := func(p operate.Principal, o token.OAuth) (operate.TokenEntry, string, error) {
			return w.CreateToken(ctx, p, operate.NewToken{Name: "oauth", Kind: token.KindSCIM, Scopes: "scim:write", OAuth: o})
		}
		fit := sso.Client{ID: "app", Name: "App", Grants: []sso.GrantType{sso.GrantCredentials}, Scopes: []string{"scim"}}
		w.must(add(w.admin(), fit))
		for id, change := range map[sso.ClientID]func(*sso.Client){
			"no-scope": func(c *sso.Client) { c.Scopes = nil },
			"public": func(c *sso.Client) {
				c.Auth, c.Grants, c.Redirects = sso.AuthNone, []sso.GrantType{sso.GrantCode}, []string{"https://app.example/cb"}
			},
			"no-grant": func(c *sso.Client) { c.Grants = []sso.GrantType{sso.GrantRefresh} },
		} {
			c := fit
			c.ID = id
			change(&c)
			w.must(add(w.admin(), c))
			_, _, err := bind(w.admin(), token.OAuth{Client: string(id)})
			w.want(string(id), err, lockstep.CodeInvalid)
		}
		for name, o := range map[string]token.OAuth{
			"both": {Client: "app", Issuer: "https://i.example"}, "no audience": {Issuer: "https://i.example"}, "no address": {Issuer: "i.example", Audience: "x"},
			"everybody": {Issuer: "https://i.example", Audience: "x", Scope: "*"}, "everybody's type": {Issuer: "https://i.example", Audience: "x", Plain: true},
			"ID tokens": {Issuer: "https://i.example", Audience: "x", Subject: "x", Plain: true}, "algorithm": {Issuer: "https://i.example", Audience: "x", Alg: "HS256"},
		} {
			_, _, err := bind(w.admin(), o)
			w.want(name, err, lockstep.CodeInvalid)
		}
		_, _, err := bind(w.admin(), token.OAuth{Client: "nobody"})
		w.want("an application that is not there", err, lockstep.CodeNotFound)
		_, _, err = w.CreateToken(ctx, w.admin(), operate.NewToken{Name: "x", Kind: token.KindAPI, Scopes: "api:read", OAuth: token.OAuth{Client: "app"}})
		w.want("a token of the API", err, lockstep.CodeInvalid)
		_, _, err = bind(weak, token.OAuth{Client: "app"})
		w.want("with more rights", err, lockstep.CodeAuthForbidden)
		e, text, err := bind(w.admin(), token.OAuth{Client: "app"})
		w.must(err)
		if text != "" {
			t.Error("there is a text")
		}
		if again, err := w.Token(ctx, w.admin(), string(e.ID)); err != nil || again.OAuth.Client != "app" {
			t.Errorf("kept %+v, %v", again, err)
		}
		ipsie := token.IPSIE
		_, err = w.SetToken(ctx, w.admin(), string(e.ID), operate.TokenChange{Profile: &ipsie})
		w.must(err)
		_, fixed, _ := w.with(w.admin(), "api:write", 0)
		_, err = w.SetToken(ctx, w.admin(), string(fixed.ID), operate.TokenChange{Profile: &ipsie})
		w.want("ipsie for a token of the API", err, lockstep.CodeInvalid)
		_, _, err = w.CreateToken(ctx, w.admin(), operate.NewToken{Name: "fixed", Kind: token.KindSCIM, Scopes: "scim:write", Profile: token.IPSIE})
		w.want("ipsie with a fixed token", err, lockstep.CodeInvalid)
		_, _, err = bind(w.admin(), token.OAuth{Client: "app"})
		w.want("again", err, lockstep.CodeConflict)
		_, _, err = w.RotateToken(ctx, w.admin(), string(e.ID), operate.Rotation{})
		w.want("rotated", err, lockstep.CodeInvalid)

		_, _, err = w.RotateClient(ctx, weak, "app", 0)
		w.want("rotated by somebody with less", err, lockstep.CodeAuthForbidden)
		_, err = w.SetClient(ctx, weak, "app", func(c *sso.Client) { c.Disabled = false })
		w.want("changed by somebody with less", err, lockstep.CodeAuthForbidden)
		w.must(w.DeleteClient(ctx, weak, "app"))
		w.want("made anew by somebody with less", add(weak, fit), lockstep.CodeAuthForbidden)
		w.must(add(w.admin(), fit))
		_, _, err = w.RotateClient(ctx, w.admin(), "app", 0)
		w.must(err)
		w.must(w.RevokeToken(ctx, w.admin(), string(e.ID)))
		_, _, err = w.RotateClient(ctx, weak, "app", 0)
		w.must(err)
	})
}
