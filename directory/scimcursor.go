package directory

import (
	"crypto/sha256"
	"strings"

	"lockstep/scim"
)

// whose is what a place of this tenant's client begins with.
func (e Endpoint) whose() string {
	sum := sha256.Sum256([]byte(string(e.Tenant) + "\n" + e.Client))
	return string(sum[:16])
}

// place is a mark as it goes into a cursor, with whom it is for: the length of the id, the id, the key.
func (e Endpoint) place(m Mark) string {
	if m.IsZero() || len(m.ID) > 255 {
		return ""
	}
	return e.whose() + string([]byte{byte(len(m.ID))}) + m.ID + m.Key
}

// mark is the inverse of place.
func (e Endpoint) mark(place string) (Mark, error) {
	if place == "" {
		return Mark{}, nil
	}
	rest, ok := strings.CutPrefix(place, e.whose())
	if !ok || rest == "" || len(rest) <= int(rest[0]) || rest[0] == 0 {
		return Mark{}, scim.ErrInvalidCursor()
	}
	n := 1 + int(rest[0])
	return Mark{ID: rest[1:n], Key: rest[n:]}, nil
}
