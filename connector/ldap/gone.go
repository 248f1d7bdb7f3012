package ldap

import (
	"fmt"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
)

// gone asks Active Directory who has left since the mark: whose entry was deleted, which leaves a tombstone, and whose entry was
// changed and is not among those that are read any more, as it was moved or the filter does not fit it. Here are the ids that the
// changes have shown.
//
// Tombstones are shown to administrators and to whom they allow it. Where they are not, p.told stays false and all names are read
// now and then.
func (p *pass) gone(here map[string]bool) error {
	told := true
	var done, maybe []string // who is gone unless another entry has their id
	for _, base := range p.bases {
		suffix := p.suffixOf(base)
		if suffix == "" || slices.Contains(done, suffix) {
			told = told && suffix != ""
			continue
		}
		done = append(done, suffix)
		since, _ := p.since(base)
		// Not what changed after the pass began: it may be missing from here only because it came later.
		until := fmt.Sprintf("(uSNChanged<=%d)", p.at.USN)
		name := func(id string) {
			switch {
			case here[id]:
			case isKept(p.id):
				p.page.Gone = append(p.page.Gone, id)
			default:
				here[id] = true // once is enough
				maybe = append(maybe, id)
			}
		}
		if err := p.away(suffix, "(&"+since+until+")", name); err != nil {
			return err
		}
		all, err := p.tombstones(suffix, "(&(isDeleted=TRUE)"+since+until+")", name)
		if err != nil {
			return err
		}
		told = told && all
	}
	p.told = told
	if err := p.stillHere(maybe); err != nil {
		return err
	}
	return p.flush()
}

// away names those who have changed; whoever is here is not gone.
func (p *pass) away(suffix, filter string, name func(id string)) error {
	_, err := p.pages([]string{suffix}, filter, []string{p.id}, func(entries []*ldap.Entry) error {
		for _, e := range entries {
			if id := idOf(e, p.id); id != "" {
				name(id)
			}
		}
		return p.flush()
	})
	if lockstep.CodeOf(err) == lockstep.CodeSourceLimit {
		return nil // the names will tell
	}
	return err
}

// tombstones names those whose entries were deleted, and reports whether that are all.
func (p *pass) tombstones(suffix, filter string, name func(id string)) (all bool, err error) {
	deleted := "CN=Deleted Objects," + suffix
	seen := false
	request := ldap.NewSearchRequest(deleted, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"1.1"},
		[]ldap.Control{ldap.NewControlMicrosoftShowDeleted()})
	_, err = p.session.search(request, func(*ldap.Entry) error { seen = true; return nil }, nil)
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject), ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights), err == nil && !seen:
		return false, nil
	case err != nil:
		return false, p.translate("read "+deleted, err)
	}
	all = true
	_, err = p.pages([]string{suffix}, filter, []string{p.id}, func(entries []*ldap.Entry) error {
		for _, e := range entries {
			id := idOf(e, p.id)
			if id == "" { // an attribute that tombstones do not keep
				all = false
				continue
			}
			name(id)
		}
		return p.flush()
	}, ldap.NewControlMicrosoftShowDeleted())
	if lockstep.CodeOf(err) == lockstep.CodeSourceLimit {
		return false, nil
	}
	return all, err
}

// get reads objects of one type by their ids. Of an id that several entries have none is returned: it is hidden.
func (p *pass) get(ids []string) (found []connection.Object, hidden []connection.Hidden, err error) {
	for some := range slices.Chunk(ids, idsAtOnce) {
		known := map[string]string{} // DNs by id
		twice := map[string]bool{}
		var these []connection.Object
		_, err := p.pages(p.bases, p.anyOf(p.class, p.id, some), p.allAttributes(p.id), func(entries []*ldap.Entry) error {
			for _, e := range entries {
				e.DN = shortDN(e.DN)
				o, err := p.complete(e)
				if err != nil {
					return err
				}
				switch before, again := known[o.ID]; {
				case o.ID == "" || p.isOwn(e):
				case !again:
					known[o.ID] = e.DN
					these = append(these, o)
				case before != e.DN && !twice[o.ID]:
					twice[o.ID] = true
					hidden = append(hidden, p.twin(e.DN, o.ID))
				}
			}
			return nil
		}, p.withGUIDs()...)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, slices.DeleteFunc(these, func(o connection.Object) bool { return twice[o.ID] })...)
	}
	return found, hidden, nil
}
