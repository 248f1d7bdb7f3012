package scimapp

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// An application may say that it did something and show in the same answer that it did not (RFC 7644 §3.3, §3.5: the answer to a
// write is the resource as it is now). What an answer does not show, and what it shows in another form than it was sent, proves
// nothing: values are hidden, stored in lower case, cut off. Only these are contradictions: a create that is answered with another
// object, and an update after which a value is still what it was before.

// otherObject says what is wrong when a create is answered with an object that is not the one that was sent. The external ID decides
// where both have one, since it is ours: names may be stored in another form.
func otherObject(op *connection.Operation, h *head) *fault {
	sent, got := op.After.Text("externalId"), string(h.ExternalID)
	if sent != "" && got != "" {
		if similar(sent, got) {
			return nil
		}
		return contradicts("the object %s that it shows has the external ID %q, not %q", h.ID, got, sent)
	}
	name, shown := "userName", h.UserName
	if op.Ref.Type == groupType {
		name, shown = "displayName", h.DisplayName
	}
	if sent = op.After.Text(name); sent == "" || shown == "" || similar(sent, string(shown)) {
		return nil
	}
	return contradicts("the object %s that it shows has the %s %q, not %q", h.ID, name, shown, sent)
}

func contradicts(format string, args ...any) *fault {
	for i, a := range args {
		args[i] = tidy(fmt.Sprint(a))
	}
	return &fault{code: lockstep.CodeTargetContradicts, maybeSent: true, detail: "it says that it did, but " + fmt.Sprintf(format, args...)}
}

// belied says what is wrong when the answer to an update shows that a change was not made. An answer that promises to make it later
// shows nothing (RFC 9110 §15.3.3).
func belied(op *connection.Operation, changes []change, a *answer) *fault {
	if a.status == http.StatusAccepted || len(bytes.TrimSpace(a.body())) == 0 {
		return nil
	}
	now, err := scim.DecodeObject(a.body())
	if err != nil {
		return nil // written has judged it
	}
	shows := map[string]bool{}
	for _, r := range memberEdges(now.Get(memberAttribute)) {
		shows[r.To.ID] = true
	}
	boss := ""
	for _, r := range takeManager(&now) {
		boss = r.To.ID
	}
	for _, c := range changes {
		switch {
		case strings.EqualFold(c.path.Attr, memberAttribute) && c.op == scim.OpRemove:
			for _, id := range c.membersOf() {
				if shows[id] {
					return contradicts("%q is still a member", id)
				}
			}
		case strings.EqualFold(c.path.Attr, memberAttribute):
		case strings.EqualFold(c.path.Attr, managerAttribute):
			if f := beliedManager(op, c, boss); f != nil {
				return f
			}
		case unchanged(scim.First(op.Before, c.path), c.value, scim.First(now, c.path)):
			return contradicts("%s is still %q", c.path.String(), scim.First(now, c.path))
		}
	}
	return nil
}

// membersOf returns the ids of the members that the change is about.
func (c change) membersOf() []string {
	if by, ok := c.path.Filter.(filter.Compare); ok {
		return []string{text(by.Value)}
	}
	var ids []string
	for _, r := range memberEdges(c.value) {
		ids = append(ids, r.To.ID)
	}
	return ids
}

// beliedManager says what is wrong when the answer shows another manager than the one that was set, or one who was taken away.
func beliedManager(op *connection.Operation, c change, shown string) *fault {
	if id := managerOf(c); id != "" {
		if shown != "" && shown != id {
			return contradicts("the manager is %q, not %q", shown, id)
		}
		return nil
	}
	for _, r := range op.Remove {
		if r.Attribute == managerAttribute && r.To.ID == shown {
			return contradicts("the manager is still %q", shown)
		}
	}
	return nil
}

// unchanged reports whether a value is what it was and not what it should be.
func unchanged(before, want, shown any) bool {
	if _, list := want.(scim.List); list || before == nil || shown == nil {
		return false
	}
	return alike(shown, before) && !alike(shown, want)
}

// alike reports whether two values are the same but for the form in which an application may keep them.
func alike(a, b any) bool {
	x, aText := a.(string)
	y, bText := b.(string)
	_, aBool := a.(bool)
	_, bBool := b.(bool)
	switch {
	case aText && bText:
		return similar(x, y)
	case aText && bBool, aBool && bText: // some write booleans as text
		return enabled(a) == enabled(b)
	}
	return scim.Equal(a, b)
}

// similar reports whether two texts differ in case and blanks only.
func similar(a, b string) bool {
	return filter.Fold(strings.Join(strings.Fields(a), " ")) == filter.Fold(strings.Join(strings.Fields(b), " "))
}
