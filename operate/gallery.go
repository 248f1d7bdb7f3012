package operate

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// Template is one kind of outside system in the gallery: what it needs to be reached, and the rules to begin with.
type Template struct {
	Kind      string // of the connection, such as webex
	Name      string
	Summary   string
	Direction provision.Direction
	Settings  []Setting
	Secrets   []Setting
	Roles     []directory.Role
	Rules     rule.Rules
	Policy    provision.Policy

	// Destination names where secrets go by settings: scheme, host, port, what TLS trusts, as whom. Nil: any setting may change it.
	Destination func(settings map[string]string) string
	// Uses names the secrets that settings have a use for; others stay only while the connection leads where it did. Nil: all of them.
	Uses func(settings map[string]string) []string
	// NamedByMail: an account that somebody has there is called by their e-mail address, whatever the directory calls them.
	NamedByMail bool
	// Presets are what settings mean that are not set, by name. Nil: nothing.
	Presets func(settings map[string]string) map[string]string
	// System names the system that settings lead to: host, organisation, base, file, id attribute. Nil: any setting may change it.
	System func(settings map[string]string) string

	// Check returns what is wrong with settings, by name; what is missing is not wrong yet. Nil finds nothing wrong.
	Check func(settings map[string]string) map[string]error
	// Address is where settings lead to, as people know it. Nil: there is none to show.
	Address func(settings map[string]string) (string, error)
	// ParseAddress is the inverse: the settings that an address which somebody pastes stands for.
	ParseAddress func(text string) (map[string]string, error)
	// TokenPage is where an administrator gets a secret token by signing in; "" is nowhere. ParseToken takes it out of the address at
	// which that ends, and until when it is good.
	TokenPage  string
	ParseToken func(text string, now time.Time) (token string, ends time.Time, err error)
}

// Setting is one thing to fill in.
type Setting struct {
	Name, Label, Help, Default string
	Required                   bool
}

// Templates lists the gallery.
func (o *Operator) Templates(p Principal) ([]Template, error) {
	if err := p.some(AppsRead); err != nil {
		return nil, err
	}
	return o.Gallery, nil
}

// Template finds a template of the gallery.
func (o *Operator) Template(p Principal, kind string) (Template, error) {
	if err := p.some(AppsRead); err != nil {
		return Template{}, err
	}
	return o.template(kind, "")
}

// template finds a template; direction "" is any.
func (o *Operator) template(kind string, direction provision.Direction) (Template, error) {
	var kinds []string
	for _, t := range o.Gallery {
		if direction == "" || t.Direction == direction {
			if t.Kind == kind {
				return t, nil
			}
			kinds = append(kinds, t.Kind)
		}
	}
	return Template{}, notFound("template", kind, kinds...)
}

// check refuses settings and secrets that the template does not know, and values that cannot be.
func (t Template) check(settings map[string]string, secrets []string) error {
	for name := range settings {
		if !known(t.Settings, name) {
			return invalid("“" + clip(name) + "” is no setting of " + t.Kind + "; there are: " + namesOf(t.Settings) + ".")
		}
	}
	for _, name := range secrets {
		if !known(t.Secrets, name) {
			return invalid("“" + clip(name) + "” is no secret of " + t.Kind + "; there are: " + namesOf(t.Secrets) + ".")
		}
	}
	if t.Check == nil {
		return nil
	}
	wrong := t.Check(settings)
	if len(wrong) == 0 {
		return nil
	}
	faulty := &Faulty{}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		detail := wrong[name].Error()
		if e, ok := errors.AsType[*lockstep.Error](wrong[name]); ok {
			detail = e.Detail
		}
		faulty.Faults = append(faulty.Faults, Fault{name, words.Sentence(detail)})
	}
	return faulty
}

func known(in []Setting, name string) bool {
	for _, s := range in {
		if s.Name == name {
			return true
		}
	}
	return false
}

func namesOf(in []Setting) string {
	text := ""
	for _, s := range in {
		if text != "" {
			text += ", "
		}
		text += s.Name
	}
	if text == "" {
		return "none"
	}
	return text
}

// NewSystem is what an app or a source is made of.
type NewSystem struct {
	Kind     string // of the gallery's template
	Slug     string
	Name     string // the slug when ""
	Settings map[string]string
	Draft    bool // nothing runs before it is turned on
	Auto     bool // mode auto from the start; an app begins in mode manual, a source in mode auto
}

