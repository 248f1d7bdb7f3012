package operate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/words"
)

// Warning is what somebody should know before a plan is applied. It stops nothing.
type Warning struct {
	Code     lockstep.Code `json:"code"`
	People   int           `json:"people" doc:"Of whom the plan creates an account under a user name that is none of their e-mail addresses."`
	There    int           `json:"there" doc:"Those of them who have an account under their e-mail address already, as far as was read: they would get a second one."`
	Examples []string      `json:"examples" doc:"The first of them, those with an account first: user name, and e-mail address in brackets."`
	More     bool          `json:"more,omitempty" doc:"There may be more: not all were looked at."`
	Says     string        `json:"says" doc:"The same in a sentence."`
}

const (
	mostCreates  = 10_000 // of a plan that are looked at
	mostExamples = 5
	mostWarned   = 100 // plans whose warnings are remembered
)

// warned remembers the warnings of plans that wait: such a plan stays as it is, and its page is looked at again and again.
type warned struct {
	mu  sync.Mutex
	all map[lockstep.CycleID][]Warning
}

func (w *warned) of(id lockstep.CycleID) ([]Warning, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, ok := w.all[id]
	return all, ok
}

func (w *warned) keep(id lockstep.CycleID, all []Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil || len(w.all) >= mostWarned {
		w.all = map[lockstep.CycleID][]Warning{}
	}
	w.all[id] = all
}

// newcomer is somebody whom a plan creates an account for.
type newcomer struct{ id, name string }

func newcomerOf(a *plan.Action) (newcomer, bool) {
	name := a.After.Text("userName")
	return newcomer{a.Source.ID, name}, a.Kind == rule.Create && a.Source.Type == connection.UserType && name != "" && (a.State == plan.Planned || a.State == plan.Held) && a.Code == ""
}

// namedByMail reports whether an account that somebody has there already is called by their e-mail address, and would not be found by it.
func (o *Operator) namedByMail(j provision.Job) bool {
	t, err := o.template(j.Connection.Kind, j.Direction)
	if err != nil || !t.NamedByMail {
		return false
	}
	for _, m := range j.Rules.Objects {
		if m.Source != connection.UserType || !m.Enabled {
			continue
		}
		byName := false
		for _, a := range m.Attributes {
			if a.Match > 0 && strings.HasPrefix(a.Target, "emails") {
				return false
			}
			byName = byName || a.Match > 0 && a.Target == "userName"
		}
		return byName
	}
	return false
}

// warnings are those of a plan that waits.
func (o *Operator) warnings(ctx context.Context, p Principal, j provision.Job, cycle lockstep.CycleID) ([]Warning, error) {
	if !o.namedByMail(j) {
		return nil, nil
	}
	if all, ok := o.warned.of(cycle); ok {
		return all, nil
	}
	var comers []newcomer
	q := plan.ActionQuery{Cycle: cycle, Kinds: []rule.Kind{rule.Create}, States: []plan.ActionState{plan.Planned, plan.Held}, Limit: 1000}
	for len(comers) < mostCreates {
		rows, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, q)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if n, is := newcomerOf(&rows[i]); is {
				comers = append(comers, n)
			}
		}
		if len(rows) < q.Limit {
			break
		}
		q.Past = &rows[len(rows)-1]
	}
	all, err := o.secondAccounts(ctx, p, j, comers)
	if err == nil {
		o.warned.keep(cycle, all)
	}
	return all, err
}

// secondAccounts tells of people whose user name is none of their e-mail addresses, and who of them has an account under one of these.
func (o *Operator) secondAccounts(ctx context.Context, p Principal, j provision.Job, comers []newcomer) ([]Warning, error) {
	w := Warning{Code: lockstep.CodeSecondAccount, More: len(comers) >= mostCreates}
	var there, others []string
	for some := range slices.Chunk(comers, 500) {
		ids, names := make([]lockstep.UserID, len(some)), map[lockstep.UserID]string{}
		for i, n := range some {
			ids[i] = lockstep.UserID(n.id)
			names[ids[i]] = n.name
		}
		users, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{IDs: ids, Limit: len(ids)})
		if err != nil {
			return nil, err
		}
		mails := map[string]string{} // whose a folded address is, by their user name
		var differ []string
		first := map[string]string{}
		for _, u := range users {
			name, own := names[u.ID], addresses(u.Attributes)
			if len(own) == 0 || slices.ContainsFunc(own, func(a string) bool { return strings.EqualFold(a, name) }) {
				continue
			}
			differ, first[name] = append(differ, name), own[0]
			for _, a := range own {
				mails[mirror.Fold(a)] = name
			}
		}
		have := map[string]string{} // user name there, by whose it would be
		if o.Reads != nil && len(mails) > 0 {
			values := make([]string, 0, len(mails))
			for a := range mails {
				values = append(values, a)
			}
			found, err := o.Reads.Find(ctx, mirror.ID{Tenant: p.Tenant, Connection: j.ID}, connection.UserType, "userName", values...)
			if err != nil {
				return nil, err
			}
			for _, f := range found {
				have[mails[f.Key.Value]] = f.Key.Value
			}
		}
		slices.Sort(differ)
		w.People += len(differ)
		for _, name := range differ {
			if at := have[name]; at != "" {
				w.There++
				there = append(there, name+" ("+at+")")
			} else {
				others = append(others, name+" ("+first[name]+")")
			}
		}
	}
	if w.People == 0 {
		return nil, nil
	}
	all := append(there, others...)
	w.Examples = all[:min(mostExamples, len(all))]
	w.Says = w.says(nameOf(j))
	return []Warning{w}, nil
}

func (w Warning) says(app string) string {
	text := fmt.Sprintf("For %s the user name is not their e-mail address. ", words.Many(w.People, "person", "people"))
	switch {
	case w.There > 0:
		text += fmt.Sprintf("%d of them %s an account in %s under it already, and would get a second one: ", w.There, words.Plural(w.There, "has", "have"), app)
	default:
		text += "Nobody of them has an account in " + app + " under it, as far as was read; who has would get a second one: "
	}
	return text + strings.Join(w.Examples, ", ") + cmp.Or(map[bool]string{true: " …"}[w.More || w.People > len(w.Examples)], ".")
}

// addresses are somebody's e-mail addresses, that of their work first.
func addresses(o scim.Object) []string {
	var work, rest []string
	list, _ := o.Get("emails").(scim.List)
	for _, v := range list {
		e, _ := v.(scim.Object)
		switch value := e.Text("value"); {
		case value == "":
		case e.Text("type") == "work" || e.Get("primary") == true:
			work = append(work, value)
		default:
			rest = append(rest, value)
		}
	}
	return append(work, rest...)
}
