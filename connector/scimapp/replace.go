package scimapp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// whole is an object of a server without PATCH on its way from being read to being put back (RFC 7644 §3.5.1). A PUT takes away what
// is not in it, and servers do not show all that an object has; so what we have written is added where it is not shown, and what
// others may have written must be visible.
type whole struct {
	*Target
	op       *connection.Operation
	now      scim.Object
	shown    map[string]bool // attributes that the server shows, if only to say that they are empty; in lower case
	requests int
}

// replace reads the object, changes it and puts it back.
func (t *Target) replace(ctx context.Context, op *connection.Operation, changes []change) connection.Result {
	w := whole{Target: t, op: op}
	f := w.read(ctx)
	if f == nil && op.Written != nil {
		f = w.complete(ctx)
	}
	if f != nil {
		return f.result(t, op, w.requests)
	}
	version := ""
	if meta, ok := w.now.Get("meta").(scim.Object); ok && t.sendsVersions() {
		version = text(meta.Get("version"))
	}
	for _, c := range changes {
		if err := c.apply(&w.now); err != nil {
			return (&fault{code: lockstep.CodeTargetUnsupported, detail: "it has nothing at " + c.path.String(), err: err}).result(t, op, w.requests)
		}
	}
	w.now.Delete("meta")
	w.nameSchemas()
	body := newBuffer()
	body.Write(scim.AppendJSON(body.AvailableBuffer(), w.now))
	w.requests++
	a, f := t.send(ctx, http.MethodPut, t.path(op.Ref), body, version, maxBody)
	if f != nil {
		return f.result(t, op, w.requests)
	}
	defer a.free()
	version, f = written(op, changes, a)
	if f != nil {
		return f.result(t, op, w.requests)
	}
	t.sight(op.Ref.Type).wrote(op.Ref.ID, w.now)
	return connection.Result{ID: op.Ref.ID, Version: version, Requests: w.requests}
}

// read reads the object, and notes what the server shows of it.
func (w *whole) read(ctx context.Context) *fault {
	w.requests++
	now, shown, f := w.look(ctx, w.path(w.op.Ref))
	if f != nil {
		return f
	}
	w.now, w.shown = now, shown
	w.sight(w.op.Ref.Type).saw(now)
	return nil
}

// look reads an object and the names of its attributes in lower case, with those that are shown as empty.
func (t *Target) look(ctx context.Context, path string) (scim.Object, map[string]bool, *fault) {
	a, f := t.send(ctx, http.MethodGet, path, nil, "", int64(t.config.Profile.MaxPage))
	if f != nil {
		return nil, nil, f
	}
	defer a.free()
	o, err := scim.DecodeObject(a.body())
	if err != nil {
		return nil, nil, notJSON(a, err)
	}
	all, err := scim.DecodeWhole(a.body())
	if err != nil {
		return nil, nil, notJSON(a, err)
	}
	shown := make(map[string]bool, len(all))
	for _, attribute := range all {
		shown[strings.ToLower(attribute.Name)] = true
	}
	return o, shown, nil
}

// complete adds what the object has and the server does not show. It fails when there may be more than that.
func (w *whole) complete(ctx context.Context) *fault {
	var hidden []string
	for name, ours := range w.shared() {
		if w.shown[strings.ToLower(name)] || w.sight(w.op.Ref.Type).shows(name) || !ours && (w.op.Written.Made || w.wouldShow(ctx, name, false) != no) {
			continue
		}
		known, f := w.onRequest(ctx, name)
		if f != nil {
			return f
		}
		if known || w.op.Written.Made || w.op.Kind == rule.Disable || w.config.Profile.Overwrite {
			continue // access is taken away whatever else is lost
		}
		if !ours || w.wouldShow(ctx, name, true) != yes {
			hidden = append(hidden, shortName(name))
		}
	}
	if len(hidden) > 0 {
		slices.Sort(hidden)
		return &fault{code: lockstep.CodeTargetHides, detail: fmt.Sprintf("it does not show %s, where others may have put something that would be lost", strings.Join(hidden, " and "))}
	}
	w.addValues()
	w.addReferences()
	return nil
}

func shortName(name string) string {
	if strings.HasPrefix(name, "urn:") {
		return "the extension " + name
	}
	return name
}

