// Package report is how answers of the management API read on a terminal: a View of each kind of value, as pure functions. It is what the web
// console is to a browser.
//
// Design. A function takes what the client returns, the error included, and returns the View and the error, so that a command is one call:
// print(report.User(client.User(ctx, name))). A View has the value itself, which is what JSON shows, and how it is written for people. An Output
// chooses between the two.
//
// Invariants. The result goes to standard output and nothing else does; what is said beside it goes through Say. Nobody's name ends or moves the
// line that it stands in.
package report

import (
	"encoding/json"
	"io"
	"strings"
	"time"

	"lockstep/terminal"
)

// Output is where results go, and in which form: table, json or jsonl.
type Output struct {
	Form   string
	Screen *terminal.Screen
	Say    func(format string, args ...any) // tells people beside the result
}

// View is a result.
type View struct {
	Value any                           // as JSON shows it
	Text  func(p *Page)                 // writes it for people; nil writes nothing
	Items func(f func(any) error) error // of a list, each as JSON Lines show it
	Empty string                        // what is said of an empty list
	Head  []string                      // of a table
	Rows  func() [][]string             // of a table
}

// Page is where a View is written. Cells that tabs divide are aligned.
type Page struct {
	io.Writer
	out  *Output
	said []string // beside the result, when that is written
}

// Printf writes a line: no value ends it or moves it.
func (p *Page) Printf(format string, args ...any) { terminal.Printf(p, format, args...) }

// Say tells people something beside the result, after it.
func (p *Page) Say(format string, args ...any) {
	p.said = append(p.said, terminal.Line(format, args...))
}

// Paint is text in a colour, where colours are shown.
func (p *Page) Paint(colour terminal.Colour, text string) string {
	return p.out.Screen.Paint(colour, text)
}

// Tick is the mark before something that was looked at.
func (p *Page) Tick(ok bool) string {
	if ok {
		return p.Paint(terminal.Green, "✓")
	}
	return p.Paint(terminal.Red, "✗")
}

// Print writes a result, unless there is an error.
func (o *Output) Print(v View, err error) error {
	switch {
	case err != nil:
		return err
	case o.Form == "jsonl" && v.Items != nil:
		return v.Items(json.NewEncoder(o.Screen).Encode)
	case o.Form == "jsonl":
		return json.NewEncoder(o.Screen).Encode(v.Value)
	case o.Form == "json":
		out := json.NewEncoder(o.Screen)
		out.SetIndent("", "  ")
		return out.Encode(v.Value)
	case v.Rows == nil:
		return o.write(v.Text)
	}
	rows := v.Rows()
	if len(rows) == 0 {
		o.Say("%s", v.Empty)
		return nil
	}
	return o.Screen.Table(v.Head, rows)
}

func (o *Output) write(text func(p *Page)) error {
	if text == nil {
		return nil
	}
	p := &Page{out: o}
	err := o.Screen.Columns(func(w io.Writer) {
		p.Writer = w
		text(p)
	})
	for _, line := range p.said {
		o.Say("%s", line)
	}
	return err
}

// Of is a value and how it is written for people.
func Of[T any](value T, err error, text func(p *Page)) (View, error) {
	return View{Value: value, Text: text}, err
}

// List is a table with a line for each item. The head divides its columns by blanks.
func List[T any](items []T, err error, empty, head string, row func(T) []string) (View, error) {
	if items == nil {
		items = []T{}
	}
	return View{
		Value: items, Empty: empty, Head: strings.Fields(head),
		Items: func(f func(any) error) error {
			for _, item := range items {
				if err := f(item); err != nil {
					return err
				}
			}
			return nil
		},
		Rows: func() [][]string {
			var rows [][]string
			for _, item := range items {
				rows = append(rows, row(item))
			}
			return rows
		},
	}, err
}

// Or is a text, or another where there is none.
func Or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func dash(text string) string { return Or(text, "–") }

// Minute is an instant as people write it, or what there is instead of one.
func Minute(t *time.Time, otherwise string) string { return instant(t, "2006-01-02 15:04", otherwise) }

// Second is Minute, to the second.
func Second(t *time.Time, otherwise string) string {
	return instant(t, "2006-01-02 15:04:05", otherwise)
}

func instant(t *time.Time, layout, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return t.Local().Format(layout)
}
