package console_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"lockstep"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

// countedJobs counts what a page has the store of jobs read.
type countedJobs struct {
	provision.Store
	asks, rows int
}

func (c *countedJobs) Actions(ctx context.Context, t lockstep.TenantID, j lockstep.JobID, q plan.ActionQuery) ([]plan.Action, error) {
	all, err := c.Store.Actions(ctx, t, j, q)
	c.asks, c.rows = c.asks+1, c.rows+len(all)
	return all, err
}

func (c *countedJobs) Links(ctx context.Context, t lockstep.TenantID, j lockstep.JobID, q plan.LinkQuery) ([]plan.Link, error) {
	all, err := c.Store.Links(ctx, t, j, q)
	c.asks, c.rows = c.asks+1, c.rows+len(all)
	return all, err
}

// countedDirectory counts what a page has the directory read.
type countedDirectory struct {
	directory.Store
	asks, rows int
}

func (c *countedDirectory) Users(ctx context.Context, t lockstep.TenantID, q directory.UserQuery) ([]directory.User, error) {
	all, err := c.Store.Users(ctx, t, q)
	c.asks, c.rows = c.asks+1, c.rows+len(all)
	return all, err
}

func (c *countedDirectory) Members(ctx context.Context, t lockstep.TenantID, q directory.MemberQuery) ([]directory.Member, error) {
	all, err := c.Store.Members(ctx, t, q)
	c.asks, c.rows = c.asks+1, c.rows+len(all)
	return all, err
}

// The most that a page reads, asks and sends, however many people there are. A page shows a hundred people, or fifty lines.
const (
	mostRows  = 450
	mostAsks  = 40
	mostBytes = 250 << 10
)

// TestPagesReadWhatTheyShow: with 1,200 people, one group of all of them, and a log of their creation, every page to which a link leads reads about
// as much as it shows, and is no larger than one that can be read. Pages read a thousand links to count them, or showed a row for every member.
func TestPagesReadWhatTheyShow(t *testing.T) {
	w := newWorld(t, 1200).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	w.operator.People = w.db
	jobs, people := &countedJobs{Store: w.operator.Jobs}, &countedDirectory{Store: w.operator.Directory}
	w.operator.Jobs, w.operator.Directory = jobs, people
	waiting, seen := []string{"/", "/apps/webex?show=deleted", "/apps/webex?q=m7%40", "/activity?q=nobody-at-all"}, map[string]int{}
	for n := 0; len(waiting) > 0 && n < 400; n++ {
		path := waiting[0]
		waiting = waiting[1:]
		*jobs, *people = countedJobs{Store: jobs.Store}, countedDirectory{Store: people.Store}
		a := b.get(path)
		rows, asks := jobs.rows+people.rows, jobs.asks+people.asks
		if strings.Contains(path, "/undo?") {
			continue // which has bounds of its own
		}
		most := mostRows
		if strings.HasPrefix(path, "/groups/") && strings.Contains(path, "/apps") {
			most = 2 * 1300 // what a group brings is told by looking at its people, up to a bound of its own
		}
		if rows > most || asks > mostAsks || len(a.body) > mostBytes {
			t.Errorf("%s: %d rows by %d questions, %d KiB", path, rows, asks, len(a.body)>>10)
		}
		if a.resp.StatusCode != http.StatusOK {
			continue
		}
		for _, e := range a.elements() {
			to, _, _ := strings.Cut(e.attr["href"], "#")
			if e.tag != "a" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "/docs") || strings.Contains(to, ".csv") || strings.Contains(to, ".jsonl") || strings.HasPrefix(to, "/static") {
				continue
			}
			kind, _, _ := strings.Cut(to, "=") // three of a kind
			if i := strings.LastIndex(kind, "/"); strings.HasPrefix(kind, "/people/") || strings.HasPrefix(kind, "/groups/") {
				kind = kind[:8] + kind[i:]
			}
			if seen[kind]++; seen[to] == 0 && seen[kind] <= 3 {
				seen[to] = 1
				waiting = append(waiting, to)
			}
		}
	}
	if len(seen) < 60 {
		t.Errorf("only %d pages", len(seen))
	}
}
