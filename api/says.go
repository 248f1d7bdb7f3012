package api

import (
	"errors"
	"strings"

	"lockstep"
)

// Says is how the job stands, in a sentence.
func (j *Job) Says() string {
	if j.Standing == nil { // of a server of before
		return j.State
	}
	return j.Standing.Says
}

// Undelivered counts the recipients whose newest message has not gone.
func (n Notifications) Undelivered() int {
	seen := map[string]bool{}
	stuck := 0
	for _, m := range n.Messages {
		if !seen[m.To] && m.State != "sent" && m.Tries > 0 {
			stuck++
		}
		seen[m.To] = true
	}
	return stuck
}

// Sentence is an error as a sentence. What has a code says it in its detail; beneath lies what helps with the rest.
func Sentence(err error) string {
	if p, ok := errors.AsType[*Problem](err); ok {
		return strings.TrimSuffix(p.Error(), " ["+string(p.Code)+"]")
	}
	e, ok := errors.AsType[*lockstep.Error](err)
	if !ok {
		return err.Error()
	}
	message := e.Detail
	if message == "" {
		message = lockstep.Describe(e.Code).Title
	}
	if e.Err != nil {
		message += " (" + e.Err.Error() + ")"
	}
	return message
}
