package sso

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
)

// Shown is the second factor that was shown in a login, and by whom.
type Shown struct {
	Factor Factor
	AMR    []string // RFC 8176
	User   lockstep.UserID
	At     time.Time
}

// Enrolment is a second factor that is being set up in a login.
type Enrolment struct {
	Only   Factor // passkey or totp; "" lets the person choose
	Secret []byte // of the authenticator app
	Wrong  int    // codes that were wrong, before the secret is made anew
}

// errGone says that the session with which something was begun is there no more.
var errGone = &lockstep.Error{Code: lockstep.CodeSSOExpired, Detail: "The session has ended meanwhile."}

// restart forgets who has signed in so far, and with what. Whatever leads back to the login page goes by here: nobody takes along what
// somebody else has shown.
func (v *visit) restart() {
	l := &v.login
	l.Identity, l.Callback, l.State, l.Person, l.Reused, l.Shown, l.Enrol, l.Codes, l.Ceremony, l.Given = nil, nil, Hash{}, Person{}, "", nil, nil, nil, nil, nil
	l.Step, l.Consented, l.Consenter = StepChoose, false, ""
}

// factor asks for a second factor where one is demanded, and lets on who has shown it. Every sign-in goes by here, that of a session too.
func (v *visit) factor(ctx context.Context) (answerer, error) {
	p, err := v.allowed(ctx, v.login.Chosen)
	if err != nil {
		return nil, err
	}
	far, err := v.far(ctx)
	if err != nil {
		return nil, err
	}
	d, passkey := v.demand(p, far)
	if v.shown(p, far, passkey) || d == DemandNone {
		v.login.Step = StepSigned
		return nil, nil
	}
	here, any, err := v.have(ctx, passkey)
	if err != nil {
		return nil, err
	}
	switch {
	case !any && d != DemandRequired:
		v.login.Step = StepSigned
		return nil, nil
	case slices.Contains(v.login.Request.Prompt, "none"):
		return nil, badRequest("login_required", "a second factor is asked for, which nobody can be asked for silently")
	case !any && v.login.Reused != "" && v.now().Sub(far.AuthTime) > freshLife:
		v.anew()
		return nil, nil
	case !any && v.temporary(): // whoever else knows it sets up nothing that outlives it
		v.login.Step = StepPassword
		return nil, nil
	case !any:
		v.login.Step = StepEnrol
		return nil, nil
	case passkey && len(here.Passkeys) == 0:
		return nil, badRequest("unmet_authentication_requirements", "the application asks for a passkey, and the person has none here")
	}
	return v.factorPage(here)
}

// anew has the person sign in once more, before they set up what signs in as them from then on: a browser may have been left open.
func (v *visit) anew() {
	v.restart()
	if asked := &v.login.Request.Prompt; upstreamPrompt(*asked) == "" {
		*asked = append(*asked, "login")
	}
}

// have are the second factors of the person that can be shown here, and whether there is any at all. A passkey for another host name cannot be
// shown: whoever has no other factor has recovery codes. It never lets on without.
func (v *visit) have(ctx context.Context, passkey bool) (here FactorSet, any bool, err error) {
	here, err = v.Store.Factors(ctx, v.site.tenant.ID, v.login.Person.User)
	any = here.Any()
	rp := v.site.rpID()
	here.Passkeys = slices.DeleteFunc(here.Passkeys, func(k Passkey) bool { return k.RP != rp || rp == "" })
	if passkey {
		here.TOTP, here.Codes = nil, 0
	}
	return here, any, err
}

// shown reports whether a second factor was shown: in this login by this very person, before in their session, or at their provider if its word
// counts.
func (v *visit) shown(p Provider, far *Session, passkey bool) bool {
	enough := func(f Factor) bool { return f != "" && (!passkey || f == FactorPasskey) }
	if s := v.login.Shown; s != nil && s.User == v.login.Person.User && enough(s.Factor) {
		return true
	}
	if v.again(far) {
		return false
	}
	if enough(far.Factor) {
		return true
	}
	if p.SecondFactor != DemandOwn || v.login.Identity == nil || passkey || !slices.Contains(v.login.Identity.AMR, "mfa") {
		return false
	}
	at := v.now()
	if asked := v.login.Identity.AuthTime; !asked.IsZero() && asked.Before(at) { // it may have let them in without asking again
		at = asked
	}
	v.login.Shown = &Shown{Factor: FactorProvider, User: v.login.Person.User, At: at}
	v.stage(Stage{Name: "second factor", OK: true, Detail: "the identity provider has asked for one"})
	return true
}

