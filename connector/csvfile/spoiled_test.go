package csvfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

// TestHole puts blocks of zeros into a file, as a copy that was broken off leaves them behind. Whoever stood there is hidden and not
// gone: there are never fewer hidden than are missing.
func TestHole(t *testing.T) {
	whole := people(400)
	all := strings.Count(whole, "\n") - 1
	for at := 300; at < len(whole); at += 997 {
		for _, size := range []int{64, 512, 4096} {
			text := []byte(whole)
			clear(text[at:min(at+size, len(text))])
			_, f := reader(t, "people.csv", string(text))
			shown, err := pages(t, f, connection.Read{Type: connection.UserType})
			if at+size >= len(text) {
				if lockstep.CodeOf(err) != lockstep.CodeSourceTruncated {
					t.Errorf("zeros at the end, from %d of %d: %v", at, len(text), err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%d zeros at %d: %v", size, at, err)
			}
			known, most := map[string]bool{}, 0
			for _, p := range shown {
				for _, o := range p.Objects {
					known[o.ID] = true
				}
				for _, h := range p.Hidden {
					for _, id := range h.IDs {
						known[id] = true
					}
					most += h.Most
				}
			}
			if missing := all - len(known); missing > most || most > size {
				t.Errorf("%d zeros at %d: %d people are missing and not known, at most %d are hidden", size, at, missing, most)
			}
		}
	}
	_, f := reader(t, "people.csv", "id,userName,x\n1,a,y\n2,b,"+strings.Repeat("\x00", 100))
	if _, err := pages(t, f, connection.Read{Type: connection.UserType}); lockstep.CodeOf(err) != lockstep.CodeSourceTruncated {
		t.Errorf("zeros for the last cell: %v", err)
	}
	_, f = reader(t, "people.csv", "id,userName,x\n1,a,y\n2,b,"+strings.Repeat("\x00", 3<<20)+"\n3,c,z\n4,d,w\n")
	objects, hidden, _ := readAll(t, f, connection.Read{Type: connection.UserType})
	if most := hidden[len(hidden)-1].Most; len(objects) != 3 || most < 3<<18 {
		t.Errorf("three megabytes of zeros: %d people, at most %d hidden", len(objects), most)
	}
	_, f = reader(t, "people.csv", "id,userName,x\n1,a,y\n2,b,"+strings.Repeat("\x00", 20)+"\n3,c,z\n")
	objects, hidden, _ = readAll(t, f, connection.Read{Type: connection.UserType})
	if len(objects) != 2 || len(hidden) != 1 || hidden[0].Most != 0 {
		t.Errorf("a cell that is filled up: %v, %+v", objects, hidden)
	}
}

// TestOtherFormats has what comes under the name of a CSV file.
func TestOtherFormats(t *testing.T) {
	for name, text := range map[string]string{
		"xlsx":    "PK\x03\x04\x14\x00\x06\x00\x08\x00" + strings.Repeat("\x00\x91xl", 40),
		"xls":     "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 500),
		"gzip":    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcbL\xd1)-N-\xf2K\xccM\x05",
		"zstd":    "\x28\xb5\x2f\xfdabc",
		"pdf":     "%PDF-1.7\nid,userName\n1,a\n",
		"sign-in": "\ufeff\r\n<!DOCTYPE html>\n<html><body>id,userName\n",
		"error":   "<HTML><head><title>502 Bad Gateway</title></head>\n",
		"xml":     "<?xml version=\"1.0\"?>\n<wd:Report_Data>\n",
		"json":    "{\"error\":\"unauthorized\"}\n",
	} {
		dir, f := reader(t, "people.csv", people(3))
		_, _, last := readAll(t, f, connection.Read{Type: connection.UserType})
		write(t, dir, "people.csv", text)
		all, err := pages(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true})
		if lockstep.CodeOf(err) != lockstep.CodeSourceMalformed || !strings.Contains(err.Error(), "is no CSV") || len(all) > 0 {
			t.Errorf("%s: %d pages, %v", name, len(all), err)
		}
		if err := f.Test(t.Context(), func(connection.Check) {}); err == nil {
			t.Errorf("%s: the test of the connection says that all is well", name)
		}
	}
}

