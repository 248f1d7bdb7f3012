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
	var done []string
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
		if err := p.away(suffix, "(&"+since+until+")", here); err != nil {
			return err
		}
		all, err := p.tombstones(suffix, "(&(isDeleted=TRUE)"+since+until+")")
		if err != nil {
			return err
		}
		told = told && all
	}
	p.told = told
	return p.flush()
}

// away names those who have changed and are not here.
func (p *pass) away(suffix, filter string, here map[string]bool) error {
	_, err := p.pages([]string{suffix}, filter, []string{p.id}, func(entries []*ldap.Entry) error {
		for _, e := range entries {
			if id := idOf(e, p.id); id != "" && !here[id] {
				p.page.Gone = append(p.page.Gone, id)
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
func (p *pass) tombstones(suffix, filter string) (all bool, err error) {
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
			p.page.Gone = append(p.page.Gone, id)
		}
		return p.flush()
	}, ldap.NewControlMicrosoftShowDeleted())
	if lockstep.CodeOf(err) == lockstep.CodeSourceLimit {
		return false, nil
	}
	return all, err
}

// get reads objects of one type by their ids, fifty at a time.
func (p *pass) get(ids []string) ([]connection.Object, error) {
	var found []connection.Object
	known := map[string]bool{}
	for some := range slices.Chunk(ids, 50) {
		any := ""
		for _, id := range some {
			any += idFilter(p.id, id)
		}
		_, err := p.pages(p.bases, "(&"+p.everything(p.class)+"(|"+any+"))", p.allAttributes(p.id), func(entries []*ldap.Entry) error {
			for _, e := range entries {
				e.DN = shortDN(e.DN)
				o, err := p.complete(e)
				if err != nil {
					return err
				}
				if o.ID != "" && !known[o.ID] && !p.isOwn(e) {
					known[o.ID] = true
					found = append(found, o)
				}
			}
			return nil
		}, p.withGUIDs()...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
