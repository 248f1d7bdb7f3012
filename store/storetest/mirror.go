package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/store"
)

func testMirror(t *testing.T, open Open) {
	for _, part := range []struct {
		name string
		run  func(*outside)
	}{
		{"pages", mirrorPages},
		{"own writes", mirrorWrites},
		{"owners", mirrorOwners},
		{"loose", mirrorLoose},
		{"names", mirrorNames},
		{"partial", mirrorPartial},
		{"unseen", mirrorUnseen},
		{"parts", mirrorParts},
		{"leases", mirrorLeases},
		{"requests", mirrorRequests},
		{"changed meanwhile", mirrorChanged},
		{"keys", mirrorKeys},
		{"forget", mirrorForget},
		{"deleted", mirrorDeleted},
		{"texts", mirrorTexts},
		{"long texts", mirrorLong},
		{"long gone", mirrorLongGone},
	} {
		t.Run(part.name, func(t *testing.T) {
			now := noon
			o := &outside{now: &now, keep: mirror.Wanted{Keys: []string{"userName"}}}
			o.company = found(t, open, store.Config{Now: func() time.Time { return *o.now }})
			o.mirrors = o.db.Mirrors()
			o.id = mirror.ID{Tenant: o.tenant, Connection: o.job("webex", nil).ID}
			part.run(o)
		})
	}
}

// outside is a mirror of a connection, and whoever reads it.
type outside struct {
	company
	mirrors store.Mirrors
	id      mirror.ID
	now     *time.Time
	keep    mirror.Wanted
	lease   mirror.Lease
	pass    mirror.Pass
}

// begin claims the reads and begins a pass over users.
func (o *outside) begin() {
	o.Helper()
	_, err := o.mirrors.Request(o.Context(), o.id, mirror.Request{})
	o.ok(err)
	h, err := o.mirrors.Claim(o.Context(), o.id, "node", o.now.Add(time.Minute))
	o.ok(err)
	o.lease = h.Lease
	o.pass, err = o.mirrors.Begin(o.Context(), o.lease, h.Pass("User").Begin(o.keep, *o.now))
	o.ok(err)
}

// release ends the visit.
func (o *outside) release(v mirror.Visit) {
	o.Helper()
	o.ok(o.mirrors.Release(o.Context(), o.lease, v))
}

// take commits a batch of the pass over users, asked for now.
func (o *outside) take(b mirror.Batch, objects ...connection.Object) mirror.Taken {
	o.Helper()
	taken, err := o.try(b, objects...)
	o.ok(err)
	o.pass = taken.Pass
	return taken
}

func (o *outside) try(b mirror.Batch, objects ...connection.Object) (mirror.Taken, error) {
	b.Pass, b.Keep, b.Meets = o.pass, mirror.NewKeep(o.keep), len(objects) > 0
	if b.Doubt.IsZero() {
		b.Doubt = *o.now
	}
	for _, object := range objects {
		b.Entries = append(b.Entries, b.Keep.Entry(object))
	}
	return o.mirrors.Take(o.Context(), o.lease, &b)
}

// human makes an object of the outside system; more are name, value pairs.
func human(id string, more ...any) connection.Object {
	o := connection.Object{Ref: connection.Ref{Type: "User", ID: id}, Name: id, Version: "1", Enabled: true}
	o.Values.Set("userName", id+"@acme.example")
	for i := 0; i+1 < len(more); i += 2 {
		o.Values.Set(more[i].(string), more[i+1])
	}
	return o
}

func ref(id string) connection.Ref { return connection.Ref{Type: "User", ID: id} }

// rows returns one line for each row of users: number, id, position, state, what is known.
func (o *outside) rows(q mirror.Query) []string {
	o.Helper()
	q.Type = "User"
	all, err := o.mirrors.Rows(o.Context(), o.id, q)
	o.ok(err)
	var lines []string
	for _, r := range all {
		line := fmt.Sprintf("%d %s %d", r.No, r.Object.ID, r.Position)
		if r.State != mirror.There {
			line += " " + [...]string{"", "gone", "hidden", "missed"}[r.State]
		}
		if r.Ask {
			line += " ask"
		}
		if title := r.Object.Values.Text("title"); title != "" {
			line += " " + title
		}
		lines = append(lines, line)
	}
	return lines
}

func (o *outside) want(q mirror.Query, lines ...string) {
	o.Helper()
	if d := cmp.Diff(lines, o.rows(q)); d != "" {
		o.Error(d)
	}
}

func (o *outside) head() mirror.Head {
	o.Helper()
	h, err := o.mirrors.Head(o.Context(), o.id)
	o.ok(err)
	return h
}

