package scimapp

import (
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// TestContradictions: an answer that shows something else than it says is no success, and one that shows less, or the same in another
// form, is.
func TestContradictions(t *testing.T) {
	user, group := connection.Ref{Type: userType, ID: "7"}, connection.Ref{Type: groupType, ID: "8"}
	ada := object(t, `{"userName":"Ada@x","externalId":"E1"}`)
	nameless := object(t, `{"userName":"Ada@x"}`)
	before := object(t, `{"userName":"a@x","title":"Old","active":true,"emails":[{"type":"work","value":"a@x"}]}`)
	after := object(t, `{"userName":"a@x","title":"New","active":true,"emails":[{"type":"work","value":"b@x"}]}`)
	cleared := object(t, `{"userName":"a@x","active":true,"emails":[{"type":"work","value":"a@x"}]}`)
	off := object(t, `{"userName":"a@x","title":"Old","active":false,"emails":[{"type":"work","value":"a@x"}]}`)
	for _, c := range []struct {
		name   string
		op     connection.Operation
		status int
		answer string
		belied bool
	}{
		{"created", connection.Operation{Kind: rule.Create, Ref: user, After: ada}, 201, `{"id":"7","userName":"ada@X","externalId":"E1"}`, false},
		{"created, nothing shown", connection.Operation{Kind: rule.Create, Ref: user, After: ada}, 201, `{"id":"7"}`, false},
		{"created under a name of its own", connection.Operation{Kind: rule.Create, Ref: user, After: ada}, 201, `{"id":"7","userName":"ada#1","externalId":"E1"}`, false},
		{"another's external ID", connection.Operation{Kind: rule.Create, Ref: user, After: ada}, 201, `{"id":"7","userName":"Ada@x","externalId":"E2"}`, true},
		{"another's name", connection.Operation{Kind: rule.Create, Ref: user, After: ada}, 201, `{"id":"7","userName":"bob@x"}`, true},
		{"another's name, no external ID", connection.Operation{Kind: rule.Create, Ref: user, After: nameless}, 201, `{"id":"7","userName":"bob@x","externalId":"E2"}`, true},
		{"another group", connection.Operation{Kind: rule.Create, Ref: group, After: object(t, `{"displayName":"G"}`)}, 201, `{"id":"8","displayName":"H"}`, true},
		{"a number for a name", connection.Operation{Kind: rule.Create, Ref: group, After: object(t, `{"displayName":"17"}`)}, 201, `{"id":8,"displayName":17}`, false},

		{"updated", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: after}, 200, `{"id":"7","userName":"a@x","title":"New","emails":[{"type":"work","value":"B@X"}]}`, false},
		{"cut off", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: after}, 200, `{"id":"7","title":"Ne"}`, false},
		{"not shown", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: after}, 200, `{"id":"7"}`, false},
		{"no body", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: after}, 204, "", false},
		{"later", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: after}, 202, `{"id":"7","title":"Old"}`, false},
		{"the old title", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: after}, 200, `{"id":"7","title":"Old"}`, true},
		{"the old address", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: after}, 200, `{"id":"7","title":"New","emails":[{"type":"work","value":"a@x"}]}`, true},
		{"not taken away", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: cleared}, 200, `{"id":"7","title":"Old"}`, true},
		{"other case only", connection.Operation{Kind: rule.Update, Ref: user, Before: before, After: object(t, `{"userName":"A@X","title":"Old","active":true,"emails":[{"type":"work","value":"a@x"}]}`)}, 200, `{"id":"7","userName":"a@x"}`, false},
		{"disabled", connection.Operation{Kind: rule.Disable, Ref: user, Before: before, After: off}, 200, `{"id":"7","active":"False"}`, false},
		{"still active", connection.Operation{Kind: rule.Disable, Ref: user, Before: before, After: off}, 200, `{"id":"7","active":true}`, true},
		{"still active, as text", connection.Operation{Kind: rule.Disable, Ref: user, Before: before, After: off}, 200, `{"id":"7","active":"True"}`, true},

		{"manager", connection.Operation{Kind: rule.Refer, Ref: user, Add: manager("6")}, 200, `{"id":"7","` + enterprise + `":{"manager":{"value":"6"}}}`, false},
		{"another manager", connection.Operation{Kind: rule.Refer, Ref: user, Add: manager("6")}, 200, `{"id":"7","` + enterprise + `":{"manager":{"value":"5"}}}`, true},
		{"no manager shown", connection.Operation{Kind: rule.Refer, Ref: user, Add: manager("6")}, 200, `{"id":"7"}`, false},
		{"manager taken away", connection.Operation{Kind: rule.Refer, Ref: user, Remove: manager("6")}, 200, `{"id":"7","` + enterprise + `":{"manager":{"value":"6"}}}`, true},
		{"members", connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Remove: users("1")}, 200, `{"id":"8","members":[{"value":"2"}]}`, false},
		{"a member stays", connection.Operation{Kind: rule.Refer, Ref: group, Add: users("2"), Remove: users("1")}, 200, `{"id":"8","members":[{"value":"1"},{"value":"2"}]}`, true},
	} {
		for _, p := range []Profile{{}, {RemoveList: true}} {
			s := serve(t, reply(c.status, c.answer))
			got := target(t, s.URL, p).Apply(t.Context(), []connection.Operation{c.op})[0]
			want := lockstep.Code("")
			if c.belied {
				want = lockstep.CodeTargetContradicts
			}
			if lockstep.CodeOf(got.Err) != want || got.MaybeSent != c.belied {
				t.Errorf("%s: %v, maybe sent %t", c.name, got.Err, got.MaybeSent)
			}
		}
	}
}

// TestContradictionsByPiece: what a later request takes away is no contradiction in the answer to an earlier one.
func TestContradictionsByPiece(t *testing.T) {
	s := serve(t, reply(200, `{"id":"8","members":[{"value":"2"}]}`))
	op := connection.Operation{Kind: rule.Refer, Ref: connection.Ref{Type: groupType, ID: "8"}, Remove: users("1", "2")}
	got := target(t, s.URL, Profile{MaxMembers: 1}).Apply(t.Context(), []connection.Operation{op})[0]
	if lockstep.CodeOf(got.Err) != lockstep.CodeTargetContradicts || got.Requests != 2 {
		t.Errorf("%+v", got)
	}
}
