package scimhttp

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"lockstep/scim"
)

// Backend holds the resources of one tenant. It is asked by many goroutines at a time. Its errors are *scim.Error, Throttled,
// or lockstep errors; others become a 500. An ifMatch that is not "" is the version that the stored resource must have, else
// the error is scim.ErrPrecondition.
type Backend interface {
	// Types returns the resource types, in the order in which discovery lists them.
	Types() []*scim.Type
	// Get returns a resource. What want leaves out may be missing from it.
	Get(ctx context.Context, ref scim.Ref, want *scim.Projection) (scim.Resource, error)
	// List returns one page.
	List(ctx context.Context, q scim.Query) (scim.Page, error)
	// Create adds a resource of the named type. The object has been checked.
	Create(ctx context.Context, typ string, o scim.Object) (scim.Resource, error)
	// Replace replaces the attributes of a resource; it creates none (RFC 7644 §3.5.1). The object has been checked.
	Replace(ctx context.Context, ref scim.Ref, ifMatch string, o scim.Object) (scim.Resource, error)
	// Patch applies the patch as a whole or not at all (RFC 7644 §3.5.2). It may return a resource that is Partial.
	Patch(ctx context.Context, ref scim.Ref, ifMatch string, p scim.Patch) (scim.Resource, error)
	// Delete removes a resource.
	Delete(ctx context.Context, ref scim.Ref, ifMatch string) error
}

// Metered is a Backend whose client has a budget. That a request came has been counted when the Backend was given out.
type Metered interface {
	// Spend counts what a request does beyond that, such as the operations of a Bulk request, or refuses it with Throttled.
	Spend(operations int) error
}

// Configured is a Backend that knows what discovery does not: how clients of its tenant authenticate, and what is refused to this one.
type Configured interface {
	Configure(ctx context.Context, c *scim.ServiceProviderConfig) error
}

// Throttled is the error of a Backend or a Tenant function that wants the client to slow down: 429 (RFC 6585 §4).
type Throttled struct { //nolint:errname // what it says of the client reads as a word
	After time.Duration // Retry-After, rounded up to whole seconds, at least one
}

// Error says what happened.
func (t Throttled) Error() string { return fmt.Sprintf("too many requests, retry after %v", t.After) }

// Handler serves SCIM. Its routes are relative to where it is mounted: use http.StripPrefix. The zero value of every field but
// Tenant works. It must not change once it serves.
type Handler struct {
	// Tenant authenticates the request and returns its tenant's Backend.
	Tenant func(*http.Request) (Backend, error)
	// Base returns the address of the endpoint as the client sees it, without a slash at the end; locations begin with it. Nil
	// takes it from the request.
	Base func(*http.Request) string
	// Decorate changes the body of an error before it is sent. Nil leaves it.
	Decorate func(r *http.Request, e *scim.Error, body *scim.Object)
	// Limits bounds what a request may cost. It is also what discovery announces.
	Limits Limits
	// Authentication lists what discovery announces (RFC 7643 §5). Nil is the bearer token of RFC 6750.
	Authentication []scim.AuthenticationScheme
	// Metadata returns the address of the endpoint's metadata (RFC 9728 §3), which challenges name (§5.1). Nil, and "", name none.
	Metadata func(*http.Request) string
	// Cursors lets clients page by cursor; every Backend must then know scim.Query.After. Nil is paging by index alone: a
	// request with a cursor is refused, lest the client take the first page for all there is.
	Cursors *Cursors
	// ChangePassword says in discovery that a password which a client sends becomes the user's.
	ChangePassword bool
	// HideETag keeps entity tags out of what discovery announces. They work all the same.
	HideETag bool
}

// Limits bounds requests. A field of 0 has the default.
type Limits struct {
	Body        int64 // bytes of a body; 1 MiB
	BulkBody    int64 // bytes of the body of a Bulk request; 16 MiB
	BulkOps     int   // operations of a Bulk request; 1,000
	BulkStatus  int   // status when there are more; 413 (RFC 7644 §3.7.4)
	PageSize    int   // resources of a page when the client does not say; 100
	MaxPageSize int   // resources of a page; 1,000
	PatchOps    int   // operations of a PATCH; 1,000
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if l.Body == 0 {
		l.Body = 1 << 20
	}
	if l.BulkBody == 0 {
		l.BulkBody = 16 << 20
	}
	set(&l.BulkOps, 1000)
	set(&l.BulkStatus, http.StatusRequestEntityTooLarge)
	set(&l.PageSize, 100)
	set(&l.MaxPageSize, 1000)
	set(&l.PatchOps, 1000)
	return l
}
