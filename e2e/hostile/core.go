package hostile

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBody is the longest request that is read.
const maxBody = 8 << 20

// ServeHTTP implements http.Handler.
func (t *Target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, below := strings.CutPrefix(r.URL.Path, t.Prefix)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	switch {
	case err != nil:
		return // the peer is gone
	case !below:
		fail(http.StatusNotFound, "", "there is nothing here").write(w)
		return
	case t.Token != "" && r.Header.Get("Authorization") != "Bearer "+t.Token:
		fail(http.StatusUnauthorized, "", "who are you?").write(w)
		return
	}
	q := request{Request: r, parts: strings.Split(strings.Trim(path, "/"), "/"), raw: body}
	if !t.patient(q) {
		return
	}
	a, fate := t.handle(&q)
	switch fate {
	case lost:
		panic(http.ErrAbortHandler)
	case hanging:
		<-r.Context().Done()
		return
	}
	a.write(w)
}

// request is one on its way through the target.
type request struct {
	*http.Request
	parts []string // of the path: type, id
	raw   []byte
	body  map[string]any
	write bool
}

// fate is what becomes of an answer.
type fate int

const (
	sent fate = iota
	lost
	hanging
)

// patient waits as long as a request takes. It reports false when the peer has not waited.
func (t *Target) patient(q request) bool {
	wait := t.Quirks.Latency
	if q.Method == http.MethodGet && len(q.parts) == 1 && (q.parts[0] == "Users" || q.parts[0] == "Groups") {
		wait += t.Quirks.SlowPages
	}
	if wait == 0 {
		return true
	}
	select {
	case <-time.After(wait):
		return true
	case <-q.Context().Done():
		return false
	}
}

// handle does what the request asks for and records it.
func (t *Target) handle(q *request) (a answer, f fate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.seen.requests++
	q.write = q.Method != http.MethodGet
	record := Request{At: now, Method: q.Method, Path: q.URL.RequestURI(), Body: string(q.raw), Paused: now.Before(t.pause.to)}
	defer func() {
		record.Status, record.Lost = a.status, f != sent
		t.journal = append(t.journal, record)
	}()
	if a, off := t.throttled(now); off {
		return a, sent
	}
	if q.write {
		t.seen.writes++
		if t.Quirks.LoseBefore.hits(t.seen.writes) {
			return answer{}, lost
		}
		if err := json.Unmarshal(q.raw, &q.body); err != nil && len(q.raw) > 0 {
			return fail(http.StatusBadRequest, "invalidSyntax", err.Error()), sent
		}
	}
	a = t.route(q, now)
	switch {
	case !q.write:
	case t.Quirks.LoseAfter.hits(t.seen.writes):
		f = lost
	case t.Quirks.HangAfter.hits(t.seen.writes):
		f = hanging
	}
	if q.write && t.Quirks.EmptyWrite && a.status < 300 {
		a.body = nil
	}
	return a, f
}

func (t *Target) route(q *request, now time.Time) answer {
	kind := q.parts[0]
	switch {
	case kind == "ServiceProviderConfig":
		return answer{status: http.StatusOK, body: t.config()}
	case kind != "Users" && kind != "Groups":
		return fail(http.StatusNotFound, "", "there is no "+kind+" here")
	case len(q.parts) == 1 && q.Method == http.MethodGet:
		return t.list(q, now)
	case len(q.parts) == 1 && q.Method == http.MethodPost:
		return t.create(q, kind)
	case len(q.parts) != 2:
		return fail(http.StatusMethodNotAllowed, "", "not here")
	}
	o := t.shelf(kind).byID[q.parts[1]]
	if o == nil || o.deleted || o.Ghost {
		return fail(http.StatusNotFound, "", q.parts[1]+" is not here")
	}
	switch q.Method {
	case http.MethodGet:
		return answer{status: http.StatusOK, body: t.show(kind, o)}
	case http.MethodPut:
		return t.write(q, kind, o, replaced(q.body))
	case http.MethodPatch:
		if t.Quirks.NoPatch {
			return fail(http.StatusNotImplemented, "", "PATCH is not supported")
		}
		doc, err := patched(o.Doc, q.body)
		if err != nil {
			return fail(http.StatusBadRequest, err.scimType, err.detail)
		}
		return t.write(q, kind, o, doc)
	case http.MethodDelete:
		return t.remove(kind, o)
	}
	return fail(http.StatusMethodNotAllowed, "", "not here")
}

// config is the ServiceProviderConfig (RFC 7643 §5). Schemas and ResourceTypes are not there: many do without.
func (t *Target) config() map[string]any {
	supported := func(is bool) map[string]any { return map[string]any{"supported": is} }
	filter := supported(!t.Quirks.NoFilters)
	filter["maxResults"] = t.pageSize()
	return map[string]any{
		"schemas": []any{configURN}, "patch": supported(!t.Quirks.NoPatch), "filter": filter, "sort": supported(false),
		"etag": supported(false), "changePassword": supported(false),
		"bulk":                  map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"authenticationSchemes": []any{},
	}
}

