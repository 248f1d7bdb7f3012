package store

import (
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
)

// user reads a user within the transaction.
func (c *change) user(id lockstep.UserID) (directory.User, error) {
	rows, err := c.query("SELECT "+userColumns+" FROM users WHERE tenant = $1 AND id = $2", string(c.tenant), string(id))
	u, err := one(rows, err, scanUser)
	return u, absent(err, "user", string(id))
}

func (c *change) putUser(p directory.PutUser) error {
	if err := withName(p); err != nil {
		return err
	}
	if p.User.Version == 0 {
		return c.createUser(p)
	}
	if p.Claim == directory.ClaimInactive && c.by.Kind == audit.Job && !isActive(p.User.Attributes) {
		return c.disable(p)
	}
	return c.rewritten(p)
}

// withName refuses a user without an id or a userName.
func withName(p directory.PutUser) error {
	if p.User.ID == "" {
		return invalid("A user needs an id.")
	}
	if p.User.Attributes.Text("userName") == "" {
		return invalid("A user needs a userName.")
	}
	return nil
}

// rewritten replaces a user, and gives the writer a claim to them.
func (c *change) rewritten(p directory.PutUser) error {
	var was, is bool
	err := c.replaceAs(p, func(old directory.User) (userWrite, error) {
		w, err := c.replacedUser(p, old)
		was, is = old.Active, isActive(w.user.Attributes)
		return w, err
	})
	if err != nil {
		return err
	}
	return c.claimAsWritten(p, was, is)
}

// replaceAs replaces a user by what f makes of them, without reading them when the change says how they are stored.
func (c *change) replaceAs(p directory.PutUser, replace func(directory.User) (userWrite, error)) error {
	if p.Before != nil && p.IfVersion != 0 { // whoever deletes or restores a user raises their version, so this one is there
		old := directory.User{ID: p.User.ID, Version: p.IfVersion, Active: isActive(p.Before), Attributes: p.Before}
		if done, err := c.rewriteUser(old, replace); done || err != nil {
			return err
		}
	}
	return c.updateUser(p.User.ID, p.IfVersion, replace)
}

// replacedUser is what the change makes of a user. Who is disabled is enabled by saying so, not by leaving active out.
func (c *change) replacedUser(p directory.PutUser, old directory.User) (w userWrite, err error) {
	if !old.Deleted.IsZero() {
		return w, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The user is deleted; restore it first."}
	}
	next, attributes := old, p.User.Attributes
	if m := c.orphans[old.ID]; m != "" && managerOf(attributes) == m { // by whoever brings them back as they were
		attributes = managedBy(attributes, "")
	}
	if next.Attributes, err = c.admit(directory.UserKind, old.Attributes, attributes, p.Client); err != nil {
		return w, err
	}
	if !old.Active && !next.Attributes.Has("active") {
		next.Attributes = slices.Clone(next.Attributes)
		next.Attributes.Set("active", false)
	}
	if !p.FreeManager {
		if err := c.checkManager(old.Attributes, next.Attributes); err != nil {
			return w, err
		}
	}
	return userWrite{user: next, op: directory.OpPut, verb: "updated", detail: differences(old.Attributes, next.Attributes), shown: true}, nil
}

const insertUser = `INSERT INTO users (tenant, id, version, user_name, external_id, manager, active, auth_epoch, deleted, created, modified, doc, display)
	VALUES ($1, $2, 1, $3, $4, $5, $6, 0, 0, $7, $8, $9, $10)`

// newUser is a user who is about to be inserted.
type newUser struct {
	directory.User
	action lockstep.ActionID // that asks for them
	doc    string
	owner  string
}

// admitted returns a user as they are to be inserted.
func (c *change) admitted(p directory.PutUser) (u newUser, err error) {
	u = newUser{User: p.User, action: c.action, owner: ownerOf(c.by, p.Client)}
	if u.Attributes, err = c.admit(directory.UserKind, nil, p.User.Attributes, p.Client); err != nil {
		return u, err
	}
	if u.Created.IsZero() {
		u.Created = c.at
	}
	u.Version, u.Active, u.Modified = 1, isActive(u.Attributes), c.at
	u.doc, err = sized(directory.UserKind, document(u.Attributes))
	return u, err
}

func (c *change) createUser(p directory.PutUser) error {
	u, err := c.admitted(p)
	if err == nil && !p.FreeManager {
		err = c.checkManager(nil, u.Attributes)
	}
	if err != nil {
		return err
	}
	row := append([]any{string(c.tenant)}, u.columns()...)
	if err := c.insertUser(u.ID, row, emailsOf(u.Attributes), valuesOf(u.Attributes), u.owner); err != nil {
		return c.userTaken(err, p.User)
	}
	return c.inserted(&u)
}

