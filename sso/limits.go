package sso

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"lockstep"
)

// The limits of this node. A wrong password counts for the name together with where it came from, so that who tries names from elsewhere
// locks nobody out; and for where it came from, whatever the name.
const (
	triesFor    = 15 * time.Minute
	triesByName = 10
	triesFrom   = 200
	beginsFor   = time.Second
	beginsMax   = 500 // logins that a tenant's visitors begin in a second
	maxCounts   = 100_000
)

// limits counts. The zero value works.
type limits struct {
	mu     sync.Mutex
	counts map[string]count
}

type count struct {
	n     int
	until time.Time
}

// take counts one more under a key and reports whether it is still within the limit.
func (l *limits) take(key string, limit int, life time.Duration, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[string]count{}
	}
	c, there := l.counts[key]
	if !there && len(l.counts) >= maxCounts {
		l.makeRoom(now)
	}
	if !now.Before(c.until) {
		c = count{until: now.Add(life)}
	}
	c.n++
	l.counts[key] = c
	return c.n <= limit
}

// makeRoom forgets a tenth of the counts at least: those that are over, then those of one try, then any. So to fill the table with made-up names, one
// try each, does not clear the count of anybody who has tried more often. The caller holds mu.
func (l *limits) makeRoom(now time.Time) {
	const least = maxCounts - maxCounts/10
	for _, goes := range []func(count) bool{
		func(c count) bool { return !now.Before(c.until) },
		func(c count) bool { return c.n <= 1 },
		func(count) bool { return true },
	} {
		for key, c := range l.counts {
			if len(l.counts) <= least {
				return
			}
			if goes(c) {
				delete(l.counts, key)
			}
		}
	}
}

func (l *limits) begins(t lockstep.TenantID, now time.Time) bool {
	return l.take("begin\x00"+string(t), beginsMax, beginsFor, now)
}

// mayTry counts one try of a password. The whole is asked for before the password is looked at.
func (l *limits) mayTry(t lockstep.TenantID, name, from string, now time.Time) bool {
	return l.take("from\x00"+string(t)+"\x00"+from, triesFrom, triesFor, now) && // first: who has tried too often adds no more names
		l.take("name\x00"+string(t)+"\x00"+name+"\x00"+from, triesByName, triesFor, now)
}

// succeeded forgets the wrong tries of a name from there, and that the last one came from there: an office full of people who know their
// passwords comes from one address.
func (l *limits) succeeded(t lockstep.TenantID, name, from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, "name\x00"+string(t)+"\x00"+name+"\x00"+from)
	l.back("from\x00" + string(t) + "\x00" + from)
}

// right forgets that the last try of a second factor came from there: it was none.
func (l *limits) right(kind string, t lockstep.TenantID, from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back(kind + "\x00" + string(t) + "\x00" + from)
}

// back counts one less. The caller holds mu.
func (l *limits) back(key string) {
	if c, there := l.counts[key]; there && c.n > 0 {
		c.n--
		l.counts[key] = c
	}
}

// prefixOf is the network that an address is in: a household has a /64 of IPv6, and many addresses in it.
func prefixOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	bits := 24
	if ip = ip.Unmap(); ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return host
	}
	return p.String()
}
