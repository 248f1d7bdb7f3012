package expr

import (
	"strings"
	"time"
)

// dateFormat is a .NET custom date and time format string, split into its parts.
// https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
type dateFormat []datePart

type datePart struct {
	letter  byte // a specifier, or 0 for a literal
	count   int  // how often the specifier repeats
	literal string
}

// standardFormats are the one-letter formats, in the invariant culture.
var standardFormats = map[string]string{
	"d": "MM/dd/yyyy", "D": "dddd, dd MMMM yyyy",
	"f": "dddd, dd MMMM yyyy HH:mm", "F": "dddd, dd MMMM yyyy HH:mm:ss",
	"g": "MM/dd/yyyy HH:mm", "G": "MM/dd/yyyy HH:mm:ss",
	"m": "MMMM dd", "M": "MMMM dd", "y": "yyyy MMMM", "Y": "yyyy MMMM",
	"o": "yyyy-MM-ddTHH:mm:ss.fffffffK", "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
	"r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'", "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
	"s": "yyyy-MM-ddTHH:mm:ss", "u": "yyyy-MM-dd HH:mm:ss'Z'",
	"t": "HH:mm", "T": "HH:mm:ss",
}

// maxFormat is more than any useful format needs.
const maxFormat = 200

// compileDateFormat reads a format. The error is a failure.
func compileDateFormat(s string) (dateFormat, error) {
	switch {
	case s == "":
		return nil, failf("the date format is empty")
	case len(s) > maxFormat:
		return nil, failf("a date format has at most %d bytes", maxFormat)
	case len(s) == 1:
		if s = standardFormats[s]; s == "" {
			return nil, failf("this is no standard date format; a single letter is one, write %%d for the day alone")
		}
	}
	var f dateFormat
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(s[i+1:], c)
			if end < 0 {
				return nil, failf("the date format has an open quote")
			}
			f = f.literal(s[i+1 : i+1+end])
			i += end + 2
		case c == '\\':
			if i+1 == len(s) {
				return nil, failf("the date format ends in a backslash")
			}
			f = f.literal(s[i+1 : i+2])
			i += 2
		case c == '%':
			if i+1 == len(s) || s[i+1] == '%' {
				return nil, failf("%% in a date format stands before a specifier")
			}
			i++
		case strings.IndexByte("dfFghHKmMstyz", c) >= 0:
			n := 1
			for c != 'K' && i+n < len(s) && s[i+n] == c {
				n++
			}
			if n > 9 {
				return nil, failf("a specifier of the date format repeats too often")
			}
			f = append(f, datePart{letter: c, count: n})
			i += n
		case c == 'Z':
			f = append(f, datePart{letter: 'Z', count: 1})
			i++
		default:
			f = f.literal(s[i : i+1])
			i++
		}
	}
	return f, nil
}

// literal adds text, joined to literal text before it.
func (f dateFormat) literal(s string) dateFormat {
	if n := len(f); n > 0 && f[n-1].letter == 0 {
		f[n-1].literal += s
		return f
	}
	return append(f, datePart{literal: s})
}

// moment is an instant in UTC, and whether the text it came from named a time zone.
type moment struct {
	time.Time
	zoned bool
}

func (f dateFormat) format(m moment) string {
	b := make([]byte, 0, 32)
	for _, p := range f {
		b = m.append(b, p)
	}
	return string(b)
}

