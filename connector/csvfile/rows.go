package csvfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"lockstep"
)

// The largest cell and row that are read. A cell of an hour's work is a few kilobytes; what is larger is no cell but a quote that
// somebody forgot to close.
const (
	maxCell  = 1 << 20
	maxRow   = 4 << 20
	maxCells = 1 << 15 // of a row; spreadsheets have half as many columns
)

// chunkSize is how much of a text is asked for at once.
const chunkSize = 256 << 10

// rows cuts a text into rows (RFC 4180), and finds the structure again behind what breaks it.
//
// A line ends with CR LF or LF; where the first one of a text ends with CR alone, CR ends all of them. A quote inside of an
// unquoted cell stands for itself. ="00042" is a cell whose value is 00042, '+49 one whose value is +49. Rows without any value are
// left out.
//
// Memory holds one row, at most maxRow bytes, and a chunk.
type rows struct {
	comma  byte
	cr     bool  // CR alone ends a line
	lazy   bool  // a quote that does not end a quoted cell stands for itself: of headers
	width  int   // cells of a row; more may follow if they are empty
	least  int   // cells that a row must have at least
	offset int64 // of the next row
	line   int   // of the next row, the first one is 1

	in    io.Reader
	chunk int    // bytes to ask for at once; 0 is chunkSize
	buf   []byte // what was read
	pos   int    // of the next row in buf
	done  bool   // in has ended

	text  []byte // the cells of the row, one after the other
	cells []span // in text
	bare  bool   // the row has a quote that stands for itself
	ended bool   // the row has a line end
}

type span struct{ from, to int }

// record is one row. What it points to is valid until the next one.
type record struct {
	line   int    // where it begins
	lines  int    // how many it takes
	raw    []byte // as it stands; nil when fault takes more than the row
	fault  string // why it cannot be used; "" when it can
	others int    // rows that may be hidden behind the fault, besides this one
	part   string // digest of all that the fault makes unreadable
	sure   int    // cells that are certain although there is a fault
}

// verdict is what cut found.
type verdict int

const (
	complete   verdict = iota
	more               // the row goes on behind the end of the buffer
	afterQuote         // text follows a quoted cell
	unclosed           // the text ends inside of a quoted cell
	tooLong
)

func (v verdict) String() string {
	switch v {
	case afterQuote:
		return "a quotation mark stands where none may be"
	case unclosed:
		return "a quotation mark is opened and never closed"
	case tooLong:
		return fmt.Sprintf("a cell is longer than %d bytes, or the row is longer than %d or has more than %d cells; a quotation mark may be missing", maxCell, maxRow, maxCells)
	}
	return ""
}

// cell returns a cell of the row without blanks around it. It is valid until the next row.
func (p *rows) cell(i int) []byte {
	if i >= len(p.cells) {
		return nil
	}
	return unguarded(bytes.TrimSpace(p.text[p.cells[i].from:p.cells[i].to]))
}

// unguarded takes off the apostrophe that programs put before what a spreadsheet would take for a formula: '+49 30 1234.
func unguarded[T string | []byte](cell T) T {
	if len(cell) > 1 && cell[0] == '\'' {
		switch cell[1] {
		case '=', '+', '-', '@':
			return cell[1:]
		}
	}
	return cell
}

