// Package token makes and checks opaque bearer tokens (RFC 6750). It knows neither HTTP nor SQL.
//
// A token is text such as
//
//	lks_<32 hex digits>_<32 characters>_<8 hex digits>
//	kind  public id         secret        checksum
//
// The kind and the id are public: they say where to look and may stand in logs. The secret has 160 random bits, so one round
// of SHA-256 protects it as well as a slow hash would. The checksum lets a scanner recognise a leaked token, and tells a
// mistyped one from a revoked one, without asking a database.
//
// A token can be rotated: it keeps its id and gets a new secret, and the old one goes on working for a while (Rotate).
//
// Invariants: the text exists once, when New or Rotate returns it; what is kept is a Token, which holds the hash; texts are compared
// by their hashes in constant time. No error and no printed Token contains a secret.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"lockstep"

	"github.com/google/uuid"
)

// Kind says what a token opens. Its text is the token's first part.
type Kind string

// The kinds of token.
const (
	KindAPI  Kind = "lks" // the management API and the command line
	KindSCIM Kind = "lkp" // the SCIM endpoint, for whoever provisions into Lockstep
	KindOrg  Kind = "lkw" // a Webex organisation that runs offline
	KindLink Kind = "lko" // a one-time link
)

func (k Kind) known() bool {
	return k == KindAPI || k == KindSCIM || k == KindOrg || k == KindLink
}

// Token is what is kept of a bearer token: everything but its text.
type Token struct {
	ID      lockstep.TokenID
	Kind    Kind
	Hash    Hash
	Scopes  Scopes    // what it may do; none means nothing
	Expires time.Time // zero means never
	Former  Former    // the secret before the last rotation, while it works
}

// Hash is the SHA-256 of a token's whole text.
type Hash [sha256.Size]byte

// HashOf returns the hash of a token's text.
func HashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// Maker makes tokens. The zero value works.
type Maker struct {
	Rand io.Reader // nil means crypto/rand
}

// New makes a token of the kind with the zero Maker. The caller adds scopes and expiry before it keeps the Token, shows the
// text once and forgets it.
func New(kind Kind) (t Token, text string, err error) { return Maker{}.New(kind) }

// New makes a token of the kind. It fails when the kind is unknown or the source of randomness fails.
func (m Maker) New(kind Kind) (t Token, text string, err error) {
	if !kind.known() {
		return Token{}, "", fmt.Errorf("make a token: unknown kind %q", kind)
	}
	source := m.Rand
	if source == nil {
		source = rand.Reader
	}
	id, err := uuid.NewV7FromReader(source)
	if err != nil {
		return Token{}, "", fmt.Errorf("make a token: %w", err)
	}
	if text, err = write(kind, id, source); err != nil {
		return Token{}, "", fmt.Errorf("make a token: %w", err)
	}
	return Token{ID: lockstep.TokenID(id.String()), Kind: kind, Hash: HashOf(text)}, text, nil
}

const secretBytes = 20

// alphabet is lower-case base32, RFC 4648 §6, which survives being read aloud; 20 bytes need no padding.
var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func checksum(body string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body)))
}

// Ref is the public part of a token's text.
type Ref struct {
	Kind Kind
	ID   lockstep.TokenID
}

// ErrMalformed says that a text is not a token: mistyped, cut off, or something else.
var ErrMalformed = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "That is not a token: a part of it may be missing."}

// Parse reads the public part of a token's text. The text is then known to be whole, not to be right: find the Token by its
// ID and Check. The error is ErrMalformed.
func Parse(text string) (Ref, error) {
	body, sum, ok := cutLast(text)
	if !ok || sum != checksum(body) {
		return Ref{}, ErrMalformed
	}
	head, secret, ok := cutLast(body)
	if !ok || !isSecret(secret) {
		return Ref{}, ErrMalformed
	}
	kind, digits, ok := strings.Cut(head, "_")
	if !ok || !Kind(kind).known() {
		return Ref{}, ErrMalformed
	}
	id, err := uuidOf(digits)
	if err != nil {
		return Ref{}, ErrMalformed
	}
	return Ref{Kind: Kind(kind), ID: id}, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '_')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// isSecret reports whether s is what New writes; a second spelling of the same bytes is none.
func isSecret(s string) bool {
	decoded, err := alphabet.DecodeString(s)
	return err == nil && len(decoded) == secretBytes && alphabet.EncodeToString(decoded) == s
}

func uuidOf(digits string) (lockstep.TokenID, error) {
	decoded, err := hex.DecodeString(digits)
	if err != nil {
		return "", err
	}
	id, err := uuid.FromBytes(decoded)
	if err != nil || hex.EncodeToString(decoded) != digits { // upper-case digits would be a second spelling
		return "", ErrMalformed
	}
	return lockstep.TokenID(id.String()), nil
}

// Errors of Check. All carry the code api.unauthorized; only the log should tell them apart.
var (
	ErrMismatch = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The token is not known."}
	ErrExpired  = &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The token has expired."}
)

// Check returns nil when the text is this token's and it has not expired, else ErrMismatch or ErrExpired. That it expired is
// told only to who knows the secret. Compare these errors with ==: errors.Is goes by their code, which is the same.
func (t Token) Check(text string, now time.Time) error {
	_, err := t.Match(text, now)
	return err
}

// Match is Check, and says which of the token's secrets the text is. That is right as well when the error is ErrExpired.
func (t Token) Match(text string, now time.Time) (Half, error) {
	hash := HashOf(text)
	current := subtle.ConstantTimeCompare(hash[:], t.Hash[:]) == 1
	former := subtle.ConstantTimeCompare(hash[:], t.Former.Hash[:]) == 1 && !t.Former.Ends.IsZero()
	switch {
	case current && (t.Expires.IsZero() || now.Before(t.Expires)):
		return Current, nil
	case current:
		return Current, ErrExpired
	case former && now.Before(t.Former.Ends):
		return Old, nil
	case former:
		return Old, ErrExpired
	}
	return Current, ErrMismatch
}
