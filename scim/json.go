package scim

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"lockstep/scim/filter"
)

// MaxDepth is how deep objects and lists may nest in JSON that is decoded. Resources need five.
const MaxDepth = 32

// DecodeObject decodes a JSON object. Numbers become int64 when they are whole and fit, else float64. Null, empty lists and
// empty objects are dropped, wherever they are. It refuses names that occur twice in an object, also in different case (RFC
// 7643 §2.1), lists in lists, values nested deeper than MaxDepth, invalid UTF-8, and anything after the object. The error is
// an *Error with status 400 and the type invalidSyntax.
func DecodeObject(data []byte) (Object, error) { return decode(data, false) }

// DecodeWhole is DecodeObject, but keeps nulls, empty lists and empty objects as nil, List{} and Object{}: for those who look at
// what was sent rather than at what it means.
func DecodeWhole(data []byte) (Object, error) { return decode(data, true) }

// Listed is what stands among the Resources of a ListResponse.
type Listed struct {
	Resource Object
	Err      error  // why it cannot be read: it is no object, or none that DecodeObject takes
	Text     string // the JSON of what cannot be read
}

// DecodeList decodes a ListResponse (RFC 7644 §3.4.2): what stands beside the Resources as DecodeObject does, and each of them by itself, so that one
// that cannot be read takes none of the others along. A single object in the place of the list counts as a list of one. has says that there are Resources,
// in an empty list, too.
func DecodeList(data []byte) (beside Object, all []Listed, has bool, err error) {
	l := listDecoder{Decoder: jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))} // each part is checked
	if l.PeekKind() != '{' {
		beside, err = DecodeObject(data)
		return beside, nil, false, err
	}
	if err := l.read(); err != nil {
		return nil, nil, false, syntaxError(err)
	}
	beside, err = DecodeObject(l.beside)
	return beside, l.all, l.has, err
}

type listDecoder struct {
	*jsontext.Decoder
	beside []byte // the object without its Resources
	all    []Listed
	has    bool
}

func (l *listDecoder) read() error {
	if _, err := l.ReadToken(); err != nil {
		return err
	}
	l.beside = append(l.beside, '{')
	for l.PeekKind() != '}' {
		if err := l.member(); err != nil {
			return err
		}
	}
	l.beside = append(l.beside, '}')
	if _, err := l.ReadToken(); err != nil {
		return err
	}
	if _, err := l.ReadToken(); !errors.Is(err, io.EOF) {
		return ErrInvalidSyntax("there is something after the JSON object")
	}
	return nil
}

// member reads a name and what it has.
func (l *listDecoder) member() error {
	name, err := l.ReadValue()
	if err != nil {
		return err
	}
	before := len(l.beside)
	if before > 1 {
		l.beside = append(l.beside, ',')
	}
	l.beside = append(append(l.beside, name...), ':')
	is := filter.Fold(string(name)) == `"resources"`
	switch kind := l.PeekKind(); {
	case is && l.has:
		return ErrInvalidSyntax("the name " + string(name) + " occurs twice")
	case is && (kind == '[' || kind == '{'):
		l.has, l.beside = true, l.beside[:before]
		if kind == '{' {
			return l.resource()
		}
		return l.resources()
	}
	value, err := l.ReadValue()
	l.beside = append(l.beside, value...)
	return err
}

func (l *listDecoder) resources() error {
	if _, err := l.ReadToken(); err != nil {
		return err
	}
	for l.PeekKind() != ']' {
		if err := l.resource(); err != nil {
			return err
		}
	}
	_, err := l.ReadToken()
	return err
}

func (l *listDecoder) resource() error {
	raw, err := l.ReadValue()
	if err != nil {
		return err
	}
	var one Listed
	if raw.Kind() == '{' {
		one.Resource, one.Err = DecodeObject(raw)
	} else {
		one.Err = ErrInvalidSyntax("it is not an object")
	}
	if one.Err != nil {
		one.Text = string(raw)
	}
	l.all = append(l.all, one)
	return nil
}

// UnmarshalJSON is DecodeObject; null is the empty object.
func (o *Object) UnmarshalJSON(data []byte) (err error) {
	if string(data) == "null" {
		*o = nil
		return nil
	}
	*o, err = DecodeObject(data)
	return err
}

// MarshalJSON is AppendJSON. It never fails.
func (o Object) MarshalJSON() ([]byte, error) { return AppendJSON(nil, o), nil }

// decode decodes a JSON object. With keepEmpty, nulls, empty lists and empty objects stay, as nil, List{} and Object{}: in a
// PATCH they mean something.
func decode(data []byte, keepEmpty bool) (Object, error) {
	d := decoder{
		Decoder:   jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)), // checked here, in any case
		keepEmpty: keepEmpty,
		known:     knownTexts(),
	}
	switch d.PeekKind() {
	case '{':
	case '[', '"', '0', 't', 'f', 'n':
		return nil, ErrInvalidSyntax("the JSON is not an object")
	}
	_, err := d.ReadToken()
	if err != nil {
		return nil, syntaxError(err)
	}
	o, err := d.object()
	if err != nil {
		return nil, syntaxError(err)
	}
	switch _, err := d.ReadToken(); {
	case errors.Is(err, io.EOF):
		return o, nil
	case err == nil:
		return nil, ErrInvalidSyntax("there is something after the JSON object")
	default:
		return nil, syntaxError(err)
	}
}

