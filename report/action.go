package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"

	"lockstep/api"
	"lockstep/rule"
	"lockstep/terminal"
	"lockstep/words"
)

// Actions lists lines of the provisioning log, or rows that are held.
func Actions(all []api.Action, empty string, err error) (View, error) {
	return List(all, err, empty, "TIME WHAT WHO STATE WHY ID", func(a api.Action) []string {
		return []string{clock(a), words.DeedOf(rule.Kind(a.Kind)).Will, nameOf(a), stateOf(a), whyOf(a), string(a.ID)}
	})
}

// Logged is a line of the log with the app or source whose log it is.
type Logged struct {
	App string `json:"app"`
	api.Action
}

// Held lists what is held, of whichever apps and sources.
func Held(all []Logged, err error) (View, error) {
	return List(all, err, "Nothing is held.", "OF TIME WHAT WHO STATE WHY ID", func(l Logged) []string {
		a := l.Action
		return []string{l.App, clock(a), words.DeedOf(rule.Kind(a.Kind)).Will, nameOf(a), stateOf(a), whyOf(a), string(a.ID)}
	})
}

// Action shows all that is known of a line of the log, and what can be done about it.
func Action(app string, a api.Action, err error) (View, error) {
	return Of(Logged{app, a}, err, func(p *Page) {
		p.Printf("what\t%s %s\n", p.mark(a), words.DeedOf(rule.Kind(a.Kind)).Will)
		p.Printf("state\t%s\n", stateOf(a))
		p.end("who", a.Source)
		p.end("target", a.Target)
		p.Printf("app\t%s\n", app)
		p.Printf("why\t%s\n", dash(a.Why))
		if a.Note != "" {
			p.Printf("note\t%s\n", a.Note)
		}
		if a.Code != "" {
			p.Printf("trouble\t%s\n", Or(a.Detail, string(a.Code)))
			p.Printf("remedy\t%s  (docs/errors.md#%s)\n", dash(a.Hint), a.Code)
		}
		if a.Attempt > 1 {
			p.Printf("attempts\t%d\n", a.Attempt)
		}
		if a.By != nil {
			p.Printf("decided\tby %s\n", a.By.Name)
		}
		p.Printf("planned\t%s\n", Second(a.Planned, "–"))
		p.Printf("ended\t%s\n", Second(a.Ended, "not yet"))
		p.Printf("cycle\t%s\n", a.Cycle)
		label := "changes"
		for _, c := range a.Changes {
			p.Printf("%s\t%s\n", label, changesOf([]api.Change{c}))
			label = ""
		}
		who := Or(a.Source.Name, a.Source.ID)
		switch {
		case a.State == string(rule.Held):
			p.Say("Next: lockstep held approve --app %s %s · lockstep held reject --app %s %s", app, a.ID, app, a.ID)
		case a.State == string(rule.Done) && slices.Contains([]rule.Kind{rule.Create, rule.Update, rule.Disable}, rule.Kind(a.Kind)) && a.Target.ID != "":
			p.Say("Next: lockstep undo --app %s %s", app, a.ID)
		case a.Code != "" && who != "" && a.Source.Type == "User":
			p.Say("Next: lockstep explain %s", who)
		}
	})
}

// end writes one end of a line: its name, and its id where that says more.
func (p *Page) end(label string, e api.End) {
	switch {
	case e.ID == "" && e.Name == "":
		p.Printf("%s\t–\n", label)
	case e.ID == "" || e.ID == e.Name:
		p.Printf("%s\t%s %s\n", label, e.Type, Or(e.Name, e.ID))
	default:
		p.Printf("%s\t%s %s  (%s)\n", label, e.Type, Or(e.Name, "without a name"), e.ID)
	}
}

// Line is a line of the log as it comes, without its end.
func (o *Output) Line(a api.Action) string {
	return terminal.Line("%s  %s %-28s  %-9s  %s", clock(a), o.page().mark(a), nameOf(a), a.State, whyOf(a))
}

// page is a Page for a line that is written beside columns.
func (o *Output) page() *Page { return &Page{Writer: o.Screen, out: o} }

func clock(a api.Action) string {
	if a.Ended != nil {
		return Second(a.Ended, "")
	}
	return Second(a.Planned, "–")
}

// stateOf is what became of a line, as --state takes it.
func stateOf(a api.Action) string {
	if a.Code != "" {
		return a.State + " " + string(a.Code)
	}
	return a.State
}

// whyOf is what went wrong, or what was changed, or the reason in words.
func whyOf(a api.Action) string {
	switch {
	case a.Code != "":
		return Or(a.Detail, a.Hint)
	case a.Note != "":
		return noted(a)
	case changes(a):
		return changesOf(a.Changes)
	}
	return dash(a.Why)
}

// noted tells what becomes of somebody whom other sources have, too, and what changes.
func noted(a api.Action) string {
	if len(a.Changes) == 0 {
		return a.Note
	}
	return a.Note + "; " + changesOf(a.Changes)
}

// changes reports whether an action is told by its changes.
func changes(a api.Action) bool {
	return (a.Kind == "update" || a.Kind == "refer") && len(a.Changes) > 0
}

func nameOf(a api.Action) string {
	return words.Clean(Or(a.Source.Name, Or(a.Target.Name, Or(a.Source.ID, a.Target.ID))))
}

