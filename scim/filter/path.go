package filter

import "strings"

// Path names an attribute, or part of one (RFC 7644 §3.10 and §3.5.2):
//
//	userName
//	name.familyName
//	emails[type eq "work"].value
//	urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value
//	urn:ietf:params:scim:schemas:extension:enterprise:2.0:User
//
// Names keep the spelling they had; they are to be compared without regard to case.
type Path struct {
	URN    string // of the schema; "" when the path has none
	Attr   string // "" when the path names a schema as a whole
	Filter Expr   // selects values of a multi-valued attribute; nil when there is none
	Sub    string // sub-attribute; "" when there is none
}

// String prints the path so that ParsePath reads it back. The zero Path prints as "".
func (p Path) String() string {
	if p.URN == "" && p.Filter == nil && p.Sub == "" {
		return p.Attr
	}
	return string(p.appendTo(nil))
}

// IsZero reports whether the path names nothing, as that of a PATCH operation without a path does.
func (p Path) IsZero() bool { return p.URN == "" && p.Attr == "" && p.Filter == nil && p.Sub == "" }

// Is reports whether the path is just the named attribute: no URN, no filter, no sub-attribute.
func (p Path) Is(attr string) bool {
	return p.URN == "" && p.Filter == nil && p.Sub == "" && strings.EqualFold(p.Attr, attr)
}

func (p Path) appendTo(dst []byte) []byte {
	dst = append(dst, p.URN...)
	if p.URN != "" && p.Attr != "" {
		dst = append(dst, ':')
	}
	dst = append(dst, p.Attr...)
	if p.Filter != nil {
		dst = append(dst, '[')
		dst = append(p.Filter.appendTo(dst), ']')
	}
	if p.Sub != "" {
		dst = append(append(dst, '.'), p.Sub...)
	}
	return dst
}

// ParsePath parses a path with the default limits. The error is an *Error.
func ParsePath(s string) (Path, error) { return Parser{}.ParsePath(s) }

// splitPath takes apart a path without a filter. It returns the reason when it cannot.
//
// Within a URN the attribute is what follows the last colon, because neither a schema's name nor an attribute holds one. Two
// forms need care, and both are told by the version that stands before the name of a schema: urn:…:2.0:User is the schema as
// a whole, and urn:…:2.0:Group.inheritances is a legacy spelling of urn:…:2.0:Group:inheritances.
func splitPath(s string) (p Path, reason string) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return splitName(Path{}, s)
	}
	if len(s) < 4 || !strings.EqualFold(s[:4], "urn:") {
		return p, "a colon in a path that does not begin with urn:"
	}
	if colon < 4 || colon == len(s)-1 {
		return p, "an incomplete URN"
	}
	last := s[colon+1:]
	head, rest, dotted := strings.Cut(last, ".")
	if !validName(head) { // urn:scim:schemas:core:1.0
		return Path{URN: s}, ""
	}
	if isVersion(s[strings.LastIndexByte(s[:colon], ':')+1 : colon]) {
		if !dotted {
			return Path{URN: s}, ""
		}
		return splitName(Path{URN: s[:colon+1+len(head)]}, rest)
	}
	return splitName(Path{URN: s[:colon]}, last)
}

func splitName(p Path, s string) (Path, string) {
	attr, sub, dotted := strings.Cut(s, ".")
	if !validName(attr) || dotted && !validName(sub) {
		return p, "no attribute name: " + Quote(s)
	}
	p.Attr, p.Sub = attr, sub
	return p, ""
}

// asAttribute reads a path that seems to name a whole schema as one that names an attribute of a schema whose URN ends with
// its version: urn:example:1.0:colour.
func (p Path) asAttribute() (Path, bool) {
	colon := strings.LastIndexByte(p.URN, ':')
	if p.Attr != "" || colon < 4 || !validName(p.URN[colon+1:]) {
		return p, p.Attr != ""
	}
	p.URN, p.Attr = p.URN[:colon], p.URN[colon+1:]
	return p, true
}

// validName reports whether s is an ATTRNAME (RFC 7643 §2.1) or $ref.
func validName(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '$' && i == 0 && len(s) > 1:
		case i > 0 && (c == '-' || c == '_' || '0' <= c && c <= '9'):
		default:
			return false
		}
	}
	return true
}

func isVersion(s string) bool {
	digits := 0
	for i := range len(s) {
		switch {
		case '0' <= s[i] && s[i] <= '9':
			digits++
		case s[i] != '.':
			return false
		}
	}
	return digits > 0
}
