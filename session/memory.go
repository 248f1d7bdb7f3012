package session

import (
	"context"
	"sync"
	"time"

	"lockstep"
)

// Memory is a Store that forgets with the process. The zero value works. It holds a bounded number of links and of sessions;
// when it is full the oldest gives way.
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
	m.links = put(m.links, m.MaxLinks, 1000, l.Hash, l, func(l Link) time.Time { return l.Expires })
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
	m.sessions = put(m.sessions, m.MaxSessions, 10_000, s.Hash, s, func(s Session) time.Time { return s.Seen })
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

// put adds to a map that may not grow beyond limit; the entry with the earliest age gives way.
func put[T any](in map[Hash]T, limit, usual int, h Hash, v T, age func(T) time.Time) map[Hash]T {
	if in == nil {
		in = map[Hash]T{}
	}
	if limit <= 0 {
		limit = usual
	}
	for len(in) >= limit {
		var oldest Hash
		var at time.Time
		for k, old := range in {
			if t := age(old); at.IsZero() || t.Before(at) {
				oldest, at = k, t
			}
		}
		delete(in, oldest)
	}
	in[h] = v
	return in
}
