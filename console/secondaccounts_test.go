package console_test

import (
	"strings"
	"testing"

	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// TestSecondAccounts: a plan says who would get an account although there is one under their e-mail address.
func TestSecondAccounts(t *testing.T) {
	w := newWorld(t, 0)
	w.put("people.csv", []byte(`id,userName,displayName,"emails[type eq ""work""].value"
p1,ada@acme.example,Ada Lindqvist,ADA@acme.example
p2,gokafor@acme.example,Grace Okafor,grace@acme.example
p3,zoe.w@acme.example,Zoe Winter,zoe@acme.example
p4,nomail@acme.example,No Mail,
`))
	w.put("groups.csv", []byte("id,displayName,members\ng1,Everybody,p1;p2;p3;p4\n"))
	made := w.target.Apply(t.Context(), []connection.Operation{{Kind: rule.Create, Ref: connection.Ref{Type: "User"}, Name: "grace", After: scim.Object{
		{Name: "userName", Value: "grace@acme.example"}, {Name: "displayName", Value: "Grace Okafor"},
	}}})
	w.must(made[0].Err)
	w.filled()
	b := w.signedIn(w.tenant)
	page := b.get("/apps/webex")
	note := page.has("p", "Second accounts?")
	b.get("/apps/webex/plan").has("p", "Second accounts?") // wherever it is applied
	for _, want := range []string{"For 2 people the user name is not their e-mail address", "1 of them has an account in Cisco Webex under it already", "gokafor@acme.example (grace@acme.example), zoe.w@acme.example (zoe@acme.example)."} {
		if !strings.Contains(note.text, want) {
			t.Errorf("it does not say %q: %q", want, note.text)
		}
	}
	checkPage(t, page)
	j := w.state(w.out)
	j.Rules.Objects[0].Attributes = append(j.Rules.Objects[0].Attributes, rule.Mapping{Target: `emails[type eq "work"].value`, Source: rule.ReadSource(`[emails[type eq "work"].value]`), Match: 2})
	w.must(w.db.PutJob(t.Context(), nobody, j))
	b.get("/apps/webex").hasNot("strong", "Second accounts?")
}
