package sso

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"lockstep"
	"lockstep/directory"
)

//go:embed passkey.js
var scriptText string

// rpID is the host name that passkeys are for (RP ID): that of the server's public address. An IP address can have none, and neither can
// an address without TLS, but on this machine: then it is "".
func (x site) rpID() string {
	u, err := url.Parse(x.issuer)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if net.ParseIP(host) != nil || !x.secure && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		return ""
	}
	return host
}

// relyingParty checks what authenticators answer (WebAuthn §7): at this origin and no other, with the person verified by it.
func (x site) relyingParty() (*webauthn.WebAuthn, error) {
	u, err := url.Parse(x.issuer)
	if err != nil {
		return nil, err
	}
	name := x.tenant.Name
	if name == "" {
		name = x.tenant.Slug
	}
	return webauthn.New(&webauthn.Config{
		RPID: x.rpID(), RPDisplayName: name, RPOrigins: []string{u.Scheme + "://" + u.Host}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore, // password managers answer credProps unasked; nothing goes by it
	})
}

// holder is a person as the relying party sees them. Their handle is their id, which says nothing about them, and is no other tenant's.
type holder struct {
	user        lockstep.UserID
	name, shown string
	passkeys    []Passkey
}

func (h holder) WebAuthnID() []byte          { return []byte(h.user) }
func (h holder) WebAuthnName() string        { return h.name }
func (h holder) WebAuthnDisplayName() string { return h.shown }

func (h holder) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(h.passkeys))
	for i, p := range h.passkeys {
		all[i] = webauthn.Credential{
			ID: p.ID, PublicKey: p.PublicKey, Flags: webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: p.Eligible, BackupState: p.BackedUp},
			Authenticator: webauthn.Authenticator{AAGUID: p.AAGUID, SignCount: p.SignCount},
		}
		for _, t := range p.Transports {
			all[i].Transport = append(all[i].Transport, protocol.AuthenticatorTransport(t))
		}
	}
	return all
}

// amr is how somebody has shown who they are with the passkey (RFC 8176): with a key in hardware, unless it can be copied; and they were there,
// and known to the authenticator by a PIN or otherwise.
func (p *Passkey) amr() []string {
	if p.Eligible {
		return []string{"swk", "user", "mfa"}
	}
	return []string{"hwk", "user", "mfa"}
}

func refusedPasskey(detail string, err error) error {
	return &lockstep.Error{Code: lockstep.CodeSSOPasskey, Detail: detail, Err: err}
}

// begin keeps a ceremony with the login, in the place of the one before, and returns what the browser is asked for.
func (v *visit) begin(options any, ceremony *webauthn.SessionData) (string, error) {
	kept, err := json.Marshal(ceremony)
	if err != nil {
		return "", err
	}
	v.login.Ceremony = kept
	return asJSON(options)
}

// ceremony takes the one that was begun, once: whatever comes of it, its challenge is never answered again.
func (v *visit) ceremony() (data webauthn.SessionData, err error) {
	kept := v.login.Ceremony
	v.login.Ceremony = nil
	if kept == nil || json.Unmarshal(kept, &data) != nil {
		return data, refusedPasskey("No passkey was asked for, or the page was used before.", nil)
	}
	return data, nil
}

// askAny begins a sign-in with whatever passkey the person chooses. "" is a site that can have none.
func (v *visit) askAny() (string, error) {
	if v.site.rpID() == "" {
		return "", nil
	}
	w, err := v.site.relyingParty()
	if err != nil {
		return "", err
	}
	options, ceremony, err := w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", err
	}
	return v.begin(options.Response, ceremony)
}

// askOne begins to have the person of the login show one of their passkeys.
func (v *visit) askOne(have FactorSet) (string, error) {
	if v.site.rpID() == "" || len(have.Passkeys) == 0 {
		return "", nil
	}
	w, err := v.site.relyingParty()
	if err != nil {
		return "", err
	}
	options, ceremony, err := w.BeginLogin(holder{user: v.login.Person.User, passkeys: have.Passkeys}, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", err
	}
	return v.begin(options.Response, ceremony)
}

// askNew begins to set up a passkey.
func (v *visit) askNew(u directory.User, have FactorSet) (string, error) {
	if v.site.rpID() == "" || len(have.Passkeys) >= maxPasskeys {
		return "", nil
	}
	w, err := v.site.relyingParty()
	if err != nil {
		return "", err
	}
	h := holderOf(u, have)
	options, ceremony, err := w.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return "", err
	}
	return v.begin(options.Response, ceremony)
}

func holderOf(u directory.User, have FactorSet) holder {
	h := holder{user: u.ID, name: u.Attributes.Text("userName"), shown: u.Attributes.Text("displayName"), passkeys: have.Passkeys}
	if h.shown == "" {
		h.shown = h.name
	}
	return h
}

// maxAnswer is the longest answer of an authenticator that is looked at.
const maxAnswer = 32 << 10

