package csvfile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
)

// cellsOf cuts a text with rows, under a header of so many columns, into the cells of the rows that can be used.
func cellsOf(text string, width int) (all [][]string, faults int, err error) {
	return cellsIn(&rows{in: strings.NewReader(text), comma: ',', line: 1, width: width, least: width})
}

func cellsIn(p *rows) (all [][]string, faults int, err error) {
	width := p.width
	for {
		r, err := p.next()
		if errors.Is(err, io.EOF) {
			return all, faults, nil
		}
		if err != nil {
			return all, faults, err
		}
		if r.fault != "" {
			faults += 1 + r.others
			continue
		}
		cells := make([]string, width)
		for i := range cells {
			cells[i] = string(p.cell(i))
		}
		all = append(all, cells)
	}
}

// files of other people's making: their rows are cut by encoding/csv, by Python and by us, and must be the same.
var sound = map[string]string{
	"spreadsheet":   "1,ada,Head\r\n2,\"Okafor, Ben\",\"say \"\"hi\"\"\"\r\n3,cy,\r\n",
	"every quoted":  "\"1\",\"ada\",\"Head\"\n\"2\",\"b\nc\",\"\"\n\"3\",\"\",\"x\"\n",
	"no line end":   "1,ada,Head\n2,ben,Cook",
	"unicode":       "1,Zoé,Größe\n2,李雷,经理\n3,Ωmega,\"é, è\"\n",
	"only quotes":   "1,\"\"\"\",\"\"\"\"\"\"\n2,\"\"\"a\",\"b\"\"\"\n",
	"long":          "1," + strings.Repeat("x", 300_000) + ",\"" + strings.Repeat("y\n", 100_000) + "\"\n2,b,c\n",
	"quote at ends": "1,a,\"x\"\r\n2,b,\"y\"\r\n",
}

