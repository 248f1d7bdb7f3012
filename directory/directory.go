// Package directory holds the truth about a tenant's people and applications: users, groups, memberships, apps,
// assignments, and the change feed that tells everybody else what moved.
//
// Invariants. Every write is a list of Changes that commits whole or not at all, with its feed rows and its audit rows in the
// same transaction. The feed has one position per tenant, and commit order is position order, so a reader that follows by
// position misses nothing and sees nothing twice. A membership change is one row; it never loads the group. A write that
// disables or deletes a user raises their AuthEpoch in the same transaction, which ends their sessions wherever they are checked;
// this package knows nothing of sign-in.
package directory

import (
	"context"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/scim"
)

// Tenant is one company whose people and applications are kept apart from every other's.
type Tenant struct {
	ID      lockstep.TenantID
	Slug    string // unique, lower case, used in addresses and on the command line
	Name    string
	Created time.Time
	Managed bool // owners of the server may come into it
}

// Since says in words what of a tenant is not as it was; "" is nothing.
func (t Tenant) Since(was Tenant) string {
	var what []string
	if was.Name != t.Name {
		what = append(what, "name, which was “"+was.Name+"”")
	}
	if was.Managed != t.Managed {
		what = append(what, map[bool]string{true: "owners of the server may come in", false: "owners of the server may not come in"}[t.Managed])
	}
	return strings.Join(what, "; ")
}

// TenantSize is how much a tenant has.
type TenantSize struct {
	People, Groups         int // that are not deleted
	Sources, Apps          int
	Clients, Providers     int // applications that sign people in, and identity providers
	Tokens, Administrators int // those that are not revoked; roles and local owners
}

// User is one person. Attributes holds a SCIM User (core, enterprise and further extension schemas, each extension as an
// Object under its URN) without id, meta, schemas, groups and password. userName is always there.
type User struct {
	ID         lockstep.UserID
	Version    int64     // rises with each write; the entity tag is W/"<version>"
	Active     bool      // the attribute active; absent means true
	Deleted    time.Time // zero unless soft-deleted
	AuthEpoch  int64     // rises when the user is disabled or deleted, or their credentials change
	Created    time.Time
	Modified   time.Time
	Attributes scim.Object
}

// Group is one group. Attributes holds a SCIM Group without id, meta, schemas and members. displayName is always there.
type Group struct {
	ID         lockstep.GroupID
	Version    int64
	Deleted    time.Time
	Created    time.Time
	Modified   time.Time
	Attributes scim.Object
}

// Kind says what a principal is. The values are the names of the SCIM resource types.
type Kind string

// The kinds of principal.
const (
	UserKind  Kind = "User"
	GroupKind Kind = "Group"
)

// Member is one membership: the member, a user or a nested group, belongs to Group.
type Member struct {
	Group lockstep.GroupID
	Kind  Kind
	ID    string // a UserID or a GroupID
}

// App is an application of a tenant that people are assigned to.
type App struct {
	ID       lockstep.AppID
	Slug     string // unique in the tenant, lower case
	Name     string
	Template string // the gallery template it was made from
	Roles    []Role
	Created  time.Time
	Version  int64
}

// Role is an app role that an assignment can carry.
type Role struct {
	Value   string `json:"value"`
	Name    string `json:"name"`
	Exclude bool   `json:"exclude,omitempty"` // holders of only this role are not provisioned ("Default Access" of Entra's Webex app)
}

// Assignment gives a user, or the members of a group, a role in an app.
type Assignment struct {
	ID      lockstep.AssignmentID
	App     lockstep.AppID
	Kind    Kind
	To      string // a UserID or a GroupID
	Role    string // "" is the app's first role
	Created time.Time
}

// Change is one write. The types of this package whose names end in neither Page nor Query implement it: PutUser,
// DeleteUser, RestoreUser, SetPassword, PutGroup, DeleteGroup, RestoreGroup, AddMembers, RemoveMembers, PutApp,
// DeleteApp, PutAssignment, DeleteAssignment, PutExtension, DeleteExtension, TakeClaim, DropClaim, As,
// Visiting, Beside.
type Change interface{ change() }

