package upstream

import (
	"context"
	"time"

	"lockstep"
	"lockstep/sso"
)

// failPause is what a refused password takes at least, and its multiples: an unknown name costs other work than a wrong password,
// and the difference is not to be heard.
const failPause = 400 * time.Millisecond

// wrongPassword is the one error of every refusal, whatever its cause. The stage, which the person does not see, has the cause.
func wrongPassword() error {
	return &lockstep.Error{Code: lockstep.CodeIdPCredentials, Detail: "the user name or the password is wrong"}
}

// refuse ends the stage with its true cause, waits, and returns what the person is told.
func refuse(ctx context.Context, h *hop, pause time.Duration, f *finding) error {
	_ = h.fail(f) // the person gets the error below, whatever this one says
	if pause > 0 {
		taken := h.now().Sub(h.begin)
		wait := time.NewTimer(pause - taken%pause)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	return wrongPassword()
}

// onlyForm is what an upstream without redirects answers to whoever wants one.
type onlyForm struct{}

// Begin fails: there is nowhere to send the browser.
func (onlyForm) Begin(context.Context, sso.Attempt, sso.Recorder) (sso.Redirect, error) {
	return sso.Redirect{}, &lockstep.Error{Code: lockstep.CodeIdPUnsupported, Detail: "this provider asks for a password in our own form"}
}

// Finish fails likewise.
func (onlyForm) Finish(context.Context, sso.Attempt, sso.Callback, sso.Recorder) (sso.Identity, error) {
	return sso.Identity{}, &lockstep.Error{Code: lockstep.CodeIdPUnsupported, Detail: "this provider asks for a password in our own form"}
}

// EndSession has nothing to end.
func (onlyForm) EndSession(context.Context, []byte, string) (string, error) { return "", nil }

// Local is where passwords of our own are kept and compared.
type Local struct {
	// Lookup returns the hash of whoever has the name in the tenant, and who it is. An unknown name has no hash and no error.
	Lookup func(ctx context.Context, tenant lockstep.TenantID, name string) (hash string, who sso.Identity, err error)
	// Verify reports whether the hash is that of the password.
	Verify func(hash, password string) (bool, error)
	// Decoy is the hash of a password that nobody knows, of the same cost as the others: it is compared with when the name is unknown.
	Decoy string
}

// local is the upstream of the passwords of a tenant.
type local struct {
	onlyForm
	kept     *Local
	provider sso.Provider
	now      func() time.Time
	pause    time.Duration
}

var _ sso.Passwords = (*local)(nil)

// The longest name and password that are looked at; a longer one is wrong.
const (
	maxName     = 256
	maxPassword = 1024
)

// SignIn compares the password with what is kept.
func (l *local) SignIn(ctx context.Context, name, password string, rec sso.Recorder) (sso.Identity, error) {
	h := startHop(rec, l.now, "password")
	h.fact("user name", name)
	if !fitCredentials(name, password) {
		return sso.Identity{}, refuse(ctx, h, l.pause, found(lockstep.CodeIdPCredentials, "", "the name or the password is empty or cannot be one"))
	}
	hash, who, err := l.kept.Lookup(ctx, l.provider.Tenant, name)
	if err != nil {
		return sso.Identity{}, h.fail(&finding{code: lockstep.CodeIdPUnreachable, detail: "the passwords cannot be read", err: err})
	}
	known := hash != ""
	if !known {
		hash = l.kept.Decoy
	}
	right, err := l.kept.Verify(hash, password)
	switch {
	case known && err != nil:
		return sso.Identity{}, refuse(ctx, h, l.pause, found(lockstep.CodeIdPCredentials, "Set the password anew.", "what is kept of the password cannot be read"))
	case !known:
		return sso.Identity{}, refuse(ctx, h, l.pause, found(lockstep.CodeIdPCredentials, "", "nobody with a password has this name"))
	case !right:
		return sso.Identity{}, refuse(ctx, h, l.pause, found(lockstep.CodeIdPCredentials, "", "the password is wrong"))
	case !fitSubject(who.Subject):
		return sso.Identity{}, h.fail(found(lockstep.CodeIdPClaimMissing, "", "the person with this name has no id"))
	case !who.PasswordEnds.IsZero() && !l.now().Before(who.PasswordEnds): // whoever knows it may know that it has ended
		return sso.Identity{}, h.fail(found(lockstep.CodeSSOPasswordOver, "Give the person another one.", "the password was to be changed before %s", who.PasswordEnds.UTC().Format(time.DateTime)))
	}
	who.AuthTime, who.AMR = l.now(), []string{"pwd"}
	h.done("the password is right")
	return who, nil
}

// fitCredentials reports whether a name and a password can be right. An empty password would mean anonymous to an LDAP server
// (RFC 4513 §5.1.2).
func fitCredentials(name, password string) bool {
	return name != "" && password != "" && len(name) <= maxName && len(password) <= maxPassword && nameToMatch(name) == name
}
