package upstream

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/sso"
)

// Imported is what a discovery document or SAML metadata fills into a form.
type Imported struct {
	Settings map[string]string
	Notes    []string  // what the administrator should know, one sentence each
	Until    time.Time // until when the document says that it may be used; zero is for ever
}

const wellKnown = "/.well-known/openid-configuration"

// Import fills the form of a kind from a document: from is its address, that of the issuer, or the pasted document itself. Roots are
// certificates (DER) to trust beside the machine's. What it returns still has to pass Check together with the rest.
func (o *Opener) Import(ctx context.Context, kind sso.ProviderKind, from string, roots [][]byte, rec sso.Recorder) (Imported, error) {
	return o.ImportFor(ctx, sso.Provider{Kind: kind, Roots: roots}, from, rec)
}

// ImportFor is Import for a provider that there is: it trusts the certificates that its settings name, and metadata is signed if they say who signs it.
func (o *Opener) ImportFor(ctx context.Context, p sso.Provider, from string, rec sso.Recorder) (Imported, error) {
	h := startHop(rec, o.clock(), "discovery")
	imported, f := o.importFrom(ctx, h, p, strings.TrimSpace(from))
	if f != nil {
		return Imported{}, h.fail(f)
	}
	h.done("the form is filled in")
	return imported, nil
}

func (o *Opener) importFrom(ctx context.Context, h *hop, p sso.Provider, from string) (Imported, *finding) {
	kind, saml := p.Kind, p.Kind == sso.KindSAML
	if !saml && kind != sso.KindOIDC && kind != sso.KindWebexCC {
		return Imported{}, found(lockstep.CodeIdPUnsupported, "Fill in the form by hand.", "providers of this kind publish nothing that could be imported")
	}
	text, address := []byte(from), ""
	if !strings.HasPrefix(from, "{") && !strings.HasPrefix(from, "<") {
		address = from
		if !saml && !strings.Contains(from, "/.well-known/") {
			address = strings.TrimSuffix(from, "/") + wellKnown
		}
		if code, problem := addressProblem(address, false); problem != "" {
			return Imported{}, &finding{code: code, detail: "Discovery: " + problem}
		}
		client, err := newClient(o.Dialer, p.Roots, o.clock())
		if err != nil {
			return Imported{}, &finding{code: lockstep.CodeOf(err), detail: "the trusted certificates cannot be read", err: err}
		}
		defer client.close()
		var f *finding
		if text, _, f = client.get(ctx, h, address, "application/json, application/samlmetadata+xml, text/xml", maxDocument, ""); f != nil {
			return Imported{}, f
		}
	}
	if len(text) > maxDocument {
		return Imported{}, found(lockstep.CodeIdPTooLarge, "", "the document is larger than %d KiB", maxDocument>>10)
	}
	if saml {
		signed, f := signedMetadata(text, p.Settings[fieldSigners])
		if f != nil {
			return Imported{}, f
		}
		return importMetadata(signed, address, p.Settings["sso_binding"], o.clock()())
	}
	return importDiscovery(text, address, kind)
}

// importDiscovery reads a discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).
func importDiscovery(text []byte, address string, kind sso.ProviderKind) (Imported, *finding) {
	document, err := decodeObject(text)
	if err != nil {
		return Imported{}, found(lockstep.CodeIdPMalformed, "", "the discovery document: %s", err)
	}
	in := Imported{Settings: map[string]string{}}
	for _, m := range []struct{ member, field string }{
		{"issuer", fieldIssuer}, {"authorization_endpoint", fieldAuthorize}, {"token_endpoint", fieldToken},
		{"userinfo_endpoint", fieldUserInfo}, {"jwks_uri", fieldKeys}, {"end_session_endpoint", fieldLogout},
	} {
		value, _ := document[m.member].(string)
		if value == "" {
			continue
		}
		if code, problem := addressProblem(value, m.field == fieldIssuer); problem != "" {
			return Imported{}, &finding{code: code, detail: fmt.Sprintf("the discovery document: %s: %s", m.member, problem)}
		}
		in.Settings[m.field] = value
	}
	for _, m := range []struct{ member, field string }{{"issuer", fieldIssuer}, {"authorization_endpoint", fieldAuthorize}, {"token_endpoint", fieldToken}} {
		if in.Settings[m.field] == "" {
			return Imported{}, found(lockstep.CodeIdPMalformed, "", "the discovery document has no %s", m.member)
		}
	}
	if f := in.judgeIssuer(address, kind); f != nil {
		return Imported{}, f
	}
	if f := in.choose(document, kind); f != nil {
		return Imported{}, f
	}
	return in, nil
}

