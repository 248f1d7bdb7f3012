package notify

import (
	"context"
	"errors"
	"time"

	"lockstep"
)

// Courier sends what waits in the outbox.
type Courier struct {
	Records Records
	Outbox  Outbox
	Mailer  Mailer
	Poster  Poster
	Now     func() time.Time // nil is time.Now
}

// retries are the pauses after each try that failed for now. After the last one the message is given up: about two days in all,
// as long as mail servers try among themselves.
var retries = []time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour,
}

// The limits of one turn of delivery.
const (
	turnFor    = 15 * time.Second // no new message is begun after that
	mostAtOnce = 50
)

func (c *Courier) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// Deliver sends what is due for a tenant, for one turn; what is left then is due still. The error is one of the store.
func (c *Courier) Deliver(ctx context.Context, t lockstep.TenantID) error {
	began := time.Now()
	due, err := c.Outbox.WaitingMessages(ctx, t, c.now(), mostAtOnce)
	if err != nil || len(due) == 0 {
		return err
	}
	settings, err := c.Records.Settings(ctx, t)
	if err != nil {
		return err
	}
	secrets, sealed := c.Records.Secrets(ctx, t, settings)
	var away [2]error // an outlet that does not answer is asked once in a turn
	for _, m := range due {
		if ctx.Err() != nil || time.Since(began) > turnFor {
			return nil
		}
		which := 0
		if m.Outlet == ByHook {
			which = 1
		}
		var after time.Time
		err := errors.Join(sealed, away[which])
		if err == nil {
			after, err = c.Send(ctx, settings, secrets, m)
		}
		if ctx.Err() != nil {
			return nil // our own end: it is tried again by whoever comes next
		}
		if code := lockstep.CodeOf(err); code == lockstep.CodeMailUnreachable || code == lockstep.CodeMailAuth || code == lockstep.CodeMailTLS {
			away[which] = err
		}
		if err := c.settle(ctx, t, m, after, err); err != nil {
			return err
		}
	}
	return nil
}

// settle keeps what became of a try.
func (c *Courier) settle(ctx context.Context, t lockstep.TenantID, m Message, after time.Time, err error) error {
	now := c.now()
	if err == nil {
		return c.Outbox.Settle(ctx, t, m, now, Outcome{State: Sent, Ended: now})
	}
	o := Outcome{State: Waiting, Code: lockstep.CodeOf(err), Detail: lockstep.Said(err)}
	switch {
	case final(o.Code):
		o.State, o.Ended = Refused, now
	case m.Tries >= len(retries):
		o.State, o.Ended = GivenUp, now
	default:
		due := now.Add(retries[m.Tries])
		if after.After(due) {
			due = after
		}
		return c.Outbox.Settle(ctx, t, m, due, o)
	}
	return c.Outbox.Settle(ctx, t, m, now, o)
}

// final reports whether a message with this outcome is not sent again. Wrong settings are mended by people, who would not want to
// lose what was to be said meanwhile.
func final(code lockstep.Code) bool {
	return code == lockstep.CodeMailRefused || code == lockstep.CodeHookRefused
}

// Send makes one try. The instant, when it is not zero, is the one before which another try is not wanted.
func (c *Courier) Send(ctx context.Context, s Settings, secrets Secrets, m Message) (time.Time, error) {
	if m.Outlet == ByHook {
		if m.To != s.Hook {
			return time.Time{}, &lockstep.Error{Code: lockstep.CodeHookRefused, Detail: "The webhook's address has changed since."}
		}
		return c.Poster.Send(ctx, secrets.Hook, m)
	}
	if s.Mail.Host == "" {
		return time.Time{}, &lockstep.Error{Code: lockstep.CodeMailRefused, Detail: "There is no mail server any more."}
	}
	return time.Time{}, c.Mailer.Send(ctx, s.Mail, secrets.Password, m)
}
