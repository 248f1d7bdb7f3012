package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Knobs say how an organisation misbehaves. The zero value behaves well. In JSON times are texts such as "20ms".
type Knobs struct {
	// Latency is how long every answer takes at least; Jitter is added at random, evenly from 0 up to it.
	Latency, Jitter time.Duration
	// PageLatency is how much longer a page of a list takes: of users, groups or members, without a filter.
	PageLatency time.Duration
	// Present is how many accounts the organisation has that nobody's directory knows. Setting it makes them, or removes those
	// above the new number; see IsPresent. Unlike the other knobs, what it made is in the journal.
	Present int
	// Rate bounds the requests per second, with a burst of one second's worth; 0 is no bound. What is too much gets 429 with
	// Retry-After in whole seconds, at once.
	Rate float64
	// LateListing is how long a created object stays out of lists and filters. It can be read by its id at once.
	LateListing time.Duration
	// LateDeletion is how long a deleted object stays in lists and filters. By its id it is gone at once.
	LateDeletion time.Duration
	// LateMembers is how long answers to reads show the members of a group, and the groups of a user, as they were before a change
	// (up to 25 s were measured).
	LateMembers time.Duration
	// CountLag is how long a seat that was given back still counts as taken (9 to 15 s were measured).
	CountLag time.Duration
	// Duplicates allows users and groups to have names that others have already, which Webex does not: a test of clients that
	// must not create anybody twice sees then what they do without help.
	Duplicates bool
	// Faults are tried in order; the first that is due befalls the request.
	Faults []Fault
}

// Fault makes some requests fail.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Every  int       `json:"every,omitempty"`  // the n-th, 2n-th, … request that Method and Path let through; 0 and 1 are every one
	Times  int       `json:"times,omitempty"`  // at most so often; 0 is without end
	After  bool      `json:"after,omitempty"`  // the request takes effect first, only its answer is lost
	Method string    `json:"method,omitempty"` // such as "POST"; "" is any
	Path   string    `json:"path,omitempty"`   // a part of the path, such as "/Users"; "" is any
	Wait   int       `json:"wait,omitempty"`   // Retry-After of 423, 429 and 503, in seconds; 0 is 1 for 429 and none for the others
}

// String says whom the fault befalls.
func (f Fault) String() string {
	text := strings.TrimSpace(f.Method + " " + f.Path)
	if f.Every > 1 {
		text += fmt.Sprintf(" every %d", f.Every)
	}
	if f.Times > 0 {
		text += fmt.Sprintf(" at most %d times", f.Times)
	}
	if f.After {
		text += " after the deed"
	}
	return strings.TrimSpace(text)
}

// Lines are the knobs that are turned and the faults, by name, for people.
func (k Knobs) Lines() [][2]string {
	var all [][2]string
	add := func(name string, on bool, value any) {
		if on {
			all = append(all, [2]string{name, fmt.Sprint(value)})
		}
	}
	add("latency", k.Latency > 0, k.Latency)
	add("jitter", k.Jitter > 0, k.Jitter)
	add("page_latency", k.PageLatency > 0, k.PageLatency)
	add("rate", k.Rate > 0, k.Rate)
	add("late_listing", k.LateListing > 0, k.LateListing)
	add("late_deletion", k.LateDeletion > 0, k.LateDeletion)
	add("late_members", k.LateMembers > 0, k.LateMembers)
	add("count_lag", k.CountLag > 0, k.CountLag)
	add("present", k.Present > 0, k.Present)
	add("duplicates", k.Duplicates, k.Duplicates)
	for _, f := range k.Faults {
		add("fault "+string(f.Kind), true, f)
	}
	return all
}

// FaultKind is a way to fail.
type FaultKind string

// The kinds of fault.
const (
	Fault429      FaultKind = "429"      // too many requests, Retry-After: 1
	Fault423      FaultKind = "423"      // locked
	Fault500      FaultKind = "500"      // internal server error
	Fault502      FaultKind = "502"      // bad gateway
	Fault503      FaultKind = "503"      // service unavailable
	Fault504      FaultKind = "504"      // gateway timeout
	FaultReset    FaultKind = "reset"    // the connection is reset
	FaultHang     FaultKind = "hang"     // no answer until the client gives up
	FaultHTML     FaultKind = "html"     // status 200 and a page of HTML
	FaultTruncate FaultKind = "truncate" // the true status, and half of the body; takes effect whatever After says

	FaultMalformed FaultKind = "malformed" // the true status, and a body that breaks off but looks whole; takes effect whatever After says
	FaultExpire    FaultKind = "expire"    // the caller's token ends, and the request gets 401
	FaultPartial   FaultKind = "partial"   // half of what was asked for takes effect, then 500: of a person without licences and roles, of Bulk the first half
)

// FaultKinds lists the kinds.
func FaultKinds() []FaultKind {
	return []FaultKind{
		Fault423, Fault429, Fault500, Fault502, Fault503, Fault504, FaultReset, FaultHang, FaultHTML, FaultTruncate, FaultMalformed,
		FaultExpire, FaultPartial,
	}
}

// maxPresent bounds Knobs.Present: more than Webex's largest organisations have, and what a laptop still holds.
const maxPresent = 2_000_000

