package rule

import (
	"strings"

	"lockstep"
)

// Situation is all that a decision about one object depends on. The zero value is an object that is neither linked nor in scope.
type Situation struct {
	// What the link says.
	Linked   bool // the object is joined to one of the target
	Disabled bool // the target object was disabled by us
	Detached bool // it was joined to one that vanished, and policy let it go

	// What the source says.
	Gone        bool // deleted for good; In is then the last verdict
	SoftDeleted bool // deleted, but restorable
	Enabled     bool // may sign in
	In          bool // Verdict.In: assigned and through the scoping filter

	// Undecided is Verdict.Code: a scoping filter could not be evaluated, so In means nothing.
	Undecided lockstep.Code

	// What the target says.
	Vanished  bool // the linked object is not there any more
	Hits      int  // objects of the target that match; only read when there is no live link
	HitLinked bool // the one that matches is linked to another object of the source
	Keyless   bool // there is no value to match by
	Duplicate bool // another object of the source has the same matching value

	// What Map says.
	Problem lockstep.Code // of the first of Output.Problems
	Differs bool          // what should be differs from Program.Known of what was last written
	Renamed bool          // the linked object has another matching value at the target than it should have
	Refers  bool          // references with both ends linked wait to be added or removed
	Blocks  bool          // Program.Blocks: a mapping writes whether the person is disabled

	// What the administrator says.
	Flow              Flow
	Leave             Leave
	Missing           Missing
	SoftDelete        bool // the target can disable objects of this type
	ProvisionDisabled bool // people who may not sign in are created as well, disabled
}

// Decision is what to do about one object. Code is set when the object fails as it is; then Kind is Skip.
type Decision struct {
	Kind   Kind
	Code   lockstep.Code
	Rule   string // which rule decided, in words
	Adopt  bool   // the object that matches is joined first (Link, Update)
	Unlink bool   // the link is dropped; with Kind Create, Link or Update a new one follows
	Keys   bool   // of an Update: nothing but the matching values is written
}

// The rules of Decide, as an action's reason shows them.
const (
	ruleCreate          = "in scope, not at the target"
	ruleMatched         = "matched"
	ruleChanged         = "changed"
	ruleReturned        = "in scope again"
	ruleReferences      = "references changed"
	ruleUnchanged       = "nothing to change"
	ruleLeft            = "left scope"
	ruleKept            = "left scope, kept"
	ruleOut             = "not in scope"
	ruleDisabled        = "disabled at source"
	ruleDeleted         = "deleted at source"
	ruleGone            = "deleted for good at source"
	ruleAlreadyDisabled = "already disabled"
	ruleRenamed         = "renamed, and still disabled"
	ruleUnmapped        = "no mapping carries disabling"
	ruleNotAllowed      = "action switched off"
	ruleVanished        = "vanished at the target"
	ruleDetached        = "vanished at the target, let go"
	ruleUndecided       = "scope cannot be told"
	ruleProblem         = "mapping failed"
	ruleNoMatch         = "cannot be matched"
	ruleYields          = "another source comes first"
)

// Because returns the reason to store with an action: the rule that decided and, where the verdict explains it, the verdict.
func (d Decision) Because(v Verdict) Reason {
	switch d.Rule {
	case ruleCreate, ruleMatched, ruleReturned, ruleLeft, ruleKept, ruleOut:
		return Reason{Rule: d.Rule, Clause: v.Reason.clause(), Values: v.Reason.Values}
	}
	return Reason{Rule: d.Rule}
}

// As is the decision as it comes out where others have a say in the object, too. Skip is when what it would write is another's to say.
func (d Decision) As(k Kind) Decision {
	if d.Kind = k; k == Skip {
		d.Rule = ruleYields
	}
	return d
}

// Allows reports whether objects may be created ("Add"), updated and disabled ("Update"), or deleted ("Delete"). The empty
// Flow allows everything, as a mapping without flowTypes does in Entra ID.
func (f Flow) Allows(k Kind) bool {
	if f == "" {
		return true
	}
	want := "Update"
	switch k {
	case Skip, Link:
		return true
	case Create:
		want = "Add"
	case Delete:
		want = "Delete"
	}
	for part := range strings.SplitSeq(string(f), ",") {
		if strings.EqualFold(strings.TrimSpace(part), want) {
			return true
		}
	}
	return false
}

// Decide is the decision table. Where Entra ID leaves accounts behind it does better: an object
// released by us and deleted later is still deleted; one that vanished is matched anew; one deleted for good is at least
// disabled where deleting is switched off; references are written whenever their ends come together.
func Decide(s Situation) Decision {
	unlink := false
	if s.Linked && s.Vanished {
		if d, done := s.vanished(); done {
			return d
		}
		s.Linked, s.Disabled, unlink = false, false, true
	}
	d := s.unlinked
	if s.Linked {
		d = s.linked
	}
	decision := d()
	decision.Unlink = unlink
	return decision
}

// wanted reports whether the object shall exist at the target. Disabled people's objects are left as they are, but not made.
func (s Situation) wanted() bool {
	return s.In && !s.Gone && !s.SoftDeleted && (s.Enabled || s.ProvisionDisabled)
}

// vanished is row 13. A new match is tried only for objects that are wanted; for the others the wish has come true.
func (s Situation) vanished() (d Decision, done bool) {
	switch {
	case s.Undecided != "" && !s.Gone && !s.SoftDeleted:
		return Decision{Kind: Skip, Rule: ruleUndecided, Code: s.Undecided}, true
	case !s.wanted():
		return Decision{Kind: Skip, Rule: ruleVanished, Unlink: true}, true
	case s.Missing == MissingDetach:
		return Decision{Kind: Skip, Rule: ruleDetached, Unlink: true}, true
	case s.Missing == MissingFail:
		return Decision{Kind: Skip, Rule: ruleVanished, Code: lockstep.CodeTargetGone}, true
	}
	return Decision{}, false
}

