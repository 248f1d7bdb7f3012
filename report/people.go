package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep/api"
	"lockstep/scim"
	"lockstep/words"
)

// Users lists people.
func Users(all []api.User, err error) (View, error) {
	return List(all, err, "Nobody.", "USER NAME STATE TITLE", func(u api.User) []string {
		o := scim.Object(u.Attributes)
		return []string{u.UserName, dash(displayName(o)), userState(u), dash(o.Text("title"))}
	})
}

func displayName(o scim.Object) string {
	if name := o.Text("displayName"); name != "" {
		return name
	}
	name, _ := o.Get("name").(scim.Object)
	return strings.TrimSpace(name.Text("givenName") + " " + name.Text("familyName"))
}

func userState(u api.User) string {
	switch {
	case u.Deleted != nil:
		return "deleted"
	case !u.Active:
		return "disabled"
	}
	return "active"
}

// User shows a person.
func User(u api.User, err error) (View, error) {
	return Of(u, err, func(p *Page) {
		p.Printf("id\t%s\nstate\t%s\nversion\t%d\n", u.ID, userState(u), u.Version)
		p.claims(u.Claims)
		p.attributes("", scim.Object(u.Attributes))
	})
}

// TemporaryPassword shows a password that has to be changed at the first sign-in.
func TemporaryPassword(t api.TemporaryPassword, err error) (View, error) {
	return Of(t, err, func(p *Page) {
		p.Printf("password\t%s\nends\t%s\n", t.Password, t.Ends.Local().Format(time.RFC3339))
		p.Say("It is shown this once. They change it at the first sign-in, before it ends. Their sessions have ended.")
	})
}

// claims writes who has a user or group, a line for each.
func (p *Page) claims(all []api.Claim) {
	for _, c := range all {
		p.Printf("claimed\t%s\n", c.Text)
	}
}

// attributes writes an attribute a line, inner ones with their path as people read it: emails[work], name.givenName, department.
func (p *Page) attributes(prefix string, o scim.Object) {
	for _, a := range o {
		path := prefix + a.Name
		switch v := a.Value.(type) {
		case scim.Object:
			if strings.HasPrefix(strings.ToLower(a.Name), "urn:") { // an extension
				p.attributes(prefix, v)
			} else {
				p.attributes(path+".", v)
			}
		case scim.List:
			for _, e := range v {
				p.element(path, e)
			}
		default:
			p.Printf("%s\t%v\n", path, v)
		}
	}
}

// element writes an element of a list. Its type stands in brackets.
func (p *Page) element(path string, e any) {
	inner, ok := e.(scim.Object)
	if !ok {
		p.Printf("%s\t%v\n", path, e)
		return
	}
	if kind := inner.Text("type"); kind != "" {
		path += "[" + kind + "]"
	}
	for _, a := range inner {
		switch {
		case a.Name == "type":
		case a.Name == "value":
			p.Printf("%s\t%s\n", path, words.Value(a.Value))
		default:
			p.Printf("%s.%s\t%s\n", path, a.Name, words.Value(a.Value))
		}
	}
}

// Groups lists groups.
func Groups(all []api.Group, err error) (View, error) {
	return List(all, err, "No groups.", "GROUP ID", func(g api.Group) []string { return []string{g.DisplayName, string(g.ID)} })
}

// GroupWithMembers is a group as JSON shows it.
type GroupWithMembers struct {
	api.Group
	Members []api.Member `json:"members"`
}

// Group shows a group with its members.
func Group(g api.Group, members []api.Member, err error) (View, error) {
	return Of(GroupWithMembers{g, members}, err, func(p *Page) {
		p.Printf("id\t%s\n", g.ID)
		p.claims(g.Claims)
		p.attributes("", scim.Object(g.Attributes))
		for _, m := range members {
			p.Printf("member\t%s %s\n", m.Kind, m.Name)
		}
	})
}

// GroupAdded shows a group that is new.
func GroupAdded(g api.Group, err error) (View, error) {
	return Of(g, err, func(p *Page) { p.Printf("added group %s\n", g.DisplayName) })
}

// Assignments lists who is assigned.
func Assignments(all []api.Assignment, err error) (View, error) {
	return List(all, err, "Nobody is assigned.", "KIND NAME ROLE ID", func(a api.Assignment) []string {
		return []string{a.Kind, a.Name, dash(a.Role), string(a.ID)}
	})
}

// Schemas lists the tenant's own schemas.
func Schemas(all []api.Schema, err error) (View, error) {
	return List(all, err, "No schemas of the tenant's own.", "SCHEMA OF ATTRIBUTES VERSION INDEXES", func(s api.Schema) []string {
		o := scim.Object(s)
		attributes, _ := o.Get("attributes").(scim.List)
		meta, _ := o.Get("meta").(scim.Object)
		indexes := "ready"
		if meta.Get("indexing") == true {
			indexes = "being made"
		}
		return []string{o.Text("id"), o.Text("resourceType"), strconv.Itoa(len(attributes)), fmt.Sprint(meta.Get("version")), indexes}
	})
}

// Schema shows the attributes of a schema.
func Schema(s api.Schema, err error) (View, error) {
	return Of(s, err, func(p *Page) {
		p.Printf("ATTRIBUTE\tTYPE\tCHARACTERISTICS\n")
		p.defined("", scim.Object(s).Get("attributes"))
	})
}

// defined writes a line for each attribute with what is not the default.
func (p *Page) defined(prefix string, v any) {
	list, _ := v.(scim.List)
	for _, v := range list {
		a, _ := v.(scim.Object)
		var is []string
		for _, flag := range []string{"required", "multiValued", "caseExact", "filterable", "closed"} {
			if a.Get(flag) == true {
				is = append(is, flag)
			}
		}
		for _, word := range []struct{ name, usual string }{
			{"mutability", scim.ReadWrite}, {"returned", scim.ReturnedDefault}, {"uniqueness", scim.UniqueNone},
		} {
			if value := a.Text(word.name); value != word.usual {
				is = append(is, word.name+" "+value)
			}
		}
		p.Printf("%s%s\t%s\t%s\n", prefix, a.Text("name"), a.Text("type"), dash(strings.Join(is, ", ")))
		p.defined(prefix+a.Text("name")+".", a.Get("subAttributes"))
	}
}
