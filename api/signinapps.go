package api

import (
	"context"

	"lockstep/operate"
	"lockstep/sso"
	"lockstep/sso/saml"
)

// SAMLSettings are the settings of an application that speaks SAML 2.0. In a change, what is absent stays as it is.
type SAMLSettings struct {
	Metadata     *string          `json:"metadata,omitempty" maxLength:"1048576" doc:"The application's metadata: XML, or the address where they are. What they say takes the place of what is there."`
	Webex        *string          `json:"webex_organization,omitempty" maxLength:"200" doc:"Preset: Webex, for the organisation with this id. What nobody has documented is named under assumed."`
	Entity       *string          `json:"entity_id,omitempty" maxLength:"1024"`
	ACS          *[]saml.Endpoint `json:"assertion_consumer_services,omitempty" maxItems:"50" doc:"Where it takes responses by HTTP-POST; the first when it does not say. Compared byte for byte."`
	Logout       *string          `json:"single_logout_url,omitempty" maxLength:"2000" doc:"Takes requests to sign out by redirect."`
	LogoutReturn *string          `json:"single_logout_response_url,omitempty" maxLength:"2000"`
	LogoutSOAP   *string          `json:"single_logout_soap_url,omitempty" maxLength:"2000" doc:"Takes requests to sign out without a browser: also when somebody is disabled."`
	Certificates *string          `json:"certificates,omitempty" maxLength:"50000" doc:"PEM. With one, what the application sends must be signed."`
	NameID       *sso.NameIDKind  `json:"name_id,omitempty" enum:",email,persistent,transient,unspecified" doc:"Empty: what the application asks for."`
	NameIDFrom   *string          `json:"name_id_from,omitempty" maxLength:"500" doc:"The attribute or claim that an unspecified name ID is."`
	Attributes   *[]AppMapping    `json:"attributes,omitempty" maxItems:"50"`
	SignResponse *bool            `json:"sign_response,omitempty" doc:"Sign the response, too; the assertion always is."`
	Context      *string          `json:"authn_context,omitempty" maxLength:"500" doc:"The class of sign-in that it is told: empty for what the identity provider said, asked for what the application asks for, or a URI."`
	Start        *bool            `json:"idp_initiated,omitempty" doc:"People may begin here."`
	StartRelay   *string          `json:"relay_state,omitempty" maxLength:"2000" doc:"RelayState with which they do."`
	MetadataURL  string           `json:"metadata_url,omitempty" readOnly:"true" doc:"Where its metadata were read from."`
	Assumed      []string         `json:"assumed,omitempty" readOnly:"true" doc:"Settings of a preset that nobody has documented."`
	OurMetadata  string           `json:"identity_provider_metadata,omitempty" readOnly:"true" doc:"What the application is given: the address of our metadata, which is also our entity ID."`
}

// AppMapping says what an application is told of a person under a name.
type AppMapping struct {
	Name     string `json:"name" maxLength:"500"`
	Friendly string `json:"friendly_name,omitempty" maxLength:"200"`
	From     string `json:"from" maxLength:"500" doc:"A claim (sub, name, given_name, family_name, preferred_username, email, locale, groups) or an attribute of the directory."`
}

// ProxySettings are the settings of an application behind a reverse proxy. In a change, what is absent stays as it is.
type ProxySettings struct {
	Hosts   *[]string     `json:"hosts,omitempty" maxItems:"50" doc:"Host names of the application, or origins."`
	Headers *[]AppMapping `json:"headers,omitempty" maxItems:"50" doc:"What the application is told, by header."`
}

func kindName(k sso.ClientKind) string {
	if k == sso.KindOpenID {
		return "openid"
	}
	return string(k)
}

func kindOf(name string) sso.ClientKind {
	if name == "openid" {
		return sso.KindOpenID
	}
	return sso.ClientKind(name)
}

