package state

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"lockstep/token"
)

// Config says what a universe is like. The zero value keeps everything in memory.
type Config struct {
	// Journal is the file that every write is appended to and that New reads. "" keeps nothing.
	Journal string
	// Sync makes every write wait until the journal is on the disk. Without it a write survives the end of the process, not
	// that of the machine.
	Sync bool
	// Commits is how many commits Commits remembers; 0 is 131,072.
	Commits int
	// Foreign gets the entries of the journal that AppendForeign wrote, in their order.
	Foreign func(entry []byte) error
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Universe is all the Webex there is: its organisations, in which user names are unique as a whole. It is safe for many
// goroutines.
type Universe struct {
	config  Config
	journal *journal
	commits commitLog

	// mu guards everything below and in the organisations and records. What takes long (decoding, checking, filtering,
	// rendering) is done without it.
	mu     sync.RWMutex
	orgs   map[string]*Org
	names  map[string]*record // users by folded userName
	tokens map[token.Hash]*tokenRow
	// reserved are the folded names of deleted users that nobody can have yet.
	reserved map[string]*Archived
	scratch  []byte // for journal entries

	foreign func(entry []byte) error
	zones   zoneNames
	stripes [64]sync.Mutex // one is held while a record is read, changed and written
}

// New returns a universe with what its journal holds.
func New(c Config) (*Universe, error) {
	u := &Universe{
		config: c,
		orgs:   map[string]*Org{},
		names:  map[string]*record{},
		tokens: map[token.Hash]*tokenRow{},

		reserved: map[string]*Archived{},
		foreign:  c.Foreign,
	}
	u.commits.size = cmp.Or(c.Commits, 1<<17)
	if c.Journal == "" {
		return u, nil
	}
	j, err := openJournal(c.Journal, c.Sync, u.replay)
	if err != nil {
		return nil, err
	}
	u.journal = j
	return u, nil
}

// Close writes what the journal still has to write and closes it. No request must be running.
func (u *Universe) Close() error { return u.journal.close() }

// Orgs returns the organisations in the order of their ids.
func (u *Universe) Orgs() []*Org {
	u.mu.RLock()
	defer u.mu.RUnlock()
	list := make([]*Org, 0, len(u.orgs))
	for _, o := range u.orgs {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b *Org) int { return cmp.Compare(a.id, b.id) })
	return list
}

// Org returns the organisation, or nil.
func (u *Universe) Org(id string) *Org {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.orgs[id]
}

// Commits returns up to limit writes that took effect after the one numbered since, oldest first, and the number of the newest
// of all. Writes that are no longer remembered are left out; see Config.Commits.
func (u *Universe) Commits(since int64, limit int) ([]Commit, int64) {
	return u.commits.since(since, limit)
}

// CommitsAfter returns a channel that is closed by the next write, or nil when there was one already after the one numbered since.
func (u *Universe) CommitsAfter(since int64) <-chan struct{} { return u.commits.next(since) }

// Now is the time.
func (u *Universe) Now() time.Time { return u.now() }

func (u *Universe) now() time.Time {
	if u.config.Now != nil {
		return u.config.Now()
	}
	return time.Now()
}

// stripe is the lock to hold while the record is read, changed and written.
func (u *Universe) stripe(id string) *sync.Mutex {
	h := uint32(2166136261) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return &u.stripes[h%uint32(len(u.stripes))]
}
