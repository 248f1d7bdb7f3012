package plan_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

// nothing is what a job knows that has never run.
type nothing struct{}

func (nothing) Links(context.Context, plan.LinkQuery) ([]plan.Link, error) { return nil, nil }
func (nothing) References(context.Context, plan.ReferenceQuery) ([]plan.ReferenceRow, error) {
	return nil, nil
}
func (nothing) EachWaiting(context.Context, func(plan.ReferenceRow) error) error { return nil }
func (nothing) CountReferences(context.Context, string) (int, error)             { return 0, nil }
func (nothing) Actions(context.Context, plan.ActionQuery) ([]plan.Action, error) { return nil, nil }
func (nothing) Made(context.Context, lockstep.CycleID, func(plan.Made)) error    { return nil }
func (nothing) Renamed(context.Context, lockstep.CycleID) ([]plan.Renamed, error) {
	return nil, nil
}
func (nothing) Tally(context.Context, lockstep.CycleID) (plan.Tally, error) { return plan.Tally{}, nil }

// there is what the target and the source have, by their names.
type there struct {
	target map[string][]connection.Object
	source map[connection.Ref]connection.Object
	deaf   error // of a target that cannot be asked about single values
}

func (t there) LookUp(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	return t.Find(ctx, typ, asked)
}

func (t there) Find(_ context.Context, _ string, asked []plan.Question) (plan.Answers, error) {
	a := plan.Answers{Found: map[plan.Key][]connection.Object{}, Failed: map[plan.Key]error{}}
	for _, q := range asked {
		if t.deaf != nil {
			a.Failed[q.Key] = t.deaf
			continue
		}
		for _, o := range t.target[q.Value] {
			a.Found[q.Key] = append(a.Found[q.Key], o)
		}
	}
	return a, nil
}

type getter struct{ there }

func (g getter) Get(_ context.Context, refs ...connection.Ref) (all []connection.Object, err error) {
	for _, ref := range refs {
		if o, ok := g.source[ref]; ok {
			all = append(all, o)
		}
	}
	return all, nil
}

func (t there) Get(context.Context, connection.Ref) (connection.Object, error) {
	return connection.Object{}, lockstep.ErrNotFound
}

func rules() rule.Rules {
	of := func(name string, match int) rule.Mapping {
		return rule.Mapping{Target: name, Match: match, Source: &rule.MappingSource{Type: rule.FromAttribute, Name: name, Expression: "[" + name + "]"}}
	}
	const manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
	return rule.Rules{Objects: []rule.ObjectMapping{
		{Name: "people", Enabled: true, Source: "User", Target: "User", Attributes: []rule.Mapping{of("userName", 1), of("title", 0), of(manager, 0)}},
		{Name: "groups", Enabled: true, Source: "Group", Target: "Group", Attributes: []rule.Mapping{of("displayName", 1), of("members", 0)}},
	}}
}

// object reads "ada@x title=Boss manager=ben members=ada,ben": a person, or a group when it has members.
func object(text string) connection.Object {
	words := strings.Fields(text)
	o := connection.Object{Ref: connection.Ref{Type: "User", ID: words[0]}, Name: words[0], Enabled: true}
	for _, word := range words[1:] {
		attribute, value, _ := strings.Cut(word, "=")
		switch attribute {
		case "members":
			o.Type = "Group"
			for _, m := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' }) {
				o.References = append(o.References, connection.Reference{Attribute: "members", To: connection.Ref{Type: "User", ID: m}})
			}
		case "manager":
			o.References = append(o.References, connection.Reference{Attribute: "manager", To: connection.Ref{Type: "User", ID: value}})
		case "name":
			o.Values.Set("userName", value)
		case "deleted":
			o.Deleted, o.Enabled = true, false
		case "blocked":
			o.Enabled = false
		default:
			o.Values.Set(attribute, value)
		}
	}
	if o.Type == "Group" {
		o.Values.Set("displayName", o.Name)
	} else if o.Values.Get("userName") == nil {
		o.Values.Set("userName", o.Name)
	}
	return o
}

