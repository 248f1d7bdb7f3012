package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"lockstep/words"
)

// screen is the one way to standard output and standard error. What a terminal would obey does not get through, whoever wrote
// it into a name: in text it gives way to U+FFFD, in JSON to its escape. Line ends and tabs pass; whoever writes a line of text
// cleans what stands in it. Colours are asked for by marks that nobody else can write.
type screen struct {
	out  io.Writer
	json bool   // what is written is JSON
	key  string // of the marks, new for each run of the program
	rest []byte // the beginning of a character or a mark whose end was not written yet
}

func newScreen(out io.Writer) *screen { return &screen{out: out, key: rand.Text()} }

// mark begins and ends a mark: a character that Unicode keeps free for use within a program (Unicode Standard §23.7).
const mark = '\uFDD0'

// paint is text in a colour.
func (s *screen) paint(colour, text string) string {
	return s.mark(colour) + text + s.mark("0")
}

func (s *screen) mark(code string) string { return string(mark) + s.key + code + string(mark) }

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	text := append(s.rest, p...)
	s.rest = nil
	var out strings.Builder
	for len(text) > 0 {
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

// longestCode is how long the code of a colour can be.
const longestCode = 2

// marked reads the mark that text begins with: its code and its length, which is 0 when it is none of ours. It is not whole
// when it may go on in what is written next.
func (s *screen) marked(text []byte) (code string, length int, whole bool) {
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

func (s *screen) character(out *strings.Builder, r rune) {
	switch {
	case r == '\n' || r == '\t':
		out.WriteRune(r)
	case !words.Unsafe(r):
		out.WriteRune(r)
	case s.json:
		fmt.Fprintf(out, "\\u%04x", r)
	default:
		out.WriteRune(utf8.RuneError)
	}
}

// cleaned are the values of a line of text, without what would end or move it.
func cleaned(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			out[i] = words.Clean(v)
		case error:
			out[i] = words.Clean(v.Error())
		default:
			out[i] = a
		}
	}
	return out
}

// printf writes a line: what is put into the format neither ends it nor moves it.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, cleaned(args)...) // the screen's error is met again when the table is flushed
}
