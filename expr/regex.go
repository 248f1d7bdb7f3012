package expr

import (
	"errors"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// maxMatch is how long one match may take. The engine looks at its clock about every 100 ms, so that this is a lower bound.
const maxMatch = 100 * time.Millisecond

func compilePattern(pattern string) (*regexp2.Regexp, error) {
	if len(pattern) > MaxPattern {
		return nil, failf("a regular expression has at most %d bytes", MaxPattern)
	}
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return nil, failf("the regular expression cannot be read: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	re.MatchTimeout = maxMatch
	return re, nil
}

// patternThunk yields the regular expression that a node holds, compiled now when it is constant.
func patternThunk(n *node) (func(*state) (*regexp2.Regexp, error), error) {
	if n.kind == kindText {
		re, err := compilePattern(n.text)
		if err != nil {
			return nil, reject(n, "%s", err)
		}
		return func(*state) (*regexp2.Regexp, error) { return re, nil }, nil
	}
	t, err := build(n)
	if err != nil {
		return nil, err
	}
	return func(st *state) (*regexp2.Regexp, error) {
		v, err := t(st)
		if err != nil {
			return nil, err
		}
		re, err := compilePattern(v.text)
		if err != nil && st.secret { // it quotes the pattern
			return nil, failf("the regular expression cannot be read")
		}
		return re, err
	}, nil
}

// matches calls found for every match in s, with the characters of s, until found returns an error. The stopwatch is the
// only clock of the package: it turns an expression that takes too long into an error and reaches no value. The engine's own
// limit is for one match; thousands of slow ones must end as well.
func (st *state) matches(re *regexp2.Regexp, s []rune, found func(*regexp2.Match) error) error {
	start := time.Now()
	defer func() { st.regexTime -= time.Since(start) }()
	m, err := re.FindRunesMatch(s)
	for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
		if time.Since(start) > st.regexTime {
			return failf("the regular expressions take longer than %s", MaxRegexTime)
		}
		if err := found(m); err != nil {
			return err
		}
	}
	if err != nil { // the engine's text quotes the input
		return failf("a match of the regular expression takes longer than %s", maxMatch)
	}
	return nil
}

const errEnough = failure("enough")

func prepareRegexMatch(_ *node, args []*node) (thunk, error) {
	source, err := build(args[0])
	if err != nil {
		return nil, err
	}
	pattern, err := patternThunk(args[1])
	if err != nil {
		return nil, err
	}
	return func(st *state) (val, error) {
		v, err := source(st)
		if err != nil || !v.set {
			return boolean(false), err
		}
		re, err := pattern(st)
		if err != nil {
			return null, err
		}
		for i := range v.count() {
			if err := st.regexRoom(v.at(i)); err != nil {
				return null, err
			}
			err := st.matches(re, []rune(v.at(i)), func(*regexp2.Match) error { return errEnough })
			if errors.Is(err, errEnough) {
				return boolean(true), nil
			}
			if err != nil {
				return null, err
			}
		}
		return boolean(false), nil
	}, nil
}

// regexRoom limits what the engine gets: it needs several times as much memory.
func (st *state) regexRoom(s string) error {
	const most = 64 << 10
	if len(s) > most {
		return failf("a regular expression works on at most %d bytes", most)
	}
	if st.regexTime <= 0 {
		return failf("the regular expressions take longer than %s", MaxRegexTime)
	}
	return st.charge(100 + 4*len(s))
}

// groupNumber returns the number of a group, by name or number, or -1. The engine takes "" for group 0 and lets long numbers
// wrap around, so both are refused here.
func groupNumber(re *regexp2.Regexp, name string) int {
	const digits = 9
	if name == "" || isDigit(name[0]) && len(name) > digits {
		return -1
	}
	return re.GroupNumberFromName(name)
}

// template is the replacement of a match: text, $1, ${name}, $$, $& (the match), $` and $' (before, after), $+ (the last
// group), $_ (the whole source). What names no group is text.
type template []templatePart

type templatePart struct {
	special byte // one of & ` ' + _, or 0
	group   int  // -1: none
	literal string
}

func compileTemplate(re *regexp2.Regexp, s string) template {
	var t template
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			break
		}
		if i > 0 {
			t = append(t, templatePart{group: -1, literal: s[:i]})
		}
		part, size := readTemplatePart(re, s[i:])
		t = append(t, part)
		s = s[i+size:]
	}
	if s != "" {
		t = append(t, templatePart{group: -1, literal: s})
	}
	return t
}

// readTemplatePart reads what begins with a dollar sign and returns its length.
func readTemplatePart(re *regexp2.Regexp, s string) (templatePart, int) {
	dollar := templatePart{group: -1, literal: "$"}
	if len(s) == 1 {
		return dollar, 1
	}
	switch c := s[1]; {
	case c == '$':
		return dollar, 2
	case strings.IndexByte("&`'+_", c) >= 0:
		return templatePart{group: -1, special: c}, 2
	case c == '{':
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return dollar, 1
		}
		if g := groupNumber(re, s[2:end]); g >= 0 {
			return templatePart{group: g}, end + 1
		}
	case isDigit(c):
		for end := len(s) - len(strings.TrimLeft(s[1:], "0123456789")); end > 1; end-- {
			if g := groupNumber(re, s[1:end]); g >= 0 {
				return templatePart{group: g}, end
			}
		}
	}
	return dollar, 1
}

func (t template) write(w *limited, s []rune, m *regexp2.Match) error {
	for _, p := range t {
		var err error
		switch {
		case p.group >= 0:
			err = w.group(m.GroupByNumber(p.group))
		case p.special == 0:
			err = w.text(p.literal)
		case p.special == '&':
			err = w.group(&m.Group)
		case p.special == '`':
			err = w.runes(s[:m.Index])
		case p.special == '\'':
			err = w.runes(s[m.Index+m.Length:])
		case p.special == '+':
			err = w.group(m.GroupByNumber(m.GroupCount() - 1))
		default:
			err = w.runes(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// limited builds a result that may not grow beyond MaxValue.
type limited struct {
	st *state
	b  strings.Builder
}

func (w *limited) text(s string) error {
	w.b.WriteString(s)
	return w.st.room(w.b.Len())
}

func (w *limited) runes(s []rune) error {
	for _, r := range s {
		w.b.WriteRune(r)
	}
	return w.st.room(w.b.Len())
}

func (w *limited) group(g *regexp2.Group) error {
	if g == nil || len(g.Captures) == 0 {
		return nil
	}
	return w.runes(g.Runes())
}
