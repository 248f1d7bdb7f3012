package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/store"
)

// testClaims: who has an object, and when the last who had it takes it away.
func testClaims(t *testing.T, open Open) {
	c := claimants{company: found(t, open, store.Config{})}
	c.a, c.b = c.job("a"), c.job("b")
	t.Run("two jobs", func(t *testing.T) { c.on(t).twoJobs() })
	t.Run("disabled in one", func(t *testing.T) { c.on(t).disabledInOne() })
	t.Run("strangers", func(t *testing.T) { c.on(t).strangers() })
	t.Run("by hand", func(t *testing.T) { c.on(t).byHand() })
	t.Run("by order", func(t *testing.T) { c.on(t).byOrder() })
	t.Run("removed job", func(t *testing.T) { c.on(t).removedJob() })
	t.Run("groups", func(t *testing.T) { c.on(t).groups() })
	t.Run("what sources want", func(t *testing.T) { c.on(t).wants() })
	t.Run("at once", func(t *testing.T) { c.on(t).atOnce() })
}

type claimants struct {
	company
	a, b audit.Actor
}

func (c claimants) on(t *testing.T) claimants { c.T = t; return c }

func (c claimants) job(name string) audit.Actor {
	c.Helper()
	id := lockstep.NewID[lockstep.JobID]()
	c.ok(c.db.Provision().PutJob(c.Context(), admin, provision.Job{
		Tenant: c.tenant, ID: id, Slug: name, Name: name + ".csv", Direction: provision.Inbound, State: provision.Active, Connection: provision.Connection{Kind: "csvfile"},
	}))
	return audit.Actor{Kind: audit.Job, ID: string(id), Name: name + ".csv"}
}

// as commits for somebody and returns what was kept.
func (c claimants) as(by audit.Actor, changes ...directory.Change) string {
	c.Helper()
	var action lockstep.ActionID
	if by.Kind == audit.Job {
		action = lockstep.NewID[lockstep.ActionID]()
	}
	receipt, err := c.db.Commit(c.Context(), c.tenant, by, action, changes...)
	c.ok(err)
	var kept []string
	for _, k := range receipt.Kept {
		kept = append(kept, k.String())
	}
	return strings.Join(kept, "; ")
}

// claims are the claims to a user.
func (c claimants) claims(id lockstep.UserID) string {
	c.Helper()
	all, err := c.db.Claims(c.Context(), c.tenant, directory.UserKind, string(id))
	c.ok(err)
	return fmt.Sprint(all[string(id)])
}

func (c claimants) user(id lockstep.UserID) directory.User {
	c.Helper()
	all, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}, Deleted: true})
	c.ok(err)
	if len(all) != 1 {
		c.Fatalf("%d users", len(all))
	}
	return all[0]
}

func (c claimants) wantDeleted(id lockstep.UserID, want bool) {
	c.Helper()
	if u := c.user(id); u.Deleted.IsZero() == want {
		c.Errorf("deleted: %v, want %v; claimed %s", !want, want, c.claims(id))
	}
}

func (c claimants) want(got, want string) {
	c.Helper()
	if got != want {
		c.Errorf("got  %s\nwant %s", got, want)
	}
}

// twoJobs: one makes a person and another takes them over; who is dropped by both is deleted, and disabled only by the last.
func (c claimants) twoJobs() {
	p := person("two@acme.example")
	id := p.User.ID
	c.as(c.a, p)
	c.as(c.b, directory.PutUser{User: c.user(id)})
	if got := c.claims(id); !strings.Contains(got, "a.csv") || !strings.Contains(got, "b.csv") {
		c.Errorf("claims: %s", got)
	}
	c.want(c.as(c.a, c.inactive(id, "title", "Chief")), "left enabled: it is claimed by the source b.csv, too")
	if u := c.user(id); !u.Active || u.Attributes.Text("title") != "Chief" {
		c.Errorf("a.csv has disabled them, b.csv not: active is %v, title %s", u.Active, u.Attributes.Text("title"))
	}
	c.want(c.as(c.a, directory.PutUser{User: c.user(id), Claim: directory.ClaimUnchanged}), "")
	c.want(c.as(c.b, directory.PutUser{User: c.user(id), Claim: directory.ClaimUnchanged}), "")
	c.want(c.as(c.a, c.inactive(id)), "left enabled: it is claimed by the source b.csv, too")
	c.want(c.as(c.b, c.inactive(id)), "")
	if c.user(id).Active {
		c.Error("both have disabled them, and they are active")
	}
	u := c.user(id)
	u.Attributes = u.Attributes.Clone()
	u.Attributes.Set("active", true)
	c.as(c.a, directory.PutUser{User: u})
	c.want(c.as(c.b, directory.DeleteUser{ID: id, Leave: true}), "left as it is: it is claimed by the source a.csv, too")
	c.wantDeleted(id, false)
	c.want(c.as(c.a, directory.DeleteUser{ID: id, Leave: true}), "")
	c.wantDeleted(id, true)
	c.as(c.a, directory.RestoreUser{ID: id}) // the source has them again
	c.want(c.claims(id), "[by the source a.csv]")
}

