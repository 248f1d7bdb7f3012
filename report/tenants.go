package report

import (
	"fmt"
	"strings"

	"lockstep/api"
	"lockstep/operate"
)

// Tenant is a tenant with its apps and sources.
type Tenant struct {
	api.Tenant
	Jobs []api.Job `json:"jobs"`
}

// Tenants lists tenants; the state of each is that of whatever of it stands worst.
func Tenants(all []Tenant, err error) (View, error) {
	return List(all, err, "No tenants.", "TENANT NAME SOURCES APPS STATE", func(t Tenant) []string {
		sources := 0
		for _, j := range t.Jobs {
			if j.Direction == "inbound" {
				sources++
			}
		}
		return []string{t.Slug, t.Name, fmt.Sprint(sources), fmt.Sprint(len(t.Jobs) - sources), t.state()}
	})
}

// urgency is what is said of a tenant first: what waits for somebody, what fails, what passes by itself, what is switched off.
var urgency = []operate.Value{
	operate.Quarantined, operate.HeldBack, operate.InReview, operate.Failing, operate.Partial, operate.Unread, operate.Drifted, operate.Retrying,
	operate.Pending, operate.Behind, operate.Working, operate.Draft, operate.Paused, operate.InStep,
}

// state says how the tenant stands, by the most urgent that is to be said of any of its apps and sources, and of which.
func (t Tenant) state() string {
	if len(t.Jobs) == 0 {
		return "nothing is set up"
	}
	of := map[operate.Value][]string{}
	for _, j := range t.Jobs {
		if j.Standing == nil {
			return "not known"
		}
		of[j.Standing.Value] = append(of[j.Standing.Value], j.Slug)
	}
	for _, v := range urgency {
		stand := of[v]
		switch {
		case len(stand) == 0:
		case v != operate.InStep:
			return strings.ReplaceAll(string(v), "_", " ") + ": " + strings.Join(stand, ", ")
		case len(stand) == len(t.Jobs): // and none in a state that only the server's version knows
			return "in step"
		}
	}
	return "not known"
}

// NewTenant shows a tenant that was added, and what comes next.
func NewTenant(t api.Tenant, err error) (View, error) {
	return Of(t, err, func(p *Page) {
		p.Printf("Added the tenant %[1]s (%[2]s). Commands about it take --tenant %[1]s; lockstep console --tenant %[1]s makes a link into its console.\n", t.Slug, t.Name)
	})
}
