package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// Fold makes a matching value comparable, as all names are (filter.Fold), and leaves out blanks around it: matching ignores letter case
// everywhere (userName is not case-exact, RFC 7643 §4.1.1, and people are deleted by tools that think otherwise), and how an
// accent was typed. It must stay what it is: Link.Key and Action.Refers keep folded values.
func Fold(s string) string { return filter.Fold(strings.TrimSpace(s)) }

// keyOf is a matching value as in Link.Key.
func keyOf(attribute, value string) string { return ShortKey(attribute + "=" + Fold(value)) }

// longestKey is how many bytes a matching value has in Link.Key, by which links are found: an index of PostgreSQL takes no more than 2,704.
const longestKey = 1000

// ShortKey is a matching value as it stands in Link.Key: of one that is very long the beginning and a digest.
func ShortKey(key string) string {
	if len(key) <= longestKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return strings.ToValidUTF8(key[:200], "") + " " + hex.EncodeToString(sum[:])
}

// resourceType returns the resource type that a rule's target object name stands for: its own name, or that of a core schema
// URN such as urn:ietf:params:scim:schemas:core:2.0:User.
func resourceType(name string) string {
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// referenceName returns the name under which references of a mapped path go: manager for the enterprise manager and its value,
// members for a group's.
func referenceName(path string) string {
	path = strings.TrimSuffix(path, ".value")
	if i := strings.LastIndexByte(path, ':'); i >= 0 {
		return path[i+1:]
	}
	return path
}

// objectName is what people call the object that these target values describe.
func objectName(values scim.Object, otherwise string) string {
	for _, a := range []string{"userName", "displayName"} {
		if s := values.Text(a); s != "" {
			return s
		}
	}
	return otherwise
}
