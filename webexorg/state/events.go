package state

import (
	"encoding/json"
	"errors"
	"sync"
	"time"
)

// Actor is who changed something: a person, a program, or Webex itself.
type Actor struct {
	Person   string `json:"person,omitempty"` // id; "" for a program
	Name     string `json:"name,omitempty"`
	Address  string `json:"address,omitempty"` // of the network
	Agent    string `json:"agent,omitempty"`   // User-Agent
	Tracking string `json:"tracking,omitempty"`
	Local    bool   `json:"local,omitempty"` // acts in Control Hub or by REST, not as a directory that synchronises
}

// note remembers a write. The lock must be held.
func (u *Universe) note(at time.Time, op string, r *record, by Actor) {
	u.commits.add(Commit{At: at, Org: r.org.id, Kind: r.kind.typeName(), ID: r.id, Name: r.name, Op: op, By: by})
}

// SignInEvent is a sign-in, or a try.
type SignInEvent struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Person  string    `json:"person"`
	Name    string    `json:"name"`
	Email   string    `json:"email"`
	Admin   bool      `json:"admin"`
	Address string    `json:"address"`
	Agent   string    `json:"agent"`
	Failed  bool      `json:"failed"`
	Logout  bool      `json:"logout"`
}

// signIns are the last sign-ins of an organisation.
type signIns struct {
	mu   sync.Mutex
	last []SignInEvent
}

const maxSignIns = 10_000

// NoteSignIn remembers a sign-in for the organisation's security audit.
func (o *Org) NoteSignIn(e SignInEvent) error {
	if e.ID == "" {
		e.ID = NewID()
	}
	if e.At.IsZero() {
		e.At = o.u.now()
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	o.u.mu.Lock()
	seq, err := o.u.write(entry{Op: "sign-in", Org: o.id, Section: text})
	if err == nil {
		o.signIns.add(e)
	}
	o.u.mu.Unlock()
	return errors.Join(err, o.u.journal.flush(seq))
}

func (s *signIns) add(e SignInEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = append(s.last, e)
	if n := len(s.last); n > maxSignIns {
		s.last = append([]SignInEvent(nil), s.last[n-maxSignIns/2:]...)
	}
}

// SignIns returns the remembered sign-ins from one moment up to another, oldest first.
func (o *Org) SignIns(from, to time.Time) []SignInEvent {
	o.signIns.mu.Lock()
	defer o.signIns.mu.Unlock()
	list := []SignInEvent{}
	for _, e := range o.signIns.last {
		if !e.At.Before(from) && !e.At.After(to) {
			list = append(list, e)
		}
	}
	return list
}

// Changes returns the remembered writes in the organisation from one moment up to another, oldest first.
func (o *Org) Changes(from, to time.Time) []Commit {
	all, _ := o.u.commits.since(0, 1<<30)
	list := []Commit{}
	for _, c := range all {
		if c.Org == o.id && !c.At.Before(from) && !c.At.After(to) {
			list = append(list, c)
		}
	}
	return list
}
