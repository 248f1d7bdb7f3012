package csvfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lockstep"
	"lockstep/connection"
)

// bubble is a folder in a test with a clock of its own.
type bubble struct {
	*testing.T
	dir string
	f   *Reader
}

// inBubble runs a test whose clock stands still until everybody waits. The files' times are set from that clock.
func inBubble(t *testing.T, test func(bubble)) {
	t.Helper()
	dir, f := reader(t)
	f.config.Now = time.Now
	synctest.Test(t, func(t *testing.T) { test(bubble{t, dir, f}) })
}

// write writes a file in place.
func (b bubble) write(name, text string) {
	b.Helper()
	write(b, b.dir, name, text)
	b.touch(name)
}

func (b bubble) touch(name string) {
	b.Helper()
	if err := os.Chtimes(filepath.Join(b.dir, name), time.Time{}, time.Now()); err != nil {
		b.Fatal(err)
	}
}

// rename puts a file in place.
func (b bubble) rename(name, text string) {
	b.Helper()
	b.write("new", text)
	if err := os.Rename(filepath.Join(b.dir, "new"), filepath.Join(b.dir, name)); err != nil {
		b.Fatal(err)
	}
}

// read reads the people and returns how many there are, how long it took, and the mark.
func (b bubble) read(r connection.Read) (n int, took time.Duration, last connection.ReadPage, err error) {
	r.Type = connection.UserType
	began := time.Now()
	err = b.f.Read(b.Context(), r, func(p connection.ReadPage) error {
		n, last = n+len(p.Objects), p
		return nil
	})
	return n, time.Since(began), last, err
}

func TestSettled(t *testing.T) {
	inBubble(t, func(b bubble) {
		b.write("people.csv", people(3))
		n, took, first, err := b.read(connection.Read{}) // somebody asks
		if n != 3 || took < 5*time.Second || took > 6*time.Second || err != nil {
			b.Errorf("written just now: %d people after %v, %v", n, took, err)
		}
		time.Sleep(time.Minute)
		b.f = NewReader(b.f.config) // one that has seen nothing yet
		if n, took, _, err = b.read(connection.Read{Since: first.Mark, Whole: true}); n != 3 || took > 0 || err != nil {
			b.Errorf("old, somebody asks: %d people after %v, %v", n, took, err)
		}
		if _, took, last, err := b.read(connection.Read{Since: first.Mark}); took > 0 || err != nil || last.Reach != connection.Unchanged {
			b.Errorf("the same bytes: after %v, %v, %v", took, last.Reach, err)
		}
		b.touch("people.csv")
		if _, took, last, err := b.read(connection.Read{Since: first.Mark}); took > 0 || err != nil || last.Reach != connection.Unchanged {
			b.Errorf("the same bytes at another time: after %v, %v, %v", took, last.Reach, err)
		}
		b.write("people.csv", people(4))
		time.Sleep(time.Minute)
		b.f = NewReader(b.f.config)
		n, took, second, err := b.read(connection.Read{Since: first.Mark})
		if n != 4 || took < 5*time.Second || took > 6*time.Second || err != nil {
			b.Errorf("nobody asks, one look: %d people after %v, %v", n, took, err)
		}
		if err := os.Chtimes(filepath.Join(b.dir, "people.csv"), time.Time{}, time.Now().Add(time.Hour)); err != nil {
			b.Fatal(err)
		}
		if n, took, _, err = b.read(connection.Read{}); n != 4 || took != 5*time.Second || err != nil {
			b.Errorf("a time to come, somebody asks: %d people after %v, %v", n, took, err)
		}
		b.rename("people.csv", people(5))
		if n, took, _, err = b.read(connection.Read{Since: second.Mark}); n != 5 || took > time.Second || err != nil {
			b.Errorf("put in place: %d people after %v, %v", n, took, err)
		}
	})
}

