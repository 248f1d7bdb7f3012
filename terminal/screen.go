// Package terminal is what a program at a terminal needs, whatever it does: one screen that lets nothing through which a terminal would obey,
// tables that fit, a bar, questions, and, for the grammar of its commands, help, completion and what may have been meant.
//
// Design. A Screen is an io.Writer around standard output or standard error. Whoever puts values into a line writes it with Printf or Line,
// which keep each value in its line; the screen itself catches the rest. Commands are those of github.com/alecthomas/kong.
//
// Invariants. No control character and no change of direction that came from outside reaches a terminal. Colours, bars and questions are
// only for terminals.
package terminal

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"lockstep/words"
)

// Screen is the one way to standard output and standard error. What a terminal would obey does not get through, whoever wrote
// it into a name: in text it gives way to U+FFFD, in JSON to its escape. Line ends and tabs pass; whoever writes a line of text
// cleans what stands in it. Colours are asked for by marks that nobody else can write.
type Screen struct {
	JSON    bool // what is written is JSON
	Colours bool // text may be painted

	out  io.Writer
	key  string // of the marks, new for each run of the program
	rest []byte // the beginning of a character or a mark whose end was not written yet
}

// New returns the screen of a writer.
func New(out io.Writer) *Screen { return &Screen{out: out, key: rand.Text()} }

// Raw is the writer itself, for whoever draws.
func (s *Screen) Raw() io.Writer { return s.out }

// IsTerminal reports whether people look at the screen.
func (s *Screen) IsTerminal() bool { return IsTerminal(s.out) }

// Width is how many columns the terminal has, 0 when it is none.
func (s *Screen) Width() int {
	f, ok := s.out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// IsTerminal reports whether an input or an output is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Colour is the colour of a text, by what it means.
type Colour string

// The colours.
const (
	Green  Colour = "32" // comes
	Yellow Colour = "33" // changes
	Red    Colour = "31" // goes, fails
	Cyan   Colour = "36" // is taken over, is held
	Faint  Colour = "2"
	Bold   Colour = "1"
)

// mark begins and ends a mark: a character that Unicode keeps free for use within a program (Unicode Standard §23.7).
const mark = '\uFDD0'

// Paint is text in a colour, where colours are shown.
func (s *Screen) Paint(colour Colour, text string) string {
	if !s.Colours {
		return text
	}
	return s.mark(colour) + text + s.mark("0")
}

func (s *Screen) mark(code Colour) string { return string(mark) + s.key + string(code) + string(mark) }

// Write implements io.Writer.
func (s *Screen) Write(p []byte) (int, error) {
	if len(s.rest) == 0 && plain(p) == len(p) { // as nearly every line of a log
		return s.out.Write(p)
	}
	text := append(s.rest, p...)
	s.rest = nil
	var out strings.Builder
	for len(text) > 0 {
		if n := plain(text); n > 0 {
			out.Write(text[:n])
			text = text[n:]
			continue
		}
		if !utf8.FullRune(text) {
			s.rest = append(s.rest, text...)
			break
		}
		r, n := utf8.DecodeRune(text)
		if r == mark {
			code, length, whole := s.marked(text)
			if !whole {
				s.rest = append(s.rest, text...)
				break
			}
			if length > 0 {
				out.WriteString("\x1b[" + code + "m")
				text = text[length:]
				continue
			}
		}
		s.character(&out, r)
		text = text[n:]
	}
	if _, err := io.WriteString(s.out, out.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// plain is how many bytes at the beginning of a text are ASCII that does nothing to a terminal.
func plain(text []byte) int {
	for i, b := range text {
		if (b < ' ' || b > '~') && b != '\n' && b != '\t' {
			return i
		}
	}
	return len(text)
}

// longestCode is how long the code of a colour can be.
const longestCode = 2

// marked reads the mark that text begins with: its code and its length, which is 0 when it is none of ours. It is not whole
// when it may go on in what is written next.
func (s *Screen) marked(text []byte) (code string, length int, whole bool) {
	body := text[utf8.RuneLen(mark):]
	if n := min(len(body), len(s.key)); string(body[:n]) != s.key[:n] {
		return "", 0, true
	}
	end := strings.IndexRune(string(body), mark)
	if end < 0 {
		return "", 0, len(body) > len(s.key)+longestCode+utf8.UTFMax
	}
	return string(body[len(s.key):end]), 2*utf8.RuneLen(mark) + end, true
}

func (s *Screen) character(out *strings.Builder, r rune) {
	switch {
	case r == '\n' || r == '\t':
		out.WriteRune(r)
	case !words.Unsafe(r):
		out.WriteRune(r)
	case s.JSON:
		fmt.Fprintf(out, "\\u%04x", r)
	default:
		out.WriteRune(utf8.RuneError)
	}
}

// Line formats a line of text: no value ends it or moves it.
func Line(format string, args ...any) string {
	cleaned := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			cleaned[i] = words.Clean(v)
		case error:
			cleaned[i] = words.Clean(v.Error())
		default:
			cleaned[i] = a
		}
	}
	return fmt.Sprintf(format, cleaned...)
}

// Printf writes a Line.
func Printf(w io.Writer, format string, args ...any) {
	_, _ = io.WriteString(w, Line(format, args...)) // the screen's error is met again when the table is flushed
}
