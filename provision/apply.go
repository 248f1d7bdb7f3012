package provision

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// apply carries out the cycle's planned actions, lane by lane, until none is left or the slice's time is up.
//
// Three parts run at the same time. The loader marks rows as open and hands them out; workers send them; the settler
// records the outcomes. A row is committed as open before its call is sent, and no more rows are open than the target takes
// in about two seconds, so a crash leaves little to look after.
func (r *run) apply(ctx context.Context) error {
	if r.waits == nil { // an earlier slice has read
		var of connection.Ref
		if r.cycle.Only() {
			of = r.cycle.Of
		}
		if err := r.loadWaitsOf(ctx, of); err != nil {
			return err
		}
	}
	a := &applier{run: r, items: map[connection.Ref]*becoming{}, idle: sync.NewCond(new(sync.Mutex)), refusals: r.cycle.Refusals.Clone()}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// What is open waits in the channel, so that the next rows are loaded while these are sent.
	work, results := make(chan []*item, 2*loadChunk), make(chan []*item, 64)
	var workers, settler sync.WaitGroup
	for range r.connections {
		workers.Go(func() {
			for batch := range work {
				a.send(ctx, batch)
				results <- batch
			}
		})
	}
	settler.Go(func() {
		if err := a.settle(ctx, results); err != nil {
			stop(err)
			for range results { // let the workers end
			}
		}
	})
	done, err := a.load(ctx, work)
	close(work)
	workers.Wait()
	close(results)
	settler.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	switch {
	case err != nil:
		return err
	case a.fatal != nil:
		return a.fatal
	case !a.paused.IsZero():
		return &connection.Pause{Until: a.paused}
	case !done:
		return errYield
	}
	return r.finish(ctx)
}

// readAgain is how often a job that waits for a read in which to look for what it may have created sees whether it fails.
const readAgain = 15 * time.Second

// finish ends the cycle when nothing is open any more.
func (r *run) finish(ctx context.Context) error {
	open, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Cycle: r.cycle.ID, States: []plan.ActionState{plan.Open}, Limit: 1})
	if err != nil {
		return err
	}
	switch {
	case len(open) == 0 && r.cycle.Only():
		return r.reviewAgain(ctx)
	case len(open) == 0:
		return r.end(ctx)
	}
	// What may have been sent is looked for again until it is certain.
	r.wake = r.now().Add(time.Second)
	if r.waiting = r.job.Request > 0; r.waiting { // the end of the read wakes the job; who looks earlier looks whether it fails
		r.wake = r.now().Add(readAgain)
	}
	r.job.NotBefore = r.wake
	if err := r.commit(ctx, Batch{Cycle: r.cycle, Job: &r.job}); err != nil {
		return err
	}
	return errYield
}

// item is an action on its way.
type item struct {
	plan.Action
	op      connection.Operation
	link    plan.Link
	carried []plan.ReferenceRow // references that ride along
	kept    []plan.ReferenceRow // those that went through although the call was refused
	waiting int                 // references that the row names and whose other end is not at the target
	manager *becoming           // whose create must end first
	stay    int                 // references that are let go of and stay, since others have them, too
	resumed bool                // an earlier attempt may have been sent
	unkept  bool                // it is there, with an id that cannot be kept
	lost    bool                // an attempt of this slice may have been done, although no answer says so
	found   *connection.Object  // there already: adopted instead of created
	result  connection.Result
	stood   *connection.Result // what the last call that did a part has written: nothing afterwards is as if it had not been sent
	end     ending
	made    *becoming
}

// weight is what the item counts for while it is open.
func (it *item) weight() int { return 1 + len(it.References)/weighty }

// becoming is what comes of an item, for those who refer to its object. It outlives the item, which is large.
type becoming struct {
	done chan struct{} // closed by the settler, when id is final
	id   string        // of the object that it has now at the target; "" is none
}

// known returns the id, if it is settled already.
func (m *becoming) known() string {
	select {
	case <-m.done:
		return m.id
	default:
		return ""
	}
}

// ending says what becomes of an item's row beside what its result says.
type ending int

