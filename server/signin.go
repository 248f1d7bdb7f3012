package server

import (
	"context"
	"errors"
	"runtime"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
	"lockstep/upstream"
	"lockstep/web"
)

// newSignIn puts together what people are signed in with. Nothing is made or reached before somebody signs in.
func newSignIn(n *Server) *sso.Server {
	n.passwords = passwords{db: n.db, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))}
	rows := n.db.SSO()
	return &sso.Server{
		Store: rows, Directory: n.db, Tenants: n.db, Box: n.config.Key.Box("sso access token"), Base: n.browsed, Log: n.config.Log,
		Client: web.NewClient(web.ClientConfig{Dialer: n.systems.dialer, Timeout: 10 * time.Second, Redirects: -1}),
		Opener: &upstream.Opener{
			Dialer: n.systems.dialer, Local: &upstream.Local{Lookup: n.passwords.lookup, Verify: n.passwords.verify, Decoy: decoy},
			Spend: func(ctx context.Context, p sso.ProviderID, id string, until time.Time) (bool, error) {
				err := rows.Once(ctx, "", "saml assertion", token.HashOf(string(p)+"\x00"+id), until)
				if errors.Is(err, lockstep.ErrConflict) {
					return false, nil
				}
				return err == nil, err
			},
		},
	}
}

// SignIn is what an Operator has of a sign-in server whose Opener is that of package upstream.
func SignIn(db *store.DB, s *sso.Server) *operate.SignIn {
	rows := db.SSO()
	return &operate.SignIn{
		Providers: rows, Clients: rows, Sessions: rows, Records: rows, Factors: rows, Server: s, Console: s, Look: rows, Matches: rows, Forms: forms{s.Opener.(*upstream.Opener)}, Watch: watchedOf(db, s),
		Check:      func(p sso.Provider) error { return faulty(upstream.Check(p)) },
		CheckDraft: func(p sso.Provider) error { return faulty(upstream.CheckDraft(p)) },
	}
}

// decoy is the hash of no password at the cost of token.HashPassword, whose salt and hash are random bytes. Who tries a name that is not there
// waits for it.
const decoy = "$argon2id$v=19$m=19456,t=2,p=1$VXevWt/Be5WW18Bor1DiAQ$oBy2qJq5BkfpQR2Gd5g8e/oE5UCq1nIaP6f1MtDCulM"

// passwords are those of the directory.
type passwords struct {
	db    *store.DB
	slots chan struct{} // each password that is compared takes 19 MiB and a processor
}

// lookup finds who has a name, by user name or e-mail address, and the hash of their password. Whoever is not one person, or is disabled,
// has none.
func (p passwords) lookup(ctx context.Context, t lockstep.TenantID, name string) (string, sso.Identity, error) {
	for _, attribute := range []string{"userName", "email"} {
		all, err := p.db.Users(ctx, t, directory.UserQuery{Attribute: attribute, Values: []string{name}})
		if err != nil {
			return "", sso.Identity{}, err
		}
		if len(all) == 0 {
			continue
		}
		u := all[0]
		if len(all) > 1 || !u.Active {
			return "", sso.Identity{}, nil
		}
		kept, err := p.db.SSO().Password(ctx, t, u.ID)
		if errors.Is(err, lockstep.ErrNotFound) {
			return "", sso.Identity{}, nil
		}
		full, _ := u.Attributes.Get("name").(scim.Object)
		return kept.Hash, sso.Identity{
			Issuer: "lockstep", Subject: string(u.ID), UserName: u.Attributes.Text("userName"), Name: u.Attributes.Text("displayName"),
			GivenName: full.Text("givenName"), FamilyName: full.Text("familyName"), PasswordEnds: kept.Ends,
		}, err
	}
	return "", sso.Identity{}, nil
}

// verify compares a password, a few at a time, so that a flood of them leaves processors for who is signed in.
func (p passwords) verify(hash, password string) (bool, error) {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	return token.CheckPassword(hash, password)
}
