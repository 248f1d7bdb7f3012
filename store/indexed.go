package store

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// longestIndexed is how many bytes of a text that comes from outside stand in an index: PostgreSQL refuses a row of one that is longer than 2,704,
// and with it everything that was to be committed.
const longestIndexed = 1000

// indexed is a text as it stands in an index, where it is only looked up: a long one is its beginning and a digest.
func indexed(s string) string {
	s = cleanText(s)
	if len(s) <= longestIndexed {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return strings.ToValidUTF8(s[:200], "") + " " + hex.EncodeToString(sum[:])
}
