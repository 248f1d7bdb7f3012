package api

import (
	"context"
	"net/http"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
)

// SecondFactors is what somebody can show beside their password.
type SecondFactors struct {
	Passkeys  []Passkey  `json:"passkeys"`
	App       *time.Time `json:"authenticator_app,omitempty" doc:"When an authenticator app was set up."`
	AppUsed   *time.Time `json:"authenticator_app_used,omitempty"`
	Codes     int        `json:"recovery_codes" doc:"How many are left."`
	CodesMade *time.Time `json:"recovery_codes_made,omitempty"`
	Demanded  []Demander `json:"demanded_by" doc:"Who demands a second factor of everybody, and so of this person."`
}

// Demander is an identity provider or an application that demands a second factor.
type Demander struct {
	Kind string `json:"kind" enum:"provider,application"`
	Name string `json:"name"`
}

// Passkey is one of them.
type Passkey struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Host     string     `json:"host" doc:"The host name that it works at."`
	BackedUp bool       `json:"backed_up" doc:"It is on more than one device."`
	Created  time.Time  `json:"created"`
	Used     *time.Time `json:"used,omitempty"`
}

func (s *Server) secondFactors(ctx context.Context, p operate.Principal, in *struct {
	User lockstep.UserID `path:"user" maxLength:"40"`
},
) (SecondFactors, error) {
	f, err := s.Operator.SecondFactors(ctx, p, in.User)
	v := SecondFactors{Passkeys: []Passkey{}, Codes: f.Codes, CodesMade: instant(f.Made), Demanded: []Demander{}}
	for _, d := range f.Demanded {
		kind := "provider"
		if d.App {
			kind = "application"
		}
		v.Demanded = append(v.Demanded, Demander{kind, d.Name})
	}
	for _, k := range f.Passkeys {
		v.Passkeys = append(v.Passkeys, Passkey{k.Key(), k.Name, k.RP, k.BackedUp, k.Created, instant(k.Used)})
	}
	if f.TOTP != nil {
		v.App, v.AppUsed = instant(f.TOTP.Created), instant(f.TOTP.Used)
	}
	return v, err
}

// RemoveFactor says which factor is to be removed.
type RemoveFactor struct {
	Factor string `json:"factor" minLength:"1" maxLength:"400" doc:"The id of a passkey, app, codes, or all."`
	Last   bool   `json:"last,omitempty" doc:"Also the last one while one is demanded of the person; else that is refused (sso.last_factor)."`
}

// which is what the request means.
func (r RemoveFactor) which() sso.Which {
	switch r.Factor {
	case "app":
		return sso.Which{TOTP: true}
	case "codes":
		return sso.Which{Codes: true}
	case "all":
		return sso.Which{All: true}
	}
	return sso.Which{Passkey: r.Factor}
}

// RemovedFactors is how many there were.
type RemovedFactors struct {
	Removed int `json:"removed"`
}

func (s *Server) removeSecondFactors(ctx context.Context, p operate.Principal, in *struct {
	User lockstep.UserID `path:"user" maxLength:"40"`
	Body RemoveFactor
},
) (RemovedFactors, error) {
	n, err := s.Operator.RemoveSecondFactors(ctx, p, in.User, in.Body.which(), in.Body.Last)
	return RemovedFactors{n}, err
}

// SecondFactors returns what somebody, by id, can show beside their password.
func (c *Client) SecondFactors(ctx context.Context, user lockstep.UserID) (SecondFactors, error) {
	return call[SecondFactors](ctx, c, http.MethodGet, at("users", string(user), "second-factors"), nil, nil)
}

// RemoveSecondFactors takes a factor from somebody.
func (c *Client) RemoveSecondFactors(ctx context.Context, user lockstep.UserID, r RemoveFactor) (RemovedFactors, error) {
	return call[RemovedFactors](ctx, c, http.MethodPost, at("users", string(user), "second-factors", "remove"), nil, r)
}
