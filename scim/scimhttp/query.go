package scimhttp

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// request holds the parameters of a query, from the query string or from a SearchRequest (RFC 7644 §3.4.2 and §3.4.3).
type request struct {
	filter               string
	sortBy, sortOrder    string
	startIndex, count    string // "" when not given
	byCursor             bool   // a cursor was given, perhaps an empty one (RFC 9865 §2)
	cursor               string
	attributes, excluded string
}

// list answers a GET query.
func (c *call) list(types ...*scim.Type) (answer, error) {
	p := c.params
	return c.query(types, request{
		filter: p.Get("filter"), sortBy: p.Get("sortBy"), sortOrder: p.Get("sortOrder"),
		startIndex: p.Get("startIndex"), count: p.Get("count"), byCursor: p.Has("cursor"), cursor: p.Get("cursor"),
		attributes: p.Get("attributes"), excluded: p.Get("excludedAttributes"),
	})
}

// search answers a POST to /.search.
func (c *call) search(types ...*scim.Type) (answer, error) {
	body, err := c.body(c.limits.Body)
	if err != nil {
		return answer{}, err
	}
	o, err := scim.DecodeObject(body)
	if err != nil {
		return answer{}, err
	}
	cursor := o.Get("cursor")
	if _, ok := cursor.(string); !ok && cursor != nil {
		return answer{}, scim.ErrInvalidCursor()
	}
	return c.query(types, request{
		filter: o.Text("filter"), sortBy: o.Text("sortBy"), sortOrder: o.Text("sortOrder"),
		byCursor: cursor != nil, cursor: o.Text("cursor"),
		startIndex: numberText(o.Get("startIndex")), count: numberText(o.Get("count")),
		attributes: listText(o.Get("attributes")), excluded: listText(o.Get("excludedAttributes")),
	})
}

func numberText(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return v
	case nil:
		return ""
	}
	return "?"
}

func listText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case scim.List:
		names := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				names = append(names, s)
			}
		}
		return strings.Join(names, ",")
	}
	return ""
}

// query answers with the page of the types, one after the other, that the request asks for.
func (c *call) query(types []*scim.Type, r request) (a answer, err error) {
	q, err := c.parse(r)
	if err != nil {
		return a, err
	}
	able, err := targets(types, q)
	if err != nil {
		return a, err
	}
	if r.byCursor {
		l, found, err := c.byCursor(able, q.Count, r.cursor)
		if err != nil {
			return a, err
		}
		return c.sendList(l, found, q.Want)
	}
	var found []result
	l := scim.ListResponse{StartIndex: q.StartIndex}
	for _, t := range able {
		one := t.query
		one.StartIndex = max(1, q.StartIndex-l.Total)
		one.Count = q.Count - len(found)
		page, err := c.backend.List(c.r.Context(), one)
		if err != nil {
			return a, err
		}
		l.Total += page.Total
		found = append(found, results(t.typ, page)...)
	}
	return c.sendList(l, found, q.Want)
}

func (c *call) sendList(l scim.ListResponse, found []result, want *scim.Projection) (a answer, err error) {
	l.Items = len(found)
	*c.buf = scim.AppendList(*c.buf, l, func(dst []byte, i int) []byte {
		dst, wrong := c.render(dst, found[i].typ, found[i].res, want)
		err = errors.Join(err, wrong)
		return dst
	})
	return answer{status: http.StatusOK}, err
}

// result is a resource that was found, with its type.
type result struct {
	typ *scim.Type
	res *scim.Resource
}

func results(t *scim.Type, page scim.Page) []result {
	list := make([]result, len(page.Resources))
	for i := range page.Resources {
		list[i] = result{t, &page.Resources[i]}
	}
	return list
}

// paging reads startIndex and count. "A value less than 1 SHALL be interpreted as 1", "a negative value SHALL be interpreted as 0"
// (RFC 7644 §3.4.2.4, RFC 9865 §2).
func (c *call) paging(r request) (q scim.Query, err error) {
	if q.Count, err = integer("count", r.count, c.limits.PageSize); err != nil && r.byCursor {
		return q, scim.ErrInvalidCount("count must be a whole number")
	}
	if err != nil {
		return q, err
	}
	q.Count = min(max(q.Count, 0), c.limits.MaxPageSize)
	switch {
	case !r.byCursor:
		q.StartIndex, err = integer("startIndex", r.startIndex, 1)
		q.StartIndex = max(q.StartIndex, 1)
	case r.startIndex != "":
		err = scim.ErrInvalidValue("startIndex and cursor are two ways of paging: send one of them")
	}
	return q, err
}

func (c *call) parse(r request) (q scim.Query, err error) {
	if q, err = c.paging(r); err != nil {
		return q, err
	}
	if q.Want, err = c.projection(r.attributes, r.excluded); err != nil {
		return q, err
	}
	if strings.TrimSpace(r.filter) != "" {
		if q.Filter, err = (filter.Parser{Unquoted: true}).Parse(r.filter); err != nil {
			return q, scim.ErrInvalidFilter(err.Error())
		}
	}
	if r.sortBy != "" {
		if q.SortBy, err = filter.ParsePath(r.sortBy); err != nil {
			return q, scim.ErrInvalidPath("sortBy: " + err.Error())
		}
	}
	switch strings.ToLower(r.sortOrder) {
	case "", "ascending":
	case "descending":
		q.Descending = true
	default:
		return q, scim.ErrInvalidValue("sortOrder must be ascending or descending")
	}
	return q, nil
}

func integer(name, text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, scim.ErrInvalidValue(name + " must be a whole number")
	}
	return int(n), nil
}

// target is a type with the query as it applies to it.
type target struct {
	typ   *scim.Type
	query scim.Query
}

// targets returns the types that have the attributes of the filter. Of several types those that lack one cannot match; when
// none has them the filter is wrong.
func targets(types []*scim.Type, q scim.Query) (able []target, err error) {
	for _, t := range types {
		one, wrong := forType(t, q)
		if wrong != nil {
			err = wrong
			continue
		}
		able = append(able, target{t, one})
	}
	if able != nil {
		err = nil
	}
	return able, err
}

// forType checks the query against the type and spells its paths as the schema does.
func forType(t *scim.Type, q scim.Query) (scim.Query, error) {
	q.Type = t.Name
	if q.SortBy.Attr != "" {
		path, ok := t.Canonical(q.SortBy)
		if !ok || path.Filter != nil {
			return q, scim.ErrInvalidPath("sortBy: " + q.SortBy.String() + " is not an attribute of " + t.Name)
		}
		q.SortBy = path
	}
	if q.Filter == nil {
		return q, nil
	}
	canonical, err := t.Filter(q.Filter)
	q.Filter = canonical
	return q, err
}
