package directory_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

const badgeURN = "urn:acme:params:scim:schemas:badge:2.0:User"

// badge is an extension with every characteristic that one may have.
const badge = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "` + badgeURN + `", "name": "Badge", "resourceType": "User",
	"attributes": [
		{"name": "number", "type": "string", "uniqueness": "server", "filterable": true, "required": true, "maxLength": 20},
		{"name": "serial", "type": "string", "caseExact": true, "uniqueness": "server"},
		{"name": "colour", "type": "string", "canonicalValues": ["red", "green"], "closed": true, "filterable": true},
		{"name": "issued", "type": "dateTime", "mutability": "immutable", "filterable": true},
		{"name": "printed", "type": "integer", "mutability": "readOnly"},
		{"name": "note", "type": "string", "returned": "request"},
		{"name": "always", "type": "boolean", "returned": "always"},
		{"name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
			{"name": "value", "type": "string", "filterable": true}, {"name": "level", "type": "integer", "filterable": true},
			{"name": "primary", "type": "boolean"}]}]}`

func extension(t testing.TB, text string) directory.Extension {
	t.Helper()
	o, err := scim.DecodeObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e, err := directory.ParseExtension(o)
	if err == nil {
		err = e.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// define gives the tenant an extension.
func (p *peer) define(text string) error {
	_, err := p.db.Commit(p.Context(), p.tenant, audit.Actor{}, "", directory.PutExtension{Extension: extension(p, text)})
	return err
}

// want sends a request and checks the status.
func (p *peer) want(status int, method, path, body string) scim.Object {
	p.Helper()
	got, o := p.do(method, path, body)
	if got != status {
		p.Fatalf("%s %s %s: %d, want %d: %v", method, path, body, got, status, o)
	}
	return o
}

// TestExtension: a tenant's own schema is in discovery, and its attributes are written, read, found, sorted and left out as its
// characteristics say; another tenant knows nothing of it.
func TestExtension(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p, other := newPeer(t, db, nil), newPeer(t, db, nil)
		if err := p.define(badge); err != nil {
			t.Fatal(err)
		}
		p.discovers(other)
		path := p.createsBadge()
		other.want(201, "POST", "/Users", badged("ada", `"number": "A-1"`))
		p.refusesBadges(path)
		p.changesBadge(path)
		p.findsBadges()
	})
}

// badged is a user with the extension.
func badged(userName, ext string) string {
	return fmt.Sprintf(`{"schemas": ["%s", "%s"], "userName": "%s", "%s": {%s}}`, scim.UserURN, badgeURN, userName, badgeURN, ext)
}

// discovers: the schema is shown, without what is ours, and to this tenant only.
func (p *peer) discovers(other *peer) {
	p.Helper()
	schema := p.want(200, "GET", "/Schemas/"+badgeURN, "")
	attributes, _ := schema.Get("attributes").(scim.List)
	if first, _ := attributes[0].(scim.Object); len(attributes) != 8 || first.Text("uniqueness") != "server" || first.Has("filterable") {
		p.Errorf("the schema is shown as %v", schema)
	}
	types := p.want(200, "GET", "/ResourceTypes/User", "")
	if list, _ := types.Get("schemaExtensions").(scim.List); len(list) != 2 {
		p.Errorf("the resource type has the extensions %v", list)
	}
	other.want(404, "GET", "/Schemas/"+badgeURN, "")
}

// createsBadge creates a user with the extension and returns their path.
func (p *peer) createsBadge() string {
	p.Helper()
	ada := p.want(201, "POST", "/Users", badged("ada", `"NUMBER": "A-1", "colour": "Red", "issued": "2026-01-01T00:00:00Z", "printed": 3, "note": "n", "always": "True",
		"unheard": 1, "doors": [{"value": "north", "level": 1}, {"value": "South", "level": 2, "primary": true}]`))
	ext, _ := ada.Get(badgeURN).(scim.Object)
	if got := string(scim.AppendJSON(nil, ext)); got != `{"number":"A-1","colour":"Red","issued":"2026-01-01T00:00:00Z","note":"n","always":true,"doors":[{"value":"north","level":1},{"value":"South","level":2,"primary":true}]}` {
		p.Errorf("created: %s", got)
	}
	if list, _ := ada.Get("schemas").(scim.List); !slices.Equal(list, scim.List{scim.UserURN, badgeURN}) {
		p.Errorf("schemas are %v", list)
	}
	return "/Users/" + ada.Text("id")
}

// refusesBadges: what a characteristic does not allow is refused with the error that the RFC has for it.
func (p *peer) refusesBadges(path string) {
	p.Helper()
	for _, c := range []struct {
		status           int
		typ, method, ext string
	}{
		{400, "invalidValue", "POST", `"colour": "red"`},                                         // number is required
		{400, "invalidValue", "POST", `"number": "2", "colour": "blue"`},                         // not one of the values
		{400, "invalidValue", "POST", `"number": "` + strings.Repeat("x", 21) + `"`},             // too long
		{400, "invalidValue", "POST", `"number": 2`},                                             // of another type
		{409, "uniqueness", "POST", `"number": "a-1"`},                                           // in another case
		{400, "mutability", "PUT", `"number": "A-1", "issued": "2027-01-01T00:00:00Z"`},          // is set
		{400, "invalidValue", "PUT", `"number": "A-1", "doors": [{"value": "x", "level": "y"}]`}, // no number
	} {
		to, name := "/Users", "grace"
		if c.method == "PUT" {
			to, name = path, "ada"
		}
		if o := p.want(c.status, c.method, to, badged(name, c.ext)); o.Text("scimType") != c.typ {
			p.Errorf("%s %s: %v", c.method, c.ext, o)
		}
	}
}

// changesBadge: a replacement and patches change what can be changed, and the note is shown to who asks for it.
func (p *peer) changesBadge(path string) {
	p.Helper()
	p.want(200, "PUT", path, badged("ada", `"number": "A-1", "doors": [{"value": "north", "level": 1}]`))
	patch := func(status int, op, at, value string) scim.Object {
		return p.want(status, "PATCH", path, fmt.Sprintf(`{"Operations": [{"op": "%s", "path": "%s:%s", "value": %s}]}`, op, badgeURN, at, value))
	}
	patch(400, "replace", "issued", `"2027-01-01T00:00:00Z"`)
	patch(400, "remove", "number", `null`)
	patch(400, "replace", "printed", `5`)
	patch(200, "replace", `doors[value eq \"north\"].level`, `7`)
	patch(200, "add", "note", `"secretive"`)
	ext, _ := p.want(200, "GET", path, "").Get(badgeURN).(scim.Object)
	if got := string(scim.AppendJSON(nil, ext)); got != `{"number":"A-1","doors":[{"value":"north","level":7}],"issued":"2026-01-01T00:00:00Z"}` {
		p.Errorf("after all: %s", got)
	}
	if o := p.want(200, "GET", path+"?attributes="+badgeURN+":note", ""); !strings.Contains(string(scim.AppendJSON(nil, o)), "secretive") || o.Has("userName") {
		p.Errorf("the note alone: %v", o)
	}
	if o := p.want(200, "GET", path+"?excludedAttributes="+badgeURN, ""); o.Has(badgeURN) {
		p.Errorf("without the extension: %v", o)
	}
	if o := p.want(200, "GET", "/Users", ""); strings.Contains(string(scim.AppendJSON(nil, o)), "secretive") || !strings.Contains(string(scim.AppendJSON(nil, o)), `"level":7`) {
		p.Errorf("the list shows %v", o)
	}
}

