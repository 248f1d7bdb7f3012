// Package scimapp writes to any SCIM 2.0 application (RFC 7643, RFC 7644), as a provision.Target.
//
// It sends what the RFC says and takes what servers answer. Every deviation that a server needs is a field of Profile; what
// the server says of itself (ServiceProviderConfig, ResourceTypes, Schemas) fills in the rest and may be missing.
//
// Design: a body is rendered straight into a pooled buffer, and of the answer to a write only id and version are read. An
// update is a PATCH with one operation for each path that differs between what was written last and what shall be there, so
// that values which others manage are left alone. References are written by value in chunks.
//
// Invariants: Apply answers each operation and never tries twice on its own, except to find out how a value path must be
// written. Every failure has a code and one sentence with the target's own words. Result.MaybeSent is false only when the
// request cannot have reached the target or the target said that it did nothing. A 404 means that an object is gone only if
// the SCIM server says so, not a proxy before it. Tokens are in the Authorization header and nowhere else.
package scimapp

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/web"
)

// Config says where the application is and how it behaves. BaseURL is required.
type Config struct {
	BaseURL string // such as https://example.com/scim/v2; a slash at the end does not matter
	Name    string // for people; "" is the host
	Key     string // of the shared budget; "" is BaseURL
	// Token returns the bearer token to send. It is asked for each request; nil sends none.
	Token func(context.Context) (string, error)
	// Refused is told of a token that the application has refused, and returns whether another is worth a try. Nil: none is.
	Refused   func(ctx context.Context, token string) bool
	Insecure  bool          // plain http:// to a public address is meant; HTTP has to allow it
	Timeout   time.Duration // how long an answer is waited for, of whoever makes HTTP; 0 is 30 s
	HTTP      *http.Client  // nil is one that reaches public addresses only
	UserAgent string        // "" is Lockstep
	Media     string        // of bodies that are sent; "" is SCIM's
	Profile   Profile
	// Explain may know better what an answer of status 400 or more means. It returns "" when it does not. The body is nil when
	// it is not a JSON object.
	Explain func(status int, body scim.Object) (code lockstep.Code, detail string)
	// Inside reports whether an address is one that not everybody reaches. Of what answers there only SCIM is told. Nil is nowhere.
	Inside        func(net.Addr) bool
	MaxRetryAfter time.Duration    // 0 is an hour
	Now           func() time.Time // nil is time.Now
}

// Profile is what is known of an application beforehand. A zero field is found out from the application or has the value of
// the RFC.
type Profile struct {
	Types       map[string]*scim.Type // resource types by name; not nil: the application is not asked
	FindBy      map[string][]string   // nil: User by userName and externalId, Group by displayName and externalId
	FindBatch   int                   // values that an or-chain may have; 0 is 20
	PageSize    int                   // count of lists; 0 is 200, or less if the application says so
	MaxPage     int                   // bytes of a page; 0 is 16 MiB
	MaxObjects  int                   // of one type that a pass lists; 0 is two million
	MaxMembers  int                   // per request; 0 is 100
	Unique      map[string][]string   // nil: User by userName
	Nesting     bool                  // groups may contain groups; then members carry their type
	HardDelete  bool                  // active=false does not disable
	Put         bool                  // no PATCH: objects are read, changed and replaced
	ETags       bool                  // If-Match is sent with updates
	Lag         time.Duration         // until a created object is listed; 0 is 30 s
	Connections int                   // at the same time; 0 is 10
	Overwrite   bool                  // with Put: what it does not show may be lost when an object is replaced
	RemoveList  bool                  // members are removed by a list of values, as Entra ID did, not by a filter
	ByValue     []string              // core attributes whose values are told apart by what they are: one is added or removed, none becomes another
}

// Target is an application.
type Target struct {
	config Config
	base   *url.URL
	header atomic.Pointer[signedHeader]
	known  atomic.Pointer[connection.System] // system, for who must not wait until it is known

	mu     sync.Mutex
	system *connection.System // nil until it is known
	etags  bool
	put    bool
	cursor bool              // lists are walked by cursor from the start
	lists  map[string]bool   // resource types whose list has been seen
	sights map[string]*sight // by resource type
	boss   managerForm
}

var _ connection.Target = (*Target)(nil)

// Resource types and the attributes that refer from one to another.
const (
	userType         = "User"
	groupType        = "Group"
	managerAttribute = "manager"
	memberAttribute  = "members"
)

