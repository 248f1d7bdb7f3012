package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Screen is where the demo tells its story.
type Screen struct {
	Out    io.Writer
	Width  func() int // columns; nil is 80
	Colour bool
	Live   bool // a terminal: bars are drawn again in their place
}

// What colours mean.
const (
	green  = "32" // comes
	yellow = "33" // changes
	red    = "31" // goes, fails
	cyan   = "36" // a step
	faint  = "2"
	bold   = "1"
)

// margin is before everything but the numbers of the steps.
const margin = 5

func (s Screen) width() int {
	if s.Width == nil {
		return 80
	}
	return min(max(s.Width(), 40), 110)
}

func (s Screen) paint(colour, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// line writes one line. What cannot be written is nobody's loss: the report does not depend on it.
func (s Screen) line(text string) { fmt.Fprintln(s.Out, strings.TrimRight(text, " ")) }

// head begins a step.
func (s Screen) head(step int, title string) {
	s.line("")
	s.line(fmt.Sprintf("  %s  %s", s.paint(cyan, fmt.Sprint(step)), s.paint(bold, title)))
}

// text writes a paragraph.
func (s Screen) text(text string) {
	for _, l := range wrap(text, s.width()-margin-1) {
		s.line(strings.Repeat(" ", margin) + l)
	}
}

// note writes a paragraph that one may pass over.
func (s Screen) note(text string) {
	for _, l := range wrap(text, s.width()-margin-1) {
		s.line(strings.Repeat(" ", margin) + s.paint(faint, l))
	}
}

// done writes a line with a tick and, at its right end, how long it took or how many there were.
func (s Screen) done(text, right string) { s.ticked(s.paint(green, "✓"), text, right) }

// failed is done for what did not work.
func (s Screen) failed(text, right string) { s.ticked(s.paint(red, "✗"), text, right) }

func (s Screen) ticked(mark, text, right string) {
	room := s.width() - margin - 3 - length(right) - 1
	lines := wrap(text, room)
	for i, l := range lines {
		if i > 0 {
			s.line(strings.Repeat(" ", margin+2) + l)
			continue
		}
		s.line(strings.Repeat(" ", margin) + mark + " " + l + strings.Repeat(" ", max(1, room-length(l)+1)) + s.paint(faint, right))
	}
}

// entry writes a row of a list: mark, name, and what there is to say, which goes on below itself when it is long.
func (s Screen) entry(colour, mark, name, text string, nameWidth int) {
	if n := length(name); n > nameWidth {
		name = string([]rune(name)[:nameWidth-1]) + "…"
	} else {
		name += strings.Repeat(" ", nameWidth-n)
	}
	indent := margin + length(mark) + 1 + nameWidth + 2
	lines := wrap(text, s.width()-indent-1)
	for i, l := range lines {
		if i == 0 {
			s.line(strings.Repeat(" ", margin) + s.paint(colour, mark) + " " + name + "  " + l)
		} else {
			s.line(strings.Repeat(" ", indent) + l)
		}
	}
}

// bar shows how far something is: on a terminal in its place, elsewhere not at all.
func (s Screen) bar(done, total int, text string) {
	if !s.Live || total == 0 {
		return
	}
	const cells = 24
	full := min(cells, cells*done/total)
	if full == cells && done < total {
		full--
	}
	line := fmt.Sprintf("%s%s  %d/%d  ", s.paint(green, strings.Repeat("█", full)), s.paint(faint, strings.Repeat("░", cells-full)), done, total)
	room := s.width() - margin - cells - length(fmt.Sprintf("  %d/%d  ", done, total)) - 1
	if r := []rune(text); len(r) > room {
		text = string(r[:max(0, room)])
	}
	fmt.Fprint(s.Out, "\r\x1b[K"+strings.Repeat(" ", margin)+line+text)
}

// unbar takes the bar away.
func (s Screen) unbar() {
	if s.Live {
		fmt.Fprint(s.Out, "\r\x1b[K")
	}
}

func length(s string) int { return utf8.RuneCountInString(s) }

// wrap breaks text into lines of at most width characters, between words where there are any; a no-break space is none. The
// empty text is one line.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		word = strings.ReplaceAll(word, "\u00a0", " ")
		for length(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			r := []rune(word)
			lines, word = append(lines, string(r[:width])), string(r[width:])
		}
		switch {
		case word == "":
		case line == "":
			line = word
		case length(line)+1+length(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