// findsBadges: filters with and without an index, in descending order of numbers.
func (p *peer) findsBadges() {
	p.Helper()
	p.want(201, "POST", "/Users", badged("bob", `"number": "B-2", "serial": "s", "colour": "green"`))
	p.want(201, "POST", "/Users", badged("cy", `"number": "C-3", "serial": "S"`)) // case counts
	p.want(201, "POST", "/Users", `{"userName": "dee"}`)
	for filter, names := range map[string]string{
		`number eq "a-1"`:                           "ada",
		`number sw "B"`:                             "bob",
		`colour pr`:                                 "bob",
		`issued eq "2026-01-01T01:00:00+01:00"`:     "ada",
		`doors[value eq "NORTH" and level eq 7]`:    "ada",
		`doors.level eq 7.0`:                        "ada",
		`serial eq "S"`:                             "cy",
		`note co "secret"`:                          "ada",
		`number gt "a-1" and not (colour eq "red")`: "cy bob",
	} {
		full := badgeURN + ":" + strings.ReplaceAll(filter, "(colour", "("+badgeURN+":colour")
		o := p.want(200, "GET", "/Users?sortOrder=descending&sortBy="+badgeURN+":number&filter="+url.QueryEscape(full), "")
		list, _ := o.Get("Resources").(scim.List)
		var got []string
		for _, r := range list {
			u, _ := r.(scim.Object)
			got = append(got, u.Text("userName"))
		}
		if strings.Join(got, " ") != names {
			p.Errorf("%s finds %v, want %s", full, got, names)
		}
	}
	p.want(400, "GET", "/Users?filter="+url.QueryEscape(badgeURN+`:unheard eq 1`), "")
}

