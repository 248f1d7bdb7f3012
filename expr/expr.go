package expr

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lockstep"
)

// The limits. They bound what one expression can cost; none of them is reached by a mapping that people write.
const (
	MaxLength    = 10_000                 // characters of an expression, as in Entra
	MaxDepth     = 100                    // calls inside calls
	MaxPattern   = 4_000                  // bytes of a regular expression
	MaxValue     = 1 << 20                // bytes of one result
	MaxWork      = 16 << 20               // bytes that one evaluation may read and write
	MaxRegexTime = 500 * time.Millisecond // for all regular expressions of one evaluation
)

// Value is what an expression yields: no element is null, one is a single value, several are a multi-valued attribute.
// Booleans are "True" and "False".
type Value []string

// String shows a value to people: null, "text", or ["a", "b"].
func (v Value) String() string {
	switch len(v) {
	case 0:
		return "null"
	case 1:
		return strconv.Quote(v[0])
	}
	quoted := make([]string, len(v))
	for i, s := range v {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Env is everything an evaluation may see. The zero value evaluates an expression without attributes and without volatile
// functions. The pointers receive what happened and may be nil; Eval only ever sets them, so several programs may share one.
type Env struct {
	// Attribute returns the value of an attribute, named as in Program.Attributes. Nil means that every attribute is null.
	Attribute func(name string) Value

	// Now is the instant that Now() yields. Evaluating Now() with a zero instant is an error.
	Now time.Time

	// Random feeds Guid and RandomString. Evaluating them without it is an error.
	Random io.Reader

	// Unique reports whether no other object at the target has the candidate. SelectUniqueValue needs it. Its errors
	// come back from Eval wrapped, with their own code.
	Unique func(candidate string) (bool, error)

	// DefaultDomain is the tenant's default verified domain; "" makes DefaultDomain() null.
	DefaultDomain string

	// Redacted becomes true when Redact was evaluated: logs must show "[Redact]" in place of the value.
	Redacted *bool

	// Ignored becomes true when IgnoreFlowIfNullOrEmpty found nothing: the attribute is left out of the change, neither
	// set to a default nor cleared.
	Ignored *bool

	// NextChange becomes the earliest instant at which the result may differ because Now() does: the next second, or the
	// next boundary of the interval where Now() stands directly in DateDiff, or the other side of an order with Now(). It is
	// left alone when nothing depends on Now().
	NextChange *time.Time
}

// Error says where and why an expression cannot be read or evaluated. It unwraps to a *lockstep.Error, so that
// lockstep.CodeOf gives map.syntax from Compile and map.expression_failed from Eval.
type Error struct {
	Column  int    // character of the source, from 1
	Message string // one sentence without a full stop
	code    lockstep.Code
}

// Error returns the column and the message.
func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// Unwrap returns the same with the code.
func (e *Error) Unwrap() error { return &lockstep.Error{Code: e.code, Detail: e.Error()} }

// Program is a compiled expression. It is immutable and safe for use by several goroutines.
type Program struct {
	root       *node
	run        thunk
	attributes []string
	volatile   bool
	secret     bool // uses Redact or RandomString: errors must not quote values
	calls      map[string]bool
}

// Compile reads an expression. The error is an *Error with code map.syntax.
func Compile(src string) (*Program, error) {
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	p := &Program{root: root, calls: map[string]bool{}}
	p.survey(root, map[string]bool{})
	if p.run, err = build(root); err != nil {
		return nil, err
	}
	return p, nil
}

// survey notes what the tree under n uses.
func (p *Program) survey(n *node, seen map[string]bool) {
	switch n.kind {
	case kindAttribute:
		if !seen[n.text] {
			seen[n.text] = true
			p.attributes = append(p.attributes, n.text)
		}
	case kindCall:
		p.calls[n.fn.Name] = true
		p.volatile = p.volatile || n.fn.flags&volatile != 0
		p.secret = p.secret || n.fn.flags&secret != 0
	}
	for _, a := range n.args {
		p.survey(a, seen)
	}
}

// Eval evaluates the program. A failure of the expression itself is an *Error with code map.expression_failed; a failure of
// Env.Unique or Env.Random is returned wrapped. A nil env is the zero Env. The value belongs to the caller.
func (p *Program) Eval(env *Env) (Value, error) {
	if env == nil {
		env = &Env{}
	}
	st := &state{env: env, work: MaxWork, regexTime: MaxRegexTime, secret: p.secret}
	st.args = st.space[:0]
	v, err := p.run(st)
	if err != nil {
		return nil, err
	}
	return v.value(), nil
}

// Attributes returns the attributes that the program reads, each once, in the order of their first use, as written between
// the brackets: emails[type eq "work"].value. The caller must not change the slice.
func (p *Program) Attributes() []string { return p.attributes }

// Volatile reports whether two evaluations with the same attributes may differ: the program uses Now, Guid, RandomString or
// SelectUniqueValue.
func (p *Program) Volatile() bool { return p.volatile }

// Calls reports whether the program calls the function anywhere.
func (p *Program) Calls(function string) bool { return p.calls[function] }

// String prints the expression in one canonical form: one blank after a comma and around an operator.
func (p *Program) String() string {
	var b strings.Builder
	p.root.print(&b)
	return b.String()
}
