// Package webex writes to a Webex organisation, as a provision.Target: users, groups and roles over Webex's SCIM 2 API, licences over its REST API.
//
// It is scimapp with what Webex documents: a page and a request name at most 500 members or objects, filters know or-chains
// but not externalId, groups do not nest, active=false deactivates, a created user may be missing from lists for some
// seconds, and users are never replaced as a whole. It reads Webex's own error bodies and knows when a domain is not verified.
package webex

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/connection/oauth"
	"lockstep/connector/scimapp"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Config says which organisation to write to. Either Organization or Endpoint is required.
type Config struct {
	Organization string // id of the organisation, a UUID, as Control Hub shows it
	Region       string // "" or "commercial", or "government"
	// Endpoint is the SCIM address to use instead of the one that Organization and Region give, such as
	// https://webexapis.com/identity/scim/<organisation>/v2.
	Endpoint string
	REST     string                                // address of the REST API instead of the one beside it, such as https://webexapis.com/v1
	Manages  []string                              // what else the rules manage: Licences, Roles
	Domains  []string                              // those that Webex has verified, in lower case; none is not known (Foresee)
	Name     string                                // for people; "" is Webex
	Token    func(context.Context) (string, error) // bearer token with the scope identity:people_rw
	Refused  func(context.Context, string) bool    // see scimapp.Config
	Timeout  time.Duration                         // see scimapp.Config
	HTTP     *http.Client                          // nil is one that reaches public addresses only
	Inside   func(net.Addr) bool                   // see scimapp.Config
	Now      func() time.Time                      // nil is time.Now
}

// What a connection may manage beside users and groups.
const (
	Licences = "licences"
	Roles    = "roles"
)

// ParseConfig reads a connection's settings: organization, region, endpoint, rest, manages, domains, timeout; and token_expires, which is for people. Those about access
// tokens are package oauth's.
func ParseConfig(settings map[string]string) (Config, error) {
	var c Config
	for name, value := range settings {
		if slices.Contains(oauth.Settings, name) { // read as a whole, below
			continue
		}
		switch name {
		case "organization":
			c.Organization = strings.TrimSpace(value)
		case "region":
			c.Region = value
		case "endpoint":
			c.Endpoint = strings.TrimSpace(value)
		case "rest":
			c.REST = strings.TrimSpace(value)
		case "manages":
			var err error
			if c.Manages, err = parseManages(value); err != nil {
				return c, err
			}
		case "timeout":
			var ok bool
			if c.Timeout, ok = scimapp.ParseTimeout(value); !ok && strings.TrimSpace(value) != "" {
				return c, invalid("the setting timeout is from 5s to 10m, such as 45s; it cannot be %q", value)
			}
		case "domains":
			var err error
			if c.Domains, err = parseDomains(value); err != nil {
				return c, err
			}
		case "token_expires": // for people, who want to know in time
		default:
			return c, invalid("Webex has no setting %q; it has organization, region, endpoint, rest, manages, domains, timeout, and those for access tokens", name)
		}
	}
	_, err := oauth.Parse(settings)
	return c, err
}

