package csvfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"lockstep"
)

// document is a file as it was when it was looked through from the first byte to the last one.
type document struct {
	name    string
	digest  string // of its bytes; absent when the file does not exist
	inode   uint64
	charset charset
	size    int64
	ended   bool   // the last line has a line end
	ending  string // of its last lines, when that has none; "" says nothing
	holds   bool   // the last lines of the file before stand in it, and have line ends
	doubt   bool   // it has none, and may have been cut off
	sound   int64  // size of the newest file of which that was no question; 0 is not known
}

// absent is the digest of a file that does not exist.
const absent = "-"

func (d document) missing() bool { return d.digest == absent }

// short is as much of a digest as is kept.
func short(sum []byte) string { return hex.EncodeToString(sum[:16]) }

// partOf returns the digest of a part of a file.
func partOf(b []byte) string {
	sum := sha256.Sum256(b)
	return short(sum[:])
}

// study looks through a file: what its bytes are, how they are to be read, and whether it has the lines that are sought. Beat is called now and then.
func (f *Reader) study(ctx context.Context, name string, sought *seeker, beat func() error) (document, error) {
	d := document{name: name, digest: absent}
	file, info, err := f.openFile(name)
	if err != nil {
		if missing(err) {
			err = nil
		}
		return d, err
	}
	defer func() { _ = file.Close() }() // it was only read
	d.inode = inode(info)
	sum, seen, end := sha256.New(), &profile{}, &ending{}
	in := io.LimitReader(&guarded{ctx: ctx, in: file, beat: beat}, f.config.MaxBytes+1)
	n, err := io.CopyBuffer(io.MultiWriter(sum, seen, end, sought), struct{ io.Reader }{in}, make([]byte, chunkSize))
	switch {
	case err != nil:
		return d, f.unreadable(name, err)
	case n > f.config.MaxBytes:
		return d, f.tooLarge(name, n)
	}
	d.digest = short(sum.Sum(nil))
	if d.charset, err = f.charset(name, seen); err != nil {
		return d, err
	}
	if d.charset.wide() && n%2 != 0 {
		return d, cutOff(name, "It ends inside of a character: it was not written to its end.")
	}
	d.size, d.ended, d.holds = n, n == 0 || seen.ended(d.charset), sought.found
	if !d.ended {
		d.ending = end.digest(sought.lines)
	}
	return d, nil
}

func cutOff(name, why string) error {
	return &lockstep.Error{Code: lockstep.CodeSourceTruncated, Detail: name + ": " + why}
}

// charset returns the encoding of a file: what its byte order mark says, else the setting, else what its bytes look like.
func (f *Reader) charset(name string, p *profile) (charset, error) {
	if kind := kindOf(p.start); kind != "" {
		return charset{}, malformedHeader(fmt.Sprintf("The file %s is no CSV: it is %s.", name, kind))
	}
	c, ok := p.charset()
	if f.config.Encoding != "" {
		if _, has := marked(p.start); !has {
			enc, canonical, err := parseCharset(f.config.Encoding)
			return charset{canonical, enc, 0}, err
		}
	}
	if !ok {
		return c, &lockstep.Error{Code: lockstep.CodeSourceEncoding, Detail: fmt.Sprintf(
			"The file %s is neither UTF-8 nor UTF-16, nor does it make sense as windows-1252.", name)}
	}
	return c, nil
}

// kindOf says what a file is whose first bytes are those of no CSV, "" when they may be.
func kindOf(start []byte) string {
	for _, k := range []struct{ magic, kind string }{
		{"PK\x03\x04", "a ZIP archive, as spreadsheets are (.xlsx, .ods); save the sheet as CSV"},
		{"\xd0\xcf\x11\xe0", "a spreadsheet (.xls); save the sheet as CSV"},
		{"\x1f\x8b", "compressed (gzip)"}, {"BZh", "compressed (bzip2)"}, {"\xfd7zXZ", "compressed (xz)"}, {"\x28\xb5\x2f\xfd", "compressed (zstd)"},
		{"%PDF-", "a PDF"}, {`{"`, "JSON"}, {"[{", "JSON"},
	} {
		if bytes.HasPrefix(start, []byte(k.magic)) {
			return k.kind
		}
	}
	text := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(start[:min(len(start), 100)], []byte("\xef\xbb\xbf"))))
	switch {
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")):
		return "a web page, perhaps an error or a sign-in of the server that it was fetched from"
	case bytes.HasPrefix(text, []byte("<?xml")):
		return "XML"
	}
	return ""
}

