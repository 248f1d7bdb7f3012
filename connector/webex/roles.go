package webex

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

const (
	rolesAttribute = "roles"
	roleType       = "cirole"
	fullAdmin      = "id_full_admin"
)

// role is what somebody can be in an organisation.
type role struct {
	id   string // as SCIM has it: id_full_admin
	rest string // as the REST API has it
	name string
}

// roles lists what roles there are.
func (t *Target) roles(ctx context.Context) ([]role, connection.Result) {
	return t.known.get(ctx, t.now, stockAge, func() ([]role, connection.Result) {
		a, r := t.rest.Call(ctx, http.MethodGet, "/roles", nil, "list roles of")
		if r.Err != nil {
			r.Err = unopened(r.Err, "roles", "spark-admin:roles_read")
			return nil, r
		}
		var all []role
		for _, o := range objects(a.Body.Get("items")) {
			if id := keyOf(o.Text("id")); id != "" {
				all = append(all, role{id: id, rest: o.Text("id"), name: o.Text("name")})
			}
		}
		return all, r
	})
}

// rolesOf returns what roles the values of a user name.
func rolesOf(o scim.Object) []string {
	list, single := o.Get(rolesAttribute).(scim.List)
	if v := o.Get(rolesAttribute); !single && v != nil {
		list = scim.List{v}
	}
	var all []string
	for _, v := range list {
		s, _ := v.(string)
		if e, ok := v.(scim.Object); ok {
			s = e.Text("value")
		}
		if strings.TrimSpace(s) != "" && !names(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// withRoles returns the values with the roles of others.
func withRoles(o, of scim.Object) scim.Object {
	o = o.Clone()
	if v := of.Get(rolesAttribute); v != nil {
		o.Set(rolesAttribute, scim.CloneValue(v))
	} else {
		o.Delete(rolesAttribute)
	}
	return o
}

// roleNamed returns the id of the role that rules call so. Where Webex does not say which roles there are, the text of an id is taken for one.
func roleNamed(all []role, why error, text string) (string, error) {
	text = strings.TrimSpace(text)
	for _, r := range all {
		if alike(r.id, text) || alike(r.name, text) || r.rest == text {
			if r.id == "location_admin" || r.id == "site_admin" {
				return "", &lockstep.Error{Code: lockstep.CodeTargetUnsupported, Detail: fmt.Sprintf("the role %q is that of a location or site: it cannot be given here", r.name)}
			}
			return r.id, nil
		}
	}
	if denied(why) && !strings.ContainsAny(text, " \t") {
		return text, nil
	}
	if why != nil {
		return "", why
	}
	var has []string
	for _, r := range all {
		has = append(has, r.name)
	}
	return "", &lockstep.Error{Code: lockstep.CodeTargetName, Detail: fmt.Sprintf("Webex has no role %q; it has %s", text, some(has))}
}

// roleDifference is which roles an operation gives and takes away, by their ids.
type roleDifference struct {
	give, take []string
	err        error // a role that cannot be given, or why nothing is known of roles
	requests   int
	result     connection.Result // of asking which roles there are
}

// differRoles finds out which roles an operation changes. Roles that are called otherwise and are the same make no difference.
func (t *Target) differRoles(ctx context.Context, op *connection.Operation) roleDifference {
	var d roleDifference
	before, after := rolesOf(op.Before), rolesOf(op.After)
	if len(without(before, after))+len(without(after, before)) == 0 {
		return d
	}
	all, r := t.roles(ctx)
	d.requests, d.result = r.Requests, r
	ids := func(texts []string, wanted bool) (list []string) {
		for _, s := range texts {
			id, err := roleNamed(all, r.Err, s)
			if err != nil && wanted && d.err == nil {
				d.err = err
			}
			if err == nil && !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
		return list
	}
	had, wants := ids(before, false), ids(after, true)
	if d.err != nil {
		return d
	}
	d.give = slices.DeleteFunc(slices.Clone(wants), func(id string) bool { return slices.Contains(had, id) })
	d.take = slices.DeleteFunc(had, func(id string) bool { return slices.Contains(wants, id) })
	return d
}

// changeRoles puts the difference of roles into the operation that is sent, and says why it may not be there.
func (t *Target) changeRoles(ctx context.Context, op, plain *connection.Operation) connection.Result {
	d := t.differRoles(ctx, op)
	r := connection.Result{Requests: d.requests}
	plain.Before.Delete(rolesAttribute)
	plain.After.Delete(rolesAttribute)
	if d.err == nil && slices.Contains(d.take, fullAdmin) {
		var n int
		n, d.err = t.keepsAdmin(ctx, op.Ref.ID, 0)
		r.Requests += n
	}
	if d.err != nil {
		r.RetryAfter = d.result.RetryAfter
		r.Err = &lockstep.Error{Code: lockstep.CodeOf(d.err), Detail: fmt.Sprintf("change roles of %s in %s: %s", op.Name, t.name, lockstep.Said(d.err)), Err: d.err}
		return r
	}
	set := func(o *scim.Object, ids []string) {
		list := make(scim.List, len(ids))
		for i, id := range ids {
			list[i] = scim.Object{{Name: "value", Value: id}, {Name: "type", Value: roleType}}
		}
		if len(ids) > 0 {
			o.Set(rolesAttribute, list)
		}
	}
	set(&plain.Before, d.take)
	set(&plain.After, d.give)
	return r
}

// signsIn is the id of the person in whose name this connection signs in; none where it is a program, or Webex does not say.
func (t *Target) signsIn(ctx context.Context) ([]string, connection.Result) {
	return t.me.get(ctx, t.now, stockAge, func() ([]string, connection.Result) {
		a, r := t.rest.Call(ctx, http.MethodGet, "/people/me", nil, "read who signs in to")
		if id := keyOf(a.Body.Text("id")); r.Err == nil && id != "" {
			return []string{strings.ToLower(id)}, r
		}
		return nil, r
	})
}

// keepsAdmin refuses to take the role of a full administrator from the person in whose name this connection signs in, and from the last who
// has it. Others is how many more are about to lose it. What cannot be found out is refused, too.
func (t *Target) keepsAdmin(ctx context.Context, user string, others int) (requests int, err error) {
	refuse := func(format string, args ...any) error {
		return &lockstep.Error{Code: lockstep.CodeTargetAdmin, Detail: fmt.Sprintf(format, args...)}
	}
	me, r := t.rest.Call(ctx, http.MethodGet, "/people/me", nil, "read who signs in to")
	requests += r.Requests
	switch {
	case r.Err == nil && strings.EqualFold(keyOf(me.Body.Text("id")), user):
		return requests, refuse("this connection signs in as them: it would lock itself out")
	case r.Err != nil && me.Status != http.StatusForbidden && me.Status != http.StatusNotFound: // a program is no person
		return requests, r.Err
	}
	all, r := t.roles(ctx)
	requests += r.Requests
	at := slices.IndexFunc(all, func(r role) bool { return r.id == fullAdmin })
	if at < 0 {
		return requests, refuse("it cannot be seen whether another full administrator is left, since Webex does not list its roles: the scope spark-admin:roles_read shows them")
	}
	admins, r := t.rest.Call(ctx, http.MethodGet, "/people?max=100&roles="+url.QueryEscape(all[at].rest), nil, "list full administrators of")
	requests += r.Requests
	if r.Err != nil {
		if denied(r.Err) {
			return requests, refuse("it cannot be seen whether another full administrator is left: the scope spark-admin:people_read shows it")
		}
		return requests, r.Err
	}
	left := 0
	for _, p := range objects(admins.Body.Get("items")) {
		if !strings.EqualFold(keyOf(p.Text("id")), user) && p.Get("loginEnabled") != false {
			left++
		}
	}
	if left <= others {
		return requests, refuse("no other full administrator would be left")
	}
	return requests, nil
}