// knobsJSON is the form of Knobs on the wire.
type knobsJSON struct {
	Latency      string  `json:"latency"`
	Jitter       string  `json:"jitter"`
	PageLatency  string  `json:"page_latency"`
	Present      int     `json:"present"`
	Rate         float64 `json:"rate"`
	LateListing  string  `json:"late_listing"`
	LateDeletion string  `json:"late_deletion"`
	LateMembers  string  `json:"late_members"`
	CountLag     string  `json:"count_lag"`
	Duplicates   bool    `json:"duplicates"`
	Faults       []Fault `json:"faults"`
}

// MarshalJSON writes times as texts.
func (k Knobs) MarshalJSON() ([]byte, error) {
	return json.Marshal(knobsJSON{
		Latency: k.Latency.String(), Jitter: k.Jitter.String(), PageLatency: k.PageLatency.String(), Present: k.Present, Rate: k.Rate,
		LateListing: k.LateListing.String(), LateDeletion: k.LateDeletion.String(), LateMembers: k.LateMembers.String(), CountLag: k.CountLag.String(), Duplicates: k.Duplicates, Faults: k.Faults,
	})
}

// UnmarshalJSON reads what MarshalJSON writes. Names that are absent leave their knob as it was; unknown ones are an error,
// since a test whose knob has no effect proves nothing.
func (k *Knobs) UnmarshalJSON(text []byte) error {
	in := knobsJSON{Present: k.Present, Rate: k.Rate, Duplicates: k.Duplicates, Faults: k.Faults}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&in); err != nil {
		return err
	}
	set := func(d *time.Duration, name, text string) (err error) {
		if text == "" {
			return nil
		}
		if *d, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	k.Present, k.Rate, k.Duplicates, k.Faults = in.Present, in.Rate, in.Duplicates, in.Faults
	return errors.Join(
		set(&k.Latency, "latency", in.Latency),
		set(&k.Jitter, "jitter", in.Jitter),
		set(&k.PageLatency, "page_latency", in.PageLatency),
		set(&k.LateListing, "late_listing", in.LateListing),
		set(&k.LateDeletion, "late_deletion", in.LateDeletion),
		set(&k.LateMembers, "late_members", in.LateMembers),
		set(&k.CountLag, "count_lag", in.CountLag))
}

// Check refuses knobs that cannot be.
func (k Knobs) Check() error {
	shortest := min(k.Latency, k.Jitter, k.PageLatency, k.LateListing, k.LateDeletion, k.LateMembers, k.CountLag)
	if shortest < 0 || k.Rate < 0 || math.IsNaN(k.Rate) || math.IsInf(k.Rate, 0) {
		return errors.New("knobs: latency, jitter, page_latency, rate, late_listing, late_deletion, late_members and count_lag must not be negative")
	}
	if k.Present < 0 || k.Present > maxPresent {
		return fmt.Errorf("knobs: present is a number up to %d", maxPresent)
	}
	for _, f := range k.Faults {
		if !slices.Contains(FaultKinds(), f.Kind) {
			return fmt.Errorf("knobs: unknown kind of fault %q", f.Kind)
		}
		if f.Every < 0 || f.Times < 0 || f.Wait < 0 {
			return fmt.Errorf("knobs: fault %s: every, times and wait must not be negative", f.Kind)
		}
	}
	return nil
}

// Running is Knobs in use, with the counts that belong to them.
type Running struct {
	Knobs
	limit *rate.Limiter // nil: no bound
	seen  []atomic.Int64
	done  []atomic.Int64
}

func (k Knobs) run() *Running {
	r := &Running{Knobs: k, seen: make([]atomic.Int64, len(k.Faults)), done: make([]atomic.Int64, len(k.Faults))}
	if k.Rate > 0 {
		r.limit = rate.NewLimiter(rate.Limit(k.Rate), max(1, int(math.Ceil(k.Rate))))
	}
	return r
}

// Admit takes a token from the bucket. When there is none it returns the whole seconds, at least one, after which there is.
func (r *Running) Admit(now time.Time) (retryAfter int, ok bool) {
	if r.limit == nil || r.limit.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - r.limit.TokensAt(now)
	return max(1, int(math.Ceil(missing/float64(r.limit.Limit())))), false
}

// Delay is the time that the next answer takes at least; page says that it is a page of a list.
func (r *Running) Delay(page bool) time.Duration {
	d := r.Latency
	if page {
		d += r.PageLatency
	}
	if r.Jitter > 0 {
		d += rand.N(r.Jitter)
	}
	return d
}

// Strike returns the fault that befalls the request, or nil.
func (r *Running) Strike(method, path string) *Fault {
	for i := range r.Faults {
		f := &r.Faults[i]
		if f.Method != "" && !strings.EqualFold(f.Method, method) || !strings.Contains(path, f.Path) {
			continue
		}
		n := r.seen[i].Add(1)
		if every := int64(max(f.Every, 1)); n%every != 0 {
			continue
		}
		if r.done[i].Add(1) <= int64(f.Times) || f.Times == 0 {
			return f
		}
	}
	return nil
}
