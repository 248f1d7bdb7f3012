// Package audit says who did what to which object. It holds the event and how it reads; the store keeps events in the
// transaction of the change they describe, so there is no change without its event and no event without its change.
package audit

import "time"

// Actor is who does something. The zero Actor is the program itself.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"`   // of the token, administrator or job
	Name string    `json:"name,omitempty"` // as shown to people
}

// ActorKind says what an Actor is.
type ActorKind string

// The kinds of actor.
const (
	System ActorKind = "system" // the program itself
	Admin  ActorKind = "admin"  // a person at the command line or the console
	Token  ActorKind = "token"  // a client with a bearer token
	Job    ActorKind = "job"    // a provisioning job
	Person ActorKind = "person" // somebody of the directory, about themselves
)

// Event is one line of the audit log.
type Event struct {
	At     time.Time `json:"at"`
	Actor  Actor     `json:"actor"`
	Verb   string    `json:"verb"`             // what was done, in the past tense: "created", "updated", "approved"
	Object string    `json:"object"`           // what kind of thing: "user", "app", "assignment"
	ID     string    `json:"id"`               // of the object
	Name   string    `json:"name,omitempty"`   // of the object, as shown to people
	Detail string    `json:"detail,omitempty"` // names of what changed, never secret values
}

// Query selects lines of the audit log, newest first.
type Query struct {
	ID     string    // of the object; "" is any
	Object string    // kind of the object; "" is any
	Who    string    // part of the actor's name, or their whole id; in any case
	Text   string    // part of what was done, of the object's name or of the detail; in any case
	Also   []string  // other texts that Text stands for
	Since  time.Time // not before; zero is any
	Until  time.Time // before; zero is any
	Before string    // the Row of the last line seen; "" begins with the newest
	Limit  int       // 0 is 100
}

// Line is a line of the audit log with what names it in Query.Before.
type Line struct {
	Row string
	Event
}

// String returns the event in a line, as the log keeps it. How it reads for people is in package words.
func (e Event) String() string {
	who := e.Actor.Name
	if who == "" {
		who = e.Actor.ID
	}
	if who == "" {
		who = "Lockstep"
	}
	what := e.Name
	if what == "" {
		what = e.ID
	}
	s := who + " " + e.Verb + " " + e.Object + " " + what
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}
