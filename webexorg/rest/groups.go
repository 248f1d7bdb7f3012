package rest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/webexorg/state"
)

// group is a group as the REST API shows it.
type group struct {
	ID           string   `json:"id"`
	DisplayName  string   `json:"displayName"`
	Description  string   `json:"description,omitempty"`
	OrgID        string   `json:"orgId"`
	Created      string   `json:"created"`
	LastModified string   `json:"lastModified"`
	MemberSize   int      `json:"memberSize"`
	Members      []member `json:"members,omitempty"`
	Usage        string   `json:"usage,omitempty"`
}

type member struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	DisplayName string `json:"displayName"`
}

func (q *request) showGroup(g *state.Group, start, count int) group {
	doc, err := scim.DecodeObject(g.Doc)
	if err != nil {
		doc = nil // what is stored has been encoded by us
	}
	ext, _ := doc.Get(scim.CiscoGroupURN).(scim.Object)
	org := g.Org.ID()
	v := group{
		ID: idOf(groupKind, g.ID+":"+org), DisplayName: g.Name, Description: g.Org.Description(g.ID), OrgID: idOf(orgKind, org),
		Created: stamp(g.Created), LastModified: stamp(g.Modified), MemberSize: g.Members, Usage: ext.Text("usage"),
	}
	if count == 0 {
		return v
	}
	page, _, _ := g.Org.Members(g.ID, start, count, "")
	for _, m := range page {
		v.Members = append(v.Members, q.showMember(m))
	}
	return v
}

func (q *request) showMember(m state.Member) member {
	if m.Type == "group" {
		return member{idOf(groupKind, m.ID+":"+q.org.ID()), m.Type, m.Name}
	}
	return member{idOf(personKind, m.ID), m.Type, m.Name}
}

// groupInput is the body of POST and PATCH /groups.
type groupInput struct {
	DisplayName string  `json:"displayName"`
	Description *string `json:"description"`
	OrgID       string  `json:"orgId"`
	Members     []struct {
		ID        string `json:"id"`
		Operation string `json:"operation"`
	} `json:"members"`
}

// memberID is the id of a member of either kind; "" is none.
func memberID(id string) string { return cmp.Or(uuidOf(id, personKind), uuidOf(id, groupKind)) }

func createGroup(q *request) error {
	var in groupInput
	if err := read(q, &in); err != nil {
		return err
	}
	if in.OrgID != "" {
		o, err := q.manages(in.OrgID)
		if err != nil {
			return err
		}
		q.org = o
	}
	members := scim.List{}
	for _, m := range in.Members {
		id := memberID(m.ID)
		if id == "" {
			return fail(http.StatusBadRequest, "members: "+m.ID+" is no id.")
		}
		members = append(members, scim.Object{{Name: "value", Value: id}})
	}
	g := scim.Object{{Name: "displayName", Value: in.DisplayName}}
	if len(members) > 0 {
		g.Set("members", members)
	}
	checked, err := state.Types()[1].Check(g, scim.Mode{})
	if err != nil {
		return err
	}
	res, err := q.access().Create(q.r.Context(), "Group", checked)
	if err != nil {
		return err
	}
	if in.Description != nil {
		if err := q.org.Describe(res.ID, *in.Description); err != nil {
			return err
		}
	}
	return q.sendGroup(http.StatusCreated, res.ID, 1, state.MaxMembers)
}

func (q *request) sendGroup(status int, id string, start, count int) error {
	g, ok := q.org.Group(id)
	if !ok {
		return fail(http.StatusNotFound, "Group not found.")
	}
	return send(q, status, q.showGroup(&g, start, count))
}

// findGroup returns the group that the path names. The built-in group of all users is none of this API.
func (q *request) findGroup() (state.Group, error) {
	g, ok := q.org.Group(uuidOf(q.vars["id"], groupKind))
	if !ok || g.BuiltIn {
		return g, fail(http.StatusNotFound, "Group not found.")
	}
	return g, nil
}

// findLocalGroup is findGroup for changes: what comes from a directory is changed there.
func (q *request) findLocalGroup() (state.Group, error) {
	g, err := q.findGroup()
	if err == nil && g.Synced {
		err = fail(http.StatusForbidden, "The group is synchronised from a directory and cannot be changed here.")
	}
	return g, err
}

func getGroup(q *request) error {
	g, err := q.findGroup()
	if err != nil {
		return err
	}
	count := 0
	if q.q.Get("includeMembers") == "true" {
		count = state.MaxMembers
	}
	return q.sendGroup(http.StatusOK, g.ID, 1, count)
}

