package csvfile

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
)

func TestActiveWords(t *testing.T) {
	for word, want := range map[string]bool{
		"true": true, "FALSE": false, "Yes": true, "no": false, "1": true, "0": false, "Ja": true, "NEIN": false, "oui": true, "Non": false,
		"si": true, "Sí": true, "Sì": true, "sim": true, "não": false, "NÃO": false, "nao": false, "aktiv": true, "Inaktiv": false,
		"WAHR": true, "FALSCH": false, "VRAI": true, "FAUX": false, "VERDADERO": true, "FALSO": false, "VERO": true, "PRAWDA": true, "FAŁSZ": false,
		"Si\u0301": true, "na\u0303o": false, "Terminated": false, "ДА": true, "Нет": false, "はい": true, "いいえ": false,
	} {
		if got, ok := activeWord(word); got != want || !ok {
			t.Errorf("%q: %v, known %v", word, got, ok)
		}
	}
	for _, word := range []string{"perhaps", "3", "-", "x", "on leave", "2026-01-01", "inactif?", "tru", "TRUE FALSE", "01"} {
		if got, ok := activeWord(word); ok {
			t.Errorf("%q is taken for %v", word, got)
		}
	}
}

func TestCellsOfHandles(t *testing.T) {
	for cell, bad := range map[string]bool{
		"ada@example.com": false, "Zoé": false, "e\u0301": false, "1E+": false, "12": false, "1.5": false, "1E10": false, "9E+B": false, "#1": false, "李": false,
		"#N/A": true, "4.71E+11": true, "4,71E+11": true, "1E+12": true, "a\u200bb": true, "a\u00adb": true, "\u202eada": true, "a\tb": true, "a\nb": true,
		"a\x00b": true, "a\x7f": true, "a\u0085b": true, "a\xffb": true, "a\ufffdb": true, "\ufeffa": true, "a\u200db": true, "a\u2028b": true,
	} {
		if what := asHandle.wrong([]byte(cell)); (what != "") != bad {
			t.Errorf("%q: %q", cell, what)
		}
	}
	for cell, bad := range map[string]bool{"می\u200cخواهم": false, "👩\u200d💻": false, "a\u200bb": true, "a\nb": true, "\u202eada": true, "a\x1bb": true} {
		if what := asName.wrong([]byte(cell)); (what != "") != bad {
			t.Errorf("the name %q: %q", cell, what)
		}
	}
	for cell, bad := range map[string]bool{"1 High St\nLondon": false, "a\tb": false, "#N/A": true, "#BEZUG!": true, "#¿NOMBRE?": true, "####": true, "Err:508": true,
		"#1": false, "#a!": false, "Err:50": false, "Erika": false, "#": false, "#!": false, "4.71E+11": false, "a\x00b": true, "a\x1bb": true, "a\u200bb": false} {
		if what := asText.wrong([]byte(cell)); (what != "") != bad {
			t.Errorf("the text %q: %q", cell, what)
		}
	}
	for cell, bad := range map[string]bool{"#N/A": true, "4.71E+11": true, "+49 30 1234": false, "00042": false, "a\u200bb": false} {
		if what := asNumber.wrong([]byte(cell)); (what != "") != bad {
			t.Errorf("the number %q: %q", cell, what)
		}
	}
	if what := asUnread.wrong([]byte("#N/A")); what != "" {
		t.Errorf("what is not read: %q", what)
	}
}

