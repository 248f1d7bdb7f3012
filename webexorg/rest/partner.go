package rest

import (
	"net/http"
	"slices"

	"lockstep/webexorg/state"
)

// partnerOrg is an organisation that the caller's manages.
type partnerOrg struct {
	OrgID  string   `json:"orgId"`
	Name   string   `json:"name"`
	ID     string   `json:"id"`
	Tags   []string `json:"tags"`
	Create string   `json:"created"`
}

func partnerOrgs(q *request) error {
	out := struct {
		Items []partnerOrg `json:"items"`
	}{[]partnerOrg{}}
	for _, o := range q.managed()[1:] {
		c := o.Settings()
		v := partnerOrg{OrgID: idOf(orgKind, o.ID()), ID: idOf(orgKind, o.ID()), Name: c.Name, Tags: []string{}, Create: stamp(c.Created)}
		for _, p := range c.Partners {
			if p.Org == q.call.By.Org.ID() {
				v.Tags = append(v.Tags, p.Tags...)
			}
		}
		out.Items = append(out.Items, v)
	}
	return send(q, http.StatusOK, out)
}

func partnerAdmins(q *request) error {
	type admin struct {
		ID        string   `json:"id"`
		FirstName string   `json:"firstName"`
		LastName  string   `json:"lastName"`
		Emails    []string `json:"emails"`
	}
	out := struct {
		Items []admin `json:"items"`
	}{[]admin{}}
	for _, partner := range q.org.Settings().Partners {
		o := q.f.u.Org(partner.Org)
		if o == nil || o != q.call.By.Org {
			continue
		}
		for _, id := range partner.Admins {
			if p, ok := o.Person(id); ok {
				v := q.show(&p)
				out.Items = append(out.Items, admin{v.ID, v.FirstName, v.LastName, v.Emails})
			}
		}
	}
	return send(q, http.StatusOK, out)
}

// changePartner changes the caller's organisation among those that manage the one of the path.
func (q *request) changePartner(change func(*state.Partner)) error {
	person := uuidOf(q.vars["person"], personKind)
	if _, ok := q.call.By.Org.Person(person); !ok {
		return fail(http.StatusNotFound, "Person not found.")
	}
	err := q.org.Change(func(c *state.OrgConfig) error {
		i := slices.IndexFunc(c.Partners, func(p state.Partner) bool { return p.Org == q.call.By.Org.ID() })
		if i < 0 {
			return fail(http.StatusForbidden, "The caller's organization does not manage this one.")
		}
		change(&c.Partners[i])
		return nil
	})
	if err != nil {
		return err
	}
	return q.done()
}

func assignPartnerAdmin(q *request) error {
	person := uuidOf(q.vars["person"], personKind)
	return q.changePartner(func(p *state.Partner) { p.Admins = with(p.Admins, person) })
}

func unassignPartnerAdmin(q *request) error {
	person := uuidOf(q.vars["person"], personKind)
	return q.changePartner(func(p *state.Partner) { p.Admins = without(p.Admins, person) })
}

// resourceGroup is a resource group of hybrid services.
type resourceGroup struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	OrgID string `json:"orgId"`
}

func (q *request) showResourceGroup(r state.Resource) resourceGroup {
	return resourceGroup{idOf(resourceKind, r.ID), r.Name, idOf(orgKind, q.org.ID())}
}

func listResourceGroups(q *request) error {
	out := struct {
		Items []resourceGroup `json:"items"`
	}{[]resourceGroup{}}
	for _, r := range q.org.Settings().Resources {
		out.Items = append(out.Items, q.showResourceGroup(r))
	}
	return send(q, http.StatusOK, out)
}

func getResourceGroup(q *request) error {
	for _, r := range q.org.Settings().Resources {
		if r.ID == uuidOf(q.vars["id"], resourceKind) {
			return send(q, http.StatusOK, q.showResourceGroup(r))
		}
	}
	return fail(http.StatusNotFound, "Resource group not found.")
}
