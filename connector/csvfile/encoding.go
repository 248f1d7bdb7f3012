package csvfile

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// charset says how the bytes of a file become text.
type charset struct {
	name string            // for people
	enc  encoding.Encoding // nil is UTF-8
	mark int               // bytes of the byte order mark
}

// wide reports whether each character takes two bytes, or four.
func (c charset) wide() bool { return strings.HasPrefix(c.name, "utf-16") }

// text returns the file's text behind its byte order mark. Bytes that are no UTF-8 stay as they are where the file is UTF-8; in
// any other encoding they become U+FFFD.
func (c charset) text(in io.Reader) (io.Reader, error) {
	if _, err := io.CopyN(io.Discard, in, int64(c.mark)); err != nil {
		return nil, err
	}
	if c.enc == nil {
		return in, nil
	}
	return transform.NewReader(in, c.enc.NewDecoder()), nil
}

// parseCharset returns the encoding of the setting: a name of the WHATWG's Encoding Standard, such as windows-1252.
func parseCharset(name string) (encoding.Encoding, string, error) {
	enc, err := htmlindex.Get(name)
	if err != nil || enc == encoding.Replacement {
		return nil, "", invalid("the encoding %q is not known; auto, utf-8, utf-16le, windows-1252, iso-8859-2, macintosh and shift_jis are", name)
	}
	canonical, err := htmlindex.Name(enc)
	if err != nil {
		return nil, "", invalid("the encoding %q is not known", name)
	}
	if enc == unicode.UTF8 {
		enc = nil
	}
	return enc, canonical, nil
}

// marked returns the encoding that the byte order mark at the beginning of a file tells.
func marked(start []byte) (charset, bool) {
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		return charset{"utf-8", nil, 3}, true
	case bytes.HasPrefix(start, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(start, []byte("\x00\x00\xfe\xff")):
		return charset{"utf-32", nil, 4}, true
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		return charset{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2}, true
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		return charset{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2}, true
	}
	return charset{}, false
}

// profile counts what tells the encodings apart. It is written to, with all bytes of a file.
type profile struct {
	start  []byte // the first bytes
	rest   []byte // the beginning of a character at the end of what was written
	before byte   // the last byte
	multi  int    // characters of several bytes in UTF-8
	broken int    // bytes that are no UTF-8
	high   int    // bytes above ASCII among them
	odd    int    // of these, those that make no sense in Windows-1252 where they stand
	run    int    // high bytes in a row
	long   int    // bytes in runs of more than three
	lf, cr int    // line ends: LF, and CR without it
	end    []byte // the last two bytes
}

const profileStart = 4 << 10

func (p *profile) Write(b []byte) (int, error) {
	n := len(b)
	if n > 0 {
		p.end = append(p.end, b[max(0, n-2):]...)
		p.end = append(p.end[:0], p.end[max(0, len(p.end)-2):]...)
	}
	if room := profileStart - len(p.start); room > 0 {
		p.start = append(p.start, b[:min(room, n)]...)
	}
	lf := bytes.Count(b, []byte{'\n'})
	p.lf += lf
	if cr := bytes.Count(b, []byte{'\r'}); cr > 0 && lf == 0 {
		p.cr += cr
	}
	if len(p.rest) > 0 {
		b = append(p.rest, b...)
		p.rest = nil
	}
	for len(b) > 0 {
		i := ascii(b)
		if i > 0 {
			p.before, p.run = b[i-1], 0
			b = b[i:]
			continue
		}
		if !utf8.FullRune(b) {
			p.rest = bytes.Clone(b)
			break
		}
		if _, size := utf8.DecodeRune(b); size > 1 {
			p.multi, p.run, p.before = p.multi+1, 0, 0
			b = b[size:]
			continue
		}
		next := byte(0)
		if len(b) > 1 {
			next = b[1]
		}
		p.stray(b[0], next)
		b = b[1:]
	}
	return n, nil
}

// ended reports whether what was written ends with a line end.
func (p *profile) ended(c charset) bool {
	end := p.end
	switch c.name {
	case "utf-16le":
		end = bytes.TrimSuffix(end, []byte{0})
	case "utf-16be": // the last byte tells
	}
	return len(end) > 0 && (end[len(end)-1] == '\n' || end[len(end)-1] == '\r')
}

// ascii returns how many bytes of ASCII b begins with.
func ascii(b []byte) int {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return len(b)
}

// stray counts a byte that is no UTF-8.
func (p *profile) stray(c, next byte) {
	p.broken++
	p.high++
	if p.run++; p.run > 3 {
		p.long++
	}
	r := charmap.Windows1252.DecodeByte(c)
	switch {
	case r == utf8.RuneError || c == 0x81 || c == 0x8d || c == 0x8f || c == 0x90 || c == 0x9d: // nothing in Windows-1252
		p.odd++
	case letter(p.before) && letter(next) && !western(c):
		p.odd++
	case p.before >= 'a' && p.before <= 'z' && (c >= 0xc0 && c <= 0xde || c == 0x8a || c == 0x8c || c == 0x8e || c == 0x9f): // "MarŽ"
		p.odd++
	}
	p.before = c
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// western reports whether a byte stands for something that occurs inside of words in Windows-1252: letters, dashes, apostrophes.
func western(c byte) bool {
	switch c {
	case 0x8a, 0x8c, 0x8e, 0x9a, 0x9c, 0x9e, 0x9f, 0x91, 0x92, 0x96, 0x97, 0xa0, 0xad, 0xb4, 0xb7:
		return true
	}
	return c >= 0xc0 && c != 0xd7 && c != 0xf7
}

// charset returns the encoding of what was written, false when it cannot be told.
func (p *profile) charset() (charset, bool) {
	p.broken += len(p.rest)
	if c, ok := marked(p.start); ok {
		return c, c.name != "utf-32"
	}
	if c, ok := wide(p.start); ok {
		return c, true
	}
	switch {
	case p.broken <= p.multi: // UTF-8, perhaps with damage
		return charset{"utf-8", nil, 0}, true
	case p.lf == 0 && p.cr > 0: // what spreadsheets for the Macintosh write
		return charset{"macintosh", charmap.Macintosh, 0}, true
	case p.odd*20 > p.high || p.long*10 > p.high:
		return charset{}, false
	}
	return charset{"windows-1252", charmap.Windows1252, 0}, true
}

// wide recognises UTF-16 without a byte order mark: every other byte of what is mostly ASCII is zero.
func wide(start []byte) (charset, bool) {
	if len(start) < 4 {
		return charset{}, false
	}
	var zero [2]int
	for i, c := range start {
		if c == 0 {
			zero[i%2]++
		}
	}
	half := len(start) / 2
	switch {
	case zero[1] > half*7/10 && zero[0] < half/10:
		return charset{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 0}, true
	case zero[0] > half*7/10 && zero[1] < half/10:
		return charset{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 0}, true
	}
	return charset{}, false
}
