package report

import (
	"fmt"
	"strings"

	"lockstep/api"
	"lockstep/words"
)

// Draft shows what a draft changes.
func Draft(app string, d api.Draft, err error) (View, error) {
	return Of(d, err, func(p *Page) {
		if d.Revision == 0 {
			p.Printf("There is no draft of %s. Version %d is in force.\n", app, d.InForce)
			return
		}
		p.Printf("draft\tof %s, by %s, from version %d\n", app, Or(d.By, "somebody"), d.Base)
		p.changes(d.Changes)
		for _, a := range d.Assigned {
			verb := "assign"
			if a.Gone {
				verb = "withdraw"
			}
			p.Printf("%s\t%s %s\n", verb, strings.ToLower(a.Kind), Or(a.Name, a.ID+" (who is not there any more)"))
		}
		rebase := "lockstep app draft rebase " + app
		for _, x := range d.Conflicts {
			p.Printf("conflict\t%s, with %s\n", x.Field, x.What)
			p.Printf("\tboth began with  %s\n\ttheirs           %s\n\tyours            %s\n", said(x.Base), said(x.Theirs), said(x.Yours))
			rebase += " --yours " + x.Field
		}
		if d.InForce != d.Base {
			p.Say("Version %d has come into force since. Bring the draft up to date: %s", d.InForce, rebase)
		}
	})
}

func said(text string) string { return Or(text, "(nothing)") }

// changes writes fields before and after, one below the other.
func (p *Page) changes(all []api.ConfigChange) {
	for _, x := range all {
		switch {
		case x.Was == "":
			p.Printf("+ %s\t%s\n", x.What, x.Now)
		case x.Now == "":
			p.Printf("− %s\t%s\n", x.What, x.Was)
		default:
			p.Printf("~ %s\t%s → %s\n", x.What, x.Was, x.Now)
		}
	}
}

// DraftChanges lists what a draft changes, field by field.
func DraftChanges(all []api.ConfigChange, err error) (View, error) {
	return List(all, err, "The draft changes nothing beside assignments, or there is none.", "FIELD WAS DRAFT", func(x api.ConfigChange) []string {
		return []string{x.Field, dash(x.Was), dash(x.Now)}
	})
}

// DraftApplied tells what came into force, and what comes next.
func DraftApplied(a api.AppliedDraft, job api.Job, err error) (View, error) {
	return Of(a, err, func(p *Page) {
		p.Printf("version %d of %s is in force\n", a.Version.Number, job.Slug)
		if a.LeftOut > 0 {
			p.Printf("%s left out: there is nobody of that id any more\n", words.Many(a.LeftOut, "assignment was", "assignments were"))
		}
		if job.Mode == "manual" {
			p.Say("Next: lockstep plan %s", job.Slug)
		} else {
			p.Say("It goes out now; what the guard holds waits: lockstep held list %s", job.Slug)
		}
	})
}

// Versions lists the versions of what an app is set to.
func Versions(all []api.JobVersion, err error) (View, error) {
	return List(all, err, "There is no version yet.", "VERSION WHEN BY CHANGED NOTE", func(x api.JobVersion) []string {
		return []string{fmt.Sprint(x.Number), Second(&x.At, ""), dash(x.By), dash(versionChanges(x)), dash(x.Note)}
	})
}

func versionChanges(v api.JobVersion) string {
	parts := v.Changed[:min(len(v.Changed), shownChanges):min(len(v.Changed), shownChanges)]
	if n := len(v.Changed) - shownChanges; n > 0 {
		parts = append(parts, fmt.Sprintf("%d more", n))
	}
	if v.Assignments > 0 {
		parts = append(parts, words.Many(v.Assignments, "assignment", "assignments"))
	}
	return strings.Join(parts, ", ")
}

// Version shows a version and what it changed.
func Version(app string, v api.VersionView, err error) (View, error) {
	return Of(v, err, func(p *Page) {
		p.Printf("version\t%d of %s, %s, by %s\n", v.Number, app, Second(&v.At, ""), Or(v.By, "nobody who is known"))
		if v.Note != "" {
			p.Printf("note\t%s\n", v.Note)
		}
		p.Printf("against\tversion %d\n", v.Against)
		p.changes(v.Changes)
		if len(v.Changes) == 0 {
			p.Printf("\tboth say the same\n")
		}
		p.Say("Go back to it: lockstep app rollback %s %d", app, v.Number)
	})
}

// DraftImpact shows what a draft would do, and to whom.
func DraftImpact(i api.DraftImpact, err error) (View, error) {
	return Of(i, err, func(p *Page) {
		p.Printf("%s\n", i.Says)
		if i.Enter+i.Leave > 0 {
			p.Printf("%d come into scope, %d leave it.\n", i.Enter, i.Leave)
		}
		for _, a := range i.Sample {
			p.Printf("%s %s\t%s\n", p.mark(a), nameOf(a), p.what(a))
		}
		if i.More > 0 {
			p.Printf("… and %s more\n", words.Number(i.More))
		}
		for _, text := range i.Means {
			p.Say("%s", text)
		}
	})
}
