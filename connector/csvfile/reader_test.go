package csvfile

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

// reader writes files into a new folder and returns a Reader of it, for which they are settled; names alternate with contents.
func reader(t testing.TB, files ...string) (string, *Reader) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		write(t, dir, files[i], files[i+1])
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return dir, NewReader(Config{Root: root, Now: func() time.Time { return time.Now().Add(time.Hour) }})
}

// pages makes a pass and returns its pages.
func pages(t testing.TB, f *Reader, r connection.Read) ([]connection.ReadPage, error) {
	t.Helper()
	var all []connection.ReadPage
	err := f.Read(t.Context(), r, func(p connection.ReadPage) error {
		if p.Asked.IsZero() {
			t.Error("a page without the time when it was asked for")
		}
		all = append(all, p)
		return nil
	})
	for i, p := range all {
		if p.Last != (err == nil && i == len(all)-1) {
			t.Errorf("page %d of %d: last %v, %v", i, len(all), p.Last, err)
		}
	}
	return all, err
}

var reachNames = map[connection.Reach]string{connection.Changes: "changes", connection.Pages: "pages", connection.OneView: "one view", connection.Unchanged: "unchanged"}

// show prints a pass as text: a line for each object, each hidden part and each note.
func show(t testing.TB, f *Reader, typ string) string {
	t.Helper()
	all, err := pages(t, f, connection.Read{Type: typ})
	var out strings.Builder
	for _, p := range all {
		for _, o := range p.Objects {
			fmt.Fprintf(&out, "%s %s name=%s names=%s enabled=%v %s", o.Type, o.ID, o.Name, strings.Join(o.Names, "|"), o.Enabled, scim.AppendJSON(nil, o.Values))
			for _, e := range o.References {
				fmt.Fprintf(&out, " %s→%s:%s%s", e.Attribute, e.To.Type, e.To.ID, e.Name)
			}
			if o.Partial {
				out.WriteString(" partial")
			}
			out.WriteByte('\n')
		}
		for _, h := range p.Hidden {
			switch {
			case h.IDs != nil:
				fmt.Fprintf(&out, "hidden %s: %v\n", strings.Join(h.IDs, ","), h.Err)
			case h.Most > 0:
				fmt.Fprintf(&out, "hidden at most %d: %v\n", h.Most, h.Err)
			default:
				fmt.Fprintf(&out, "hidden unknown: %v\n", h.Err)
			}
			if h.Part == "" || h.Name == "" {
				t.Errorf("%+v has no part or no name", h)
			}
		}
		for _, n := range p.Notes {
			fmt.Fprintf(&out, "note %s\n", n)
		}
		if p.Last {
			fmt.Fprintf(&out, "last: %s of %d\n", reachNames[p.Reach], p.Total)
		}
	}
	if err != nil {
		fmt.Fprintf(&out, "error %v\n", err)
	}
	return out.String()
}

// escapes are how the cases write bytes that an editor would change.
var escapes = strings.NewReplacer("<BOM>", "\ufeff", "<CR>", "\r", "<NUL>", "\x00", "<ZWSP>", "\u200b", "<FF>", "\xff", "<FE>", "\xfe", "<E9>", "\xe9", "<FC>", "\xfc",
	"<B9>", "\xb9", "<B3>", "\xb3", "<8E>", "\x8e", "<9F>", "\x9f", "<TAB>", "\t", "<SUB>", "\x1a", "<SP>", " ", "<NOEOL>\n", "", "<EMPTY>\n", "")

var update = flag.Bool("update", false, "write what is read into testdata/reader, to be looked at")

func TestReader(t *testing.T) {
	cases, err := filepath.Glob("testdata/reader/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var files []string
			settings := map[string]string{}
			want := ""
			for _, f := range archive.Files {
				switch f.Name {
				case "want":
					want = string(f.Data)
				case "settings":
					for line := range strings.Lines(string(f.Data)) {
						k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
						settings[k] = v
					}
				default:
					files = append(files, f.Name, escapes.Replace(strings.ReplaceAll(string(f.Data), "<CR>\n<ONLY>", "\r")))
				}
			}
			dir, f := reader(t, files...)
			c, err := ParseConfig(f.config.Root, settings)
			if err != nil {
				t.Fatal(err)
			}
			c.Now = f.config.Now
			f = NewReader(c)
			got := show(t, f, connection.UserType)
			if _, err := os.Stat(filepath.Join(dir, "groups.csv")); err == nil {
				got += show(t, f, connection.GroupType)
			}
			if *update {
				for i := range archive.Files {
					if archive.Files[i].Name == "want" {
						archive.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\ndifference:\n%s", got, cmp.Diff(want, got))
			}
		})
	}
}

// readAll returns the objects of a pass by id, and what is hidden.
func readAll(t testing.TB, f *Reader, r connection.Read) (map[string]connection.Object, []connection.Hidden, connection.ReadPage) {
	t.Helper()
	all, err := pages(t, f, r)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]connection.Object{}
	var hidden []connection.Hidden
	for _, p := range all {
		for _, o := range p.Objects {
			if _, twice := objects[o.ID]; twice {
				t.Errorf("%s is listed twice", o.ID)
			}
			objects[o.ID] = o
		}
		hidden = append(hidden, p.Hidden...)
	}
	return objects, hidden, all[len(all)-1]
}

