package ldap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
)

// Get reads objects by their ids: one search for fifty of them.
func (r *Reader) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	c, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var found []connection.Object
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		var ids []string
		for _, ref := range refs {
			if ref.Type == typ && ref.ID != "" && !slices.Contains(ids, ref.ID) {
				ids = append(ids, ref.ID)
			}
		}
		cl := r.asked(typ)
		if len(ids) == 0 || len(cl.bases) == 0 {
			continue
		}
		objects, err := r.get(c, cl, ids)
		if err != nil {
			return nil, err
		}
		found = append(found, objects...)
	}
	return found, nil
}

// asked returns a type with the attributes that its last pass asked for. Before the first pass that is every attribute: somebody
// who remembers a pass of long ago may need any.
func (r *Reader) asked(typ string) class {
	r.mu.Lock()
	paths, known := r.paths[typ]
	r.mu.Unlock()
	cl, _ := r.class(typ, paths)
	if !known {
		cl.wanted = []string{"*"}
	}
	return cl
}

func (r *Reader) get(c *session, cl class, ids []string) ([]connection.Object, error) {
	id, err := r.identify(c, cl, "")
	if err != nil || id == "" {
		return nil, err
	}
	p := &pass{session: c, reader: r, shaping: newShaping(cl, id, r.config.Now())}
	defer p.end()
	found, hidden, err := p.get(ids)
	if err == nil && len(hidden) > 0 {
		err = hidden[0].Err
	}
	return found, err
}

// Watch looks how far the server has come, each second, over a connection that it keeps. One change after another is told less often,
// so that asking for them takes no more than a tenth of the time, or one in Config.Rest: other servers have more to tell than what concerns
// people, such as sign-ins, and search without an index. That of Active Directory counts all changes of the domain. Watch ends when the server cannot be
// reached twice in a row, and at once when it does not accept the password: trying again would lock the account.
func (r *Reader) Watch(ctx context.Context, changed func()) error {
	w := watch{reader: r}
	defer w.close()
	last, err := w.look(ctx)
	if err != nil {
		return err
	}
	if !last.known() {
		return r.fault(lockstep.CodeSourceMalformed, "it does not tell how far it has come (contextCSN, highestCommittedUSN), so it cannot be watched", errors.ErrUnsupported)
	}
	changed()
	told := time.Now()
	ticker := time.NewTicker(r.config.Poll)
	defer ticker.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		now, err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if failed++; failed > 1 || lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable {
				return err
			}
			w.close()
			continue
		case time.Since(told) < r.rest(now):
			now = last // a change is told later
		case !now.equal(last) || r.due():
			changed()
			told = time.Now()
		}
		last, failed = now, 0
	}
}

// rest is how long after a change the next one is told.
func (r *Reader) rest(at position) time.Duration {
	if at.Server != "" {
		return r.config.Rest
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := time.Duration(0)
	for _, took := range r.took {
		all += took
	}
	return min(share*all, r.config.Rest)
}

// spent remembers how long it has taken to ask for changes.
func (r *Reader) spent(typ string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took[typ] = took
}

// watch is a connection that is kept from one look to the next.
type watch struct {
	reader  *Reader
	session *session
}

func (w *watch) close() {
	if w.session != nil {
		w.session.close()
		w.session = nil
	}
}

func (w *watch) look(ctx context.Context) (position, error) {
	var err error
	if w.session == nil {
		if w.session, err = w.reader.dial(ctx); err != nil {
			return position{}, err
		}
	} else if w.session.isAD() { // whose number of changes is in the root
		if err = w.session.readRoot(); err != nil {
			return position{}, err
		}
	}
	return w.session.position(slices.Concat(w.reader.config.PeopleBases, w.reader.config.GroupsBases))
}

// owe remembers when a look at a type is to be taken whatever the server says; zero is not.
func (r *Reader) owe(typ string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.owed, typ)
	if !at.IsZero() {
		r.owed[typ] = at
	}
}

// due reports whether a look is owed now, and forgets it.
func (r *Reader) due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := false
	for typ, at := range r.owed {
		if !r.config.Now().Before(at) {
			due = true
			delete(r.owed, typ)
		}
	}
	return due
}

// Test connects, binds, and looks at a few people and groups, whatever the size of the directory. It tries a password that was
// refused before.
func (r *Reader) Test(ctx context.Context, report func(connection.Check)) error {
	var c *session
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	steps := []struct {
		name string
		run  func() (string, error)
	}{
		{"reach", func() (detail string, err error) { c, err = r.connect(ctx); return r.address, err }},
		{"authenticate", func() (string, error) { return or(r.config.BindDN, "anonymous"), r.tryAgain(ctx, c) }},
		{"find people", func() (string, error) { return r.glance(c, connection.UserType) }},
		{"find groups", func() (string, error) { return r.glance(c, connection.GroupType) }},
	}
	for _, step := range steps {
		began := time.Now()
		detail, err := step.run()
		check := connection.Check{Name: step.name, OK: err == nil, Code: lockstep.CodeOf(err), Detail: detail, Took: time.Since(began)}
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

// glance finds a few entries of a type and says what identifies them.
func (r *Reader) glance(c *session, typ string) (string, error) {
	cl, _ := r.class(typ, nil)
	if len(cl.bases) == 0 {
		return "not read", nil
	}
	entries := 0
	for _, base := range cl.bases {
		request := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 10, 0, false, c.everything(cl), []string{"1.1"}, nil)
		_, err := c.search(request, func(*ldap.Entry) error { entries++; return nil }, nil)
		if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
			return "", c.translate("search "+base, err)
		}
	}
	if entries == 0 {
		return "none: is the base right, and may the account read there?", nil
	}
	id, err := r.identify(c, cl, "")
	if err == nil { // a setting may name what no entry has
		_, err = c.vote(cl, []string{id})
	}
	return fmt.Sprintf("at least %d, identified by %s", entries, id), err
}
