package operate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// Drafted is a job's draft with what it changes, and whether it can be applied.
type Drafted struct {
	plan.Draft
	Changes   []Change // against the version that it was made from
	Assigned  []Assigning
	InForce   plan.Version // the version in force, without its configuration
	Conflicts []Conflict   // fields that were changed since by others, in another way
}

// Behind reports whether another version has come into force since the draft was made: it has to be brought up to date first.
func (d Drafted) Behind() bool { return d.Revision != 0 && d.InForce.Number != d.Base }

// Empty reports whether the draft changes nothing.
func (d Drafted) Empty() bool { return len(d.Changes)+len(d.Assigned) == 0 }

// Assigning is a change of an assignment with the name of whom it is for.
type Assigning struct {
	rule.AssignmentChange
	Name string // "" is nobody any more
}

// Conflict is a field that two people have changed, each in their own way, in words.
type Conflict struct {
	Field               plan.Field
	What                string
	Base, Theirs, Yours string
}

// errNoDraft is for a job whose draft is asked for and not there.
func errNoDraft(j provision.Job) error {
	return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no draft of " + j.Slug + "."}
}

// Draft returns the draft of a job; one of Revision 0 when there is none.
func (o *Operator) Draft(ctx context.Context, p Principal, name string) (Drafted, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return Drafted{}, err
	}
	d, err := o.Drafts.Draft(ctx, p.Tenant, j.ID)
	if err != nil || d.Revision == 0 {
		return Drafted{Draft: d}, err
	}
	return o.draft(ctx, p, j, d)
}

// draft finds out what a draft changes.
func (o *Operator) draft(ctx context.Context, p Principal, j provision.Job, d plan.Draft) (Drafted, error) {
	out := Drafted{Draft: d}
	base, err := o.Drafts.Version(ctx, p.Tenant, j.ID, d.Base)
	if err != nil {
		return out, err
	}
	was := base.Configuration.Over(j.Configuration())
	if out.Changes, err = changes(was, d.Configuration); err != nil {
		return out, err
	}
	in, err := o.Drafts.Version(ctx, p.Tenant, j.ID, 0)
	if err != nil {
		return out, err
	}
	if in.Number != d.Base {
		_, conflicts, err := plan.Merge(was, j.Configuration(), d.Configuration, nil)
		if err != nil {
			return out, err
		}
		out.Conflicts = conflictsOf(conflicts)
	}
	in.Configuration = plan.Configuration{}
	out.InForce = in
	out.Assigned, err = o.assigning(ctx, p, d.Assignments)
	return out, err
}

// assigning names whom changes of assignments are for.
func (o *Operator) assigning(ctx context.Context, p Principal, all []rule.AssignmentChange) ([]Assigning, error) {
	to := make([]directory.Member, len(all))
	for i, a := range all {
		to[i] = directory.Member{Kind: directory.Kind(a.Kind), ID: a.To}
	}
	names, err := o.names(ctx, p, to)
	out := make([]Assigning, len(all))
	for i, a := range all {
		out[i] = Assigning{a, names[a.To]}
	}
	return out, err
}

// editDraft reads the draft, or what is in force when there is none, changes it and keeps it. expect is the revision that the editor
// has seen: 0 is none, less than 0 whatever there is, and then it is tried again when somebody else was faster. A draft that changes
// nothing any more is discarded.
func (o *Operator) editDraft(ctx context.Context, p Principal, name string, expect int64, f func(*provision.Job, *plan.Draft) error) (Drafted, error) {
	if err := p.some(AppsWrite); err != nil {
		return Drafted{}, err
	}
	for attempt := 1; ; attempt++ {
		d, err := o.tryDraft(ctx, p, name, expect, f)
		if lockstep.CodeOf(err) == lockstep.CodeVersion && expect < 0 && attempt < attempts {
			continue
		}
		return d, err
	}
}

