package oauth

import (
	"bytes"
	"encoding/json"
	"time"

	"lockstep"
)

// Settings are what Webex does not document, or what a test wants otherwise. Zero values stand for what Webex is known to do, or
// seems to. In JSON, lifetimes are texts such as "336h".
type Settings struct {
	Access   time.Duration // of an access token; 0 is 14 days
	Refresh  time.Duration // of a refresh token; 0 is 90 days
	SCIM     time.Duration // of the token that an administrator fetches for Entra ID; 0 is 365 days (others saw 45)
	Personal time.Duration // of the token that the developer console shows; 0 is 12 hours
	Service  time.Duration // of the access token of a service app; 0 is 14 days (an example has an hour)
	Code     time.Duration // of an authorization code; 0 is 5 minutes
	Device   time.Duration // of a device code; 0 is 5 minutes
	IDToken  time.Duration // of an ID token; 0 is 2 hours
	Session  time.Duration // that a browser stays signed in; 0 is a day
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
	// OneCloud lets people of Government sign in at every door, and others at Government's, instead of keeping the two apart.
	OneCloud bool
	// TickedOpenID gives a client the scopes of OpenID Connect only if it registered them.
	TickedOpenID bool
	// NoIntrospection takes the introspection endpoint away.
	NoIntrospection bool
}

// settingsForm is Settings in JSON.
type settingsForm struct {
	Access          lifetime `json:"access,omitzero"`
	Refresh         lifetime `json:"refresh,omitzero"`
	SCIM            lifetime `json:"scim,omitzero"`
	Personal        lifetime `json:"personal,omitzero"`
	Service         lifetime `json:"service,omitzero"`
	Code            lifetime `json:"code,omitzero"`
	Device          lifetime `json:"device,omitzero"`
	IDToken         lifetime `json:"id_token,omitzero"`
	Session         lifetime `json:"session,omitzero"`
	KeepRefresh     bool     `json:"keep_refresh"`
	OneIssuer       bool     `json:"one_issuer"`
	ForgiveReuse    bool     `json:"forgive_reuse"`
	SecretAlways    bool     `json:"secret_always"`
	LogoutAnywhere  bool     `json:"logout_anywhere"`
	AgentsOnly      bool     `json:"agents_only"`
	OneCloud        bool     `json:"one_cloud"`
	TickedOpenID    bool     `json:"ticked_openid"`
	NoIntrospection bool     `json:"no_introspection"`
}

// lifetime is a time that JSON has as a text such as "336h".
type lifetime time.Duration

// MarshalText writes the text.
func (d lifetime) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it. What is not positive would stand for Webex's own value.
func (d *lifetime) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v <= 0 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "a lifetime must be positive"}
	}
	*d = lifetime(v)
	return err
}

// MarshalJSON writes the settings, without lifetimes that are zero.
func (c Settings) MarshalJSON() ([]byte, error) { return json.Marshal(c.form()) }

func (c Settings) form() settingsForm {
	return settingsForm{
		lifetime(c.Access), lifetime(c.Refresh), lifetime(c.SCIM), lifetime(c.Personal), lifetime(c.Service), lifetime(c.Code), lifetime(c.Device),
		lifetime(c.IDToken), lifetime(c.Session), c.KeepRefresh, c.OneIssuer, c.ForgiveReuse, c.SecretAlways, c.LogoutAnywhere, c.AgentsOnly,
		c.OneCloud, c.TickedOpenID, c.NoIntrospection,
	}
}

// UnmarshalJSON reads settings: what is not named stays as it is, and a name that is unknown is an error.
func (c *Settings) UnmarshalJSON(text []byte) error {
	f := c.form()
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&f); err != nil {
		return err
	}
	*c = Settings{
		time.Duration(f.Access), time.Duration(f.Refresh), time.Duration(f.SCIM), time.Duration(f.Personal), time.Duration(f.Service),
		time.Duration(f.Code), time.Duration(f.Device), time.Duration(f.IDToken), time.Duration(f.Session), f.KeepRefresh, f.OneIssuer,
		f.ForgiveReuse, f.SecretAlways, f.LogoutAnywhere, f.AgentsOnly, f.OneCloud, f.TickedOpenID, f.NoIntrospection,
	}
	return nil
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
		{&c.Service, 14 * day},
		{&c.Code, 5 * time.Minute},
		{&c.Device, 5 * time.Minute},
		{&c.IDToken, 2 * time.Hour},
		{&c.Session, day},
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

// ChangeSettings changes the settings, for what is made from now on, and returns them as Settings does. They survive a restart.
func (s *Server) ChangeSettings(change func(*Settings) error) (Settings, error) {
	var c Settings
	err := s.change(func() ([]entry, error) {
		c = s.settings
		if err := change(&c); err != nil {
			return nil, err
		}
		return []entry{{Op: "settings", Settings: &c}}, nil
	})
	return c.lifetimes(), err
}

// SetSettings replaces the settings.
func (s *Server) SetSettings(c Settings) error {
	_, err := s.ChangeSettings(func(old *Settings) error { *old = c; return nil })
	return err
}
