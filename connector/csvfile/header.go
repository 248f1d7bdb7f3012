package csvfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"lockstep"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// layout says what the columns of a file mean.
type layout struct {
	header    []string
	id        int // column of the id; in a file of memberships, of the group
	active    int // -1 is none
	reference int // column of the manager, of the members, or of the member; -1 is none
	userName  int // -1 is none
	kind      int // column of the member's type; -1 is none
	values    []attributeColumn
	care      []care // by column: what its cells must not hold
	notes     []string

	words  []string // the header, as labels are compared
	labels []int    // lines that repeat it
}

// attributeColumn is a column whose cells become an attribute.
type attributeColumn struct {
	index int
	path  filter.Path
}

// care is how carefully the characters of a cell are looked at.
type care int

const (
	asUnread care = iota // anything but control characters; tab and line ends are none
	asText               // the same, and no error of a formula
	asNumber             // the same, and no number that a spreadsheet has shortened
	asName               // for people to read: no tab, no line end, nothing that is not seen
	asHandle             // compared by machines: nothing that is not seen at all
)

// finder finds the meaning of columns.
type finder func(header []string) (layout, error)

// begin reads all that stands before the first row of values: a line sep=; and the header.
func (t *text) begin(fixed bool, find finder) error {
	if err := t.fill(); err != nil {
		return err
	}
	t.lineEnds()
	t.separator(fixed)
	t.typeLine()
	start := t.buf[t.pos:]
	if len(bytes.TrimSpace(start)) == 0 && t.done {
		return malformedHeader("It is empty: not even a header is there.")
	}
	for t.empty(start[:t.lineEnd(start)]) && t.lineEnd(start) < len(start) { // lines without anything
		t.take(t.lineEnd(start))
		start = t.buf[t.pos:]
	}
	t.lazy, t.least = true, 1
	var err error
	if t.comma == 0 {
		if t.comma, err = t.delimiter(find); err != nil {
			return err
		}
	}
	n, v, err := t.whole()
	if err != nil {
		return err
	}
	if v != complete {
		return malformedHeader("Its header cannot be read: " + v.String() + ".")
	}
	header, err := t.names()
	if err != nil {
		return err
	}
	t.take(n)
	if t.layout, err = find(header); err != nil {
		return err
	}
	t.lazy, t.width, t.least = false, len(t.header), named(t.header)
	for _, name := range t.header {
		t.words = append(t.words, word([]byte(name)))
	}
	return nil
}

// next returns the next row that is no label.
func (t *text) next() (record, error) {
	for {
		r, err := t.rows.next()
		if err != nil || r.fault != "" || !t.isLabel() {
			return r, err
		}
		t.labels = append(t.labels, r.line)
	}
}

// isLabel reports whether a row stands for nobody but says what the columns are called: a second line of headings, as some HR systems
// write it, the header of a file that was appended to another one, or the rule that programs of databases draw below it.
func (t *text) isLabel() bool {
	id := t.cell(t.id)
	switch {
	case len(id) == 0, len(id) > 200:
		return false
	case isRule(id):
		for i := range t.cells {
			if cell := t.cell(i); len(cell) > 0 && !isRule(cell) {
				return false
			}
		}
		return len(t.cells) > 1
	case word(id) != t.words[t.id] || t.words[t.id] == "":
		return false
	}
	same, filled := 0, 0
	for i, name := range t.words {
		if cell := t.cell(i); len(cell) > 0 && name != "" {
			filled++
			if word(cell) == name {
				same++
			}
		}
	}
	return same*2 > filled
}

// isRule reports whether a cell is a line of dashes.
func isRule(cell []byte) bool { return len(bytes.Trim(cell, "-")) == 0 }

// word returns the letters and digits of a heading: User ID and USERID are one.
func word(heading []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, filter.Fold(string(heading)))
}

// typeLine takes a first line #TYPE …, which PowerShell writes.
func (t *text) typeLine() {
	if n := t.lineEnd(t.buf[t.pos:]); bytes.HasPrefix(bytes.TrimLeft(t.buf[t.pos:], `"`), []byte("#TYPE ")) {
		t.take(n)
	}
}