// openFile opens a file after looking what it is: nothing but a regular file is opened, since the opening of others may wait for
// ever or have effects. A file that is missing gives an error that wraps fs.ErrNotExist.
func (f *Reader) openFile(name string) (*os.File, fs.FileInfo, error) {
	info, err := f.config.Root.Stat(name)
	if err != nil {
		return nil, nil, f.unopened(name, err)
	}
	if err := f.regular(name, info); err != nil {
		return nil, nil, err
	}
	file, err := f.config.Root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, f.unopened(name, err)
	}
	if info, err = file.Stat(); err == nil { // it may have been replaced in between
		err = f.regular(name, info)
	}
	if err != nil {
		_ = file.Close() // nothing was done with it
		return nil, nil, err
	}
	return file, info, nil
}

func (f *Reader) regular(name string, info fs.FileInfo) error {
	kind := ""
	switch mode := info.Mode(); {
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		kind = "a device"
	case !mode.IsRegular():
		kind = "something else"
	case info.Size() > f.config.MaxBytes:
		return f.tooLarge(name, info.Size())
	default:
		return nil
	}
	return &lockstep.Error{Code: lockstep.CodeSourceNotFile, Detail: fmt.Sprintf("%s is %s, not a file.", name, kind)}
}

func (f *Reader) tooLarge(name string, n int64) error {
	return &lockstep.Error{Code: lockstep.CodeSourceLimit, Detail: fmt.Sprintf("The file %s has at least %d bytes, more than the %d that the setting max_bytes allows.", name, n, f.config.MaxBytes)}
}

func (f *Reader) unopened(name string, err error) error {
	detail := fmt.Sprintf("The file %s cannot be opened.", name)
	if errors.Is(err, fs.ErrPermission) {
		detail = fmt.Sprintf("The file %s may not be read by the account that Lockstep runs as.", name)
	}
	return &lockstep.Error{Code: lockstep.CodeSourceUnreachable, Detail: detail, Err: err}
}

func (f *Reader) unreadable(name string, err error) error {
	if _, ok := errors.AsType[*lockstep.Error](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*stopped](err); ok {
		return err
	}
	return &lockstep.Error{Code: lockstep.CodeSourceUnreachable, Detail: fmt.Sprintf("The file %s cannot be read.", name), Err: err}
}

// guarded reads until its context ends, and says now and then that it does.
type guarded struct {
	ctx  context.Context
	in   io.Reader
	beat func() error
}

// stopped is an error of whoever takes the pages.
type stopped struct{ error }

func (s *stopped) Unwrap() error { return s.error }

func (g *guarded) Read(b []byte) (int, error) {
	if err := g.ctx.Err(); err != nil {
		return 0, err
	}
	if g.beat != nil {
		if err := g.beat(); err != nil {
			return 0, err
		}
	}
	return g.in.Read(b)
}

// text is the text of a document, while it is read.
type text struct {
	*rows
	layout
	document
	file *os.File
	raw  io.Reader // the file, through sum
	sum  hash.Hash
}

// open opens a document and reads its header. Find says what the columns mean.
func (f *Reader) open(ctx context.Context, d document, find finder, beat func() error) (*text, error) {
	file, _, err := f.openFile(d.name)
	if err != nil {
		if missing(err) {
			err = f.changed(d.name)
		}
		return nil, err
	}
	t := &text{document: d, file: file, sum: sha256.New()}
	t.raw = io.TeeReader(&guarded{ctx: ctx, in: file, beat: beat}, t.sum)
	in, err := d.charset.text(t.raw)
	if err == nil {
		t.rows = &rows{in: in, line: 1, comma: f.config.delimiter()}
		err = t.begin(f.config.Comma != 0, find)
	}
	if err != nil {
		t.close()
		return nil, f.in(d.name, err)
	}
	return t, nil
}

// end reads what is left and compares the document with what was studied.
func (f *Reader) end(t *text) error {
	if _, err := io.Copy(io.Discard, t.raw); err != nil {
		return f.unreadable(t.name, err)
	}
	if short(t.sum.Sum(nil)) != t.digest {
		return f.changed(t.name)
	}
	return nil
}

func (t *text) close() { _ = t.file.Close() } // it was only read

func (f *Reader) changed(name string) error {
	return &lockstep.Error{Code: lockstep.CodeSourceChanged, Detail: fmt.Sprintf("The file %s was changed while it was read.", name)}
}

// in says in which file an error arose.
func (f *Reader) in(name string, err error) error {
	if e, ok := errors.AsType[*lockstep.Error](err); ok && e.Err == nil {
		return &lockstep.Error{Code: e.Code, Detail: name + ": " + e.Detail}
	}
	return f.unreadable(name, err)
}