// again reports whether the account page wants a factor shown anew, whatever was shown in the session.
func (v *visit) again(far *Session) bool {
	return v.client.ID == AccountClient && v.login.Reused != "" && v.now().Sub(far.FactorAt) > freshLife
}

// factorTaken takes what the page of the second factor sends. An error leaves the person there, but one that has nothing to do with what they
// sent.
func (v *visit) factorTaken(ctx context.Context) (answerer, error) {
	if v.r.PostForm.Has("back") {
		v.restart()
		return nil, nil
	}
	p, err := v.allowed(ctx, v.login.Chosen)
	if err != nil {
		return nil, err
	}
	far, err := v.far(ctx)
	if err != nil {
		return nil, err
	}
	_, passkey := v.demand(p, far)
	have, _, err := v.have(ctx, passkey)
	if err != nil {
		return nil, err
	}
	v.login.Notice = ""
	if err := v.claim(ctx); err != nil {
		return nil, err
	}
	var shown *Shown
	if answer := v.r.PostFormValue("passkey"); answer != "" {
		shown, err = v.secondPasskey(ctx, answer, have)
	} else {
		shown, err = v.code(ctx, v.r.PostFormValue("code"), have)
	}
	if err != nil {
		return v.stays(ctx, "second factor", err)
	}
	v.login.Shown = shown
	v.stage(Stage{Name: "second factor", OK: true, Detail: string(shown.Factor)})
	return nil, nil
}

// claim makes this request the only one that goes on with the login, before a code or an answer is looked at. Of many that were sent at once the
// others end here: none of them uses up what this one needs, and what the page asked for is answered once even if the program ends now.
func (v *visit) claim(ctx context.Context) error {
	ceremony, step := v.login.Ceremony, v.login.Step
	v.login.Ceremony, v.login.Step = nil, StepBusy
	err := v.save(ctx)
	v.login.Ceremony, v.login.Step = ceremony, step
	return err
}

// stays shows the page of the step again, with what was wrong. What was begun is over: the next try has another challenge.
func (v *visit) stays(ctx context.Context, stage string, err error) (answerer, error) {
	code := lockstep.CodeOf(err)
	if code != lockstep.CodeSSOCode && code != lockstep.CodeSSOPasskey && code != lockstep.CodeSSOTooMany {
		return nil, err
	}
	v.stage(Stage{Name: stage, Code: code, Detail: public(err)})
	v.trace(OutcomeRefused, err)
	v.login.Notice = code
	return v.step(ctx)
}

var errCode = &lockstep.Error{Code: lockstep.CodeSSOCode, Detail: "The code is wrong, or was used before."}

// tries counts a try to show who one is by a code, before it is looked at: for where it comes from, and for the person wherever it comes from.
func (v *visit) tries(ctx context.Context) error {
	user, from := v.login.Person.User, prefixOf(v.r.RemoteAddr)
	if !v.limits.take("code\x00"+string(v.site.tenant.ID)+"\x00"+from, triesFrom, triesFor, v.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many codes were tried from where you are."}
	}
	return v.Store.TryCode(ctx, v.site.tenant.ID, user)
}

// code takes a code of an authenticator app, or a recovery code. Both are used up before the login goes on.
func (v *visit) code(ctx context.Context, text string, have FactorSet) (*Shown, error) {
	if err := v.tries(ctx); err != nil {
		return nil, err
	}
	t, user, now := v.site.tenant.ID, v.login.Person.User, v.now()
	text = plain(text)
	use, factor := FactorUse{}, FactorTOTP
	switch {
	case len(text) == codeDigits && have.TOTP != nil:
		step, right := rightStep(have.TOTP.Secret, text, now, have.TOTP.Step)
		if !right {
			return nil, errCode
		}
		use.Step = step
	case len(text) == recoveryLength && have.Codes > 0:
		use.Code, factor = recoveryHash(t, user, text), FactorRecovery
	default:
		return nil, errCode
	}
	err := v.Store.UseFactor(ctx, t, user, use)
	if errors.Is(err, lockstep.ErrConflict) {
		return nil, errCode
	}
	if err != nil {
		return nil, err
	}
	v.limits.right("code", t, prefixOf(v.r.RemoteAddr))
	return &Shown{Factor: factor, AMR: []string{"otp", "mfa"}, User: user, At: now}, nil
}