func malformedHeader(detail string) error {
	return &lockstep.Error{Code: lockstep.CodeSourceMalformed, Detail: detail}
}

// lineEnds finds out whether a carriage return alone ends a line: the first line end tells.
func (t *text) lineEnds() {
	quoted := false
	for i, c := range t.buf {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return
		case c == '\r':
			t.cr = i+1 < len(t.buf) && t.buf[i+1] != '\n' || i+1 == len(t.buf) && t.done
			return
		}
	}
}

// separator takes a first line such as sep=; which names the delimiter for spreadsheets.
func (t *text) separator(fixed bool) {
	n := t.lineEnd(t.buf)
	line := bytes.Trim(bytes.TrimRight(t.buf[:n], "\r\n"), `"`)
	if len(line) != 5 || !strings.EqualFold(string(line[:4]), "sep=") {
		return
	}
	if !fixed {
		t.comma = line[4]
	}
	t.take(n)
}

// delimiter finds the delimiter: the one that makes a header of the first line that can be read.
func (t *text) delimiter(find finder) (byte, error) {
	type candidate struct {
		comma byte
		cells int
		fits  bool
	}
	var all []candidate
	for _, c := range []byte{',', ';', '\t', '|'} {
		t.comma = c
		if _, v := t.cut(t.buf[t.pos:], true); v != complete {
			continue
		}
		header, err := t.names()
		if err == nil {
			_, err = find(header)
		}
		all = append(all, candidate{c, len(t.cells), err == nil})
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		if a.fits != b.fits {
			if a.fits {
				return -1
			}
			return 1
		}
		return b.cells - a.cells
	})
	switch {
	case len(all) == 0:
		return ',', nil // reading the header tells what is wrong
	case len(all) > 1 && all[0].cells > 1 && all[0].fits == all[1].fits && all[0].cells == all[1].cells:
		return 0, malformedHeader(fmt.Sprintf("Its delimiter may be %q or %q; set delimiter to the right one.", all[0].comma, all[1].comma))
	}
	return all[0].comma, nil
}

// names returns the cells of the header.
func (t *text) names() ([]string, error) {
	header := make([]string, len(t.cells))
	for i := range header {
		header[i] = string(t.cell(i))
		for _, r := range header[i] {
			if r == utf8.RuneError {
				return nil, malformedHeader(fmt.Sprintf("The name of its column %d is not %s; set encoding to the right one.", i+1, t.charset.name))
			}
			if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) {
				return nil, malformedHeader(fmt.Sprintf("The name of its column %d has a character that is not seen: %U.", i+1, r))
			}
		}
	}
	return header, nil
}

// named returns how many columns there are up to the last one with a name.
func named(header []string) int {
	n := len(header)
	for n > 0 && header[n-1] == "" {
		n--
	}
	return n
}

// find returns what the columns of people or groups mean. Reference and active are names of columns.
func (f *Reader) find(header []string, typ *scim.Type, reference, active string, asked wanted) (layout, error) {
	l := layout{header: header, id: -1, active: -1, reference: -1, userName: -1, kind: -1, care: make([]care, len(header))}
	if err := l.distinct(); err != nil {
		return l, err
	}
	var known, free []string
	for i, name := range header {
		switch key := filter.Fold(name); key {
		case "":
		case filter.Fold(f.config.ID):
			l.id, l.care[i] = i, asHandle
		case reference:
			l.reference, l.care[i] = i, asHandle
		case active:
			l.active, l.care[i] = i, asHandle
		default:
			path, err := columnPath(name)
			if err != nil {
				return l, err
			}
			extended, short := asked.extended(path, typ, header)
			if _, ok := typ.Attribute(path); ok || short {
				known = append(known, name)
			} else {
				free = append(free, fmt.Sprintf("%q", name)+meant(name, typ))
			}
			l.care[i] = careOf(path)
			if key == "username" {
				l.userName, l.care[i] = i, asHandle
			}
			if asked.has(path) {
				l.values = append(l.values, attributeColumn{i, path}) // also of a short name, since a mapping may read [department]
				if short {
					l.values = append(l.values, attributeColumn{i, extended})
				}
			} else if l.care[i] <= asNumber {
				l.care[i] = asUnread
			}
		}
	}
	if l.id < 0 {
		return l, malformedHeader(fmt.Sprintf("Its header has no column %q; it has %s. If that is no header, add one; if another column holds the id, set id.", f.config.ID, quoteAll(header)))
	}
	l.notes = append(l.notes, fmt.Sprintf("The column %q holds the id.", header[l.id]))
	if len(known) > 0 {
		l.notes = append(l.notes, "These columns are attributes: "+strings.Join(known, ", ")+".")
	}
	if len(free) > 0 {
		l.notes = append(l.notes, "These columns are no attributes of SCIM; a mapping may name them: "+strings.Join(free, ", ")+".")
	}
	l.unnamed()
	return l, nil
}