func (m moment) append(b []byte, p datePart) []byte {
	switch p.letter {
	case 0:
		return append(b, p.literal...)
	case 'Z':
		return append(b, 'Z')
	case 'y':
		if p.count <= 2 {
			return pad(b, m.Year()%100, p.count)
		}
		return pad(b, m.Year(), p.count)
	case 'M':
		return named(b, p, int(m.Month()), m.Month().String())
	case 'd':
		return named(b, p, m.Day(), m.Weekday().String())
	case 'H':
		return pad(b, m.Hour(), min(p.count, 2))
	case 'h':
		return pad(b, (m.Hour()+11)%12+1, min(p.count, 2))
	case 'm':
		return pad(b, m.Minute(), min(p.count, 2))
	case 's':
		return pad(b, m.Second(), min(p.count, 2))
	case 'f', 'F':
		return m.fraction(b, p)
	case 't':
		half := "AM"
		if m.Hour() >= 12 {
			half = "PM"
		}
		return append(b, half[:min(p.count, 2)]...)
	case 'g':
		return append(b, "A.D."...)
	case 'K':
		if m.zoned {
			return append(b, 'Z')
		}
		return b
	default: // z
		return append(b, [...]string{"+0", "+00", "+00:00"}[min(p.count, 3)-1]...)
	}
}

// named appends a number, or from three letters on the name, short or whole.
func named(b []byte, p datePart, n int, name string) []byte {
	switch {
	case p.count < 3:
		return pad(b, n, p.count)
	case p.count == 3:
		name = name[:3]
	}
	return append(b, name...)
}

func pad(b []byte, n, width int) []byte {
	var digits [12]byte
	i := len(digits)
	for n > 0 || len(digits)-i < width || i == len(digits) {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[i:]...)
}

