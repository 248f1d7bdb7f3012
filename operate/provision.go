package operate

import (
	"cmp"
	"context"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/words"
)

// Provisioned is what became of one person or group that somebody wanted provisioned at once.
type Provisioned struct {
	Name  string // of the object
	Of    connection.Ref
	Cycle provision.Cycle // zero when it did not begin
	Rows  []plan.Action
	Said  []connection.Exchange // to the application, without secrets
	Finding
}

// Provision provisions one person or group at once, also in an app that is paused, a draft, or in quarantine. It is planned as in any
// cycle: what is held stays held, who is out of scope stays out. It begins when no other cycle of the job is open; when it has not begun
// within wait, it is taken back. name is as in Explain.
func (o *Operator) Provision(ctx context.Context, p Principal, job, typ, name string, wait time.Duration) (Provisioned, error) {
	return o.demand(ctx, p, job, typ, name, provision.Demand{}, wait)
}

// LinkTo links a person or group to the object of the application with an id, whatever matching says, and brings it in line at once. A link
// that there is to another object is taken away first; that object stays as it is. An object that is somebody else's is refused.
func (o *Operator) LinkTo(ctx context.Context, p Principal, job, typ, name, to string, wait time.Duration) (Provisioned, error) {
	if to = strings.TrimSpace(to); to == "" || len(to) > 300 {
		if err := p.may(AppsWrite); err != nil {
			return Provisioned{}, err
		}
		return Provisioned{}, invalid("Give the id of the object in the application.")
	}
	return o.demand(ctx, p, job, typ, name, provision.Demand{To: to}, wait)
}

// Unlink makes a job forget to which object of the application somebody belongs. Nothing changes there. The next time the job looks at
// them, they are matched anew: exclude them, or link them to another object, if they are not to be found again.
func (o *Operator) Unlink(ctx context.Context, p Principal, job, typ, name string, wait time.Duration) (Provisioned, error) {
	return o.demand(ctx, p, job, typ, name, provision.Demand{Loose: true}, wait)
}

func (o *Operator) demand(ctx context.Context, p Principal, job, typ, name string, d provision.Demand, wait time.Duration) (Provisioned, error) {
	if err := p.some(AppsWrite); err != nil {
		return Provisioned{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, job)
	if err != nil {
		return Provisioned{}, err
	}
	if err := demandable(j, typ); err != nil {
		return Provisioned{}, err
	}
	ref, shown, err := o.sourceRef(ctx, p, j, typ, name)
	if err != nil {
		return Provisioned{}, err
	}
	out := Provisioned{Name: cmp.Or(shown, ref.ID), Of: ref}
	d.Cycle, d.Of, d.By, d.At = lockstep.NewID[lockstep.CycleID](), ref, p.Actor, o.now()
	if err := o.Settings.Demand(ctx, p.Tenant, j.ID, d, out.Name); err != nil {
		return out, err
	}
	o.wake()
	short, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err = o.await(short, p.Tenant, j.ID, func(now provision.Job) (bool, error) {
		return now.Demand == nil || now.Demand.Cycle != d.Cycle, nil
	})
	if err != nil {
		return o.givenUp(context.WithoutCancel(ctx), p, j, d, out, err)
	}
	return o.OnDemand(ctx, p, j, d.Cycle)
}

// demandable says why nobody can be provisioned by hand.
func demandable(j provision.Job, typ string) error {
	switch {
	case j.Direction != provision.Outbound:
		return invalid("Who is in a source comes by a run of it: lockstep run " + j.Slug + ".")
	case typ == string(directory.GroupKind) && !j.Policy.Groups:
		return invalid("The app does not get group objects: lockstep app set " + j.Slug + " --groups.")
	case j.Cycle != nil && j.Cycle.Phase == provision.Review:
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The plan " + string(j.Cycle.ID) + " waits to be applied, and what is done beside it would make it wrong. Apply it, to this one alone if you like (lockstep apply " + j.Slug + " --only WHO), or discard it."}
	case j.Cycle != nil && j.State == provision.Paused && j.Demand == nil:
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The app was paused amid a cycle, which has to end first. Set it active."}
	}
	return nil
}

// givenUp takes a demand back that has not begun in time.
func (o *Operator) givenUp(ctx context.Context, p Principal, j provision.Job, d provision.Demand, out Provisioned, why error) (Provisioned, error) {
	if lockstep.CodeOf(why) != lockstep.CodeTimeout {
		return out, why
	}
	gone, err := o.Settings.Withdraw(ctx, p.Tenant, j.ID, d.Cycle)
	if err != nil {
		return out, err
	}
	if !gone {
		out.Finding = found(Working, "It has begun and is not finished yet: look at the log.", ExitLater)
		return out, nil
	}
	out.Finding = found(Working, "It has not begun, since the app is busy, and was taken back. Nothing was done.", ExitLater)
	if now, err := o.jobNamed(ctx, p.Tenant, string(j.ID)); err == nil {
		if s, err := o.State(ctx, p, now); err == nil {
			out.Says += " " + s.Says
		}
	}
	return out, nil
}

// OnDemand reads what became of somebody who was provisioned by hand.
func (o *Operator) OnDemand(ctx context.Context, p Principal, j provision.Job, cycle lockstep.CycleID) (Provisioned, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return Provisioned{}, err
	}
	c, err := o.cycle(ctx, p.Tenant, j.ID, cycle)
	if err != nil {
		return Provisioned{}, err
	}
	if c.Kind != provision.OnDemand {
		return Provisioned{}, notFound("cycle on demand", string(cycle))
	}
	out := Provisioned{Cycle: c}
	if out.Said, err = o.Jobs.Said(ctx, p.Tenant, j.ID, cycle); err != nil {
		return out, err
	}
	if out.Rows, err = o.Jobs.Actions(ctx, p.Tenant, j.ID, plan.ActionQuery{Cycle: cycle}); err != nil {
		return out, err
	}
	out.Of = c.Of
	links, err := o.Jobs.Links(ctx, p.Tenant, j.ID, plan.LinkQuery{Type: c.Of.Type, Sources: []string{c.Of.ID}, Limit: 1})
	if err != nil {
		return out, err
	}
	link := plan.Link{Source: c.Of}
	if len(links) > 0 {
		link = links[0]
	}
	out.Name = cmp.Or(link.Name, c.Of.ID)
	held, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, plan.ActionQuery{Source: c.Of, States: []plan.ActionState{plan.Held}, Limit: 1})
	if err != nil {
		return out, err
	}
	out.Finding = outcomeOf(c, out.Rows, link, len(held) > 0)
	return out, nil
}