// columns are those that stand with the user, but the tenant.
func (u *newUser) columns() []any {
	a := u.Attributes
	return []any{
		string(u.ID), fold(a.Text("userName")), a.Text("externalId"), managerOf(a),
		u.Active, millis(u.Created), millis(u.Modified), u.doc, displayOf(a),
	}
}

// inserted says what has come of a user who has been inserted.
func (c *change) inserted(u *newUser) error {
	if err := c.replaceEntries(directory.UserKind, string(u.ID), nil, u.Attributes, false, true); err != nil {
		return err
	}
	c.work.users++
	c.work.created(string(u.ID))
	c.written = append(c.written, directory.Record{ID: string(u.ID), Version: 1, Active: u.Active, Created: u.Created, Modified: u.Modified, Doc: []byte(u.doc)})
	c.action = u.action
	c.tell(directory.Event{Object: "user", Op: directory.OpPut, ID: string(u.ID)}, "created", u.Attributes.Text("userName"), "")
	return nil
}

// insertUser inserts a user's row, what they are found by, and their owner's claim.
func (c *change) insertUser(id lockstep.UserID, row []any, emails []string, values []value, owner string) error {
	if c.db.dialect.name() == Postgres && len(emails) <= 4 && len(values) <= 16 {
		return c.insertUserAtOnce(row, emails, values, owner)
	}
	if _, err := c.exec(insertUser, row...); err != nil {
		return err
	}
	if err := c.claim(directory.UserKind, string(id), owner, row[5].(bool)); err != nil {
		return err
	}
	if err := c.putEmails(id, emails); err != nil {
		return err
	}
	return c.replaceValues(id, nil, values)
}

// insertUserAtOnce does so with one statement, which only PostgreSQL can, and so with one round trip. Few different texts come of
// few values.
func (c *change) insertUserAtOnce(row []any, emails []string, values []value, owner string) error {
	text := "WITH u AS (" + insertUser + ")"
	next := func(v string) string {
		row = append(row, v)
		return "$" + strconv.Itoa(len(row))
	}
	text += ", c AS (INSERT INTO claim (tenant, kind, id, owner, active) VALUES ($1, 'User', $2, " + next(owner) + ", $6) ON CONFLICT DO NOTHING)"
	var lines []string
	for _, e := range emails {
		lines = append(lines, "($1, "+next(e)+", $2)")
	}
	if len(lines) > 0 {
		text += ", e AS (INSERT INTO user_email (tenant, email, user_id) VALUES " + strings.Join(lines, ", ") + ")"
	}
	lines = nil
	for _, v := range values {
		lines = append(lines, "($1, $2, "+next(v.attribute)+", "+next(v.text)+")")
	}
	if len(lines) > 0 {
		text += ", v AS (INSERT INTO user_value (tenant, user_id, attribute, value) VALUES " + strings.Join(lines, ", ") + " ON CONFLICT DO NOTHING)"
	}
	_, err := c.exec(text+" SELECT 1", row...)
	return err
}

// userTaken explains a violated constraint.
func (c *change) userTaken(err error, u directory.User) error {
	where, is := c.db.dialect.unique(err)
	switch {
	case !is:
		return err
	case strings.HasSuffix(where, "user_name"):
		return taken("The userName %s is taken.", u.Attributes.Text("userName"))
	}
	return taken("There is a user with the id %s.", u.ID)
}

// userWrite is what a user becomes and how that is told.
type userWrite struct {
	user   directory.User
	op     directory.Op
	verb   string
	detail string
	shown  bool // what the user has become is told to the writer

	nameless bool // a later change of the function gives a userName; until then the user has none
}

// The columns that indexes hold are set only when they change: the database does not look whether they do.
const (
	touchUser = `UPDATE users SET version = version + 1, auth_epoch = auth_epoch + $4, modified = $5, doc = $6, display = $7
		WHERE tenant = $1 AND id = $2 AND version = $3`
	switchUser = `UPDATE users SET version = version + 1, auth_epoch = auth_epoch + $4, modified = $5, doc = $6, display = $7, active = $8
		WHERE tenant = $1 AND id = $2 AND version = $3`
	replaceUser = `UPDATE users SET version = version + 1, auth_epoch = auth_epoch + $4, modified = $5, doc = $6, display = $7, active = $8,
		user_name = $9, external_id = $10, manager = $11, deleted = $12 WHERE tenant = $1 AND id = $2 AND version = $3`
)

