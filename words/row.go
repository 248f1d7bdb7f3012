package words

import "lockstep/rule"

// Outcome is what became of a row, or will: a sign, a word, and the tone in which both are shown. A tone is a name for style
// sheets and colours and never stands alone.
type Outcome struct{ Sign, Word, Tone string }

// Deed is a kind of action before and after.
type Deed struct {
	Sign string
	Will string // "create": what is to be done
	Did  string // "created": what was done
}

// DeedOf is a kind of action in words.
func DeedOf(k rule.Kind) Deed {
	switch k {
	case rule.Create:
		return Deed{"+", "create", "created"}
	case rule.Link:
		return Deed{"⇄", "link", "linked"}
	case rule.Update:
		return Deed{"~", "update", "updated"}
	case rule.Disable:
		return Deed{"⊘", "disable", "disabled"}
	case rule.Delete:
		return Deed{"−", "delete", "deleted"}
	case rule.Release:
		return Deed{"↮", "let go of", "let go of"}
	case rule.Refer:
		return Deed{"→", "set references", "references set"}
	case rule.Skip:
		return Deed{"=", "skip", "skipped"}
	}
	return Deed{"·", string(k), string(k)}
}

// The tones that are not a kind's own.
const (
	ToneHeld   = "held"
	ToneFailed = "failed"
	ToneSkip   = "skip"
)

// OutcomeOf is a row in a word or two.
func OutcomeOf(k rule.Kind, s rule.State) Outcome {
	d, tone := DeedOf(k), string(k)
	if k == rule.Refer {
		tone = string(rule.Update)
	}
	switch s {
	case rule.Planned:
		return Outcome{d.Sign, "will " + d.Will, tone}
	case rule.Held:
		return Outcome{"◆", d.Will + " held", ToneHeld}
	case rule.LeftOut:
		return Outcome{"✕", d.Will + " left out", ToneSkip}
	case rule.Open:
		return Outcome{d.Sign, "under way", tone}
	case rule.Done:
		return Outcome{d.Sign, d.Did, tone}
	case rule.Failed:
		return Outcome{"▲", "failed", ToneFailed}
	case rule.Refused:
		return Outcome{"▲", "cannot", ToneFailed}
	case rule.Rejected:
		return Outcome{"✕", d.Will + " rejected", ToneSkip}
	case rule.Skipped:
		return Outcome{"○", "left out", ToneSkip}
	}
	return Outcome{"·", string(s), ToneSkip}
}

// HarmOf is a number of harmful changes of a kind: 12 people lose their access.
func HarmOf(h rule.Harm, n int) string {
	switch h {
	case rule.UserDisable:
		return People(n) + " to disable"
	case rule.UserDelete:
		return People(n) + " to delete"
	case rule.GroupDelete:
		return Many(n, "group", "groups") + " to delete"
	case rule.MemberRemove:
		return Many(n, "membership", "memberships") + " to remove"
	case rule.LetGo:
		return Many(n, "person or group", "people and groups") + " to let go of"
	case rule.Clear:
		return People(n) + " to lose a value"
	}
	return Number(n) + " " + string(h)
}

// People is a number of people.
func People(n int) string { return Many(n, "person", "people") }
