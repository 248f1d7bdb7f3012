package provision_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	hub "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

// TestOwnAttributes: what a tenant has added to its users can be mapped to, and from there on to an application; a value that its
// schema does not allow is the failure of one person.
func TestOwnAttributes(t *testing.T) {
	w := newWorld(t)
	w.engine.Directory = &hub.Connector{Store: w.db, Schemas: w.db.Schemas}
	const urn = "urn:acme:2.0:Badge"
	w.change(directory.PutExtension{Extension: directory.Extension{Kind: directory.UserKind, Schema: scim.Schema{ID: urn, Attributes: []scim.Attribute{
		{Name: "colour", Type: scim.String, Closed: true, CanonicalValues: []string{"red", "green"}},
	}}}})
	own := func(target, source string) rule.Mapping {
		return rule.Mapping{Target: target, Source: &rule.MappingSource{Type: rule.FromAttribute, Name: source, Expression: "[" + source + "]"}}
	}
	for job, m := range map[lockstep.JobID]rule.Mapping{w.in: own(urn+":colour", "title"), w.out: own("title", urn+":colour")} {
		j, err := w.db.Provision().Job(w.ctx, w.tenant, job)
		w.must(err)
		users := &j.Rules.Objects[0]
		users.Attributes = append(direct("userName", "userName", "displayName"), m)
		w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	}
	w.file("people.csv", "id,userName,displayName,title\n1,ada@acme.example,Ada,red\n2,bob@acme.example,Bob,blue\n")
	w.run(w.in)
	w.run(w.out)
	if got := w.target(); !strings.Contains(got, "user ada@acme.example title=red") || strings.Contains(got, "blue") {
		t.Errorf("the organisation has\n%s", got)
	}
	actions, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Failed, plan.Refused}})
	w.must(err)
	if len(actions) != 1 || actions[0].Source.Name != "bob@acme.example" {
		t.Errorf("failed: %v", actions)
	}
}