// next returns the next row, or io.EOF. A text that ends inside of a row gives an error.
func (p *rows) next() (record, error) {
	for {
		n, v, err := p.whole()
		switch {
		case err != nil:
			return record{}, err
		case v == unclosed && !p.finished():
			return record{}, p.truncated("a quoted cell", p.line)
		case v != complete:
			return p.broken(v, v.String())
		case n == 0:
			return record{}, io.EOF
		case p.blank():
			p.take(n)
			continue
		case !p.ended && len(p.cells) < p.least:
			return record{}, p.truncated("a row", p.line)
		}
		raw := p.buf[p.pos : p.pos+n]
		hole := p.hole(raw)
		if hole > 0 && !p.ended {
			return record{}, p.truncated("a row, with bytes of zero", p.line)
		}
		r := record{line: p.line, lines: p.breaks(raw), raw: raw, sure: len(p.cells)}
		if !p.ended {
			r.lines++
		}
		if len(p.cells) < p.least || !p.padded() {
			r.fault, r.sure = fmt.Sprintf("it has %d cells, the header has %d", len(p.cells), p.width), 1
			if r.lines > 1 {
				return p.broken(v, r.fault)
			}
		} else if r.lines > 1 && p.swallows(raw) {
			r.fault, r.others, r.sure = "a quoted cell holds a whole row; a quotation mark may be missing", r.lines-1, 0
		}
		if hole > 0 {
			r.fault, r.others = "it has bytes of zero where a part of the file was not written", r.others+hole
			for r.sure > 0 && bytes.IndexByte(p.text[:p.cells[r.sure-1].to], 0) >= 0 {
				r.sure--
			}
		}
		if r.fault != "" {
			r.part = partOf(raw)
		}
		p.take(n)
		return r, nil
	}
}

// whole cuts the next row; it reads on until the row is complete or broken. n is 0 at the end.
func (p *rows) whole() (n int, v verdict, err error) {
	for {
		b := p.buf[p.pos:]
		if len(b) == 0 && p.done {
			return 0, complete, nil
		}
		n, v = p.cut(b, p.done)
		if v != more {
			return n, v, nil
		}
		if len(b) > maxRow {
			return n, tooLong, nil
		}
		if err := p.fill(); err != nil {
			return 0, v, err
		}
	}
}

// fill reads on.
func (p *rows) fill() error {
	if p.pos > 0 {
		p.buf = p.buf[:copy(p.buf, p.buf[p.pos:])]
		p.pos = 0
	}
	old, chunk := len(p.buf), or(p.chunk, chunkSize)
	if cap(p.buf)-old < chunk {
		p.buf = append(make([]byte, 0, 2*cap(p.buf)+chunk), p.buf...)
	}
	n, err := io.ReadFull(p.in, p.buf[old:old+chunk])
	p.buf = p.buf[:old+n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		p.done, err = true, nil
	}
	return err
}

// take goes on behind the next n bytes.
func (p *rows) take(n int) {
	p.line += p.breaks(p.buf[p.pos : p.pos+n])
	p.pos, p.offset = p.pos+n, p.offset+int64(n)
}

// breaks counts line ends.
func (p *rows) breaks(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	if p.cr {
		n += bytes.Count(b, []byte{'\r'}) - bytes.Count(b, []byte("\r\n"))
	}
	return n
}

// blank reports whether no cell has a value. At the end of a text that is also the mark with which DOS ends one.
func (p *rows) blank() bool {
	text := bytes.TrimSpace(p.text)
	return len(text) == 0 || len(text) == 1 && text[0] == '\x1a' && !p.ended
}

// hole returns how many rows, besides the one that it begins in, may have stood where bytes of zero stand now: of a file that was
// not copied whole some blocks are never written. A row takes a byte for each delimiter, one for its end, and one for an id. Cells
// that are filled up with a few zeros are no hole.
func (p *rows) hole(raw []byte) (others int) {
	least := p.least + 1
	for {
		i := bytes.IndexByte(raw, 0)
		if i < 0 {
			return others
		}
		raw = raw[i:]
		n := len(raw) - len(bytes.TrimLeft(raw, "\x00"))
		if n >= max(least, 64) {
			others += n/least + 1
		}
		raw = raw[n:]
	}
}

// padded reports whether the cells behind the header's have no values.
func (p *rows) padded() bool {
	for i := p.width; i < len(p.cells); i++ {
		if len(p.cell(i)) > 0 {
			return false
		}
	}
	return true
}

