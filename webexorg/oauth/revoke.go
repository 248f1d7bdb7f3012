package oauth

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep/token"
	"lockstep/webexorg/page"
)

// revoke ends a token (RFC 7009): an access token alone, a refresh token with all of its grant. What is no token is no error.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, _ door) error {
	c, known, err := s.authenticate(r)
	if err != nil {
		return err
	}
	err = s.change(func() ([]entry, error) {
		text := r.PostForm.Get("token")
		t, g, _ := s.lookup(text)
		if t == nil || g.Client != c.ID || (!known && !g.Public) {
			return nil, nil
		}
		return ending(t, text), nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

func ending(t *issued, text string) []entry {
	if t.Use == accessToken {
		hash := token.HashOf(text)
		return []entry{{Op: "spent", Hash: &hash}}
	}
	return []entry{{Op: "end", ID: t.Grant}}
}

// introspection is the answer of RFC 7662 §2.2.
type introspection struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope,omitempty"`
	Client   string `json:"client_id,omitempty"`
	UserName string `json:"username,omitempty"`
	Type     string `json:"token_type,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
	IssuedAt int64  `json:"iat,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Org      string `json:"org_id,omitempty"`
}

// introspect tells a client about a token of its own (RFC 7662). About any other token it learns that it is not active.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request, _ door) error {
	if s.Settings().NoIntrospection {
		return &refusal{status: http.StatusNotFound, code: "invalid_request", detail: "There is nothing at this address."}
	}
	c, known, err := s.authenticate(r)
	if err != nil {
		return err
	}
	if !known {
		return &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed: no client secret."}
	}
	var answer introspection
	for _, use := range []tokenUse{accessToken, refreshToken} {
		a, g, err := s.check(r.PostForm.Get("token"), use)
		if err != nil || a.Client != c.ID {
			continue
		}
		answer = introspection{
			Active: true, Scope: strings.Join(a.Scopes, " "), Client: a.Client, Type: "Bearer", Expires: a.Expires.Unix(),
			IssuedAt: g.Created.Unix(), Subject: a.Person, Org: a.Org,
		}
		if p, ok := s.config.People.Person(a.Person); ok {
			answer.UserName = p.Login
		}
	}
	return writeJSON(w, http.StatusOK, answer)
}

// logout ends the browser's session and the token's grant. It goes on to an address only if it is a redirect URI of the token's
// client, or without a token, of any client; else the person stays here. It is not the logout of OpenID Connect.
func (s *Server) logout(w http.ResponseWriter, r *http.Request, _ door) error {
	query := r.URL.Query()
	text, to := query.Get("token"), query.Get("goto")
	owner := ""
	err := s.change(func() ([]entry, error) {
		t, g, _ := s.lookup(text)
		if t == nil {
			return nil, nil
		}
		owner = g.Client
		return []entry{{Op: "end", ID: t.Grant}}, nil
	})
	if err != nil {
		return err
	}
	s.signOut(w, r)
	if to != "" && (s.registeredRedirect(owner, to) || s.Settings().LogoutAnywhere && isWeb(to)) {
		return seeOther(w, r, to)
	}
	return page.Write(w, http.StatusOK, s.book, page.Frame{Title: "Signed out", Place: "Webex sign-in"}, "signedout", to != "")
}

// isWeb reports whether an address is one of HTTP or HTTPS, whole.
func isWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func (s *Server) registeredRedirect(owner, uri string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.clients {
		if (owner == "" || owner == c.ID) && slices.Contains(c.Redirects, uri) {
			return true
		}
	}
	return false
}

// restID writes an id as Webex's REST APIs have it.
func restID(kind, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/" + kind + "/" + id))
}

// plainID reads what restID wrote; a plain id stays as it is.
func plainID(id string) string {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	if err != nil || !strings.HasPrefix(string(text), "ciscospark://") {
		return id
	}
	return string(text[strings.LastIndexByte(string(text), '/')+1:])
}

// authorization is a grant as GET /authorizations lists it.
type authorization struct {
	ID              string `json:"id"`
	ApplicationID   string `json:"applicationId"`
	ApplicationName string `json:"applicationName"`
	PersonID        string `json:"personId"`
	ClientID        string `json:"clientId"`
	Created         string `json:"created"`
	Type            string `json:"type"`
}