// inactive is a change by a job that has the user as disabled.
func (c claimants) inactive(id lockstep.UserID, more ...any) directory.PutUser {
	u := c.user(id)
	u.Attributes = u.Attributes.Clone()
	u.Attributes.Set("active", false)
	for i := 0; i+1 < len(more); i += 2 {
		u.Attributes.Set(more[i].(string), more[i+1])
	}
	return directory.PutUser{User: u, IfVersion: u.Version, Claim: directory.ClaimInactive}
}

// disabledInOne: whom one source has as disabled is kept enabled by another, and is disabled, not deleted, when that one drops them.
func (c claimants) disabledInOne() {
	for _, made := range []bool{false, true} {
		p := person(fmt.Sprintf("off%v@acme.example", made), "active", !made)
		id := p.User.ID
		c.as(c.a, p)
		u := c.user(id)
		u.Attributes = u.Attributes.Clone()
		u.Attributes.Set("active", true)
		c.as(c.b, directory.PutUser{User: u})
		if !made {
			c.as(c.a, c.inactive(id))
		}
		c.as(c.a, c.inactive(id, "title", "Chief"))
		c.as(c.a, directory.TakeClaim{Kind: directory.UserKind, ID: string(id), Claim: directory.ClaimInactive})
		if !c.user(id).Active {
			c.Error("disabled although b.csv has them")
		}
		c.want(c.as(c.b, directory.DeleteUser{ID: id, Leave: true}), "disabled and not deleted: it is claimed by the source a.csv, too")
		if u := c.user(id); u.Active || !u.Deleted.IsZero() || u.AuthEpoch == 0 {
			c.Errorf("nobody has them as enabled: active %v, deleted %v, epoch %d", u.Active, u.Deleted, u.AuthEpoch)
		}
		c.want(c.as(c.b, directory.DeleteUser{ID: id, Leave: true}), "left as it is: it is claimed by the source a.csv, too") // again, after a lost answer
		c.want(c.as(c.a, directory.DeleteUser{ID: id, Leave: true}), "")
		c.wantDeleted(id, true)
	}
}

// strangers: who has no claim removes nothing.
func (c claimants) strangers() {
	p := person("stranger@acme.example")
	c.as(c.a, p)
	c.want(c.as(c.b, directory.DeleteUser{ID: p.User.ID, Leave: true}), "left as it is: it is claimed by the source a.csv, too")
	gone := c.job("stranger")
	q := person("nobody@acme.example")
	c.as(gone, q)
	c.ok(c.db.DeleteJob(c.Context(), admin, c.tenant, lockstep.JobID(gone.ID)))
	c.want(c.as(c.b, directory.DeleteUser{ID: q.User.ID, Leave: true}), "left as it is: this source has no claim to it")
	c.wantDeleted(p.User.ID, false)
	c.wantDeleted(q.User.ID, false)
}

