package operate

import (
	"context"
	"net/url"
	"time"

	"lockstep"
	"lockstep/session"
)

// EnterByToken finds who holds a token of the API, for the console of a tenant, by slug; "" is the token's own, or the default one. A session
// that begins with it has the token's rights and ends with it.
func (o *Operator) EnterByToken(ctx context.Context, tenant, text string) (session.Grant, error) {
	p, err := o.Bearer(ctx, text)
	if err != nil {
		return session.Grant{}, err
	}
	if p, err = o.For(ctx, p, tenant); err != nil {
		return session.Grant{}, err
	}
	return session.Grant{Tenant: p.Tenant, Holder: p.Actor.Name, Maker: p.Maker, Scopes: p.Scopes.String(), Ends: p.Ends, How: string(ByToken)}, nil
}

// FormFor is how long a form waits for somebody to show again who they are.
const FormFor = 15 * time.Minute

// Form is what somebody has sent in the console, and waits until they have shown again who they are.
type Form struct {
	Path   string // of the page that it was sent to
	Fields url.Values
	Who    string // the id of whom it is kept for
}

// Forms keeps forms, sealed.
type Forms interface {
	PutForm(ctx context.Context, t lockstep.TenantID, h session.Hash, until time.Time, f Form) error
	// Form returns one that has not expired, or lockstep.ErrNotFound.
	Form(ctx context.Context, t lockstep.TenantID, h session.Hash) (Form, error)
}

// longestForm is how much of a form is kept.
const longestForm = 128 << 10

// KeepForm keeps a form for a while, and returns the secret by which it is found, for a cookie.
func (o *Operator) KeepForm(ctx context.Context, p Principal, f Form) (string, error) {
	if err := p.any(); err != nil {
		return "", err
	}
	if o.Forms == nil {
		return "", errProve
	}
	size := len(f.Path)
	for name, all := range f.Fields {
		for _, v := range all {
			size += len(name) + len(v)
		}
	}
	if size > longestForm {
		return "", errProve
	}
	secret, hash := session.NewSecret()
	return secret, o.Forms.PutForm(ctx, p.Tenant, hash, o.now().Add(FormFor), f)
}

// KeptForm returns the form of a secret, which must have been kept for the principal.
func (o *Operator) KeptForm(ctx context.Context, p Principal, secret string) (Form, error) {
	if err := p.any(); err != nil {
		return Form{}, err
	}
	if o.Forms == nil {
		return Form{}, lockstep.ErrNotFound
	}
	f, err := o.Forms.Form(ctx, p.Tenant, session.HashOf(secret))
	if err == nil && f.Who != p.Actor.ID {
		err = lockstep.ErrNotFound
	}
	return f, err
}
