package csvfile

import "bytes"

// A file that may have been cut off is known by its last row: when that stands unchanged in the next file, it was a whole one.

// mostEnding is how much of the end of a file is looked at: a last row that is longer is not known again.
const mostEnding = 64 << 10

// ending keeps the end of what is written to it.
type ending struct {
	buf []byte
	cut bool // there is more before
}

func (e *ending) Write(b []byte) (int, error) {
	n := len(b)
	e.buf = append(e.buf, b[max(0, n-mostEnding):]...)
	if over := len(e.buf) - mostEnding; over > 0 || n > mostEnding {
		e.buf, e.cut = e.buf[:copy(e.buf, e.buf[max(0, over):])], true
	}
	return n, nil
}

// digest stands for the last lines; "" when they say nothing: a row of several lines may end with what others end with, too.
func (e *ending) digest(lines int) string {
	var last [2][]byte // the last one first
	b := e.buf
	for n := 0; n < lines; {
		i := bytes.LastIndexAny(b, "\r\n")
		if len(b) == 0 || i < 0 && e.cut {
			return ""
		}
		line := bareLine(b[i+1:])
		b = b[:max(0, i)]
		if len(line) > 0 {
			last[n] = line
			n++
		}
	}
	if bytes.Count(last[0], []byte{'"'})%2 != 0 {
		return ""
	}
	return endingOf(last[1], last[0])
}

func endingOf(before, line []byte) string {
	return partOf(append(append(bytes.Clone(before), '\n'), line...))
}

// bareLine is a line without the half of a character of UTF-16 that stands behind it.
func bareLine(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// seeker looks for lines in what is written to it, which have a line end.
type seeker struct {
	want  string // ending.digest; "" is none
	lines int
	found bool

	before, rest []byte
}

func (s *seeker) Write(b []byte) (int, error) {
	n := len(b)
	for s.want != "" && !s.found {
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			s.rest = append(s.rest, b[:min(len(b), max(0, mostEnding+1-len(s.rest)))]...)
			break
		}
		line := bareLine(append(s.rest, b[:i]...))
		b, s.rest = b[i+1:], s.rest[:0]
		if len(line) == 0 {
			continue
		}
		s.found = endingOf(s.before, line) == s.want
		if s.lines > 1 {
			s.before = append(s.before[:0], line...)
		}
	}
	return n, nil
}
