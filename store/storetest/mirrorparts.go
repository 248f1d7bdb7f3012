package storetest

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/provision"
	"lockstep/store"
)

// mirrorPartial: an object that lists only what changed keeps the rest.
func mirrorPartial(o *outside) {
	members := func(ids ...string) (all []connection.Reference) {
		for _, id := range ids {
			r := connection.Reference{Attribute: connection.Members, To: ref(strings.TrimPrefix(id, "-")), Gone: id[0] == '-'}
			all = append(all, r)
		}
		return all
	}
	g := human("g")
	g.References = members("a", "b")
	o.begin()
	o.take(mirror.Batch{}, g)
	g.Partial, g.References = true, members("-a", "c", "b")
	second := g
	second.References = members("d")
	o.take(mirror.Batch{}, g, second)
	rows, err := o.mirrors.Get(o.Context(), o.id, g.Ref)
	o.ok(err)
	if d := cmp.Diff(members("b", "c", "d"), rows[0].Object.References); d != "" {
		o.Error(d)
	}
	position := rows[0].Position
	second.References = members("d", "-x")
	o.take(mirror.Batch{}, second)
	rows, err = o.mirrors.Get(o.Context(), o.id, g.Ref)
	o.ok(err)
	if rows[0].Position != position || rows[0].Object.Partial {
		o.Errorf("%+v", rows[0])
	}
}

// mirrorUnseen: what is judged of rows.
func mirrorUnseen(o *outside) {
	o.begin()
	o.take(mirror.Batch{}, human("a"), human("b"), human("c"), human("d"), human("e"))
	fates := []mirror.Verdict{{No: 1, Fate: mirror.Goes}, {No: 2, Fate: mirror.Hides}, {No: 3, Fate: mirror.Waits}, {No: 4, Fate: mirror.IsAsked}, {No: 5, Fate: mirror.Goes}}
	o.ok(o.mirrors.Wrote(o.Context(), o.id, time.Second, mirror.Write{Ref: ref("e"), At: o.now.Add(time.Second), Change: func(*connection.Object) {}}))
	taken := o.take(mirror.Batch{Fates: fates})
	if c := taken.Pass.Counts; c.Gone != 1 || c.Hides != 1 || c.Missed != 1 {
		o.Error(c)
	}
	o.want(mirror.Query{}, "1 a 6 gone", "2 b 2 hidden", "3 c 3 missed", "4 d 4 ask", "5 e 5")
	o.want(mirror.Query{States: []mirror.State{mirror.Hidden, mirror.Missed}}, "2 b 2 hidden", "3 c 3 missed")
	alive, err := o.mirrors.Alive(o.Context(), o.id, "User")
	o.ok(err)
	if d := cmp.Diff([]int64{2, 3, 4, 5}, alive.Numbers()); d != "" {
		o.Error(d)
	}
	rows, err := o.mirrors.Numbered(o.Context(), o.id, []int64{3, 2})
	o.ok(err)
	if len(rows) != 2 || rows[0].Missed+rows[1].Missed != o.pass.No {
		o.Errorf("%+v", rows)
	}
	o.take(mirror.Batch{}, human("b"), human("c"), human("d"))
	o.want(mirror.Query{}, "1 a 6 gone", "2 b 2", "3 c 3", "4 d 4", "5 e 5")
}

// mirrorParts: parts that could not be read, and answers.
func mirrorParts(o *outside) {
	o.begin()
	part := connection.Hidden{Name: "line 7", Err: &lockstep.Error{Code: lockstep.CodeSourceRow, Detail: "A quote is open."}, Most: 1, Part: "digest"}
	o.take(mirror.Batch{Parts: []connection.Hidden{part, {Name: "line 8", IDs: []string{"x"}}}}, human("a"))
	o.take(mirror.Batch{Parts: []connection.Hidden{{Name: "line 9", Below: "ou=x"}}}, human("b"))
	parts := func() []mirror.Part {
		all, err := o.mirrors.Parts(o.Context(), o.id, "User", o.pass.No)
		o.ok(err)
		return all
	}
	all := parts()
	if len(all) != 3 || all[0].Name != "line 7" || all[0].Code != lockstep.CodeSourceRow || all[0].Detail != "A quote is open." ||
		all[0].Answered || all[1].IDs[0] != "x" || all[2].Below != "ou=x" || o.pass.Counts.Hidden != 3 {
		o.Errorf("%+v", all)
	}
	before := o.head()
	o.ok(o.mirrors.Answer(o.Context(), o.id, "User", "digest"))
	o.fails(o.mirrors.Answer(o.Context(), o.id, "User", ""), lockstep.CodeInvalid)
	if all := parts(); !all[0].Answered || all[1].Answered || all[2].Answered {
		o.Errorf("%+v", all)
	}
	if h := o.head(); h.Requests != before.Requests+1 || h.Whole != h.Requests {
		o.Errorf("%+v", h)
	}
	o.pass.Parts = o.pass.No
	o.take(mirror.Batch{Done: true})
	if len(parts()) != 3 {
		o.Error("the parts of the last pass are lost")
	}
	o.pass.Parts = 0
	o.take(mirror.Batch{Done: true})
	if len(parts()) != 0 {
		o.Error("the parts of an older pass stay")
	}
}

