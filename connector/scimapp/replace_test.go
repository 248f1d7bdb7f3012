package scimapp

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// replacing is an application without PATCH that keeps what it is sent and does not show all of it.
type replacing struct {
	docs   map[string]map[string]any // by path below the base
	hides  []string
	ask    bool // what it hides is shown to who asks for it
	empty  bool // a group without members says so
	listed bool // lists show everything
}

func (a *replacing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/scim/v2")
	doc := a.docs[name]
	switch {
	case r.Method == http.MethodGet && strings.Count(name, "/") == 1:
		var list []any
		for path, doc := range a.docs {
			if strings.HasPrefix(path, name+"/") {
				list = append(list, a.show(path, doc, a.listed))
			}
		}
		say(w, map[string]any{"totalResults": len(list), "Resources": list})
	case r.Method == http.MethodPost:
		name = fmt.Sprintf("%s/new%d", name, len(a.docs))
		fallthrough
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		var sent map[string]any
		if err := json.Unmarshal(body, &sent); err != nil {
			reply(400, `{}`)(w, r)
			return
		}
		for _, urn := range slices.Collect(maps.Keys(sent)) {
			schemas, _ := sent["schemas"].([]any)
			if strings.HasPrefix(urn, "urn:") && !slices.Contains(schemas, any(urn)) {
				reply(400, `{"detail":"schemas does not name it"}`)(w, r)
				return
			}
		}
		delete(sent, "schemas")
		a.docs[name] = sent
		say(w, map[string]any{"id": name[strings.LastIndexByte(name, '/')+1:]})
	case doc == nil:
		reply(404, `{}`)(w, r)
	default:
		say(w, a.show(name, doc, a.ask && a.hides != nil && r.URL.Query().Get("attributes") == a.hides[0]))
	}
}

func (a *replacing) show(path string, doc map[string]any, all bool) map[string]any {
	shown := maps.Clone(doc)
	shown["id"] = path[strings.LastIndexByte(path, '/')+1:]
	if a.empty && shown["members"] == nil {
		shown["members"] = []any{}
	}
	for _, name := range a.hides {
		if !all {
			delete(shown, name)
		}
	}
	return shown
}

func say(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", mediaType)
	_ = json.NewEncoder(w).Encode(body)
}

// has is what the application has, as JSON.
func (a *replacing) has(path string) string {
	doc := maps.Clone(a.docs[path])
	delete(doc, "id")
	text, _ := json.Marshal(doc)
	return string(text)
}

func docOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestReplaceHidden: what an application without PATCH does not show is not lost when an object is put back: what we have written is
// sent again, and where others may have written something nothing is replaced.
func TestReplaceHidden(t *testing.T) {
	const both = `{"displayName":"G","members":[{"value":"1"},{"value":"9"}]}`
	const only1 = `{"displayName":"G","members":[{"value":"1"}]}`
	const mails = `{"emails":[{"type":"work","value":"a@x"},{"type":"home","value":"a@h"}],"password":"p","title":"T","userName":"a"}`
	group, user := connection.Ref{Type: groupType, ID: "g"}, connection.Ref{Type: userType, ID: "u"}
	written := func(made bool, values string, refs ...connection.Reference) *connection.Written {
		return &connection.Written{Values: object(t, values), References: refs, Made: made, Paths: []string{"userName", "title", `emails[type eq "work"].value`}}
	}
	named := `{"displayName":"G"}`
	for _, c := range []struct {
		name string
		app  replacing
		doc  string
		op   connection.Operation
		want string // what the application has afterwards; "" is what it had
		code lockstep.Code
		put  Profile
	}{
		{name: "members of ours, one more", app: replacing{hides: []string{"members"}}, doc: only1,
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Written: written(true, named, users("1")...)},
			want: `{"displayName":"G","members":[{"value":"1"},{"value":"2"}]}`},
		{name: "members of ours, the last goes", app: replacing{hides: []string{"members"}}, doc: only1,
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Remove: users("1"), Written: written(true, named, users("1")...)},
			want: `{"displayName":"G"}`},
		{name: "a group of ours gets another name", app: replacing{hides: []string{"members"}}, doc: only1,
			op:   connection.Operation{Kind: rule.Update, Ref: group, Before: object(t, named), After: object(t, `{"displayName":"H"}`), Written: written(true, named, users("1")...)},
			want: `{"displayName":"H","members":[{"value":"1"}]}`},
		{name: "members of others may be there", app: replacing{hides: []string{"members"}}, doc: both,
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Written: written(false, named, users("1")...)},
			code: lockstep.CodeTargetHides},
		{name: "a name over members that nobody sees", app: replacing{hides: []string{"members"}}, doc: both,
			op:   connection.Operation{Kind: rule.Update, Ref: group, Before: object(t, named), After: object(t, `{"displayName":"H"}`), Written: written(false, named)},
			code: lockstep.CodeTargetHides},
		{name: "they may be lost", app: replacing{hides: []string{"members"}}, doc: both, put: Profile{Overwrite: true},
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Written: written(false, named, users("1")...)},
			want: `{"displayName":"G","members":[{"value":"1"},{"value":"2"}]}`},
		{name: "shown to who asks", app: replacing{hides: []string{"members"}, ask: true}, doc: both,
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Written: written(false, named, users("1")...)},
			want: `{"displayName":"G","members":[{"value":"1"},{"value":"9"},{"value":"2"}]}`},
		{name: "an empty group that says so", app: replacing{empty: true}, doc: named,
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Written: written(false, named)},
			want: `{"displayName":"G","members":[{"value":"2"}]}`},
		{name: "an empty group, and another shows members", app: replacing{docs: map[string]map[string]any{"/Groups/h": docOf(t, both)}}, doc: named,
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Written: written(false, named)},
			want: `{"displayName":"G","members":[{"value":"2"}]}`},
		{name: "an empty group, and nobody knows", doc: named,
			op:   connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Written: written(false, named)},
			code: lockstep.CodeTargetHides},
		{name: "values of ours", app: replacing{hides: []string{"title", "emails", "password"}}, doc: mails,
			op: connection.Operation{Kind: rule.Update, Ref: user, Before: object(t, `{"userName":"a"}`), After: object(t, `{"userName":"b"}`),
				Written: written(true, `{"userName":"a","title":"T","password":"p","emails":[{"type":"work","value":"a@x"}]}`)},
			want: `{"emails":[{"type":"work","value":"a@x"}],"title":"T","userName":"b"}`},
		{name: "a manager and an extension of ours", app: replacing{hides: []string{enterprise}}, doc: `{"userName":"a","` + enterprise + `":{"department":"D","manager":{"value":"7"}}}`,
			op: connection.Operation{Kind: rule.Update, Ref: user, Before: object(t, `{"userName":"a"}`), After: object(t, `{"userName":"b"}`),
				Written: written(true, `{"userName":"a","`+enterprise+`":{"department":"D"}}`, manager("7")...)},
			want: `{"` + enterprise + `":{"department":"D","manager":{"value":"7"}},"userName":"b"}`},
		{name: "addresses of others may be there", app: replacing{hides: []string{"emails"}}, doc: mails,
			op: connection.Operation{Kind: rule.Update, Ref: user, Before: object(t, `{"userName":"a"}`), After: object(t, `{"userName":"a","emails":[{"type":"work","value":"a@x"}]}`),
				Written: written(false, `{"userName":"a"}`)},
			code: lockstep.CodeTargetHides},
		{name: "a leaver, all the same", app: replacing{hides: []string{"emails"}}, doc: mails,
			op: connection.Operation{Kind: rule.Disable, Ref: user, Before: object(t, `{"userName":"a"}`), After: object(t, `{"userName":"a","active":false}`),
				Written: written(false, `{"userName":"a","emails":[{"type":"work","value":"a@x"}]}`)},
			want: `{"active":false,"emails":[{"type":"work","value":"a@x"}],"password":"p","title":"T","userName":"a"}`},
		{name: "a manager over addresses that nobody sees", app: replacing{hides: []string{"emails"}}, doc: mails,
			op:   connection.Operation{Kind: rule.Refer, Ref: user, Add: manager("7"), Written: written(false, `{"userName":"a"}`)},
			code: lockstep.CodeTargetHides},
		{name: "a list shows more than the object", app: replacing{hides: []string{"title"}, docs: map[string]map[string]any{"/Users/z": docOf(t, mails)}}, doc: `{"userName":"a","title":"T"}`,
			op: connection.Operation{Kind: rule.Update, Ref: user, Before: object(t, `{"userName":"a","title":"T"}`), After: object(t, `{"userName":"a","title":"T","nickName":"n"}`),
				Written: written(false, `{}`)},
			want: `{"nickName":"n","title":"T","userName":"a"}`},
	} {
		app := c.app
		path := "/" + c.op.Ref.Type + "s/" + c.op.Ref.ID
		if app.docs == nil {
			app.docs = map[string]map[string]any{}
		}
		app.docs[path] = docOf(t, c.doc)
		before := app.has(path)
		s := serve(t, app.ServeHTTP)
		c.put.Put = true
		got := target(t, s.URL, c.put).Apply(t.Context(), []connection.Operation{c.op})[0]
		if lockstep.CodeOf(got.Err) != c.code || got.Err != nil && got.MaybeSent {
			t.Errorf("%s: %v", c.name, got.Err)
		}
		if has := app.has(path); has != or(c.want, before) {
			t.Errorf("%s: it has %s, not %s", c.name, has, or(c.want, before))
		}
	}
}

