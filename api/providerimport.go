package api

import (
	"context"
	"net/http"

	"lockstep/operate"
)

// ImportedProvider is what a provider's own document says.
type ImportedProvider struct {
	Settings map[string]string `json:"settings" doc:"Settings as the document has them. Nothing is kept."`
	Notes    []string          `json:"notes" doc:"What is to be known of it."`
}

func (s *Server) importProvider(ctx context.Context, p operate.Principal, in *struct {
	Provider string `path:"provider" maxLength:"100" doc:"Alias or id."`
	Body     struct {
		From string `json:"from" minLength:"1" maxLength:"2000" doc:"Issuer or address of the discovery document (OpenID Connect), or of the metadata (SAML)."`
	}
},
) (ImportedProvider, error) {
	settings, notes, err := s.Operator.ImportProvider(ctx, p, in.Provider, in.Body.From)
	v := ImportedProvider{Settings: settings, Notes: append([]string{}, notes...)}
	if v.Settings == nil {
		v.Settings = map[string]string{}
	}
	return v, err
}

// ImportIdentityProvider reads an identity provider's own document: settings, which SetIdentityProvider takes, and what is to be known of them.
func (c *Client) ImportIdentityProvider(ctx context.Context, name, from string) (ImportedProvider, error) {
	return call[ImportedProvider](ctx, c, http.MethodPost, at("identity-providers", name, "import"), nil, map[string]string{"from": from})
}