func mappingsFrom(all []AppMapping) []sso.Mapping {
	var out []sso.Mapping
	for _, m := range all {
		out = append(out, sso.Mapping(m))
	}
	return out
}

func mappingsOf(all []sso.Mapping) *[]AppMapping {
	out := []AppMapping{}
	for _, m := range all {
		out = append(out, AppMapping(m))
	}
	return &out
}

func samlOf(a *sso.SAMLApp, issuer string) *SAMLSettings {
	if a == nil {
		return nil
	}
	return &SAMLSettings{
		Entity: &a.Entity, ACS: &a.ACS, Logout: &a.Logout, LogoutReturn: &a.LogoutReturn, LogoutSOAP: &a.LogoutSOAP, Certificates: &a.Certificates, NameID: &a.NameID, NameIDFrom: &a.NameIDFrom,
		Attributes: mappingsOf(a.Attributes), SignResponse: &a.SignResponse, Context: &a.Context, Start: &a.Start, StartRelay: &a.StartRelay, MetadataURL: a.Metadata, Assumed: a.Assumed,
		OurMetadata: sso.SAMLEntity(issuer),
	}
}

func proxyOf(a *sso.ProxyApp) *ProxySettings {
	if a == nil {
		return nil
	}
	return &ProxySettings{Hosts: &a.Hosts, Headers: mappingsOf(a.Headers)}
}

// appChange is what settings of SAML and of a proxy change. Metadata are read before anything is.
func (s *Server) appChange(ctx context.Context, p operate.Principal, a *SAMLSettings, x *ProxySettings) (func(*sso.Client), []string, error) {
	var read sso.SAMLApp
	var notes []string
	if a != nil && a.Metadata != nil && *a.Metadata != "" {
		var err error
		if notes, err = s.Operator.ReadAppMetadata(ctx, p, &read, *a.Metadata); err != nil {
			return nil, nil, err
		}
	}
	var hosts []string
	if x != nil && x.Hosts != nil {
		for _, h := range *x.Hosts {
			origin, err := sso.ParseHost(h)
			if err != nil {
				return nil, nil, err
			}
			hosts = append(hosts, origin)
		}
	}
	return func(c *sso.Client) {
		if a != nil {
			a.change(c, read)
		}
		if x == nil {
			return
		}
		if c.Proxy == nil {
			c.Proxy = &sso.ProxyApp{}
		}
		if x.Hosts != nil {
			c.Proxy.Hosts = hosts
		}
		if x.Headers != nil {
			c.Proxy.Headers = mappingsFrom(*x.Headers)
		}
	}, notes, nil
}

func (a *SAMLSettings) change(c *sso.Client, read sso.SAMLApp) {
	if c.SAML == nil {
		c.SAML = &sso.SAMLApp{}
	}
	to := c.SAML
	if a.Webex != nil {
		salt := to.Salt
		*to = *sso.WebexApp(*a.Webex)
		to.Salt = salt
	}
	if read.Entity != "" {
		to.Entity, to.ACS, to.Certificates, to.Logout, to.LogoutReturn, to.LogoutSOAP = read.Entity, read.ACS, read.Certificates, read.Logout, read.LogoutReturn, read.LogoutSOAP
		to.Metadata, to.Assumed = read.Metadata, nil
	}
	change(&to.Entity, a.Entity)
	change(&to.ACS, a.ACS)
	change(&to.Logout, a.Logout)
	change(&to.LogoutReturn, a.LogoutReturn)
	change(&to.LogoutSOAP, a.LogoutSOAP)
	change(&to.Certificates, a.Certificates)
	change(&to.NameID, a.NameID)
	change(&to.NameIDFrom, a.NameIDFrom)
	if a.Attributes != nil {
		to.Attributes = mappingsFrom(*a.Attributes)
	}
	change(&to.SignResponse, a.SignResponse)
	change(&to.Context, a.Context)
	change(&to.Start, a.Start)
	change(&to.StartRelay, a.StartRelay)
}
