package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"lockstep"
)

type kind uint8

const (
	kindOmitted kind = iota
	kindText
	kindNumber // as written, so that it prints back
	kindHex    // &H and the digits as written
	kindWord
	kindAttribute
	kindCall
	kindComparison
)

// node is one part of the tree. One struct for all kinds keeps the tree flat and the walkers short.
type node struct {
	kind kind
	pos  int       // byte offset in the source
	col  int       // character, from 1
	text string    // literal, attribute name, word or operator
	fn   *function // of a call
	args []*node   // of a call; left and right of a comparison
}

// print writes n so that parsing it again gives n.
func (n *node) print(b *strings.Builder) {
	switch n.kind {
	case kindOmitted:
	case kindText:
		b.WriteByte('"')
		for i := range len(n.text) {
			if c := n.text[i]; c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(n.text[i])
		}
		b.WriteByte('"')
	case kindAttribute:
		b.WriteByte('[')
		b.WriteString(n.text)
		b.WriteByte(']')
	case kindCall:
		b.WriteString(n.fn.Name)
		b.WriteByte('(')
		for i, a := range n.args {
			if i > 0 {
				b.WriteString(", ")
			}
			a.print(b)
		}
		b.WriteByte(')')
	case kindComparison:
		n.args[0].print(b)
		b.WriteString(" " + n.text + " ")
		n.args[1].print(b)
	default:
		b.WriteString(n.text)
	}
}

type parser struct {
	src   string
	pos   int
	depth int
}

func parse(src string) (*node, error) {
	p := &parser{src: src}
	if !utf8.ValidString(src) {
		return nil, &Error{Column: 1, Message: "the expression is not valid UTF-8", code: lockstep.CodeMapSyntax}
	}
	if n := utf8.RuneCountInString(src); n > MaxLength {
		return nil, p.errorAt(0, "the expression has %d characters, %d are allowed", n, MaxLength)
	}
	n, err := p.expr()
	if err != nil {
		return nil, err
	}
	p.blank()
	if p.pos < len(p.src) {
		if op := p.operator(); op != "" {
			return nil, p.errorAt(p.pos, "a comparison is allowed only inside IIF, CBool, And, Or and Not")
		}
		return nil, p.errorAt(p.pos, "expected the end of the expression, found %s", p.found())
	}
	number(src, n, new(int), new(int))
	return n, nil
}

// number sets the columns of the tree in one pass: nodes stand in the order of the source.
func number(src string, n *node, pos, col *int) {
	if n.kind == kindComparison { // stands at its left side
		number(src, n.args[0], pos, col)
		n.col = n.args[0].col
		number(src, n.args[1], pos, col)
		return
	}
	*col += utf8.RuneCountInString(src[*pos:n.pos])
	*pos = n.pos
	n.col = *col + 1
	for _, a := range n.args {
		number(src, a, pos, col)
	}
}

func (p *parser) errorAt(pos int, format string, args ...any) error {
	return &Error{
		Column:  utf8.RuneCountInString(p.src[:pos]) + 1,
		Message: fmt.Sprintf(format, args...),
		code:    lockstep.CodeMapSyntax,
	}
}

// found describes what stands at the position.
func (p *parser) found() string {
	if p.pos >= len(p.src) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
	return fmt.Sprintf("%q", string(r))
}

func (p *parser) blank() {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) expr() (*node, error) {
	p.blank()
	switch c := p.peek(); {
	case c == '"':
		return p.quoted()
	case c == '[':
		return p.attribute()
	case c == '&':
		return p.hex()
	case c == '-' || isDigit(c):
		return p.numeral()
	case isLetter(c):
		return p.name()
	case p.pos >= len(p.src):
		return nil, p.errorAt(p.pos, "expected a function, an [attribute] or a \"text\", found the end")
	default:
		return nil, p.errorAt(p.pos, "expected a function, an [attribute] or a \"text\", found %s", p.found())
	}
}

// quoted reads a text. A backslash before anything but a quote or a backslash is refused: it is nearly always a regular
// expression whose backslash was not doubled, and guessing would change its meaning.
func (p *parser) quoted() (*node, error) {
	start := p.pos
	p.pos++
	from := p.pos
	var b strings.Builder // used from the first escape on
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case '"':
			b.WriteString(p.src[from:p.pos])
			p.pos++
			return &node{kind: kindText, pos: start, text: b.String()}, nil
		case '\\':
			if p.pos+1 >= len(p.src) || p.src[p.pos+1] != '"' && p.src[p.pos+1] != '\\' {
				return nil, p.errorAt(p.pos, `a backslash in a text is written \\, a quote \"`)
			}
			b.WriteString(p.src[from:p.pos])
			p.pos++
			from = p.pos
		}
		p.pos++
	}
	return nil, p.errorAt(start, "the text has no closing quote")
}

// attribute reads up to the bracket that closes the first one; brackets nest, and those in quotes do not count.
func (p *parser) attribute() (*node, error) {
	start := p.pos
	depth := 0
	quote := false
	for ; p.pos < len(p.src); p.pos++ {
		switch c := p.src[p.pos]; {
		case quote && c == '\\' && p.pos+1 < len(p.src):
			p.pos++
		case c == '"':
			quote = !quote
		case quote:
		case c == '[':
			depth++
		case c == ']':
			depth--
			if depth > 0 {
				continue
			}
			name := p.src[start+1 : p.pos]
			if strings.TrimSpace(name) == "" {
				return nil, p.errorAt(start, "the attribute has no name")
			}
			p.pos++
			return &node{kind: kindAttribute, pos: start, text: name}, nil
		}
	}
	return nil, p.errorAt(start, "the attribute has no closing bracket")
}

