package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
)

// change is one directory.Change being written.
type change struct {
	*tx
	tenant lockstep.TenantID
	by     audit.Actor
	action lockstep.ActionID

	surveys  []*survey                  // for the changes of extensions that are still to come
	rest     []directory.Change         // of the commit, after this one
	holders  map[string]string          // ids of those who have userNames that these changes give, and keep them
	aside    map[held]bool              // keys of others among its users and groups that are free for it (setAside)
	nameless map[string]bool            // users who have no userName of theirs until a change to come writes it
	orphans  map[lockstep.UserID]string // users who have come back without the manager whom they had
	names    []directory.Group          // groups whose names must be nobody else's at the end of the commit
	written  []directory.Record
	visitor  bool             // whoever changes belongs to another tenant (directory.Visiting)
	kept     []directory.Kept // what others have a claim to (claims.go)
}

// Commit applies changes in one transaction. It satisfies directory.Writer.
func (db *DB) Commit(ctx context.Context, tenant lockstep.TenantID, by audit.Actor, action lockstep.ActionID, changes ...directory.Change) (directory.Receipt, error) {
	changes, err := db.withSecretsHashed(ctx, tenant, changes)
	if err != nil {
		return directory.Receipt{}, err
	}
	schemas := db.schemas.known(tenant)
	receipt, err := db.commit(ctx, tenant, by, action, changes)
	if err != nil && domain(err) && db.outdated(ctx, schemas) { // what was refused may be right by those that hold
		return db.commit(ctx, tenant, by, action, changes)
	}
	return receipt, err
}

func (db *DB) commit(ctx context.Context, tenant lockstep.TenantID, by audit.Actor, action lockstep.ActionID, changes []directory.Change) (directory.Receipt, error) {
	surveys, err := db.survey(ctx, tenant, changes)
	if err != nil {
		return directory.Receipt{}, err
	}
	var at time.Time
	var written []directory.Record
	var kept []directory.Kept
	x := &work{tenant: tenant, rows: weigh(changes), run: func(t *tx) error {
		if err := t.known(tenant); err != nil {
			return err
		}
		t.work.asked = true
		at = t.at
		c := change{tx: t, tenant: tenant, by: by, action: action, surveys: slices.Clone(surveys)}
		if err := c.setAside(changes); err != nil {
			return err
		}
		for i := 0; i < len(changes); i++ {
			if n := newcomers(changes[i:]); n > 1 {
				c.rest = changes[i+n:]
				if err := c.createUsers(action, i+1, changes[i:i+n]); err != nil {
					return err
				}
				i += n - 1
				continue
			}
			one := changes[i]
			c.rest, c.action = changes[i+1:], action
			if as, is := one.(directory.As); is {
				one, c.action = as.Change, as.Action
			}
			if err := c.apply(one); err != nil {
				return fmt.Errorf("change %d, %s: %w", i+1, describe(one), err)
			}
		}
		written, kept = c.written, c.kept
		return c.freeNames()
	}}
	if err := db.write(ctx, x); err != nil {
		return directory.Receipt{}, err
	}
	return directory.Receipt{Pos: x.pos, At: at, Written: written, Kept: kept}, nil
}

// weigh estimates how many rows the changes write, feed and audit aside.
func weigh(changes []directory.Change) int {
	n := 0
	for _, c := range changes {
		switch c := unbound(c).(type) {
		case directory.AddMembers:
			n += len(c.Members)
		case directory.RemoveMembers:
			n += len(c.Members)
		case directory.Beside:
			if part, ok := c.Part.(beside); ok {
				n += weight(&part.batch)
			}
		case directory.PutExtension, directory.DeleteExtension:
			n += gatherRows + 1 // nobody shares the transaction, which others wait for
		default:
			n += 2
		}
	}
	return n
}

// unbound is the change without the action that it is for.
func unbound(one directory.Change) directory.Change {
	if as, is := one.(directory.As); is {
		return as.Change
	}
	return one
}

// touches is whose rights a change may raise, or hand to whoever makes it: a user or a group, "" is nobody's. Who is deleted has less afterwards.
func touches(one directory.Change) (directory.Kind, string) {
	switch one := one.(type) {
	case directory.PutUser:
		return directory.UserKind, string(one.User.ID)
	case directory.RestoreUser:
		return directory.UserKind, string(one.ID)
	case directory.SetPassword:
		return directory.UserKind, string(one.ID)
	case directory.AddMembers:
		return directory.GroupKind, string(one.Group)
	case directory.PutGroup:
		return directory.GroupKind, string(one.Group.ID)
	case directory.RestoreGroup:
		return directory.GroupKind, string(one.ID)
	}
	return "", ""
}