// wanted are the attributes that are asked for, by their folded names without the schema; none is all.
type wanted map[string][]filter.Path

func (w wanted) has(path filter.Path) bool {
	return len(w) == 0 || len(w[filter.Fold(path.Attr)]) > 0 || len(w[filter.Fold(path.URN)]) > 0
}

// extended returns which attribute of an extension a heading means by its short name: department is that of the enterprise extension,
// badge the one of a tenant's own extension that is asked for. There is none when the header has the attribute under its full name,
// or when two extensions have one of this name.
func (w wanted) extended(short filter.Path, typ *scim.Type, header []string) (filter.Path, bool) {
	if path, known := typ.Canonical(short); short.URN != "" || known && path.URN == "" {
		return short, false
	}
	urns := typ.Schemas()
	if len(w) > 0 {
		urns = nil
		for _, path := range w[filter.Fold(short.Attr)] {
			urns = append(urns, path.URN)
		}
	}
	var found []filter.Path
	for _, urn := range urns {
		path := short
		path.URN = urn
		canonical, known := typ.Canonical(path)
		if known {
			path = canonical
		}
		if urn != "" && (known || len(w) > 0) && !slices.ContainsFunc(found, func(f filter.Path) bool { return f.String() == path.String() }) {
			found = append(found, path)
		}
	}
	if len(found) != 1 || slices.ContainsFunc(header, func(name string) bool { return filter.Fold(name) == filter.Fold(found[0].String()) }) {
		return short, false
	}
	return found[0], true
}