func (o *Operator) tryDraft(ctx context.Context, p Principal, name string, expect int64, f func(*provision.Job, *plan.Draft) error) (Drafted, error) {
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return Drafted{}, err
	}
	d, err := o.Drafts.Draft(ctx, p.Tenant, j.ID)
	if err != nil {
		return Drafted{}, err
	}
	if expect >= 0 && expect != d.Revision {
		return Drafted{}, draftMoved(d, expect)
	}
	if d.Revision == 0 {
		if err := o.begin(ctx, p, j, &d); err != nil {
			return Drafted{}, err
		}
	}
	if err := f(&j, &d); err != nil {
		return Drafted{}, err
	}
	if d.Configuration.Rules, err = o.checkRules(ctx, p, j, d.Configuration.Rules); err != nil {
		return Drafted{}, err
	}
	shown, err := o.draft(ctx, p, j, d)
	if err != nil {
		return Drafted{}, err
	}
	if shown.Empty() {
		if d.Revision != 0 {
			err = o.Drafts.DropDraft(ctx, p.Actor, p.Tenant, j.ID, d.Revision)
		}
		shown.Revision = 0
		return shown, err
	}
	if shown.Draft, err = o.Drafts.PutDraft(ctx, p.Actor, p.Tenant, j.ID, d); err != nil {
		return Drafted{}, err
	}
	return shown, nil
}

// begin makes a draft from what is in force.
func (o *Operator) begin(ctx context.Context, p Principal, j provision.Job, d *plan.Draft) error {
	in, err := o.Drafts.Version(ctx, p.Tenant, j.ID, 0)
	d.Base, d.Configuration = in.Number, j.Configuration()
	d.Configuration.Policy.Excluded = nil
	return err
}

func draftMoved(d plan.Draft, expect int64) error {
	detail := "The draft was changed by " + cmp.Or(d.By.Name, "somebody else") + " in the meantime."
	switch {
	case d.Revision == 0:
		detail = "The draft was applied or discarded in the meantime."
	case expect == 0:
		detail = cmp.Or(d.By.Name, "Somebody else") + " has begun a draft in the meantime."
	}
	return &lockstep.Error{Code: lockstep.CodeVersion, Detail: detail}
}

// AnyRevision stands for whatever revision a draft has.
const AnyRevision = -1

// DraftRules sets the rules of the job's draft, which is begun if there is none, if it has the revision.
func (o *Operator) DraftRules(ctx context.Context, p Principal, name string, revision int64, r rule.Rules) (Drafted, error) {
	return o.editDraft(ctx, p, name, revision, func(_ *provision.Job, d *plan.Draft) error {
		d.Configuration.Rules = r
		return nil
	})
}

// DraftPolicy sets the policy of the job's draft, as DraftRules does. Whom somebody keeps out is no part of it.
func (o *Operator) DraftPolicy(ctx context.Context, p Principal, name string, revision int64, policy provision.Policy) (Drafted, error) {
	return o.editDraft(ctx, p, name, revision, func(_ *provision.Job, d *plan.Draft) error {
		policy.Excluded = nil
		d.Configuration.Policy = policy
		return nil
	})
}

// DraftAssignment has the draft assign a user or a group, one of which is named, or take their assignment back. What the draft said
// of them before is replaced; keep has it say nothing of them any more.
type DraftAssignment struct {
	User, Group string
	Role        string
	Gone, Keep  bool
}

