package rule

import (
	"testing"

	"pgregory.net/rapid"

	"lockstep"
)

// person returns a linked person in scope of a target that can disable, with nothing to do, after the changes. Whoever loses
// access differs from what was written, until they are disabled.
func person(changes ...func(*Situation)) Situation {
	s := Situation{Linked: true, In: true, Enabled: true, SoftDelete: true, Blocks: true}
	for _, c := range changes {
		c(&s)
	}
	return s
}

func unlinked(s *Situation)    { s.Linked = false }
func out(s *Situation)         { s.In, s.Differs = false, true }
func blocked(s *Situation)     { s.Enabled, s.Differs = false, true }
func softDeleted(s *Situation) { s.SoftDeleted, s.Enabled, s.Differs = true, false, true }
func gone(s *Situation)        { s.Gone, s.Enabled, s.Differs = true, false, true }
func differs(s *Situation)     { s.Differs = true }
func renamed(s *Situation)     { s.Renamed = true }
func disabled(s *Situation)    { s.Disabled, s.Differs = true, false }
func vanished(s *Situation)    { s.Vanished = true }
func hardOnly(s *Situation)    { s.SoftDelete = false }
func noUpdate(s *Situation)    { s.Flow = "Add, Delete" }
func noDelete(s *Situation)    { s.Flow = "Add, Update" }
func noAdd(s *Situation)       { s.Flow = "update,delete" }
func refers(s *Situation)      { s.Refers = true }
func onDisabled(s *Situation)  { s.ProvisionDisabled = true }
func unmapped(s *Situation)    { s.Blocks = false }
func failing(s *Situation)     { s.Problem = lockstep.CodeMapExpression }
func undecided(s *Situation)   { s.In, s.Undecided = false, lockstep.CodeMapExpression }

func hits(n int) func(*Situation) { return func(s *Situation) { s.Linked, s.Hits = false, n } }

func leave(l Leave) func(*Situation) { return func(s *Situation) { s.Leave = l } }

func missing(m Missing) func(*Situation) {
	return func(s *Situation) { s.Vanished, s.Missing = true, m }
}

