package api

import (
	"context"
	"net/http"
	"time"

	"lockstep/operate"
	"lockstep/sso"
)

// SCIMConsent is what an administrator has let the application of a SCIM client in with.
type SCIMConsent struct {
	ID sso.GrantID `json:"id"`
	By string      `json:"by" doc:"User name of who has consented, as it is now; empty is somebody who is gone."`
	At time.Time   `json:"at"`
}

func (s *Server) listSCIMConsents(ctx context.Context, p operate.Principal, in *struct {
	Token string `path:"token" maxLength:"100"`
},
) (list[SCIMConsent], error) {
	all, err := s.Operator.SCIMConsents(ctx, p, in.Token)
	return mapped(all, "", func(c operate.SCIMConsent) SCIMConsent { return SCIMConsent(c) }), err
}

func (s *Server) endSCIMConsent(ctx context.Context, p operate.Principal, in *struct {
	Token   string      `path:"token" maxLength:"100"`
	Consent sso.GrantID `path:"consent" maxLength:"40"`
},
) error {
	return s.Operator.EndSCIMConsent(ctx, p, in.Token, in.Consent)
}

// SCIMConsents lists the consents on which a SCIM client, by id or name, lives.
func (c *Client) SCIMConsents(ctx context.Context, name string) ([]SCIMConsent, error) {
	out, err := call[list[SCIMConsent]](ctx, c, http.MethodGet, at("tokens", name, "consents"), nil, nil)
	return out.Items, err
}

// EndSCIMConsent ends one of them.
func (c *Client) EndSCIMConsent(ctx context.Context, name string, id sso.GrantID) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("tokens", name, "consents", string(id)), nil, nil)
	return err
}