// TestReplaceLearns: an empty group of others is replaced as soon as one of ours has shown that members are shown, and each group is
// read no more often than it must be.
func TestReplaceLearns(t *testing.T) {
	app := replacing{docs: map[string]map[string]any{"/Groups/g": docOf(t, `{"displayName":"G"}`)}}
	s := serve(t, app.ServeHTTP)
	tg := target(t, s.URL, Profile{Put: true})
	add := connection.Operation{Kind: rule.Refer, Ref: connection.Ref{Type: groupType, ID: "g"}, Add: users("2"), Written: &connection.Written{}}
	if got := tg.Apply(t.Context(), []connection.Operation{add})[0]; lockstep.CodeOf(got.Err) != lockstep.CodeTargetHides {
		t.Error(got.Err)
	}
	create := connection.Operation{Kind: rule.Create, Ref: connection.Ref{Type: groupType}, After: object(t, `{"displayName":"H"}`), Add: users("1")}
	if got := tg.Apply(t.Context(), []connection.Operation{create})[0]; got.Err != nil {
		t.Error(got.Err)
	}
	n := len(s.requests())
	for range 2 {
		if got := tg.Apply(t.Context(), []connection.Operation{add})[0]; got.Err != nil {
			t.Error(got.Err)
		}
	}
	if got := len(s.requests()) - n; got != 2+2+2 { // its attributes asked for, and the other group, are looked at once
		t.Errorf("%d requests: %v", got, s.requests()[n:])
	}
	if has := app.has("/Groups/g"); has != `{"displayName":"G","members":[{"value":"2"}]}` {
		t.Error(has)
	}
}

// TestReplaceRest: the members that do not fit into a create are put there beside those that it carried.
func TestReplaceRest(t *testing.T) {
	app := replacing{docs: map[string]map[string]any{}, hides: []string{"members"}}
	s := serve(t, app.ServeHTTP)
	tg := target(t, s.URL, Profile{Put: true, MaxMembers: 2})
	create := connection.Operation{Kind: rule.Create, Ref: connection.Ref{Type: groupType}, After: scim.Object{{Name: "displayName", Value: "H"}}, Add: users("1", "2", "3")}
	got := tg.Apply(t.Context(), []connection.Operation{create})[0]
	if has := app.has("/Groups/" + got.ID); got.Err != nil || has != `{"displayName":"H","members":[{"value":"1"},{"value":"2"},{"value":"3"}]}` {
		t.Error(got.Err, has)
	}
}