func (p *parser) hex() (*node, error) {
	start := p.pos
	if !strings.HasPrefix(p.src[p.pos:], "&H") {
		return nil, p.errorAt(start, "expected &H and hexadecimal digits")
	}
	p.pos += 2
	for isHexDigit(p.peek()) {
		p.pos++
	}
	if n := p.pos - start - 2; n == 0 || n > 16 {
		return nil, p.errorAt(start, "&H takes 1 to 16 hexadecimal digits")
	}
	return p.literal(kindHex, start)
}

func (p *parser) numeral() (*node, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	if !isDigit(p.peek()) {
		return nil, p.errorAt(start, "expected a number")
	}
	p.digits()
	if p.peek() == '.' {
		p.pos++
		if !isDigit(p.peek()) {
			return nil, p.errorAt(p.pos, "expected digits after the point")
		}
		p.digits()
	}
	return p.literal(kindNumber, start)
}

func (p *parser) digits() {
	for isDigit(p.peek()) {
		p.pos++
	}
}

func (p *parser) literal(k kind, start int) (*node, error) {
	if c := p.peek(); isLetter(c) || c == '.' {
		return nil, p.errorAt(start, "this is not a number; write texts in quotes")
	}
	return &node{kind: k, pos: start, text: p.src[start:p.pos]}, nil
}

func (p *parser) name() (*node, error) {
	start := p.pos
	for isLetter(p.peek()) || isDigit(p.peek()) {
		p.pos++
	}
	name := p.src[start:p.pos]
	p.blank()
	if p.peek() == '(' {
		return p.call(start, name)
	}
	switch {
	case name == wordText || name == wordBinary:
		return &node{kind: kindWord, pos: start, text: name}, nil
	case catalogue[name] != nil:
		return nil, p.errorAt(start, "%s needs parentheses: %s", name, catalogue[name].Signature)
	}
	return nil, p.errorAt(start, `%s is not known; write an attribute as [%s] and a text as "%s"`, name, name, name)
}

func (p *parser) call(start int, name string) (*node, error) {
	fn := catalogue[name]
	if fn == nil {
		return nil, p.errorAt(start, "there is no function %s%s", name, suggest(name))
	}
	if p.depth++; p.depth > MaxDepth {
		return nil, p.errorAt(start, "calls are nested deeper than %d", MaxDepth)
	}
	if fn.flags&topLevel != 0 && p.depth > 1 {
		return nil, p.errorAt(start, "%s must be the outermost function", name)
	}
	n := &node{kind: kindCall, pos: start, text: name, fn: fn}
	p.pos++
	if p.blank(); p.peek() == ')' {
		p.pos++
		p.depth--
		return n, p.check(n)
	}
	for {
		a, err := p.argument(fn.condition(len(n.args)))
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, a)
		p.blank()
		switch p.peek() {
		case ',':
			p.pos++
		case ')':
			p.pos++
			p.depth--
			return n, p.check(n)
		default:
			return nil, p.errorAt(p.pos, "expected a comma or a closing parenthesis in %s, found %s", name, p.found())
		}
	}
}

func (p *parser) argument(condition bool) (*node, error) {
	p.blank()
	if c := p.peek(); c == ',' || c == ')' {
		return &node{kind: kindOmitted, pos: p.pos}, nil
	}
	left, err := p.expr()
	if err != nil {
		return nil, err
	}
	p.blank()
	op := p.operator()
	if op == "" {
		return left, nil
	}
	if !condition {
		return nil, p.errorAt(p.pos, "a comparison is allowed only inside IIF, CBool, And, Or and Not")
	}
	p.pos += len(op)
	right, err := p.expr()
	if err != nil {
		return nil, err
	}
	p.blank()
	if p.operator() != "" {
		return nil, p.errorAt(p.pos, "comparisons cannot be chained; use And")
	}
	return &node{kind: kindComparison, pos: left.pos, text: op, args: []*node{left, right}}, nil
}

func (p *parser) operator() string {
	for _, op := range [...]string{"<>", ">=", "<=", "=", ">", "<"} {
		if strings.HasPrefix(p.src[p.pos:], op) {
			return op
		}
	}
	return ""
}

// arguments returns what a call was given, without the empty argument that may trail (Entra).
func (n *node) arguments() []*node {
	last := len(n.args) - 1
	tooMany := n.fn.max >= 0 && last >= n.fn.max || n.fn.pairs && last%2 == 0 && last > 0
	if tooMany && n.args[last].kind == kindOmitted {
		return n.args[:last]
	}
	return n.args
}

// check compares the arguments with the signature.
func (p *parser) check(n *node) error {
	fn, count := n.fn, len(n.arguments())
	if count < fn.min || fn.max >= 0 && count > fn.max {
		return p.errorAt(n.pos, "%s takes %s, found %d: %s", fn.Name, fn.counts(), count, fn.Signature)
	}
	for i := range count {
		if n.args[i].kind == kindOmitted && !fn.optional(i) {
			return p.errorAt(n.args[i].pos, "argument %d of %s is missing: %s", i+1, fn.Name, fn.Signature)
		}
	}
	if fn.pairs && count%2 != 0 {
		return p.errorAt(n.pos, "%s takes keys and values in pairs: %s", fn.Name, fn.Signature)
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHexDigit(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
