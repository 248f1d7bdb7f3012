package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// centreUserBody is a user of the contact centre.
type centreUserBody struct {
	OrganizationID       string   `json:"organizationId"`
	ID                   string   `json:"id"`
	Version              int      `json:"version"`
	FirstName            string   `json:"firstName"`
	LastName             string   `json:"lastName"`
	Email                string   `json:"email"`
	WorkPhone            string   `json:"workPhone,omitempty"`
	Mobile               string   `json:"mobile,omitempty"`
	CiUserID             string   `json:"ciUserId"`
	Timezone             string   `json:"timezone,omitempty"`
	UserProfileID        string   `json:"userProfileId"`
	UserProfileType      string   `json:"userProfileType"`
	ContactCenterEnabled bool     `json:"contactCenterEnabled"`
	SiteID               string   `json:"siteId,omitempty"`
	SiteName             string   `json:"siteName,omitempty"`
	TeamIDs              []string `json:"teamIds"`
	DialledNumber        string   `json:"deafultDialledNumber,omitempty"` // as Webex spells it
	ExternalIdentifier   string   `json:"externalIdentifier,omitempty"`
	Active               bool     `json:"active"`
	ImiUserCreated       bool     `json:"imiUserCreated"`
	CreatedTime          int64    `json:"createdTime"`
	LastUpdatedTime      int64    `json:"lastUpdatedTime"`
}

func (q *request) showCentreUser(c *state.Centre, u *state.CentreUser) centreUserBody {
	v := centreUserBody{
		OrganizationID: q.org.ID(), ID: u.ID, Version: u.Version, CiUserID: u.Person, UserProfileID: u.Profile,
		ContactCenterEnabled: u.Enabled, SiteID: u.Site, TeamIDs: append([]string{}, u.Teams...), DialledNumber: u.Dialled,
		ExternalIdentifier: u.External, Active: u.Active, CreatedTime: u.At, LastUpdatedTime: u.At,
	}
	for _, p := range c.Profiles {
		if p.ID == u.Profile {
			v.UserProfileType = p.Type
		}
	}
	for _, s := range c.Sites {
		if s.ID == u.Site {
			v.SiteName = s.Name
		}
	}
	p, ok := q.org.Person(u.Person)
	if !ok {
		v.Active = false
		return v
	}
	doc := p.Object()
	name, _ := doc.Get("name").(scim.Object)
	v.FirstName, v.LastName, v.Email, v.Timezone = name.Text("givenName"), name.Text("familyName"), doc.Text("userName"), doc.Text("timezone")
	v.Active = v.Active && p.Active
	for _, n := range objects(doc.Get("phoneNumbers")) {
		switch n.Text("type") {
		case "work":
			v.WorkPhone = n.Text("value")
		case "mobile":
			v.Mobile = n.Text("value")
		}
	}
	return v
}

// centrePage is a page of the contact centre's lists, which begin at page 0.
type centrePage[T any] struct {
	Meta struct {
		OrgID        string            `json:"orgid"`
		Page         int               `json:"page"`
		PageSize     int               `json:"pageSize"`
		TotalPages   int               `json:"totalPages"`
		TotalRecords int               `json:"totalRecords"`
		Links        map[string]string `json:"links"`
	} `json:"meta"`
	Data []T `json:"data"`
}

// sendPage answers a page of a list. Lists of the first version of the API are bare.
func sendPage[T any](q *request, all []T) error {
	size, err := q.size("pageSize", 100, 100)
	if err != nil {
		return err
	}
	page, err := strconv.Atoi(orText(q.q.Get("page"), "0"))
	if err != nil || page < 0 {
		return fail(http.StatusBadRequest, "page must be a number from 0.")
	}
	from := len(all)
	if page <= len(all)/size { // else the product may be too large for a number
		from = min(page*size, len(all))
	}
	cut := all[from:min(from+size, len(all))]
	if cut == nil {
		cut = []T{}
	}
	path := strings.TrimPrefix(q.r.URL.Path, "/v1")
	if !strings.Contains(path, "/v2/") && !strings.Contains(path, "/v3/") {
		return send(q, http.StatusOK, cut)
	}
	out := centrePage[T]{Data: cut}
	m := &out.Meta
	m.OrgID, m.Page, m.PageSize, m.TotalRecords, m.TotalPages = q.org.ID(), page, size, len(all), (len(all)+size-1)/size
	link := func(n int) string {
		return q.r.URL.Path + "?page=" + strconv.Itoa(n) + "&pageSize=" + strconv.Itoa(size)
	}
	m.Links = map[string]string{"self": link(page), "first": link(0), "last": link(max(0, m.TotalPages-1))}
	if page < m.TotalPages-1 {
		m.Links["next"] = link(page + 1)
	}
	if page > 0 {
		m.Links["prev"] = link(page - 1)
	}
	return send(q, http.StatusOK, out)
}

