package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
)

// Gallery lists the kinds of app and source.
func Gallery(all []api.Template, err error) (View, error) {
	return List(all, err, "The gallery is empty.", "KIND NAME DIRECTION SETTINGS SECRETS", func(t api.Template) []string {
		return []string{t.Kind, t.Name, t.Direction, dash(settingNames(t.Settings)), dash(settingNames(t.Secrets))}
	})
}

func settingNames(all []api.Setting) string {
	var names []string
	for _, s := range all {
		name := s.Name
		if s.Required {
			name += "*"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// Apps lists apps.
func Apps(all []api.App, err error) (View, error) {
	return List(all, err, "No apps yet. Add one: lockstep app add webex", "APP NAME MODE STATE", func(a api.App) []string {
		if a.Job == nil {
			return []string{a.Slug, a.Name, "–", "–"}
		}
		return []string{a.Slug, a.Name, a.Job.Mode, a.Job.Says()}
	})
}

// Sources lists sources.
func Sources(all []api.Job, err error) (View, error) {
	return List(all, err, "No sources yet. Add one: lockstep source add csvfile", "SOURCE NAME KIND STATE", func(j api.Job) []string {
		return []string{j.Slug, j.Name, j.Connection.Kind, j.Says()}
	})
}

// AppAdded tells what comes next.
func AppAdded(a api.App, err error) (View, error) {
	return Of(a, err, func(p *Page) {
		p.Printf("added app %s\n", a.Slug)
		p.Say("Next: lockstep connection set %s · lockstep assign add --app %s --group GROUP · lockstep plan %s", a.Slug, a.Slug, a.Slug)
	})
}

// SourceAdded tells what comes next.
func SourceAdded(j api.Job, err error) (View, error) {
	return Of(j, err, func(p *Page) {
		p.Printf("added source %s\n", j.Slug)
		p.Say("Next: lockstep connection test %s · lockstep source run %s", j.Slug, j.Slug)
	})
}

// App shows an app. Told is who is told of it, nil when the server does not tell.
func App(a api.App, told *api.Told, err error) (View, error) {
	return Of(a, err, func(p *Page) {
		p.Printf("app\t%s (%s)\n", a.Slug, a.Name)
		p.Printf("template\t%s\n", a.Template)
		if a.Job != nil {
			p.job(a.Job)
			p.told(told)
		}
		for _, r := range a.Roles {
			note := ""
			if r.Exclude {
				note = "  (not provisioned)"
			}
			p.Printf("role\t%s  %s%s\n", r.Value, r.Name, note)
		}
	})
}

// Source shows a source.
func Source(j api.Job, err error) (View, error) {
	return Of(j, err, func(p *Page) {
		p.Printf("source\t%s (%s)\n", j.Slug, j.Name)
		p.Printf("kind\t%s\n", j.Connection.Kind)
		p.job(&j)
	})
}

// Job shows a job as it is after a change, and who is told of it.
func Job(j api.Job, told *api.Told, err error) (View, error) {
	return Of(j, err, func(p *Page) {
		p.job(&j)
		p.told(told)
		p.shared(j.Shared)
	})
}

// job writes what there is to know of a job, a line each.
func (p *Page) job(j *api.Job) {
	p.Printf("mode\t%s\n", j.Mode)
	p.Printf("state\t%s\n", says(j))
	p.also(j)
	if j.Code != "" {
		p.Printf("trouble\t%s — %s\n", j.Code, Or(j.Hint, j.Detail))
	}
	p.policy(j)
	for _, name := range slices.Sorted(maps.Keys(j.Connection.Settings)) {
		p.Printf("setting\t%s = %s\n", name, j.Connection.Settings[name])
	}
	for _, name := range j.Connection.Secrets {
		p.Printf("secret\t%s is set\n", name)
	}
}

// says is how a job stands, with the code of its error and who can end it.
func says(j *api.Job) string {
	if j.Standing == nil {
		return j.Says()
	}
	return j.Says() + coded(j.Standing.Code)
}

// coded is the code of an error, with who can end it.
func coded(code lockstep.Code) string {
	if code == "" {
		return ""
	}
	return fmt.Sprintf(" [%s, %s]", code, lockstep.Describe(code).Class)
}

// also writes what else is to be said of how a job stands.
func (p *Page) also(j *api.Job) {
	if j.Standing != nil {
		for _, also := range j.Standing.All[1:] {
			p.Printf("\t%s%s\n", also.Says, coded(also.Code))
		}
	}
}

// policy writes whom a job concerns and when it runs, in words.
func (p *Page) policy(j *api.Job) {
	policy := j.Policy
	if j.Direction != "inbound" {
		who := "who is assigned"
		if policy.Everyone {
			who = "everybody"
		}
		if policy.Nested {
			who += ", with members of assigned groups' groups"
		}
		if policy.Groups {
			who += "; group objects as well"
		}
		p.Printf("scope\t%s\n", who)
	}
	if policy.Order > 0 {
		p.Printf("order\tnumber %d among the sources that have a person\n", policy.Order)
	}
	leave := map[string]string{"": "disabled", "disable": "disabled", "delete": "deleted", "keep": "kept as they are"}[policy.OnLeave]
	p.Printf("leavers\tare %s\n", leave)
	guard := fmt.Sprintf("more than %d harmful changes of a kind, and more than %g %% of who is linked, wait for a decision", cmp.Or(policy.GuardCount, 5), cmp.Or(policy.GuardPercent, 10))
	if policy.GuardOff {
		guard = "off: nothing is ever held"
	}
	p.Printf("guard\t%s\n", guard)
	runs := "on change"
	if policy.Interval > 0 {
		runs += ", and every " + inSeconds(policy.Interval)
	}
	if j.NextRun != nil {
		runs += ", next at " + Second(j.NextRun, "")
	}
	p.Printf("runs\t%s\n", runs)
	if j.Direction == "outbound" {
		p.Printf("drift\tlooked for %s\n", Or(map[int]string{0: "once a day", -1: "only when asked"}[policy.Drift], "every "+inSeconds(policy.Drift)))
	}
}

func inSeconds(n int) string { return (time.Duration(n) * time.Second).String() }

// told writes who is told of a job, if the server tells anybody.
func (p *Page) told(t *api.Told) {
	switch {
	case t == nil: // a server of before
	case !t.Failures:
		p.Printf("told\tnobody by mail when a failure occurs\n")
	case len(t.Emails) == 0:
		p.Printf("told\tthe tenant's recipients, when a failure occurs\n")
	default:
		p.Printf("told\t%s, when a failure occurs\n", strings.Join(t.Emails, ", "))
	}
}

// ConnectionTest shows what was tried and how far it came.
func ConnectionTest(r api.TestResult, err error) (View, error) {
	return Of(r, err, func(p *Page) {
		for _, check := range r.Checks {
			p.Printf("%s %s\t%s\t%s\n", p.Tick(check.OK), check.Name, check.Took.Round(time.Millisecond), check.Detail)
		}
		if !r.OK {
			p.Printf("%s %s [%s]\n", p.Tick(false), r.Detail, r.Code)
			p.Say("  %s", r.Hint)
		}
	})
}

// Status is how a server and everything in it stands.
type Status struct {
	Server  string    `json:"server"` // its address, or what there is instead
	Version string    `json:"version"`
	Running bool      `json:"running"` // a server runs; without one nothing happens by itself
	Jobs    []api.Job `json:"jobs"`
}

// View shows the status.
func (s Status) View() (View, error) {
	return Of(s, nil, func(p *Page) {
		p.Printf("server\t%s, version %s\n", s.Server, s.Version)
		if !s.Running {
			p.Printf("\tno server runs: nothing happens by itself. Start one: lockstep serve\n")
		}
		for _, j := range s.Jobs {
			what := "app"
			if j.Direction == "inbound" {
				what = "source"
			}
			p.Printf("%s %s\t%s\n", what, j.Slug, says(&j))
			p.also(&j)
		}
		if len(s.Jobs) == 0 {
			p.Printf("\tno sources and no apps yet. Begin: lockstep source add csvfile · lockstep app add webex\n")
		}
	})
}
