package sso

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/token"
	"lockstep/web"
)

// Global Token Revocation (draft-parecki-oauth-global-token-revocation, known as Okta's Universal Logout): one request ends everything that an
// application has of a person. We send it to applications when a person leaves, and take it from identity providers.
const (
	typeRevocation = "global-token-revocation+jwt"
	revocationLife = 5 * time.Minute
	revocationsMax = 100 // requests of a tenant's providers in a second
)

// Revocations is what an upstream fulfils whose provider may ask that everything of a person end.
type Revocations interface {
	// ReadRevocation believes the JWT that a request is authenticated by, or says why not. Its claim jti names it; the caller sees to it that each
	// is used once.
	ReadRevocation(ctx context.Context, token, endpoint string, rec Recorder) (Identity, error)
}

// subjectID names a person (RFC 9493 §3.2.1, §3.2.3).
type subjectID struct {
	Format string `json:"format"`
	Iss    string `json:"iss,omitempty"`
	Sub    string `json:"sub,omitempty"`
	Email  string `json:"email,omitempty"`
}

type revocation struct {
	Subject subjectID `json:"sub_id"`
}

// revokeAll ends everything of a person because one of the tenant's identity providers asks for it: of a person whom that provider is linked to, and
// of nobody else.
func (s *Server) revokeAll(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	if err := methods(r, http.MethodPost); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	if !s.limits.take("revoke\x00"+string(x.tenant.ID), revocationsMax, time.Second, s.now()) {
		return oauthError{Status: http.StatusTooManyRequests, Code: "temporarily_unavailable", Description: "too many requests at once"}
	}
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return errRevoker
	}
	ctx := r.Context()
	p, who, err := s.revoker(ctx, x, strings.TrimSpace(text))
	if err != nil {
		return err
	}
	var asked revocation
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return badRequest("invalid_request", "the body is not a JSON object with sub_id")
	}
	user, err := s.revoked(ctx, x, p, who, asked.Subject)
	if err != nil {
		return err
	}
	n, err := s.Store.End(ctx, audit.Actor{Kind: audit.System, Name: p.Alias}, x.tenant.ID, Who{User: user}, "revoked by the identity provider")
	if err != nil {
		return err
	}
	if n > 0 {
		s.wake.up()
	}
	jti, _ := who.Claims["jti"].(string)
	if err := s.Store.Once(ctx, x.tenant.ID, "revocation token", revocationHash(p, jti), s.endOf(who.Claims["exp"])); err != nil && !errors.Is(err, lockstep.ErrConflict) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// errRevoker is the one answer to every request that no provider of ours has made.
var errRevoker = oauthError{Status: http.StatusUnauthorized, Code: "invalid_token", Description: "the request is not authenticated by an identity provider", Challenge: `Bearer error="invalid_token"`}

func revocationHash(p Provider, jti string) Hash { return token.HashOf(string(p.ID) + "\x00" + jti) }

// revoker is the provider that has signed a request.
func (s *Server) revoker(ctx context.Context, x site, text string) (Provider, Identity, error) {
	all, err := s.Store.Providers(ctx, x.tenant.ID)
	if err != nil {
		return Provider{}, Identity{}, err
	}
	for _, p := range all {
		if p.State != Enabled {
			continue
		}
		up, err := s.Opener.Open(ctx, p)
		if err != nil {
			continue // it has asked for nothing
		}
		reader, is := up.(Revocations)
		if !is {
			continue
		}
		who, err := reader.ReadRevocation(ctx, text, x.issuer+revocationPath, noted{})
		if err != nil {
			continue
		}
		jti, _ := who.Claims["jti"].(string)
		used, err := s.Store.Noted(ctx, x.tenant.ID, "revocation token", revocationHash(p, jti))
		if err == nil && used {
			err = errRevoker
		}
		return p, who, err
	}
	s.log().WarnContext(ctx, "a revocation was refused: no identity provider has signed it", "tenant", x.tenant.Slug)
	return Provider{}, Identity{}, errRevoker
}

