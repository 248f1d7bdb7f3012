package state

import (
	"sync"
	"time"
)

// Commit says that a write took effect.
type Commit struct {
	Seq  int64     `json:"seq"` // counts the commits of the universe, from 1
	At   time.Time `json:"at"`
	Org  string    `json:"org"`
	Kind string    `json:"kind"` // "User" or "Group"
	ID   string    `json:"id"`
	Op   string    `json:"op"` // "create", "update", "members", "delete"
	Name string    `json:"name,omitempty"`
	By   Actor     `json:"by,omitzero"`
}

// commitLog keeps the last commits in a ring, so that a bench can read when an object was written.
type commitLog struct {
	mu    sync.Mutex
	ring  []Commit
	size  int
	last  int64
	moved chan struct{} // closed and replaced by every add, once somebody waits
}

func (l *commitLog) add(c Commit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	c.Seq = l.last
	if len(l.ring) < l.size {
		l.ring = append(l.ring, c)
	} else {
		l.ring[int((l.last-1)%int64(l.size))] = c
	}
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}

// since returns up to limit commits with a Seq above the given one, oldest first, and the Seq of the newest of all. Commits
// that have left the ring are missing.
func (l *commitLog) since(seq int64, limit int) (commits []Commit, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := max(seq, l.last-int64(len(l.ring)), 0)
	for s := from + 1; s <= l.last && len(commits) < limit; s++ {
		commits = append(commits, l.ring[int((s-1)%int64(l.size))])
	}
	return commits, l.last
}

// next returns a channel that is closed by the next commit, or nil when there is already one after seq.
func (l *commitLog) next(seq int64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last > seq {
		return nil
	}
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	return l.moved
}