// judgeIssuer compares the issuer with the address at which the document was found (OpenID Connect Discovery §4.3). Webex's document
// names an issuer of its own choosing, so there it becomes one of several.
func (in *Imported) judgeIssuer(address string, kind sso.ProviderKind) *finding {
	issuer := in.Settings[fieldIssuer]
	if kind == sso.KindWebexCC {
		keys := or(in.Settings[fieldKeys], issuer+webexKeysPath)
		lines := []string{}
		for _, i := range webexIssuers() {
			if i != issuer {
				lines = append(lines, i+" "+i+webexKeysPath)
			}
		}
		in.Settings[fieldKeys], in.Settings[fieldIssuers] = keys, strings.Join(lines, "\n")
		in.Settings[fieldLogoutStyle] = logoutWebex
		in.Notes = append(in.Notes, "Webex names the issuer of one region here; the others are kept as further issuers.")
		return nil
	}
	if address == "" {
		in.Notes = append(in.Notes, "The document was pasted, so nobody has shown that the issuer "+issuer+" published it.")
		return nil
	}
	in.Settings["discovery_url"] = address
	if address == strings.TrimSuffix(issuer, "/")+wellKnown || address == oauthWellKnown(issuer) {
		return nil
	}
	return found(lockstep.CodeIdPDiscovery, "Enter "+cleanText(issuer, 200)+" as the address to import from.", "the document at %s is of the issuer %s", cleanText(address, 150), cleanText(issuer, 150))
}

// oauthWellKnown is where RFC 8414 §3.1 puts an issuer's document: between host and path.
func oauthWellKnown(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.EscapedPath(), "/")
}

// choose takes from what the provider can do what we can do, too.
func (in *Imported) choose(document map[string]any, kind sso.ProviderKind) *finding {
	if all, ok := texts(document["id_token_signing_alg_values_supported"]); ok {
		fit := slices.DeleteFunc(all, func(a string) bool { return !slices.Contains(signing(), a) })
		if len(fit) == 0 {
			return found(lockstep.CodeIdPUnsupported, "Let the provider sign with RS256 or ES256.", "the provider signs ID tokens in no way that is accepted here")
		}
		in.Settings[fieldAlgorithms] = strings.Join(fit, " ")
	}
	if all, ok := texts(document["response_types_supported"]); ok && !slices.Contains(all, "code") {
		return found(lockstep.CodeIdPUnsupported, "Allow the authorization code flow at the provider.", "the provider does not offer the authorization code flow")
	}
	if all, ok := texts(document["code_challenge_methods_supported"]); ok && !slices.Contains(all, "S256") {
		in.Settings[fieldPKCE] = "off"
		in.Notes = append(in.Notes, "The provider does not offer PKCE with S256, so it is off.")
	}
	if all, ok := texts(document["token_endpoint_auth_methods_supported"]); ok {
		chosen := ""
		for _, method := range []string{authBasic, authPost, authPrivateKey, authNone} {
			if chosen == "" && slices.Contains(all, method) && !(kind == sso.KindWebexCC && method == authPrivateKey) {
				chosen = method
			}
		}
		if chosen == "" {
			return found(lockstep.CodeIdPUnsupported, "Let the provider accept a client secret or a private key.", "the provider accepts clients in no way that is known here")
		}
		in.Settings[fieldClientAuth] = chosen
	}
	if all, ok := texts(document["scopes_supported"]); ok && kind == sso.KindOIDC {
		scopes := []string{"openid"}
		for _, s := range []string{"profile", "email", "groups"} {
			if slices.Contains(all, s) {
				scopes = append(scopes, s)
			}
		}
		in.Settings[fieldScopes] = strings.Join(scopes, " ")
	}
	if document["authorization_response_iss_parameter_supported"] == true {
		in.Settings[fieldIssParam] = "required"
	}
	return nil
}

// texts returns a list of texts; ok says that there is a list at all.
func texts(value any) (all []string, ok bool) {
	list, ok := value.([]any)
	for _, v := range list {
		if s, isText := v.(string); isText {
			all = append(all, s)
		}
	}
	return all, ok
}
