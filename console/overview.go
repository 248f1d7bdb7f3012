package console

import (
	"context"
	"hash/fnv"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// overviewView is an app or a source: what moves, and the log.
type overviewView struct {
	Bar    *draftBar // nil is no draft
	Job    job
	Href   string
	Said   string
	Setup  []setupStep // of a draft
	Cycle  *progress   // the open one, or else the last
	Plan   *openPlan
	Held   held
	Needs  []group
	Heals  []group
	Funnel []funnelStep
	Cycles []progress
	Log    logView
}

// head is the head of the page.
func (v overviewView) head() head { return head{Job: v.Job, Href: v.Href, Plan: v.Plan != nil} }

// openPlan is a plan in review.
type openPlan struct {
	Cycle   string
	Counts  []count
	Changes int
	Rows    int
	Groups  []rowGroup
	More    int
	Href    string            // of all its lines
	Left    int               // rows that were left out of it
	Cannot  int               // rows that cannot be carried out
	Shared  []operate.Sharing // other apps that lead to the same place
	Warned  []operate.Warning // what should be known before it is applied
}

// rowGroup is rows of one deed and one cause.
type rowGroup struct {
	Title string
	Rows  []row
}

// fewAlone is from how many rows of one deed on, each of a cause of its own, they stand together: what each is for stands in the row.
const fewAlone = 4

// grouped puts rows of the same deed for the same reason together, in the order in which they first appear.
func grouped(all []row) []rowGroup {
	deed := func(r row) string { return words.Upper(strings.TrimPrefix(r.Outcome.Word, "will ")) }
	title := func(r row) string {
		if r.Cause == "" {
			return deed(r)
		}
		return deed(r) + ": " + r.Cause
	}
	alike, alone := map[string]int{}, map[string]int{}
	for _, r := range all {
		alike[title(r)]++
	}
	for _, r := range all {
		if alike[title(r)] == 1 {
			alone[deed(r)]++
		}
	}
	var groups []rowGroup
	at := map[string]int{}
	for _, r := range all {
		under := title(r)
		if alike[under] == 1 && alone[deed(r)] >= fewAlone {
			under = deed(r) + ": each for a reason of its own"
		}
		i, there := at[under]
		if !there {
			i = len(groups)
			at[under] = i
			groups = append(groups, rowGroup{Title: under})
		}
		groups[i].Rows = append(groups[i].Rows, r)
	}
	return groups
}

// funnelStep is how many people get this far.
type funnelStep struct {
	Word  string
	N     int
	Of    int
	Href  string
	Tone  string
	Bound bool // at least so many: there are too many to count each time
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	view, err := s.overviewView(r.Context(), v.who, j, f)
	if err != nil {
		return err
	}
	if view.Bar, err = s.bar(r, v, j); err != nil {
		return err
	}
	view.Said = said(r)
	v.page.Title, v.page.Nav = view.Job.Name, view.head().parent().Href
	live := f.query()
	if f.Row == "" { // a line that was asked for may stand before the others
		live.Set("seen", markOf(view.Log))
	}
	v.page.Live = jobHref(j) + "/live?" + live.Encode()
	return s.render(w, r, http.StatusOK, overviewPage(v.page, view))
}

// overviewView reads everything of the page.
func (s *Server) overviewView(ctx context.Context, p operate.Principal, j provision.Job, f logFilter) (v overviewView, err error) {
	v.Href = jobHref(j)
	if v.Job, err = s.jobView(ctx, p, j); err != nil {
		return v, err
	}
	if v.Job.Draft {
		if v.Setup, err = s.setup(ctx, p, j); err != nil {
			return v, err
		}
	}
	cycles, err := s.cycles(ctx, p, j, &v)
	if err != nil {
		return v, err
	}
	if v.Held, err = s.held(ctx, p, j); err != nil {
		return v, err
	}
	if v.Needs, v.Heals, err = s.problems(ctx, p, j, cycles); err != nil {
		return v, err
	}
	if v.Funnel, err = s.funnel(ctx, p, j); err != nil {
		return v, err
	}
	if v.Plan, err = s.plan(ctx, p, j); err != nil {
		return v, err
	}
	if v.Log, err = s.log(ctx, p, j, f); err != nil {
		return v, err
	}
	return v, s.openRow(ctx, p, j, f, &v.Log)
}

// recentCycles is how many cycles the page lists.
const recentCycles = 8

func (s *Server) cycles(ctx context.Context, p operate.Principal, j provision.Job, v *overviewView) ([]provision.Cycle, error) {
	all, err := s.Operator.Cycles(ctx, p, string(j.ID), recentCycles+1)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if j.Cycle != nil && c.ID == j.Cycle.ID {
			continue
		}
		v.Cycles = append(v.Cycles, progressOf(jobHref(j), c))
	}
	v.Cycles = v.Cycles[:min(len(v.Cycles), recentCycles)]
	switch {
	case j.Cycle != nil:
		at := progressOf(jobHref(j), *j.Cycle)
		v.Cycle = &at
	case len(v.Cycles) > 0:
		v.Cycle = &v.Cycles[0]
	}
	return all, nil
}

