package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"lockstep/e2e/parts"
	"lockstep/scim"
)

// endpoint is the SCIM endpoint of a server of a home.
type endpoint struct {
	t     testing.TB
	base  string
	token string
}

// scimServer starts a server and makes a token for its SCIM endpoint.
func (h *home) scimServer() (*process, endpoint) {
	h.t.Helper()
	p := h.start(serves, "serve", "--scim-rate", "0")
	_, rest, _ := strings.Cut(p.said(), serves+" ")
	address, _, _ := strings.Cut(rest, ",")
	return p, endpoint{h.t, address + "/scim/default/v2", strings.TrimSpace(h.run("token", "create", "e2e", "--kind", "scim"))}
}

// send sends a request. The error is that the server has gone.
func (e endpoint) send(method, path, body string) (int, scim.Object, error) {
	r, err := http.NewRequest(method, e.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+e.token)
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || len(text) == 0 {
		return res.StatusCode, nil, err
	}
	o, err := scim.DecodeObject(text)
	return res.StatusCode, o, err
}

func (e endpoint) want(status int, method, path, body string) scim.Object {
	e.t.Helper()
	got, o, err := e.send(method, path, body)
	if err != nil || got != status {
		e.t.Fatalf("%s %s %s: %d, %v: %v", method, path, body, got, err, o)
	}
	return o
}

// TestSCIMKilled: the server is killed while eight clients write. Whatever it has acknowledged is there after a new start, on
// SQLite and on PostgreSQL.
func TestSCIMKilled(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); killWriting(t, newHome(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); killWriting(t, newHome(t, "LOCKSTEP_STORE="+parts.Postgres(t))) })
}

func killWriting(t *testing.T, h *home) {
	server, e := h.scimServer()
	const enough = 400
	var mu sync.Mutex
	acknowledged := map[string]string{} // id to title
	reached := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("w%d-%d", w, i)
				status, o, err := e.send("POST", "/Users", `{"userName": "`+name+`", "title": "new"}`)
				if err != nil {
					return // killed
				}
				if status != 201 {
					t.Errorf("POST: %d %v", status, o)
					return
				}
				mu.Lock()
				acknowledged[o.Text("id")] = ""
				mu.Unlock()
				status, _, err = e.send("PATCH", "/Users/"+o.Text("id"), `{"Operations": [{"op": "replace", "path": "title", "value": "`+name+`"}]}`)
				if err != nil {
					return
				}
				mu.Lock()
				if status == 200 {
					acknowledged[o.Text("id")] = name
				}
				if len(acknowledged) >= enough {
					once.Do(func() { close(reached) })
				}
				mu.Unlock()
			}
		})
	}
	<-reached
	server.kill()
	wg.Wait()
	_, after := h.scimServer()
	for id, title := range acknowledged {
		o := after.want(200, "GET", "/Users/"+id, "")
		if title != "" && o.Text("title") != title {
			t.Errorf("user %s has the title %q, acknowledged was %q", id, o.Text("title"), title)
		}
	}
	total, _ := after.want(200, "GET", "/Users?count=0", "").Get("totalResults").(int64)
	if int(total) < len(acknowledged) || int(total) > len(acknowledged)+8 {
		t.Errorf("%d users, %d were acknowledged", total, len(acknowledged))
	}
}

// oracle is other people's code, at work in a process of Node's: it reads a task a line and answers with a line.
type oracle struct {
	t      testing.TB
	in     io.Writer
	answer *bufio.Reader
}

// newOracle starts a script of e2e/node with what is added to the environment.
func newOracle(t *testing.T, script string, environ ...string) *oracle {
	t.Helper()
	node := parts.Need(t, "node")
	parts.NeedFile(t, filepath.Join("e2e", "node", "node_modules"))
	cmd := exec.CommandContext(t.Context(), node, parts.NeedFile(t, filepath.Join("e2e", "node", script)))
	cmd.Env = append(os.Environ(), environ...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // it ends with its input
		if said.Len() > 0 {
			t.Log(said.String())
		}
	})
	return &oracle{t, in, bufio.NewReaderSize(out, 1<<20)}
}

func (o *oracle) ask(task scim.Object) scim.Object {
	o.t.Helper()
	if _, err := o.in.Write(append(scim.AppendJSON(nil, task), '\n')); err != nil {
		o.t.Fatal(err)
	}
	line, err := o.answer.ReadBytes('\n')
	if err != nil {
		o.t.Fatal(err)
	}
	answer, err := scim.DecodeObject(line)
	if err != nil {
		o.t.Fatalf("%v: %s", err, line)
	}
	return answer
}

