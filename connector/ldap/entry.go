package ldap

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep/connection"
	"lockstep/scim"
)

// class is one type of object as the settings describe it.
type class struct {
	typ    string
	bases  []string
	filter string
	wanted []string // attributes that become values
}

// class returns what is to be read of a type. Paths are the attributes that somebody needs; none is the usual ones.
func (s *server) class(typ string, paths []string) (class, bool) {
	c := class{typ: typ}
	switch typ {
	case connection.UserType:
		c.bases, c.filter, c.wanted = s.config.PeopleBases, s.config.PeopleFilter, append(slices.Clone(peopleAttributes), s.config.Attributes...)
	case connection.GroupType:
		c.bases, c.filter, c.wanted = s.config.GroupsBases, s.config.GroupsFilter, groupAttributes
	default:
		return c, false
	}
	if len(paths) > 0 {
		c.wanted = nil
		for _, path := range paths {
			c.wanted = append(c.wanted, attributeOf(path))
		}
		if typ == connection.UserType {
			c.wanted = append(c.wanted, s.config.Attributes...)
		}
	}
	c.wanted = slices.DeleteFunc(c.wanted, func(name string) bool { return !isAttribute(name) || isSecret(name) })
	slices.SortFunc(c.wanted, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	c.wanted = slices.CompactFunc(c.wanted, strings.EqualFold)
	return c, true
}

// attributeOf returns the attribute that a path begins with.
func attributeOf(path string) string {
	if i := strings.IndexAny(path, ".["); i >= 0 && !isAttribute(path) {
		return path[:i]
	}
	return path
}

// isAttribute reports whether a name can be an attribute description (RFC 4512 §2.5).
func isAttribute(name string) bool {
	for i, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && (i == 0 || c != '-' && c != ';' && c != '_') {
			return false
		}
	}
	return name != ""
}

