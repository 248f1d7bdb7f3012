package upstream

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
)

// Opener makes the upstreams of providers, and keeps them with their keys and connections while the provider stays as it is. The zero
// Opener reaches public addresses only and knows no passwords of our own. Safe for many goroutines; do not change it then.
type Opener struct {
	// Dialer guards where connections go. Nil means public addresses only.
	Dialer *web.Dialer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Local is where passwords of our own are. Nil means that there are none.
	Local *Local
	// Spend notes that the SAML assertion with the id was used, and returns false when it had been before. It may forget the id at the
	// instant. Nil keeps ids in memory, which is enough for one node: whoever replays an assertion must also bring the login that
	// asked for it back to life.
	Spend func(ctx context.Context, provider sso.ProviderID, id string, until time.Time) (fresh bool, err error)

	mu     sync.Mutex
	opened map[sso.ProviderID]opened
	spent  spent
}

// opened is an upstream and the provider that it was made of.
type opened struct {
	provider sso.Provider
	upstream sso.Upstream
	close    func()
}

// maxOpened bounds the upstreams that are kept.
const maxOpened = 500

var _ sso.Opener = (*Opener)(nil)

func (o *Opener) clock() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

// Open returns the upstream of a provider. It makes no call. A provider that Check refuses is not opened.
func (o *Opener) Open(_ context.Context, p sso.Provider) (sso.Upstream, error) {
	if was, ok := o.kept(p); ok {
		return was, nil
	}
	if err := Check(p); err != nil {
		return nil, err
	}
	made, err := o.make(p)
	if err != nil {
		return nil, err
	}
	o.keep(p, made)
	return made.upstream, nil
}

func (o *Opener) kept(p sso.Provider) (sso.Upstream, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, ok := o.opened[p.ID]
	return was.upstream, ok && p.ID != "" && same(was.provider, p)
}

// same reports whether two providers are spoken to alike.
func same(a, b sso.Provider) bool {
	return a.Tenant == b.Tenant && a.Kind == b.Kind && a.TrustEmail == b.TrustEmail && maps.Equal(a.Settings, b.Settings) && maps.Equal(a.Secrets, b.Secrets) && slices.EqualFunc(a.Roots, b.Roots, bytes.Equal)
}

func (o *Opener) keep(p sso.Provider, made opened) {
	if p.ID == "" { // one that is not stored
		return
	}
	p.Settings, p.Secrets, p.Roots = maps.Clone(p.Settings), maps.Clone(p.Secrets), slices.Clone(p.Roots)
	made.provider = p
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opened == nil {
		o.opened = map[sso.ProviderID]opened{}
	}
	if was, ok := o.opened[p.ID]; ok {
		was.close()
	} else if len(o.opened) >= maxOpened {
		for id, any := range o.opened { // whichever comes first
			any.close()
			delete(o.opened, id)
			break
		}
	}
	o.opened[p.ID] = made
}

func (o *Opener) make(p sso.Provider) (opened, error) {
	switch p.Kind {
	case sso.KindWebexCC, sso.KindOIDC, sso.KindOAuth2, sso.KindEntra:
		client, err := newClient(o.Dialer, p.Roots, o.clock())
		if err != nil {
			return opened{}, err
		}
		f, err := newFlow(p, client)
		return opened{upstream: f, close: client.close}, err
	case sso.KindSAML:
		s, err := newSAML(p, o)
		return opened{upstream: s, close: func() {}}, err
	case sso.KindLDAP:
		d, err := newDirectory(p, o)
		return opened{upstream: d, close: func() {}}, err
	case sso.KindLocal:
		if o.Local == nil {
			return opened{}, &lockstep.Error{Code: lockstep.CodeIdPUnsupported, Detail: "no passwords are kept here"}
		}
		return opened{upstream: &local{kept: o.Local, provider: p, now: o.clock(), pause: failPause}, close: func() {}}, nil
	}
	return opened{}, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: fmt.Sprintf("there is no kind of identity provider %q", p.Kind)}
}