func TestUnchanged(t *testing.T) {
	dir, f := reader(t, "people.csv", people(1203), "groups.csv", "id,displayName\ng,All\n")
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		_, _, last := readAll(t, f, connection.Read{Type: typ})
		if last.Mark == "" || last.Reach != connection.OneView {
			t.Fatalf("%s: mark %q, %s", typ, last.Mark, reachNames[last.Reach])
		}
		all, err := pages(t, f, connection.Read{Type: typ, Since: last.Mark})
		if err != nil || len(all) != 1 || all[0].Reach != connection.Unchanged || all[0].Mark != last.Mark {
			t.Errorf("%s: the same bytes: %+v, %v", typ, all, err)
		}
		again, _, whole := readAll(t, f, connection.Read{Type: typ, Since: last.Mark, Whole: true})
		if len(again) == 0 || whole.Reach != connection.OneView || whole.Mark != last.Mark {
			t.Errorf("%s: everything, because somebody asked: %d objects, %s", typ, len(again), reachNames[whole.Reach])
		}
		other, _, paths := readAll(t, f, connection.Read{Type: typ, Since: last.Mark, Paths: []string{"displayName"}})
		if len(other) == 0 || paths.Mark == last.Mark {
			t.Errorf("%s: other attributes are wanted: %d objects", typ, len(other))
		}
		if typ == connection.UserType && (other["p1"].Values.Has("name") || other["p1"].Names[1] != "u1@example.com") {
			t.Errorf("only displayName is wanted: %+v", other["p1"])
		}
	}
	_, _, last := readAll(t, f, connection.Read{Type: connection.GroupType})
	if err := os.Remove(filepath.Join(dir, "groups.csv")); err != nil {
		t.Fatal(err)
	}
	if _, err := pages(t, f, connection.Read{Type: connection.GroupType, Since: last.Mark}); lockstep.CodeOf(err) != lockstep.CodeSourceMissing {
		t.Errorf("a file that was there before: %v", err)
	}
	if objects, _, _ := readAll(t, f, connection.Read{Type: connection.GroupType}); len(objects) != 0 {
		t.Errorf("no groups: %v", objects)
	}
}

func TestContinuation(t *testing.T) {
	for name, encode := range map[string]func(string) string{"utf-8": func(s string) string { return s }, "utf-16": utf16le, "windows-1252": latin} {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(people(1203), "Given", "Zoé")
			dir, f := reader(t, "people.csv", encode(text))
			all, err := pages(t, f, connection.Read{Type: connection.UserType})
			if err != nil || len(all) != 3 || all[0].Total != 1203 {
				t.Fatalf("%d pages, %v", len(all), err)
			}
			objects, _, last := readAll(t, f, connection.Read{Type: connection.UserType, From: all[0].Next})
			if len(objects) != 703 || last.Mark != all[2].Mark || last.Reach != connection.OneView {
				t.Errorf("continued after the first page: %d objects", len(objects))
			}
			if diff := cmp.Diff(all[1].Objects[0], objects["p500"]); diff != "" {
				t.Error(diff)
			}
			write(t, dir, "people.csv", encode(strings.Replace(text, "u7@", "v7@", 1)))
			changed, err := pages(t, f, connection.Read{Type: connection.UserType, From: all[0].Next})
			if err != nil || !changed[0].Anew || changed[1].Anew || len(changed) != 3 {
				t.Errorf("continued in another file: %d pages, %v", len(changed), err)
			}
			for _, from := range []connection.Continuation{"x", "csv1/1/2", all[0].Next + "0", "///"} {
				if again, err := pages(t, f, connection.Read{Type: connection.UserType, From: from}); err != nil || !again[0].Anew || len(again) != 3 {
					t.Errorf("%q: %d pages, %v", from, len(again), err)
				}
			}
		})
	}
}

func utf16le(s string) string {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return string(b)
}

func latin(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// TestPageError checks that an error of whoever takes the pages is passed on as it is, from every page.
func TestPageError(t *testing.T) {
	_, f := reader(t, "people.csv", people(1203))
	for n := range 3 {
		mine := errors.New("enough")
		calls := 0
		err := f.Read(t.Context(), connection.Read{Type: connection.UserType}, func(connection.ReadPage) error {
			if calls++; calls > n {
				return mine
			}
			return nil
		})
		if err != mine || calls != n+1 { //nolint:errorlint // as it is
			t.Errorf("%v after %d pages", err, calls)
		}
	}
}

// TestPassEndsWithItsContext checks that no page follows the end of the context.
func TestPassEndsWithItsContext(t *testing.T) {
	_, f := reader(t, "people.csv", people(1203))
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := f.Read(ctx, connection.Read{Type: connection.UserType}, func(connection.ReadPage) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("%v after %d pages", err, calls)
	}
}

func TestChangedDuringPass(t *testing.T) {
	dir, f := reader(t, "people.csv", people(1203))
	last := false
	err := f.Read(t.Context(), connection.Read{Type: connection.UserType}, func(p connection.ReadPage) error {
		write(t, dir, "people.csv", people(1500)) // in place, longer
		last = last || p.Last
		return nil
	})
	if lockstep.CodeOf(err) != lockstep.CodeSourceChanged || last {
		t.Errorf("%v, last page sent: %v", err, last)
	}
}
