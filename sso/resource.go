package sso

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/token"
)

// whoIs tells who a person is, as far as the token's scopes go (OpenID Connect Core §5.3).
func (s *Server) whoIs(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	text, err := bearer(r)
	if err != nil {
		return err
	}
	a, _, err := s.opened(r.Context(), x, text)
	if errors.Is(err, errAccess) || err == nil && a.Grant == "" {
		return oauthError{Status: http.StatusUnauthorized, Code: "invalid_token", Description: "the access token is not valid (any more)", Challenge: `Bearer error="invalid_token"`}
	}
	if err != nil {
		return err
	}
	if !slices.Contains(a.Scopes, "openid") {
		return oauthError{Status: http.StatusForbidden, Code: "insufficient_scope", Description: "the scope openid is missing", Challenge: `Bearer error="insufficient_scope", scope="openid"`}
	}
	claims, err := s.claims(r.Context(), x, a.User, namesOfClaims(a.Scopes, a.live.Claims.UserInfo))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, claims)
	return nil
}

// bearer reads the token of a request (RFC 6750 §2.1, §2.2). One in the address does not count (RFC 9700 §4.3.2).
func bearer(r *http.Request) (string, error) {
	missing := oauthError{Status: http.StatusUnauthorized, Code: "invalid_request", Description: "an access token is missing", Challenge: "Bearer"}
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	inBody := ""
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if err := r.ParseForm(); err != nil {
			return "", badRequest("invalid_request", "the body cannot be read")
		}
		inBody = r.PostForm.Get("access_token")
	}
	if strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(text) != "" {
		if inBody != "" {
			return "", badRequest("invalid_request", "the access token is there twice")
		}
		return strings.TrimSpace(text), nil
	}
	if inBody == "" {
		return "", missing
	}
	return inBody, nil
}

