package sso

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
)

// ClaimRule gives people something for what their identity provider says of them: a role or rights of an administrator, or a group as
// applications are told. It gives one of the three.
type ClaimRule struct {
	ID     string // made when it is added; a rule that is taken away and added again is another one
	Claim  string // groups, or a claim; within another object: address.country
	Value  string // the whole value, or one value of a list, letter for letter
	Role   string `json:",omitempty"`
	Rights string `json:",omitempty"`
	Group  string `json:",omitempty"`
	Once   bool   `json:",omitempty"` // looked at when somebody is linked, and kept; else at each sign-in, and taken away when the claim has gone
}

// Gift is what a claim rule gives somebody.
type Gift struct {
	Provider ProviderID
	Rule     ClaimRule
	Since    time.Time
	Until    time.Time // zero is no end
}

// Gifts are what a sign-in gives by claim rules, in the place of what the one before gave.
type Gifts struct {
	Person   Person
	Provider ProviderID
	Rules    []ClaimRule
	Until    time.Time // of those that are looked at each time
	OnceOnly bool      // what the sign-in before gave stays
}

// maxClaimRules is how many rules a provider has at most.
const maxClaimRules = 50

// What a rule gives, as it is written after the arrow.
const (
	givesRole   = "role"
	givesRights = "rights"
	givesGroup  = "group"
	givesOnce   = "-once"
	ruleArrow   = " => "
)

// ParseClaimRule reads CLAIM=VALUE => role:ROLE, rights:SCOPES or group:NAME, with -once before the colon for one that is looked at once.
func ParseClaimRule(text string) (ClaimRule, error) {
	bad := invalid("“" + clip(text) + "” is not of the form CLAIM=VALUE => role:ROLE, rights:SCOPES or group:NAME.")
	at := strings.LastIndex(text, ruleArrow)
	if at < 0 {
		return ClaimRule{}, bad
	}
	claim, value, ok := strings.Cut(text[:at], "=")
	kind, what, has := strings.Cut(text[at+len(ruleArrow):], ":")
	if !ok || !has {
		return ClaimRule{}, bad
	}
	r := ClaimRule{Claim: strings.TrimSpace(claim), Value: strings.TrimSpace(value)}
	kind, r.Once = strings.CutSuffix(strings.TrimSpace(kind), givesOnce)
	what = strings.TrimSpace(what)
	switch kind {
	case givesRole:
		r.Role = what
	case givesRights:
		r.Rights = what
	case givesGroup:
		r.Group = what
	default:
		return ClaimRule{}, bad
	}
	return r, r.Check()
}

// String is what ParseClaimRule reads.
func (r ClaimRule) String() string {
	once := ""
	if r.Once {
		once = givesOnce
	}
	kind, what := r.gives()
	return r.Claim + "=" + r.Value + ruleArrow + kind + once + ":" + what
}

func (r ClaimRule) gives() (kind, what string) {
	switch {
	case r.Role != "":
		return givesRole, r.Role
	case r.Rights != "":
		return givesRights, r.Rights
	}
	return givesGroup, r.Group
}

// Same reports whether two rules say the same, whatever their ids.
func (r ClaimRule) Same(other ClaimRule) bool {
	r.ID, other.ID = "", ""
	return r == other
}

// ownWords are claims that people write about themselves at most providers (OpenID Connect Core §5.1, §5.7), so that nothing may hang on them.
func ownWords() []string {
	return []string{
		"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender", "birthdate", "zoneinfo",
		"locale", "address", "phone_number", "phone_number_verified", "updated_at", "displayName", "givenName", "sn", "cn", "uid", "mail", "emails", "userName", "upn", "unique_name",
	}
}

