package csvfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/transform"

	"lockstep"
)

// table is an open CSV file after its header.
type table struct {
	name   string
	file   *os.File
	hash   hash.Hash // of what was read
	rest   io.Reader // the file, through hash
	reader *csv.Reader
	header []string
	row    int
}

// row is one row after the header. Err says why it cannot be used; fields may hold a part of it then.
type row struct {
	line   int
	fields []string
	skewed bool // it has more or fewer fields than the header
	err    error
}

// open opens a file and reads its header. A file that is missing gives an error that wraps fs.ErrNotExist.
func (s *Source) open(name string) (*table, error) {
	file, err := s.config.Root.Open(name)
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeSourceUnreachable, Detail: fmt.Sprintf("The file %s cannot be opened.", name), Err: err}
	}
	t := &table{name: name, file: file, hash: sha256.New()}
	if err := t.begin(s.config); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *table) begin(c Config) error {
	info, err := t.file.Stat()
	switch {
	case err != nil:
		return t.unreadable(err)
	case !info.Mode().IsRegular():
		return t.malformed("is not a file")
	case info.Size() > c.MaxBytes:
		return &lockstep.Error{Code: lockstep.CodeSourceLimit, Detail: fmt.Sprintf("The file %s has %d bytes, more than the %d allowed.", t.name, info.Size(), c.MaxBytes)}
	}
	t.rest = io.TeeReader(io.LimitReader(t.file, c.MaxBytes+1), t.hash)
	in := t.rest
	if c.Encoding != "" {
		if enc, _, err := parseCharset(c.Encoding); err == nil && enc != nil {
			in = transform.NewReader(in, enc.NewDecoder())
		}
	}
	text := bufio.NewReaderSize(in, 64<<10)
	comma, err := t.prelude(text, c.Comma)
	if err != nil {
		return err
	}
	t.reader = csv.NewReader(text)
	t.reader.Comma, t.reader.FieldsPerRecord, t.reader.TrimLeadingSpace = comma, -1, comma != '\t'
	t.reader.LazyQuotes = true // for emails[type eq "work"].value as people write it
	t.header, err = t.reader.Read()
	t.reader.LazyQuotes = false
	if err != nil {
		return t.malformed("has a header that cannot be read: " + err.Error())
	}
	for i := range t.header {
		t.header[i] = strings.TrimSpace(t.header[i])
	}
	return nil
}

// prelude skips a byte order mark and finds the delimiter from the first line.
func (t *table) prelude(text *bufio.Reader, comma rune) (rune, error) {
	start, err := text.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, t.unreadable(err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return 0, t.malformed("is UTF-16; save it as UTF-8")
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		start = start[3:]
		_, _ = text.Discard(3) // it was just peeked at
	}
	if len(bytes.TrimSpace(start)) == 0 {
		return 0, t.malformed("is empty: not even a header is there")
	}
	if comma != 0 {
		return comma, nil
	}
	return findComma(start), nil
}

// findComma returns the delimiter that occurs most often in the header, outside of quotes and of the brackets of a path.
func findComma(start []byte) rune {
	best, most := ',', 0
	for _, candidate := range ",;\t" {
		count, quoted := 0, false
		for _, c := range bytes.TrimLeft(start, "\r\n") {
			if c == '"' {
				quoted = !quoted
			}
			if c == '\n' && !quoted {
				break
			}
			if rune(c) == candidate && !quoted {
				count++
			}
		}
		if count > most {
			best, most = candidate, count
		}
	}
	return best
}

// next returns the next row, or io.EOF.
func (t *table) next() (row, error) {
	fields, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return row{}, io.EOF
	}
	t.row++
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return row{line: bad.StartLine, err: bad.Err}, nil
	case err != nil:
		return row{}, t.unreadable(err)
	}
	line, _ := t.reader.FieldPos(0)
	r := row{line: line, fields: fields}
	if len(fields) != len(t.header) {
		r.skewed, r.err = true, fmt.Errorf("it has %d fields, the header has %d", len(fields), len(t.header))
		return r, nil
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
		if !utf8.ValidString(fields[i]) {
			r.err = fmt.Errorf("column %s is not UTF-8", t.header[i])
		}
	}
	return r, nil
}

// sum reads what is left and returns the digest of the whole file.
func (t *table) sum() ([]byte, error) {
	if _, err := io.Copy(io.Discard, t.rest); err != nil {
		return nil, t.unreadable(err)
	}
	return t.hash.Sum(nil), nil
}

func (t *table) close() { _ = t.file.Close() } // it was only read

func (t *table) malformed(what string) error {
	return &lockstep.Error{Code: lockstep.CodeSourceMalformed, Detail: fmt.Sprintf("The file %s %s.", t.name, what)}
}

func (t *table) unreadable(err error) error {
	return &lockstep.Error{Code: lockstep.CodeSourceUnreachable, Detail: fmt.Sprintf("The file %s cannot be read.", t.name), Err: err}
}

// at names a row for people.
func (t *table) at(line int) string { return fmt.Sprintf("%s line %d", t.name, line) }

// column returns the index of the named column, or -1.
func (t *table) column(name string) int {
	for i, h := range t.header {
		if strings.EqualFold(h, name) {
			return i
		}
	}
	return -1
}
