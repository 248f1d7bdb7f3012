package operate

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/directory"
)

// Apps lists the tenant's apps.
func (o *Operator) Apps(ctx context.Context, p Principal) ([]directory.App, error) {
	if err := p.some(AppsRead); err != nil {
		return nil, err
	}
	all, err := o.Directory.Apps(ctx, p.Tenant)
	return slices.DeleteFunc(all, func(a directory.App) bool { return p.mayApp(AppsRead, a.Slug) != nil }), err
}

// App finds an app by slug or id.
func (o *Operator) App(ctx context.Context, p Principal, name string) (directory.App, error) {
	all, err := o.Apps(ctx, p)
	if err != nil {
		return directory.App{}, err
	}
	var slugs []string
	for _, a := range all {
		if a.Slug == name || string(a.ID) == name {
			return a, nil
		}
		slugs = append(slugs, a.Slug)
	}
	return directory.App{}, notFound("app", name, slugs...)
}

// DeleteApp removes an app, its assignments and its job; nothing changes at the application.
func (o *Operator) DeleteApp(ctx context.Context, p Principal, name string) error {
	if err := p.some(AppsWrite); err != nil {
		return err
	}
	a, err := o.App(ctx, p, name)
	if err != nil {
		return err
	}
	if err := p.mayApp(AppsWrite, a.Slug); err != nil {
		return err
	}
	if err := o.proved(p); err != nil {
		return err
	}
	jobs, err := o.Settings.ListJobs(ctx, p.Tenant)
	if err != nil {
		return err
	}
	for _, j := range jobs { // first, so that no job is left without its app
		if j.App == a.ID {
			if err := o.Settings.DeleteJob(ctx, p.Actor, p.Tenant, j.ID); err != nil {
				return err
			}
		}
	}
	return o.commit(ctx, p, directory.DeleteApp{ID: a.ID})
}

// Assigned is an assignment with the name of whom it is for.
type Assigned struct {
	directory.Assignment
	Name string
}

// Assignments lists who is assigned to an app.
func (o *Operator) Assignments(ctx context.Context, p Principal, app string) ([]Assigned, error) {
	a, err := o.App(ctx, p, app)
	if err != nil {
		return nil, err
	}
	all, err := o.Directory.Assignments(ctx, p.Tenant, a.ID)
	if err != nil {
		return nil, err
	}
	to := make([]directory.Member, len(all))
	for i, as := range all {
		to[i] = directory.Member{Kind: as.Kind, ID: as.To}
	}
	names, err := o.names(ctx, p, to)
	out := make([]Assigned, len(all))
	for i, as := range all {
		out[i] = Assigned{as, names[as.To]}
	}
	return out, err
}

// Assign assigns a user or the members of a group to an app: one of the two is named. Again to change the role; "" is the app's
// first.
func (o *Operator) Assign(ctx context.Context, p Principal, app, user, group, role string) (Assigned, error) {
	if err := p.some(AppsWrite); err != nil {
		return Assigned{}, err
	}
	a, err := o.App(ctx, p, app)
	if err != nil {
		return Assigned{}, err
	}
	if err := p.mayApp(AppsWrite, a.Slug); err != nil {
		return Assigned{}, err
	}
	if (user == "") == (group == "") {
		return Assigned{}, invalid("Give either a user or a group.")
	}
	if err := hasRole(a, role); err != nil {
		return Assigned{}, err
	}
	as := Assigned{Assignment: directory.Assignment{ID: lockstep.NewID[lockstep.AssignmentID](), App: a.ID, Role: role, Created: o.now()}}
	if user != "" {
		u, err := o.User(ctx, p, user, false)
		if err != nil {
			return Assigned{}, err
		}
		as.Kind, as.To, as.Name = directory.UserKind, string(u.ID), u.Attributes.Text("userName")
	} else {
		g, err := o.Group(ctx, p, group, false)
		if err != nil {
			return Assigned{}, err
		}
		as.Kind, as.To, as.Name = directory.GroupKind, string(g.ID), g.Attributes.Text("displayName")
	}
	return as, o.commit(ctx, p, directory.PutAssignment{Assignment: as.Assignment})
}

func hasRole(a directory.App, role string) error {
	if role == "" {
		return nil
	}
	var there []Setting
	for _, r := range a.Roles {
		if r.Value == role {
			return nil
		}
		there = append(there, Setting{Name: r.Value})
	}
	return invalid("The app has no role “" + clip(role) + "”; there are: " + namesOf(there) + ".")
}

// Withdraw withdraws an assignment, named by its id or by that of whom it is for.
func (o *Operator) Withdraw(ctx context.Context, p Principal, app, assignment string) error {
	if err := p.some(AppsWrite); err != nil {
		return err
	}
	a, err := o.App(ctx, p, app)
	if err != nil {
		return err
	}
	if err := p.mayApp(AppsWrite, a.Slug); err != nil {
		return err
	}
	all, err := o.Directory.Assignments(ctx, p.Tenant, a.ID)
	if err != nil {
		return err
	}
	for _, as := range all {
		if string(as.ID) == assignment || as.To == assignment {
			return o.commit(ctx, p, directory.DeleteAssignment{ID: as.ID})
		}
	}
	return notFound("assignment", assignment)
}
