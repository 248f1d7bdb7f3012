package scim

import (
	"slices"
	"strconv"
	"strings"
)

// BulkRequest is a list of operations sent at once (RFC 7644 §3.7).
type BulkRequest struct {
	FailOnErrors int // the number of errors after which to stop; 0 is never
	Operations   []BulkOperation
}

// BulkOperation is one operation of a BulkRequest.
type BulkOperation struct {
	Method  string // POST, PUT, PATCH or DELETE
	Path    string // relative to the base URL: /Users, /Users/id
	BulkID  string // the client's name for it; every POST has one
	Version string // expected version, as in If-Match; "" is any
	body    Object // as sent, with what is empty
}

// NewBulkOperation returns an operation for a request to be sent. The body of a PATCH is that of Patch.Object; a DELETE has
// none.
func NewBulkOperation(method, path, bulkID string, body Object) BulkOperation {
	return BulkOperation{Method: method, Path: path, BulkID: bulkID, body: body}
}

// ParseBulk reads the body of a bulk request. Names and methods may have any case; data may be an object or, as Webex
// documents it, an object written as a JSON string.
//
// The error is an *Error: 413 that names the limit exceeded, invalidSyntax when an operation lacks what its method needs, or
// invalidValue when a bulkId occurs twice.
func ParseBulk(data []byte, limits Limits) (BulkRequest, error) {
	if err := limits.check(len(data), 16<<20); err != nil {
		return BulkRequest{}, err
	}
	o, err := decode(data, true)
	if err != nil {
		return BulkRequest{}, err
	}
	list, ok := o.Get("Operations").(List)
	if !ok {
		return BulkRequest{}, ErrInvalidSyntax("the body has no list Operations")
	}
	if max := limits.operations(); len(list) > max {
		return BulkRequest{}, ErrTooLarge("more than " + strconv.Itoa(max) + " operations (maxOperations)")
	}
	r := BulkRequest{Operations: make([]BulkOperation, len(list))}
	if r.FailOnErrors, err = failOnErrors(o.Get("failOnErrors")); err != nil {
		return BulkRequest{}, err
	}
	seen := make(map[string]bool, len(list))
	for i, e := range list {
		op, err := parseBulkOperation(e)
		if err == nil && op.BulkID != "" && seen[op.BulkID] {
			err = ErrInvalidValue("the bulkId " + strconv.Quote(op.BulkID) + " occurs twice")
		}
		if err != nil {
			return BulkRequest{}, inOperation(i, "", err)
		}
		seen[op.BulkID] = true
		r.Operations[i] = op
	}
	return r, nil
}

func failOnErrors(v any) (int, error) {
	if v == nil {
		return 0, nil
	}
	n, ok := v.(int64)
	if !ok || n < 1 || n > 1<<31-1 {
		return 0, ErrInvalidValue("failOnErrors must be a positive number")
	}
	return int(n), nil
}

func parseBulkOperation(e any) (op BulkOperation, err error) {
	o, ok := e.(Object)
	if !ok {
		return op, ErrInvalidSyntax("it is not an object")
	}
	op = BulkOperation{
		Method: strings.ToUpper(o.Text("method")), Path: o.Text("path"),
		BulkID: o.Text("bulkId"), Version: o.Text("version"),
	}
	switch op.Method {
	case "POST", "PUT", "PATCH", "DELETE":
	default:
		return op, ErrInvalidSyntax("method must be POST, PUT, PATCH or DELETE")
	}
	if !strings.HasPrefix(op.Path, "/") {
		return op, ErrInvalidSyntax("path must begin with a slash")
	}
	if op.Method == "POST" && op.BulkID == "" {
		return op, ErrInvalidSyntax("a POST needs a bulkId (RFC 7644 §3.7)")
	}
	if op.Method == "DELETE" {
		return op, nil
	}
	data := o.Get("data")
	if s, ok := data.(string); ok {
		if data, err = decode([]byte(s), true); err != nil {
			return op, err
		}
	}
	if op.body, ok = data.(Object); !ok {
		return op, ErrInvalidSyntax("data must be an object")
	}
	return op, nil
}

// Target returns the endpoint and the id in the path: /Users and "" for /Users, /Users and 2819 for /Users/2819.
func (op BulkOperation) Target() (endpoint, id string) {
	if i := strings.LastIndexByte(op.Path, '/'); i > 0 {
		return op.Path[:i], op.Path[i+1:]
	}
	return op.Path, ""
}

// Resource returns the body of a POST or PUT.
func (op BulkOperation) Resource() Object {
	o, _ := pruned(op.body).(Object)
	return o
}

// Patch returns the body of a PATCH.
func (op BulkOperation) Patch(limits Limits) (Patch, error) { return parsePatch(op.body, limits) }

const bulkPrefix = "bulkId:"

// References returns the bulkIds that the operation refers to, in its path or as values of its body (RFC 7644 §3.7.2), each
// once, in the order in which they come.
func (op BulkOperation) References() []string {
	var refs []string
	seen := map[string]bool{}
	see := func(s string) string {
		if id, ok := strings.CutPrefix(s, bulkPrefix); ok && !seen[id] {
			seen[id] = true
			refs = append(refs, id)
		}
		return s
	}
	_, id := op.Target()
	see(id)
	mapTexts(op.body, see)
	return refs
}