// Check says what is wrong with a rule, whatever its provider.
func (r ClaimRule) Check() error {
	given := 0
	for _, s := range []string{r.Role, r.Rights, r.Group} {
		if s != "" {
			given++
		}
	}
	head, _, _ := strings.Cut(r.Claim, ".")
	switch {
	case given != 1:
		return invalid("A claim rule gives a role, rights or a group: one of them.")
	case r.Claim == "" || len(r.Claim) > 200 || strings.ContainsFunc(r.Claim, notVSCHAR) || strings.Contains(r.Claim, "="):
		return invalid("The claim of a rule has 1 to 200 printable characters, none of them =.")
	case r.Value == "" || len(r.Value) > 512 || strings.ContainsFunc(r.Value, isControl):
		return invalid("The value of a claim rule has 1 to 512 letters: a claim that may say anything gives nothing.")
	case len(r.Group) > 200 || strings.ContainsFunc(r.Group, isControl):
		return invalid("The group of a claim rule has at most 200 letters.")
	case slices.Contains(ownWords(), r.Claim) || slices.Contains(ownWords(), head):
		return invalid("People write “" + clip(r.Claim) + "” about themselves at most providers, so nothing can hang on it. Take groups, or a claim of the provider's own.")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// CheckRules says what is wrong with the claim rules of a provider.
func (p *Provider) CheckRules() error {
	if len(p.Rules) > maxClaimRules {
		return invalid("A provider has at most 50 claim rules.")
	}
	if len(p.Rules) > 0 && p.Kind == KindLocal {
		return invalid("Passwords say nothing of anybody, so there is nothing that a claim rule could go by.")
	}
	for i, r := range p.Rules {
		if err := r.Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(p.Rules[:i], r.Same) {
			return invalid("The claim rule “" + r.String() + "” is there twice.")
		}
		for _, field := range []string{"claim_username", "claim_name", "claim_given_name", "claim_family_name"} {
			if p.Settings[field] == r.Claim {
				return invalid("“" + clip(r.Claim) + "” is what people are called, so nothing can hang on it.")
			}
		}
	}
	return nil
}

// Counting are the claim rules that count: none at a provider that is not trusted with names and addresses.
func (p *Provider) Counting() []ClaimRule {
	if !p.TrustEmail {
		return nil
	}
	return p.Rules
}

// says reports whether an identity has the claim that a rule asks for.
func (p *Provider) says(id Identity, r ClaimRule) bool {
	if r.Check() != nil {
		return false
	}
	mail := p.Settings["claim_email"]
	switch {
	case r.Claim == "groups":
		return slices.Contains(id.Groups, r.Value)
	case r.Claim == "email" || r.Claim == mail && mail != "":
		return id.EmailVerified && id.Email == r.Value
	}
	return slices.Contains(textsOf(lookUp(id.Claims, r.Claim)), r.Value)
}

// lookUp finds a claim by its name, or within objects by the way to it.
func lookUp(claims map[string]any, name string) any {
	if v, there := claims[name]; there {
		return v
	}
	head, rest, more := strings.Cut(name, ".")
	inner, is := claims[head].(map[string]any)
	if !more || !is {
		return nil
	}
	return lookUp(inner, rest)
}

// textsOf are the values of a claim that can be compared.
func textsOf(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	case json.Number:
		return []string{v.String()}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case []string:
		return v
	case []any:
		var all []string
		for _, one := range v {
			if _, list := one.([]any); !list {
				all = append(all, textsOf(one)...)
			}
		}
		return all
	}
	return nil
}

// given are the claim rules of a provider that give something to an identity. first says that it is linked by this sign-in.
func (p *Provider) given(id Identity, first bool) []ClaimRule {
	var all []ClaimRule
	for _, r := range p.Counting() {
		if (first || !r.Once) && p.says(id, r) {
			all = append(all, r)
		}
	}
	return all
}

// claimed notes what the claims of this sign-in give, and takes it down.
func (v *visit) claimed(p Provider, id Identity, first bool) []ClaimRule {
	if len(p.Rules) == 0 {
		return nil
	}
	all := p.given(id, first)
	s := Stage{Name: "claims", OK: true, Facts: map[string]string{}}
	for _, r := range all {
		kind, what := r.gives()
		s.Facts[kind+" "+what] = r.Claim + " = " + clip(r.Value)
	}
	switch {
	case !p.TrustEmail:
		s.Detail = "the claim rules do not count: the provider is not trusted with names and addresses"
	case len(all) == 0:
		s.Detail = "no claim rule gave anything"
	case len(all) == 1:
		kind, what := all[0].gives()
		s.Detail = "the claim " + all[0].Claim + " = “" + clip(all[0].Value) + "” gave the " + kind + " “" + what + "”"
	default:
		s.Detail = strconv.Itoa(len(all)) + " claim rules gave something"
	}
	v.stage(s)
	return all
}

// groupsGiven are the names of groups that claim rules give somebody now.
func (s *Server) groupsGiven(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]string, error) {
	all, err := s.Store.Gifts(ctx, t, u)
	var names []string
	for _, g := range all {
		if g.Rule.Group != "" {
			names = append(names, g.Rule.Group)
		}
	}
	return names, err
}