// revoked is the person whom a request is about. They must be linked at the provider that asks, however it names them.
func (s *Server) revoked(ctx context.Context, x site, p Provider, who Identity, id subjectID) (lockstep.UserID, error) {
	unknown := oauthError{Status: http.StatusNotFound, Code: "invalid_request", Description: "nobody is known here by that name"}
	switch {
	case id.Format == "iss_sub" && id.Sub != "":
		if id.Iss != who.Issuer {
			return "", oauthError{Status: http.StatusForbidden, Code: "access_denied", Description: "the person is of another issuer"}
		}
		l, err := s.Store.Link(ctx, x.tenant.ID, p.ID, id.Iss, id.Sub)
		if errors.Is(err, lockstep.ErrNotFound) {
			err = unknown
		}
		return l.User, err
	case id.Format == "email" && id.Email != "":
		found, err := s.Directory.Users(ctx, x.tenant.ID, directory.UserQuery{Attribute: "email", Values: []string{id.Email}})
		if err != nil {
			return "", err
		}
		if len(found) != 1 {
			return "", unknown
		}
		links, err := s.Store.LinksOf(ctx, x.tenant.ID, found[0].ID)
		if err != nil {
			return "", err
		}
		for _, l := range links {
			if l.Provider == p.ID {
				return l.User, nil
			}
		}
		return "", unknown
	}
	return "", badRequest("invalid_request", "sub_id has the format iss_sub or email")
}

const revocationPath = "/global-token-revocation"

// revokeAt asks an application to end everything of a person. One that does not know them by our name for them is asked by their address.
func (s *Server) revokeAt(ctx context.Context, c Client, n Notice) error {
	issuer, err := s.issuerOf(ctx, n.Tenant)
	if err != nil {
		return err
	}
	status, err := s.postRevocation(ctx, c, n, issuer, subjectID{Format: "iss_sub", Iss: issuer, Sub: string(n.User)})
	if err == nil && status == http.StatusNotFound {
		mail, lookErr := s.anyMail(ctx, n)
		if lookErr != nil {
			return lookErr
		}
		if mail != "" {
			status, err = s.postRevocation(ctx, c, n, issuer, subjectID{Format: "email", Email: mail})
		}
	}
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound:
		return errors.New("the application does not know the person")
	case status != http.StatusNoContent && status != http.StatusOK:
		return fmt.Errorf("the application answered %d", status)
	}
	return nil
}

// anyMail is the address of somebody who may have been deleted.
func (s *Server) anyMail(ctx context.Context, n Notice) (string, error) {
	all, err := s.Directory.Users(ctx, n.Tenant, directory.UserQuery{IDs: []lockstep.UserID{n.User}, Deleted: true})
	if err != nil || len(all) == 0 {
		return "", err
	}
	return mailOf(all[0].Attributes), nil
}

func (s *Server) postRevocation(ctx context.Context, c Client, n Notice, issuer string, who subjectID) (int, error) {
	alg := c.IDToken
	if alg == "" {
		alg = token.RS256
	}
	key, err := s.signer(ctx, n.Tenant, alg)
	if err != nil {
		return 0, err
	}
	now := s.now()
	id, _ := secret()
	text, err := key.Sign(typeRevocation, struct {
		Iss string   `json:"iss"`
		Sub ClientID `json:"sub"`
		Aud string   `json:"aud"`
		Iat int64    `json:"iat"`
		Exp int64    `json:"exp"`
		JTI string   `json:"jti"`
	}{issuer, c.ID, c.RevocationURI, now.Unix(), now.Add(revocationLife).Unix(), id})
	if err != nil {
		return 0, err
	}
	body, err := json.Marshal(revocation{who})
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.RevocationURI, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+text)
	answer, err := s.Client.Do(r)
	if err != nil {
		return 0, err
	}
	defer web.Discard(answer.Body)
	_, _ = io.CopyN(io.Discard, answer.Body, 1<<10) // nothing in it counts
	return answer.StatusCode, nil
}
