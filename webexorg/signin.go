package webexorg

import (
	"net/http"
	"strings"

	"lockstep/scim"
	"lockstep/webexorg/apps"
	"lockstep/webexorg/oauth"
	"lockstep/webexorg/state"
)

// people shows the id broker whom it may sign in.
type people struct{ u *Universe }

// Person returns whoever has the id.
func (p people) Person(id string) (oauth.Person, bool) {
	found, ok := p.u.Universe.Person(id)
	return known(&found, ok)
}

// Login returns whoever has the user name.
func (p people) Login(name string) (oauth.Person, bool) {
	found, ok := p.u.Universe.Login(name)
	return known(&found, ok)
}

// Some returns people to choose from.
func (p people) Some(org string, limit int) []oauth.Person {
	o := p.u.Org(org)
	if o == nil {
		return nil
	}
	centre := o.Centre()
	some := o.Some(limit, func(x *state.Person) bool { return isAgent(centre, x.ID) })
	list := make([]oauth.Person, 0, len(some))
	for i := range some {
		person, _ := known(&some[i], true)
		list = append(list, person)
	}
	return list
}

// Standing returns the epoch of a person's tokens.
func (p people) Standing(person string) (int64, bool) { return p.u.Universe.Standing(person) }

// Organisation returns an organisation.
func (p people) Organisation(id string) (oauth.Organisation, bool) {
	o := p.u.Org(id)
	if o == nil {
		return oauth.Organisation{}, false
	}
	return asOrganisation(o), true
}

// Organisations returns all of them.
func (p people) Organisations() []oauth.Organisation {
	var list []oauth.Organisation
	for _, o := range p.u.Orgs() {
		list = append(list, asOrganisation(o))
	}
	return list
}

func asOrganisation(o *state.Org) oauth.Organisation {
	c := o.Settings()
	return oauth.Organisation{ID: o.ID(), Name: c.Name, Region: oauth.Region(c.Region)}
}

// isAgent reports whether the person may use the contact centre.
func isAgent(centre *state.Centre, person string) bool {
	u, ok := centre.UserOf(person)
	return ok && u.Enabled && u.Active
}

// known is a person as the id broker knows them: their SCIM resource, and whether they are of the contact centre.
func known(p *state.Person, ok bool) (oauth.Person, bool) {
	if !ok {
		return oauth.Person{}, false
	}
	o := p.Object()
	name, _ := o.Get("name").(scim.Object)
	person := oauth.Person{
		ID: p.ID, Org: p.Org.ID(), Login: o.Text("userName"), Display: p.Name, GivenName: name.Text("givenName"), FamilyName: name.Text("familyName"),
		Locale: o.Text("locale"), Roles: p.Roles, Agent: isAgent(p.Org.Centre(), p.ID),
	}
	numbers, _ := o.Get("phoneNumbers").(scim.List)
	for _, n := range numbers {
		if number, ok := n.(scim.Object); ok && number.Text("type") == "work" && person.Phone == "" {
			person.Phone = number.Text("value")
		}
	}
	return person, true
}

// foreign keeps the broker's entries in the journal of the universe.
type foreign struct{ u *Universe }

// Append takes an entry into the order of the journal.
func (f foreign) Append(entry []byte) uint64 { return f.u.AppendForeign(entry) }

// Flush waits until it will survive.
func (f foreign) Flush(seq uint64) error { return f.u.Flush(seq) }

// Broker is the id broker of all organisations.
func (u *Universe) Broker() *oauth.Server { return u.broker }

// noted tells an organisation that somebody signed in or out. The first time makes whoever was pending active.
func (u *Universe) noted(e oauth.SignIn) {
	o := u.Org(e.Org)
	if o == nil {
		return
	}
	p, ok := o.Person(e.Person)
	if !ok {
		return
	}
	_ = o.NoteSignIn(state.SignInEvent{ // a journal that cannot be written fails every write that somebody waits for
		ID: state.NewID(), At: e.At, Person: p.ID, Name: p.Name, Email: p.Object().Text("userName"), Admin: len(p.Roles) > 0,
		Address: e.Address, Agent: e.Agent, Failed: e.Failed, Logout: e.Logout,
	})
	if !e.Failed && !e.Logout {
		_ = o.SignIn(p.ID) // gone in the meantime: nobody to note it of
	}
}

// mountSignIn serves the id broker and the developer console. What the broker does not serve below the path of a region, the
// other faces do, as they do without one.
func (u *Universe) mountSignIn(mux *http.ServeMux, others http.Handler) {
	u.broker.Mount(mux)
	console := &apps.Console{Broker: u.broker, Now: u.Now}
	console.Mount(mux)
	for _, path := range []string{"/catalog", "/limited/catalog"} {
		mux.HandleFunc("GET "+cataloguePath+path, u.catalogue)
	}
	for _, region := range []oauth.Region{oauth.US, oauth.EU, oauth.Government} {
		prefix := "/" + string(region)
		mux.Handle(prefix+"/", http.StripPrefix(prefix, others))
	}
}

// bearer returns who bears a token that the id broker gave.
func (u *Universe) bearer(text string) (state.Principal, bool) {
	a, err := u.broker.Check(text)
	if err != nil {
		return state.Principal{}, false
	}
	o := u.Org(a.Org)
	if o == nil {
		return state.Principal{}, false
	}
	return state.Principal{Org: o, Person: a.Person, Name: a.App, Scopes: a.Scopes}, true
}

// endToken ends a token, whoever gave it.
func (u *Universe) endToken(header string) error {
	_, text, _ := strings.Cut(header, " ")
	text = strings.TrimSpace(text)
	if err := u.ExpireToken(text); err != nil {
		return err
	}
	return u.broker.EndToken(text)
}
