package sso

import (
	"context"
	"time"

	"lockstep"
)

// Watched is what the last look at an identity provider's own documents has found: the one that it was imported from, and its keys.
type Watched struct {
	Provider ProviderID `json:"-"`
	Version  int64      `json:"-"` // of the provider as it was looked at; once that is another, nothing of this counts

	At           time.Time     // when it was looked; zero is not yet
	Differences  []Difference  `json:",omitempty"` // what the document says otherwise than the settings
	Code         lockstep.Code `json:",omitempty"` // why it could not be read
	Detail       string        `json:",omitempty"`
	Keys         []string      `json:",omitempty"` // their thumbprints
	KeysSince    time.Time     `json:",omitzero"`  // when these were seen first
	Ends         time.Time     `json:",omitzero"`  // until when the document says that it may be used
	Certificates []string      `json:",omitempty"` // thumbprints of those that its metadata had
	Adopted      string        `json:",omitempty"` // what was last taken over from it by itself
	AdoptedAt    time.Time     `json:",omitzero"`

	Alias   string `json:"-"` // with Refused
	Refused string `json:"-"` // what is to stand in the audit log as refused now; "" is nothing
}

// Difference is a setting of which the provider's document says something else.
type Difference struct{ Field, Title, Ours, Theirs string }

// WatchedKept keeps what looks at identity providers have found.
type WatchedKept interface {
	// DueToWatch claims providers that are enabled and that it is time to look at: nobody else is given them until the end of hold. One that was enabled or changed is
	// due once first has passed.
	DueToWatch(ctx context.Context, first, hold time.Duration, limit int) ([]Provider, error)
	// PutWatched keeps what a look has found, and when the next one is due.
	PutWatched(ctx context.Context, t lockstep.TenantID, w Watched, due time.Time) error
	// Adopt keeps a provider of which something was taken over from its document, as PutProvider does; what says it in the audit log.
	Adopt(ctx context.Context, p Provider, what string) (Provider, error)
	// Watched returns what is known of the tenant's providers, as long as they have not changed since.
	Watched(ctx context.Context, t lockstep.TenantID) (map[ProviderID]Watched, error)
}
