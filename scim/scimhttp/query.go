package scimhttp

import (
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
	attributes, excluded string
}

// list answers a GET query.
func (c *call) list(types ...*scim.Type) (answer, error) {
	p := c.params
	return c.query(types, request{
		filter: p.Get("filter"), sortBy: p.Get("sortBy"), sortOrder: p.Get("sortOrder"),
		startIndex: p.Get("startIndex"), count: p.Get("count"),
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
	return c.query(types, request{
		filter: o.Text("filter"), sortBy: o.Text("sortBy"), sortOrder: o.Text("sortOrder"),
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
	types, err = searchable(types, q)
	if err != nil {
		return a, err
	}
	*c.buf = append(*c.buf, `{"schemas":["`+scim.ListURN+`"],"Resources":[`...)
	total, returned, start := 0, 0, q.StartIndex
	for _, t := range types {
		one := q
		one.Type = t.Name
		one.StartIndex = max(1, start-total)
		one.Count = q.Count - returned
		page, err := c.backend.List(c.r.Context(), one)
		if err != nil {
			return a, err
		}
		total += page.Total
		for i := range page.Resources {
			if returned > 0 {
				*c.buf = append(*c.buf, ',')
			}
			if err := c.render(t, &page.Resources[i], q.Want); err != nil {
				return a, err
			}
			returned++
		}
	}
	b := append(*c.buf, `],"totalResults":`...)
	b = strconv.AppendInt(b, int64(total), 10)
	b = append(b, `,"itemsPerPage":`...)
	b = strconv.AppendInt(b, int64(returned), 10)
	b = append(b, `,"startIndex":`...)
	b = strconv.AppendInt(b, int64(start), 10)
	*c.buf = append(b, '}')
	return answer{status: http.StatusOK}, nil
}

func (c *call) parse(r request) (q scim.Query, err error) {
	if q.StartIndex, err = integer("startIndex", r.startIndex, 1); err != nil {
		return q, err
	}
	if q.Count, err = integer("count", r.count, c.limits.PageSize); err != nil {
		return q, err
	}
	// "A value less than 1 SHALL be interpreted as 1", "a negative value SHALL be interpreted as 0" (RFC 7644 §3.4.2.4).
	q.StartIndex, q.Count = max(q.StartIndex, 1), min(max(q.Count, 0), c.limits.MaxPageSize)
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

// searchable returns the types that have the attributes of the filter. Of several types those that lack one cannot match; when
// none has them the filter is wrong.
func searchable(types []*scim.Type, q scim.Query) ([]*scim.Type, error) {
	var able []*scim.Type
	var wrong error
	for _, t := range types {
		if err := CheckQuery(t, q); err != nil {
			wrong = err
			continue
		}
		able = append(able, t)
	}
	if able == nil && wrong != nil {
		return nil, wrong
	}
	return able, nil
}

// CheckQuery reports an attribute in the filter or in sortBy that the type does not have, and an operator that its type does
// not allow: gt, ge, lt and le need an order, which booleans and binaries lack (RFC 7644 §3.4.2.2).
func CheckQuery(t *scim.Type, q scim.Query) error {
	if q.SortBy.Attr != "" {
		if _, ok := t.Attribute(q.SortBy); !ok {
			return scim.ErrInvalidPath("sortBy: " + q.SortBy.String() + " is not an attribute of " + t.Name)
		}
	}
	return checkFilter(t, q.Filter, filter.Path{})
}

// checkFilter checks an expression that stands in the brackets of outer, if outer has an attribute.
func checkFilter(t *scim.Type, e filter.Expr, outer filter.Path) error {
	switch e := e.(type) {
	case filter.And:
		return checkFilters(t, e, outer)
	case filter.Or:
		return checkFilters(t, e, outer)
	case filter.Not:
		return checkFilter(t, e.Expr, outer)
	case filter.ValuePath:
		return checkPath(t, e.Path, outer, "")
	case filter.Present:
		return checkPath(t, e.Path, outer, "")
	case filter.Compare:
		return checkPath(t, e.Path, outer, e.Op)
	}
	return nil
}

func checkFilters(t *scim.Type, list []filter.Expr, outer filter.Path) error {
	for _, e := range list {
		if err := checkFilter(t, e, outer); err != nil {
			return err
		}
	}
	return nil
}

func checkPath(t *scim.Type, p, outer filter.Path, op filter.Op) error {
	full := p
	if outer.Attr != "" {
		full = filter.Path{URN: outer.URN, Attr: outer.Attr, Sub: p.Attr}
	}
	if full.Attr == "" && op == "" {
		if _, ok := t.Canonical(full); ok {
			return nil // urn:…:User pr
		}
	}
	a, ok := t.Attribute(filter.Path{URN: full.URN, Attr: full.Attr, Sub: full.Sub})
	if !ok {
		return scim.ErrInvalidFilter(full.String() + " is not an attribute of " + t.Name)
	}
	if op.Ordered() && (a.Type == scim.Boolean || a.Type == scim.Binary) {
		return scim.ErrInvalidFilter("the operator " + string(op) + " does not apply to " + full.String())
	}
	if a.Returned == scim.ReturnedNever {
		return scim.ErrInvalidFilter(full.String() + " cannot be searched") // its value would leak, guess by guess
	}
	if p.Filter != nil {
		return checkFilter(t, p.Filter, filter.Path{URN: p.URN, Attr: p.Attr})
	}
	return nil
}
