package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is one that the target has had.
type Request struct {
	At     time.Time
	Method string
	Path   string
	Body   string
	Status int  // 0 is none: it was lost before the deed
	Lost   bool // the answer never came
	Paused bool // it was sent although the target had asked for a pause
}

// Write reports whether the request was to change something.
func (r Request) Write() bool { return r.Method != http.MethodGet }

// Requests returns what the target was asked, from the n-th on.
func (t *Target) Requests(n int) []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.journal[min(n, len(t.journal)):])
}

// problem notes that something was done that should not have been. The lock is held.
func (t *Target) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// watchCreate notes what is created while it is there already.
func (t *Target) watchCreate(kind string, o *object) {
	for _, attribute := range []string{naming(kind), "externalId"} {
		value := fold(text(o.Doc[attribute]))
		for _, other := range t.shelf(kind).order {
			if other != o && value != "" && fold(text(other.Doc[attribute])) == value {
				t.problem("created twice: %s %s (%s and %s)", attribute, value, other.ID, o.ID)
			}
		}
	}
}

// watchWrite notes writes to whom they are no business of, and people who are disabled although they did not leave.
func (t *Target) watchWrite(q *request, kind string, o *object, doc map[string]any) {
	name := text(o.Doc[naming(kind)])
	if o.Theirs {
		t.problem("%s %s: written to, and nobody's business: %s", kind, name, q.raw)
	}
	if kind == "Users" && o.Doc["active"] != false && doc["active"] == false && !t.leavers[fold(name)] {
		t.problem("Users %s: disabled, and did not leave", name)
	}
}

func (t *Target) watchRemove(kind string, o *object) {
	name := text(o.Doc[naming(kind)])
	if o.Theirs || !t.leavers[fold(name)] {
		t.problem("%s %s: deleted, and did not leave", kind, name)
	}
}

// Grace is how long requests may still come in after the target has asked for a pause: they were on their way.
const Grace = time.Second

// Verdict says what was done that should not have been: what is there twice, who was written to and is nobody's business, who
// was disabled or deleted without leaving, and requests in a pause that the target had announced.
func (t *Target) Verdict() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Clone(t.problems)
	for _, kind := range []string{"Users", "Groups"} {
		names := map[string]string{}
		for _, o := range t.shelf(kind).order {
			name := fold(text(o.Doc[naming(kind)]))
			if other, twice := names[name]; twice {
				out = append(out, fmt.Sprintf("there twice: %s %s (%s and %s)", kind, name, other, o.ID))
			}
			names[name] = o.ID
		}
	}
	var began time.Time // of the present pause
	early := 0
	for _, r := range t.journal {
		switch {
		case !r.Paused:
			began = time.Time{}
		case began.IsZero():
			began = r.At
		}
		if r.Paused && r.At.Sub(began) > Grace {
			early++
		}
	}
	if early > 0 && t.Quirks.Throttle.Header != Absent {
		out = append(out, fmt.Sprintf("asked to wait, and was asked %d times meanwhile", early))
	}
	return out
}

// Account is a user in flat form: "name.givenName", "emails[work]", "department", "manager" (a user name).
type Account map[string]string

// Holdings is what a target has, by folded user names and by names of groups. Members are folded user names, sorted.
type Holdings struct {
	People map[string]Account
	Groups map[string][]string
}

// Holdings returns what the target has. Those whom nobody sees are left out.
func (t *Target) Holdings() Holdings {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := Holdings{People: map[string]Account{}, Groups: map[string][]string{}}
	names := map[string]string{}
	for _, o := range t.users.order {
		names[o.ID] = fold(text(o.Doc["userName"]))
	}
	for _, o := range t.users.order {
		if o.Ghost {
			continue
		}
		a := Account{}
		flatten(a, "", o.Doc)
		if id := manager(o.Doc); id != "" {
			a["manager"] = names[id]
		}
		h.People[names[o.ID]] = a
	}
	for _, o := range t.groups.order {
		list := []string{}
		for _, id := range members(o.Doc) {
			list = append(list, names[id])
		}
		slices.Sort(list)
		h.Groups[text(o.Doc["displayName"])] = list
	}
	return h
}

// flatten writes the texts of a document into an account.
func flatten(a Account, prefix string, doc map[string]any) {
	for name, v := range doc {
		switch v := v.(type) {
		case string:
			a[prefix+name] = v
		case bool:
			a[prefix+name] = fmt.Sprint(v)
		case map[string]any:
			inner := prefix + name + "."
			if strings.HasPrefix(name, "urn:") {
				inner = ""
			}
			if name != "manager" {
				flatten(a, inner, v)
			}
		case []any:
			if name == "schemas" {
				continue
			}
			for _, e := range v {
				m, _ := e.(map[string]any)
				if value := text(m["value"]); value != "" {
					a[fmt.Sprintf("%s%s[%s]", prefix, name, text(m["type"]))] = value
				}
			}
		}
	}
}

// Compare returns how two holdings differ, a line for each difference; none is not at all.
func Compare(want, got Holdings) []string {
	var out []string
	for _, name := range both(want.People, got.People) {
		w, g := want.People[name], got.People[name]
		switch {
		case w == nil:
			out = append(out, name+": nobody wants this account")
			continue
		case g == nil:
			out = append(out, name+": no account")
			continue
		}
		for _, attribute := range both(w, g) {
			if w[attribute] != g[attribute] {
				out = append(out, fmt.Sprintf("%s: %s is %q, not %q", name, attribute, g[attribute], w[attribute]))
			}
		}
	}
	for _, name := range both(want.Groups, got.Groups) {
		w, isW := want.Groups[name]
		g, isG := got.Groups[name]
		switch {
		case !isW:
			out = append(out, "group "+name+": nobody wants it")
		case !isG:
			out = append(out, "group "+name+": is not there")
		case !slices.Equal(w, g):
			out = append(out, fmt.Sprintf("group %s: lacks %q, has %q beside", name, missing(w, g), missing(g, w)))
		}
	}
	return out
}

// missing is what of one list the other lacks.
func missing(of, in []string) []string {
	return slices.DeleteFunc(slices.Clone(of), func(s string) bool { return slices.Contains(in, s) })
}

func both[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// saved is a target's objects in a file.
type saved struct {
	Count         int
	Users, Groups []savedObject
}

type savedObject struct {
	ID     string
	Doc    map[string]any
	Before bool `json:",omitempty"`
	Theirs bool `json:",omitempty"`
	Ghost  bool `json:",omitempty"`
}

// Save returns all objects as JSON. Requests, quirks and what was noted are not in it.
func (t *Target) Save() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := saved{Count: t.count}
	for _, o := range t.users.order {
		s.Users = append(s.Users, savedObject{o.ID, o.Doc, o.Before, o.Theirs, o.Ghost})
	}
	for _, o := range t.groups.order {
		s.Groups = append(s.Groups, savedObject{o.ID, o.Doc, o.Before, o.Theirs, o.Ghost})
	}
	return json.MarshalIndent(s, "", " ")
}

// Load fills an empty target with what Save returned.
func (t *Target) Load(text []byte) error {
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("read a target's objects: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count = s.Count
	for shelf, list := range map[*shelf][]savedObject{&t.users: s.Users, &t.groups: s.Groups} {
		for _, o := range list {
			loaded := &object{ID: o.ID, Doc: o.Doc, Before: o.Before, Theirs: o.Theirs, Ghost: o.Ghost, Shown: true}
			shelf.order = append(shelf.order, loaded)
			shelf.byID[o.ID] = loaded
		}
	}
	return nil
}
