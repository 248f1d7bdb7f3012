package terminal

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile is a name that would clear a terminal, turn the line around, colour it, and begin a line of its own.
const hostile = "Eve\x1b[2J\u009b2J\u202e\x1b]0;x\a\nroot"

// TestScreen: whatever is written, in pieces of any size, nothing reaches the terminal that it would obey but our own colours.
func TestScreen(t *testing.T) {
	for size := 1; size < 40; size++ {
		var out strings.Builder
		s := New(&out)
		s.Colours = true
		text := s.Paint(Red, "gone") + " é 李 \x1b[31m \u202e \ufdd0" + s.key[:4] + "\ufdd0 \ufdd0x31\ufdd0 end\n"
		for len(text) > 0 {
			n := min(size, len(text))
			if _, err := s.Write([]byte(text[:n])); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		got := out.String()
		if !strings.HasPrefix(got, "\x1b[31mgone\x1b[0m é 李 ") || strings.Count(got, "\x1b") != 2 || strings.Contains(got, "\u202e") || !strings.HasSuffix(got, " end\n") {
			t.Fatalf("in pieces of %d: %q", size, got)
		}
	}
}

// TestScreenASCII: of ASCII, which is written as it is, no control character but the end of a line and a tab is.
func TestScreenASCII(t *testing.T) {
	for b := range byte(128) {
		var out strings.Builder
		if n, err := New(&out).Write([]byte{'a', b, 'z'}); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		want := "a" + string(rune(b)) + "z"
		if (b < ' ' || b == 0x7f) && b != '\n' && b != '\t' {
			want = "a\ufffdz"
		}
		if out.String() != want {
			t.Errorf("%q is written as %q", b, out.String())
		}
	}
}

func BenchmarkScreen(b *testing.B) {
	line := []byte(`{"time":"2026-11-30T09:00:00.000000000Z","level":"INFO","msg":"request","request":"01a22bc6-9a1b-7de5","method":"GET","path":"/scim/default/v2/Users/01a22bc6","status":200,"bytes":811,"took":412000,"remote":"127.0.0.1:50012"}` + "\n")
	s := New(io.Discard)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := s.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}

// TestScreenJSON: JSON stays the same JSON.
func TestScreenJSON(t *testing.T) {
	var out strings.Builder
	s := New(&out)
	s.JSON = true
	if err := json.NewEncoder(s).Encode(map[string]string{"name": hostile}); err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back["name"] != hostile {
		t.Errorf("read back: %q, %v", back["name"], err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u009b\u202e") {
		t.Errorf("written: %q", out.String())
	}
}

// TestFit: a table is as wide as the terminal and no wider; ids go first, then the widest column is cut, and a narrow one is left.
func TestFit(t *testing.T) {
	lines := func() [][]string {
		return [][]string{{"WHO", "WHY", "ID"}, {"ada", strings.Repeat("w", 50), "01a228f1"}, {"bo", "ö", "01a228f2"}}
	}
	for _, c := range []struct {
		width, columns, last int
	}{{80, 3, 8}, {60, 2, 50}, {40, 2, 35}, {5, 2, narrowest}} {
		got := fit(lines(), c.width)
		if len(got[0]) != c.columns || utf8.RuneCountInString(got[1][c.columns-1]) != c.last || got[1][0] != "ada" {
			t.Errorf("width %d: %q", c.width, got)
		}
	}
}
