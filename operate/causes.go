package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/notify"
	"lockstep/provision"
	"lockstep/sso"
	"lockstep/token"
	"lockstep/words"
)

// healFor is how long something that heals by itself may stand before anybody is told.
const healFor = time.Hour

// causes are what of a tenant needs somebody now, the causes of one job together.
func (o *Operator) causes(ctx context.Context, p Principal, s notify.Settings, jobs []provision.Job) ([]notify.Cause, error) {
	tokens, err := o.Tokens.ListTokens(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	all := tokensEnd(tokens, o.now())
	if o.SignIn != nil {
		ending, err := o.providersEnd(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, ending...)
	}
	for _, j := range jobs {
		if j.State == provision.Paused { // somebody wanted it so
			continue
		}
		f, err := o.facts(ctx, j)
		if err != nil {
			return nil, err
		}
		if o.Consents != nil && j.Direction == provision.Outbound {
			if f.Consent, err = o.Consents.Consented(ctx, j); err != nil {
				return nil, err
			}
		}
		all = append(all, CausesOf(f, s.Intervals())...)
	}
	return all, nil
}

// TokensEnding are the tokens that end soon, or have ended lately, as it is told by mail.
func (o *Operator) TokensEnding(ctx context.Context, p Principal) ([]notify.Cause, error) {
	all, err := o.ListTokens(ctx, p)
	return tokensEnd(all, o.now()), err
}

// ProvidersEnding are what of identity providers needs somebody, as it is told by mail: certificates and secrets that end soon or have ended lately, and what the providers
// publish about themselves that is no longer what is set here.
func (o *Operator) ProvidersEnding(ctx context.Context, p Principal) ([]notify.Cause, error) {
	if _, err := o.signIn(p, false); err != nil {
		return nil, err
	}
	return o.providersEnd(ctx, p)
}

// providersEnd are those of the providers by which people sign in.
func (o *Operator) providersEnd(ctx context.Context, p Principal) ([]notify.Cause, error) {
	providers, err := o.SignIn.Providers.Providers(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	watched, err := o.SignIn.Watch.Watched(ctx, p.Tenant)
	var all []notify.Cause
	for _, one := range providers {
		if one.State != sso.Enabled {
			continue
		}
		for _, e := range o.SignIn.Forms.Expiries(one) {
			if c, ok := notify.Ends("", "provider "+string(one.ID)+" "+e.What, "The "+e.What+" of the identity provider “"+clip(one.Name)+"”", time.Time{}, e.Until, o.now()); ok {
				all = append(all, c)
			}
		}
		all = append(all, watchedCauses(one, watched[one.ID])...)
	}
	return all, err
}

// tokensEnd are the tokens that end soon. Tokens made with another one end with it, and their makers know.
func tokensEnd(tokens []TokenEntry, now time.Time) []notify.Cause {
	var all []notify.Cause
	for _, e := range tokens {
		if e.Expires.IsZero() || e.Maker != "" && e.Kind != token.KindSCIM {
			continue
		}
		if c, ok := notify.Ends("", "token "+string(e.ID), "The token “"+clip(e.Name)+"”", e.Created, e.Expires, now); ok {
			all = append(all, c)
		}
	}
	return all
}

// CausesOf is what of a job needs somebody: where State says how it stands, this says what is to be told, one cause for each thing
// that can begin and end on its own. Intervals is how many of them may pass without a run.
func CausesOf(f Facts, intervals int) []notify.Cause {
	j := f.Job
	var all []notify.Cause
	add := func(kind notify.Kind, name string, code lockstep.Code, n int, says string) {
		c := notify.Cause{Job: j.ID, Kind: kind, Name: name, Code: code, Count: n, Says: says}
		if kind == notify.Failing && lockstep.Describe(code).Class == lockstep.Heals {
			c.Patience = healFor
		}
		all = append(all, c)
	}
	if j.State == provision.Quarantined {
		add(notify.Quarantine, string(j.Code), j.Code, 0, "Stopped until somebody helps: "+why(j.Code, j.Detail))
	}
	if f.Held > 0 {
		add(notify.HeldBack, "", lockstep.CodeGuardHeld, f.Held, words.Many(f.Held, "change is held and waits", "changes are held and wait")+" for a decision.")
	}
	if j.State == provision.Active && j.Code != "" {
		add(notify.Failing, "job "+string(j.Code), j.Code, 0, why(j.Code, j.Detail))
	}
	if h := f.Outside; h.Code != "" && h.Code != j.Code {
		add(notify.Failing, "read "+string(h.Code), h.Code, 0, "It cannot be read: "+why(h.Code, h.Detail))
	}
	for _, code := range slices.Sorted(maps.Keys(f.Codes)) {
		n := f.Codes[code]
		add(notify.Failing, string(code), code, n, words.Many(n, "object", "objects")+": "+lockstep.Describe(code).Title)
	}
	if f.Bad > 0 {
		add(notify.Failing, string(lockstep.CodeSourceRow), lockstep.CodeSourceRow, f.Bad, words.Many(f.Bad, "row of the source", "rows of the source")+" could not be read.")
	}
	if every := j.Policy.Interval; every > 0 && j.State == provision.Active && !j.NextRun.IsZero() {
		if late := f.Now.Sub(j.NextRun.Add(-every)); late > time.Duration(intervals)*every {
			add(notify.Silent, "", lockstep.CodeJobSilent, 0, fmt.Sprintf("It was to run every %s and has not run since %s.", every, clockAt(j.NextRun.Add(-every))))
		}
	}
	return append(all, connectionEnds(f)...)
}

// connectionEnds are secrets of a connection whose end is known: a setting says it, as token_expires does for token, or the server that gave a refresh token.
func connectionEnds(f Facts) []notify.Cause {
	var all []notify.Cause
	if !f.Consent.Ends.IsZero() && !f.Consent.Ended {
		what := "The consent to “"
		if f.Consent.Typed {
			what = "The refresh token of “"
		}
		if c, ok := notify.Ends(f.Job.ID, "secret consent", what+clip(nameOf(f.Job))+"”", f.Consent.Given, f.Consent.Ends, f.Now); ok {
			all = append(all, c)
		}
	}
	for _, setting := range slices.Sorted(maps.Keys(f.Job.Connection.Settings)) {
		name, ok := strings.CutSuffix(setting, "_expires")
		end, err := time.Parse(time.DateOnly, f.Job.Connection.Settings[setting])
		if !ok || err != nil || setting == "token_expires" && (f.Consent.Needed || f.Consent.Typed) {
			continue
		}
		if c, ok := notify.Ends(f.Job.ID, "secret "+name, "The "+name+" of “"+clip(nameOf(f.Job))+"”", time.Time{}, end, f.Now); ok {
			all = append(all, c)
		}
	}
	return all
}