// shared returns the attributes in which others may have something beside us, since what the rules write of them is a part. Those
// are ours, too, of which something was written, or is to be: without it there is no telling whether the server hides them or has none.
func (w *whole) shared() map[string]bool {
	names := map[string]bool{}
	for _, p := range w.op.Written.Paths {
		path, err := filter.ParsePath(p)
		if name := partOf(path); err == nil && name != "" && w.keeps(path) {
			names[name] = names[name]
		}
	}
	for _, o := range []scim.Object{w.op.After, w.op.Written.Values} {
		for _, d := range scim.Diff(nil, o) {
			path, err := filter.ParsePath(d.Path)
			if name := partOf(path); err == nil && name != "" {
				names[name] = true
			}
		}
	}
	if w.op.Ref.Type == groupType {
		names[memberAttribute] = true
	}
	for _, refs := range [][]connection.Reference{w.op.Add, w.op.Written.References} {
		if slices.ContainsFunc(refs, func(r connection.Reference) bool { return r.Attribute == managerAttribute }) {
			names[scim.EnterpriseUserURN] = true
		}
	}
	return names
}

// partOf returns the attribute, or the extension, of which the path is a part; "" when it is the whole.
func partOf(path filter.Path) string {
	switch {
	case path.URN != "" && !strings.EqualFold(path.URN, scim.UserURN) && !strings.EqualFold(path.URN, scim.GroupURN):
		return path.URN
	case path.Filter != nil || path.Sub != "":
		return path.Attr
	}
	return ""
}

// keeps reports whether the server has the attribute at all, as far as it says.
func (w *whole) keeps(path filter.Path) bool {
	typ := w.typeOf(w.op.Ref.Type)
	if typ == nil {
		return true
	}
	_, ok := typ.Attribute(path)
	return ok
}

// onRequest asks for an attribute that the server does not show, since some are returned on request only (RFC 7643 §7). It reports
// whether all that the object has of it is known now.
func (w *whole) onRequest(ctx context.Context, name string) (known bool, f *fault) {
	s := w.sight(w.op.Ref.Type)
	if s.is(s.vain, name) {
		return false, nil
	}
	w.requests++
	o, shown, f := w.look(ctx, w.path(w.op.Ref)+"?"+encode(url.Values{"attributes": {name}}))
	switch {
	case f != nil && (f.code == lockstep.CodeTargetRefused || f.code == lockstep.CodeTargetUnsupported || f.code == lockstep.CodeTargetGone):
		return false, nil
	case f != nil:
		return false, f
	case shown[strings.ToLower(name)]:
		if v := o.Get(name); v != nil {
			w.now.Set(name, v)
		}
		s.note(s.asked, name)
		return true, nil
	case s.is(s.asked, name):
		return true, nil // it has none
	case w.wrote(name):
		s.note(s.vain, name)
	}
	return false, nil
}

// wrote reports whether we have written something of the attribute.
func (w *whole) wrote(name string) bool {
	if name == memberAttribute {
		return len(members(w.op.Written.References)) > 0
	}
	return w.op.Written.Values.Has(name)
}

// addValues adds the values that a list has shown or we have written, and that are not shown here. What is never returned stays out:
// a server keeps what only clients know (RFC 7643 §7), and a password would be set anew.
func (w *whole) addValues() {
	typ := w.typeOf(w.op.Ref.Type)
	for _, d := range slices.Concat(scim.Diff(nil, w.op.Before), scim.Diff(nil, w.op.Written.Values)) {
		path, err := filter.ParsePath(d.Path)
		if err != nil || scim.First(w.now, path) != nil || neverShown(typ, path) {
			continue
		}
		if err := scim.Assign(&w.now, path, d.After); err != nil {
			continue // what is there has another shape: it is shown, and stays
		}
	}
}

// neverShown reports whether an attribute is never returned.
func neverShown(typ *scim.Type, path filter.Path) bool {
	if typ == nil {
		return strings.EqualFold(path.Attr, "password")
	}
	a, ok := typ.Attribute(path)
	return ok && (a.Mutability == scim.WriteOnly || a.Returned == scim.ReturnedNever)
}

// addReferences adds the members and the manager that we have written and that are not shown.
func (w *whole) addReferences() {
	there := map[string]bool{}
	for _, r := range memberEdges(w.now.Get(memberAttribute)) {
		there[r.To.ID] = true
	}
	list := asList(w.now.Get(memberAttribute))
	for _, r := range w.op.Written.References {
		switch {
		case r.Attribute == memberAttribute && !there[r.To.ID]:
			there[r.To.ID] = true
			list = append(list, w.member(r))
		case r.Attribute == managerAttribute:
			w.addManager(r.To.ID)
		}
	}
	if len(list) > 0 {
		w.now.Set(memberAttribute, list)
	}
}