type (
	// PutUser creates the user when its Version is 0, else replaces it. IfVersion other than 0 makes the write conditional:
	// when the stored version differs it fails with lockstep.ErrVersion. Active is taken from Attributes.
	PutUser struct {
		User      User
		IfVersion int64
		// Before may be what the user's attributes are at IfVersion, by whoever has read them: it saves reading them again. Nil
		// is always right.
		Before scim.Object
		// FreeManager keeps a manager who does not exist. Else that is refused, unless nothing else was there before.
		FreeManager bool
		// Client says that the writer is a client of SCIM, which cannot change what a tenant's schemas say is read-only.
		Client bool
		// Claim says what the writer's claim becomes. With ClaimInactive the user is disabled only if no other claim is active.
		Claim ClaimAs
		// Expect Enabled with ClaimInactive refuses with lockstep.CodePlanStale what would disable the user after all.
		Expect KeptAs
	}
	// DeleteUser soft-deletes the user: it is out of every list and every group, nobody's manager any more, its userName is free
	// for others, and its AuthEpoch rises. Purge removes it and all that refers to it for good.
	// With Leave a job withdraws its claim; the user is deleted only if nobody else has one, and then leaves the groups for good. When
	// only those have one who have the user as disabled, the user is disabled.
	// Without, it is an order, which is carried out whoever has a claim, and after which no job restores the user.
	DeleteUser struct {
		ID        lockstep.UserID
		IfVersion int64
		Purge     bool
		Leave     bool
		// Expect is what, with Leave, is to become of the user at most: when others have let go meanwhile, so that more would, it is
		// refused with lockstep.CodePlanStale. "" expects anything.
		Expect KeptAs
	}
	// RestoreUser ends a soft delete, and gives back what the deletion took: memberships in groups that still exist, and those whose
	// manager the user was and who have no other. It fails with lockstep.ErrConflict while somebody else has the userName, and
	// with lockstep.CodeDeletedByOrder when a job restores whom somebody else has deleted. IfVersion is as of PutUser.
	RestoreUser struct {
		ID        lockstep.UserID
		IfVersion int64
	}
	// SetPassword keeps the hash of a user's password and raises their AuthEpoch. A password among the attributes of a PutUser,
	// however it is spelled, is kept so, too, and nowhere else.
	SetPassword struct {
		ID       lockstep.UserID
		Password string // is hashed before anything is written
		Hash     string // PHC string format; used when there is no Password
		// Until is given with one that somebody else knows, too: the person has to change it at the first sign-in, before then. Zero is one
		// of their own.
		Until time.Time
		// IfEpoch other than 0 makes the write conditional on the user's AuthEpoch: else it fails with lockstep.ErrVersion.
		IfEpoch int64
	}
	// PutGroup creates or replaces a group as PutUser does a user. Members are not part of it. With UniqueName a name that is
	// new to the group fails with lockstep.ErrConflict while another group, soft-deleted ones apart, has it in whatever case.
	// Sources such as LDAP may have a name twice, so it is the writer's to ask for.
	PutGroup struct {
		Group      Group
		IfVersion  int64
		UniqueName bool
		Client     bool // as of PutUser
	}
	// DeleteGroup soft-deletes a group, which leaves the groups that it is in, or removes it for good: the memberships in it then go
	// in pages, and the feed tells of them as they do.
	DeleteGroup struct {
		ID        lockstep.GroupID
		IfVersion int64
		Purge     bool
		Leave     bool // as of DeleteUser
		Expect    KeptAs
	}
	// RestoreGroup ends a soft delete, as RestoreUser does.
	RestoreGroup struct {
		ID        lockstep.GroupID
		IfVersion int64
	}
	// AddMembers adds memberships; those that exist already are no error and no change. One of somebody who is soft-deleted is
	// noted for when they are restored. A group is not a member of itself and has at most MaxMembers.
	AddMembers struct {
		Group   lockstep.GroupID
		Members []Member // Group of each is ignored
	}
	// RemoveMembers removes memberships; those that do not exist are no error and no change.
	RemoveMembers struct {
		Group   lockstep.GroupID
		Members []Member
	}
	// PutApp creates or replaces an app.
	PutApp struct{ App App }
	// DeleteApp removes an app with its assignments.
	DeleteApp struct{ ID lockstep.AppID }
	// PutAssignment assigns. Assigning the same principal again replaces the role.
	PutAssignment struct{ Assignment Assignment }
	// DeleteAssignment withdraws an assignment.
	DeleteAssignment struct{ ID lockstep.AssignmentID }
	// TakeClaim gives the writer a claim to a user or group that it takes over as it is.
	TakeClaim struct {
		Kind  Kind
		ID    string
		Claim ClaimAs
	}
	// DropClaim takes the writer's claim to something away that is deleted already.
	DropClaim struct {
		Kind Kind
		ID   string
	}
	// As carries out a change for another action than the commit's: when a job changes several objects in one function, each row of
	// the feed still names the row of the job's plan that it is of.
	As struct {
		Action lockstep.ActionID
		Change Change
	}
	// Visiting is no change: whoever makes those that follow belongs to another tenant. What would make somebody an administrator of this one, or
	// change who is one, fails with lockstep.CodeAuthForbidden; deleting them does not.
	Visiting struct{}
	// Beside is no change of the directory. It is what another part of the same database keeps in the commit, as a value that the store
	// has made and alone knows.
	Beside struct{ Part any }
	// PutExtension creates or replaces a tenant's extension, by its URN. IfVersion other than 0 makes the write conditional. It
	// fails with lockstep.CodeSchemaInUse when somebody, soft-deleted or not, has values that the definition does not allow, or
	// when it makes an attribute unique that somebody has: so whatever is kept is valid by the definition that holds.
	PutExtension struct {
		Extension Extension
		IfVersion int64
	}
	// DeleteExtension removes a tenant's extension. It fails with lockstep.CodeSchemaInUse while somebody has values.
	DeleteExtension struct {
		URN       string
		IfVersion int64
	}
)

