package api

import (
	"context"
	"net/http"
	"time"

	"lockstep/operate"
)

// ConsentAsked is where an administrator consents to a connection.
type ConsentAsked struct {
	Address  string `json:"address" doc:"To be opened in a browser in which you are signed in to the console; good for a quarter of an hour."`
	Redirect string `json:"redirect_uri" doc:"Where the browser comes back to. It must be registered at the application."`
}

func (s *Server) askConsent(ctx context.Context, p operate.Principal, in *JobPath) (ConsentAsked, error) {
	address, err := s.Operator.AskConsent(ctx, p, in.Job)
	return ConsentAsked{Address: address, Redirect: s.Operator.ConsentRedirect()}, err
}

// Consent is how the consent to a connection stands.
type Consent struct {
	Needed     bool       `json:"needed" doc:"The connection gets its access tokens by consent."`
	Typed      bool       `json:"refresh_token,omitempty" doc:"It gets them with a refresh token that was given as a secret."`
	Given      *time.Time `json:"given,omitempty" doc:"Absent: nobody has consented."`
	By         string     `json:"by,omitempty" doc:"Id of who consented."`
	Ended      bool       `json:"ended,omitempty" doc:"The server wants another consent."`
	Refreshed  bool       `json:"refreshed,omitempty" doc:"Access tokens are refreshed; else the connection ends with this one."`
	AccessEnds *time.Time `json:"access_token_ends,omitempty"`
	Ends       *time.Time `json:"refresh_token_ends,omitempty" doc:"Unless it is used before; each use renews it. Absent: the server does not say."`
	Scope      string     `json:"scope,omitempty"`
	Redirect   string     `json:"redirect_uri,omitempty" doc:"To be registered at the application."`
}

func (s *Server) getConsent(ctx context.Context, p operate.Principal, in *JobPath) (Consent, error) {
	c, err := s.Operator.Consented(ctx, p, in.Job)
	return Consent{
		Needed: c.Needed, Typed: c.Typed, Ends: instant(c.Ends), Given: instant(c.Given), By: c.By, Ended: c.Ended, Refreshed: c.Refreshed, AccessEnds: instant(c.AccessEnds), Scope: c.Scope,
		Redirect: s.Operator.ConsentRedirect(),
	}, err
}

// AskConsent returns the address at which an administrator consents to a connection.
func (c *Client) AskConsent(ctx context.Context, job string) (ConsentAsked, error) {
	return call[ConsentAsked](ctx, c, http.MethodPost, at("jobs", job, "connection", "consent"), nil, nil)
}

// Consent says how the consent to a connection stands.
func (c *Client) Consent(ctx context.Context, job string) (Consent, error) {
	return call[Consent](ctx, c, http.MethodGet, at("jobs", job, "connection", "consent"), nil, nil)
}