// mirrorPages: what pages do to rows and positions.
func mirrorPages(o *outside) {
	o.begin()
	taken := o.take(mirror.Batch{}, human("a", "title", "x", "password", "p"), human("b"), human("c"))
	if d := cmp.Diff([]int64{1, 2, 3}, taken.Met); d != "" || taken.Pass.Counts.Made != 3 {
		o.Error(d, taken.Pass.Counts)
	}
	o.want(mirror.Query{}, "1 a 1 x", "2 b 2", "3 c 3")
	reordered := human("a")
	reordered.Values = scim.Object{{Name: "title", Value: "x"}, {Name: "userName", Value: "a@acme.example"}}
	newer := human("b")
	newer.Version = "2"
	taken = o.take(mirror.Batch{}, reordered, newer, human("c", "title", "y"), human("d"))
	if c := taken.Pass.Counts; c.Made != 4 || c.Changed != 1 || c.Pieces != 2 {
		o.Error(c)
	}
	o.want(mirror.Query{}, "1 a 1 x", "2 b 2", "3 c 4 y", "4 d 5")
	o.want(mirror.Query{Order: mirror.ByPosition, After: 2}, "3 c 4 y", "4 d 5")
	o.want(mirror.Query{Order: mirror.ByPosition, After: 1, UpTo: 4}, "2 b 2", "3 c 4 y")
	o.want(mirror.Query{After: 2, Limit: 1}, "3 c 4 y")
	rows, err := o.mirrors.Get(o.Context(), o.id, ref("a"), ref("b"), ref("nobody"))
	o.ok(err)
	slices.SortFunc(rows, func(a, b mirror.Row) int { return int(a.No - b.No) })
	if len(rows) != 2 || rows[0].Object.Values.Has("password") || rows[1].Object.Version != "2" || !rows[1].Object.Enabled {
		o.Errorf("%+v", rows)
	}
	o.take(mirror.Batch{Gone: []string{"b", "nobody", "b"}})
	o.want(mirror.Query{Order: mirror.ByPosition, After: 5}, "2 b 6 gone")
	o.take(mirror.Batch{Gone: []string{"b"}}) // again: nothing
	o.take(mirror.Batch{}, human("b"))
	o.want(mirror.Query{Order: mirror.ByPosition, After: 5}, "2 b 7")
	met, err := o.mirrors.Met(o.Context(), o.id, o.pass.No)
	o.ok(err)
	if d := cmp.Diff([]int64{1, 2, 3, 4}, met.Numbers()); d != "" {
		o.Error(d)
	}
	twice := human("c", "title", "later")
	o.take(mirror.Batch{}, human("c"), twice)
	o.want(mirror.Query{Order: mirror.ByPosition, After: 7}, "3 c 9 later")
	counts, err := o.mirrors.Count(o.Context(), o.id)
	o.ok(err)
	if counts["User"] != 4 || o.head().Position != 9 {
		o.Error(counts, o.head())
	}
}

