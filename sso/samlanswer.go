package sso

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/sso/saml"
)

// samlLife is how long an assertion may be used: as long as a browser takes to bring it, and clocks that differ.
const samlLife = 5 * time.Minute

// enough reports whether a session is of a kind that the application cannot do without.
func (v *visit) enough(s *Session) bool {
	req := &v.login.Request
	if req.SAML == nil {
		return req.enough(s)
	}
	return v.client.SAML.Context != "" || req.SAML.enough(s)
}

// classesOf are the classes that a sign-in is of (saml-core §2.7.2.2), the strongest first: what the identity provider said if it is one, else what
// follows from how it says that the person has signed in. A second factor takes nothing away: who has shown one beside a password has shown that, too.
func classesOf(s *Session) []string {
	said, password := saml.IsEntity(s.ACR), slices.Contains(s.AMR, "pwd")
	var all []string
	if s.Factor != "" || !said && (slices.Contains(s.AMR, "mfa") || slices.Contains(s.AMR, "otp") && password) {
		all = append(all, saml.ContextMFA)
	}
	switch {
	case said:
		return append(all, s.ACR)
	case password:
		return append(all, saml.ContextPasswordTLS)
	case len(all) == 0:
		return []string{saml.ContextUnspecified}
	}
	return all
}

// enough reports whether a sign-in is of a class that is asked for.
func (a *SAMLAsk) enough(s *Session) bool { return slices.ContainsFunc(classesOf(s), a.accepts) }

// class is the class that the application is told.
func (v *visit) class(s *Session) string {
	ask := v.login.Request.SAML
	all := classesOf(s)
	have := all[max(0, slices.IndexFunc(all, ask.accepts))]
	switch set := v.client.SAML.Context; {
	case set == ContextAsked && len(ask.Contexts) > 0 && !ask.accepts(have):
		return ask.Contexts[0]
	case set == "" || set == ContextAsked:
		return have
	default:
		return set
	}
}

// named is a name ID.
type named struct{ value, format, qualifier, spQualifier string }

// nameID is what the application calls the person.
func (v *visit) nameID(ctx context.Context, u directory.User) (named, error) {
	app, ask := v.client.SAML, v.login.Request.SAML
	kind := app.NameID
	formats := map[string]NameIDKind{saml.FormatEmail: NameIDEmail, saml.FormatPersistent: NameIDPersistent, saml.FormatTransient: NameIDTransient}
	asked, specific := formats[ask.Format]
	switch {
	case ask.Format != "" && ask.Format != saml.FormatUnspecified && !specific:
		return named{}, badRequest("invalid_name_id", "the application asks for a name ID of a format that there is not: "+clip(ask.Format))
	case kind == NameIDAsked && specific:
		kind = asked
	case kind == NameIDAsked && mailOf(u.Attributes) != "":
		kind = NameIDEmail
	case kind == NameIDAsked:
		kind = NameIDPersistent
	case specific && asked != kind:
		return named{}, badRequest("invalid_name_id", "the application asks for a name ID of the format "+string(asked)+", and is to get "+string(kind))
	}
	n := named{format: map[NameIDKind]string{
		NameIDEmail: saml.FormatEmail, NameIDPersistent: saml.FormatPersistent, NameIDTransient: saml.FormatTransient, NameIDUnspecified: saml.FormatUnspecified,
	}[kind]}
	switch kind {
	case NameIDEmail:
		n.value = mailOf(u.Attributes)
	case NameIDTransient:
		n.value = saml.NewID()
	case NameIDPersistent:
		n.value, n.qualifier, n.spQualifier = v.pairwise(u.ID), v.site.issuer, app.Entity
	default:
		all, err := v.valuesOf(ctx, v.site, u, app.NameIDFrom)
		if err != nil {
			return n, err
		}
		if len(all) == 1 {
			n.value = all[0]
		}
	}
	if n.value = strings.TrimSpace(n.value); n.value == "" || len(n.value) > 256 {
		return n, &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "The directory does not have for this person what " + v.client.Name + " is to call them (name ID: " + string(kind) + ")."}
	}
	if ask.Subject != "" && ask.Subject != n.value {
		return n, badRequest("access_denied", "somebody else has signed in than the one who was asked for")
	}
	return n, nil
}

