package rest

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	scimface "lockstep/webexorg/scim"
	"lockstep/webexorg/state"
)

// centreUserPatch is what PATCH may change of a user; what is absent stays. Whatever else a client sends is ignored: names and
// addresses are the person's, and come from Control Hub.
type centreUserPatch struct {
	ID                   string    `json:"id"`
	UserProfileID        *string   `json:"userProfileId"`
	ContactCenterEnabled *bool     `json:"contactCenterEnabled"`
	SiteID               *string   `json:"siteId"`
	TeamIDs              *[]string `json:"teamIds"`
	DialledNumber        *string   `json:"deafultDialledNumber"` // as Webex spells it
	ExternalIdentifier   *string   `json:"externalIdentifier"`
	Active               *bool     `json:"active"`
}

// apply changes the user with the id.
func (p *centreUserPatch) apply(q *request, c *state.Centre, id string) error {
	i := slices.IndexFunc(c.Users, func(u state.CentreUser) bool { return u.ID == id })
	if i < 0 {
		return fail(http.StatusNotFound, "Resource not found")
	}
	u := c.Users[i]
	set(&u.Profile, p.UserProfileID)
	set(&u.Enabled, p.ContactCenterEnabled)
	set(&u.Site, p.SiteID)
	set(&u.Teams, p.TeamIDs)
	set(&u.Dialled, p.DialledNumber)
	set(&u.External, p.ExternalIdentifier)
	set(&u.Active, p.Active)
	if err := checkCentreUser(c, &u); err != nil {
		return err
	}
	u.Version, u.At = u.Version+1, q.f.u.Now().UnixMilli()
	c.Users[i] = u
	return nil
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// checkCentreUser refuses a profile, a site or teams that there are not.
func checkCentreUser(c *state.Centre, u *state.CentreUser) error {
	if !slices.ContainsFunc(c.Profiles, func(p state.CentreProfile) bool { return p.ID == u.Profile }) {
		return fail(http.StatusBadRequest, "There is no user profile "+u.Profile+".")
	}
	if u.Site != "" && !slices.ContainsFunc(c.Sites, func(s state.CentreSite) bool { return s.ID == u.Site }) {
		return fail(http.StatusBadRequest, "There is no site "+u.Site+".")
	}
	for _, id := range u.Teams {
		if !slices.ContainsFunc(c.Teams, func(t state.CentreTeam) bool { return t.ID == id }) {
			return fail(http.StatusBadRequest, "There is no team "+id+".")
		}
	}
	return nil
}

func patchCentreUser(q *request) error {
	var in centreUserPatch
	if err := read(q, &in); err != nil {
		return err
	}
	if err := q.org.ChangeCentre(func(c *state.Centre) error { return in.apply(q, c, q.vars["id"]) }); err != nil {
		return err
	}
	return centreUser(q)
}

// bulkItem is the outcome of one change of a bulk request.
type bulkItem struct {
	Identifier int        `json:"itemIdentifier"`
	Status     int        `json:"status"`
	Operation  string     `json:"operationType"`
	Href       string     `json:"href,omitempty"`
	Error      *bulkError `json:"apiError,omitempty"`
}

type bulkError struct {
	TrackingID string       `json:"trackingId"`
	Error      centreReason `json:"error"`
}

type centreReason struct {
	Key     string   `json:"key"`
	Message []Detail `json:"message"`
}

// patchCentreUsers changes users one by one; one that fails does not hold up the others.
func patchCentreUsers(q *request) error {
	var in struct {
		Items []struct {
			Identifier int             `json:"itemIdentifier"`
			Item       centreUserPatch `json:"item"`
			Action     string          `json:"requestAction"`
		} `json:"items"`
	}
	if err := read(q, &in); err != nil {
		return err
	}
	if len(in.Items) == 0 || len(in.Items) > 100 {
		return fail(http.StatusBadRequest, "items must be a list of 1 to 100.")
	}
	out := struct {
		Items []bulkItem `json:"items"`
	}{[]bulkItem{}}
	for _, one := range in.Items {
		done := bulkItem{Identifier: one.Identifier, Status: http.StatusOK, Operation: "UPDATE", Href: strings.TrimSuffix(q.r.URL.Path, "/bulk") + "/" + one.Item.ID}
		err := q.org.ChangeCentre(func(c *state.Centre) error {
			if one.Action != "SAVE" {
				return fail(http.StatusBadRequest, "requestAction must be SAVE.")
			}
			return one.Item.apply(q, c, one.Item.ID)
		})
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok {
				return err
			}
			done.Status, done.Href = e.Status, ""
			done.Error = &bulkError{q.r.Header.Get(scimface.TrackingHeader), centreReason{http.StatusText(e.Status), []Detail{{Description: e.Message}}}}
		}
		out.Items = append(out.Items, done)
	}
	return send(q, http.StatusMultiStatus, out)
}

