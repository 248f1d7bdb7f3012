package webexorg

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"lockstep/webexorg/oauth"
	"lockstep/webexorg/state"
)

// Seed is what a universe begins with: the form of seed files, and of what Export writes. Tokens, sessions, keys and what happened
// (audit, inspector) are none of it.
type Seed struct {
	state.Seed
	SignIn *oauth.Seed `json:"sign_in,omitempty"`
}

// ReadSeed reads a seed file. A field that it does not know is an error: what has no effect proves nothing.
func ReadSeed(r io.Reader) (Seed, error) {
	var s Seed
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		return s, fmt.Errorf("read the seed: %w", err)
	}
	return s, nil
}

// Plant adds what the seed has. After an error some of it may be there.
func (u *Universe) Plant(ctx context.Context, s Seed) ([]*Org, error) {
	orgs, err := u.Universe.Plant(ctx, s.Seed)
	if err != nil || s.SignIn == nil {
		return orgs, err
	}
	if err := u.broker.Plant(*s.SignIn); err != nil {
		return orgs, fmt.Errorf("seed of sign-in: %w", err)
	}
	return orgs, nil
}

// Export writes everything as a seed.
func (u *Universe) Export(w io.Writer) error {
	signIn := u.broker.Export()
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(Seed{Seed: u.Universe.Export(), SignIn: &signIn})
}
