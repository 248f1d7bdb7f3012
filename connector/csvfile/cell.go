package csvfile

import "bytes"

// cut finds the cells of the row at the beginning of b, and how many bytes it takes with its line end. Last says that nothing
// follows b. Of a row that is not complete it finds the cells before the fault.
func (p *rows) cut(b []byte, last bool) (int, verdict) {
	p.text, p.cells, p.bare, p.ended = p.text[:0], p.cells[:0], false, true
	i := 0
	for {
		from := len(p.text)
		n, v := p.one(b[i:], last)
		i += n
		switch {
		case v != complete:
			return i, v
		case len(p.text)-from > maxCell || len(p.text) > maxRow || len(p.cells) > maxCells:
			return i, tooLong
		}
		p.cells = append(p.cells, span{from, len(p.text)})
		if i == len(b) {
			p.ended = false
			return i, complete
		}
		if b[i] == p.comma {
			i++
			continue
		}
		if i++; b[i-1] == '\r' && i < len(b) && b[i] == '\n' {
			i++
		}
		return i, complete
	}
}

// one reads one cell, up to the delimiter or line end that follows it.
func (p *rows) one(b []byte, last bool) (int, verdict) {
	i := p.skip(b, 0)
	switch {
	case i < len(b) && b[i] == '"':
		return p.quoted(b, i+1, last)
	case i+1 < len(b) && b[i] == '=' && b[i+1] == '"':
		if n, v := p.formula(b, i+2, last); v != afterQuote {
			return n, v
		}
	}
	for from := i; ; i++ {
		switch {
		case i < len(b) && b[i] == '"':
			p.bare = true
			continue
		case i < len(b) && b[i] != p.comma && b[i] != '\n' && b[i] != '\r':
			continue
		case p.ends(b, i):
		case i+1 < len(b): // a carriage return that ends no line
			continue
		case !last:
			return i, more
		case i < len(b): // the text ends with a carriage return
		}
		p.text = append(p.text, b[from:i]...)
		return i, complete
	}
}

// ends reports whether a delimiter or a line end stands at i. Where b ends it does not: who asks has to look.
func (p *rows) ends(b []byte, i int) bool {
	if i >= len(b) {
		return false
	}
	switch b[i] {
	case p.comma, '\n':
		return true
	case '\r':
		return i+1 < len(b) && (p.cr || b[i+1] == '\n')
	}
	return false
}

// skip returns where the blanks that begin at i end.
func (p *rows) skip(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') && b[i] != p.comma {
		i++
	}
	return i
}

// quoted reads a cell after its opening quote, which stands before i.
func (p *rows) quoted(b []byte, i int, last bool) (int, verdict) {
	from := len(p.text)
	for {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			if last {
				return len(b), unclosed
			}
			return len(b), more
		}
		p.quote(b[i : i+k])
		i += k + 1
		if i < len(b) && b[i] == '"' {
			p.text = append(p.text, '"')
			i++
			continue
		}
		n, v := p.close(b, i, last)
		if v == afterQuote && p.lazy {
			p.text = append(p.text, '"')
			continue
		}
		if v == complete {
			p.unwrap(from)
		}
		return n, v
	}
}

// quote appends text from inside of quotes. Its line ends become LF, so that the same text from another system is the same.
func (p *rows) quote(b []byte) {
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			p.text = append(p.text, b...)
			return
		}
		p.text = append(p.text, b[:i]...)
		switch crlf := i+1 < len(b) && b[i+1] == '\n'; {
		case crlf: // the LF follows
		case p.cr:
			p.text = append(p.text, '\n')
		default:
			p.text = append(p.text, '\r')
		}
		b = b[i+1:]
	}
}

// close looks whether a cell ends at i, which is behind its closing quote.
func (p *rows) close(b []byte, i int, last bool) (int, verdict) {
	j := p.skip(b, i)
	switch {
	case p.ends(b, j):
		return j, complete
	case j+1 >= len(b) && !last:
		return j, more
	case j == len(b), j+1 == len(b) && b[j] == '\r':
		return j, complete
	}
	return j, afterQuote
}

// formula reads ="00042" after its first quote: the way in which spreadsheets keep zeros. afterQuote says that it is something else.
func (p *rows) formula(b []byte, i int, last bool) (int, verdict) {
	k := bytes.IndexAny(b[i:], "\"\r\n")
	switch {
	case k < 0 && !last && len(b)-i <= maxCell:
		return len(b), more
	case k < 0 || b[i+k] != '"':
		return i, afterQuote
	}
	n, v := p.close(b, i+k+1, last)
	if v == complete {
		p.text = append(p.text, b[i:i+k]...)
	}
	return n, v
}

// unwrap takes the value out of a quoted cell that holds ="00042".
func (p *rows) unwrap(from int) {
	cell := bytes.TrimSpace(p.text[from:])
	if n := len(cell); n >= 3 && cell[0] == '=' && cell[1] == '"' && cell[n-1] == '"' && bytes.IndexByte(cell[2:n-1], '"') < 0 {
		p.text = append(p.text[:from], cell[2:n-1]...)
	}
}