// outcomeOf says in one sentence what became of one object. Done is said only when nothing of it waits, is held or failed.
func outcomeOf(c provision.Cycle, rows []plan.Action, link plan.Link, held bool) Finding {
	if c.Code != "" {
		return found(Failing, "Nothing is known to be done: "+why(c.Code, c.Detail), ExitSome)
	}
	var done []string
	for _, r := range rows {
		switch r.State {
		case plan.Failed, plan.Refused, plan.Rejected, plan.LeftOut:
			return found(Failing, words.Sentence(cmp.Or(r.Detail, lockstep.Describe(r.Code).Title)), ExitSome)
		case plan.Open, plan.Planned:
			return found(Working, "It was begun, and it is not certain yet what became of it.", ExitLater)
		case plan.Held:
			held = true
		case plan.Done:
			done = append(done, words.DeedOf(r.Kind).Did)
		case plan.Skipped:
			if r.Reason.Rule == provision.Unlinked {
				done = append(done, "unlinked; "+r.Reason.Clause)
			}
		}
	}
	switch {
	case held:
		return found(HeldBack, "A change is held by the guard and waits for a decision.", ExitHeld)
	case len(done) > 0:
		return found(InStep, words.Sentence(strings.Join(done, ", ")), ExitInStep)
	case link.Code != "":
		return found(Failing, why(link.Code, link.Detail), ExitSome)
	case !link.Verdict.In && link.Target == "" && link.Verdict.Reason.Rule == "":
		return found(InStep, "Nothing to do: there was no link.", ExitInStep)
	case !link.Verdict.In && link.Target == "":
		return found(InStep, "Nothing to do: "+cmp.Or(link.Verdict.Reason.Sentence(), "not in scope")+".", ExitInStep)
	}
	return found(InStep, "Nothing to do: the application has it as it should be.", ExitInStep)
}

// FindAtTarget looks in an application for whom a value names: user name, display name, another attribute that it can search, or id.
func (o *Operator) FindAtTarget(ctx context.Context, p Principal, job, typ, value string) ([]provision.Found, error) {
	j, err := o.Job(ctx, p, job)
	if err != nil {
		return nil, err
	}
	if value = strings.TrimSpace(value); value == "" || len(value) > 320 || j.Direction != provision.Outbound {
		return nil, nil
	}
	return o.Engine.FindAtTarget(ctx, p.Tenant, j.ID, typ, value)
}

// SetActive lets a person sign in, or no more. Every app follows.
func (o *Operator) SetActive(ctx context.Context, p Principal, name string, active bool) error {
	_, err := o.ChangeUser(ctx, p, name, 0, func(a scim.Object) scim.Object {
		a.Set("active", active)
		return a
	})
	return err
}
