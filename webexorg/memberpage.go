package webexorg

import (
	"net/http"
	"strconv"
	"strings"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
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
func (u *Universe) listMembers(w http.ResponseWriter, r *http.Request, org *Org, id string) error {
	b, err := u.authorize(r, org, false)
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
	count, err := number(q.Get("count"), maxMembers)
	if err != nil {
		return err
	}
	body, err := b.memberPage(id, max(start, 1), min(max(count, 0), maxMembers), q.Get("memberType"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", scimhttp.ContentType)
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
func (b *backend) memberPage(id string, start, count int, memberType string) (scim.Object, error) {
	b.u.mu.RLock()
	defer b.u.mu.RUnlock()
	g := b.find(groupKind, id)
	if g == nil {
		return nil, notFound(groupKind, id)
	}
	total, page := int64(0), scim.List{}
	for _, m := range g.members {
		if memberType != "" && !strings.EqualFold(memberType, m.kind.typeName()) {
			continue
		}
		if total++; int(total) < start || len(page) >= count {
			continue
		}
		page = append(page, scim.Object{
			{Name: "value", Value: m.id}, {Name: "type", Value: strings.ToLower(m.kind.typeName())}, {Name: "display", Value: m.name},
		})
	}
	return scim.Object{
		{Name: "schemas", Value: scim.List{memberPageURN}},
		{Name: "id", Value: g.id},
		{Name: "displayName", Value: g.name},
		{Name: "memberSize", Value: total},
		{Name: "totalResults", Value: total}, // the specification has one in its text, one in its example
		{Name: "itemsPerPage", Value: int64(len(page))},
		{Name: "startIndex", Value: int64(start)},
		{Name: "members", Value: page},
	}, nil
}
