package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/scim/conform"
	"lockstep/store"
	"lockstep/token"
	"lockstep/web"
)

// seen is an endpoint that has answered three requests of the tenant "default".
type seen struct{ db *store.DB }

func (s seen) Exchanges(t lockstep.TenantID) []web.Exchange {
	if d, err := s.db.TenantBySlug(context.Background(), "default"); err != nil || d.ID != t {
		return nil
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	one := func(id, client string, status int) web.Exchange {
		return web.Exchange{
			ID: id, At: at, Took: time.Millisecond, Client: client, ClientID: client + "-id", Method: "GET", URL: "/Users", Status: status,
			Request: web.Message{Header: http.Header{"Accept": {"x"}}, Body: "{}"}, Response: web.Message{Omitted: "5 bytes, too large to show"},
		}
	}
	return []web.Exchange{one("100", "entra", 404), one("12", "okta", 200), one("11", "entra", 201)}
}

func (seen) Endpoint(context.Context, lockstep.TenantID) (string, error) {
	return "/scim/default/v2", nil
}

func (seen) Examine(context.Context, lockstep.TenantID, web.Exchange) ([]conform.Deviation, error) {
	return []conform.Deviation{{Rule: conform.Describe(conform.PatchOpCase), Path: "Operations[0].op", Seen: "Add", Times: 2}}, nil
}

func (s seen) Report(ctx context.Context, t lockstep.TenantID) (map[lockstep.TokenID][]conform.Tally, error) {
	return s.db.Tallies(ctx, t)
}

func (s seen) Calls(context.Context, lockstep.TenantID) (operate.SCIMCalls, error) {
	return operate.SCIMCalls{}, nil
}

func (s seen) ClearReport(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.TokenID) error {
	return s.db.ClearTallies(ctx, by, t, id)
}

func TestExchanges(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, c := range []struct {
		q    api.ExchangeQuery
		want string
	}{
		{api.ExchangeQuery{}, "100 12 11"},
		{api.ExchangeQuery{Client: "entra"}, "100 11"},
		{api.ExchangeQuery{Client: "okta-id"}, "12"},
		{api.ExchangeQuery{Status: "4xx"}, "100"},
		{api.ExchangeQuery{Status: "2xx"}, "12 11"},
		{api.ExchangeQuery{Newer: "12"}, "100"},
		{api.ExchangeQuery{Newer: "100"}, ""},
		{api.ExchangeQuery{Limit: 1}, "100"},
	} {
		all, err := w.admin.Exchanges(ctx, c.q)
		w.must(err)
		var ids []string
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%+v gives %q, want %q", c.q, got, c.want)
		}
	}
	e, err := w.admin.Exchange(ctx, "12")
	w.must(err)
	if e.Client != "okta" || e.Took != 1000 || e.Sent.Body != "{}" || e.Answered.Omitted == "" || len(e.Deviations) != 1 ||
		e.Deviations[0].Section != "RFC 7644 §3.5.2" || e.Deviations[0].Times != 2 {
		t.Errorf("exchange %+v", e)
	}
	_, err = w.admin.Exchange(ctx, "13")
	wantCode(t, err, lockstep.CodeNotFound)
	_, err = w.client(localToken, "other").Exchange(ctx, "12")
	wantCode(t, err, lockstep.CodeNotFound)
}

func TestSCIMReport(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.admin.CreateToken(ctx, api.NewToken{Name: "robot", Scopes: "api:read", Profile: "strict"})
	wantCode(t, err, lockstep.CodeInvalid)
	made, err := w.admin.CreateToken(ctx, api.NewToken{Name: "entra", Kind: "scim", Scopes: "scim:write", Profile: "strict"})
	w.must(err)
	_, err = w.admin.CreateToken(ctx, api.NewToken{Name: "okta", Kind: "scim", Scopes: "scim:write"})
	w.must(err)
	def, err := w.db.TenantBySlug(ctx, "default")
	w.must(err)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	w.must(w.db.AddTallies(ctx, def.ID, made.ID, []conform.Tally{{Code: conform.BooleanText, Times: 3, First: at, Last: at, Path: "active", Seen: `"True"`}}))
	all, err := w.admin.SCIMReport(ctx, "")
	w.must(err)
	if len(all) != 1 || all[0].Client != "entra" || !all[0].Strict || len(all[0].Deviations) != 1 || all[0].Deviations[0].Times != 3 ||
		all[0].Deviations[0].Clients != "Microsoft Entra ID" || !all[0].Deviations[0].Last.Equal(at) {
		t.Errorf("report %+v", all)
	}
	set, err := w.admin.SetToken(ctx, "entra", api.SetToken{Profile: "generic"})
	w.must(err)
	if set.Profile != "generic" {
		t.Error("still strict")
	}
	w.must(w.admin.ClearSCIMReport(ctx, "entra"))
	if all, err = w.admin.SCIMReport(ctx, "okta"); err != nil || len(all) != 1 || len(all[0].Deviations) != 0 {
		t.Errorf("report of okta %+v, %v", all, err)
	}
	if all, err = w.admin.SCIMReport(ctx, ""); err != nil || len(all) != 0 {
		t.Errorf("nobody is strict: %+v, %v", all, err)
	}
	_, err = w.admin.SCIMReport(ctx, "nobody")
	wantCode(t, err, lockstep.CodeNotFound)
	k, _, err := token.New(token.KindAPI)
	w.must(err)
	w.must(w.db.PutToken(ctx, audit.Actor{}, store.Token{Token: k, Tenant: def.ID, Name: "api"}))
	_, err = w.admin.SetToken(ctx, "api", api.SetToken{Profile: "strict"})
	wantCode(t, err, lockstep.CodeInvalid)
}
