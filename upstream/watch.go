package upstream

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/sso"
)

// Certificate is one certificate, for people.
type Certificate struct {
	Name   string // its common name, else its first host
	Issuer string
	Until  time.Time
	CA     bool // it may sign others
}

func describe(c *x509.Certificate) Certificate {
	return Certificate{Name: cleanText(nameOf(c), 120), Issuer: cleanText(issuerOf(c), 120), Until: c.NotAfter, CA: c.IsCA}
}

// maxRoots bounds the trusted certificates of one provider.
const maxRoots = 20

// ParseRoots reads certificates for Provider.Roots from a file: one or several in PEM form, or one in DER form.
func ParseRoots(file []byte) ([][]byte, error) {
	if c, err := x509.ParseCertificate(file); err == nil {
		return [][]byte{c.Raw}, nil
	}
	all, err := parseCertificates(string(file))
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Trusted certificates: " + err.Error()}
	}
	var roots [][]byte
	for _, c := range all {
		roots = append(roots, c.Raw)
	}
	if problem := rootsProblem(roots); problem != "" {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Trusted certificates: " + problem}
	}
	return roots, nil
}

// rootsProblem says what is wrong with trusted certificates, "" for nothing.
func rootsProblem(roots [][]byte) string {
	if len(roots) > maxRoots {
		return fmt.Sprintf("there are more than %d", maxRoots)
	}
	for i, der := range roots {
		if _, err := x509.ParseCertificate(der); err != nil {
			return fmt.Sprintf("certificate %d cannot be read", i+1)
		}
	}
	return ""
}

// Trusted describes the trusted certificates of a provider. One that cannot be read is left out.
func Trusted(p sso.Provider) []Certificate {
	var all []Certificate
	for _, der := range p.Roots {
		if c, err := x509.ParseCertificate(der); err == nil {
			all = append(all, describe(c))
		}
	}
	return all
}

// Expiry is something of a provider that ends.
type Expiry struct {
	What  string // such as "trusted certificate “Acme Root CA”"
	Until time.Time
}

// Expiries lists what of a provider ends, the earliest first: its trusted certificates, the certificate of a SAML provider's signatures that
// ends last, which is the one that it changes to, and the client secret, of which the administrator has said when, since only the provider knows.
func Expiries(p sso.Provider) []Expiry {
	var all []Expiry
	for _, c := range Trusted(p) {
		all = append(all, Expiry{"trusted certificate “" + c.Name + "”", c.Until})
	}
	if day, err := time.Parse(time.DateOnly, p.Settings[fieldSecretEnds]); err == nil && p.Secrets[fieldNextSecret] == "" {
		all = append(all, Expiry{"client secret", day})
	}
	for _, f := range Form(p.Kind) {
		if f.Type != PEM || f.Secret {
			continue
		}
		certificates, err := parseCertificates(p.Settings[f.Name])
		if err != nil || len(certificates) == 0 {
			continue
		}
		last := slices.MaxFunc(certificates, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
		all = append(all, Expiry{strings.ToLower(f.Title) + ": “" + describe(last).Name + "”", last.NotAfter})
	}
	slices.SortStableFunc(all, func(a, b Expiry) int { return a.Until.Compare(b.Until) })
	return all
}

// Change is a field of which the provider's own document says something else than the settings.
type Change struct{ Field, Title, Ours, Theirs string }

// within reports whether what the administrator chose is among what the provider offers, which is no drift.
func within(f Field, ours, theirs string) bool {
	switch f.Name {
	case "discovery_url", "metadata_url", fieldClientAuth, fieldLogoutStyle, fieldIssParam:
		return true
	case fieldAlgorithms:
		offered := strings.Fields(theirs)
		return !slices.ContainsFunc(strings.Fields(ours), func(a string) bool { return !slices.Contains(offered, a) })
	case fieldCertificates:
		return len(without(pemBlocks(theirs), pemBlocks(ours))) == 0 // one that somebody has put beside them is theirs to decide
	}
	return false
}

// pemBlocks returns the contents of the blocks, in an order of their own.
func pemBlocks(text string) []string {
	var all []string
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			slices.Sort(all)
			return all
		}
		all = append(all, string(block.Bytes))
	}
}

func isDay(value string) string {
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		return "it is a day such as 2027-03-31"
	}
	return ""
}
