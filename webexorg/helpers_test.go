package webexorg

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// peer is a universe behind a real server, and one organisation to talk to.
type peer struct {
	t     *testing.T
	u     *Universe
	org   *Org
	url   string // of the server
	base  string // of the organisation's SCIM endpoint, below url
	token string
}

const controlSecret = "control-token"

func newPeer(t *testing.T, c Config, o OrgConfig) *peer {
	t.Helper()
	c.Control = controlSecret
	u, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(u.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	org, err := u.AddOrg(o)
	if err != nil {
		t.Fatal(err)
	}
	return (&peer{t: t, u: u, url: server.URL}).in(org)
}

// in returns the peer with another organisation.
func (p *peer) in(o *Org) *peer {
	p.t.Helper()
	token, err := o.IssueToken(ReadWrite, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	other := *p
	other.org, other.token, other.base = o, token, "/identity/scim/"+o.ID()+"/v2"
	return &other
}

// reply is an answer and its body, decoded when it is JSON.
type reply struct {
	*http.Response
	text string
	body scim.Object
}

// send sends a request to the endpoint. The path may hold a query with blanks and quotes.
func (p *peer) send(method, path, body string, header ...string) (reply, error) {
	path, query, _ := strings.Cut(path, "?")
	if query != "" {
		values := url.Values{}
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			values.Add(name, value)
		}
		path += "?" + values.Encode()
	}
	r, err := http.NewRequest(method, p.url+p.base+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	got := reply{Response: res, text: string(text)}
	if err != nil {
		return got, err
	}
	if strings.Contains(res.Header.Get("Content-Type"), "json") && len(text) > 0 {
		got.body, _ = scim.DecodeObject(text) // what is no object stays text
	}
	return got, nil
}

// do is send without an error, and with the status that is wanted.
func (p *peer) do(status int, method, path, body string, header ...string) reply {
	p.t.Helper()
	got, err := p.send(method, path, body, header...)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	if got.StatusCode != status {
		p.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, got.StatusCode, status, got.text)
	}
	return got
}

// user creates a user and returns the id.
func (p *peer) user(name string) string {
	p.t.Helper()
	return p.do(201, "POST", "/Users", `{"userName":"`+name+`"}`).body.Text("id")
}

// group creates a group and returns the id.
func (p *peer) group(name string, members ...string) string {
	p.t.Helper()
	list := scim.List{}
	for _, id := range members {
		list = append(list, scim.Object{{Name: "value", Value: id}})
	}
	o := scim.Object{{Name: "displayName", Value: name}}
	o.Set("members", list)
	return p.do(201, "POST", "/Groups", string(scim.AppendJSON(nil, o))).body.Text("id")
}

// memberIDsOf reads the members of a group as a client does.
func (p *peer) memberIDsOf(group string) []string {
	p.t.Helper()
	members, _ := p.do(200, "GET", "/Groups/"+group, "").body.Get("members").(scim.List)
	ids, err := state.MemberIDs(members)
	if err != nil {
		p.t.Fatal(err)
	}
	return ids
}

// control sends a request to the control surface and decodes the answer into out, unless that is nil.
func control[T any](p *peer, status int, method, path, body string, out *T) {
	p.t.Helper()
	at := *p
	at.base = ""
	got := at.do(status, method, path, body, "Authorization", "Bearer "+controlSecret)
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(got.text), out); err != nil {
		p.t.Fatalf("%s %s: %v\n%s", method, path, err, got.text)
	}
}

// scimID makes an id that nobody has.
func scimID() string { return uuid.Must(uuid.NewV7()).String() }

func substitute(s string, vars map[string]string) string {
	for name, value := range vars {
		s = strings.ReplaceAll(s, "${"+name+"}", value)
	}
	return s
}