// mirrorWrites: our own writes do not move positions, and pages that may not show them change nothing.
func mirrorWrites(o *outside) {
	const lag = 10 * time.Second
	o.begin()
	o.take(mirror.Batch{}, human("a", "title", "x"), human("b"), human("g"))
	title := func(s string) func(*connection.Object) {
		return func(x *connection.Object) { x.Values.Set("title", s); x.Values.Set("password", "secret") }
	}
	o.ok(o.mirrors.Wrote(o.Context(), o.id, lag,
		mirror.Write{Ref: ref("a"), At: *o.now, Change: title("ours")},
		mirror.Write{Ref: ref("new"), At: *o.now, Change: title("made")},
		mirror.Write{Ref: ref("b"), At: *o.now, Unknown: true},
		mirror.Write{Ref: ref("g"), At: *o.now, Deleted: true}))
	o.want(mirror.Query{}, "1 a 1 ours", "2 b 2 ask", "3 g 3 gone", "4 new 0 made")
	o.want(mirror.Query{Order: mirror.ByPosition, After: 3})
	rows, err := o.mirrors.Get(o.Context(), o.id, ref("a"))
	o.ok(err)
	if rows[0].Object.Values.Has("password") || rows[0].Object.Values.Text("userName") != "a@acme.example" {
		o.Errorf("%+v", rows[0])
	}
	old := o.now.Add(time.Second - lag)
	o.take(mirror.Batch{Doubt: old, Lag: lag, Gone: []string{"b"}}, human("a", "title", "x"), human("g"), human("new"))
	o.want(mirror.Query{}, "1 a 1 ask ours", "2 b 2 ask", "3 g 3 gone ask", "4 new 0 ask made")
	o.want(mirror.Query{Asked: true, Limit: 1}, "1 a 1 ask ours")
	o.release(mirror.Visit{Answered: o.head().Requests, Lag: lag})
	if due, err := o.mirrors.Due(o.Context(), o.now.Add(lag)); err != nil || len(due) != 0 {
		o.Error(due, err)
	}
	if due, err := o.mirrors.Due(o.Context(), o.now.Add(lag+time.Millisecond)); err != nil || len(due) != 1 {
		o.Error(due, err)
	}
	*o.now = o.now.Add(time.Minute)
	o.begin()
	same := human("a", "title", "ours")
	same.Version = "7"
	o.take(mirror.Batch{}, same, human("b"), human("new", "title", "theirs"))
	o.want(mirror.Query{}, "1 a 1 ours", "2 b 2", "3 g 3 gone ask", "4 new 4 theirs")
	o.release(mirror.Visit{Deaf: true})
	if !o.head().Asks.IsZero() {
		o.Error("a system that cannot be asked is asked")
	}
	// A row of which only an unknown write is known.
	o.ok(o.mirrors.Wrote(o.Context(), o.id, lag, mirror.Write{Ref: ref("odd"), At: *o.now, Unknown: true}))
	o.want(mirror.Query{After: 4}, "5 odd 0 ask")
	// Two writes to one object at once.
	o.ok(o.mirrors.Wrote(o.Context(), o.id, lag, mirror.Write{Ref: ref("odd"), At: *o.now, Change: title("1")},
		mirror.Write{Ref: ref("odd"), At: *o.now, Change: func(x *connection.Object) { x.Values.Set("nick", x.Values.Text("title")) }}))
	rows, err = o.mirrors.Get(o.Context(), o.id, ref("odd"))
	o.ok(err)
	if rows[0].Object.Values.Text("nick") != "1" || rows[0].Ask {
		o.Errorf("%+v", rows[0])
	}
}

// mirrorOwners: an object has one owner, and only who has none is found by values.
func mirrorOwners(o *outside) {
	o.begin()
	o.take(mirror.Batch{}, human("a"), human("b"))
	find := func(want ...string) {
		o.Helper()
		found, err := o.mirrors.Find(o.Context(), o.id, "User", "userName", "A@acme.example", "b@ACME.example", "unseen@acme.example", "other@acme.example", "none")
		o.ok(err)
		var got []string
		for _, f := range found {
			got = append(got, f.Object.ID+" "+f.Key.Value)
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			o.Error(d)
		}
	}
	find("a a@acme.example", "b b@acme.example")
	own := func(claims ...mirror.Claim) error { return o.mirrors.Own(o.Context(), o.id, claims...) }
	o.ok(own(mirror.Claim{Ref: ref("a"), Owner: "1/x"}, mirror.Claim{Ref: ref("unseen"), Owner: "1/y"}))
	find("b b@acme.example")
	o.fails(own(mirror.Claim{Ref: ref("b"), Owner: "2/z"}, mirror.Claim{Ref: ref("a"), Owner: "2/x"}), lockstep.CodeMatchTaken)
	o.fails(own(mirror.Claim{Ref: ref("unseen"), Owner: "2/x"}), lockstep.CodeMatchTaken)
	find("b b@acme.example") // all or none
	o.ok(own(mirror.Claim{Ref: ref("a"), Owner: "1/x"}))
	o.ok(own(mirror.Claim{Ref: ref("a"), From: "2/x"})) // somebody else's stays
	find("b b@acme.example")
	o.take(mirror.Batch{}, human("a", "userName", "other@acme.example"), human("unseen"))
	find("b b@acme.example")
	o.take(mirror.Batch{}, human("a", "title", "x"))
	o.ok(own(mirror.Claim{Ref: ref("a"), From: "1/x"}))
	find("a a@acme.example", "b b@acme.example")
	o.ok(own(mirror.Claim{Ref: ref("b"), Owner: "1/b"}, mirror.Claim{Ref: ref("b"), Owner: "2/b", From: "1/b"}))
	rows, err := o.mirrors.Get(o.Context(), o.id, ref("b"))
	o.ok(err)
	if rows[0].Owner != "2/b" {
		o.Errorf("%+v", rows[0])
	}
}