// TestPlanner plans pages of a source that a job meets for the first time, in memory: what it would do, in order.
func TestPlanner(t *testing.T) {
	deaf := &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: "it cannot be searched"}
	for _, c := range []struct {
		name   string
		pages  []string
		target string
		deaf   error
		want   string
	}{
		{"new people and a group", []string{"ada\nben\nall members=ada,ben"}, "", nil, "create ada\ncreate ben\ncreate all +members:ada +members:ben"},
		{"a manager comes first", []string{"ada manager=ben\nben"}, "", nil, "create ben\ncreate ada +manager:ben"},
		{"a manager whom nobody brings", []string{"ada manager=zoe"}, "", nil, "create ada"},
		{"a circle of managers", []string{"ada manager=ben\nben manager=ada"}, "", nil, "create ada\ncreate ben\nrefer ada +manager:ben\nrefer ben +manager:ada"},
		{"there already", []string{"ada title=Boss"}, "ada title=Boss", nil, "link ada"},
		{"there already, with another title", []string{"ada title=Boss"}, "ada title=Clerk", nil, "link ada"},
		{"there already, with an accent typed another way", []string{"Éva"}, "e\u0301va", nil, "link Éva"},
		{"twins by an accent", []string{"Éva\nbob name=E\u0301VA"}, "", nil, "create Éva\nskip bob refused match.duplicate_source"},
		{"two are there", []string{"ada"}, "ada\nada", nil, "skip ada refused match.ambiguous"},
		{"twins on one page", []string{"ada\nbob name=ADA"}, "", nil, "create ada\nskip bob refused match.duplicate_source"},
		{"twins on two pages", []string{"ada", "bob name=Ada"}, "", nil, "create ada\nskip bob refused match.duplicate_source"},
		{"twins on two pages, of whom the first is refused", []string{"ada", "bob name=Ada"}, "ada\nada", nil, "skip ada refused match.ambiguous\nskip bob refused match.duplicate_source"},
		{"nobody who may not sign in", []string{"ada blocked"}, "", nil, ""},
		{"a target that cannot be asked", []string{"ada"}, "", deaf, "skip ada refused target.unsupported"},
		{"a member that does not come", []string{"ada blocked\nben\nall members=ada,ben"}, "", nil, "create ben\ncreate all +members:ben"},
	} {
		whole := true
		plans := func(t *testing.T) {
			at := there{target: map[string][]connection.Object{}, source: map[connection.Ref]connection.Object{}, deaf: c.deaf}
			for i, line := range lines(c.target) {
				o := object(line)
				o.ID = fmt.Sprintf("t%d", i)
				at.target[plan.Fold(o.Name)] = append(at.target[plan.Fold(o.Name)], o)
			}
			p, memory := planner(t, at)
			for _, page := range c.pages {
				var objects []connection.Object
				for _, line := range lines(page) {
					objects = append(objects, object(line))
					at.source[objects[len(objects)-1].Ref] = objects[len(objects)-1]
				}
				piece, err := p.Page(t.Context(), connection.Page{Objects: objects}, whole)
				must(t, err)
				must(t, memory.Take(t.Context(), piece))
			}
			must(t, p.Unseen(t.Context()))
			must(t, p.Again(t.Context()))
			for range 2 { // the second time it was cut off before
				must(t, p.Finish(t.Context(), memory.Sum.Planned > 0))
			}
			if got := show(memory.Plan()); got != c.want {
				t.Errorf("planned\n%s\nwant\n%s", got, c.want)
			}
			planned, failed := 0, 0
			for _, a := range memory.Plan() {
				if a.Kind == rule.Create && (a.Refers != "") != strings.Contains(show([]plan.Action{a}), "+manager:") {
					t.Errorf("%s refers to %q and carries %v", a.Source.Name, a.Refers, a.References)
				}
				switch a.State {
				case plan.Planned:
					planned++
				case plan.Refused:
					failed++
				}
			}
			if memory.Sum.Planned != planned || memory.Sum.Failed != failed {
				t.Errorf("counted %+v", memory.Sum)
			}
		}
		t.Run(c.name, plans)
		whole = false // as a preview plans
		t.Run(c.name+", looked at", plans)
	}
}

func planner(t *testing.T, at there) (*plan.Planner, *plan.Memory) {
	to := connection.System{Name: "Target", References: []string{"manager", "members"}, FindBy: map[string][]string{"User": {"userName"}, "Group": {"displayName"}}}
	programs, err := plan.Compile(rules(), true, connection.System{}, to)
	must(t, err)
	memory := plan.NewMemory(nothing{}, nothing{}, "c")
	return &plan.Planner{
		Job: plan.Job{ID: "j", Cycle: "c", Direction: plan.Outbound, Policy: plan.Policy{Everyone: true}}, From: connection.System{Name: "Source"}, To: to,
		Programs: programs, Known: memory, Rows: memory, Sink: memory, Search: at, Source: getter{at}, Waits: must2(t)(plan.LoadWaits(t.Context(), memory, "c", connection.Ref{})),
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Random: bytes.NewReader(nil),
	}, memory
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must2(t *testing.T) func(*plan.Waits, error) *plan.Waits {
	return func(w *plan.Waits, err error) *plan.Waits {
		must(t, err)
		return w
	}
}

func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(s string) bool { return s == "" })
}

func show(rows []plan.Action) string {
	var all []string
	for _, a := range rows {
		line := fmt.Sprintf("%s %s", a.Kind, a.Source.Name)
		if a.State != plan.Planned {
			line += fmt.Sprintf(" %s %s", a.State, a.Code)
		}
		var refs []string
		for _, r := range a.References {
			refs = append(refs, fmt.Sprintf(" +%s:%s", r.Attribute, r.To.ID))
		}
		slices.Sort(refs)
		all = append(all, line+strings.Join(refs, ""))
	}
	return strings.Join(all, "\n")
}

// TestExplain: the steps of an explanation say what the plan would do, and hand nothing on.
func TestExplain(t *testing.T) {
	at := there{target: map[string][]connection.Object{"ada": {object("ada title=Clerk")}}}
	p, memory := planner(t, at)
	x, err := p.Explain(t.Context(), object("ada title=Boss"))
	must(t, err)
	var steps []string
	for _, s := range x.Steps {
		steps = append(steps, fmt.Sprintf("%s %v", s.Name, s.OK))
	}
	if got := strings.Join(steps, ", "); got != "import true, scope true, match true, map true, action true" || !x.In {
		t.Errorf("%s: %+v", got, x)
	}
	if x.Action == nil || x.Action.Kind != rule.Link || !scim.Equal(x.Action.After, scim.Object{{Name: "userName", Value: "ada"}, {Name: "title", Value: "Boss"}}) {
		t.Errorf("the action is %+v", x.Action)
	}
	if rows := memory.Plan(); len(rows) > 0 {
		t.Errorf("explaining has planned %v", rows)
	}
	other := connection.Object{Ref: connection.Ref{Type: "Device", ID: "d"}}
	if x, err = p.Explain(t.Context(), other); err != nil || x.In || len(x.Steps) != 2 {
		t.Errorf("of a type that no rule brings: %+v, %v", x, err)
	}
}
