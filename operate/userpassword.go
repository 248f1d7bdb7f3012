package operate

import (
	"context"

	"lockstep/directory"
)

// SetUserPassword gives a user a password for the provider that keeps passwords here. Who they are signed in as ends everywhere. It takes the
// right over sign-in, and over all that the user may do themselves: whoever sets somebody's password can become them.
func (o *Operator) SetUserPassword(ctx context.Context, p Principal, name, password string) error {
	if err := p.may(SignInWrite); err != nil {
		return err
	}
	u, err := o.userNamed(ctx, p, name, false)
	if err != nil {
		return err
	}
	if err := o.above(ctx, p, u.ID); err != nil {
		return err
	}
	if err := CheckPassword(password); err != nil {
		return err
	}
	if err := o.proved(p); err != nil {
		return err
	}
	return o.commit(ctx, p, directory.SetPassword{ID: u.ID, Password: password})
}
