package operate

import (
	"context"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/provision"
)

// Consents asks administrators to consent to a connection at its authorization server (RFC 6749 §4.1).
type Consents interface {
	// AskConsent returns the address to open in a browser, which comes back to redirect. The state in it begins with the job's id and a full stop.
	AskConsent(ctx context.Context, by audit.Actor, j provision.Job, redirect string) (string, error)
	// FinishConsent gets the tokens for what came back, once.
	FinishConsent(ctx context.Context, by audit.Actor, j provision.Job, came ConsentAnswer) error
	// Consented says what the last consent gave.
	Consented(ctx context.Context, j provision.Job) (Consented, error)
}

// ConsentAnswer is what a browser brought back from an authorization server.
type ConsentAnswer struct{ State, Code, Error, Issuer string }

// Consented is how the consent to a connection stands.
type Consented struct {
	Needed     bool      // the connection gets its access tokens by consent
	Typed      bool      // it gets them with a refresh token that somebody typed
	Given      time.Time // zero is never
	By         string    // id of who consented
	Ended      bool      // the server wants another consent
	Refreshed  bool      // access tokens are refreshed; else the connection ends with this one
	AccessEnds time.Time
	Ends       time.Time // of the refresh token unless it is used before; zero is not known
	Scope      string
}

// ConsentPath is where browsers come back to, below the address of the console. It is registered at the application.
const ConsentPath = "/consent"

// ConsentRedirect is the redirect URI to register at applications; "" while the server has no address.
func (o *Operator) ConsentRedirect() string {
	if o.Address == nil || o.Consents == nil {
		return ""
	}
	base := strings.TrimSuffix(o.Address(), "/")
	if base == "" {
		return ""
	}
	return base + ConsentPath
}

// AskConsent returns the address at which the principal consents to a connection, in a browser in which they are signed in to the console.
func (o *Operator) AskConsent(ctx context.Context, p Principal, name string) (string, error) {
	if err := p.some(AppsWrite); err != nil {
		return "", err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return "", err
	}
	redirect := o.ConsentRedirect()
	if redirect == "" {
		return "", &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The server has no address to which a browser could come back: start it with lockstep serve, and --public-url if it stands behind a proxy."}
	}
	return o.Consents.AskConsent(ctx, p.Actor, j, redirect)
}

// FinishConsent takes what a browser brought back, and returns the job whose connection it was for.
func (o *Operator) FinishConsent(ctx context.Context, p Principal, came ConsentAnswer) (provision.Job, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Job{}, err
	}
	id, _, _ := strings.Cut(came.State, ".")
	if o.Consents == nil || !lockstep.ValidID(id) {
		return provision.Job{}, &lockstep.Error{Code: lockstep.CodeConsent, Detail: "The consent gives nothing: it was not asked for here."}
	}
	j, err := o.job(ctx, p, AppsWrite, id)
	if err != nil {
		return j, err
	}
	if err := o.Consents.FinishConsent(ctx, p.Actor, j, came); err != nil {
		return j, err
	}
	o.wake()
	return j, nil
}

// Consented says how the consent to a connection stands.
func (o *Operator) Consented(ctx context.Context, p Principal, name string) (Consented, error) {
	if err := p.some(AppsRead); err != nil {
		return Consented{}, err
	}
	j, err := o.job(ctx, p, AppsRead, name)
	if err != nil || o.Consents == nil {
		return Consented{}, err
	}
	return o.Consents.Consented(ctx, j)
}
