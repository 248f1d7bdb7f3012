package storetest

import (
	"fmt"
	"slices"
	"testing"

	"lockstep"
	"lockstep/sso"
)

// testSignInLook: what has happened is found, the newest first, page by page and by what it concerns, and nothing of another tenant.
func testSignInLook(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada, ben := s.user("ada@acme.example"), s.user("ben@acme.example")
	var ids []sso.LoginID
	for i := range 450 { // more than one page
		l := s.login("b")
		trace := sso.Trace{ID: l.ID, Client: "wiki", Provider: "p", Outcome: sso.OutcomeSigned, User: ada}
		switch {
		case i == 3:
			trace.Client, trace.Provider, trace.Outcome = "", "q", sso.OutcomeTested
		case i%100 == 7:
			trace.Outcome, trace.User, trace.Code = sso.OutcomeRefused, ben, lockstep.CodeSSOUnknown
		}
		_, err := s.sso.SaveLogin(ctx, l, sso.Finish{Trace: &trace})
		s.ok(err)
		ids = append(ids, l.ID)
	}
	slices.Reverse(ids)
	var seen []sso.LoginID
	for q := (sso.TraceQuery{Limit: 60}); ; {
		all, next, err := s.sso.Traces(ctx, s.tenant, q)
		s.ok(err)
		for _, tr := range all {
			seen = append(seen, tr.ID)
		}
		if next == "" {
			break
		}
		q.Before = next
	}
	if !slices.Equal(seen, ids) {
		t.Errorf("%d of %d, in another order", len(seen), len(ids))
	}
	for want, q := range map[int]sso.TraceQuery{
		5: {Outcome: sso.OutcomeRefused, Limit: 200}, 1: {Tests: true, Limit: 200}, 2: {User: ben, Limit: 2}, 0: {Provider: "r", Limit: 9}, 9: {Provider: "p", Client: "wiki", Limit: 9},
	} {
		all, _, err := s.sso.Traces(ctx, s.tenant, q)
		if err != nil || len(all) != want {
			t.Errorf("%+v: %d, %v", q, len(all), err)
		}
	}
	if all, next, err := s.sso.Traces(ctx, s.add("other"), sso.TraceQuery{Limit: 9}); err != nil || len(all) != 0 || next != "" {
		t.Errorf("of another tenant: %v, %v", all, err)
	}

	for i := range 3 {
		_, err := s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Links: []sso.Link{{Provider: "p", Issuer: "i", Subject: fmt.Sprint(i), User: ada}}})
		s.ok(err)
	}
	if n, err := s.sso.LinkCount(ctx, s.tenant, "p"); err != nil || n != 3 {
		t.Errorf("%d links, %v", n, err)
	}
	if n, err := s.sso.LinkCount(ctx, s.tenant, "q"); err != nil || n != 0 {
		t.Errorf("%d links, %v", n, err)
	}
	s.client("wiki", "")
	s.client("crm", "")
	one, _ := s.signIn(s.person(ada), "wiki", "cookie 1", "code 1")
	two, _ := s.signIn(s.person(ben), "crm", "cookie 2", "code 2")
	apps, err := s.sso.SessionClients(ctx, s.tenant, []sso.SessionID{one.ID, two.ID, "nothing"})
	if err != nil || len(apps) != 2 || !slices.Equal(apps[one.ID], []sso.ClientID{"wiki"}) || !slices.Equal(apps[two.ID], []sso.ClientID{"crm"}) {
		t.Errorf("%v, %v", apps, err)
	}
}
