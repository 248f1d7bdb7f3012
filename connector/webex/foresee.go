package webex

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

var _ connection.Foreseer = (*Target)(nil)

// Foresee implements connection.Foreseer: it says which people Webex would refuse, as far as that can be known without asking. Webex has no call
// that tells which domains are verified, so these are a setting; without it nothing is said of them.
func (t *Target) Foresee(_ context.Context, ops []connection.Operation) ([]connection.Foreseen, error) {
	out := make([]connection.Foreseen, len(ops))
	for i := range ops {
		out[i].Kind = ops[i].Kind
		if ops[i].Ref.Type == connection.UserType {
			out[i].Refuse = t.refuses(&ops[i])
		}
	}
	return out, nil
}

// refuses says why Webex would refuse an operation on a user; nil when nothing is known against it. A name that Webex has already is not judged.
func (t *Target) refuses(op *connection.Operation) error {
	name := op.After.Text("userName")
	switch {
	case op.Kind != rule.Create && op.Kind != rule.Update:
		return nil
	case name == "" || strings.EqualFold(name, op.Before.Text("userName")):
		return nil
	case !isAddress(name):
		return &lockstep.Error{Code: lockstep.CodeMapInvalid, Detail: fmt.Sprintf("userName %q is not an e-mail address, which Webex asks for", name)}
	}
	domain := strings.ToLower(name[strings.LastIndexByte(name, '@')+1:])
	if len(t.domains) == 0 || slices.Contains(t.domains, domain) {
		return nil
	}
	return &lockstep.Error{Code: lockstep.CodeTargetDomain, Detail: fmt.Sprintf("the domain %s of %s is none of those that the connection names as verified: %s", domain, name, strings.Join(t.domains, ", "))}
}

// isAddress reports whether the text is an e-mail address alone.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// parseDomains reads the setting domains: names, separated by commas or blanks.
func parseDomains(text string) ([]string, error) {
	var all []string
	for _, d := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' || r == '\t' }) {
		if d = strings.TrimPrefix(d, "@"); !strings.Contains(d, ".") || strings.ContainsAny(d, "@/:") {
			return nil, invalid("%q is no domain; domains are like acme.example, separated by commas", d)
		}
		all = append(all, d)
	}
	return all, nil
}
