// Package hostile is a SCIM 2.0 application as they are met in the wild: correct where its Quirks do not say otherwise, and
// wrong in the ways that the quirks name. It shares no code with the program under test, so that both cannot be wrong in the
// same way. Only tests import it.
//
// Design. A Target keeps users and groups as decoded JSON. Every request is answered by a correct core (core.go, list.go,
// patch.go); quirks stand at few named places of it. The target records every request and watches over its own objects
// (judge.go): it knows who was there before, which object each write reached, and says in the end what was done twice and
// what was done to those who were nobody's business. Waiting is done with the time package, so that in a bubble of
// testing/synctest minutes pass at once.
package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Target is an application. New makes one; its fields may be set before the first request.
type Target struct {
	Quirks Quirks
	Token  string // that requests must bear; "" lets everybody in
	Prefix string // of all paths, such as "/scim/v2"

	mu       sync.Mutex
	users    shelf
	groups   shelf
	count    int // objects made so far
	journal  []Request
	seen     tally // what quirks that happen at the n-th request have counted
	pause    span  // in which requests are turned away
	problems []string
	leavers  map[string]bool // folded user names that may be disabled or deleted
}

// span is a stretch of time.
type span struct{ from, to time.Time }

// tally counts what quirks wait for.
type tally struct {
	requests, writes, creates int
	throttles                 int
	firstID                   string // of the first user that was created by a request
}

// shelf keeps the objects of one type in the order in which they were made.
type shelf struct {
	order []*object
	byID  map[string]*object
}

// object is a user or a group.
type object struct {
	ID      string
	Doc     map[string]any
	Made    time.Time
	Before  bool // it was there before the first request
	Theirs  bool // it is nobody's business: no request may write to it
	Shown   bool // by a list or a filter, whatever a quirk says of late listing
	Writes  int
	Ghost   bool // its name is taken, but nothing shows it
	deleted bool
}

const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
	configURN     = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
)

// New returns a target that has nothing.
func New(q Quirks) *Target {
	t := &Target{Quirks: q, leavers: map[string]bool{}}
	t.users.byID, t.groups.byID = map[string]*object{}, map[string]*object{}
	return t
}

// Put puts an object there as somebody else did, long ago. typ is "Users" or "Groups". theirs says that no request may write
// to it. It returns the object's id.
func (t *Target) Put(typ string, doc map[string]any, theirs bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.make(typ, doc)
	o.Before, o.Theirs, o.Shown = true, theirs, true
	return o.ID
}

// Haunt takes a user name without showing anybody who has it, as applications do whose names are unique across customers.
func (t *Target) Haunt(userName string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.make("Users", map[string]any{"userName": userName})
	o.Before, o.Theirs, o.Ghost = true, true, true
}

// Expect names people who may be disabled or deleted from now on. Whoever else is was not meant.
func (t *Target) Expect(leavers ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range leavers {
		t.leavers[fold(name)] = true
	}
}

// Change changes an object behind the program's back, as an administrator of the application does.
func (t *Target) Change(id string, change func(doc map[string]any)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range []*shelf{&t.users, &t.groups} {
		if o := s.byID[id]; o != nil {
			change(o.Doc)
		}
	}
}

// make makes an object. The lock is held.
func (t *Target) make(typ string, doc map[string]any) *object {
	t.count++
	o := &object{ID: fmt.Sprintf("%c%05d", typ[0]|0x20, t.count), Doc: clone(doc).(map[string]any), Made: time.Now()}
	delete(o.Doc, "id")
	delete(o.Doc, "meta")
	s := t.shelf(typ)
	s.order = append(s.order, o)
	s.byID[o.ID] = o
	return o
}

func (t *Target) shelf(typ string) *shelf {
	if typ == "Groups" {
		return &t.groups
	}
	return &t.users
}

// naming is the attribute that people know an object of the type by.
func naming(typ string) string {
	if typ == "Groups" {
		return "displayName"
	}
	return "userName"
}

func text(v any) string { s, _ := v.(string); return s }

func fold(s string) string { return strings.ToLower(s) }

// clone copies decoded JSON.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := maps.Clone(v)
		if m == nil {
			m = map[string]any{}
		}
		for k, x := range m {
			m[k] = clone(x)
		}
		return m
	case []any:
		l := slices.Clone(v)
		for i, x := range l {
			l[i] = clone(x)
		}
		return l
	}
	return v
}

// answer is what a request gets.
type answer struct {
	status int
	header map[string]string
	body   any // nil is no body
}

func (a answer) write(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // the peer may be gone
}

// fail is an error of RFC 7644 §3.12.
func fail(status int, scimType, detail string) answer {
	e := map[string]any{"schemas": []any{errorURN}, "status": fmt.Sprint(status), "detail": detail}
	if scimType != "" {
		e["scimType"] = scimType
	}
	return answer{status: status, body: e}
}
