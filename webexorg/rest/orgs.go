package rest

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"

	"lockstep/webexorg/state"
)

// organization is an organisation as the REST API shows it.
type organization struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	Created     string `json:"created"`
}

func showOrg(o *state.Org) organization {
	c := o.Settings()
	return organization{idOf(orgKind, o.ID()), c.Name, stamp(c.Created)}
}

// managed returns the caller's organisation and those that it manages, in this order.
func (q *request) managed() []*state.Org {
	list := []*state.Org{q.call.By.Org}
	for _, o := range q.f.u.Orgs() {
		if o != q.call.By.Org && q.call.By.Manages(o) {
			list = append(list, o)
		}
	}
	return list
}

func listOrgs(q *request) error {
	out := struct {
		Items []organization `json:"items"`
	}{[]organization{}}
	for _, o := range q.managed() {
		out.Items = append(out.Items, showOrg(o))
	}
	return send(q, http.StatusOK, out)
}

// orgOfPath returns the organisation that {id} names.
func (q *request) orgOfPath() (*state.Org, error) {
	o := q.f.u.Org(uuidOf(q.vars["id"], orgKind))
	if o == nil || !q.call.By.Manages(o) {
		return nil, fail(http.StatusNotFound, "Organization not found.")
	}
	return o, nil
}

func getOrg(q *request) error {
	o, err := q.orgOfPath()
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, showOrg(o))
}

// deleteOrg answers DELETE /organizations/{id}, which only an organisation allows that has nothing left.
func deleteOrg(q *request) error {
	o, err := q.orgOfPath()
	if err != nil {
		return err
	}
	c := o.Settings()
	users, _ := o.Size()
	paid := slices.ContainsFunc(c.Licences, func(l state.Licence) bool { return l.Subscription != "" })
	switch {
	case users > 1:
		return fail(http.StatusConflict, "The organization has more than one user.")
	case c.Sync != state.SyncNone:
		return fail(http.StatusConflict, "Directory synchronization is enabled.")
	case paid:
		return fail(http.StatusConflict, "The organization has active subscriptions.")
	}
	if err := q.f.u.DropOrg(o.ID()); err != nil {
		return err
	}
	return q.done()
}

// identityOrg is an organisation as the identity service shows it.
type identityOrg struct {
	Schemas           []string `json:"schemas"`
	ID                string   `json:"id"`
	DisplayName       string   `json:"displayName"`
	PreferredLanguage string   `json:"preferredLanguage,omitempty"`
	Meta              struct {
		Created      string `json:"created"`
		LastModified string `json:"lastModified"`
		Version      string `json:"version"`
	} `json:"meta"`
}

const identityOrgURN = "urn:cisco:codev:identity:organization:core:1.0"

func showIdentityOrg(o *state.Org) identityOrg {
	c := o.Settings()
	v := identityOrg{Schemas: []string{identityOrgURN}, ID: o.ID(), DisplayName: c.Name, PreferredLanguage: c.Language}
	v.Meta.Created, v.Meta.LastModified, v.Meta.Version = stamp(c.Created), stamp(c.Modified), fmt.Sprintf(`W/"%d"`, c.Modified)
	return v
}

func getIdentityOrg(q *request) error { return send(q, http.StatusOK, showIdentityOrg(q.org)) }

