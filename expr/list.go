package expr

import "strings"

func count(_ *state, a []val) (val, error) { return integer(int64(a[0].count())), nil }

func item(st *state, a []val) (val, error) {
	n, err := argument(st, a[1], "index")
	switch {
	case err != nil:
		return null, err
	case n < 1:
		return null, failf("index counts from 1, found %d", n)
	case n > a[0].count():
		return null, nil
	}
	return text(a[0].at(n - 1)), nil
}

// join skips what is null or empty.
func join(st *state, a []val) (val, error) {
	separator, total, n := a[0].text, 0, 0
	for _, v := range a[1:] {
		for i := range v.count() {
			if s := v.at(i); s != "" {
				total += len(s) + len(separator)
				n++
				if err := st.room(total - len(separator)); err != nil {
					return null, err
				}
			}
		}
	}
	if n == 0 {
		return text(""), nil
	}
	var b strings.Builder
	b.Grow(total - len(separator))
	for _, v := range a[1:] {
		for i := range v.count() {
			s := v.at(i)
			if s == "" {
				continue
			}
			if b.Len() > 0 {
				b.WriteString(separator)
			}
			b.WriteString(s)
		}
	}
	return text(b.String()), nil
}

func removeDuplicates(_ *state, a []val) (val, error) {
	if a[0].list == nil {
		return a[0], nil
	}
	seen := make(map[string]bool, len(a[0].list))
	out := make([]string, 0, len(a[0].list))
	for _, s := range a[0].list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return values(out), nil
}

// split keeps empty parts, so that Item finds the others where they were.
func split(st *state, a []val) (val, error) {
	var out []string
	total := 0
	for i := range a[0].count() {
		s, delimiter := a[0].at(i), a[1].text
		parts := 1
		if delimiter != "" {
			parts += strings.Count(s, delimiter)
		}
		if total += len(s) + perElement*parts; total > 0 {
			if err := st.room(total); err != nil {
				return null, err
			}
		}
		if delimiter == "" {
			out = append(out, strings.TrimSpace(s))
			continue
		}
		for part := range strings.SplitSeq(s, delimiter) {
			out = append(out, strings.TrimSpace(part))
		}
	}
	return values(out), nil
}
