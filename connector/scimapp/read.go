package scimapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

const defaultPage = 200

func (t *Target) listing(typ string, query url.Values, count int, page func(entries []entry, last bool) error) *listing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &listing{t: t, typ: typ, query: query, count: count, seen: map[string]bool{}, page: page, byCursor: t.cursor}
}

// listing is a walk over the pages of one list.
type listing struct {
	t      *Target
	typ    string
	query  url.Values
	count  int
	seen   map[string]bool // ids that were given out
	before int             // and how many before, by a pass that was broken off
	mark   string          // digest of the newest page
	page   func(entries []entry, last bool) error
	again  int // parts that could not be read, and are like one before or show nothing at all

	byCursor bool
	cursor   string // of the page that is asked for; "" is the first
	empty    int    // pages without anything, one after the other
	longest  int    // page so far
}

// maxEmpty is how many empty pages in a row are taken from an application that promises more.
const maxEmpty = 100

func (l *listing) run(ctx context.Context) error {
	for {
		body, fault := l.ask(ctx)
		if fault != nil && fault.code == lockstep.CodeTargetGone && l.given() == 0 && l.t.hasList(ctx, l.typ) {
			return nil // how some say that nobody was found
		}
		if fault != nil {
			return l.fail(fault)
		}
		found, err := l.t.entries(l.typ, body, l.given())
		if err != nil {
			return err
		}
		came, fresh := len(found), l.fresh(found)
		last, problem := l.judge(body, came, len(fresh))
		if problem != "" {
			return l.broken(problem)
		}
		if len(fresh) > 0 {
			if err := l.page(fresh, last); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// given is how many resources were given out, those that could not be read included.
func (l *listing) given() int { return l.before + len(l.seen) + l.again }

// entry is one of the Resources of a list: an object, or a part that could not be read.
type entry struct {
	connection.Object
	hidden *connection.Hidden
	blank  bool // hidden, and nothing is shown of it
}

// key is what tells an entry from others; "" is nothing.
func (e *entry) key() string {
	switch {
	case e.blank:
		return ""
	case e.hidden != nil:
		return "\x00" + e.hidden.Part
	}
	return e.ID
}

// split returns the objects among entries, and the parts that could not be read.
func split(all []entry) (objects []connection.Object, hidden []connection.Hidden) {
	for _, e := range all {
		if e.hidden != nil {
			hidden = append(hidden, *e.hidden)
		} else {
			objects = append(objects, e.Object)
		}
	}
	return objects, hidden
}

// ask asks for the page that is due: for ever shorter ones when they are too large to be read.
func (l *listing) ask(ctx context.Context) (page, *fault) {
	body, fault := l.askOnce(ctx)
	for fault != nil && fault.code == lockstep.CodeTargetTooLarge && l.count > 1 {
		l.count = max(1, l.count/8)
		body, fault = l.askOnce(ctx)
	}
	if fault == nil {
		l.t.sawList(l.typ)
	}
	return body, fault
}

func (l *listing) askOnce(ctx context.Context) (page, *fault) {
	l.query.Set("count", strconv.Itoa(l.count))
	if l.byCursor {
		l.query.Del("startIndex")
		l.query.Set("cursor", l.cursor)
	} else {
		l.query.Set("startIndex", strconv.Itoa(l.given()+1))
	}
	return l.t.list(ctx, l.t.endpoint(l.typ)+"?"+encode(l.query))
}

// fresh returns the objects that were not given out before: none of a page that is the one before it once more, which a pass that
// was broken off in between has not seen.
func (l *listing) fresh(found []entry) []entry {
	fresh := found[:0]
	before := l.mark
	if l.mark = digest(found); l.mark == before && len(found) > 0 {
		return fresh
	}
	for _, e := range found {
		key := e.key()
		if key == "" || !l.seen[key] {
			fresh = append(fresh, e)
		} else if e.hidden != nil { // the same is shown of another one, for all that anybody can tell
			l.again++
		}
		if key == "" {
			l.again++
		} else {
			l.seen[key] = true
		}
	}
	return fresh
}

// digest stands for the ids of a page, in any order.
func digest(page []entry) string {
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].key()
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, "\x00")))
	return hex.EncodeToString(sum[:8])
}

const samePage = "it sends the same page again and again"

// judge says of a page whether it is the last, or what is wrong with it.
func (l *listing) judge(body page, came, fresh int) (last bool, problem string) {
	total, next := int(number(body.Get("totalResults"))), body.Text("nextCursor")
	switch {
	case l.byCursor || next != "":
		return l.follow(came, fresh, total, next)
	case came > 0 && fresh == 0 && total <= came:
		return true, "" // it does not page: everything came at once
	case came > 0 && fresh == 0:
		return false, samePage
	case came == 0 && l.given() < total:
		return false, fmt.Sprintf("it stopped after %d of %d", l.given(), total)
	}
	return came == 0 || l.ended(came, total), ""
}