func (c *change) apply(one directory.Change) error {
	if kind, id := touches(one); id != "" {
		if err := c.ranked(kind, id); err != nil {
			return err
		}
	}
	switch one := one.(type) {
	case directory.PutUser:
		return c.putUser(one)
	case directory.DeleteUser:
		return c.deleteUser(one)
	case directory.RestoreUser:
		return c.restoreUser(one)
	case directory.SetPassword:
		return c.setPassword(one)
	case directory.PutGroup:
		return c.putGroup(one)
	case directory.DeleteGroup:
		return c.deleteGroup(one)
	case directory.RestoreGroup:
		return c.restoreGroup(one)
	case directory.AddMembers:
		return c.addMembers(one)
	case directory.RemoveMembers:
		return c.removeMembers(one)
	case directory.PutApp:
		return c.putApp(one.App)
	case directory.DeleteApp:
		return c.deleteApp(one.ID)
	case directory.PutAssignment:
		return c.putAssignment(one.Assignment)
	case directory.DeleteAssignment:
		return c.deleteAssignment(one.ID)
	case directory.TakeClaim:
		return c.claimed(one)
	case directory.DropClaim:
		return c.drop(one.Kind, one.ID)
	case directory.Visiting:
		c.visitor = true
		return nil
	case directory.Beside:
		return c.beside(one)
	case directory.PutExtension:
		return c.changeExtension(c.surveyed(), one.IfVersion)
	case directory.DeleteExtension:
		return c.changeExtension(c.surveyed(), one.IfVersion)
	}
	return fmt.Errorf("unknown change %T", one)
}

// describe names a change for an error.
func describe(one directory.Change) string {
	switch one := one.(type) {
	case directory.As:
		return describe(one.Change)
	case directory.PutUser:
		return "put user " + one.User.Attributes.Text("userName")
	case directory.DeleteUser:
		return "delete user " + string(one.ID)
	case directory.RestoreUser:
		return "restore user " + string(one.ID)
	case directory.SetPassword:
		return "set the password of user " + string(one.ID)
	case directory.PutGroup:
		return "put group " + one.Group.Attributes.Text("displayName")
	case directory.DeleteGroup:
		return "delete group " + string(one.ID)
	case directory.RestoreGroup:
		return "restore group " + string(one.ID)
	case directory.AddMembers:
		return "add members to group " + string(one.Group)
	case directory.RemoveMembers:
		return "remove members from group " + string(one.Group)
	case directory.PutApp:
		return "put app " + one.App.Slug
	case directory.DeleteApp:
		return "delete app " + string(one.ID)
	case directory.PutAssignment:
		return "put assignment to " + one.Assignment.To
	case directory.DeleteAssignment:
		return "delete assignment " + string(one.ID)
	case directory.TakeClaim:
		return "take over " + one.ID
	case directory.DropClaim:
		return "let go of " + one.ID
	case directory.Visiting:
		return "by a visitor"
	case directory.Beside:
		return "what stands beside"
	case directory.PutExtension:
		return "put schema " + one.Extension.Schema.ID
	case directory.DeleteExtension:
		return "delete schema " + one.URN
	}
	return fmt.Sprintf("%T", one)
}

// tell adds what was done to the feed and to the audit log.
func (c *change) tell(e directory.Event, verb, name, detail string) {
	c.publish(e)
	c.record(verb, e.Object, e.ID, name, detail)
}

// publish adds a row to the feed.
func (c *change) publish(e directory.Event) {
	e.Action = c.action
	c.emit(e)
}

// record adds a line to the audit log unless a job is writing: its action tells it all.
func (c *change) record(verb, object, id, name, detail string) {
	if c.action == "" {
		c.note(audit.Event{Actor: c.by, Verb: verb, Object: object, ID: id, Name: name, Detail: detail})
	}
}

// invalid returns an error about a value that is not allowed.
func invalid(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}

// taken returns an error about a value that must be unique.
func taken(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeConflict, Detail: fmt.Sprintf(format, args...)}
}

// moved returns the error for a conditional write that came too late.
func moved(kind, name string, stored, want int64) error {
	return &lockstep.Error{
		Code:   lockstep.CodeVersion,
		Detail: fmt.Sprintf("The %s %s has version %d, not %d.", kind, name, stored, want),
	}
}

// contended is how often a write without a condition starts over when others change the same row meanwhile.
const contended = 20

// errContended ends such a write; it is run again alone.
var errContended = fmt.Errorf("the row changed %d times in a row while it was being written", contended)
