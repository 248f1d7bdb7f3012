// Package conform tells where a SCIM client departs from RFC 7643 and RFC 7644.
//
// The server takes what clients send, as long as it is clear what they mean. This package looks at the same requests as an
// examiner would: Examine gets one request and returns its deviations, each with a stable code, the section of the RFC, the
// place in the document, what was seen, and which clients are known for it. Nothing is refused because of it.
//
// Invariants: Examine is a pure function; it never panics; its time is bounded by the size of the request and by maxNodes, and it
// returns each code once at most, with the number of times that it was met. What it shows of a request is short, can be kept by any
// database and printed on any terminal, and is nothing of attributes that are never returned.
package conform

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lockstep/scim"
)

// Request is what a client sent.
type Request struct {
	Method string
	Path   string // relative to the endpoint, such as /Users/1
	Query  string // without the question mark
	// Header returns the value of a header; nil is no header at all.
	Header func(name string) string
	Body   []byte
	// Unknown says that there was a body which is not known.
	Unknown bool
	// Broken says that this body was no JSON.
	Broken bool
	// Masked is the text that stands in place of secrets, in Query and Body. What is masked is not judged; "" is none.
	Masked string
}

// Deviation is one way in which a request departs from the RFCs.
type Deviation struct {
	Rule
	Path  string // where in the document it was met first, such as Operations[0].op; or a parameter, or a header
	Seen  string // what stood there
	Times int    // how often it was met
}

// Tally is how often a client's requests departed in one way.
type Tally struct {
	Code  Code
	Times int64
	First time.Time
	Last  time.Time
	Path  string // of the last one
	Seen  string
}

// Plus is both tallies of one code together, with the example of the later one.
func (t Tally) Plus(o Tally) Tally {
	if t.Times == 0 {
		return o
	}
	if o.Last.Before(t.Last) {
		o.Last, o.Path, o.Seen = t.Last, t.Path, t.Seen
	}
	if t.First.Before(o.First) {
		o.First = t.First
	}
	o.Times += t.Times
	return o
}

const (
	maxNodes = 20_000 // values that are looked at
	maxSeen  = 100    // bytes of a value that are shown
	maxPath  = 200    // bytes of a path
)

// Examine returns the deviations of a request to an endpoint with these resource types, in the order in which they were met.
func Examine(types []*scim.Type, r Request) []Deviation {
	x := &examiner{types: types, masked: r.Masked, nodes: maxNodes}
	if r.Header == nil {
		r.Header = func(string) string { return "" }
	}
	x.etag("If-Match", r.Header("If-Match"))
	x.etag("If-None-Match", r.Header("If-None-Match"))
	segments := strings.Split(strings.Trim(r.Path, "/"), "/")
	x.query(x.typesAt(segments[0]), r.Query)
	if r.Method != "POST" && r.Method != "PUT" && r.Method != "PATCH" {
		return x.found
	}
	x.contentType(r.Header("Content-Type"))
	if r.Broken {
		x.note(BodySyntax, "", "no JSON")
	}
	if r.Unknown || r.Broken {
		return x.found
	}
	o, err := scim.DecodeWhole(r.Body)
	if err != nil {
		seen := "nothing"
		if len(r.Body) > 0 {
			seen = err.Error()
		}
		x.note(BodySyntax, "", seen)
		return x.found
	}
	x.body(r.Method, segments, o, "")
	return x.found
}

// examiner collects the deviations of one request.
type examiner struct {
	types  []*scim.Type
	masked string
	nodes  int
	found  []Deviation
}

// note adds a deviation.
func (x *examiner) note(code Code, path, seen string) {
	if i := slices.IndexFunc(x.found, func(d Deviation) bool { return d.Code == code }); i >= 0 {
		x.found[i].Times++
		return
	}
	x.found = append(x.found, Deviation{Rule: Describe(code), Path: clip(path, maxPath), Seen: clip(seen, maxSeen), Times: 1})
}

// noteValue is note for a value, which is printed only when it is shown.
func (x *examiner) noteValue(code Code, path string, v any) {
	seen := ""
	if !slices.ContainsFunc(x.found, func(d Deviation) bool { return d.Code == code }) {
		seen = shown(v)
	}
	x.note(code, path, seen)
}

