package directory

import (
	"fmt"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/connection"
)

// cursor is a position in a source. Its text is one of
//
//	""                                    everything from the start
//	u/<pos>/<after>                       the full read stands after this user; pos is the head it began at
//	g/<pos>/<after>                       the same among the groups
//	p/<pos>/<since>                       everything up to this feed position has been read; the read before began at since
//	p/<pos>/<since>/<began>/<end>/<after> amid a read that began at began: of what the feed has up to end, everything up to
//	                                      the object after has been given out
type cursor struct {
	stage             string // "", "u", "g", "p"
	pos               int64
	since, began, end int64  // stage p
	after             string // an id; in stage p it begins with u or g, for users come before groups
}

func (c cursor) String() string {
	switch {
	case c.stage == "":
		return ""
	case c.stage != "p":
		return fmt.Sprintf("%s/%d/%s", c.stage, c.pos, c.after)
	case c.began == c.pos && c.after == "":
		return fmt.Sprintf("p/%d/%d", c.pos, c.since)
	}
	return fmt.Sprintf("p/%d/%d/%d/%d/%s", c.pos, c.since, c.began, c.end, c.after)
}

// parseCursor reads a cursor; one that it does not know has expired.
func parseCursor(text connection.Cursor) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	parts := strings.Split(string(text), "/")
	c.stage = parts[0]
	var numbers []*int64
	switch {
	case (c.stage == "u" || c.stage == "g") && len(parts) == 3:
		numbers, c.after = []*int64{&c.pos}, parts[2]
	case c.stage == "p" && len(parts) == 3:
		numbers = []*int64{&c.pos, &c.since}
	case c.stage == "p" && len(parts) == 6:
		numbers, c.after = []*int64{&c.pos, &c.since, &c.began, &c.end}, parts[5]
	default:
		return cursor{}, lockstep.ErrCursorExpired
	}
	for i, n := range numbers {
		if *n, err = strconv.ParseInt(parts[i+1], 10, 64); err != nil {
			return cursor{}, lockstep.ErrCursorExpired
		}
	}
	if len(numbers) == 2 {
		c.began = c.pos
	}
	return c, nil
}

// Position implements connection.Positioned: the place in the change feed that a finished read's cursor stands for.
func (*source) Position(text connection.Cursor) int64 {
	c, err := parseCursor(text)
	if err != nil || c.stage != "p" {
		return 0
	}
	return c.pos
}