// swallows reports whether a row of several lines holds a line that would be a whole row by itself.
func (p *rows) swallows(raw []byte) bool {
	if p.width < 3 {
		return false
	}
	text, cells, bare, ended := bytes.Clone(p.text), append([]span(nil), p.cells...), p.bare, p.ended
	defer func() { p.text, p.cells, p.bare, p.ended = text, cells, bare, ended }()
	for {
		i := p.lineEnd(raw)
		if i == len(raw) {
			return false
		}
		raw = raw[i:]
		if j := p.lineEnd(raw); j == len(raw) { // the last line is the end of the row itself
			return false
		} else if p.strict(raw[:j]) {
			return true
		}
	}
}

// lineEnd returns where the first line of b ends, its line end included.
func (p *rows) lineEnd(b []byte) int {
	i := bytes.IndexByte(b, '\n')
	if p.cr {
		if i = bytes.IndexAny(b, "\r\n"); i >= 0 && b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
			i++
		}
	}
	if i < 0 {
		return len(b)
	}
	return i + 1
}

// strict reports whether a line is one whole row without doubt: closed quotes, none that stands for itself, as many cells as the
// header.
func (p *rows) strict(line []byte) bool {
	n, v := p.cut(line, true)
	return v == complete && n == len(line) && !p.bare && !p.blank() && len(p.cells) >= p.least && p.padded()
}

// broken goes on behind a row that breaks the structure: at the next line that is a row without doubt, and is followed by such a
// line or by the end.
func (p *rows) broken(v verdict, fault string) (record, error) {
	r := record{line: p.line, fault: fault}
	part := sha256.New()
	var first []byte
	for {
		raw, err := p.lineAt(0)
		if err != nil {
			return r, err
		}
		if len(raw) == 0 {
			if v == unclosed {
				return r, p.truncated("a quoted cell", r.line)
			}
			break
		}
		if first == nil {
			first = bytes.Clone(raw)
		} else {
			if ok, err := p.sound(); ok || err != nil {
				if err != nil {
					return r, err
				}
				break
			}
			raw, _ = p.lineAt(0) // looking ahead may have moved it
			if len(bytes.TrimSpace(raw)) > 0 {
				r.others++
			}
		}
		_, _ = part.Write(raw) // a hash never fails
		r.others += p.hole(raw)
		r.lines++
		p.take(len(raw))
	}
	r.part = short(part.Sum(nil))
	p.cut(first, true)
	r.sure = len(p.cells)
	return r, nil
}

// finished reports whether what was read last ends with a line end.
func (p *rows) finished() bool {
	n := len(p.buf)
	return n > 0 && (p.buf[n-1] == '\n' || p.cr && p.buf[n-1] == '\r')
}

// sound reports whether the next line is a row without doubt, and one of the lines that follow, too, or nothing follows.
func (p *rows) sound() (bool, error) {
	raw, err := p.lineAt(0)
	if err != nil || !p.strict(raw) {
		return false, err
	}
	for at, looked := len(raw), 0; looked < 3; at += len(raw) {
		if raw, err = p.lineAt(at); err != nil {
			return false, err
		}
		switch {
		case len(raw) == 0:
			return looked == 0, nil
		case p.empty(raw):
		case p.strict(raw):
			return true, nil
		default:
			looked++
		}
	}
	return false, nil
}

// empty reports whether a line has nothing but delimiters and blanks.
func (p *rows) empty(line []byte) bool {
	for _, c := range line {
		if c != p.comma && c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// lineAt returns the line that begins n bytes behind the next row, its line end included; nothing at the end of the text. Of a line
// longer than a row may be it returns a piece. What it returned before is no longer valid.
func (p *rows) lineAt(n int) ([]byte, error) {
	for {
		b := p.buf[p.pos+n:]
		i := p.lineEnd(b)
		sure := i < len(b) || p.done || len(b) > 0 && b[i-1] == '\n'
		if sure || len(b) > maxRow {
			return b[:i], nil
		}
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
}

func (p *rows) truncated(what string, line int) error {
	return &lockstep.Error{Code: lockstep.CodeSourceTruncated, Detail: fmt.Sprintf("It ends inside of %s, in line %d: it was not written to its end.", what, line)}
}
