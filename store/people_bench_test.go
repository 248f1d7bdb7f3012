package store_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// BenchmarkPeople measures how long the index for searches takes for each person, and searches, with LOCKSTEP_BENCH_PEOPLE people.
func BenchmarkPeople(b *testing.B) {
	n, _ := strconv.Atoi(os.Getenv("LOCKSTEP_BENCH_PEOPLE"))
	if n == 0 {
		n = 10_000
	}
	databases(b, func(b *testing.B, db *store.DB) {
		tenant := fillPeople(b, db, n)
		for b.Loop() {
			before := cpu()
			if err := db.FollowPeople(b.Context(), tenant); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(n), "cpu-µs/person")
		}
		size := "SELECT SUM(pgsize) FROM dbstat WHERE name LIKE 'people_%'"
		if db.Dialect() == store.Postgres {
			size = "SELECT SUM(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'people_%'"
		}
		var bytes int64
		if err := db.WriterDB().QueryRow(size).Scan(&bytes); err != nil {
			b.Error(err)
		}
		b.ReportMetric(float64(bytes)/float64(n), "bytes/person")
		for _, text := range []string{"ada", "acme", "person 77", "zzz", "ple.exa", "no such text", "7777"} {
			before, began := cpu(), time.Now()
			f, err := db.People(b.Context(), tenant, directory.PeopleQuery{Text: text, Limit: 100})
			b.Logf("%q: %d people, next %q, CPU %v, %v; %v", text, len(f.Users), f.Next, cpu()-before, time.Since(began), err)
		}
	})
}

func fillPeople(b testing.TB, db *store.DB, n int) lockstep.TenantID {
	b.Helper()
	tenant := lockstep.NewID[lockstep.TenantID]()
	by := audit.Actor{Kind: audit.Admin, ID: "a", Name: "b"}
	if err := db.CreateTenant(b.Context(), by, directory.Tenant{ID: tenant, Slug: "acme", Name: "Acme"}); err != nil {
		b.Fatal(err)
	}
	given := []string{"Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Katherine", "Radia", "Tim", "Linus"}
	for from := 0; from < n; from += 500 {
		var changes []directory.Change
		for i := from; i < min(n, from+500); i++ {
			family := fmt.Sprintf("%c%c%c%c-Person %d", 'a'+i%26, 'a'+i/7%26, 'a'+i/31%26, 'a'+i/173%26, i)
			name := fmt.Sprintf("%s.%d@acme.example", given[i%10], i)
			a := scim.Object{
				{Name: "userName", Value: name}, {Name: "displayName", Value: given[i%10] + " " + family}, {Name: "externalId", Value: string(lockstep.NewID[lockstep.UserID]())},
				{Name: "name", Value: scim.Object{{Name: "givenName", Value: given[i%10]}, {Name: "familyName", Value: family}}},
				{Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: name}, {Name: "primary", Value: true}, {Name: "type", Value: "work"}}}},
				{Name: "title", Value: "Engineer"}, {Name: "phoneNumbers", Value: scim.List{scim.Object{{Name: "value", Value: fmt.Sprintf("+49 170 %07d", i)}}}},
			}
			changes = append(changes, directory.PutUser{User: directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: a}})
		}
		if _, err := db.Commit(b.Context(), tenant, by, "", changes...); err != nil {
			b.Fatal(err)
		}
	}
	return tenant
}