// openRow opens the line that the address names; when the page does not hold it, it comes first.
func (s *Server) openRow(ctx context.Context, p operate.Principal, j provision.Job, f logFilter, l *logView) error {
	if f.Row == "" {
		return nil
	}
	for i := range l.Rows {
		if l.Rows[i].ID == f.Row {
			l.Rows[i].Open = true
			return nil
		}
	}
	found, err := s.Operator.Actions(ctx, p, j, plan.ActionQuery{IDs: []lockstep.ActionID{lockstep.ActionID(f.Row)}, Limit: 1})
	if err != nil || len(found) == 0 {
		return err
	}
	r := rowOf(j, found[0], f)
	r.Open = true
	l.Rows = append([]row{r}, l.Rows...)
	return nil
}

// planRows is how many lines of a plan the page shows; the log has the rest.
const planRows = 25

func (s *Server) plan(ctx context.Context, p operate.Principal, j provision.Job) (*openPlan, error) {
	if j.Cycle == nil || j.Cycle.Phase != provision.Review {
		return nil, nil
	}
	made, err := s.Operator.Review(ctx, p, j, *j.Cycle, plan.ActionQuery{States: []plan.ActionState{plan.Planned}, Limit: planRows})
	if err != nil {
		return nil, err
	}
	id := string(made.Cycle.ID)
	v := &openPlan{Shared: made.Shared, Warned: made.Warnings, Cycle: id, Href: planHref(jobHref(j), waitingFilter{}), Left: made.Left, Cannot: made.Problems}
	for _, k := range rule.Kinds() {
		if n := made.Kinds[k]; n > 0 && k != rule.Skip {
			v.Changes += n
			v.Counts = append(v.Counts, count{words.DeedOf(k).Will, words.DeedOf(k).Sign, string(k), n, planHref(jobHref(j), waitingFilter{Kind: string(k)})})
		}
	}
	if n := made.Problems; n > 0 {
		v.Counts = append(v.Counts, count{"cannot", "▲", "failed", n, planHref(jobHref(j), waitingFilter{Show: "cannot"})})
	}
	var rows []row
	for _, a := range made.Rows {
		rows = append(rows, rowOf(j, a, logFilter{Show: "planned"}))
	}
	v.Groups, v.Rows = grouped(rows), len(rows)
	v.More = v.Changes - v.Rows
	return v, nil
}

// funnel counts how far people get, in the links of the job: there is one for everybody it has met.
func (s *Server) funnel(ctx context.Context, p operate.Principal, j provision.Job) ([]funnelStep, error) {
	f, err := s.Operator.Funnel(ctx, p, j)
	if err != nil || f.Known == 0 {
		return nil, err
	}
	people := jobHref(j) + "/people"
	more := f.Known == provision.MostFunnel
	return []funnelStep{
		{"Known", f.Known, f.Known, people, "read", more},
		{"In scope", f.Known - f.Out, f.Known, people + "?show=in", "create", more},
		{"Linked", f.Linked, f.Known, people + "?show=linked", "link", f.Linked == provision.MostFunnel},
		{"Failing", f.Failing, f.Known, people + "?show=failing", "failed", f.Failing == provision.MostFunnel},
	}, nil
}

// slowly is how often, at most, a stream reads what costs more than the state of the job.
const slowly = 2 * time.Second

