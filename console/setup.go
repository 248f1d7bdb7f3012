package console

import (
	"context"
	"slices"

	"lockstep/operate"
	"lockstep/provision"
	"lockstep/words"
)

// setupStep is one thing to do before a draft is turned on.
type setupStep struct {
	Word, Help, Href string
	Done             bool
}

// setup is what is left to do for a draft, in the order in which people do it.
func (s *Server) setup(ctx context.Context, p operate.Principal, j provision.Job) ([]setupStep, error) {
	t, err := s.Operator.Template(p, j.Connection.Kind)
	if err != nil {
		return nil, err
	}
	base := jobHref(j)
	var all []setupStep
	if j.Direction == provision.Outbound {
		assigned, err := s.Operator.Assignments(ctx, p, j.Slug)
		if err != nil {
			return nil, err
		}
		step := setupStep{Word: "Assign one person to test with", Help: "The others, or a group, come later.", Href: base + "/assignments", Done: len(assigned) > 0 || j.Policy.Everyone}
		if len(assigned) > 0 {
			step.Help = words.Many(len(assigned), "user or group is assigned.", "users and groups are assigned.")
		}
		if !step.Done && p.May(operate.PeopleRead) == nil {
			anybody, err := s.Operator.Users(ctx, p, operate.Search{Limit: 1})
			if err != nil {
				return nil, err
			}
			if len(anybody.Users) == 0 {
				all = append(all, setupStep{Word: "Add one person to test with", Help: "Nobody is in the directory yet. A source brings everybody in, later or now.", Href: "/people/add"})
			}
		}
		all = append(all, step)
	}
	missing := missingSettings(t, j)
	all = append(all, setupStep{Word: "Say how it is reached", Help: missing, Href: base + "/connection", Done: missing == ""})
	switch reached := &all[len(all)-1]; {
	case missing == "" && len(s.uploads(t, j)) > 0: // nobody has to give anything, and nobody has: it is done when there are files
		reached.Word, reached.Help, reached.Done = "Send the files, or put them into the folder", "It tests whether they can be read.", false
	case missing == "":
		reached.Help = "Test the connection there whenever you like."
	}
	if s.Operator.Notices != nil {
		rule, err := s.Operator.Told(ctx, p, j.Slug)
		if err != nil {
			return nil, err
		}
		all = append(all, setupStep{Word: "Say who is told when a failure occurs", Help: "By mail; it can wait.", Href: base + "/settings#told-title", Done: rule.Failures})
	}
	n := 0
	for _, o := range j.Rules.Objects {
		n += len(o.Attributes)
	}
	all = append(all, setupStep{Word: "Look at the mappings", Help: words.Many(n, "is set", "are set") + " from the start, shown with the values of a real person.", Href: base + "/mappings"})
	last := setupStep{Word: "Make a plan", Help: "It reads and compares, and changes nothing before you apply it.", Href: base}
	if !j.Manual {
		last = setupStep{Word: "Turn it on", Help: "Press Turn on above.", Href: base}
	}
	return append(all, last), nil
}

// lacks says what has to be given before a draft can tell of anybody; "" is nothing.
func (s *Server) lacks(p operate.Principal, j provision.Job) string {
	if !jobOf(j, s.now()).Draft {
		return ""
	}
	t, err := s.Operator.Template(p, j.Connection.Kind)
	if err != nil {
		return ""
	}
	return missingSettings(t, j)
}

// missingSettings says what has to be given before the outside system can be reached; "" is nothing.
func missingSettings(t operate.Template, j provision.Job) string {
	var missing []string
	for _, s := range t.Settings {
		if s.Required && j.Connection.Settings[s.Name] == "" {
			missing = append(missing, s.Label)
		}
	}
	if t.Address != nil {
		if _, err := t.Address(j.Connection.Settings); err != nil {
			missing = append(missing, "Organisation ID")
		}
	}
	for _, s := range t.Secrets {
		there := false
		for _, name := range j.Connection.Secrets {
			there = there || name == s.Name
		}
		if s.Required && !there && (t.Uses == nil || slices.Contains(t.Uses(j.Connection.Settings), s.Name)) {
			missing = append(missing, s.Label)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	text := "Still to be given: "
	for i, m := range missing {
		if i > 0 {
			text += ", "
		}
		text += m
	}
	return text + "."
}