// user reads one person of the directory who is there and may be signed in.
func (s *Server) user(ctx context.Context, t lockstep.TenantID, id lockstep.UserID) (directory.User, error) {
	all, err := s.Directory.Users(ctx, t, directory.UserQuery{IDs: []lockstep.UserID{id}})
	if err != nil {
		return directory.User{}, err
	}
	if len(all) == 0 {
		return directory.User{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The person is not there any more."}
	}
	return all[0], nil
}

// claims are sub and the standard claims of a person (OpenID Connect Core §5.1) that are named. An absent one is left out.
func (s *Server) claims(ctx context.Context, x site, id lockstep.UserID, names []string) (map[string]any, error) {
	u, err := s.user(ctx, x.tenant.ID, id)
	if err != nil {
		return nil, err
	}
	claims := map[string]any{"sub": string(id)}
	a := u.Attributes
	parts, _ := a.Get("name").(scim.Object)
	for _, name := range names {
		value := ""
		switch name {
		case "name":
			value = nameOf(a)
		case "given_name":
			value = parts.Text("givenName")
		case "family_name":
			value = parts.Text("familyName")
		case "preferred_username":
			value = a.Text("userName")
		case "locale":
			value = a.Text("locale")
		case "email":
			value = mailOf(a)
		case "groups":
			names, err := s.groupsOf(ctx, x.tenant.ID, id)
			if err != nil {
				return nil, err
			}
			if len(names) > 0 {
				claims[name] = names
			}
		case "updated_at":
			claims[name] = u.Modified.Unix()
		case "email_verified":
			if mailOf(a) == "" {
				continue
			}
			if claims[name], err = s.mailVerified(ctx, x, id); err != nil {
				return nil, err
			}
		}
		if value != "" {
			claims[name] = value
		}
	}
	return claims, nil
}

// nameOf is what a person is called.
func nameOf(a scim.Object) string {
	name, _ := a.Get("name").(scim.Object)
	for _, s := range []string{a.Text("displayName"), name.Text("formatted"), strings.TrimSpace(name.Text("givenName") + " " + name.Text("familyName"))} {
		if s != "" {
			return s
		}
	}
	return a.Text("userName")
}

// mailOf is a person's primary address, or the first.
func mailOf(a scim.Object) string {
	list, _ := a.Get("emails").(scim.List)
	first := ""
	for _, v := range list {
		o, _ := v.(scim.Object)
		value := o.Text("value")
		if primary, _ := o.Get("primary").(bool); primary && value != "" {
			return value
		}
		if first == "" {
			first = value
		}
	}
	return first
}

// mailVerified reports whether a person's address was given by those who run the directory, or was verified by the provider that they came
// with first.
func (s *Server) mailVerified(ctx context.Context, x site, id lockstep.UserID) (bool, error) {
	links, err := s.Store.LinksOf(ctx, x.tenant.ID, id)
	for _, l := range links {
		if l.Made && !l.Verified {
			return false, err
		}
	}
	return err == nil, err
}

// introspect tells a client about a token (RFC 7662): one that was made for it, or that it is in the audience of. Of any other it learns
// nothing.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) error {
	x, c, values, err := s.confidential(r)
	if err != nil {
		return err
	}
	answer := map[string]any{"active": false}
	a, _, err := s.opened(r.Context(), x, values.Get("token"))
	switch {
	case err == nil && (a.Client == c.ID || slices.Contains(a.Audience, string(c.ID))):
		answer = map[string]any{
			"active": true, "iss": x.issuer, "client_id": a.Client, "scope": strings.Join(a.Scopes, " "), "exp": a.Ends, "iat": a.Made, "jti": a.ID,
			"aud": a.Audience, "token_type": "Bearer", "sub": string(a.Client),
		}
		if a.Grant != "" {
			answer["sub"], answer["auth_time"], answer["sid"] = string(a.User), a.AuthTime.Unix(), a.live.Session
		}
	case errors.Is(err, errAccess):
		if answer, err = s.introspectRefresh(r.Context(), x, c, values.Get("token")); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) introspectRefresh(ctx context.Context, x site, c Client, text string) (map[string]any, error) {
	g, f, err := s.Store.GrantByRefresh(ctx, x.tenant.ID, token.HashOf(text))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (!g.usable(c) || g.Client != c.ID || !f.Used.IsZero() || !s.now().Before(f.Ends)) {
		return map[string]any{"active": false}, nil
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"active": true, "iss": x.issuer, "client_id": g.Client, "sub": string(g.Person.User), "scope": strings.Join(g.Scopes, " "), "exp": f.Ends.Unix(),
		"iat": f.Created.Unix(), "token_type": "refresh_token",
	}, nil
}

// confidential reads a request of a client that can keep a secret.
func (s *Server) confidential(r *http.Request) (site, Client, url.Values, error) {
	values, err := form(r)
	if err != nil {
		return site{}, Client{}, nil, err
	}
	x, err := s.site(r)
	if err != nil {
		return x, Client{}, nil, err
	}
	c, err := s.authenticate(x, r, values)
	if err == nil && c.Public() {
		err = errClient
	}
	return x, c, values, err
}

// revoke ends a token, and with it what the sign-in gave to the client (RFC 7009). A token that is not the client's is left alone, and
// the answer is the same.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	c, err := s.authenticate(x, r, values)
	if err != nil {
		return err
	}
	text := values.Get("token")
	if text == "" {
		return badRequest("invalid_request", "token is missing")
	}
	if err := s.revokeToken(r.Context(), x, c, text); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) revokeToken(ctx context.Context, x site, c Client, text string) error {
	by := audit.Actor{Kind: audit.System, Name: string(c.ID)}
	a, err := s.parse(ctx, x, text)
	if err == nil {
		switch {
		case a.Client != c.ID:
			return nil
		case a.Grant != "":
			_, err = s.Store.End(ctx, by, x.tenant.ID, Who{Grant: a.Grant}, "revoked by the application")
			return err
		}
		err = s.Store.Once(ctx, x.tenant.ID, "revoked", token.HashOf(a.ID), s.now().Add(2*accessLife))
		if errors.Is(err, lockstep.ErrConflict) {
			err = nil
		}
		return err
	}
	if !errors.Is(err, errAccess) {
		return err
	}
	g, _, err := s.Store.GrantByRefresh(ctx, x.tenant.ID, token.HashOf(text))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && g.Client != c.ID {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.Store.End(ctx, by, x.tenant.ID, Who{Grant: g.ID}, "revoked by the application")
	return err
}