// TestCutOff cuts a file off at every byte. Where the last line has lost its end anybody may be behind it, and its last row is not read; where a character has
// lost its second half the file is not believed; where whole lines are missing, only their number tells, which is the business of the guard.
func TestCutOff(t *testing.T) {
	for name, encode := range map[string]func(string) string{
		"utf-8": func(s string) string { return s }, "utf-16": utf16le,
		"cr lf": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	} {
		whole := encode(people(3))
		dir, f := reader(t, "people.csv", whole)
		before, _, last := readAll(t, f, connection.Read{Type: connection.UserType})
		lineEnd := []byte(encode("\n"))
		lineEnd = bytes.TrimPrefix(lineEnd, []byte{0xff, 0xfe})
		for n := len(encode("id")); n < len(whole); n++ {
			write(t, dir, "people.csv", whole[:n])
			all, err := pages(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true})
			for _, p := range all {
				for _, o := range p.Objects {
					if was := before[o.ID]; err == nil && (!scim.Equal(was.Values, o.Values) || !slices.Equal(was.References, o.References)) {
						t.Errorf("%s, cut off after %q: %v %v", name, whole[:n], o.Values, o.References)
					}
				}
			}
			if err == nil && !bytes.HasSuffix([]byte(whole[:n]), lineEnd) && !strings.HasSuffix(whole[:n], "\r") && !mayHideAnybody(all) {
				t.Errorf("%s: believed when it ends with %q", name, whole[max(0, n-12):n])
			}
		}
		write(t, dir, "people.csv", whole[:len(encode("id,userName,name.givenName,manager\np0,u0@"))])
		if _, err := pages(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true}); !strings.Contains(fmt.Sprint(err), "in line 2") {
			t.Errorf("%s: cut off in line 2: %v", name, err) // what is told first is where
		}
		write(t, dir, "people.csv", "")
		if _, err := pages(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true}); lockstep.CodeOf(err) != lockstep.CodeSourceMalformed {
			t.Errorf("%s: an empty file: %v", name, err)
		}
	}
	// A file that never had a last line end is as good as ever.
	dir, f := reader(t, "people.csv", strings.TrimSuffix(people(3), "\n"))
	_, _, last := readAll(t, f, connection.Read{Type: connection.UserType})
	write(t, dir, "people.csv", strings.TrimSuffix(people(4), "\n"))
	if objects, _, _ := readAll(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true}); len(objects) != 4 {
		t.Errorf("%d people without a last line end", len(objects))
	}
}

// mayHideAnybody reports whether pages say that any number of people may be hidden.
func mayHideAnybody(all []connection.ReadPage) bool {
	for _, p := range all {
		for _, h := range p.Hidden {
			if h.IDs == nil && h.Most == 0 && h.Below == "" {
				return true
			}
		}
	}
	return false
}

// TestLineEndThatGoes: an export that ends its last line no longer is read all the same. The first time, nobody is gone and the last row waits, since a
// copy that was broken off looks like that; the next file of that size counts as whole if it has that last row, and another one does not.
func TestLineEndThatGoes(t *testing.T) {
	const many = 200
	unended := func(n int) string { return strings.TrimSuffix(people(n), "\n") }
	within := func(n int) string { return unended(n)[:len(unended(n))-1] }
	dir, f := reader(t, "people.csv", people(many))
	_, _, last := readAll(t, f, connection.Read{Type: connection.UserType})
	for i, c := range []struct {
		text  string
		shown int
		doubt bool
	}{
		{unended(many), many - 1, true},
		{unended(many), many - 1, true},    // the same file says nothing new
		{within(many), many - 1, true},     // a copy that was broken off in the last cell
		{within(many + 4), many + 3, true}, // and one of a file that has grown
		{within(many + 9), many + 8, true},
		{unended(many + 1), many, true},
		{unended(many / 2), many/2 - 1, true},              // one that was broken off at the end of a line
		{unended(many)[:len(unended(many/3))+20], 0, true}, // and within one: of its last row nothing is known
		{within(many + 4), many + 3, true},
		{unended(many + 2), many + 1, true},
		{unended(many + 3), many + 3, false},
		{unended(many - 60), many - 60, false}, // from now on it never has one, and the guard decides
		{people(many), many, false},
		{unended(many - 1), many - 2, true},
		{people(many - 1), many - 1, false},
	} {
		write(t, dir, "people.csv", c.text)
		all, err := pages(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true})
		if err != nil {
			if c.shown != 0 || lockstep.CodeOf(err) != lockstep.CodeSourceTruncated {
				t.Fatalf("file %d: %v", i, err)
			}
			continue
		}
		n := 0
		for _, p := range all {
			n += len(p.Objects)
		}
		if last = all[len(all)-1]; mayHideAnybody(all) != c.doubt || c.shown != 0 && n != c.shown {
			t.Errorf("file %d: %d people, anybody may be hidden is %t", i, n, mayHideAnybody(all))
		}
	}
}

