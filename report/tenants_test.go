package report

import (
	"slices"
	"strings"
	"testing"

	"lockstep/api"
	"lockstep/operate"
)

// A tenant is in step only when all of it is, and every state has its place.
func TestTenantState(t *testing.T) {
	job := func(slug string, v operate.Value) api.Job {
		return api.Job{Slug: slug, Standing: &operate.State{Finding: operate.Finding{Value: v}}}
	}
	for want, jobs := range map[string][]api.Job{
		"nothing is set up":     nil,
		"in step":               {job("hr", operate.InStep), job("webex", operate.InStep)},
		"paused: hr":            {job("hr", operate.Paused), job("webex", operate.InStep)},
		"held: crm, webex":      {job("hr", operate.Working), job("crm", operate.HeldBack), job("webex", operate.HeldBack)},
		"quarantined: webex":    {job("hr", operate.HeldBack), job("webex", operate.Quarantined)},
		"unread: hr":            {job("hr", operate.Unread), job("webex", operate.Draft)},
		"not known":             {{Slug: "hr"}},
		"not known ":            {job("hr", "of another version"), job("webex", operate.InStep)},
		"drifted: webex":        {job("hr", operate.InStep), job("webex", operate.Drifted)},
		"review: webex":         {job("hr", operate.Failing), job("webex", operate.InReview)},
		"failing: hr":           {job("hr", operate.Failing), job("webex", operate.Retrying)},
		"partial: hr":           {job("hr", operate.Partial)},
		"working: webex":        {job("hr", operate.InStep), job("webex", operate.Working)},
		"pending: webex":        {job("webex", operate.Pending)},
		"behind: webex, jabber": {job("webex", operate.Behind), job("jabber", operate.Behind)},
	} {
		if got := (Tenant{Jobs: jobs}).state(); got != strings.TrimSpace(want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	all := operate.Values()
	for _, v := range operate.Urgency() {
		all = slices.DeleteFunc(all, func(one operate.Value) bool { return one == v })
	}
	if len(all) > 0 {
		t.Errorf("without a place: %v", all)
	}
}
