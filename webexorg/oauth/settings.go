package oauth

import "time"

// Settings are what Webex does not document, or what a test wants otherwise. Zero values stand for what Webex is known to do.
type Settings struct {
	Access   time.Duration // of an access token; 0 is 14 days
	Refresh  time.Duration // of a refresh token; 0 is 90 days
	SCIM     time.Duration // of the token that an administrator fetches for Entra ID; 0 is 365 days (others saw 45)
	Personal time.Duration // of the token that the developer console shows; 0 is 12 hours
	Code     time.Duration // of an authorization code; 0 is 5 minutes
	Device   time.Duration // of a device code; 0 is 5 minutes
	IDToken  time.Duration // of an ID token; 0 is 2 hours
	// KeepRefresh answers a refresh with the same refresh token, its time begun anew, instead of a new one.
	KeepRefresh bool
	// OneIssuer puts the issuer of the door that was asked into ID tokens, instead of that of the person's home cluster.
	OneIssuer bool
	// ForgiveReuse refuses a code or a refresh token that is used again, and leaves what the first use brought alone.
	ForgiveReuse bool
	// SecretAlways gives no tokens to a client that does not show its secret, whether or not a code verifier proves as much.
	SecretAlways bool
	// LogoutAnywhere has the logout page go on to any address of HTTP or HTTPS, not to registered redirect URIs alone.
	LogoutAnywhere bool
	// AgentsOnly refuses the contact centre's scopes to whoever is none of its users.
	AgentsOnly bool
}

func (c Settings) lifetimes() Settings {
	const day = 24 * time.Hour
	for _, d := range []struct {
		of    *time.Duration
		usual time.Duration
	}{
		{&c.Access, 14 * day},
		{&c.Refresh, 90 * day},
		{&c.SCIM, 365 * day},
		{&c.Personal, 12 * time.Hour},
		{&c.Code, 5 * time.Minute},
		{&c.Device, 5 * time.Minute},
		{&c.IDToken, 2 * time.Hour},
	} {
		if *d.of <= 0 {
			*d.of = d.usual
		}
	}
	return c
}

// Settings returns the settings with Webex's values in the place of zeros.
func (s *Server) Settings() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.settings.lifetimes()
}

// SetSettings changes the settings, for what is made from now on. They are not in the journal.
func (s *Server) SetSettings(c Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = c
}
