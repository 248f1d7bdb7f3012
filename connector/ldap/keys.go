package ldap

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

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
	referrals, err := c.pages(s.config.PeopleBase, s.config.PeopleFilter, attributes, func(entries []*ldap.Entry) error {
		for _, e := range entries {
			k.people++
			note(userType, e)
		}
		return nil
	})
	if err == nil && s.config.GroupsBase != "-" {
		k.referrals = referrals
		referrals, err = c.pages(s.config.GroupsBase, s.config.GroupsFilter, attributes, func(entries []*ldap.Entry) error {
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
	fmt.Fprintf(h, "%q %q %q %q %q %q\n", c.PeopleBase, c.GroupsBase, c.PeopleFilter, c.GroupsFilter, c.Attributes, c.ID)
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

// idOf returns the attribute's value as text. objectGUID is binary: a UUID whose first three fields are little-endian (MS-DTYP
// §2.3.4).
func idOf(e *ldap.Entry, name string) string {
	if !strings.EqualFold(name, "objectGUID") {
		return e.GetEqualFoldAttributeValue(name)
	}
	raw := e.GetEqualFoldRawAttributeValue(name)
	if len(raw) != 16 {
		return ""
	}
	return swapGUID(uuid.UUID(raw)).String()
}

// swapGUID turns the byte order of Active Directory into that of RFC 9562, and back.
func swapGUID(u uuid.UUID) uuid.UUID {
	binary.BigEndian.PutUint32(u[0:], binary.LittleEndian.Uint32(u[0:]))
	binary.BigEndian.PutUint16(u[4:], binary.LittleEndian.Uint16(u[4:]))
	binary.BigEndian.PutUint16(u[6:], binary.LittleEndian.Uint16(u[6:]))
	return u
}

// idFilter returns a filter that finds the object with the id.
func idFilter(attribute, id string) string {
	value := ldap.EscapeFilter(id)
	if u, err := uuid.Parse(id); err == nil && strings.EqualFold(attribute, "objectGUID") {
		u = swapGUID(u)
		value = ""
		for _, b := range u {
			value += fmt.Sprintf(`\%02x`, b)
		}
	}
	return "(" + attribute + "=" + value + ")"
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
func (s *Source) elsewhere(referrals []string) []string {
	slices.Sort(referrals)
	return slices.DeleteFunc(slices.Compact(referrals), func(r string) bool {
		r = strings.ToLower(r)
		return strings.Contains(r, "/cn=configuration,") || strings.Contains(r, "/dc=forestdnszones,") || strings.Contains(r, "/dc=domaindnszones,")
	})
}

// foldDN writes a DN so that two spellings of the same compare equal: no blanks around separators, lower case, values of an
// RDN in order (RFC 4514).
func foldDN(dn string) string {
	if plain(dn) {
		return strings.ToLower(dn)
	}
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(dn))
	}
	rdns := make([]string, len(parsed.RDNs))
	for i, rdn := range parsed.RDNs {
		parts := make([]string, len(rdn.Attributes))
		for j, a := range rdn.Attributes {
			parts[j] = strings.ToLower(a.Type) + "=" + foldValue(a.Value)
		}
		slices.Sort(parts)
		rdns[i] = strings.Join(parts, "+")
	}
	return strings.Join(rdns, ",")
}

// plain reports whether a DN holds nothing that could be written in two ways but letter case.
func plain(dn string) bool {
	value := false // after the equals sign of an RDN
	for i := range len(dn) {
		switch c := dn[i]; {
		case c == '\\' || c == '"' || c == '+' || c == ';' || c == '#' || c < ' ' || c >= 0x80, c == '=' && value:
			return false
		case c == ' ' && (i == 0 || i == len(dn)-1 || strings.IndexByte(",= ", dn[i-1]) >= 0 || strings.IndexByte(",=", dn[i+1]) >= 0):
			return false
		case c == '=' || c == ',':
			value = c == '='
		}
	}
	return true
}

// foldValue writes a value in lower case with separators escaped, so that no value looks like two.
func foldValue(v string) string {
	v = strings.Join(strings.Fields(strings.ToLower(v)), " ")
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "+", `\+`, "=", `\=`).Replace(v)
}

// within reports whether a DN is the suffix or below it.
func within(dn, suffix string) bool {
	dn, suffix = foldDN(dn), foldDN(suffix)
	return dn == suffix || strings.HasSuffix(dn, ","+suffix)
}
