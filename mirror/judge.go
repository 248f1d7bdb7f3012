package mirror

import (
	"errors"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
)

// Part is a part of a system that could not be read in a pass (connection.Hidden).
type Part struct {
	connection.Hidden
	Code     lockstep.Code // of its error
	Detail   string
	Answered bool // an administrator has said that nobody is in it, of these very bytes
}

// Cover is what may be in the parts that could not be read.
type Cover struct {
	ids   map[string]bool
	below []string
	any   bool
}

// CoverOf sums up parts. A part of which it is only known how many are in it may hold any of the objects that were not listed:
// if there are fewer of these, all may be in it, and if there are more, nobody can tell which. So all of them wait.
func CoverOf(parts []Part) Cover {
	c := Cover{ids: map[string]bool{}}
	for _, p := range parts {
		switch {
		case p.Answered:
		case len(p.IDs) > 0:
			for _, id := range p.IDs {
				c.ids[id] = true
			}
		case p.Below != "":
			c.below = append(c.below, p.Below)
		default:
			c.any = true
		}
	}
	return c
}

// Nothing reports whether nobody is hidden.
func (c *Cover) Nothing() bool { return c.Exact() && len(c.ids) == 0 }

// Exact reports whether it is known of every object, by its id, whether it may be hidden.
func (c *Cover) Exact() bool { return !c.any && len(c.below) == 0 }

// Hides reports whether the object may be in one of the parts.
func (c *Cover) Hides(o *connection.Object) bool {
	if c.any || c.ids[o.ID] {
		return true
	}
	for _, b := range c.below {
		for _, n := range o.Names {
			if under(n, b) {
				return true
			}
		}
	}
	return false
}

// under reports whether a name is the branch or stands in it: uid=ada,ou=people in ou=people.
func under(name, branch string) bool {
	if name == branch {
		return true
	}
	rest, ok := strings.CutSuffix(name, branch)
	return ok && (strings.HasSuffix(rest, ",") || strings.HasSuffix(rest, "/"))
}

// Way is how it is found out whether objects that a complete pass did not list are gone.
type Way int

// The ways.
const (
	Leave    Way = iota // nothing was to be expected of the pass
	AtOnce              // they are gone
	ByID                // the system is asked for each
	BySecond            // they are gone when an earlier pass missed them, too; else a second pass is needed
)

// WayOf returns how unseen objects of a type with all objects are judged. canAsk says that the system can be asked by id.
func WayOf(reach connection.Reach, canAsk bool, unseen, all int) Way {
	switch {
	case reach == connection.OneView:
		return AtOnce
	case reach != connection.Pages:
		return Leave
	case canAsk && unseen <= max(50, all/20):
		return ByID
	}
	return BySecond
}

// Fate is what becomes of a row that a complete pass did not list.
type Fate int

// The fates of an unseen row.
const (
	Stays   Fate = iota // as it is
	Goes                // it is gone
	Hides               // it may be in a part that could not be read
	Waits               // for a second pass
	IsAsked             // the system decides
)

// FateOf judges one row that a pass did not list. A row that we wrote so late that the pass may not show it is read by its id.
func FateOf(r *Row, p *Pass, way Way, cover *Cover, lag time.Duration) Fate {
	switch {
	case way == Leave || r.State == Gone:
		return Stays
	case Doubtful(r.Written, Doubt(p.Asked, lag)):
		return IsAsked
	case cover.Hides(&r.Object):
		return Hides
	case way == AtOnce:
		return Goes
	case way == ByID:
		return IsAsked
	case r.Missed != 0 && r.Missed != p.No:
		return Goes
	}
	return Waits
}

// IsWhole reports whether after a pass the rows of the type are all there is, so that what has no row is not there. An object
// that may be hidden is known only if its id is.
func IsWhole(reach connection.Reach, cover *Cover) bool {
	return (reach == connection.OneView || reach == connection.Pages) && cover.Exact()
}

// PartOf returns the part as it is kept: its error as code and sentence.
func PartOf(h connection.Hidden) Part {
	p := Part{Hidden: h, Code: lockstep.CodeOf(h.Err)}
	if h.Err != nil {
		p.Detail = lockstep.Said(h.Err)
		if e, ok := errors.AsType[*lockstep.Error](h.Err); ok && e.Detail != "" {
			p.Detail = e.Detail
		}
	}
	p.Err = nil
	return p
}
