package oauth

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"lockstep/webexorg/page"
)

//go:embed pages.html
var pagesText string

// doSSO is the address in Microsoft's and Cisco's instructions: sign in, then go on to what goto says.
func (s *Server) doSSO(w http.ResponseWriter, r *http.Request, at door) error {
	query := r.URL.Query()
	to, ok := at.local(query.Get("goto"))
	switch {
	case query.Get("type") != "login":
		return refuse("invalid_request", "The type is not supported: use login.")
	case !ok:
		return refuse("invalid_request", "The address to go on to is not one of this id broker.")
	}
	if x, signedIn := s.session(r); signedIn && s.fits(x.login, at) {
		return seeOther(w, r, to)
	}
	return seeOther(w, r, at.path(signInPath)+"?"+query.Encode())
}

// choice is somebody whom the sign-in page offers.
type choice struct {
	Login, Display, Role, Tone string
}

type choices struct {
	Org    string
	People []choice
}

// signInPage asks who is signing in.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, at door) error {
	return s.askWho(w, r, at, http.StatusOK, r.URL.Query().Get("goto"), r.URL.Query().Get("login_hint"), "")
}

func (s *Server) askWho(w http.ResponseWriter, r *http.Request, at door, status int, to, hint, trouble string) error {
	to, ok := at.local(to)
	if !ok {
		return refuse("invalid_request", "The address to go on to is not one of this id broker.")
	}
	client := ""
	if _, query, found := strings.Cut(to, "authorize?"); found {
		if q, err := parseRequest(query, s.Client, s.untickedScopes()); err == nil && q.client.Kind != FirstParty {
			client = q.client.Name
		}
	}
	return page.Write(w, status, s.book, page.Frame{Title: "Sign in", Place: "Webex sign-in"}, "signin", struct {
		Action, To, Hint, Trouble, Client string
		Orgs                              []choices
	}{at.path(signInPath), to, hint, trouble, client, s.choices(at)})
}

// Limits of what the sign-in page offers; whoever is not offered can be typed.
const (
	offeredOrgs   = 8
	offeredOfSort = 3
	lookedAt      = 200
)

// choices offers administrators, agents and plain people of each organisation that this door serves.
func (s *Server) choices(at door) []choices {
	var all []choices
	orgs := s.config.People.Organisations()
	slices.SortFunc(orgs, func(a, b Organisation) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	for _, org := range orgs {
		if !s.serves(at, org.Region) || len(all) >= offeredOrgs {
			continue
		}
		c := choices{Org: org.Name}
		count := map[string]int{}
		for _, p := range s.config.People.Some(org.ID, lookedAt) {
			o := choice{Login: p.Login, Display: p.Display, Role: "Person"}
			switch {
			case slices.Contains(p.Roles, FullAdmin):
				o.Role, o.Tone = "Full administrator", "admin"
			case p.Agent:
				o.Role, o.Tone = "Agent", "agent"
			}
			if count[o.Role]++; count[o.Role] <= offeredOfSort {
				c.People = append(c.People, o)
			}
		}
		if len(c.People) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// postSignIn signs in whoever was chosen.
func (s *Server) postSignIn(w http.ResponseWriter, r *http.Request, at door) error {
	if err := fromHere(r); err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	name, to := strings.TrimSpace(r.PostForm.Get("login")), r.PostForm.Get("goto")
	again := func(trouble string) error {
		return s.askWho(w, r, at, http.StatusUnprocessableEntity, to, name, trouble)
	}
	p, ok := s.config.People.Login(name)
	if !ok {
		return again("We do not recognise that e-mail address.")
	}
	epoch, ok := s.config.People.Standing(p.ID)
	if !ok {
		s.note(r, SignIn{Person: p.ID, Org: p.Org, Failed: true})
		return again("This account is not active: it cannot sign in.")
	}
	if !s.fits(login{Org: p.Org}, at) {
		return again("This account belongs to another Webex cloud. Webex for Government has a sign-in page of its own.")
	}
	local, ok := at.local(to)
	if !ok {
		return refuse("invalid_request", "The address to go on to is not one of this id broker.")
	}
	s.signIn(w, r, p, epoch)
	s.note(r, SignIn{Person: p.ID, Org: p.Org})
	return seeOther(w, r, local)
}

// asked is what a consent page asks for.
type asked struct{ Name, Purpose string }

func (s *Server) askedFor(scopes []string) []asked {
	var list []asked
	for _, name := range scopes {
		list = append(list, asked{name, purposeOf(name)})
	}
	return list
}

// consentPage asks the person whether the client may.
func (s *Server) consentPage(w http.ResponseWriter, at door, q *request, x session) error {
	p, ok := s.config.People.Person(x.Person)
	if !ok {
		return errToken
	}
	org, _ := s.config.People.Organisation(p.Org)
	return page.Write(w, http.StatusOK, s.book, page.Frame{Title: "Allow " + q.client.Name, Place: "Webex sign-in", Who: p.Login}, "consent", struct {
		Action, Request, CSRF, Other string
		Client                       Client
		Person                       Person
		Org                          string
		Asks                         []asked
		Useless                      bool
	}{
		at.path(consentPath), q.raw, x.csrf, at.path(authorizePath) + "?" + q.without("prompt") + "&prompt=select_account",
		q.client, p, org.Name, s.askedFor(q.scopes), s.useless(q.scopes, p),
	})
}

// useless reports whether scopes of administrators are asked of somebody who is none.
func (s *Server) useless(scopes []string, p Person) bool {
	if slices.ContainsFunc(p.Roles, func(role string) bool { return strings.HasPrefix(role, "id_") }) {
		return false
	}
	return slices.ContainsFunc(Scopes(), func(known Scope) bool { return known.Admin && slices.Contains(scopes, known.Name) })
}

// postConsent takes the person's answer.
func (s *Server) postConsent(w http.ResponseWriter, r *http.Request, at door) error {
	if err := fromHere(r); err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	q, err := parseRequest(r.PostForm.Get("request"), s.Client, s.untickedScopes())
	if err != nil {
		return s.refuseBack(w, r, &q, err)
	}
	x, ok := s.session(r)
	if !ok || !s.fits(x.login, at) {
		return s.toSignIn(w, r, at, &q, q.raw)
	}
	if !sameSecret(r.PostForm.Get("csrf"), x.csrf) {
		return &refusal{status: http.StatusForbidden, code: "access_denied", detail: "The form was not made for this session. Go back and try again."}
	}
	if r.PostForm.Get("decision") != "allow" {
		return s.refuseBack(w, r, &q, &refusal{code: "access_denied", detail: "The person denied access.", back: true})
	}
	return s.respond(w, r, at, &q, x.login)
}
