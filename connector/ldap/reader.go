package ldap

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
)

// Reader is an LDAP directory as passes read it. Its methods may be called at the same time.
type Reader struct {
	*server

	mu      sync.Mutex
	ids     map[string]string // by type: the attribute that identifies
	refused refusal
	owed    map[string]time.Time     // by type: when a look is to be taken whatever the server says
	paths   map[string][]string      // by type: what the last pass was asked for
	took    map[string]time.Duration // by type: the last search for changes
}

// refusal remembers that the server did not accept a password, so that the account is not locked by trying it again and again.
type refusal struct {
	digest [sha256.Size]byte
	at     time.Time
	err    error
}

// hold is how long a refused password is not tried again, unless it is another one or somebody tests the connection.
const hold = 15 * time.Minute

var (
	_ connection.Reader  = (*Reader)(nil)
	_ connection.Getter  = (*Reader)(nil)
	_ connection.Watcher = (*Reader)(nil)
)

// NewReader returns the reader. It does not connect. The error has the code invalid_value.
func NewReader(c Config) (*Reader, error) {
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	return &Reader{server: s, ids: map[string]string{}, owed: map[string]time.Time{}, paths: map[string][]string{}, took: map[string]time.Duration{}}, nil
}

// Describe names the directory. It has no schema: an entry's attributes are an object's, under their LDAP names.
func (r *Reader) Describe(context.Context) (connection.System, error) {
	return connection.System{
		Name: r.host, Key: "ldap/" + r.address,
		References: []string{connection.Manager, connection.Members}, Nesting: true,
	}, nil
}

// dial opens a session unless the password is known to be refused.
func (r *Reader) dial(ctx context.Context) (*session, error) {
	digest, err := r.passwordDigest(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	last := r.refused
	r.mu.Unlock()
	if last.err != nil && last.digest == digest && r.config.Now().Sub(last.at) < hold {
		return nil, last.err
	}
	return r.dialAnyway(ctx)
}

func (r *Reader) dialAnyway(ctx context.Context) (*session, error) {
	c, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.tryAgain(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// tryAgain binds, and remembers when the password is refused.
func (r *Reader) tryAgain(ctx context.Context, c *session) error {
	digest, err := r.passwordDigest(ctx)
	if err != nil {
		return err
	}
	err = c.authenticate(ctx)
	r.mu.Lock()
	switch {
	case err == nil:
		r.refused = refusal{}
	case isRefusal(err):
		r.refused = refusal{digest, r.config.Now(), err}
	}
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return c.readRoot()
}

func (r *Reader) passwordDigest(ctx context.Context) ([sha256.Size]byte, error) {
	if r.config.BindDN == "" {
		return [sha256.Size]byte{}, nil
	}
	password, err := r.password(ctx)
	return sha256.Sum256([]byte(r.config.BindDN + "\x00" + password)), err
}

// isRefusal reports whether the server said that the credentials are wrong, or that the account may not be used.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*ldap.Error](err)
	return ok && slices.Contains([]uint16{ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication,
		ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConstraintViolation, ldap.LDAPResultInsufficientAccessRights}, e.ResultCode)
}

// Settings returns the settings that stand for what the server was found to be: the attributes by which people and groups are
// identified. Whoever keeps them with the connection has them pinned.
func (r *Reader) Settings(ctx context.Context) (map[string]string, error) {
	c, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	found := map[string]string{}
	for typ, name := range map[string]string{connection.UserType: "id", connection.GroupType: "group_id"} {
		cl, _ := r.class(typ, nil)
		if len(cl.bases) == 0 {
			continue
		}
		id, err := r.identify(c, cl, "")
		switch {
		case err != nil:
			return nil, err
		case id != "":
			found[name] = id
		}
	}
	return found, nil
}

// sample is how many entries are looked at to find the attribute that identifies.
const sample = 100

// identify settles the attribute by which objects of the class are known: the setting, else the one of an earlier pass, else the
// first that all entries of a sample have, else the one that most have. "" is a class without entries.
func (r *Reader) identify(c *session, cl class, pinned string) (string, error) {
	setting := r.config.ID
	if cl.typ == connection.GroupType {
		setting = r.config.GroupID
	}
	if setting != "" {
		return setting, nil
	}
	r.mu.Lock()
	known := or(r.ids[cl.typ], pinned)
	r.mu.Unlock()
	if known != "" {
		return known, nil
	}
	candidates := defaultIDs
	if r.config.ID != "" { // of people; groups may have it, too
		candidates = append([]string{r.config.ID}, candidates...)
	}
	id, err := c.vote(cl, candidates)
	if err == nil && id != "" {
		r.mu.Lock()
		r.ids[cl.typ] = id
		r.mu.Unlock()
	}
	return id, err
}

// vote counts in a sample of entries which attributes they have.
func (c *session) vote(cl class, candidates []string) (string, error) {
	votes, entries := map[string]int{}, 0
	for _, base := range cl.bases {
		request := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, sample, 0, false, c.everything(cl), candidates, nil)
		_, err := c.search(request, func(e *ldap.Entry) error {
			entries++
			for _, name := range candidates {
				if idOf(e, name) != "" {
					votes[name]++
				}
			}
			return nil
		}, nil)
		if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
			return "", c.translate("search "+base, err)
		}
	}
	best := ""
	for _, name := range candidates {
		if votes[name] > votes[best] {
			best = name
		}
	}
	if best == "" && entries > 0 {
		detail := fmt.Sprintf("it shows %d entries, but of none of them %s; let the account read it or choose another id attribute", entries, strings.Join(candidates, ", "))
		return "", c.fault(lockstep.CodeSourceMalformed, detail, nil)
	}
	return best, nil
}

// everything is the filter of a class: what Active Directory needs for itself is left out. Elsewhere nobody knows the attributes
// that say so, and a filter that names an unknown attribute finds nobody (RFC 4511 §4.5.1.7).
func (c *session) everything(cl class) string {
	if !c.isAD() || c.config.SystemObjects {
		return cl.filter
	}
	return "(&" + cl.filter + "(!(isCriticalSystemObject=TRUE))(!(sAMAccountType=805306370)))" // the latter are trusts between domains
}