// parseManages reads the setting manages: licences, roles, or both.
func parseManages(text string) (all []string, err error) {
	for _, s := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		switch s {
		case "licenses":
			s = Licences
		case Licences, Roles:
		default:
			return nil, invalid("the setting manages has licences, roles, or both; it cannot be %q", s)
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all, nil
}

func invalid(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}

// hosts are the API hosts of the regions.
func host(region string) (string, bool) {
	switch region {
	case "", "commercial":
		return "https://webexapis.com", true
	case "government":
		return "https://api-usgov.webex.com", true
	}
	return "", false
}

func (c Config) endpoint() (string, error) {
	if c.Endpoint != "" {
		return c.Endpoint, nil
	}
	base, ok := host(c.Region)
	if !ok {
		return "", invalid("Webex has no region %q; there are commercial and government", c.Region)
	}
	if !lockstep.ValidID(strings.ToLower(c.Organization)) {
		return "", invalid("%q is no organisation id: it is a UUID, Control Hub shows it under the organisation's name", c.Organization)
	}
	return base + "/identity/scim/" + c.Organization + "/v2", nil
}

// restAddress is the address of the REST API: the one that is set, or that of the region, or beside the SCIM address.
func (c Config) restAddress() string {
	if c.REST != "" {
		return c.REST
	}
	base, _ := host(c.Region)
	if c.Endpoint != "" {
		base = scimapp.Origin(c.Endpoint)
	}
	return base + "/v1"
}

// Target is a Webex organisation.
type Target struct {
	*scimapp.Target
	rest         *scimapp.Target // the REST API: only Call is used of it
	name         string
	organization string
	domains      []string
	manages      []string
	now          func() time.Time

	licensed, mapsRoles atomic.Bool // somebody has asked for them
	stock               shelf[licence]
	known               shelf[role]
	me                  shelf[string] // who signs in
	admins              sync.Mutex    // held while a full administrator may cease to be one
	plans               plans
}

var _ connection.Target = (*Target)(nil)

// Limits that Webex documents for its SCIM 2 API.
const (
	maxMembers  = 500
	pageSize    = 500
	orChain     = 50 // the official SDK asks for as many
	connections = 10
	retryAfter  = time.Minute
	lag         = 30 * time.Second
)

// New returns the organisation. It does not connect. The error has the code invalid_value.
func New(c Config) (*Target, error) {
	endpoint, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	types, err := types()
	if err != nil {
		return nil, err
	}
	name := c.Name
	if name == "" {
		name = "Webex"
	}
	config := scimapp.Config{
		BaseURL: endpoint, Name: name, Token: c.Token, Refused: c.Refused, Timeout: c.Timeout, HTTP: c.HTTP, Inside: c.Inside, Now: c.Now, Explain: explain, MaxRetryAfter: retryAfter,
		Profile: scimapp.Profile{
			Types: types,
			FindBy: map[string][]string{
				"User":  {"userName", workMail, "emails.value", "displayName", "nickName", scim.EnterpriseUserURN + ":employeeNumber"},
				"Group": {"displayName"},
			},
			FindBatch: orChain, PageSize: pageSize, MaxMembers: maxMembers, Connections: connections, Lag: lag,
			Unique:  map[string][]string{"User": {"userName"}, "Group": {"displayName"}},
			ByValue: []string{rolesAttribute},
		},
	}
	app, err := scimapp.New(config)
	if err != nil {
		return nil, err
	}
	config.BaseURL, config.Media = c.restAddress(), "application/json"
	rest, err := scimapp.New(config)
	if err != nil {
		return nil, err
	}
	t := &Target{Target: app, rest: rest, name: name, organization: c.Organization, domains: c.Domains, manages: c.Manages, now: c.Now}
	if t.now == nil {
		t.now = time.Now
	}
	t.licensed.Store(slices.Contains(c.Manages, Licences))
	t.mapsRoles.Store(slices.Contains(c.Manages, Roles))
	return t, nil
}

// Describe implements connection.Target.
func (t *Target) Describe(ctx context.Context) (connection.System, error) {
	s, err := t.Target.Describe(ctx)
	s.Shared = map[string][]string{connection.UserType: {licencesPath.String(), rolesAttribute}}
	return s, err
}

// workMail is how rules write the address of somebody's work. Webex searches addresses of any kind together (emails.value), and documents no filter by kind.
const workMail = `emails[type eq "work"].value`

// Find implements connection.Target.
func (t *Target) Find(ctx context.Context, typ, attribute string, values ...string) ([]connection.Object, error) {
	if strings.EqualFold(attribute, workMail) {
		attribute = "emails.value"
	}
	found, err := t.Target.Find(ctx, typ, attribute, values...)
	t.tell(ctx, found)
	return found, err
}

// types compiles Webex's resource types.
func types() (map[string]*scim.Type, error) {
	user, err := scim.NewType(scim.ResourceType{
		Name: "User", Endpoint: "/Users", Schema: scim.UserURN,
		Extensions: []scim.Extension{{Schema: scim.EnterpriseUserURN}, {Schema: scim.CiscoUserURN}, {Schema: UserURN}},
	}, scim.UserSchema(), scim.EnterpriseUserSchema(), scim.CiscoUserSchema(), userSchema())
	if err != nil {
		return nil, err
	}
	group, err := scim.NewType(scim.ResourceType{
		Name: "Group", Endpoint: "/Groups", Schema: scim.GroupURN, Extensions: []scim.Extension{{Schema: scim.CiscoGroupURN}},
	}, scim.GroupSchema(), scim.CiscoGroupSchema())
	if err != nil {
		return nil, err
	}
	return map[string]*scim.Type{"User": user, "Group": group}, nil
}

// Test reaches Webex, authenticates, checks that the organisation is the right one, and searches for a user who cannot exist.
func (t *Target) Test(ctx context.Context, report func(connection.Check)) error {
	return t.TestSteps(ctx, report,
		scimapp.Step{Name: "organisation", Run: allowed(t.checkOrganization)},
		scimapp.Step{Name: "search by userName", Run: allowed(t.Search)},
		scimapp.Step{Name: Licences, Run: t.used(Licences, t.countLicences)},
		scimapp.Step{Name: Roles, Run: t.used(Roles, t.countRoles)})
}

// used makes a step about what this connection need not manage: what is wrong with it is told, and fails only what manages it.
func (t *Target) used(what string, step func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		detail, err := step(ctx)
		if err != nil && !slices.Contains(t.manages, what) {
			return "not managed by this connection, and they could not be: " + lockstep.Said(err), nil
		}
		return detail, err
	}
}

