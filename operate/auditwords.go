package operate

import (
	"strings"

	"lockstep/audit"
	"lockstep/plan"
	"lockstep/words"
)

// Told is a line of the audit log as people read it.
func Told(e audit.Event) words.Told {
	who := e.Actor.Name
	if who == "" {
		who = e.Actor.ID
	}
	name := e.Name
	if name == "" && e.ID != string(e.Object) {
		name = e.ID
	}
	detail := e.Detail
	if e.Object == "job" && strings.Contains(e.Verb, " draft of") {
		detail = fieldsWords(detail)
	}
	return words.Tell(who, e.Verb, e.Object, name, detail)
}

// fieldsWords is a list of fields in words, which may have a version before it and what was left out behind it.
func fieldsWords(text string) string {
	version, fields, is := strings.Cut(text, ": ")
	if !is {
		version, fields = "", text
	}
	all := strings.Split(fields, ", ")
	for i, f := range all {
		if strings.Contains(f, "/") {
			all[i] = FieldWords(plan.Field(f))
		}
	}
	fields = strings.Join(all, ", ")
	if is {
		return version + ": " + fields
	}
	return fields
}
