package webex

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// UserURN is the extension in which rules say what Webex keeps of a user outside SCIM. It is never sent.
const UserURN = "urn:lockstep:webex:2.0:User"

// licencesPath is the attribute that lists a person's licences.
var licencesPath = filter.Path{URN: UserURN, Attr: "licenses"}

// userSchema describes the extension.
func userSchema() *scim.Schema {
	return &scim.Schema{ID: UserURN, Name: "Webex", Description: "What Webex keeps of a user outside SCIM", Attributes: []scim.Attribute{{
		Name: "licenses", Type: scim.String, MultiValued: true, MaxValues: 100, MaxLength: 1024,
		Description: "The licences that the person is given, each by its name, before or after January 2026, or by its id.",
		Mutability:  scim.ReadWrite, Returned: scim.ReturnedDefault, Uniqueness: scim.UniqueNone,
	}}}
}

// licence is a stock of seats.
type licence struct {
	id           string // as the REST API writes it: opaque
	key          string // <TYPE>_<uuid>, and more: what the id ends with when it is decoded; "" when it cannot be
	name         string
	site         string // of meetings
	subscription string
	total        int // seats; 0 is without end
	taken        int
}

// free is how many seats are left; limited is false when they have no end.
func (l *licence) free() (n int, limited bool) { return max(0, l.total-l.taken), l.total > 0 }

// renamed are the names of licences before and since 26 January 2026.
var renamed = [][2]string{
	{"Single License - Webex Common Area Calling", "Common Area Calling"},
	{"Single License - Webex Calling", "Webex Calling"},
	{"Single License - Webex Suite", "Webex Suite"},
	{"Single License - Webex Meetings", "Webex Meetings"},
	{"Single License - Webex Voice", "Webex Voice"},
	{"Single License - CX Essentials", "Customer Assist"},
}

// otherName is what a licence of the name was called before, or is since; "" is nothing else.
func otherName(name string) string {
	for _, pair := range renamed {
		for i := range pair {
			if alike(pair[i], name) {
				return pair[1-i]
			}
		}
	}
	return ""
}

// alike reports whether two names say the same: case and blanks do not count.
func alike(a, b string) bool { return folded(a) == folded(b) }

func folded(s string) string { return filter.Fold(strings.Join(strings.Fields(s), " ")) }

// spellings are all the ways in which rules may call the licence, the usual one first.
func (l *licence) spellings() []string {
	all := []string{l.name}
	if other := otherName(l.name); other != "" {
		all = append(all, other)
	}
	if l.site != "" {
		for _, name := range slices.Clone(all) {
			all = append(all, name+" ("+l.site+")")
		}
	}
	all = append(all, l.id)
	if l.key != "" {
		all = append(all, l.key)
	}
	return all
}

