package hostile

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func (t *Target) pageSize() int {
	if t.Quirks.PageSize > 0 {
		return t.Quirks.PageSize
	}
	return 100
}

// list answers a query of RFC 7644 §3.4.2.
func (t *Target) list(q *request, now time.Time) answer {
	kind, query := q.parts[0], q.URL.Query()
	var found []*object
	var clauses []clause
	text := query.Get("filter")
	if text != "" {
		var refused *answer
		if clauses, refused = t.filter(text); refused != nil {
			return *refused
		}
	}
	for _, o := range t.shelf(kind).order {
		switch {
		case o.Ghost, !o.Shown && now.Sub(o.Made) < t.Quirks.LateListing:
		case text == "" && t.Quirks.HideBlocked && o.Doc["active"] == false:
		case text == "" || t.Quirks.IgnoreFilters || t.match(o, clauses):
			found = append(found, o)
		}
	}
	if text != "" && len(found) == 0 && t.Quirks.NotFoundFilter {
		return fail(http.StatusNotFound, "", "nobody is like that")
	}
	return answer{status: http.StatusOK, body: t.page(kind, found, number(query.Get("startIndex"), 1), number(query.Get("count"), t.pageSize()), text == "", query.Get("excludedAttributes"))}
}

func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// page makes a ListResponse of a stretch of what was found.
func (t *Target) page(kind string, found []*object, start, count int, whole bool, excluded string) map[string]any {
	q := t.Quirks
	count = min(count, t.pageSize())
	if whole && q.WholeList {
		start, count = 1, len(found)
	}
	if whole && q.Repeats {
		start = 1
	}
	from := min(start-1, len(found))
	to := min(from+count, len(found))
	list := []any{}
	for _, o := range found[from:to] {
		shown := t.show(kind, o)
		for name := range strings.SplitSeq(excluded, ",") {
			delete(shown, strings.TrimSpace(name))
		}
		if q.Ballast > 0 {
			shown["urn:example:ballast"] = map[string]any{"text": strings.Repeat("ballast ", q.Ballast/8)}
		}
		list = append(list, shown)
	}
	total := len(found)
	if whole && q.Endless == StrangersForever {
		for i := len(list); i < count; i++ {
			list = append(list, stranger(kind, start+i))
		}
	}
	if whole && q.Endless != Ends {
		total = 1 << 30
	}
	body := map[string]any{"schemas": []any{listURN}, "startIndex": start, "itemsPerPage": len(list), "Resources": list}
	switch q.Total {
	case PageTotal:
		total = len(list)
	case ZeroTotal:
		total = 0
	case OneTooMany:
		total++
	}
	body["totalResults"] = total
	if q.Total == TextTotal {
		body["totalResults"] = strconv.Itoa(total)
	}
	return body
}

// stranger is an object that was made up for an endless list.
func stranger(kind string, n int) map[string]any {
	name := fmt.Sprintf("stranger%d@elsewhere.example", n)
	return map[string]any{"id": fmt.Sprintf("x%08d", n), naming(kind): name, "displayName": name}
}

// clause is one comparison of a filter.
type clause struct{ attribute, value string }

// comparison reads `attribute eq "value"`; the value is JSON.
var comparison = regexp.MustCompile(`^\s*([A-Za-z][\w.:$-]*)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*")\s*$`)

// alternatives cuts a filter at its `or`s, outside of quotes.
func alternatives(s string) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && i+4 <= len(s) && strings.EqualFold(s[i:i+4], " or "):
			parts = append(parts, s[start:i])
			start = i + 4
		}
	}
	return append(parts, s[start:])
}

// filter reads a filter: comparisons with eq, joined by or.
func (t *Target) filter(s string) ([]clause, *answer) {
	refuse := func(detail string) *answer {
		a := fail(http.StatusBadRequest, "invalidFilter", detail)
		return &a
	}
	if t.Quirks.IgnoreFilters {
		return nil, nil
	}
	if t.Quirks.RefuseFilters || t.Quirks.NoFilters {
		return nil, refuse("filters are not supported")
	}
	parts := alternatives(s)
	if t.Quirks.EqOnly && len(parts) > 1 {
		return nil, refuse("only attribute eq value is supported")
	}
	var clauses []clause
	for _, p := range parts {
		m := comparison.FindStringSubmatch(p)
		if m == nil {
			return nil, refuse("what does " + p + " mean?")
		}
		value, err := strconv.Unquote(m[2])
		if err != nil {
			return nil, refuse(err.Error())
		}
		clauses = append(clauses, clause{m[1], value})
	}
	return clauses, nil
}

// match reports whether an object meets one of the clauses.
func (t *Target) match(o *object, clauses []clause) bool {
	for _, c := range clauses {
		for _, v := range values(o, c.attribute) {
			if v == c.value || !t.Quirks.CaseExact && fold(v) == fold(c.value) {
				return true
			}
		}
	}
	return false
}

// values are the texts of an attribute: name, name.sub, or one of an extension.
func values(o *object, attribute string) []string {
	if attribute == "id" {
		return []string{o.ID}
	}
	doc := o.Doc
	for urn, ext := range o.Doc {
		rest, is := strings.CutPrefix(attribute, urn+":")
		if m, isMap := ext.(map[string]any); is && isMap && strings.HasPrefix(urn, "urn:") {
			doc, attribute = m, rest
		}
	}
	attribute = strings.TrimPrefix(strings.TrimPrefix(attribute, userURN+":"), groupURN+":")
	name, sub, _ := strings.Cut(attribute, ".")
	var out []string
	collect := func(v any) {
		if m, ok := v.(map[string]any); ok {
			v = m[sub]
			if sub == "" {
				v = m["value"]
			}
		}
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	switch v := doc[name].(type) {
	case []any:
		for _, e := range v {
			collect(e)
		}
	default:
		collect(v)
	}
	return out
}