// TestEndThatStays: two files that end in the same row are whole; of memberships, a row that is the beginning of another is not taken for it.
func TestEndThatStays(t *testing.T) {
	const groups = "id,displayName\ng1,One\n"
	all := "group,member\ng1,u1\n"
	for i := 10; i < 100; i++ {
		all += fmt.Sprintf("g1,u%d\n", i)
	}
	for name, encode := range map[string]func(string) string{
		"utf-8": func(s string) string { return s }, "utf-16": utf16le,
		"utf-16be": func(s string) string {
			b := []byte(utf16le(s))
			for i := 0; i < len(b); i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
			return string(b)
		},
		"cr lf": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	} {
		for i, c := range []struct {
			first, second string
			doubt         bool
		}{
			{all[:len(all)-1], strings.Replace(all[:len(all)-1], "u50", "x50", 1), false},
			{all[:len(all)-1], all + "g1,u100", false},
			{all[:len(all)-2], all[:len(all)-1], true},                                         // u9 was u99
			{all + "g1,u1", all + "g1,u123\ng1,u2", true},                                      // u1 was u123, and is there, too
			{all[:len(all)-1], strings.Replace(all[:len(all)-1], "g1,u98\ng1", "g1", 1), true}, // the row before it has gone
			{all[:len(all)/2], strings.Replace(all[:len(all)/2], "u20", "x20", 1), true},       // cut off at the same place
		} {
			dir, f := reader(t, "groups.csv", groups, "memberships.csv", encode(all))
			_, _, last := readAll(t, f, connection.Read{Type: connection.GroupType})
			for j, text := range []string{c.first, c.second} {
				write(t, dir, "memberships.csv", encode(text))
				shown, err := pages(t, f, connection.Read{Type: connection.GroupType, Since: last.Mark, Whole: true})
				if err != nil {
					t.Fatal(err)
				}
				if last = shown[len(shown)-1]; mayHideAnybody(shown) != (j == 0 || c.doubt) {
					t.Errorf("%s, case %d, file %d: anybody may be hidden is %t", name, i, j, mayHideAnybody(shown))
				}
			}
		}
	}
}

// TestSizeThatNobodyKnows: the marks of earlier versions hold no size. A copy that was broken off is no measure of a whole file then. A source whose files
// end their lines no more goes on all the same: people are read, nobody is gone, and it is said how that ends.
func TestSizeThatNobodyKnows(t *testing.T) {
	const many = 100
	dir, f := reader(t, "people.csv", people(many))
	_, _, last := readAll(t, f, connection.Read{Type: connection.UserType})
	last.Mark = connection.Mark(string(last.Mark)[:strings.LastIndex(string(last.Mark), endMark)+1])
	if k := parseMark(last.Mark); len(k.files) != 1 || !k.files[0].ended || k.files[0].sound != 0 {
		t.Fatalf("%q is no mark of an earlier version", last.Mark)
	}
	for _, n := range []int{many / 2, many / 2, many/2 + 1, many, many + 1, many + 2} {
		write(t, dir, "people.csv", strings.TrimSuffix(people(n), "\n"))
		objects, hidden, l := readAll(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true})
		last = l
		if len(objects) != n-1 || !strings.Contains(fmt.Sprint(hidden[len(hidden)-1].Err), "until that line is ended") || hidden[len(hidden)-1].Most != 0 || hidden[len(hidden)-1].IDs != nil {
			t.Errorf("%d of %d people, %+v", len(objects), n, hidden)
		}
	}
	write(t, dir, "people.csv", people(many))
	if objects, hidden, _ := readAll(t, f, connection.Read{Type: connection.UserType, Since: last.Mark, Whole: true}); len(objects) != many || len(hidden) > 0 {
		t.Errorf("%d people when the line is ended, %v", len(objects), hidden)
	}
}
