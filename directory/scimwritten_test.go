package directory_test

import (
	"net/url"
	"testing"

	"lockstep/scim"
	"lockstep/store"
)

// TestAnswersAreWhatIsStored: the answer to a write is put together without reading again, and is what a GET then answers.
func TestAnswersAreWhatIsStored(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		boss := p.create("/Users", `{"userName": "boss"}`)
		status, last := p.do("POST", "/Users", `{"userName": "Ada", "name": {"givenName": "A\ufffdda"}, "emails": [{"value": "ada@x", "primary": true}]}`)
		id := last.Text("id")
		same := func(what string, want int) {
			t.Helper()
			_, got := p.do("GET", "/Users/"+id, "")
			if status != want || !scim.Equal(got, last) {
				t.Errorf("%s answers %d %s\nstored is %s", what, status, scim.AppendJSON(nil, last), scim.AppendJSON(nil, got))
			}
		}
		same("POST", 201)
		for _, step := range []struct{ method, body string }{
			{"PATCH", `{"Operations": [{"op": "replace", "path": "active", "value": false}]}`},
			{"PATCH", `{"Operations": [{"op": "replace", "path": "active", "value": false}]}`}, // no change
			{"PATCH", `{"Operations": [{"op": "add", "value": {"displayName": "A", "password": "secret 1"}}]}`},
			{"PATCH", `{"Operations": [{"op": "add", "value": {"password": "secret 2"}}]}`}, // nothing that is shown
			{"PATCH", `{"Operations": [{"op": "add", "path": "` + scim.EnterpriseUserURN + `:manager", "value": "` + boss + `"}]}`},
			{"PATCH", `{"Operations": [{"op": "replace", "path": "userName", "value": "ADA"}, {"op": "remove", "path": "emails"}]}`},
			{"PUT", `{"userName": "ada2", "externalId": "e"}`},
			{"PUT", `{"userName": "ada2", "externalId": "e", "active": true, "emails": [{"value": "ada@x"}, {"value": "ADA@x", "type": "work"}]}`},
		} {
			status, last = p.do(step.method, "/Users/"+id, step.body)
			same(step.method+" "+step.body, 200)
		}
		for query, want := range map[string]int64{ // what users are found by is kept up with the document
			`userName eq "ada"`: 0, `userName eq "ADA2"`: 1, `externalId eq "e"`: 1, `emails.value eq "ada@x"`: 1, `active eq false`: 0,
			`displayName pr`: 0, scim.EnterpriseUserURN + `:manager.value eq "` + boss + `"`: 0,
		} {
			_, r := p.do("GET", "/Users?filter="+url.QueryEscape(query), "")
			if got := r.Get("totalResults"); got != want {
				t.Errorf("%s finds %v, want %d", query, got, want)
			}
		}
	})
}
