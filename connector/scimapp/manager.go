package scimapp

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// managerForm is how a server wants to be told who somebody's manager is. Some answer 200 to the value that RFC 7643 §4.3 has,
// {"value": "26118915"}, do nothing, and take the id at the path manager.value; of a server that shows no manager either way it is
// taken to hide them.
type managerForm int

const (
	managerUnknown managerForm = iota
	managerObject              // as in the RFC
	managerText                // the id at manager.value
)

var (
	managerPath      = filter.Path{URN: scim.EnterpriseUserURN, Attr: managerAttribute}
	managerValuePath = filter.Path{URN: scim.EnterpriseUserURN, Attr: managerAttribute, Sub: "value"}
)

func (t *Target) managerForm() managerForm {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.boss
}

func (t *Target) learnManager(f managerForm) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.boss = f
}

// setManager is the change that sets the manager.
func (t *Target) setManager(id string) change {
	if t.managerForm() == managerText {
		return change{op: scim.OpReplace, path: managerValuePath, value: id, size: 1}
	}
	return change{op: scim.OpReplace, path: managerPath, value: scim.Object{{Name: "value", Value: id}}, size: 1}
}

// managerOf returns the manager whom a change sets; "" when it sets none.
func managerOf(c change) string {
	if !strings.EqualFold(c.path.Attr, managerAttribute) {
		return ""
	}
	if o, ok := c.value.(scim.Object); ok {
		return o.Text("value")
	}
	return text(c.value)
}

// carried is the change that a create with these references is, as far as the manager is concerned.
func carried(refs []connection.Reference) []change {
	for _, r := range refs {
		if r.Attribute == managerAttribute {
			return []change{{op: scim.OpAdd, path: managerPath, value: scim.Object{{Name: "value", Value: r.To.ID}}}}
		}
	}
	return nil
}

// withoutManager returns the manager whom the changes set in the form of the RFC and whom the answer, although it shows the person,
// does not show; "" when there is none, or when it is known that the server does not show managers. A manager who is shown settles
// the form.
func (t *Target) withoutManager(changes []change, a *answer) string {
	boss := ""
	for _, c := range changes {
		if id := managerOf(c); id != "" && c.path.Sub == "" {
			boss = id
		}
	}
	form := t.managerForm()
	if boss == "" || form == managerObject || t.replaces() || a.status == http.StatusAccepted || len(bytes.TrimSpace(a.body())) == 0 {
		return ""
	}
	now, err := scim.DecodeObject(a.body())
	if err != nil || !now.Has("userName") {
		return ""
	}
	if len(takeManager(&now)) == 0 {
		return boss
	}
	if form == managerUnknown {
		t.learnManager(managerObject)
	}
	return ""
}

// managerByValue sets the manager by the path manager.value, and learns from the answer which form the server takes.
func (t *Target) managerByValue(ctx context.Context, op *connection.Operation, boss string, result *connection.Result) *fault {
	result.Requests++
	c := change{op: scim.OpReplace, path: managerValuePath, value: boss, size: 1}
	a, f := t.patch(ctx, op, []change{c}, "")
	if f != nil && (f.code == lockstep.CodeTargetRefused || f.code == lockstep.CodeTargetUnsupported) {
		t.learnManager(managerObject) // it knows what it does: it does not show managers
		return nil
	}
	if f != nil {
		return f
	}
	defer a.free()
	now, err := scim.DecodeObject(a.body())
	switch {
	case err == nil && len(takeManager(&now)) > 0:
		t.learnManager(managerText)
	case t.managerForm() == managerUnknown:
		t.learnManager(managerObject)
	}
	_, f = written(op, []change{c}, a)
	return f
}
