package server

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/token"
)

// budget is how much a SCIM token may send: so many operations a second, and what two seconds have at once. Nil is as much as it likes.
type budget struct {
	mu    sync.Mutex
	limit *rate.Limiter
}

// newBudget makes a budget; 0 is none.
func newBudget(perSecond float64) *budget {
	if perSecond == 0 {
		return nil
	}
	return &budget{limit: rate.NewLimiter(rate.Limit(perSecond), max(1, int(2*perSecond)))}
}

// perSecond is what newBudget was asked for.
func (b *budget) perSecond() float64 {
	if b == nil {
		return 0
	}
	return float64(b.limit.Limit())
}

// delay takes one request from the budget, or says how long the client has to wait for the next.
func (b *budget) delay(now time.Time) time.Duration {
	if b == nil {
		return 0
	}
	r := b.limit.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// spend takes operations from the budget. A client cannot take a Bulk request apart, so one that holds more than is left is let through
// and paid by waiting before the next request; but whoever has to wait already is told for how long.
func (b *budget) spend(now time.Time, operations int) time.Duration {
	if b == nil || operations <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := b.limit.TokensAt(now); left < 0 {
		return time.Duration((1 - left) / float64(b.limit.Limit()) * float64(time.Second))
	}
	for most := b.limit.Burst(); operations > 0; operations -= most {
		b.limit.ReserveN(now, min(operations, most)) // never given back: this is what has to be paid
	}
	return 0
}

// metered is the directory of a tenant for a client that has a budget. It is a scimhttp.Metered.
type metered struct {
	directory.Endpoint
	budget  *budget
	now     func() time.Time
	profile token.Profile
	schemes func(context.Context) ([]scim.AuthenticationScheme, error)
}

// Configure implements scimhttp.Configured.
func (m metered) Configure(ctx context.Context, c *scim.ServiceProviderConfig) (err error) {
	c.Interop = m.profile.Refuses()
	c.ChangePassword = c.ChangePassword && m.profile != token.IPSIE
	c.Authentication, err = m.schemes(ctx)
	return err
}

// Spend implements scimhttp.Metered.
func (m metered) Spend(operations int) error {
	if wait := m.budget.spend(m.now(), operations); wait > 0 {
		return scimhttp.Throttled{After: wait}
	}
	return nil
}
