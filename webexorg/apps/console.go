package apps

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	_ "embed"

	"lockstep"
	"lockstep/webexorg/oauth"
	"lockstep/webexorg/page"
)

//go:embed pages.html
var pagesText string

// Console is the developer console of an id broker's clients.
type Console struct {
	Broker *oauth.Server
	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	book page.Book

	mu    sync.Mutex
	shown map[string]secret // by key: what is to be shown once
}

// secret is what a page shows once.
type secret struct {
	text, label, help string
	owner             string // the person
	until             time.Time
}

// secretLife is how long a secret waits to be shown; maxSecrets how many do.
const (
	secretLife = 5 * time.Minute
	maxSecrets = 1000
)

// visit is a request of somebody who is signed in.
type visit struct {
	oauth.Session
	w http.ResponseWriter
	r *http.Request
}

// Mount serves the console on the mux, at /apps.
func (c *Console) Mount(mux *http.ServeMux) {
	c.book, c.shown = page.NewBook(pagesText), map[string]secret{}
	if c.Now == nil {
		c.Now = time.Now
	}
	for pattern, h := range map[string]func(visit) error{
		"GET /apps":              c.home,
		"POST /apps/signup":      c.posted(c.signUp),
		"POST /apps/signout":     c.leave,
		"POST /apps/token":       c.developer(c.posted(c.personalToken)),
		"GET /apps/new":          c.developer(c.newPage),
		"POST /apps/new":         c.developer(c.posted(c.create)),
		"GET /apps/{id}":         c.developer(c.appPage),
		"POST /apps/{id}":        c.developer(c.posted(c.save)),
		"POST /apps/{id}/secret": c.developer(c.posted(c.newSecret)),
		"POST /apps/{id}/delete": c.developer(c.posted(c.remove)),
		"POST /apps/{id}/tokens": c.developer(c.posted(c.serviceTokens)),
		"POST /apps/{id}/allow":  c.posted(c.allow),
		"POST /apps/{id}/forbid": c.posted(c.forbid),
		"GET /apps/authorize":    c.controlHub,
	} {
		mux.HandleFunc(pattern, c.serve(h))
	}
	c.mountAPI(mux)
}

// serve answers somebody who is signed in, and sends others to sign in first.
func (c *Console) serve(h func(visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
		s, ok := c.Broker.SignedIn(r)
		if !ok {
			to := "/apps"
			if r.Method == http.MethodGet {
				to = r.URL.RequestURI()
			}
			http.Redirect(w, r, oauth.SignInURL(to), http.StatusSeeOther)
			return
		}
		v := visit{s, w, r}
		if err := h(v); err != nil {
			c.Broker.WritePage(w, r, c.frame(v, ""), err)
		}
	}
}

// developer sends whoever has not signed up to do so.
func (c *Console) developer(h func(visit) error) func(visit) error {
	return func(v visit) error {
		if !c.Broker.IsDeveloper(v.Person.ID) {
			return see(v, "/apps")
		}
		return h(v)
	}
}

// posted checks a form.
func (c *Console) posted(h func(visit) error) func(visit) error {
	return func(v visit) error {
		if err := v.Posted(v.r); err != nil {
			return err
		}
		return h(v)
	}
}

func see(v visit, path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

func (c *Console) frame(v visit, title string) page.Frame {
	f := page.Frame{Title: title, Place: "Webex for Developers", Who: v.Person.Login, Leave: "/apps/signout"}
	f.Nav = []page.Link{{Text: "My apps", URL: "/apps", Current: v.r.URL.Path == "/apps"}}
	if isAdmin(v.Person) {
		f.Nav = append(f.Nav, page.Link{Text: "Service apps", URL: "/apps/authorize", Current: v.r.URL.Path == "/apps/authorize"},
			page.Link{Text: "Control Hub", URL: "/hub"})
	}
	return f
}

func isAdmin(p oauth.Person) bool { return slices.Contains(p.Roles, oauth.FullAdmin) }

// mayEdit reports whether the person may see and change a client: its owner, or a full administrator of its organisation.
func mayEdit(p oauth.Person, client oauth.Client) bool {
	return client.Org == p.Org && (client.Owner == p.ID || isAdmin(p))
}

// of returns the client with the id, if the person may see it. Others are not there.
func (c *Console) of(p oauth.Person, id string) (oauth.Client, error) {
	client, ok := c.Broker.Client(id)
	if !ok || !mayEdit(p, client) {
		return oauth.Client{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such application."}
	}
	return client, nil
}

// list returns the clients that the person may see.
func (c *Console) list(p oauth.Person) []oauth.Client {
	return slices.DeleteFunc(c.Broker.Clients(p.Org), func(client oauth.Client) bool { return !mayEdit(p, client) })
}

// keep makes a secret ready to be shown once, and returns the key to it.
func (c *Console) keep(s secret) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	for key, old := range c.shown {
		if now.After(old.until) || len(c.shown) >= maxSecrets {
			delete(c.shown, key)
		}
	}
	key := oauth.RandomKey()
	s.until = now.Add(secretLife)
	c.shown[key] = s
	return key
}

// show returns the secret of the key, the first time that its owner asks.
func (c *Console) show(v visit) *secret {
	key := v.r.URL.Query().Get("once")
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.shown[key]
	if !ok || s.owner != v.Person.ID || c.Now().After(s.until) {
		return nil
	}
	delete(c.shown, key)
	return &s
}

// lines reads what somebody typed one to a line.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}
