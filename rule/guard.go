package rule

import "slices"

// Harm is a kind of change that hurts when it was not meant.
type Harm string

// The kinds of harm. Of each the guard counts the changes of a cycle against the things that could be hurt.
const (
	UserDisable  Harm = "user disable"  // of the linked, enabled users
	UserDelete   Harm = "user delete"   // of the linked users
	GroupDelete  Harm = "group delete"  // of the linked groups
	MemberRemove Harm = "member remove" // of the written memberships
	Clear        Harm = "clear"         // linked users who lose a value, of the linked users
	LetGo        Harm = "release"       // objects that others keep, of the linked users and groups
)

// Toll is how much of one kind of harm a cycle would do.
type Toll struct {
	Harm   Harm
	Count  int
	Linked int // things that could be hurt, before the cycle
}

// The defaults of GuardLimit.
const (
	defaultGuardCount   = 5
	defaultGuardPercent = 10
)

// Holds reports whether so much harm waits for an approval: when it exceeds both Count and Percent, or when nothing would be
// left of two or more things, however few they are. The latter is what a source that answers with nothing looks like.
// A negative Count or Percent is none at all, so that the other one decides alone.
func (l GuardLimit) Holds(harm, linked int) bool {
	if l.Off {
		return false
	}
	if linked > 1 && harm >= linked {
		return true
	}
	count, percent := l.Count, l.Percent
	if count == 0 {
		count = defaultGuardCount
	}
	if percent == 0 {
		percent = defaultGuardPercent
	}
	return harm > max(count, 0) && float64(harm)*100 > max(percent, 0)*float64(max(linked, 0))
}

// Guard returns the kinds of harm to hold, in the order of tolls. Users who are disabled and users who are deleted lose the
// same access, so besides each alone their sum is measured; it holds both.
func (l GuardLimit) Guard(tolls []Toll) []Harm {
	var held []Harm
	var lost Toll
	for _, t := range tolls {
		if t.Harm == UserDisable || t.Harm == UserDelete {
			lost.Count += max(t.Count, 0)
			lost.Linked = max(lost.Linked, t.Linked)
		}
	}
	together := l.Holds(lost.Count, lost.Linked)
	for _, t := range tolls {
		access := t.Count > 0 && (t.Harm == UserDisable || t.Harm == UserDelete)
		if (l.Holds(t.Count, t.Linked) || together && access) && !slices.Contains(held, t.Harm) {
			held = append(held, t.Harm)
		}
	}
	return held
}
