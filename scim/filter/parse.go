package filter

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parser holds what a text may cost and what is let pass. Its zero value has the default limits and keeps to the grammar.
type Parser struct {
	Length   int  // of the text, in bytes; 0 is 8,192
	Depth    int  // of brackets; 0 is 32
	Count    int  // of comparisons; 0 is 500
	Unquoted bool // read a bare word as a string: userName sw O, as old Microsoft samples send
}

func (c Parser) withDefaults() Parser {
	if c.Length == 0 {
		c.Length = 8 << 10
	}
	if c.Depth == 0 {
		c.Depth = 32
	}
	if c.Count == 0 {
		c.Count = 500
	}
	return c
}

// Parse parses a filter with the default limits. The error is an *Error.
func Parse(s string) (Expr, error) { return Parser{}.Parse(s) }

// Parse parses a filter. Operators, and, or, not, true, false and null may have any case. The error is an *Error.
func (c Parser) Parse(s string) (Expr, error) {
	p := parser{s: s, Parser: c.withDefaults()}
	if err := p.begin(); err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.pos < len(s) {
		return nil, p.errorf("unexpected " + p.here())
	}
	return e, nil
}

// ParsePath parses a path. The error is an *Error.
func (c Parser) ParsePath(s string) (Path, error) {
	p := parser{s: s, Parser: c.withDefaults()}
	if err := p.begin(); err != nil {
		return Path{}, err
	}
	path, err := p.path()
	if err != nil {
		return Path{}, err
	}
	p.space()
	if p.pos < len(s) {
		return Path{}, p.errorf("unexpected " + p.here())
	}
	return path, nil
}

type parser struct {
	Parser
	s      string
	pos    int
	depth  int
	count  int
	inside bool // within the brackets of a value path
}

// begin checks the text as a whole, so that nothing later meets invalid UTF-8.
func (p *parser) begin() error {
	if len(p.s) > p.Length {
		p.pos = 0
		return p.errorf("longer than " + strconv.Itoa(p.Length) + " bytes")
	}
	if !utf8.ValidString(p.s) {
		return p.errorf("not valid UTF-8")
	}
	p.space()
	if p.pos == len(p.s) {
		return p.errorf("empty")
	}
	return nil
}

func (p *parser) errorf(reason string) error {
	return &Error{Column: utf8.RuneCountInString(p.s[:p.pos]) + 1, Reason: reason}
}