type decoder struct {
	*jsontext.Decoder
	keepEmpty bool
	known     map[string]knownText
}

// knownText is a text that need not be allocated again.
type knownText struct {
	text  string
	boxed any
}

// knownTexts holds the names and canonical values of the built-in schemas, by their JSON. Half of the texts in a resource are
// among them.
var knownTexts = sync.OnceValue(func() map[string]knownText {
	known := map[string]knownText{}
	add := func(s string) { known[string(appendText(nil, s))] = knownText{s, s} }
	var attributes func([]Attribute)
	attributes = func(list []Attribute) {
		for _, a := range list {
			add(a.Name)
			for _, v := range a.CanonicalValues {
				add(v)
			}
			attributes(a.SubAttributes)
		}
	}
	for _, s := range []*Schema{UserSchema(), GroupSchema(), EnterpriseUserSchema(), CiscoUserSchema(), CiscoGroupSchema()} {
		add(s.ID)
		attributes(s.Attributes)
		attributes(commonAttributes(s))
	}
	for _, name := range []string{"Operations", "op", "path", "value", "add", "replace", "remove", "Add", "Replace", "Remove", PatchURN} {
		add(name)
	}
	return known
})

// name reads the name of an attribute.
func (d decoder) name() (string, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", err
	}
	if k, ok := d.known[string(raw)]; ok {
		return k.text, nil
	}
	return unquote(raw)
}

func unquote(raw jsontext.Value) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	return string(b), err
}

func syntaxError(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, io.EOF) {
		return ErrInvalidSyntax("the body is empty")
	}
	return ErrInvalidSyntax("the body is not valid JSON: " + err.Error())
}

// value reads the next value; nil stands for null and, unless keepEmpty, for what is empty.
func (d decoder) value() (any, error) {
	if d.PeekKind() == '"' {
		raw, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if k, ok := d.known[string(raw)]; ok {
			return k.boxed, nil
		}
		return unquote(raw)
	}
	tok, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '0':
		return number(tok.String())
	case 't', 'f':
		return tok.Bool(), nil
	case '{':
		o, err := d.object()
		if err != nil || len(o) == 0 && !d.keepEmpty {
			return nil, err
		}
		return o, nil
	case '[':
		l, err := d.list()
		if err != nil || len(l) == 0 && !d.keepEmpty {
			return nil, err
		}
		return l, nil
	}
	return nil, nil
}

func (d decoder) object() (Object, error) {
	if d.StackDepth() > MaxDepth {
		return nil, ErrInvalidSyntax("the body is nested too deeply")
	}
	o := make(Object, 0, 8)
	var seen names
	for d.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return nil, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		if seen.has(o, name) {
			return nil, ErrInvalidSyntax("the name " + strconv.Quote(name) + " occurs twice")
		}
		o = append(o, Attr{Name: name, Value: v})
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if !d.keepEmpty {
		o = slices.DeleteFunc(o, func(a Attr) bool { return a.Value == nil })
	}
	return o, nil
}

func (d decoder) list() (List, error) {
	if d.StackDepth() > MaxDepth {
		return nil, ErrInvalidSyntax("the body is nested too deeply")
	}
	l := List{}
	for {
		switch d.PeekKind() {
		case '[':
			return nil, ErrInvalidSyntax("a list stands in a list")
		case ']':
			_, err := d.ReadToken()
			return l, err
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		if v != nil || d.keepEmpty {
			l = append(l, v)
		}
	}
}

// names tells whether an object has a name already, in any case, without being quadratic for objects with many names.
type names map[string]bool

func (n *names) has(o Object, name string) bool {
	if len(o) < smallList {
		return o.Has(name)
	}
	if *n == nil {
		*n = make(names, 2*len(o))
		for _, a := range o {
			(*n)[filter.Fold(a.Name)] = true
		}
	}
	key := filter.Fold(name)
	had := (*n)[key]
	(*n)[key] = true
	return had
}

func number(s string) (any, error) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, ErrInvalidSyntax("the number " + s + " is out of range")
	}
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return int64(f), nil
	}
	return f, nil
}

// AppendJSON appends the object as JSON to dst: attributes in their order, no space, nothing escaped that need not be. The
// same object always gives the same bytes. Invalid UTF-8 becomes U+FFFD; a float that JSON cannot express becomes 0.
func AppendJSON(dst []byte, o Object) []byte {
	dst = append(dst, '{')
	for i := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, o[i].Name)
		dst = append(dst, ':')
		dst = AppendValue(dst, o[i].Value)
	}
	return append(dst, '}')
}

// AppendValue appends any attribute value as JSON, as AppendJSON does.
func AppendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			v = 0
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case Object:
		return AppendJSON(dst, v)
	case List:
		dst = append(dst, '[')
		for i := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, v[i])
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			dst, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\uFFFD"))
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
