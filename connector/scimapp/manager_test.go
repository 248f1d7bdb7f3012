package scimapp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"lockstep/connection"
	"lockstep/rule"
)

// TestManagerForms: a server that takes a manager in a form of its own is told so, and remembered; one that does not show managers is
// not asked again and again.
func TestManagerForms(t *testing.T) {
	for _, c := range []struct {
		name   string
		object bool // the form of the RFC is understood
		value  bool // manager.value is
		shows  bool
		counts []int // requests of a create with a manager, an update, and another create
	}{
		{"as in the RFC", true, false, true, []int{1, 1, 1}},
		{"by value alone", false, true, true, []int{3, 1, 2}},
		{"hidden", true, true, false, []int{3, 1, 1}},
		{"hidden, and by value refused", true, false, false, []int{3, 1, 1}},
	} {
		boss := ""
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var sent struct {
				Ext        struct{ Manager struct{ Value string } } `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
				Operations []struct {
					Path  string
					Value any
				}
			}
			if err := json.Unmarshal(body, &sent); err != nil {
				t.Error(err)
			}
			if r.Method == http.MethodPost {
				if boss = ""; c.object {
					boss = sent.Ext.Manager.Value
				}
			}
			for _, o := range sent.Operations {
				switch {
				case strings.HasSuffix(o.Path, ":manager.value") && !c.value:
					reply(400, `{"scimType":"invalidPath"}`)(w, r)
					return
				case strings.HasSuffix(o.Path, ":manager.value"):
					boss = fmt.Sprint(o.Value)
				case strings.HasSuffix(o.Path, ":manager") && c.object:
					boss = fmt.Sprint(o.Value.(map[string]any)["value"])
				}
			}
			ext := ""
			if c.shows && boss != "" {
				ext = fmt.Sprintf(`,"%s":{"manager":{"value":"%s"}}`, enterprise, boss)
			}
			reply(200, `{"id":"7","userName":"a"`+ext+`}`)(w, r)
		})
		tg := target(t, s.URL, Profile{})
		create := connection.Operation{Kind: rule.Create, Ref: connection.Ref{Type: userType}, After: object(t, `{"userName":"a"}`), Add: manager("6")}
		update := connection.Operation{Kind: rule.Refer, Ref: connection.Ref{Type: userType, ID: "7"}, Add: manager("5")}
		for i, op := range []connection.Operation{create, update, create} {
			n := len(s.requests())
			got := tg.Apply(t.Context(), []connection.Operation{op})[0]
			if sent := len(s.requests()) - n; got.Err != nil || sent != c.counts[i] || sent != got.Requests || got.ID != "7" {
				t.Errorf("%s, %d: %+v, %d requests", c.name, i, got, sent)
			}
			if want := op.Add[0].To.ID; boss != want {
				t.Errorf("%s, %d: the manager is %q, not %q", c.name, i, boss, want)
			}
		}
	}
}