func patchIdentityOrg(q *request) error {
	var in struct {
		Schemas           []string `json:"schemas"`
		DisplayName       string   `json:"displayName"`
		PreferredLanguage string   `json:"preferredLanguage"`
	}
	if err := read(q, &in); err != nil {
		return err
	}
	if !slices.Contains(in.Schemas, identityOrgURN) || in.DisplayName == "" {
		return fail(http.StatusBadRequest, "schemas must have "+identityOrgURN+", and displayName is needed.")
	}
	err := q.org.Change(func(c *state.OrgConfig) error {
		c.Name = in.DisplayName
		if in.PreferredLanguage != "" {
			c.Language = in.PreferredLanguage
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, showIdentityOrg(q.org))
}

func oneTimePassword(q *request) error {
	if _, err := q.find("user"); err != nil {
		return err
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, struct {
		Password string `json:"oneTimePassword"`
		Expires  int    `json:"expiresIn"`
	}{fmt.Sprintf("%06d", n), 7 * 24 * 3600})
}

// The settings of an organisation.

type setting struct {
	Key   string `json:"key"`
	Value bool   `json:"value"`
	Name  string `json:"name"`
}

func (q *request) sendSetting(key string) error {
	value, known := q.org.Settings().Setting(key)
	if !known {
		return fail(http.StatusNotFound, "There is no setting "+key+".")
	}
	return send(q, http.StatusOK, setting{key, value, "Automatic Activation Emails"})
}

func getSetting(q *request) error { return q.sendSetting(q.vars["key"]) }

func putSetting(q *request) error {
	var in setting
	if err := read(q, &in); err != nil {
		return err
	}
	if _, known := q.org.Settings().Setting(in.Key); !known {
		return fail(http.StatusBadRequest, "There is no setting "+in.Key+".")
	}
	err := q.org.Change(func(c *state.OrgConfig) error {
		if c.Settings == nil {
			c.Settings = map[string]bool{}
		}
		c.Settings[in.Key] = in.Value
		return nil
	})
	if err != nil {
		return err
	}
	return q.sendSetting(in.Key)
}

// The domains of an organisation: pending (a token was asked for), verified, claimed.

// domainInput is the body of the calls about one domain.
type domainInput struct {
	Domain        string `json:"domain"`
	ClaimDomain   bool   `json:"claimDomain"`
	Reserve       bool   `json:"reserveDomain"`
	RemovePending bool   `json:"removePending"`
}

// readDomain reads the body and checks that it names a domain.
func (q *request) readDomain() (domainInput, error) {
	var in domainInput
	if err := read(q, &in); err != nil {
		return in, err
	}
	in.Domain = strings.ToLower(strings.TrimSpace(in.Domain))
	if !strings.Contains(in.Domain, ".") || strings.ContainsAny(in.Domain, " @/") {
		return in, fail(http.StatusBadRequest, "domain must be the name of a domain.")
	}
	return in, nil
}

// claimedElsewhere reports whether another organisation has claimed the domain, or, if it is to be claimed, verified it.
func (q *request) claimedElsewhere(domain string, orVerified bool) bool {
	for _, o := range q.f.u.Orgs() {
		c := o.Settings()
		if o != q.org && (slices.Contains(c.Claimed, domain) || orVerified && slices.Contains(c.Domains, domain)) {
			return true
		}
	}
	return false
}

func domainToken(q *request) error {
	in, err := q.readDomain()
	if err != nil {
		return err
	}
	if q.claimedElsewhere(in.Domain, false) || slices.Contains(q.org.Settings().Claimed, in.Domain) {
		return fail(http.StatusConflict, "The domain is claimed already.")
	}
	token := ""
	err = q.org.Change(func(c *state.OrgConfig) error {
		if c.Asked == nil {
			c.Asked = map[string]string{}
		}
		if c.Asked[in.Domain] == "" {
			c.Asked[in.Domain] = state.NewID()
		}
		token = c.Asked[in.Domain]
		return nil
	})
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, struct {
		Domain string `json:"domain"`
		Token  string `json:"token"`
		Method string `json:"verificationMethod"`
		URL    string `json:"url"`
	}{in.Domain, token, "DNS_TXT", q.actionURL("DomainVerification/GetToken")})
}

func (q *request) actionURL(action string) string {
	return q.f.base(q.r) + "/organization/" + q.org.ID() + "/v1/actions/" + action + "/invoke"
}

// domains is the answer to calls that change which domains are verified or claimed.
type domains struct {
	Verified []string `json:"verifiedDomains"`
	Claimed  []string `json:"claimedDomains"`
	URL      string   `json:"url"`
}

func (q *request) sendDomains(action string) error {
	c := q.org.Settings()
	out := domains{Verified: []string{}, Claimed: []string{}, URL: q.actionURL(action)}
	out.Verified, out.Claimed = append(out.Verified, c.Domains...), append(out.Claimed, c.Claimed...)
	return send(q, http.StatusOK, out)
}

// verifyDomain answers POST …/verifyDomain. There is no DNS here: whoever has asked for a token has put it there.
func verifyDomain(q *request) error {
	in, err := q.readDomain()
	if err != nil {
		return err
	}
	if q.claimedElsewhere(in.Domain, in.ClaimDomain) {
		return fail(http.StatusConflict, "The domain is claimed by another organization.")
	}
	err = q.org.Change(func(c *state.OrgConfig) error {
		if c.Asked[in.Domain] == "" && !slices.Contains(c.Domains, in.Domain) {
			return fail(http.StatusBadRequest, "No verification token was requested for the domain.")
		}
		delete(c.Asked, in.Domain)
		c.Domains = with(c.Domains, in.Domain)
		if in.ClaimDomain {
			c.Claimed = with(c.Claimed, in.Domain)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.sendDomains("DomainVerification/Verify")
}

// with returns the list with a value more, unless it is there.
func with(list []string, value string) []string {
	if slices.Contains(list, value) {
		return list
	}
	return append(list, value)
}

func without(list []string, value string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == value })
}

func claimDomain(q *request) error {
	var in struct {
		Data []struct {
			Domain string `json:"domain"`
		} `json:"data"`
		Force bool `json:"forceDomainClaim"`
		Only  bool `json:"claimDomainOnly"`
	}
	if err := read(q, &in); err != nil {
		return err
	}
	type claimed struct {
		Domain string `json:"domain"`
		URL    string `json:"url"`
	}
	out := struct {
		Data []claimed `json:"data"`
	}{[]claimed{}}
	if len(in.Data) == 0 {
		return fail(http.StatusBadRequest, "data must name a domain.")
	}
	err := q.org.Change(func(c *state.OrgConfig) error {
		for _, d := range in.Data {
			domain := strings.ToLower(d.Domain)
			if !slices.Contains(c.Domains, domain) {
				return fail(http.StatusBadRequest, "The domain "+domain+" is not verified.")
			}
			c.Claimed = with(c.Claimed, domain)
			out.Data = append(out.Data, claimed{domain, q.f.base(q.r) + "/organizations/" + q.org.ID() + "/v1/domains/" + domain})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range out.Data {
		if q.claimedElsewhere(d.Domain, true) {
			return q.unclaim(d.Domain, fail(http.StatusConflict, "The domain is verified in another organization, too: neither can claim it."))
		}
	}
	return send(q, http.StatusOK, out)
}

// unclaim takes a claim back and returns the error.
func (q *request) unclaim(domain string, why error) error {
	err := q.org.Change(func(c *state.OrgConfig) error {
		c.Claimed = without(c.Claimed, domain)
		return nil
	})
	if err != nil {
		return err
	}
	return why
}

func unclaimDomain(q *request) error {
	in, err := q.readDomain()
	if err != nil {
		return err
	}
	err = q.org.Change(func(c *state.OrgConfig) error {
		if !slices.Contains(c.Claimed, in.Domain) {
			return fail(http.StatusNotFound, "The domain is not claimed.")
		}
		c.Claimed = without(c.Claimed, in.Domain)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done()
}

func unverifyDomain(q *request) error {
	in, err := q.readDomain()
	if err != nil {
		return err
	}
	err = q.org.Change(func(c *state.OrgConfig) error {
		if slices.Contains(c.Claimed, in.Domain) {
			return fail(http.StatusBadRequest, "The domain is claimed still.")
		}
		if _, asked := c.Asked[in.Domain]; asked && in.RemovePending {
			delete(c.Asked, in.Domain)
			return nil
		}
		if !slices.Contains(c.Domains, in.Domain) {
			return fail(http.StatusNotFound, "The domain is not verified.")
		}
		c.Domains = without(c.Domains, in.Domain)
		return nil
	})
	if err != nil {
		return err
	}
	return q.sendDomains("DomainVerification/Unverify")
}