// people are different enough for filters to tell apart.
var people = []string{
	`{"userName": "ada@x", "displayName": "Ada", "title": "Countess", "active": true, "name": {"givenName": "Ada", "familyName": "King"}, "emails": [{"type": "work", "value": "ada@x", "primary": true}, {"type": "home", "value": "a@home"}]}`,
	`{"userName": "bob@x", "displayName": "Bob", "active": false, "name": {"familyName": "Builder"}, "emails": [{"type": "home", "value": "bob@x"}]}`,
	`{"userName": "cy@y", "active": true, "nickName": "Cyber", "externalId": "17", "phoneNumbers": [{"type": "work", "value": "+1 555"}]}`,
	`{"userName": "dee@y", "displayName": "Dee (temp)", "title": "Engineer", "active": true}`,
}

// TestSCIMFilterOracle: lists hold what scim2-parse-filter, from npm, finds among the same people.
func TestSCIMFilterOracle(t *testing.T) {
	t.Parallel()
	o := newOracle(t, "oracle.js")
	_, e := newHome(t).scimServer()
	for _, body := range people {
		e.want(201, "POST", "/Users", body)
	}
	all, _ := e.want(200, "GET", "/Users", "").Get("Resources").(scim.List)
	for _, filter := range []string{
		`userName eq "ada@x"`, `userName sw "b"`, `userName co "y"`, `userName ew "@y"`, `displayName pr`, `not (displayName pr)`, `active eq true`,
		`active eq false and title pr`, `title eq "Countess" or title eq "Engineer"`, `name.familyName eq "King"`, `externalId eq "17"`,
		`emails[type eq "work"]`, `emails[type eq "home" and value eq "bob@x"]`, `emails.value eq "a@home"`, `nickName eq "Cyber"`, `not (active eq true)`,
		`title pr and (active eq true or displayName eq "Bob")`, `userName gt "bob@x"`, `userName le "bob@x"`, `phoneNumbers[value co "555"]`,
		`meta.resourceType eq "User"`, `userName eq "nobody"`, `displayName co "(temp)"`,
	} {
		answer := o.ask(scim.Object{{Name: "resources", Value: all}, {Name: "filter", Value: filter}})
		if answer.Has("error") {
			t.Errorf("%s: the other says %s", filter, answer.Text("error"))
			continue
		}
		var want, got []string
		ids, _ := answer.Get("ids").(scim.List)
		for _, id := range ids {
			want = append(want, id.(string))
		}
		found, _ := e.want(200, "GET", "/Users?filter="+url.QueryEscape(filter), "").Get("Resources").(scim.List)
		for _, r := range found {
			got = append(got, r.(scim.Object).Text("id"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %v, the other %v", filter, got, want)
		}
	}
}

// TestSCIMPatchOracle: a PATCH leaves what scim-patch, from npm, makes of the same user.
func TestSCIMPatchOracle(t *testing.T) {
	t.Parallel()
	o := newOracle(t, "oracle.js")
	_, e := newHome(t).scimServer()
	for i, ops := range []string{
		`[{"op": "replace", "path": "title", "value": "Dr"}]`,
		`[{"op": "add", "path": "nickName", "value": "Al"}]`,
		`[{"op": "remove", "path": "title"}]`,
		`[{"op": "replace", "path": "active", "value": false}]`,
		`[{"op": "replace", "value": {"active": false, "title": "Dr"}}]`,
		`[{"op": "add", "path": "emails", "value": [{"type": "other", "value": "o@x"}]}]`,
		`[{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@x"}]`,
		`[{"op": "remove", "path": "emails[type eq \"home\"]"}]`,
		`[{"op": "remove", "path": "emails"}]`,
		`[{"op": "replace", "path": "name.familyName", "value": "Lovelace"}]`,
		`[{"op": "add", "path": "name.middleName", "value": "M"}, {"op": "remove", "path": "name.givenName"}]`,
		`[{"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Engines"}]`,
		`[{"op": "replace", "path": "emails", "value": [{"type": "work", "value": "only@x"}]}]`,
	} {
		made := e.want(201, "POST", "/Users", strings.Replace(people[0], "ada@x", fmt.Sprintf("ada%d@x", i), 1))
		patch := `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": ` + ops + `}`
		var task scim.Object
		if err := json.Unmarshal([]byte(patch), &task); err != nil {
			t.Fatal(err)
		}
		answer := o.ask(scim.Object{{Name: "resource", Value: made.Clone()}, {Name: "patch", Value: task}})
		want, ok := answer.Get("resource").(scim.Object)
		if !ok {
			t.Errorf("%s: the other says %s", ops, answer.Text("error"))
			continue
		}
		got := e.want(200, "PATCH", "/Users/"+made.Text("id"), patch)
		for _, made := range []string{"meta", "schemas"} { // the other leaves both as they were
			got.Delete(made)
			want.Delete(made)
		}
		if !scim.Equal(got, want) {
			t.Errorf("%s leaves\n%s\nthe other\n%s", ops, scim.AppendJSON(nil, got), scim.AppendJSON(nil, want))
		}
	}
}
