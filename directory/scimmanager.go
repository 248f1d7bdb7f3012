package directory

import (
	"bytes"
	"context"

	"lockstep/scim"
	"lockstep/scim/filter"
)

var (
	managerWholePath = filter.Path{URN: scim.EnterpriseUserURN, Attr: "manager"}
)

// managers returns the names of those who manage the users of the records, by id: with one query, and none when nobody has a
// manager or the client does not want to see them.
func (e Endpoint) managers(ctx context.Context, kind Kind, want *scim.Projection, records ...Record) (map[string]string, error) {
	if kind != UserKind || want != nil && !want.Wants(e.Schemas.Type(UserKind), managerWholePath) {
		return nil, nil
	}
	var ids []string
	seen := map[string]bool{}
	for i := range records {
		if id, at := managerIn(records[i].Doc); at > 0 && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return nil, nil
	}
	return e.Search.NamesOf(ctx, e.Tenant, ids)
}

// withManager adds $ref and displayName to the manager in the document of a user (RFC 7643 §4.3). A manager without a name does
// not exist, or no longer: they are the id alone.
func (e Endpoint) withManager(doc []byte, names map[string]string) []byte {
	if len(names) == 0 {
		return doc
	}
	id, at := managerIn(doc)
	name, ok := names[id]
	if at == 0 || !ok {
		return doc
	}
	b := make([]byte, 0, len(doc)+len(e.Base)+len(id)+len(name)+48)
	b = scim.AppendValue(append(append(b, doc[:at]...), `,"$ref":`...), e.Base+userType().Endpoint+"/"+id)
	b = scim.AppendValue(append(b, `,"displayName":`...), name)
	return append(b, doc[at:]...)
}

func hasManager(doc []byte) bool {
	_, at := managerIn(doc)
	return at > 0
}

var managerName = []byte(`"manager":{"value":"`)

// managerIn finds the manager in the document of a user: their id, and where it ends. It looks at the bytes, which are as
// scim.AppendJSON wrote them, since most users of a page are passed on without decoding them. at is 0 when there is none.
func managerIn(doc []byte) (id string, at int) {
	if !bytes.Contains(doc, managerName) { // as of most
		return "", 0
	}
	begin := bytes.Index(doc, enterpriseName)
	if begin < 0 {
		return "", 0
	}
	begin += len(enterpriseName)
	i := bytes.Index(doc[begin:], managerName)
	if i < 0 || !sameLevel(doc[begin:begin+i]) {
		return "", 0
	}
	begin += i + len(managerName)
	end := bytes.IndexByte(doc[begin:], '"')
	if end < 0 || bytes.IndexByte(doc[begin:begin+end], '\\') >= 0 || doc[begin+end+1] != '}' { // no id of ours, or more than an id
		return "", 0
	}
	return string(doc[begin : begin+end]), begin + end + 1
}

// sameLevel reports whether what begins within an object ends in the same one: another extension may have a manager, too.
func sameLevel(part []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(part); i++ {
		switch c := part[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}
