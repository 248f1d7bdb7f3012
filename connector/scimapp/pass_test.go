package scimapp

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
)

// TestPassGoesOn: a pass that was broken off after any page goes on from there and, with what came before, lists everybody once; the
// application is not asked for earlier pages again.
func TestPassGoesOn(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		pages   int
	}{
		{"by index", pages(450, 500, nil), 3},
		{"by index, smaller pages than asked for", pages(250, 100, nil), 3},
		{"by cursor", cursorPages(5, "1 2", "3 4", "5"), 3},
	} {
		for cut := 1; cut < c.pages; cut++ {
			t.Run(fmt.Sprintf("%s, after page %d", c.name, cut), func(t *testing.T) {
				s := serve(t, c.handler)
				reads := target(t, s.URL, Profile{}).Reads()
				var ids []string
				var next connection.Continuation
				stop := errors.New("stop")
				n := 0
				take := func(p connection.ReadPage) error {
					for _, o := range p.Objects {
						ids = append(ids, o.ID)
					}
					if n++; n == cut {
						next = p.Next
						return stop
					}
					if p.Last != (n == c.pages) || p.Anew || p.Reach != connection.Pages || p.Asked.IsZero() {
						t.Errorf("page %d: %+v", n, p)
					}
					return nil
				}
				if err := reads.Read(t.Context(), connection.Read{Type: userType}, take); !errors.Is(err, stop) || next == "" {
					t.Fatalf("%v, continuation %q", err, next)
				}
				fresh := target(t, s.URL, Profile{}).Reads() // another process
				if err := fresh.Read(t.Context(), connection.Read{Type: userType, From: next}, take); err != nil {
					t.Fatal(err)
				}
				lists := 0
				for _, r := range s.requests() {
					if strings.Contains(r.URL, "/Users?") {
						lists++
					}
				}
				slices.Sort(ids)
				if twice := len(ids) - len(slices.Compact(slices.Clone(ids))); twice != 0 || lists != c.pages {
					t.Errorf("%d ids, %d twice, %d requests for lists", len(ids), twice, lists)
				}
			})
		}
	}
}

// TestPassBeginsAnew: a cursor that the application has forgotten, and a continuation that nobody understands, begin the pass anew,
// and the first page says so.
func TestPassBeginsAnew(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if c := r.URL.Query().Get("cursor"); c == "gone" {
			reply(400, `{"scimType":"expiredCursor","detail":"too late"}`)(w, r)
			return
		}
		reply(200, `{"totalResults":1,"Resources":[{"id":"1","userName":"a"}]}`)(w, r)
	})
	for _, from := range []connection.Continuation{"c/4/2/0123456789abcdef/gone", "c/4/2/gone", "what", "i/x/0/0123456789abcdef/"} {
		var got []connection.ReadPage
		err := target(t, s.URL, Profile{}).Reads().Read(t.Context(), connection.Read{Type: userType, From: from}, func(p connection.ReadPage) error {
			got = append(got, p)
			return nil
		})
		if err != nil || len(got) != 1 || !got[0].Anew || !got[0].Last || len(got[0].Objects) != 1 {
			t.Errorf("%s: %v, %+v", from, err, got)
		}
	}
}

// TestPassRepeats: an application that sends its first page again and again is found out after whatever page a pass is broken off,
// and is never taken to have listed everybody.
func TestPassRepeats(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		resumed bool // every page is asked for by another process
	}{
		{"by index", repeating(30, ""), true},
		{"by index, in one go", repeating(30, ""), false},
		{"by cursor", repeating(30, `,"nextCursor":"next"`), true},
		{"total of the page", repeating(10, ""), true},
	} {
		s := serve(t, c.handler)
		var from connection.Continuation
		stop := errors.New("stop")
		listed, last := 0, false
		var err error
		for range 8 {
			err = target(t, s.URL, Profile{}).Reads().Read(t.Context(), connection.Read{Type: userType, From: from}, func(p connection.ReadPage) error {
				listed += len(p.Objects)
				if from, last = p.Next, p.Last; c.resumed && !last {
					return stop
				}
				return nil
			})
			if !errors.Is(err, stop) {
				break
			}
		}
		if c.name == "total of the page" { // what does not page has sent everything at once
			if err != nil || !last || listed != 10 {
				t.Errorf("%s: %d listed, last %t, %v", c.name, listed, last, err)
			}
			continue
		}
		if lockstep.CodeOf(err) != lockstep.CodeTargetMalformed || !strings.Contains(err.Error(), samePage) || last || listed != 10 {
			t.Errorf("%s: %d listed, last %t, %v", c.name, listed, last, err)
		}
	}
}

// repeating answers every request for a page with the same ten users, in another order each time.
func repeating(total int, more string) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		var list []string
		for i := range 10 {
			list = append(list, fmt.Sprintf(`{"id":"%d","userName":"u%d"}`, (i+n)%10, (i+n)%10))
		}
		n++
		reply(200, fmt.Sprintf(`{"totalResults":%d%s,"Resources":[%s]}`, total, more, strings.Join(list, ",")))(w, r)
	}
}

// TestPassEnds: a list without end is given up when it has, or promises, more objects than may be, and is not read any further when the
// pass goes on.
func TestPassEnds(t *testing.T) {
	for _, c := range []struct {
		name     string
		total    int
		cursor   bool
		listed   int
		requests int
	}{
		{"promised", 1 << 30, false, 0, 1},
		{"not promised", 0, false, 50, 6},
		{"by cursor", 0, true, 50, 6},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
			if c := r.URL.Query().Get("cursor"); c != "" {
				start, _ = strconv.Atoi(c)
			}
			more := ""
			if c.cursor {
				more = fmt.Sprintf(`,"nextCursor":"%d"`, start+10)
			}
			var list []string
			for i := range 10 {
				list = append(list, fmt.Sprintf(`{"id":"%d","userName":"u%d"}`, start+i, start+i))
			}
			reply(200, fmt.Sprintf(`{"totalResults":%d%s,"Resources":[%s]}`, c.total, more, strings.Join(list, ",")))(w, r)
		})
		listed := 0
		from := connection.Continuation("")
		read := func() error {
			return target(t, s.URL, Profile{MaxObjects: 50, PageSize: 10}).Reads().Read(t.Context(), connection.Read{Type: userType, From: from}, func(p connection.ReadPage) error {
				listed += len(p.Objects)
				from = p.Next
				return nil
			})
		}
		err := read()
		if lockstep.CodeOf(err) != lockstep.CodeReadEndless || listed != c.listed || len(s.requests()) != c.requests {
			t.Errorf("%s: %d listed, %d requests, %v", c.name, listed, len(s.requests()), err)
		}
		if err := read(); lockstep.CodeOf(err) != lockstep.CodeReadEndless || listed != c.listed || len(s.requests()) != c.requests+1 {
			t.Errorf("%s, again: %d listed, %d requests, %v", c.name, listed, len(s.requests()), err)
		}
	}
}
