package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"lockstep/scim/filter"
	"lockstep/webexorg/state"
)

const contactURN = "urn:cisco:codev:identity:contact:core:1.0"

// contact is the fields of a contact, those that Webex itself writes apart.
type contact map[string]json.RawMessage

// owned are the fields that Webex itself writes.
var owned = []string{"contactId", "meta", "orgId", "isMigration", "schemas"}

// readContact checks what a client says of a contact.
func readContact(c contact) (name string, err error) {
	var source string
	if json.Unmarshal(c["source"], &source) != nil || source != "CH" && source != "Webex4Broadworks" {
		return "", fail(http.StatusBadRequest, "source must be CH or Webex4Broadworks.")
	}
	var display, first, last, company string
	for field, into := range map[string]*string{"displayName": &display, "firstName": &first, "lastName": &last, "companyName": &company} {
		if text, ok := c[field]; ok && json.Unmarshal(text, into) != nil {
			return "", fail(http.StatusBadRequest, field+" must be a text.")
		}
	}
	var emails, phones, sips, ims []struct {
		Value string `json:"value"`
	}
	for field, into := range map[string]*[]struct {
		Value string `json:"value"`
	}{"emails": &emails, "phoneNumbers": &phones, "sipAddresses": &sips, "ims": &ims} {
		if text, ok := c[field]; ok && json.Unmarshal(text, into) != nil {
			return "", fail(http.StatusBadRequest, field+" must be a list of values.")
		}
	}
	for _, field := range owned {
		delete(c, field)
	}
	if display == "" {
		display = strings.TrimSpace(first + " " + last)
	}
	if display == "" {
		display = company
	}
	if display == "" {
		return "", fail(http.StatusBadRequest, "One of displayName, firstName, lastName and companyName is needed.")
	}
	return display, nil
}

// show is the contact with what Webex itself writes.
func (q *request) showContact(c *state.Contact) (contact, error) {
	v := contact{}
	if err := json.Unmarshal(c.Doc, &v); err != nil {
		return nil, err
	}
	for field, value := range map[string]string{
		"schemas": contactURN, "contactId": c.ID, "displayName": c.Name, "orgId": q.org.ID(),
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		v[field] = text
	}
	v["meta"] = json.RawMessage(`{"created":"` + stamp(c.Created) + `","lastModified":"` + stamp(c.Modified) + `"}`)
	return v, nil
}

func (q *request) sendContact(status int, c *state.Contact) error {
	v, err := q.showContact(c)
	if err != nil {
		return err
	}
	return send(q, status, v)
}

// maxContacts is how many contacts an organisation can have here.
const maxContacts = 10_000

// addContact adds a contact to the list.
func (q *request) addContact(list *state.Contacts, in contact) (*state.Contact, error) {
	name, err := readContact(in)
	if err != nil {
		return nil, err
	}
	if len(list.List) >= maxContacts {
		return nil, fail(http.StatusBadRequest, "The organization has too many contacts.")
	}
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	now := q.f.u.Now().UnixMilli()
	c := state.Contact{ID: state.NewID(), Name: name, Doc: text, Groups: groupIDs(in), Created: now, Modified: now}
	list.List = append(list.List, c)
	return &c, nil
}

func groupIDs(in contact) []string {
	var ids []string
	_ = json.Unmarshal(in["groupIds"], &ids) // of what is no list there are none
	return ids
}

func createContact(q *request) error {
	var in contact
	if err := read(q, &in); err != nil {
		return err
	}
	var made *state.Contact
	err := q.org.ChangeContacts(func(c *state.Contacts) (err error) {
		made, err = q.addContact(c, in)
		return err
	})
	if err != nil {
		return err
	}
	return q.sendContact(http.StatusCreated, made)
}

// findContact returns the place of the contact that the path names.
func (q *request) findContact(list []state.Contact, id string) (int, error) {
	i := slices.IndexFunc(list, func(c state.Contact) bool { return strings.EqualFold(c.ID, nameOf(id, contactKind)) })
	if i < 0 {
		return 0, fail(http.StatusNotFound, "Contact not found.")
	}
	return i, nil
}

func getContact(q *request) error {
	list := q.org.Contacts().List
	i, err := q.findContact(list, q.vars["id"])
	if err != nil {
		return err
	}
	return q.sendContact(http.StatusOK, &list[i])
}

// patchContact replaces the fields that the body has.
func patchContact(q *request) error {
	var in contact
	if err := read(q, &in); err != nil {
		return err
	}
	err := q.org.ChangeContacts(func(c *state.Contacts) error {
		_, err := q.changeContact(c, q.vars["id"], in)
		return err
	})
	if err != nil {
		return err
	}
	return getContact(q)
}

// contactNumber is a telephone number of a contact. In a change it may say what becomes of it.
type contactNumber struct {
	Value     string `json:"value,omitempty"`
	Type      string `json:"type,omitempty"`
	Primary   *bool  `json:"primary,omitempty"`
	Operation string `json:"operation,omitempty"` // add, which is what nothing means, or delete
}

