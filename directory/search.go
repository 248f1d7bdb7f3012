package directory

import (
	"context"
	"time"

	"lockstep"
	"lockstep/scim/filter"
)

// Record is a user or a group as it is kept, for those who pass it on without looking into it.
type Record struct {
	ID                string
	Version           int64
	Active            bool // of a user
	Created, Modified time.Time
	Doc               []byte // the JSON object of User.Attributes or Group.Attributes
}

// Search asks for users or groups as a SCIM query does (RFC 7644 §3.4.2). Those that are soft-deleted are never found.
type Search struct {
	Kind Kind
	// Filter has canonical paths (scim.Type.Filter); nil selects all. Text is compared in composed form (NFC). Of members and
	// groups only the value can be asked for, with eq, and whether there is any.
	Filter     filter.Expr
	Types      filter.Types // what the attributes of the filter and of SortBy are
	SortBy     filter.Path  // canonical; the zero Path is the order of ids, which is that of creation
	Descending bool
	Offset     int // leave out so many; ignored when After is set
	Limit      int // at most so many; 0 asks for the total only
	After      Mark
	Backward   bool // the page that ends before After, or before the end; its records are in order all the same. Offset is 0
	NoTotal    bool // Found.Total is not needed. Offset is 0
}

// Mark is the place of a record, from Found. A search with the same filter and order goes on there, however far from the start
// that is, and whatever has become of the record. The zero Mark is the start, or the end when the search goes backward.
type Mark struct {
	Key, ID string
	Total   int // of all that matched when the mark was made
}

// IsZero reports whether the mark is the start.
func (m Mark) IsZero() bool { return m.ID == "" }

// Found is one page.
type Found struct {
	Total       int // of all that match; of a page after a Mark, what the mark says; 0 with Search.NoTotal
	Records     []Record
	First, Last Mark // where the first and the last record stand; zero when there are none
	More        bool // others come after the page, or before it when the search goes backward
}

// Relative is a user or group at the other end of a membership, with a name to show.
type Relative struct {
	Kind Kind
	ID   string
	Name string // displayName, else userName
}

// Searcher finds what SCIM clients ask for. Every method sees committed data only.
type Searcher interface {
	// Record returns a user or a group, or lockstep.ErrNotFound; a soft-deleted one is not found.
	Record(ctx context.Context, t lockstep.TenantID, kind Kind, id string) (Record, error)
	// Search returns one page. A filter that cannot be served gives lockstep.CodeInvalid.
	Search(ctx context.Context, t lockstep.TenantID, s Search) (Found, error)
	// MembersOf returns up to limit members of a group, those who are soft-deleted left out, in the order of ids.
	MembersOf(ctx context.Context, t lockstep.TenantID, group lockstep.GroupID, limit int) ([]Relative, error)
	// GroupsOf returns the groups that have the user or group as a direct member, in the order of ids.
	GroupsOf(ctx context.Context, t lockstep.TenantID, id string) ([]Relative, error)
	// KindsOf returns what those of the ids are that exist and are not soft-deleted.
	KindsOf(ctx context.Context, t lockstep.TenantID, ids []string) (map[string]Kind, error)
	// NamesOf returns the names to show of those of the users that exist and are not soft-deleted.
	NamesOf(ctx context.Context, t lockstep.TenantID, users []string) (map[string]string, error)
}
