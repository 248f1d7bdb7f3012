package terminal

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"lockstep/words"
)

// Columns lets write say lines whose cells are divided by tabs, and aligns them.
func (s *Screen) Columns(write func(w io.Writer)) error {
	w := tabwriter.NewWriter(s, 0, 8, gap, ' ', 0)
	write(w)
	return w.Flush()
}

// Table writes a table, its head first, no wider than the terminal. No cell ends its line.
func (s *Screen) Table(head []string, rows [][]string) error {
	lines := append([][]string{head}, rows...)
	for _, row := range rows {
		Cells(row)
	}
	if width := s.Width(); width > 0 {
		lines = fit(lines, width)
	}
	return s.Columns(func(w io.Writer) {
		for _, line := range lines {
			fmt.Fprintln(w, strings.Join(line, "\t"))
		}
	})
}

// Cells cleans the cells of a line, so that none ends it, and returns them.
func Cells(row []string) []string {
	for i := range row {
		row[i] = words.Clean(row[i])
	}
	return row
}

// The least that a column of a table is narrowed to, and what stands between two columns.
const (
	narrowest = 10
	gap       = 2
)

// fit makes a table no wider than a terminal: a column of ids goes first, since whoever needs them asks for JSON; then the widest
// columns are cut, each cut cell with a mark of it.
func fit(lines [][]string, width int) [][]string {
	widths := widthsOf(lines)
	if last := len(widths) - 1; last > 0 && lines[0][last] == "ID" && total(widths) > width {
		for i := range lines {
			lines[i] = lines[i][:last]
		}
		widths = widths[:last]
	}
	for total(widths) > width {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
	}
	for _, line := range lines {
		for i := range line {
			line[i] = words.Clip(line[i], widths[i])
		}
	}
	return lines
}

func widthsOf(lines [][]string) []int {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func total(widths []int) int {
	n := gap * (len(widths) - 1)
	for _, w := range widths {
		n += w
	}
	return n
}
