package sso

import (
	"context"
	"encoding/base64"
	"time"

	"lockstep"
	"lockstep/audit"
)

// Factor is a kind of second factor.
type Factor string

// The second factors that a session can have been begun with.
const (
	FactorPasskey  Factor = "passkey"
	FactorTOTP     Factor = "totp"
	FactorRecovery Factor = "recovery"
	FactorProvider Factor = "provider" // the identity provider has asked for one, and its word counts
)

// Passkey is a credential of a person at an authenticator (WebAuthn §4, credential record).
type Passkey struct {
	ID         []byte
	User       lockstep.UserID
	RP         string // the host name that it is for (RP ID): browsers offer it nowhere else
	Name       string // as its person calls it
	PublicKey  []byte // COSE
	AAGUID     []byte // the model of the authenticator
	Transports []string
	Eligible   bool // it may be copied to other devices of its person (backup eligible); never changes
	BackedUp   bool // it was when it was used last
	SignCount  uint32
	Created    time.Time
	Used       time.Time // zero is never
}

// Key is the id of a passkey as text.
func (p *Passkey) Key() string { return base64.RawURLEncoding.EncodeToString(p.ID) }

// TOTP is what a person's app makes codes with (RFC 6238: SHA-1, six digits, thirty seconds, which every app knows).
type TOTP struct {
	Secret  []byte
	Step    int64 // the last one whose code was accepted
	Created time.Time
	Used    time.Time // zero is never
}

// FactorSet is what somebody can show beside, or instead of, their password.
type FactorSet struct {
	Passkeys []Passkey // in the order in which they were added
	TOTP     *TOTP     // nil is none
	Codes    int       // recovery codes that are left
	Made     time.Time // when the recovery codes were made
}

// Any reports whether there is a second factor. Recovery codes alone are none: they stand in for another.
func (f FactorSet) Any() bool { return len(f.Passkeys) > 0 || f.TOTP != nil }

// NewFactors are added together, or not at all.
type NewFactors struct {
	Passkey *Passkey
	TOTP    *TOTP  // in the place of the one before
	Codes   []Hash // recovery codes, in the place of those before; nil leaves them
}

// FactorUse is one use of a factor, which cannot be used so again. One field is set.
type FactorUse struct {
	Step    int64    // of a TOTP code: later than any before
	Code    Hash     // a recovery code
	Passkey *Passkey // with the new SignCount and BackedUp; SignCount is higher than before, unless both are 0
}

// Which names a factor that is to be removed. One field is set.
type Which struct {
	Passkey string // its Key
	TOTP    bool
	Codes   bool
	All     bool
}

// Removal says which factor is removed, and what becomes of a last one.
type Removal struct {
	Which
	Last bool   // the last second factor, too: else that gives CodeSSOLastFactor
	Note string // stands in the audit log when none is left
}

// Factors keeps what people show beside their password, as sign-in asks for it.
type Factors interface {
	Factors(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) (FactorSet, error)
	// Passkey returns the one that has the id, whosever it is.
	Passkey(ctx context.Context, t lockstep.TenantID, id []byte) (Passkey, error)
	// TryCode counts one try of a code, before the code is looked at, and gives CodeSSOTooMany when there were too many: for whoever asks,
	// from wherever they do.
	TryCode(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) error
	// UseFactor uses a factor of a person and forgets wrong tries. Of several calls for the same use one succeeds; the others, and one for a
	// factor that is there no more, give lockstep.ErrConflict.
	UseFactor(ctx context.Context, t lockstep.TenantID, u lockstep.UserID, use FactorUse) error
}

// FactorChanges changes them. A change is written with its line of the audit log.
type FactorChanges interface {
	// AddFactors gives a person factors. One who was disabled meanwhile, and a passkey that is there already, give lockstep.ErrConflict.
	AddFactors(ctx context.Context, by audit.Actor, t lockstep.TenantID, p Person, add NewFactors) error
	RenamePasskey(ctx context.Context, by audit.Actor, t lockstep.TenantID, u lockstep.UserID, key, name string) error
	// RemoveFactors returns how many there were. With the last second factor go the recovery codes. Of several calls at once none takes the last one
	// that may not.
	RemoveFactors(ctx context.Context, by audit.Actor, t lockstep.TenantID, u lockstep.UserID, r Removal) (int, error)
}

// FactorsKept is all that people change of what they sign in with.
type FactorsKept interface {
	Factors
	FactorChanges
	LinksKept
}

// How many codes may be tried without a right one among them. Then nobody may try for a while, which doubles each time, up to a day: who has
// somebody's password and tries on has had ten codes of a million a day.
const (
	TriesOfCodes = 10
	firstWait    = 15 * time.Minute
	longestWait  = 24 * time.Hour
)

// WaitAfter is how long nobody may try a code after the n-th try in a row.
func WaitAfter(n int64) time.Duration {
	if n%TriesOfCodes != 0 {
		return 0
	}
	wait := firstWait
	for round := n / TriesOfCodes; round > 1 && wait < longestWait; round-- {
		wait *= 2
	}
	return min(wait, longestWait)
}

// The most that somebody can have.
const (
	maxPasskeys  = 20
	maxNameBytes = 100
)