// centreFilter reads a filter of RSQL with one comparison, such as email=="ada@example.com" or id=in=("a","b").
func (q *request) centreFilter() (func(field func(name string) string) bool, error) {
	text := q.q.Get("filter")
	if text == "" {
		return func(func(string) string) bool { return true }, nil
	}
	unquote := func(s string) string { return strings.Trim(strings.TrimSpace(s), `"'`) }
	if name, list, ok := strings.Cut(text, "=in="); ok {
		values := strings.Split(strings.Trim(strings.TrimSpace(list), "()"), ",")
		for i := range values {
			values[i] = unquote(values[i])
		}
		return func(field func(string) string) bool { return slices.Contains(values, field(strings.TrimSpace(name))) }, nil
	}
	if name, value, ok := strings.Cut(text, "=="); ok && !strings.ContainsAny(text, ";") {
		return func(field func(string) string) bool {
			return strings.EqualFold(field(strings.TrimSpace(name)), unquote(value))
		}, nil
	}
	return nil, fail(http.StatusBadRequest, "The filter must be one comparison by == or =in=.")
}

func centreUsers(q *request) error {
	wanted, err := q.centreFilter()
	if err != nil {
		return err
	}
	c := q.org.Centre()
	all := []centreUserBody{}
	for i := range c.Users {
		v := q.showCentreUser(c, &c.Users[i])
		field := func(name string) string {
			return map[string]string{
				"id": v.ID, "ciUserId": v.CiUserID, "email": v.Email, "firstName": v.FirstName, "lastName": v.LastName, "siteId": v.SiteID,
				"userProfileId": v.UserProfileID, "active": strconv.FormatBool(v.Active), "contactCenterEnabled": strconv.FormatBool(v.ContactCenterEnabled),
			}[name]
		}
		search := strings.ToLower(q.q.Get("search"))
		if wanted(field) && strings.Contains(strings.ToLower(v.FirstName+" "+v.LastName+" "+v.Email), search) {
			all = append(all, v)
		}
	}
	return sendPage(q, all)
}

func centreUserByPerson(q *request) error {
	c := q.org.Centre()
	u, ok := c.UserOf(q.vars["id"])
	if !ok {
		return fail(http.StatusNotFound, "Resource not found")
	}
	return send(q, http.StatusOK, q.showCentreUser(c, &u))
}

func centreUser(q *request) error {
	c := q.org.Centre()
	for i := range c.Users {
		if c.Users[i].ID == q.vars["id"] {
			return send(q, http.StatusOK, q.showCentreUser(c, &c.Users[i]))
		}
	}
	return fail(http.StatusNotFound, "Resource not found")
}

// putCentreUser answers PUT /organization/{org}/user/{id}. Users are made in Control Hub, that is: by the seed, the control surface or
// a licence.
func putCentreUser(q *request) error {
	var in centreUserBody
	if err := read(q, &in); err != nil {
		return err
	}
	err := q.org.ChangeCentre(func(c *state.Centre) error {
		i := slices.IndexFunc(c.Users, func(u state.CentreUser) bool { return u.ID == q.vars["id"] })
		if i < 0 {
			return fail(http.StatusNotFound, "Resource not found")
		}
		u := c.Users[i]
		u.Profile, u.Site, u.Teams, u.Enabled, u.Active = in.UserProfileID, in.SiteID, in.TeamIDs, in.ContactCenterEnabled, in.Active
		u.Dialled, u.External, u.Version, u.At = in.DialledNumber, in.ExternalIdentifier, u.Version+1, q.f.u.Now().UnixMilli()
		if err := checkCentreUser(c, &u); err != nil {
			return err
		}
		c.Users[i] = u
		return nil
	})
	if err != nil {
		return err
	}
	return centreUser(q)
}

