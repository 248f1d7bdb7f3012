package ldap

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
)

// complete makes an object of an entry, with all members of a group.
func (p *pass) complete(e *ldap.Entry) (connection.Object, error) {
	o := p.shaping.object(e)
	if o.ID == "" || p.typ != connection.GroupType {
		return o, nil
	}
	return o, p.members(&o, e)
}

// members adds the members of a group. Active Directory shows 1,500 of them, under a name such as member;range=0-1499, and wants to
// be asked for the rest.
func (p *pass) members(o *connection.Object, e *ldap.Entry) error {
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			o.References = append(o.References, connection.Reference{Attribute: connection.Members, Name: name})
		}
	}
	for _, a := range e.Attributes {
		name, options, _ := strings.Cut(strings.ToLower(a.Name), ";")
		switch name {
		case "memberuid":
			for _, uid := range a.Values {
				add(uidName(uid))
			}
		case "member", "uniquemember":
			take := func(dns []string) {
				for _, dn := range dns {
					add(memberName(name, dn))
				}
			}
			if _, more := nextRange(options, len(a.Values)); !more {
				take(a.Values)
				continue
			}
			same, err := p.parts(e.DN, name, take)
			if err != nil {
				return err
			}
			if !same {
				o.Partial = true
				take(a.Values)
			}
		}
	}
	return nil
}

// parts reads the members from the first on, all of them from one server, and reports whether the group stayed as it was meanwhile:
// between two parts members may have moved up, unseen. What the entry showed is left alone: behind one name there may be several
// domain controllers, and each counts changes by itself.
func (p *pass) parts(dn, attribute string, take func([]string)) (same bool, err error) {
	first, same := "", true
	for next, more := 0, true; more; {
		values, options, stamp, err := p.moreMembers(dn, attribute, next)
		if err != nil {
			return false, err
		}
		if next == 0 {
			first = stamp
		}
		same = same && options != "" && stamp == first
		take(values)
		next, more = nextRange(options, len(values))
	}
	return same, nil
}

func memberName(attribute, dn string) string {
	if attribute == "uniquemember" {
		dn = withoutUID(dn)
	}
	return referenceName(dn)
}

// moreMembers reads the members from a number on, and says which these were and when the group was changed.
func (p *pass) moreMembers(dn, attribute string, from int) (values []string, options, stamp string, err error) {
	c, err := p.aside()
	if err != nil {
		return nil, "", "", err
	}
	request := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
		[]string{fmt.Sprintf("%s;range=%d-*", attribute, from), "uSNChanged"}, c.withGUIDs())
	var entry *ldap.Entry
	_, err = c.search(request, func(e *ldap.Entry) error { entry = e; return nil }, nil)
	if err != nil {
		return nil, "", "", c.translate("read the members of "+dn, err)
	}
	if entry == nil {
		return nil, "", "", c.fault(lockstep.CodeSourceChanged, dn+" is gone while its members are read", nil)
	}
	for _, a := range entry.Attributes {
		if name, options, ok := strings.Cut(strings.ToLower(a.Name), ";"); ok && name == attribute {
			return a.Values, options, entry.GetEqualFoldAttributeValue("uSNChanged"), nil
		}
	}
	return nil, "", "", nil
}

// asideTries is how often a session with the same domain controller is looked for behind a name that stands for several. Another
// one serves as well, but may not have heard yet of what this one has.
const asideTries = 4

// aside returns a session for questions while a search is under way: on one connection the answer would wait behind the rest of
// the search, which waits for us.
func (p *pass) aside() (*session, error) {
	for try := 1; p.side == nil; try++ {
		c, err := p.reader.dial(p.ctx)
		if err != nil {
			return nil, err
		}
		if try < asideTries && c.service() != p.service() {
			c.close()
			continue
		}
		p.side = c
	}
	return p.side, nil
}

func (p *pass) end() {
	if p.side != nil {
		p.side.close()
	}
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
