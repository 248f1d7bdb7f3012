package rest

import (
	"net/http"
	"slices"
	"strings"

	"lockstep/webexorg/state"
)

// licence is a stock of seats as the REST API shows it.
type licence struct {
	ID                   string   `json:"id"`
	Name                 string   `json:"name"`
	TotalUnits           int      `json:"totalUnits"`
	ConsumedUnits        int      `json:"consumedUnits"`
	ConsumedByUsers      int      `json:"consumedByUsers"`
	ConsumedByWorkspaces int      `json:"consumedByWorkspaces"`
	SubscriptionID       string   `json:"subscriptionId,omitempty"`
	SiteURL              string   `json:"siteUrl,omitempty"`
	SiteType             string   `json:"siteType,omitempty"`
	Users                []holder `json:"users,omitempty"`
}

// holder is somebody who holds a licence.
type holder struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	DisplayName string `json:"displayName"`
	Email       string `json:"email"`
}

func showLicence(o *state.Org, l state.LicenceCount) licence {
	name := l.Name
	if o.Settings().Assume.OldNames {
		name = l.OldName
	}
	return licence{
		ID: idOf(licenceKind, o.ID()+":"+l.ID), Name: name, TotalUnits: l.Total, ConsumedUnits: l.Consumed,
		ConsumedByUsers: l.Consumed, SubscriptionID: l.Subscription, SiteURL: l.Site, SiteType: string(l.SiteType),
	}
}

func listLicences(q *request) error {
	out := struct {
		Items []licence `json:"items"`
	}{[]licence{}}
	for _, l := range q.org.Licences() {
		out.Items = append(out.Items, showLicence(q.org, l))
	}
	return send(q, http.StatusOK, out)
}

func getLicence(q *request) error {
	name := licenceOf(q.vars["id"], q.org.ID())
	all := q.org.Licences()
	i := slices.IndexFunc(all, func(l state.LicenceCount) bool { return strings.EqualFold(l.ID, name) })
	if i < 0 {
		return fail(http.StatusNotFound, "License not found.")
	}
	out := showLicence(q.org, all[i])
	if q.q.Get("includeAssignedTo") != "user" {
		return send(q, http.StatusOK, out)
	}
	limit, err := q.size("limit", 300, 300)
	if err != nil {
		return err
	}
	after := ""
	if cursor := q.q.Get("next"); cursor != "" {
		if after = uuidOf(cursor, personKind); after == "" {
			return fail(http.StatusBadRequest, "next is none of this list.")
		}
	}
	page, more := q.org.Holders(all[i].ID, after, limit)
	for i := range page {
		p := &page[i]
		out.Users = append(out.Users, holder{idOf(personKind, p.ID), "INTERNAL", p.Name, p.Object().Text("userName")})
	}
	if q.another(more, len(page), limit) {
		q.next(map[string]string{"next": idOf(personKind, page[len(page)-1].ID)})
	}
	return send(q, http.StatusOK, out)
}

// licenceChange is the body of PATCH /licenses/users.
type licenceChange struct {
	Email    string `json:"email"`
	PersonID string `json:"personId"`
	OrgID    string `json:"orgId"`
	Licenses []struct {
		ID         string `json:"id"`
		Operation  string `json:"operation"`
		Properties struct {
			LocationID  string `json:"locationId"`
			PhoneNumber string `json:"phoneNumber"`
			Extension   string `json:"extension"`
		} `json:"properties"`
	} `json:"licenses"`
	SiteURLs []struct {
		SiteURL     string `json:"siteUrl"`
		AccountType string `json:"accountType"`
		Operation   string `json:"operation"`
	} `json:"siteUrls"`
}

// siteURL is a meeting site of a person.
type siteURL struct {
	SiteURL     string `json:"siteUrl"`
	AccountType string `json:"accountType"`
}

