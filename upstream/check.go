package upstream

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/sso"
)

// Problem is what is wrong with one field.
type Problem struct {
	Field  string
	Code   lockstep.Code
	Detail string
}

// Problems is all that is wrong with a provider's settings, in the order of the form. Never empty where it is an error.
type Problems []Problem

// Error returns the sentences one after the other.
func (p Problems) Error() string {
	var all []string
	for _, one := range p {
		all = append(all, one.Detail+" ["+string(one.Code)+"]")
	}
	return strings.Join(all, "; ")
}

// Unwrap returns an error with a code for each.
func (p Problems) Unwrap() []error {
	var all []error
	for _, one := range p {
		all = append(all, &lockstep.Error{Code: one.Code, Detail: one.Detail})
	}
	return all
}

// Check judges whether a provider can be opened: every field that is needed is there, and every value fits. The error is Problems.
func Check(p sso.Provider) error { return check(p, true) }

// CheckDraft is Check for a provider that is still being set up: fields may be empty.
func CheckDraft(p sso.Provider) error { return check(p, false) }

func check(p sso.Provider, whole bool) error {
	fields := Form(p.Kind)
	if fields == nil {
		return &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: fmt.Sprintf("there is no kind of identity provider %q%s", p.Kind, hint(string(p.Kind), kindNames()))}
	}
	problems := unknownNames(fields, p)
	s := settingsOf(p)
	for _, f := range fields {
		value := p.Settings[f.Name]
		if f.Secret {
			value = p.Secrets[f.Name]
		}
		switch {
		case value != "":
			if problem, ok := judge(f, value); !ok {
				problems = append(problems, problem)
			}
		case whole && f.Required && s.text(f.Name) == "":
			problems = append(problems, Problem{f.Name, lockstep.CodeIdPSettingMissing, f.Title + " is empty"})
		}
	}
	if whole {
		problems = append(problems, together(s)...)
	}
	if problem := rootsProblem(p.Roots); problem != "" {
		problems = append(problems, Problem{"roots", lockstep.CodeIdPSettingInvalid, "Trusted certificates: " + problem})
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

func kindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k.Kind))
	}
	return names
}

// unknownNames reports settings that the form does not have, and those on the wrong side of secret.
func unknownNames(fields []Field, p sso.Provider) Problems {
	var problems Problems
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	for _, side := range []struct {
		values map[string]string
		secret bool
	}{{p.Settings, false}, {p.Secrets, true}} {
		for _, name := range slices.Sorted(keysOf(side.values)) {
			at := slices.Index(names, name)
			switch {
			case at < 0:
				problems = append(problems, Problem{name, lockstep.CodeIdPSettingUnknown, fmt.Sprintf("there is no field %q%s", cleanText(name, 60), hint(name, names))})
			case fields[at].Secret && !side.secret:
				problems = append(problems, Problem{name, lockstep.CodeIdPSettingInvalid, fields[at].Title + " is a secret and must be given as one"})
			case !fields[at].Secret && side.secret:
				problems = append(problems, Problem{name, lockstep.CodeIdPSettingInvalid, fields[at].Title + " is no secret"})
			}
		}
	}
	return problems
}

// judge looks at one value that is not empty.
func judge(f Field, value string) (Problem, bool) {
	bad := func(format string, args ...any) (Problem, bool) {
		return Problem{f.Name, lockstep.CodeIdPSettingInvalid, f.Title + ": " + fmt.Sprintf(format, args...)}, false
	}
	limit := or(f.Bytes, 2048)
	several := f.Type == Lines || f.Type == PEM || f.Type == JSON
	switch {
	case len(value) > limit:
		return bad("it is longer than %d bytes", limit)
	case !utf8.ValidString(value):
		return bad("it is not text")
	case strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsControl(r) && !(several && (r == '\n' || r == '\r' || r == '\t'))
	}):
		return bad("it has a control character, perhaps a line break")
	case !several && strings.TrimSpace(value) != value:
		return bad("it begins or ends with a blank")
	}
	switch f.Type {
	case Address:
		if code, problem := addressProblem(value, f.Name == fieldIssuer); problem != "" {
			return Problem{f.Name, code, f.Title + ": " + problem}, false
		}
	case Choice:
		var values []string
		for _, o := range f.Options {
			values = append(values, o.Value)
		}
		if !slices.Contains(values, value) {
			return bad("%q is none of %s%s", cleanText(value, 60), strings.Join(values, ", "), hint(value, values))
		}
	case Switch:
		if value != "true" && value != "false" {
			return bad("it is true or false, not %q", cleanText(value, 60))
		}
	case Number:
		if n, err := strconv.Atoi(value); err != nil || n < f.Min || n > f.Max {
			return bad("it is a whole number from %d to %d, not %q", f.Min, f.Max, cleanText(value, 60))
		}
	}
	if f.check != nil {
		if problem := f.check(value); problem != "" {
			return bad("%s", problem)
		}
	}
	return Problem{}, true
}

