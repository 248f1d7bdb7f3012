package csvfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

// folder writes files into a new folder; names alternate with contents.
func folder(t testing.TB, files ...string) (string, *Source) {
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
	return dir, New(Config{Root: root})
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// print shows a read as text, one line for each object and each bad row.
func print(t *testing.T, s *Source) string {
	t.Helper()
	var out strings.Builder
	err := s.Read(t.Context(), "", func(p connection.Page) error {
		for _, o := range p.Objects {
			fmt.Fprintf(&out, "%s %s name=%s enabled=%v %s", o.Type, o.ID, o.Name, o.Enabled, scim.AppendJSON(nil, o.Values))
			for _, e := range o.References {
				fmt.Fprintf(&out, " %s→%s:%s", e.Attribute, e.To.Type, e.To.ID)
			}
			if o.Partial {
				out.WriteString(" partial")
			}
			out.WriteByte('\n')
		}
		for _, b := range p.Bad {
			fmt.Fprintf(&out, "bad %s%s: %v\n", b.Ref.Type, b.Ref.ID, b.Err)
		}
		if p.Last {
			fmt.Fprintf(&out, "last whole=%v total=%d\n", p.Whole, p.Total)
		}
		return nil
	})
	if err != nil {
		fmt.Fprintf(&out, "error %v\n", err)
	}
	return out.String()
}

func TestRead(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
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
			want := ""
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				text := strings.NewReplacer("<BOM>", "\ufeff", "<CR>", "\r", "<FF>", "\xff", "<FE>", "\xfe", "<EMPTY>\n", "").Replace(string(f.Data))
				files = append(files, f.Name, text)
			}
			_, s := folder(t, files...)
			if got := print(t, s); got != want {
				t.Errorf("got:\n%s\ndifference:\n%s", got, cmp.Diff(want, got))
			}
		})
	}
}

func people(n int) string {
	var b strings.Builder
	b.WriteString("id,userName,name.givenName,manager\n")
	for i := range n {
		fmt.Fprintf(&b, "p%d,u%d@example.com,Given %d,p%d\n", i, i, i, i/8)
	}
	return b.String()
}

