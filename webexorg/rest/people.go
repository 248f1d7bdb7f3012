package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// person is somebody as the REST API shows them.
type person struct {
	ID           string    `json:"id"`
	Emails       []string  `json:"emails"`
	UserName     string    `json:"userName,omitempty"`
	PhoneNumbers []phone   `json:"phoneNumbers"`
	Extension    string    `json:"extension,omitempty"`
	LocationID   string    `json:"locationId,omitempty"`
	DisplayName  string    `json:"displayName"`
	NickName     string    `json:"nickName,omitempty"`
	FirstName    string    `json:"firstName,omitempty"`
	LastName     string    `json:"lastName,omitempty"`
	Avatar       string    `json:"avatar,omitempty"`
	OrgID        string    `json:"orgId"`
	Roles        []string  `json:"roles,omitempty"`
	Licenses     []string  `json:"licenses,omitempty"`
	Department   string    `json:"department,omitempty"`
	Manager      string    `json:"manager,omitempty"`
	ManagerID    string    `json:"managerId,omitempty"`
	Title        string    `json:"title,omitempty"`
	Addresses    []address `json:"addresses,omitempty"`
	Created      string    `json:"created"`
	LastModified string    `json:"lastModified"`
	Timezone     string    `json:"timezone,omitempty"`
	LastActivity string    `json:"lastActivity,omitempty"`
	SiteURLs     []string  `json:"siteUrls,omitempty"`
	SIPAddresses []phone   `json:"sipAddresses,omitempty"`
	XMPP         string    `json:"xmppFederationJid,omitempty"`
	Status       string    `json:"status"`
	Pending      *flag     `json:"invitePending,omitempty"`
	Login        *flag     `json:"loginEnabled,omitempty"`
	Type         string    `json:"type"`
}

