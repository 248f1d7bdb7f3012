package operate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// describeFor is how long an outside system is given to say what it is like, where the answer is only useful.
const describeFor = 5 * time.Second

// Attribute is an attribute that rules can name.
type Attribute struct {
	Path     string // as rules write it: userName, emails[type eq "work"].value
	Type     string // string, boolean, dateTime, reference, …
	Many     bool   // it has several values
	Required bool
	Doc      string
}

// Attributes lists what rules of a job can name of a type of object: of the directory, and of the outside system as far as it says.
// why is the reason why it does not.
func (o *Operator) Attributes(ctx context.Context, p Principal, name, typ string) (inside, outside []Attribute, why error, err error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return nil, nil, nil, err
	}
	var own *directory.Schemas
	if o.Schemas != nil {
		if own, err = o.Schemas(ctx, p.Tenant); err != nil {
			return nil, nil, nil, err
		}
	}
	short, cancel := context.WithTimeout(ctx, describeFor)
	defer cancel()
	s, why := o.Engine.Outside(short, p.Tenant, j.ID)
	return attributesOf(own.Type(directory.Kind(typ))), attributesOf(s.Types[typ]), why, nil
}

// attributesOf lists the attributes of a type that can be written, each value of several by its type where the schema names types.
func attributesOf(t *scim.Type) []Attribute {
	if t == nil {
		return nil
	}
	var all []Attribute
	parents := map[string]*scim.Attribute{}
	for path, a := range t.Attributes() {
		name := path.String()
		if a.Mutability == scim.ReadOnly && name != "id" || a.Name == "schemas" || a.Name == "meta" {
			continue
		}
		parent := parents[path.URN+":"+path.Attr]
		switch {
		case path.Sub == "":
			parents[path.URN+":"+path.Attr] = a
			if len(a.SubAttributes) == 0 || a.Name == "manager" || a.Name == "members" {
				all = append(all, Attribute{Path: name, Type: string(a.Type), Many: a.MultiValued, Required: a.Required, Doc: a.Description})
			}
		case parent == nil || parent.Name == "manager" || parent.Name == "members":
		case !parent.MultiValued:
			all = append(all, Attribute{Path: name, Type: string(a.Type), Required: a.Required && parent.Required, Doc: a.Description})
		case !slices.Contains([]string{"type", "primary", "$ref", "display"}, a.Name):
			for _, kind := range typesOf(parent) {
				all = append(all, Attribute{Path: parentPath(path.URN, parent.Name) + `[type eq "` + kind + `"].` + a.Name, Type: string(a.Type), Doc: a.Description})
			}
		}
	}
	return all
}

func parentPath(urn, name string) string {
	if urn == "" {
		return name
	}
	return urn + ":" + name
}

// typesOf are the types that the schema names for the values of an attribute, or those that everybody uses (RFC 7643 §4.1.2).
func typesOf(a *scim.Attribute) []string {
	for _, s := range a.SubAttributes {
		if s.Name == "type" && len(s.CanonicalValues) > 0 {
			return s.CanonicalValues
		}
	}
	return []string{"work"}
}

// Try is what rules would make of somebody.
type Try struct {
	provision.Trial
	Name string
}

// TryRules evaluates a mapping, which the job need not have, on the people or groups that are named, or on the first few. Nothing is
// written and the application is not asked about them.
func (o *Operator) TryRules(ctx context.Context, p Principal, name string, m rule.ObjectMapping, who []string, limit int) ([]Try, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return nil, err
	}
	a := provision.Attempt{Mapping: m, Policy: j.Policy}
	for _, one := range who {
		ref, _, err := o.sourceRef(ctx, p, j, m.Source, one)
		if err != nil {
			return nil, err
		}
		a.Refs = append(a.Refs, ref)
	}
	var all []Try
	err = o.Engine.TryRules(ctx, p.Tenant, j.ID, a, func(t provision.Trial) error {
		all = append(all, Try{t, cmp.Or(t.Object.Name, t.Object.ID)})
		if len(all) == limit {
			return errEnough
		}
		return nil
	})
	if err == errEnough { //nolint:errorlint // it is this function's own
		err = nil
	}
	return all, err
}

var errEnough = &lockstep.Error{Code: lockstep.CodeInternal, Detail: "there are enough"}

// Impact is who would come into scope and who would leave it.
type Impact struct {
	Before, After  int // how many are in scope
	Enter, Leave   []Crossing
	Enters, Leaves int // of which the first are listed
	Linked         int // of those who leave, who has an account that would be disabled
}

// Crossing is somebody who would come into scope or leave it, and why.
type Crossing struct {
	Ref  connection.Ref
	Name string
	Why  string
}

// shownCrossings is how many of each are listed.
const shownCrossings = 20

// ScopeImpact tells who would enter and leave if the job had another mapping's scoping filter, or another policy. Nothing is written.
func (o *Operator) ScopeImpact(ctx context.Context, p Principal, name string, m rule.ObjectMapping, policy provision.Policy) (Impact, error) {
	var out Impact
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return out, err
	}
	was := map[string]string{} // by id: why in scope
	if i := slices.IndexFunc(j.Rules.Objects, func(o rule.ObjectMapping) bool { return o.Source == m.Source && o.Enabled }); i >= 0 {
		now := provision.Attempt{Mapping: j.Rules.Objects[i], Policy: j.Policy, Scope: true}
		err := o.Engine.TryRules(ctx, p.Tenant, j.ID, now, func(t provision.Trial) error {
			if t.Verdict.In {
				out.Before++
				was[t.Object.ID] = t.Verdict.Reason.Sentence()
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	err = o.Engine.TryRules(ctx, p.Tenant, j.ID, provision.Attempt{Mapping: m, Policy: policy, Scope: true}, func(t provision.Trial) error {
		_, in := was[t.Object.ID]
		c := Crossing{t.Object.Ref, cmp.Or(t.Object.Name, t.Object.ID), t.Verdict.Reason.Sentence()}
		if t.Verdict.In {
			out.After++
		}
		switch {
		case t.Verdict.In && !in:
			if out.Enters++; out.Enters <= shownCrossings {
				out.Enter = append(out.Enter, c)
			}
		case !t.Verdict.In && in:
			if out.Leaves++; out.Leaves <= shownCrossings {
				out.Leave = append(out.Leave, c)
			}
		}
		return nil
	})
	return out, err
}
