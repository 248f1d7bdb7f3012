package rest

import (
	"net/http"
	"slices"
	"strings"

	"lockstep/scim/filter"
	"lockstep/webexorg/state"
)

// location is a place of Webex Calling.
type location struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	OrgID        string         `json:"orgId"`
	TimeZone     string         `json:"timeZone,omitempty"`
	Language     string         `json:"preferredLanguage,omitempty"`
	Announcement string         `json:"announcementLanguage,omitempty"`
	Address      *state.Address `json:"address,omitempty"`
	Latitude     string         `json:"latitude,omitempty"`
	Longitude    string         `json:"longitude,omitempty"`
	Notes        string         `json:"notes,omitempty"`
}

func (q *request) showLocation(l *state.Location) location {
	v := location{
		ID: idOf(locationKind, l.ID), Name: l.Name, OrgID: idOf(orgKind, q.org.ID()), TimeZone: l.TimeZone, Language: l.Language,
		Announcement: l.Announcement, Latitude: l.Latitude, Longitude: l.Longitude, Notes: l.Notes,
	}
	if l.Address != (state.Address{}) {
		v.Address = &l.Address
	}
	return v
}

func listLocations(q *request) error {
	out := struct {
		Items []location `json:"items"`
	}{[]location{}}
	all := q.org.Settings().Locations
	for i := range all {
		if name := q.q.Get("name"); name == "" || strings.Contains(filter.Fold(all[i].Name), filter.Fold(name)) {
			out.Items = append(out.Items, q.showLocation(&all[i]))
		}
	}
	return send(q, http.StatusOK, out)
}

// findLocation returns the place of the location that the path names.
func (q *request) findLocation(all []state.Location) (int, error) {
	id := uuidOf(q.vars["id"], locationKind)
	i := slices.IndexFunc(all, func(l state.Location) bool { return l.ID == id })
	if i < 0 {
		return 0, fail(http.StatusNotFound, "Location not found.")
	}
	return i, nil
}

func getLocation(q *request) error {
	all := q.org.Settings().Locations
	i, err := q.findLocation(all)
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, q.showLocation(&all[i]))
}

// createLocation answers POST /locations, with the id alone.
func createLocation(q *request) error {
	var in location
	if err := read(q, &in); err != nil {
		return err
	}
	a := in.Address
	if a == nil {
		a = &state.Address{}
	}
	for _, f := range [][2]string{
		{"name", in.Name}, {"timeZone", in.TimeZone}, {"preferredLanguage", in.Language}, {"announcementLanguage", in.Announcement},
		{"address.address1", a.Address1}, {"address.city", a.City}, {"address.state", a.State}, {"address.postalCode", a.PostalCode}, {"address.country", a.Country},
	} {
		if strings.TrimSpace(f[1]) == "" {
			return fail(http.StatusBadRequest, f[0]+" is needed.")
		}
	}
	l, err := q.org.AddLocation(in.changed(state.Location{}))
	if err != nil {
		return err
	}
	return send(q, http.StatusCreated, struct {
		ID string `json:"id"`
	}{idOf(locationKind, l.ID)})
}

// changed returns the location as the body wants it: what it does not name stays.
func (in *location) changed(l state.Location) state.Location {
	for _, f := range []struct {
		of *string
		to string
	}{
		{&l.Name, in.Name}, {&l.TimeZone, in.TimeZone}, {&l.Language, in.Language}, {&l.Announcement, in.Announcement},
		{&l.Latitude, in.Latitude}, {&l.Longitude, in.Longitude}, {&l.Notes, in.Notes},
	} {
		if f.to != "" {
			*f.of = f.to
		}
	}
	if in.Address != nil {
		l.Address = *in.Address
	}
	return l
}

// updateLocation answers PUT /locations/{id}. Its group keeps the name that it had.
func updateLocation(q *request) error {
	var in location
	if err := read(q, &in); err != nil {
		return err
	}
	err := q.org.Change(func(c *state.OrgConfig) error {
		i, err := q.findLocation(c.Locations)
		if err == nil {
			c.Locations[i] = in.changed(c.Locations[i])
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.done()
}
