package operate

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"lockstep"
	"lockstep/sso"
	"lockstep/token"
)

// Clients lists the applications that sign people in here.
func (o *Operator) Clients(ctx context.Context, p Principal) ([]sso.Client, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return nil, err
	}
	return s.Clients.Clients(ctx, p.Tenant)
}

// Client finds one by its client ID.
func (o *Operator) Client(ctx context.Context, p Principal, id string) (sso.Client, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return sso.Client{}, err
	}
	c, err := s.Clients.Client(ctx, p.Tenant, sso.ClientID(id))
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return c, notFound("client", id)
	}
	return c, err
}

// Issuer is the address that applications are given, from which they find out the rest; "" while the server has none.
func (o *Operator) Issuer(ctx context.Context, p Principal) (string, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return "", err
	}
	slug, err := o.slugOf(ctx, p)
	return s.Server.Issuer(slug), err
}

// AddClient adds an application. Its secret, if it has one, is returned this once. Empty fields get what suits most applications.
func (o *Operator) AddClient(ctx context.Context, p Principal, c sso.Client) (sso.Client, string, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return c, "", err
	}
	c.Tenant, c.Version, c.Secret, c.Former = p.Tenant, 0, sso.Hash{}, token.Former{}
	if c.ID == "" {
		c.ID = lockstep.NewID[sso.ClientID]()
	}
	completeClient(&c)
	if err := o.checkClient(ctx, p, &c); err != nil {
		return c, "", err
	}
	if err := o.becomes(ctx, p, c.ID); err != nil { // of one that was removed and is made anew
		return c, "", err
	}
	text := newSecret(&c)
	c, err = s.Clients.PutClient(ctx, p.Actor, "created", c)
	return c, text, err
}

// completeClient puts what suits most applications where nothing is said.
func completeClient(c *sso.Client) {
	if c.Kind != sso.KindOpenID {
		c.Auth = sso.AuthNone
	}
	if c.SAML != nil {
		c.SAML.Salt = make([]byte, 32)
		_, _ = rand.Read(c.SAML.Salt) // never fails: crypto/rand ends the program instead
	}
	if c.Proxy != nil && len(c.Proxy.Headers) == 0 {
		c.Proxy.Headers = sso.ProxyHeaders()
	}
	if c.Auth == "" {
		c.Auth = sso.AuthBasic
	}
	if c.Kind == sso.KindOpenID && len(c.Grants) == 0 {
		c.Grants = []sso.GrantType{sso.GrantCode, sso.GrantRefresh}
	}
}

// ReadAppMetadata reads the metadata of an application that speaks SAML, which are given as they are, or by the address where they are, into its
// settings. What is to be said of them is returned.
func (o *Operator) ReadAppMetadata(ctx context.Context, p Principal, app *sso.SAMLApp, from string) ([]string, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return nil, err
	}
	text, address := []byte(from), ""
	if !strings.HasPrefix(strings.TrimSpace(from), "<") {
		address = strings.TrimSpace(from)
		if text, err = s.Server.AppMetadata(ctx, address); err != nil {
			return nil, err
		}
	}
	return app.ReadSAMLMetadata(text, address, o.now())
}

// checkClient checks the settings of a client, and that the providers it names are there, by alias or id.
func (o *Operator) checkClient(ctx context.Context, p Principal, c *sso.Client) error {
	if err := c.Check(); err != nil {
		return err
	}
	if c.Provider != "" {
		one, err := o.provider(ctx, p, string(c.Provider))
		if err != nil {
			return err
		}
		c.Provider = one.ID
	}
	for i, name := range c.Allowed {
		one, err := o.provider(ctx, p, string(name))
		if err != nil {
			return err
		}
		c.Allowed[i] = one.ID
	}
	return nil
}

// newSecret gives a client that authenticates with one a new secret of 256 random bits, of which it keeps the hash.
func newSecret(c *sso.Client) string {
	if c.Auth != sso.AuthBasic && c.Auth != sso.AuthPost {
		return ""
	}
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the program instead
	text := base64.RawURLEncoding.EncodeToString(bits[:])
	c.Secret = token.HashOf(text)
	return text
}

// SetClient changes an application. change gets it as it is, and must leave its id and secrets alone.
func (o *Operator) SetClient(ctx context.Context, p Principal, id string, change func(*sso.Client)) (sso.Client, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return sso.Client{}, err
	}
	if sso.ClientID(id) == sso.ConsoleClient && o.Address != nil && o.Address() != "" { // it is there before anybody has come in by it
		if err := o.consoleClient(ctx, p.Tenant); err != nil {
			return sso.Client{}, err
		}
	}
	for range attempts {
		old, err := o.Client(ctx, p, id)
		if err != nil {
			return old, err
		}
		c := old.Clone()
		change(&c)
		c.ID, c.Tenant, c.Version, c.Secret, c.Former = old.ID, old.Tenant, old.Version, old.Secret, old.Former
		if c.Kind != old.Kind {
			return old, invalid("What an application speaks does not change. Add another one.")
		}
		if c.SAML != nil && old.SAML != nil {
			c.SAML.Salt = old.SAML.Salt
		}
		if c.Auth != old.Auth {
			return old, invalid("How a client authenticates does not change. Add another client.")
		}
		if err := o.becomes(ctx, p, c.ID); err != nil {
			return old, err
		}
		if err := o.checkClient(ctx, p, &c); err != nil {
			return old, err
		}
		c, err = s.Clients.PutClient(ctx, p.Actor, "updated", c)
		if lockstep.CodeOf(err) != lockstep.CodeVersion {
			return c, err
		}
	}
	return sso.Client{}, lockstep.ErrVersion
}

// RotateClient gives an application a new secret, which is returned this once; the old one works for a while.
func (o *Operator) RotateClient(ctx context.Context, p Principal, id string, overlap time.Duration) (sso.Client, string, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return sso.Client{}, "", err
	}
	if overlap < 0 || overlap > token.MaxOverlap {
		return sso.Client{}, "", invalid("The old secret goes on working for at most 90 days.")
	}
	c, err := o.Client(ctx, p, id)
	if err != nil {
		return c, "", err
	}
	if err := o.becomes(ctx, p, c.ID); err != nil {
		return c, "", err
	}
	if err := o.proved(p); err != nil {
		return c, "", err
	}
	former := token.Former{Hash: c.Secret, Ends: o.now().Add(overlap)}
	text := newSecret(&c)
	if text == "" {
		return c, "", invalid("The client has no secret: it authenticates by " + string(c.Auth) + ".")
	}
	if c.Former = former; overlap == 0 {
		c.Former = token.Former{}
	}
	c, err = s.Clients.PutClient(ctx, p.Actor, "rotated", c)
	return c, text, err
}

// DeleteClient removes an application, with all that people have given to it.
func (o *Operator) DeleteClient(ctx context.Context, p Principal, id string) error {
	s, err := o.signIn(p, true)
	if err != nil {
		return err
	}
	err = s.Clients.DeleteClient(ctx, p.Actor, p.Tenant, sso.ClientID(id))
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return notFound("client", id)
	}
	return err
}