func (t *Target) create(q *request, kind string) answer {
	doc := t.stored(replaced(q.body))
	name := text(doc[naming(kind)])
	if name == "" {
		return fail(http.StatusBadRequest, "invalidValue", naming(kind)+" is missing")
	}
	if problem := t.unknown(kind, doc); problem != "" {
		return fail(http.StatusBadRequest, "invalidValue", problem)
	}
	if !t.Quirks.Duplicates && t.taken(kind, name, nil) {
		return fail(http.StatusConflict, "uniqueness", name+" is taken")
	}
	if first := t.users.byID[t.seen.firstID]; kind == "Users" && first != nil && t.seen.creates+1 == t.Quirks.Liar {
		t.seen.creates++
		return answer{status: http.StatusCreated, body: t.show(kind, first)}
	}
	o := t.make(kind, doc)
	t.watchCreate(kind, o)
	shown := t.show(kind, o)
	if kind == "Users" {
		if t.seen.creates++; t.seen.creates == 1 {
			t.seen.firstID = o.ID
		}
		if t.Quirks.SameID > 1 && t.seen.creates == t.Quirks.SameID {
			shown["id"] = t.seen.firstID
		}
		if first := t.users.byID[t.seen.firstID]; t.Quirks.WrongBody > 1 && t.seen.creates == t.Quirks.WrongBody && first != nil {
			shown = t.show(kind, first)
		}
	}
	location := t.Prefix + "/" + kind + "/" + text(shown["id"])
	return answer{status: http.StatusCreated, body: shown, header: map[string]string{"Location": location}}
}

// write puts a new document in the place of an object's.
func (t *Target) write(q *request, kind string, o *object, doc map[string]any) answer {
	doc = t.stored(doc)
	name := text(doc[naming(kind)])
	switch {
	case name == "":
		return fail(http.StatusBadRequest, "invalidValue", naming(kind)+" is missing")
	case !t.Quirks.Duplicates && t.taken(kind, name, o):
		return fail(http.StatusConflict, "uniqueness", name+" is taken")
	}
	if problem := t.unknown(kind, doc); problem != "" {
		return fail(http.StatusBadRequest, "invalidValue", problem)
	}
	for _, name := range t.Quirks.Deaf {
		if v, had := o.Doc[name]; had {
			doc[name] = v
		} else {
			delete(doc, name)
		}
	}
	t.watchWrite(q, kind, o, doc)
	shown := t.show(kind, o)
	o.Doc = doc
	o.Writes++
	if !t.Quirks.OldAnswers {
		shown = t.show(kind, o)
	}
	return answer{status: http.StatusOK, body: shown}
}

func (t *Target) remove(kind string, o *object) answer {
	t.watchRemove(kind, o)
	o.deleted = true
	s := t.shelf(kind)
	delete(s.byID, o.ID)
	for i, other := range s.order {
		if other == o {
			s.order = append(s.order[:i:i], s.order[i+1:]...)
			break
		}
	}
	for _, g := range t.groups.order { // nobody is a member who is not there
		setMembers(g.Doc, without(members(g.Doc), o.ID))
	}
	return answer{status: http.StatusNoContent}
}

// taken reports whether another object has the name.
func (t *Target) taken(kind, name string, but *object) bool {
	for _, o := range t.shelf(kind).order {
		if o != but && fold(text(o.Doc[naming(kind)])) == fold(name) {
			return true
		}
	}
	return false
}

// unknown names a member or a manager who is not there.
func (t *Target) unknown(kind string, doc map[string]any) string {
	if kind == "Groups" {
		for _, id := range members(doc) {
			if t.users.byID[id] == nil && t.groups.byID[id] == nil {
				return "member " + id + " is not here"
			}
		}
		return ""
	}
	if id := manager(doc); id != "" && t.users.byID[id] == nil {
		return "manager " + id + " is not here"
	}
	return ""
}

// stored is a document as the target keeps it.
func (t *Target) stored(doc map[string]any) map[string]any {
	for _, name := range t.Quirks.Lower {
		if s, ok := doc[name].(string); ok {
			doc[name] = strings.ToLower(s)
		}
	}
	for _, name := range t.Quirks.Trim {
		if s, ok := doc[name].(string); ok {
			doc[name] = strings.Join(strings.Fields(s), " ")
		}
	}
	return doc
}

// show is an object as answers show it.
func (t *Target) show(kind string, o *object) map[string]any {
	doc := clone(o.Doc).(map[string]any)
	for _, name := range t.Quirks.Hide {
		delete(doc, name)
	}
	doc["id"] = o.ID
	doc["meta"] = map[string]any{"resourceType": strings.TrimSuffix(kind, "s"), "location": t.Prefix + "/" + kind + "/" + o.ID}
	return doc
}

// replaced is a document that a request sends, without what a client cannot set.
func replaced(body map[string]any) map[string]any {
	doc := clone(body).(map[string]any)
	for _, name := range []string{"id", "meta", "groups"} {
		delete(doc, name)
	}
	return doc
}

// members are the ids of a group's members.
func members(doc map[string]any) []string {
	list, _ := doc["members"].([]any)
	var ids []string
	for _, m := range list {
		if o, ok := m.(map[string]any); ok {
			ids = append(ids, text(o["value"]))
		}
	}
	return ids
}

func setMembers(doc map[string]any, ids []string) {
	if len(ids) == 0 {
		delete(doc, "members")
		return
	}
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = map[string]any{"value": id}
	}
	doc["members"] = list
}

func without(ids []string, id string) []string {
	var out []string
	for _, x := range ids {
		if x != id {
			out = append(out, x)
		}
	}
	return out
}

// manager is the id of a user's manager.
func manager(doc map[string]any) string {
	ext, _ := doc[enterpriseURN].(map[string]any)
	m, _ := ext["manager"].(map[string]any)
	return text(m["value"])
}
