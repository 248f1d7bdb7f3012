package rest

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// personInput is the body of POST and PUT /people. A list that is absent is nil.
type personInput struct {
	Emails       []string  `json:"emails"`
	PhoneNumbers []phone   `json:"phoneNumbers"`
	Extension    string    `json:"extension"`
	LocationID   string    `json:"locationId"`
	DisplayName  string    `json:"displayName"`
	FirstName    string    `json:"firstName"`
	LastName     string    `json:"lastName"`
	Avatar       string    `json:"avatar"`
	OrgID        string    `json:"orgId"`
	Roles        []string  `json:"roles"`
	Licenses     []string  `json:"licenses"`
	Department   string    `json:"department"`
	ManagerID    string    `json:"managerId"`
	Title        string    `json:"title"`
	Addresses    []address `json:"addresses"`
	SiteURLs     []string  `json:"siteUrls"`
	LoginEnabled *bool     `json:"loginEnabled"`
}

// readPerson reads the body. The published example has several ids in one text, divided by commas: they are taken so, too.
func (q *request) readPerson() (in personInput, err error) {
	err = read(q, &in)
	for _, list := range []*[]string{&in.Roles, &in.Licenses} {
		if len(*list) > 0 {
			*list = strings.Split(strings.Join(*list, ","), ",")
		}
	}
	return in, err
}

// createPerson answers POST /people. Several services stand behind it: a refusal may come when part of it is done.
func createPerson(q *request) error {
	in, err := q.readPerson()
	if err != nil {
		return err
	}
	if in.OrgID != "" {
		o, err := q.manages(in.OrgID)
		if err != nil {
			return err
		}
		q.org = o
	}
	if err := q.unlessConnector("created"); err != nil {
		return err
	}
	if len(in.Emails) == 0 || in.Emails[0] == "" {
		return fail(http.StatusBadRequest, "emails must have one address.")
	}
	if in.DisplayName == "" && in.FirstName == "" && in.LastName == "" {
		return fail(http.StatusBadRequest, "One of displayName, firstName and lastName is needed.")
	}
	ops, err := q.licenceOps(in, nil)
	if err != nil {
		return err
	}
	access := q.access()
	access.Explicit = len(ops) > 0
	u := scim.Object{{Name: "userName", Value: in.Emails[0]}, {Name: "active", Value: true}}
	if err := q.profile(&u, in, !q.call.Partial); err != nil {
		return err
	}
	checked, err := state.Types()[0].Check(u, scim.Mode{})
	if err != nil {
		return err
	}
	res, err := access.Create(q.r.Context(), "User", checked)
	if e, ok := errors.AsType[*scim.Error](err); ok && e.Type == scim.TypeUniqueness && q.org.Settings().Assume.TakenInvalid {
		return fail(http.StatusBadRequest, e.Detail)
	}
	if err != nil {
		return err
	}
	return q.finishPerson(res.ID, ops, sitesOf(in))
}

// finishPerson assigns licences and answers with the person.
func (q *request) finishPerson(id string, ops []state.LicenceOp, sites []state.SiteOp) error {
	if q.call.Partial {
		return fail(http.StatusInternalServerError, "Something went wrong on the server.")
	}
	if len(ops)+len(sites) > 0 {
		if _, err := q.org.Assign(id, ops, sites, q.actor()); err != nil {
			return err
		}
	}
	p, ok := q.org.Person(id)
	if !ok {
		return fail(http.StatusNotFound, "Person not found.")
	}
	if q.q.Get("minResponse") == "true" {
		return send(q, http.StatusOK, struct {
			ID string `json:"id"`
		}{idOf(personKind, id)})
	}
	return send(q, http.StatusOK, q.show(&p))
}

// updatePerson answers PUT /people/{id}, which replaces everything that the body can have.
func updatePerson(q *request) error {
	in, err := q.readPerson()
	if err != nil {
		return err
	}
	p, err := q.find("id")
	if err != nil {
		return err
	}
	if in.DisplayName == "" {
		return fail(http.StatusBadRequest, "displayName is needed.")
	}
	ops, err := q.licenceOps(in, p.Account)
	if err != nil {
		return err
	}
	u := p.Object()
	if in.LoginEnabled != nil {
		u.Set("active", *in.LoginEnabled)
	}
	if len(in.Emails) > 0 && in.Emails[0] != "" {
		u.Set("userName", in.Emails[0])
		u.Delete("emails")
	}
	if err := q.profile(&u, in, !q.call.Partial); err != nil {
		return err
	}
	if err := q.unchangedBySync(&p, u); err != nil {
		return err
	}
	checked, err := state.Types()[0].Check(u, scim.Mode{})
	if err != nil {
		return err
	}
	if _, err := q.access().Replace(q.r.Context(), scim.Ref{Type: "User", ID: p.ID}, "", checked); err != nil {
		return err
	}
	return q.finishPerson(p.ID, ops, sitesOf(in))
}

// unchangedBySync refuses a change of what Directory Connector writes.
func (q *request) unchangedBySync(p *state.Person, after scim.Object) error {
	before := p.Object()
	for _, name := range []string{"userName", "displayName", "name", "title", "phoneNumbers", "addresses", "active"} {
		if !scim.Equal(before.Get(name), after.Get(name)) {
			return q.unlessConnector("changed in what it writes, such as " + name)
		}
	}
	return nil
}