// cycle is the cycle of the page. What it ended with is not told once more where it is why the job is stopped.
func (v overviewView) cycle() progress {
	c := *v.Cycle
	if why := v.Job.Problem; why != nil && c.Failure != nil && c.Failure.Code == why.Code {
		c.Failure = nil
	}
	return c
}

// overviewLive sends the moving part of the page and the log whenever they have changed.
func (s *Server) overviewLive(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	f.Row = "" // what is open on the page stays open by itself
	slug := r.PathValue("slug")
	look, done := s.watched.watch(lookKey{v.who.Tenant, v.who.Scopes.String(), slug, f}, func() looker[overviewSeen] {
		return &overviewStream{server: s, slug: slug, filter: f}
	})
	defer done()
	seen := r.URL.Query().Get("seen")
	var last overviewSeen
	return s.stream(w, r, v, func(ctx context.Context) ([]event, error) {
		now, err := look(ctx, v.who)
		if err != nil {
			return nil, err
		}
		var events []event
		if now.live != last.live {
			events = append(events, event{body: now.live})
		}
		if last.live == nil && seen != "" && seen != now.mark || last.live != nil && now.log != last.log {
			events = append(events, event{name: "log", body: now.log})
		}
		last = now
		return events, nil
	})
}

// overviewSeen is one state of a page. What is the same has the same address.
type overviewSeen struct {
	live, log *drawn
	mark      string // markOf the log
}

// overviewStream is a page that is being watched, by any number of browsers.
type overviewStream struct {
	server *Server
	slug   string
	filter logFilter
	stored provision.Job // as it was when the view was read
	last   overviewView
	read   time.Time
	sent   time.Time // the bar, between two full looks
	pace   pace
	seen   overviewSeen
}

func (o *overviewStream) look(ctx context.Context, p operate.Principal) (overviewSeen, error) {
	j, err := o.server.Operator.Job(ctx, p, o.slug)
	if err != nil {
		return o.seen, err
	}
	now := o.server.now()
	moved := !reflect.DeepEqual(j, o.stored)
	ended := moved && j.Cycle == nil
	if !moved || !ended && now.Sub(o.read) < slowly && o.last.Cycle != nil && o.last.Cycle.Running && j.Cycle != nil {
		o.progress(j, moved, now)
		return o.seen, nil
	}
	view, err := o.server.overviewView(ctx, p, j, o.filter)
	if err != nil {
		return o.seen, err
	}
	first := o.read.IsZero()
	o.stored, o.read, o.sent = j, now, now
	o.timed(&view, now)
	if first || !reflect.DeepEqual(moving(view), moving(o.last)) {
		o.seen.live = &drawn{of: overviewLive(now, view)}
	}
	if first || !reflect.DeepEqual(view.Log, o.last.Log) {
		o.seen.log, o.seen.mark = &drawn{of: logSection(now, view.Log)}, markOf(view.Log)
	}
	o.last = view
	return o.seen, nil
}

// markOf tells one state of a log from another. What changes between a page and its stream is not lost: the stream tells by it.
func markOf(l logView) string {
	h := fnv.New64a()
	for _, r := range l.Rows {
		_, _ = io.WriteString(h, r.ID+" "+r.Outcome.Word+"\n") // a hash takes everything
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// barEvery is how often, at most, the bar of a cycle moves.
const barEvery = time.Second

// progress moves the bar of a cycle between two full looks.
func (o *overviewStream) progress(j provision.Job, moved bool, now time.Time) {
	if !moved || j.Cycle == nil || now.Sub(o.sent) < barEvery {
		return
	}
	view := o.last
	p := progressOf(jobHref(j), *j.Cycle)
	view.Cycle, view.Job = &p, jobOf(j, now)
	at := operate.StateOf(operate.Facts{Job: j, Now: now})
	view.Job.State, view.Job.Says = badge(at), at.Says
	o.timed(&view, now)
	if reflect.DeepEqual(view.Cycle, o.last.Cycle) {
		return
	}
	o.last, o.sent, o.seen.live = view, now, &drawn{of: overviewLive(now, view)}
}

func (o *overviewStream) timed(v *overviewView, now time.Time) {
	if v.Cycle != nil && v.Cycle.Running {
		v.Cycle.Speed = o.pace.add(now, *v.Cycle)
	}
}

// moving is the view without the log, which is sent apart.
func moving(v overviewView) overviewView {
	v.Log, v.Said = logView{}, ""
	return v
}
