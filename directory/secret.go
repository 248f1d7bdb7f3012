package directory

import (
	"strings"
	"unicode/utf8"

	"lockstep/scim"
)

// MaxPassword is how many characters a password may have.
const MaxPassword = 1024

// TakePassword returns a user's attributes without the password and the password, whatever spelling it came in: in any case, and
// under the URN of the core schema, too (RFC 7644 §3.10). The attributes are those given when there is none. The error has
// lockstep.CodeInvalid.
func TakePassword(o scim.Object) (rest scim.Object, password string, err error) {
	rest = o
	for i := range o {
		a := &o[i]
		switch {
		case strings.EqualFold(a.Name, "password"):
			if rest, password, err = takeOne(rest, a.Name, a.Value, password); err != nil {
				return nil, "", err
			}
		case len(a.Name) > 4 && strings.EqualFold(a.Name[:4], "urn:") && userType().IsCore(a.Name):
			core, _ := a.Value.(scim.Object)
			kept, inner, err := TakePassword(core)
			if err != nil {
				return nil, "", err
			}
			if inner != "" || len(kept) != len(core) {
				rest, password, err = takeOne(rest, "", inner, password)
				if err != nil {
					return nil, "", err
				}
				rest.Set(a.Name, kept)
			}
		}
	}
	return rest, password, nil
}

// takeOne takes a password found under the name, "" for one that stands deeper.
func takeOne(o scim.Object, name string, v any, before string) (rest scim.Object, password string, err error) {
	rest = append(make(scim.Object, 0, len(o)), o...)
	if name != "" {
		rest.Delete(name)
	}
	password, is := v.(string)
	switch {
	case v == nil || password == "" && is:
		return rest, before, nil
	case !is:
		return nil, "", invalid("The attribute password takes a text.")
	case utf8.RuneCountInString(password) > MaxPassword:
		return nil, "", invalid("A password has at most %d characters.", MaxPassword)
	case before != "" && before != password:
		return nil, "", invalid("The attribute password occurs twice.")
	}
	return rest, password, nil
}
