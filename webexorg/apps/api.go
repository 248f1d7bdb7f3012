package apps

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"lockstep"
	"lockstep/webexorg/oauth"
)

// application is a client as the API shows it.
type application struct {
	ID          string           `json:"clientId"`
	Secret      string           `json:"clientSecret,omitempty"` // when it was made
	Type        oauth.ClientKind `json:"type"`
	Name        string           `json:"name"`
	Description string           `json:"description,omitempty"`
	Contact     string           `json:"contactEmail,omitempty"`
	Redirects   []string         `json:"redirectUrls"`
	Scopes      []string         `json:"scopes"`
	Created     time.Time        `json:"created"`
	Modified    time.Time        `json:"modified"`
}

func shown(c oauth.Client, secret string) application {
	return application{
		c.ID, secret, c.Kind, c.Name, c.Description, c.Contact, slices.Concat([]string{}, c.Redirects), slices.Concat([]string{}, c.Scopes), c.Created, c.Modified,
	}
}

// call is a request of a program that acts for a person.
type call struct {
	person oauth.Person
	w      http.ResponseWriter
	r      *http.Request
}

// mountAPI serves the console's API: the bearer acts for their person, with the scopes of Webex's applications API.
func (c *Console) mountAPI(mux *http.ServeMux) {
	for pattern, h := range map[string]func(call) error{
		"POST /apps/api/developers":                        c.apiSignUp,
		"GET /apps/api/scopes":                             c.apiScopes,
		"GET /apps/api/applications":                       c.apiDeveloper(c.apiList),
		"POST /apps/api/applications":                      c.apiDeveloper(c.apiCreate),
		"GET /apps/api/applications/{id}":                  c.apiDeveloper(c.apiGet),
		"PUT /apps/api/applications/{id}":                  c.apiDeveloper(c.apiUpdate),
		"DELETE /apps/api/applications/{id}":               c.apiDeveloper(c.apiRemove),
		"POST /apps/api/applications/{id}/secret":          c.apiDeveloper(c.apiSecret),
		"PUT /apps/api/applications/{id}/authorization":    c.apiAllow,
		"DELETE /apps/api/applications/{id}/authorization": c.apiForbid,
	} {
		mux.HandleFunc(pattern, c.serveAPI(h))
	}
}

func (c *Console) serveAPI(h func(call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
		if err := c.answer(w, r, h); err != nil {
			oauth.WriteProblem(w, r, err)
		}
	}
}

func (c *Console) answer(w http.ResponseWriter, r *http.Request, h func(call) error) error {
	a, err := c.Broker.Bearer(r)
	if err != nil {
		return err
	}
	scope := "spark:applications_write"
	if r.Method == http.MethodGet {
		scope = "spark:applications_read"
	}
	if !a.Allows(scope) && !a.Allows("spark:applications_write") {
		return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "The token has not the scope " + scope + "."}
	}
	p, ok := c.Broker.PersonOf(a)
	if !ok {
		return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "A service app registers no applications."}
	}
	return h(call{p, w, r})
}

func (c *Console) apiDeveloper(h func(call) error) func(call) error {
	return func(k call) error {
		if !c.Broker.IsDeveloper(k.person.ID) {
			return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "The person is no developer yet: POST /apps/api/developers first."}
		}
		return h(k)
	}
}

func write[T any](k call, status int, v T) error {
	k.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	k.w.Header().Set("Cache-Control", "no-store")
	k.w.WriteHeader(status)
	return json.NewEncoder(k.w).Encode(v)
}

func noContent(k call, err error) error {
	if err == nil {
		k.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (c *Console) apiSignUp(k call) error { return noContent(k, c.Broker.SignUp(k.person.ID)) }

func (c *Console) apiScopes(k call) error {
	type scope struct {
		Name    string `json:"name"`
		Purpose string `json:"purpose"`
	}
	var list []scope
	for _, s := range oauth.Scopes() {
		list = append(list, scope{s.Name, s.Purpose})
	}
	return write(k, http.StatusOK, map[string][]scope{"items": list})
}

func (c *Console) apiList(k call) error {
	list := []application{}
	for _, client := range c.list(k.person) {
		list = append(list, shown(client, ""))
	}
	return write(k, http.StatusOK, map[string][]application{"items": list})
}

// decode reads a body that names nothing unknown.
func (k call) decode() (application, error) {
	var in application
	d := json.NewDecoder(k.r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The body is no application: " + err.Error()}
	}
	return in, nil
}

func (c *Console) apiCreate(k call) error {
	in, err := k.decode()
	if err != nil {
		return err
	}
	made, secret, err := c.Broker.Register(oauth.Client{
		Kind: in.Type, Name: in.Name, Description: in.Description, Contact: in.Contact, Redirects: in.Redirects, Scopes: in.Scopes,
		Owner: k.person.ID, Org: k.person.Org,
	})
	if err != nil {
		return err
	}
	return write(k, http.StatusCreated, shown(made, secret))
}

func (c *Console) apiGet(k call) error {
	client, err := c.of(k.person, k.r.PathValue("id"))
	if err != nil {
		return err
	}
	return write(k, http.StatusOK, shown(client, ""))
}

func (c *Console) apiUpdate(k call) error {
	client, err := c.of(k.person, k.r.PathValue("id"))
	if err != nil {
		return err
	}
	in, err := k.decode()
	if err != nil {
		return err
	}
	next, err := c.Broker.Update(client.ID, func(kept *oauth.Client) {
		kept.Name, kept.Description, kept.Contact, kept.Redirects, kept.Scopes = in.Name, in.Description, in.Contact, in.Redirects, in.Scopes
	})
	if err != nil {
		return err
	}
	return write(k, http.StatusOK, shown(next, ""))
}

func (c *Console) apiRemove(k call) error {
	client, err := c.of(k.person, k.r.PathValue("id"))
	if err != nil {
		return err
	}
	return noContent(k, c.Broker.Remove(client.ID))
}

func (c *Console) apiSecret(k call) error {
	client, err := c.of(k.person, k.r.PathValue("id"))
	if err != nil {
		return err
	}
	secret, err := c.Broker.NewSecret(client.ID)
	if err != nil {
		return err
	}
	return write(k, http.StatusOK, shown(client, secret))
}

func (c *Console) apiAllow(k call) error {
	return noContent(k, c.Broker.Allow(k.r.PathValue("id"), k.person.ID))
}

func (c *Console) apiForbid(k call) error {
	return noContent(k, c.Broker.Forbid(k.r.PathValue("id"), k.person.ID))
}
