package scim

import (
	"net/http"
	"strconv"
	"strings"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

const memberPageURN = "urn:ietf:params:scim:api:messages:2.0:GroupMembers"

// membersOf returns the id in /Groups/{id}/Members.
func membersOf(path string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/Groups/")
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(strings.TrimSuffix(rest, "/"), "/Members")
	return id, ok && !strings.Contains(id, "/")
}

// listMembers answers GET /Groups/{id}/Members, which pages through the members of a group ("Get group members").
func (f *Face) listMembers(w http.ResponseWriter, r *http.Request, c Call, id string) error {
	b, err := authorize(r, c)
	if err == nil {
		err = b.mayRead("Group")
	}
	if err != nil {
		return err
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		return &scim.Error{Status: http.StatusMethodNotAllowed, Detail: "The method " + r.Method + " is not allowed here."}
	}
	q := r.URL.Query()
	start, err := number(q.Get("startIndex"), 1)
	if err != nil {
		return err
	}
	count, err := number(q.Get("count"), state.MaxMembers)
	if err != nil {
		return err
	}
	body, err := memberPage(c.Org, id, max(start, 1), min(max(count, 0), state.MaxMembers), q.Get("memberType"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", r.Header.Get("Accept"))
	_, err = w.Write(scim.AppendJSON(nil, body))
	return err
}

func number(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, scim.ErrInvalidValue("startIndex and count must be whole numbers")
	}
	return n, nil
}

// memberPage returns the page of members of one type; "" is any.
func memberPage(o *state.Org, id string, start, count int, memberType string) (scim.Object, error) {
	g, ok := o.Group(id)
	page, total, found := o.Members(id, start, count, memberType)
	if !ok || !found {
		return nil, scim.ErrNotFound("Group " + id + " does not exist.")
	}
	members := scim.List{}
	for _, m := range page {
		members = append(members, scim.Object{
			{Name: "value", Value: m.ID}, {Name: "type", Value: m.Type}, {Name: "display", Value: m.Name},
		})
	}
	return scim.Object{
		{Name: "schemas", Value: scim.List{memberPageURN}},
		{Name: "id", Value: g.ID},
		{Name: "displayName", Value: g.Name},
		{Name: "memberSize", Value: int64(total)},
		{Name: "totalResults", Value: int64(total)}, // the specification has one in its text, one in its example
		{Name: "itemsPerPage", Value: int64(len(page))},
		{Name: "startIndex", Value: int64(start)},
		{Name: "members", Value: members},
	}, nil
}
