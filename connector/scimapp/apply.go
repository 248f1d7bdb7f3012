package scimapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// Apply does the operations one after another.
func (t *Target) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	results := make([]connection.Result, len(ops))
	for i := range ops {
		results[i] = t.apply(ctx, &ops[i])
	}
	return results
}

func (t *Target) apply(ctx context.Context, op *connection.Operation) connection.Result {
	switch op.Kind {
	case rule.Create:
		return t.create(ctx, op)
	case rule.Update, rule.Disable, rule.Refer:
		return t.update(ctx, op)
	case rule.Delete:
		return t.remove(ctx, op)
	}
	return connection.Result{Err: &lockstep.Error{Code: lockstep.CodeInternal, Detail: "a target cannot " + string(op.Kind) + " " + op.Name}}
}

// create posts the object. References that were given ride in the body as far as MaxMembers allows; the others follow.
func (t *Target) create(ctx context.Context, op *connection.Operation) connection.Result {
	now, later := t.riding(op.Add)
	body := newBuffer()
	body.Write(appendResource(body.AvailableBuffer(), op.Ref.Type, op.After, now, t.config.Profile.Nesting))
	a, fault := t.send(ctx, http.MethodPost, t.endpoint(op.Ref.Type), body, "", maxBody)
	if fault != nil {
		if fault.code == lockstep.CodeTargetGone { // the list, not an object
			fault.code, fault.detail = lockstep.CodeTargetMalformed, "there is no SCIM service at the address"
		}
		return fault.result(t, op, 1)
	}
	defer a.free()
	result := connection.Result{Requests: 1}
	h, fault := readHead(a)
	if result.ID, result.Version = string(h.ID), h.version(a); fault == nil {
		fault = otherObject(op, &h)
	}
	if result.ID == "" && fault == nil {
		if location := a.header.Get("Location"); location != "" {
			result.ID = path.Base(location)
		} else {
			fault = notJSON(a, errors.New("no id in the answer"))
		}
	}
	if fault != nil {
		return fault.result(t, op, 1)
	}
	if t.replaces() { // it should show all this, whenever it is asked whether it hides something
		shows := op.After
		if len(now) > 0 { // members or a manager: nobody has both
			shows = append(slices.Clip(shows), scim.Attr{Name: memberAttribute}, scim.Attr{Name: scim.EnterpriseUserURN})
		}
		t.sight(op.Ref.Type).wrote(result.ID, shows)
	}
	if boss := t.withoutManager(carried(now), a); boss != "" {
		later = append(later, connection.Reference{Attribute: managerAttribute, To: connection.Ref{Type: userType, ID: boss}})
	}
	if len(later) > 0 { // the object is there; what is missing is the engine's to repeat
		rest := connection.Operation{
			Kind: rule.Refer, Ref: connection.Ref{Type: op.Ref.Type, ID: result.ID}, Name: op.Name, Add: later,
			Written: &connection.Written{Values: op.After, References: now, Made: true},
		}
		r := t.update(ctx, &rest)
		result.Requests += r.Requests
		if r.Err != nil {
			r.ID, r.Requests, r.MaybeSent = result.ID, result.Requests, true
			return r
		}
	}
	return result
}

// riding splits references into those that fit into one request and the rest.
func (t *Target) riding(refs []connection.Reference) (now, later []connection.Reference) {
	if len(refs) <= t.config.Profile.MaxMembers {
		return refs, nil
	}
	return refs[:t.config.Profile.MaxMembers], refs[t.config.Profile.MaxMembers:]
}

// remove deletes the object. One that is gone already gives target.gone.
func (t *Target) remove(ctx context.Context, op *connection.Operation) connection.Result {
	a, fault := t.send(ctx, http.MethodDelete, t.path(op.Ref), nil, "", maxBody)
	if fault != nil {
		return fault.result(t, op, 1)
	}
	a.free()
	return connection.Result{Requests: 1}
}

// head is what is read of the answer to a write.
type head struct {
	ID          identifier `json:"id"`
	UserName    identifier `json:"userName"`
	DisplayName identifier `json:"displayName"`
	ExternalID  identifier `json:"externalId"`
	Meta        struct {
		Version identifier `json:"version"`
	} `json:"meta"`
}

