package session

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Tries counts wrong passwords on this node. One counts for the name together with where it came from, so that who tries names from elsewhere
// locks nobody out; and for where it came from, whatever the name. The zero value works.
type Tries struct {
	mu     sync.Mutex
	counts map[string]tried
}

type tried struct {
	n     int
	until time.Time
}

const (
	triesFor    = 15 * time.Minute
	triesByName = 10
	triesFrom   = 100
	maxTries    = 100_000
)

// May counts one try and reports whether the password may be looked at. from is an address as http.Request.RemoteAddr has it.
func (t *Tries) May(name, from string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil || len(t.counts) >= maxTries {
		t.counts = map[string]tried{}
	}
	from = network(from)
	byName := t.take("name\x00"+name+"\x00"+from, now) <= triesByName
	return t.take("from\x00"+from, now) <= triesFrom && byName
}

func (t *Tries) take(key string, now time.Time) int {
	c := t.counts[key]
	if !now.Before(c.until) {
		c = tried{until: now.Add(triesFor)}
	}
	c.n++
	t.counts[key] = c
	return c.n
}

// Succeeded forgets the wrong tries of a name from there.
func (t *Tries) Succeeded(name, from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from = network(from)
	delete(t.counts, "name\x00"+name+"\x00"+from)
	key := "from\x00" + from
	if c, there := t.counts[key]; there && c.n > 0 {
		c.n--
		t.counts[key] = c
	}
}

// network is what an address is in: a household has a /64 of IPv6, and many addresses in it.
func network(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	bits := 32
	if ip = ip.Unmap(); ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return host
	}
	return p.String()
}
