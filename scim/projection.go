package scim

import (
	"strings"

	"lockstep/scim/filter"
)

// Projection says which attributes a client wants (RFC 7644 §3.9). The zero Projection returns the default ones. Include and
// Exclude are never both set.
type Projection struct {
	Include []filter.Path // attributes
	Exclude []filter.Path // excludedAttributes
	written []filter.Path // what the client has just written of what is returned on request
}

// With returns the projection for the answer to a write of these attributes: those that are returned on request come back, unless the
// client named others (RFC 7643 §7).
func (p *Projection) With(written []filter.Path) *Projection {
	if len(written) == 0 {
		return p
	}
	if p == nil {
		p = &Projection{}
	}
	return &Projection{Include: p.Include, Exclude: p.Exclude, written: written}
}

// OnRequest returns the paths of the attributes of the object that are returned on request and that a client can write.
func (t *Type) OnRequest(o Object) []filter.Path {
	if !t.requested {
		return nil
	}
	var out []filter.Path
	for _, s := range t.schemes {
		in := o
		if !s.core {
			in, _ = o.Get(s.ID).(Object)
		}
		for _, a := range in {
			if n := s.attrs.get(a.Name); n != nil && n.requested {
				p := filter.Path{Attr: n.Name}
				if !s.core {
					p.URN = s.ID
				}
				out = append(out, p)
			}
		}
	}
	return out
}

// OnRequestIn returns the paths of what a patch is about and that is returned on request.
func (t *Type) OnRequestIn(p Patch) []filter.Path {
	if !t.requested {
		return nil
	}
	var out []filter.Path
	for _, op := range p.Operations {
		list := []Operation{op}
		if op.Path.IsZero() {
			var err error
			if list, err = op.expand(); err != nil {
				continue
			}
		}
		for _, op := range list {
			if g, ok := t.resolve(op.Path); ok && g.node != nil && g.node.requested {
				g.path.Sub, g.path.Filter = "", nil
				out = append(out, g.path)
			}
		}
	}
	return out
}

// ParseProjection reads the query parameters attributes and excludedAttributes, lists joined by commas. It fails with
// invalidValue when both are set, and with invalidPath when one is malformed.
func ParseProjection(attributes, excludedAttributes string) (*Projection, error) {
	include, err := parsePaths(attributes)
	if err != nil {
		return nil, err
	}
	exclude, err := parsePaths(excludedAttributes)
	if err != nil {
		return nil, err
	}
	if include != nil && exclude != nil {
		return nil, ErrInvalidValue("attributes and excludedAttributes exclude each other (RFC 7644 §3.9)")
	}
	return &Projection{Include: include, Exclude: exclude}, nil
}

func parsePaths(list string) ([]filter.Path, error) {
	var out []filter.Path
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		p, err := filter.ParsePath(s)
		if err == nil && p.Filter != nil {
			err = &filter.Error{Column: 1, Reason: "a filter in a list of attributes"}
		}
		if err != nil {
			return nil, ErrInvalidPath("attribute " + s + ": " + err.Error())
		}
		out = append(out, p)
	}
	return out, nil
}

// IsDefault reports whether the projection asks for nothing special.
func (p *Projection) IsDefault() bool {
	return p == nil || len(p.Include) == 0 && len(p.Exclude) == 0 && len(p.written) == 0
}

// Wants reports whether the attribute, or part of it, is to be returned. A server asks before it loads what is costly, such as
// members.
func (p *Projection) Wants(t *Type, path filter.Path) bool {
	g, ok := t.resolve(path)
	if !ok || g.node == nil {
		return false
	}
	c := p.chooser(t)
	if c.choose(g.scheme, g.node) == drop {
		return false
	}
	return g.sub == nil || c.wantsSub(g.scheme, g.node, g.sub)
}

// Apply returns the attributes of o that the client gets: those returned always, never those returned never, those returned
// on request only when named, and the others by default, when named, or unless excluded. An attribute that the schema does
// not know is like one returned by default. The result shares its values with o, and may be o itself.
func (p *Projection) Apply(t *Type, o Object) Object {
	if p.IsDefault() && !t.hides(o) {
		return o
	}
	c := p.chooser(t)
	out := make(Object, 0, len(o))
	for _, a := range o {
		if s := t.scheme(a.Name); s != nil && !s.core {
			ext, _ := a.Value.(Object)
			if ext = c.attributes(s, s.attrs, ext); len(ext) > 0 {
				out = append(out, Attr{a.Name, ext})
			}
			continue
		}
		if v := c.value(t.schemes[0], t.schemes[0].attrs.get(a.Name), a.Value); v != nil {
			out = append(out, Attr{a.Name, v})
		}
	}
	return out
}

