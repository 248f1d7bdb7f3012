package webexorg

import (
	"encoding/json"
	"net/http"

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
		return writeJSON(w, http.StatusOK, u.broker.Settings())
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

// controlSettings changes the settings of sign-in: what the body does not name stays.
func (u *Universe) controlSettings(w http.ResponseWriter, r *http.Request) error {
	var in json.RawMessage
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	now, err := u.broker.ChangeSettings(func(c *oauth.Settings) error { return strictly(in, c) })
	if err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusOK, now)
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