// byHand: what a person or a SCIM client has made is kept when a job lets go of it; who only changes it has no claim.
func (c claimants) byHand() {
	p := person("hand@acme.example")
	c.commit(p)
	c.as(c.a, directory.TakeClaim{Kind: directory.UserKind, ID: string(p.User.ID)})
	c.want(c.as(c.a, directory.DeleteUser{ID: p.User.ID, Leave: true}), "left as it is: it is claimed by hand, too")
	c.wantDeleted(p.User.ID, false)

	q := person("scim@acme.example")
	q.Client = true
	c.as(audit.Actor{Kind: audit.Token, ID: "t1", Name: "Okta"}, q)
	c.want(c.claims(q.User.ID), "[by the SCIM client t1]")
	c.as(c.a, directory.TakeClaim{Kind: directory.UserKind, ID: string(q.User.ID)})
	put := c.inactive(q.User.ID)
	put.Client, put.Claim = true, ""
	okta := audit.Actor{Kind: audit.Token, ID: "t1", Name: "Okta"}
	c.as(okta, put) // an order
	if c.user(q.User.ID).Active {
		c.Error("what a SCIM client orders is done")
	}
	c.want(c.as(c.a, directory.DeleteUser{ID: q.User.ID, Leave: true}), "disabled and not deleted: it is claimed by the SCIM client t1, too")

	s := person("adopted@acme.example")
	c.as(c.a, s)
	c.as(okta, directory.PutUser{User: c.user(s.User.ID), Client: true})
	c.want(c.as(c.a, directory.DeleteUser{ID: s.User.ID, Leave: true}), "left as it is: it is claimed by the SCIM client t1, too")
	c.wantDeleted(s.User.ID, false)

	r := person("job@acme.example")
	c.as(c.a, r)
	c.commit(directory.PutUser{User: c.user(r.User.ID)})
	c.want(c.as(c.a, directory.DeleteUser{ID: r.User.ID, Leave: true}), "")
	c.wantDeleted(r.User.ID, true)
}

// byOrder: an order asks nobody, and no job undoes it.
func (c claimants) byOrder() {
	p := person("order@acme.example")
	id := p.User.ID
	c.as(c.a, p)
	c.commit(directory.DeleteUser{ID: id})
	c.wantDeleted(id, true)
	_, err := c.db.Commit(c.Context(), c.tenant, c.a, "x", directory.RestoreUser{ID: id})
	c.fails(err, lockstep.CodeDeletedByOrder)
	if !strings.Contains(err.Error(), "Grace") {
		c.Errorf("does not name who ordered it: %v", err)
	}
	c.wantDeleted(id, true)
	c.commit(directory.RestoreUser{ID: id})
	c.want(c.claims(id), "[by the source a.csv]")
	c.want(c.as(c.a, directory.DeleteUser{ID: id, Leave: true}), "")
	c.wantDeleted(id, true)
	c.commit(directory.RestoreUser{ID: id})
	c.want(c.claims(id), "[by hand]")
	c.commit(directory.DeleteUser{ID: id}, directory.DeleteUser{ID: id, Purge: true})
	c.want(c.claims(id), "[]")
}

// removedJob: the removal of a job takes nobody away, and what it had holds nobody.
func (c claimants) removedJob() {
	gone := c.job("gone")
	p := person("removed@acme.example")
	c.as(gone, p)
	c.as(c.a, directory.TakeClaim{Kind: directory.UserKind, ID: string(p.User.ID)})
	c.ok(c.db.DeleteJob(c.Context(), admin, c.tenant, lockstep.JobID(gone.ID)))
	c.wantDeleted(p.User.ID, false)
	c.want(c.as(c.a, directory.DeleteUser{ID: p.User.ID, Leave: true}), "")
	c.wantDeleted(p.User.ID, true)
}

func (c claimants) groups() {
	g := directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: person("x").User.Attributes}
	g.Attributes = nil
	g.Attributes.Set("displayName", "Team")
	c.as(c.a, directory.PutGroup{Group: g})
	c.as(c.b, directory.TakeClaim{Kind: directory.GroupKind, ID: string(g.ID)})
	c.want(c.as(c.a, directory.DeleteGroup{ID: g.ID, Leave: true}), "left as it is: it is claimed by the source b.csv, too")
	c.want(c.as(c.b, directory.DeleteGroup{ID: g.ID, Leave: true}), "")
	left, err := c.db.Groups(c.Context(), c.tenant, directory.GroupQuery{IDs: []lockstep.GroupID{g.ID}})
	c.ok(err)
	if len(left) != 0 {
		c.Error("the group is still there")
	}
}

