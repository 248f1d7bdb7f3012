package expr

import (
	"strings"
	"time"
)

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
			panic(err) //nolint:forbidigo // built in, and a test compiles it
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