// DraftAssign changes assignments in the draft of an app, as DraftRules does with rules.
func (o *Operator) DraftAssign(ctx context.Context, p Principal, name string, revision int64, all []DraftAssignment) (Drafted, error) {
	return o.editDraft(ctx, p, name, revision, func(j *provision.Job, d *plan.Draft) error {
		a, err := o.App(ctx, p, j.Slug)
		if err != nil {
			return err
		}
		there, err := o.Directory.Assignments(ctx, p.Tenant, a.ID)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := o.draftAssign(ctx, p, a, there, d, one); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *Operator) draftAssign(ctx context.Context, p Principal, a directory.App, there []directory.Assignment, d *plan.Draft, in DraftAssignment) error {
	if (in.User == "") == (in.Group == "") {
		return invalid("Give either a user or a group.")
	}
	if err := hasRole(a, in.Role); err != nil {
		return err
	}
	c := rule.AssignmentChange{Kind: string(directory.UserKind), Role: in.Role, Gone: in.Gone}
	switch gone := in.Gone || in.Keep; {
	case gone && slices.ContainsFunc(d.Assignments, func(x rule.AssignmentChange) bool { return x.To == in.User+in.Group }),
		gone && slices.ContainsFunc(there, func(x directory.Assignment) bool { return x.To == in.User+in.Group }):
		if c.To = in.User + in.Group; in.Group != "" {
			c.Kind = string(directory.GroupKind)
		}
	case in.User != "":
		u, err := o.User(ctx, p, in.User, false)
		if err != nil {
			return err
		}
		c.To = string(u.ID)
	default:
		g, err := o.Group(ctx, p, in.Group, false)
		if err != nil {
			return err
		}
		c.Kind, c.To = string(directory.GroupKind), string(g.ID)
	}
	i := slices.IndexFunc(there, func(x directory.Assignment) bool { return x.To == c.To })
	d.Assignments = slices.DeleteFunc(slices.Clone(d.Assignments), func(x rule.AssignmentChange) bool { return x.To == c.To })
	if in.Keep || c.Gone && i < 0 || !c.Gone && i >= 0 && there[i].Role == c.Role {
		return nil // it is so already
	}
	if c.Gone {
		c.Role = ""
	}
	d.Assignments = append(d.Assignments, c)
	return nil
}

// DiscardDraft removes the draft of a job, if it has the revision.
func (o *Operator) DiscardDraft(ctx context.Context, p Principal, name string, revision int64) error {
	if err := p.some(AppsWrite); err != nil {
		return err
	}
	j, d, err := o.jobsDraft(ctx, p, name)
	if err != nil {
		return err
	}
	if revision < 0 {
		revision = d.Revision
	}
	return o.Drafts.DropDraft(ctx, p.Actor, p.Tenant, j.ID, revision)
}

// jobsDraft finds a job and the draft that it must have.
func (o *Operator) jobsDraft(ctx context.Context, p Principal, name string) (provision.Job, plan.Draft, error) {
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return j, plan.Draft{}, err
	}
	d, err := o.Drafts.Draft(ctx, p.Tenant, j.ID)
	if err == nil && d.Revision == 0 {
		err = errNoDraft(j)
	}
	return j, d, err
}

// Applied is what has become of a draft.
type Applied struct {
	Version plan.Version // without its configuration
	LeftOut int          // changes of assignments of whom there is no more
}

// mostNote is how many bytes a note has at most.
const mostNote = 500

// ApplyDraft puts a draft into force, if it has the revision and no other version has come into force since it was made. What follows is
// as after any change of the rules: in mode manual the next plan waits for its review, in mode automatic the guard holds what harms.
func (o *Operator) ApplyDraft(ctx context.Context, p Principal, name string, revision int64, note string) (Applied, error) {
	if err := p.some(AppsWrite); err != nil {
		return Applied{}, err
	}
	if note = strings.TrimSpace(note); len(note) > mostNote {
		return Applied{}, &Faulty{Faults: []Fault{{Field: "note", Detail: "At most 500 characters."}}}
	}
	j, d, err := o.jobsDraft(ctx, p, name)
	if err != nil {
		return Applied{}, err
	}
	if revision < 0 {
		revision = d.Revision
	}
	if _, err := o.checkRules(ctx, p, j, d.Configuration.Rules); err != nil { // the application may be another one now
		return Applied{}, err
	}
	v, leftOut, err := o.Drafts.ApplyDraft(ctx, p.Actor, p.Tenant, j.ID, revision, note)
	if err != nil {
		return Applied{}, err
	}
	o.wake()
	v.Configuration = plan.Configuration{}
	return Applied{v, leftOut}, nil
}

// RebaseDraft brings a draft up to the version in force. Fields that only one side has changed are as that side says; where both have,
// take says whose value counts, and without a word the error is lockstep.CodeDraftBehind and the draft stays as it is.
func (o *Operator) RebaseDraft(ctx context.Context, p Principal, name string, revision int64, take map[plan.Field]plan.Side) (Drafted, error) {
	return o.editDraft(ctx, p, name, revision, func(j *provision.Job, d *plan.Draft) error {
		if d.Revision == 0 {
			return errNoDraft(*j)
		}
		base, err := o.Drafts.Version(ctx, p.Tenant, j.ID, d.Base)
		if err != nil {
			return err
		}
		in, err := o.Drafts.Version(ctx, p.Tenant, j.ID, 0)
		if err != nil {
			return err
		}
		merged, conflicts, err := plan.Merge(base.Configuration.Over(j.Configuration()), j.Configuration(), d.Configuration, take)
		if err != nil {
			return err
		}
		if len(conflicts) > 0 {
			return &Conflicting{conflictsOf(conflicts)}
		}
		merged.Policy.Excluded = nil
		d.Base, d.Configuration = in.Number, merged
		return nil
	})
}

// Conflicting says which fields of a draft others have changed in another way.
type Conflicting struct{ Conflicts []Conflict }

// Error implements error.
func (c *Conflicting) Error() string {
	var names []string
	for _, x := range c.Conflicts {
		names = append(names, x.What)
	}
	return "Both have changed: " + strings.Join(names, ", ") + "."
}

// Unwrap returns it as an error with a code.
func (c *Conflicting) Unwrap() error {
	return &lockstep.Error{Code: lockstep.CodeDraftBehind, Detail: c.Error()}
}

func conflictsOf(all []plan.Conflict) []Conflict {
	out := make([]Conflict, len(all))
	for i, c := range all {
		base, theirs := changeOf(plan.Difference{Field: c.Field, Was: c.Base, Now: c.Theirs}, true)
		_, yours := changeOf(plan.Difference{Field: c.Field, Was: c.Base, Now: c.Yours}, true)
		out[i] = Conflict{Field: c.Field, What: FieldWords(c.Field), Base: base, Theirs: theirs, Yours: yours}
	}
	return out
}

// Versions lists what a job has been set to, the newest first; those before a number, unless it is 0.
func (o *Operator) Versions(ctx context.Context, p Principal, name string, before int64, limit int) ([]plan.Version, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return nil, err
	}
	return o.Drafts.Versions(ctx, p.Tenant, j.ID, before, limit)
}

