package scimtest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestCheck checks the checker: a difference that it does not see would make every recording worthless.
func TestCheck(t *testing.T) {
	const answer = `{"id":"7","name":{"given":"Ada"},"emails":[{"value":"a"},{"value":"b"}],"active":true,"n":2}`
	for want, problem := range map[string]string{
		"200":                                         "",
		"201":                                         "status 200",
		"200\nETag: W/\"1\"\n{}":                      "",
		"200\nETag: *\nLocation: -":                   "",
		"200\nETag: W/\"2\"":                          "header ETag",
		"200\nETag: -":                                "header ETag",
		"200\nLocation: *":                            "header Location",
		"200\n{\"id\": \"7\"}":                        "",
		"200\n{\"id\": \"8\"}":                        ".id",
		"200\n{\"id\": 7}":                            ".id",
		"200\n{\"id\": \"${known}\"}":                 "",
		"200\n{\"id\": \"${other}\"}":                 ".id",
		"200\n{\"id\": \"${new}\"}":                   "",
		"200\n{\"id\": null}":                         ".id",
		"200\n{\"title\": null}":                      "",
		"200\n{\"title\": \"x\"}":                     ".title",
		"200\n{\"name\": {\"given\": \"Bea\"}}":       ".name.given",
		"200\n{\"name\": \"Ada\"}":                    ".name",
		"200\n{\"emails\": [{\"value\": \"a\"}]}":     ".emails",
		"200\n{\"emails\": [{}, {\"value\": \"a\"}]}": ".emails[1].value",
		"200\n{\"active\": false}":                    ".active",
		"200\n{\"n\": 2}":                             "",
		"200\n{\"n\": 3}":                             ".n",
	} {
		res := &http.Response{StatusCode: 200, Header: http.Header{"Etag": {`W/"1"`}}}
		err := check(want, res, answer, map[string]string{"known": "7", "other": "8"})
		if (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v, want %q", want, err, problem)
		}
	}
}

func TestRequest(t *testing.T) {
	r, err := parseRequest("PATCH /Users/a b?filter=x eq \"a+b\"&count=2\nIf-Match: W/\"1\"\n\n{}\n")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.URL.Path != "/Users/a b" || r.URL.Query().Get("filter") != `x eq "a+b"` || r.Header.Get("If-Match") != `W/"1"` || string(body) != "{}" {
		t.Errorf("%s %s %v %s", r.Method, r.URL, r.Header, body)
	}
}
