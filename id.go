package lockstep

import "github.com/google/uuid"

// The typed ids. Each is the text form of a UUIDv7 (RFC 9562 §5.7), 36 bytes, lower case. They sort by creation time,
// which keeps inserts at the right-hand edge of every index.
type (
	// TenantID names a tenant: one company whose people and applications are kept apart from every other's.
	TenantID string
	// UserID names a user of a tenant's directory.
	UserID string
	// GroupID names a group of a tenant's directory.
	GroupID string
	// AppID names an application of a tenant.
	AppID string
	// AssignmentID names the assignment of a user or a group to an app.
	AssignmentID string
	// SourceID names a configured source of people (a CSV file, an LDAP directory).
	SourceID string
	// JobID names a job: one source joined to one target.
	JobID string
	// CycleID names one run of a job from its cursor to the head it saw when it began.
	CycleID string
	// ActionID names one action row: plan line, intention, log line and undo image in one.
	ActionID string
	// TokenID names a bearer token; it is the public half of the token and safe to log.
	TokenID string
)

// NewID returns a fresh id of the given kind. It panics only when the operating system has no randomness left.
func NewID[T ~string]() T { return T(uuid.Must(uuid.NewV7()).String()) }

// ValidID reports whether s has the form of an id: a UUID in its canonical 36-byte lower-case text form.
func ValidID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
