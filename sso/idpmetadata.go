package sso

import (
	"errors"
	"net/http"
	"strings"

	"lockstep"
)

// Describer is what an Opener fulfils that describes us to providers who want to know whom they answer.
type Describer interface {
	// Metadata returns the SAML metadata of the service provider that we are to a provider.
	Metadata(p Provider, redirectURI string) ([]byte, error)
}

// MetadataURI is where a SAML provider finds who we are, by its redirect URI. It stands as soon as that does.
func MetadataURI(redirectURI string) string {
	if redirectURI == "" {
		return ""
	}
	return strings.TrimSuffix(redirectURI, "callback") + "metadata"
}

// providerMetadata answers with our metadata for a SAML provider, a draft too: the provider mostly wants it before anything else is known.
func (s *Server) providerMetadata(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	p, err := s.Store.ProviderByAlias(r.Context(), x.tenant.ID, r.PathValue("alias"))
	describer, is := s.Opener.(Describer)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && !is {
		return errNoSite
	}
	if err != nil {
		return err
	}
	text, err := describer.Metadata(p, x.redirectURI(p.Alias))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = w.Write(text) // the peer may be gone
	return nil
}
