package token

import "lockstep"

// Profile says what kind of client a SCIM token was given to: what it is forgiven, and whether its administrators are told where it
// departs from the RFCs. The dialects that cannot be mistaken are spoken with every client; a profile is for those that would be wrong
// for others.
type Profile string

// The profiles.
const (
	Generic Profile = "generic" // the default: members and managers exist
	Entra   Profile = "entra"   // Microsoft Entra ID, which sends none that do not
	Okta    Profile = "okta"    // a manager is free text, and a member who does not exist is left out
	Strict  Profile = "strict"  // as generic, and every departure from the RFCs is counted and told
	Interop Profile = "interop" // what draft-zollner-scim-interop-profile has servers refuse is refused
	IPSIE   Profile = "ipsie"   // that, and what the IPSIE AL SCIM profile adds: OAuth 2.0 alone, and no passwords
)

// profiles are all of them, the default first.
var profiles = [...]Profile{Generic, Entra, Okta, Strict, Interop, IPSIE}

// ParseProfile reads the name of a profile; "" is Generic. The error has lockstep.CodeInvalid.
func ParseProfile(name string) (Profile, error) {
	if name == "" {
		return Generic, nil
	}
	for _, p := range profiles {
		if string(p) == name {
			return p, nil
		}
	}
	return "", &lockstep.Error{Code: lockstep.CodeInvalid, Field: "profile", Detail: "There is no profile " + quote(name) + "; there are generic, entra, okta, strict, interop and ipsie."}
}

// Tolerates reports whether references to who does not exist are forgiven: a manager is kept as text, a member is left out.
func (p Profile) Tolerates() bool { return p == Okta }

// Reports reports whether departures from the RFCs are counted.
func (p Profile) Reports() bool { return p == Strict }

// Refuses reports whether what the interoperability profile forbids is refused.
func (p Profile) Refuses() bool { return p == Interop || p == IPSIE }

// Product is which product a SCIM token was given to, so that its administrators are told what to do in its own words. It changes nothing
// of how requests are answered.
type Product string

// The products; "" is not said.
const (
	ProductEntra    Product = "entra"
	ProductOkta     Product = "okta"
	ProductOneLogin Product = "onelogin"
	ProductPing     Product = "ping"
	ProductOther    Product = "other"
)

// ParseProduct reads the name of a product; "" is not said. The error has lockstep.CodeInvalid.
func ParseProduct(name string) (Product, error) {
	switch p := Product(name); p {
	case "", ProductEntra, ProductOkta, ProductOneLogin, ProductPing, ProductOther:
		return p, nil
	}
	return "", &lockstep.Error{Code: lockstep.CodeInvalid, Field: "product", Detail: "There is no product " + quote(name) + "; there are entra, okta, onelogin, ping and other."}
}

// Profile is the profile that suits the product.
func (p Product) Profile() Profile {
	switch p {
	case ProductEntra:
		return Entra
	case ProductOkta:
		return Okta
	case "", ProductOneLogin, ProductPing, ProductOther:
	}
	return Generic
}

// MaxRate is how many requests a second a SCIM token can be allowed at most.
const MaxRate = 100_000

// CheckRate checks how many requests a second a SCIM token may send; 0 is as many as the server lets any. The error has lockstep.CodeInvalid.
func CheckRate(rate float64) error {
	if rate == 0 || rate >= 0.1 && rate <= MaxRate {
		return nil
	}
	return &lockstep.Error{Code: lockstep.CodeInvalid, Field: "rate", Detail: "A limit is between 0.1 and 100,000 requests a second, or 0 for as many as the server lets any client."}
}
