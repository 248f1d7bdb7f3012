package console

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/a-h/templ"

	"lockstep"
	"lockstep/operate"
)

// What many browsers watch is looked at and drawn once for all of them: what fifty open consoles show of a cycle costs as much as what one does.

// lookKey names what is watched. Whoever has the same rights in a tenant sees the same.
type lookKey struct {
	tenant lockstep.TenantID
	scopes string
	of     string
	filter logFilter
}

// looker looks at something. What has not changed since the last look is the same value.
type looker[V any] interface {
	look(ctx context.Context, p operate.Principal) (V, error)
}

// watches is what is being watched.
type watches[V any] struct {
	mu sync.Mutex
	m  map[lookKey]*watched[V]
}

type watched[V any] struct {
	browsers int // under the lock of watches

	mu     sync.Mutex
	looker looker[V]
	seen   V
	at     time.Time // of the last look
}

// watch returns what looks at something for one of its browsers. The first time it looks itself, since the page may be younger than what others
// have seen; then whoever comes first looks for all. Whoever has it calls done in the end.
func (all *watches[V]) watch(key lookKey, begin func() looker[V]) (look func(context.Context, operate.Principal) (V, error), done func()) {
	all.mu.Lock()
	defer all.mu.Unlock()
	w := all.m[key]
	if w == nil {
		if all.m == nil {
			all.m = map[lookKey]*watched[V]{}
		}
		w = &watched[V]{looker: begin()}
		all.m[key] = w
	}
	w.browsers++
	first := true
	look = func(ctx context.Context, p operate.Principal) (V, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !first && time.Since(w.at) < lookEvery*3/4 {
			return w.seen, nil
		}
		seen, err := w.looker.look(ctx, p)
		if err == nil {
			first, w.seen, w.at = false, seen, time.Now()
		}
		return seen, err
	}
	return look, func() {
		all.mu.Lock()
		defer all.mu.Unlock()
		if w.browsers--; w.browsers == 0 {
			delete(all.m, key)
		}
	}
}

// drawn is a piece of a page that is drawn once, for whoever asks first.
type drawn struct {
	of   templ.Component
	once sync.Once
	body []byte
	err  error
}

// Render implements templ.Component.
func (d *drawn) Render(ctx context.Context, w io.Writer) error {
	d.once.Do(func() {
		var body bytes.Buffer
		d.err = d.of.Render(context.WithoutCancel(ctx), &body)
		d.body, d.of = body.Bytes(), nil
	})
	if d.err != nil {
		return d.err
	}
	_, err := w.Write(d.body)
	return err
}
