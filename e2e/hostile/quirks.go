package hostile

import (
	"net/http"
	"strconv"
	"time"
)

// Quirks is how a target departs from what it should be. The zero Quirks is a target without fault that keeps user names and
// the names of groups unique, pages by index, and shows at once what it has.
type Quirks struct {
	Latency time.Duration // of every request

	// Lists.
	SlowPages   time.Duration // each page of a list takes so long
	PageSize    int           // objects in a page at most; 0 is 100
	WholeList   bool          // a list without a filter comes as one page, whatever was asked for
	Ballast     int           // bytes that each object of a list drags along in an attribute of its own
	Repeats     bool          // every page of a list without a filter is the first one
	Endless     Endless       // what follows the last page
	Total       Total         // what totalResults says
	LateListing time.Duration // how long lists and filters do not show what a request has created
	HideBlocked bool          // lists without a filter leave out who is not active

	// Filters.
	EqOnly         bool // one comparison with eq, nothing joined
	RefuseFilters  bool // 400 for every filter, although ServiceProviderConfig promises them
	NoFilters      bool // 400 for every filter, and ServiceProviderConfig says so
	IgnoreFilters  bool // a filter changes nothing
	CaseExact      bool // eq tells upper from lower case
	NotFoundFilter bool // 404 for a filter that finds nobody

	// Writes.
	Duplicates bool     // names are not unique: whatever is sent is created
	NoPatch    bool     // 501 for PATCH, and ServiceProviderConfig says so
	Hide       []string // attributes that no answer shows
	SameID     int      // the n-th user that is created is answered with the id of the first; it has its own all the same
	Lower      []string // attributes that are stored in lower case
	Trim       []string // attributes that are stored without blanks at their ends, and with one for several in between
	EmptyWrite bool     // writes are answered with no body
	WrongBody  int      // the n-th user that is created is answered with all that the first has
	Liar       int      // the n-th user that is created is not, and answered with all that the first has
	OldAnswers bool     // updates are answered with what the object was before
	Deaf       []string // attributes that updates do not change, whatever they are answered with

	// Trouble.
	Throttle   Throttle
	LoseBefore Losses // answers that are lost before the deed
	LoseAfter  Losses // and after it
	HangAfter  Losses // requests whose deed is done and whose answer never comes
}

// Endless says what follows the last page of a list that does not end.
type Endless int

// The ways in which a list does not end. EmptyForever promises more objects than there are and sends empty pages;
// StrangersForever sends objects that nobody has seen before, for ever.
const (
	Ends Endless = iota
	EmptyForever
	StrangersForever
)

// Total is what a list says about its length.
type Total int

// The totals: right, that of the page, none at all, as text, or one too many.
const (
	RightTotal Total = iota
	PageTotal
	ZeroTotal
	TextTotal
	OneTooMany
)

// Throttle turns requests away.
type Throttle struct {
	Status int           // 429 or 503; 0 is never
	At     int           // the first request that is turned away
	Times  int           // requests that are, or
	For    time.Duration // how long they all are
	Header Header        // what Retry-After says about it
	Every  int           // again after so many requests; 0 is once
}

// Header is the form of Retry-After (RFC 9110 §10.2.3).
type Header int

// The forms of Retry-After.
const (
	Absent Header = iota
	Seconds
	Date
)

// Losses are the writes whose answer is lost: the first, and every so many after it.
type Losses struct{ First, Every, Times int }

// hits reports whether the n-th write is one.
func (l Losses) hits(n int) bool {
	switch {
	case l.First == 0 || n < l.First:
		return false
	case l.Every == 0:
		return n == l.First
	}
	past := n - l.First
	return past%l.Every == 0 && (l.Times == 0 || past/l.Every < l.Times)
}

// throttled turns a request away, when it is time to. The lock is held.
func (t *Target) throttled(now time.Time) (answer, bool) {
	q := t.Quirks.Throttle
	switch {
	case q.Status == 0:
		return answer{}, false
	case now.Before(t.pause.to):
	case t.seen.requests < q.At, t.seen.throttles > 0 && q.Every == 0 && (q.For > 0 || t.seen.throttles >= q.Times),
		t.seen.throttles > 0 && q.Every > 0 && (t.seen.requests-q.At)%q.Every != 0:
		return answer{}, false
	case q.For > 0:
		t.pause = span{now, now.Add(q.For)}
	}
	t.seen.throttles++
	a := fail(q.Status, "", "slow down")
	if q.Status == http.StatusServiceUnavailable {
		a = fail(q.Status, "", "down for maintenance")
	}
	left := max(t.pause.to.Sub(now), time.Second)
	switch q.Header {
	case Seconds:
		a.header = map[string]string{"Retry-After": strconv.Itoa(int((left + time.Second - 1) / time.Second))}
	case Date:
		a.header = map[string]string{"Retry-After": now.Add(left + time.Second - 1).UTC().Format(http.TimeFormat)}
	}
	return a, true
}
