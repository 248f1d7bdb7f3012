package sso

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/token"
)

// KeptPassword is what is kept of somebody's password. One that an administrator has given them ends: at the first sign-in with it they choose
// another. Ends is zero for one of their own.
type KeptPassword struct {
	Hash string
	Ends time.Time
}

// Over reports whether a password that was to be changed was not, in time.
func (k KeptPassword) Over(now time.Time) bool { return !k.Ends.IsZero() && !now.Before(k.Ends) }

// temporary reports whether the person has signed in with a password that somebody else has given them, and knows.
func (v *visit) temporary() bool {
	return v.login.Identity != nil && !v.login.Identity.PasswordEnds.IsZero()
}

// ownPassword asks for a password of the person's own. They have shown everything else that they have by now; what they have to set up comes after.
func (v *visit) ownPassword(ctx context.Context) (answerer, error) {
	if _, err := v.allowed(ctx, v.login.Chosen); err != nil {
		return nil, err
	}
	u, err := v.self(ctx)
	if err != nil {
		return nil, err
	}
	return v.ownPasswordPage(u, ""), nil
}

func (v *visit) ownPasswordPage(u directory.User, fault string) answerer {
	return func() error {
		p := v.page(v.site, v.login.Locale, "ownPassword")
		p.Client, p.Login, p.Action, p.Back = v.client.Name, v.login.ID, v.site.path+"/login", "back"
		p.Tongues, p.Detail, p.Notice = v.tongues(), u.Attributes.Text("userName"), p.T[fault]
		return render(v.w, http.StatusOK, "own-password", p)
	}
}

// ownPasswordTaken keeps the password that the person has chosen in place of the one that they have signed in with, and lets them on. Of several
// who know that one, and choose at once, one goes on: the epoch is then another than the one that the others came with.
func (v *visit) ownPasswordTaken(ctx context.Context) (answerer, error) {
	l := &v.login
	if v.r.PostForm.Has("back") {
		v.restart()
		return nil, nil
	}
	if _, err := v.allowed(ctx, l.Chosen); err != nil {
		return nil, err
	}
	u, err := v.self(ctx)
	if err != nil {
		return nil, err
	}
	next := v.r.PostForm.Get("new")
	if token.PasswordFault(next) != "" || strings.EqualFold(next, u.Attributes.Text("userName")) {
		return v.ownPasswordPage(u, "passwordRule"), nil
	}
	kept, err := v.Store.Password(ctx, v.site.tenant.ID, u.ID)
	if err != nil && !errors.Is(err, lockstep.ErrNotFound) {
		return nil, err
	}
	if !l.Identity.PasswordEnds.Equal(kept.Ends) || kept.Over(v.now()) {
		return nil, &lockstep.Error{Code: lockstep.CodeSSOPasswordOver, Detail: "The password that was given is not the one that is kept any more, or has ended."}
	}
	if err := v.claim(ctx); err != nil {
		return nil, err
	}
	v.hashing.Lock()
	same, _ := token.CheckPassword(kept.Hash, next) // what cannot be compared is another one
	hash := ""
	if !same {
		hash, err = token.HashPassword(next)
	}
	v.hashing.Unlock()
	if same {
		return v.ownPasswordPage(u, "passwordSame"), nil
	}
	if err != nil {
		return nil, err
	}
	_, err = v.Directory.Commit(ctx, v.site.tenant.ID, actor(u), "", directory.SetPassword{ID: u.ID, Hash: hash, IfEpoch: l.Person.Epoch})
	if lockstep.CodeOf(err) == lockstep.CodeVersion {
		return nil, &lockstep.Error{Code: lockstep.CodeSSOPasswordOver, Detail: "The password, or what else the person signs in with, was changed meanwhile.", Err: err}
	}
	if err != nil {
		return nil, err
	}
	v.Wake()
	l.Person.Epoch++ // by this very commit; whatever raised it again ends this sign-in, too
	l.Identity.PasswordEnds, l.Step = time.Time{}, StepFactor
	v.stage(Stage{Name: "a password of their own", OK: true})
	return nil, nil
}