func (m moment) fraction(b []byte, p datePart) []byte {
	var nine [9]byte
	n := m.Nanosecond()
	for i := len(nine) - 1; i >= 0; i-- {
		nine[i] = byte('0' + n%10)
		n /= 10
	}
	digits := nine[:p.count]
	if p.letter == 'f' {
		return append(b, digits...)
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	if len(digits) == 0 && len(b) > 0 && b[len(b)-1] == '.' {
		return b[:len(b)-1]
	}
	return append(b, digits...)
}

// reader parses a date by a format. What the text does not say is the first: 1 January of year 1, midnight, UTC.
type reader struct {
	s                              string
	year, month, day               int
	hour, minute, second, nano     int
	weekday                        int // -1 when not named
	twelve, afternoon, zoned, skip bool
	offset                         int // seconds east of UTC
}

// parse reads all of s; skip allows blanks between the parts.
func (f dateFormat) parse(s string, skip bool) (moment, bool) {
	r := reader{s: s, year: 1, month: 1, day: 1, weekday: -1, skip: skip}
	for i, p := range f {
		if r.skip {
			r.blank()
		}
		if p.letter == 0 {
			if !r.literal(p.literal, i+1 < len(f) && f[i+1].letter == 'F') {
				return moment{}, false
			}
			continue
		}
		if !r.part(p) {
			return moment{}, false
		}
	}
	if r.skip {
		r.blank()
	}
	if r.s != "" {
		return moment{}, false
	}
	return r.moment()
}

func (r *reader) blank() { r.s = strings.TrimLeft(r.s, " \t") }

// literal takes text. A point before an optional fraction may be absent with it.
func (r *reader) literal(want string, optional bool) bool {
	if rest, ok := strings.CutPrefix(r.s, want); ok {
		r.s = rest
		return true
	}
	if optional && strings.HasSuffix(want, ".") {
		return r.literal(want[:len(want)-1], false)
	}
	if r.skip && strings.TrimSpace(want) != want {
		return r.literal(strings.TrimSpace(want), false)
	}
	return false
}

func (r *reader) part(p datePart) bool {
	switch p.letter {
	case 'y':
		ok := r.number(&r.year, p.count)
		if p.count <= 2 && ok {
			if r.year += 1900; r.year < 1950 {
				r.year += 100
			}
		}
		return ok
	case 'M':
		if p.count >= 3 {
			return r.name(&r.month, p.count, 12, func(i int) string { return time.Month(i + 1).String() })
		}
		return r.number(&r.month, p.count)
	case 'd':
		if p.count >= 3 {
			ok := r.name(&r.weekday, p.count, 7, func(i int) string { return time.Weekday(i).String() })
			r.weekday--
			return ok
		}
		return r.number(&r.day, p.count)
	case 'H':
		return r.number(&r.hour, min(p.count, 2))
	case 'h':
		r.twelve = true
		return r.number(&r.hour, min(p.count, 2))
	case 'm':
		return r.number(&r.minute, min(p.count, 2))
	case 's':
		return r.number(&r.second, min(p.count, 2))
	case 'f', 'F':
		return r.fraction(p)
	case 't':
		return r.half(min(p.count, 2))
	case 'g':
		return r.literal("A.D.", false) || r.literal("AD", false)
	case 'Z':
		r.zoned = true
		return r.literal("Z", false) || r.literal("GMT", false)
	case 'K':
		if rest, ok := strings.CutPrefix(r.s, "Z"); ok {
			r.s, r.zoned = rest, true
			return true
		}
		if r.s == "" || r.s[0] != '+' && r.s[0] != '-' {
			return true
		}
		return r.zone(3)
	default: // z
		return r.zone(p.count)
	}
}

// number takes exactly width digits; one letter takes one or two.
func (r *reader) number(into *int, width int) bool {
	n, i := 0, 0
	for i < len(r.s) && i < max(width, 2) && isDigit(r.s[i]) {
		n = 10*n + int(r.s[i]-'0')
		i++
	}
	if i < width {
		return false
	}
	*into, r.s = n, r.s[i:]
	return true
}

// name takes one of count names, short for three letters, and sets its place from 1.
func (r *reader) name(into *int, letters, count int, name func(int) string) bool {
	for i := range count {
		s := name(i)
		if letters == 3 {
			s = s[:3]
		}
		if len(r.s) >= len(s) && strings.EqualFold(r.s[:len(s)], s) {
			*into, r.s = i+1, r.s[len(s):]
			return true
		}
	}
	return false
}

func (r *reader) fraction(p datePart) bool {
	i, scale := 0, 1_000_000_000
	r.nano = 0
	for i < p.count && i < len(r.s) && isDigit(r.s[i]) {
		scale /= 10
		r.nano += int(r.s[i]-'0') * scale
		i++
	}
	r.s = r.s[i:]
	return i == p.count || p.letter == 'F'
}

func (r *reader) half(letters int) bool {
	for _, name := range [...]string{"AM", "PM"} {
		if len(r.s) >= letters && strings.EqualFold(r.s[:letters], name[:letters]) {
			r.s, r.afternoon, r.twelve = r.s[letters:], name == "PM", true
			return true
		}
	}
	return false
}

// zone takes an offset: sign, hours, and from three letters on minutes, with or without a colon.
func (r *reader) zone(count int) bool {
	if r.s == "" || r.s[0] != '+' && r.s[0] != '-' {
		return false
	}
	sign := 1
	if r.s[0] == '-' {
		sign = -1
	}
	r.s = r.s[1:]
	var hours, minutes int
	if !r.number(&hours, min(count, 2)) {
		return false
	}
	if count >= 3 {
		r.s = strings.TrimPrefix(r.s, ":")
		if !r.number(&minutes, 2) {
			return false
		}
	}
	r.zoned, r.offset = true, sign*(hours*3600+minutes*60)
	return hours <= 14 && minutes < 60
}

// moment checks the fields and puts them together.
func (r *reader) moment() (moment, bool) {
	if r.twelve {
		if r.hour > 12 {
			return moment{}, false
		}
		if r.hour %= 12; r.afternoon {
			r.hour += 12
		}
	}
	if r.hour > 23 || r.minute > 59 || r.second > 59 {
		return moment{}, false
	}
	t := time.Date(r.year, time.Month(r.month), r.day, r.hour, r.minute, r.second, r.nano, time.UTC)
	if t.Year() != r.year || int(t.Month()) != r.month || t.Day() != r.day || r.weekday >= 0 && int(t.Weekday()) != r.weekday {
		return moment{}, false
	}
	t = t.Add(-time.Duration(r.offset) * time.Second)
	return moment{t, r.zoned}, t.Year() >= 1 && t.Year() <= 9999
}
