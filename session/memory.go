package session

import (
	"context"
	"sync"
	"time"

	"lockstep"
)

// Memory is a Store that forgets with the process. The zero value works. It holds a bounded number of links and of sessions;
// when it is full the oldest of the tenant that has the most gives way, so that nobody ends
// the sessions of others by making many.
type Memory struct {
	MaxLinks    int // 0 is 1,000
	MaxSessions int // 0 is 10,000

	mu       sync.Mutex
	links    map[Hash]Link
	sessions map[Hash]Session
}

// PutLink implements Store.
func (m *Memory) PutLink(_ context.Context, l Link) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links = put(m.links, m.MaxLinks, 1000, l.Hash, l, func(l Link) (lockstep.TenantID, time.Time) { return l.Grant.Tenant, l.Expires })
	return nil
}

// Link implements Store.
func (m *Memory) Link(_ context.Context, h Hash) (Link, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.links[h]
	if !ok {
		return Link{}, lockstep.ErrNotFound
	}
	return l, nil
}

// UseLink implements Store.
func (m *Memory) UseLink(_ context.Context, h Hash, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.links[h]
	switch {
	case !ok:
		return lockstep.ErrNotFound
	case !l.Used.IsZero():
		return lockstep.ErrConflict
	}
	l.Used = at
	m.links[h] = l
	return nil
}

// PutSession implements Store.
func (m *Memory) PutSession(_ context.Context, s Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = put(m.sessions, m.MaxSessions, 10_000, s.Hash, s, func(s Session) (lockstep.TenantID, time.Time) { return s.Grant.Tenant, s.Seen })
	return nil
}

// Session implements Store.
func (m *Memory) Session(_ context.Context, h Hash) (Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[h]
	if !ok {
		return Session{}, lockstep.ErrNotFound
	}
	return s, nil
}

// SeenSession implements Store.
func (m *Memory) SeenSession(_ context.Context, h Hash, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[h]
	if !ok {
		return lockstep.ErrNotFound
	}
	s.Seen = at
	m.sessions[h] = s
	return nil
}

// EndSession implements Store.
func (m *Memory) EndSession(_ context.Context, h Hash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.sessions[h]; !ok {
		return lockstep.ErrNotFound
	}
	delete(m.sessions, h)
	return nil
}

// leastShare is how many a tenant has in any case.
const leastShare = 100

// put adds to a map that may not grow beyond limit, nor a tenant's part of it beyond a tenth, which is
// a hundred at least. Of who has too much the entry with the earliest age gives way.
func put[T any](in map[Hash]T, limit, usual int, h Hash, v T, of func(T) (lockstep.TenantID, time.Time)) map[Hash]T {
	if in == nil {
		in = map[Hash]T{}
	}
	if limit <= 0 {
		limit = usual
	}
	own, _ := of(v)
	for {
		held := map[lockstep.TenantID]int{}
		for _, old := range in {
			t, _ := of(old)
			held[t]++
		}
		switch {
		case held[own] >= max(leastShare, limit/10):
			dropOldest(in, own, of)
		case len(in) >= limit:
			dropOldest(in, most(held), of)
		default:
			in[h] = v
			return in
		}
	}
}

// most is the tenant that holds the most.
func most(held map[lockstep.TenantID]int) (t lockstep.TenantID) {
	for other, n := range held {
		if n > held[t] || n == held[t] && other < t {
			t = other
		}
	}
	return t
}

func dropOldest[T any](in map[Hash]T, t lockstep.TenantID, of func(T) (lockstep.TenantID, time.Time)) {
	var oldest Hash
	var at time.Time
	for h, old := range in {
		if owner, age := of(old); owner == t && (at.IsZero() || age.Before(at)) {
			oldest, at = h, age
		}
	}
	delete(in, oldest)
}
