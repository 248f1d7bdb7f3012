package ldap

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

// Read reads the directory unless its keys are what the cursor stands for. Cursors are
//
//	""                      everything from the start
//	<digest>/<mark>         the directory with these keys has been read, at the server's mark
//	<digest>/+<n>           so have n of its entries
//
// A mark may be empty; it never begins with a plus sign.
func (s *Source) Read(ctx context.Context, from connection.Cursor, page func(connection.Page) error) error {
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	mark, err := c.mark()
	if err != nil {
		return err
	}
	digest, at, _ := strings.Cut(string(from), "/")
	done, within := strings.CutPrefix(at, "+")
	if from != "" && !within && mark != "" && at == mark {
		return page(connection.Page{Next: from, Last: true})
	}
	k, err := s.scan(c)
	if err != nil {
		return err
	}
	r := &reading{session: c, keys: k, send: page, last: connection.Cursor(k.digest + "/" + mark)}
	switch {
	case within && digest != k.digest:
		return lockstep.ErrCursorExpired
	case within:
		if r.skip, err = strconv.Atoi(done); err != nil {
			return lockstep.ErrCursorExpired
		}
	case digest == k.digest:
		return page(connection.Page{Next: r.last, Last: true})
	}
	return r.run(ctx)
}

// reading is the second pass.
type reading struct {
	*session
	*keys
	skip, row int
	last      connection.Cursor
	send      func(connection.Page) error
	strangers int // managers who are not among the people
	stranger  string
}

// peopleAttributes are read of people unless more are asked for.
var peopleAttributes = []string{
	"uid", "cn", "sn", "givenName", "initials", "displayName", "mail", "title", "personalTitle", "employeeNumber", "employeeID", "employeeType",
	"departmentNumber", "department", "division", "company", "o", "ou", "l", "st", "street", "streetAddress", "postalCode", "postalAddress",
	"c", "co", "telephoneNumber", "mobile", "facsimileTelephoneNumber", "homePhone", "pager", "preferredLanguage", "description",
	"physicalDeliveryOfficeName", "roomNumber", "sAMAccountName", "userPrincipalName",
}

var groupAttributes = []string{"cn", "displayName", "description", "mail", "gidNumber", "sAMAccountName", "o", "ou"}

// Attributes that say something about an entry without being values of the object.
var (
	stateAttributes  = append(slices.Clone(changeMarks), standingAttributes...)
	memberAttributes = []string{"member", "uniqueMember", "memberUid"}
)

func (s *server) attributes(typ, id string) []string {
	list := append(slices.Clone(stateAttributes), id)
	if typ == groupType {
		return append(append(list, groupAttributes...), memberAttributes...)
	}
	return append(append(append(list, "manager"), peopleAttributes...), s.config.Attributes...)
}

func (r *reading) run(ctx context.Context) error {
	wanted := r.attributes(userType, r.id)
	if _, err := r.pages(r.config.PeopleBases, r.config.PeopleFilter, wanted, func(e []*ldap.Entry) error { return r.page(ctx, userType, e) }); err != nil {
		return err
	}
	wanted = r.attributes(groupType, r.id)
	if _, err := r.pages(r.config.GroupsBases, r.config.GroupsFilter, wanted, func(e []*ldap.Entry) error { return r.page(ctx, groupType, e) }); err != nil {
		return err
	}
	p := connection.Page{Bad: r.notes(), Next: r.last, Last: true}
	return r.give(p)
}

// give sends a page. The read is whole when nothing that there may be was withheld.
func (r *reading) give(p connection.Page) error {
	p.Whole = len(r.nameless) == 0 && len(r.referrals) == 0
	p.Total = r.people + r.groups
	return r.send(p)
}

func (r *reading) page(ctx context.Context, typ string, entries []*ldap.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var p connection.Page
	for _, e := range entries {
		if r.row++; r.row <= r.skip {
			continue
		}
		o, bad := r.object(typ, e)
		if bad != nil {
			p.Bad = append(p.Bad, *bad)
		}
		if o.ID != "" {
			p.Objects = append(p.Objects, o)
		}
	}
	if r.row <= r.skip || len(entries) == 0 {
		return nil
	}
	p.Next = connection.Cursor(fmt.Sprintf("%s/+%d", r.digest, r.row))
	return r.give(p)
}

// notes are the bad objects that belong to no page.
func (r *reading) notes() []connection.Bad {
	var bad []connection.Bad
	for _, dn := range r.nameless {
		bad = append(bad, connection.Bad{Name: dn, Err: r.fault(lockstep.CodeSourceRow, dn+" has no "+or(r.id, "id"), nil)})
	}
	for _, url := range r.referrals {
		bad = append(bad, connection.Bad{Name: url, Err: r.fault(lockstep.CodeSourceReferral, "a part of the directory is at "+url+"; its people are not read", nil)})
	}
	if r.strangers > 0 {
		detail := fmt.Sprintf("%d people have a manager who is not among those that are read, such as %s", r.strangers, r.stranger)
		bad = append(bad, connection.Bad{Name: r.stranger, Err: r.fault(lockstep.CodeSourceRow, detail, nil)})
	}
	return bad
}

