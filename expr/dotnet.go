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

// knownDates are the forms that parseDate reads, most frequent first. A zone that is not written is UTC.
var knownDates = compileAll(
	"yyyy-MM-ddTHH:mm:ss.FFFFFFFFFK", "yyyy-MM-ddK", "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd HH:mm:ss.FFFFFFFFFK",
	"yyyy-MM-ddTHH:mmK", "yyyy-MM-dd HH:mmK", "M/d/yyyy", "M/d/yyyy H:mm:ssK", "M/d/yyyy h:mm tt", "M/d/yyyy H:mm",
	"yyyyMMddHHmmss.FFFFFFFFFK", "yyyyMMdd", "ddd, dd MMM yyyy HH:mm:ss Z", "d MMMM yyyy", "d MMM yyyy", "MMMM d, yyyy", "MMM d, yyyy",
)

func compileAll(formats ...string) []dateFormat {
	out := make([]dateFormat, len(formats))
	for i, s := range formats {
		f, err := compileDateFormat(s)
		if err != nil {
			panic(err)
		}
		out[i] = f
	}
	return out
}

// parseDate reads a date in any of the usual forms: ISO 8601, the United States, LDAP's generalised time, RFC 1123.
func parseDate(s string) (time.Time, bool) {
	if s = strings.TrimSpace(s); len(s) > 64 {
		return time.Time{}, false
	}
	for _, f := range knownDates {
		if m, ok := f.parse(s, true); ok {
			return m.Time, true
		}
	}
	return time.Time{}, false
}

// dateStyles are the names of .NET's DateTimeStyles. Only those about blanks matter here: a time without a zone is UTC, and
// results are UTC.
var dateStyles = map[string]struct{ leading, trailing, inner bool }{
	"None": {}, "RoundtripKind": {}, "AdjustToUniversal": {}, "AssumeUniversal": {}, "AssumeLocal": {}, "NoCurrentDateDefault": {},
	"AllowLeadingWhite":  {leading: true},
	"AllowTrailingWhite": {trailing: true},
	"AllowInnerWhite":    {inner: true},
	"AllowWhiteSpaces":   {true, true, true},
}

// blanks says where a text to be parsed may have them.
type blanks struct{ leading, trailing, inner bool }

func readStyles(s string) (blanks, error) {
	if strings.TrimSpace(s) == "" {
		return blanks{leading: true, trailing: true}, nil
	}
	var b blanks
	for name := range strings.SplitSeq(s, ",") {
		name = strings.TrimPrefix(strings.TrimSpace(name), "DateTimeStyles.")
		style, ok := dateStyles[name]
		if !ok {
			return b, failf("there is no DateTimeStyles value of this name")
		}
		b.leading = b.leading || style.leading
		b.trailing = b.trailing || style.trailing
		b.inner = b.inner || style.inner
	}
	return b, nil
}

func (b blanks) trim(s string) string {
	if b.leading {
		s = strings.TrimLeft(s, " \t\r\n")
	}
	if b.trailing {
		s = strings.TrimRight(s, " \t\r\n")
	}
	return s
}

// prepareFormatDateTime compiles constant formats once. With three arguments there are no styles (the older signature).
func prepareFormatDateTime(n *node, args []*node) (thunk, error) {
	if len(args) == 3 {
		args = []*node{args[0], {kind: kindOmitted, col: n.col}, args[1], args[2]}
	}
	in, err := formatThunk(args[2])
	if err != nil {
		return nil, err
	}
	out, err := formatThunk(args[3])
	if err != nil {
		return nil, err
	}
	thunks, err := buildAll(args[:2])
	if err != nil {
		return nil, err
	}
	return func(st *state) (val, error) { return formatDateTime(st, thunks, in, out) }, nil
}

// formatThunk yields the format that a node holds, compiled now when it is constant.
func formatThunk(n *node) (func(*state) (dateFormat, error), error) {
	switch n.kind {
	case kindOmitted:
		return nil, reject(n, "the date format is missing")
	case kindText:
		f, err := compileDateFormat(n.text)
		if err != nil {
			return nil, reject(n, "%s", err)
		}
		return func(*state) (dateFormat, error) { return f, nil }, nil
	}
	t, err := build(n)
	if err != nil {
		return nil, err
	}
	return func(st *state) (dateFormat, error) {
		v, err := t(st)
		if err != nil {
			return nil, err
		}
		return compileDateFormat(v.text)
	}, nil
}

func formatDateTime(st *state, args []thunk, in, out func(*state) (dateFormat, error)) (val, error) {
	source, err := args[0](st)
	if err != nil || source.empty() {
		return null, err
	}
	names, err := args[1](st)
	if err != nil {
		return null, err
	}
	styles, err := readStyles(names.text)
	if err != nil {
		return null, err
	}
	from, err := in(st)
	if err != nil {
		return null, err
	}
	to, err := out(st)
	if err != nil {
		return null, err
	}
	m, ok := from.parse(styles.trim(source.text), styles.inner)
	if !ok {
		return null, failf("%s does not have the input format", st.quote(source.text))
	}
	return text(to.format(m)), nil
}