// isSecret reports whether an attribute holds a password or what a password can be guessed from. Nobody may ask for it.
func isSecret(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(name), ";")
	return strings.Contains(name, "password") && name != "passwordexpirationtime" ||
		slices.Contains([]string{"unicodepwd", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials", "krbprincipalkey", "pwdhistory", "olcrootpw"}, name)
}

// Attributes that say something about an entry without being values of the object.
var (
	standingAttributes = []string{
		"userAccountControl", "msDS-UserAccountDisabled", "accountExpires", "nsAccountLock", "loginDisabled", "loginExpirationTime",
		"pwdAccountLockedTime", "pwdStartTime", "pwdEndTime", "shadowExpire", "ds-pwp-account-disabled", "ds-pwp-account-expiration-time",
	}
	peopleKeys = append(slices.Clone(changeMarks), append(standingAttributes, "isCriticalSystemObject")...)
	groupKeys  = append(slices.Clone(changeMarks), "isCriticalSystemObject")
)

// nameAttributes are what a search for names asks for; allAttributes adds everything else that makes an object.
func (c class) nameAttributes(id string) []string {
	if c.typ == connection.UserType {
		return append([]string{id}, peopleKeys...)
	}
	return append([]string{id}, groupKeys...)
}

func (c class) allAttributes(id string) []string {
	list := append(c.nameAttributes(id), "objectGUID", "objectSid")
	list = append(list, c.wanted...)
	if c.typ == connection.UserType {
		list = append(list, "manager", "uid", "gidNumber", "primaryGroupID")
	} else {
		list = append(list, "member", "uniqueMember", "memberUid", "gidNumber")
	}
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(list, strings.EqualFold)
}

// shaping makes objects of entries and counts what it leaves out.
type shaping struct {
	class
	id      string            // attribute
	wants   map[string]string // by name in lower case: the spelling under which a value is known
	now     time.Time
	next    time.Time      // when the first of the people that were seen is enabled or disabled by the passing of time
	binary  map[string]int // values that are not text, by attribute
	many    int            // people with several managers
	example string
}

func newShaping(c class, id string, now time.Time) *shaping {
	s := &shaping{class: c, id: id, wants: map[string]string{}, now: now, binary: map[string]int{}}
	for _, name := range c.wanted {
		s.wants[strings.ToLower(name)] = name
	}
	return s
}

// present makes a line of an entry of which only the names were asked for.
func (s *shaping) present(e *ldap.Entry) connection.Present {
	return connection.Present{ID: idOf(e, s.id), Version: versionOf(e, s.enabled(e))}
}

// object makes an object of an entry, all but the members of a group beyond those that the entry shows.
func (s *shaping) object(e *ldap.Entry) connection.Object {
	o := connection.Object{Ref: connection.Ref{Type: s.typ, ID: idOf(e, s.id)}, Time: changedAt(e), Enabled: true}
	if s.typ == connection.UserType {
		o.Enabled = s.enabled(e)
	}
	o.Version = versionOf(e, o.Enabled)
	o.Values = s.values(e)
	o.Name = nameOf(o)
	o.Names = []string{foldDN(e.DN)}
	if guid := idText("objectGUID", e.GetEqualFoldRawAttributeValue("objectGUID")); guid != "" {
		o.Names = append(o.Names, guidName(guid))
	}
	if s.typ == connection.UserType {
		o.Values.Set("active", o.Enabled)
		s.person(&o, e)
		return o
	}
	if gid := e.GetEqualFoldAttributeValue("gidNumber"); gid != "" {
		o.Names = append(o.Names, gidName(gid))
	}
	if sid := sidText(e.GetEqualFoldRawAttributeValue("objectSid")); sid != "" {
		o.Names = append(o.Names, sidName(sid))
	}
	return o
}

// Names beside the DN under which references find an object. None can be a DN, because a DN has no colon before the first equals
// sign.
func uidName(uid string) string { return "uid:" + foldText(uid) }
func gidName(gid string) string { return "gid:" + gid }
func sidName(sid string) string { return "sid:" + strings.ToLower(sid) }

func guidName(guid string) string { return "guid:" + strings.ToLower(guid) }

// person adds what people have: names by which posixGroup knows them, a manager, and the groups that stand in their own entry.
func (s *shaping) person(o *connection.Object, e *ldap.Entry) {
	for _, uid := range e.GetEqualFoldAttributeValues("uid") {
		o.Names = append(o.Names, uidName(uid))
	}
	if managers := e.GetEqualFoldAttributeValues("manager"); len(managers) > 0 {
		names := make([]string, len(managers))
		for i, dn := range managers {
			names[i] = referenceName(dn)
		}
		slices.Sort(names)
		o.References = append(o.References, connection.Reference{Attribute: connection.Manager, Name: names[0]})
		if len(slices.Compact(names)) > 1 {
			s.many++
			s.example = e.DN
		}
	}
	if gid := e.GetEqualFoldAttributeValue("gidNumber"); gid != "" {
		o.References = append(o.References, connection.Reference{Attribute: connection.MemberOf, Name: gidName(gid)})
	}
	if sid := primaryGroup(e); sid != "" {
		o.References = append(o.References, connection.Reference{Attribute: connection.MemberOf, Name: sidName(sid)})
	}
}

// primaryGroup returns the security identifier of the group that Active Directory keeps in the entry of its member: that of the
// member's domain with the group's number in it (MS-ADTS §3.1.1.4.5.18).
func primaryGroup(e *ldap.Entry) string {
	group := e.GetEqualFoldAttributeValue("primaryGroupID")
	sid := sidText(e.GetEqualFoldRawAttributeValue("objectSid"))
	i := strings.LastIndexByte(sid, '-')
	if _, err := strconv.ParseUint(group, 10, 32); err != nil || i < 0 {
		return ""
	}
	return sid[:i+1] + group
}

// values returns the attributes that are wanted, in the order of their names. Several values of one are in order, too, with the
// one that names the entry first: a server keeps them as a set and may give them in another order tomorrow.
func (s *shaping) values(e *ldap.Entry) scim.Object {
	values := make(scim.Object, 0, len(e.Attributes)+2)
	values = append(values, scim.Attr{Name: "dn", Value: e.DN})
	for _, a := range e.Attributes {
		name, options, _ := strings.Cut(a.Name, ";")
		spelled, ok := s.wants[strings.ToLower(name)]
		if !ok && s.wants["*"] != "" && !isSecret(name) {
			spelled, ok = name, true
		}
		if !ok || strings.EqualFold(name, "manager") || isMembers(name) {
			continue
		}
		if options != "" {
			spelled += ";" + strings.ToLower(options)
		}
		if v := s.value(e, spelled, a); v != nil {
			values = append(values, scim.Attr{Name: spelled, Value: v})
		}
	}
	slices.SortFunc(values[1:], func(a, b scim.Attr) int { return strings.Compare(a.Name, b.Name) })
	return values
}

func isMembers(name string) bool {
	return strings.EqualFold(name, "member") || strings.EqualFold(name, "uniqueMember") || strings.EqualFold(name, "memberUid")
}

// value returns an attribute as a string, or as a List when it has several values. What is not text is left out and counted.
func (s *shaping) value(e *ldap.Entry, name string, a *ldap.EntryAttribute) any {
	if len(a.ByteValues) == 0 { // an attribute that is shown in parts, under other names
		return nil
	}
	if formOf(name) != textForm {
		return idText(name, a.ByteValues[0])
	}
	texts := make([]string, 0, len(a.Values))
	for _, v := range a.Values {
		switch {
		case v == "":
		case !isText(v):
			s.binary[name]++
		default:
			texts = append(texts, shortDN(v))
		}
	}
	switch len(texts) {
	case 0:
		return nil
	case 1:
		return texts[0]
	}
	return ordered(texts, firstValues(e.DN)[attributeType(name)])
}

// ordered sorts values without regard to case, and puts the one that names the entry first.
func ordered(texts []string, first string) scim.List {
	slices.SortFunc(texts, func(a, b string) int {
		x, y := foldText(a), foldText(b)
		if (x == first) != (y == first) {
			if x == first {
				return -1
			}
			return 1
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	list := make(scim.List, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// enabled tells whether the person may sign in, and notes when that changes by the passing of time alone.
func (s *shaping) enabled(e *ldap.Entry) bool {
	enabled, next := standing(e, s.now)
	if !next.IsZero() && (s.next.IsZero() || next.Before(s.next)) {
		s.next = next
	}
	return enabled
}

// versionOf stands for the state of an entry: when it was last changed, its name, which changes with that of a branch above it,
// and whether the person is enabled, which changes with time.
func versionOf(e *ldap.Entry, enabled bool) string {
	h := fnv.New64a()
	h.Write([]byte(e.DN))
	if !enabled {
		h.Write([]byte{0})
	}
	return markOf(e) + "/" + strconv.FormatUint(h.Sum64(), 36)
}

// notes tells what was left out.
func (s *shaping) notes() []string {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(s.binary)) {
		notes = append(notes, fmt.Sprintf("%d values of %s are not text; they are left out", s.binary[name], name))
	}
	if s.many > 0 {
		notes = append(notes, fmt.Sprintf("%d people have several managers, such as %s; the first in the order of names counts", s.many, s.example))
	}
	return notes
}

// peopleAttributes are read of people unless more are asked for.
var peopleAttributes = []string{
	"uid", "cn", "sn", "givenName", "initials", "displayName", "mail", "title", "personalTitle", "employeeNumber", "employeeID", "employeeType",
	"departmentNumber", "department", "division", "company", "o", "ou", "l", "st", "street", "streetAddress", "postalCode", "postalAddress",
	"c", "co", "telephoneNumber", "mobile", "facsimileTelephoneNumber", "homePhone", "pager", "preferredLanguage", "description",
	"physicalDeliveryOfficeName", "roomNumber", "sAMAccountName", "userPrincipalName",
}

var groupAttributes = []string{"cn", "displayName", "description", "mail", "gidNumber", "sAMAccountName", "o", "ou"}

func nameOf(o connection.Object) string {
	for _, name := range []string{"userPrincipalName", "mail", "displayName", "cn", "uid"} {
		switch v := o.Values.Get(name).(type) {
		case string:
			return v
		case scim.List:
			if s, ok := v[0].(string); ok {
				return s
			}
		}
	}
	return o.ID
}

// changeMarks are the attributes that tell that an entry changed, the finest first.
var changeMarks = []string{"entryCSN", "uSNChanged", "modifyTimestamp", "whenChanged"}

func markOf(e *ldap.Entry) string {
	for _, name := range changeMarks {
		if mark := e.GetEqualFoldAttributeValue(name); mark != "" {
			return mark
		}
	}
	return ""
}
