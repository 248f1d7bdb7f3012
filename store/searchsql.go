package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"lockstep/directory"
	"lockstep/scim/filter"
)

// condition is a filter, or part of one, in SQL. Every record that the filter matches fulfils text; with exact, no other does.
// A text of "" is fulfilled by all.
type condition struct {
	text  string
	exact bool
}

// translator turns a filter into a condition. It answers what an index serves and leaves the rest to the matcher.
type translator struct {
	kind directory.Kind
	args []any // the first is the tenant

	// relations are the conditions on memberships, which the matcher cannot know: the i-th is the attribute relation(i) of
	// the object that it gets.
	relations []string

	indexes map[directory.Kind][]*extensionIndex // of the tenant's extensions
	indexed bool                                 // one of them is used
}

func (t *translator) arg(v any) string {
	t.args = append(t.args, v)
	return "$" + strconv.Itoa(len(t.args))
}

// relation is the name under which the matcher finds the truth of a condition on memberships. No schema has such a name.
func relation(i int) string { return "$" + strconv.Itoa(i) }

// composed returns the filter with its texts composed (NFC), as what it is compared with is, and with the conditions on
// memberships replaced by comparisons of a relation.
func (t *translator) composed(e filter.Expr) (filter.Expr, error) {
	switch e := e.(type) {
	case filter.And:
		list, err := t.all(e)
		return filter.And(list), err
	case filter.Or:
		list, err := t.all(e)
		return filter.Or(list), err
	case filter.Not:
		inner, err := t.composed(e.Expr)
		return filter.Not{Expr: inner}, err
	}
	if related, text, err := t.related(e); related || err != nil {
		t.relations = append(t.relations, text)
		return filter.Compare{Path: filter.Path{Attr: relation(len(t.relations) - 1)}, Op: filter.Eq, Value: true}, err
	}
	return compose(e), nil
}