// centreUserWithProfile is a user with their profile.
type centreUserWithProfile struct {
	centreUserBody
	Profile *legacyProfile `json:"userProfileData,omitempty"`
}

// legacyProfile is a user profile as the first version of the API has it.
type legacyProfile struct {
	OrganizationID  string `json:"organizationId"`
	ID              string `json:"id"`
	Version         int    `json:"version"`
	Name            string `json:"name"`
	ProfileType     string `json:"profileType"`
	Modules         string `json:"accessAllModules"`
	EntryPoints     string `json:"accessAllEntryPoints"`
	Sites           string `json:"accessAllSites"`
	Queues          string `json:"accessAllQueues"`
	Teams           string `json:"accessAllTeams"`
	Active          bool   `json:"active"`
	SystemDefault   bool   `json:"systemDefault"`
	CreatedTime     int64  `json:"createdTime"`
	LastUpdatedTime int64  `json:"lastUpdatedTime"`
}

func (q *request) showWithProfile(c *state.Centre, u *state.CentreUser) centreUserWithProfile {
	v := centreUserWithProfile{centreUserBody: q.showCentreUser(c, u)}
	for _, p := range c.Profiles {
		if p.ID == u.Profile {
			v.Profile = &legacyProfile{q.org.ID(), p.ID, p.Version, p.Name, p.Type, "ALL", "ALL", "ALL", "ALL", "ALL", p.Active, p.Default, p.At, p.At}
		}
	}
	return v
}

func centreUsersWithProfile(q *request) error {
	c := q.org.Centre()
	all := []centreUserWithProfile{}
	for i := range c.Users {
		all = append(all, q.showWithProfile(c, &c.Users[i]))
	}
	return sendPage(q, all)
}

func centreUserWithProfileByID(q *request) error {
	c := q.org.Centre()
	for i := range c.Users {
		if c.Users[i].ID == q.vars["id"] {
			return send(q, http.StatusOK, q.showWithProfile(c, &c.Users[i]))
		}
	}
	return fail(http.StatusNotFound, "Resource not found")
}

// centreUsersByIDs answers names and addresses of users by id.
func centreUsersByIDs(q *request) error {
	var in struct {
		UserIDs []string `json:"userIds"`
		Search  string   `json:"search"`
	}
	if err := read(q, &in); err != nil {
		return err
	}
	type named struct {
		ID        string `json:"id"`
		FirstName string `json:"firstName"`
		LastName  string `json:"lastName"`
		Email     string `json:"email"`
	}
	c := q.org.Centre()
	out := struct {
		Meta struct {
			OrgID        string `json:"orgid"`
			TotalRecords int    `json:"totalRecords"`
		} `json:"meta"`
		Data []named `json:"data"`
	}{Data: []named{}}
	for i := range c.Users {
		v := q.showCentreUser(c, &c.Users[i])
		if slices.Contains(in.UserIDs, v.ID) && strings.Contains(strings.ToLower(v.FirstName+" "+v.LastName+" "+v.Email), strings.ToLower(in.Search)) {
			out.Data = append(out.Data, named{v.ID, v.FirstName, v.LastName, v.Email})
		}
	}
	out.Meta.OrgID, out.Meta.TotalRecords = q.org.ID(), len(out.Data)
	return send(q, http.StatusOK, out)
}

func createSite(q *request) error { return q.putSite(http.StatusCreated, "") }

func putSite(q *request) error { return q.putSite(http.StatusOK, q.vars["id"]) }