func (PutUser) change()          {}
func (DeleteUser) change()       {}
func (RestoreUser) change()      {}
func (SetPassword) change()      {}
func (PutGroup) change()         {}
func (DeleteGroup) change()      {}
func (RestoreGroup) change()     {}
func (AddMembers) change()       {}
func (RemoveMembers) change()    {}
func (PutApp) change()           {}
func (DeleteApp) change()        {}
func (PutAssignment) change()    {}
func (DeleteAssignment) change() {}
func (TakeClaim) change()        {}
func (DropClaim) change()        {}
func (As) change()               {}
func (Visiting) change()         {}
func (Beside) change()           {}
func (PutExtension) change()     {}
func (DeleteExtension) change()  {}

// Event is one row of the change feed.
type Event struct {
	Pos    int64 // of the tenant; rises by one with each row, without holes
	At     time.Time
	Object string // "user", "group", "member", "app", "assignment", "schema" (whose ID is its URN)
	Op     Op
	ID     string            // of the object; of the group for a member
	Member string            // for a member: the user or group that was added or removed; for an assignment: the principal, while ID is the assignment's
	Kind   Kind              // for a member and an assignment: what the principal is
	App    lockstep.AppID    // for an assignment
	Action lockstep.ActionID // the action that wrote it, when a job did
}

// Op is what happened to the object of an Event.
type Op string

// The operations of the feed.
const (
	OpPut    Op = "put"    // created, replaced or restored
	OpDelete Op = "delete" // soft-deleted, unassigned
	OpPurge  Op = "purge"  // gone for good
	OpAdd    Op = "add"    // membership
	OpRemove Op = "remove" // membership
)