// mergeNumbers returns what becomes of the numbers that a contact has. Those of a change that says of none what is to be done take
// their place; nil stands for that, too.
func mergeNumbers(has, changes json.RawMessage) (json.RawMessage, error) {
	var old, changed []contactNumber
	if changes == nil || json.Unmarshal(changes, &changed) != nil || // of what is no list of numbers the check says so
		!slices.ContainsFunc(changed, func(n contactNumber) bool { return n.Operation != "" }) {
		return nil, nil
	}
	_ = json.Unmarshal(has, &old) // what a contact has was checked
	for _, n := range changed {
		old = slices.DeleteFunc(old, func(o contactNumber) bool { return o.Value == n.Value && o.Type == n.Type })
		switch n.Operation {
		case "", "add":
			n.Operation = ""
			old = append(old, n)
		case "delete":
		default:
			return nil, fail(http.StatusBadRequest, "phoneNumbers: operation must be add or delete.")
		}
	}
	if old == nil {
		old = []contactNumber{} // a list without any, not null
	}
	return json.Marshal(old)
}

// changeContact replaces the fields of a contact that there are in the body.
func (q *request) changeContact(c *state.Contacts, id string, in contact) (*state.Contact, error) {
	i, err := q.findContact(c.List, id)
	if err != nil {
		return nil, err
	}
	all := contact{}
	if err := json.Unmarshal(c.List[i].Doc, &all); err != nil {
		return nil, err
	}
	numbers, err := mergeNumbers(all["phoneNumbers"], in["phoneNumbers"])
	if err != nil {
		return nil, err
	}
	for field, value := range in {
		all[field] = value
	}
	if numbers != nil {
		all["phoneNumbers"] = numbers
	}
	name, err := readContact(all)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	c.List[i].Name, c.List[i].Doc, c.List[i].Groups, c.List[i].Modified = name, text, groupIDs(all), q.f.u.Now().UnixMilli()
	return &c.List[i], nil
}

func deleteContact(q *request) error {
	err := q.org.ChangeContacts(func(c *state.Contacts) error {
		i, err := q.findContact(c.List, q.vars["id"])
		if err == nil {
			c.List = slices.Delete(c.List, i, i+1)
		}
		return err
	})
	if err != nil {
		return err
	}
	return q.done()
}

// searchContacts answers GET …/contacts/search?keyword=&limit=.
func searchContacts(q *request) error {
	limit, err := q.size("limit", 100, 1000)
	if err != nil {
		return err
	}
	keyword := filter.Fold(q.q.Get("keyword"))
	groups := q.q["groupIds"]
	out := struct {
		Result []contact `json:"result"`
		Start  int       `json:"start"`
		Limit  int       `json:"limit"`
		Total  int       `json:"total"`
	}{[]contact{}, 0, limit, 0}
	for _, c := range q.org.Contacts().List {
		inGroup := len(groups) == 0 || slices.ContainsFunc(c.Groups, func(g string) bool { return slices.Contains(groups, g) })
		if !inGroup || !strings.Contains(filter.Fold(c.Name+" "+string(c.Doc)), keyword) {
			continue
		}
		if out.Total++; len(out.Result) < limit {
			v, err := q.showContact(&c)
			if err != nil {
				return err
			}
			out.Result = append(out.Result, v)
		}
	}
	return send(q, http.StatusOK, out)
}

// bulkContacts answers POST …/contacts/bulk: contacts with a contactId are changed, the others are made.
func bulkContacts(q *request) error {
	var in struct {
		Schemas  string    `json:"schemas"`
		Contacts []contact `json:"contacts"`
	}
	if err := read(q, &in); err != nil {
		return err
	}
	if len(in.Contacts) == 0 || len(in.Contacts) > 1000 {
		return fail(http.StatusBadRequest, "contacts must have 1 to 1000 contacts.")
	}
	var written []state.Contact
	err := q.org.ChangeContacts(func(c *state.Contacts) error {
		for _, one := range in.Contacts {
			var id string
			_ = json.Unmarshal(one["contactId"], &id) // of what is no text there is none
			put := func() (*state.Contact, error) { return q.addContact(c, one) }
			if id != "" {
				put = func() (*state.Contact, error) { return q.changeContact(c, id, one) }
			}
			made, err := put()
			if err != nil {
				return err
			}
			written = append(written, *made)
		}
		return nil
	})
	if err != nil {
		return err
	}
	out := struct {
		Contacts []contact `json:"contacts"`
	}{[]contact{}}
	for i := range written {
		v, err := q.showContact(&written[i])
		if err != nil {
			return err
		}
		out.Contacts = append(out.Contacts, v)
	}
	return send(q, http.StatusOK, out)
}

func bulkDeleteContacts(q *request) error {
	var in struct {
		Schemas string   `json:"schemas"`
		IDs     []string `json:"objectIds"`
	}
	if err := read(q, &in); err != nil {
		return err
	}
	err := q.org.ChangeContacts(func(c *state.Contacts) error {
		c.List = slices.DeleteFunc(c.List, func(c state.Contact) bool { return slices.Contains(in.IDs, c.ID) })
		return nil
	})
	if err != nil {
		return err
	}
	return q.done()
}