// TestDecide is the decision table of provisioning, row by row; ours says where it does more than Entra ID.
func TestDecide(t *testing.T) {
	type changes = []func(*Situation)
	for _, c := range []struct {
		row  string
		s    changes
		want Decision
	}{
		{"1 create", changes{unlinked}, Decision{Kind: Create, Rule: ruleCreate}},
		{"1 create needs Add", changes{unlinked, noAdd}, Decision{Kind: Skip, Rule: ruleNotAllowed}},
		{"1 nothing at all is ticked", changes{unlinked, func(s *Situation) { s.Flow = "None" }}, Decision{Kind: Skip, Rule: ruleNotAllowed}},
		{"1 a mapping fails", changes{unlinked, failing}, Decision{Kind: Skip, Rule: ruleProblem, Code: lockstep.CodeMapExpression}},
		{"1 nothing to match by", changes{unlinked, func(s *Situation) { s.Keyless = true }}, Decision{Kind: Skip, Rule: ruleNoMatch, Code: lockstep.CodeMatchMissing}},
		{"1 two people, one key", changes{unlinked, func(s *Situation) { s.Duplicate = true }}, Decision{Kind: Skip, Rule: ruleNoMatch, Code: lockstep.CodeMatchDuplicate}},
		{"2 link and update", changes{hits(1), differs}, Decision{Kind: Update, Rule: ruleMatched, Adopt: true}},
		{"2 nothing to update", changes{hits(1)}, Decision{Kind: Link, Rule: ruleMatched, Adopt: true}},
		{"2 link without Update", changes{hits(1), differs, noUpdate}, Decision{Kind: Link, Rule: ruleMatched, Adopt: true}},
		{"2 without Add", changes{hits(1), differs, noAdd}, Decision{Kind: Update, Rule: ruleMatched, Adopt: true}},
		{"2 linked to another", changes{hits(1), func(s *Situation) { s.HitLinked = true }}, Decision{Kind: Skip, Rule: ruleNoMatch, Code: lockstep.CodeMatchTaken}},
		{"3 several hits", changes{hits(2)}, Decision{Kind: Skip, Rule: ruleNoMatch, Code: lockstep.CodeMatchAmbiguous}},
		{"4 disabled", changes{unlinked, blocked}, Decision{Kind: Skip, Rule: ruleDisabled}},
		{"4 deleted", changes{unlinked, softDeleted}, Decision{Kind: Skip, Rule: ruleDeleted}},
		{"4 disabled, a hit", changes{hits(1), blocked}, Decision{Kind: Skip, Rule: ruleDisabled}},
		{"4 ours: provision disabled", changes{unlinked, blocked, onDisabled}, Decision{Kind: Create, Rule: ruleCreate}},
		{"4 ours: not the deleted", changes{unlinked, softDeleted, onDisabled}, Decision{Kind: Skip, Rule: ruleDeleted}},
		{"5 out of scope", changes{unlinked, out}, Decision{Kind: Skip, Rule: ruleOut}},
		{"5 the filter cannot be evaluated", changes{unlinked, undecided}, Decision{Kind: Skip, Rule: ruleUndecided, Code: lockstep.CodeMapExpression}},
		{"5 unknown and gone", changes{unlinked, out, gone}, Decision{Kind: Skip, Rule: ruleGone}},
		{"6 update", changes{differs}, Decision{Kind: Update, Rule: ruleChanged}},
		{"6 update, where leavers are kept", changes{differs, leave(LeaveKeep)}, Decision{Kind: Update, Rule: ruleChanged}},
		{"6 re-enable", changes{disabled, differs}, Decision{Kind: Update, Rule: ruleReturned}},
		{"6 update needs Update", changes{differs, noUpdate}, Decision{Kind: Skip, Rule: ruleNotAllowed}},
		{"6 a mapping fails", changes{differs, failing}, Decision{Kind: Skip, Rule: ruleProblem, Code: lockstep.CodeMapExpression}},
		{"7 unchanged", nil, Decision{Kind: Skip, Rule: ruleUnchanged}},
		{"8 left", changes{out}, Decision{Kind: Disable, Rule: ruleLeft}},
		{"8 left, a mapping fails", changes{out, failing}, Decision{Kind: Disable, Rule: ruleLeft}},
		{"8 left, needs Update", changes{out, noUpdate}, Decision{Kind: Skip, Rule: ruleNotAllowed}},
		{"8 renamed since, a mapping fails", changes{out, disabled, differs, renamed, failing}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"8 left, kept", changes{out, leave(LeaveKeep)}, Decision{Kind: Skip, Rule: ruleKept}},
		{"8 ours: left, deleted", changes{out, leave(LeaveDelete)}, Decision{Kind: Delete, Rule: ruleLeft}},
		{"8 already disabled", changes{out, disabled, differs}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"8 renamed since", changes{out, disabled, differs, renamed}, Decision{Kind: Update, Rule: ruleRenamed, Keys: true}},
		{"8 renamed since, Update not ticked", changes{out, disabled, differs, renamed, noUpdate}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"8 disabled and renamed at once", changes{out, differs, renamed}, Decision{Kind: Disable, Rule: ruleLeft}},
		{"8 ours: disabled, then the policy is to delete", changes{out, disabled, leave(LeaveDelete)}, Decision{Kind: Delete, Rule: ruleLeft}},
		{"8 the filter cannot be evaluated", changes{undecided}, Decision{Kind: Skip, Rule: ruleUndecided, Code: lockstep.CodeMapExpression}},
		{"9 disabled", changes{blocked, differs}, Decision{Kind: Disable, Rule: ruleDisabled}},
		{"9 deleted", changes{softDeleted, out}, Decision{Kind: Disable, Rule: ruleDeleted}},
		{"9 deleted, restorable even where leavers are deleted", changes{softDeleted, out, leave(LeaveDelete)}, Decision{Kind: Disable, Rule: ruleDeleted}},
		{"9 disabled in scope, leavers are deleted", changes{blocked, leave(LeaveDelete)}, Decision{Kind: Disable, Rule: ruleDisabled}},
		{"9 disabled and left, kept: no access all the same", changes{blocked, out, leave(LeaveKeep)}, Decision{Kind: Disable, Rule: ruleDisabled}},
		{"9 disabled and the filter cannot be evaluated", changes{undecided, blocked}, Decision{Kind: Disable, Rule: ruleDisabled}},
		{"9 disabled and the filter cannot be evaluated, leavers are deleted", changes{undecided, blocked, leave(LeaveDelete)}, Decision{Kind: Disable, Rule: ruleDisabled}},
		{"9 disabled and left, disabled before: not written any more", changes{blocked, out, disabled, differs}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"9 disabled before, a mapping fails", changes{blocked, disabled, differs, failing}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"9 disabled before, renamed", changes{blocked, disabled, differs}, Decision{Kind: Update, Rule: ruleChanged}},
		{"9 disabled before", changes{blocked, disabled}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"9 provision disabled still disables", changes{blocked, onDisabled}, Decision{Kind: Disable, Rule: ruleDisabled}},
		{"9 made disabled: nothing to send", changes{blocked, onDisabled, func(s *Situation) { s.Differs = false }}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"10 gone", changes{gone, out}, Decision{Kind: Delete, Rule: ruleGone}},
		{"10 ours: gone, Delete not ticked: disabled at least", changes{gone, noDelete}, Decision{Kind: Disable, Rule: ruleGone}},
		{"10 gone, Delete not ticked, disabled before", changes{gone, noDelete, disabled}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"10 gone, Delete not ticked, disabled before and renamed", changes{gone, noDelete, disabled, differs, renamed}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"10 gone from scope, though leavers are kept", changes{gone, leave(LeaveKeep)}, Decision{Kind: Delete, Rule: ruleGone}},
		{"10 gone, neither is possible", changes{gone, noDelete, hardOnly}, Decision{Kind: Skip, Rule: ruleNotAllowed}},
		{"11 left, no soft delete", changes{out, hardOnly}, Decision{Kind: Delete, Rule: ruleLeft}},
		{"11 disabled, no soft delete", changes{blocked, hardOnly}, Decision{Kind: Delete, Rule: ruleDisabled}},
		{"11 needs Delete", changes{out, hardOnly, noDelete}, Decision{Kind: Skip, Rule: ruleNotAllowed}},
		{"11 provision disabled without a way to show it", changes{blocked, hardOnly, onDisabled, differs}, Decision{Kind: Update, Rule: ruleChanged}},
		{"11 provision disabled without a way to show it: nothing to enable", changes{blocked, hardOnly, onDisabled, disabled}, Decision{Kind: Skip, Rule: ruleUnchanged}},
		{"12 ours: released, then deleted", changes{out, disabled, softDeleted}, Decision{Kind: Skip, Rule: ruleAlreadyDisabled}},
		{"12 ours: released, then gone", changes{out, disabled, gone}, Decision{Kind: Delete, Rule: ruleGone}},
		{"12 kept, then gone", changes{out, gone, leave(LeaveKeep)}, Decision{Kind: Skip, Rule: ruleKept}},
		{"13 ours: vanished, created anew", changes{vanished}, Decision{Kind: Create, Rule: ruleCreate, Unlink: true}},
		{"13 ours: vanished, matched anew", changes{vanished, differs, func(s *Situation) { s.Hits = 1 }}, Decision{Kind: Update, Rule: ruleMatched, Adopt: true, Unlink: true}},
		{"13 ours: vanished, let go", changes{missing(MissingDetach)}, Decision{Kind: Skip, Rule: ruleDetached, Unlink: true}},
		{"13 let go before", changes{unlinked, func(s *Situation) { s.Detached = true }}, Decision{Kind: Skip, Rule: ruleDetached}},
		{"13 vanished, fails", changes{missing(MissingFail)}, Decision{Kind: Skip, Rule: ruleVanished, Code: lockstep.CodeTargetGone}},
		{"13 vanished and out of scope", changes{vanished, out}, Decision{Kind: Skip, Rule: ruleVanished, Unlink: true}},
		{"13 vanished and gone", changes{vanished, gone}, Decision{Kind: Skip, Rule: ruleVanished, Unlink: true}},
		{"13 vanished and gone, the disabled are made", changes{vanished, gone, onDisabled}, Decision{Kind: Skip, Rule: ruleVanished, Unlink: true}},
		{"13 vanished and deleted, the disabled are made", changes{vanished, softDeleted, onDisabled}, Decision{Kind: Skip, Rule: ruleVanished, Unlink: true}},
		{"13 vanished and gone, the filter cannot be evaluated", changes{vanished, gone, undecided}, Decision{Kind: Skip, Rule: ruleVanished, Unlink: true}},
		{"13 vanished and deleted, the filter cannot be evaluated", changes{vanished, softDeleted, undecided}, Decision{Kind: Skip, Rule: ruleVanished, Unlink: true}},
		{"13 vanished, the filter cannot be evaluated", changes{vanished, undecided}, Decision{Kind: Skip, Rule: ruleUndecided, Code: lockstep.CodeMapExpression}},
		{"14 restored", changes{disabled, differs, refers}, Decision{Kind: Update, Rule: ruleReturned}},
		{"15 no mapping carries disabling: left", changes{out, unmapped}, Decision{Kind: Skip, Rule: ruleUnmapped}},
		{"15 no mapping carries disabling: blocked", changes{blocked, unmapped}, Decision{Kind: Skip, Rule: ruleUnmapped}},
		{"16 ours: attributes of the disabled are still written", changes{blocked, disabled, differs}, Decision{Kind: Update, Rule: ruleChanged}},
		{"17, 18 ours: references whose ends have come together", changes{refers}, Decision{Kind: Refer, Rule: ruleReferences}},
		{"17, 18 need Update", changes{refers, noUpdate}, Decision{Kind: Skip, Rule: ruleNotAllowed}},
		{"17, 18 ride with an update", changes{refers, differs}, Decision{Kind: Update, Rule: ruleChanged}},
	} {
		t.Run(c.row, func(t *testing.T) {
			if got := Decide(person(c.s...)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func situations() *rapid.Generator[Situation] {
	flags := rapid.Bool()
	return rapid.Custom(func(t *rapid.T) Situation {
		b := func(name string) bool { return flags.Draw(t, name) }
		return Situation{
			Linked: b("linked"), Disabled: b("disabled"), Detached: b("detached"),
			Gone: b("gone"), SoftDeleted: b("deleted"), Enabled: b("enabled"), In: b("in"),
			Undecided: rapid.SampledFrom([]lockstep.Code{"", "", lockstep.CodeMapExpression}).Draw(t, "undecided"),
			Vanished:  b("vanished"), Hits: rapid.IntRange(0, 2).Draw(t, "hits"), HitLinked: b("hit linked"),
			Keyless: b("keyless"), Duplicate: b("duplicate"),
			Problem: rapid.SampledFrom([]lockstep.Code{"", lockstep.CodeMapRequired}).Draw(t, "problem"),
			Differs: b("differs"), Refers: b("refers"), Blocks: b("blocks"),
			Flow:    rapid.SampledFrom([]Flow{"", "Add", "Update", "Delete", "Add, Update", "Add, Update, Delete", "None"}).Draw(t, "flow"),
			Leave:   rapid.SampledFrom([]Leave{"", LeaveDisable, LeaveDelete, LeaveKeep}).Draw(t, "leave"),
			Missing: rapid.SampledFrom([]Missing{"", MissingRecreate, MissingDetach, MissingFail}).Draw(t, "missing"),

			SoftDelete: b("soft delete"), ProvisionDisabled: b("provision disabled"),
		}
	})
}

// TestDecideProperties: what must hold whatever the situation is.
func TestDecideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := situations().Draw(t, "situation")
		d := Decide(s)
		live := s.Linked && !s.Vanished
		harms := d.Kind == Disable || d.Kind == Delete
		switch {
		case d.Rule == "":
			t.Error("a decision without a rule")
		case d.Code != "" && d.Kind != Skip:
			t.Error("fails and acts")
		case !s.Flow.Allows(d.Kind):
			t.Error("acts although that is switched off")
		case harms && !live:
			t.Error("harms an object that is not there")
		case harms && s.In && s.Enabled && !s.SoftDeleted && !s.Gone:
			t.Error("harms a person in scope")
		case harms && s.Undecided != "" && s.Enabled && !s.SoftDeleted && !s.Gone:
			t.Error("harms a person whose scope is not known")
		case (d.Kind == Create || d.Adopt) && (live || !s.In || s.Gone || s.SoftDeleted):
			t.Error("makes or joins an object that nobody asked for")
		case d.Kind == Create && s.Hits > 0:
			t.Error("creates a second one")
		case (d.Kind == Update || d.Kind == Refer) && !live && !d.Adopt:
			t.Error("writes to an object that is not there")
		case d.Unlink != (s.Linked && s.Vanished) && d.Code == "":
			t.Error("the link is dropped, or kept, without cause")
		}
	})
}

// TestDecideSettles: what was decided and done is not decided again.
func TestDecideSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := situations().Draw(t, "situation")
		d := Decide(s)
		if d.Kind == Skip || d.Kind == Refer {
			return
		}
		after := s
		after.Linked, after.Vanished, after.Differs, after.Hits = d.Kind != Delete, false, false, 0
		after.Disabled = d.Kind == Disable || d.Kind == Update && !d.Adopt && s.Disabled && !s.Enabled
		if d.Kind == Delete {
			after.Gone = true
		}
		if again := Decide(after); again.Kind != Skip && again.Kind != Refer {
			t.Errorf("%v, and then %v", d, again)
		}
	})
}
