package state

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"lockstep/scim"
)

// defaultMembers is how many members a group can have.
const defaultMembers = 250_000

var errBuiltIn = &scim.Error{Status: http.StatusForbidden, Detail: "The group is built in and cannot be changed."}

// full is the error of an organisation that has as many as it may.
func (c *change) full(what string, n int) error {
	text := "The organisation has its " + strconv.Itoa(n) + " " + what + " already."
	if c.org.config.Assume.LimitsInvalid {
		return scim.ErrInvalidValue(text)
	}
	return &scim.Error{Status: http.StatusForbidden, Detail: text}
}

// checkLimits refuses one more user or group than the organisation may have. The lock must be held.
func (c *change) checkLimits() error {
	limits := c.org.config.Limits
	switch {
	case c.rec != nil:
	case c.kind == userKind && limits.Users > 0 && len(c.org.users) >= limits.Users:
		return c.full("users", limits.Users)
	case c.kind == groupKind && limits.Groups > 0 && len(c.org.groups) >= limits.Groups:
		return c.full("groups", limits.Groups)
	}
	return nil
}

// checkSize refuses more members than a group can have. The lock must be held.
func (c *change) checkSize(moves []membersMove) error {
	most, n := c.org.config.Limits.Members, 0
	if most == 0 {
		most = defaultMembers
	}
	if c.rec != nil {
		n = len(c.rec.members)
	}
	for _, m := range moves {
		switch m.op {
		case addMembers:
			n += len(m.members) // at most: some may be members already
		case replaceMembers:
			n = len(m.members)
		}
	}
	if n > most {
		return scim.ErrInvalidValue("members: a group can have at most " + strconv.Itoa(most))
	}
	return nil
}

// checkDelete refuses to delete what has to stay: what is built in, a location's group, oneself, the last full administrator. The
// lock must be held.
func (r *record) checkDelete(by Actor) error {
	forbidden := func(detail string) error { return &scim.Error{Status: http.StatusForbidden, Detail: detail} }
	switch {
	case r.every:
		return errBuiltIn
	case r.kind == groupKind:
		if slices.ContainsFunc(r.org.config.Locations, func(l Location) bool { return l.Group == r.id }) {
			return forbidden("The group is that of a location and goes with it.")
		}
	case by.Person == r.id:
		return forbidden("Nobody can delete themselves.")
	case !r.org.config.Assume.LastAdmin && slices.Contains(r.roles, FullAdmin) && r.org.lastAdmin(r):
		return forbidden("The last full administrator cannot be deleted.")
	}
	return nil
}

// lastAdmin reports whether nobody else is a full administrator. The lock must be held.
func (o *Org) lastAdmin(r *record) bool {
	return !slices.ContainsFunc(o.users, func(other *record) bool {
		return other != r && other.active && slices.Contains(other.roles, FullAdmin)
	})
}

// templated reports whether a template of groups names the group.
func (c *OrgConfig) templated(group string) bool {
	return slices.ContainsFunc(c.Templates, func(t Template) bool { return slices.Contains(t.Groups, group) || t.Recompute })
}

// Archived is a user who was deleted and whose address nobody else can have yet.
type Archived struct {
	ID      string
	Name    string // the user name
	Deleted time.Time
	Doc     []byte
	key     string
}

// archive keeps a user who is about to be removed. The lock must be held.
func (o *Org) archive(r *record, at int64) {
	if r.kind != userKind || o.config.Life.DeletedDays == 0 {
		return
	}
	doc, err := scim.DecodeObject(r.doc)
	if err != nil {
		return // what is stored has been encoded here
	}
	o.keep(r.id, doc, at)
}

// keep keeps a user who is gone since at. The lock must be held.
func (o *Org) keep(id string, doc scim.Object, at int64) {
	name := doc.Text("userName")
	a := &Archived{ID: id, Name: name, Deleted: stamp(at), Doc: scim.AppendJSON(nil, doc), key: fold(name)}
	o.archived[id] = a
	o.u.reserved[a.key] = a
}

// keeps reports whether the organisation still keeps the deleted user.
func (o *Org) keeps(a *Archived) bool {
	return o.u.now().Before(a.Deleted.Add(time.Duration(o.config.Life.DeletedDays) * 24 * time.Hour))
}

// checkReserved refuses the address of somebody who was deleted a short while ago. The lock must be held.
func (u *Universe) checkReserved(key string) error {
	a := u.reserved[key]
	if a == nil {
		return nil
	}
	for _, o := range u.orgs {
		if o.archived[a.ID] == a && o.keeps(a) {
			return scim.ErrUniqueness("userName: it was that of a user who was deleted on " + a.Deleted.Format(time.DateOnly) + " and is not free yet")
		}
	}
	delete(u.reserved, key)
	return nil
}

// Archived returns who was deleted and is kept still, the last first.
func (o *Org) Archived() []Archived {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	list := []Archived{}
	for _, a := range o.archived {
		if o.keeps(a) {
			list = append(list, *a)
		}
	}
	slices.SortFunc(list, func(a, b Archived) int { return b.Deleted.Compare(a.Deleted) })
	return list
}

// Purge forgets a deleted user before the time, so that the address is free; "" forgets all.
func (o *Org) Purge(id string) error {
	o.u.mu.Lock()
	seq, err := o.u.write(entry{Op: "purge", Org: o.id, ID: id})
	if err == nil {
		o.purge(id)
	}
	o.u.mu.Unlock()
	if err != nil {
		return err
	}
	return o.u.journal.flush(seq)
}

func (o *Org) purge(id string) {
	for key, a := range o.archived {
		if id == "" || key == id {
			delete(o.archived, key)
			if o.u.reserved[a.key] == a {
				delete(o.u.reserved, a.key)
			}
		}
	}
}

// Sweep does what time does: it forgets deleted users whose days are over, and deletes those who were inactive or pending for too
// long. It returns how many accounts it deleted.
func (o *Org) Sweep() (int, error) {
	now := o.u.now()
	days := func(n int) int64 { return now.Add(-time.Duration(n) * 24 * time.Hour).UnixMilli() }
	var due []*record
	o.u.mu.Lock()
	life := o.config.Life
	for id, a := range o.archived {
		if !o.keeps(a) {
			o.purge(id)
		}
	}
	for _, r := range o.users {
		cloud := r.source == SyncEntra || r.source == SyncOkta
		inactive := life.InactiveDays > 0 && cloud && r.account.Inactive > 0 && r.account.Inactive <= days(life.InactiveDays)
		pending := life.PendingDays > 0 && o.config.Sync == SyncNone && r.active && r.account.SignedIn == 0 &&
			r.created <= days(life.PendingDays) && o.pending(r)
		if inactive || pending {
			due = append(due, r)
		}
	}
	o.u.mu.Unlock()
	for i, r := range due {
		if err := o.u.delete(r, 0, Actor{Name: "Webex"}); err != nil {
			return i, err
		}
	}
	return len(due), nil
}

// pending reports whether the user has not proved yet that the address is theirs. The lock must be held.
func (o *Org) pending(r *record) bool {
	return o.config.Life.Pending && r.account.SignedIn == 0 && !o.config.verified(r.key)
}
