package webexorg

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// cursors are the lists that are read page by page, two at a time, each up to where its cursor stands.
func cursors() []string {
	audit := "orgId=" + restID("ORGANIZATION", sampleOrg) + "&max=2&offset="
	return []string{
		"/v1/people?max=2&after=", "/v1/licenses/" + licenceID("MSF_1") + "?includeAssignedTo=user&limit=2&next=",
		"/v1/adminAudit/events?from=2026-01-01T00:00:00.000Z&to=2100-01-01T00:00:00.000Z&" + audit,
		"/v1/admin/securityAudit/events?startTime=2026-01-01T00:00:00.000Z&endTime=2100-01-01T00:00:00.000Z&" + audit,
		"/v1/groups?count=2&startIndex=", "/v1/groups/" + restID("SCIM_GROUP", sampleGroup+":"+sampleOrg) + "/members?count=2&startIndex=",
		scimAt + "/Users?count=2&startIndex=", scimAt + "/Groups?count=2&startIndex=", scimAt + "/Groups/" + sampleGroup + "/Members?count=2&startIndex=",
		"/contacts/organizations/" + sampleOrg + "/contacts/search?limit=2&start=",
		"/organization/" + sampleOrg + "/user?pageSize=2&page=", "/organization/" + sampleOrg + "/v2/user?pageSize=2&page=",
	}
}

// FuzzCursors goes on in each list from where nobody has been: the answer is a page of two at most, whose next page can be read, or it
// is 400.
func FuzzCursors(f *testing.F) {
	for _, cursor := range []string{
		"", "0", "1", "-1", "2", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e3", "0x1", "\x00", "%", "' OR 1=1 --",
		personID(samplePlain), personID(samplePlain) + "=", restID("PEOPLE", scimID()), restID("PEOPLE", ""), restID("LICENSE", sampleOrg), samplePlain,
		strings.Repeat("9", 5000), restID("PEOPLE", strings.Repeat("/", 99)),
	} {
		f.Add(cursor)
	}
	handler, token := fuzzed(f)
	get := func(t *testing.T, path string) *httptest.ResponseRecorder {
		r, err := http.NewRequest(http.MethodGet, "http://webexorg"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		for _, path := range cursors() {
			got := get(t, path+url.QueryEscape(cursor))
			if got.Code != http.StatusOK && got.Code != http.StatusBadRequest {
				t.Errorf("%s%q: %d %s", path, cursor, got.Code, got.Body)
			}
			if got.Code != http.StatusOK {
				continue
			}
			if n := longest(t, got.Body.Bytes()); n > 2 {
				t.Errorf("%s%q: a page of %d: %s", path, cursor, n, got.Body)
			}
			if next, ok := strings.CutPrefix(got.Header().Get("Link"), "<http://webexorg"); ok {
				next, _, _ = strings.Cut(next, ">")
				if after := get(t, next); after.Code != http.StatusOK {
					t.Errorf("%s%q leads to %s: %d %s", path, cursor, next, after.Code, after.Body)
				}
			}
		}
	})
}

// longest is the length of the longest list right below the top of a body, or of the body itself.
func longest(t *testing.T, body []byte) int {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		return len(list)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	n := 0
	for name, text := range all {
		list = nil
		if name != "schemas" && json.Unmarshal(text, &list) == nil {
			n = max(n, len(list))
		}
	}
	return n
}
