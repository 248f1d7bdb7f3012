package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestInspectorConcurrent: many clients at once, and somebody who looks, do not mix up what is sent: memory is used again.
func TestInspectorConcurrent(t *testing.T) {
	const clients, requests = 8, 100
	i, s := &Inspector{Keep: requests}, Surface{Log: slog.New(slog.DiscardHandler)}
	echo := func(holder string) http.Handler {
		return s.Wrap(s.Handle(func(w http.ResponseWriter, r *http.Request) error {
			i.Watch(r, Watched{Holder: holder, Vouched: true})
			w.Header().Set("Content-Type", "application/json")
			_, err := io.Copy(w, r.Body)
			return err
		}))
	}
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			holder := fmt.Sprint(c)
			h := echo(holder)
			for n := range requests {
				r := httptest.NewRequest("POST", fmt.Sprintf("/%d", n), strings.NewReader(fmt.Sprintf(`{"holder":"%s","n":%d,"x":"%s"}`, holder, n, strings.Repeat(holder, 10*n))))
				r.Header.Set("Content-Type", "application/json")
				h.ServeHTTP(httptest.NewRecorder(), r)
				i.Exchanges(fmt.Sprint((c + 1) % clients))
			}
		})
	}
	all.Wait()
	for c := range clients {
		kept := i.Exchanges(fmt.Sprint(c))
		if len(kept) != requests {
			t.Errorf("%d exchanges of %d", len(kept), c)
		}
		for _, e := range kept {
			if want := fmt.Sprintf(`{"holder":"%d","n":%s,`, c, e.URL[1:]); !strings.HasPrefix(e.Request.Body, want) || e.Response.Body != e.Request.Body {
				t.Errorf("of %d: %s %.60s answered by %.60s", c, e.URL, e.Request.Body, e.Response.Body)
			}
		}
	}
}