// together judges fields that need one another.
func together(s settings) Problems {
	var problems Problems
	missing := func(field, detail string) {
		problems = append(problems, Problem{field, lockstep.CodeIdPSettingMissing, detail})
	}
	invalid := func(field, detail string) {
		problems = append(problems, Problem{field, lockstep.CodeIdPSettingInvalid, detail})
	}
	kind := s.provider.Kind
	switch kind {
	case sso.KindOIDC, sso.KindOAuth2, sso.KindWebexCC, sso.KindEntra:
		secret := s.secret(fieldSecret) != "" || s.secret(fieldNextSecret) != ""
		auth := s.text(fieldClientAuth)
		switch {
		case auth == authPrivateKey && s.secret(fieldKey) == "":
			missing(fieldKey, "Private key is empty, and the client authenticates by it")
		case auth != authPrivateKey && auth != authNone && !secret:
			missing(fieldSecret, "Client secret is empty")
		case auth == authNone && s.text(fieldPKCE) == "off":
			invalid(fieldPKCE, "PKCE: a client without a secret needs it")
		}
		if kind != sso.KindOAuth2 && !slices.Contains(strings.Fields(s.text(fieldScopes)), "openid") {
			invalid(fieldScopes, "Scopes: openid is missing, without which there is no ID token")
		}
		if kind == sso.KindOIDC && s.text(fieldKeys) == "" && s.text(fieldPastedKeys) == "" {
			missing(fieldKeys, "Keys URL is empty, and no keys are pasted")
		}
		if s.text(fieldIssParam) == "required" && s.text(fieldIssuer) == "" {
			missing(fieldIssuer, "Issuer is empty, and the callback must name it")
		}
	case sso.KindSAML:
		if (s.secret("signing_key") == "") != (s.text("signing_certificate") == "") {
			missing("signing_certificate", "Signing key and signing certificate belong together: one is empty")
		}
		if (s.secret(fieldOpenKey) == "") != (s.text(fieldOpenCert) == "") {
			missing(fieldOpenCert, "Decryption key and decryption certificate belong together: one is empty")
		} else if key, err := parsePrivateKey(s.secret(fieldOpenKey)); err == nil {
			if c, err := parseCertificates(s.text(fieldOpenCert)); err == nil && !belongs(key, c[0]) {
				invalid(fieldOpenCert, "Decryption certificate: it is of another key")
			}
		}
	case sso.KindLDAP:
		if (s.text("bind_dn") == "") != (s.secret("bind_password") == "") {
			missing("bind_password", "Search user and password belong together: one is empty")
		}
		if strings.HasPrefix(s.text("url"), "ldaps:") && s.on("start_tls") {
			invalid("start_tls", "StartTLS: an ldaps:// address has TLS from the start")
		}
	}
	if s.text("require_value") != "" && s.text("require_claim") == "" {
		missing("require_claim", "Required claim is empty, and a value is required of it")
	}
	return problems
}

