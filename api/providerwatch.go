package api

import (
	"context"
	"net/http"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
)

// Watched is what the last look at what an identity provider publishes about itself has found.
type Watched struct {
	At          time.Time     `json:"at"`
	Differences []Differs     `json:"differences" doc:"Settings of which its document says something else."`
	Code        lockstep.Code `json:"code,omitempty" doc:"Why it cannot be used."`
	Detail      string        `json:"detail,omitempty"`
	Keys        int           `json:"keys" doc:"How many it publishes that ID tokens are checked with."`
	KeysSince   *time.Time    `json:"keys_since,omitempty" doc:"When these were seen first."`
	Ends        *time.Time    `json:"ends,omitempty" doc:"Until when its document says that it may be used."`
	Adopted     string        `json:"adopted,omitempty" doc:"What was last taken over from it."`
	AdoptedAt   *time.Time    `json:"adopted_at,omitempty"`
}

// Differs is a setting of which the provider's document says something else.
type Differs struct {
	Field  string `json:"field"`
	Title  string `json:"title"`
	Ours   string `json:"here"`
	Theirs string `json:"there"`
}

func watchedOf(w *sso.Watched) *Watched {
	if w == nil {
		return nil
	}
	v := &Watched{
		At: w.At, Differences: []Differs{}, Code: w.Code, Detail: w.Detail, Keys: len(w.Keys), KeysSince: instant(w.KeysSince), Ends: instant(w.Ends), Adopted: w.Adopted, AdoptedAt: instant(w.AdoptedAt),
	}
	if v.Keys == 0 {
		v.KeysSince = nil
	}
	for _, d := range w.Differences {
		v.Differences = append(v.Differences, Differs(d))
	}
	return v
}

func (s *Server) lookAtProvider(ctx context.Context, p operate.Principal, in *providerPath) (IdentityProvider, error) {
	one, err := s.Operator.LookAtProvider(ctx, p, in.Provider)
	return providerOf(one), err
}

// LookAtIdentityProvider looks now at what an identity provider publishes about itself.
func (c *Client) LookAtIdentityProvider(ctx context.Context, name string) (IdentityProvider, error) {
	return call[IdentityProvider](ctx, c, http.MethodPost, at("identity-providers", name, "look"), nil, nil)
}