// follow is judge for a page by cursor, of which only the last comes without the cursor of the next (RFC 9865 §2). The total may
// have been counted long before, and some may have gone since; so it is believed when there is but one page, and when the last is
// as long as the longest, as if the list were broken off.
func (l *listing) follow(came, fresh, total int, next string) (last bool, problem string) {
	if l.empty++; came > 0 {
		l.empty = 0
	}
	l.longest = max(l.longest, came)
	switch {
	case came > 0 && fresh == 0, next != "" && next == l.cursor:
		return false, samePage
	case next == "" && l.given() < total && came >= l.longest && (came > 0 || l.cursor == ""):
		return false, fmt.Sprintf("it stopped after %d of %d", l.given(), total)
	case l.empty > maxEmpty:
		return false, fmt.Sprintf("it sends more than %d empty pages", maxEmpty)
	}
	l.byCursor, l.cursor = true, next
	return next == "", ""
}

// ended reports whether the page was the last. A total that is just what came is believed only when the page does not look
// like one that was cut off: some servers give the size of the page as the total.
func (l *listing) ended(came, total int) bool {
	if l.given() < total {
		return false
	}
	suspicious := total == came && (came >= l.count || came%50 == 0)
	return !suspicious && (total > 0 || came < l.count)
}

func (l *listing) fail(f *fault) error {
	if f.code == lockstep.CodeTargetGone {
		f.code, f.detail = lockstep.CodeTargetMalformed, "there is no such list at the address"
	}
	return f.error("list "+strings.ToLower(l.typ)+"s of", l.t.config.Name)
}

func (l *listing) broken(detail string) error {
	return (&fault{code: lockstep.CodeTargetMalformed, detail: detail}).error("list "+strings.ToLower(l.typ)+"s of", l.t.config.Name)
}

// number reads a count, which some servers send as text.
func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err == nil {
			return n
		}
	}
	return 0
}

// query starts a query of the type: members are never wanted in a list.
func query(typ string) url.Values {
	if typ == groupType {
		return url.Values{"excludedAttributes": {memberAttribute}}
	}
	return url.Values{}
}

// encode writes a query with %20 for blanks: not every server takes a plus sign for one.
func encode(q url.Values) string { return strings.ReplaceAll(q.Encode(), "+", "%20") }

// Find asks for the resources whose attribute equals one of the values. What the application returns beside them is dropped,
// since some ignore a filter that they do not understand.
func (t *Target) Find(ctx context.Context, typ, attribute string, values ...string) ([]connection.Object, error) {
	path, err := filter.ParsePath(attribute)
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: fmt.Sprintf("%q is not an attribute that can be searched", attribute), Err: err}
	}
	found, err := t.find(ctx, typ, path, values)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(o connection.Object) bool { return !matches(o, path, values) }), nil
}

func matches(o connection.Object, path filter.Path, values []string) bool {
	has := scim.Values(o.Values, path)
	if path.Is("id") {
		has = []any{o.ID}
	}
	for _, h := range has {
		if s, ok := h.(string); ok && slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, s) }) {
			return true
		}
	}
	return len(has) == 0 // it does not show the attribute: believe it
}

// find asks for the resources whose attribute equals one of the values. An answer that goes on although it has others in it is given
// up at once: whoever ignores a filter may have a million of them.
func (t *Target) find(ctx context.Context, typ string, attribute filter.Path, values []string) ([]connection.Object, error) {
	if len(values) == 0 {
		return nil, nil
	}
	terms := make([]string, len(values))
	for i, v := range values {
		terms[i] = attribute.String() + " eq " + filter.Quote(v)
	}
	unfiltered := func(detail string) error {
		return &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: fmt.Sprintf("search in %s: it lists %s, so it does not filter by that", t.config.Name, detail)}
	}
	var found []connection.Object
	q, most := query(typ), max(100, 4*len(values))
	q.Set("filter", strings.Join(terms, " or "))
	l := t.listing(typ, q, most, func(entries []entry, last bool) error {
		page := make([]connection.Object, len(entries)) // those that cannot be read, too: somebody is there
		for i := range entries {
			page[i] = entries[i].Object
		}
		found = append(found, page...)
		switch {
		case len(found) > most:
			return unfiltered(fmt.Sprintf("more than %d objects for %d values of %s", most, len(values), filter.Readable(attribute.String())))
		case !last && slices.ContainsFunc(page, func(o connection.Object) bool { return !matches(o, attribute, values) }):
			return unfiltered(fmt.Sprintf("objects with other values of %s, page after page", filter.Readable(attribute.String())))
		}
		return nil
	})
	err := l.run(ctx)
	return found, err
}

func (t *Target) sawList(typ string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lists == nil {
		t.lists = map[string]bool{}
	}
	t.lists[typ] = true
}

// hasList reports whether the application has a list of the type: some answer a search that finds nobody with 404, as if there
// were none.
func (t *Target) hasList(ctx context.Context, typ string) bool {
	t.mu.Lock()
	seen := t.lists[typ]
	t.mu.Unlock()
	if seen {
		return true
	}
	body, fault := t.list(ctx, t.endpoint(typ)+"?count=1")
	if fault != nil || !isList(body) {
		return false
	}
	t.sawList(typ)
	return true
}