// TestFixed: what is immutable or read-only is neither taken away nor set anew, whatever the path; a PUT of a client that does not
// know the extension leaves it.
func TestFixed(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		const urn = "urn:acme:2.0:Card"
		if err := p.define(`{"id": "` + urn + `", "resourceType": "User", "attributes": [{"name": "number", "required": true}, {"name": "issued", "mutability": "immutable"},
			{"name": "printed", "type": "integer", "mutability": "readOnly"}, {"name": "note"},
			{"name": "cx", "type": "complex", "subAttributes": [{"name": "fix", "mutability": "immutable"}, {"name": "free"}]}]}`); err != nil {
			t.Fatal(err)
		}
		id := p.create("/Users", `{"userName": "ada", "`+urn+`": {"number": "1", "issued": "then", "cx": {"fix": "f", "free": "g"}}}`)
		u, err := db.Users(t.Context(), p.tenant, directory.UserQuery{IDs: []lockstep.UserID{lockstep.UserID(id)}})
		if err != nil || len(u) != 1 {
			t.Fatal(u, err)
		}
		ext, _ := u[0].Attributes.Get(urn).(scim.Object)
		ext.Set("printed", int64(3)) // by the provider itself
		u[0].Attributes.Set(urn, ext)
		if _, err := db.Commit(t.Context(), p.tenant, audit.Actor{}, "", directory.PutUser{User: u[0]}); err != nil {
			t.Fatal(err)
		}
		want := `{"number":"1","issued":"then","cx":{"fix":"f","free":"g"},"printed":3}`
		is := func(what, want string) {
			t.Helper()
			got, _ := p.want(200, "GET", "/Users/"+id, "").Get(urn).(scim.Object)
			wanted, err := scim.DecodeObject([]byte(want))
			if err != nil || !scim.Equal(got, wanted) {
				t.Errorf("%s: %s, want %s", what, scim.AppendJSON(nil, got), want)
			}
		}
		for _, op := range []string{
			`"op": "remove", "path": "` + urn + `"`, `"op": "replace", "path": "` + urn + `", "value": null`, `"op": "remove", "path": "` + urn + `:cx"`,
			`"op": "replace", "value": {"` + urn + `": null}`, `"op": "remove", "path": "` + urn + `:issued"`, `"op": "replace", "path": "` + urn + `:cx", "value": null`,
			`"op": "remove", "path": "` + urn + `:printed"`, `"op": "replace", "path": "` + urn + `:cx.fix", "value": "other"`,
		} {
			if o := p.want(400, "PATCH", "/Users/"+id, `{"Operations": [{`+op+`}]}`); o.Text("scimType") != "mutability" {
				t.Errorf("%s: %v", op, o)
			}
			is(op, want)
		}
		p.want(400, "PATCH", "/Users/"+id, `{"Operations": [{"op": "remove", "path": "`+urn+`"}, {"op": "add", "path": "`+urn+`", "value": {"number": "2", "issued": "now"}}]}`)
		is("removed and set anew", want)
		p.want(200, "PUT", "/Users/"+id, `{"userName": "ada", "title": "x"}`)
		is("a PUT without the extension", `{"number":"1","issued":"then","cx":{"fix":"f"},"printed":3}`)
		p.want(200, "PATCH", "/Users/"+id, `{"Operations": [{"op": "replace", "path": "`+urn+`:number", "value": "2"}]}`)
		is("another number", `{"number":"2","issued":"then","cx":{"fix":"f"},"printed":3}`)
	})
}