const (
	answered  ending = iota // the result decides
	pointless               // there was nothing to send: done
	unsent                  // certainly not sent: planned again
	uncertain               // perhaps sent: stays open and is looked for
)

// applier is one run of apply.
type applier struct {
	*run
	items  map[connection.Ref]*becoming // the loader's: creates of this slice by source object, for the references to them
	idle   *sync.Cond                   // guards what follows
	open   int
	fatal  error                       // ends the slice: every further call would fail the same way
	paused time.Time                   // ends the slice: the target wants to be left alone until then
	taken  map[connection.Ref]plan.End // objects of the target, by whom this slice has given them to
	row    int                         // failures in a row for which the system is to blame

	refusals rule.Refusals
	probing  lockstep.ActionID // the row that is sent although there is doubt; the loader's, written when nothing is open
}

// tripAfter is how many calls may fail in a row for reasons of the system, not of the object, before the slice gives up.
const tripAfter = 12

// load opens rows and hands them out. It reports whether all rows were handed out.
func (a *applier) load(ctx context.Context, work chan<- []*item) (done bool, err error) {
	if err := a.resume(ctx, work); err != nil {
		return false, err
	}
	var stage plan.Stage
	for begun := false; ; {
		if a.halted(ctx) || begun && a.timeUp() { // some work is done, however long the slice took to begin
			return false, nil
		}
		window := a.window()
		limit := min(window, loadChunk)
		rows, err := a.planned(ctx, limit)
		if err != nil {
			return false, err
		}
		if len(rows) == 0 {
			a.drain(ctx, 0)
			if a.halted(ctx) {
				return false, nil
			}
			if a.cycle.Only() {
				return true, nil
			}
			more, err := a.moreReferences(ctx)
			if err != nil || !more {
				return err == nil, err
			}
			continue
		}
		// People are at the target before groups name them, and all objects before late references are written.
		if s := plan.StageOf(&rows[0]); s != stage {
			a.drain(ctx, 0)
			stage = s
			continue // what was open has an effect on the rows: read them again
		}
		if probed, err := a.probeOne(ctx, rows, work); err != nil || probed {
			if begun = true; err != nil {
				return false, err
			}
			continue
		}
		if here, err := a.createHere(ctx, &rows[0]); err != nil || here {
			if begun = true; err != nil {
				return false, err
			}
			continue
		}
		rows = wholeCircles(sameStage(rows), len(rows) == limit || references(rows) >= loadReferences)
		if rows, err = a.upToDate(ctx, rows); err != nil {
			return false, err
		}
		if begun = true; len(rows) == 0 {
			continue
		}
		a.drain(ctx, window-weight(rows))
		if a.halted(ctx) {
			return false, nil
		}
		if err := a.hand(ctx, rows, nil, work); err != nil {
			return false, err
		}
	}
}

// What is loaded at a time: so many rows, and no more than have so many references together.
const (
	loadChunk      = 256
	loadReferences = 5000
)

// weighty is how many references count as a row of their own among what is open: a group may have thousands, which take memory.
const weighty = 64

func weight(rows []plan.Action) int { return len(rows) + references(rows)/weighty }

func references(rows []plan.Action) (n int) {
	for i := range rows {
		n += len(rows[i].References)
	}
	return n
}

// window is how many rows may be open: what the target takes in two seconds.
func (a *applier) window() int {
	return max(8, min(2*loadChunk, a.limit.Window(2*time.Second)))
}

func sameStage(rows []plan.Action) []plan.Action {
	for i := range rows {
		if plan.StageOf(&rows[i]) != plan.StageOf(&rows[0]) {
			return rows[:i]
		}
	}
	return rows
}

// wholeCircles cuts off the last rows of a full chunk when more of their circle may follow.
func wholeCircles(rows []plan.Action, full bool) []plan.Action {
	if !full || len(rows) == 0 || !plan.InCircle(&rows[len(rows)-1]) {
		return rows
	}
	last, n := rows[len(rows)-1].Rank, len(rows)
	for n > 0 && rows[n-1].Rank == last {
		n--
	}
	if n == 0 {
		return rows // a circle of that many is tried as far as it is here
	}
	return rows[:n]
}