// Get returns one object with the references that the application shows.
func (t *Target) Get(ctx context.Context, ref connection.Ref) (connection.Object, error) {
	body, fault := t.get(ctx, t.path(ref))
	if fault != nil {
		if fault.code == lockstep.CodeTargetGone {
			fault.code = lockstep.CodeNotFound
		}
		return connection.Object{}, fault.error("read "+strings.ToLower(ref.Type)+" "+ref.ID+" of", t.config.Name)
	}
	o := t.object(ref.Type, body)
	if o.ID == "" {
		o.ID = ref.ID
	}
	return o, nil
}

func (t *Target) path(ref connection.Ref) string {
	return t.endpoint(ref.Type) + "/" + url.PathEscape(ref.ID)
}

// entries reads a ListResponse that comes after so many other resources. What is no object with an id is a part that could not be read: nobody can tell who
// it is, so whoever is not listed may be it.
func (t *Target) entries(typ string, body page, before int) ([]entry, error) {
	if !isList(body) {
		return nil, &lockstep.Error{Code: lockstep.CodeTargetMalformed, Detail: fmt.Sprintf("list %ss of %s: its answer is not a list", strings.ToLower(typ), t.config.Name)}
	}
	out := make([]entry, 0, len(body.all))
	for i := range body.all {
		r := &body.all[i]
		name := fmt.Sprintf("number %d of the list of %ss", before+i+1, strings.ToLower(typ))
		if r.Err != nil {
			why := "cannot be read"
			if e, ok := errors.AsType[*scim.Error](r.Err); ok {
				why += ": " + e.Detail
			}
			out = append(out, entry{Object: connection.Object{Name: name}, hidden: unreadable(name, lockstep.CodeTargetMalformed, why, r.Text), blank: r.Text == "null"})
			continue
		}
		e := entry{Object: t.object(typ, r.Resource)}
		if e.ID == "" {
			e.Name = or(e.Name, name)
			e.hidden = unreadable(e.Name, lockstep.CodeTargetID, connection.CheckID(""), string(scim.AppendJSON(nil, e.Values)))
			e.blank = len(e.Values) == 0
		}
		out = append(out, e)
	}
	return out, nil
}

// unreadable is an entry that cannot be read. Text is all that is shown of it.
func unreadable(name string, code lockstep.Code, why, text string) *connection.Hidden {
	sum := sha256.Sum256([]byte(text))
	return &connection.Hidden{Name: name, Most: 1, Err: &lockstep.Error{Code: code, Detail: name + " " + why}, Part: hex.EncodeToString(sum[:16])}
}

// isList reports whether the answer is a ListResponse. Empty lists are dropped on decoding, so Resources may be missing.
func isList(body page) bool {
	schemas, _ := body.Get("schemas").(scim.List)
	return body.has || body.Has("totalResults") || slices.Contains(schemas, any(scim.ListURN))
}

// object splits a resource into values and references. It takes the resource over.
func (t *Target) object(typ string, r scim.Object) connection.Object {
	o := connection.Object{Ref: connection.Ref{Type: typ, ID: text(r.Get("id"))}, Enabled: enabled(r.Get("active"))}
	if meta, ok := r.Get("meta").(scim.Object); ok {
		o.Version = text(meta.Get("version"))
	}
	if typ == groupType {
		o.References = memberEdges(r.Get(memberAttribute))
	} else {
		o.References = takeManager(&r)
	}
	for _, name := range []string{"id", "meta", "schemas", "groups", memberAttribute} {
		if name != "groups" || typ == userType {
			r.Delete(name)
		}
	}
	o.Values = r
	o.Name = or(r.Text("userName"), or(r.Text("displayName"), o.ID))
	return o
}

// takeManager removes the manager from the enterprise extension, in any of the forms that servers use, and returns the edge.
func takeManager(r *scim.Object) []connection.Reference {
	urn := scim.EnterpriseUserURN
	ext, _ := r.Get(urn).(scim.Object)
	id := ""
	switch m := ext.Get(managerAttribute).(type) {
	case scim.Object:
		id = text(m.Get("value"))
	case string:
		id = m
	}
	if ext.Has(managerAttribute) {
		ext.Delete(managerAttribute)
		r.Set(urn, ext)
	}
	if id == "" {
		return nil
	}
	return []connection.Reference{{Attribute: managerAttribute, To: connection.Ref{Type: userType, ID: id}}}
}

func memberEdges(v any) []connection.Reference {
	list, _ := v.(scim.List)
	var edges []connection.Reference
	for _, e := range list {
		to := connection.Ref{Type: userType}
		switch m := e.(type) {
		case scim.Object:
			to.ID = text(m.Get("value"))
			if strings.EqualFold(m.Text("type"), groupType) {
				to.Type = groupType
			}
		case string:
			to.ID = m
		}
		if to.ID != "" {
			edges = append(edges, connection.Reference{Attribute: memberAttribute, To: to})
		}
	}
	return edges
}

// text reads what should be text; some servers use numbers as ids.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// enabled reads active, which some servers send as text. Without it the object is enabled.
func enabled(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return !strings.EqualFold(v, "false")
	}
	return true
}