// mirrorLeases: one reader at a time, whose commits count only while it is the one.
func mirrorLeases(o *outside) {
	o.fails(claimError(o, "none"), lockstep.CodeEpoch)
	o.begin()
	if h := o.head(); h.Lease.Node != "node" || !h.Lease.Until.Equal(o.now.Add(time.Minute)) {
		o.Errorf("%+v", h.Lease)
	}
	o.fails(claimError(o, "second"), lockstep.CodeEpoch)
	if due, err := o.mirrors.Due(o.Context(), *o.now); err != nil || len(due) != 0 {
		o.Error(due, err)
	}
	first := o.lease
	o.lease.Until = o.now.Add(2 * time.Minute)
	o.take(mirror.Batch{}, human("a")) // renews
	*o.now = o.now.Add(90 * time.Second)
	o.fails(claimError(o, "second"), lockstep.CodeEpoch)
	*o.now = o.now.Add(time.Minute)
	o.ok(claimError(o, "second"))
	_, err := o.try(mirror.Batch{}, human("b"))
	o.fails(err, lockstep.CodeEpoch)
	_, err = o.mirrors.Begin(o.Context(), first, o.pass)
	o.fails(err, lockstep.CodeEpoch)
	o.fails(o.mirrors.Release(o.Context(), first, mirror.Visit{}), lockstep.CodeEpoch)
	o.want(mirror.Query{}, "1 a 1")
	o.ok(o.mirrors.Start(o.Context()))
	free := claimError(o, "third") == nil
	if sqlite := o.db.Dialect() == store.SQLite; free != sqlite {
		o.Error("free after a start:", free)
	}
}

func claimError(o *outside, node string) error {
	_, err := o.mirrors.Claim(o.Context(), o.id, node, o.now.Add(time.Minute))
	return err
}

// mirrorRequests: what is due, and when.
func mirrorRequests(o *outside) {
	due := func() int {
		o.Helper()
		all, err := o.mirrors.Due(o.Context(), *o.now)
		o.ok(err)
		return len(all)
	}
	if due() != 0 || o.head().Generation != 0 {
		o.Error("nobody has asked")
	}
	o.begin()
	again, err := o.mirrors.Request(o.Context(), o.id, mirror.Request{Whole: true}) // while it is read
	o.ok(err)
	if h := o.head(); again != 2 || h.Requests != 2 || h.Whole != 2 || h.Answered != 0 {
		o.Errorf("%d %+v", again, h)
	}
	o.release(mirror.Visit{Answered: 1})
	if due() != 1 {
		o.Error("a request that came meanwhile is not due")
	}
	h, err := o.mirrors.Claim(o.Context(), o.id, "node", o.now.Add(time.Minute))
	o.ok(err)
	o.lease = h.Lease
	o.release(mirror.Visit{Failed: true, Code: lockstep.CodeSourceUnreachable, Detail: "no", NotBefore: o.now.Add(time.Minute)})
	if h := o.head(); due() != 0 || h.Failures != 1 || h.Code != lockstep.CodeSourceUnreachable || h.Answered != 1 {
		o.Errorf("%+v", h)
	}
	_, err = o.mirrors.Request(o.Context(), o.id, mirror.Request{})
	o.ok(err)
	if due() != 0 {
		o.Error("a watcher ends the pause")
	}
	_, err = o.mirrors.Request(o.Context(), o.id, mirror.Request{Now: true})
	o.ok(err)
	if due() != 1 {
		o.Error("somebody who waits does not end the pause")
	}
	h, err = o.mirrors.Claim(o.Context(), o.id, "node", o.now.Add(time.Minute))
	o.ok(err)
	o.lease = h.Lease
	o.release(mirror.Visit{Failed: true, Held: o.now.Add(time.Minute)})
	_, err = o.mirrors.Request(o.Context(), o.id, mirror.Request{Now: true})
	o.ok(err)
	if h := o.head(); due() != 0 || h.Failures != 2 || !h.NotBefore.Equal(o.now.Add(time.Minute)) {
		o.Errorf("somebody overrules the system: %+v", h)
	}
	*o.now = o.now.Add(time.Minute)
	if due() != 1 {
		o.Error("not due after the pause")
	}
	_, err = o.mirrors.Request(o.Context(), mirror.ID{Tenant: o.add("other"), Connection: o.id.Connection}, mirror.Request{})
	o.fails(err, lockstep.CodeNotFound)
}