// what is what an action does, in a line.
func (p *Page) what(a api.Action) string {
	switch {
	case a.Code != "":
		return p.Paint(terminal.Red, string(a.Code)) + " — " + words.Clean(Or(a.Detail, a.Hint))
	case a.Note != "":
		return words.Clean(noted(a))
	case changes(a):
		return words.Clean(changesOf(a.Changes))
	case a.Kind == "link":
		return words.Clean("already there as " + Or(a.Target.Name, a.Target.ID) + "; " + a.Why)
	}
	return words.Clean(a.Why)
}

const shownChanges = 3

// changesOf is: title “Analyst” → “Senior analyst”; phoneNumbers[work] cleared.
func changesOf(changes []api.Change) string {
	all := make([]words.Change, len(changes))
	for i, c := range changes {
		all[i] = words.Change(c)
	}
	return words.Sum(all, shownChanges)
}

// colourOf is the colour of a tone.
func colourOf(tone string) terminal.Colour {
	switch tone {
	case string(rule.Create):
		return terminal.Green
	case string(rule.Link), words.ToneHeld:
		return terminal.Cyan
	case string(rule.Update):
		return terminal.Yellow
	case string(rule.Disable), string(rule.Delete), words.ToneFailed:
		return terminal.Red
	}
	return terminal.Faint
}

// sign is the sign of a kind and a state, in its colour.
func (p *Page) sign(k rule.Kind, s rule.State) string {
	o := words.OutcomeOf(k, s)
	return p.Paint(colourOf(o.Tone), o.Sign)
}

// mark is the sign before an action.
func (p *Page) mark(a api.Action) string {
	state := rule.State(a.State)
	if a.Code != "" && state != rule.Held {
		state = rule.Refused
	}
	return p.sign(rule.Kind(a.Kind), state)
}

// LogCSV writes a log as CSV (RFC 4180). No cell is a formula.
type LogCSV struct{ out *csv.Writer }

// NewLogCSV writes the head.
func NewLogCSV(w io.Writer) (*LogCSV, error) {
	l := &LogCSV{csv.NewWriter(w)}
	return l, l.line("time", "cycle", "id", "type", "what", "state", "name", "source", "target", "why", "code", "detail", "by")
}

// Add writes lines.
func (l *LogCSV) Add(all []api.Action) error {
	for _, a := range all {
		by := ""
		if a.By != nil {
			by = a.By.Name
		}
		err := l.line(clock(a), string(a.Cycle), string(a.ID), a.Source.Type, words.DeedOf(rule.Kind(a.Kind)).Will, a.State, nameOf(a),
			a.Source.ID, a.Target.ID, a.Why, string(a.Code), a.Detail, by)
		if err != nil {
			return err
		}
	}
	l.out.Flush()
	return l.out.Error()
}

func (l *LogCSV) line(cells ...string) error {
	for i := range cells {
		cells[i] = words.Cell(words.Clean(cells[i]))
	}
	return l.out.Write(cells)
}

// Drift shows what differs, in a table, and what is to be said of all of it beneath.
func (o *Output) Drift(app string, view api.DriftView, err error) error {
	if err != nil || o.Form == "json" {
		return o.Print(View{Value: view}, err)
	}
	if len(view.Items) > 0 || o.Form == "jsonl" {
		err := o.Print(List(view.Items, nil, "", "WHO DRIFT DIFFERENCE ID", func(d api.Drifted) []string {
			what := changesOf(d.Changes)
			if d.Kind == "missing" {
				what = "is no longer there"
			}
			if n := d.Added + d.Removed; n > 1 {
				what += fmt.Sprintf(" (%s added, %s removed)", words.Number(d.Added), words.Number(d.Removed))
			}
			return []string{Or(d.Source.Name, d.Source.ID), d.Kind, what, d.Source.ID}
		}))
		if err != nil {
			return err
		}
	}
	if view.Read == nil {
		o.Say("%s", view.Says)
	} else {
		o.Say("%s Compared %s as read at %s.", view.Says, words.Many(view.Compared, "object", "objects"), Second(view.Read, ""))
	}
	switch {
	case view.Trouble != "":
		o.Say("Another look waits: %s", view.Trouble)
	case view.Looking:
		o.Say("Another look is under way.")
	}
	if len(view.Silent) > 0 {
		o.Say("Never shown by the application, so not compared: %s.", words.Attributes(view.Silent))
	}
	if view.More > 0 {
		o.Say("%s more are counted and not listed.", words.Number(view.More))
	}
	if len(view.Items) > 0 {
		o.Say("Write them anew: lockstep drift restore --app %s --all", app)
	}
	return nil
}

// Decided shows how many held changes were decided.
func Decided(d api.Decided, err error) (View, error) {
	return Of(d, err, func(p *Page) { p.Printf("approved %d, rejected %d\n", d.Approved, d.Rejected) })
}

// Restored shows how many objects are written anew.
func Restored(d api.Restored, job api.Job, err error) (View, error) {
	return Of(d, err, func(p *Page) {
		next := "The changes go out now: lockstep log list " + job.Slug
		if job.Mode == "manual" {
			next = "The next plan shows them: lockstep plan " + job.Slug
		}
		p.Printf("%s to be written anew. %s\n", words.Many(d.Restored, "object is", "objects are"), next)
	})
}

// Linked lists the objects of an application that were found.
func Linked(all []api.FoundAtTarget, err error) (View, error) {
	return List(all, err, "Nobody there has this value. Whole values are compared.", "NAME BY ACTIVE LINKED ID", func(f api.FoundAtTarget) []string {
		active := "yes"
		if !f.Active {
			active = "no"
		}
		return []string{f.Name, f.By, active, dash(f.LinkedTo), f.ID}
	})
}