func (t *translator) all(list []filter.Expr) ([]filter.Expr, error) {
	out := make([]filter.Expr, len(list))
	for i, e := range list {
		var err error
		if out[i], err = t.composed(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compose composes the texts of a filter that has no condition on memberships.
func compose(e filter.Expr) filter.Expr {
	switch e := e.(type) {
	case filter.And:
		return filter.And(composeAll(e))
	case filter.Or:
		return filter.Or(composeAll(e))
	case filter.Not:
		return filter.Not{Expr: compose(e.Expr)}
	case filter.Compare:
		if s, ok := e.Value.(string); ok {
			e.Value = norm.NFC.String(s)
		}
		e.Path = composePath(e.Path)
		return e
	case filter.Present:
		e.Path = composePath(e.Path)
		return e
	case filter.ValuePath:
		e.Path = composePath(e.Path)
		return e
	}
	return e
}

func composeAll(list []filter.Expr) []filter.Expr {
	out := make([]filter.Expr, len(list))
	for i, e := range list {
		out[i] = compose(e)
	}
	return out
}

func composePath(p filter.Path) filter.Path {
	if p.Filter != nil {
		p.Filter = compose(p.Filter)
	}
	return p
}

// related returns the SQL of a condition on members or groups: whether one has a value, or whether there is any.
func (t *translator) related(e filter.Expr) (is bool, text string, err error) {
	var p filter.Path
	var with filter.Expr // the condition on one of them; nil is any
	switch e := e.(type) {
	case filter.Compare:
		p = e.Path
		if p.Filter == nil {
			with = filter.Compare{Path: filter.Path{Attr: p.Sub}, Op: e.Op, Value: e.Value}
		}
		if e.Value == nil {
			with = nil
		}
	case filter.Present:
		p = e.Path
	case filter.ValuePath:
		p, with = e.Path, e.Path.Filter
	}
	if p.URN != "" || p.Attr != "members" && p.Attr != "groups" {
		return false, "", nil
	}
	from := "u.id IN (SELECT m.id FROM member m JOIN groups g ON g.tenant = m.tenant AND g.id = m.group_id AND g.deleted = 0 WHERE m.tenant = $1"
	if p.Attr == "members" {
		from = "u.id IN (SELECT m.group_id FROM member m WHERE m.tenant = $1 AND (EXISTS (SELECT 1 FROM users v WHERE v.tenant = m.tenant AND v.id = m.id AND v.deleted = 0)" +
			" OR EXISTS (SELECT 1 FROM groups v WHERE v.tenant = m.tenant AND v.id = m.id AND v.deleted = 0))"
	}
	switch c, ok := with.(filter.Compare); {
	case with == nil && p.Filter == nil && (p.Sub == "" || p.Sub == "value"):
		if c, is := e.(filter.Compare); is && c.Op == filter.Eq {
			return true, "NOT " + from + ")", nil
		}
		return true, from + ")", nil
	case ok && c.Path.Is("value") && c.Op == filter.Eq:
		if id, ok := c.Value.(string); ok {
			column := map[string]string{"members": "m.id", "groups": "m.group_id"}[p.Attr]
			return true, from + " AND " + column + " = " + t.arg(id) + ")", nil
		}
	}
	return true, "", invalid("The attribute %s can be searched by value with eq only.", p.Attr)
}

// expr returns the condition for a composed filter.
func (t *translator) expr(e filter.Expr) condition {
	switch e := e.(type) {
	case filter.And:
		return t.and(e)
	case filter.Or:
		return t.or(e)
	case filter.Not:
		if c := t.expr(e.Expr); c.exact {
			return condition{"NOT (" + c.text + ")", true}
		}
	case filter.Compare:
		if i, ok := relationNumber(e.Path.Attr); ok {
			return condition{t.relations[i], true}
		}
		return t.compare(e)
	case filter.Present:
		return t.present(e.Path)
	case filter.ValuePath:
		return t.within(e.Path)
	}
	return condition{}
}

func relationNumber(attr string) (int, bool) {
	digits, ok := strings.CutPrefix(attr, "$")
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(digits) // $ref is none
	return i, err == nil
}

func (t *translator) and(list filter.And) condition {
	var parts []string
	exact := true
	for _, e := range list {
		c := t.expr(e)
		exact = exact && c.exact
		if c.text != "" {
			parts = append(parts, "("+c.text+")")
		}
	}
	return condition{strings.Join(parts, " AND "), exact}
}

func (t *translator) or(list filter.Or) condition {
	parts := make([]string, len(list))
	exact := true
	for i, e := range list {
		c := t.expr(e)
		if c.text == "" {
			return condition{}
		}
		exact = exact && c.exact
		parts[i] = "(" + c.text + ")"
	}
	return condition{strings.Join(parts, " OR "), exact}
}

// always is fulfilled by every record.
const always = "0 = 0"

func (t *translator) present(p filter.Path) condition {
	if p.Filter != nil {
		return condition{}
	}
	switch p.String() {
	case "id", "meta", "meta.created", "meta.lastModified", "meta.resourceType":
		return condition{always, true}
	case "externalId":
		return condition{"u.external_id <> ''", true}
	}
	if x := t.index(p); x != nil {
		return condition{t.entries(x) + ")", true}
	}
	if t.kind == directory.GroupKind {
		return condition{}
	}
	if from, ok := t.values(p); ok {
		return condition{from + ")", true}
	}
	if p.String() == "active" {
		return condition{always, true}
	}
	return condition{}
}

// values returns the beginning of a condition on the values of an attribute of users that has rows of its own.
func (t *translator) values(p filter.Path) (from string, ok bool) {
	if p.Sub == "value" && p.Attr == "emails" {
		return "u.id IN (SELECT x.user_id FROM user_email x WHERE x.tenant = $1", true
	}
	p.Filter = nil
	name, ok := searched[p.String()]
	return "u.id IN (SELECT x.user_id FROM user_value x WHERE x.tenant = $1 AND x.attribute = '" + name + "'", ok
}

// within finds a comparison with eq or sw that every value must fulfil: emails[type eq "work" and value eq "x"].
func (t *translator) within(p filter.Path) condition {
	list, ok := p.Filter.(filter.And)
	if !ok {
		list = filter.And{p.Filter}
	}
	for _, e := range list {
		c, ok := e.(filter.Compare)
		if !ok || !c.Path.Is("value") {
			continue
		}
		c.Path = filter.Path{URN: p.URN, Attr: p.Attr, Sub: "value"}
		if found := t.compare(c); found.text != "" {
			return condition{found.text, false}
		}
	}
	return condition{}
}

func (t *translator) compare(e filter.Compare) condition {
	filtered := e.Path.Filter != nil
	e.Path.Filter = nil
	c := t.compareColumn(e)
	if filtered {
		if e.Op == filter.Ne {
			return condition{}
		}
		c.exact = false
	}
	return c
}

func (t *translator) compareColumn(e filter.Compare) condition {
	if c := t.extension(e.Path, e.Op, e.Value); c.text != "" {
		return c
	}
	if b, ok := e.Value.(bool); ok && t.kind == directory.UserKind && e.Path.String() == "active" && (e.Op == filter.Eq || e.Op == filter.Ne) {
		return condition{"u.active = " + strings.ToUpper(strconv.FormatBool(b == (e.Op == filter.Eq))), true}
	}
	want, ok := e.Value.(string)
	if !ok {
		return condition{}
	}
	switch e.Path.String() {
	case "id":
		return t.text("u.id", e.Op, want, true)
	case "meta.created":
		return t.time("u.created", e.Op, want)
	case "meta.lastModified":
		return t.time("u.modified", e.Op, want)
	case "externalId":
		return t.key("u.external_id", e.Op, want)
	}
	if t.kind == directory.GroupKind {
		if e.Path.String() == "displayName" {
			return t.text("u.name", e.Op, filter.Fold(want), true)
		}
		return condition{}
	}
	switch e.Path.String() {
	case "userName":
		return t.text("u.user_name", e.Op, filter.Fold(want), true)
	case enterprise + ":manager.value":
		return t.key("u.manager", e.Op, want)
	}
	from, ok := t.values(e.Path)
	want = filter.Fold(want)
	short := len(want) <= valueSize-4 // else it may have been cut
	if !ok || want == "" || !short {
		return condition{}
	}
	c := t.text("x.value", e.Op, want, false)
	if e.Path.Attr == "emails" {
		c.text = strings.ReplaceAll(c.text, "x.value", "x.email")
	}
	if c.text == "" {
		return c
	}
	return condition{from + " AND " + c.text + ")", true}
}

// text compares a column of text. whole says that every record has exactly one value in the column; else empty values have no
// row, and records without a value are not seen.
func (t *translator) text(column string, op filter.Op, want string, whole bool) condition {
	switch op {
	case filter.Eq, filter.Gt, filter.Ge:
		sign := map[filter.Op]string{filter.Eq: " = ", filter.Gt: " > ", filter.Ge: " >= "}[op]
		return condition{column + sign + t.arg(want), true}
	case filter.Sw:
		if next, ok := successor(want); ok {
			return condition{column + " >= " + t.arg(want) + " AND " + column + " < " + t.arg(next), true}
		}
		return condition{column + " >= " + t.arg(want), true}
	case filter.Ne, filter.Lt, filter.Le:
		if whole {
			sign := map[filter.Op]string{filter.Ne: " <> ", filter.Lt: " < ", filter.Le: " <= "}[op]
			return condition{column + sign + t.arg(want), true}
		}
	}
	return condition{}
}

// key compares a column that holds a case-exact text as it came, in whatever composition.
func (t *translator) key(column string, op filter.Op, want string) condition {
	if op != filter.Eq || want == "" || !ascii(want) {
		return condition{}
	}
	return condition{column + " = " + t.arg(want) + " AND " + column + " <> ''", true}
}

// time compares a column of milliseconds.
func (t *translator) time(column string, op filter.Op, want string) condition {
	at, err := time.Parse(time.RFC3339, want)
	if err != nil {
		return condition{}
	}
	floor := at.UnixMilli()
	whole := at.Equal(time.UnixMilli(floor))
	ceil := floor
	if !whole {
		ceil++
	}
	switch op {
	case filter.Gt, filter.Le:
		return condition{column + map[filter.Op]string{filter.Gt: " > ", filter.Le: " <= "}[op] + t.arg(floor), true}
	case filter.Ge, filter.Lt:
		return condition{column + map[filter.Op]string{filter.Ge: " >= ", filter.Lt: " < "}[op] + t.arg(ceil), true}
	case filter.Eq, filter.Ne:
		if whole {
			return condition{column + map[filter.Op]string{filter.Eq: " = ", filter.Ne: " <> "}[op] + t.arg(floor), true}
		}
	}
	return condition{}
}

// order is how a search is sorted by the database: the column and whether it can be.
func (t *translator) order(by filter.Path) (column string, ok bool) {
	switch name := by.String(); {
	case name == "" || name == "id":
		return "u.id", true
	case name == "meta.lastModified":
		return "u.modified", true
	case name == "userName" && t.kind == directory.UserKind:
		return "u.user_name", true
	case name == "displayName" && t.kind == directory.GroupKind:
		return "u.name", true
	}
	return "", false
}

// from is the table of the kind with the conditions that every search has.
func (t *translator) from() string {
	table := "users"
	if t.kind == directory.GroupKind {
		table = "groups"
	}
	return fmt.Sprintf(" FROM %s u WHERE u.tenant = $1 AND u.deleted = 0", table)
}

// columns are what scanRecord reads.
func (t *translator) columns() string {
	if t.kind == directory.GroupKind {
		return "u.id, u.version, TRUE, u.created, u.modified, u.doc"
	}
	return "u.id, u.version, u.active, u.created, u.modified, u.doc"
}