// listAuthorizations lists what a person allowed: their own grants, or as a full administrator somebody's of the organisation.
func (s *Server) listAuthorizations(w http.ResponseWriter, r *http.Request, _ door) error {
	a, _, err := s.bearer(r)
	if err != nil {
		return err
	}
	of := a.Person
	if id := r.URL.Query().Get("personId"); id != "" {
		of = plainID(id)
	} else if name := r.URL.Query().Get("personEmail"); name != "" {
		p, ok := s.config.People.Login(name)
		if !ok {
			return &refusal{status: http.StatusNotFound, code: "invalid_request", detail: "There is no such person."}
		}
		of = p.ID
	}
	if !s.mayManage(a, of) {
		return &refusal{status: http.StatusForbidden, code: "access_denied", detail: "Only a full administrator may see what others allowed."}
	}
	list := []authorization{}
	s.mu.RLock()
	uses := map[string]string{}
	for _, t := range s.tokens {
		if t.Use == refreshToken || (t.Use == accessToken && uses[t.Grant] == "") {
			uses[t.Grant] = string(t.Use)
		}
	}
	grants := slices.SortedFunc(maps.Values(s.grants), func(x, y *grant) int { return strings.Compare(x.ID, y.ID) }) // by time: RFC 9562 §5.7
	for _, g := range grants {
		c := s.clients[g.Client]
		if g.Kept && uses[g.ID] == "" {
			uses[g.ID] = string(refreshToken)
		}
		if g.Person != of || of == "" || c == nil || uses[g.ID] == "" {
			continue
		}
		list = append(list, authorization{
			ID: restID("AUTHORIZATION", g.ID), ApplicationID: restID("APPLICATION", g.Client), ApplicationName: c.Name,
			PersonID: restID("PEOPLE", g.Person), ClientID: g.Client, Created: g.Created.UTC().Format(time.RFC3339), Type: uses[g.ID],
		})
	}
	s.mu.RUnlock()
	return writeJSON(w, http.StatusOK, map[string][]authorization{"items": list})
}

// mayManage reports whether the bearer may see and end somebody's grants.
func (s *Server) mayManage(a Access, person string) bool {
	if a.Person == "" {
		return false
	}
	if a.Person == person {
		return true
	}
	p, ok := s.config.People.Person(person)
	return ok && p.Org == a.Org && s.isFullAdmin(a.Person)
}

func (s *Server) isFullAdmin(person string) bool {
	p, ok := s.config.People.Person(person)
	return ok && slices.Contains(p.Roles, FullAdmin)
}

// endAuthorizations ends what the bearer allowed a client; with orgId, as a full administrator, what everybody of their own
// organisation did.
func (s *Server) endAuthorizations(w http.ResponseWriter, r *http.Request, _ door) error {
	a, _, err := s.bearer(r)
	if err != nil {
		return err
	}
	client, org := r.URL.Query().Get("clientId"), plainID(r.URL.Query().Get("orgId"))
	if client == "" {
		return refuse("invalid_request", "The parameter clientId is missing.")
	}
	if org != "" && (org != a.Org || a.Person == "" || !s.isFullAdmin(a.Person)) {
		return &refusal{status: http.StatusForbidden, code: "access_denied", detail: "Only a full administrator of the organisation may end what others allowed."}
	}
	err = s.endMatching(func(g *grant) bool {
		return g.Client == client && g.Org == a.Org && (org != "" || g.Person == a.Person)
	})
	return noContent(w, err)
}

// endAuthorization ends one grant.
func (s *Server) endAuthorization(w http.ResponseWriter, r *http.Request, _ door) error {
	a, _, err := s.bearer(r)
	if err != nil {
		return err
	}
	id := plainID(r.PathValue("id"))
	s.mu.RLock()
	g := s.grants[id]
	s.mu.RUnlock()
	if g == nil || g.Person == "" || !s.mayManage(a, g.Person) {
		return &refusal{status: http.StatusNotFound, code: "invalid_request", detail: "There is no such authorization."}
	}
	return noContent(w, s.endMatching(func(g *grant) bool { return g.ID == id }))
}

func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
