package report

import (
	"cmp"
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
	for _, v := range operate.Urgency() {
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

// ChangedTenant shows a tenant as it is after a change.
func ChangedTenant(t api.Tenant, err error) (View, error) {
	return Of(t, err, func(p *Page) {
		in := "Owners of the server may not come in."
		if t.Managed {
			in = "Owners of the server may come in."
		}
		p.Printf("The tenant %s is called %s. %s\n", t.Slug, t.Name, in)
	})
}

// RemovedTenant says that a tenant is gone, and what of it goes on.
func RemovedTenant(t api.Tenant, err error) (View, error) {
	return Of(t, err, func(p *Page) {
		p.Printf("The tenant %s is closed; what was kept of it is removed within minutes. Nothing has changed at its applications. Files in its folder stay.\n", t.Slug)
	})
}

// RemoveTenant is the question before a tenant is removed: what is lost with it.
func RemoveTenant(t api.Tenant) string {
	return "Remove the tenant " + t.Name + " for good? Lost with it: " + cmp.Or(strings.Join(t.Has, ", "), "nothing, since it is empty") + ". Nothing changes at its applications."
}
