package server

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/upstream"
)

// How often identity providers' own documents and keys are looked at.
const (
	idpTick  = time.Minute
	idpFirst = 10 * time.Minute // after it was enabled or changed, which a test sign-in has looked at
	idpEvery = 6 * time.Hour
	idpAgain = time.Hour // when something is wrong
	idpHold  = 10 * time.Minute
	idpAtOne = 20 // a tick
	idpAside = 8  // at the same time: providers of one tenant that answer slowly keep nobody else's waiting for long
)

// watched looks at the documents of identity providers.
type watched struct {
	rows   sso.WatchedKept
	opener *upstream.Opener
	now    func() time.Time
}

func watchedOf(db *store.DB, s *sso.Server) watched {
	return watched{rows: db.SSO(), opener: s.Opener.(*upstream.Opener), now: time.Now}
}

// watchProviders looks at the identity providers whose turn it is, until ctx ends.
func (n *Server) watchProviders(ctx context.Context) {
	tick := time.NewTicker(idpTick)
	defer tick.Stop()
	for {
		if err := n.watched.due(ctx); err != nil && ctx.Err() == nil {
			n.config.Log.Warn("identity providers were not looked at; tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w watched) due(ctx context.Context) error {
	all, err := w.rows.DueToWatch(ctx, idpFirst, idpHold, idpAtOne)
	errs := make([]error, len(all))
	var looks errgroup.Group
	looks.SetLimit(idpAside)
	for i, p := range all {
		looks.Go(func() error {
			errs[i] = w.Look(ctx, p) // that one fails ends no other
			return nil
		})
	}
	_ = looks.Wait() // the errors are in errs
	return errors.Join(append(errs, err)...)
}

// Watched implements operate.ProviderWatch.
func (w watched) Watched(ctx context.Context, t lockstep.TenantID) (map[sso.ProviderID]sso.Watched, error) {
	return w.rows.Watched(ctx, t)
}

// NewDecryptionKey implements operate.ProviderWatch.
func (w watched) NewDecryptionKey(p sso.Provider) (set, secrets map[string]string, err error) {
	return w.opener.NewDecryptionKey(p)
}

// Look implements operate.ProviderWatch: it looks now, takes over what may be, and keeps what it has found. That a provider cannot be read is no error but
// what was found.
func (w watched) Look(ctx context.Context, p sso.Provider) error {
	if !upstream.Watches(p) {
		return w.rows.PutWatched(ctx, p.Tenant, sso.Watched{Provider: p.ID, Version: p.Version}, w.now().Add(idpEvery))
	}
	all, err := w.rows.Watched(ctx, p.Tenant)
	if err != nil {
		return err
	}
	last := all[p.ID]
	over, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	found, wrong := w.opener.Look(over, p, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	found.Follow(p, last.Certificates)
	if wrong != nil && len(found.Certificates) == 0 {
		found.Certificates = last.Certificates
	}
	now := w.now()
	next := sso.Watched{
		Provider: p.ID, Version: p.Version, At: now, Ends: found.Ends, Code: lockstep.CodeOf(wrong), Keys: found.Keys, KeysSince: last.KeysSince, Adopted: last.Adopted, AdoptedAt: last.AdoptedAt, Certificates: found.Certificates,
	}
	if wrong != nil {
		next.Detail = lockstep.Said(wrong)
	}
	switch {
	case wrong != nil && len(found.Keys) == 0: // they could not be read, and are what they were as far as anybody knows
		next.Keys = last.Keys
	case !slices.Equal(last.Keys, found.Keys):
		next.KeysSince = now
	}
	for _, c := range found.Changes {
		next.Differences = append(next.Differences, sso.Difference(c))
	}
	if other := entityIn(next.Differences); other != "" && other != entityIn(last.Differences) {
		next.Alias, next.Refused = p.Alias, "its metadata is of the entity "+other+" now"
	}
	if len(found.Adopt) > 0 {
		p.Settings = maps.Clone(p.Settings)
		maps.Copy(p.Settings, found.Adopt)
		if err := upstream.Check(p); err != nil { // it is tried again, and told until then
			next.Code, next.Detail, next.Certificates = lockstep.CodeOf(err), "What its metadata has cannot be taken over: "+lockstep.Said(err), last.Certificates
		} else if err := w.adopt(ctx, p, found.Adopted, &next); lockstep.CodeOf(err) == lockstep.CodeVersion {
			return nil // somebody has changed it: it is looked at again
		} else if err != nil {
			return err
		}
	}
	after := idpEvery
	if next.Code != "" || len(next.Differences) > 0 {
		after = idpAgain
	}
	return w.rows.PutWatched(ctx, p.Tenant, next, now.Add(after+rand.N(after/10)))
}

// entityIn is the entity of whom the metadata is, if that is another one.
func entityIn(all []sso.Difference) string {
	for _, d := range all {
		if d.Field == "entity_id" {
			return d.Theirs
		}
	}
	return ""
}

// adopt keeps the provider with what was taken over from its document. A test sign-in that has succeeded still counts: the provider is the same.
func (w watched) adopt(ctx context.Context, p sso.Provider, what string, next *sso.Watched) error {
	kept, err := w.rows.Adopt(ctx, p, "certificates: "+what)
	if err == nil {
		next.Version, next.Adopted, next.AdoptedAt = kept.Version, what, next.At
	}
	return err
}