func TestPagesAndCursor(t *testing.T) {
	dir, s := folder(t, "people.csv", people(1203), "groups.csv", "id,displayName\ng,All\n")
	var cursors []connection.Cursor
	var sizes []int
	if err := s.Read(t.Context(), "", func(p connection.Page) error {
		cursors, sizes = append(cursors, p.Next), append(sizes, len(p.Objects))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{500, 500, 204}, sizes); diff != "" {
		t.Error(diff)
	}
	count := func(from connection.Cursor) (n int, whole bool, err error) {
		err = s.Read(t.Context(), from, func(p connection.Page) error {
			n, whole = n+len(p.Objects), p.Whole
			return nil
		})
		return
	}
	if n, whole, err := count(cursors[2]); n != 0 || whole || err != nil {
		t.Errorf("an unchanged file: %d objects, whole %v, %v", n, whole, err)
	}
	if n, whole, err := count(cursors[0]); n != 704 || !whole || err != nil {
		t.Errorf("continued after the first page: %d objects, whole %v, %v", n, whole, err)
	}
	write(t, dir, "people.csv", people(10))
	if _, _, err := count(cursors[0]); !errors.Is(err, lockstep.ErrCursorExpired) {
		t.Errorf("continued in another file: %v", err)
	}
	if n, whole, err := count(cursors[2]); n != 11 || !whole || err != nil {
		t.Errorf("a changed file: %d objects, whole %v, %v", n, whole, err)
	}
}

func TestReplacedDuringRead(t *testing.T) {
	dir, s := folder(t, "people.csv", people(1203))
	last := false
	err := s.Read(t.Context(), "", func(p connection.Page) error {
		write(t, dir, "people.csv", people(1500)) // in place, longer
		last = last || p.Last
		return nil
	})
	if lockstep.CodeOf(err) != lockstep.CodeSourceChanged || last {
		t.Errorf("%v, last page sent: %v", err, last)
	}
}

func TestGet(t *testing.T) {
	_, s := folder(t, "people.csv", people(20))
	got, err := s.Get(t.Context(), connection.Ref{Type: "User", ID: "p19"}, connection.Ref{Type: "User", ID: "nobody"}, connection.Ref{Type: "Group", ID: "p1"})
	if err != nil || len(got) != 1 || got[0].Name != "u19@example.com" || len(got[0].References) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUnreadable(t *testing.T) {
	for name, files := range map[string][]string{
		"source.unreachable": {"groups.csv", "id\n"},
		"source.malformed":   {"people.csv", ""},
	} {
		_, s := folder(t, files...)
		var checks []connection.Check
		err := s.Test(t.Context(), func(c connection.Check) { checks = append(checks, c) })
		if string(lockstep.CodeOf(err)) != name || len(checks) != 1 || checks[0].OK {
			t.Errorf("%s: %v, %+v", name, err, checks)
		}
	}
	dir, s := folder(t, "people.csv", people(2))
	s.config.MaxBytes = 5
	if err := s.Read(t.Context(), "", nil); lockstep.CodeOf(err) != lockstep.CodeSourceLimit {
		t.Errorf("a file that is too large: %v", err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out.csv")); err != nil {
		t.Fatal(err)
	}
	s.config.People, s.config.MaxBytes = "out.csv", 1<<20
	if err := s.Read(t.Context(), "", nil); lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable {
		t.Errorf("a link out of the folder: %v", err)
	}
}

func TestConnection(t *testing.T) {
	_, s := folder(t, "people.csv", people(3)+"broken\n")
	var last connection.Check
	if err := s.Test(t.Context(), func(c connection.Check) { last = c }); err != nil {
		t.Fatal(err)
	}
	if want := "4 people, 0 groups, 1 rows cannot be used"; last.Detail != want {
		t.Errorf("%q, not %q", last.Detail, want)
	}
}

func TestWatch(t *testing.T) {
	dir, s := folder(t, "people.csv", people(3))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var changes atomic.Int32
		ended := make(chan error, 1)
		go func() { ended <- s.Watch(ctx, func() { changes.Add(1) }) }()
		time.Sleep(5 * time.Second)
		if n := changes.Load(); n != 1 {
			t.Errorf("%d changes although nothing happened since it began", n)
		}
		write(t, dir, "groups.csv", "id,displayName\n")
		time.Sleep(5 * time.Second)
		if n := changes.Load(); n != 2 {
			t.Errorf("%d changes after one", n)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig(nil, map[string]string{"people": "staff.csv", "delimiter": "tab", "id": "uid"})
	if err != nil || c.People != "staff.csv" || c.Comma != '\t' || c.ID != "uid" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ParseConfig(nil, map[string]string{"encoding": "latin1", "max_bytes": "1000", "delimiter": "auto"})
	if err != nil || c.Encoding != "latin1" || c.MaxBytes != 1000 || c.Comma != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []map[string]string{{"file": "x"}, {"delimiter": "#"}, {"encoding": "morse"}, {"encoding": "replacement"}, {"max_bytes": "-1"}, {"max_bytes": "1 GiB"}} {
		if _, err := ParseConfig(nil, bad); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("id,userName\n1,a\n1,b\n", "id,members\ng,1;g\n", "group;member\ng;1\n")
	f.Add("\ufeffid;\"a\nb\";manager\n1;2", "id", "group,member,type\n\"")
	f.Fuzz(func(t *testing.T, people, groups, memberships string) {
		_, s := folder(t, "people.csv", people, "groups.csv", groups, "memberships.csv", memberships)
		seen := map[connection.Ref]bool{}
		_ = s.Read(t.Context(), "", func(p connection.Page) error { // an error is fine, a duplicate or a nameless object is not
			for _, o := range p.Objects {
				if o.ID == "" || seen[o.Ref] {
					t.Errorf("object %+v twice or without id", o.Ref)
				}
				seen[o.Ref] = true
			}
			return nil
		})
	})
}

func BenchmarkRead(b *testing.B) {
	_, s := folder(b, "people.csv", people(10_000))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Read(b.Context(), "", func(connection.Page) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
