package scim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// The resources outside the SCIM endpoint of an organisation:
//
//	GET /identity/scim/v2/Users/me                              who calls, in SCIM 2
//	GET /identity/scim/v1/Users/me, /identity/scim/{org}/v1/Users/{id or address}   in the legacy SCIM 1
//	GET /Schemas/SCIM2/User, /Schemas/SCIM2/Group, /Schemas/SCIM2/{urn}
//	GET /identity/organizations/{org}/v1/ArchivedUser/{id}

// Me answers who calls. Programs are nobody.
func (f *Face) Me(w http.ResponseWriter, r *http.Request, c Call, legacy bool) {
	preferJSON(r, nil)
	body, err := f.me(r, c, legacy)
	f.answer(w, r, c, body, err)
}

func (f *Face) me(r *http.Request, c Call, legacy bool) (scim.Object, error) {
	if c.Denied != nil {
		return nil, c.Denied
	}
	scopes := []string{scopeWrite, scopeRead}
	switch {
	case !legacy:
	case c.By.Org.Settings().Assume.StrictUserinfo:
		scopes = append(scopes, "spark:people_read", scopeLegacy)
	default: // user-info of sign-in by the contact centre
		scopes = append(scopes, "openid", "profile", "email", "cjp:user", "cjp:config", "cjp:config_read", "spark:people_read", scopeLegacy)
	}
	if !c.By.Allows(scopes...) {
		return nil, &scim.Error{Status: http.StatusForbidden, Detail: "The token has none of the scopes " + strings.Join(scopes, ", ") + "."}
	}
	if c.By.Person == "" {
		return nil, &scim.Error{Status: http.StatusForbidden, Detail: "A program is no user."}
	}
	p, ok := c.By.Org.Person(c.By.Person)
	if !ok {
		return nil, scim.ErrNotFound("The user is gone.")
	}
	if legacy {
		return f.legacyUser(r, &p), nil
	}
	return f.whole(r, &p), nil
}

// whole is a user as SCIM 2 shows it.
func (f *Face) whole(r *http.Request, p *state.Person) scim.Object {
	o := scim.Object{{Name: "id", Value: p.ID}}
	o = append(o, p.Object()...)
	return append(o, scim.Attr{Name: "meta", Value: scim.Object{
		{Name: "resourceType", Value: "User"},
		{Name: "location", Value: f.Base(r) + "/identity/scim/" + p.Org.ID() + "/v2/Users/" + p.ID},
		{Name: "created", Value: stamp(p.Created)}, {Name: "lastModified", Value: stamp(p.Modified)},
		{Name: "version", Value: `W/"` + strconv.FormatInt(p.Version, 10) + `"`},
	}})
}

// Legacy answers GET /Users and /Users/{id or address} of SCIM 1.
func (f *Face) Legacy(w http.ResponseWriter, r *http.Request, c Call) {
	preferJSON(r, nil)
	body, err := f.legacy(r, c)
	f.answer(w, r, c, body, err)
}

func (f *Face) legacy(r *http.Request, c Call) (scim.Object, error) {
	b, err := authorize(r, c)
	if err == nil {
		err = b.mayRead("User")
	}
	if err != nil {
		return nil, err
	}
	id, ok := strings.CutPrefix(strings.TrimSuffix(c.To.Rest, "/"), "/Users/")
	if !ok || r.Method != http.MethodGet {
		return nil, scim.ErrNotFound("Of the legacy API there is only GET /Users/{id or address}.")
	}
	p, found := c.Org.Person(id)
	if !found {
		if p, found = c.Org.Universe().Login(id); found {
			found = p.Org == c.Org
		}
	}
	if !found {
		return nil, scim.ErrNotFound("User " + id + " does not exist.")
	}
	return f.legacyUser(r, &p), nil
}

// legacyUser is a user as SCIM 1 of the Common Identity shows it.
func (f *Face) legacyUser(r *http.Request, p *state.Person) scim.Object {
	u := p.Object()
	o := scim.Object{
		{Name: "schemas", Value: scim.List{"urn:scim:schemas:core:1.0", "urn:scim:schemas:extension:cisco:commonidentity:1.0"}},
		{Name: "id", Value: p.ID},
	}
	for _, name := range []string{"userName", "name", "displayName", "active", "emails", "phoneNumbers", "preferredLanguage", "title"} {
		if v := u.Get(name); v != nil {
			o.Set(name, v)
		}
	}
	roles, ids := scim.List{}, scim.List{}
	for _, role := range p.Roles {
		roles = append(roles, role)
	}
	for _, id := range p.Account.Licences {
		ids = append(ids, p.Org.ID()+":"+id)
	}
	status := "active"
	switch {
	case !p.Active:
		status = "inactive"
	case p.Pending:
		status = "pending"
	}
	if source := p.Org.Settings().Sync; source == state.SyncConnector {
		o.Set("cisSyncSource", "DirSync")
	}
	o.Set("roles", roles)
	o.Set("licenseID", ids)
	o.Set("entitlements", scim.List{"spark", "webex-squared"})
	o.Set("userStatus", status)
	return append(o, scim.Attr{Name: "meta", Value: scim.Object{
		{Name: "created", Value: stamp(p.Created)}, {Name: "lastModified", Value: stamp(p.Modified)},
		{Name: "version", Value: strconv.FormatInt(p.Version, 10)},
		{Name: "location", Value: f.Base(r) + "/identity/scim/" + p.Org.ID() + "/v1/Users/" + p.ID},
		{Name: "organizationID", Value: p.Org.ID()},
	}})
}

