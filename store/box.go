package store

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"lockstep"
)

// Box seals short texts that others keep, such as the cursors of clients, with keys derived from a Key for one use alone. Who has
// the same Key, on whatever node, opens them. As with the Key, the first part seals and all of them open. The zero Box seals
// nothing.
type Box struct{ parts []*subtle.XChaCha20Poly1305 }

// Box derives the Box for a use. Boxes for different uses do not open each other's texts, nor what the Key has sealed.
func (k Key) Box(use string) Box {
	var b Box
	for _, p := range k.parts {
		secret, err := hkdf.Key(sha256.New, p.secret, nil, "lockstep box: "+use, keyBytes)
		if err != nil {
			panic(err) //nolint:forbidigo // only asking for a key that is far longer fails
		}
		part, err := subtle.NewXChaCha20Poly1305(secret)
		if err != nil {
			panic(err) //nolint:forbidigo // only a key of another length fails
		}
		b.parts = append(b.parts, part)
	}
	return b
}

// Seal encrypts the text and authenticates it together with the purpose. Its nonce is random and long enough for any number of
// texts.
func (b Box) Seal(text, purpose []byte) ([]byte, error) {
	if len(b.parts) == 0 {
		return nil, &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "Without a key nothing can be sealed."}
	}
	sealed, err := b.parts[0].Encrypt(text, purpose)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Open returns the text that was sealed for the purpose. Any other gives lockstep.CodeSealed.
func (b Box) Open(sealed, purpose []byte) ([]byte, error) {
	for _, p := range b.parts {
		if text, err := p.Decrypt(sealed, purpose); err == nil {
			return text, nil
		}
	}
	return nil, &lockstep.Error{Code: lockstep.CodeSealed, Detail: "The text was not sealed here, or for something else."}
}