// mirrorChanged: what a read fails for does not count when somebody has changed its connection meanwhile: it is read again at once.
func mirrorChanged(o *outside) {
	change := func() {
		o.ok(o.db.ChangeConnection(o.Context(), admin, o.tenant, o.id.Connection, func(now provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: map[string]string{"at": o.now.String()}}, nil
		}))
	}
	failed := func() { // an hour, which no int4 has in milliseconds since 1970
		o.release(mirror.Visit{Failed: true, Code: lockstep.CodeAuthToken, Detail: "no", NotBefore: o.now.Add(time.Hour)})
	}
	stands := func(code lockstep.Code, due int) {
		o.Helper()
		all, err := o.mirrors.Due(o.Context(), *o.now)
		o.ok(err)
		if h := o.head(); h.Code != code || len(all) != due || (h.NotBefore.After(*o.now)) != (code != "") {
			o.Errorf("%d are due, %+v; want %q", len(all), h, code)
		}
	}
	o.begin()
	change()
	failed()
	stands("", 1)
	if n := o.head().Failures; n != 0 {
		o.Errorf("%d failures count against the new settings", n)
	}
	o.begin()
	failed()
	stands(lockstep.CodeAuthToken, 0)
	change() // nobody reads
	stands("", 1)
	o.begin()
	change()
	*o.now = o.now.Add(2 * time.Minute) // whoever reads is gone
	o.begin()
	failed()
	stands(lockstep.CodeAuthToken, 0)
}

// mirrorKeys: rows get the keys that are wanted now.
func mirrorKeys(o *outside) {
	o.begin()
	o.take(mirror.Batch{}, human("a", "nick", "N"), human("b", "nick", "n"), human("c", "nick", "n"))
	o.ok(o.mirrors.Own(o.Context(), o.id, mirror.Claim{Ref: ref("b"), Owner: "x"}))
	o.take(mirror.Batch{Gone: []string{"c"}})
	o.keep.Keys = []string{"nick"}
	o.take(mirror.Batch{Rekey: []int64{1, 2, 3}})
	found, err := o.mirrors.Find(o.Context(), o.id, "User", "nick", "n")
	o.ok(err)
	if len(found) != 1 || found[0].Object.ID != "a" {
		o.Errorf("%+v", found)
	}
}

// mirrorForget: another system is compared with nothing.
func mirrorForget(o *outside) {
	o.begin()
	o.take(mirror.Batch{}, human("a"))
	o.ok(o.mirrors.Forget(o.Context(), o.id))
	_, err := o.try(mirror.Batch{}, human("b"))
	o.fails(err, lockstep.CodeEpoch)
	if h := o.head(); h.Generation != 2 || h.Position != 0 || len(h.Passes) != 0 || h.Requests <= h.Answered {
		o.Errorf("%+v", h)
	}
	o.want(mirror.Query{})
	o.begin()
	o.take(mirror.Batch{}, human("b"))
	o.want(mirror.Query{}, "1 b 1")
	found, err := o.mirrors.Find(o.Context(), o.id, "User", "userName", "a@acme.example")
	o.ok(err)
	if len(found) != 0 {
		o.Errorf("%+v", found)
	}
}