// updateUser replaces a user by what f makes of them, provided that nobody else does so meanwhile (which can only be another
// node). With ifVersion 0 it then starts over. f returns an empty op to leave them alone. Going inactive or being deleted raises
// the auth epoch.
func (c *change) updateUser(id lockstep.UserID, ifVersion int64, f func(directory.User) (userWrite, error)) error {
	for range contended {
		old, err := c.user(id)
		if err != nil {
			return err
		}
		if ifVersion != 0 && old.Version != ifVersion {
			return moved("user", old.Attributes.Text("userName"), old.Version, ifVersion)
		}
		if done, err := c.rewriteUser(old, f); done || err != nil {
			return err
		}
	}
	return errContended
}

// rewriteUser replaces a user, who is stored like old, by what f makes of them. It is not done when their version is another one.
func (c *change) rewriteUser(old directory.User, f func(directory.User) (userWrite, error)) (done bool, err error) {
	w, err := f(old)
	if err != nil || w.op == "" {
		return true, err
	}
	u := &w.user
	u.Active = isActive(u.Attributes)
	doc, err := sized(directory.UserKind, document(u.Attributes))
	if err != nil {
		return false, err
	}
	text, args := c.userUpdate(&old, &w, doc)
	n, err := c.exec(text, args...)
	if err != nil {
		return false, c.userTaken(err, *u)
	}
	if n == 0 {
		return false, nil
	}
	if err := c.refind(&old, u); err != nil {
		return false, err
	}
	if why := leaves(&old, u); why != "" {
		if err := c.signedOut(string(u.ID), why); err != nil {
			return false, err
		}
	}
	if old.Deleted.IsZero() && !u.Deleted.IsZero() {
		if err := c.forgetFactors(string(u.ID)); err != nil {
			return false, err
		}
	}
	d := alive(u.Deleted) - alive(old.Deleted)
	c.work.users, c.work.moved = c.work.users+d, c.work.moved || d != 0
	if w.shown {
		c.written = append(c.written, directory.Record{ID: string(u.ID), Version: old.Version + 1, Active: u.Active, Created: old.Created, Modified: c.at, Doc: []byte(doc)})
	}
	c.tell(directory.Event{Object: "user", Op: w.op, ID: string(u.ID)}, w.verb, u.Attributes.Text("userName"), w.detail)
	return true, nil
}

// refind replaces what a user is found by, where it has changed.
func (c *change) refind(old, next *directory.User) error {
	err := c.replaceEntries(directory.UserKind, string(next.ID), old.Attributes, next.Attributes, old.Deleted.IsZero(), next.Deleted.IsZero())
	if err != nil {
		return err
	}
	changed := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return !scim.Equal(old.Attributes.Get(name), next.Attributes.Get(name)) })
	}
	if changed("emails") {
		if err := c.replaceEmails(next.ID, emailsOf(old.Attributes), emailsOf(next.Attributes)); err != nil {
			return err
		}
	}
	if !changed(searchedIn...) {
		return nil
	}
	return c.replaceValues(next.ID, valuesOf(old.Attributes), valuesOf(next.Attributes))
}

// leaves says how a change ends whatever the user is signed in to; "" is not at all.
func leaves(old, next *directory.User) string {
	switch {
	case old.Deleted.IsZero() && !next.Deleted.IsZero():
		return "deleted"
	case old.Active && !next.Active:
		return "disabled"
	}
	return ""
}

// userUpdate returns the statement that makes old into next.
func (c *change) userUpdate(old *directory.User, w *userWrite, doc string) (text string, args []any) {
	next := &w.user
	a, was := next.Attributes, old.Attributes
	raise := int64(0)
	if leaves(old, next) != "" {
		raise = 1
	}
	args = []any{string(c.tenant), string(old.ID), old.Version, raise, millis(c.at), doc, displayOf(a)}
	name, external, manager := a.Text("userName"), a.Text("externalId"), managerOf(a)
	switch {
	case c.nameless[string(old.ID)], w.nameless:
		held := fold(name)
		if w.nameless {
			held = unsendable + string(old.ID)
		}
		return replaceUser, append(args, next.Active, held, external, manager, millis(next.Deleted))
	case name != was.Text("userName"), external != was.Text("externalId"), manager != managerOf(was), !next.Deleted.Equal(old.Deleted):
		return replaceUser, append(args, next.Active, fold(name), external, manager, millis(next.Deleted))
	case next.Active != old.Active:
		return switchUser, append(args, next.Active)
	}
	return touchUser, args
}
