package csvfile

import (
	"context"
	"fmt"
	"time"

	"lockstep"
	"lockstep/connection"
)

const (
	// settleTime is how long a file must have been left alone before it is read. Who writes a file in place pauses, but not for
	// so long.
	settleTime = 5 * time.Second
	// renameTime is the same for a file that was put in place by a rename.
	renameTime = 250 * time.Millisecond
)

// look is what can be seen of a file from the outside.
type look struct {
	there    bool
	size     int64
	modified time.Time
	inode    uint64
}

// sighting is how a file looked last, and since when it looks so.
type sighting struct {
	look
	since time.Time
}

// sight looks at a file.
func (f *Reader) sight(name string) (sighting, error) {
	l := look{}
	info, err := f.config.Root.Stat(name)
	switch {
	case err == nil:
		l = look{true, info.Size(), info.ModTime(), inode(info)}
	case !missing(err):
		return sighting{}, f.unopened(name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, known := f.sightings[name]
	if !known || s.look != l {
		s = sighting{l, f.config.Now()}
		f.sightings[name] = s
	}
	return s, nil
}

// settle waits until the files are settled. A file is settled when it looked the same for settleTime, or when another one was put
// in its place by a rename. When somebody asks for it, it is enough that it was not written to for so long. Files that are not
// settled in that time are not waited for: the error says when to look again.
func (f *Reader) settle(ctx context.Context, files []string, asked bool, since mark, beat func() error) error {
	end := f.config.Now().Add(settleTime + time.Second)
	for {
		wait, of := time.Duration(0), ""
		for i, name := range files {
			s, err := f.sight(name)
			if err != nil {
				return err
			}
			if w := f.unsettled(name, s, asked, since.inode(i)); w > wait {
				wait, of = w, name
			}
		}
		if wait == 0 {
			return nil
		}
		if f.config.Now().Add(wait).After(end) {
			return &connection.Later{After: wait, Err: &lockstep.Error{Code: lockstep.CodeSourceUnsettled, Detail: fmt.Sprintf("The file %s is being written.", of)}}
		}
		if err := beat(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(wait, beatEvery)):
		}
	}
}

// unsettled returns how long to wait until the file may be settled, 0 when it is.
func (f *Reader) unsettled(name string, s sighting, asked bool, last uint64) time.Duration {
	now := f.config.Now()
	quiet := now.Sub(s.since)
	if !s.there || quiet >= settleTime {
		return 0
	}
	wait := settleTime - quiet
	if age := now.Sub(s.modified); asked && age >= settleTime {
		return 0
	} else if asked {
		wait = min(wait, settleTime-age) // a time to come says nothing
	}
	if last != 0 && s.inode != last && !f.beingWritten(name) {
		wait = min(wait, max(0, renameTime-quiet))
	}
	return wait
}
