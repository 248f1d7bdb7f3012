package conform

import (
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// message examines the schemas of a message.
func (x *examiner) message(o scim.Object, urn, at string) {
	v := o.Get("schemas")
	if empty(v) {
		x.note(SchemasMissing, join(at, "schemas"), "nothing")
		return
	}
	list, ok := v.(scim.List)
	if !ok {
		x.noteValue(MultiSingle, join(at, "schemas"), v)
		list = scim.List{v}
	}
	for _, e := range list {
		if s, ok := e.(string); ok && strings.EqualFold(s, urn) {
			return
		}
	}
	x.noteValue(SchemasWrong, join(at, "schemas"), v)
}

// search examines a SearchRequest (RFC 7644 §3.4.3).
func (x *examiner) search(types []*scim.Type, o scim.Object) {
	x.message(o, scim.SearchURN, "")
	for _, a := range o {
		text, isText := a.Value.(string)
		switch strings.ToLower(a.Name) {
		case "filter":
			x.filter(types, text, "filter")
		case "sortby":
			x.sortBy(types, text)
		case "sortorder":
			x.sortOrder(text)
		case "startindex", "count":
			if _, ok := a.Value.(int64); !ok && a.Value != nil {
				x.noteValue(NumberText, a.Name, a.Value)
			}
		case "attributes", "excludedattributes":
			if isText {
				x.noteValue(MultiSingle, a.Name, a.Value)
			}
		}
	}
	if !empty(o.Get("attributes")) && !empty(o.Get("excludedAttributes")) {
		x.noteValue(AttributesBoth, "attributes", o.Get("attributes"))
	}
}

// patch examines a PatchOp (RFC 7644 §3.5.2).
func (x *examiner) patch(t *scim.Type, o scim.Object, at string) {
	x.message(o, scim.PatchURN, at)
	at = join(at, "Operations")
	ops, ok := o.Get("Operations").(scim.List)
	switch {
	case !ok:
		x.noteValue(PatchOperations, at, o.Get("Operations"))
	case len(ops) == 0:
		x.note(PatchEmpty, at, "[]")
	}
	for i, e := range ops {
		op, ok := e.(scim.Object)
		if !ok {
			x.noteValue(PatchOperations, index(at, i), e)
			continue
		}
		if !x.spend() {
			return
		}
		x.operation(t, op, index(at, i))
	}
}

// operation examines one operation of a PATCH.
func (x *examiner) operation(t *scim.Type, o scim.Object, at string) {
	for _, a := range o {
		switch strings.ToLower(a.Name) {
		case "op", "path", "value":
		default:
			x.noteValue(PatchMember, at+"."+a.Name, a.Value)
		}
	}
	text := o.Text("op")
	op := scim.Op(strings.ToLower(text))
	switch {
	case op != scim.OpAdd && op != scim.OpReplace && op != scim.OpRemove:
		x.noteValue(PatchOpUnknown, at+".op", o.Get("op"))
		return
	case string(op) != text:
		x.note(PatchOpCase, at+".op", text)
	}
	switch value := o.Get("value"); {
	case op == scim.OpRemove && value != nil:
		x.noteValue(PatchRemoveValue, at+".value", value)
		o.Delete("value")
	case op != scim.OpRemove && !o.Has("value"):
		x.note(PatchNoValue, at, string(scim.AppendJSON(nil, o)))
	}
	if path := o.Get("path"); path == nil || path == "" {
		x.withoutPath(t, op, o.Get("value"), at)
	} else {
		x.withPath(t, path, o.Get("value"), at)
	}
}

func (x *examiner) withoutPath(t *scim.Type, op scim.Op, value any, at string) {
	if op == scim.OpRemove {
		x.note(PatchNoTarget, at, "no path")
		return
	}
	switch value := value.(type) {
	case nil:
	case scim.Object:
		x.attributes(t, value, at+".value", true, nil)
	case string:
		x.noteValue(PatchValueText, at+".value", value)
	default:
		x.noteValue(PatchValueNoPath, at+".value", value)
	}
}

func (x *examiner) withPath(t *scim.Type, path, value any, at string) {
	text, ok := path.(string)
	if ok && text == x.masked {
		return
	}
	p, err := filter.ParsePath(text)
	if !ok || err != nil {
		x.noteValue(PatchPathSyntax, at+".path", path)
		return
	}
	to, ok := find(t, p)
	switch {
	case !ok:
		x.note(PatchPathUnknown, at+".path", text)
		return
	case to.bare:
		x.note(AttrUnqualified, at+".path", text)
	case to.typo:
		x.note(SchemaUnknown, at+".path", text)
	}
	if to.attr == nil {
		x.extension(t, to, scim.Attr{Name: to.urn, Value: value}, at+".value", nil)
		return
	}
	if p.Filter != nil {
		x.expr(filterScope{t: t, in: to.attr, at: at + ".path", text: text}, p.Filter)
	}
	switch {
	case to.attr.Mutability == scim.ReadOnly:
		x.note(PatchReadOnly, at+".path", text)
	case to.sub != nil || p.Filter != nil:
		x.single(to.leaf(), value, at+".value")
	case to.attr.MultiValued: // one value may be added without a list
		if _, isList := value.(scim.List); !isList {
			x.single(to.attr, value, at+".value")
			return
		}
		x.value(to.attr, value, at+".value")
	default:
		x.value(to.attr, value, at+".value")
	}
}

// bulk examines a BulkRequest (RFC 7644 §3.7).
func (x *examiner) bulk(o scim.Object) {
	x.message(o, scim.BulkRequestURN, "")
	if n := o.Get("failOnErrors"); n != nil {
		if _, ok := n.(int64); !ok {
			x.noteValue(NumberText, "failOnErrors", n)
		}
	}
	ops, ok := o.Get("Operations").(scim.List)
	if !ok || len(ops) == 0 {
		x.noteValue(BulkOperations, "Operations", o.Get("Operations"))
	}
	for i, e := range ops {
		at := index("Operations", i)
		op, ok := e.(scim.Object)
		if !ok {
			x.noteValue(BulkOperations, at, e)
			continue
		}
		if !x.spend() {
			return
		}
		x.bulkOperation(op, at)
	}
}

func (x *examiner) bulkOperation(op scim.Object, at string) {
	method := op.Text("method")
	switch method {
	case "POST", "PUT", "PATCH", "DELETE":
	default:
		x.noteValue(BulkMethod, at+".method", op.Get("method"))
	}
	method = strings.ToUpper(method)
	path := op.Text("path")
	if !strings.HasPrefix(path, "/") {
		x.noteValue(BulkPath, at+".path", op.Get("path"))
	}
	if method == "POST" && op.Text("bulkId") == "" {
		x.noteValue(BulkID, at+".bulkId", op.Get("bulkId"))
	}
	if method == "DELETE" {
		return
	}
	body, ok := op.Get("data").(scim.Object)
	if !ok {
		text, isText := op.Get("data").(string)
		if !isText {
			x.noteValue(BulkPayload, at+".data", op.Get("data"))
			return
		}
		x.noteValue(BulkPayloadString, at+".data", text)
		var err error
		if body, err = scim.DecodeWhole([]byte(text)); err != nil {
			return
		}
	}
	x.body(method, strings.Split(strings.Trim(path, "/"), "/"), body, at+".data")
}
