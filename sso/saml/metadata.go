package saml

import (
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"strings"
	"time"
)

// Endpoint is where an application takes responses.
type Endpoint struct {
	URL   string `json:"url"`
	Index int    `json:"index,omitempty"`
}

// Application is what an application's metadata say of it (saml-metadata §2.4.4).
type Application struct {
	Entity       string
	ACS          []Endpoint // the default first
	Logout       string     // takes requests by redirect; "" is none
	LogoutReturn string     // takes answers; "" is Logout
	LogoutSOAP   string
	Certificates string // PEM
	Signs        bool   // AuthnRequestsSigned
	Formats      []string
	Notes        []string // what was not taken over
}

// entityXML is as much of an EntityDescriptor as is read.
type entityXML struct {
	XMLName    xml.Name `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntityDescriptor"`
	ID         string   `xml:"entityID,attr"`
	ValidUntil string   `xml:"validUntil,attr"`
	SP         []struct {
		Protocols string   `xml:"protocolSupportEnumeration,attr"`
		Signs     string   `xml:"AuthnRequestsSigned,attr"`
		Formats   []string `xml:"urn:oasis:names:tc:SAML:2.0:metadata NameIDFormat"`
		Keys      []struct {
			Use   string   `xml:"use,attr"`
			Certs []string `xml:"http://www.w3.org/2000/09/xmldsig# KeyInfo>X509Data>X509Certificate"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:metadata KeyDescriptor"`
		ACS    []endpointXML `xml:"urn:oasis:names:tc:SAML:2.0:metadata AssertionConsumerService"`
		Logout []endpointXML `xml:"urn:oasis:names:tc:SAML:2.0:metadata SingleLogoutService"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:metadata SPSSODescriptor"`
}

type endpointXML struct {
	Binding  string `xml:"Binding,attr"`
	Location string `xml:"Location,attr"`
	Return   string `xml:"ResponseLocation,attr"`
	Index    int    `xml:"index,attr"`
	Default  string `xml:"isDefault,attr"`
}

// ReadMetadata reads the metadata of one application. What they say of keys can only name the keys to check with.
func ReadMetadata(text []byte, now time.Time) (Application, error) {
	var a Application
	if len(text) > MaxMetadata {
		return a, fault("the metadata are larger than %d KiB", MaxMetadata>>10)
	}
	if _, err := look(text, true); err != nil {
		return a, fault("the metadata: %s", err)
	}
	var e entityXML
	if err := xml.Unmarshal(text, &e); err != nil {
		return a, fixable("Save the EntityDescriptor of the one application.", "the metadata are not of one application")
	}
	if len(e.SP) != 1 || !IsEntity(e.ID) {
		return a, fixable("Take the metadata of the application (service provider), not of an identity provider.", "the metadata do not describe one SAML 2.0 service provider")
	}
	if e.ValidUntil != "" {
		until, err := time.Parse(time.RFC3339Nano, e.ValidUntil)
		if err != nil || now.After(until) {
			return a, fixable("Fetch newer metadata.", "the metadata were valid until %s", clean(e.ValidUntil, 40))
		}
	}
	sp := e.SP[0]
	a.Entity, a.Signs = e.ID, sp.Signs == "true" || sp.Signs == "1"
	for _, f := range sp.Formats {
		a.Formats = append(a.Formats, strings.TrimSpace(f))
	}
	for _, c := range sp.ACS {
		if c.Binding != BindingPost || len(a.ACS) >= 50 {
			continue
		}
		one := Endpoint{c.Location, c.Index}
		if c.Default == "true" || c.Default == "1" {
			a.ACS = append([]Endpoint{one}, a.ACS...)
		} else {
			a.ACS = append(a.ACS, one)
		}
	}
	if len(a.ACS) == 0 {
		return a, fault("the application does not take responses by HTTP-POST, which is the only way they are given")
	}
	for _, l := range sp.Logout {
		switch {
		case l.Binding == BindingRedirect && a.Logout == "":
			a.Logout, a.LogoutReturn = l.Location, l.Return
		case l.Binding == BindingSOAP && a.LogoutSOAP == "":
			a.LogoutSOAP = l.Location
		}
	}
	for _, k := range sp.Keys {
		if k.Use != "signing" && k.Use != "" {
			continue
		}
		for _, c := range k.Certs {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c), ""))
			if err != nil {
				return a, fault("the metadata have a certificate that cannot be read")
			}
			if block := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); !strings.Contains(a.Certificates, block) {
				a.Certificates += block
			}
		}
	}
	if a.Certificates == "" {
		if a.Signs {
			return a, fault("the application signs its requests, and the metadata have no certificate to check them with")
		}
		return a, nil
	}
	if _, err := ParseCertificates(a.Certificates); err != nil {
		return a, fault("the metadata's certificates: %s", err)
	}
	if !a.Signs {
		a.Notes = append(a.Notes, "The metadata have a certificate, and do not say that requests are signed. They must be, as long as the certificate stands here.")
	}
	return a, nil
}

// Provider is what an identity provider tells of itself.
type Provider struct {
	Entity, SignOn, Logout string
	Certificates           [][]byte // DER; of the key that signs now, and of the one that will
}

// Metadata writes the EntityDescriptor of an identity provider (saml-metadata §2.4.3). Requests may come unsigned: whose have to be signed
// is known here, by the application's certificate.
func (p Provider) Metadata() ([]byte, error) {
	e := element("md:EntityDescriptor", "", "xmlns:md", spaceMetadata, "xmlns:ds", spaceSignature, "entityID", p.Entity)
	idp := element("md:IDPSSODescriptor", "", "WantAuthnRequestsSigned", "false", "protocolSupportEnumeration", spaceProtocol)
	for _, c := range p.Certificates {
		key := element("md:KeyDescriptor", "", "use", "signing")
		info, data := element("ds:KeyInfo", ""), element("ds:X509Data", "")
		data.AddChild(element("ds:X509Certificate", base64.StdEncoding.EncodeToString(c)))
		info.AddChild(data)
		key.AddChild(info)
		idp.AddChild(key)
	}
	idp.AddChild(element("md:SingleLogoutService", "", "Binding", BindingRedirect, "Location", p.Logout))
	for _, f := range []string{FormatEmail, FormatPersistent, FormatTransient, FormatUnspecified} {
		idp.AddChild(element("md:NameIDFormat", f))
	}
	for _, b := range []string{BindingRedirect, BindingPost} {
		idp.AddChild(element("md:SingleSignOnService", "", "Binding", b, "Location", p.SignOn))
	}
	e.AddChild(idp)
	text, err := textFrom(e)
	return append([]byte(xml.Header), text...), err
}