func TestAgainstEncodingCSV(t *testing.T) {
	for name, text := range sound {
		got, faults, err := cellsOf(text, 3)
		if err != nil || faults > 0 {
			t.Errorf("%s: %d faults, %v", name, faults, err)
		}
		if diff := cmp.Diff(independent(t, text), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// independent cuts a text with encoding/csv.
func independent(t testing.TB, text string) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range all {
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
	}
	return all
}

func TestAgainstPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	script := `import csv, io, json, sys
csv.field_size_limit(10**7)
text = sys.stdin.buffer.read().decode("utf-8")
print(json.dumps([[c.replace("\r\n", "\n").strip() for c in row] for row in csv.reader(io.StringIO(text, newline="")) if row]))`
	for name, text := range sound {
		cmd := exec.CommandContext(t.Context(), python, "-c", script)
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var want [][]string
		if err := json.Unmarshal(out, &want); err != nil {
			t.Fatal(err)
		}
		got, _, err := cellsOf(text, 3)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// TestRandomTables writes random cells with encoding/csv and reads them back, in pieces of any size.
func TestRandomTables(t *testing.T) {
	const pieces = "ab,;\"\n =0é\t'"
	random := rand.New(rand.NewPCG(1, 2))
	letters, doubtful := []rune(pieces), 0
	for range 2000 {
		var want [][]string
		for range 1 + random.IntN(5) {
			row := []string{fmt.Sprint(random.IntN(1000))}
			for range 5 {
				var cell strings.Builder
				for range random.IntN(6) {
					cell.WriteRune(letters[random.IntN(len(letters))])
				}
				row = append(row, cell.String())
			}
			want = append(want, row)
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = random.IntN(2) == 0
		if err := w.WriteAll(want); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for _, row := range want {
			for i := range row {
				row[i] = strings.TrimSpace(row[i])
				if n := len(row[i]); n >= 3 && strings.HasPrefix(row[i], `="`) && strings.HasSuffix(row[i], `"`) && !strings.Contains(row[i][2:n-1], `"`) {
					row[i] = strings.TrimSpace(row[i][2 : n-1])
				}
				if rest, ok := strings.CutPrefix(row[i], "'"); ok && rest != "" && strings.Contains("=+-@", rest[:1]) {
					row[i] = rest
				}
			}
		}
		got, faults, err := cellsIn(&rows{in: &b, chunk: 1 + random.IntN(30), comma: ',', line: 1, width: 6, least: 6})
		if faults > 0 && err == nil { // a line inside of a cell happens to be a whole row
			doubtful++
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%q: %d faults, %v\n%s", text, faults, err, diff)
		}
	}
	if doubtful > 10 {
		t.Errorf("%d of 2000 tables are called broken", doubtful)
	}
}

// TestStrayQuotes puts a quotation mark somewhere into a sound table. Whoever is read is read right, whoever is not is among the
// hidden, and those who come long after the mark are read.
func TestStrayQuotes(t *testing.T) {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "%d,user%d@example.com,\"Title, %d\",x%d\n", i, i, i, i)
	}
	text := b.String()
	want := map[string][]string{}
	for _, row := range independent(t, text) {
		want[row[0]] = row
	}
	for at := range len(text) * 2 / 3 {
		broken := text[:at] + `"` + text[at:]
		got, faults, err := cellsOf(broken, 4)
		if err != nil {
			t.Fatalf("%d: %v", at, err)
		}
		wrong := 0
		for _, row := range got {
			if !cmp.Equal(want[row[0]], row) {
				wrong++ // a quotation mark inside of a cell stands for itself: that one row may have it
			}
		}
		if wrong > 1 || len(got)+faults < 60 || len(got) < 55 {
			t.Errorf("a mark at %d (%q): %d read, %d of them wrong, %d hidden", at, broken[max(0, at-10):at+10], len(got), wrong, faults)
		}
	}
}

// FuzzRows checks that it does not matter in which pieces a text comes, and that every byte belongs to one row.
func FuzzRows(f *testing.F) {
	for _, text := range sound {
		f.Add(text[:min(len(text), 200)], 3, byte(','), false)
	}
	f.Add("1;a\r2;\"b\r\n\"\r\r\n;\r\"", 2, byte(';'), true)
	f.Add("1|=\"a\"|\r\n2|\"b\r\nc\nd|e|f\nx|y|z\n", 3, byte('|'), false)
	f.Fuzz(func(t *testing.T, text string, width int, comma byte, cr bool) {
		if width < 1 || width > 50 || comma == '"' || comma == '\r' || comma == '\n' || comma >= 0x80 || len(text) > 1<<14 {
			return
		}
		var first [][]string
		for i, chunk := range []int{1 << 15, 1, 7} {
			p := &rows{in: strings.NewReader(text), chunk: chunk, comma: comma, cr: cr, line: 1, width: width, least: width}
			all, faults, err := cellsIn(p)
			result := append(all, []string{fmt.Sprint(faults, err, p.line)})
			if err == nil && p.offset != int64(len(text)) {
				t.Errorf("%d of %d bytes", p.offset, len(text))
			}
			if i == 0 {
				first = result
			} else if diff := cmp.Diff(first, result); diff != "" {
				t.Errorf("in pieces of %d: %s", chunk, diff)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, text := range sound {
		f.Add("id,userName,x\n"+text, "id,members\ng,1;g\n", "group;member\ng;1\n")
	}
	f.Add("sep=;\r\nid;userName;manager\r\n=\"1\";a;\r\n", "id\rg\r", "group,member,type\n\"")
	f.Add("\ufeffid;\"a\nb\";active\n1;2;ja", "id", "group,member\ng,\x00")
	f.Add("\xff\xfei\x00d\x00\n\x001\x00", "id|displayName\n\"g|x\nh|y\ni|z\n", "")
	f.Fuzz(func(t *testing.T, people, groups, memberships string) {
		if len(people)+len(groups)+len(memberships) > 1<<16 {
			return
		}
		_, r := reader(t, "people.csv", people, "groups.csv", groups, "memberships.csv", memberships)
		for _, typ := range []string{connection.UserType, connection.GroupType} {
			check(t, r, typ)
		}
	})
}

// check makes a pass over whatever there is. An error is fine; an object twice, or without id or name, is not.
func check(t *testing.T, f *Reader, typ string) {
	seen := map[string]bool{}
	listed := 0
	all, err := pages(t, f, connection.Read{Type: typ})
	if err != nil && lockstep.CodeOf(err) == lockstep.CodeInternal {
		t.Errorf("an error without a code: %v", err)
	}
	for _, p := range all {
		for _, o := range p.Objects {
			listed++
			if o.ID == "" || seen[o.ID] || len(o.Names) == 0 || !utf8.ValidString(o.ID) {
				t.Errorf("%q twice, or without id or names", o.ID)
			}
			seen[o.ID] = true
		}
		for _, h := range p.Hidden {
			if len(h.IDs) == 0 && h.Most == 0 || h.Err == nil || h.Part == "" {
				t.Errorf("%+v does not say who may be hidden", h)
			}
		}
	}
	if err == nil && listed == 0 && typ == connection.UserType && len(all) == 1 && len(all[0].Hidden) == 0 {
		t.Error("a company of nobody")
	}
	if err != nil || len(all) < 1 {
		return
	}
	again, err := pages(t, f, connection.Read{Type: typ, Since: all[len(all)-1].Mark})
	if err != nil || len(again) != 1 || again[0].Reach != connection.Unchanged {
		t.Errorf("the same bytes: %d pages, %v", len(again), err)
	}
}