// mirrorDeleted: a connection that is gone takes its mirror along.
func mirrorDeleted(o *outside) {
	o.begin()
	o.take(mirror.Batch{}, human("a"))
	o.ok(o.db.DeleteJob(o.Context(), admin, o.tenant, o.id.Connection))
	_, err := o.try(mirror.Batch{}, human("b"))
	o.fails(err, lockstep.CodeEpoch)
	o.want(mirror.Query{})
	if h := o.head(); h.Generation != 0 {
		o.Errorf("%+v", h)
	}
}

// mirrorLongGone: of very many objects that are gone the oldest are forgotten, and it shows.
func mirrorLongGone(o *outside) {
	const n, more = 10_000, 3
	o.begin()
	var ids []string
	for i := range n + more {
		ids = append(ids, fmt.Sprintf("u%05d", i))
	}
	for chunk := range slices.Chunk(ids, 1000) {
		var all []connection.Object
		for _, id := range chunk {
			all = append(all, human(id))
		}
		o.take(mirror.Batch{}, all...)
	}
	o.ok(o.mirrors.Own(o.Context(), o.id, mirror.Claim{Ref: ref(ids[1]), Owner: "x"}))
	for chunk := range slices.Chunk(ids, 1000) {
		o.take(mirror.Batch{Gone: chunk})
	}
	o.take(mirror.Batch{Done: true})
	o.want(mirror.Query{Limit: 2}, fmt.Sprintf("2 u00001 %d gone", n+more+2), fmt.Sprintf("4 u00003 %d gone", n+more+4))
	if h := o.head(); h.Trimmed != n+more+3 {
		o.Errorf("trimmed %d", h.Trimmed)
	}
	o.take(mirror.Batch{Done: true})
	if h := o.head(); h.Trimmed != n+more+3 {
		o.Errorf("trimmed %d", h.Trimmed)
	}
}

// mirrorTexts: what no database can keep is kept as something else, and found again.
func mirrorTexts(o *outside) {
	odd := human("a\x00\xff", "userName", "t\x00")
	odd.Names = []string{"n\x00"}
	o.begin()
	o.take(mirror.Batch{}, odd)
	o.take(mirror.Batch{}, odd)
	if c := o.pass.Counts; c.Made != 1 || c.Changed != 0 {
		o.Error(c)
	}
	n := mirror.Name{Name: "n\x00"}
	found, err := o.mirrors.Named(o.Context(), o.id, []mirror.Name{n})
	o.ok(err)
	if found[n].ID == "" {
		o.Error("not found")
	}
	o.take(mirror.Batch{Gone: []string{"a\x00\xff"}})
	o.want(mirror.Query{States: []mirror.State{mirror.There}})
}

// mirrorLong: texts that are longer than what an index can have are found, and taken away, all the same.
func mirrorLong(o *outside) {
	long := func(end string) string {
		random := rand.NewChaCha8([32]byte{7}) // what could be compressed would not be long
		raw := make([]byte, 4000)
		_, _ = random.Read(raw)
		return hex.EncodeToString(raw) + end
	}
	one, two := human("1", "userName", long("1")), human("2", "userName", long("2"))
	one.Names, two.Names = []string{long("n1")}, []string{long("n2"), strings.Repeat("\xff", 990)}
	o.begin()
	o.take(mirror.Batch{}, one, two)
	found := func(title string) (ids []string) {
		o.Helper()
		all, err := o.mirrors.Find(o.Context(), o.id, "User", "userName", title)
		o.ok(err)
		for _, f := range all {
			if f.Key.Value != mirror.Fold(title) {
				o.Errorf("found by %.20q", f.Key.Value)
			}
			ids = append(ids, f.Row.Object.ID)
		}
		return ids
	}
	named := func(name string) string {
		o.Helper()
		n := mirror.Name{Name: name}
		all, err := o.mirrors.Named(o.Context(), o.id, []mirror.Name{n})
		o.ok(err)
		return all[n].ID
	}
	if a, b, c := found(long("1")), found(long("2")), found(long("3")); !slices.Equal(a, []string{"1"}) || !slices.Equal(b, []string{"2"}) || c != nil {
		o.Error(a, b, c)
	}
	if a, b, c := named(long("n1")), named(long("n2")), named(long("n3")); a != "1" || b != "2" || c != "" {
		o.Error(a, b, c)
	}
	two = human("2", "userName", "short")
	o.take(mirror.Batch{}, two)
	if a, b := found(long("2")), named(long("n2")); a != nil || b != "" {
		o.Error(a, b)
	}
}