// AddApp adds an app with its job.
func (o *Operator) AddApp(ctx context.Context, p Principal, in NewSystem) (directory.App, error) {
	t, err := o.newSystem(ctx, p, &in, provision.Outbound)
	if err != nil {
		return directory.App{}, err
	}
	app := directory.App{ID: lockstep.NewID[lockstep.AppID](), Slug: in.Slug, Name: in.Name, Template: t.Kind, Roles: t.Roles, Created: o.now()}
	job := o.newJob(p, t, in)
	job.App, job.Manual = app.ID, !in.Auto
	if err := o.commit(ctx, p, directory.PutApp{App: app}); err != nil {
		return directory.App{}, err
	}
	return app, o.Settings.PutJob(ctx, p.Actor, job)
}

// AddSource adds a source of people: its job.
func (o *Operator) AddSource(ctx context.Context, p Principal, in NewSystem) (provision.Job, error) {
	t, err := o.newSystem(ctx, p, &in, provision.Inbound)
	if err != nil {
		return provision.Job{}, err
	}
	job := o.newJob(p, t, in)
	if err := o.Settings.PutJob(ctx, p.Actor, job); err != nil {
		return provision.Job{}, err
	}
	return o.jobNamed(ctx, p.Tenant, job.Slug)
}

// slugs are the short names that apps and sources can have: they stand in addresses and commands.
var slugs = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// newSystem checks what a new app or source is made of.
func (o *Operator) newSystem(ctx context.Context, p Principal, in *NewSystem, d provision.Direction) (Template, error) {
	if err := p.may(AppsWrite); err != nil {
		return Template{}, err
	}
	t, err := o.template(in.Kind, d)
	if err != nil {
		return Template{}, err
	}
	if err := (ConnectionChange{Settings: in.Settings}).check(t); err != nil {
		return Template{}, err
	}
	if !slugs.MatchString(in.Slug) {
		return Template{}, &Faulty{Faults: []Fault{{"slug", "The short name has small letters, digits and hyphens, at most 40, and begins with a letter or digit."}}}
	}
	if in.Name == "" {
		in.Name = in.Slug
	}
	return t, o.free(ctx, p, in.Slug)
}

// free reports a conflict when an app or a source has the slug already.
func (o *Operator) free(ctx context.Context, p Principal, slug string) error {
	_, err := o.jobNamed(ctx, p.Tenant, slug)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "An app or source “" + slug + "” exists already."}
}

// newJob is a job made from the template.
func (o *Operator) newJob(p Principal, t Template, in NewSystem) provision.Job {
	all := map[string]string{}
	for _, s := range t.Settings {
		if s.Default != "" {
			all[s.Name] = s.Default
		}
	}
	maps.Copy(all, in.Settings)
	state := provision.Active
	if in.Draft {
		state = provision.Paused
	}
	return provision.Job{
		Tenant: p.Tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: in.Slug, Name: in.Name, Direction: t.Direction,
		Connection: provision.Connection{Kind: t.Kind, Settings: all}, Rules: t.Rules, Policy: t.Policy,
		State: state, Created: o.now(),
	}
}

// Fault is one thing that is wrong with what was given.
type Fault struct{ Field, Detail string }

// Faulty says everything that is wrong with what was given, each with the name under which it was given.
type Faulty struct {
	Faults []Fault
	Err    error // what found it, with codes of its own; nil has the code invalid_value
}

// Error implements error.
func (f *Faulty) Error() string {
	if f.Err != nil {
		return f.Err.Error()
	}
	return f.Faults[0].Detail
}

// Unwrap returns what found it, else the first thing that is wrong.
func (f *Faulty) Unwrap() error {
	if f.Err != nil {
		return f.Err
	}
	return invalidIn(f.Faults[0].Field, f.Faults[0].Detail)
}

// DeleteSource removes a source; the people whom it brought stay.
func (o *Operator) DeleteSource(ctx context.Context, p Principal, name string) error {
	if err := p.some(AppsWrite); err != nil {
		return err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return err
	}
	if err := o.proved(p); err != nil {
		return err
	}
	if j.Direction != provision.Inbound {
		return notFound("source", name)
	}
	return o.Settings.DeleteJob(ctx, p.Actor, p.Tenant, j.ID)
}
