package hostile

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// patchError is why a PATCH was refused.
type patchError struct{ scimType, detail string }

// place is the path of a PATCH operation (RFC 7644 §3.5.2): attribute[key eq "value"].sub, in an extension or not.
type place struct {
	urn, name  string
	key, value string // of the filter
	sub        string
}

var placeForm = regexp.MustCompile(`^(?:(urn:[^\[\]]+):)?([A-Za-z$][\w-]*)(?:\[\s*([A-Za-z$]\w*)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*")\s*\])?(?:\.([A-Za-z$]\w*))?$`)

func parsePlace(s string) (place, bool) {
	m := placeForm.FindStringSubmatch(s)
	if m == nil {
		return place{}, false
	}
	p := place{urn: m[1], name: m[2], key: m[3], sub: m[5]}
	if p.key != "" {
		value, err := strconv.Unquote(m[4])
		if err != nil {
			return place{}, false
		}
		p.value = value
	}
	if p.urn == userURN || p.urn == groupURN {
		p.urn = ""
	}
	return p, true
}

// patched is the document after a PATCH; the one that was given stays as it is.
func patched(doc, body map[string]any) (map[string]any, *patchError) {
	doc = clone(doc).(map[string]any)
	operations, _ := body["Operations"].([]any)
	if len(operations) == 0 {
		return nil, &patchError{"invalidSyntax", "there are no Operations"}
	}
	for _, x := range operations {
		o, _ := x.(map[string]any)
		if err := operate(doc, strings.ToLower(text(o["op"])), text(o["path"]), o["value"]); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func operate(doc map[string]any, op, path string, value any) *patchError {
	if op != "add" && op != "replace" && op != "remove" {
		return &patchError{"invalidSyntax", "what is op " + op + "?"}
	}
	if path == "" {
		all, ok := value.(map[string]any)
		if !ok || op == "remove" {
			return &patchError{"noTarget", "a path is missing"}
		}
		for name, v := range all {
			doc[name] = clone(v)
		}
		return nil
	}
	p, ok := parsePlace(path)
	if !ok {
		return &patchError{"invalidPath", "what does " + path + " mean?"}
	}
	if p.urn != "" {
		ext, _ := doc[p.urn].(map[string]any)
		if ext == nil {
			ext = map[string]any{}
		}
		doc[p.urn] = ext
		defer func() {
			if len(ext) == 0 {
				delete(doc, p.urn)
			}
		}()
		doc = ext
	}
	switch {
	case p.key != "":
		return p.element(doc, op, value)
	case p.sub != "":
		inner, _ := doc[p.name].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
		}
		inner = clone(inner).(map[string]any)
		set(inner, op, p.sub, value)
		set(doc, "replace", p.name, inner)
		if len(inner) == 0 {
			delete(doc, p.name)
		}
	default:
		set(doc, op, p.name, value)
	}
	return nil
}

// set adds, replaces or removes an attribute.
func set(doc map[string]any, op, name string, value any) {
	has, isList := doc[name].([]any)
	given, _ := value.([]any)
	switch {
	case op == "remove" && isList && len(given) > 0: // by value, as some clients do
		doc[name] = slices.DeleteFunc(slices.Clone(has), func(e any) bool {
			return slices.ContainsFunc(given, func(g any) bool { return sameValue(e, g) })
		})
		if len(doc[name].([]any)) == 0 {
			delete(doc, name)
		}
	case op == "remove", value == nil:
		delete(doc, name)
	case op == "add" && (isList || given != nil):
		list := slices.Clone(has)
		for _, g := range given {
			if !slices.ContainsFunc(list, func(e any) bool { return sameValue(e, g) }) {
				list = append(list, clone(g))
			}
		}
		doc[name] = list
	default:
		doc[name] = clone(value)
	}
}

// sameValue compares elements by their value, or as a whole.
func sameValue(a, b any) bool {
	x, isX := a.(map[string]any)
	y, isY := b.(map[string]any)
	if isX && isY && x["value"] != nil && x["type"] == y["type"] {
		return x["value"] == y["value"]
	}
	return reflect.DeepEqual(a, b)
}

// element changes the elements of a list that a filter selects. One that is set and not there is made, which most servers do.
func (p place) element(doc map[string]any, op string, value any) *patchError {
	list, _ := clone(doc[p.name]).([]any)
	hit := func(e any) bool {
		m, ok := e.(map[string]any)
		return ok && fold(fmt.Sprint(m[p.key])) == fold(p.value)
	}
	switch {
	case op == "remove" && p.sub == "":
		list = slices.DeleteFunc(list, hit)
	case op == "remove":
		for _, e := range list {
			if hit(e) {
				delete(e.(map[string]any), p.sub)
			}
		}
	default:
		if !slices.ContainsFunc(list, hit) {
			list = append(list, map[string]any{p.key: p.value})
		}
		for i, e := range list {
			switch m, isMap := value.(map[string]any); {
			case !hit(e):
			case p.sub != "":
				e.(map[string]any)[p.sub] = clone(value)
			case isMap:
				list[i] = clone(m)
			default:
				return &patchError{"invalidValue", "the value is no object"}
			}
		}
	}
	if len(list) == 0 {
		delete(doc, p.name)
		return nil
	}
	doc[p.name] = list
	return nil
}
