// Package storetest is how a store must behave, as one suite that runs on every database. What a test expects of the store it
// expects of the interfaces that the domain declares; how fast it is and how it survives a crash is tested elsewhere.
package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/store"
)

// Open opens a new, empty database that is closed at the end of the test.
type Open func(t testing.TB, c store.Config) *store.DB

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"tenants", testTenants},
		{"users", testUsers},
		{"groups", testGroups},
		{"members", testMembers},
		{"search", testSearch},
		{"search composed", testSearchComposed},
		{"search extension", testSearchExtension},
		{"extensions", testExtensions},
		{"sort extension", testSortExtension},
		{"extension kept", testExtensionKept},
		{"people", testPeople},
		{"pages", testPages},
		{"search related", testSearchRelated},
		{"counts", testCounts},
		{"numbers", testNumbers},
		{"numbers growing", testNumbersGrowing},
		{"door", testDoor},
		{"relatives", testRelatives},
		{"apps", testApps},
		{"feed", testFeed},
		{"audit", testAudit},
		{"contention", testContention},
		{"writer", testWriter},
		{"tokens", testTokens},
		{"rotation", testRotation},
		{"tallies", testTallies},
		{"scim calls", testSCIMCalls},
		{"group search", testGroupSearch},
		{"jobs", testJobs},
		{"due", testDue},
		{"leases", testLeases},
		{"secrets", testSecrets},
		{"recent secrets", testRecentSecrets},
		{"actions", testActions},
		{"links", testLinks},
		{"edges", testEdges},
		{"edge model", testEdgeModel},
		{"decisions", testDecisions},
		{"rows that wait", testWaiting},
		{"standing", testStanding},
		{"trim", testTrim},
		{"purge", testPurge},
		{"claims", testClaims},
		{"mirror", testMirror},
		{"identity providers", testProviders},
		{"clients", testClients},
		{"logins", testLogins},
		{"leavers", testLeavers},
		{"nobody signed in", testNobodySignedIn},
		{"ends of sessions", testEnds},
		{"former provider", testFormerProvider},
		{"one winner", testOneWinner},
		{"grants", testGrants},
		{"links of sign-in", testSignInLinks},
		{"second factors", testFactors},
		{"last second factor", testLastFactor},
		{"second factors of leavers", testFactorsLeave},
		{"unlinking identities", testUnlink},
		{"people are told", testPersonTold},
		{"second factors moved", testFactorMoved},
		{"second factors once", testFactorOnce},
		{"tries of codes", testTries},
		{"looking at sign-in", testSignInLook},
		{"console", testConsole},
		{"console sessions", testConsoleList},
		{"console room", testConsoleRoom},
		{"console persons", testConsolePersons},
		{"signing keys", testSigningKeys},
		{"notifications", testNotify},
		{"versions", testVersions},
		{"drafts", testDrafts},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.run(t, open)
		})
	}
}

// admin is who does everything in these tests.
var admin = audit.Actor{Kind: audit.Admin, ID: "a1", Name: "Grace"}

// company is a tenant in a fresh database.
type company struct {
	*testing.T
	db     *store.DB
	tenant lockstep.TenantID
}

func found(t *testing.T, open Open, c store.Config) company {
	t.Helper()
	co := company{T: t, db: open(t, c)}
	co.tenant = co.add("acme")
	return co
}

// add creates a tenant.
func (c company) add(slug string) lockstep.TenantID {
	c.Helper()
	id := lockstep.NewID[lockstep.TenantID]()
	c.ok(c.db.CreateTenant(c.Context(), admin, directory.Tenant{ID: id, Slug: slug, Name: strings.ToUpper(slug)}))
	return id
}