// pairwise is a name of a person that is the same each time, and another one at each application (saml-core §8.3.7).
func (v *visit) pairwise(u lockstep.UserID) string {
	h := hmac.New(sha256.New, v.client.SAML.Salt)
	h.Write([]byte(u))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// signedSAML gives the application its assertion.
func (v *visit) signedSAML(ctx context.Context, session *Session, now time.Time) (answerer, error) {
	l, ask := &v.login, v.login.Request.SAML
	u, err := v.user(ctx, v.site.tenant.ID, l.Person.User)
	if err != nil {
		return nil, err
	}
	name, err := v.nameID(ctx, u)
	if err != nil {
		return nil, err
	}
	attributes, err := v.attributes(ctx, u)
	if err != nil {
		return nil, err
	}
	signer, err := v.samlSigner(ctx, v.site.tenant.ID)
	if err != nil {
		return nil, err
	}
	_, hash := secret()
	grant := Grant{
		ID: lockstep.NewID[GrantID](), Client: l.Request.Client, Person: l.Person, Session: session.ID, AuthTime: session.AuthTime, ACR: session.ACR, AMR: session.AMR,
		Nonce: name.value, Challenge: name.format, Redirect: ask.ACS, Code: hash, CodeUsed: now, CodeEnds: now, Expires: session.Expires,
	}
	text, err := saml.Response{
		ID: saml.NewID(), Issuer: v.site.entity(), ACS: ask.ACS, InResponseTo: ask.ID, Now: now, AssertionID: saml.NewID(), Audience: v.client.SAML.Entity,
		NameID: name.value, NameIDFormat: name.format, NameQualifier: name.qualifier, SPQualifier: name.spQualifier, Ends: now.Add(samlLife),
		AuthnInstant: session.AuthTime, Context: v.class(session), Session: string(grant.ID), SessionEnds: session.Expires, Attributes: attributes,
		SignAll: v.client.SAML.SignResponse,
	}.Post(signer)
	if err != nil {
		return nil, err
	}
	v.finish.Grant = &grant
	l.Step, l.Identity = StepEnded, nil
	v.stage(Stage{Name: "saml response", OK: true, Facts: map[string]string{
		"name ID format": name.format, "class": v.class(session), "assertion consumer service": ask.ACS, "attributes": namesOfAttributes(attributes),
	}})
	v.trace(OutcomeSigned, nil)
	return func() error { return v.postSAML(text) }, nil
}

func namesOfAttributes(all []saml.Attribute) string {
	var names []string
	for _, a := range all {
		if len(a.Values) > 0 {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, " ")
}

func (v *visit) attributes(ctx context.Context, u directory.User) ([]saml.Attribute, error) {
	var all []saml.Attribute
	for _, m := range v.client.SAML.Attributes {
		values, err := v.valuesOf(ctx, v.site, u, m.From)
		if err != nil {
			return nil, err
		}
		all = append(all, saml.Attribute{Name: m.Name, Friendly: m.Friendly, Values: values})
	}
	return all, nil
}

// postSAML sends the browser to the application with a response.
func (v *visit) postSAML(text string) error {
	ask := v.login.Request.SAML
	fields := url.Values{saml.FieldResponse: {text}}
	if ask.Relay != "" {
		fields.Set("RelayState", ask.Relay)
	}
	return v.post(v.w, v.r, v.login.Locale, ask.ACS, fields)
}

// refuseSAML tells the application, in the words of SAML, that nobody was signed in.
func (v *visit) refuseSAML(ctx context.Context, e oauthError) (answerer, error) {
	ask := v.login.Request.SAML
	signer, err := v.samlSigner(ctx, v.site.tenant.ID)
	if err != nil {
		return nil, err
	}
	codes := map[string][]string{
		"login_required": {saml.StatusResponder, saml.StatusNoPassive}, "unmet_authentication_requirements": {saml.StatusResponder, saml.StatusNoContext},
		"invalid_name_id": {saml.StatusRequester, saml.StatusNameIDPolicy},
	}[e.Code]
	if codes == nil {
		codes = []string{saml.StatusResponder, saml.StatusAuthnFailed}
	}
	text, err := saml.Response{ID: saml.NewID(), Issuer: v.site.entity(), ACS: ask.ACS, InResponseTo: ask.ID, Now: v.now(), Status: codes, Reason: e.Description}.Post(signer)
	if err != nil {
		return nil, err
	}
	return func() error { return v.postSAML(text) }, nil
}

// samlFixes says what to do about what an application is told.
var samlFixes = map[string]string{
	"unmet_authentication_requirements": "Let the application ask for no class of sign-in, or tell it the class that it asks for (its setting “class of sign-in”).",
	"invalid_name_id":                   "Let the application ask for the format that it is to get, or let it have what it asks for (its setting “name ID”).",
	"login_required":                    "Nobody was signed in, and the application wants nobody to be asked (IsPassive). It has to send them once more without.",
}