// countLicences tells how many seats are free.
func (t *Target) countLicences(ctx context.Context) (string, error) {
	all, r := t.licences(ctx, 0)
	if r.Err != nil {
		return "", r.Err
	}
	var stocks []string
	for i := range all {
		if n, limited := all[i].free(); limited {
			stocks = append(stocks, fmt.Sprintf("%s %d of %d free", all[i].name, n, all[i].total))
		} else {
			stocks = append(stocks, all[i].name)
		}
	}
	return fmt.Sprintf("%d: %s", len(all), some(stocks)), nil
}

// countRoles tells which roles there are.
func (t *Target) countRoles(ctx context.Context) (string, error) {
	all, r := t.roles(ctx)
	if r.Err != nil {
		return "", r.Err
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return fmt.Sprintf("%d: %s", len(all), some(names)), nil
}

// allowed makes a step that only reads tell what it means that Webex does not allow it: the token is good, and opens nothing. Webex answers so both
// when the person who signed in has not the role and when the token has not the scope, and does not reliably say which.
func allowed(step func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		detail, err := step(ctx)
		if e, ok := errors.AsType[*lockstep.Error](err); ok && e.Code == lockstep.CodeAuthForbidden {
			err = &lockstep.Error{Code: lockstep.CodeAuthRole, Detail: e.Detail, Err: e.Err}
		}
		return detail, err
	}
}

var organizationPath = filter.Path{URN: scim.CiscoUserURN, Attr: "meta", Sub: "organizationId"}

// checkOrganization reads a user: Webex refuses a token of another organisation, and names the organisation in each user.
func (t *Target) checkOrganization(ctx context.Context) (string, error) {
	user, err := t.FirstUser(ctx)
	if err != nil || user == nil {
		return "", err
	}
	id, _ := scim.First(user.Values, organizationPath).(string)
	if id != "" && t.organization != "" && !strings.EqualFold(id, t.organization) {
		return "", invalid("the organisation that answers is %s, not %s", id, t.organization)
	}
	return id, nil
}

// errorURN is the extension of SCIM errors in which Webex says more.
const errorURN = "urn:scim:schemas:extension:cisco:webexidentity:api:messages:2.0:Error"

// explain reads Webex's error bodies: SCIM errors with its extension, and those of its REST API.
func explain(status int, body scim.Object) (lockstep.Code, string) {
	more, _ := body.Get(errorURN).(scim.Object)
	detail := cmp.Or(more.Text("details"), body.Text("detail"), body.Text("message"))
	if list, ok := body.Get("errors").(scim.List); ok && len(list) > 0 {
		if e, ok := list[0].(scim.Object); ok {
			detail = cmp.Or(e.Text("description"), detail)
		}
	}
	var code lockstep.Code
	if (status == http.StatusBadRequest || status == http.StatusForbidden) && aboutDomain(detail) {
		code = lockstep.CodeTargetDomain
	}
	if detail == "" {
		return code, ""
	}
	for _, id := range []string{more.Text("errorCode"), cmp.Or(more.Text("trackingId"), body.Text("trackingId"))} {
		if id != "" && !strings.Contains(detail, id) {
			detail += ", " + id
		}
	}
	return code, detail
}

// aboutDomain reports whether the text says that a domain is not verified or claimed. Webex documents neither code nor words.
func aboutDomain(s string) bool {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r < 'a' || r > 'z' })
	has := func(prefix string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, prefix) })
	}
	return has("domain") && (has("verif") || has("unverif") || has("claim") || has("unclaim"))
}

//go:embed template.json
var template []byte

// Template returns the gallery's template as JSON: settings, secrets, app roles, rules and policy to begin with.
func Template() []byte { return slices.Clone(template) }