// TestUploadIsNotObeyed checks that a file which grows is not read, however old it says it is.
func TestUploadIsNotObeyed(t *testing.T) {
	inBubble(t, func(b bubble) {
		b.write("people.csv", people(3))
		_, _, first, err := b.read(connection.Read{})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan bool)
		go func() {
			defer close(ended)
			for n := 10; ctx.Err() == nil; n++ {
				b.write("people.csv", people(n))
				if err := os.Chtimes(filepath.Join(b.dir, "people.csv"), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
					b.Error(err)
				}
				time.Sleep(3 * time.Second)
			}
		}()
		synctest.Wait()
		for range 3 {
			n, took, _, err := b.read(connection.Read{Since: first.Mark})
			later, ok := errors.AsType[*connection.Later](err)
			if n != 0 || took > 7*time.Second || lockstep.CodeOf(err) != lockstep.CodeSourceUnsettled || !ok || later.After <= 0 || later.After > 5*time.Second {
				b.Errorf("%d people after %v, %v", n, took, err)
			}
		}
		stop()
		<-ended
		if n, _, _, err := b.read(connection.Read{Since: first.Mark}); n == 0 || err != nil {
			b.Errorf("when it is complete: %d people, %v", n, err)
		}
	})
}

// TestOpenForWriting checks that a new file which somebody still writes into is not taken for one that was put in place.
func TestOpenForWriting(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	inBubble(t, func(b bubble) {
		b.write("people.csv", people(3))
		_, _, first, err := b.read(connection.Read{})
		if err != nil {
			b.Fatal(err)
		}
		b.rename("people.csv", people(4))
		w, err := os.OpenFile(filepath.Join(b.dir, "people.csv"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			b.Fatal(err)
		}
		if !b.f.beingWritten("people.csv") {
			_ = w.Close()
			b.Skip("this file system does not tell")
		}
		if n, took, _, err := b.read(connection.Read{Since: first.Mark}); n != 4 || took < 5*time.Second || err != nil {
			b.Errorf("%d people after %v, %v", n, took, err)
		}
		if err := w.Close(); err != nil {
			b.Error(err)
		}
		if b.f.beingWritten("people.csv") {
			b.Error("nobody writes any more")
		}
	})
}

// TestHeartbeat checks that a pass which waits says so, and that what it says keeps the place where the pass goes on.
func TestHeartbeat(t *testing.T) {
	inBubble(t, func(b bubble) {
		b.write("people.csv", people(3))
		const from = "csv1/x/y/1/2"
		last, beats := time.Now(), 0
		err := b.f.Read(b.Context(), connection.Read{Type: connection.UserType, From: from}, func(p connection.ReadPage) error {
			if took := time.Since(last); took > time.Second {
				b.Errorf("nothing was said for %v", took)
			}
			last = time.Now()
			switch {
			case p.Last:
				if !p.Anew || len(p.Objects) != 3 {
					b.Errorf("the last page: %+v", p)
				}
			case p.Next != from || p.Anew || len(p.Objects) > 0:
				b.Errorf("a sign of life: %+v", p)
			default:
				beats++
			}
			return nil
		})
		if err != nil || beats < 5 {
			b.Errorf("%d signs of life, %v", beats, err)
		}
	})
}

func TestSettlingEndsWithItsContext(t *testing.T) {
	inBubble(t, func(b bubble) {
		b.write("people.csv", people(3))
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := b.f.Read(ctx, connection.Read{Type: connection.UserType}, func(connection.ReadPage) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
			b.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestReaderWatch(t *testing.T) {
	inBubble(t, func(b bubble) {
		b.write("people.csv", people(3))
		ctx, cancel := context.WithCancel(b.Context())
		var changes atomic.Int32
		ended := make(chan error, 1)
		go func() { ended <- b.f.Watch(ctx, func() { changes.Add(1) }) }()
		told := func(want int32, what string) {
			b.Helper()
			if n := changes.Load(); n != want {
				b.Errorf("%s: told %d times, not %d", what, n, want)
			}
		}
		time.Sleep(5 * time.Second)
		told(1, "nothing happened since it began")
		b.rename("people.csv", people(4))
		time.Sleep(time.Second)
		told(2, "put in place")
		for n := range 40 { // a slow upload, which goes on between any two looks
			b.write("groups.csv", people(n))
			time.Sleep(b.f.config.Poll / 2)
		}
		told(2, "while it is written")
		time.Sleep(time.Second)
		told(3, "when it is complete")
		if err := os.Remove(filepath.Join(b.dir, "groups.csv")); err != nil {
			b.Error(err)
		}
		time.Sleep(time.Second)
		told(4, "a file is gone")
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
	})
}

// TestWatchFails checks that who can no longer watch says so.
func TestWatchFails(t *testing.T) {
	_, f := reader(t, "people.csv", people(3))
	if err := f.config.Root.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Watch(t.Context(), func() {}); lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable {
		t.Error(err)
	}
}
