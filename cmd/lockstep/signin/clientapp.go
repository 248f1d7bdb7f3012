package signin

import (
	"strings"

	"lockstep/api"
	"lockstep/sso"
	"lockstep/sso/saml"
	"lockstep/terminal"
)

// clientAppFlags are the settings of applications that do not speak OpenID Connect.
type clientAppFlags struct {
	Metadata   string   `placeholder:"FILE|URL" help:"SAML: the application's metadata."`
	Webex      string   `placeholder:"ORG" help:"SAML: Webex, for the organisation with this id; what nobody has documented is named."`
	Entity     *string  `placeholder:"ID" help:"SAML: its entity ID."`
	ACS        []string `name:"acs" placeholder:"URL" help:"SAML: where it takes responses by HTTP-POST, byte for byte."`
	CertFile   *string  `placeholder:"FILE" help:"SAML: its certificates (PEM); with one, what it sends must be signed. Empty takes them away."`
	SLO        *string  `name:"slo" placeholder:"URL" help:"SAML: takes requests to sign out by redirect."`
	SLOSoap    *string  `name:"slo-soap" placeholder:"URL" help:"SAML: takes requests to sign out without a browser, so also when somebody is disabled."`
	NameID     *string  `name:"name-id" placeholder:"KIND" help:"SAML: email, persistent, transient or unspecified; empty is what it asks for."`
	NameIDFrom *string  `name:"name-id-from" placeholder:"ATTRIBUTE" help:"SAML: what an unspecified name ID is, for example userName."`
	Attribute  []string `sep:"none" placeholder:"NAME=FROM" help:"SAML: what it is told of a person: NAME or NAME|FRIENDLY, and a claim (email, name, groups …) or attribute of the directory."`
	SignAll    *bool    `name:"sign-response" negatable:"" help:"SAML: sign the response, too; the assertion always is."`
	Context    *string  `placeholder:"CLASS" help:"SAML: the class of sign-in that it is told: asked (what it asks for) or a URI; empty is what the identity provider said."`
	Start      *bool    `name:"start-here" negatable:"" help:"SAML: people may begin here (IdP-initiated)."`
	Relay      *string  `name:"relay-state" placeholder:"TEXT" help:"SAML: RelayState with which they do."`
	Host       []string `placeholder:"HOST" help:"Proxy: a host name of the application."`
	Header     []string `sep:"none" placeholder:"NAME=FROM" help:"Proxy: a header that says who somebody is; Remote-User, Remote-Email, Remote-Name and Remote-Groups when absent."`
}

// settings are those of the flags that were given; nil is none of a kind.
func (f *clientAppFlags) settings() (*api.SAMLSettings, *api.ProxySettings, error) {
	a := api.SAMLSettings{Entity: f.Entity, Logout: f.SLO, LogoutSOAP: f.SLOSoap, NameIDFrom: f.NameIDFrom, SignResponse: f.SignAll, Context: f.Context, Start: f.Start, StartRelay: f.Relay}
	if f.NameID != nil {
		kind := sso.NameIDKind(*f.NameID)
		a.NameID = &kind
	}
	if f.Webex != "" {
		a.Webex = &f.Webex
	}
	if err := f.files(&a); err != nil {
		return nil, nil, err
	}
	if len(f.ACS) > 0 {
		all := []saml.Endpoint{}
		for i, u := range f.ACS {
			all = append(all, saml.Endpoint{URL: u, Index: i})
		}
		a.ACS = &all
	}
	var err error
	if a.Attributes, err = mappingFlags(f.Attribute); err != nil {
		return nil, nil, err
	}
	x := api.ProxySettings{}
	if len(f.Host) > 0 {
		x.Hosts = &f.Host
	}
	if x.Headers, err = mappingFlags(f.Header); err != nil {
		return nil, nil, err
	}
	samlGiven, proxyGiven := &a, &x
	if f.none() {
		samlGiven = nil
	}
	if x == (api.ProxySettings{}) {
		proxyGiven = nil
	}
	return samlGiven, proxyGiven, nil
}

// none reports whether no setting of SAML was given.
func (f *clientAppFlags) none() bool {
	given := false
	for _, p := range []*string{f.Entity, f.CertFile, f.SLO, f.SLOSoap, f.NameID, f.NameIDFrom, f.Context, f.Relay} {
		given = given || p != nil
	}
	return !given && f.Metadata+f.Webex == "" && len(f.ACS)+len(f.Attribute) == 0 && f.SignAll == nil && f.Start == nil
}

// files reads the metadata and the certificates that were named. The address of metadata is for the server to fetch.
func (f *clientAppFlags) files(a *api.SAMLSettings) error {
	if f.Metadata != "" {
		a.Metadata = &f.Metadata
		if !strings.HasPrefix(f.Metadata, "https://") && !strings.HasPrefix(f.Metadata, "http://") {
			content, err := terminal.ReadText("The metadata", f.Metadata)
			if err != nil {
				return err
			}
			a.Metadata = &content
		}
	}
	if f.CertFile == nil {
		return nil
	}
	content := ""
	if *f.CertFile != "" {
		var err error
		if content, err = terminal.ReadText("The file of certificates", *f.CertFile); err != nil {
			return err
		}
	}
	a.Certificates = &content
	return nil
}

func mappingFlags(all []string) (*[]api.AppMapping, error) {
	if len(all) == 0 {
		return nil, nil
	}
	out := []api.AppMapping{}
	for _, text := range all {
		m, err := sso.ParseMapping(text)
		if err != nil {
			return nil, terminal.Usage("%v", err)
		}
		out = append(out, api.AppMapping(m))
	}
	return &out, nil
}
