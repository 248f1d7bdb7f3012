package state

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Centre is the contact centre of an organisation. A stored one is never changed, only replaced.
type Centre struct {
	Sites    []CentreSite    `json:"sites,omitempty"`
	Profiles []CentreProfile `json:"profiles,omitempty"`
	Teams    []CentreTeam    `json:"teams,omitempty"`
	Users    []CentreUser    `json:"users,omitempty"`
}

// CentreSite is a place where agents work.
type CentreSite struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Active  bool   `json:"active"`
	Default bool   `json:"default,omitempty"`
	Version int    `json:"version"`
	At      int64  `json:"at"`
}

// CentreProfile says what a kind of users may do.
type CentreProfile struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Type    string `json:"type"` // one of ProfileTypes
	Active  bool   `json:"active"`
	Default bool   `json:"default,omitempty"`
	Version int    `json:"version"`
	At      int64  `json:"at"`
}

// ProfileTypes lists the types of user profile.
func ProfileTypes() []string {
	return []string{
		"ADMINISTRATOR", "ADMINISTRATOR_ONLY", "SUPERVISOR", "PREMIUM_AGENT", "STANDARD_AGENT", "ANALYZER_ADMINISTRATOR",
		"ANALYZER_SUPERVISOR", "ANALYZER_USER",
	}
}

// CentreTeam is a team of agents.
type CentreTeam struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Type        string `json:"type"`   // AGENT or CAPACITY
	Status      string `json:"status"` // IN_SERVICE or NOT_AVAILABLE
	Site        string `json:"site"`
	Active      bool   `json:"active"`
	Version     int    `json:"version"`
	At          int64  `json:"at"`
}

// CentreUser is a person of the contact centre.
type CentreUser struct {
	ID       string   `json:"id"`
	Person   string   `json:"person"` // the id of the SCIM user
	Profile  string   `json:"profile"`
	Site     string   `json:"site,omitempty"`
	Teams    []string `json:"teams,omitempty"`
	Enabled  bool     `json:"enabled"` // contactCenterEnabled
	Active   bool     `json:"active"`
	External string   `json:"external,omitempty"`
	Dialled  string   `json:"dialled,omitempty"`
	Version  int      `json:"version"`
	At       int64    `json:"at"`
}

// Centre returns the contact centre, to read and not to change.
func (o *Org) Centre() *Centre {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return o.centre
}

// ChangeCentre changes the contact centre: change gets a copy, which takes effect unless there is an error; as
// with Change it must not ask the organisation anything.
func (o *Org) ChangeCentre(change func(*Centre) error) error {
	return changeSection(o, "centre", &o.centre, change)
}

// Contacts are the organisation's contacts, people outside whom its users can call.
type Contacts struct {
	List []Contact `json:"list,omitempty"`
}

// Contact is one of them.
type Contact struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Groups   []string        `json:"groups,omitempty"`
	Doc      json.RawMessage `json:"doc"` // as the client sent it
	Created  int64           `json:"created"`
	Modified int64           `json:"modified"`
}

// Contacts returns the contacts, to read and not to change.
func (o *Org) Contacts() *Contacts {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return o.contacts
}

// ChangeContacts changes the contacts: change gets a copy, which takes effect unless there is an error; as
// with Change it must not ask the organisation anything.
func (o *Org) ChangeContacts(change func(*Contacts) error) error {
	return changeSection(o, "contacts", &o.contacts, change)
}

// changeSection replaces a part of what an organisation has by a changed copy.
func changeSection[T any](o *Org, op string, at **T, change func(*T) error) error {
	o.u.mu.Lock()
	c := clone(*at)
	err := change(c)
	var seq uint64
	if err == nil {
		var text []byte
		if text, err = json.Marshal(c); err == nil {
			seq, err = o.u.write(entry{Op: op, Org: o.id, Section: text})
		}
	}
	if err == nil {
		*at = c
	}
	o.u.mu.Unlock()
	return errors.Join(err, o.u.journal.flush(seq))
}

// UserOf returns the contact-centre user of a person.
func (c *Centre) UserOf(person string) (CentreUser, bool) {
	i := slices.IndexFunc(c.Users, func(u CentreUser) bool { return strings.EqualFold(u.Person, person) })
	if i < 0 {
		return CentreUser{}, false
	}
	return c.Users[i], true
}

// Description returns what the REST API says of a group; SCIM has no attribute for it.
func (o *Org) Description(group string) string { return o.Settings().Descriptions[group] }

// Describe sets what the REST API says of a group; "" says nothing.
func (o *Org) Describe(group, text string) error {
	return o.Change(func(c *OrgConfig) error {
		if c.Descriptions == nil {
			c.Descriptions = map[string]string{}
		}
		if delete(c.Descriptions, group); text != "" {
			c.Descriptions[group] = text
		}
		return nil
	})
}