// TestEncodings reads one person's name from every encoding that is told apart.
func TestEncodings(t *testing.T) {
	const text = "id,displayName\n1,Zoé Müller\n"
	wide := func(mark string, big bool) string {
		b := []byte(mark)
		for _, r := range text {
			if big {
				b = append(b, byte(r>>8), byte(r))
			} else {
				b = append(b, byte(r), byte(r>>8))
			}
		}
		return string(b)
	}
	for name, c := range map[string]struct{ bytes, setting, want string }{
		"utf-8":                    {text, "", "utf-8"},
		"utf-8 with a mark":        {"\ufeff" + text, "", "utf-8"},
		"utf-16le with a mark":     {wide("\xff\xfe", false), "", "utf-16le"},
		"utf-16be with a mark":     {wide("\xfe\xff", true), "", "utf-16be"},
		"utf-16le":                 {wide("", false), "", "utf-16le"},
		"utf-16be":                 {wide("", true), "", "utf-16be"},
		"windows-1252":             {latin(text), "", "windows-1252"},
		"windows-1252 set":         {latin(text), "iso-8859-1", "windows-1252"},
		"a mark against setting":   {"\ufeff" + text, "windows-1252", "utf-8"},
		"iso-8859-15, which asks":  {strings.ReplaceAll(latin(text), "Zo\xe9", "C\xbdur"), "", ""},
		"cp850, which asks":        {strings.ReplaceAll(latin(text), "M\xfcl", "M\x81l"), "", ""},
		"windows-1251, which asks": {"id,displayName\n1,\xc8\xe2\xe0\xed \xcf\xe5\xf2\xf0\xee\xe2\n", "", ""},
		"utf-32, which is refused": {"\xff\xfe\x00\x00i\x00\x00\x00", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, f := reader(t, "people.csv", c.bytes)
			f.config.Encoding = c.setting
			all, err := pages(t, f, connection.Read{Type: connection.UserType})
			if c.want == "" {
				if lockstep.CodeOf(err) != lockstep.CodeSourceEncoding {
					t.Errorf("%v, %+v", err, all)
				}
				return
			}
			if err != nil || len(all[0].Objects) != 1 || all[0].Objects[0].Values.Text("displayName") != "Zoé Müller" || !strings.Contains(all[0].Notes[0], " "+c.want+" ") {
				t.Errorf("%+v, %v", all, err)
			}
		})
	}
	last := &profile{}
	if _, err := last.Write([]byte("id\nZo\xe9")); err != nil {
		t.Error(err)
	}
	if c, ok := last.charset(); c.name != "windows-1252" || !ok {
		t.Errorf("a last byte that begins a character is taken for %q", c.name)
	}
	_, f := reader(t, "people.csv", "id,Gr\xf6\xdfe\n"+strings.Repeat("1,é\n", 5))
	if _, err := pages(t, f, connection.Read{Type: connection.UserType}); lockstep.CodeOf(err) != lockstep.CodeSourceMalformed {
		t.Errorf("a header that is no UTF-8: %v", err)
	}
}

// TestLargeCells checks that a cell without end is refused in bounded memory, and that who follows is read.
func TestLargeCells(t *testing.T) {
	for name, big := range map[string]string{
		"a quoted cell":            `2,"` + strings.Repeat("x", 20<<20) + `",y` + "\n",
		"a quote never closed":     `2,"` + strings.Repeat("x\n", 3<<20),
		"a cell":                   `2,` + strings.Repeat("x", 20<<20) + ",y\n",
		"many cells":               `2` + strings.Repeat(",", 20<<20) + "y\n",
		"a cell above one's limit": `2,` + strings.Repeat("x", 2<<20) + ",y\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, f := reader(t, "people.csv", "id,userName,x\n1,ada,x\n"+big+"3,cy,x\n4,dan,x\n")
			big = ""
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			objects, hidden, _ := readAll(t, f, connection.Read{Type: connection.UserType})
			runtime.ReadMemStats(&after)
			if len(objects) != 3 || len(hidden) == 0 || hidden[0].IDs[0] != "2" {
				t.Errorf("%d people, hidden: %d", len(objects), len(hidden))
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 150<<20 {
				t.Errorf("%d MiB were asked for", grown>>20)
			}
		})
	}
}

// TestManyBadRows checks that what is told stays short when nothing can be read, and that everybody is still covered.
func TestManyBadRows(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,userName,active\n")
	for i := range 5000 {
		if i%10 == 0 {
			b.WriteString(",nobody,yes\n")
		}
		fmt.Fprintf(&b, "%d,u%d,aktivated\n", i, i)
	}
	_, f := reader(t, "people.csv", b.String())
	_, hidden, _ := readAll(t, f, connection.Read{Type: connection.UserType})
	ids, most := map[string]bool{}, 0
	for _, h := range hidden {
		for _, id := range h.IDs {
			ids[id] = true
		}
		most += h.Most
	}
	if len(ids) != 5000 || most != 500 || len(hidden) > 1100 {
		t.Errorf("%d ids and %d others in %d parts", len(ids), most, len(hidden))
	}
}

// TestConstantMemory checks that a pass over many people holds a page of them and no more.
func TestConstantMemory(t *testing.T) {
	_, f := reader(t, "people.csv", people(100_000))
	most := uint64(0)
	n := 0
	err := f.Read(t.Context(), connection.Read{Type: connection.UserType}, func(p connection.ReadPage) error {
		if n += len(p.Objects); n%10_000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		return nil
	})
	if err != nil || n != 100_000 || most > 24<<20 {
		t.Errorf("%d people, %d MiB at most, %v", n, most>>20, err)
	}
}

func BenchmarkReader(b *testing.B) {
	_, f := reader(b, "people.csv", people(10_000))
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Read(b.Context(), connection.Read{Type: connection.UserType}, func(connection.ReadPage) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "people/s")
}