func (c company) ok(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// fails checks the code of an error.
func (c company) fails(err error, code lockstep.Code) {
	c.Helper()
	if got := lockstep.CodeOf(err); err == nil || got != code {
		c.Fatalf("got error %v, want code %s", err, code)
	}
}

// commit commits changes and returns the feed's position.
func (c company) commit(changes ...directory.Change) int64 {
	c.Helper()
	receipt, err := c.db.Commit(c.Context(), c.tenant, admin, "", changes...)
	c.ok(err)
	return receipt.Pos
}

func (c company) refuses(code lockstep.Code, changes ...directory.Change) {
	c.Helper()
	_, err := c.db.Commit(c.Context(), c.tenant, admin, "", changes...)
	c.fails(err, code)
}

// person makes a user with a few attributes; more are name, value pairs.
func person(userName string, more ...any) directory.PutUser {
	u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
	u.Attributes.Set("userName", userName)
	for i := 0; i+1 < len(more); i += 2 {
		u.Attributes.Set(more[i].(string), more[i+1])
	}
	return directory.PutUser{User: u}
}

func emails(values ...string) scim.List {
	var l scim.List
	for _, v := range values {
		l = append(l, scim.Object{{Name: "value", Value: v}})
	}
	return l
}

// user adds a person and returns its id.
func (c company) user(userName string, more ...any) lockstep.UserID {
	c.Helper()
	p := person(userName, more...)
	c.commit(p)
	return p.User.ID
}

// users adds n persons in one commit.
func (c company) users(prefix string, n int) []lockstep.UserID {
	c.Helper()
	ids := make([]lockstep.UserID, n)
	changes := make([]directory.Change, n)
	for i := range n {
		p := person(fmt.Sprintf("%s%05d@acme.example", prefix, i))
		ids[i], changes[i] = p.User.ID, p
	}
	c.commit(changes...)
	return ids
}

// group adds a group and returns its id.
func (c company) group(name string) lockstep.GroupID {
	c.Helper()
	g := directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: scim.Object{{Name: "displayName", Value: name}}}
	c.commit(directory.PutGroup{Group: g})
	return g.ID
}

// get reads one user, deleted or not.
func (c company) get(id lockstep.UserID) directory.User {
	c.Helper()
	all, err := c.db.Users(c.Context(), c.tenant, directory.UserQuery{IDs: []lockstep.UserID{id}, Deleted: true})
	c.ok(err)
	if len(all) != 1 {
		c.Fatalf("found %d users %s", len(all), id)
	}
	return all[0]
}

func asMembers[ID ~string](kind directory.Kind, ids ...ID) []directory.Member {
	all := make([]directory.Member, len(ids))
	for i, id := range ids {
		all[i] = directory.Member{Kind: kind, ID: string(id)}
	}
	return all
}

// events returns the feed after pos, one line an event.
func (c company) events(pos int64) []string {
	c.Helper()
	events, err := c.db.Feed(c.Context(), c.tenant, pos, 1000)
	c.ok(err)
	lines := make([]string, len(events))
	for i, e := range events {
		if e.Pos != pos+int64(i)+1 {
			c.Errorf("event %d after %d has position %d", i, pos, e.Pos)
		}
		lines[i] = strings.TrimRight(fmt.Sprintf("%s %s %s %s %s", e.Object, e.Op, e.ID, e.Kind, e.Member), " ")
	}
	return lines
}

// job adds a job to the tenant and returns it as it is stored.
func (c company) job(slug string, change func(*provision.Job)) provision.Job {
	c.Helper()
	j := provision.Job{Tenant: c.tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: slug, Name: slug, Direction: provision.Outbound}
	if change != nil {
		change(&j)
	}
	c.ok(c.db.PutJob(c.Context(), admin, j))
	return c.reload(j.ID)
}

func (c company) reload(id lockstep.JobID) provision.Job {
	c.Helper()
	j, err := c.db.Job(c.Context(), c.tenant, id)
	c.ok(err)
	return j
}

// slice is a claimed job, with which batches are committed.
type slice struct {
	company
	job   provision.Job
	store store.Provision
}

func (c company) claim(id lockstep.JobID) slice {
	c.Helper()
	j, err := c.db.Claim(c.Context(), c.tenant, id, 0)
	c.ok(err)
	return slice{c, j, c.db.Provision()}
}

func (s slice) commit(b provision.Batch) {
	s.Helper()
	s.ok(s.store.Commit(s.Context(), s.tenant, s.job.ID, s.job.Epoch, b))
}

func (s slice) refuses(code lockstep.Code, b provision.Batch) {
	s.Helper()
	s.fails(s.store.Commit(s.Context(), s.tenant, s.job.ID, s.job.Epoch, b), code)
}

// noon is a time with nothing below the millisecond.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
