package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
)

const (
	checkBytes = 8 << 20 // of a file, for its encoding
	checkRows  = 50_000  // that are looked at
)

// Test opens the files and reports how it reads their headers and first rows. It takes no longer for a large file, and does not wait
// until a file is settled.
func (f *Reader) Test(ctx context.Context, report func(connection.Check)) error {
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		p, err := f.newPass(connection.Read{Type: typ}, func(connection.ReadPage) error { return nil })
		if err != nil {
			return err
		}
		name := p.files[0]
		began := time.Now()
		detail, err := p.try(ctx)
		if missing(err) && typ == connection.GroupType {
			return nil
		}
		check := connection.Check{Name: "read " + name, OK: err == nil, Code: lockstep.CodeOf(err), Detail: detail, Took: time.Since(began)}
		if err != nil {
			check.Detail = lockstep.Said(err)
		}
		report(check)
		if err != nil {
			return err
		}
	}
	return nil
}

// try reads the beginning of the first file of the pass.
func (p *pass) try(ctx context.Context) (string, error) {
	d, err := p.glance(ctx, p.files[0])
	if err != nil {
		return "", err
	}
	typ, reference, active := typeOf(p.request.Type), connection.Manager, "active"
	if p.request.Type == connection.GroupType {
		reference, active = connection.Members, ""
	}
	t, err := p.open(ctx, d, func(header []string) (layout, error) { return p.find(header, typ, reference, active, nil) }, nil)
	if err != nil {
		return "", err
	}
	defer t.close()
	p.repeat = newRepeats(1)
	n := 0
	for ; n < checkRows; n++ {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", p.in(t.name, err)
		}
		if p.request.Type == connection.UserType {
			p.person(t, r)
		} else {
			p.object(t, r)
		}
		p.page.Objects = nil
	}
	if n == 0 && p.request.Type == connection.UserType {
		return "", &lockstep.Error{Code: lockstep.CodeSourceEmpty, Detail: fmt.Sprintf("The file %s has a header and nobody in it.", t.name)}
	}
	return p.tell(t, n), nil
}

// tell says in a sentence or two what was read.
func (p *pass) tell(t *text, rows int) string {
	s := fmt.Sprintf("%s, delimiter %q", t.charset.name, t.comma)
	if rows == checkRows {
		s += fmt.Sprintf("; of the first %d rows", rows)
	} else {
		s += fmt.Sprintf("; of %d rows", rows)
	}
	if len(p.page.Hidden) == 0 {
		return s + " each can be used. " + strings.Join(t.notes, " ")
	}
	return s + fmt.Sprintf(" %d cannot be used. The first one: %v", len(p.page.Hidden), p.page.Hidden[0].Err) + " " + strings.Join(t.notes, " ")
}

// glance is study for the beginning of a file.
func (f *Reader) glance(ctx context.Context, name string) (document, error) {
	d := document{name: name}
	file, info, err := f.openFile(name)
	if missing(err) {
		return d, &lockstep.Error{Code: lockstep.CodeSourceMissing, Detail: fmt.Sprintf("There is no file %s.", name), Err: fs.ErrNotExist}
	}
	if err != nil {
		return d, err
	}
	defer func() { _ = file.Close() }() // it was only read
	d.inode = inode(info)
	bytes := &profile{}
	if _, err := io.Copy(bytes, io.LimitReader(&guarded{ctx: ctx, in: file}, checkBytes)); err != nil {
		return d, f.unreadable(name, err)
	}
	if info.Size() > checkBytes {
		bytes.rest = nil // a character may have been cut
	}
	d.charset, err = f.charset(name, bytes)
	return d, err
}