// addressProblem says what is wrong with a URL, "" for nothing.
func addressProblem(value string, issuer bool) (lockstep.Code, string) {
	const invalid = lockstep.CodeIdPSettingInvalid
	if strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\\' || r > unicode.MaxASCII
	}) {
		return invalid, "an address has no blanks, backslashes or letters beyond ASCII"
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return invalid, "this is not a whole address; it should look like https://login.example.com/path"
	case u.Scheme == "http" && !isLoopbackHost(u.Hostname()):
		return lockstep.CodeIdPNotHTTPS, "the address is not https"
	case u.Scheme != "https" && u.Scheme != "http":
		return invalid, fmt.Sprintf("the address begins with %s:, not with https:", cleanText(u.Scheme, 20))
	case u.User != nil:
		return invalid, "an address has no user name or password within it"
	case u.Fragment != "" || strings.Contains(value, "#"):
		return invalid, "an address has no # within it"
	case issuer && (u.RawQuery != "" || u.ForceQuery):
		return invalid, "an issuer has no ? within it (OpenID Connect Core §2)"
	case slices.Contains(strings.Split(u.Path, "/"), ".."):
		return invalid, "an address has no .. within it"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return invalid, "the port is none"
		}
	}
	return "", ""
}

// isLoopbackHost reports whether a host is this machine by its name alone (RFC 6761 §6.3).
func isLoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func isScopes(value string) string {
	for _, scope := range strings.Fields(value) {
		for _, r := range scope { // RFC 6749 §3.3
			if r < 0x21 || r > 0x7e || r == '"' || r == '\\' {
				return fmt.Sprintf("the scope %q has a letter that scopes do not have", cleanText(scope, 60))
			}
		}
	}
	return ""
}

func isClaimPath(value string) string {
	if slices.Contains(strings.Split(value, "."), "") {
		return "a dot stands between the names of two objects"
	}
	return ""
}

func isPattern(value string) string {
	if _, err := regexp.Compile(value); err != nil {
		return "it is not a regular expression: " + err.Error()
	}
	return ""
}

// signing are the algorithms that may be chosen: all with a public key (RFC 7518 §3.1, RFC 8037).
func signing() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func isAlgorithms(value string) string {
	for _, a := range strings.Fields(value) {
		if !slices.Contains(signing(), a) {
			return fmt.Sprintf("%q is not an algorithm with a public key%s", cleanText(a, 20), hint(a, signing()))
		}
	}
	return ""
}

func isIssuerLines(value string) string {
	for line := range strings.Lines(value) {
		parts := strings.Fields(line)
		if len(parts) > 2 {
			return "a line has an issuer and the address of its keys, no more"
		}
		for i, part := range parts {
			if _, problem := addressProblem(part, i == 0); problem != "" {
				return fmt.Sprintf("%s: %s", cleanText(part, 80), problem)
			}
		}
	}
	return ""
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

func isTenants(value string) string {
	tenants := strings.Fields(value)
	for _, t := range tenants {
		if !uuidForm.MatchString(t) {
			return fmt.Sprintf("%q is not a tenant ID, which looks like 72f988bf-86f1-41af-91ab-2d7cd011db47; it stands in the overview of the app registration", cleanText(t, 60))
		}
	}
	if len(tenants) == 0 || len(tenants) > 50 {
		return "it is between 1 and 50 tenant IDs"
	}
	return ""
}

func isLDAPAddress(value string) string {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "ldap" && u.Scheme != "ldaps") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return "it is not the address of an LDAP server, which looks like ldaps://dc1.example.com"
	}
	return ""
}

func isDN(value string) string {
	if _, err := ldap.ParseDN(value); err != nil {
		return "it is not a DN, which looks like ou=people,dc=example,dc=com"
	}
	return ""
}

func isFilter(value string) string {
	if !strings.Contains(value, "{name}") {
		return "it has no {name} within it"
	}
	if _, err := ldap.CompileFilter(strings.ReplaceAll(value, "{name}", "x")); err != nil {
		return "it is not an LDAP filter"
	}
	return ""
}

var attributeForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*$`)

func isAttribute(value string) string {
	if !attributeForm.MatchString(value) {
		return "it is not the name of an attribute"
	}
	return ""
}

func isCertificates(value string) string {
	if _, err := parseCertificates(value); err != nil {
		return err.Error()
	}
	return ""
}

// parseCertificates reads certificates in PEM form, one after the other.
func parseCertificates(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it has a %s and should have certificates alone", strings.ToLower(cleanText(block.Type, 40)))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", len(all)+1)
		}
		all = append(all, c)
	}
	if len(all) == 0 || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("it is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)")
	}
	return all, nil
}
