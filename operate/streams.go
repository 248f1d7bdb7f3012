package operate

import (
	"sync"
	"time"

	"lockstep"
)

// The limits of what is watched at the same time.
const (
	tenantStreams = 64
	allStreams    = 512
)

// AskEvery is how often a stream asks Again whether its principal may go on.
const AskEvery = 2 * time.Second

// counter counts by tenant.
type counter struct {
	mu  sync.Mutex
	n   map[lockstep.TenantID]int
	all int
}

// Stream begins a stream of events for the principal. Whoever has it calls done in the end, once. It is refused when too many
// are open, of this tenant or of all.
func (o *Operator) Stream(p Principal) (done func(), err error) {
	if err := p.any(); err != nil {
		return nil, err
	}
	c := &o.streams
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[p.Tenant] >= tenantStreams || c.all >= allStreams {
		return nil, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "Too much is being watched at the same time; this does not move by itself."}
	}
	if c.n == nil {
		c.n = map[lockstep.TenantID]int{}
	}
	c.n[p.Tenant]++
	c.all++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all--
		if c.n[p.Tenant]--; c.n[p.Tenant] == 0 {
			delete(c.n, p.Tenant)
		}
	}, nil
}