// plain is a code as it is compared, however it was typed.
func plain(text string) string {
	if len(text) > 100 {
		return ""
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\t' {
			return -1
		}
		return r
	}, text))
}

// Recovery codes have 80 bits, so that their hash needs to be nothing slow.
const (
	recoveryCodes  = 10
	recoveryLength = 16
)

var recoveryText = base32.StdEncoding.WithPadding(base32.NoPadding)

// newRecovery makes recovery codes, as they are written down, and as they are kept.
func newRecovery(t lockstep.TenantID, u lockstep.UserID) (shown []string, kept []Hash) {
	for range recoveryCodes {
		var bits [10]byte
		_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the program instead
		text := strings.ToLower(recoveryText.EncodeToString(bits[:]))
		kept = append(kept, recoveryHash(t, u, text))
		shown = append(shown, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
	}
	return shown, kept
}

// recoveryHash is bound to whose the code is.
func recoveryHash(t lockstep.TenantID, u lockstep.UserID, text string) Hash {
	return Hash(sha256.Sum256([]byte("recovery\x00" + string(t) + "\x00" + string(u) + "\x00" + text)))
}

// enrol shows how a second factor is set up.
func (v *visit) enrol(ctx context.Context) (answerer, error) {
	if _, err := v.allowed(ctx, v.login.Chosen); err != nil {
		return nil, err
	}
	if _, err := v.far(ctx); err != nil {
		return nil, err
	}
	if v.login.Enrol == nil {
		v.login.Enrol = &Enrolment{}
		if _, passkey := v.wants(&Session{}); passkey {
			v.login.Enrol.Only = FactorPasskey
		}
	}
	if v.login.Enrol.Secret == nil {
		v.login.Enrol.Secret = newSecret()
	}
	u, err := v.self(ctx)
	if err != nil {
		return nil, err
	}
	have, err := v.Store.Factors(ctx, v.site.tenant.ID, v.login.Person.User)
	if err != nil {
		return nil, err
	}
	return v.enrolPage(u, have)
}

// self is the person of the login.
func (v *visit) self(ctx context.Context) (directory.User, error) {
	m, err := v.stands(ctx, v.site.tenant.ID, v.login.Person.User, match{})
	return m.User, err
}

// maxWrong is how many wrong codes of a new app there may be before its secret is another one.
const maxWrong = 10

// enrolTaken takes the first code of an authenticator app, or a new passkey. Whoever sets a second factor up has shown it.
func (v *visit) enrolTaken(ctx context.Context) (answerer, error) {
	l := &v.login
	if v.r.PostForm.Has("back") {
		if v.client.ID == AccountClient && l.Reused != "" { // where there is nothing to be let in to
			l.Step, l.Enrol, l.Ceremony, l.Shown = StepSigned, nil, nil, nil
			return nil, nil
		}
		v.restart()
		return nil, nil
	}
	if _, err := v.allowed(ctx, l.Chosen); err != nil {
		return nil, err
	}
	far, err := v.far(ctx)
	if err != nil {
		return nil, err
	}
	have, err := v.Store.Factors(ctx, v.site.tenant.ID, l.Person.User)
	if err != nil {
		return nil, err
	}
	// A second factor that was set up since the page was asked for is asked for first. At the account page that is one which was not shown
	// shortly before.
	meanwhile := have.Any() && (v.client.ID != AccountClient || v.now().Sub(far.FactorAt) > freshLife+loginLife)
	if l.Enrol == nil || meanwhile {
		l.Step, l.Enrol = StepFactor, nil
		return nil, nil
	}
	u, err := v.self(ctx)
	if err != nil {
		return nil, err
	}
	l.Notice = ""
	if err := v.claim(ctx); err != nil {
		return nil, err
	}
	var add NewFactors
	shown := &Shown{User: l.Person.User, At: v.now()}
	if answer := v.r.PostFormValue("passkey"); answer != "" {
		add.Passkey, err = v.newPasskey(u, answer, have)
		if err == nil {
			shown.Factor, shown.AMR = FactorPasskey, add.Passkey.amr()
		}
	} else {
		add.TOTP, err = v.newTOTP(v.r.PostFormValue("code"))
		shown.Factor, shown.AMR = FactorTOTP, []string{"otp", "mfa"}
	}
	if err != nil {
		return v.stays(ctx, "set up a second factor", err)
	}
	if have.Codes == 0 {
		l.Codes, add.Codes = newRecovery(v.site.tenant.ID, l.Person.User)
	}
	err = v.Store.AddFactors(ctx, actor(u), v.site.tenant.ID, l.Person, add)
	if errors.Is(err, lockstep.ErrConflict) && add.Passkey != nil {
		l.Codes = nil
		return v.stays(ctx, "set up a second factor", &lockstep.Error{Code: lockstep.CodeSSOPasskey, Detail: "The passkey is there already."})
	}
	if err != nil {
		return nil, err
	}
	l.Enrol, l.Shown, l.Step = nil, shown, StepFactor
	v.stage(Stage{Name: "set up a second factor", OK: true, Detail: string(shown.Factor)})
	if l.Codes != nil {
		l.Step = StepCodes
	}
	return nil, nil
}

// actor is a person who changes what is theirs.
func actor(u directory.User) audit.Actor {
	return audit.Actor{Kind: audit.Person, ID: string(u.ID), Name: u.Attributes.Text("userName")}
}

// newTOTP is the app that has made a code of the secret on the page.
func (v *visit) newTOTP(text string) (*TOTP, error) {
	e := v.login.Enrol
	step, right := rightStep(e.Secret, plain(text), v.now(), 0)
	if !right {
		if e.Wrong++; e.Wrong >= maxWrong {
			e.Secret, e.Wrong = nil, 0
		}
		return nil, errCode
	}
	return &TOTP{Secret: e.Secret, Step: step}, nil
}

// codesShown shows the recovery codes until the person says that they have them.
func (v *visit) codesShown(context.Context) (answerer, error) {
	if v.login.Codes == nil {
		v.login.Step = StepFactor
		return nil, nil
	}
	return v.codesPage(), nil
}

// posted takes a form of the login page, by the step that the login is at.
func (v *visit) posted(ctx context.Context) (answerer, error) {
	switch v.login.Step {
	case StepFactor:
		return v.factorTaken(ctx)
	case StepEnrol:
		return v.enrolTaken(ctx)
	case StepPassword:
		return v.ownPasswordTaken(ctx)
	case StepConsent:
		return v.consented(ctx)
	case StepCodes:
		v.login.Codes, v.login.Step = nil, StepFactor
		return nil, nil
	default:
		return v.chosen(ctx)
	}
}

// takes reports whether a form that is sent to the login page means something at a step.
func (s Step) takes() bool {
	return s == StepChoose || s == StepFactor || s == StepEnrol || s == StepCodes || s == StepPassword || s == StepConsent
}

// stepped is the session in which a second factor was shown afterwards. It goes on under a new cookie: what it may do is more than before.
func (v *visit) stepped(s Session, now time.Time) Session {
	text, hash := secret()
	s.Hash, s.Seen = hash, now
	v.marked(&s)
	v.finish.Session = &s
	v.cookies = append(v.cookies, v.cookie(cookieSession, text, s.Expires.Sub(now)))
	return s
}

// marked notes in a session what was shown in the login.
func (v *visit) marked(s *Session) {
	shown := v.login.Shown
	if shown == nil || shown.User != s.Person.User {
		return
	}
	s.Factor, s.FactorAt = shown.Factor, shown.At
	s.AMR = slices.Clone(s.AMR)
	for _, m := range shown.AMR {
		if !slices.Contains(s.AMR, m) {
			s.AMR = append(s.AMR, m)
		}
	}
}

// script answers with the one script that the pages have: it asks the browser for passkeys.
func (s *Server) script(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write([]byte(scriptText)) // the peer may be gone
	return nil
}

// asJSON is a value for the script. It stands in an attribute, which the template escapes.
func asJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}
