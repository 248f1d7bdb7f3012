package cli

import (
	"io"

	"lockstep/report"
)

// Print writes a result, unless there is an error.
func (c *Command) Print(v report.View, err error) error { return c.Out.Print(v, err) }

// Show writes the result: v as JSON when that was asked for, else what table writes.
func (c *Command) Show(v any, table func(w io.Writer)) error {
	return c.Print(report.Of(v, nil, func(p *report.Page) { table(p) }))
}

// Did tells that a command whose result is nothing but its effect has had it: in a sentence on standard error, or, when JSON was
// asked for, as an object with one name. With an error it had none.
func (c *Command) Did(err error, what, to, sentence string) error {
	return c.Print(report.Of(map[string]string{what: to}, err, func(p *report.Page) { p.Say("%s", sentence) }))
}
