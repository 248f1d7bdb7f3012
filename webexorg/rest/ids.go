package rest

import (
	"encoding/base64"
	"strings"

	"github.com/google/uuid"
)

// idKind is what an id of the REST API stands for.
type idKind string

const (
	personKind   idKind = "PEOPLE"
	orgKind      idKind = "ORGANIZATION"
	roleKind     idKind = "ROLE"
	groupKind    idKind = "SCIM_GROUP"
	licenceKind  idKind = "LICENSE"
	locationKind idKind = "LOCATION"
	jobKind      idKind = "JOB_ID"
	templateKind idKind = "LICENSE_TEMPLATE"
	resourceKind idKind = "RESOURCE_GROUP"
	contactKind  idKind = "CONTACT"
	eventKind    idKind = "EVENT"
)

// idOf makes an id of the REST API: the unpadded base64 of an address.
func idOf(kind idKind, name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/" + string(kind) + "/" + name))
}

// nameOf takes an id of the REST API apart; "" when it is none of that kind. Padding and the other alphabet of base64 are no
// harm. What is not encoded stays as it is: Webex takes bare ids, too.
func nameOf(id string, kind idKind) string {
	text := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(id)
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !strings.HasPrefix(string(plain), "ciscospark://") {
		if strings.ContainsAny(id, "/ ") {
			return ""
		}
		return id
	}
	parts := strings.SplitN(string(plain), "/", 5) // ciscospark:, "", cluster, kind, name
	if len(parts) != 5 || parts[3] != string(kind) {
		return ""
	}
	return parts[4]
}

// uuidOf is nameOf for what is named by a UUID, in lower case; of a group's name, which has its organisation behind it, the group.
func uuidOf(id string, kind idKind) string {
	name, _, _ := strings.Cut(nameOf(id, kind), ":")
	if uuid.Validate(name) != nil || len(name) != 36 {
		return ""
	}
	return strings.ToLower(name)
}

// licenceOf is the licence's id without its organisation; "" when it is of another.
func licenceOf(id, org string) string {
	name := nameOf(id, licenceKind)
	if owner, rest, ok := strings.Cut(name, ":"); ok {
		if !strings.EqualFold(owner, org) {
			return ""
		}
		return rest
	}
	return name
}
