package main

import (
	"encoding/json"
	"io"
	"strings"

	"lockstep/terminal"
)

// printf writes a line: what is put into the format neither ends it nor moves it.
func printf(w io.Writer, format string, args ...any) { terminal.Printf(w, format, args...) }

// show writes the result: v as JSON when that was asked for, else what table writes.
func (c *cli) show(v any, table func(w io.Writer)) error {
	if c.Output == "table" {
		return c.stdout.Columns(table)
	}
	out := json.NewEncoder(c.stdout)
	if c.Output == "json" {
		out.SetIndent("", "  ")
	}
	return out.Encode(v)
}

// did tells that a command whose result is nothing but its effect has had it: in a sentence on standard error, or, when JSON was
// asked for, as an object with one name.
func (c *cli) did(what, to, sentence string) error {
	if c.Output == "table" {
		c.say("%s", sentence)
		return nil
	}
	return c.show(map[string]string{what: to}, nil)
}

// showList writes a list: a JSON array, a JSON object a line, or a table with a head.
func showList[T any](c *cli, items []T, empty, head string, row func(T) []string) error {
	if items == nil {
		items = []T{}
	}
	if c.Output == "jsonl" {
		out := json.NewEncoder(c.stdout)
		for _, item := range items {
			if err := out.Encode(item); err != nil {
				return err
			}
		}
		return nil
	}
	if len(items) == 0 && c.Output == "table" {
		c.say("%s", empty)
		return nil
	}
	if c.Output == "json" {
		return c.show(items, nil)
	}
	var rows [][]string
	for _, item := range items {
		rows = append(rows, row(item))
	}
	return c.stdout.Table(strings.Fields(head), rows)
}

// The colours, by what they mean.
const (
	green  = terminal.Green
	yellow = terminal.Yellow
	red    = terminal.Red
	cyan   = terminal.Cyan
	faint  = terminal.Faint
	bold   = terminal.Bold
)

// paint colours text when standard output takes colours.
func (c *cli) paint(colour terminal.Colour, text string) string { return c.stdout.Paint(colour, text) }

// tick is the mark before what was looked at.
func (c *cli) tick(ok bool) string {
	if ok {
		return c.paint(green, "✓")
	}
	return c.paint(red, "✗")
}

func dash(s string) string { return either(s, "–") }