// Archived answers a deleted user who is kept still.
func (f *Face) Archived(w http.ResponseWriter, r *http.Request, c Call, id string) {
	preferJSON(r, nil)
	body, err := f.archived(r, c, id)
	f.answer(w, r, c, body, err)
}

func (f *Face) archived(r *http.Request, c Call, id string) (scim.Object, error) {
	b, err := authorize(r, c)
	if err == nil {
		err = b.mayRead("User")
	}
	if err != nil {
		return nil, err
	}
	list := c.Org.Archived()
	i := slices.IndexFunc(list, func(a state.Archived) bool { return a.ID == strings.ToLower(id) })
	if i < 0 {
		return nil, scim.ErrNotFound("There is no archived user " + id + ".")
	}
	doc, err := scim.DecodeObject(list[i].Doc)
	if err != nil {
		return nil, err
	}
	ext, _ := doc.Get(scim.CiscoUserURN).(scim.Object)
	ext.Set("accountStatus", scim.List{"marked_deleted"})
	doc.Set(scim.CiscoUserURN, ext)
	doc.Set("active", false)
	o := append(scim.Object{{Name: "id", Value: list[i].ID}}, doc...)
	return append(o, scim.Attr{Name: "meta", Value: scim.Object{
		{Name: "resourceType", Value: "User"}, {Name: "lastModified", Value: list[i].Deleted.Format(timeFormat)},
	}}), nil
}

// Schemas answers GET /Schemas/SCIM2/{name}, with the name of a type or the URN of a schema.
func (f *Face) Schemas(w http.ResponseWriter, r *http.Request, c Call, name string) {
	preferJSON(r, nil)
	body, err := f.schemas(c, name)
	f.answer(w, r, c, body, err)
}

func (f *Face) schemas(c Call, name string) (scim.Object, error) {
	if c.Denied != nil {
		return nil, c.Denied
	}
	if !c.By.Allows(scopeWrite, "identity:organizations_rw") || !c.By.Has(readers...) {
		return nil, &scim.Error{Status: http.StatusForbidden, Detail: "Schemas are shown to administrators with the scope " + scopeWrite + " or identity:organizations_rw."}
	}
	for _, t := range state.Types() {
		if strings.EqualFold(t.Name, name) {
			all := scim.Object{}
			for _, s := range t.Definitions() {
				all = append(all, scim.Attr{Name: s.ID, Value: definition(s)})
			}
			return all, nil
		}
		for _, s := range t.Definitions() {
			if strings.EqualFold(s.ID, name) {
				return definition(s), nil
			}
		}
	}
	return nil, scim.ErrNotFound("There is no schema " + name + ".")
}

// definition is a schema as Webex publishes it: without schemas and meta, and with characteristics that begin with a capital.
func definition(s *scim.Schema) scim.Object {
	o := s.Object()
	o.Delete("schemas")
	attributes, _ := o.Get("attributes").(scim.List)
	capitalise(attributes)
	return o
}

func capitalise(attributes scim.List) {
	for _, v := range attributes {
		a, _ := v.(scim.Object)
		for _, name := range []string{"type", "mutability", "returned", "uniqueness"} {
			if text := a.Text(name); text != "" {
				a.Set(name, strings.ToUpper(text[:1])+text[1:])
			}
		}
		inner, _ := a.Get("subAttributes").(scim.List)
		capitalise(inner)
	}
}

// answer sends a body or an error.
func (f *Face) answer(w http.ResponseWriter, r *http.Request, c Call, body scim.Object, err error) {
	if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		err = &scim.Error{Status: http.StatusMethodNotAllowed, Detail: "The method " + r.Method + " is not allowed here."}
	}
	if err != nil {
		f.WriteError(w, r, c.Org, err)
		return
	}
	w.Header().Set("Content-Type", r.Header.Get("Accept"))
	_, _ = w.Write(scim.AppendJSON(nil, body)) // the client is gone: there is nobody to tell
}
