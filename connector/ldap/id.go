package ldap

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
)

// defaultIDs are what servers keep for good of an entry, whatever happens to its name.
var defaultIDs = []string{"entryUUID", "nsUniqueId", "objectGUID", "ipaUniqueID", "GUID"}

// base64Mark begins the id that was made of a value that is not text, of an attribute that was thought to hold text.
const base64Mark = "base64:"

// How the values of an attribute become ids and ids values again. It depends on the attribute, never on the value alone: of sixteen
// random bytes some are text by chance.
type idForm int

const (
	textForm   idForm = iota // as it is
	lowerForm                // a UUID as text: one case
	guidForm                 // objectGUID: sixteen bytes
	base64Form               // other bytes, as Microsoft Entra writes them
	sidForm                  // a security identifier
)

func formOf(attribute string) idForm {
	switch strings.ToLower(attribute) {
	case "entryuuid", "nsuniqueid", "ipauniqueid", "ds-entry-unique-id":
		return lowerForm
	case "objectguid":
		return guidForm
	case "ms-ds-consistencyguid", "guid", "msexchmailboxguid":
		return base64Form
	case "objectsid":
		return sidForm
	}
	return textForm
}

// idOf returns the attribute's value as the id of an object, or "" when the entry does not show it. Of several values it is the
// one that names the entry, else the first in order, so that the id does not change with the order in which a server gives them.
func idOf(e *ldap.Entry, attribute string) string {
	raw := e.GetEqualFoldRawAttributeValues(attribute)
	switch len(raw) {
	case 0:
		return ""
	case 1:
		return idText(attribute, raw[0])
	}
	ids := make([]string, len(raw))
	for i, value := range raw {
		ids[i] = idText(attribute, value)
	}
	slices.Sort(ids)
	if name, ok := firstValues(e.DN)[strings.ToLower(attribute)]; ok {
		for _, id := range ids {
			if foldText(id) == name {
				return id
			}
		}
	}
	return ids[0]
}

func idText(attribute string, raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	switch formOf(attribute) {
	case lowerForm:
		return strings.ToLower(string(raw))
	case guidForm:
		if len(raw) == 16 {
			return swapGUID(uuid.UUID(raw)).String()
		}
		return base64.StdEncoding.EncodeToString(raw)
	case base64Form:
		return base64.StdEncoding.EncodeToString(raw)
	case sidForm:
		return sidText(raw)
	}
	if text := string(raw); isText(text) && !strings.HasPrefix(text, base64Mark) {
		return text
	}
	return base64Mark + base64.StdEncoding.EncodeToString(raw)
}

// isText reports whether a value can be shown to people.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' })
}

// idBytes is the inverse of idText.
func idBytes(attribute, id string) []byte {
	switch formOf(attribute) {
	case guidForm:
		if u, err := uuid.Parse(id); err == nil {
			u = swapGUID(u)
			return u[:]
		}
		return decoded(id)
	case base64Form:
		return decoded(id)
	case sidForm:
		return sidBytes(id)
	}
	if text, ok := strings.CutPrefix(id, base64Mark); ok {
		return decoded(text)
	}
	return []byte(id)
}

func decoded(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil // it names nobody
	}
	return b
}

// idFilter returns a filter that finds the object with the id.
func idFilter(attribute, id string) string {
	raw := idBytes(attribute, id)
	if form := formOf(attribute); form == textForm || form == lowerForm {
		return "(" + attribute + "=" + ldap.EscapeFilter(string(raw)) + ")"
	}
	var value strings.Builder
	for _, b := range raw {
		fmt.Fprintf(&value, `\%02x`, b)
	}
	return "(" + attribute + "=" + value.String() + ")"
}

// swapGUID turns the byte order of Active Directory into that of RFC 9562, and back: the first three fields are little-endian
// (MS-DTYP §2.3.4).
func swapGUID(u uuid.UUID) uuid.UUID {
	binary.BigEndian.PutUint32(u[0:], binary.LittleEndian.Uint32(u[0:]))
	binary.BigEndian.PutUint16(u[4:], binary.LittleEndian.Uint16(u[4:]))
	binary.BigEndian.PutUint16(u[6:], binary.LittleEndian.Uint16(u[6:]))
	return u
}

// sidText writes a security identifier (MS-DTYP §2.4.2) as S-1-5-21-…, or "" when it is none.
func sidText(raw []byte) string {
	if len(raw) < 8 || raw[0] != 1 || len(raw) != 8+4*int(raw[1]) {
		return ""
	}
	var authority [8]byte
	copy(authority[2:], raw[2:8])
	text := "S-1-" + strconv.FormatUint(binary.BigEndian.Uint64(authority[:]), 10)
	for i := range int(raw[1]) {
		text += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32(raw[8+4*i:])), 10)
	}
	return text
}

func sidBytes(text string) []byte {
	parts := strings.Split(text, "-")
	if len(parts) < 3 || len(parts) > 18 || !strings.EqualFold(parts[0], "S") || parts[1] != "1" {
		return nil
	}
	authority, err := strconv.ParseUint(parts[2], 10, 48)
	if err != nil {
		return nil
	}
	raw := binary.BigEndian.AppendUint64(nil, authority)
	raw[0], raw[1] = 1, byte(len(parts)-3)
	for _, part := range parts[3:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil
		}
		raw = binary.LittleEndian.AppendUint32(raw, uint32(n))
	}
	return raw
}
