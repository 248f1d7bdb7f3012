package scimapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/web"
)

const secret = "s3cr3t-token"

// request is what a server saw.
type request struct {
	Method, URL, Body, IfMatch string
}

// server answers with f and keeps what it saw.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []request
}

func serve(t testing.TB, f http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer "+secret {
			t.Errorf("Authorization %q", got)
		}
		s.mu.Lock()
		s.seen = append(s.seen, request{r.Method, r.URL.RequestURI(), string(body), r.Header.Get("If-Match")})
		s.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		f(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

func loopback() *http.Client {
	return web.NewClient(web.ClientConfig{Dialer: &web.Dialer{Allow: web.Loopback()}, Timeout: 5 * time.Second})
}

// target returns a target whose types need not be asked for.
func target(t testing.TB, address string, p Profile) *Target {
	t.Helper()
	if p.Types == nil {
		p.Types = map[string]*scim.Type{userType: scim.UserType(), groupType: scim.GroupType()}
	}
	tg, err := New(Config{
		BaseURL: address + "/scim/v2/", Name: "Example", HTTP: loopback(), Profile: p,
		Token: func(context.Context) (string, error) { return secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func object(t testing.TB, text string) scim.Object {
	t.Helper()
	o, err := scim.DecodeObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func users(ids ...string) []connection.Reference {
	refs := make([]connection.Reference, len(ids))
	for i, id := range ids {
		refs[i] = connection.Reference{Attribute: memberAttribute, To: connection.Ref{Type: userType, ID: id}}
	}
	return refs
}

func manager(id string) []connection.Reference {
	return []connection.Reference{{Attribute: managerAttribute, To: connection.Ref{Type: userType, ID: id}}}
}

const enterprise = scim.EnterpriseUserURN

func TestCreate(t *testing.T) {
	for _, c := range []struct {
		name string
		op   connection.Operation
		want string
	}{
		{"user", connection.Operation{
			Ref:   connection.Ref{Type: userType},
			After: object(t, `{"userName":"ada@x","name":{"givenName":"A\"da"},"active":true}`),
		}, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@x","name":{"givenName":"A\"da"},"active":true}`},
		{"manager in the extension", connection.Operation{
			Ref:   connection.Ref{Type: userType},
			After: object(t, `{"userName":"ada@x","`+enterprise+`":{"department":"R"},"title":"T"}`), Add: manager("7"),
		}, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + enterprise + `"],"userName":"ada@x","` + enterprise + `":{"manager":{"value":"7"},"department":"R"},"title":"T"}`},
		{"manager alone", connection.Operation{
			Ref: connection.Ref{Type: userType}, After: object(t, `{"userName":"ada@x"}`), Add: manager("7"),
		}, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","` + enterprise + `"],"userName":"ada@x","` + enterprise + `":{"manager":{"value":"7"}}}`},
		{"group with members", connection.Operation{
			Ref: connection.Ref{Type: groupType}, After: object(t, `{"displayName":"G"}`), Add: users("1", "2"),
		}, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"G","members":[{"value":"1"},{"value":"2"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, reply(201, `{"id":"42","meta":{"version":"W/\"1\""},"x":[1,{"y":null}]}`))
			c.op.Kind = rule.Create
			got := target(t, s.URL, Profile{}).Apply(t.Context(), []connection.Operation{c.op})[0]
			if got.Err != nil || got.ID != "42" || got.Version != `W/"1"` || got.Requests != 1 {
				t.Errorf("%+v", got)
			}
			path := "/scim/v2/" + c.op.Ref.Type + "s"
			if diff := cmp.Diff([]request{{"POST", path, c.want, ""}}, s.requests()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCreateWithManyMembers(t *testing.T) {
	s := serve(t, reply(201, `{"id":42}`))
	op := connection.Operation{Kind: rule.Create, Ref: connection.Ref{Type: groupType}, After: object(t, `{"displayName":"G"}`), Add: users("1", "2", "3")}
	got := target(t, s.URL, Profile{MaxMembers: 2}).Apply(t.Context(), []connection.Operation{op})[0]
	if got.Err != nil || got.ID != "42" || got.Requests != 2 {
		t.Errorf("%+v", got)
	}
	want := []request{
		{"POST", "/scim/v2/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"G","members":[{"value":"1"},{"value":"2"}]}`, ""},
		{"PATCH", "/scim/v2/Groups/42", patchBody(`{"op":"add","path":"members","value":[{"value":"3"}]}`), ""},
	}
	if diff := cmp.Diff(want, s.requests()); diff != "" {
		t.Error(diff)
	}
}

func patchBody(ops ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(ops, ",") + `]}`
}

func TestUpdate(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		kind                rule.Kind
		typ                 string
		add, remove         []connection.Reference
		profile             Profile
		want                []string // bodies
	}{
		{
			name: "one operation for each path that differs", kind: rule.Update,
			before: `{"userName":"a","title":"T","name":{"givenName":"A","familyName":"B"},"` + enterprise + `":{"department":"R"}}`,
			after:  `{"userName":"a","name":{"givenName":"C","familyName":"B"},"nickName":"n","active":false,"` + enterprise + `":{"department":"S","division":"D"}}`,
			want: []string{patchBody(
				`{"op":"remove","path":"title"}`,
				`{"op":"replace","path":"name.givenName","value":"C"}`,
				`{"op":"replace","path":"`+enterprise+`:department","value":"S"}`,
				`{"op":"add","path":"`+enterprise+`:division","value":"D"}`,
				`{"op":"add","path":"nickName","value":"n"}`,
				`{"op":"add","path":"active","value":false}`,
			)},
		},
		{
			name: "values by type", kind: rule.Update,
			before: `{"emails":[{"type":"work","value":"a@x"},{"type":"home","value":"h@x"}]}`,
			after:  `{"emails":[{"type":"work","value":"b@x"}],"phoneNumbers":[{"type":"work","value":"1"}]}`,
			want: []string{patchBody(
				`{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@x"}`,
				`{"op":"remove","path":"emails[type eq \"home\"]"}`,
				`{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":"1"}`,
			)},
		},
		{
			name: "values by value", kind: rule.Update,
			before: `{"roles":[{"value":"r1"},{"value":"r2"}]}`, after: `{"roles":[{"value":"r2"},{"value":"r3"}]}`,
			want: []string{patchBody(
				`{"op":"remove","path":"roles[value eq \"r1\"]"}`,
				`{"op":"add","path":"roles","value":[{"value":"r3"}]}`,
			)},
		},
		{
			name: "disable says what After says", kind: rule.Disable,
			before: `{"userName":"a","active":true}`, after: `{"userName":"gone-a","active":false}`,
			want: []string{patchBody(`{"op":"replace","path":"userName","value":"gone-a"}`, `{"op":"replace","path":"active","value":false}`)},
		},
		{
			name: "disable without a mapping of active", kind: rule.Disable, before: `{"userName":"a"}`, after: `{"userName":"a"}`,
			want: []string{patchBody(`{"op":"replace","path":"active","value":false}`)},
		},
		{
			name: "manager", kind: rule.Refer, before: `{}`, after: `{}`, add: manager("7"), remove: manager("6"),
			want: []string{patchBody(`{"op":"replace","path":"` + enterprise + `:manager","value":{"value":"7"}}`)},
		},
		{
			name: "no manager", kind: rule.Refer, before: `{}`, after: `{}`, remove: manager("6"),
			want: []string{patchBody(`{"op":"remove","path":"` + enterprise + `:manager"}`)},
		},
		{
			name: "members in chunks", kind: rule.Refer, typ: groupType, before: `{}`, after: `{}`,
			add: users("1", "2", "3", "4"), remove: users("5", `6"`), profile: Profile{MaxMembers: 3},
			want: []string{
				patchBody(`{"op":"remove","path":"members[value eq \"5\"]"}`, `{"op":"remove","path":"members[value eq \"6\\\"\"]"}`),
				patchBody(`{"op":"add","path":"members","value":[{"value":"1"},{"value":"2"},{"value":"3"}]}`),
				patchBody(`{"op":"add","path":"members","value":[{"value":"4"}]}`),
			},
		},
		{
			name: "members with their type, removed by list", kind: rule.Refer, typ: groupType, before: `{}`, after: `{}`,
			add: users("1"), remove: users("5", "6"), profile: Profile{Nesting: true, RemoveList: true},
			want: []string{patchBody(
				`{"op":"remove","path":"members","value":[{"value":"5"},{"value":"6"}]}`,
				`{"op":"add","path":"members","value":[{"value":"1","type":"User"}]}`,
			)},
		},
		{name: "nothing", kind: rule.Update, before: `{"userName":"a"}`, after: `{"userName":"a"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, reply(200, `{"id":"42","meta":{"version":"2"}}`))
			got := target(t, s.URL, c.profile).Apply(t.Context(), []connection.Operation{{
				Kind: c.kind, Ref: connection.Ref{Type: or(c.typ, userType), ID: "4/2"}, Version: "1",
				Before: object(t, c.before), After: object(t, c.after), Add: c.add, Remove: c.remove,
			}})[0]
			if got.Err != nil || got.Requests != len(c.want) || (len(c.want) > 0 && got.Version != "2") {
				t.Errorf("%+v", got)
			}
			var want []request
			for _, body := range c.want {
				want = append(want, request{"PATCH", "/scim/v2/" + or(c.typ, userType) + "s/4%2F2", body, ""})
			}
			if diff := cmp.Diff(want, s.requests()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoTarget(t *testing.T) {
	patches := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			reply(200, `{"id":"42","emails":[{"type":"home","value":"h@x"}]}`)(w, r)
			return
		}
		if patches++; patches == 1 {
			reply(400, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"noTarget"}`)(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	got := target(t, s.URL, Profile{}).Apply(t.Context(), []connection.Operation{{
		Kind: rule.Update, Ref: connection.Ref{Type: userType, ID: "42"},
		Before: object(t, `{"title":"a","emails":[{"type":"home","value":"h@x"}],"phoneNumbers":[{"type":"fax","value":"1"}]}`),
		After:  object(t, `{"title":"b","emails":[{"type":"home","value":"i@x"},{"type":"work","value":"w@x"}]}`),
	}})[0]
	if got.Err != nil || got.Requests != 3 {
		t.Errorf("%+v", got)
	}
	want := patchBody(
		`{"op":"replace","path":"title","value":"b"}`,
		`{"op":"replace","path":"emails[type eq \"home\"].value","value":"i@x"}`,
		`{"op":"add","path":"emails","value":[{"type":"work","value":"w@x"}]}`)
	if last := s.requests()[2]; last.Body != want {
		t.Error(cmp.Diff(want, last.Body))
	}
}

func TestPut(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			reply(200, `{"id":"42","userName":"b","meta":{"version":"v1"}}`)(w, r)
			return
		}
		reply(200, `{"schemas":["x"],"id":"42","userName":"a","displayName":"theirs","emails":[{"type":"work","value":"a@x"}],"members":[{"value":"1"},{"value":"2"}],"meta":{"version":"v1"}}`)(w, r)
	})
	got := target(t, s.URL, Profile{Put: true, ETags: true}).Apply(t.Context(), []connection.Operation{{
		Kind: rule.Update, Ref: connection.Ref{Type: groupType, ID: "42"}, Version: "v0",
		Before: object(t, `{"userName":"a","emails":[{"type":"work","value":"a@x"}]}`),
		After:  object(t, `{"userName":"b","emails":[{"type":"work","value":"b@x"}]}`),
		Add:    users("2", "3"), Remove: users("1"),
	}})[0]
	if got.Err != nil || got.Requests != 2 || got.Version != "v1" {
		t.Errorf("%+v", got)
	}
	want := request{"PUT", "/scim/v2/Groups/42", `{"schemas":["x"],"id":"42","userName":"b","displayName":"theirs","emails":[{"type":"work","value":"b@x"}],"members":[{"value":"2"},{"value":"3"}]}`, "v1"}
	if diff := cmp.Diff(want, s.requests()[1]); diff != "" {
		t.Error(diff)
	}
}

func TestDelete(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	got := target(t, s.URL, Profile{}).Apply(t.Context(), []connection.Operation{{Kind: rule.Delete, Ref: connection.Ref{Type: userType, ID: "42"}}})[0]
	if got.Err != nil || got.Requests != 1 || s.requests()[0] != (request{"DELETE", "/scim/v2/Users/42", "", ""}) {
		t.Errorf("%+v, %+v", got, s.requests())
	}
}

func TestIfMatch(t *testing.T) {
	s := serve(t, reply(412, `{"status":"412"}`))
	got := target(t, s.URL, Profile{ETags: true}).Apply(t.Context(), []connection.Operation{{
		Kind: rule.Update, Ref: connection.Ref{Type: userType, ID: "42"}, Version: `W/"3"`, After: object(t, `{"title":"b"}`),
	}})[0]
	if !errors.Is(got.Err, lockstep.ErrVersion) || s.requests()[0].IfMatch != `W/"3"` {
		t.Errorf("%+v, %+v", got, s.requests())
	}
}

// TestFaults has each way to fail that the target's administrator may meet.
func TestFaults(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	later := now.Add(90 * time.Second).Format(http.TimeFormat)
	header := func(status int, body string, kv ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(kv); i += 2 {
				w.Header().Set(kv[i], kv[i+1])
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	hijack := func(f func(net.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			f(conn)
			_ = conn.Close()
		}
	}
	for _, c := range []struct {
		name       string
		kind       rule.Kind
		handler    http.HandlerFunc
		code       lockstep.Code
		maybeSent  bool
		retryAfter time.Duration
		says       string
	}{
		{"token expired", rule.Create, reply(401, `{"status":"401","detail":"The token has expired."}`), lockstep.CodeAuthToken, false, 0, `create ada@x in Example: it rejected the token: "The token has expired." (HTTP 401)`},
		{"forbidden", rule.Create, reply(403, ``), lockstep.CodeAuthForbidden, false, 0, "(HTTP 403)"},
		{"conflict", rule.Create, reply(409, `{"schemas":"urn:x","status":409,"scimType":"uniqueness","detail":"userName taken"}`), lockstep.CodeTargetConflict, false, 0, `"userName taken" (HTTP 409 uniqueness)`},
		{"conflict told as a bad request", rule.Create, reply(400, `{"scimType":"uniqueness"}`), lockstep.CodeTargetConflict, false, 0, ""},
		{"refused", rule.Create, reply(400, `{"scimType":"invalidValue","detail":"bad\n\tname"}`), lockstep.CodeTargetRefused, false, 0, `"bad name" (HTTP 400 invalidValue)`},
		{"gone", rule.Update, reply(404, `{"status":"404","detail":"Resource not found"}`), lockstep.CodeTargetGone, false, 0, "no such object"},
		{"gone, empty", rule.Delete, header(404, "", "Content-Type", ""), lockstep.CodeTargetGone, false, 0, ""},
		{"404 of a proxy", rule.Update, header(404, "<html>nothing here</html>", "Content-Type", "text/html"), lockstep.CodeTargetMalformed, false, 0, "a page of HTML"},
		{"404 of a router", rule.Delete, header(404, "404 page not found\n", "Content-Type", "text/plain"), lockstep.CodeTargetMalformed, false, 0, "text/plain"},
		{"404 for a create", rule.Create, reply(404, `{}`), lockstep.CodeTargetMalformed, false, 0, "no SCIM service"},
		{"rate limit in seconds", rule.Create, header(429, "", "Retry-After", "7"), lockstep.CodeTargetRateLimited, false, 7 * time.Second, ""},
		{"rate limit until a date", rule.Create, header(429, "", "Retry-After", later), lockstep.CodeTargetRateLimited, false, 90 * time.Second, ""},
		{"rate limit without end", rule.Create, header(429, "", "Retry-After", "86400"), lockstep.CodeTargetRateLimited, false, time.Hour, ""},
		{"rate limit in the past", rule.Create, header(429, "", "Retry-After", "-3"), lockstep.CodeTargetRateLimited, false, 0, ""},
		{"server error", rule.Create, header(500, "oops"), lockstep.CodeTargetServerError, true, 0, "it failed (HTTP 500)"},
		{"unavailable", rule.Create, header(503, "", "Retry-After", "2"), lockstep.CodeTargetServerError, true, 2 * time.Second, ""},
		{"unsupported", rule.Update, reply(501, `{}`), lockstep.CodeTargetUnsupported, false, 0, ""},
		{"redirect", rule.Create, header(302, "", "Location", "https://login.example.com/"), lockstep.CodeTargetMalformed, false, 0, "another address"},
		{"login page", rule.Create, header(200, "<!doctype html>", "Content-Type", "text/html"), lockstep.CodeTargetMalformed, true, 0, "a page of HTML instead of JSON"},
		{"login page for an update", rule.Update, header(200, "<!doctype html>", "Content-Type", "text/html"), lockstep.CodeTargetMalformed, true, 0, ""},
		{"broken JSON", rule.Create, reply(201, `{"id":`), lockstep.CodeTargetMalformed, true, 0, "broken JSON"},
		{"no id", rule.Create, reply(201, `{}`), lockstep.CodeTargetMalformed, true, 0, ""},
		{"half an answer", rule.Create, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"id":`)
		}, lockstep.CodeTargetUnreachable, true, 0, "the connection broke"},
		{"reset", rule.Create, hijack(func(c net.Conn) {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		}), lockstep.CodeTargetUnreachable, true, 0, "the connection broke"},
		{"closed", rule.Create, hijack(func(net.Conn) {}), lockstep.CodeTargetUnreachable, true, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.handler)
			tg := target(t, s.URL, Profile{})
			tg.config.Now = func() time.Time { return now }
			got := tg.Apply(t.Context(), []connection.Operation{{
				Kind: c.kind, Name: "ada@x", Ref: connection.Ref{Type: userType, ID: "42"}, After: object(t, `{"userName":"ada@x"}`),
			}})[0]
			if lockstep.CodeOf(got.Err) != c.code || got.MaybeSent != c.maybeSent || got.RetryAfter != c.retryAfter || got.Requests != 1 {
				t.Errorf("code %s, maybe sent %v, retry after %v, %d requests: %v", lockstep.CodeOf(got.Err), got.MaybeSent, got.RetryAfter, got.Requests, got.Err)
			}
			if got.Err == nil || !strings.Contains(got.Err.Error(), c.says) || strings.Contains(got.Err.Error(), secret) {
				t.Errorf("it says: %v", got.Err)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	got := target(t, s.URL, Profile{}).Apply(ctx, []connection.Operation{{Kind: rule.Create, Ref: connection.Ref{Type: userType}}})[0]
	if lockstep.CodeOf(got.Err) != lockstep.CodeTargetTimeout || !got.MaybeSent {
		t.Errorf("%+v", got)
	}
}

func TestNotSent(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	create := []connection.Operation{{Kind: rule.Create, Ref: connection.Ref{Type: userType}}}
	got := target(t, gone.URL, Profile{}).Apply(t.Context(), create)[0]
	if lockstep.CodeOf(got.Err) != lockstep.CodeTargetUnreachable || got.MaybeSent {
		t.Errorf("nobody listens: %+v", got)
	}
	tg := target(t, gone.URL, Profile{})
	tg.config.HTTP = web.NewClient(web.ClientConfig{})
	if got = tg.Apply(t.Context(), create)[0]; got.MaybeSent || !strings.Contains(got.Err.Error(), "the operator has not allowed") {
		t.Errorf("not allowed: %+v", got)
	}
	tg.config.Token = func(context.Context) (string, error) { return "", errors.New("sealed") }
	if got = tg.Apply(t.Context(), create)[0]; got.MaybeSent || lockstep.CodeOf(got.Err) != lockstep.CodeAuthToken {
		t.Errorf("no token: %+v", got)
	}
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "example.com/scim", "ftp://example.com", "https://user:pass@example.com/scim", "https://example.com/scim?x=1"} {
		if _, err := New(Config{BaseURL: bad}); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
