package server

import (
	"sync"
	"time"

	"lockstep"
)

// gate holds back what other nodes tell of a tenant for whom this one has nothing to do: while one node carries out a large plan, it tells the
// others twenty times a second, and each would look as often, for nothing. What it tells of a tenant whom this node works for goes through at
// once, as does whatever comes after a while of silence.
type gate struct {
	pass func() // never waits

	mu sync.Mutex
	of map[lockstep.TenantID]*held
}

type held struct {
	last  time.Time     // when it went through
	gap   time.Duration // until the next one does
	waits bool          // one is to go through
}

const (
	gapFirst  = 50 * time.Millisecond
	gapMost   = 500 * time.Millisecond
	gapForget = 2 * time.Second // of silence
	gapsMost  = 1000            // tenants that are remembered
)

func newGate(pass func()) *gate { return &gate{pass: pass, of: map[lockstep.TenantID]*held{}} }

// heard lets a note of a tenant through, now or soon.
func (g *gate) heard(t lockstep.TenantID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	h := g.of[t]
	if h == nil {
		if len(g.of) >= gapsMost {
			clear(g.of) // of those that wait, too: this one goes through at once, for all
		}
		h = &held{}
		g.of[t] = h
	}
	if h.waits {
		return
	}
	if now.Sub(h.last) > gapForget {
		h.gap = 0
	}
	wait := h.last.Add(h.gap).Sub(now)
	if wait <= 0 {
		g.through(h, now)
		return
	}
	h.waits = true
	time.AfterFunc(wait, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		h.waits = false
		g.through(h, time.Now())
	})
}

// through lets one through. The lock is held.
func (g *gate) through(h *held, now time.Time) {
	h.last, h.gap = now, min(max(2*h.gap, gapFirst), gapMost)
	g.pass()
}

// serves notes that this node does something for a tenant.
func (g *gate) serves(t lockstep.TenantID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := g.of[t]; h != nil {
		h.gap = 0
	}
}
