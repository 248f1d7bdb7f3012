package webexorg

import (
	"cmp"
	"slices"
	"sync"
)

// Count is how many requests of one route had one answer.
type Count struct {
	Route    string `json:"route"`  // such as "POST /Users" or "PATCH /Groups/{id}"
	Status   int    `json:"status"` // 0: the connection was cut
	Requests int64  `json:"requests"`
}

type countKey struct {
	route  string
	status int
}

// counters counts requests by route and status. The zero value is ready.
type counters struct {
	mu sync.Mutex
	m  map[countKey]int64
}

func (c *counters) add(route string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[countKey]int64{}
	}
	c.m[countKey{route, status}]++
}

func (c *counters) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.m)
}

func (c *counters) list() []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Count, 0, len(c.m))
	for k, n := range c.m {
		list = append(list, Count{k.route, k.status, n})
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Status, b.Status))
	})
	return list
}
