package oauth

import (
	"encoding/json"
	"net/http"
	"slices"

	"lockstep"
)

// Allow authorises a service app for the organisation of a full administrator, as Control Hub does.
func (s *Server) Allow(id, admin string) error {
	p, ok := s.config.People.Person(admin)
	if !ok || !slices.Contains(p.Roles, FullAdmin) {
		return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "Only a full administrator may authorise a service app."}
	}
	return s.change(func() ([]entry, error) {
		c, err := s.registered(id)
		if err != nil {
			return nil, err
		}
		if c.Kind != ServiceApp {
			return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Only service apps are authorised for an organisation."}
		}
		return []entry{{Op: "allow", ID: id, Org: p.Org}}, nil
	})
}

// Forbid takes that back and ends the service app's tokens for the organisation.
func (s *Server) Forbid(id, admin string) error {
	p, ok := s.config.People.Person(admin)
	if !ok || !slices.Contains(p.Roles, FullAdmin) {
		return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "Only a full administrator may do that."}
	}
	return s.change(func() ([]entry, error) { return []entry{{Op: "forbid", ID: id, Org: p.Org}}, nil })
}

// AllowedFor reports whether the organisation has authorised the service app.
func (s *Server) AllowedFor(id, org string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.allowed[allowance{id, org}]
}

// ServiceApps returns the service apps of all organisations, for an administrator to authorise.
func (s *Server) ServiceApps() []Client {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Client
	for _, c := range s.clients {
		if c.Kind == ServiceApp {
			list = append(list, c.Client)
		}
	}
	slices.SortFunc(list, func(a, b Client) int { return a.Created.Compare(b.Created) })
	return list
}

// applicationToken gives a service app's developer the tokens for an organisation that authorised it.
func (s *Server) applicationToken(w http.ResponseWriter, r *http.Request, _ door) error {
	a, _, err := s.bearer(r)
	if err != nil {
		return err
	}
	if !a.Allows(applicationsToken) {
		return &refusal{status: http.StatusForbidden, code: "insufficient_scope", detail: "The token has not the scope " + applicationsToken + "."}
	}
	var in struct {
		ClientID     string `json:"clientId"`
		ClientSecret string `json:"clientSecret"`
		TargetOrg    string `json:"targetOrgId"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.ClientID == "" || in.ClientSecret == "" || in.TargetOrg == "" {
		return refuse("invalid_request", "The body needs clientId, clientSecret and targetOrgId.")
	}
	if plainID(r.PathValue("id")) != in.ClientID {
		return &refusal{status: http.StatusNotFound, code: "invalid_request", detail: "There is no such application."}
	}
	s.mu.RLock()
	c := s.clients[in.ClientID]
	s.mu.RUnlock()
	if c == nil || c.Kind != ServiceApp || c.Org != a.Org || !c.secretIs(in.ClientSecret) {
		return &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed."}
	}
	answer, err := s.ServiceTokens(in.ClientID, plainID(in.TargetOrg))
	if err != nil {
		return err
	}
	answer.Scope = ""
	return writeJSON(w, http.StatusOK, answer)
}

// ServiceTokens makes the tokens of a service app for an organisation that authorised it.
func (s *Server) ServiceTokens(id, org string) (Tokens, error) {
	c, ok := s.Client(id)
	if !ok || c.Kind != ServiceApp {
		return Tokens{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no service app " + id + "."}
	}
	g := s.newGrant(id, login{Org: org}, c.Scopes)
	answer, entries, err := s.pairOf(g, true)
	if err != nil {
		return Tokens{}, err
	}
	err = s.change(func() ([]entry, error) {
		if !s.allowed[allowance{id, org}] {
			return nil, &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "No administrator of the organisation has authorised this service app."}
		}
		return append([]entry{{Op: "grant", Grant: g}}, entries...), nil
	})
	return answer, err
}