// profile writes into the user what the body says of it. Without roles those stay as they are.
func (q *request) profile(u *scim.Object, in personInput, roles bool) error {
	set := func(o *scim.Object, name, value string) {
		if o.Delete(name); value != "" {
			o.Set(name, value)
		}
	}
	display := in.DisplayName
	if display == "" {
		display = strings.TrimSpace(in.FirstName + " " + in.LastName)
	}
	set(u, "displayName", display)
	name, _ := u.Get("name").(scim.Object)
	set(&name, "givenName", in.FirstName)
	set(&name, "familyName", in.LastName)
	u.Delete("name")
	if len(name) > 0 {
		u.Set("name", name)
	}
	set(u, "title", in.Title)
	enterprise, _ := u.Get(scim.EnterpriseUserURN).(scim.Object)
	set(&enterprise, "department", in.Department)
	enterprise.Delete("manager")
	if in.ManagerID != "" {
		id := uuidOf(in.ManagerID, personKind)
		if _, ok := q.org.Person(id); !ok {
			return fail(http.StatusBadRequest, "managerId: there is no such person in the organisation.")
		}
		enterprise.Set("manager", scim.Object{{Name: "value", Value: id}})
	}
	u.Delete(scim.EnterpriseUserURN)
	if len(enterprise) > 0 {
		u.Set(scim.EnterpriseUserURN, enterprise)
	}
	lists(u, in)
	if !roles {
		return nil
	}
	return setRoles(u, in.Roles)
}

// lists writes the lists of the body.
func lists(u *scim.Object, in personInput) {
	numbers := scim.List{}
	for _, n := range in.PhoneNumbers {
		o := scim.Object{{Name: "type", Value: n.Type}, {Name: "value", Value: n.Value}}
		if n.Primary {
			o.Set("primary", true)
		}
		numbers = append(numbers, o)
	}
	if in.Extension != "" {
		numbers = append(numbers, scim.Object{{Name: "type", Value: "work_extension"}, {Name: "value", Value: in.Extension}})
	}
	addresses := scim.List{}
	for _, a := range in.Addresses {
		o := scim.Object{}
		for _, f := range [][2]string{
			{"type", a.Type}, {"streetAddress", a.StreetAddress}, {"locality", a.Locality}, {"region", a.Region},
			{"postalCode", a.PostalCode}, {"country", a.Country},
		} {
			if f[1] != "" {
				o.Set(f[0], f[1])
			}
		}
		addresses = append(addresses, o)
	}
	u.Delete("phoneNumbers")
	u.Delete("addresses")
	if len(numbers) > 0 {
		u.Set("phoneNumbers", numbers)
	}
	if len(addresses) > 0 {
		u.Set("addresses", addresses)
	}
	if in.Avatar != "" {
		u.Set("photos", scim.List{scim.Object{{Name: "value", Value: in.Avatar}, {Name: "type", Value: "photo"}}})
	}
}

// setRoles replaces the roles by those with the ids.
func setRoles(u *scim.Object, ids []string) error {
	roles := scim.List{}
	for _, id := range ids {
		role, ok := state.KnownRole(nameOf(id, roleKind))
		if !ok {
			return fail(http.StatusBadRequest, "roles: there is no role "+id+".")
		}
		roles = append(roles, scim.Object{{Name: "value", Value: role.ID}, {Name: "type", Value: "cirole"}})
	}
	u.Delete("roles")
	if len(roles) > 0 {
		u.Set("roles", roles)
	}
	return nil
}

// licenceOps tells how the licences of somebody who has some come to be those of the body. has is nil for somebody new. Calling
// licences take number, extension and location from the body.
func (q *request) licenceOps(in personInput, has *state.Account) ([]state.LicenceOp, error) {
	var ops []state.LicenceOp
	want := map[string]bool{}
	for _, id := range in.Licenses {
		name := licenceOf(id, q.org.ID())
		if name == "" {
			return nil, &state.LicenceError{Code: 400000, Detail: "License not recognized " + id}
		}
		want[name] = true
		op := state.LicenceOp{Licence: name, Extension: in.Extension}
		if in.LocationID != "" {
			if op.Location = uuidOf(in.LocationID, locationKind); op.Location == "" {
				return nil, &state.LicenceError{Code: 400, Detail: "Unable to find location."}
			}
		}
		if len(in.PhoneNumbers) > 0 {
			op.Number = in.PhoneNumbers[0].Value
		}
		if has == nil || !slices.Contains(has.Licences, name) {
			ops = append(ops, op)
		}
	}
	if has == nil {
		return ops, nil
	}
	for _, id := range has.Licences {
		if !want[id] && q.removable(id) {
			ops = append(ops, state.LicenceOp{Licence: id, Remove: true})
		}
	}
	return ops, nil
}

// removable reports whether a licence can be taken away: implicit ones, and Messenger's, stay whatever a body says.
func (q *request) removable(id string) bool {
	for _, l := range q.org.Settings().Licences {
		if l.ID == id {
			return l.Product != state.ScreenShare && l.Product != state.Messenger
		}
	}
	return true
}

// sitesOf are the meeting sites in the body: "site#attendee", as they are shown.
func sitesOf(in personInput) []state.SiteOp {
	var ops []state.SiteOp
	for _, s := range in.SiteURLs {
		if url, ok := strings.CutSuffix(s, "#attendee"); ok {
			ops = append(ops, state.SiteOp{URL: url})
		}
	}
	return ops
}