// firstPasskey signs in whoever has the passkey that answers, and is its authenticator's. It is a first and a second factor in one, in the place of a
// password: who has none here comes by their identity provider, which goes on deciding whether and how they do.
func (v *visit) firstPasskey(ctx context.Context, answer string) (*Shown, error) {
	data, err := v.ceremony()
	if err != nil {
		return nil, err
	}
	if !v.limits.take("passkey\x00"+string(v.site.tenant.ID)+"\x00"+prefixOf(v.r.RemoteAddr), triesFrom, triesFor, v.now()) {
		return nil, &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many passkeys were tried from where you are."}
	}
	w, parsed, err := v.parsed(answer)
	if err != nil {
		return nil, err
	}
	var found Passkey
	var failed error
	_, credential, err := w.ValidatePasskeyLogin(func(id, handle []byte) (webauthn.User, error) {
		found, failed = v.Store.Passkey(ctx, v.site.tenant.ID, id)
		if failed != nil {
			return nil, failed
		}
		return holder{user: found.User, passkeys: []Passkey{found}}, nil // which has to be whom the handle names
	}, data, parsed)
	if failed != nil && !errors.Is(failed, lockstep.ErrNotFound) {
		return nil, failed
	}
	if err != nil {
		return nil, refusedPasskey("The passkey is not known here, or its answer cannot be believed.", err)
	}
	_, err = v.Store.Password(ctx, v.site.tenant.ID, found.User)
	if errors.Is(err, lockstep.ErrNotFound) {
		return nil, refusedPasskey("The person has no password here: they sign in at their identity provider, and show the passkey after that.", nil)
	}
	if err != nil {
		return nil, err
	}
	shown, err := v.spend(ctx, found, credential)
	if err == nil {
		v.limits.right("passkey", v.site.tenant.ID, prefixOf(v.r.RemoteAddr))
	}
	return shown, err
}

// secondPasskey has the person of the login show one of their passkeys.
func (v *visit) secondPasskey(ctx context.Context, answer string, have FactorSet) (*Shown, error) {
	data, err := v.ceremony()
	if err != nil {
		return nil, err
	}
	w, parsed, err := v.parsed(answer)
	if err != nil {
		return nil, err
	}
	credential, err := w.ValidateLogin(holder{user: v.login.Person.User, passkeys: have.Passkeys}, data, parsed)
	if err != nil {
		return nil, refusedPasskey("The passkey is not yours, or its answer cannot be believed.", err)
	}
	for _, p := range have.Passkeys {
		if string(p.ID) == string(credential.ID) {
			return v.spend(ctx, p, credential)
		}
	}
	return nil, refusedPasskey("The passkey is not yours.", nil)
}

func (v *visit) parsed(answer string) (*webauthn.WebAuthn, *protocol.ParsedCredentialAssertionData, error) {
	if len(answer) > maxAnswer || v.site.rpID() == "" {
		return nil, nil, refusedPasskey("The answer of the passkey cannot be read.", nil)
	}
	w, err := v.site.relyingParty()
	if err != nil {
		return nil, nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return nil, nil, refusedPasskey("The answer of the passkey cannot be read.", err)
	}
	return w, parsed, nil
}

// spend keeps the count of a passkey that has answered. One that does not rise says that there are two of it: nobody is let in (WebAuthn §6.1.1).
func (v *visit) spend(ctx context.Context, p Passkey, c *webauthn.Credential) (*Shown, error) {
	if c.Authenticator.CloneWarning {
		return nil, refusedPasskey("The passkey counts backwards: somebody may have copied it. Remove it, and set up another one.", nil)
	}
	p.SignCount, p.BackedUp = c.Authenticator.SignCount, c.Flags.BackupState
	err := v.Store.UseFactor(ctx, v.site.tenant.ID, p.User, FactorUse{Passkey: &p})
	if errors.Is(err, lockstep.ErrConflict) {
		return nil, refusedPasskey("The answer of the passkey was used before.", err)
	}
	if err != nil {
		return nil, err
	}
	return &Shown{Factor: FactorPasskey, AMR: p.amr(), User: p.User, At: v.now()}, nil
}

// newPasskey is the passkey that the browser has made for the person of the login.
func (v *visit) newPasskey(u directory.User, answer string, have FactorSet) (*Passkey, error) {
	data, err := v.ceremony()
	if err != nil {
		return nil, err
	}
	if len(answer) > maxAnswer || v.site.rpID() == "" || len(have.Passkeys) >= maxPasskeys {
		return nil, refusedPasskey("The passkey cannot be read.", nil)
	}
	w, err := v.site.relyingParty()
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return nil, refusedPasskey("The passkey cannot be read.", err)
	}
	c, err := w.CreateCredential(holderOf(u, have), data, parsed)
	if err != nil {
		return nil, refusedPasskey("The passkey cannot be believed.", err)
	}
	p := &Passkey{
		ID: c.ID, User: u.ID, RP: v.site.rpID(), Name: cutName(v.r.PostFormValue("name")), PublicKey: c.PublicKey, AAGUID: c.Authenticator.AAGUID,
		Eligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState, SignCount: c.Authenticator.SignCount,
	}
	if p.Name == "" {
		p.Name = texts[v.login.Locale]["passkey"]
	}
	for _, t := range c.Transport {
		if len(p.Transports) < 10 && len(t) < 40 {
			p.Transports = append(p.Transports, string(t))
		}
	}
	return p, nil
}

// cutName is a name that somebody gives to something of theirs.
func cutName(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "")))
	for len(name) > maxNameBytes {
		name = strings.ToValidUTF8(name[:maxNameBytes], "")
	}
	return name
}
