package expr

import (
	"errors"
	"strings"

	"github.com/dlclark/regexp2"
)

// The arguments of Replace.
const (
	replaceSource = iota
	replaceOld
	replacePattern
	replaceGroup
	replaceValue
	replaceAttribute
	replaceTemplate
	replaceCount
)

// prepareReplace picks the mode from which arguments are written.
func prepareReplace(n *node, args []*node) (thunk, error) {
	var all [replaceCount]*node
	given := ""
	for i := range all {
		if all[i] = (&node{kind: kindOmitted, col: n.col}); i < len(args) {
			all[i] = args[i]
		}
		if i > replaceSource && all[i].kind != kindOmitted {
			given += string("-opgvat"[i])
		}
	}
	switch given {
	case "ov":
		return prepareReplaceText(n, all[replaceSource], all[replaceOld], all[replaceValue], replaceAll)
	case "ot":
		return prepareReplaceText(n, all[replaceSource], all[replaceOld], all[replaceTemplate], replaceInTemplate)
	case "pv", "pgv", "pga":
		return prepareReplacePattern(all)
	}
	return nil, reject(n, "Replace takes oldValue with replacementValue or template, or regexPattern with replacementValue, "+
		"with regexGroupName and replacementValue, or with regexGroupName and replacementAttributeName")
}

func prepareReplaceText(n, source, old, other *node, f func(*state, []val) (val, error)) (thunk, error) {
	args, err := buildAll([]*node{source, old, other})
	if err != nil {
		return nil, err
	}
	return strict(&function{Function: n.fn.Function, flags: each, strict: f}, args), nil
}

func replaceAll(st *state, a []val) (val, error) {
	return substitute(st, a[0].text, a[1].text, a[2].text)
}

func replaceInTemplate(st *state, a []val) (val, error) {
	return substitute(st, a[2].text, a[1].text, a[0].text)
}

// substitute replaces all of old in s; an empty old is found nowhere.
func substitute(st *state, s, old, replacement string) (val, error) {
	if old == "" {
		return text(s), nil
	}
	n := strings.Count(s, old)
	if err := st.room(len(s) + n*(len(replacement)-len(old))); err != nil {
		return null, err
	}
	return text(strings.ReplaceAll(s, old, replacement)), nil
}

// replacer is a compiled Replace with a regular expression.
type replacer struct {
	source, value, attribute, group thunk
	pattern                         func(*state) (*regexp2.Regexp, error)
	grouped, other                  bool
}

func prepareReplacePattern(all [replaceCount]*node) (thunk, error) {
	thunks, err := buildAll([]*node{all[replaceSource], all[replaceValue], all[replaceAttribute], all[replaceGroup]})
	if err != nil {
		return nil, err
	}
	r := &replacer{source: thunks[0], value: thunks[1], attribute: thunks[2], group: thunks[3]}
	r.grouped = all[replaceGroup].kind != kindOmitted
	r.other = all[replaceAttribute].kind != kindOmitted
	if r.pattern, err = patternThunk(all[replacePattern]); err != nil {
		return nil, err
	}
	if p, g := all[replacePattern], all[replaceGroup]; p.kind == kindText && g.kind == kindText {
		re, err := r.pattern(nil)
		if err != nil {
			return nil, err
		}
		if groupNumber(re, g.text) < 0 {
			return nil, reject(g, "the regular expression has no group %q", g.text)
		}
	}
	return r.run, nil
}

func (r *replacer) run(st *state) (val, error) {
	source, err := r.source(st)
	if err != nil {
		return null, err
	}
	if r.other {
		if !source.empty() {
			return source, nil
		}
		return r.extract(st)
	}
	if !source.set {
		return null, nil
	}
	re, err := r.pattern(st)
	if err != nil {
		return null, err
	}
	value, err := r.value(st)
	if err != nil {
		return null, err
	}
	group, err := r.groupNumber(st, re)
	if err != nil {
		return null, err
	}
	var t template
	if !r.grouped {
		t = compileTemplate(re, value.text)
	}
	if source.list == nil {
		s, err := replaceMatches(st, re, source.text, group, value.text, t)
		return text(s), err
	}
	out := make([]string, len(source.list))
	total := 0
	for i, s := range source.list {
		if out[i], err = replaceMatches(st, re, s, group, value.text, t); err != nil {
			return null, err
		}
		total += perElement + len(out[i])
		if err := st.room(total); err != nil {
			return null, err
		}
	}
	return values(out), nil
}

// groupNumber returns -1 when no group is named.
func (r *replacer) groupNumber(st *state, re *regexp2.Regexp) (int, error) {
	if !r.grouped {
		return -1, nil
	}
	name, err := r.group(st)
	if err != nil {
		return 0, err
	}
	n := groupNumber(re, name.text)
	if n < 0 {
		return 0, failf("the regular expression has no group %s", st.quote(name.text))
	}
	return n, nil
}

// replaceMatches replaces every match in s by the template, or in every match what the group captured by the value.
func replaceMatches(st *state, re *regexp2.Regexp, s string, group int, value string, t template) (string, error) {
	if err := st.regexRoom(s); err != nil {
		return "", err
	}
	in := []rune(s)
	w := &limited{st: st}
	done := 0
	err := st.matches(re, in, func(m *regexp2.Match) error {
		if group < 0 {
			if err := w.runes(in[done:m.Index]); err != nil {
				return err
			}
			done = m.Index + m.Length
			return t.write(w, in, m)
		}
		for _, c := range m.GroupByNumber(group).Captures {
			if c.Index < done { // captured in a look-behind, already written
				continue
			}
			if err := w.runes(in[done:c.Index]); err != nil {
				return err
			}
			if err := w.text(value); err != nil {
				return err
			}
			done = c.Index + c.Length
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if done == 0 && w.b.Len() == 0 {
		return s, nil
	}
	err = w.runes(in[done:])
	return w.b.String(), err
}

// extract returns what the group captured in the other attribute, or null.
func (r *replacer) extract(st *state) (val, error) {
	other, err := r.attribute(st)
	if err != nil || !other.set {
		return null, err
	}
	re, err := r.pattern(st)
	if err != nil {
		return null, err
	}
	group, err := r.groupNumber(st, re)
	if err != nil {
		return null, err
	}
	if err := st.regexRoom(other.text); err != nil {
		return null, err
	}
	out := null
	err = st.matches(re, []rune(other.text), func(m *regexp2.Match) error {
		if g := m.GroupByNumber(group); len(g.Captures) > 0 {
			out = text(g.String())
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}
