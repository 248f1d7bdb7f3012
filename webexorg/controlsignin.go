package webexorg

import (
	"encoding/json"
	"net/http"
	"time"

	"lockstep"
	"lockstep/web"
	"lockstep/webexorg/oauth"
)

// controlBroker adds what the control surface does with sign-in:
//
//	GET    /control/sign-in                          its settings; PATCH changes those that are named
//	POST   /control/orgs/{org}/clients               a client as /apps/api has it: registers it, the answer has the secret
//	DELETE /control/orgs/{org}/people/{id}/tokens    ends all that the person has
func (u *Universe) controlBroker(handle func(pattern string, h web.Handler)) {
	handle("GET /control/sign-in", func(w http.ResponseWriter, _ *http.Request) error {
		return writeJSON(w, http.StatusOK, asSettings(u.broker.Settings()))
	})
	handle("PATCH /control/sign-in", u.controlSettings)
	handle("POST /control/orgs/{org}/clients", u.withOrg(u.controlClient))
	handle("DELETE /control/orgs/{org}/people/{id}/tokens", u.withOrg(func(w http.ResponseWriter, r *http.Request, o *Org) error {
		p, err := personOf(o, r.PathValue("id"))
		if err != nil {
			return err
		}
		return noContent(w, u.broker.EndPerson(p))
	}))
}

// duration is a time that JSON has as a text such as "336h".
type duration time.Duration

// MarshalText writes the text.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it. What is not positive would stand for Webex's own value.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v <= 0 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "a lifetime must be positive"}
	}
	*d = duration(v)
	return err
}

// signInSettings is oauth.Settings in JSON.
type signInSettings struct {
	Access         duration `json:"access"`
	Refresh        duration `json:"refresh"`
	SCIM           duration `json:"scim"`
	Personal       duration `json:"personal"`
	Code           duration `json:"code"`
	Device         duration `json:"device"`
	IDToken        duration `json:"id_token"`
	KeepRefresh    bool     `json:"keep_refresh"`
	OneIssuer      bool     `json:"one_issuer"`
	ForgiveReuse   bool     `json:"forgive_reuse"`
	SecretAlways   bool     `json:"secret_always"`
	LogoutAnywhere bool     `json:"logout_anywhere"`
	AgentsOnly     bool     `json:"agents_only"`
}

func asSettings(c oauth.Settings) signInSettings {
	return signInSettings{
		duration(c.Access), duration(c.Refresh), duration(c.SCIM), duration(c.Personal), duration(c.Code), duration(c.Device), duration(c.IDToken),
		c.KeepRefresh, c.OneIssuer, c.ForgiveReuse, c.SecretAlways, c.LogoutAnywhere, c.AgentsOnly,
	}
}

func (u *Universe) controlSettings(w http.ResponseWriter, r *http.Request) error {
	in := asSettings(u.broker.Settings())
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	u.broker.SetSettings(oauth.Settings{
		Access: time.Duration(in.Access), Refresh: time.Duration(in.Refresh), SCIM: time.Duration(in.SCIM), Personal: time.Duration(in.Personal),
		Code: time.Duration(in.Code), Device: time.Duration(in.Device), IDToken: time.Duration(in.IDToken),
		KeepRefresh: in.KeepRefresh, OneIssuer: in.OneIssuer, ForgiveReuse: in.ForgiveReuse, SecretAlways: in.SecretAlways, LogoutAnywhere: in.LogoutAnywhere, AgentsOnly: in.AgentsOnly,
	})
	return writeJSON(w, http.StatusOK, asSettings(u.broker.Settings()))
}

func (u *Universe) controlClient(w http.ResponseWriter, r *http.Request, o *Org) error {
	var c oauth.Client
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&c); err != nil {
		return invalid(err)
	}
	c.Org = o.ID()
	made, secret, err := u.broker.Register(c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, struct {
		oauth.Client
		Secret string `json:"clientSecret"`
	}{made, secret})
}

func personOf(o *Org, id string) (string, error) {
	p, ok := o.Person(id)
	if !ok {
		return "", &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no person " + id + " in this organisation."}
	}
	return p.ID, nil
}
