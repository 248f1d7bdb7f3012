package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"lockstep"
)

// Key seals secrets. It is a list of secret keys: the first one seals, all of them open, so that a key is replaced by
// putting a new one before it. The zero Key has none. Printing a Key shows no secret.
type Key struct{ parts []keyPart }

type keyPart struct {
	id     string // first bytes of the hash: says which key, and nothing about it
	secret []byte
}

// keyBytes is the length of a key of XChaCha20-Poly1305.
const keyBytes = 32

// keyPrefix begins each line of a key file, so that the file shows what it is.
const keyPrefix = "lockstep-key-1:"

// NewKey makes a random key.
func NewKey() Key {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	return Key{parts: []keyPart{newPart(secret)}}
}

func newPart(secret []byte) keyPart {
	sum := sha256.Sum256(append([]byte(keyPrefix), secret...))
	return keyPart{id: hex.EncodeToString(sum[:4]), secret: secret}
}

// ParseKey reads what Text wrote.
func ParseKey(text string) (Key, error) {
	var k Key
	for line := range strings.FieldsSeq(text) {
		digits, ok := strings.CutPrefix(line, keyPrefix)
		secret, err := base64.StdEncoding.DecodeString(digits)
		if !ok || err != nil || len(secret) != keyBytes {
			return Key{}, &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "The text is not a key of Lockstep."}
		}
		k.parts = append(k.parts, newPart(secret))
	}
	if len(k.parts) == 0 {
		return Key{}, &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "The text holds no key."}
	}
	return k, nil
}

// LoadKey reads a key file. One that does not exist or cannot be read gives lockstep.CodeKeyMissing; errors.Is with
// fs.ErrNotExist tells the first case.
func LoadKey(path string) (Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Key{}, &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "The key file cannot be read.", Err: err}
	}
	k, err := ParseKey(string(text))
	if err != nil {
		return Key{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

// Save writes the key to a new file that only its owner may read. It never replaces a file.
func (k Key) Save(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	_, err = f.WriteString(k.Text())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	return nil
}

// Text returns the key as text, a line for each part. It is a secret.
func (k Key) Text() string {
	var b strings.Builder
	for _, p := range k.parts {
		b.WriteString(keyPrefix + base64.StdEncoding.EncodeToString(p.secret) + "\n")
	}
	return b.String()
}

// Zero reports whether there is no key.
func (k Key) Zero() bool { return len(k.parts) == 0 }

// String returns the ids of the keys.
func (k Key) String() string {
	ids := make([]string, len(k.parts))
	for i, p := range k.parts {
		ids[i] = p.id
	}
	return "key " + strings.Join(ids, ", ")
}

// GoString is String.
func (k Key) GoString() string { return k.String() }

// place is where a sealed value belongs. A value that was moved to another place does not open.
type place struct {
	tenant             lockstep.TenantID
	table, column, row string
}

func (p place) bytes() []byte {
	return []byte(strings.Join([]string{string(p.tenant), p.table, p.column, p.row}, "\x00"))
}

// sealer turns secrets into envelopes and back: "1:<key id>:<base64 of nonce, ciphertext and tag>".
type sealer struct{ key Key }

const envelope = "1"

func (s sealer) seal(p place, value string) (string, error) { return s.sealText(p, []byte(value)) }

// sealText is seal of a text that is large, such as a document: it is copied once.
func (s sealer) sealText(p place, value []byte) (string, error) {
	if s.key.Zero() {
		return "", &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "Without a key no secret can be kept."}
	}
	first := s.key.parts[0]
	box, err := subtle.NewXChaCha20Poly1305(first.secret)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	sealed, err := box.Encrypt(value, p.bytes())
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	head := envelope + ":" + first.id + ":"
	text := append(make([]byte, 0, len(head)+base64.RawStdEncoding.EncodedLen(len(sealed))), head...)
	return string(base64.RawStdEncoding.AppendEncode(text, sealed)), nil
}

// open returns lockstep.CodeKeyMissing when there is no key at all, and lockstep.CodeSealed when none of them fits or the
// value does not belong here.
func (s sealer) open(p place, sealed string) (string, error) {
	if s.key.Zero() {
		return "", &lockstep.Error{Code: lockstep.CodeKeyMissing}
	}
	form, rest, _ := strings.Cut(sealed, ":")
	id, digits, ok := strings.Cut(rest, ":")
	raw, err := base64.RawStdEncoding.DecodeString(digits)
	if form != envelope || !ok || err != nil {
		return "", &lockstep.Error{Code: lockstep.CodeSealed, Detail: "The sealed value is damaged."}
	}
	for _, k := range s.key.parts {
		if k.id != id {
			continue
		}
		box, err := subtle.NewXChaCha20Poly1305(k.secret)
		if err != nil {
			return "", fmt.Errorf("open: %w", err)
		}
		value, err := box.Decrypt(raw, p.bytes())
		if err != nil {
			return "", &lockstep.Error{Code: lockstep.CodeSealed, Detail: "The sealed value is damaged or does not belong here."}
		}
		return string(value), nil
	}
	return "", &lockstep.Error{Code: lockstep.CodeSealed, Detail: fmt.Sprintf("The value is sealed with key %s, which is not there.", id)}
}

// checkKey keeps a sealed word in a database that is opened with a key for the first time, and later sees whether the key
// still opens it: better now than in the middle of a cycle.
func (db *DB) checkKey(ctx context.Context) error {
	const name, word = "key_check", "lockstep"
	at := place{table: "setting", column: "value", row: name}
	kept, err := db.Value(ctx, "", name)
	if err != nil {
		return err
	}
	if kept != "" {
		_, err := db.seal.open(at, kept)
		return err
	}
	if db.seal.key.Zero() {
		return nil
	}
	sealed, err := db.seal.seal(at, word)
	if err != nil {
		return err
	}
	return db.SetValue(ctx, "", name, sealed)
}