// teamBody is a team of the contact centre.
type teamBody struct {
	OrganizationID  string   `json:"organizationId"`
	ID              string   `json:"id"`
	Version         int      `json:"version"`
	Name            string   `json:"name"`
	Description     string   `json:"description,omitempty"`
	TeamType        string   `json:"teamType"`
	TeamStatus      string   `json:"teamStatus"`
	Active          bool     `json:"active"`
	SiteID          string   `json:"siteId"`
	UserIDs         []string `json:"userIds"`
	RankQueues      bool     `json:"rankQueuesForTeam"`
	CreatedTime     int64    `json:"createdTime"`
	LastUpdatedTime int64    `json:"lastUpdatedTime"`
}

func (q *request) showTeam(c *state.Centre, t *state.CentreTeam) teamBody {
	v := teamBody{
		OrganizationID: q.org.ID(), ID: t.ID, Version: t.Version, Name: t.Name, Description: t.Description, TeamType: t.Type,
		TeamStatus: t.Status, Active: t.Active, SiteID: t.Site, UserIDs: []string{}, CreatedTime: t.At, LastUpdatedTime: t.At,
	}
	for _, u := range c.Users {
		if slices.Contains(u.Teams, t.ID) {
			v.UserIDs = append(v.UserIDs, u.ID)
		}
	}
	return v
}

func centreTeams(q *request) error {
	wanted, err := q.centreFilter()
	if err != nil {
		return err
	}
	c := q.org.Centre()
	all := []teamBody{}
	for i := range c.Teams {
		t := &c.Teams[i]
		fields := map[string]string{"id": t.ID, "name": t.Name, "siteId": t.Site, "active": strconv.FormatBool(t.Active)}
		if wanted(func(name string) string { return fields[name] }) {
			all = append(all, q.showTeam(c, t))
		}
	}
	return sendPage(q, all)
}

// findTeam returns the place of the team that the path names.
func (q *request) findTeam(c *state.Centre) (int, error) {
	i := slices.IndexFunc(c.Teams, func(t state.CentreTeam) bool { return t.ID == q.vars["id"] })
	if i < 0 {
		return 0, fail(http.StatusNotFound, "Resource not found")
	}
	return i, nil
}

func centreTeam(q *request) error {
	c := q.org.Centre()
	i, err := q.findTeam(c)
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, q.showTeam(c, &c.Teams[i]))
}

func createTeam(q *request) error {
	return q.putTeam(http.StatusCreated, func(*state.Centre) (int, error) { return -1, nil })
}

func putTeam(q *request) error { return q.putTeam(http.StatusOK, q.findTeam) }

// putTeam writes the team of the body at its place; -1 is a new one.
func (q *request) putTeam(status int, place func(*state.Centre) (int, error)) error {
	var in teamBody
	if err := read(q, &in); err != nil {
		return err
	}
	if in.Name == "" || in.TeamType != "AGENT" && in.TeamType != "CAPACITY" || in.TeamStatus != "IN_SERVICE" && in.TeamStatus != "NOT_AVAILABLE" {
		return fail(http.StatusBadRequest, "name, teamType (AGENT, CAPACITY) and teamStatus (IN_SERVICE, NOT_AVAILABLE) are needed.")
	}
	var out teamBody
	err := q.org.ChangeCentre(func(c *state.Centre) error {
		if !slices.ContainsFunc(c.Sites, func(s state.CentreSite) bool { return s.ID == in.SiteID }) {
			return fail(http.StatusBadRequest, "There is no site "+in.SiteID+".")
		}
		i, err := place(c)
		if err != nil {
			return err
		}
		t := state.CentreTeam{ID: state.NewID()}
		if i >= 0 {
			t = c.Teams[i]
		}
		if slices.ContainsFunc(c.Teams, func(o state.CentreTeam) bool { return o.ID != t.ID && o.Name == in.Name }) {
			return fail(http.StatusConflict, "Another team has this name.")
		}
		t.Name, t.Description, t.Type, t.Status, t.Site, t.Active = in.Name, in.Description, in.TeamType, in.TeamStatus, in.SiteID, in.Active
		t.Version, t.At = t.Version+1, q.f.u.Now().UnixMilli()
		if i >= 0 {
			c.Teams[i] = t
		} else {
			c.Teams = append(c.Teams, t)
		}
		out = q.showTeam(c, &t)
		return nil
	})
	if err != nil {
		return err
	}
	return send(q, status, out)
}

