package expr

import (
	"encoding/json"
	"strings"
)

// role is one element of appRoleAssignments. The attribute holds each as JSON text; a plain text is a role that has only a value.
type role struct {
	ID          string `json:"id"`
	Value       string `json:"value"`
	DisplayName string `json:"displayName"`
}

func readRole(s string) (role, error) {
	if !strings.HasPrefix(strings.TrimSpace(s), "{") {
		return role{Value: s}, nil
	}
	var r role
	if err := json.Unmarshal([]byte(s), &r); err != nil {
		return r, failf("an app role assignment is not the JSON text of id, value and displayName")
	}
	return r, nil
}

func readRoles(v val) ([]role, error) {
	roles := make([]role, v.count())
	for i := range roles {
		r, err := readRole(v.at(i))
		if err != nil {
			return nil, err
		}
		roles[i] = r
	}
	return roles, nil
}

func roleValues(_ *state, a []val) (val, error) {
	roles, err := readRoles(a[0])
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = r.Value
	}
	return values(out), err
}

func firstRole(_ *state, a []val) (val, error) {
	roles, err := readRoles(a[0])
	if err != nil || len(roles) == 0 {
		return null, err
	}
	return text(roles[0].Value), nil
}

func complexRoles(_ *state, a []val) (val, error) {
	roles, err := readRoles(a[0])
	if err != nil {
		return null, err
	}
	out := make([]string, len(roles))
	for i, r := range roles {
		b, err := json.Marshal(r)
		if err != nil {
			return null, err
		}
		out[i] = string(b)
	}
	return values(out), nil
}

// prepareRoles insists on the one attribute that has roles.
func prepareRoles(f func(*state, []val) (val, error)) func(*node, []*node) (thunk, error) {
	return func(n *node, args []*node) (thunk, error) {
		if args[0].kind != kindAttribute || args[0].text != "appRoleAssignments" {
			return nil, reject(args[0], "%s takes [appRoleAssignments] and nothing else", n.fn.Name)
		}
		thunks, err := buildAll(args)
		return strict(&function{Function: n.fn.Function, strict: f}, thunks), err
	}
}