// UserQuery selects users of a tenant. Exactly one of IDs, Key or paging by After is used; the zero query pages from the start.
type UserQuery struct {
	State     UserState         // only those, of a page of all; DeletedUsers whatever Deleted says
	IDs       []lockstep.UserID // these, in any order; unknown ones are left out
	Attribute string            // with Values: the users whose attribute has one of the values: userName, externalId, email (any of emails.value)
	Values    []string          // compared without regard to case, except for externalId
	After     lockstep.UserID   // those after this id, in the order of ids
	Deleted   bool              // soft-deleted ones too
	Limit     int               // at most this many; 0 is 500
}

// GroupQuery selects groups of a tenant, as UserQuery does users. Attribute is displayName or externalId.
type GroupQuery struct {
	IDs       []lockstep.GroupID
	Attribute string
	Values    []string
	After     lockstep.GroupID
	Deleted   bool
	Limit     int
}

// MemberQuery selects memberships. Groups and IDs are and-ed when both are given; Kind "" is both kinds. The order is by
// (group, member id).
type MemberQuery struct {
	Groups []lockstep.GroupID
	IDs    []string // of members
	Kind   Kind
	After  Member // continue after this membership
	Limit  int    // 0 is 10,000
}

// Reader reads one tenant's directory. Every method sees committed data only.
type Reader interface {
	Objects
	Applications
	Claimants
	Feeder
}

// Objects reads users, groups and who is in them.
type Objects interface {
	Users(ctx context.Context, t lockstep.TenantID, q UserQuery) ([]User, error)
	Groups(ctx context.Context, t lockstep.TenantID, q GroupQuery) ([]Group, error)
	Members(ctx context.Context, t lockstep.TenantID, q MemberQuery) ([]Member, error)
}

// Applications reads apps and who is assigned to them.
type Applications interface {
	Apps(ctx context.Context, t lockstep.TenantID) ([]App, error)
	Assignments(ctx context.Context, t lockstep.TenantID, app lockstep.AppID) ([]Assignment, error)
}

// Claimants reads what sources want.
type Claimants interface {
	// Claims returns who has users or groups, by their ids, each job with what it wrote last where there are several.
	Claims(ctx context.Context, t lockstep.TenantID, kind Kind, ids ...string) (map[string][]Claim, error)
	// Ordered returns who has ordered that users or groups be deleted, as shown to people, by their ids: no job restores these.
	Ordered(ctx context.Context, t lockstep.TenantID, kind Kind, ids ...string) (map[string]string, error)
	// SourceOrder returns the jobs that bring people in, if an administrator has given any an order. Those that have one come first.
	SourceOrder(ctx context.Context, t lockstep.TenantID) ([]Source, error)
	// Wanted returns the ids of objects that sources want an object to refer to.
	Wanted(ctx context.Context, t lockstep.TenantID, q WantedQuery) ([]string, error)
}

// Feeder reads the change feed.
type Feeder interface {
	// Feed returns up to limit events after pos, oldest first. A position older than what is retained gives
	// lockstep.ErrCursorExpired.
	Feed(ctx context.Context, t lockstep.TenantID, after int64, limit int) ([]Event, error)
	// Head returns the position of the newest event; 0 before the first.
	Head(ctx context.Context, t lockstep.TenantID) (int64, error)
}

// Writer commits changes to one tenant's directory.
type Writer interface {
	// Commit applies the changes in order, in one transaction, with their feed rows and audit rows. An error names the change
	// that failed and nothing is written. When action is not empty a job is writing: the feed rows carry the action's id and no
	// audit row is written.
	Commit(ctx context.Context, t lockstep.TenantID, by audit.Actor, action lockstep.ActionID, changes ...Change) (Receipt, error)
}

// Receipt is what a writer learns of a commit, so that it need not read again what it has written.
type Receipt struct {
	Pos int64     // the tenant's feed position after the write
	At  time.Time // when what was created or replaced was last modified, in whole milliseconds
	// Written is what became of the users that were created or replaced, in the order of these changes.
	Written []Record
	// Kept is what was not deleted or disabled, since the writer's claim was not the last.
	Kept []Kept
}

// Store is what the directory is kept in.
type Store interface {
	Reader
	Writer
}