// assignLicences answers PATCH /licenses/users: 200, or 206 when there were not seats for all that was asked for.
func assignLicences(q *request) error {
	var in licenceChange
	if err := read(q, &in); err != nil {
		return err
	}
	if in.OrgID != "" {
		o, err := q.manages(in.OrgID)
		if err != nil {
			return err
		}
		q.org = o
	}
	p, err := q.changed(in)
	if err != nil {
		return err
	}
	ops, sites, err := in.ops(q.org.ID())
	if err != nil {
		return err
	}
	if q.call.Partial {
		ops, sites = ops[:len(ops)/2], nil
	}
	res, err := q.org.Assign(p.ID, ops, sites, q.actor())
	if err != nil {
		return err
	}
	if q.call.Partial {
		return fail(http.StatusInternalServerError, "Something went wrong on the server.")
	}
	out := struct {
		OrgID    string    `json:"orgId"`
		PersonID string    `json:"personId"`
		Email    string    `json:"email"`
		Licenses []string  `json:"licenses"`
		SiteURLs []siteURL `json:"siteUrls"`
	}{idOf(orgKind, q.org.ID()), idOf(personKind, p.ID), p.Object().Text("userName"), []string{}, []siteURL{}}
	for _, id := range res.Account.Licences {
		out.Licenses = append(out.Licenses, idOf(licenceKind, q.org.ID()+":"+id))
	}
	for _, s := range res.Account.Sites {
		out.SiteURLs = append(out.SiteURLs, siteURL{s.URL, s.Type})
	}
	status := http.StatusOK
	if res.Partial {
		status = http.StatusPartialContent
	}
	return send(q, status, out)
}

// changed returns the person that the body names.
func (q *request) changed(in licenceChange) (state.Person, error) {
	if in.PersonID != "" {
		if p, ok := q.org.Person(uuidOf(in.PersonID, personKind)); ok {
			return p, nil
		}
		return state.Person{}, fail(http.StatusNotFound, "Person not found.")
	}
	if in.Email == "" {
		return state.Person{}, fail(http.StatusBadRequest, "One of email and personId is needed.")
	}
	if p, ok := q.f.u.Login(in.Email); ok && p.Org == q.org {
		return p, nil
	}
	return state.Person{}, fail(http.StatusNotFound, "Person not found.")
}

// ops reads the changes.
func (in *licenceChange) ops(org string) ([]state.LicenceOp, []state.SiteOp, error) {
	var ops []state.LicenceOp
	for _, l := range in.Licenses {
		op := state.LicenceOp{Licence: licenceOf(l.ID, org), Number: l.Properties.PhoneNumber, Extension: l.Properties.Extension}
		if op.Licence == "" {
			return nil, nil, &state.LicenceError{Code: 400000, Detail: "License not recognized " + l.ID}
		}
		if l.Properties.LocationID != "" {
			if op.Location = uuidOf(l.Properties.LocationID, locationKind); op.Location == "" {
				return nil, nil, &state.LicenceError{Code: 400, Detail: "Unable to find location."}
			}
		}
		switch strings.ToLower(l.Operation) {
		case "", "add":
		case "remove":
			op.Remove = true
		default:
			return nil, nil, fail(http.StatusBadRequest, "operation must be add or remove.")
		}
		ops = append(ops, op)
	}
	var sites []state.SiteOp
	for _, s := range in.SiteURLs {
		if !strings.EqualFold(s.AccountType, "attendee") {
			return nil, nil, &state.LicenceError{Code: 400216, Detail: "Request contains invalid attendee siteUrls: " + s.SiteURL + ". Hosts have a license."}
		}
		sites = append(sites, state.SiteOp{URL: s.SiteURL, Remove: strings.EqualFold(s.Operation, "remove")})
	}
	if len(ops)+len(sites) == 0 {
		return nil, nil, fail(http.StatusBadRequest, "licenses or siteUrls is needed.")
	}
	return ops, sites, nil
}

// template is a licence template. Its API is known by name only: what it answers is a guess (Assumed.NoTemplates takes it away).
type template struct {
	ID       string   `json:"id"`
	Name     string   `json:"templateName"`
	Licenses []string `json:"licenses"`
	Groups   []string `json:"groups"`
	Type     string   `json:"templateType"`
}

func showTemplate(o *state.Org, t state.Template) template {
	v := template{ID: idOf(templateKind, t.ID), Name: t.Name, Licenses: []string{}, Groups: []string{}, Type: string(t.Type)}
	for _, id := range t.Licences {
		v.Licenses = append(v.Licenses, idOf(licenceKind, o.ID()+":"+id))
	}
	for _, id := range t.Groups {
		v.Groups = append(v.Groups, idOf(groupKind, id+":"+o.ID()))
	}
	return v
}

