package store

import (
	"encoding/hex"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/e2e/parts"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
)

// TestLongKeysShortened: what an older version has kept whole in an index is found after the migration as what is kept today, and what was kept in both
// ways is kept once; what is short stays as it is.
func TestLongKeysShortened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"sqlite":   {SQLite: filepath.Join(t.TempDir(), "lockstep.db")},
		"postgres": {Postgres: parts.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) { longKeysShortened(t, c) })
	}
}

func longKeysShortened(t *testing.T, c Config) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(t.Context(), c)
	must(err)
	defer func() { must(db.Close()) }()
	must(db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "t", Slug: "t"}))
	must(db.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "t", ID: "j", Slug: "j", Direction: provision.Inbound}))
	long := func(end string) string { return strings.Repeat("ä", 1200) + end } // which is compressed, so that PostgreSQL has had it whole
	id := mirror.ID{Tenant: "t", Connection: "j"}
	var objects []connection.Object
	for _, name := range []string{long("a"), long("b"), "short"} {
		objects = append(objects, connection.Object{
			Ref: connection.Ref{Type: "User", ID: name[len(name)-1:]}, Values: scim.Object{{Name: "userName", Value: name}}, Names: []string{"cn=" + name}, Enabled: true,
		})
	}
	m := db.Mirrors()
	_, err = m.Request(t.Context(), id, mirror.Request{Now: true})
	must(err)
	head, err := m.Claim(t.Context(), id, "n", db.now().Add(time.Hour))
	must(err)
	wanted := mirror.Wanted{Type: "User", Keys: []string{"userName"}}
	keep := mirror.NewKeep(wanted)
	pass, err := m.Begin(t.Context(), head.Lease, mirror.Pass{Type: "User"}.Begin(wanted, db.now()))
	must(err)
	b := mirror.Batch{Pass: pass, Keep: keep, Meets: true}
	for _, o := range objects {
		b.Entries = append(b.Entries, keep.Entry(o))
	}
	_, err = m.Take(t.Context(), head.Lease, &b)
	must(err)
	lease, err := db.Claim(t.Context(), "t", "j", 0)
	must(err)
	var links []plan.Link
	for _, o := range objects {
		links = append(links, plan.Link{Source: o.Ref, Key: "userName=" + o.Values.Text("userName"), Target: o.ID})
	}
	must(db.Provision().Commit(t.Context(), "t", "j", lease.Epoch, provision.Batch{Links: links}))
	// As an older version has kept it; the second of the keys stands there in both ways.
	for _, statement := range []string{
		"INSERT INTO mirror_key (mirror, type, attribute, value, no) SELECT mirror, type, 'userName', $1, no FROM mirror_row WHERE id = 'b'",
		"UPDATE mirror_key SET value = $1 WHERE no = (SELECT no FROM mirror_row WHERE id = 'a')",
		"UPDATE mirror_name SET name = 'cn=' || $1 WHERE no = (SELECT no FROM mirror_row WHERE id = 'a')",
	} {
		text := mirror.Fold(long("a"))
		switch {
		case strings.HasPrefix(statement, "INSERT"):
			text = mirror.Fold(long("b"))
		case strings.Contains(statement, "mirror_name"):
			text = long("a")
		}
		_, err := db.writerDB.ExecContext(t.Context(), statement, text)
		must(err)
	}
	found := func() (all []string) {
		t.Helper()
		for _, o := range objects {
			f, err := m.Find(t.Context(), id, "User", "userName", o.Values.Text("userName"))
			must(err)
			for _, f := range f {
				all = append(all, "key "+f.Row.Object.ID)
			}
			n, err := m.Named(t.Context(), id, []mirror.Name{{Name: o.Names[0]}})
			must(err)
			if len(n) > 0 {
				all = append(all, "name "+n[mirror.Name{Name: o.Names[0]}].ID)
			}
			l, err := db.Links(t.Context(), "t", "j", plan.LinkQuery{Type: "User", Keys: []string{plan.ShortKey("userName=" + o.Values.Text("userName"))}})
			must(err)
			for _, l := range l {
				all = append(all, "link "+l.Target)
			}
		}
		return all
	}
	if got := found(); !slices.Equal(got, []string{"key b", "name b", "key t", "name t", "link t"}) {
		t.Fatalf("before: %q", got)
	}
	for range 2 { // a second time nothing is left to do
		tx, err := db.writerDB.BeginTx(t.Context(), nil)
		must(err)
		must(longKeys(t.Context(), tx))
		must(tx.Commit())
		if got := found(); !slices.Equal(got, []string{"key a", "name a", "link a", "key b", "name b", "link b", "key t", "name t", "link t"}) {
			t.Fatalf("after: %q", got)
		}
	}
	var left int
	must(db.writerDB.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM mirror_key) + (SELECT COUNT(*) FROM mirror_name) + (SELECT COUNT(*) FROM link)`).Scan(&left))
	if left != 9 {
		t.Errorf("%d rows, not 9", left)
	}
}

// TestDriftToLongIDs: a member that an application shows by an id which no index takes is left out of what a look has found, and the look goes on.
func TestDriftToLongIDs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"sqlite":   {SQLite: filepath.Join(t.TempDir(), "lockstep.db")},
		"postgres": {Postgres: parts.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) { driftToLongIDs(t, c) })
	}
}

func driftToLongIDs(t *testing.T, c Config) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(t.Context(), c)
	must(err)
	defer func() { must(db.Close()) }()
	must(db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: "t", Slug: "t"}))
	must(db.PutJob(t.Context(), audit.Actor{}, provision.Job{Tenant: "t", ID: "j", Slug: "j", Direction: provision.Outbound}))
	must(db.AskDrift(t.Context(), "t", "j", 1))
	work, err := db.ClaimDrift(t.Context(), "t", "j", db.now().Add(time.Hour))
	must(err)
	raw := make([]byte, 2000) // what could be compressed would fit
	_, _ = rand.NewChaCha8([32]byte{7}).Read(raw)
	group := connection.Ref{Type: "Group", ID: "g"}
	piece := plan.DriftPiece{Work: work}
	for _, target := range []string{"t1", hex.EncodeToString(raw)} {
		piece.Ends = append(piece.Ends, plan.DriftedReference{Of: group, RowReference: plan.RowReference{Attribute: connection.Members, Target: target}})
	}
	must(db.KeepDrift(t.Context(), "t", "j", piece))
	ends, err := db.driftEnds(t.Context(), work.No, plan.DriftEndQuery{Of: group})
	must(err)
	if len(ends) != 1 || ends[0].Target != "t1" {
		t.Errorf("%+v", ends)
	}
}
