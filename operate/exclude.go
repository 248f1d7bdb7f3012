package operate

import (
	"context"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/provision"
	"lockstep/rule"
)

// mostExcluded is how many objects one job keeps out by name; more are a matter of a scoping filter.
const mostExcluded = 1000

// Exclude keeps one person or group out of an app or source, whatever assignments and filters say, until an instant, or for good when it
// is zero. It is a change of the rules: plans that wait become stale, and an account that is there is treated like that of a leaver. Someone
// who is excluded already is excluded anew.
func (o *Operator) Exclude(ctx context.Context, p Principal, job, typ, name, reason string, until time.Time) (rule.Exclusion, error) {
	if err := p.some(AppsWrite); err != nil {
		return rule.Exclusion{}, err
	}
	reason = strings.TrimSpace(reason)
	switch now := o.now(); {
	case reason == "":
		return rule.Exclusion{}, &Faulty{Faults: []Fault{{Field: "reason", Detail: "Say why: whoever finds the person missing reads it."}}}
	case len(reason) > 300:
		return rule.Exclusion{}, &Faulty{Faults: []Fault{{Field: "reason", Detail: "At most 300 characters."}}}
	case !until.IsZero() && !until.After(now):
		return rule.Exclusion{}, &Faulty{Faults: []Fault{{Field: "until", Detail: "This is past already."}}}
	}
	j, err := o.job(ctx, p, AppsWrite, job)
	if err != nil {
		return rule.Exclusion{}, err
	}
	ref, shown, err := o.sourceRef(ctx, p, j, typ, name)
	if err != nil {
		return rule.Exclusion{}, err
	}
	e := rule.Exclusion{Type: ref.Type, ID: ref.ID, Name: shown, Reason: reason, Until: until.UTC().Truncate(time.Second), By: p.Actor.Name, At: o.now().UTC().Truncate(time.Second)}
	if until.IsZero() {
		e.Until = time.Time{}
	}
	_, err = o.change(ctx, p, string(j.ID), func(j *provision.Job) error {
		all := without(j.Policy.Excluded, ref, o.now())
		if len(all) >= mostExcluded {
			return invalid("More than a thousand are excluded one by one: use a scoping filter.")
		}
		j.Policy.Excluded = append(all, e)
		return nil
	})
	if err != nil {
		return e, err
	}
	return e, o.noteOf(ctx, p, "excluded from "+j.Slug, ref, shown, reason)
}

// Include ends the exclusion of a person or group.
func (o *Operator) Include(ctx context.Context, p Principal, job, typ, name string) error {
	if err := p.some(AppsWrite); err != nil {
		return err
	}
	j, err := o.job(ctx, p, AppsWrite, job)
	if err != nil {
		return err
	}
	ref, shown, err := o.sourceRef(ctx, p, j, typ, name)
	if err != nil {
		return err
	}
	_, err = o.change(ctx, p, string(j.ID), func(j *provision.Job) error {
		if ExclusionOf(*j, ref) == nil {
			return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "“" + clip(shown) + "” is not excluded from " + j.Slug + "."}
		}
		j.Policy.Excluded = without(j.Policy.Excluded, ref, o.now())
		return nil
	})
	if err != nil {
		return err
	}
	return o.noteOf(ctx, p, "let back into "+j.Slug, ref, shown, "")
}

func (o *Operator) noteOf(ctx context.Context, p Principal, verb string, ref connection.Ref, name, detail string) error {
	return o.Notes.Note(ctx, p.Tenant, audit.Event{Actor: p.Actor, Verb: verb, Object: strings.ToLower(ref.Type), ID: ref.ID, Name: name, Detail: detail})
}

// without are the exclusions of others, those left out that have ended.
func without(all []rule.Exclusion, ref connection.Ref, now time.Time) []rule.Exclusion {
	return slices.DeleteFunc(slices.Clone(all), func(e rule.Exclusion) bool {
		return e.Type == ref.Type && e.ID == ref.ID || !e.Counts(now)
	})
}

// ExclusionOf returns the exclusion of an object by a job, nil when there is none. It may have ended.
func ExclusionOf(j provision.Job, ref connection.Ref) *rule.Exclusion {
	for _, e := range j.Policy.Excluded {
		if e.Type == ref.Type && e.ID == ref.ID {
			return &e
		}
	}
	return nil
}
