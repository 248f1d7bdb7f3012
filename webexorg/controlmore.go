package webexorg

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"lockstep"
	"lockstep/web"
	"lockstep/webexorg/oauth"
	"lockstep/webexorg/state"
)

// controlMore adds the calls of the control surface that are about what an organisation has.
func (u *Universe) controlMore(handle func(string, web.Handler)) {
	const org = "/control/orgs/{org}"
	handle("GET "+org, u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		return writeJSON(w, http.StatusOK, stateOf(o))
	}))
	handle("PATCH "+org, u.withOrg(controlChange))
	handle("GET "+org+"/centre", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		return writeJSON(w, http.StatusOK, o.Centre())
	}))
	handle("PUT "+org+"/centre", u.withOrg(controlCentre))
	handle("GET "+org+"/archived", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		return writeJSON(w, http.StatusOK, map[string][]state.Archived{"archived": o.Archived()})
	}))
	handle("DELETE "+org+"/archived", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		return noContent(w, o.Purge(""))
	}))
	handle("DELETE "+org+"/archived/{id}", u.withOrg(func(w http.ResponseWriter, r *http.Request, o *Org) error {
		return noContent(w, o.Purge(r.PathValue("id")))
	}))
	handle("POST "+org+"/sweep", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		n, err := o.Sweep()
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]int{"deleted": n})
	}))
	handle("POST "+org+"/locations", u.withOrg(controlLocation))
	handle("POST "+org+"/templates/apply", u.withOrg(controlTemplates))
	handle("POST "+org+"/people/{id}/sign-in", u.withOrg(func(w http.ResponseWriter, r *http.Request, o *Org) error {
		if err := o.SignIn(r.PathValue("id")); err != nil {
			return invalid(err)
		}
		return noContent(w, nil)
	}))
	handle("POST "+org+"/people/{id}/tokens", u.withOrg(u.controlPersonToken))
	handle("POST "+org+"/faults", u.withOrg(controlFault))
	handle("DELETE "+org+"/faults", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		k := o.Knobs()
		k.Faults = nil
		return noContent(w, o.SetKnobs(k))
	}))
	handle("GET "+org+"/calls", u.withOrg(u.controlCalls))
	handle("POST /control/seed", u.controlSeed)
	handle("GET /control/export", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		return u.Export(w)
	})
}

// controlChange changes settings: what the body does not name stays.
func controlChange(w http.ResponseWriter, r *http.Request, o *Org) error {
	var in json.RawMessage
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	err := o.Change(func(c *OrgConfig) error { return strictly(in, c) })
	if err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusOK, stateOf(o))
}

func controlCentre(w http.ResponseWriter, r *http.Request, o *Org) error {
	var in state.Centre
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	err := o.ChangeCentre(func(c *state.Centre) error { *c = in; return nil })
	if err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusOK, o.Centre())
}

func controlLocation(w http.ResponseWriter, r *http.Request, o *Org) error {
	var in state.Location
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	l, err := o.AddLocation(in)
	if err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusCreated, l)
}

// controlTemplates applies the licence templates to people who are there already.
func controlTemplates(w http.ResponseWriter, r *http.Request, o *Org) error {
	in := struct {
		Preserve bool `json:"preserve"`
	}{Preserve: true}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	n, err := o.ApplyTemplates(in.Preserve, state.Actor{Name: "Control Hub", Local: true})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]int{"changed": n})
}

// controlPersonToken makes an access token of a person, as if they had consented in a browser.
func (u *Universe) controlPersonToken(w http.ResponseWriter, r *http.Request, o *Org) error {
	in := struct {
		Scopes   string `json:"scopes"`
		Lifetime string `json:"lifetime"`
	}{Lifetime: "0s"}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	lifetime, err := time.ParseDuration(in.Lifetime)
	if err != nil {
		return invalid(err)
	}
	p, ok := o.Person(r.PathValue("id"))
	if !ok {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such person."}
	}
	text, err := u.broker.Issue(oauth.Ticket{Org: o.ID(), Person: p.ID, Scopes: strings.Fields(in.Scopes), Lifetime: lifetime})
	if err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusCreated, map[string]string{"token": text})
}

// controlFault adds a fault to those that there are.
func controlFault(w http.ResponseWriter, r *http.Request, o *Org) error {
	var f Fault
	if err := readJSON(w, r, &f); err != nil {
		return err
	}
	k := o.Knobs()
	k.Faults = append(append([]Fault(nil), k.Faults...), f)
	if err := o.SetKnobs(k); err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusCreated, o.Knobs())
}

// seenCall is a call as the inspector shows it.
type seenCall struct {
	ID       string      `json:"id"`
	At       time.Time   `json:"at"`
	Took     string      `json:"took"`
	Client   string      `json:"client"`
	Method   string      `json:"method"`
	URL      string      `json:"url"`
	Status   int         `json:"status"`
	Request  seenMessage `json:"request"`
	Response seenMessage `json:"response"`
}

type seenMessage struct {
	Header  http.Header `json:"header"`
	Body    string      `json:"body,omitempty"`
	Omitted string      `json:"omitted,omitempty"`
}

// Calls returns the last calls of an organisation, the newest first, without secrets.
func (u *Universe) Calls(org string) []web.Exchange {
	if u.inspector == nil {
		return nil
	}
	return u.inspector.Exchanges(org)
}

func (u *Universe) controlCalls(w http.ResponseWriter, _ *http.Request, o *Org) error {
	list := []seenCall{}
	for _, x := range u.Calls(o.ID()) {
		list = append(list, seenCall{
			x.ID, x.At, x.Took.String(), x.Client, x.Method, x.URL, x.Status,
			seenMessage{x.Request.Header, x.Request.Body, x.Request.Omitted}, seenMessage{x.Response.Header, x.Response.Body, x.Response.Omitted},
		})
	}
	return writeJSON(w, http.StatusOK, map[string][]seenCall{"calls": list})
}

func (u *Universe) controlSeed(w http.ResponseWriter, r *http.Request) error {
	s, err := ReadSeed(http.MaxBytesReader(w, r.Body, 256<<20))
	if err != nil {
		return invalid(err)
	}
	orgs, err := u.Plant(r.Context(), s)
	if err != nil {
		return invalid(err)
	}
	list := []orgState{}
	for _, o := range orgs {
		list = append(list, stateOf(o))
	}
	return writeJSON(w, http.StatusCreated, map[string][]orgState{"orgs": list})
}
