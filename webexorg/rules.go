package webexorg

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"lockstep/scim"
)

// maxMembers is how many members one request or one answer may name (Webex, SCIM 2 Groups).
const maxMembers = 500

// user checks a user against the rules of Webex that no schema states, fills in what Webex adds, and returns the change that
// stores it. The object has been checked against the schema and is the caller's to give away. before is the stored user, nil
// for a new one.
func (o *Org) user(u scim.Object, before scim.Object) (change, error) {
	name := u.Text("userName")
	if !validAddress(name) {
		return change{}, scim.ErrInvalidValue("userName: " + strconv.Quote(name) + " is not an e-mail address")
	}
	if fold(name) != fold(before.Text("userName")) && !o.domainAllowed(name) {
		_, domain, _ := strings.Cut(name, "@")
		return change{}, scim.ErrInvalidValue("userName: the domain " + domain + " is not verified in this organisation")
	}
	if err := o.checkFormats(u); err != nil {
		return change{}, err
	}
	if err := primaryAddress(&u, before); err != nil {
		return change{}, err
	}
	if !u.Has("active") {
		u.Set("active", true)
	}
	if !u.Has("userType") {
		u.Set("userType", "user")
	}
	for _, name := range []string{"id", "meta", "groups", "password", "inheritances"} {
		u.Delete(name)
	}
	manager := o.manager(&u)
	o.extendUser(&u, before)
	return change{
		org: o, kind: userKind, key: fold(name), name: display(u), manager: manager,
		doc: scim.AppendJSON(make([]byte, 0, 1024), u),
	}, nil
}

// display is what references to the user show.
func display(u scim.Object) string {
	if name := u.Text("displayName"); name != "" {
		return name
	}
	return u.Text("userName")
}

// extendUser writes what Webex itself says about a user, and the schemas.
func (o *Org) extendUser(u *scim.Object, before scim.Object) {
	ext, _ := u.Get(scim.CiscoUserURN).(scim.Object)
	was, _ := before.Get(scim.CiscoUserURN).(scim.Object)
	active, _ := u.Get("active").(bool)
	changed := before == nil || before.Get("active") != u.Get("active")
	asked := ext.Has("accountStatus") && !scim.Equal(ext.Get("accountStatus"), was.Get("accountStatus"))
	switch {
	case asked, !changed && ext.Has("accountStatus"):
	case active:
		ext.Set("accountStatus", scim.List{"active"})
	default:
		ext.Set("accountStatus", scim.List{"disabled"})
	}
	ext.Set("provisionSource", "SCIM")
	ext.Set("meta", scim.Object{{Name: "organizationId", Value: o.id}})
	u.Set(scim.CiscoUserURN, ext)
	u.Set("schemas", schemas(*u, scim.UserURN, scim.EnterpriseUserURN, scim.CiscoUserURN))
}

// schemas lists the core schema and the extensions that the object has.
func schemas(o scim.Object, core string, extensions ...string) scim.List {
	list := scim.List{core}
	for _, urn := range extensions {
		if o.Has(urn) {
			list = append(list, urn)
		}
	}
	return list
}

// manager returns the id of the manager and adds his name to the reference, as it is now.
func (o *Org) manager(u *scim.Object) string {
	ext, _ := u.Get(scim.EnterpriseUserURN).(scim.Object)
	ref, _ := ext.Get("manager").(scim.Object)
	id := ref.Text("value")
	if id == "" {
		return ""
	}
	ref = scim.Object{{Name: "value", Value: id}}
	o.u.mu.RLock()
	if m := o.find(userKind, id); m != nil {
		ref.Set("displayName", m.name)
	}
	o.u.mu.RUnlock()
	ext.Set("manager", ref)
	u.Set(scim.EnterpriseUserURN, ext)
	return id
}