// hand opens the rows, makes operations of them and gives them to the workers. Creates whose object is at the target already
// come with it in found.
func (a *applier) hand(ctx context.Context, rows []plan.Action, found map[lockstep.ActionID]*connection.Object, work chan<- []*item) error {
	ids := make([]lockstep.ActionID, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	if err := a.commit(ctx, Batch{Opened: ids}); err != nil {
		return err
	}
	items, err := a.operations(ctx, rows, false)
	if err != nil {
		return err
	}
	for _, it := range items {
		it.found = found[it.ID]
	}
	a.idle.L.Lock()
	for _, it := range items {
		a.open += it.weight()
	}
	a.idle.L.Unlock()
	size := max(a.to.Batch, 1)
	for len(items) > 0 {
		n := 1
		for n < len(items) && (n < size || together(items[n-1], items[n])) && !waitsForOneOf(items[n], items[:n]) {
			n++
		}
		select {
		case work <- items[:n:n]:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		items = items[n:]
	}
	return nil
}

// together reports whether two neighbours belong to one circle, which is written in one call.
func together(a, b *item) bool {
	return plan.InCircle(&a.Action) && plan.InCircle(&b.Action) && a.Rank == b.Rank
}

// waitsForOneOf reports whether the item needs the id that one of the batch will get.
func waitsForOneOf(it *item, batch []*item) bool {
	return it.manager != nil && slices.ContainsFunc(batch, func(other *item) bool { return other.made == it.manager })
}

// operations makes the calls of rows, with the links and references that they need. Here says that they create in our own
// directory, and get their ids now.
func (a *applier) operations(ctx context.Context, rows []plan.Action, here bool) ([]*item, error) {
	items := make([]*item, len(rows))
	refs, ends := map[string][]string{}, map[string][]string{} // source ids whose links are needed, and of whom the target's id is, by type
	for i, row := range rows {
		items[i] = &item{Action: row, resumed: row.State == plan.Open, made: &becoming{done: make(chan struct{})}}
		if here {
			items[i].made.id = string(lockstep.NewID[lockstep.UserID]())
			close(items[i].made.done)
		}
		items[i].Attempt++ // as Opened has stored it
		items[i].Epoch, items[i].State = a.job.Epoch, plan.Open
		refs[row.Source.Type] = append(refs[row.Source.Type], row.Source.ID)
		for _, ref := range row.References {
			if a.targetOf(ref.To.Ref) == "" {
				ends[ref.To.Type] = append(ends[ref.To.Type], ref.To.ID)
			}
		}
	}
	links := map[connection.Ref]plan.Link{}
	for typ, ids := range ends {
		if err := a.loadLinks(ctx, plan.LinkQuery{Type: typ, Sources: distinct(ids), Bare: true}, links); err != nil {
			return nil, err
		}
	}
	for typ, ids := range refs { // of these all is needed
		if err := a.loadLinks(ctx, plan.LinkQuery{Type: typ, Sources: ids}, links); err != nil {
			return nil, err
		}
	}
	for _, it := range items {
		it.link = links[it.Source.Ref]
		it.op = connection.Operation{
			Action: it.ID, Kind: it.Kind, Ref: connection.Ref{Type: it.Target.Type, ID: it.Target.ID}, Name: it.Target.Name,
			Before: it.Before, After: it.After, Effect: it.Effect, Version: it.link.Version,
		}
		if it.Kind != rule.Create && it.link.Target != "" {
			it.op.Ref.ID = it.link.Target
		}
		if plan.InCircle(&it.Action) {
			it.op.Together = it.Rank
		}
		a.carry(it, links)
		if here || it.Source.Type == connection.UserType && (it.Kind == rule.Create || it.Kind == rule.Link) {
			a.register(it)
		}
	}
	return items, a.whatWasWritten(ctx, items)
}

func distinct(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// targetOf returns the id of whoever this slice has created.
func (a *applier) targetOf(ref connection.Ref) string {
	if m := a.items[ref]; m != nil {
		return m.known()
	}
	return ""
}

func (a *applier) loadLinks(ctx context.Context, q plan.LinkQuery, into map[connection.Ref]plan.Link) error {
	found, err := a.Store.Links(ctx, a.job.Tenant, a.job.ID, q)
	for _, l := range found {
		into[l.Source] = l
	}
	return err
}

// carry puts the references that the row names into the call. Those whose other end has no id at the target, since its create
// failed, are left out and wait. A manager whose own create is on its way is waited for; a ring is not.
func (a *applier) carry(it *item, links map[connection.Ref]plan.Link) {
	for _, ref := range it.References {
		edge := plan.ReferenceRow{From: it.Source.Ref, Attribute: ref.Attribute, To: ref.To.Ref, Wanted: !ref.Gone, Written: !ref.Gone}
		p := a.programs[ref.To.Type]
		if p == nil {
			continue
		}
		target := cmp.Or(a.targetOf(ref.To.Ref), links[ref.To.Ref].Target)
		if m := a.items[ref.To.Ref]; target == "" && m != nil && it.Kind == rule.Create && ref.Attribute == connection.Manager {
			it.manager = m // handed out before this one, so waiting for it comes to an end
			it.carried = append(it.carried, edge)
			continue
		}
		if target == "" {
			it.waiting++
			continue
		}
		to := connection.Reference{Attribute: ref.Attribute, To: connection.Ref{Type: p.Type, ID: target}}
		switch {
		case ref.Stays:
			it.stay++
		case ref.Gone:
			it.op.Remove = append(it.op.Remove, to)
		default:
			it.op.Add = append(it.op.Add, to)
		}
		it.carried = append(it.carried, edge)
	}
	if it.Kind == rule.Refer && len(it.carried) == 0 {
		it.end = pointless
	}
}

// register makes a create known to those who refer to it. Managers come first.
func (a *applier) register(it *item) { a.items[it.Source.Ref] = it.made }

// drain waits until at most n rows are open.
func (a *applier) drain(ctx context.Context, n int) {
	defer context.AfterFunc(ctx, func() { // locked: between the look at ctx and the wait, nobody would hear it
		a.idle.L.Lock()
		defer a.idle.L.Unlock()
		a.idle.Broadcast()
	})()
	a.idle.L.Lock()
	defer a.idle.L.Unlock()
	for a.open > max(n, 0) && ctx.Err() == nil {
		a.idle.Wait()
	}
}

func (a *applier) halted(ctx context.Context) bool {
	a.idle.L.Lock()
	defer a.idle.L.Unlock()
	return a.fatal != nil || !a.paused.IsZero() || ctx.Err() != nil
}

// settle records outcomes as they come in, many in one commit.
func (a *applier) settle(ctx context.Context, results <-chan []*item) error {
	for some := range results {
		batch := slices.Clip(some)
	gather:
		for len(batch) < loadChunk {
			select {
			case more, ok := <-results:
				if !ok {
					break gather
				}
				batch = append(batch, more...)
			default:
				break gather
			}
		}
		if err := a.record(ctx, batch); err != nil {
			return err
		}
		a.idle.L.Lock()
		for _, it := range batch {
			a.open -= it.weight()
		}
		a.idle.L.Unlock()
		a.idle.Broadcast()
	}
	return nil
}

// record writes the outcomes of a batch of calls in one commit. It runs to its end even when the slice is being stopped: what
// the target has done must be known.
func (a *applier) record(ctx context.Context, items []*item) error {
	ctx = context.WithoutCancel(ctx)
	if err := a.disbelieve(ctx, items); err != nil {
		return err
	}
	b := Batch{Cycle: a.cycle}
	for _, it := range items {
		if it.links() {
			it.made.id = it.result.ID
		}
		close(it.made.done)
		a.outcome(it, &b)
	}
	a.idle.L.Lock()
	a.cycle.Refusals = a.refusals.Clone()
	a.idle.L.Unlock()
	if err := a.bequeath(ctx, items, &b); err != nil {
		return err
	}
	return a.commit(ctx, b)
}
