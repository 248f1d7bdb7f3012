package rest

import (
	"net/http"
	"slices"

	"lockstep/webexorg/state"
)

// partnerRole is the one role that a partner's administrators have here.
const partnerRole = "partner_full_admin"

// partnerOrg is an organisation that somebody manages.
type partnerOrg struct {
	OrgID string `json:"orgId"`
	Role  string `json:"role"`
}

// partnerOrgs lists the organisations that a person of the caller's manages.
func partnerOrgs(q *request) error {
	person := uuidOf(q.q.Get("managedBy"), personKind)
	if _, ok := q.call.By.Org.Person(person); !ok {
		return fail(http.StatusBadRequest, "managedBy must be the id of a person of the organization.")
	}
	out := struct {
		Items []partnerOrg `json:"items"`
	}{[]partnerOrg{}}
	for _, o := range q.managed()[1:] {
		for _, p := range o.Settings().Partners {
			if p.Org == q.call.By.Org.ID() && slices.Contains(p.Admins, person) {
				out.Items = append(out.Items, partnerOrg{idOf(orgKind, o.ID()), partnerRole})
			}
		}
	}
	return send(q, http.StatusOK, out)
}

// tag is a word that a partner has for organisations.
type tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// taggedOrg is an organisation with the words that the caller's has for it.
type taggedOrg struct {
	OrgName string   `json:"orgName"`
	OrgID   string   `json:"orgId"`
	Tags    []string `json:"tags"`
}

func (q *request) showTagged(o *state.Org) taggedOrg {
	v := taggedOrg{o.Settings().Name, idOf(orgKind, o.ID()), []string{}}
	for _, p := range o.Settings().Partners {
		if p.Org == q.call.By.Org.ID() {
			v.Tags = append(v.Tags, p.Tags...)
		}
	}
	return v
}

// listTags lists the words in use. There are none for subscriptions.
func listTags(q *request) error {
	tags := []tag{}
	for _, o := range q.managed()[1:] {
		for _, name := range q.showTagged(o).Tags {
			if !slices.Contains(tags, tag{Name: name}) && q.q.Get("type") != "SUBSCRIPTION" {
				tags = append(tags, tag{Name: name})
			}
		}
	}
	return send(q, http.StatusOK, tags)
}

func tagsOfOrg(q *request) error { return send(q, http.StatusOK, q.showTagged(q.org)) }

// orgsByTags lists the organisations that have one of the words.
func orgsByTags(q *request) error {
	most, err := q.size("max", 100, 1000)
	if err != nil {
		return err
	}
	out := []taggedOrg{}
	for _, o := range q.managed()[1:] {
		v := q.showTagged(o)
		if len(out) < most && slices.ContainsFunc(v.Tags, func(t string) bool { return slices.Contains(q.q["tags"], t) }) {
			out = append(out, v)
		}
	}
	return send(q, http.StatusOK, out)
}

// assignTags replaces the words that the caller's organisation has for another.
func assignTags(q *request) error {
	var in struct {
		Tags []tag `json:"tags"`
	}
	if err := read(q, &in); err != nil {
		return err
	}
	names := []string{}
	for _, t := range in.Tags {
		if t.Name == "" || len(t.Name) > 25 {
			return fail(http.StatusBadRequest, "The name of a tag has 1 to 25 characters.")
		}
		names = append(names, t.Name)
	}
	if err := q.changePartner(func(p *state.Partner) { p.Tags = names }); err != nil {
		return err
	}
	return send(q, http.StatusOK, in.Tags)
}

func partnerAdmins(q *request) error {
	type admin struct {
		ID        string   `json:"id"`
		Display   string   `json:"displayName"`
		FirstName string   `json:"firstName"`
		LastName  string   `json:"lastName"`
		Emails    []string `json:"emails"`
		Role      string   `json:"roleInCustomerOrg"`
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
				out.Items = append(out.Items, admin{v.ID, v.DisplayName, v.FirstName, v.LastName, v.Emails, partnerRole})
			}
		}
	}
	return send(q, http.StatusOK, out)
}

// changePartner changes the caller's organisation among those that manage the one of the path.
func (q *request) changePartner(change func(*state.Partner)) error {
	return q.org.Change(func(c *state.OrgConfig) error {
		i := slices.IndexFunc(c.Partners, func(p state.Partner) bool { return p.Org == q.call.By.Org.ID() })
		if i < 0 {
			return fail(http.StatusForbidden, "The caller's organization does not manage this one.")
		}
		change(&c.Partners[i])
		return nil
	})
}

// changeAdmin makes a person of the caller's organisation one who manages that of the path, or no longer.
func (q *request) changeAdmin(change func(list []string, person string) []string) error {
	person := uuidOf(q.vars["person"], personKind)
	if _, ok := q.call.By.Org.Person(person); !ok {
		return fail(http.StatusNotFound, "Person not found.")
	}
	if err := q.changePartner(func(p *state.Partner) { p.Admins = change(p.Admins, person) }); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func assignPartnerAdmin(q *request) error { return q.changeAdmin(with) }

func unassignPartnerAdmin(q *request) error { return q.changeAdmin(without) }

// revokePartnerAdmin ends all that somebody manages for the caller's organisation.
func revokePartnerAdmin(q *request) error {
	person := uuidOf(q.vars["person"], personKind)
	if _, ok := q.call.By.Org.Person(person); !ok {
		return fail(http.StatusNotFound, "Person not found.")
	}
	for _, o := range q.managed()[1:] {
		q.org = o
		if err := q.changePartner(func(p *state.Partner) { p.Admins = without(p.Admins, person) }); err != nil {
			return err
		}
	}
	return q.done()
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