// primaryAddress sees to it that the primary work address is the userName: it adds it when there is none, lets it follow when
// the userName changes, and refuses another one.
func primaryAddress(u *scim.Object, before scim.Object) error {
	name := u.Text("userName")
	emails, _ := u.Get("emails").(scim.List)
	primary, same := false, -1
	for i, e := range emails {
		email, ok := e.(scim.Object)
		if !ok {
			continue
		}
		isPrimary := email.Get("primary") == true
		primary = primary || isPrimary
		if !strings.EqualFold(email.Text("type"), "work") {
			continue
		}
		value := email.Text("value")
		switch {
		case strings.EqualFold(value, name):
			same = i
		case isPrimary && before != nil && strings.EqualFold(value, before.Text("userName")):
			email.Set("value", name)
			emails[i], same = email, i
		case isPrimary:
			return scim.ErrInvalidValue("emails: the primary work address must be the userName")
		}
	}
	if same < 0 {
		emails = append(emails, scim.Object{{Name: "value", Value: name}, {Name: "type", Value: "work"}})
		same = len(emails) - 1
	}
	if email, _ := emails[same].(scim.Object); !primary {
		email.Set("primary", true)
		emails[same] = email
	}
	u.Set("emails", emails)
	return nil
}

func (o *Org) checkFormats(u scim.Object) error {
	for _, name := range []string{"preferredLanguage", "locale"} {
		if s := u.Text(name); s != "" && !validLocale(s) {
			return scim.ErrInvalidValue(name + ": " + strconv.Quote(s) + " does not look like en_US")
		}
	}
	if s := u.Text("timezone"); s != "" && !o.u.zones.valid(s) {
		return scim.ErrInvalidValue("timezone: " + strconv.Quote(s) + " is not in the IANA time zone database")
	}
	return nil
}

// validAddress reports whether s looks like an e-mail address, as far as Webex looks.
func validAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && strings.IndexByte(domain, '.') > 0 && !strings.HasSuffix(domain, ".") &&
		!strings.ContainsAny(s, " \t\r\n\",;<>") && !strings.Contains(domain, "@")
}

// validLocale reports whether s is a language of two letters, _ and a country of two letters.
func validLocale(s string) bool {
	return len(s) == 5 && s[2] == '_' && isLower(s[0]) && isLower(s[1]) && isUpper(s[3]) && isUpper(s[4])
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// zoneNames remembers the time zones that exist, as asking costs a look into the file system.
type zoneNames struct{ known sync.Map }

func (z *zoneNames) valid(name string) bool {
	if _, ok := z.known.Load(name); ok {
		return true
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return false
	}
	z.known.Store(name, true)
	return true
}

// group is to groups what user is to users. The members stay out of it.
func (o *Org) group(g scim.Object) (change, error) {
	name := strings.TrimSpace(g.Text("displayName"))
	if name == "" {
		return change{}, scim.ErrInvalidValue("displayName is required")
	}
	for _, name := range []string{"id", "meta", "members"} {
		g.Delete(name)
	}
	ext, _ := g.Get(scim.CiscoGroupURN).(scim.Object)
	ext.Set("provisionSource", "SCIM")
	ext.Set("meta", scim.Object{{Name: "organizationID", Value: o.id}})
	g.Set(scim.CiscoGroupURN, ext)
	g.Set("schemas", schemas(g, scim.GroupURN, scim.CiscoGroupURN))
	return change{
		org: o, kind: groupKind, key: fold(name), name: name,
		doc: scim.AppendJSON(make([]byte, 0, 256), g),
	}, nil
}

// memberIDs returns the ids in a value of members: a list, an object, or, as some clients send, bare ids.
func memberIDs(v any) ([]string, error) {
	list, ok := v.(scim.List)
	if !ok && v != nil {
		list = scim.List{v}
	}
	ids := make([]string, 0, len(list))
	for _, e := range list {
		id, ok := e.(string)
		if member, isObject := e.(scim.Object); isObject {
			id, ok = member.Text("value"), true
		}
		if !ok || id == "" {
			return nil, scim.ErrInvalidValue("members: a member needs a value")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// checkMembers refuses what names too many members at once.
func checkMembers(ops []memberOp) error {
	n := 0
	for _, op := range ops {
		n += len(op.ids)
	}
	if n > maxMembers {
		return scim.ErrInvalidValue("members: at most " + strconv.Itoa(maxMembers) + " in one request")
	}
	return nil
}
