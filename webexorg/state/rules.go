package state

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lockstep/scim"
)

// MaxMembers is how many members one request or one answer may name (Webex, SCIM 2 Groups).
const MaxMembers = 500

// user checks a user against the rules of Webex that no schema states, fills in what Webex adds, and returns the change that
// stores it. The object has been checked against the schema and is the caller's to give away. before is the stored user, nil
// for a new one; signedIn says whether they ever signed in.
func (o *Org) user(u, before scim.Object, signedIn bool, by Actor) (change, error) {
	name := u.Text("userName")
	config := o.Settings()
	if !validAddress(name) {
		return change{}, scim.ErrInvalidValue("userName: " + strconv.Quote(name) + " is not an e-mail address")
	}
	if fold(name) != fold(before.Text("userName")) && config.Enforce && !config.verified(name) {
		return change{}, unverified(name, config.Assume)
	}
	if err := o.checkFormats(u); err != nil {
		return change{}, err
	}
	if err := primaryAddress(&u, before, config.Assume.OwnPrimary); err != nil {
		return change{}, err
	}
	if !u.Has("active") {
		u.Set("active", true)
	}
	if !u.Has("userType") {
		if before == nil && config.Assume.UserTypeNeeded && !by.Local {
			return change{}, scim.ErrInvalidValue("userType is required")
		}
		u.Set("userType", "user")
	}
	for _, name := range []string{"id", "meta", "groups", "password", "inheritances"} {
		u.Delete(name)
	}
	roles, err := rolesOf(u)
	if err != nil {
		return change{}, err
	}
	manager := o.manager(&u)
	u.Set("firstAdmin", before.Get("firstAdmin") == true || slices.Contains(roles, FullAdmin) && !o.hasAdmin())
	source := o.extendUser(&u, before, config, config.Life.Pending && !signedIn && !config.verified(name), by)
	active, _ := u.Get("active").(bool)
	return change{
		org: o, kind: userKind, key: fold(name), name: display(u), manager: manager, by: by, roles: roles, managed: managedOf(u),
		active: active, source: source, doc: scim.AppendJSON(make([]byte, 0, 1024), u),
	}, nil
}

// Settings returns the configuration, which is to be read and never changed; see Change.
func (o *Org) Settings() *OrgConfig {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return o.config
}

// hasAdmin reports whether the organisation has a full administrator.
func (o *Org) hasAdmin() bool {
	o.u.mu.RLock()
	defer o.u.mu.RUnlock()
	return slices.ContainsFunc(o.users, func(r *record) bool { return slices.Contains(r.roles, FullAdmin) })
}

func unverified(name string, assume Assumed) error {
	_, domain, _ := strings.Cut(name, "@")
	detail := "userName: the domain " + domain + " is not verified in this organisation"
	if assume.DomainForbidden {
		return &scim.Error{Status: http.StatusForbidden, Detail: detail}
	}
	return scim.ErrInvalidValue(detail)
}

// display is what references to the user show.
func display(u scim.Object) string {
	if name := u.Text("displayName"); name != "" {
		return name
	}
	return u.Text("userName")
}

// extendUser writes what Webex itself says about a user, and the schemas. It returns what the user is synchronised from.
func (o *Org) extendUser(u *scim.Object, before scim.Object, config *OrgConfig, pending bool, by Actor) SyncSource {
	ext, _ := u.Get(scim.CiscoUserURN).(scim.Object)
	was, _ := before.Get(scim.CiscoUserURN).(scim.Object)
	active, _ := u.Get("active").(bool)
	changed := before == nil || before.Get("active") != u.Get("active")
	asked := ext.Has("accountStatus") && !scim.Equal(ext.Get("accountStatus"), was.Get("accountStatus"))
	switch {
	case asked, !changed && ext.Has("accountStatus"):
	case active && pending:
		ext.Set("accountStatus", scim.List{"pending"})
	case active:
		ext.Set("accountStatus", scim.List{"active"})
	default:
		ext.Set("accountStatus", scim.List{"disabled"})
	}
	source := setSource(&ext, was, config, by)
	if !ext.Has("userNameType") {
		ext.Set("userNameType", "email")
	}
	ext.Set("meta", scim.Object{{Name: "organizationId", Value: o.id}})
	u.Set(scim.CiscoUserURN, ext)
	u.Set("schemas", schemas(*u, scim.UserURN, scim.EnterpriseUserURN, scim.CiscoUserURN))
	return source
}

// setSource writes provisionSource: what a directory sends has its name, what is made in Control Hub has none.
func setSource(ext *scim.Object, was scim.Object, config *OrgConfig, by Actor) SyncSource {
	source := was.Text("provisionSource")
	if !by.Local {
		if source = string(config.Sync); source == "" {
			source = "SCIM"
		}
	}
	ext.Delete("provisionSource")
	if source != "" {
		ext.Set("provisionSource", source)
	}
	if source == "SCIM" {
		return SyncNone
	}
	return SyncSource(source)
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

// manager returns the id of the manager and adds their name to the reference, as it is now.
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
// the userName changes, and refuses another one unless that is allowed.
func primaryAddress(u *scim.Object, before scim.Object, other bool) error {
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
		case isPrimary && !other:
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
func (o *Org) group(g, before scim.Object, by Actor) (change, error) {
	name := strings.TrimSpace(g.Text("displayName"))
	if name == "" {
		return change{}, scim.ErrInvalidValue("displayName is required")
	}
	for _, name := range []string{"id", "meta", "members"} {
		g.Delete(name)
	}
	ext, _ := g.Get(scim.CiscoGroupURN).(scim.Object)
	was, _ := before.Get(scim.CiscoGroupURN).(scim.Object)
	source := setSource(&ext, was, o.Settings(), by)
	g.Set(scim.CiscoGroupURN, ext)
	return change{org: o, kind: groupKind, key: fold(name), name: name, by: by, source: source, doc: o.groupDoc(g)}, nil
}

// groupDoc completes a group with what Webex itself says about it.
func (o *Org) groupDoc(g scim.Object) []byte {
	ext, _ := g.Get(scim.CiscoGroupURN).(scim.Object)
	ext.Set("meta", scim.Object{{Name: "organizationID", Value: o.id}})
	g.Set(scim.CiscoGroupURN, ext)
	g.Set("schemas", schemas(g, scim.GroupURN, scim.CiscoGroupURN))
	return scim.AppendJSON(make([]byte, 0, 256), g)
}

// MemberIDs returns the ids in a value of members: a list, an object, or, as some clients send, bare ids.
func MemberIDs(v any) ([]string, error) {
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
func (o *Org) checkMembers(ops []memberOp) error {
	if o.Settings().Assume.ManyMembers {
		return nil
	}
	n := 0
	for _, op := range ops {
		n += len(op.ids)
	}
	if n > MaxMembers {
		return scim.ErrInvalidValue("members: at most " + strconv.Itoa(MaxMembers) + " in one request")
	}
	return nil
}
