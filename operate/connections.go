package operate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/provision"
	"lockstep/words"
)

// ConnectionChange sets what is given; an empty value removes a setting or a secret.
type ConnectionChange struct {
	Settings  map[string]string
	Secrets   map[string]string
	TenantURL string // what instructions print for the system, as Template.ParseAddress reads it; "" changes nothing
	Redirect  string // the address at which signing in for a token has ended, as Template.ParseToken reads it; "" changes nothing
}

// takenApart puts what an address and the end of a sign-in hold among the settings and secrets. A setting that is given by itself counts more.
func (c ConnectionChange) takenApart(t Template, now time.Time) (ConnectionChange, error) {
	if c.TenantURL == "" && c.Redirect == "" {
		return c, nil
	}
	settings, secrets := map[string]string{}, maps.Clone(c.Secrets)
	if c.TenantURL != "" {
		if t.ParseAddress == nil {
			return c, invalidIn("tenant_url", "A connection of the kind "+t.Kind+" has no tenant URL.")
		}
		found, err := t.ParseAddress(c.TenantURL)
		if err != nil {
			return c, inField("tenant_url", err)
		}
		maps.Copy(settings, found)
	}
	if c.Redirect != "" {
		if t.ParseToken == nil || len(t.Secrets) == 0 {
			return c, invalidIn("redirect", "A connection of the kind "+t.Kind+" gets no token from the end of a sign-in.")
		}
		text, ends, err := t.ParseToken(c.Redirect, now)
		if err != nil {
			return c, inField("redirect", err)
		}
		if secrets == nil {
			secrets = map[string]string{}
		}
		secrets[t.Secrets[0].Name] = text
		if expires := t.Secrets[0].Name + "_expires"; known(t.Settings, expires) {
			settings[expires] = "" // the day of the token before
			if !ends.IsZero() {
				settings[expires] = ends.UTC().Format(time.DateOnly)
			}
		}
	}
	maps.Copy(settings, c.Settings)
	return ConnectionChange{Settings: settings, Secrets: secrets}, nil
}

// inField is an error as one about a field of what was given.
func inField(field string, err error) error {
	if e, ok := errors.AsType[*lockstep.Error](err); ok && e.Field == "" {
		return &lockstep.Error{Code: e.Code, Field: field, Detail: words.Sentence(e.Detail), Err: e.Err}
	}
	return err
}

// The longest values that a connection takes, in bytes.
const (
	longestSetting = 4000
	longestSecret  = 16_000
)

func (c ConnectionChange) check(t Template) error {
	if err := t.check(c.Settings, slices.Sorted(maps.Keys(c.Secrets))); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		if len(c.Settings[name]) > longestSetting {
			return invalidIn(name, "The setting "+name+" is longer than 4,000 bytes.")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		if len(c.Secrets[name]) > longestSecret {
			return invalidIn(name, "The secret "+name+" is longer than 16,000 bytes.")
		}
	}
	return nil
}

// SetConnection changes how a job reaches its outside system. Nobody can send a secret that they do not know to another place:
// when the destination changes, every secret has to be given again, or removed, in the same call.
func (o *Operator) SetConnection(ctx context.Context, p Principal, name string, c ConnectionChange) (provision.Job, error) {
	if err := p.some(AppsWrite); err != nil {
		return provision.Job{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return provision.Job{}, err
	}
	t, err := o.template(j.Connection.Kind, j.Direction)
	if err != nil {
		return provision.Job{}, err
	}
	if c, err = c.takenApart(t, o.now()); err != nil {
		return provision.Job{}, err
	}
	if err := c.check(t); err != nil {
		return provision.Job{}, err
	}
	err = o.Settings.ChangeConnection(ctx, p.Actor, p.Tenant, j.ID, func(was provision.Connection) (provision.NewConnection, error) {
		return c.apply(t, was)
	})
	if err != nil {
		return provision.Job{}, err
	}
	o.wake()
	return o.jobNamed(ctx, p.Tenant, string(j.ID))
}

// apply returns what the connection becomes.
func (c ConnectionChange) apply(t Template, was provision.Connection) (provision.NewConnection, error) {
	next := provision.NewConnection{Settings: maps.Clone(was.Settings), Secrets: c.Secrets}
	if next.Settings == nil {
		next.Settings = map[string]string{}
	}
	for name, v := range c.Settings {
		if v == "" {
			delete(next.Settings, name)
		} else {
			next.Settings[name] = v
		}
	}
	next.Moved = differ(t.System, was.Settings, next.Settings)
	if !differ(t.Destination, was.Settings, next.Settings) {
		return next, nil
	}
	var stay []string
	next.Secrets = maps.Clone(c.Secrets)
	for _, name := range was.Secrets {
		if _, given := c.Secrets[name]; given {
			continue
		}
		if t.Uses != nil && !slices.Contains(t.Uses(next.Settings), name) { // it is of no use there, and goes nowhere
			if next.Secrets == nil {
				next.Secrets = map[string]string{}
			}
			next.Secrets[name] = ""
			continue
		}
		stay = append(stay, name)
	}
	if len(stay) > 0 {
		return next, &lockstep.Error{
			Code:   lockstep.CodeSecretsAgain,
			Detail: "The connection would lead somewhere else, and this secret was meant for where it leads now: " + strings.Join(stay, ", ") + ".",
		}
	}
	return next, nil
}

// differ reports whether what the function tells of two settings is not the same; without a function, any setting may matter.
func differ(of func(map[string]string) string, was, next map[string]string) bool {
	if of == nil {
		return !maps.Equal(was, next)
	}
	return of(was) != of(next)
}