func (h *head) version(a *answer) string { return or(string(h.Meta.Version), a.header.Get("ETag")) }

// identifier is text, which some servers send as a number.
type identifier string

func (i *identifier) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(i))
	}
	if s := string(data); s != "null" {
		*i = identifier(s)
	}
	return nil
}

// readHead reads the head of the answer to a write, which may be empty.
func readHead(a *answer) (h head, f *fault) {
	if len(bytes.TrimSpace(a.body())) == 0 {
		return h, nil
	}
	if err := json.Unmarshal(a.body(), &h); err != nil {
		return head{}, notJSON(a, err)
	}
	return h, nil
}

// written reads the version from the answer to an update, unless it shows that something was not done.
func written(op *connection.Operation, changes []change, a *answer) (version string, f *fault) {
	h, f := readHead(a)
	if f == nil {
		f = belied(op, changes, a)
	}
	return h.version(a), f
}

// appendResource appends the body of a create: schemas, the attributes, and the references.
func appendResource(dst []byte, typ string, o scim.Object, refs []connection.Reference, nesting bool) []byte {
	manager := ""
	members := 0
	for _, r := range refs {
		if r.Attribute == managerAttribute {
			manager = r.To.ID
		} else {
			members++
		}
	}
	dst = appendSchemas(dst, typ, o, manager != "")
	for _, a := range o {
		switch {
		case strings.EqualFold(a.Name, "schemas"):
			continue
		case manager != "" && strings.EqualFold(a.Name, scim.EnterpriseUserURN):
			ext, _ := a.Value.(scim.Object)
			dst = appendExtension(append(dst, ','), ext, manager)
			manager = ""
			continue
		}
		dst = scim.AppendValue(append(dst, ','), a.Name)
		dst = scim.AppendValue(append(dst, ':'), a.Value)
	}
	if manager != "" {
		dst = appendExtension(append(dst, ','), nil, manager)
	}
	if members > 0 {
		dst = append(dst, `,"members":`...)
		dst = appendMembers(dst, refs, nesting)
	}
	return append(dst, '}')
}

// coreOf returns the URN of a type's core schema.
func coreOf(typ string) string {
	if typ == groupType {
		return scim.GroupURN
	}
	return scim.UserURN
}

func appendSchemas(dst []byte, typ string, o scim.Object, manager bool) []byte {
	dst = append(dst, `{"schemas":["`...)
	dst = append(dst, coreOf(typ)...)
	dst = append(dst, '"')
	for _, a := range o {
		if len(a.Name) > 4 && strings.EqualFold(a.Name[:4], "urn:") {
			dst = scim.AppendValue(append(dst, ','), a.Name)
			manager = manager && !strings.EqualFold(a.Name, scim.EnterpriseUserURN)
		}
	}
	if manager {
		dst = scim.AppendValue(append(dst, ','), scim.EnterpriseUserURN)
	}
	return append(dst, ']')
}

// appendExtension appends the enterprise extension with the manager in it (RFC 7643 §4.3).
func appendExtension(dst []byte, ext scim.Object, manager string) []byte {
	dst = scim.AppendValue(dst, scim.EnterpriseUserURN)
	dst = append(dst, `:{"manager":`...)
	dst = appendManager(dst, manager)
	for _, a := range ext {
		if strings.EqualFold(a.Name, managerAttribute) {
			continue
		}
		dst = scim.AppendValue(append(dst, ','), a.Name)
		dst = scim.AppendValue(append(dst, ':'), a.Value)
	}
	return append(dst, '}')
}

func appendManager(dst []byte, id string) []byte {
	dst = append(dst, `{"value":`...)
	return append(scim.AppendValue(dst, id), '}')
}

// appendMembers appends the members among the references as a list.
func appendMembers(dst []byte, refs []connection.Reference, nesting bool) []byte {
	dst = append(dst, '[')
	for first := true; len(refs) > 0; refs = refs[1:] {
		if refs[0].Attribute != memberAttribute {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `{"value":`...)
		dst = scim.AppendValue(dst, refs[0].To.ID)
		if nesting {
			dst = append(dst, `,"type":`...)
			dst = scim.AppendValue(dst, refs[0].To.Type)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