// phone is a number or an address with a type.
type phone struct {
	Type    string `json:"type"`
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

type address struct {
	Type          string `json:"type,omitempty"`
	Country       string `json:"country,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	StreetAddress string `json:"streetAddress,omitempty"`
	PostalCode    string `json:"postalCode,omitempty"`
}

// flag is a boolean, which the published description has as a text.
type flag struct{ set, text bool }

// MarshalJSON writes true, or "true".
func (f flag) MarshalJSON() ([]byte, error) {
	s := strconv.FormatBool(f.set)
	if f.text {
		s = `"` + s + `"`
	}
	return []byte(s), nil
}

// show is a person as the caller may see them: administrators of the organisation see more than others.
func (q *request) show(p *state.Person) person {
	u := p.Object()
	name, _ := u.Get("name").(scim.Object)
	v := person{
		ID: idOf(personKind, p.ID), Emails: emailsOf(u), UserName: u.Text("userName"), PhoneNumbers: []phone{},
		DisplayName: p.Name, NickName: u.Text("nickName"),
		FirstName: name.Text("givenName"), LastName: name.Text("familyName"), Avatar: avatarOf(u), OrgID: idOf(orgKind, p.Org.ID()),
		Created: stamp(p.Created), LastModified: stamp(p.Modified), Timezone: u.Text("timezone"), Status: statusOf(p), Type: "person",
	}
	if v.NickName == "" {
		v.NickName = v.FirstName
	}
	if p.Account.Active > 0 {
		v.LastActivity = stamp(p.Account.Active)
	}
	if !q.call.By.Manages(p.Org) || !q.call.By.Has(readers...) {
		return v
	}
	q.showMore(&v, p, u)
	return v
}

// showMore adds what administrators see.
func (q *request) showMore(v *person, p *state.Person, u scim.Object) {
	text := p.Org.Settings().Assume.FlagsAsText
	for _, n := range objects(u.Get("phoneNumbers")) {
		if n.Text("type") == "work_extension" {
			v.Extension = n.Text("value")
		}
		v.PhoneNumbers = append(v.PhoneNumbers, phone{n.Text("type"), n.Text("value"), n.Get("primary") == true})
	}
	for _, role := range p.Roles {
		v.Roles = append(v.Roles, idOf(roleKind, role))
	}
	for _, id := range p.Account.Licences {
		v.Licenses = append(v.Licenses, idOf(licenceKind, p.Org.ID()+":"+id))
	}
	for _, s := range p.Account.Sites {
		url := s.URL
		if s.Type == "attendee" {
			url += "#attendee"
		}
		v.SiteURLs = append(v.SiteURLs, url)
	}
	if p.Account.Location != "" {
		v.LocationID = idOf(locationKind, p.Account.Location)
	}
	enterprise, _ := u.Get(scim.EnterpriseUserURN).(scim.Object)
	manager, _ := enterprise.Get("manager").(scim.Object)
	v.Department, v.Title = enterprise.Text("department"), u.Text("title")
	if id := manager.Text("value"); id != "" {
		v.ManagerID, v.Manager = idOf(personKind, id), manager.Text("displayName")
	}
	for _, a := range objects(u.Get("addresses")) {
		v.Addresses = append(v.Addresses, address{
			a.Text("type"), a.Text("country"), a.Text("locality"), a.Text("region"), a.Text("streetAddress"), a.Text("postalCode"),
		})
	}
	cisco, _ := u.Get(scim.CiscoUserURN).(scim.Object)
	for _, a := range objects(cisco.Get("sipAddresses")) {
		v.SIPAddresses = append(v.SIPAddresses, phone{a.Text("type"), a.Text("value"), a.Get("primary") == true})
	}
	v.Pending = &flag{p.Pending, text}
	v.Login = &flag{p.Active, text}
}

func objects(v any) []scim.Object {
	list, _ := v.(scim.List)
	out := make([]scim.Object, 0, len(list))
	for _, e := range list {
		if o, ok := e.(scim.Object); ok {
			out = append(out, o)
		}
	}
	return out
}

// emailsOf returns the addresses, the primary first.
func emailsOf(u scim.Object) []string {
	emails := []string{u.Text("userName")}
	for _, e := range objects(u.Get("emails")) {
		if v := e.Text("value"); v != "" && !slices.ContainsFunc(emails, func(s string) bool { return strings.EqualFold(s, v) }) {
			emails = append(emails, v)
		}
	}
	return emails
}

func avatarOf(u scim.Object) string {
	for _, p := range objects(u.Get("photos")) {
		return p.Text("value")
	}
	return ""
}

func statusOf(p *state.Person) string {
	switch {
	case p.Pending:
		return "pending"
	case !p.Active:
		return "inactive"
	case p.Account.Active > 0:
		return "active"
	}
	return "unknown"
}

// maxIDs is how many ids one request may ask for.
const maxIDs = 85

// listPeople answers GET /people.
func listPeople(q *request) error {
	if ids := strings.Join(q.q["id"], ","); ids != "" { // some clients repeat the parameter
		return q.peopleByID(strings.Split(ids, ","))
	}
	query, err := q.peopleQuery()
	if err != nil {
		return err
	}
	page, more := q.org.People(query)
	out := struct {
		Items       []person `json:"items"`
		NotFoundIDs []string `json:"notFoundIds"`
	}{[]person{}, []string{}}
	for i := range page {
		out.Items = append(out.Items, q.withoutStatus(q.show(&page[i])))
	}
	if q.another(more, len(page), query.Limit) {
		q.next(map[string]string{"after": idOf(personKind, page[len(page)-1].ID)})
	}
	return send(q, http.StatusOK, out)
}

// peopleQuery reads who is wanted. Whoever is no administrator must name somebody.
func (q *request) peopleQuery() (state.PeopleQuery, error) {
	admin := q.call.By.Has(readers...) && q.call.By.Allows("spark-admin:people_read", "spark-admin:people_write")
	query := state.PeopleQuery{Email: q.q.Get("email"), Name: q.q.Get("displayName")}
	if !admin && query.Email == "" && query.Name == "" {
		return query, fail(http.StatusBadRequest, "Email, displayName, or id list should be specified.")
	}
	if !admin && len([]rune(query.Name)) < 3 && query.Email == "" {
		return query, fail(http.StatusBadRequest, "displayName must have three characters at least.")
	}
	most := 1000
	switch {
	case q.q.Get("locationId") != "":
		most = 50
	case q.q.Get("callingData") == "true":
		most = 100
	}
	var err error
	if query.Limit, err = q.size("max", min(100, most), most); err != nil {
		return query, err
	}
	for role := range strings.SplitSeq(q.q.Get("roles"), ",") {
		if role != "" {
			query.Role = append(query.Role, nameOf(role, roleKind))
		}
	}
	if id := q.q.Get("locationId"); id != "" {
		if query.Location = uuidOf(id, locationKind); query.Location == "" {
			return query, fail(http.StatusBadRequest, "Unable to find location.")
		}
	}
	if cursor := q.q.Get("after"); cursor != "" {
		if query.After = uuidOf(cursor, personKind); query.After == "" {
			return query, fail(http.StatusBadRequest, "The cursor is none of this list.")
		}
	}
	return query, nil
}

// withoutStatus leaves the presence out when the client does not want it (excludeStatus).
func (q *request) withoutStatus(p person) person {
	if q.q.Get("excludeStatus") == "true" {
		p.Status = "unknown"
	}
	return p
}

// peopleByID looks people up; what administrators see more of comes with single people only.
func (q *request) peopleByID(ids []string) error {
	if len(ids) > maxIDs {
		return fail(http.StatusBadRequest, "At most "+strconv.Itoa(maxIDs)+" ids can be asked for.")
	}
	out := struct {
		Items       []person `json:"items"`
		NotFoundIDs []string `json:"notFoundIds,omitempty"`
	}{Items: []person{}}
	for _, id := range ids {
		p, ok := q.org.Person(uuidOf(id, personKind))
		if !ok {
			out.NotFoundIDs = append(out.NotFoundIDs, id)
			continue
		}
		v := q.show(&p)
		v.Licenses, v.Roles, v.LocationID, v.Pending, v.Login = nil, nil, "", nil, nil
		out.Items = append(out.Items, v)
	}
	return send(q, http.StatusOK, out)
}

// find returns the person that the path names.
func (q *request) find(name string) (state.Person, error) {
	id := uuidOf(q.vars[name], personKind)
	if p, ok := q.org.Person(id); ok {
		return p, nil
	}
	if p, ok := q.f.u.Person(id); ok && q.call.By.Manages(p.Org) {
		q.org = p.Org
		return p, nil
	}
	return state.Person{}, fail(http.StatusNotFound, "Person not found.")
}

func getPerson(q *request) error {
	p, err := q.find("id")
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, q.show(&p))
}

func me(q *request) error {
	if q.call.By.Person == "" {
		return fail(http.StatusForbidden, "A program is no person.")
	}
	p, ok := q.call.By.Org.Person(q.call.By.Person)
	if !ok {
		return fail(http.StatusNotFound, "Person not found.")
	}
	return send(q, http.StatusOK, q.show(&p))
}

func deletePerson(q *request) error {
	p, err := q.find("id")
	if err == nil {
		err = q.unlessConnector("deleted")
	}
	if err != nil {
		return err
	}
	if err := q.access().Delete(q.r.Context(), scim.Ref{Type: "User", ID: p.ID}, ""); err != nil {
		return err
	}
	return q.done()
}

// unlessConnector refuses what only Directory Connector may do in an organisation that it synchronises.
func (q *request) unlessConnector(what string) error {
	if q.org.Settings().Sync != state.SyncConnector {
		return nil
	}
	return fail(http.StatusForbidden, "The organisation is synchronised by Directory Connector: people cannot be "+what+" here.")
}
