package token

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"lockstep"
)

// Former is the secret that a token had before it was rotated. It goes on working until it ends, so that whoever holds it can
// be given the new one without an interruption.
type Former struct {
	Hash Hash
	Ends time.Time // zero means that there is none
}

// Half says which of a token's two secrets a text is.
type Half int

// The halves of a token.
const (
	Current Half = iota // the secret that New or Rotate made last
	Old                 // the one before
)

// MaxOverlap is the longest that a former secret may go on working.
const MaxOverlap = 90 * 24 * time.Hour

// Rotate gives the token a new secret with the zero Maker.
func (t Token) Rotate(now time.Time, overlap time.Duration, expires time.Time) (next Token, text string, err error) {
	return Maker{}.Rotate(t, now, overlap, expires)
}

// Rotate gives a token a new secret. The token keeps its id, and so its name, its limits and its place in the audit log. The
// secret that it had ends after the overlap, and never later than it would have expired; one that was former already ends at
// once. The new secret expires when told, zero means never. It fails when the overlap is negative or beyond MaxOverlap,
// and with lockstep.CodeConflict when the new secret would have expired already.
func (m Maker) Rotate(t Token, now time.Time, overlap time.Duration, expires time.Time) (next Token, text string, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Token{}, "", &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The overlap of the two secrets is between none and 90 days."}
	}
	if !expires.IsZero() && !now.Before(expires) {
		return Token{}, "", &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The token has expired: say how many days the new secret is valid."}
	}
	source := m.Rand
	if source == nil {
		source = rand.Reader
	}
	id, err := uuid.Parse(string(t.ID))
	if err != nil {
		return Token{}, "", fmt.Errorf("rotate a token: %w", err)
	}
	if text, err = write(t.Kind, id, source); err != nil {
		return Token{}, "", fmt.Errorf("rotate a token: %w", err)
	}
	next = t
	next.Hash, next.Expires, next.Former = HashOf(text), expires, Former{}
	ends := now.Add(overlap)
	if !t.Expires.IsZero() && t.Expires.Before(ends) {
		ends = t.Expires
	}
	if ends.After(now) {
		next.Former = Former{Hash: t.Hash, Ends: ends}
	}
	return next, text, nil
}

// write makes the text of a token from fresh randomness.
func write(kind Kind, id uuid.UUID, source io.Reader) (string, error) {
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(source, secret); err != nil {
		return "", err
	}
	body := string(kind) + "_" + hex.EncodeToString(id[:]) + "_" + alphabet.EncodeToString(secret)
	return body + "_" + checksum(body), nil
}