// mirrorLoose: who has no link of the job, and who has a part in a value that they are looked up by, are found in pages, and counted.
func mirrorLoose(o *outside) {
	o.begin()
	o.take(mirror.Batch{}, human("a"), human("b"), human("c", "userName", "100%_Zoë@ACME.example"), human("d"), human("e"))
	o.take(mirror.Batch{Gone: []string{"e"}})
	s := o.claim(o.id.Connection)
	s.commit(provision.Batch{Links: []plan.Link{
		{Source: ref("1"), Target: "a"}, {Source: ref("2")}, {Source: ref("3"), Target: "d", Disabled: true}, {Source: connection.Ref{Type: "Group", ID: "4"}, Target: "b"},
	}})
	other := o.claim(o.job("other", nil).ID)
	other.commit(provision.Batch{Links: []plan.Link{{Source: ref("1"), Target: "c"}}})
	ids := func(numbers []int64, err error) (all []string) {
		o.Helper()
		o.ok(err)
		rows, err := o.mirrors.Numbered(o.Context(), o.id, numbers)
		o.ok(err)
		slices.SortFunc(rows, func(a, b mirror.Row) int { return int(a.No - b.No) })
		for _, r := range rows {
			all = append(all, r.Object.ID)
		}
		return all
	}
	if d := cmp.Diff([]string{"b", "c"}, ids(o.mirrors.Loose(o.Context(), o.id, "User"))); d != "" {
		o.Error(d)
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"ACME.ex", []string{"a", "b", "c", "d"}}, {"0%_z", []string{"c"}}, {"zoë", []string{"c"}}, {"%", []string{"c"}}, {"_", []string{"c"}},
		{"d@", []string{"d"}}, {"d", []string{"d"}}, {"e@", nil}, {"none", nil},
	} {
		if d := cmp.Diff(c.want, ids(o.mirrors.Holding(o.Context(), o.id, "User", c.text))); d != "" {
			o.Errorf("%s: %s", c.text, d)
		}
	}
	none := mirror.ID{Tenant: o.tenant, Connection: o.job("unread", nil).ID}
	if n, err := o.mirrors.Loose(o.Context(), none, "User"); len(n) > 0 || err != nil {
		o.Errorf("of a system that nobody has read: %d, %v", n, err)
	}
}

// mirrorNames: references by name, and who hears of it when a name comes to mean somebody else.
func mirrorNames(o *outside) {
	named := func(id, manager string, names ...string) connection.Object {
		h := human(id)
		h.Names = names
		if manager != "" {
			h.References = []connection.Reference{{Attribute: connection.Manager, Name: manager}}
		}
		return h
	}
	who := func(name, typ string) string {
		o.Helper()
		n := mirror.Name{Type: typ, Name: name}
		found, err := o.mirrors.Named(o.Context(), o.id, []mirror.Name{n, {Name: "nobody"}})
		o.ok(err)
		return found[n].ID
	}
	o.begin()
	o.take(mirror.Batch{}, named("a", "cn=b"), named("c", "cn=x", "cn=c")) // 1, 2
	if who("cn=b", "") != "" || who("cn=c", "") != "c" || who("cn=c", "User") != "c" || who("cn=c", "Group") != "" {
		o.Error("wrong names")
	}
	o.take(mirror.Batch{}, named("b", "", "cn=b", "cn=b2")) // 3, and a moves
	o.want(mirror.Query{Order: mirror.ByPosition, After: 2}, "3 b 3", "1 a 4")
	o.take(mirror.Batch{}, named("b", "", "cn=b", "cn=b2")) // nothing
	o.want(mirror.Query{Order: mirror.ByPosition, After: 4})
	o.take(mirror.Batch{}, named("b", "", "cn=moved"), named("c", "cn=x", "cn=b")) // 5, 6: the name changes hands, and a moves
	o.want(mirror.Query{Order: mirror.ByPosition, After: 4}, "3 b 5", "2 c 6", "1 a 7")
	if who("cn=b", "") != "c" || who("cn=c", "") != "" || who("cn=moved", "") != "b" {
		o.Error("wrong names after a rename")
	}
	o.take(mirror.Batch{}, named("d", "", "cn=moved"), named("b", "", "cn=b3")) // taken by d before b gives it up
	if who("cn=moved", "") != "d" || who("cn=b3", "") != "b" {
		o.Error("a name was taken along by the one who had it before")
	}
	o.take(mirror.Batch{Gone: []string{"c"}})
	if who("cn=b", "") != "" {
		o.Error("a name of an object that is gone")
	}
	o.want(mirror.Query{Order: mirror.ByPosition, After: 9}, "2 c 10 gone", "1 a 11")
	o.take(mirror.Batch{}, named("a", "cn=z"))
	o.take(mirror.Batch{}, named("e", "", "cn=b"))
	o.want(mirror.Query{Order: mirror.ByPosition, After: 12}, "5 e 13") // a no longer refers to it
}