// object makes an object of an entry, and tells what is wrong with it.
func (r *reading) object(typ string, e *ldap.Entry) (connection.Object, *connection.Bad) {
	ref := connection.Ref{Type: typ, ID: idOf(e, r.id)}
	if ref.ID == "" {
		return connection.Object{}, nil // told by notes
	}
	o := connection.Object{Ref: ref, Version: markOf(e), Time: changedAt(e), Enabled: isEnabled(e)}
	o.Values = make(scim.Object, 0, len(e.Attributes))
	o.Values = append(o.Values, scim.Attr{Name: "dn", Value: e.DN})
	for _, a := range e.Attributes {
		if v := value(a); v != nil && !r.hidden(a.Name) {
			o.Values = append(o.Values, scim.Attr{Name: a.Name, Value: v})
		}
	}
	o.Name = nameOf(o)
	if typ == groupType {
		return r.members(o, e)
	}
	o.Values.Set("active", o.Enabled)
	if dn := e.GetEqualFoldAttributeValue("manager"); dn != "" {
		if to, ok := r.refs[foldDN(dn)]; ok && to.Type == userType {
			o.References = []connection.Reference{{Attribute: managerAttribute, To: to}}
		} else {
			r.strangers++
			r.stranger = dn
		}
	}
	return o, nil
}

// hidden reports whether an attribute is no value of the object.
func (r *reading) hidden(name string) bool {
	name, _, _ = strings.Cut(name, ";")
	is := func(list []string) bool {
		return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, name) })
	}
	wanted := is(r.config.Attributes)
	return strings.EqualFold(name, r.id) || strings.EqualFold(name, "manager") || is(memberAttributes) || (is(stateAttributes) && !wanted)
}

// value returns an attribute as a string, or as a List when it has several values. What is not text is left out.
func value(a *ldap.EntryAttribute) any {
	var list scim.List
	for _, v := range a.Values {
		if v != "" && utf8.ValidString(v) {
			list = append(list, v)
		}
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}

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

// isEnabled tells whether the person may sign in.
func isEnabled(e *ldap.Entry) bool {
	enabled, _ := standing(e, time.Now())
	return enabled
}

// members adds the edges to a group. Members who are not read are told once for the group.
func (r *reading) members(o connection.Object, e *ldap.Entry) (connection.Object, *connection.Bad) {
	seen := map[connection.Ref]bool{}
	unknown, example := 0, ""
	add := func(to connection.Ref, ok bool, name string) {
		switch {
		case !ok:
			unknown++
			example = name
		case !seen[to]:
			seen[to] = true
			o.References = append(o.References, connection.Reference{Attribute: memberAttribute, To: to})
		}
	}
	dns, err := r.allMembers(e)
	if err != nil { // what is known stays, nobody is removed
		o.Partial = true
		return o, &connection.Bad{Name: e.DN, Err: err}
	}
	for _, dn := range dns {
		to, ok := r.refs[foldDN(dn)]
		add(to, ok, dn)
	}
	for _, uid := range e.GetEqualFoldAttributeValues("memberUid") {
		id, ok := r.uids[strings.ToLower(uid)]
		add(connection.Ref{Type: userType, ID: id}, ok, uid)
	}
	if unknown == 0 {
		return o, nil
	}
	detail := fmt.Sprintf("the group %s has %d members that are not among the people and groups that are read, such as %s", e.DN, unknown, example)
	return o, &connection.Bad{Name: e.DN, Err: r.fault(lockstep.CodeSourceRow, detail, nil)}
}

// allMembers returns the DNs of a group's members. Active Directory shows 1,500 of them, under a name such as
// member;range=0-1499, and wants to be asked for the rest.
func (r *reading) allMembers(e *ldap.Entry) ([]string, error) {
	var dns []string
	for _, a := range e.Attributes {
		name, options, _ := strings.Cut(strings.ToLower(a.Name), ";")
		if name != "member" && name != "uniquemember" {
			continue
		}
		if name == "uniquemember" {
			for i := range a.Values {
				a.Values[i] = withoutUID(a.Values[i])
			}
		}
		dns = append(dns, a.Values...)
		for next, more := nextRange(options, len(a.Values)); more; {
			entry, err := r.lookUp(e.DN, fmt.Sprintf("%s;range=%d-*", name, next))
			if err != nil {
				return nil, err
			}
			more = false
			if entry == nil {
				break
			}
			for _, part := range entry.Attributes {
				if _, options, ok := strings.Cut(strings.ToLower(part.Name), ";"); ok && len(part.Values) > 0 {
					dns = append(dns, part.Values...)
					next, more = nextRange(options, len(part.Values))
				}
			}
		}
	}
	return dns, nil
}

// nextRange reads the option range=0-1499 of an attribute and returns where the next part begins. range=1500-* is the last.
func nextRange(options string, values int) (next int, more bool) {
	for option := range strings.SplitSeq(options, ";") {
		span, ok := strings.CutPrefix(option, "range=")
		if !ok {
			continue
		}
		_, last, _ := strings.Cut(span, "-")
		if n, err := strconv.Atoi(last); err == nil && values > 0 {
			return n + 1, true
		}
	}
	return 0, false
}

// byID reads some objects of a type.
func (s *Source) byID(c *session, k *keys, typ string, ids []string) ([]connection.Object, error) {
	filter, bases := s.config.PeopleFilter, s.config.PeopleBases
	if typ == groupType {
		filter, bases = s.config.GroupsFilter, s.config.GroupsBases
	}
	if k.id == "" {
		return nil, nil
	}
	var any strings.Builder
	for _, id := range ids {
		any.WriteString(idFilter(k.id, id))
	}
	r := &reading{session: c, keys: k}
	var found []connection.Object
	_, err := c.pages(bases, "(&"+filter+"(|"+any.String()+"))", s.attributes(typ, k.id), func(entries []*ldap.Entry) error {
		for _, e := range entries {
			if o, _ := r.object(typ, e); o.ID != "" {
				found = append(found, o)
			}
		}
		return nil
	})
	return found, err
}