// wants: what each source last wrote into an object, and whom it wants the object to refer to.
func (c claimants) wants() {
	ada, ben := person("ada.wants@acme.example").User.ID, person("ben.wants@acme.example").User.ID
	team := lockstep.NewID[lockstep.GroupID]()
	for _, by := range []audit.Actor{c.a, c.b} {
		job := lockstep.JobID(by.ID)
		lease, err := c.db.Provision().Claim(c.Context(), c.tenant, job, 0)
		c.ok(err)
		own := func(id string) string { return by.Name + id }
		link := func(ref connection.Ref, target string) plan.Link {
			l := plan.Link{Source: ref, Target: target}
			l.Image.Set("title", "of "+by.Name)
			return l
		}
		batch := provision.Batch{
			Links:  []plan.Link{link(groupRef(own("t")), string(team)), link(userRef(own("a")), string(ada)), link(userRef(own("b")), string(ben)), link(userRef(own("x")), "")},
			Wanted: []plan.ReferenceRow{member(own("t"), own("a")), member(own("t"), own("x"))},
		}
		if by == c.b {
			batch.Wanted = append(batch.Wanted, member(own("t"), own("b")))
		}
		c.ok(c.db.Provision().Commit(c.Context(), c.tenant, job, lease.Epoch, batch))
		c.as(by, directory.PutUser{User: directory.User{ID: ada, Version: c.versionOf(ada), Attributes: scim.Object{{Name: "userName", Value: "ada.wants@acme.example"}}}})
	}
	wanted := func(q directory.WantedQuery) string {
		q.Kind, q.ID, q.Attribute = directory.GroupKind, string(team), "members"
		ids, err := c.db.Wanted(c.Context(), c.tenant, q)
		c.ok(err)
		slices.Sort(ids)
		return fmt.Sprint(ids)
	}
	a, b := lockstep.JobID(c.a.ID), lockstep.JobID(c.b.ID)
	c.want(wanted(directory.WantedQuery{But: a}), fmt.Sprint([]lockstep.UserID{ada, ben}))
	c.want(wanted(directory.WantedQuery{But: b}), fmt.Sprint([]lockstep.UserID{ada}))
	c.want(wanted(directory.WantedQuery{Of: b}), fmt.Sprint([]lockstep.UserID{ada, ben}))
	c.want(wanted(directory.WantedQuery{But: a, To: []string{string(ben), "nobody"}}), fmt.Sprint([]lockstep.UserID{ben}))
	c.want(wanted(directory.WantedQuery{But: b, To: []string{string(ben)}}), "[]")
	lease, err := c.db.Provision().Claim(c.Context(), c.tenant, b, 0)
	c.ok(err)
	c.ok(c.db.Provision().Commit(c.Context(), c.tenant, b, lease.Epoch, provision.Batch{Links: []plan.Link{{Source: userRef(c.b.Name + "b"), Former: string(ben)}}}))
	c.want(wanted(directory.WantedQuery{Of: b}), fmt.Sprint([]lockstep.UserID{ada, ben})) // it has put them there
	c.want(wanted(directory.WantedQuery{But: a}), fmt.Sprint([]lockstep.UserID{ada}))
	claims, err := c.db.Claims(c.Context(), c.tenant, directory.UserKind, string(ada))
	c.ok(err)
	var written []string
	for _, one := range claims[string(ada)] {
		written = append(written, one.Name+" "+one.Written.Text("title"))
	}
	c.want(fmt.Sprint(written), "[a.csv of a.csv b.csv of b.csv]")
}

// versionOf is 0 of a user who is not there yet.
func (c claimants) versionOf(id lockstep.UserID) int64 {
	c.Helper()
	all, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}})
	c.ok(err)
	if len(all) == 0 {
		return 0
	}
	return all[0].Version
}

// atOnce: of two who withdraw at the same time one is the last.
func (c claimants) atOnce() {
	for i := range 20 {
		p := person(fmt.Sprintf("once%d@acme.example", i))
		c.as(c.a, p)
		c.as(c.b, directory.TakeClaim{Kind: directory.UserKind, ID: string(p.User.ID)})
		var both sync.WaitGroup
		for _, by := range []audit.Actor{c.a, c.b} {
			both.Go(func() {
				_, err := c.db.Commit(c.Context(), c.tenant, by, "x", directory.DeleteUser{ID: p.User.ID, Leave: true})
				if err != nil {
					c.Error(err)
				}
			})
		}
		both.Wait()
		c.wantDeleted(p.User.ID, true)
	}
}