// deleteTeam refuses while somebody is in the team.
func deleteTeam(q *request) error {
	err := q.org.ChangeCentre(func(c *state.Centre) error {
		i, err := q.findTeam(c)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(c.Users, func(u state.CentreUser) bool { return slices.Contains(u.Teams, c.Teams[i].ID) }) {
			return fail(http.StatusPreconditionFailed, "The team has users.")
		}
		c.Teams = slices.Delete(c.Teams, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done()
}

// profileBody is a user profile.
type profileBody struct {
	OrganizationID  string `json:"organizationId"`
	ID              string `json:"id"`
	Version         int    `json:"version"`
	Name            string `json:"name"`
	ProfileType     string `json:"profileType"`
	Active          bool   `json:"active"`
	Permission      string `json:"permissionAccessLevel"`
	Resource        string `json:"resourceAccessLevel"`
	SystemDefault   bool   `json:"systemDefault"`
	CreatedTime     int64  `json:"createdTime"`
	LastUpdatedTime int64  `json:"lastUpdatedTime"`
}

func (q *request) showProfile(p *state.CentreProfile) profileBody {
	return profileBody{q.org.ID(), p.ID, p.Version, p.Name, p.Type, p.Active, "ALL", "ALL", p.Default, p.At, p.At}
}

func centreProfiles(q *request) error {
	wanted, err := q.centreFilter()
	if err != nil {
		return err
	}
	all := []profileBody{}
	for _, p := range q.org.Centre().Profiles {
		fields := map[string]string{"id": p.ID, "name": p.Name, "profileType": p.Type}
		if wanted(func(name string) string { return fields[name] }) {
			all = append(all, q.showProfile(&p))
		}
	}
	return sendPage(q, all)
}

func centreProfile(q *request) error {
	for _, p := range q.org.Centre().Profiles {
		if p.ID == q.vars["id"] {
			return send(q, http.StatusOK, q.showProfile(&p))
		}
	}
	return fail(http.StatusNotFound, "Resource not found")
}

// siteBody is a site of the contact centre.
type siteBody struct {
	OrganizationID  string `json:"organizationId"`
	ID              string `json:"id"`
	Version         int    `json:"version"`
	Name            string `json:"name"`
	Active          bool   `json:"active"`
	Multimedia      string `json:"multimediaProfileId"`
	SystemDefault   bool   `json:"systemDefault"`
	CreatedTime     int64  `json:"createdTime"`
	LastUpdatedTime int64  `json:"lastUpdatedTime"`
}

func (q *request) showSite(s *state.CentreSite) siteBody {
	return siteBody{q.org.ID(), s.ID, s.Version, s.Name, s.Active, multimediaID(s.ID), s.Default, s.At, s.At}
}

func centreSites(q *request) error {
	all := []siteBody{}
	for _, s := range q.org.Centre().Sites {
		all = append(all, q.showSite(&s))
	}
	return sendPage(q, all)
}

func centreSite(q *request) error {
	for _, s := range q.org.Centre().Sites {
		if s.ID == q.vars["id"] {
			return send(q, http.StatusOK, q.showSite(&s))
		}
	}
	return fail(http.StatusNotFound, "Resource not found")
}

// multimediaID makes up the id of a site's multimedia profile, which there is nothing else of here.
func multimediaID(site string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("multimedia:"+site)).String()
}