// meant says which attribute a heading that is none was probably meant to be, "" when none is near. It is one that a cell can hold as it
// stands, and begins as the heading does: first name is not nickName.
func meant(heading string, typ *scim.Type) string {
	var names []string
	for path, a := range typ.Attributes() {
		if path.Sub == "" && !a.MultiValued && a.Mutability != scim.ReadOnly {
			names = append(names, path.Attr)
		}
	}
	if near := rule.Nearest(heading, names); near != "" && filter.Fold(near[:1]) == filter.Fold(heading[:1]) {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// distinct refuses a header that names one column twice, or none.
func (l *layout) distinct() error {
	seen := map[string]bool{}
	for _, name := range l.header {
		key := filter.Fold(name)
		if key != "" && seen[key] {
			return malformedHeader(fmt.Sprintf("It has the column %q twice.", name))
		}
		seen[key] = true
	}
	return nil
}

// unnamed notes the columns that have no name and stand before one that has.
func (l *layout) unnamed() {
	for i, name := range l.header[:named(l.header)] {
		if name == "" {
			l.notes = append(l.notes, fmt.Sprintf("Column %d has no name and is not read.", i+1))
		}
	}
}

// columnPath returns the attribute that a column names. A heading may be anything that a mapping can name.
func columnPath(name string) (filter.Path, error) {
	path, err := filter.ParsePath(name)
	switch {
	case err == nil && path.Attr != "":
		return path, nil
	case !strings.ContainsAny(name, "[]"):
		return filter.Path{Attr: name}, nil
	}
	return path, malformedHeader(fmt.Sprintf("Its column %q is not an attribute name: %v.", name, err))
}

// careOf returns how carefully the cells of an attribute are looked at.
func careOf(p filter.Path) care {
	switch filter.Fold(p.Attr) {
	case "displayname", "name", "nickname":
		return asName
	case "emails", "mail", "email", "externalid":
		return asHandle
	case "phonenumbers", "telephonenumber", "mobile", "phone", "employeenumber", "employeeid", "costcenter":
		return asNumber
	}
	return asText
}

func quoteAll(names []string) string {
	shown := names[:min(len(names), 8)]
	quoted := make([]string, len(shown))
	for i, n := range shown {
		if r := []rune(n); len(r) > 40 {
			n = string(r[:40]) + "…"
		}
		quoted[i] = fmt.Sprintf("%q", n)
	}
	s := strings.Join(quoted, ", ")
	if len(names) > len(shown) {
		s += fmt.Sprintf(" and %d more", len(names)-len(shown))
	}
	return s
}

// wrong says what is wrong with the characters of a cell, "" when nothing is.
func (c care) wrong(cell []byte) string {
	if len(cell) > 0 && (c > asUnread && (cell[0] == '#' || cell[0] == 'E') && broken(cell) || c > asText && cell[0] >= '1' && cell[0] <= '9' && rounded(cell)) {
		return "has what is left of a value that a spreadsheet lost: " + string(cell)
	}
	plain := true
	for _, b := range cell {
		if b < ' ' || b >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return ""
	}
	for i := 0; i < len(cell); {
		r, size := utf8.DecodeRune(cell[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return "is not UTF-8; the setting encoding names another encoding"
		case r == utf8.RuneError:
			return "has a character that could not be read (U+FFFD)"
		case c <= asNumber && (r == '\t' || r == '\n' || r == '\r'):
		case unicode.Is(unicode.Cc, r):
			return fmt.Sprintf("has a control character (%U)", r)
		case c == asName && (r == '\u200c' || r == '\u200d'): // joiners, which some scripts need
		case c > asNumber && (unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == '\u115f' || r == '\u3164'):
			return fmt.Sprintf("has a character that is not seen (%U)", r)
		}
		i += size
	}
	return ""
}

// broken reports whether a cell is what a spreadsheet shows where it has no value: the error of a formula in the languages of Europe
// (#REF!, #BEZUG!, #¿NOMBRE?, Err:508), or a column that was too narrow (#####).
func broken(cell []byte) bool {
	switch text := string(cell); text {
	case "#N/A", "#NV", "#N/D", "#N/B", "#N/DISP", "#BRAK", "#I/T", "#GETTING_DATA", "#NULL!", "#DIV/0!":
		return true
	default:
		if code, ok := strings.CutPrefix(text, "Err:"); ok {
			return len(code) == 3 && strings.Trim(code, "0123456789") == ""
		}
		inner := strings.TrimPrefix(text, "#")
		if len(inner) == len(text) || len(text) < 3 {
			return false
		}
		if strings.Trim(inner, "#") == "" {
			return true
		}
		last := inner[len(inner)-1]
		return (last == '!' || last == '?') && !strings.ContainsFunc(inner[:len(inner)-1], func(r rune) bool {
			return !unicode.IsUpper(r) && !strings.ContainsRune("¡¿/0_", r)
		})
	}
}

// rounded reports whether a cell is a long number of which a spreadsheet kept the first digits alone: 4.71E+11.
func rounded(cell []byte) bool {
	i := 1
	if i < len(cell) && (cell[i] == '.' || cell[i] == ',') {
		for i++; i < len(cell) && cell[i] >= '0' && cell[i] <= '9'; i++ {
		}
	}
	if i+2 >= len(cell) || cell[i] != 'E' || cell[i+1] != '+' {
		return false
	}
	for _, c := range cell[i+2:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// describe returns what people should know of how a document was read.
func (t *text) describe() []string {
	ends := "LF or CR LF"
	if t.cr {
		ends = "CR"
	}
	notes := []string{fmt.Sprintf("%s is read as %s with the delimiter %q; lines end with %s.", t.name, t.charset.name, t.comma, ends)}
	for _, n := range t.notes {
		notes = append(notes, t.name+": "+n)
	}
	if n := len(t.labels); n > 0 {
		notes = append(notes, fmt.Sprintf("%s: Rows that only say what the columns are called, and are nobody: %d; the first is line %d.", t.name, n, t.labels[0]))
	}
	return notes
}