// hides reports whether the object has an attribute that is not returned by default.
func (t *Type) hides(o Object) bool {
	if !t.special {
		return false
	}
	for _, a := range o {
		if n := t.schemes[0].attrs.get(a.Name); n != nil {
			if n.special {
				return true
			}
			continue
		}
		if s := t.scheme(a.Name); s != nil {
			return true // not worth looking into
		}
	}
	return false
}

// chooser is a projection with its paths found in a type.
type chooser struct {
	include, exclude, written []target
	named                     bool // the client named what it wants
}

func (p *Projection) chooser(t *Type) chooser {
	if p == nil {
		return chooser{}
	}
	return chooser{targets(t, p.Include), targets(t, p.Exclude), targets(t, p.written), len(p.Include) > 0}
}

func targets(t *Type, paths []filter.Path) []target {
	var out []target
	for _, p := range paths {
		if g, ok := t.resolve(p); ok { // what is unknown is nowhere to be found either
			out = append(out, g)
		}
	}
	return out
}

type choice uint8

const (
	drop choice = iota
	keep
	some // of the sub-attributes
)

// choose decides about an attribute.
func (c chooser) choose(s *scheme, n *node) choice {
	switch n.Returned {
	case ReturnedAlways:
		return n.keep()
	case ReturnedNever:
		return drop
	}
	switch c.in(c.include, s, n, false) {
	case keep:
		return n.keep()
	case some:
		return some
	}
	if c.named || n.Returned == ReturnedRequest && c.in(c.written, s, n, false) == drop {
		return drop
	}
	switch c.in(c.exclude, s, n, false) {
	case keep:
		return drop
	case some:
		return some
	}
	return n.keep()
}

// keep is some when a sub-attribute needs a decision of its own.
func (n *node) keep() choice {
	if n.special && n.kind == kindComplex {
		return some
	}
	return keep
}

// in looks the attribute up: keep when it is named as a whole, some when a sub-attribute is.
func (c chooser) in(list []target, s *scheme, n *node, sub bool) choice {
	got := drop
	for _, g := range list {
		switch {
		case g.scheme != s:
		case g.node == nil, sub && g.sub == n, !sub && g.node == n && g.sub == nil:
			return keep
		case !sub && g.node == n:
			got = some
		}
	}
	return got
}

func (c chooser) attributes(s *scheme, attrs table, o Object) Object {
	out := make(Object, 0, len(o))
	for _, a := range o {
		if v := c.value(s, attrs.get(a.Name), a.Value); v != nil {
			out = append(out, Attr{a.Name, v})
		}
	}
	return out
}

func (c chooser) value(s *scheme, n *node, v any) any {
	if n == nil {
		if c.named {
			return nil
		}
		return v
	}
	switch c.choose(s, n) {
	case drop:
		return nil
	case keep:
		return v
	}
	return c.part(s, n, v)
}

// part returns the value with the sub-attributes that are wanted.
func (c chooser) part(s *scheme, n *node, v any) any {
	switch v := v.(type) {
	case Object:
		out := make(Object, 0, len(v))
		for _, a := range v {
			if sub := n.subs.get(a.Name); sub != nil && c.wantsSub(s, n, sub) {
				out = append(out, a)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case List:
		out := make(List, 0, len(v))
		for _, e := range v {
			if e = c.part(s, n, e); e != nil {
				out = append(out, e)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

func (c chooser) wantsSub(s *scheme, n, sub *node) bool {
	switch sub.Returned {
	case ReturnedAlways:
		return true
	case ReturnedNever:
		return false
	}
	if c.in(c.include, s, sub, true) == keep {
		return true
	}
	if sub.Returned == ReturnedRequest && c.in(c.written, s, n, false) == drop || c.in(c.exclude, s, sub, true) == keep {
		return false
	}
	return c.in(c.include, s, n, false) != some // not named, though others of its kind are
}
