package ldap

import (
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/text/unicode/norm"

	"lockstep/scim/filter"
)

// foldDN writes a DN so that all spellings of it are one (RFC 4514): no blanks around separators, attribute types in lower case
// and under their names, values folded as names are everywhere in the program, composed letters, and the parts of an RDN in order.
func foldDN(dn string) string {
	if plain(dn) {
		return strings.ToLower(dn)
	}
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return foldText(strings.TrimSpace(dn))
	}
	rdns := make([]string, len(parsed.RDNs))
	for i, rdn := range parsed.RDNs {
		parts := make([]string, len(rdn.Attributes))
		for j, a := range rdn.Attributes {
			parts[j] = attributeType(a.Type) + "=" + foldValue(a.Value)
		}
		slices.Sort(parts)
		rdns[i] = strings.Join(parts, "+")
	}
	return strings.Join(rdns, ",")
}

// shortNames are the attribute types that a DN may spell as a number (RFC 4514 §3, RFC 4519).
var shortNames = map[string]string{
	"2.5.4.3": "cn", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.6": "c", "2.5.4.9": "street",
	"0.9.2342.19200300.100.1.25": "dc", "0.9.2342.19200300.100.1.1": "uid",
	"commonname": "cn", "localityname": "l", "stateorprovincename": "st", "organizationname": "o", "organizationalunitname": "ou",
	"countryname": "c", "streetaddress": "street", "domaincomponent": "dc", "userid": "uid",
}

func attributeType(name string) string {
	name = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "oid.")
	return or(shortNames[name], name)
}

// plain reports whether a DN holds nothing that could be written in two ways but letter case.
func plain(dn string) bool {
	value := false // after the equals sign of an RDN
	begin := 0     // of the RDN
	for i := range len(dn) {
		switch c := dn[i]; {
		case c == '\\' || c == '"' || c == '+' || c == ';' || c == '#' || c < ' ' || c >= 0x80, c == '=' && value:
			return false
		case c == ' ' && (i == 0 || i == len(dn)-1 || strings.IndexByte(",= ", dn[i-1]) >= 0 || strings.IndexByte(",=", dn[i+1]) >= 0):
			return false
		case c == '=':
			if i-begin > 3 || i == begin || dn[begin] <= '9' { // a long name or a number may have a short one
				return false
			}
			value = true
		case c == ',':
			value, begin = false, i+1
		}
	}
	return true
}

// foldValue folds a value and escapes separators, so that no value looks like two.
func foldValue(v string) string {
	v = strings.Join(strings.Fields(foldText(v)), " ")
	return separators.Replace(v)
}

var separators = strings.NewReplacer(`\`, `\\`, ",", `\,`, "+", `\+`, "=", `\=`)

func foldText(s string) string {
	return norm.NFC.String(filter.Fold(norm.NFC.String(s)))
}

// within reports whether a DN is the suffix or below it. Both are folded.
func within(dn, suffix string) bool {
	return suffix == "" || dn == suffix || strings.HasSuffix(dn, ","+suffix)
}

// withoutUID removes the optional bit string of a name and optional UID (RFC 4517 §3.3.21): cn=x,dc=y#'01'B.
func withoutUID(s string) string {
	if i := strings.LastIndex(s, "#'"); i >= 0 && strings.HasSuffix(s, "'B") {
		return s[:i]
	}
	return s
}

// firstValues returns the values of a DN's first part, folded, by attribute type: those that name the entry.
func firstValues(dn string) map[string]string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, a := range parsed.RDNs[0].Attributes {
		values[attributeType(a.Type)] = foldText(a.Value)
	}
	return values
}

// Active Directory keeps references by the object, not by its name: a group does not change when a member is renamed, moved or
// deleted. So it is asked to write DNs as <GUID=…>;<SID=…>;CN=… (MS-ADTS §3.1.1.3.4.1.5), and its references go by the GUID.

// withGUIDs is the control that has it do so, with the GUIDs in their usual form.
func (c *session) withGUIDs() []ldap.Control {
	if !c.isAD() {
		return nil
	}
	return []ldap.Control{ldap.NewControlString(extendedDNControl, true, "\x30\x03\x02\x01\x01")}
}

// shortDN returns a DN without its GUID and SID.
func shortDN(dn string) string {
	for strings.HasPrefix(dn, "<") {
		_, rest, ok := strings.Cut(dn, ">;")
		if !ok {
			return dn
		}
		dn = rest
	}
	return dn
}

// referenceName returns the name by which a reference finds the object.
func referenceName(dn string) string {
	if rest, ok := strings.CutPrefix(dn, "<GUID="); ok {
		guid, _, _ := strings.Cut(rest, ">")
		return guidName(guid)
	}
	return foldDN(dn)
}