// unlinked is rows 1 to 5.
func (s Situation) unlinked() Decision {
	switch {
	case s.Gone:
		return Decision{Kind: Skip, Rule: ruleGone}
	case s.SoftDeleted:
		return Decision{Kind: Skip, Rule: ruleDeleted}
	case s.Undecided != "":
		return Decision{Kind: Skip, Rule: ruleUndecided, Code: s.Undecided}
	case !s.In:
		return Decision{Kind: Skip, Rule: ruleOut}
	case !s.wanted():
		return Decision{Kind: Skip, Rule: ruleDisabled}
	case s.Detached:
		return Decision{Kind: Skip, Rule: ruleDetached}
	}
	if code := s.mismatch(); code != "" {
		return Decision{Kind: Skip, Rule: ruleNoMatch, Code: code}
	}
	if s.Problem != "" {
		return Decision{Kind: Skip, Rule: ruleProblem, Code: s.Problem}
	}
	switch {
	case s.Hits == 0:
		return s.allowed(Create, ruleCreate)
	case s.Differs && s.Flow.Allows(Update):
		return Decision{Kind: Update, Rule: ruleMatched, Adopt: true}
	}
	return Decision{Kind: Link, Rule: ruleMatched, Adopt: true}
}

// mismatch returns why the object can neither be matched nor be created, or "".
func (s Situation) mismatch() lockstep.Code {
	switch {
	case s.Keyless:
		return lockstep.CodeMatchMissing
	case s.Duplicate:
		return lockstep.CodeMatchDuplicate
	case s.Hits > 1:
		return lockstep.CodeMatchAmbiguous
	case s.HitLinked:
		return lockstep.CodeMatchTaken
	}
	return ""
}

// linked is rows 6 to 12 and 14, 15, 17, 18. A delete wins over a disable, a disable over anything milder. Row 9 stands before
// LeaveKeep: to keep what a person has left does not mean that they may go on signing in when the source says that they may not.
func (s Situation) linked() Decision {
	switch {
	case s.Gone:
		return s.gone()
	case s.SoftDeleted:
		return s.disable(ruleDeleted)
	case s.Undecided != "" && s.Enabled:
		return Decision{Kind: Skip, Rule: ruleUndecided, Code: s.Undecided}
	case s.Undecided != "":
		return s.disable(ruleDisabled)
	case !s.In && s.Leave == LeaveDelete:
		return s.allowed(Delete, ruleLeft)
	case !s.Enabled && !s.In:
		return s.disable(ruleDisabled)
	case !s.Enabled:
		return s.disabledInScope()
	case !s.In && s.Leave == LeaveKeep:
		return Decision{Kind: Skip, Rule: ruleKept}
	case !s.In:
		return s.disable(ruleLeft)
	}
	return s.update()
}

// gone is rows 10 and 12. Who is deleted at the source without having been disabled before must not keep their access, so where
// deleting is switched off the object is disabled.
func (s Situation) gone() Decision {
	switch {
	case s.Leave == LeaveKeep && !s.In:
		return Decision{Kind: Skip, Rule: ruleKept}
	case s.Flow.Allows(Delete):
		return Decision{Kind: Delete, Rule: ruleGone}
	}
	return s.disable(ruleGone)
}

// disable is rows 8, 9, 11, 12 and 15. Nothing differs where the object was made disabled, with ProvisionDisabled. Who was disabled and
// is called otherwise since gives up the old name, which somebody else may have by now.
func (s Situation) disable(r string) Decision {
	switch {
	case s.Disabled && s.Renamed && s.Problem == "" && !s.Gone && s.Flow.Allows(Update):
		return Decision{Kind: Update, Rule: ruleRenamed, Keys: true}
	case s.Disabled:
		return Decision{Kind: Skip, Rule: ruleAlreadyDisabled}
	case !s.SoftDelete:
		return s.allowed(Delete, r)
	case !s.Blocks:
		return Decision{Kind: Skip, Rule: ruleUnmapped}
	case !s.Differs:
		return Decision{Kind: Skip, Rule: ruleAlreadyDisabled}
	}
	return s.allowed(Disable, r)
}

// disabledInScope is row 9 for people who stay in scope: what is known of them goes on being written, so that a person who
// comes back after a year has their present name.
func (s Situation) disabledInScope() Decision {
	switch {
	case s.Disabled && s.Differs && s.Problem == "":
		return s.allowed(Update, ruleChanged)
	case s.ProvisionDisabled && !s.SoftDelete: // made without a way to show that they are disabled: they stay
		s.Disabled = false
		return s.update()
	}
	return s.disable(ruleDisabled)
}

// update is rows 6, 7, 14, 17 and 18.
func (s Situation) update() Decision {
	switch {
	case s.Problem != "":
		return Decision{Kind: Skip, Rule: ruleProblem, Code: s.Problem}
	case s.Disabled:
		return s.allowed(Update, ruleReturned)
	case s.Differs:
		return s.allowed(Update, ruleChanged)
	case s.Refers:
		return s.allowed(Refer, ruleReferences)
	}
	return Decision{Kind: Skip, Rule: ruleUnchanged}
}

func (s Situation) allowed(k Kind, r string) Decision {
	if !s.Flow.Allows(k) {
		return Decision{Kind: Skip, Rule: ruleNotAllowed}
	}
	return Decision{Kind: k, Rule: r}
}
