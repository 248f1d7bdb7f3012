package operate

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"lockstep/directory"
)

// SetUserPassword gives a user a password for the provider that keeps passwords here. Who they are signed in as ends everywhere. It takes the
// right over sign-in, and over all that the user may do themselves: whoever sets somebody's password can become them.
func (o *Operator) SetUserPassword(ctx context.Context, p Principal, name, password string) error {
	if err := p.may(SignInWrite); err != nil {
		return err
	}
	return o.setUserPassword(ctx, p, name, password, time.Time{})
}

// TemporaryPassword is a password that its user has to change at the first sign-in, before it ends. Text is told this once.
type TemporaryPassword struct {
	Text string
	Ends time.Time
}

// How long a temporary password can be made to hold, and how long one holds that nothing was said of.
const (
	TemporaryHours        = 72
	LongestTemporaryHours = 30 * 24
)

// SetTemporaryPassword is SetUserPassword with one that the user has to change at the first sign-in: "" makes one. hours 0 is TemporaryHours.
func (o *Operator) SetTemporaryPassword(ctx context.Context, p Principal, name, password string, hours int) (TemporaryPassword, error) {
	if err := p.may(SignInWrite); err != nil {
		return TemporaryPassword{}, err
	}
	if hours == 0 {
		hours = TemporaryHours
	}
	if hours < 1 || hours > LongestTemporaryHours {
		return TemporaryPassword{}, &Faulty{Faults: []Fault{{"hours", fmt.Sprintf("A temporary password holds for 1 to %d hours.", LongestTemporaryHours)}}}
	}
	t := TemporaryPassword{Text: password, Ends: o.now().Add(time.Duration(hours) * time.Hour).Truncate(time.Millisecond)}
	if t.Text == "" {
		random := strings.ToLower(rand.Text()) // of which 20 letters have 100 bits
		t.Text = strings.Join([]string{random[:5], random[5:10], random[10:15], random[15:20]}, "-")
	}
	return t, o.setUserPassword(ctx, p, name, t.Text, t.Ends)
}

func (o *Operator) setUserPassword(ctx context.Context, p Principal, name, password string, until time.Time) error {
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
	return o.commit(ctx, p, directory.SetPassword{ID: u.ID, Password: password, Until: until})
}