// Resolve returns the operation with the references replaced by the ids that lookup knows. The others stay.
func (op BulkOperation) Resolve(lookup func(bulkID string) (id string, ok bool)) BulkOperation {
	replace := func(s string) string {
		if ref, ok := strings.CutPrefix(s, bulkPrefix); ok {
			if id, ok := lookup(ref); ok {
				return id
			}
		}
		return s
	}
	if endpoint, id := op.Target(); id != "" {
		op.Path = endpoint + "/" + replace(id)
	}
	op.body, _ = mapTexts(op.body, replace).(Object)
	return op
}

// mapTexts returns v with every string replaced, but for names.
func mapTexts(v any, f func(string) string) any {
	switch v := v.(type) {
	case string:
		return f(v)
	case Object:
		out := make(Object, len(v))
		for i, a := range v {
			out[i] = Attr{a.Name, mapTexts(a.Value, f)}
		}
		return out
	case List:
		out := make(List, len(v))
		for i, e := range v {
			out[i] = mapTexts(e, f)
		}
		return out
	}
	return v
}

// Split takes out of a POST what still has references, for operations that refer to each other in a circle (RFC 7644
// §3.7.1): first creates the resource without them, then adds them once every id is known. What stays unresolved in a single
// value, such as a manager, goes as a whole; of a list, its elements go.
func (op BulkOperation) Split() (first BulkOperation, then Patch) {
	first = op
	first.body, then.Operations = splitObject(op.body, "")
	return first, then
}

func splitObject(o Object, urn string) (Object, []Operation) {
	out := make(Object, 0, len(o))
	var later []Operation
	put := func(name string, v any) {
		op := Operation{Op: OpAdd, Value: v}
		op.Path.URN, op.Path.Attr = urn, name
		later = append(later, op)
	}
	for _, a := range o {
		switch v := a.Value.(type) {
		case List:
			var stay, leave List
			for _, e := range v {
				if refers(e) {
					leave = append(leave, e)
				} else {
					stay = append(stay, e)
				}
			}
			if len(leave) > 0 {
				put(a.Name, leave)
			}
			a.Value = stay
		case Object:
			if urn == "" && strings.Contains(a.Name, ":") {
				ext, more := splitObject(v, a.Name)
				a.Value, later = ext, append(later, more...)
			} else if refers(v) {
				put(a.Name, v)
				continue
			}
		case string:
			if refers(v) {
				put(a.Name, v)
				continue
			}
		}
		out = append(out, a)
	}
	return out, later
}

func refers(v any) bool {
	found := false
	mapTexts(v, func(s string) string {
		found = found || strings.HasPrefix(s, bulkPrefix)
		return s
	})
	return found
}

// Waves orders the operations: those of a wave can run at the same time, after those of the waves before. An operation comes
// after those it refers to by bulkId, whatever their place in the request, and after earlier ones on the same resource.
// circular are those that wait for each other; see Split. A reference to a bulkId that the request does not have is not
// waited for.
func (r BulkRequest) Waves() (waves [][]int, circular []int) {
	waiting, dependants := r.dependencies()
	var wave []int
	for i := range r.Operations {
		if waiting[i] == 0 {
			wave = append(wave, i)
		}
	}
	for len(wave) > 0 {
		waves = append(waves, wave)
		var next []int
		for _, i := range wave {
			waiting[i] = -1
			for _, j := range dependants[i] {
				if waiting[j]--; waiting[j] == 0 {
					next = append(next, j)
				}
			}
		}
		slices.Sort(next)
		wave = next
	}
	for i, n := range waiting {
		if n > 0 {
			circular = append(circular, i)
		}
	}
	return waves, circular
}

// dependencies counts what each operation waits for, and lists who waits for it.
func (r BulkRequest) dependencies() (waiting []int, dependants [][]int) {
	byID := make(map[string]int, len(r.Operations))
	for i, op := range r.Operations {
		if op.BulkID != "" && op.Method == "POST" {
			byID[op.BulkID] = i
		}
	}
	waiting, dependants = make([]int, len(r.Operations)), make([][]int, len(r.Operations))
	wait := func(i, on int) {
		waiting[i]++
		dependants[on] = append(dependants[on], i)
	}
	last := make(map[string]int)
	for i, op := range r.Operations {
		for _, ref := range op.References() {
			if on, ok := byID[ref]; ok {
				wait(i, on)
			}
		}
		if op.Method == "POST" {
			continue
		}
		if on, ok := last[op.Path]; ok {
			wait(i, on)
		}
		last[op.Path] = i
	}
	return waiting, dependants
}

// Object returns the body of the request.
func (r BulkRequest) Object() Object {
	o := Object{{"schemas", List{BulkRequestURN}}}
	if r.FailOnErrors > 0 {
		o = append(o, Attr{"failOnErrors", int64(r.FailOnErrors)})
	}
	list := make(List, len(r.Operations))
	for i, op := range r.Operations {
		e := Object{{"method", op.Method}, {"path", op.Path}}
		e.setText("bulkId", op.BulkID)
		e.setText("version", op.Version)
		e.Set("data", op.body)
		list[i] = e
	}
	return append(o, Attr{"Operations", list})
}

// setText sets the attribute unless the text is empty.
func (o *Object) setText(name, s string) {
	if s != "" {
		*o = append(*o, Attr{name, s})
	}
}