// called returns the licences that a rule may mean by the text: by id, by name with the site, by name, and by the other name.
func called(all []licence, text string) []licence {
	for _, is := range []func(*licence) bool{
		func(l *licence) bool { return text == l.id || l.key != "" && alike(text, l.key) },
		func(l *licence) bool {
			return alike(text, l.name) || l.site != "" && alike(text, l.name+" ("+l.site+")")
		},
		func(l *licence) bool {
			other := otherName(l.name)
			return other != "" && (alike(text, other) || l.site != "" && alike(text, other+" ("+l.site+")"))
		},
	} {
		var found []licence
		for i := range all {
			if is(&all[i]) {
				found = append(found, all[i])
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// meant returns the one licence that a rule means. The error has the code target.unknown_name.
func meant(all []licence, text string) (licence, error) {
	found := called(all, text)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		var names []string
		for i := range all {
			names = append(names, all[i].name)
		}
		slices.Sort(names)
		return licence{}, &lockstep.Error{Code: lockstep.CodeTargetName, Detail: fmt.Sprintf("the organisation has no licence %q; it has %s", text, some(slices.Compact(names)))}
	}
	var ways []string
	for i := range found {
		way := found[i].id
		if found[i].site != "" {
			way = found[i].name + " (" + found[i].site + ")"
		}
		ways = append(ways, way)
	}
	return licence{}, &lockstep.Error{Code: lockstep.CodeTargetName, Detail: fmt.Sprintf("the organisation has %d licences called %q: say which one, by %s", len(found), text, some(ways))}
}

// some lists names, not more than people read.
func some(names []string) string {
	const most = 12
	switch {
	case len(names) == 0:
		return "none at all"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// How long what Webex has said of its licences and roles is gone by, and that it did not say it.
const (
	stockAge   = time.Minute
	freshAge   = 5 * time.Second // for a name that is not among them
	refusalAge = 10 * time.Second
	failureAge = 3 * time.Second // or as long as Webex asks for
)

// shelf keeps the newest answer to a list.
type shelf[T any] struct {
	mu   sync.Mutex
	at   time.Time
	all  []T
	why  connection.Result // that there is none
	have bool
}

// get returns what was read within age, or reads it: one at a time, since everybody waits for the same.
// A failure is kept, too, so that all who plan, write and read ask a system in trouble once.
func (s *shelf[T]) get(ctx context.Context, now func() time.Time, age time.Duration, read func() ([]T, connection.Result)) ([]T, connection.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.why.Err == nil:
	case denied(s.why.Err):
		age = refusalAge
	case s.why.RetryAfter > 0:
		age = s.why.RetryAfter
	default:
		age = failureAge
	}
	if left := age - now().Sub(s.at); s.have && left > 0 {
		why := s.why
		if why.Requests = 0; why.RetryAfter > 0 {
			why.RetryAfter = left
		}
		return s.all, why
	}
	all, r := read()
	s.all, s.why, s.at, s.have = all, r, now(), r.Err == nil || ctx.Err() == nil // who has given up says nothing of Webex
	return all, r
}

// amend changes what is kept, where there is anything: whoever holds the list that was read goes on with that.
func (s *shelf[T]) amend(change func(*T)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.Clone(s.all)
	for i := range s.all {
		change(&s.all[i])
	}
}

// denied reports whether the error says that the token does not open this, or that there is no such thing: asking again soon is of no use.
func denied(err error) bool {
	switch lockstep.CodeOf(err) {
	case lockstep.CodeAuthForbidden, lockstep.CodeAuthRole, lockstep.CodeTargetGone, lockstep.CodeTargetUnsupported:
		return err != nil
	}
	return false
}

// licences lists what licences the organisation has. age is how old the answer may be.
func (t *Target) licences(ctx context.Context, age time.Duration) ([]licence, connection.Result) {
	return t.stock.get(ctx, t.now, age, func() ([]licence, connection.Result) {
		a, r := t.rest.Call(ctx, http.MethodGet, "/licenses", nil, "list licences of")
		if r.Err != nil {
			r.Err = unopened(r.Err, "licences", "spark-admin:licenses_read")
			return nil, r
		}
		var all []licence
		for _, o := range objects(a.Body.Get("items")) {
			if id := o.Text("id"); id != "" {
				all = append(all, licence{
					id: id, key: keyOf(id), name: strings.TrimSpace(o.Text("name")), site: o.Text("siteUrl"), subscription: o.Text("subscriptionId"),
					total: number(o.Get("totalUnits")), taken: number(o.Get("consumedUnits")),
				})
			}
		}
		return all, r
	})
}

// lookUp finds the licences that rules call so, and asks anew when one of them is not known.
func (t *Target) lookUp(ctx context.Context, texts []string) (all []licence, r connection.Result) {
	all, r = t.licences(ctx, stockAge)
	if r.Err == nil && slices.ContainsFunc(texts, func(s string) bool { return len(called(all, s)) == 0 }) {
		n := r.Requests
		all, r = t.licences(ctx, freshAge)
		r.Requests += n
	}
	return all, r
}

// unopened says which scope the token needs, where it does not open a part of Webex.
func unopened(err error, what, scope string) error {
	switch lockstep.CodeOf(err) {
	case lockstep.CodeTargetGone: // the address, not a person
		return &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: fmt.Sprintf("%s are not managed at this address: %s", what, lockstep.Said(err)), Err: err}
	case lockstep.CodeAuthForbidden:
	default:
		return err
	}
	return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: fmt.Sprintf("%s need the scope %s and a full administrator: %s", what, scope, lockstep.Said(err)), Err: err}
}

func objects(v any) []scim.Object {
	list, _ := v.(scim.List)
	var all []scim.Object
	for _, e := range list {
		if o, ok := e.(scim.Object); ok {
			all = append(all, o)
		}
	}
	return all
}

func number(v any) int {
	switch v := v.(type) {
	case int64:
		return int(v)
	case float64:
		return int(v)
	}
	return 0
}

// decoded is what an id of the REST API stands for: ciscospark://us/LICENSE/<organisation>:<TYPE>_<uuid>. "" when it is something else.
func decoded(id string) string {
	for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		if b, err := e.DecodeString(strings.TrimRight(id, "=")); err == nil && strings.Contains(string(b), "/") {
			return string(b)
		}
	}
	return ""
}

// keyOf is what an id of the REST API ends with.
func keyOf(id string) string {
	uri := decoded(id)
	uri = uri[strings.LastIndexByte(uri, '/')+1:]
	return uri[strings.LastIndexByte(uri, ':')+1:]
}

// personID is how the REST API calls a user of SCIM, told by how it calls a licence of the same organisation; "" when that cannot be told.
func personID(user, licence string) string {
	uri := decoded(licence)
	at := strings.LastIndex(uri, "/LICENSE/")
	if at < 0 || user == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(uri[:at] + "/PEOPLE/" + user))
}

// licencesOf returns what licences the values of a user name.
func licencesOf(o scim.Object) []string {
	var all []string
	for _, v := range scim.Values(o, licencesPath) {
		if s, ok := v.(string); ok && strings.TrimSpace(s) != "" && !names(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func names(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return alike(s, name) })
}

// without returns the names that are not among the others.
func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return names(others, s) })
}
