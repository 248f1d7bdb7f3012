package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The bounds of a JSON object.
const (
	maxDepth  = 16
	maxValues = 20_000
)

var errObject = errors.New("it is not a JSON object")

// decodeObject reads a JSON object strictly: one object and nothing after it, no name twice in one object (RFC 7519 §4), names
// compared as they are written, numbers kept as text. The standard library's structs would take SUB for sub.
func decodeObject(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	left := maxValues
	value, err := decodeValue(d, maxDepth, &left)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands after the JSON object")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errObject
	}
	return object, nil
}

func decodeValue(d *json.Decoder, depth int, left *int) (any, error) {
	if *left--; depth < 0 || *left < 0 {
		return nil, errors.New("it has too many values")
	}
	t, err := d.Token()
	if err != nil {
		return nil, errObject
	}
	switch t {
	case json.Delim('{'):
		return decodeMembers(d, depth, left)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeValue(d, depth-1, left)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

func decodeMembers(d *json.Decoder, depth int, left *int) (any, error) {
	object := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, errObject
		}
		name, ok := t.(string)
		if !ok {
			return nil, errObject
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("%q is there twice", cleanText(name, 60))
		}
		v, err := decodeValue(d, depth-1, left)
		if err != nil {
			return nil, err
		}
		object[name] = v
	}
	_, err := d.Token()
	return object, err
}

// lookUp returns the value at a path: names divided by dots, of objects and of places in lists. A name that has dots itself, such as
// that of a namespaced claim, is found when it is written whole.
func lookUp(object map[string]any, path string) (any, bool) {
	if path == "" {
		return nil, false
	}
	if v, ok := object[path]; ok {
		return v, true
	}
	var at any = object
	for name := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			next, ok := v[name]
			if !ok {
				return nil, false
			}
			at = next
		case []any:
			var i int
			if _, err := fmt.Sscanf(name, "%d", &i); err != nil || i < 0 || i >= len(v) || fmt.Sprint(i) != name {
				return nil, false
			}
			at = v[i]
		default:
			return nil, false
		}
	}
	return at, true
}
