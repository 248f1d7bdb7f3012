package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"golang.org/x/term"

	"lockstep/words"
)

// outputOf finds the form of output among arguments that could not be parsed, so that the error about them has it.
func (c *cli) outputOf(args []string) string {
	form := c.env.get("LOCKSTEP_OUTPUT")
	for i, a := range args {
		for _, flag := range []string{"-o", "--output"} {
			if a == flag && i+1 < len(args) {
				form = args[i+1]
			} else if value, ok := strings.CutPrefix(a, flag); ok && value != "" {
				form = strings.TrimPrefix(value, "=")
			}
		}
	}
	if form == "json" || form == "jsonl" {
		return form
	}
	return "table"
}

// show writes the result: v as JSON when that was asked for, else what table writes.
func (c *cli) show(v any, table func(w io.Writer)) error {
	switch c.Output {
	case "json", "jsonl":
		out := json.NewEncoder(c.stdout)
		if c.Output == "json" {
			out.SetIndent("", "  ")
		}
		return out.Encode(v)
	}
	w := tabwriter.NewWriter(c.stdout, 0, 8, 2, ' ', 0)
	table(w)
	return w.Flush()
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
	return c.show(items, func(w io.Writer) {
		lines := [][]string{strings.Fields(head)}
		for _, item := range items {
			lines = append(lines, cells(row(item)))
		}
		if f, ok := c.stdout.out.(*os.File); ok {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil {
				lines = fit(lines, width)
			}
		}
		for _, line := range lines {
			fmt.Fprintln(w, strings.Join(line, "\t"))
		}
	})
}

// The least that a column of a table is narrowed to, and what stands between two columns.
const (
	narrowest = 10
	gap       = 2
)

// fit makes a table no wider than a terminal: a column of ids goes first, since whoever needs them asks for JSON; then the widest
// columns are cut, each cut cell with a mark of it.
func fit(lines [][]string, width int) [][]string {
	widths := widthsOf(lines)
	if last := len(widths) - 1; last > 0 && lines[0][last] == "ID" && total(widths) > width {
		for i := range lines {
			lines[i] = lines[i][:last]
		}
		widths = widths[:last]
	}
	for total(widths) > width {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
	}
	for _, line := range lines {
		for i := range line {
			line[i] = words.Clip(line[i], widths[i])
		}
	}
	return lines
}

func widthsOf(lines [][]string) []int {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func total(widths []int) int {
	n := gap * (len(widths) - 1)
	for _, w := range widths {
		n += w
	}
	return n
}

// cells are the cells of a line, none of which ends it.
func cells(row []string) []string {
	for i := range row {
		row[i] = words.Clean(row[i])
	}
	return row
}

// The colours, by what they mean.
const (
	green  = "32" // comes
	yellow = "33" // changes
	red    = "31" // goes, fails
	cyan   = "36" // is taken over, is held
	faint  = "2"
	bold   = "1"
)

// paint colours text when standard output takes colours.
func (c *cli) paint(colour, text string) string {
	if !c.colour {
		return text
	}
	return c.stdout.paint(colour, text)
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
