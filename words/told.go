package words

import (
	"slices"
	"strconv"
	"strings"

	"lockstep"
)

// Told is a line of the audit log as people read it: Who Did Subject After, with Detail beside. Subject alone is somebody's own text; it is
// "" when Did says it all.
type Told struct{ Who, Did, Subject, After, Detail string }

// Sentence is the line without its detail: The administrator of this machine paused Cisco Webex.
func (t Told) Sentence() string {
	return strings.Join(strings.Fields(t.Who+" "+t.Did+" "+t.Subject+" "+t.After), " ")
}

// What is the line without who it was: paused Cisco Webex.
func (t Told) What() string {
	t.Who = ""
	return t.Sentence()
}

// Tell says what a line of the audit log tells, of which the verb, the kind of object and the detail are as the log keeps them.
func Tell(who, verb, object, name, detail string) Told {
	t := Told{Who: who, Subject: name, Detail: detail}
	switch {
	case who == "":
		t.Who = "Lockstep"
	case strings.HasPrefix(who, "administrator of "):
		t.Who = "The " + who
	}
	switch object {
	case "job":
		t.job(verb)
	case "console":
		t.Did, t.Subject = verb+" the console", ""
	case "notifications":
		if t.Did = "changed who is told of"; name == "" {
			t.Did = "changed who is told by mail and webhook"
		}
	case "assignment":
		t.assignment(verb)
	case "drift": // of lines as they were
		t.Did = "restored what others had changed at"
		if n, at, is := strings.Cut(detail, " of "); is {
			t.Subject, t.Detail = at, n
		}
	default:
		t.thing(verb, object)
	}
	return t
}

// job tells of the settings of an app or a source, which is called by its name alone.
func (t *Told) job(verb string) {
	switch verb {
	case "created":
		t.Did = "set up"
	case "deleted":
		t.Did = "removed"
	case "updated":
		t.changed()
	case "undid":
		t.Did = "undid changes at"
	case "restored drift at":
		t.Did = "restored what others had changed at"
	case "set secret of", "removed secret of":
		v, _, _ := strings.Cut(verb, " ")
		t.Did, t.Detail = v+" the "+strings.ReplaceAll(t.Detail, "_", " ")+" of", ""
	case "applied plan of", "discarded plan of":
		v, _, _ := strings.Cut(verb, " ")
		t.Did = v + " the plan of"
		if t.Detail != "" {
			t.Detail = "plan " + t.Detail
		}
	case "tried plan of":
		t.Did = "applied to one alone the plan of"
	case "approved changes of", "rejected changes of", "put back changes of":
		v := strings.TrimSuffix(verb, " changes of")
		t.Did = v + " changes of"
		count, note, _ := strings.Cut(t.Detail, ": ")
		if n, err := strconv.Atoi(count); err == nil {
			t.Did, t.Detail = v+" "+Many(n, "change", "changes")+" of", note
		}
	default:
		t.Did = verb
	}
}

// jobParts are what can be changed of an app or a source at once, as the log keeps it: alone, what was done; with others, what it is called.
var jobParts = map[string][2]string{
	"name":         {"renamed", "name"},
	"connection":   {"changed the connection of", "connection"},
	"rules":        {"changed mappings and scope of", "mappings and scope"},
	"policy":       {"changed the settings of", "settings"},
	"manual":       {"changed whether plans of it wait for somebody:", "whether plans wait for somebody"},
	"state active": {"turned on", "turned on"},
	"state paused": {"paused", "paused"},
	"run now":      {"asked for a run of", "asked for a run"},
}

func (t *Told) changed() {
	parts := strings.Split(t.Detail, ", ")
	if t.Detail == "" {
		t.Did = "saved"
		return
	}
	if len(parts) == 2 && strings.HasPrefix(parts[0], "state ") && parts[1] == "run now" { // what is turned on is run
		parts = parts[:1]
	}
	if one, is := jobParts[parts[0]]; is && len(parts) == 1 {
		t.Did, t.Detail = one[0], ""
		return
	}
	t.Did = "changed"
	for i, p := range parts {
		if one, is := jobParts[p]; is {
			parts[i] = one[1]
		}
	}
	t.Detail = strings.Join(parts, ", ")
}

// assignment tells who was assigned to what: the log names both, ada at Cisco Webex.
func (t *Told) assignment(verb string) {
	who, app, is := strings.Cut(t.Subject, " at ")
	switch {
	case !is:
		t.thing(verb, "assignment")
	case verb == "created":
		t.Did, t.Subject, t.After = "assigned", who, "to "+app
	case verb == "deleted":
		t.Did, t.Subject, t.After = "took", who, "out of "+app
	default:
		t.Did, t.Subject, t.After = verb, who, "at "+app
	}
}

// nouns are kinds of object as people call them, with what their verbs are when those are others.
var nouns = map[string]string{
	"user": "the person", "client": "the application", "identity": "an identity at", "report": "the report about", "sign-out": "the sign-out of",
	"recovery code": "a recovery code of", "recovery codes": "recovery codes of", "authenticator app": "an authenticator app of", "second factor": "a second factor of",
	"session": "the sessions of", "console session": "the console session of", "signing key": "a signing key", "schema": "the attributes",
}

var verbs = map[string]string{"created": "added", "updated": "changed", "purged": "deleted for good"}

// thing tells of any other kind of object.
func (t *Told) thing(verb, object string) {
	noun := "the " + object
	if n, is := nouns[object]; is {
		noun = n
	}
	if v, is := verbs[verb]; is {
		verb = v
	}
	for _, at := range []string{"excluded from ", "let back into "} { // app
		if app, is := strings.CutPrefix(verb, at); is {
			first, second, _ := strings.Cut(strings.TrimSuffix(at, " "), " ")
			t.Did, t.After = first+" "+noun, second+" "+app
			return
		}
	}
	if first, second, is := strings.Cut(verb, " for good"); is && second == "" {
		t.Did, t.After = first+" "+noun, "for good"
		return
	}
	if object == "console session" && t.Subject == "all sessions of the console" {
		t.Did = "ended"
		return
	}
	if object == "group" && strings.Contains(verb, " members ") && t.Detail != "" {
		if n, err := strconv.Atoi(t.Detail); err == nil {
			verb, t.Detail = strings.Replace(verb, "members", Many(n, "member", "members"), 1), ""
		}
	}
	t.Did = verb + " " + noun
	if lockstep.ValidID(t.Subject) { // of something that has no name
		t.Subject = ""
		t.Did = strings.TrimSuffix(t.Did, " of")
	}
}

// Searched are texts of the log that read as somebody searches for them: changed stands there as updated, turned on as state active.
func Searched(text string) []string {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return nil
	}
	var all []string
	for kept, shown := range verbs {
		if strings.Contains(shown, text) {
			all = append(all, kept)
		}
	}
	if len(all) > 0 {
		slices.Sort(all)
		return all
	}
	for kept, shown := range jobParts {
		if strings.Contains(shown[0], text) || strings.Contains(shown[1], text) {
			all = append(all, kept)
		}
	}
	slices.Sort(all)
	return all
}