// here describes what stands at the position, for an error.
func (p *parser) here() string {
	if p.pos >= len(p.s) {
		return "end"
	}
	rest := p.s[p.pos:]
	if n := wordLen(rest); n > 0 {
		return Quote(rest[:min(n, 40)])
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return Quote(string(r))
}

func (p *parser) space() {
	for p.pos < len(p.s) && p.s[p.pos] == ' ' {
		p.pos++
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

// wordLen is the length of the run of characters that names, URNs and operators are made of.
func wordLen(s string) int {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9':
		case strings.IndexByte("-_$:./%", c) >= 0:
		default:
			return i
		}
	}
	return len(s)
}

// word reads such a run; it may be empty.
func (p *parser) word() string {
	n := wordLen(p.s[p.pos:])
	p.pos += n
	return p.s[p.pos-n : p.pos]
}

// keyword skips space and the keyword when it comes next as a word.
func (p *parser) keyword(k string) bool {
	start := p.pos
	p.space()
	if strings.EqualFold(p.word(), k) {
		return true
	}
	p.pos = start
	return false
}

func (p *parser) or() (Expr, error) {
	return p.chain("or", p.and, func(list []Expr) Expr { return Or(list) })
}

func (p *parser) and() (Expr, error) {
	return p.chain("and", p.term, func(list []Expr) Expr { return And(list) })
}

// chain reads operands joined by the keyword. A single one stands for itself.
func (p *parser) chain(keyword string, operand func() (Expr, error), join func([]Expr) Expr) (Expr, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	list := []Expr{first}
	for p.keyword(keyword) {
		next, err := operand()
		if err != nil {
			return nil, err
		}
		list = append(list, next)
	}
	p.space()
	if len(list) == 1 {
		return first, nil
	}
	return join(list), nil
}

// term reads a comparison, a value path, or brackets with or without not.
func (p *parser) term() (Expr, error) {
	p.space()
	if p.peek() == '(' {
		return p.brackets()
	}
	if p.keyword("not") {
		p.space()
		if p.peek() != '(' {
			return nil, p.errorf("not needs brackets (RFC 7644 §3.4.2.2)")
		}
		e, err := p.brackets()
		return Not{Expr: e}, err
	}
	return p.attrExpr()
}

func (p *parser) brackets() (Expr, error) {
	p.pos++ // the opening bracket
	return p.nested(')')
}

// nested reads a filter and the closing bracket.
func (p *parser) nested(closing byte) (Expr, error) {
	if p.depth++; p.depth > p.Depth {
		return nil, p.errorf("more than " + strconv.Itoa(p.Depth) + " brackets deep")
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != closing {
		return nil, p.errorf("expected " + Quote(string(closing)) + ", found " + p.here())
	}
	p.pos++
	p.depth--
	return e, nil
}

// attrExpr reads attrPath SP compareOp SP compValue, attrPath SP "pr", or valuePath.
func (p *parser) attrExpr() (Expr, error) {
	if p.count++; p.count > p.Count {
		return nil, p.errorf("more than " + strconv.Itoa(p.Count) + " comparisons")
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	start := p.pos
	p.space()
	at := p.pos
	op := Op(strings.ToLower(p.word()))
	if path.Filter != nil && path.Sub == "" && (op == "" || op == "and" || op == "or") {
		p.pos = start
		return ValuePath{Path: path}, nil
	}
	switch op {
	case "pr":
		return Present{Path: path}, nil
	case Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le:
		return p.compare(path, op)
	}
	p.pos = at
	if op == "" {
		return nil, p.errorf("expected an operator, found " + p.here())
	}
	return nil, p.errorf("unknown operator " + p.here())
}

func (p *parser) compare(path Path, op Op) (Expr, error) {
	if path.Attr == "" { // a schema as a whole has no value to compare
		attr, ok := path.asAttribute()
		if !ok {
			return nil, p.errorf("no attribute name in " + Quote(path.URN))
		}
		path = attr
	}
	p.space()
	at := p.pos
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	_, text := v.(string)
	_, boolean := v.(bool)
	if op.Ordered() && (boolean || v == nil) || op.Textual() && !text {
		p.pos = at
		return nil, p.errorf("the operator " + string(op) + " does not apply to " + string(appendLiteral(nil, v)))
	}
	return Compare{Path: path, Op: op, Value: v}, nil
}

// path reads an attribute path, the filter in square brackets if there is one, and a sub-attribute after it.
func (p *parser) path() (Path, error) {
	at := p.pos
	word := p.word()
	if word == "" {
		return Path{}, p.errorf("expected an attribute, found " + p.here())
	}
	path, reason := splitPath(word)
	if reason != "" {
		p.pos = at
		return path, p.errorf(reason)
	}
	if p.peek() != '[' {
		return path, nil
	}
	if p.inside {
		return path, p.errorf("a value path within a value path")
	}
	path, ok := path.asAttribute()
	if !ok || path.Sub != "" {
		return path, p.errorf("brackets must follow an attribute")
	}
	return p.valuePath(path)
}

func (p *parser) valuePath(path Path) (_ Path, err error) {
	p.pos++ // the opening bracket
	p.inside = true
	path.Filter, err = p.nested(']')
	p.inside = false
	if err != nil || p.peek() != '.' {
		return path, err
	}
	p.pos++
	at := p.pos
	path.Sub = p.word()
	if !validName(path.Sub) {
		p.pos = at
		return path, p.errorf("expected a sub-attribute, found " + p.here())
	}
	return path, nil
}

// literal reads a compValue: a JSON string, number, true, false or null.
func (p *parser) literal() (any, error) {
	if p.peek() == '"' {
		return p.text()
	}
	at := p.pos
	end := strings.IndexAny(p.s[p.pos:], " )]")
	if end < 0 {
		end = len(p.s) - p.pos
	}
	word := p.s[at : at+end]
	p.pos += end
	switch strings.ToLower(word) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if v, ok := number(word); ok {
		return v, nil
	}
	p.pos = at
	if strings.IndexAny(word, "'‘’‚‛“”„‟`«»") == 0 { // taken as a bare word it would match nobody, and nobody would know why
		return nil, p.errorf("a value stands in straight double quotes (RFC 7644 §3.4.2.2)")
	}
	if p.Unquoted && word != "" && !strings.ContainsAny(word, `"([\`) {
		p.pos += end
		return word, nil
	}
	return nil, p.errorf("expected a value, found " + p.here())
}

func (p *parser) text() (any, error) {
	at := p.pos
	for i := at + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '\\':
			i++
		case c < ' ':
			p.pos = i
			return nil, p.errorf("a control character in a string")
		case c == '"':
			p.pos = i + 1
			return p.unquote(p.s[at : i+1])
		}
	}
	return nil, p.errorf("a string without an end")
}

func (p *parser) unquote(quoted string) (any, error) {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	var s string
	if err := json.Unmarshal([]byte(quoted), &s); err != nil {
		p.pos -= len(quoted)
		return nil, p.errorf("a string that is not JSON")
	}
	return s, nil
}

// number reads a JSON number: an int64 when it is a whole number that fits, else a float64.
func number(s string) (any, bool) {
	if !jsonNumber(s) {
		return nil, false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, false
	}
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return int64(f), true
	}
	return f, true
}

// jsonNumber reports whether s is in the grammar of RFC 8259 §6.
func jsonNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if strings.HasPrefix(s, ".") {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && s[0]|0x20 == 'e' {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return s != "" && digits(s) == len(s)
	}
	return s == ""
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