func groupMembers(q *request) error {
	g, err := q.findGroup()
	if err != nil {
		return err
	}
	start, err := q.size("startIndex", 1, 1<<30)
	if err != nil {
		return err
	}
	count, err := q.size("count", state.MaxMembers, state.MaxMembers)
	if err != nil {
		return err
	}
	return q.sendGroup(http.StatusOK, g.ID, start, count)
}

// patchGroup answers PATCH /groups/{id}: members that are not named stay.
func patchGroup(q *request) error {
	var in groupInput
	if err := read(q, &in); err != nil {
		return err
	}
	g, err := q.findLocalGroup()
	if err != nil {
		return err
	}
	var p scim.Patch
	if in.DisplayName != "" {
		p.Operations = append(p.Operations, scim.Operation{Op: scim.OpReplace, Path: filter.Path{Attr: "displayName"}, Value: in.DisplayName})
	}
	for _, m := range in.Members {
		id := memberID(m.ID)
		if id == "" {
			return fail(http.StatusBadRequest, "members: "+m.ID+" is no id.")
		}
		op := scim.Operation{Op: scim.OpAdd, Path: filter.Path{Attr: "members"}, Value: scim.List{scim.Object{{Name: "value", Value: id}}}}
		switch strings.ToLower(m.Operation) {
		case "", "add":
		case "delete", "remove":
			op.Op = scim.OpRemove
		default:
			return fail(http.StatusBadRequest, "members: operation must be add or delete.")
		}
		p.Operations = append(p.Operations, op)
	}
	if len(in.Members) > state.MaxMembers {
		return fail(http.StatusBadRequest, "members: at most "+strconv.Itoa(state.MaxMembers)+" in one request.")
	}
	if len(p.Operations) > 0 {
		if _, err := q.access().Patch(q.r.Context(), scim.Ref{Type: "Group", ID: g.ID}, "", p); err != nil {
			return err
		}
	}
	if in.Description != nil {
		if err := q.org.Describe(g.ID, *in.Description); err != nil {
			return err
		}
	}
	return q.sendGroup(http.StatusOK, g.ID, 1, state.MaxMembers)
}

func deleteGroup(q *request) error {
	g, err := q.findLocalGroup()
	if err != nil {
		return err
	}
	if err := q.access().Delete(q.r.Context(), scim.Ref{Type: "Group", ID: g.ID}, ""); err != nil {
		return err
	}
	return q.done()
}

// groupFilter reads the filter of GET /groups: displayName or display_name, eq or sw.
func groupFilter(text string) (func(name string) bool, error) {
	if text == "" {
		return func(string) bool { return true }, nil
	}
	fields := strings.SplitN(strings.TrimSpace(text), " ", 3)
	if len(fields) == 3 && (strings.EqualFold(fields[0], "displayName") || strings.EqualFold(fields[0], "display_name")) {
		value := strings.TrimSpace(fields[2])
		value = filter.Fold(strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`))
		switch strings.ToLower(fields[1]) {
		case "eq":
			return func(name string) bool { return filter.Fold(name) == value }, nil
		case "sw":
			return func(name string) bool { return strings.HasPrefix(filter.Fold(name), value) }, nil
		}
	}
	return nil, fail(http.StatusBadRequest, "The filter must compare displayName by eq or sw.")
}

func listGroups(q *request) error {
	wanted, err := groupFilter(q.q.Get("filter"))
	if err != nil {
		return err
	}
	start, err := q.size("startIndex", 1, 1<<30)
	if err != nil {
		return err
	}
	count, err := q.size("count", 100, 500)
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(q.org.Groups(), func(g state.Group) bool { return g.BuiltIn || !wanted(g.Name) })
	switch by := q.q.Get("sortBy"); by {
	case "", "id":
	case "displayName":
		slices.SortStableFunc(all, func(a, b state.Group) int { return cmp.Compare(filter.Fold(a.Name), filter.Fold(b.Name)) })
	default:
		return fail(http.StatusBadRequest, "sortBy must be id or displayName.")
	}
	if q.q.Get("sortOrder") == "descending" {
		slices.Reverse(all)
	}
	out := struct {
		TotalResults int     `json:"totalResults"`
		StartIndex   int     `json:"startIndex"`
		ItemsPerPage int     `json:"itemsPerPage"`
		Groups       []group `json:"groups"`
	}{len(all), start, 0, []group{}}
	members := 0
	if q.q.Get("includeMembers") == "true" {
		members = state.MaxMembers
	}
	from := min(start-1, len(all))
	for i := range all[from:min(from+count, len(all))] {
		out.Groups = append(out.Groups, q.showGroup(&all[from+i], 1, members))
	}
	out.ItemsPerPage = len(out.Groups)
	return send(q, http.StatusOK, out)
}
