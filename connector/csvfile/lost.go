package csvfile

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"lockstep/scim/filter"
)

// still refuses a header that has lost a column which is asked for and was there when the files were read before: a heading that was
// misspelt, or an export that was changed, would take everybody's value away. Nothing is read then. It is accepted when somebody asks
// for everything to be read, or when other columns are asked for.
func (p *pass) still(l layout, err error) (layout, error) {
	if err != nil {
		return l, err
	}
	p.columns = l.asked(p.wanted)
	if p.request.Whole {
		return l, nil
	}
	var lost []string
	for _, c := range p.since.columns {
		if !slices.Contains(p.columns, c) {
			lost = append(lost, filter.Readable(c))
		}
	}
	if len(lost) > 0 {
		return l, malformedHeader(fmt.Sprintf("Its header no longer has a column for %s, which the file that was read before had, so nothing is read and every value stays. It has %s. "+
			"Name the column as before, or keep its heading above empty cells when nobody has a value. If it is meant, remove the mapping, or read everything again.",
			quoteAll(lost), quoteAll(l.header)))
	}
	return l, nil
}

// asked returns the columns that are asked for by the attributes they are, in order; nil when everything is asked for.
func (l *layout) asked(w wanted) []string {
	if len(w) == 0 {
		return nil
	}
	var all []string
	for _, c := range l.values {
		if slices.ContainsFunc(w[filter.Fold(c.path.Attr)], func(p filter.Path) bool { return filter.Fold(p.URN) == filter.Fold(c.path.URN) }) {
			all = append(all, filter.Fold(c.path.String()))
		}
	}
	for _, i := range []int{l.active, l.reference} {
		if i >= 0 {
			all = append(all, filter.Fold(l.header[i]))
		}
	}
	slices.Sort(all)
	return all
}

// columnMark writes columns behind the settings of a mark.
func columnMark(columns []string) string {
	var b strings.Builder
	for _, c := range columns {
		b.WriteString("!" + url.QueryEscape(c))
	}
	return b.String()
}

// cutColumns reads what columnMark has written.
func cutColumns(s string) (settings string, columns []string) {
	parts := strings.Split(s, "!")
	for _, p := range parts[1:] {
		if c, err := url.QueryUnescape(p); err == nil {
			columns = append(columns, c)
		}
	}
	return parts[0], columns
}