// TestExtensionRace: of 32 writers of one value that must be unique one wins, whatever the case; two processes share the
// PostgreSQL database, as two nodes do. A deleted user's value is free, and they come back only while it is.
func TestExtensionRace(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		a := newPeer(t, db, nil)
		b := newPeer(t, db, func(p *peer) { p.tenant = a.tenant })
		peers := []*peer{a, b}
		if err := a.define(badge); err != nil {
			t.Fatal(err)
		}
		body := func(i int, number string) string {
			return fmt.Sprintf(`{"userName": "u%d", "%s": {"number": "%s"}}`, i, badgeURN, number)
		}
		got := each(func(i int) int {
			status, _ := peers[i%2].do("POST", "/Users", body(i, []string{"one", "ONE"}[i/2%2]))
			return status
		})
		if want := append([]int{201}, slices.Repeat([]int{409}, writers-1)...); !slices.Equal(got, want) {
			t.Errorf("32 POSTs of one number answer %v", got)
		}
		var ids []string
		for i := range writers {
			ids = append(ids, a.create("/Users", body(100+i, fmt.Sprint("n", i))))
		}
		got = each(func(i int) int {
			status, _ := peers[i%2].do("PATCH", "/Users/"+ids[i], `{"Operations": [{"op": "replace", "path": "`+badgeURN+`:number", "value": "two"}]}`)
			return status
		})
		if want := append([]int{200}, slices.Repeat([]int{409}, writers-1)...); !slices.Equal(got, want) {
			t.Errorf("32 PATCHes to one number answer %v", got)
		}
		gone := a.create("/Users", body(900, "gone"))
		a.want(204, "DELETE", "/Users/"+gone, "")
		heir := a.create("/Users", body(901, "GONE"))
		_, err := db.Commit(t.Context(), a.tenant, audit.Actor{}, "", directory.RestoreUser{ID: lockstep.UserID(gone)})
		if lockstep.CodeOf(err) != lockstep.CodeConflict {
			t.Errorf("restored beside their heir: %v", err)
		}
		a.want(200, "PATCH", "/Users/"+heir, `{"Operations": [{"op": "remove", "path": "`+badgeURN+`"}]}`)
		if _, err := db.Commit(t.Context(), a.tenant, audit.Actor{}, "", directory.RestoreUser{ID: lockstep.UserID(gone)}); err != nil {
			t.Errorf("not restored: %v", err)
		}
	})
}

// TestGroupExtension: a group's own attributes outlive changes of its members, and a required extension is.
func TestGroupExtension(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		const urn = "urn:acme:2.0:Room"
		if err := p.define(`{"id": "` + urn + `", "resourceType": "Group", "required": true, "attributes": [
			{"name": "floor", "type": "integer", "required": true, "filterable": true}, {"name": "door", "mutability": "immutable", "uniqueness": "server"}]}`); err != nil {
			t.Fatal(err)
		}
		user := p.create("/Users", `{"userName": "ada"}`)
		p.want(400, "POST", "/Groups", `{"displayName": "G"}`)
		group := "/Groups/" + p.create("/Groups", `{"displayName": "G", "`+urn+`": {"floor": 3, "door": "D1"}}`)
		p.want(409, "POST", "/Groups", `{"displayName": "H", "`+urn+`": {"floor": 4, "door": "d1"}}`)
		p.want(201, "POST", "/Groups", `{"displayName": "H", "`+urn+`": {"floor": 4}}`)
		p.do("PATCH", group, `{"Operations": [{"op": "add", "path": "members", "value": [{"value": "`+user+`"}]}]}`)
		p.want(200, "PUT", group, `{"displayName": "G2", "members": [{"value": "`+user+`"}], "`+urn+`": {"floor": 5}}`)
		p.want(400, "PUT", group, `{"displayName": "G2", "`+urn+`": {"floor": 5, "door": "D2"}}`)
		p.want(400, "PATCH", group, `{"Operations": [{"op": "remove", "path": "`+urn+`"}]}`)
		o := p.want(200, "GET", group, "")
		ext, _ := o.Get(urn).(scim.Object)
		list, _ := o.Get("schemas").(scim.List)
		if !scim.Equal(ext, scim.Object{{Name: "floor", Value: int64(5)}, {Name: "door", Value: "D1"}}) || !slices.Equal(list, scim.List{scim.GroupURN, urn}) || !o.Has("members") {
			t.Errorf("the group is %v", o)
		}
		if o := p.want(200, "GET", "/Groups?filter="+url.QueryEscape(urn+":floor eq 5"), ""); len(idsIn(o)) != 1 {
			t.Errorf("found %v", o)
		}
	})
}