// Compared is what becomes otherwise from one version of a job to another.
type Compared struct {
	From, To plan.Version
	Changes  []Change
}

// CompareVersions compares two versions of a job; number 0 is the one in force, and the version before to, if from is less than 0.
func (o *Operator) CompareVersions(ctx context.Context, p Principal, name string, from, to int64) (Compared, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return Compared{}, err
	}
	var c Compared
	if c.To, err = o.Drafts.Version(ctx, p.Tenant, j.ID, to); err != nil {
		return c, err
	}
	if from < 0 {
		from = max(c.To.Number-1, 1)
	}
	if c.From, err = o.Drafts.Version(ctx, p.Tenant, j.ID, from); err != nil {
		return c, err
	}
	c.Changes, err = changes(c.From.Configuration, c.To.Configuration)
	return c, err
}

// RollBack makes a draft that sets rules and policy back to a version. Assignments, and whom somebody keeps out, stay as they are. A draft
// that is there already is not overwritten.
func (o *Operator) RollBack(ctx context.Context, p Principal, name string, number int64) (Drafted, error) {
	if err := p.some(AppsWrite); err != nil {
		return Drafted{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return Drafted{}, err
	}
	was, err := o.Drafts.Draft(ctx, p.Tenant, j.ID)
	if err != nil {
		return Drafted{}, err
	}
	if was.Revision != 0 {
		return Drafted{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "There is a draft by " + cmp.Or(was.By.Name, "somebody") + ": apply or discard it first."}
	}
	d, err := o.editDraft(ctx, p, name, 0, func(j *provision.Job, d *plan.Draft) error {
		if number <= 0 {
			return invalid("Name the version to go back to.")
		}
		v, err := o.Drafts.Version(ctx, p.Tenant, j.ID, number)
		if err != nil {
			return err
		}
		d.Configuration = v.Configuration.Over(j.Configuration())
		d.Configuration.Policy.Excluded = nil
		return nil
	})
	if err == nil && d.Revision == 0 {
		err = &lockstep.Error{Code: lockstep.CodeConflict, Detail: fmt.Sprintf("Version %d says what is in force.", number)}
	}
	return d, err
}
