package webex

import (
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

var _ connection.Foreseer = (*Target)(nil)

// Foresee implements connection.Foreseer: it says which people Webex would refuse, as far as that can be known. Webex has no call
// that tells which domains are verified, so these are a setting; without it nothing is said of them. Of licences and roles it is asked what there is; while it does not
// say, nothing is said of them. Whoever is disabled is never refused: nothing may keep a door open.
func (t *Target) Foresee(ctx context.Context, ops []connection.Operation) ([]connection.Foreseen, error) {
	out := make([]connection.Foreseen, len(ops))
	for i := range ops {
		out[i].Kind = ops[i].Kind
		if ops[i].Ref.Type != connection.UserType {
			continue
		}
		if out[i].Refuse = t.refuses(&ops[i]); out[i].Refuse != nil {
			continue
		}
		licences, err := t.foreseeLicences(ctx, &ops[i])
		roles, err2 := t.foreseeRoles(ctx, &ops[i])
		if out[i].Refuse = cmp.Or(err, err2); out[i].Refuse != nil && disables(&ops[i]) {
			out[i].Refuse = nil
		}
		if note := strings.Join(slices.DeleteFunc([]string{licences, roles}, func(s string) bool { return s == "" }), "; "); note != "" && out[i].Refuse == nil {
			out[i].Effect = &connection.Effect{Before: ops[i].Before, After: ops[i].After, Note: note}
		}
	}
	return out, nil
}

// disables reports whether the operation closes a door.
func disables(op *connection.Operation) bool {
	return op.Kind == rule.Disable || op.Kind == rule.Delete || op.After.Get("active") == false
}

// plans counts what the operations of a plan take of what there is not enough of.
type plans struct {
	mu     sync.Mutex
	newest []*plan
}

// plan is what one plan has been promised so far.
type plan struct {
	id     lockstep.CycleID
	seats  map[string]map[string]int  // by the id of a licence, who gets a seat, and as which one
	back   map[string]map[string]bool // and who gives one back
	admins map[string]bool            // full administrators who lose the role
}

// mostPlans is how many plans are counted at the same time.
const mostPlans = 16

// of returns what is counted for a plan, and keeps others from it until done is called.
func (p *plans) of(id lockstep.CycleID) (one *plan, done func()) {
	p.mu.Lock()
	for _, one := range p.newest {
		if one.id == id && id != "" {
			return one, p.mu.Unlock
		}
	}
	one = &plan{id: id, seats: map[string]map[string]int{}, back: map[string]map[string]bool{}, admins: map[string]bool{}}
	p.newest = append(p.newest, one)
	if len(p.newest) > mostPlans {
		p.newest = p.newest[1:]
	}
	return one, p.mu.Unlock
}

// foreseeLicences says why a licence cannot be given, and for which no seat will be left.
func (t *Target) foreseeLicences(ctx context.Context, op *connection.Operation) (note string, refuse error) {
	if op.Kind == rule.Delete {
		return "", nil
	}
	before, after := licencesOf(op.Before), licencesOf(op.After)
	give, take := without(after, before), without(before, after)
	if len(give)+len(take) == 0 {
		return "", nil
	}
	all, r := t.lookUp(ctx, give)
	if r.Err != nil {
		if denied(r.Err) && len(give) > 0 {
			return "", r.Err
		}
		return "", nil
	}
	plan, done := t.plans.of(op.Plan)
	defer done()
	who := cmp.Or(op.Ref.ID, strings.ToLower(op.Name))
	for _, s := range take {
		if l, err := meant(all, s); err == nil {
			set(plan.back, l.id)[who] = true
		}
	}
	var notes []string
	for _, s := range give {
		l, err := meant(all, s)
		if err != nil {
			return "", err
		}
		if n, limited := l.free(); limited {
			seats := set(plan.seats, l.id)
			at, known := seats[who]
			if !known {
				at = len(seats)
				seats[who] = at
			}
			if back := len(plan.back[l.id]); at >= n+back {
				notes = append(notes, fmt.Sprintf("no seat of %s will be left for them: %d of %d are free, this plan gives back %d, and %d get one before them", s, n, l.total, back, at))
			}
		}
	}
	return strings.Join(notes, "; "), nil
}

// set returns the inner map, which it makes when there is none.
func set[V any](m map[string]map[string]V, key string) map[string]V {
	if m[key] == nil {
		m[key] = map[string]V{}
	}
	return m[key]
}

// foreseeRoles says what a change of roles brings about, and why it cannot be made.
func (t *Target) foreseeRoles(ctx context.Context, op *connection.Operation) (note string, refuse error) {
	if op.Kind == rule.Delete {
		return "", nil
	}
	d := t.differRoles(ctx, op)
	if d.err != nil {
		if lockstep.Describe(lockstep.CodeOf(d.err)).Class == lockstep.Heals {
			return "", nil
		}
		return "", d.err
	}
	if slices.Contains(d.take, fullAdmin) {
		plan, done := t.plans.of(op.Plan)
		others, counted := len(plan.admins), plan.admins[op.Ref.ID]
		if counted {
			others--
		}
		plan.admins[op.Ref.ID] = true // others are asked about meanwhile
		done()
		if _, err := t.keepsAdmin(ctx, op.Ref.ID, others); lockstep.CodeOf(err) == lockstep.CodeTargetAdmin && err != nil {
			plan, done = t.plans.of(op.Plan)
			delete(plan.admins, op.Ref.ID)
			done()
			return "", err
		}
	}
	if op.Kind == rule.Create || len(d.give)+len(d.take) == 0 {
		return "", nil
	}
	return "Webex ends all their sessions and tokens when their roles change", nil
}

// refuses says why Webex would refuse an operation on a user; nil when nothing is known against it. A name that Webex has already is not judged.
func (t *Target) refuses(op *connection.Operation) error {
	name := op.After.Text("userName")
	switch {
	case op.Kind != rule.Create && op.Kind != rule.Update:
		return nil
	case name == "" || strings.EqualFold(name, op.Before.Text("userName")):
		return nil
	case !isAddress(name):
		return &lockstep.Error{Code: lockstep.CodeMapInvalid, Detail: fmt.Sprintf("userName %q is not an e-mail address, which Webex asks for", name)}
	}
	domain := strings.ToLower(name[strings.LastIndexByte(name, '@')+1:])
	if len(t.domains) == 0 || slices.Contains(t.domains, domain) {
		return nil
	}
	return &lockstep.Error{Code: lockstep.CodeTargetDomain, Detail: fmt.Sprintf("the domain %s of %s is none of those that the connection names as verified: %s", domain, name, strings.Join(t.domains, ", "))}
}

// isAddress reports whether the text is an e-mail address alone.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// parseDomains reads the setting domains: names, separated by commas or blanks.
func parseDomains(text string) ([]string, error) {
	var all []string
	for _, d := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' || r == '\t' }) {
		if d = strings.TrimPrefix(d, "@"); !strings.Contains(d, ".") || strings.ContainsAny(d, "@/:") {
			return nil, invalid("%q is no domain; domains are like acme.example, separated by commas", d)
		}
		all = append(all, d)
	}
	return all, nil
}