// withTemplates refuses when there is no such API.
func (q *request) withTemplates() error {
	if q.org.Settings().Assume.NoTemplates {
		return fail(http.StatusNotFound, "The requested resource could not be found.")
	}
	return nil
}

func listTemplates(q *request) error {
	if err := q.withTemplates(); err != nil {
		return err
	}
	out := struct {
		Items []template `json:"items"`
	}{[]template{}}
	for _, t := range q.org.Settings().Templates {
		out.Items = append(out.Items, showTemplate(q.org, t))
	}
	return send(q, http.StatusOK, out)
}

// findTemplate returns the place of the template that the path names.
func (q *request) findTemplate(list []state.Template) (int, error) {
	id := uuidOf(q.vars["id"], templateKind)
	i := slices.IndexFunc(list, func(t state.Template) bool { return t.ID == id })
	if i < 0 {
		return 0, fail(http.StatusNotFound, "Template not found.")
	}
	return i, nil
}

func getTemplate(q *request) error {
	if err := q.withTemplates(); err != nil {
		return err
	}
	list := q.org.Settings().Templates
	i, err := q.findTemplate(list)
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, showTemplate(q.org, list[i]))
}

func createTemplate(q *request) error {
	if err := q.withTemplates(); err != nil {
		return err
	}
	return q.putTemplate(http.StatusCreated, func(list []state.Template, t state.Template) ([]state.Template, state.Template, error) {
		t.ID = state.NewID()
		return append(list, t), t, nil
	})
}

func updateTemplate(q *request) error {
	if err := q.withTemplates(); err != nil {
		return err
	}
	return q.putTemplate(http.StatusOK, func(list []state.Template, t state.Template) ([]state.Template, state.Template, error) {
		i, err := q.findTemplate(list)
		if err != nil {
			return nil, t, err
		}
		t.ID, t.Recompute = list[i].ID, list[i].Recompute
		list[i] = t
		return list, t, nil
	})
}

// putTemplate reads a template from the body and has place put it into the list.
func (q *request) putTemplate(status int, place func([]state.Template, state.Template) ([]state.Template, state.Template, error)) error {
	var in template
	if err := read(q, &in); err != nil {
		return err
	}
	t := state.Template{Name: in.Name, Type: state.TemplateType(in.Type)}
	if t.Type != state.OrgTemplate && t.Type != state.GroupTemplate || t.Name == "" {
		return fail(http.StatusBadRequest, "templateName is needed, and templateType must be ORG or GROUP.")
	}
	for _, id := range in.Licenses {
		t.Licences = append(t.Licences, licenceOf(id, q.org.ID()))
	}
	for _, id := range in.Groups {
		group := uuidOf(id, groupKind)
		if _, ok := q.org.Group(group); !ok {
			return fail(http.StatusBadRequest, "groups: there is no group "+id+".")
		}
		t.Groups = append(t.Groups, group)
	}
	err := q.org.Change(func(c *state.OrgConfig) (err error) {
		for _, id := range t.Licences {
			if !slices.ContainsFunc(c.Licences, func(l state.Licence) bool { return l.ID == id }) {
				return &state.LicenceError{Code: 400000, Detail: "License not recognized " + id}
			}
		}
		c.Templates, t, err = place(c.Templates, t)
		return err
	})
	if err != nil {
		return err
	}
	return send(q, status, showTemplate(q.org, t))
}

func deleteTemplate(q *request) error {
	if err := q.withTemplates(); err != nil {
		return err
	}
	err := q.org.Change(func(c *state.OrgConfig) error {
		i, err := q.findTemplate(c.Templates)
		if err == nil {
			c.Templates = slices.Delete(c.Templates, i, i+1)
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.done()
}

// role is what somebody can be.
type role struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func listRoles(q *request) error {
	out := struct {
		Items []role `json:"items"`
	}{[]role{}}
	for _, r := range state.Roles() {
		out.Items = append(out.Items, role{idOf(roleKind, r.ID), r.Name})
	}
	return send(q, http.StatusOK, out)
}

func getRole(q *request) error {
	r, ok := state.KnownRole(nameOf(q.vars["id"], roleKind))
	if !ok {
		return fail(http.StatusNotFound, "Role not found.")
	}
	return send(q, http.StatusOK, role{idOf(roleKind, r.ID), r.Name})
}