// spend reports whether another value may be looked at.
func (x *examiner) spend() bool {
	x.nodes--
	return x.nodes >= 0
}

// typesAt are those that a path's first segment names: one, or all of them for the root and for /.search.
func (x *examiner) typesAt(segment string) []*scim.Type {
	for _, t := range x.types {
		if strings.TrimPrefix(t.Endpoint, "/") == segment {
			return []*scim.Type{t}
		}
	}
	return x.types
}

// body examines what is sent to a path.
func (x *examiner) body(method string, segments []string, o scim.Object, at string) {
	types, last := x.typesAt(segments[0]), segments[len(segments)-1]
	switch {
	case segments[0] == "Bulk" && at == "":
		x.bulk(o)
	case last == ".search" && at == "":
		x.search(types, o)
	case len(types) != 1 || segments[0] == "":
	case method == "PATCH":
		x.patch(types[0], o, at)
	default:
		x.resource(types[0], o, at, method == "POST")
	}
}

// contentType examines the media type of a body (RFC 7644 §3.1: SCIM messages have the type of §8.1).
func (x *examiner) contentType(header string) {
	media, _, _ := strings.Cut(header, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if media == "" {
		x.note(ContentType, "Content-Type", "nothing")
	} else if media != "application/scim+json" {
		x.note(ContentType, "Content-Type", header)
	}
}

// etag examines a list of entity tags (RFC 9110 §8.8.3).
func (x *examiner) etag(name, header string) {
	if header == "" || strings.TrimSpace(header) == "*" {
		return
	}
	for rest := strings.TrimSpace(header); rest != ""; {
		tag, opened := strings.CutPrefix(strings.TrimPrefix(rest, "W/"), `"`)
		_, after, closed := strings.Cut(tag, `"`) // a comma may be within
		if !opened || !closed {
			x.note(EntityTag, name, header)
			return
		}
		rest = strings.TrimLeft(after, ", \t")
	}
}

// query examines the parameters of a request (RFC 7644 §3.4.2, §3.9; RFC 9865 §2).
func (x *examiner) query(types []*scim.Type, text string) {
	if text == "" {
		return
	}
	params, err := url.ParseQuery(text)
	if err != nil {
		x.note(QuerySyntax, "", text)
	}
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := params.Get(name)
		switch name {
		case "filter":
			x.filter(types, value, name)
		case "sortBy":
			x.sortBy(types, value)
		case "sortOrder":
			x.sortOrder(value)
		case "startIndex", "count":
			if _, err := strconv.Atoi(value); err != nil && value != x.masked {
				x.note(PagingNumber, name, value)
			}
		case "attributes", "excludedAttributes", "cursor":
		default:
			x.note(QueryParameter, name, value)
		}
	}
	if params.Get("attributes") != "" && params.Get("excludedAttributes") != "" {
		x.note(AttributesBoth, "attributes", params.Get("attributes"))
	}
}

func (x *examiner) sortOrder(value string) {
	if value != "" && value != "ascending" && value != "descending" {
		x.note(SortOrder, "sortOrder", value)
	}
}

// clip shortens what is shown to so many bytes, and puts a mark in the place of what a terminal would obey or a database refuse.
func clip(s string, most int) string {
	cut := len(s) > most
	if cut {
		s = s[:most]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return utf8.RuneError
		}
		return r // also of bytes that are no UTF-8
	}, s)
	if len(s) <= most && !cut {
		return s
	}
	return strings.ToValidUTF8(s[:min(len(s), most-len("…"))], "") + "…"
}

// shown is a value as JSON, short.
func shown(v any) string {
	switch v := v.(type) {
	case scim.Object:
		if len(v) > 8 {
			v = v[:8]
		}
		return string(scim.AppendJSON(nil, v))
	case scim.List:
		if len(v) > 4 {
			v = v[:4]
		}
		return string(scim.AppendValue(nil, v))
	case string:
		return string(scim.AppendValue(nil, clip(v, maxSeen)))
	}
	return string(scim.AppendValue(nil, v))
}