// New returns the target. It does not connect. The error has the code invalid_value.
func New(c Config) (*Target, error) {
	base, err := url.Parse(strings.TrimRight(strings.TrimSpace(c.BaseURL), "/"))
	if err != nil || (base.Scheme != "https" && base.Scheme != "http") || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf("%q is not the address of a SCIM service; it should look like https://example.com/scim/v2", c.BaseURL)}
	}
	if c.HTTP == nil {
		c.HTTP = web.NewClient(web.ClientConfig{Timeout: c.Timeout})
	}
	c.Name = or(c.Name, base.Hostname())
	c.Key = or(c.Key, base.String())
	c.UserAgent = or(c.UserAgent, "Lockstep")
	c.Media = or(c.Media, mediaType)
	c.MaxRetryAfter = or(c.MaxRetryAfter, time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Profile.defaults()
	return &Target{config: c, base: base, etags: c.Profile.ETags, put: c.Profile.Put}, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (p *Profile) defaults() {
	p.FindBatch = or(p.FindBatch, 20)
	p.MaxMembers = or(p.MaxMembers, 100)
	p.MaxPage = or(p.MaxPage, maxPageBody)
	p.MaxObjects = or(p.MaxObjects, maxListed)
	p.Lag = or(p.Lag, 30*time.Second)
	p.Connections = or(p.Connections, 10)
	if p.Unique == nil {
		p.Unique = map[string][]string{userType: {"userName"}}
	}
	if p.FindBy == nil {
		p.FindBy = map[string][]string{userType: {"userName", "externalId"}, groupType: {"displayName", "externalId"}}
	}
}

// Test reaches the application, authenticates, lists a user, and searches for one who cannot exist.
func (t *Target) Test(ctx context.Context, report func(connection.Check)) error {
	return t.TestSteps(ctx, report, Step{"list users", t.ListUser}, Step{"search by userName", t.Search})
}

// Step is one named step of a connection test.
type Step struct {
	Name string
	Run  func(ctx context.Context) (detail string, err error)
}

// TestSteps reports whether the application can be reached and takes the token, then each of the steps, until one fails. It
// returns the failure.
func (t *Target) TestSteps(ctx context.Context, report func(connection.Check), steps ...Step) error {
	steps = append([]Step{{"reach", t.reach}, {"authenticate", t.authenticate}}, steps...)
	if t.config.Refused != nil {
		steps = append([]Step{{"get an access token", t.accessToken}}, steps...)
	}
	for _, s := range steps {
		began := t.config.Now()
		detail, err := s.Run(ctx)
		check := connection.Check{Name: s.Name, OK: err == nil, Code: lockstep.CodeOf(err), Detail: detail, Took: t.config.Now().Sub(began)}
		if err != nil {
			check.Detail = lockstep.Said(err)
		}
		report(check)
		if err != nil {
			return err
		}
	}
	return nil
}

// accessToken succeeds when there is an access token to send.
func (t *Target) accessToken(ctx context.Context) (string, error) {
	if _, err := t.headers(ctx); err != nil {
		return "", tokenFault(err).error("sign in to", t.config.Name)
	}
	return "", nil
}

// reach succeeds when anything answers.
func (t *Target) reach(ctx context.Context) (string, error) {
	_, fault := t.get(ctx, t.endpoint(userType)+"?count=1")
	if fault != nil && fault.status == 0 {
		return "", fault.error("reach", t.config.Name)
	}
	return t.base.Host, nil
}

func (t *Target) authenticate(ctx context.Context) (string, error) {
	_, fault := t.get(ctx, t.endpoint(userType)+"?count=1")
	if fault != nil && fault.code == lockstep.CodeAuthToken {
		return "", fault.error("sign in to", t.config.Name)
	}
	return "", nil
}

// ListUser reads one user. It succeeds when there is none, too.
func (t *Target) ListUser(ctx context.Context) (string, error) {
	user, err := t.FirstUser(ctx)
	if user != nil {
		return "such as " + user.Name, err
	}
	return "", err
}

// FirstUser returns the first user that the application lists, or nil when there is none.
func (t *Target) FirstUser(ctx context.Context) (*connection.Object, error) {
	body, fault := t.list(ctx, t.endpoint(userType)+"?count=1")
	if fault != nil {
		return nil, fault.error("list users of", t.config.Name)
	}
	users, err := t.entries(userType, body, 0)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	return &users[0].Object, nil
}

// Search looks for a user with a name at random. It succeeds when the application answers that there is none.
func (t *Target) Search(ctx context.Context) (string, error) {
	found, err := t.find(ctx, userType, filter.Path{Attr: "userName"}, []string{strings.ToLower(rand.Text()) + "@lockstep.invalid"})
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return "", &lockstep.Error{Code: lockstep.CodeTargetMalformed, Detail: fmt.Sprintf("search in %s: it lists %d users for a name that nobody has, so it ignores filters", t.config.Name, len(found))}
	}
	return "", nil
}
