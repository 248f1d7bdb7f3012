package expr

import (
	"math"
	"time"
)

// ownDate is how CDate, DateAdd, DateFromNum and Now write an instant, in UTC: M/d/yyyy h:mm:ss tt.
const ownDate = "1/2/2006 3:04:05 PM"

func date(t time.Time) val { return text(t.UTC().Format(ownDate)) }

func parseOwnDate(s string) (time.Time, bool) {
	if len(s) > len("12/31/9999 12:59:59 PM") || len(s) == 0 || !isDigit(s[0]) || s[len(s)-1] != 'M' {
		return time.Time{}, false
	}
	t, err := time.Parse(ownDate, s)
	return t, err == nil
}

// instant reads a date argument.
func instant(st *state, v val) (time.Time, error) {
	t, ok := parseDate(v.text)
	if !ok {
		return time.Time{}, failf("%s is not a date", st.quote(v.text))
	}
	return t, nil
}

func toDate(st *state, a []val) (val, error) {
	t, err := instant(st, a[0])
	if err != nil {
		return null, err
	}
	return date(t), nil
}

func inYears(t time.Time) error {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return failf("the date is outside the years 1 to 9999")
	}
	return nil
}

// seconds of the intervals that have a fixed length.
func seconds(interval string) int64 {
	switch interval {
	case "ww":
		return 7 * 24 * 3600
	case "d":
		return 24 * 3600
	case "h":
		return 3600
	case "n":
		return 60
	case "s":
		return 1
	}
	return 0
}

func checkInterval(st *state, interval string) error {
	if interval != "yyyy" && interval != "m" && seconds(interval) == 0 {
		return failf("interval must be yyyy, m, ww, d, h, n or s, not %s", st.quote(interval))
	}
	return nil
}

func dateAdd(st *state, a []val) (val, error) {
	interval := a[0].text
	if err := checkInterval(st, interval); err != nil {
		return null, err
	}
	if !a[2].set {
		return null, nil
	}
	t, err := instant(st, a[2])
	if err != nil {
		return null, err
	}
	n, ok := whole(a[1].text)
	if !ok || n > 400_000_000_000 || n < -400_000_000_000 { // more seconds than the calendar has
		return null, failf("value must be a whole number of that interval, not %s", st.quote(a[1].text))
	}
	switch unit := seconds(interval); interval {
	case "yyyy":
		t, err = addMonths(t, 12*n)
	case "m":
		t, err = addMonths(t, n)
	default:
		t = time.Unix(t.Unix()+n*unit, int64(t.Nanosecond())).UTC()
	}
	if err == nil {
		err = inYears(t)
	}
	if err != nil {
		return null, err
	}
	return date(t), nil
}

// addMonths keeps the day, or takes the last one of a shorter month, as .NET does.
func addMonths(t time.Time, n int64) (time.Time, error) {
	const most = 12 * 10_000
	if n > most || n < -most {
		return t, failf("the date is outside the years 1 to 9999")
	}
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1), nil
}

// dateDiff counts the boundaries of the interval between two instants, as Visual Basic does: from 31 December 23:59 to
// 1 January 00:00 is one year. Weeks begin on Sunday.
func dateDiff(st *state, a []val) (val, error) {
	interval := a[0].text
	if err := checkInterval(st, interval); err != nil {
		return null, err
	}
	if !a[1].set || !a[2].set {
		return null, nil
	}
	from, err := instant(st, a[1])
	if err != nil {
		return null, err
	}
	to, err := instant(st, a[2])
	if err != nil {
		return null, err
	}
	switch interval {
	case "yyyy":
		return integer(int64(to.Year() - from.Year())), nil
	case "m":
		return integer(int64(12*(to.Year()-from.Year()) + int(to.Month()) - int(from.Month()))), nil
	}
	return integer(ordinal(interval, to) - ordinal(interval, from)), nil
}

// sunday is a boundary of every fixed interval: Sunday, 4 January 1970.
const sunday = 3 * 24 * 3600

// ordinal numbers the interval that t is in.
func ordinal(interval string, t time.Time) int64 {
	unit := seconds(interval)
	s := t.Unix() - sunday
	q := s / unit
	if s%unit < 0 {
		q--
	}
	return q
}

// nextBoundary is when dateDiff from t next changes. The interval is one that checkInterval accepts.
func nextBoundary(interval string, t time.Time) time.Time {
	switch interval {
	case "yyyy":
		return time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
	case "m":
		return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	}
	unit := seconds(interval)
	return time.Unix((ordinal(interval, t)+1)*unit+sunday, 0).UTC()
}

// now reads the instant of the evaluation and notes the next boundary of the interval.
func (st *state) now(interval string) (val, error) {
	v, err := quietNow(st)
	if err == nil {
		st.note(nextBoundary(interval, st.env.Now.UTC()))
	}
	return v, err
}

// quietNow reads the instant for a caller that notes the change itself.
func quietNow(st *state) (val, error) {
	if st.env.Now.IsZero() {
		return null, failf("the time is not known here")
	}
	return date(st.env.Now), nil
}

// note keeps the earliest instant at which the result may change.
func (st *state) note(t time.Time) {
	if p := st.env.NextChange; p != nil && (p.IsZero() || t.Before(*p)) {
		*p = t
	}
}

// noteOrder notes when Now() reaches the other side of an order, or leaves it. A text that is no date as Now() writes them
// is compared as text, which may change with every second.
func (st *state) noteOrder(other val) {
	now := st.env.Now.UTC().Truncate(time.Second)
	t, ok := parseOwnDate(other.text)
	switch {
	case other.text == "":
	case !ok, t.Equal(now):
		st.note(now.Add(time.Second))
	case t.After(now):
		st.note(t)
	}
}

func nowThunk(st *state, _ []thunk) (val, error) { return st.now("s") }

// prepareDateDiff treats Now() as an argument apart: only the boundaries of the interval can change the difference.
func prepareDateDiff(n *node, args []*node) (thunk, error) {
	thunks, err := buildAll(args)
	if err != nil {
		return nil, err
	}
	if args[0].kind == kindText {
		if checkInterval(&state{}, args[0].text) != nil {
			return nil, reject(args[0], "interval must be yyyy, m, ww, d, h, n or s")
		}
		for i, a := range args[1:] {
			if isNow(a) {
				thunks[i+1] = finish(a, func(st *state) (val, error) { return st.now(args[0].text) })
			}
		}
	}
	return strict(n.fn, thunks), nil
}

// fileTimeEpoch is 1601-01-01 in seconds before 1970; ticks are 100 ns.
const (
	fileTimeEpoch  = 11_644_473_600
	ticksPerSecond = 10_000_000
)

// dateFromNum reads a Windows file time. The largest number, which Active Directory writes for never, is null.
func dateFromNum(st *state, a []val) (val, error) {
	n, ok := whole(a[0].text)
	switch {
	case !ok || n < 0:
		return null, failf("%s is not a Windows file time", st.quote(a[0].text))
	case n == math.MaxInt64:
		return null, nil
	}
	t := time.Unix(n/ticksPerSecond-fileTimeEpoch, n%ticksPerSecond*100).UTC()
	if err := inYears(t); err != nil {
		return null, err
	}
	return date(t), nil
}

func numFromDate(st *state, a []val) (val, error) {
	t, err := instant(st, a[0])
	if err != nil {
		return null, err
	}
	if t.Unix() < -fileTimeEpoch {
		return null, failf("a Windows file time begins in 1601")
	}
	return integer((t.Unix()+fileTimeEpoch)*ticksPerSecond + int64(t.Nanosecond()/100)), nil
}
