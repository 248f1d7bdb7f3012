package ldap

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
)

// keys is what the first pass finds.
type keys struct {
	id        string                    // attribute that identifies
	refs      map[string]connection.Ref // by folded DN
	uids      map[string]string         // uid → id of the person, for posixGroup
	people    int
	groups    int
	nameless  []string  // DNs without id
	referrals []string  // where else there may be entries
	newest    time.Time // change of an entry whose mark counts in seconds only
	digest    string    // of ids, DNs and change marks
}

// changeMarks are the attributes that tell that an entry changed, the finest first.
var changeMarks = []string{"entryCSN", "uSNChanged", "modifyTimestamp", "whenChanged"}

// scan reads the keys of all people and groups.
func (s *Source) scan(c *session) (*keys, error) {
	k := &keys{refs: map[string]connection.Ref{}, uids: map[string]string{}}
	ids := []string{"entryUUID", "nsUniqueId", "objectGUID"}
	if s.config.ID != "" {
		ids = []string{s.config.ID}
	}
	var sum [sha256.Size]byte
	note := func(typ string, e *ldap.Entry) {
		id := k.identify(e, ids)
		if id == "" {
			k.nameless = append(k.nameless, e.DN)
			return
		}
		k.refs[foldDN(e.DN)] = connection.Ref{Type: typ, ID: id}
		if uid := e.GetEqualFoldAttributeValue("uid"); typ == userType && uid != "" {
			k.uids[strings.ToLower(uid)] = id
		}
		if e.GetEqualFoldAttributeValue("entryCSN") == "" && e.GetEqualFoldAttributeValue("uSNChanged") == "" {
			if at := changedAt(e); at.After(k.newest) {
				k.newest = at
			}
		}
		one := sha256.Sum256([]byte(typ + "\x00" + id + "\x00" + e.DN + "\x00" + markOf(e)))
		for i := range sum { // the order of entries does not matter
			sum[i] ^= one[i]
		}
	}
	attributes := append(slices.Clone(changeMarks), "uid")
	attributes = append(attributes, ids...)
	referrals, err := c.pages(s.config.PeopleBases, s.config.PeopleFilter, attributes, func(entries []*ldap.Entry) error {
		for _, e := range entries {
			k.people++
			note(userType, e)
		}
		return nil
	})
	if err == nil {
		k.referrals = referrals
		referrals, err = c.pages(s.config.GroupsBases, s.config.GroupsFilter, attributes, func(entries []*ldap.Entry) error {
			for _, e := range entries {
				k.groups++
				note(groupType, e)
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	k.referrals = s.elsewhere(append(k.referrals, referrals...))
	if len(k.refs) == 0 && len(k.nameless) > 0 {
		return nil, s.fault(lockstep.CodeSourceMalformed, fmt.Sprintf("it shows %d entries, but of none of them %s; let the account read it or choose another id attribute", len(k.nameless), strings.Join(ids, ", ")), nil)
	}
	k.digest = s.seal(sum, k)
	return k, nil
}

// settle is how long a change mark of whole seconds is not relied upon; clocks may differ that much.
const settle = time.Minute

// seal makes the cursor's digest: of the keys and of the settings that change what is read.
func (s *Source) seal(sum [sha256.Size]byte, k *keys) string {
	h := sha256.New()
	c := s.config
	fmt.Fprintf(h, "%q %q %q %q %q %q\n", c.PeopleBases, c.GroupsBases, c.PeopleFilter, c.GroupsFilter, c.Attributes, c.ID)
	fmt.Fprintf(h, "%d %d %q %q\n", k.people, k.groups, k.nameless, k.referrals)
	h.Write(sum[:])
	if now := s.config.Now(); now.Sub(k.newest) < settle { // it may change once more without getting another mark
		fmt.Fprintf(h, "%d\n", now.UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// identify returns the entry's id and settles which attribute holds it.
func (k *keys) identify(e *ldap.Entry, candidates []string) string {
	if k.id != "" {
		return idOf(e, k.id)
	}
	for _, name := range candidates {
		if id := idOf(e, name); id != "" {
			k.id = name
			return id
		}
	}
	return ""
}

func markOf(e *ldap.Entry) string {
	for _, name := range changeMarks {
		if mark := e.GetEqualFoldAttributeValue(name); mark != "" {
			return mark
		}
	}
	return ""
}

// elsewhere returns the referrals that may hide people. Active Directory always refers to partitions that hold none.
func (s *server) elsewhere(referrals []string) []string {
	slices.Sort(referrals)
	return slices.DeleteFunc(slices.Compact(referrals), func(r string) bool {
		r = strings.ToLower(r)
		return strings.Contains(r, "/cn=configuration,") || strings.Contains(r, "/dc=forestdnszones,") || strings.Contains(r, "/dc=domaindnszones,")
	})
}

// mark returns the server's mark of its last change, or "".
func (c *session) mark() (string, error) {
	p, err := c.position(slices.Concat(c.config.PeopleBases, c.config.GroupsBases))
	return p.text(), err
}