// addManager adds the manager unless the server shows one.
func (w *whole) addManager(id string) {
	ext, _ := w.now.Get(scim.EnterpriseUserURN).(scim.Object)
	if ext.Has(managerAttribute) {
		return
	}
	ext = ext.Clone()
	ext.Set(managerAttribute, scim.Object{{Name: "value", Value: id}})
	w.now.Set(scim.EnterpriseUserURN, ext)
}

// nameSchemas lists the schemas of all that is in the object (RFC 7643 §3).
func (w *whole) nameSchemas() {
	list := asList(w.now.Get("schemas"))
	add := func(urn string) {
		if !slices.ContainsFunc(list, func(v any) bool { return strings.EqualFold(text(v), urn) }) {
			list = append(list, urn)
		}
	}
	if len(list) == 0 {
		add(coreOf(w.op.Ref.Type))
	}
	for _, a := range w.now {
		if len(a.Name) > 4 && strings.EqualFold(a.Name[:4], "urn:") {
			add(a.Name)
		}
	}
	w.now.Set("schemas", list)
}

// sight is what the server has been seen to show of the objects of a type. Names of attributes are in lower case.
type sight struct {
	mu     sync.Mutex
	open   map[string]bool   // attributes that it shows
	asked  map[string]bool   // that it shows to who asks for them
	vain   map[string]bool   // that it does not show even then
	latest map[string]string // by attribute: the id of the object that was written last with something in it
	judged map[string]string // by attribute: which of these was looked at
	listed time.Time         // when a list was looked at
}

// listEvery is how often a list is looked at for what the server shows.
const listEvery = 10 * time.Minute

func (t *Target) sight(typ string) *sight {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sights == nil {
		t.sights = map[string]*sight{}
	}
	if t.sights[typ] == nil {
		t.sights[typ] = &sight{open: map[string]bool{}, asked: map[string]bool{}, vain: map[string]bool{}, latest: map[string]string{}, judged: map[string]string{}}
	}
	return t.sights[typ]
}

func (s *sight) is(in map[string]bool, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return in[strings.ToLower(name)]
}

func (s *sight) note(in map[string]bool, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in[strings.ToLower(name)] = true
}

// shows reports whether the server has been seen to show the attribute, so that an object without it has none.
func (s *sight) shows(name string) bool { return s.is(s.open, name) }

// saw notes what an object shows.
func (s *sight) saw(o scim.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range o {
		s.open[strings.ToLower(a.Name)] = true
	}
}

// wrote notes an object that has something in each of these attributes, and should show it.
func (s *sight) wrote(id string, o scim.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range o {
		s.latest[strings.ToLower(a.Name)] = id
	}
}

// looked reports whether the object was looked at for the attribute, and look notes that it was.
func (s *sight) looked(name, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.judged[strings.ToLower(name)] == id
}

func (s *sight) look(name, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judged[strings.ToLower(name)] = id
}

// ways says where it may be seen whether the server shows an attribute: in an object that we have written, and in a list.
func (s *sight) ways(name string, now time.Time, worth bool) (id string, list bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if list = worth && now.Sub(s.listed) >= listEvery; list {
		s.listed = now
	}
	return s.latest[strings.ToLower(name)], list
}

// wouldShow finds out whether the server shows the attribute at all: in an object that we have written, or, if it is worth it, in a
// list. A failure is no answer.
func (w *whole) wouldShow(ctx context.Context, name string, worth bool) answerTo {
	typ := w.op.Ref.Type
	s := w.sight(typ)
	id, list := s.ways(name, w.config.Now(), worth)
	seen := unknown
	switch {
	case id == "" || id == w.op.Ref.ID:
	case s.looked(name, id):
		seen = no
	default:
		w.requests++
		if o, _, f := w.look(ctx, w.path(connection.Ref{Type: typ, ID: id})); f == nil {
			s.saw(o)
			s.look(name, id)
			seen = no
		}
	}
	if list && !s.shows(name) {
		w.requests++
		if body, f := w.get(ctx, w.endpoint(typ)+"?count="+strconv.Itoa(or(w.config.Profile.PageSize, defaultPage))); f == nil {
			for _, o := range resources(body) {
				s.saw(o)
			}
		}
	}
	if s.shows(name) {
		return yes
	}
	return seen
}
