package main

import (
	"io"

	"lockstep/report"
	"lockstep/terminal"
)

// print writes a result, unless there is an error.
func (c *cli) print(v report.View, err error) error { return c.out.Print(v, err) }

// printf writes a line: what is put into the format neither ends it nor moves it.
func printf(w io.Writer, format string, args ...any) { terminal.Printf(w, format, args...) }

// show writes the result: v as JSON when that was asked for, else what table writes.
func (c *cli) show(v any, table func(w io.Writer)) error {
	return c.print(report.Of(v, nil, func(p *report.Page) { table(p) }))
}

// did tells that a command whose result is nothing but its effect has had it: in a sentence on standard error, or, when JSON was
// asked for, as an object with one name.
func (c *cli) did(what, to, sentence string) error {
	return c.print(report.Of(map[string]string{what: to}, nil, func(p *report.Page) { p.Say("%s", sentence) }))
}

// showList writes a list: a JSON array, a JSON object a line, or a table with a head.
func showList[T any](c *cli, items []T, empty, head string, row func(T) []string) error {
	return c.print(report.List(items, nil, empty, head, row))
}

func either(s, otherwise string) string { return report.Or(s, otherwise) }