// putSite writes the site of the body; id "" is a new one.
func (q *request) putSite(status int, id string) error {
	var in siteBody
	if err := read(q, &in); err != nil {
		return err
	}
	if in.Name == "" {
		return fail(http.StatusBadRequest, "A site needs a name.")
	}
	var out siteBody
	err := q.org.ChangeCentre(func(c *state.Centre) error {
		s := state.CentreSite{ID: state.NewID()}
		i := slices.IndexFunc(c.Sites, func(s state.CentreSite) bool { return s.ID == id })
		switch {
		case i >= 0:
			s = c.Sites[i]
		case id != "":
			return fail(http.StatusNotFound, "Resource not found")
		}
		if slices.ContainsFunc(c.Sites, func(o state.CentreSite) bool { return o.ID != s.ID && o.Name == in.Name }) {
			return fail(http.StatusConflict, "Another site has this name.")
		}
		s.Name, s.Active, s.Version, s.At = in.Name, in.Active, s.Version+1, q.f.u.Now().UnixMilli()
		if i >= 0 {
			c.Sites[i] = s
		} else {
			c.Sites = append(c.Sites, s)
		}
		out = q.showSite(&s)
		return nil
	})
	if err != nil {
		return err
	}
	return send(q, status, out)
}

// deleteSite refuses while somebody or a team is there.
func deleteSite(q *request) error {
	err := q.org.ChangeCentre(func(c *state.Centre) error {
		id := q.vars["id"]
		i := slices.IndexFunc(c.Sites, func(s state.CentreSite) bool { return s.ID == id })
		switch {
		case i < 0:
			return fail(http.StatusNotFound, "Resource not found")
		case slices.ContainsFunc(c.Users, func(u state.CentreUser) bool { return u.Site == id }),
			slices.ContainsFunc(c.Teams, func(t state.CentreTeam) bool { return t.Site == id }):
			return fail(http.StatusPreconditionFailed, "The site has users or teams.")
		}
		c.Sites = slices.Delete(c.Sites, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done()
}

func createProfile(q *request) error { return q.putProfile(http.StatusCreated, "") }

func putProfile(q *request) error { return q.putProfile(http.StatusOK, q.vars["id"]) }

// putProfile writes the user profile of the body; id "" is a new one. What it permits in detail is not kept.
func (q *request) putProfile(status int, id string) error {
	var in profileBody
	if err := read(q, &in); err != nil {
		return err
	}
	if in.Name == "" || !slices.Contains(state.ProfileTypes(), in.ProfileType) {
		return fail(http.StatusBadRequest, "name and profileType ("+strings.Join(state.ProfileTypes(), ", ")+") are needed.")
	}
	var out profileBody
	err := q.org.ChangeCentre(func(c *state.Centre) error {
		p := state.CentreProfile{ID: state.NewID()}
		i := slices.IndexFunc(c.Profiles, func(p state.CentreProfile) bool { return p.ID == id })
		switch {
		case i >= 0:
			p = c.Profiles[i]
		case id != "":
			return fail(http.StatusNotFound, "Resource not found")
		}
		if slices.ContainsFunc(c.Profiles, func(o state.CentreProfile) bool { return o.ID != p.ID && o.Name == in.Name }) {
			return fail(http.StatusConflict, "Another user profile has this name.")
		}
		p.Name, p.Type, p.Active, p.Version, p.At = in.Name, in.ProfileType, in.Active, p.Version+1, q.f.u.Now().UnixMilli()
		if i >= 0 {
			c.Profiles[i] = p
		} else {
			c.Profiles = append(c.Profiles, p)
		}
		out = q.showProfile(&p)
		return nil
	})
	if err != nil {
		return err
	}
	return send(q, status, out)
}

// deleteProfile refuses while somebody has it.
func deleteProfile(q *request) error {
	err := q.org.ChangeCentre(func(c *state.Centre) error {
		id := q.vars["id"]
		i := slices.IndexFunc(c.Profiles, func(p state.CentreProfile) bool { return p.ID == id })
		switch {
		case i < 0:
			return fail(http.StatusNotFound, "Resource not found")
		case slices.ContainsFunc(c.Users, func(u state.CentreUser) bool { return u.Profile == id }):
			return fail(http.StatusPreconditionFailed, "The user profile has users.")
		}
		c.Profiles = slices.Delete(c.Profiles, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done()
}
